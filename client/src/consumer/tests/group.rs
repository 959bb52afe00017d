//! Goal: a member commits what is its own and nothing else, is told why it cannot be a member, and
//! leaves nobody waiting. Method: as in the parent module, with a group coordinator that does as the
//! test says and has this consumer as its only member.

use std::collections::VecDeque;
use std::time::Duration;

use thalweg_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
    JoinGroupResponseMember, LeaveGroupRequest, LeaveGroupResponse, MetadataRequest,
    MetadataResponse, MetadataResponseBroker, MetadataResponseTopic, OffsetCommitRequest,
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
    OffsetFetchRequest, OffsetFetchResponse, OffsetFetchResponseGroup,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopics, SyncGroupRequest, SyncGroupResponse,
};
use thalweg_protocol::{ApiKey, ErrorCode, Offset};
use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::{
    AssignError, Assignor, ConsumeError, CooperativeStickyAssignor, Event, MemberAssignment,
    MemberSubscription, OffsetAndMetadata, OffsetCommitError, TopicToAssign,
};

/// A group coordinator.
#[derive(Clone, Default)]
struct Coordinator(Arc<Mutex<Group>>);

#[derive(Default)]
struct Group {
    generation: i32,
    members: i32,
    /// What heartbeats and commits to come are answered, before all is well again.
    heartbeats: VecDeque<ErrorCode>,
    commits: VecDeque<ErrorCode>,
    /// How long a sync is held back.
    sync_takes: Duration,
    commit_takes: Duration,
    /// `commit 5 in 2`, `leave`, in the order they were dealt with.
    done: Vec<String>,
}

impl Coordinator {
    fn new(brokers: &Brokers) -> Coordinator {
        let coordinator = Coordinator::default();
        let fake = &brokers.fake;
        let it = coordinator.clone();
        fake.on::<JoinGroupRequest>(move |received| it.join(received.request));
        let it = coordinator.clone();
        fake.on::<SyncGroupRequest>(move |received| {
            let assignments = received.request.assignments.into_iter();
            let response = SyncGroupResponse {
                assignment: assignments
                    .last()
                    .map(|own| own.assignment)
                    .unwrap_or_default(),
                ..Default::default()
            };
            Reply::AnswerAfter(it.group().sync_takes, response)
        });
        let it = coordinator.clone();
        fake.on::<HeartbeatRequest>(move |_| {
            Reply::Answer(HeartbeatResponse {
                error_code: it.group().heartbeats.pop_front().unwrap_or(ErrorCode::NONE),
                ..Default::default()
            })
        });
        let it = coordinator.clone();
        fake.on::<OffsetCommitRequest>(move |received| it.commit(received.request));
        let it = coordinator.clone();
        fake.on::<LeaveGroupRequest>(move |_| {
            it.group().done.push("leave".into());
            Reply::Answer(LeaveGroupResponse::default())
        });
        fake.on::<OffsetFetchRequest>(|received| nothing_committed(received.request));
        coordinator
    }

    fn group(&self) -> MutexGuard<'_, Group> {
        self.0.lock().expect("no panic")
    }

    fn done(&self) -> Vec<String> {
        self.group().done.clone()
    }

    fn join(&self, request: JoinGroupRequest) -> Reply<JoinGroupRequest> {
        let mut group = self.group();
        if request.member_id.is_empty() {
            group.members += 1;
            return Reply::Answer(JoinGroupResponse {
                error_code: ErrorCode::MEMBER_ID_REQUIRED,
                member_id: format!("m-{}", group.members).as_str().into(),
                ..Default::default()
            });
        }
        group.generation += 1;
        let protocol = request.protocols.into_iter().next().expect("an assignor");
        Reply::Answer(JoinGroupResponse {
            generation_id: group.generation,
            protocol_type: Some(request.protocol_type),
            protocol_name: Some(protocol.name),
            leader: request.member_id.clone(),
            member_id: request.member_id.clone(),
            members: vec![JoinGroupResponseMember {
                member_id: request.member_id,
                metadata: protocol.metadata,
                ..Default::default()
            }],
            ..Default::default()
        })
    }

    fn commit(&self, request: OffsetCommitRequest) -> Reply<OffsetCommitRequest> {
        let mut group = self.group();
        let error_code = group.commits.pop_front().unwrap_or(ErrorCode::NONE);
        let generation = request.generation_id_or_member_epoch;
        let mut topics = Vec::new();
        for topic in request.topics {
            let mut partitions = Vec::new();
            for partition in topic.partitions {
                let (offset, code) = (partition.committed_offset, error_code.name());
                group.done.push(match error_code {
                    ErrorCode::NONE => format!("commit {offset} in {generation}"),
                    _ => format!("{code} for {offset} in {generation}"),
                });
                partitions.push(OffsetCommitResponsePartition {
                    partition_index: partition.partition_index,
                    error_code,
                    ..Default::default()
                });
            }
            topics.push(OffsetCommitResponseTopic {
                name: topic.name,
                partitions,
                ..Default::default()
            });
        }
        let response = OffsetCommitResponse {
            topics,
            ..Default::default()
        };
        Reply::AnswerAfter(group.commit_takes, response)
    }
}

