//! Goal: `__consumer_offsets` says what groups did, as Kafka writes it, for whoever looks into it.
//!
//! Method: raw requests over in-memory connections; what they change is read back by Fetch.

use thalweg_protocol::messages::{
    DeleteGroupsRequest, DescribeProducersRequest, DescribeProducersTopicRequest, GroupMetadataKey,
    GroupMetadataValue, OffsetCommitKey, OffsetCommitValue, TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use thalweg_protocol::records::{Columns, Decompressor, RecordBatches};
use thalweg_protocol::{Decoder, ErrorCode, Message, Offset, PartitionId, ProducerId};

use crate::members::*;
use crate::support::*;

const TOPIC: &str = "__consumer_offsets";

/// Everything in the only partition, one line a record.
async fn records(raw: &mut Raw, committed: bool) -> Vec<String> {
    let response = fetch(raw, TOPIC, 0, committed).await;
    let partition = &response.responses[0].partitions[0];
    let bytes = partition.records.clone().unwrap_or_default();
    let (mut columns, mut decompressor) = (Columns::new(), Decompressor::new());
    let mut lines = Vec::new();
    for batch in RecordBatches::new(&bytes) {
        let batch = batch.expect("a batch");
        if batch.is_control() {
            lines.push("marker".to_owned());
            continue;
        }
        let rows = columns.decode(&batch, &mut decompressor).expect("records");
        lines.extend(
            rows.iter()
                .map(|row| line(row.key.expect("a key"), row.value)),
        );
    }
    lines
}

fn line(key: &[u8], value: Option<&[u8]>) -> String {
    match split(key) {
        (OffsetCommitKey::RECORD_TYPE, key) => {
            let key = read::<OffsetCommitKey>(key, 0);
            let name = format!("{} {} {}", key.group, key.topic, key.partition);
            match value.map(split) {
                None => format!("{name}: gone"),
                Some((version, value)) => {
                    let value = read::<OffsetCommitValue>(value, version);
                    format!("{name}: {} {}", value.offset, value.metadata)
                }
            }
        }
        (GroupMetadataKey::RECORD_TYPE, key) => {
            let key = read::<GroupMetadataKey>(key, 0);
            match value.map(split) {
                None => format!("{}: gone", key.group),
                Some((version, value)) => {
                    let value = read::<GroupMetadataValue>(value, version);
                    let members = value.members.len();
                    format!(
                        "{}: generation {} of {members}",
                        key.group, value.generation
                    )
                }
            }
        }
        (other, _) => panic!("a record of type {other}"),
    }
}

fn split(bytes: &[u8]) -> (i16, &[u8]) {
    let (number, rest) = bytes.split_first_chunk().expect("two bytes");
    (i16::from_be_bytes(*number), rest)
}

fn read<M: Message>(bytes: &[u8], version: i16) -> M {
    let mut decoder = Decoder::new(bytes.to_vec().into());
    let message = M::decode(&mut decoder, version).expect("such a message");
    decoder.finish().expect("nothing else");
    message
}

#[tokio::test(start_paused = true)]
async fn generations_offsets_and_deletions_are_written_down() {
    let kafka = coordinator(&[("offsets.topic.num.partitions", "1")]).await;
    let mut raw = Raw::connect(&kafka, PORT);
    let mut member = stable(&kafka, join("")).await;
    member.commit(7).await;
    member.leave().await;
    // A group is empty as soon as nobody is left.
    let mut old = commit_request("bids", 1, 8);
    old.retention_time_ms = 1_000_000;
    raw.call(&old, 4).await;
    let deletion = DeleteGroupsRequest {
        groups_names: vec!["g".into()],
        ..Default::default()
    };
    assert_eq!(
        raw.call(&deletion, 2).await.results[0].error_code,
        ErrorCode::NONE
    );
    assert_eq!(
        records(&mut raw, true).await,
        [
            "g: generation 1 of 1",
            "g bids 0: 7 note",
            "g: generation 2 of 0",
            "g bids 1: 8 note",
            "g bids 0: gone",
            "g bids 1: gone",
            "g: gone",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_open_transaction_shows_in_the_partition_that_has_its_offsets() {
    let kafka = coordinator(&[("offsets.topic.num.partitions", "1")]).await;
    let mut raw = Raw::connect(&kafka, PORT);
    find_coordinator(&mut raw, 1, "t").await;
    let producer = init_transactional(&mut raw, "t").await;
    let partition = TxnOffsetCommitRequestPartition {
        committed_offset: Offset(5),
        ..Default::default()
    };
    let request = TxnOffsetCommitRequest {
        transactional_id: "t".into(),
        group_id: "g".into(),
        producer_id: ProducerId(producer.id),
        producer_epoch: producer.epoch,
        topics: vec![TxnOffsetCommitRequestTopic {
            name: "bids".into(),
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    };
    let done = raw.call(&request, 5).await;
    assert_eq!(done.topics[0].partitions[0].error_code, ErrorCode::NONE);
    assert_eq!(records(&mut raw, false).await, ["g bids 0: 5 "]);
    assert!(records(&mut raw, true).await.is_empty());
    assert_eq!(open_since(&mut raw, producer).await, 0);

    let end = end_request("t", producer, true);
    assert_eq!(raw.call(&end, 5).await.error_code, ErrorCode::NONE);
    assert_eq!(records(&mut raw, true).await, ["g bids 0: 5 ", "marker"]);
    assert_eq!(open_since(&mut raw, producer).await, -1);
}

/// Where the producer's open transaction began; -1 if it has none.
async fn open_since(raw: &mut Raw, producer: Producer) -> i64 {
    let request = DescribeProducersRequest {
        topics: vec![DescribeProducersTopicRequest {
            name: TOPIC.into(),
            partition_indexes: vec![PartitionId(0)],
            ..Default::default()
        }],
        ..Default::default()
    };
    let described = raw.call(&request, 0).await;
    let producers = &described.topics[0].partitions[0].active_producers;
    let found = producers.iter().find(|it| it.producer_id.0 == producer.id);
    found.expect("the producer").current_txn_start_offset.0
}
