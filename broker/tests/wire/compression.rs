//! Goal: a topic with a `compression.type` stores every batch in that codec with all that the producer
//! said in it, and one without stores batches as they come.
//!
//! Method: raw requests over in-memory connections, with the clock standing still; what is stored is
//! read from the answers to fetches.

use bytes::Bytes;
use thalweg_broker::EmbeddedBroker;
use thalweg_protocol::messages::*;
use thalweg_protocol::records::{
    BatchSeal, Columns, Compression, Compressor, Decompressor, RecordBatch, RecordBatchBuilder,
    RecordBatches, TimestampType,
};
use thalweg_protocol::{ErrorCode, Offset, PartitionId, ProducerId};

use crate::support::*;

const CODECS: [(&str, Compression); 5] = [
    ("uncompressed", Compression::None),
    ("gzip", Compression::Gzip),
    ("snappy", Compression::Snappy),
    ("lz4", Compression::Lz4),
    ("zstd", Compression::Zstd),
];

async fn set_broker(raw: &mut Raw, key: &str, value: &str) -> ErrorCode {
    let config = IncrementalAlterableConfig {
        name: key.into(),
        value: Some(value.into()),
        ..Default::default()
    };
    let request = IncrementalAlterConfigsRequest {
        resources: vec![IncrementalAlterConfigsResource {
            resource_type: 4,
            resource_name: "".into(),
            configs: vec![config],
            ..Default::default()
        }],
        ..Default::default()
    };
    raw.call(&request, 1).await.responses[0].error_code
}

type Record = (
    i64,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Vec<(String, Option<Vec<u8>>)>,
);

/// Records with everything that a record may have: nulls, headers, timestamps that go back.
fn records() -> Vec<Record> {
    let long = b"the same words again and again ".repeat(40);
    vec![
        (1_000, Some(b"k".to_vec()), Some(long), vec![]),
        (
            900,
            None,
            Some(b"v".to_vec()),
            vec![("h".into(), Some(b"1".to_vec()))],
        ),
        (
            -1,
            Some(vec![]),
            None,
            vec![("h".into(), None), ("i".into(), Some(vec![]))],
        ),
    ]
}

fn sealed(records: &[Record], compression: Compression, seal: BatchSeal) -> Bytes {
    let mut builder = RecordBatchBuilder::new(compression).with_batch_bytes_max(usize::MAX);
    for (timestamp, key, value, headers) in records {
        let headers: Vec<_> = headers
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_deref()))
            .collect();
        builder
            .append(*timestamp, key.as_deref(), value.as_deref(), &headers)
            .expect("it fits");
    }
    builder.build(&mut Compressor::new()).seal_with(seal)
}

fn decoded(batch: &RecordBatch<'_>) -> Vec<Record> {
    let mut columns = Columns::new();
    let rows = columns
        .decode(batch, &mut Decompressor::new())
        .expect("sound");
    let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
    rows.iter()
        .map(|row| {
            let headers = row
                .headers
                .map(|(key, value)| (key.to_owned(), owned(value)));
            (
                row.timestamp,
                owned(row.key),
                owned(row.value),
                headers.collect(),
            )
        })
        .collect()
}

/// The bytes of the batches from an offset on, as they are stored.
async fn stored(raw: &mut Raw, topic: &str, offset: i64) -> Bytes {
    let response = fetch(raw, topic, offset, false).await;
    let partition = &response.responses[0].partitions[0];
    assert_eq!(partition.error_code, ErrorCode::NONE);
    partition.records.clone().unwrap_or_default()
}

