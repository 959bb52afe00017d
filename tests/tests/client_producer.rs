//! Goal: what the producer says about its records is what lies in a real Kafka's logs. Method:
//! records of all kinds are sent and read back by a reader that shares nothing with the client but
//! the metadata, while brokers are restarted, transactions time out and producers fence each other.

#![allow(clippy::indexing_slicing, reason = "out of bounds is a failed test")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thalweg_client::{
    Acks, Admin, ClientConfig, Cluster, Compression, Disposition, GroupMetadata, IsolationLevel,
    NewTopic, Offset, OffsetAndMetadata, PartitionId, ProduceError, Producer, ProducerRecord,
    RecordBatchBuilder, SendError, TopicPartition, TransactionError, TransactionOutcome,
    TransactionalProducer,
};
use thalweg_protocol::messages::{FeatureUpdateKey, UpdateFeaturesRequest};
use thalweg_protocol::records::Compressor;
use thalweg_protocol::{ApiKey, ErrorCode};
use thalweg_tests::brokers::{Kafka, Tests, Which};
use thalweg_tests::raw_call::RawConnection;
use thalweg_tests::raw_reader::{RawRecord, read_partition, stored_codecs};
use thalweg_tests::spoken::SpokenVersions;
use tokio::time::{Instant, sleep, timeout};

const COMMITTED: IsolationLevel = IsolationLevel::ReadCommitted;
const ALL: IsolationLevel = IsolationLevel::ReadUncommitted;

fn main() -> ExitCode {
    Tests::new()
        .test("all_codecs_round_trip", async |kafka| {
            all_codecs(
                &Bench::new(kafka.bootstrap_servers(), &kafka.unique_name("codecs"), 1).await,
            )
            .await;
        })
        .test("a_topic_stores_every_codec_in_its_own", async |kafka| {
            for codec in ["uncompressed", "gzip", "snappy", "lz4", "zstd"] {
                let name = kafka.unique_name(codec);
                let topic = NewTopic::new(name.as_str(), 1).config("compression.type", codec);
                let topic = topic.config("retention.ms", "-1");
                let config = ClientConfig::new(kafka.bootstrap_servers());
                let bench = Bench::with_topic(config, &name, topic).await;
                all_codecs(&bench).await;
                let stored = codec.parse().unwrap_or(Compression::None);
                let batches = stored_codecs(&bench.cluster, &bench.partition(0)).await;
                assert!(batches.len() >= 5, "{codec}: {} batches", batches.len());
                assert!(
                    batches.iter().all(|it| *it == stored),
                    "{codec}: {batches:?}"
                );
            }
        })
        .test("older_versions_of_produce_are_spoken", async |kafka| {
            for release in ["2.1", "2.5", "2.8", "3.5", "3.9"] {
                let name = kafka.unique_name("old");
                let config = ClientConfig::new(kafka.bootstrap_servers()).broker_version(release);
                older_version(&Bench::with(config, &name, 1).await).await;
            }
        })
        .test("every_level_of_acknowledgement_delivers", async |kafka| {
            acks(&Bench::new(kafka.bootstrap_servers(), &kafka.unique_name("acks"), 3).await).await;
        })
        .test("batches_that_are_too_large_are_split", async |kafka| {
            let name = kafka.unique_name("large");
            let config = ClientConfig::new(kafka.bootstrap_servers());
            let topic = NewTopic::new(name.as_str(), 1).config("max.message.bytes", "20000");
            too_large(&Bench::with_topic(config, &name, topic).await).await;
        })
        .test(
            "records_without_a_key_spread_over_all_partitions",
            async |kafka| {
                spread(
                    &Bench::new(kafka.bootstrap_servers(), &kafka.unique_name("spread"), 4).await,
                )
                .await;
            },
        )
        .test(
            "a_full_buffer_makes_send_wait_and_try_send_refuse",
            async |kafka| {
                full(&Bench::new(kafka.bootstrap_servers(), &kafka.unique_name("full"), 1).await)
                    .await;
            },
        )
        .test(
            "what_cannot_be_sent_is_refused_with_a_reason",
            async |kafka| {
                refused(
                    &Bench::new(kafka.bootstrap_servers(), &kafka.unique_name("refused"), 2).await,
                )
                .await;
            },
        )
        .test("a_dropped_producer_still_delivers", async |kafka| {
            dropped(&Bench::new(kafka.bootstrap_servers(), &kafka.unique_name("drop"), 1).await)
                .await;
        })
        .test(
            "transactions_are_visible_as_a_whole_or_not_at_all",
            async |kafka| {
                transactions(
                    &Bench::new(kafka.bootstrap_servers(), &kafka.unique_name("tx"), 3).await,
                )
                .await;
            },
        )
        .test(
            "the_next_transaction_fills_while_one_is_committed",
            async |kafka| {
                overlapping(
                    &Bench::new(kafka.bootstrap_servers(), &kafka.unique_name("ov"), 2).await,
                )
                .await;
            },
        )
        .test(
            "an_older_producer_of_the_same_id_is_fenced",
            async |kafka| {
                fenced(
                    &Bench::new(kafka.bootstrap_servers(), &kafka.unique_name("fence"), 1).await,
                )
                .await;
            },
        )
        .test(
            "a_transaction_that_timed_out_is_aborted_and_recovered_from",
            async |kafka| {
                timed_out(
                    &Bench::new(kafka.bootstrap_servers(), &kafka.unique_name("late"), 1).await,
                )
                .await;
            },
        )
        .test("offsets_of_a_stranger_are_refused", async |kafka| {
            strangers(&Bench::new(kafka.bootstrap_servers(), &kafka.unique_name("st"), 1).await)
                .await;
        })
        .test_alone("transactions_work_before_protocol_two", |which| {
            protocol_one(which, 0)
        })
        .test_alone("transactions_go_on_through_an_upgrade", |which| {
            protocol_one(which, 1)
        })
        .test_alone("a_restarted_broker_neither_loses_nor_repeats", restarts)
        .run()
}

