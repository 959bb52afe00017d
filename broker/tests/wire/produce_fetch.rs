//! Goal: what is produced is stored as Kafka stores it, and fetched as Kafka answers it.
//!
//! Method: raw requests over in-memory connections, with the clock paused.

use std::time::Duration;

use crate::support::*;
use thalweg_broker::EmbeddedBroker;
use thalweg_protocol::messages::{
    FetchRequest, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic, ProduceRequest,
};
use thalweg_protocol::records::{Compression, RecordBatches};
use thalweg_protocol::{ErrorCode, Offset, PartitionId};
use tokio::time::Instant;

fn broker() -> EmbeddedBroker {
    start(EmbeddedBroker::builder().topic("t", 1))
}

#[tokio::test(start_paused = true)]
async fn what_is_produced_is_fetched_in_every_codec() {
    let kafka = broker();
    let mut raw = Raw::connect(&kafka, PORT);
    let codecs = [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ];
    for (codec, base) in codecs.into_iter().zip((0..).step_by(2)) {
        let answer = produce(&mut raw, "t", batch_in(&["a", "b"], Producer::NONE, codec)).await;
        assert_eq!(answer.error_code, ErrorCode::NONE, "{codec:?}");
        assert_eq!(answer.base_offset, Offset(base));
    }
    let response = fetch(&mut raw, "t", 0, false).await;
    assert_eq!(values(&response), ["a", "b"].repeat(5));
    let partition = &response.responses[0].partitions[0];
    assert_eq!(partition.high_watermark, Offset(10));
    assert_eq!(partition.last_stable_offset, Offset(10));
    assert_eq!(
        values(&fetch(&mut raw, "t", 9, false).await),
        ["a", "b"],
        "the batch with it"
    );
    assert_eq!(values(&fetch(&mut raw, "t", 10, false).await).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn offsets_out_of_range_and_unknown_topics_are_errors() {
    let kafka = broker();
    let mut raw = Raw::connect(&kafka, PORT);
    for offset in [-1, 1] {
        let response = fetch(&mut raw, "t", offset, false).await;
        let partition = &response.responses[0].partitions[0];
        assert_eq!(
            partition.error_code,
            ErrorCode::OFFSET_OUT_OF_RANGE,
            "{offset}"
        );
    }
    let response = fetch(&mut raw, "nowhere", 0, false).await;
    let partition = &response.responses[0].partitions[0];
    assert_eq!(partition.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let answer = produce(&mut raw, "nowhere", batch(&["a"], Producer::NONE)).await;
    assert_eq!(answer.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_waits_for_data_and_no_longer_than_it_may() {
    let kafka = broker();
    let mut reader = Raw::connect(&kafka, PORT);
    let mut writer = Raw::connect(&kafka, PORT);
    let mut request = fetch_request("t", 0, false);
    request.max_wait_ms = 5_000;
    let began = Instant::now();
    let response = reader.call(&request, 12).await;
    assert_eq!(values(&response).len(), 0);
    assert_eq!(began.elapsed(), Duration::from_secs(5));

    reader.send(&request, 12).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    produce(&mut writer, "t", batch(&["a"], Producer::NONE)).await;
    let response = reader.receive::<FetchRequest>(12).await.expect("an answer");
    assert_eq!(values(&response), ["a"]);
    assert_eq!(
        began.elapsed(),
        Duration::from_secs(6),
        "answered when the data came"
    );
}

#[tokio::test(start_paused = true)]
async fn duplicates_are_acknowledged_and_gaps_refused() {
    let kafka = broker();
    let mut raw = Raw::connect(&kafka, PORT);
    let me = Producer::idempotent(7, 0);
    for sequence in 0..7 {
        let answer = produce(&mut raw, "t", batch(&["a"], me.at(sequence))).await;
        assert_eq!(answer.base_offset, Offset(i64::from(sequence)));
    }
    for sequence in 2..7 {
        let answer = produce(&mut raw, "t", batch(&["a"], me.at(sequence))).await;
        assert_eq!(answer.error_code, ErrorCode::NONE);
        assert_eq!(
            answer.base_offset,
            Offset(i64::from(sequence)),
            "where it lies already"
        );
    }
    for sequence in [0, 1, 8, 100] {
        let answer = produce(&mut raw, "t", batch(&["a"], me.at(sequence))).await;
        assert_eq!(
            answer.error_code,
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
            "{sequence}"
        );
    }
    let bumped = Producer::idempotent(7, 1);
    let answer = produce(&mut raw, "t", batch(&["a"], bumped.at(3))).await;
    assert_eq!(answer.error_code, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    let answer = produce(&mut raw, "t", batch(&["a"], bumped)).await;
    assert_eq!(answer.error_code, ErrorCode::NONE);
    let answer = produce(&mut raw, "t", batch(&["a"], me.at(7))).await;
    assert_eq!(answer.error_code, ErrorCode::INVALID_PRODUCER_EPOCH);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_batch_is_refused_and_the_connection_lives() {
    let kafka = broker();
    let mut raw = Raw::connect(&kafka, PORT);
    let sound = batch(&["a", "b"], Producer::NONE);
    for at in 0..sound.len() {
        let mut damaged = sound.to_vec();
        damaged[at] ^= 0x55;
        let answer = produce(&mut raw, "t", damaged.into()).await;
        // Base offset and leader epoch are not covered; the broker sets both.
        let free = at < 8 || (12..16).contains(&at);
        assert_eq!(
            answer.error_code.is_none(),
            free,
            "byte {at}: {:?}",
            answer.error_code
        );
    }
    for length in 0..sound.len() {
        let answer = produce(&mut raw, "t", sound.slice(..length)).await;
        assert!(!answer.error_code.is_none(), "cut after {length}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_without_acknowledgement_is_not_answered() {
    let kafka = broker();
    let mut raw = Raw::connect(&kafka, PORT);
    raw.send(&produce_request("t", batch(&["a"], Producer::NONE), 0), 12)
        .await;
    assert_eq!(values(&fetch(&mut raw, "t", 0, false).await), ["a"]);
    raw.send(
        &produce_request("nowhere", batch(&["a"], Producer::NONE), 0),
        12,
    )
    .await;
    assert!(
        raw.receive::<ProduceRequest>(12).await.is_none(),
        "an error closes the connection"
    );
}

#[tokio::test(start_paused = true)]
async fn times_and_ends_are_found() {
    let kafka = broker();
    let mut raw = Raw::connect(&kafka, PORT);
    produce(&mut raw, "t", batch(&["a", "b", "c"], Producer::NONE)).await;
    produce(&mut raw, "t", batch(&["d"], Producer::NONE)).await;
    let expected = [
        (-1, 4, -1),
        (-2, 0, -1),
        (-3, 2, 1_002),
        (0, 0, 1_000),
        (1_001, 1, 1_001),
        (1_002, 2, 1_002),
        (1_003, -1, -1),
    ];
    for (timestamp, offset, found) in expected {
        let partition = ListOffsetsPartition {
            partition_index: PartitionId(0),
            timestamp,
            ..Default::default()
        };
        let topic = ListOffsetsTopic {
            name: "t".into(),
            partitions: vec![partition],
            ..Default::default()
        };
        let request = ListOffsetsRequest {
            topics: vec![topic],
            ..Default::default()
        };
        let response = raw.call(&request, 7).await;
        let partition = &response.topics[0].partitions[0];
        let got = (partition.offset, partition.timestamp);
        assert_eq!(got, (Offset(offset), found), "asked for {timestamp}");
    }
}

/// Goal: what a bad disk did is not hidden. Method: the second of three batches is damaged.
#[tokio::test(start_paused = true)]
async fn a_damaged_batch_is_sent_as_it_lies_in_the_log() {
    let kafka = broker();
    let mut raw = Raw::connect(&kafka, PORT);
    for value in ["a", "b", "c"] {
        produce(&mut raw, "t", batch(&[value], Producer::NONE)).await;
    }
    kafka.damage("t", 0, 1).expect("there is such a record");
    let response = fetch(&mut raw, "t", 0, false).await;
    let records = response.responses[0].partitions[0].records.clone();
    let records = records.expect("records");
    let sound =
        RecordBatches::new(&records).map(|batch| batch.expect("whole").verify_crc().is_ok());
    assert_eq!(sound.collect::<Vec<_>>(), [true, false, true]);
    assert!(kafka.damage("t", 0, 3).is_err(), "there is no such record");
    assert!(kafka.damage("t", 1, 0).is_err(), "nor such a partition");
}
