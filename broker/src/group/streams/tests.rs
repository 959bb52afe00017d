//! Goal: members of streams groups are told what Kafka tells them, and no task is ever processed by
//! two of them. Method: members of flesh and blood, as small as they get, over a cluster without
//! connections; its clock is set by hand.

#![allow(clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::BTreeSet;

use thalweg_protocol::messages::{
    StreamsCopartitionGroup, StreamsEndpoint, StreamsGroupHeartbeatRequest,
    StreamsGroupHeartbeatResponse, StreamsSubtopology, StreamsTaskIds, StreamsTaskOffset,
    StreamsTopicInfo, StreamsTopology,
};
use thalweg_protocol::{BrokerId, Offset, PartitionId};

use super::topics::status;
use super::*;
use crate::cluster::new_topic::create_topic;
use crate::group::Group;
use crate::group::world::World;
use crate::topic::Partition;

fn topic(name: &str, partitions: i32) -> StreamsTopicInfo {
    StreamsTopicInfo {
        name: name.into(),
        partitions,
        ..Default::default()
    }
}

/// Reads `bids`, repartitions it, and counts: two sub-topologies, the second with state.
fn counting() -> StreamsTopology {
    let read = StreamsSubtopology {
        subtopology_id: "0".into(),
        source_topics: vec!["bids".into()],
        repartition_sink_topics: vec!["app-by-key-repartition".into()],
        ..Default::default()
    };
    let count = StreamsSubtopology {
        subtopology_id: "1".into(),
        repartition_source_topics: vec![topic("app-by-key-repartition", 0)],
        state_changelog_topics: vec![topic("app-counts-changelog", 0)],
        ..Default::default()
    };
    StreamsTopology {
        epoch: 0,
        subtopologies: vec![read, count],
        ..Default::default()
    }
}

impl World {
    /// Sends a heartbeat, and makes the topics it takes, as the API does.
    fn streams(
        &mut self,
        request: &StreamsGroupHeartbeatRequest,
    ) -> Result<StreamsGroupHeartbeatResponse, ErrorCode> {
        let answer = heartbeat(&mut self.cluster, &self.caller, request);
        let (response, missing) = answer.map_err(|(code, _)| code)?;
        for topic in missing {
            create_topic(&mut self.cluster, topic, false).expect("can be made");
        }
        Ok(response)
    }

    fn streams_group(&self) -> &StreamsGroup {
        match self.cluster.groups.group("app") {
            Some(Group::Streams(group)) => group,
            other => panic!("{other:?}"),
        }
    }

    fn without_delay(mut self) -> Self {
        let settings = &mut self.cluster.settings;
        settings
            .set("group.streams.initial.rebalance.delay.ms", "0")
            .expect("valid");
        self
    }
}

/// What Kafka Streams does, and no more.
#[derive(Debug, Clone)]
struct Thread {
    request: StreamsGroupHeartbeatRequest,
    uses: Tasks,
    told: Tasks,
    statuses: Vec<i8>,
    heard_at_ms: i64,
}

impl Thread {
    fn new(id: &str, process: &str) -> Self {
        let request = StreamsGroupHeartbeatRequest {
            group_id: "app".into(),
            member_id: id.into(),
            rebalance_timeout_ms: 600_000,
            process_id: Some(process.into()),
            topology: Some(counting()),
            ..Default::default()
        };
        Thread {
            request,
            uses: Tasks::default(),
            told: Tasks::default(),
            statuses: Vec::new(),
            heard_at_ms: 0,
        }
    }

    fn epoch(&self) -> i32 {
        self.request.member_epoch
    }