/// A topic to produce to.
struct Bench {
    cluster: Cluster,
    admin: Admin,
    topic: Arc<str>,
}

impl Bench {
    async fn new(servers: &str, topic: &str, partitions: i32) -> Self {
        Bench::with(ClientConfig::new(servers), topic, partitions).await
    }

    async fn with(config: ClientConfig, topic: &str, partitions: i32) -> Self {
        // The timestamps of tests are of long ago.
        let new = NewTopic::new(topic, partitions).config("retention.ms", "-1");
        Bench::with_topic(config, topic, new).await
    }

    async fn with_topic(config: ClientConfig, topic: &str, new: NewTopic) -> Self {
        let admin = Admin::connect(config.clone()).await.expect("a cluster");
        let created = admin.create_topics([new]).await;
        created.all().expect("the topic is created");
        Bench {
            cluster: Cluster::connect(config).await.expect("a cluster"),
            admin,
            topic: topic.into(),
        }
    }

    fn partition(&self, partition: i32) -> TopicPartition {
        TopicPartition::new(Arc::clone(&self.topic), PartitionId(partition))
    }

    fn producer(&self) -> Producer {
        Producer::builder(&self.cluster)
            .build()
            .expect("sound settings")
    }

    async fn transactional(&self, id: &str) -> TransactionalProducer {
        let mut producer = TransactionalProducer::builder(&self.cluster)
            .build_transactional(format!("{}-{id}", self.topic))
            .expect("sound settings");
        producer.init().await.expect("a producer id");
        producer
    }

    fn record<'r>(&'r self, value: &'r str) -> ProducerRecord<'r> {
        ProducerRecord::to(&self.topic).value(value)
    }

    async fn read(&self, partition: i32, isolation: IsolationLevel) -> Vec<RawRecord> {
        read_partition(&self.cluster, &self.partition(partition), isolation).await
    }

    async fn texts(&self, partition: i32, isolation: IsolationLevel) -> Vec<String> {
        let records = self.read(partition, isolation).await;
        records
            .iter()
            .map(|record| record.text().to_string())
            .collect()
    }

    /// The values of committed records, once there are that many: markers follow the commit.
    async fn committed(&self, partition: i32, count: usize) -> Vec<String> {
        for _ in 0..100 {
            let texts = self.texts(partition, COMMITTED).await;
            if texts.len() >= count {
                return texts;
            }
            sleep(Duration::from_millis(50)).await;
        }
        self.texts(partition, COMMITTED).await
    }
}

