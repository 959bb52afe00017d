//! Goal: offsets are committed and told in every version as Kafka does it, at the right broker only.
//! Method: raw requests over connections within the process, under a paused clock.

use crate::support::*;
use thalweg_broker::EmbeddedBroker;
use thalweg_protocol::messages::{
    FindCoordinatorRequest, MetadataRequest, MetadataRequestTopic, OffsetCommitRequest,
    OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetFetchRequest,
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use thalweg_protocol::{BrokerId, ErrorCode, Offset, PartitionId, Uuid};

async fn kafka() -> (EmbeddedBroker, Raw) {
    let kafka = EmbeddedBroker::builder().topic("bids", 2).start_here();
    let kafka = kafka.expect("starts");
    let mut client = Raw::connect(&kafka, PORT);
    let found = client.call(&find(&["g"]), 4).await;
    assert_eq!(found.coordinators[0].error_code, ErrorCode::NONE);
    (kafka, client)
}

fn find(keys: &[&str]) -> FindCoordinatorRequest {
    FindCoordinatorRequest {
        coordinator_keys: keys.iter().map(|key| (*key).into()).collect(),
        ..Default::default()
    }
}

fn commit(topic: &str, topic_id: Uuid, partition: i32, offset: i64) -> OffsetCommitRequest {
    OffsetCommitRequest {
        group_id: "g".into(),
        topics: vec![OffsetCommitRequestTopic {
            name: topic.into(),
            topic_id,
            partitions: vec![OffsetCommitRequestPartition {
                partition_index: PartitionId(partition),
                committed_offset: Offset(offset),
                committed_leader_epoch: 3,
                committed_metadata: Some("note".into()),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

#[tokio::test(start_paused = true)]
async fn offsets_come_back_in_every_version() {
    // Method: commit in each version, fetch in each version, by name and by id.
    let (_kafka, mut client) = kafka().await;
    let asked = MetadataRequestTopic {
        name: Some("bids".into()),
        ..Default::default()
    };
    let metadata = MetadataRequest {
        topics: Some(vec![asked]),
        ..Default::default()
    };
    let id = client.call(&metadata, 12).await.topics[0].topic_id;
    assert_ne!(id, Uuid::ZERO);
    for version in 2..=10 {
        let offset = 100 + i64::from(version);
        let request = commit("bids", id, 1, offset);
        let done = client.call(&request, version).await;
        assert_eq!(done.topics[0].partitions[0].error_code, ErrorCode::NONE);
        let epoch = if version >= 6 { 3 } else { -1 };
        for version in 1..8 {
            let topic = OffsetFetchRequestTopic {
                name: "bids".into(),
                partition_indexes: vec![PartitionId(0), PartitionId(1)],
                ..Default::default()
            };
            let request = OffsetFetchRequest {
                group_id: "g".into(),
                topics: Some(vec![topic]),
                ..Default::default()
            };
            let found = client.call(&request, version).await;
            let partitions = &found.topics[0].partitions;
            assert_eq!(partitions[0].committed_offset, Offset(-1));
            assert_eq!(partitions[1].committed_offset, Offset(offset));
            if version >= 5 {
                assert_eq!(partitions[1].committed_leader_epoch, epoch);
            }
            assert_eq!(partitions[1].metadata.as_deref(), Some("note"));
        }
        for version in 8..=10 {
            let some = OffsetFetchRequestTopics {
                name: "bids".into(),
                topic_id: id,
                partition_indexes: vec![PartitionId(1)],
                ..Default::default()
            };
            for topics in [None, Some(vec![some])] {
                let group = OffsetFetchRequestGroup {
                    group_id: "g".into(),
                    topics,
                    ..Default::default()
                };
                let request = OffsetFetchRequest {
                    groups: vec![group],
                    require_stable: true,
                    ..Default::default()
                };
                let found = client.call(&request, version).await;
                let topic = &found.groups[0].topics[0];
                if version >= 10 {
                    assert_eq!(topic.topic_id, id);
                } else {
                    assert_eq!(topic.name, "bids");
                }
                assert_eq!(topic.partitions[0].committed_offset, Offset(offset));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_refused_one_by_one() {
    let (_kafka, mut client) = kafka().await;
    let error = |topic: &str, id, partition, version| {
        let request = commit(topic, id, partition, 5);
        (request, version)
    };
    for ((request, version), expected) in [
        (error("bids", Uuid::ZERO, 1, 9), ErrorCode::NONE),
        (
            error("bids", Uuid::ZERO, 2, 9),
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ),
        (
            error("bids", Uuid::ZERO, -1, 9),
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ),
        (
            error("gone", Uuid::ZERO, 0, 9),
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ),
        (error("", Uuid([7; 16]), 0, 10), ErrorCode::UNKNOWN_TOPIC_ID),
    ] {
        let done = client.call(&request, version).await;
        assert_eq!(done.topics[0].partitions[0].error_code, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_coordinator_answers_for_a_group() {
    // Method: of three brokers the one that FindCoordinator tells takes the commit; the others say
    // that they are not it.
    let builder = EmbeddedBroker::builder().brokers(3).topic("bids", 2);
    let kafka = builder.start_here().expect("starts");
    let mut first = Raw::connect(&kafka, PORT);
    let old = FindCoordinatorRequest {
        key: "g".into(),
        ..Default::default()
    };
    let found = first.call(&old, 1).await;
    assert_eq!(found.error_code, ErrorCode::NONE);
    assert_eq!(found.port, i32::from(PORT) + found.node_id.0);
    let several = first.call(&find(&["g", "h"]), 4).await;
    assert_eq!(several.coordinators[0].node_id, found.node_id);
    for node in 0..3 {
        let mut client = Raw::connect(&kafka, PORT + node);
        let done = client.call(&commit("bids", Uuid::ZERO, 0, 1), 9).await;
        let expected = match BrokerId(i32::from(node)) == found.node_id {
            true => ErrorCode::NONE,
            false => ErrorCode::NOT_COORDINATOR,
        };
        assert_eq!(done.topics[0].partitions[0].error_code, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn key_types_that_do_not_exist_are_invalid() {
    let (_kafka, mut client) = kafka().await;
    for (key_type, version, key, expected) in [
        (1, 4, "t", ErrorCode::NONE),
        (
            2,
            5,
            "g:AAAAAAAAAAAAAAAAAAAAAQ:0",
            ErrorCode::INVALID_REQUEST,
        ),
        (2, 6, "g:AAAAAAAAAAAAAAAAAAAAAQ:0", ErrorCode::NONE),
        (2, 6, "nothing", ErrorCode::INVALID_REQUEST),
        (9, 6, "g", ErrorCode::INVALID_REQUEST),
    ] {
        let mut request = find(&[key]);
        request.key_type = key_type;
        let found = client.call(&request, version).await;
        assert_eq!(
            found.coordinators[0].error_code, expected,
            "{key_type} {key}"
        );
    }
}