    fn beat(&mut self, world: &mut World) -> Result<StreamsGroupHeartbeatResponse, ErrorCode> {
        self.request.active_tasks = Some(tasks::write(&self.uses.active));
        self.request.standby_tasks = Some(tasks::write(&self.uses.standby));
        self.request.warmup_tasks = Some(Vec::new());
        self.request.topology = (self.request.member_epoch == 0).then(counting);
        let response = world.streams(&self.request)?;
        self.request.member_epoch = response.member_epoch;
        self.request.endpoint_information_epoch = response.endpoint_information_epoch;
        self.heard_at_ms = world.now.wall_ms;
        let statuses = response.status.iter().flatten();
        self.statuses = statuses.map(|status| status.status_code).collect();
        if let (Some(active), Some(standby)) = (&response.active_tasks, &response.standby_tasks) {
            self.told = Tasks {
                active: tasks::read(active),
                standby: tasks::read(standby),
            };
        }
        Ok(response)
    }

    fn follow(&mut self) {
        self.uses = self.told.clone();
    }

    fn settle(&mut self, world: &mut World) {
        for _ in 0..3 {
            world.pass(1_100);
            self.beat(world).expect("a heartbeat");
            self.follow();
        }
    }

    fn drop_all(&mut self) {
        self.uses = Tasks::default();
        self.told = Tasks::default();
        self.request.member_epoch = 0;
    }

    fn leave(&mut self, world: &mut World, epoch: i32) {
        self.drop_all();
        self.request.member_epoch = epoch;
        self.request.topology = None;
        world.streams(&self.request).expect("leaves");
    }

    fn active(&self) -> usize {
        tasks::each(&self.uses.active).count()
    }

    fn standby(&self) -> usize {
        tasks::each(&self.uses.standby).count()
    }
}

#[tokio::test]
async fn the_broker_makes_the_internal_topics_and_then_assigns() {
    let mut world = World::new(1, &[("bids", 3)]).without_delay();
    let mut thread = Thread::new("one", "p");
    thread.beat(&mut world).expect("joins");
    assert_eq!(thread.statuses, [status::MISSING_INTERNAL_TOPICS]);
    assert_eq!(world.streams_group().state(), "NotReady");
    for name in ["app-by-key-repartition", "app-counts-changelog"] {
        let topic = world.cluster.topics.topic(name).expect(name);
        assert_eq!(topic.partitions.len(), 3, "{name}");
    }
    thread.settle(&mut world);
    assert_eq!(thread.statuses, [0_i8; 0]);
    assert_eq!(thread.active(), 6);
    assert_eq!(world.streams_group().state(), "Stable");
    let described = world.streams_group().describe(&"app".into());
    let topology = described
        .topology
        .expect("there")
        .subtopologies
        .expect("there");
    assert_eq!(topology[1].state_changelog_topics[0].partitions, 3);
    assert_eq!(
        described.members[0].assignment,
        described.members[0].target_assignment
    );
}

#[tokio::test]
async fn topics_that_do_not_fit_are_named_by_status() {
    let mut world = World::new(1, &[]).without_delay();
    let mut thread = Thread::new("one", "p");
    thread.settle(&mut world);
    assert_eq!(thread.statuses, [status::MISSING_SOURCE_TOPICS]);
    assert_eq!(thread.active(), 0);
    world.make_topic("app-counts-changelog", 2);
    world.make_topic("bids", 3);
    thread.settle(&mut world);
    assert_eq!(thread.statuses, [status::INCORRECTLY_PARTITIONED_TOPICS]);
    world.cluster.topics.remove("app-counts-changelog");
    thread.settle(&mut world);
    assert_eq!((thread.statuses.len(), thread.active()), (0, 6));
    // A source that grows brings its readers out of step with their changelog.
    let topic = world
        .cluster
        .topics
        .topic_mut("app-by-key-repartition")
        .expect("made");
    topic.partitions.push(Partition::new(vec![BrokerId(0)]));
    thread.settle(&mut world);
    assert_eq!(thread.statuses, [status::INCORRECTLY_PARTITIONED_TOPICS]);
    assert_eq!(world.streams_group().state(), "NotReady");
}

