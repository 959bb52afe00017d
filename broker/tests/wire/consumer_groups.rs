//! Goal: consumer groups of the new protocol work over a connection. Method: a client that sends what
//! it is told, under a clock that stands still.

use std::time::Duration;

use thalweg_broker::EmbeddedBroker;
use thalweg_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    ConsumerGroupTopicPartitions, FindCoordinatorRequest, JoinGroupRequest,
    JoinGroupRequestProtocol, OffsetCommitRequest, OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
};
use thalweg_protocol::{ErrorCode, Offset, PartitionId};

use crate::support::*;

fn kafka() -> EmbeddedBroker {
    let kafka = EmbeddedBroker::builder().topic("bids", 3);
    kafka.start_here().expect("it starts")
}

/// Connects, and asks for the coordinator, which makes it.
async fn connect(kafka: &EmbeddedBroker) -> Raw {
    let mut client = Raw::connect(kafka, PORT);
    let request = FindCoordinatorRequest {
        coordinator_keys: vec!["auction".into()],
        ..Default::default()
    };
    client.call(&request, 4).await;
    client
}

fn join(member: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: "auction".into(),
        member_id: member.into(),
        rebalance_timeout_ms: 60_000,
        subscribed_topic_names: Some(vec!["bids".into()]),
        topic_partitions: Some(Vec::new()),
        ..Default::default()
    }
}

fn count(response: &ConsumerGroupHeartbeatResponse) -> usize {
    let assignment = response.assignment.as_ref().expect("it is told");
    let topics = assignment.topic_partitions.iter();
    topics.map(|topic| topic.partitions.len()).sum()
}

#[tokio::test(start_paused = true)]
async fn two_members_share_a_topic_and_one_inherits_it() {
    let kafka = kafka();
    let mut client = connect(&kafka).await;
    let first = client.call(&join("one"), 1).await;
    assert_eq!(
        (first.error_code, first.member_epoch, count(&first)),
        (ErrorCode::NONE, 2, 3)
    );
    tokio::time::sleep(Duration::from_secs(2)).await;
    let second = client.call(&join("two"), 1).await;
    assert_eq!((second.member_epoch, count(&second)), (3, 0));

    // One gives up what it is told to, and two gets it.
    let had = first.assignment.expect("told").topic_partitions;
    let mut beat = join("one");
    beat.member_epoch = 2;
    beat.topic_partitions = Some(had);
    let told = client.call(&beat, 1).await;
    assert_eq!((told.member_epoch, count(&told)), (2, 2));
    beat.topic_partitions = Some(told.assignment.expect("told").topic_partitions);
    let done = client.call(&beat, 1).await;
    assert_eq!(done.member_epoch, 3);
    let mut beat = join("two");
    beat.member_epoch = 3;
    assert_eq!(count(&client.call(&beat, 1).await), 1);

    let describe = ConsumerGroupDescribeRequest {
        group_ids: vec!["auction".into(), "none".into(), "".into()],
        ..Default::default()
    };
    let described = client.call(&describe, 1).await.groups;
    let errors: Vec<ErrorCode> = described.iter().map(|group| group.error_code).collect();
    let expected = [
        ErrorCode::NONE,
        ErrorCode::GROUP_ID_NOT_FOUND,
        ErrorCode::INVALID_GROUP_ID,
    ];
    assert_eq!(errors, expected);
    assert_eq!(
        described.first().map(|group| &*group.group_state),
        Some("Stable")
    );

    // One falls silent.
    for _ in 0..11 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let response = client.call(&beat, 1).await;
        beat.member_epoch = response.member_epoch;
        if let Some(assignment) = response.assignment {
            beat.topic_partitions = Some(assignment.topic_partitions);
        }
    }
    assert_eq!(beat.member_epoch, 4);
    let topics = beat.topic_partitions.iter().flatten();
    assert_eq!(topics.map(|topic| topic.partitions.len()).sum::<usize>(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_offset_is_committed_by_who_has_the_partition() {
    let kafka = kafka();
    let mut client = connect(&kafka).await;
    let joined = client.call(&join("one"), 1).await;
    let commit = |member: &str, epoch| OffsetCommitRequest {
        group_id: "auction".into(),
        member_id: member.into(),
        generation_id_or_member_epoch: epoch,
        topics: vec![OffsetCommitRequestTopic {
            name: "bids".into(),
            partitions: vec![OffsetCommitRequestPartition {
                partition_index: PartitionId(1),
                committed_offset: Offset(5),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    for (member, epoch, expected) in [
        ("one", joined.member_epoch, ErrorCode::NONE),
        (
            "one",
            joined.member_epoch + 1,
            ErrorCode::STALE_MEMBER_EPOCH,
        ),
        ("two", joined.member_epoch, ErrorCode::UNKNOWN_MEMBER_ID),
    ] {
        let response = client.call(&commit(member, epoch), 9).await;
        let errors = response.topics.iter().flat_map(|topic| &topic.partitions);
        let errors: Vec<ErrorCode> = errors.map(|partition| partition.error_code).collect();
        assert_eq!(errors, [expected], "{member} in epoch {epoch}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_migration_a_group_changes_its_kind_only_while_it_is_empty() {
    let kafka = EmbeddedBroker::builder()
        .topic("bids", 3)
        .config("group.consumer.migration.policy", "disabled");
    let kafka = kafka.start_here().expect("it starts");
    let mut client = connect(&kafka).await;
    client.call(&join("one"), 1).await;
    let classic = JoinGroupRequest {
        group_id: "auction".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".into(),
        protocols: vec![JoinGroupRequestProtocol {
            name: "range".into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let refused = client.call(&classic, 3).await;
    assert_eq!(refused.error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    let mut leave = join("one");
    leave.member_epoch = -1;
    assert_eq!(client.call(&leave, 1).await.member_epoch, -1);
    let joined = client.call(&classic, 3).await;
    assert_eq!(joined.error_code, ErrorCode::NONE);
    let refused = client.call(&join("one"), 1).await;
    assert_eq!(refused.error_code, ErrorCode::GROUP_ID_NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_member_may_report_anything() {
    let kafka = kafka();
    let mut client = connect(&kafka).await;
    let mut beat = join("one");
    beat.member_epoch = client.call(&beat, 1).await.member_epoch;
    for partition in [-1, i32::MIN, i32::MAX, 3] {
        beat.topic_partitions = Some(vec![
            ConsumerGroupTopicPartitions {
                partitions: vec![PartitionId(partition); 3],
                ..Default::default()
            };
            2
        ]);
        let response = client.call(&beat, 1).await;
        assert_eq!(
            (response.error_code, response.member_epoch),
            (ErrorCode::NONE, 2)
        );
    }
    beat.rebalance_timeout_ms = i32::MIN;
    beat.subscribed_topic_names = Some(vec!["".into(); 100]);
    let response = client.call(&beat, 1).await;
    assert_eq!(response.error_code, ErrorCode::NONE);
}