fn first(records: &Bytes) -> RecordBatch<'_> {
    RecordBatches::new(records)
        .next()
        .expect("a batch")
        .expect("a whole one")
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_stored_in_the_codec_of_its_topic_with_all_that_is_in_it() {
    let kafka = start(EmbeddedBroker::builder());
    let mut raw = Raw::connect(&kafka, PORT);
    for (name, target) in CODECS {
        create(&mut raw, name, &[("compression.type", name)]).await;
        for ((_, source), base) in CODECS.into_iter().zip((0..).step_by(3)) {
            // Sequence numbers follow one another: what is stored has to keep them for the next.
            let seal = BatchSeal {
                producer_id: ProducerId(7),
                producer_epoch: 2,
                base_sequence: base,
                ..BatchSeal::default()
            };
            let sent = sealed(&records(), source, seal);
            let answer = produce(&mut raw, name, sent.clone()).await;
            assert_eq!(answer.error_code, ErrorCode::NONE, "{source} to {name}");
            assert_eq!(answer.base_offset, Offset(i64::from(base)));
            let again = produce(&mut raw, name, sent).await;
            assert_eq!(
                again.base_offset, answer.base_offset,
                "a duplicate is known as one"
            );

            let bytes = stored(&mut raw, name, i64::from(base)).await;
            let batch = first(&bytes);
            assert_eq!(batch.compression(), Ok(target), "{source} to {name}");
            assert_eq!(batch.base_offset(), Offset(i64::from(base)));
            assert_eq!(batch.last_offset(), Offset(i64::from(base) + 2));
            assert_eq!(
                (batch.producer_id(), batch.producer_epoch()),
                (ProducerId(7), 2)
            );
            assert_eq!(batch.base_sequence(), base);
            assert_eq!(batch.max_timestamp(), 1_000);
            assert!(!batch.is_transactional() && !batch.is_control());
            assert_eq!(decoded(&batch), records(), "{source} to {name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn transactions_and_the_brokers_time_stay_what_they_are_in_another_codec() {
    let kafka = start(EmbeddedBroker::builder().start_time_ms(5_000));
    let mut raw = Raw::connect(&kafka, PORT);
    let configs = [
        ("compression.type", "zstd"),
        ("message.timestamp.type", "LogAppendTime"),
    ];
    create(&mut raw, "t", &configs).await;
    find_coordinator(&mut raw, 1, "id").await;
    let producer = init_transactional(&mut raw, "id").await;
    let sent = batch_in(&["a", "b"], producer, Compression::Gzip);
    let answer = produce_as(&mut raw, "t", sent, Some("id")).await;
    assert_eq!(answer.error_code, ErrorCode::NONE);
    let bytes = stored(&mut raw, "t", 0).await;
    let batch = first(&bytes);
    assert_eq!(batch.compression(), Ok(Compression::Zstd));
    assert!(batch.is_transactional());
    assert_eq!(batch.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!(batch.max_timestamp(), answer.log_append_time_ms);
    let end = end_request("id", producer, true);
    assert_eq!(raw.call(&end, 5).await.error_code, ErrorCode::NONE);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let response = fetch(&mut raw, "t", 0, true).await;
    assert_eq!(values(&response), ["a", "b"], "committed");
}

#[tokio::test(start_paused = true)]
async fn without_a_codec_of_its_own_a_topic_stores_batches_as_they_come() {
    let kafka = start(EmbeddedBroker::builder().topic("t", 1));
    let mut raw = Raw::connect(&kafka, PORT);
    for ((_, codec), base) in CODECS.into_iter().zip((0..).step_by(3)) {
        // Not as this broker would write it: levels show in the bytes.
        let sent = sealed(&records(), codec, BatchSeal::default());
        produce(&mut raw, "t", sent.clone()).await;
        let bytes = stored(&mut raw, "t", base).await;
        assert_eq!(
            bytes.get(61..),
            sent.get(61..),
            "{codec}: the records, to the byte"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_in_the_codec_of_its_topic_is_not_written_again() {
    // At another level than the topic's the bytes would be others.
    let kafka = start(EmbeddedBroker::builder());
    let mut raw = Raw::connect(&kafka, PORT);
    let configs = [
        ("compression.type", "gzip"),
        ("compression.gzip.level", "1"),
    ];
    create(&mut raw, "t", &configs).await;
    let values: Vec<String> = (0..500)
        .map(|n| format!("{} words {}", n * 7919 % 997, n))
        .collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let as_sent = batch_in(&values, Producer::NONE, Compression::Gzip);
    produce(&mut raw, "t", as_sent.clone()).await;
    let bytes = stored(&mut raw, "t", 0).await;
    assert_eq!(bytes.get(61..), as_sent.get(61..));
    // Whereas what comes uncompressed is written at that level.
    produce(&mut raw, "t", batch(&values, Producer::NONE)).await;
    let bytes = stored(&mut raw, "t", 500).await;
    let batch = first(&bytes);
    assert_eq!(batch.compression(), Ok(Compression::Gzip));
    assert!(batch.encoded_len() > as_sent.len(), "level 1 and not 6");
}

#[tokio::test(start_paused = true)]
async fn topics_without_a_codec_follow_the_brokers_also_when_it_changes() {
    let kafka = start(
        EmbeddedBroker::builder()
            .config("compression.type", "lz4")
            .topic("t", 1),
    );
    let mut raw = Raw::connect(&kafka, PORT);
    create(&mut raw, "own", &[("compression.type", "snappy")]).await;
    produce(&mut raw, "t", batch(&["a"], Producer::NONE)).await;
    produce(&mut raw, "own", batch(&["a"], Producer::NONE)).await;
    assert_eq!(
        first(&stored(&mut raw, "t", 0).await).compression(),
        Ok(Compression::Lz4)
    );
    assert_eq!(
        first(&stored(&mut raw, "own", 0).await).compression(),
        Ok(Compression::Snappy)
    );
    assert_eq!(
        set_broker(&mut raw, "compression.type", "zstd").await,
        ErrorCode::NONE
    );
    produce(&mut raw, "t", batch(&["b"], Producer::NONE)).await;
    assert_eq!(
        first(&stored(&mut raw, "t", 1).await).compression(),
        Ok(Compression::Zstd)
    );
    let refused = set_broker(&mut raw, "compression.type", "brotli").await;
    assert_eq!(refused, ErrorCode::INVALID_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_becomes_too_large_is_refused_and_nothing_of_it_stored() {
    let kafka = start(EmbeddedBroker::builder());
    let mut raw = Raw::connect(&kafka, PORT);
    let configs = [
        ("compression.type", "uncompressed"),
        ("max.message.bytes", "10000"),
    ];
    create(&mut raw, "t", &configs).await;
    let value = "x".repeat(20_000);
    let small = batch_in(&[value.as_str()], Producer::NONE, Compression::Zstd);
    assert!(small.len() < 1_000);
    let answer = produce(&mut raw, "t", small).await;
    assert_eq!(answer.error_code, ErrorCode::MESSAGE_TOO_LARGE);
    assert_eq!(answer.base_offset, Offset(-1));
    let answer = produce(&mut raw, "t", batch(&["a"], Producer::NONE)).await;
    assert_eq!(answer.base_offset, Offset(0));
}

#[tokio::test(start_paused = true)]
async fn each_batch_of_a_request_goes_by_its_own_topic() {
    let kafka = start(EmbeddedBroker::builder().topic("as_sent", 1));
    let mut raw = Raw::connect(&kafka, PORT);
    create(&mut raw, "zstd", &[("compression.type", "zstd")]).await;
    create(&mut raw, "lz4", &[("compression.type", "lz4")]).await;
    let topics = ["zstd", "as_sent", "nowhere", "lz4"];
    let mut request = produce_request("zstd", Bytes::new(), -1);
    request.topic_data = topics
        .iter()
        .map(|name| {
            let records = batch_in(&["a"], Producer::NONE, Compression::Gzip);
            produce_request(name, records, -1).topic_data.remove(0)
        })
        .collect();
    let damaged = PartitionProduceData {
        index: PartitionId(1),
        records: Some(Bytes::from_static(b"nothing")),
        ..Default::default()
    };
    request.topic_data[0].partition_data.push(damaged);
    let response = raw.call(&request, 12).await;
    let codes: Vec<_> = response
        .responses
        .iter()
        .flat_map(|topic| topic.partition_responses.iter().map(|it| it.error_code))
        .collect();
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let none = ErrorCode::NONE;
    assert_eq!(codes, [none, unknown, none, unknown, none]);
    for (topic, codec) in [
        ("zstd", Compression::Zstd),
        ("as_sent", Compression::Gzip),
        ("lz4", Compression::Lz4),
    ] {
        assert_eq!(
            first(&stored(&mut raw, topic, 0).await).compression(),
            Ok(codec),
            "{topic}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn zstd_is_for_clients_that_know_it() {
    // Those that write it have to say so, in every release; those that read a topic of it, up to 3.9.
    for (release, code) in [
        ("3.9", ErrorCode::UNSUPPORTED_COMPRESSION_TYPE),
        ("4.0", ErrorCode::NONE),
    ] {
        let kafka = start(EmbeddedBroker::builder().as_version(release));
        let mut raw = Raw::connect(&kafka, PORT);
        create(&mut raw, "t", &[("compression.type", "zstd")]).await;
        let old = produce_request("t", batch(&["a"], Producer::NONE), -1);
        let response = raw.call(&old, 6).await;
        let written = response.responses[0].partition_responses[0].error_code;
        assert_eq!(
            written,
            ErrorCode::NONE,
            "what the broker compresses itself is no matter"
        );
        let zstd = produce_request("t", batch_in(&["a"], Producer::NONE, Compression::Zstd), -1);
        let response = raw.call(&zstd, 6).await;
        let written = response.responses[0].partition_responses[0].error_code;
        assert_eq!(written, ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
        for (version, expected) in [(9, code), (10, ErrorCode::NONE)] {
            let response = raw.call(&fetch_request("t", 0, false), version).await;
            let read = response.responses[0].partitions[0].error_code;
            assert_eq!(read, expected, "{release}, Fetch {version}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn records_of_compressed_batches_are_at_most_as_long_as_the_topic_takes() {
    // Since Kafka 4.4, whose limit is for the length of a record and not of its value.
    let kafka = start(EmbeddedBroker::builder().as_version("4.4"));
    let mut raw = Raw::connect(&kafka, PORT);
    create(&mut raw, "t", &[("max.decompressed.message.bytes", "1000")]).await;
    let of = |length: usize| vec![(1_000, None, Some(vec![7; length]), vec![])];
    // Attributes, both deltas, no key, the value's length and no headers.
    let fits = 1_000 - 7;
    for (length, codec, code) in [
        (fits, Compression::Gzip, ErrorCode::NONE),
        (fits + 1, Compression::Gzip, ErrorCode::INVALID_RECORD),
        (fits + 1, Compression::Zstd, ErrorCode::INVALID_RECORD),
        // What comes as it is costs no more memory than was received.
        (fits + 1, Compression::None, ErrorCode::NONE),
    ] {
        let answer = produce(
            &mut raw,
            "t",
            sealed(&of(length), codec, BatchSeal::default()),
        )
        .await;
        assert_eq!(answer.error_code, code, "{length} {codec}");
        assert_eq!(answer.record_errors.len(), 0);
    }
}