#[tokio::test]
async fn topics_read_together_must_agree() {
    let joined = |left: StreamsTopicInfo, right: StreamsTopicInfo, outside: &str| {
        let source = |id: &str, topic: &str, sink: &StreamsTopicInfo| StreamsSubtopology {
            subtopology_id: id.into(),
            source_topics: vec![topic.into()],
            repartition_sink_topics: vec![sink.name.clone()],
            ..Default::default()
        };
        let outside = outside
            .split_whitespace()
            .map(StrBytes::from)
            .collect::<Vec<_>>();
        let join = StreamsSubtopology {
            subtopology_id: "2".into(),
            copartition_groups: vec![StreamsCopartitionGroup {
                source_topics: (0..).take(outside.len()).collect(),
                repartition_source_topics: vec![0, 1],
                ..Default::default()
            }],
            source_topics: outside,
            repartition_source_topics: vec![left.clone(), right.clone()],
            ..Default::default()
        };
        StreamsTopology {
            subtopologies: vec![
                source("0", "three", &left),
                source("1", "five", &right),
                join,
            ],
            ..Default::default()
        }
    };
    let world = World::new(1, &[("three", 3), ("five", 5), ("four", 4)]);
    let configure = |topology: &StreamsTopology| {
        let topology = Topology::read(topology).expect("a topology");
        topics::configure(&topology, &world.cluster.topics).expect("makes sense")
    };
    let code = |configured: &Configured| configured.problem.as_ref().map(|(code, _)| *code);
    let both = |configured: &Configured| {
        ["l", "r"].map(|name| configured.partition_counts.get(name).copied().unwrap_or(0))
    };
    // Both follow: as many as the larger. One is fixed: as it says. A source: as it is.
    let free = configure(&joined(topic("l", 0), topic("r", 0), ""));
    assert_eq!(
        (code(&free), both(&free)),
        (Some(status::MISSING_INTERNAL_TOPICS), [5, 5])
    );
    assert_eq!(free.task_counts[&StrBytes::from("2")], 5);
    let fixed = configure(&joined(topic("l", 7), topic("r", 0), ""));
    assert_eq!(both(&fixed), [7, 7]);
    let sourced = configure(&joined(topic("l", 0), topic("r", 0), "four"));
    assert_eq!(both(&sourced), [4, 4]);
    for wrong in [
        joined(topic("l", 7), topic("r", 8), ""),
        joined(topic("l", 7), topic("r", 0), "four"),
        joined(topic("l", 0), topic("r", 0), "four five"),
    ] {
        assert_eq!(
            code(&configure(&wrong)),
            Some(status::INCORRECTLY_PARTITIONED_TOPICS)
        );
    }
}

#[tokio::test]
async fn the_first_members_wait_for_others() {
    let mut world = World::new(1, &[("bids", 2)]);
    let (mut one, mut two) = (Thread::new("one", "p1"), Thread::new("two", "p2"));
    one.beat(&mut world).expect("joins");
    assert_eq!(
        (one.epoch(), one.statuses[0]),
        (1, status::ASSIGNMENT_DELAYED)
    );
    world.pass(1_000);
    two.beat(&mut world).expect("joins");
    assert_eq!(two.statuses, [status::ASSIGNMENT_DELAYED]);
    one.beat(&mut world).expect("a heartbeat");
    world.pass(1_999);
    one.beat(&mut world).expect("a heartbeat");
    assert_eq!(one.statuses, [status::ASSIGNMENT_DELAYED]);
    world.pass(1);
    one.beat(&mut world).expect("a heartbeat");
    two.beat(&mut world).expect("a heartbeat");
    assert_eq!((one.statuses.len(), two.statuses.len()), (0, 0));
    one.follow();
    two.follow();
    assert_eq!((one.active(), two.active()), (2, 2));
    assert_eq!(one.epoch(), two.epoch());
}

#[tokio::test]
async fn a_spare_is_kept_on_another_process() {
    let mut world = World::new(1, &[("bids", 2)]).without_delay();
    world
        .cluster
        .settings
        .set("group.streams.num.standby.replicas", "1")
        .expect("valid");
    let mut threads = [Thread::new("one", "p1"), Thread::new("two", "p2")];
    for _ in 0..4 {
        threads
            .iter_mut()
            .for_each(|thread| thread.settle(&mut world));
    }
    let [one, two] = &threads;
    assert_eq!((one.active(), two.active()), (2, 2));
    assert_eq!(
        one.standby() + two.standby(),
        2,
        "only the second sub-topology has state"
    );
    for (own, other) in [(one, two), (two, one)] {
        for (id, task) in tasks::each(&own.uses.standby) {
            assert!(tasks::contains(&other.uses.active, id, task));
        }
    }
    // Whoever is left has all, and the spare has become active.
    let [mut one, mut two] = threads;
    two.leave(&mut world, -1);
    one.settle(&mut world);
    assert_eq!((one.active(), one.standby()), (4, 0));
    assert_eq!(world.streams_group().state(), "Stable");
}