async fn all_codecs(bench: &Bench) {
    let mut expected = Vec::new();
    for compression in [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ] {
        let mut producer = Producer::builder(&bench.cluster)
            .compression(compression)
            .batch_bytes(8 << 10)
            .build()
            .expect("sound settings");
        let mut tickets = Vec::new();
        for number in 0..500_i64 {
            let key = format!("k{number}");
            let value = format!(
                "{compression} {number} {}",
                "x".repeat(number as usize % 200)
            );
            let headers = [
                ("codec", Some(compression.name().as_bytes())),
                ("null", None),
                ("codec", Some(&b"again"[..])),
            ];
            let record = ProducerRecord::to(&bench.topic)
                .key(&key)
                .timestamp(1_000 + number);
            let record = match number % 10 {
                0 => record,
                1 => record.value("").headers(&headers),
                _ => record.value(&value).headers(&headers),
            };
            tickets.push(producer.send(record).await.expect("taken"));
            expected.push((key, (number % 10 > 1).then_some(value), number));
        }
        producer.flush().await.expect("delivered");
        for (index, ticket) in tickets.into_iter().enumerate() {
            let delivered = producer.delivered(ticket).await.expect("delivered");
            let base = expected.len() - 500;
            assert_eq!(delivered.offset, Offset((base + index) as i64));
            assert_eq!(delivered.topic_partition, bench.partition(0));
        }
        assert_eq!(producer.buffered_bytes(), 0);
    }
    let records = bench.read(0, ALL).await;
    assert_eq!(records.len(), expected.len());
    for (record, (key, value, number)) in records.iter().zip(&expected) {
        assert_eq!(record.key.as_deref(), Some(key.as_bytes()));
        assert_eq!(record.timestamp, 1_000 + number);
        match number % 10 {
            0 => assert_eq!(record.value, None),
            1 => assert_eq!(record.value, Some(Bytes::new())),
            _ => assert_eq!(Some(record.text()), value.as_deref()),
        }
        assert_eq!(record.headers.len(), if number % 10 == 0 { 0 } else { 3 });
    }
}

async fn older_version(bench: &Bench) {
    let mut producer = bench.producer();
    producer.send(bench.record("plain")).await.expect("taken");
    producer.flush().await.expect("delivered");
    let mut producer = bench.transactional("old").await;
    let mut transaction = producer.begin();
    transaction
        .send(bench.record("committed"))
        .await
        .expect("taken");
    transaction.commit().await.expect("committed");
    assert_eq!(bench.committed(0, 2).await, ["plain", "committed"]);
}

async fn acks(bench: &Bench) {
    // Without acknowledgement nobody tells that the new topic has no leader yet.
    bench.read(0, IsolationLevel::ReadUncommitted).await;
    for (partition, acks) in [Acks::None, Acks::Leader, Acks::All]
        .into_iter()
        .enumerate()
    {
        let partition = partition as i32;
        let mut producer = Producer::builder(&bench.cluster)
            .acks(acks)
            .idempotence(false)
            .batch_bytes(1_000)
            .build()
            .expect("sound settings");
        let mut last = None;
        let mut sent = Vec::new();
        for number in 0..100 {
            let value = format!("{acks:?} {number}");
            let record = bench.record(&value).partition(PartitionId(partition));
            last = Some(producer.send(record).await.expect("taken"));
            sent.push(value);
        }
        producer.flush().await.expect("delivered");
        let ticket = last.expect("something was sent");
        let delivered = producer.delivered(ticket).await.expect("delivered");
        let unknown = Offset(-1);
        assert_eq!(delivered.offset == unknown, acks == Acks::None, "{acks:?}");
        // Nobody says when what was sent without acknowledgement is written.
        assert_eq!(bench.committed(partition, sent.len()).await, sent);
    }
}

async fn too_large(bench: &Bench) {
    let mut producer = Producer::builder(&bench.cluster)
        .batch_bytes(200_000)
        .request_bytes_max(200_000)
        .build()
        .expect("sound settings");
    let mut tickets = Vec::new();
    let mut sent = Vec::new();
    for number in 0..200 {
        let value = format!("{number} {}", "x".repeat(900));
        tickets.push(producer.send(bench.record(&value)).await.expect("taken"));
        sent.push(value);
    }
    producer.flush().await.expect("delivered in parts");
    for (offset, ticket) in tickets.into_iter().enumerate() {
        let delivered = producer.delivered(ticket).await.expect("delivered");
        assert_eq!(delivered.offset, Offset(offset as i64));
    }
    let huge = "x".repeat(30_000);
    let ticket = producer.send(bench.record(&huge)).await.expect("taken");
    let error = producer.flush().await.expect_err("the topic refuses it");
    assert!(matches!(error, ProduceError::TooLarge { .. }), "{error}");
    assert!(error.to_string().contains("max.message.bytes"), "{error}");
    assert_eq!(producer.delivered(ticket).await, Err(error));
    producer.send(bench.record("after")).await.expect("taken");
    producer
        .flush()
        .await
        .expect("the refused one leaves no gap");
    sent.push("after".into());
    assert_eq!(bench.texts(0, ALL).await, sent);
}

