//! Goal: members of consumer groups are told what Kafka tells them, and no partition is ever used by
//! two of them. Method: members of flesh and blood, as small as they get, over a cluster without
//! connections; its clock is set by hand.

#![allow(clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ConsumerGroupTopicPartitions,
};
use thalweg_protocol::{BrokerId, ErrorCode, PartitionId, StrBytes, Uuid};

use super::*;
use crate::group::world::World;
use crate::group::{Claim, Group};
use crate::topic::Partition;

impl World {
    fn send(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<ConsumerGroupHeartbeatResponse, ErrorCode> {
        heartbeat(&mut self.cluster, &self.caller, request).map_err(|(code, _)| code)
    }

    fn group(&self) -> &ConsumerGroup {
        match self.cluster.groups.group("g") {
            Some(Group::Consumer(group)) => group,
            other => panic!("{other:?}"),
        }
    }

    /// The partitions of a topic, in words.
    fn name(&self, topic: &Uuid) -> String {
        self.cluster
            .topics
            .name_of(topic)
            .map_or("gone".to_owned(), |name| name.to_string())
    }
}

/// What a client library does, and no more.
#[derive(Debug, Clone, Default)]
struct Client {
    request: ConsumerGroupHeartbeatRequest,
    /// What it uses.
    uses: BTreeSet<(Uuid, PartitionId)>,
    /// What it was told to use.
    told: BTreeSet<(Uuid, PartitionId)>,
    /// When it was last answered.
    heard_at_ms: i64,
}

impl Client {
    fn new(id: &str, topics: &[&str]) -> Self {
        let request = ConsumerGroupHeartbeatRequest {
            group_id: "g".into(),
            member_id: id.into(),
            member_epoch: 0,
            rebalance_timeout_ms: 30_000,
            subscribed_topic_names: Some(topics.iter().map(|name| StrBytes::from(*name)).collect()),
            topic_partitions: Some(Vec::new()),
            ..Default::default()
        };
        Client {
            request,
            ..Client::default()
        }
    }

    fn with_instance(mut self, instance_id: &str) -> Self {
        self.request.instance_id = Some(instance_id.into());
        self
    }

    fn epoch(&self) -> i32 {
        self.request.member_epoch
    }

    /// Sends one heartbeat and does what the answer says, except for giving up.
    fn beat(&mut self, world: &mut World) -> Result<(), ErrorCode> {
        let mut by_topic: BTreeMap<Uuid, Vec<PartitionId>> = BTreeMap::new();
        for (topic, partition) in &self.uses {
            by_topic.entry(*topic).or_default().push(*partition);
        }
        let owned = |(topic_id, partitions)| ConsumerGroupTopicPartitions {
            topic_id,
            partitions,
            ..Default::default()
        };
        self.request.topic_partitions = Some(by_topic.into_iter().map(owned).collect());
        let response = world.send(&self.request)?;
        self.request.member_epoch = response.member_epoch;
        self.heard_at_ms = world.now.wall_ms;
        if let Some(assignment) = response.assignment {
            let topics = assignment.topic_partitions.iter();
            let each = |topic: &ConsumerGroupTopicPartitions| {
                let id = topic.topic_id;
                topic
                    .partitions
                    .clone()
                    .into_iter()
                    .map(move |partition| (id, partition))
            };
            self.told = topics.flat_map(each).collect();
        }
        Ok(())
    }

    /// Stops using what it was told to give up, then uses what it was told to.
    fn follow(&mut self) {
        self.uses = self.told.clone();
    }

    /// Drops everything, to come back as new.
    fn drop_all(&mut self) {
        self.uses.clear();
        self.told.clear();
        self.request.member_epoch = 0;
    }

    /// Heartbeats and follows until nothing changes any more.
    fn settle(&mut self, world: &mut World) {
        for _ in 0..3 {
            world.pass(1_100);
            self.beat(world).expect("a heartbeat");
            self.follow();
        }
    }