#[tokio::test]
async fn everybody_is_told_to_shut_down_until_nobody_is_left() {
    let mut world = World::new(1, &[("bids", 2)]).without_delay();
    let (mut one, mut two) = (Thread::new("one", "p1"), Thread::new("two", "p2"));
    one.settle(&mut world);
    two.settle(&mut world);
    two.request.shutdown_application = true;
    two.beat(&mut world).expect("a heartbeat");
    one.beat(&mut world).expect("a heartbeat");
    assert_eq!(one.statuses, [status::SHUTDOWN_APPLICATION]);
    two.request.shutdown_application = false;
    one.leave(&mut world, -1);
    two.leave(&mut world, -1);
    assert_eq!(world.streams_group().state(), "Empty");
    one.request.member_epoch = 0;
    one.settle(&mut world);
    assert_eq!((one.statuses.len(), one.active()), (0, 4));
}

#[tokio::test]
async fn endpoints_tell_who_has_what() {
    let mut world = World::new(1, &[("bids", 2)]).without_delay();
    let mut threads = [Thread::new("one", "p1"), Thread::new("two", "p2")];
    for (thread, port) in threads.iter_mut().zip(8001..) {
        thread.request.user_endpoint = Some(StreamsEndpoint {
            host: "here".into(),
            port,
            ..Default::default()
        });
    }
    for _ in 0..3 {
        threads
            .iter_mut()
            .for_each(|thread| thread.settle(&mut world));
    }
    let [mut one, two] = threads;
    // It asks as one that knows nothing.
    one.request.endpoint_information_epoch = -1;
    let response = one.beat(&mut world).expect("a heartbeat");
    let endpoints = response.partitions_by_user_endpoint.expect("told");
    let ports: Vec<u16> = endpoints.iter().map(|row| row.user_endpoint.port).collect();
    assert_eq!(ports, [8001, 8002]);
    let count = |row: &thalweg_protocol::messages::StreamsEndpointPartitions| {
        row.active_partitions
            .iter()
            .map(|topic| topic.partitions.len())
            .sum::<usize>()
    };
    let counts: Vec<usize> = endpoints.iter().map(count).collect();
    assert_eq!(counts, [one.active(), two.active()]);
    let again = one.beat(&mut world).expect("a heartbeat");
    assert_eq!(
        again.partitions_by_user_endpoint, None,
        "nothing has changed"
    );
}

#[tokio::test]
async fn a_topology_is_never_replaced_and_an_older_one_is_stale() {
    let mut world = World::new(1, &[("bids", 2)]).without_delay();
    let mut one = Thread::new("one", "p1");
    let mut newer = counting();
    newer.epoch = 2;
    one.request.topology = Some(newer.clone());
    world.streams(&one.request).expect("joins");
    let mut two = Thread::new("two", "p2");
    two.beat(&mut world).expect("joins");
    assert!(two.statuses.contains(&status::STALE_TOPOLOGY));
    newer.epoch = 3;
    two.request.member_epoch = 0;
    two.request.active_tasks = None;
    two.request.standby_tasks = None;
    two.request.warmup_tasks = None;
    two.request.topology = Some(newer);
    assert_eq!(world.streams(&two.request), Err(ErrorCode::INVALID_REQUEST));
}