fn nothing_committed(request: OffsetFetchRequest) -> Reply<OffsetFetchRequest> {
    let groups = request.groups.into_iter().map(|group| {
        let topics = group.topics.unwrap_or_default().into_iter();
        let topics = topics.map(|topic| OffsetFetchResponseTopics {
            name: topic.name,
            partitions: topic
                .partition_indexes
                .into_iter()
                .map(|partition_index| OffsetFetchResponsePartitions {
                    partition_index,
                    committed_offset: Offset(-1),
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        });
        OffsetFetchResponseGroup {
            group_id: group.group_id,
            topics: topics.collect(),
            ..Default::default()
        }
    });
    Reply::Answer(OffsetFetchResponse {
        groups: groups.collect(),
        ..Default::default()
    })
}

/// A member that has been assigned all partitions.
async fn member(brokers: &Brokers) -> Consumer {
    let builder = brokers.builder().await.group_id("g");
    let builder = builder.heartbeat_interval(Duration::from_secs(1));
    let builder = builder.assignor(CooperativeStickyAssignor::new());
    let mut consumer = builder.build().expect("sound");
    consumer.subscribe([TOPIC]).expect("a group");
    match within(consumer.next_event()).await {
        Ok(Event::Assigned(partitions)) => assert_eq!(partitions, [partition(0)]),
        other => panic!("{other:?}"),
    }
    consumer
}

fn offset(offset: i64) -> [(TopicPartition, OffsetAndMetadata); 1] {
    [(partition(0), OffsetAndMetadata::new(Offset(offset)))]
}

#[tokio::test(start_paused = true)]
async fn offsets_of_a_partition_lost_and_won_back_are_not_committed() {
    // Method: while a commit is tried again, the member is thrown out and joins again. Somebody else
    // may have read the partition in between: the old offset would turn it back.
    let brokers = Brokers::new(1, &[0]);
    let coordinator = Coordinator::new(&brokers);
    let mut consumer = member(&brokers).await;
    let busy = ErrorCode::COORDINATOR_LOAD_IN_PROGRESS;
    coordinator.group().commits = std::iter::repeat_n(busy, 5).collect();
    coordinator.group().heartbeats = [ErrorCode::UNKNOWN_MEMBER_ID].into();
    let outcome = within(consumer.commit(offset(5))).await;
    let error = outcome.expect_err("no longer this member's");
    assert!(
        matches!(error, OffsetCommitError::NotOwned { .. }),
        "{error}"
    );
    let done = coordinator.done();
    assert!(
        done.iter().all(|done| !done.starts_with("commit")),
        "{done:?}"
    );
    let events = [
        within(consumer.next_event()).await,
        within(consumer.next_event()).await,
    ];
    assert!(
        matches!(events, [Ok(Event::Lost(_)), Ok(Event::Assigned(_))]),
        "{events:?}"
    );
    coordinator.group().commits.clear();
    within(consumer.commit(offset(7)))
        .await
        .expect("it is this member's again");
    assert_eq!(
        coordinator.done().last().map(String::as_str),
        Some("commit 7 in 2")
    );
}

#[tokio::test(start_paused = true)]
async fn a_commit_between_two_generations_is_made_in_the_next() {
    // Method: the coordinator has made a new generation, of which the member hears late.
    let brokers = Brokers::new(1, &[0]);
    let coordinator = Coordinator::new(&brokers);
    let consumer = member(&brokers).await;
    coordinator.group().sync_takes = Duration::from_secs(2);
    coordinator.group().heartbeats = [ErrorCode::REBALANCE_IN_PROGRESS].into();
    while coordinator.group().generation < 2 {
        sleep(Duration::from_millis(100)).await;
    }
    coordinator.group().commits = [ErrorCode::ILLEGAL_GENERATION; 3].into();
    within(consumer.commit(offset(5)))
        .await
        .expect("it stays this member's");
    let done = coordinator.done();
    assert_eq!(done[0], "ILLEGAL_GENERATION for 5 in 1", "{done:?}");
    assert!(
        done.last().expect("something").starts_with("commit 5 in"),
        "{done:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dropped_member_makes_its_commits_before_it_leaves() {
    let brokers = Brokers::new(1, &[0]);
    let coordinator = Coordinator::new(&brokers);
    let consumer = member(&brokers).await;
    coordinator.group().commit_takes = Duration::from_millis(200);
    for number in 1..=3 {
        let commit = consumer.commit(offset(number));
        assert!(
            timeout(Duration::from_millis(1), commit).await.is_err(),
            "under way"
        );
    }
    drop(consumer);
    sleep(Duration::from_secs(5)).await;
    let done = coordinator.done();
    assert_eq!(
        done,
        ["commit 1 in 1", "commit 2 in 1", "commit 3 in 1", "leave"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_dropped_member_leaves_at_once_when_nothing_is_to_be_committed() {
    let brokers = Brokers::new(1, &[0]);
    let coordinator = Coordinator::new(&brokers);
    drop(member(&brokers).await);
    sleep(Duration::from_millis(10)).await;
    assert_eq!(coordinator.done(), ["leave"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_may_not_be_committed_for_is_named() {
    let brokers = Brokers::new(1, &[0]);
    let coordinator = Coordinator::new(&brokers);
    let consumer = member(&brokers).await;
    coordinator.group().commits = [ErrorCode::GROUP_AUTHORIZATION_FAILED].into();
    let error = within(consumer.commit(offset(5)))
        .await
        .expect_err("denied");
    assert!(matches!(error, OffsetCommitError::Failed { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("group 'g'") && text.contains("kafka-acls"),
        "{text}"
    );
    assert_eq!(coordinator.done().len(), 1, "asked once");
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_may_not_be_subscribed_to_is_told_at_once() {
    let brokers = Brokers::new(1, &[0]);
    let _coordinator = Coordinator::new(&brokers);
    brokers.fake.on::<MetadataRequest>(|received| {
        let topics = received.request.topics.unwrap_or_default().into_iter();
        Reply::Answer(MetadataResponse {
            brokers: vec![MetadataResponseBroker {
                host: "broker-0".into(),
                port: 9092,
                ..Default::default()
            }],
            topics: topics
                .map(|topic| MetadataResponseTopic {
                    name: topic.name,
                    error_code: ErrorCode::TOPIC_AUTHORIZATION_FAILED,
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        })
    });
    let builder = brokers.builder().await.group_id("g");
    let mut consumer = builder.build().expect("sound");
    consumer.subscribe([TOPIC]).expect("a group");
    let begun = Instant::now();
    let error = within(consumer.recv()).await.expect_err("denied");
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        matches!(error, ConsumeError::Subscription { .. }),
        "{error}"
    );
    let text = error.to_string();
    assert!(
        text.contains("'t'") && text.contains("TOPIC_AUTHORIZATION_FAILED"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_application_that_comes_back_without_waiting_joins_again() {
    let brokers = Brokers::new(1, &[0]);
    let coordinator = Coordinator::new(&brokers);
    let mut consumer = member(&brokers).await;
    sleep(Duration::from_secs(6 * 60)).await;
    assert_eq!(coordinator.done(), ["leave"], "it stayed away for too long");
    let begun = Instant::now();
    let mut assigned = false;
    while !assigned {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "it does not join again"
        );
        let event = consumer.try_next_event();
        assigned = matches!(event, Some(Ok(Event::Assigned(_))));
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_assignor_that_panics_closes_the_consumer() {
    // Method: without its task the member sends no heartbeats and others take its partitions: it
    // must not read on as if nothing had happened.
    struct Panics;
    impl Assignor for Panics {
        fn name(&self) -> &str {
            "panics"
        }
        fn assign(
            &mut self,
            _: &[MemberSubscription],
            _: &[TopicToAssign],
        ) -> Result<Vec<MemberAssignment>, AssignError> {
            panic!("on purpose");
        }
    }
    let brokers = Brokers::new(1, &[0]);
    let _coordinator = Coordinator::new(&brokers);
    let builder = brokers.builder().await.group_id("g").assignor(Panics);
    let mut consumer = builder.build().expect("sound");
    consumer.subscribe([TOPIC]).expect("a group");
    let error = within(consumer.recv()).await.expect_err("nobody is there");
    assert!(matches!(error, ConsumeError::Closed), "{error}");
    within(consumer.close(Duration::from_secs(5))).await;
    let asked = brokers.fake.take_log();
    assert!(asked.iter().all(|(_, api, _)| *api != ApiKey::Heartbeat));
}