    fn leave(&mut self, world: &mut World, epoch: i32) -> Result<(), ErrorCode> {
        self.request.member_epoch = epoch;
        self.uses.clear();
        world.send(&self.request).map(|_| ())
    }

    fn count(&self) -> usize {
        self.uses.len()
    }
}

#[tokio::test]
async fn a_lone_member_gets_everything_at_once_and_is_stable() {
    let mut world = World::new(1, &[("a", 3), ("b", 2)]);
    let mut client = Client::new("one", &["a", "b", "missing"]);
    client.beat(&mut world).expect("joins");
    client.follow();
    assert_eq!((client.epoch(), client.count()), (2, 5));
    assert_eq!(world.group().state(), "Stable");
    // Nothing has changed: nothing is told again but to a member that asks with everything.
    client.request.rebalance_timeout_ms = -1;
    client.request.subscribed_topic_names = None;
    let response = world.send(&client.request).expect("a heartbeat");
    assert_eq!(response.assignment, None);
    assert_eq!(response.heartbeat_interval_ms, 5_000);
}

#[tokio::test]
async fn a_partition_is_granted_only_after_it_was_given_up() {
    let mut world = World::new(1, &[("a", 4)]);
    let (mut one, mut two) = (Client::new("one", &["a"]), Client::new("two", &["a"]));
    one.settle(&mut world);
    assert_eq!(one.count(), 4);
    world.pass(1_000);
    two.beat(&mut world).expect("joins");
    two.follow();
    assert_eq!(
        (two.epoch(), two.count()),
        (3, 0),
        "everything is held by the other"
    );
    assert_eq!(world.group().state(), "Reconciling");
    // One is told, but still has them: both stay.
    one.beat(&mut world).expect("a heartbeat");
    assert_eq!((one.epoch(), one.told.len()), (2, 2));
    one.beat(&mut world).expect("a heartbeat");
    assert_eq!(one.epoch(), 2, "it has not given up");
    two.beat(&mut world).expect("a heartbeat");
    assert_eq!(two.told.len(), 0);
    one.follow();
    one.beat(&mut world).expect("a heartbeat");
    assert_eq!(one.epoch(), 3);
    two.beat(&mut world).expect("a heartbeat");
    two.follow();
    assert_eq!((one.count(), two.count()), (2, 2));
    assert!(one.uses.is_disjoint(&two.uses));
    assert_eq!(world.group().state(), "Stable");
}

#[tokio::test]
async fn a_silent_member_is_fenced_after_the_session_time_out_and_not_before() {
    let mut world = World::new(1, &[("a", 2)]);
    let (mut one, mut two) = (Client::new("one", &["a"]), Client::new("two", &["a"]));
    for _ in 0..2 {
        one.settle(&mut world);
        two.settle(&mut world);
    }
    assert_eq!((one.count(), two.count()), (1, 1));
    two.beat(&mut world).expect("a heartbeat");
    world.pass(44_999);
    one.beat(&mut world)
        .expect_err("its own session has expired");
    two.beat(&mut world).expect("a millisecond is left");
    two.settle(&mut world);
    assert_eq!(two.count(), 2);
    assert_eq!(one.beat(&mut world), Err(ErrorCode::UNKNOWN_MEMBER_ID));
}

#[tokio::test]
async fn a_member_that_does_not_give_up_in_time_is_fenced() {
    let mut world = World::new(1, &[("a", 2)]);
    let (mut one, mut two) = (Client::new("one", &["a"]), Client::new("two", &["a"]));
    one.request.rebalance_timeout_ms = 10_000;
    one.settle(&mut world);
    two.settle(&mut world);
    for _ in 0..9 {
        world.pass(1_000);
        one.beat(&mut world).expect("has time");
        two.beat(&mut world).expect("a heartbeat");
    }
    world.pass(2_000);
    assert_eq!(one.beat(&mut world), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    two.settle(&mut world);
    assert_eq!(two.count(), 2);
}

#[tokio::test]
async fn an_epoch_that_is_not_the_newest_is_fenced_unless_only_the_answer_was_lost() {
    let mut world = World::new(1, &[("a", 4)]);
    let (mut one, mut two) = (Client::new("one", &["a"]), Client::new("two", &["a"]));
    one.settle(&mut world);
    two.settle(&mut world);
    one.beat(&mut world).expect("a heartbeat");
    one.follow();
    let before = one.clone();
    one.beat(&mut world).expect("a heartbeat");
    assert_eq!((before.epoch(), one.epoch()), (2, 3));
    let mut again = before.clone();
    again.beat(&mut world).expect("the answer was lost");
    assert_eq!(again.epoch(), 3);
    let mut wrong = before.clone();
    let other = two.told.iter().chain([&(Uuid([7; 16]), PartitionId(0))]);
    wrong.uses = other.copied().collect();
    assert_eq!(wrong.beat(&mut world), Err(ErrorCode::FENCED_MEMBER_EPOCH));
    let mut ahead = one.clone();
    ahead.request.member_epoch = 4;
    assert_eq!(ahead.beat(&mut world), Err(ErrorCode::FENCED_MEMBER_EPOCH));
    let mut stranger = Client::new("stranger", &["a"]);
    stranger.request.member_epoch = 2;
    assert_eq!(stranger.beat(&mut world), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    stranger.request.group_id = "no such".into();
    assert_eq!(
        stranger.beat(&mut world),
        Err(ErrorCode::GROUP_ID_NOT_FOUND)
    );
}

#[tokio::test]
async fn a_static_member_keeps_its_partitions_while_it_is_away_and_under_a_new_id() {
    let mut world = World::new(1, &[("a", 4)]);
    let mut one = Client::new("one", &["a"]).with_instance("i1");
    let mut two = Client::new("two", &["a"]).with_instance("i2");
    for _ in 0..2 {
        one.settle(&mut world);
        two.settle(&mut world);
    }
    let (epoch, had) = (one.epoch(), one.uses.clone());
    let mut successor = Client::new("three", &["a"]).with_instance("i1");
    assert_eq!(
        successor.beat(&mut world),
        Err(ErrorCode::UNRELEASED_INSTANCE_ID)
    );
    let mut impostor = successor.clone();
    impostor.request.member_epoch = epoch;
    assert_eq!(
        impostor.beat(&mut world),
        Err(ErrorCode::FENCED_INSTANCE_ID)
    );

    one.leave(&mut world, -2).expect("away");
    two.settle(&mut world);
    assert_eq!(two.count(), 2, "what the other had is still its own");
    successor.beat(&mut world).expect("comes back");
    successor.follow();
    assert_eq!((successor.epoch(), &successor.uses), (epoch, &had));
    assert_eq!(one.beat(&mut world), Err(ErrorCode::FENCED_INSTANCE_ID));
    successor.leave(&mut world, -1).expect("leaves for good");
    two.settle(&mut world);
    assert_eq!(two.count(), 4);
    // Away for longer than the session is gone.
    two.leave(&mut world, -2).expect("away");
    world.pass(46_000);
    assert_eq!(world.group().state(), "Empty");
}

#[tokio::test]
async fn what_no_longer_is_subscribed_to_is_given_up_before_anything_else() {
    let mut world = World::new(1, &[("a", 2), ("b", 2)]);
    let mut one = Client::new("one", &["a", "b"]);
    one.settle(&mut world);
    one.request.subscribed_topic_names = Some(vec!["b".into()]);
    one.beat(&mut world).expect("a heartbeat");
    let names: BTreeSet<String> = one
        .told
        .iter()
        .map(|(topic, _)| world.name(topic))
        .collect();
    assert_eq!(names, ["b".to_owned()].into());
    one.settle(&mut world);
    assert_eq!(world.group().state(), "Stable");
}

#[tokio::test]
async fn topics_that_come_grow_and_go_raise_the_group_epoch() {
    let mut world = World::new(1, &[("a", 2)]);
    let mut one = Client::new("one", &["a", "b"]);
    one.settle(&mut world);
    assert_eq!(one.epoch(), 2);
    world.make_topic("b", 1);
    world.make_topic("elsewhere", 1);
    one.settle(&mut world);
    assert_eq!((one.epoch(), one.count()), (3, 3));
    let topic = world.cluster.topics.topic_mut("a").expect("made");
    topic.partitions.push(Partition::new(vec![BrokerId(0)]));
    one.settle(&mut world);
    assert_eq!((one.epoch(), one.count()), (4, 4));
    world.cluster.topics.remove("a");
    one.settle(&mut world);
    assert_eq!((one.epoch(), one.count()), (5, 1));
}

#[tokio::test]
async fn a_regular_expression_means_the_topics_there_are() {
    let mut world = World::new(1, &[("bids-1", 2), ("bids-2", 1), ("asks", 5)]);
    let mut one = Client::new("one", &[]);
    one.request.subscribed_topic_regex = Some("bids-\\d+".into());
    one.settle(&mut world);
    assert_eq!(one.count(), 3);
    world.make_topic("bids-30", 4);
    world.pass(20_000);
    one.settle(&mut world);
    one.settle(&mut world);
    assert_eq!(one.count(), 7);
    one.request.subscribed_topic_regex = Some("(".into());
    assert_eq!(
        one.beat(&mut world),
        Err(ErrorCode::INVALID_REGULAR_EXPRESSION)
    );
    one.request.subscribed_topic_regex = Some(StrBytes::new());
    one.settle(&mut world);
    assert_eq!(one.count(), 0);
}

#[tokio::test]
async fn offsets_are_committed_in_the_epoch_the_partition_was_got_in_or_later() {
    let mut world = World::new(1, &[("a", 4)]);
    let (mut one, mut two) = (Client::new("one", &["a"]), Client::new("two", &["a"]));
    one.settle(&mut world);
    two.settle(&mut world);
    one.settle(&mut world);
    two.settle(&mut world);
    assert_eq!((one.epoch(), two.epoch()), (3, 3));
    let kept = *one.uses.first().expect("has some");
    let given = *two.uses.first().expect("has some");
    let group = world.group();
    let claim = |member_id, generation| Claim {
        member_id,
        instance_id: None,
        generation,
    };
    let topics = &world.cluster.topics;
    let check = |member, epoch, (_, partition): (Uuid, PartitionId)| {
        let check = group.check_offset_commit(claim(member, epoch), Some(9))?;
        check.check(topics, "a", partition)
    };
    let stale = Err(ErrorCode::STALE_MEMBER_EPOCH);
    assert_eq!(check("one", 3, kept), Ok(()));
    assert_eq!(check("one", 2, kept), Ok(()), "had since epoch 2");
    assert_eq!(check("one", 2, given), stale);
    assert_eq!(check("two", 2, given), stale, "had since epoch 3");
    assert_eq!(check("two", 4, given), stale);
    assert_eq!(check("three", 2, given), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    assert_eq!(
        check("", -1, given),
        Err(ErrorCode::UNKNOWN_MEMBER_ID),
        "it has members"
    );
    let old = group.check_offset_commit(claim("one", 3), Some(8));
    assert_eq!(old.expect_err("too old"), ErrorCode::UNSUPPORTED_VERSION);
    let producer = group
        .check_offset_commit(claim("", -1), None)
        .expect("without a consumer");
    assert_eq!(producer.check(topics, "a", kept.1), Ok(()));

    let fetch = |member, epoch| group.check_offset_fetch(claim(member, epoch));
    assert_eq!(fetch("", -1), Ok(()));
    assert_eq!(fetch("one", 3), Ok(()));
    assert_eq!(fetch("one", 2), stale);
    assert_eq!(fetch("three", 1), Err(ErrorCode::UNKNOWN_MEMBER_ID));
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_and_leave_no_group_behind() {
    let mut world = World::new(1, &[("a", 1)]);
    let good = Client::new("one", &["a"]).request;
    type Spoil = fn(&mut ConsumerGroupHeartbeatRequest);
    let invalid: [(Spoil, ErrorCode); 12] = [
        (
            |request| request.member_id = StrBytes::new(),
            ErrorCode::INVALID_REQUEST,
        ),
        (
            |request| request.group_id = " ".into(),
            ErrorCode::INVALID_REQUEST,
        ),
        (
            |request| request.instance_id = Some("".into()),
            ErrorCode::INVALID_REQUEST,
        ),
        (
            |request| request.rack_id = Some("".into()),
            ErrorCode::INVALID_REQUEST,
        ),
        (
            |request| request.rebalance_timeout_ms = -1,
            ErrorCode::INVALID_REQUEST,
        ),
        (
            |request| request.topic_partitions = None,
            ErrorCode::INVALID_REQUEST,
        ),
        (
            |request| request.subscribed_topic_names = None,
            ErrorCode::INVALID_REQUEST,
        ),
        (
            |request| request.member_epoch = -2,
            ErrorCode::INVALID_REQUEST,
        ),
        (
            |request| request.member_epoch = -3,
            ErrorCode::INVALID_REQUEST,
        ),
        (
            |request| request.member_epoch = i32::MIN,
            ErrorCode::INVALID_REQUEST,
        ),
        (
            |request| request.server_assignor = Some("x".into()),
            ErrorCode::UNSUPPORTED_ASSIGNOR,
        ),
        (
            |request| request.subscribed_topic_regex = Some("[".into()),
            ErrorCode::INVALID_REGULAR_EXPRESSION,
        ),
    ];
    for (spoil, expected) in invalid {
        let mut request = good.clone();
        spoil(&mut request);
        assert_eq!(
            world.send(&request).expect_err("refused"),
            expected,
            "{request:?}"
        );
        assert!(world.cluster.groups.group("g").is_none(), "{request:?}");
    }
    // In version 0 the broker chooses the id.
    world.caller.version = 0;
    let mut request = good;
    request.member_id = StrBytes::new();
    let response = world.send(&request).expect("joins");
    assert_eq!(response.member_id.expect("chosen").len(), 22);
    world
        .cluster
        .settings
        .set("group.consumer.max.size", "1")
        .expect("valid");
    assert_eq!(
        world.send(&request).expect_err("full"),
        ErrorCode::GROUP_MAX_SIZE_REACHED
    );
}

#[tokio::test]
async fn most_members_choose_the_assignor() {
    let mut world = World::new(1, &[("a", 2), ("b", 2)]);
    let mut clients = ["one", "two"].map(|id| Client::new(id, &["a", "b"]));
    for client in &mut clients {
        client.request.server_assignor = Some("range".into());
    }
    for _ in 0..3 {
        clients
            .iter_mut()
            .for_each(|client| client.settle(&mut world));
    }
    let [one, _] = &clients;
    let partitions: BTreeSet<i32> = one.uses.iter().map(|(_, partition)| partition.0).collect();
    assert_eq!(
        partitions,
        [0].into(),
        "range gives the same partitions of both topics"
    );
    let description = world.group().describe(&"g".into(), &world.cluster.topics);
    assert_eq!(description.assignor_name, "range");
    assert_eq!(description.group_state, "Stable");
    assert_eq!(
        description.members[0].assignment,
        description.members[0].target_assignment
    );
    assert_eq!(description.members[0].client_host, "/127.0.0.1");
}

/// Members that come, go, die, change their minds and are slow, while topics come and grow: at no
/// moment does anybody use what another uses, and when it gets quiet everything is used.
#[tokio::test]
async fn no_two_members_ever_use_the_same_partition() {
    for seed in 0..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut world = World::new(seed, &[("a", 5), ("b", 3), ("c", 0x10)]);
        let mut clients: Vec<Client> = Vec::new();
        for step in 0..250 {
            disturb(&mut random, &mut world, &mut clients, step);
            world.pass(random.u64(..2_500));
            for client in &mut clients {
                // Whoever was not answered for so long is out, and knows it.
                if world.now.wall_ms - client.heard_at_ms >= 45_000 {
                    client.drop_all();
                }
            }
            if let Some(client) = random_of(&mut random, &mut clients) {
                if random.u8(..4) > 0 {
                    client.follow();
                }
                if client.beat(&mut world).is_err() {
                    client.drop_all();
                }
            }
            check_disjoint(&clients, seed);
        }
        // The dead are found out as well.
        for round in 0..60 {
            for client in &mut clients {
                world.pass(1_000);
                client.follow();
                if client.beat(&mut world).is_err() {
                    client.drop_all();
                }
                client.follow();
            }
            check_disjoint(&clients, seed);
            if round == 59 && !clients.is_empty() {
                check_complete(&world, &clients, seed);
            }
        }
    }
}

fn random_of<'a>(random: &mut fastrand::Rng, clients: &'a mut [Client]) -> Option<&'a mut Client> {
    let index = random.usize(..clients.len().max(1));
    clients.get_mut(index)
}

fn disturb(random: &mut fastrand::Rng, world: &mut World, clients: &mut Vec<Client>, step: usize) {
    let names = ["a", "b", "c", "d"];
    let some = |random: &mut fastrand::Rng| -> Vec<&str> {
        names.into_iter().filter(|_| random.bool()).collect()
    };
    match random.u8(..40) {
        0..=4 => {
            let topics = some(random);
            let mut client = Client::new(&format!("m{step}"), &topics);
            client.request.rebalance_timeout_ms = 600_000;
            clients.push(client);
        }
        5 | 6 if !clients.is_empty() => {
            let mut client = clients.swap_remove(random.usize(..clients.len()));
            let _ = client.leave(world, -1);
        }
        7 if !clients.is_empty() => {
            // Dies without a word.
            clients.swap_remove(random.usize(..clients.len()));
        }
        8 | 9 => {
            let topics = some(random);
            if let Some(client) = random_of(random, clients) {
                let names = topics.into_iter().map(StrBytes::from).collect();
                client.request.subscribed_topic_names = Some(names);
            }
        }
        10 => {
            let name = names[random.usize(..3)];
            let topic = world.cluster.topics.topic_mut(name).expect("made");
            topic.partitions.push(Partition::new(vec![BrokerId(0)]));
        }
        11 if world.cluster.topics.topic("d").is_none() => world.make_topic("d", 4),
        _ => {}
    }
}

fn check_disjoint(clients: &[Client], seed: u64) {
    let mut used: BTreeMap<(Uuid, PartitionId), &StrBytes> = BTreeMap::new();
    for client in clients {
        for partition in &client.uses {
            let id = &client.request.member_id;
            let before = used.insert(*partition, id);
            assert_eq!(
                before, None,
                "seed {seed}: {partition:?} is used by {id} as well"
            );
        }
    }
}

fn check_complete(world: &World, clients: &[Client], seed: u64) {
    assert_eq!(world.group().state(), "Stable", "seed {seed}");
    let names = clients
        .iter()
        .flat_map(|client| client.request.subscribed_topic_names.clone());
    let topics: BTreeSet<StrBytes> = names.flatten().collect();
    let count = |name: &StrBytes| {
        world
            .cluster
            .topics
            .topic(name)
            .map_or(0, |topic| topic.partitions.len())
    };
    let wanted: usize = topics.iter().map(count).sum();
    let used: usize = clients.iter().map(Client::count).sum();
    assert_eq!(used, wanted, "seed {seed}");
}