#[tokio::test]
async fn offsets_are_committed_by_who_processes_the_partition() {
    let mut world = World::new(1, &[("bids", 2)]).without_delay();
    let (mut one, mut two) = (Thread::new("one", "p1"), Thread::new("two", "p2"));
    for _ in 0..3 {
        one.settle(&mut world);
        two.settle(&mut world);
    }
    let group = world.streams_group();
    let claim = |member_id, generation| Claim {
        member_id,
        instance_id: None,
        generation,
    };
    let kept = tasks::each(&one.uses.active).find(|(id, _)| **id == *"0");
    let (_, kept) = kept.expect("reads bids as well");
    let check = |member, epoch, topic, partition| {
        let check = group.check_offset_commit(claim(member, epoch), None)?;
        check.check(&world.cluster.topics, topic, partition)
    };
    let stale = Err(ErrorCode::STALE_MEMBER_EPOCH);
    assert_eq!(check("one", one.epoch(), "bids", kept), Ok(()));
    assert_eq!(
        check("one", one.epoch() - 1, "bids", kept),
        Ok(()),
        "had it then"
    );
    assert_eq!(check("two", one.epoch() - 1, "bids", kept), stale);
    assert_eq!(check("one", one.epoch() - 1, "elsewhere", kept), stale);
    assert_eq!(check("one", one.epoch() + 1, "bids", kept), stale);
    let old = group.check_offset_commit(claim("one", one.epoch()), Some(8));
    assert_eq!(old.expect_err("too old"), ErrorCode::UNSUPPORTED_VERSION);
}

