//! Retention, compaction and the memory limit, as clients see them.

use std::time::Duration;

use bytes::Bytes;
use thalweg_broker::EmbeddedBroker;
use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::FetchResponse;
use thalweg_protocol::records::{BatchSeal, Compression, Compressor, RecordBatchBuilder};

use crate::support::{PORT, Raw, create, fetch, produce, start, values};

/// The brokers' clock at the start: the records of these tests are of that time.
const START_MS: i64 = 1_700_000_000_000;

/// A batch of one record.
fn record(timestamp: i64, key: &str, value: Option<&str>) -> Bytes {
    let mut builder = RecordBatchBuilder::new(Compression::None);
    let value = value.map(str::as_bytes);
    builder
        .append(timestamp, Some(key.as_bytes()), value, &[])
        .expect("it fits");
    let batch = builder.build(&mut Compressor::new());
    batch.seal_with(BatchSeal::default())
}

fn code(response: &FetchResponse) -> ErrorCode {
    response.responses[0].partitions[0].error_code
}

fn log_start(response: &FetchResponse) -> i64 {
    response.responses[0].partitions[0].log_start_offset.0
}

#[tokio::test(start_paused = true)]
async fn records_past_their_retention_are_gone_at_the_next_look() {
    let kafka = start(EmbeddedBroker::builder().start_time_ms(START_MS));
    let mut raw = Raw::connect(&kafka, PORT);
    create(&mut raw, "old", &[("retention.ms", "60000")]).await;
    produce(&mut raw, "old", record(START_MS, "k", Some("1"))).await;
    // Logs are looked at after 30 s, and then every 5 min.
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(values(&fetch(&mut raw, "old", 0, false).await), ["1"]);
    tokio::time::sleep(Duration::from_secs(300)).await;
    let response = fetch(&mut raw, "old", 0, false).await;
    assert_eq!(code(&response), ErrorCode::OFFSET_OUT_OF_RANGE);
    let response = fetch(&mut raw, "old", 1, false).await;
    assert_eq!(
        (code(&response), log_start(&response)),
        (ErrorCode::NONE, 1)
    );
    // Offsets go on where they were.
    let produced = produce(&mut raw, "old", record(START_MS, "k", Some("2"))).await;
    assert_eq!(produced.base_offset.0, 1);
}

#[tokio::test(start_paused = true)]
async fn a_compacted_topic_keeps_the_newest_value_of_each_key() {
    let kafka = start(EmbeddedBroker::builder().start_time_ms(START_MS));
    let mut raw = Raw::connect(&kafka, PORT);
    let configs = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "1000"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("delete.retention.ms", "60000"),
    ];
    create(&mut raw, "table", &configs).await;
    for (second, key, value) in [
        (0, "a", Some("a1")),
        (0, "b", Some("b1")),
        (0, "a", Some("a2")),
        (0, "b", None),
        // Closes the segment, and is not compacted itself.
        (2, "c", Some("c1")),
    ] {
        let batch = record(START_MS + second * 1000, key, value);
        let produced = produce(&mut raw, "table", batch).await;
        assert_eq!(produced.error_code, ErrorCode::NONE);
    }
    tokio::time::sleep(Duration::from_secs(31)).await;
    let response = fetch(&mut raw, "table", 0, false).await;
    assert_eq!(
        values(&response),
        ["a2", ""],
        "the tombstone of b is still there"
    );
    let open = fetch(&mut raw, "table", 4, false).await;
    assert_eq!(values(&open), ["c1"], "the next segment");
    assert_eq!(log_start(&response), 0, "compaction moves no start");
    // Every offset is one to read from, whether its record is there or not.
    for (offset, rest) in [(1, 2), (3, 1), (4, 1), (5, 0)] {
        let response = fetch(&mut raw, "table", offset, false).await;
        assert_eq!(values(&response).len(), rest, "from {offset}");
    }
    // When its time is over the next pass, which wants something new, takes the tombstone.
    tokio::time::sleep(Duration::from_secs(60)).await;
    produce(&mut raw, "table", record(START_MS + 9_000, "d", Some("d1"))).await;
    tokio::time::sleep(Duration::from_secs(16)).await;
    let response = fetch(&mut raw, "table", 0, false).await;
    assert_eq!(values(&response), ["a2", "c1"]);
    let open = fetch(&mut raw, "table", 5, false).await;
    assert_eq!(values(&open), ["d1"]);
}

#[tokio::test(start_paused = true)]
async fn the_oldest_records_make_room_where_memory_is_limited() {
    const LIMIT: usize = 2 << 20;
    let kafka = start(
        EmbeddedBroker::builder()
            .start_time_ms(START_MS)
            .memory_bytes_max(LIMIT),
    );
    let mut raw = Raw::connect(&kafka, PORT);
    create(&mut raw, "stream", &[]).await;
    create(&mut raw, "kept", &[("cleanup.policy", "compact")]).await;
    produce(&mut raw, "kept", record(START_MS, "k", Some("kept"))).await;
    let long = "x".repeat(50_000);
    let mut last = 0;
    for _ in 0..100 {
        let produced = produce(&mut raw, "stream", record(START_MS, "k", Some(&long))).await;
        assert_eq!(produced.error_code, ErrorCode::NONE);
        last = produced.base_offset.0;
    }
    let response = fetch(&mut raw, "stream", last, false).await;
    let start = log_start(&response);
    let left = usize::try_from(last + 1 - start).expect("some") * long.len();
    assert!(
        (LIMIT * 3 / 4..=LIMIT).contains(&left),
        "{left} bytes are left"
    );
    assert_eq!(values(&fetch(&mut raw, "kept", 0, false).await), ["kept"]);
}

#[tokio::test(start_paused = true)]
async fn producing_fails_where_memory_is_full_of_what_must_stay() {
    let kafka = start(
        EmbeddedBroker::builder()
            .start_time_ms(START_MS)
            .memory_bytes_max(200_000),
    );
    let mut raw = Raw::connect(&kafka, PORT);
    create(&mut raw, "table", &[("cleanup.policy", "compact")]).await;
    create(&mut raw, "stream", &[]).await;
    let long = "x".repeat(60_000);
    for _ in 0..3 {
        let produced = produce(&mut raw, "table", record(START_MS, "k", Some(&long))).await;
        assert_eq!(produced.error_code, ErrorCode::NONE);
    }
    let refused = produce(&mut raw, "table", record(START_MS, "k", Some(&long))).await;
    assert_eq!(refused.error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    let message = refused.error_message.expect("it says why");
    assert!(message.contains("200000 bytes"), "{message}");
    // Small ones still fit.
    let small = produce(&mut raw, "stream", record(START_MS, "k", Some("small"))).await;
    assert_eq!(small.error_code, ErrorCode::NONE);
    assert_eq!(
        values(&fetch(&mut raw, "stream", 0, false).await),
        ["small"]
    );
}