async fn spread(bench: &Bench) {
    let mut producer = Producer::builder(&bench.cluster)
        .batch_bytes(2_000)
        .build()
        .expect("sound settings");
    let mut seen = BTreeMap::new();
    let mut tickets = Vec::new();
    for number in 0..4_000 {
        let value = format!("{number}");
        tickets.push(producer.send(bench.record(&value)).await.expect("taken"));
    }
    producer.flush().await.expect("delivered");
    for ticket in tickets {
        let delivered = producer.delivered(ticket).await.expect("delivered");
        *seen.entry(delivered.partition()).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
    assert!(seen.values().all(|&count| count > 300), "{seen:?}");
}

async fn full(bench: &Bench) {
    let mut producer = Producer::builder(&bench.cluster)
        .batch_bytes(10_000)
        .buffer_bytes(40_000)
        .linger(Duration::from_secs(60))
        .build()
        .expect("sound settings");
    let value = "x".repeat(1_000);
    let error = producer
        .try_send(bench.record(&value))
        .expect_err("nothing is known of it");
    assert!(
        matches!(error, SendError::TopicNotPrepared { .. }),
        "{error}"
    );
    producer
        .prepare_topic(&bench.topic)
        .await
        .expect("it exists");
    let mut refused = 0;
    for _ in 0..200 {
        match producer.try_send(bench.record(&value)) {
            Ok(_) => {}
            Err(SendError::Full { buffer_bytes }) => {
                assert_eq!(buffer_bytes, 40_000);
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
        assert!(
            producer.buffered_bytes() <= 60_000,
            "{}",
            producer.buffered_bytes()
        );
    }
    assert!(refused > 0, "200 kB went into 40 kB without a pause");
    for _ in 0..200 {
        producer
            .send(bench.record(&value))
            .await
            .expect("waits for room");
    }
    producer.flush().await.expect("delivered");
    assert_eq!(bench.read(0, ALL).await.len(), 400 - refused);
    producer.ready(40_000).await;
}

async fn refused(bench: &Bench) {
    let mut producer = bench.producer();
    let missing = ProducerRecord::to("no-such-topic-here").value("x");
    let error = timeout(Duration::from_secs(20), producer.send(missing))
        .await
        .expect("no hang")
        .expect_err("it does not exist");
    assert!(error.to_string().contains("no-such-topic-here"), "{error}");
    assert_eq!(error.disposition(), Disposition::Fatal);

    let record = bench.record("x").partition(PartitionId(7));
    let error = producer.send(record).await.expect_err("there are two");
    assert!(
        matches!(error, SendError::NoSuchPartition { partitions: 2, .. }),
        "{error}"
    );

    let huge = vec![0_u8; 2 << 20];
    let record = ProducerRecord::to(&bench.topic).value(&huge);
    let error = producer
        .send(record)
        .await
        .expect_err("larger than a request");
    assert!(error.to_string().contains("request_bytes_max"), "{error}");

    let record = bench.record("x").timestamp(-5);
    let error = producer.send(record).await.expect_err("before 1970");
    assert!(matches!(error, SendError::Unencodable { .. }), "{error}");

    let error = Producer::builder(&bench.cluster)
        .acks(Acks::None)
        .build()
        .expect_err("idempotence needs all");
    assert!(error.to_string().contains("idempotence(false)"), "{error}");

    let producer = TransactionalProducer::builder(&bench.cluster)
        .transaction_timeout(Duration::from_secs(86_400))
        .build_transactional("too-patient");
    let error = producer
        .expect("sound settings")
        .init()
        .await
        .expect_err("above the broker's");
    assert!(
        error.to_string().contains("INVALID_TRANSACTION_TIMEOUT"),
        "{error}"
    );
    assert_eq!(error.disposition(), Disposition::Fatal);
}

async fn dropped(bench: &Bench) {
    let mut producer = Producer::builder(&bench.cluster)
        .linger(Duration::from_secs(60))
        .build()
        .expect("sound settings");
    for number in 0..1_000 {
        producer
            .send(bench.record(&number.to_string()))
            .await
            .expect("taken");
    }
    drop(producer);
    assert_eq!(bench.committed(0, 1_000).await.len(), 1_000);
}

async fn transactions(bench: &Bench) {
    let mut producer = bench.transactional("a").await;
    let group = GroupMetadata::outside(format!("{}-group", bench.topic));
    let offsets = |offset| {
        let committed = OffsetAndMetadata {
            metadata: format!("note {offset}").into(),
            ..OffsetAndMetadata::new(Offset(offset))
        };
        vec![(bench.partition(0), committed)]
    };

    let mut transaction = producer.begin();
    for partition in 0..3 {
        let record = bench.record("committed").partition(PartitionId(partition));
        transaction.send(record).await.expect("taken");
    }
    transaction
        .send_offsets(&offsets(5), &group)
        .await
        .expect("taken");
    transaction.commit().await.expect("committed");

    let mut transaction = producer.begin();
    let record = bench.record("aborted").partition(PartitionId(0));
    transaction.send(record).await.expect("taken");
    transaction
        .send_offsets(&offsets(6), &group)
        .await
        .expect("taken");
    transaction
        .producer()
        .flush()
        .await
        .expect("written, not committed");
    transaction.abort().await.expect("aborted");

    let mut transaction = producer.begin();
    let record = bench.record("dropped").partition(PartitionId(1));
    transaction.send(record).await.expect("taken");
    transaction
        .producer()
        .flush()
        .await
        .expect("written, not committed");
    drop(transaction);

    // Neither record nor offset: nothing to ask a coordinator for.
    producer.begin().commit().await.expect("nothing to do");

    let builder = &mut RecordBatchBuilder::new(Compression::Zstd);
    builder.append(7, None, Some(b"batch"), &[]).expect("small");
    let batch = builder.build(&mut Compressor::new());
    let mut transaction = producer.begin();
    let ticket = transaction
        .try_send_batch(&bench.partition(2), batch)
        .expect("taken");
    transaction
        .send_offsets(&offsets(9), &group)
        .await
        .expect("taken");
    transaction.commit().await.expect("committed");
    let delivered = producer.delivered(ticket).await.expect("delivered");
    assert_eq!(delivered.partition(), PartitionId(2));

    assert_eq!(bench.committed(0, 1).await, ["committed"]);
    assert_eq!(bench.committed(1, 1).await, ["committed"]);
    assert_eq!(bench.committed(2, 2).await, ["committed", "batch"]);
    assert_eq!(bench.texts(0, ALL).await, ["committed", "aborted"]);
    assert_eq!(bench.texts(1, ALL).await, ["committed", "dropped"]);
    let input = [bench.partition(0)];
    let committed = bench
        .admin
        .committed_offsets(&group.group_id, &input, true)
        .await
        .expect("an answer");
    let committed = committed.values().next().expect("an offset");
    assert_eq!(
        (committed.offset, &*committed.metadata),
        (Offset(9), "note 9")
    );
}

async fn overlapping(bench: &Bench) {
    let mut producer = bench.transactional("a").await;
    let mut commits = Vec::new();
    let mut expected = Vec::new();
    for number in 0..50 {
        for part in 0..20 {
            let value = format!("{number}.{part}");
            let record = bench.record(&value).partition(PartitionId(0));
            producer.send(record).await.expect("taken");
            expected.push(value);
        }
        // Not awaited: the next transaction is filled meanwhile.
        commits.push(producer.commit());
    }
    for commit in commits {
        commit.await.expect("committed");
    }
    assert_eq!(bench.committed(0, expected.len()).await, expected);
}

async fn fenced(bench: &Bench) {
    let mut older = bench.transactional("same").await;
    let mut transaction = older.begin();
    transaction
        .send(bench.record("older, open"))
        .await
        .expect("taken");
    transaction.producer().flush().await.expect("written");

    let mut newer = bench.transactional("same").await;
    newer.send(bench.record("newer")).await.expect("taken");
    newer.commit().await.expect("committed");

    let error = transaction.commit().await.expect_err("fenced");
    assert_eq!(error.outcome(), TransactionOutcome::Aborted);
    assert_eq!(error.disposition(), Disposition::Reinitialise);
    assert!(
        matches!(error.cause(), TransactionError::Fenced { .. }),
        "{error}"
    );
    // Until it is told to take the id back, it does nothing.
    older.send(bench.record("older, fenced")).await.ok();
    let error = older.commit().await.expect_err("still fenced");
    assert_eq!(error.disposition(), Disposition::Reinitialise);

    older.reinitialise().await.expect("takes the id back");
    older
        .send(bench.record("older again"))
        .await
        .expect("taken");
    older.commit().await.expect("committed");
    newer
        .send(bench.record("newer, fenced"))
        .await
        .expect("taken");
    let error = newer.commit().await.expect_err("fenced in turn");
    assert_eq!(error.disposition(), Disposition::Reinitialise);
    assert_eq!(bench.committed(0, 2).await, ["newer", "older again"]);
}

async fn timed_out(bench: &Bench) {
    let mut producer = TransactionalProducer::builder(&bench.cluster)
        .transaction_timeout(Duration::from_secs(1))
        .build_transactional(format!("{}-slow", bench.topic))
        .expect("sound settings");
    producer.init().await.expect("a producer id");
    producer
        .send(bench.record("too slow"))
        .await
        .expect("taken");
    producer.flush().await.expect("written");
    sleep(Duration::from_secs(5)).await;
    producer
        .send(bench.record("too late"))
        .await
        .expect("taken");
    let error = producer
        .commit()
        .await
        .expect_err("the coordinator aborted it");
    assert_eq!(error.outcome(), TransactionOutcome::Aborted, "{error}");
    assert_eq!(error.disposition(), Disposition::Reinitialise, "{error}");
    producer.reinitialise().await.expect("goes on");
    producer.send(bench.record("in time")).await.expect("taken");
    producer.commit().await.expect("committed");
    assert_eq!(bench.committed(0, 1).await, ["in time"]);
}

async fn strangers(bench: &Bench) {
    let mut producer = bench.transactional("a").await;
    let stranger = GroupMetadata {
        generation_id: 4,
        member_id: "nobody".into(),
        ..GroupMetadata::outside(format!("{}-group", bench.topic))
    };
    let offsets = [(bench.partition(0), OffsetAndMetadata::new(Offset(1)))];
    let mut transaction = producer.begin();
    transaction
        .send(bench.record("with offsets"))
        .await
        .expect("taken");
    let error = transaction
        .send_offsets(&offsets, &stranger)
        .await
        .expect_err("a stranger");
    assert_eq!(error.disposition(), Disposition::Rejoin, "{error}");
    let error = transaction
        .commit()
        .await
        .expect_err("its offsets were refused");
    assert_eq!(error.outcome(), TransactionOutcome::Aborted);
    assert_eq!(error.disposition(), Disposition::Rejoin, "{error}");
    producer.send(bench.record("next")).await.expect("taken");
    producer.commit().await.expect("committed");
    assert_eq!(bench.committed(0, 1).await, ["next"]);
}

/// Goal: without `transaction.version` 2 the older protocol is spoken, and does all that the newer
/// one does. Level 1 only changes how the coordinator stores transactions.
async fn protocol_one(which: Which, level: i16) {
    let builder = which.builder().feature("transaction.version", level);
    let kafka = builder.start().await;
    let spoken = SpokenVersions::default();
    let config = || ClientConfig::new(kafka.bootstrap_servers()).transport(spoken.clone());
    transactions(&Bench::with(config(), "one", 3).await).await;
    overlapping(&Bench::with(config(), "overlapping", 2).await).await;
    fenced(&Bench::with(config(), "fenced", 1).await).await;
    timed_out(&Bench::with(config(), "late", 1).await).await;
    strangers(&Bench::with(config(), "strangers", 1).await).await;
    assert_eq!(spoken.take(ApiKey::Produce), [11]);
    assert_eq!(spoken.take(ApiKey::TxnOffsetCommit), [4]);
    assert_eq!(spoken.take(ApiKey::EndTxn), [4]);
    assert_eq!(spoken.take(ApiKey::AddPartitionsToTxn), [3]);
    if level > 0 {
        upgrade(&kafka, &Bench::with(config(), "upgrade", 1).await, &spoken).await;
    }
}

/// Goal: a producer that lives through the upgrade to protocol two uses it from the first transaction
/// on after it hears of it, and nothing is lost. Method: brokers tell of features when they are
/// connected to, which a second client of the same cluster does.
async fn upgrade(kafka: &Kafka, bench: &Bench, spoken: &SpokenVersions) {
    let mut producer = bench.transactional("alive").await;
    let group = GroupMetadata::outside(format!("{}-group", bench.topic));
    let mut commit = async |value: &str, offset: i64| {
        let mut transaction = producer.begin();
        let record = bench.record(value);
        transaction.send(record).await.expect("taken");
        let offset = OffsetAndMetadata::new(Offset(offset));
        let offsets = [(bench.partition(0), offset)];
        let sent = transaction.send_offsets(&offsets, &group);
        sent.await.expect("taken");
        transaction.commit().await.expect("committed");
    };
    commit("before", 1).await;
    let mut raw = RawConnection::open(kafka.bootstrap_servers()).await;
    let request = UpdateFeaturesRequest {
        timeout_ms: 10_000,
        feature_updates: vec![FeatureUpdateKey {
            feature: "transaction.version".into(),
            max_version_level: 2,
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = raw.call(&request, 1).await;
    assert_eq!(
        answer.error_code,
        ErrorCode::NONE,
        "{:?}",
        answer.error_message
    );
    commit("not heard of yet", 2).await;
    assert_eq!(spoken.take(ApiKey::EndTxn), [4]);
    let mut heard = false;
    for number in 0..50 {
        sleep(Duration::from_millis(100)).await;
        let mut newcomer = bench.producer();
        newcomer
            .send(bench.record("newcomer"))
            .await
            .expect("taken");
        newcomer.flush().await.expect("delivered");
        spoken.take(ApiKey::Produce);
        commit("heard of", 3 + number).await;
        heard = spoken.take(ApiKey::EndTxn) == [5];
        if heard {
            assert!(spoken.take(ApiKey::Produce) >= vec![12]);
            break;
        }
    }
    assert!(heard, "protocol two is never spoken");
    spoken.take(ApiKey::TxnOffsetCommit);
    spoken.take(ApiKey::AddPartitionsToTxn);
    commit("after", 100).await;
    assert_eq!(spoken.take(ApiKey::TxnOffsetCommit), [5]);
    assert_eq!(spoken.take(ApiKey::AddPartitionsToTxn), [0_i16; 0]);
    let mut texts = bench.texts(0, COMMITTED).await;
    let begun = Instant::now();
    while texts.last().is_none_or(|last| last != "after")
        && begun.elapsed() < Duration::from_secs(20)
    {
        sleep(Duration::from_millis(50)).await;
        texts = bench.texts(0, COMMITTED).await;
    }
    let own = texts
        .iter()
        .filter(|text| *text != "newcomer" && *text != "heard of");
    assert_eq!(
        own.collect::<Vec<_>>(),
        ["before", "not heard of yet", "after"]
    );
    let committed = bench
        .admin
        .committed_offsets(&group.group_id, &[bench.partition(0)], true)
        .await
        .expect("an answer");
    assert_eq!(committed[&bench.partition(0)].offset, Offset(100));
}

async fn restarts(which: Which) {
    let kafka = which.builder().start().await;
    let bench = Bench::new(kafka.bootstrap_servers(), "restarts", 3).await;
    let broker = kafka.broker_ids()[0];
    let mut producer = Producer::builder(&bench.cluster)
        .batch_bytes(4_000)
        .linger(Duration::from_millis(1))
        .build()
        .expect("sound settings");
    let mut sent: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    let load = async {
        for number in 0..30_000 {
            let partition = number % 3;
            let value = format!("{number}");
            let record = bench.record(&value).partition(PartitionId(partition));
            producer.send(record).await.expect("taken");
            sent.entry(partition).or_default().push(value);
            if number % 10 == 0 {
                sleep(Duration::from_millis(2)).await;
            }
        }
        producer.flush().await.expect("delivered in spite of all");
    };
    let trouble = async {
        for round in 0..3 {
            sleep(Duration::from_millis(1_200)).await;
            if round == 1 {
                kafka.shut_down(broker).await;
            } else {
                kafka.kill(broker).await;
            }
            kafka.restart(broker).await;
        }
    };
    tokio::join!(load, trouble);
    for (partition, values) in sent {
        assert_eq!(
            bench.texts(partition, ALL).await,
            values,
            "partition {partition}"
        );
    }
}