#[tokio::test]
async fn a_static_thread_keeps_its_tasks_while_it_is_away() {
    let mut world = World::new(1, &[("bids", 2)]).without_delay();
    let (mut one, mut two) = (Thread::new("one", "p1"), Thread::new("two", "p2"));
    one.request.instance_id = Some("i1".into());
    for _ in 0..3 {
        one.settle(&mut world);
        two.settle(&mut world);
    }
    let had = one.uses.clone();
    let mut successor = Thread::new("three", "p1");
    successor.request.instance_id = Some("i1".into());
    assert_eq!(
        successor.beat(&mut world),
        Err(ErrorCode::UNRELEASED_INSTANCE_ID)
    );
    one.leave(&mut world, -2);
    two.settle(&mut world);
    assert_eq!(two.active(), 2);
    successor.beat(&mut world).expect("comes back");
    successor.follow();
    assert_eq!(successor.uses, had);
    one.drop_all();
    one.request.member_epoch = 3;
    assert_eq!(one.beat(&mut world), Err(ErrorCode::FENCED_INSTANCE_ID));
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_and_leave_no_group_behind() {
    let mut world = World::new(1, &[("bids", 2)]);
    let good = Thread::new("one", "p").request;
    let with = |change: fn(&mut StreamsSubtopology)| {
        let mut topology = counting();
        change(&mut topology.subtopologies[1]);
        let mut request = good.clone();
        request.topology = Some(topology);
        request
    };
    let invalid = |change: fn(&mut StreamsGroupHeartbeatRequest)| {
        let mut request = good.clone();
        change(&mut request);
        (request, ErrorCode::INVALID_REQUEST)
    };
    let topology = ErrorCode::STREAMS_INVALID_TOPOLOGY;
    let cases = [
        invalid(|request| request.member_id = StrBytes::new()),
        invalid(|request| request.group_id = StrBytes::new()),
        invalid(|request| request.instance_id = Some("".into())),
        invalid(|request| request.rebalance_timeout_ms = -1),
        invalid(|request| request.topology = None),
        invalid(|request| request.active_tasks = Some(vec![StreamsTaskIds::default()])),
        invalid(|request| request.active_tasks = Some(Vec::new())),
        invalid(|request| request.member_epoch = -2),
        invalid(|request| request.member_epoch = i32::MIN),
        invalid(|request| request.task_offsets = Some(vec![StreamsTaskOffset::default(); 2])),
        (
            with(|part| part.source_topic_regex = vec![".*".into()]),
            ErrorCode::INVALID_REQUEST,
        ),
        (
            with(|part| part.state_changelog_topics[0].partitions = 1),
            topology,
        ),
        (
            with(|part| part.repartition_source_topics[0].partitions = -1),
            topology,
        ),
        (
            with(|part| part.repartition_source_topics[0].name = "a b".into()),
            topology,
        ),
        (
            with(|part| part.source_topics = vec!["__consumer_offsets".into()]),
            topology,
        ),
        (
            with(|part| part.repartition_source_topics.clear()),
            topology,
        ),
        (
            with(|part| {
                part.repartition_source_topics
                    .push(topic("never-written", 0))
            }),
            topology,
        ),
        (with(|part| part.subtopology_id = "0".into()), topology),
        (
            with(|part| {
                part.copartition_groups = vec![StreamsCopartitionGroup {
                    source_topics: vec![-1],
                    repartition_source_topics: vec![i16::MAX],
                    ..Default::default()
                }];
            }),
            topology,
        ),
    ];
    for (request, expected) in cases {
        assert_eq!(world.streams(&request), Err(expected), "{request:?}");
        assert!(world.cluster.groups.group("app").is_none(), "{request:?}");
    }
    let mut thread = Thread::new("one", "p");
    thread.settle(&mut world);
    thread.settle(&mut world);
    for partition in [-1, 2, i32::MAX] {
        thread.request.active_tasks = Some(vec![StreamsTaskIds {
            subtopology_id: "0".into(),
            partitions: vec![PartitionId(partition)],
            ..Default::default()
        }]);
        assert_eq!(
            world.streams(&thread.request),
            Err(ErrorCode::INVALID_REQUEST)
        );
    }
    thread.request.task_offsets = Some(vec![StreamsTaskOffset {
        offset: Offset(i64::MIN),
        ..Default::default()
    }]);
    thread.beat(&mut world).expect("any offset may be reported");
    thread.leave(&mut world, -1);
}

/// Threads that come, go, die and are slow, with and without spares: at no moment does anybody
/// process what another does, and when it gets quiet everything is processed.
#[tokio::test]
async fn no_two_threads_ever_process_the_same_task() {
    for seed in 0..40 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut world = World::new(seed, &[("bids", 5)]).without_delay();
        let replicas = random.u8(..3).to_string();
        let key = "group.streams.num.standby.replicas";
        world.cluster.settings.set(key, &replicas).expect("valid");
        let mut threads: Vec<Thread> = Vec::new();
        for step in 0..200 {
            match random.u8(..30) {
                0..=3 => threads.push(Thread::new(&format!("m{step}"), &format!("p{}", step % 4))),
                4 if !threads.is_empty() => {
                    let mut gone = threads.swap_remove(random.usize(..threads.len()));
                    if random.bool() && gone.epoch() > 0 {
                        gone.leave(&mut world, -1);
                    }
                }
                _ => {}
            }
            world.pass(random.u64(..2_500));
            for thread in &mut threads {
                // Whoever was not answered for so long is out, and knows it.
                if world.now.wall_ms - thread.heard_at_ms >= 45_000 {
                    thread.drop_all();
                }
            }
            let index = random.usize(..threads.len().max(1));
            if let Some(thread) = threads.get_mut(index) {
                if random.u8(..4) > 0 {
                    thread.follow();
                }
                if thread.beat(&mut world).is_err() {
                    thread.drop_all();
                }
            }
            check_disjoint(&threads, seed);
        }
        // The dead are found out as well.
        for _ in 0..60 {
            for thread in &mut threads {
                world.pass(1_000);
                thread.follow();
                if thread.beat(&mut world).is_err() {
                    thread.drop_all();
                }
                thread.follow();
            }
            check_disjoint(&threads, seed);
        }
        if !threads.is_empty() {
            assert_eq!(world.streams_group().state(), "Stable", "seed {seed}");
            let active: usize = threads.iter().map(Thread::active).sum();
            assert_eq!(active, 10, "seed {seed}");
        }
    }
}

fn check_disjoint(threads: &[Thread], seed: u64) {
    let mut used = BTreeSet::new();
    for thread in threads {
        for task in tasks::each(&thread.uses.active) {
            assert!(
                used.insert(task),
                "seed {seed}: {task:?} is processed twice"
            );
        }
    }
}
