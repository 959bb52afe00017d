//! Goal: what a cluster does not allow, and what is no cluster, is told in words that name it, soon,
//! and spoils nothing else. Method: a Kafka with ACLs that deny this client one thing each, topics
//! with limits, and servers that are no brokers or too old ones.

#![allow(clippy::indexing_slicing, reason = "out of bounds is a failed test")]

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use thalweg_client::{
    Admin, ClientConfig, Cluster, ConsumeError, Consumer, Disposition, ErrorCode, GroupMetadata,
    IsolationLevel, NewTopic, Offset, OffsetAndMetadata, OffsetCommitError, OffsetReset,
    PartitionId, ProduceError, Producer, ProducerRecord, StartAt, TopicPartition,
    TransactionalProducer,
};
use thalweg_protocol::messages::{
    AclCreation, ApiVersion, ApiVersionsRequest, ApiVersionsResponse, CreateAclsRequest,
};
use thalweg_protocol::{ApiKey, Decoder, decode_request_header, encode_response};
use thalweg_tests::brokers::{Kafka, Tests, Which};
use thalweg_tests::raw_call::RawConnection;
use thalweg_tests::raw_reader::read_partition;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

/// Longer than anything here takes on a slow machine, and shorter than a retry that never ends.
const PATIENCE: Duration = Duration::from_secs(20);

// Numbers of the protocol, as `AclCreation` has them.
const TOPIC: i8 = 2;
const GROUP: i8 = 3;
const TRANSACTIONAL_ID: i8 = 5;
const ALL: i8 = 2;
const READ: i8 = 3;
const WRITE: i8 = 4;
const DESCRIBE: i8 = 8;
const DENY: i8 = 2;
const ALLOW: i8 = 3;

fn main() -> ExitCode {
    Tests::new()
        .test_alone("what_is_denied_is_named_and_spoils_nothing_else", denied)
        .test("a_timestamp_a_topic_refuses_is_told", async |kafka| {
            timestamps(&kafka).await;
        })
        .without_broker("what_is_no_broker_is_told_in_time", no_broker)
        .without_broker(
            "a_broker_too_old_is_told_with_the_release_it_takes",
            too_old,
        )
        .run()
}

/// An error's words, which must come soon and hold all of `parts`.
async fn told<T, E: std::fmt::Display>(
    what: impl Future<Output = Result<T, E>>,
    parts: &[&str],
) -> E {
    let outcome = timeout(PATIENCE, what).await;
    let Err(error) = outcome.expect("no hang and no endless retry") else {
        panic!("allowed, but should be told {parts:?}");
    };
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "no '{part}' in: {text}");
    }
    error
}

fn acl(resource_type: i8, name: &str, operation: i8, permission_type: i8) -> AclCreation {
    AclCreation {
        resource_type,
        resource_name: name.into(),
        principal: "User:ANONYMOUS".into(),
        host: "*".into(),
        operation,
        permission_type,
        ..Default::default()
    }
}

async fn denied(which: Which) {
    let kafka = which
        .builder()
        .config(
            "authorizer.class.name",
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        )
        .config("allow.everyone.if.no.acl.found", "true")
        .start()
        .await;
    let config = ClientConfig::new(kafka.bootstrap_servers());
    let admin = Admin::connect(config.clone()).await.expect("a cluster");
    let topics = ["open", "no-read", "no-write", "hidden"].map(|name| NewTopic::new(name, 1));
    admin.create_topics(topics).await.all().expect("topics");

    let mut creations = Vec::new();
    for (kind, name, operation) in [
        (TOPIC, "no-read", READ),
        (TOPIC, "no-write", WRITE),
        (GROUP, "no-group", READ),
        (GROUP, "hidden-group", DESCRIBE),
        (TRANSACTIONAL_ID, "no-id", WRITE),
        (TOPIC, "hidden", DESCRIBE),
    ] {
        // What has any ACL is closed but for what they allow.
        creations.push(acl(kind, name, ALL, ALLOW));
        creations.push(acl(kind, name, operation, DENY));
    }
    let mut raw = RawConnection::open(kafka.bootstrap_servers()).await;
    let request = CreateAclsRequest {
        creations,
        ..Default::default()
    };
    for result in raw.call(&request, 3).await.results {
        let (code, message) = (result.error_code, result.error_message);
        assert_eq!(code, ErrorCode::NONE, "{message:?}");
    }
    // The broker learns of them a moment later; the last one is the last to be known.
    let begun = Instant::now();
    while admin.describe_topics(["hidden"]).await.all().is_ok() {
        assert!(begun.elapsed() < PATIENCE, "the ACLs have no effect");
        sleep(Duration::from_millis(50)).await;
    }

    let cluster = Cluster::connect(config).await.expect("a cluster");
    denied_producer(&cluster).await;
    denied_consumer(&cluster).await;
    denied_group(&cluster, &admin).await;
    denied_transactions(&cluster).await;
}

fn record(topic: &str) -> ProducerRecord<'_> {
    ProducerRecord::to(topic).value("x")
}

async fn denied_producer(cluster: &Cluster) {
    let mut producer = Producer::builder(cluster).build().expect("sound");
    let denied = ["'hidden'", "TOPIC_AUTHORIZATION_FAILED"];
    told(producer.send(record("hidden")), &denied).await;
    let ticket = producer.send(record("no-write")).await.expect("taken");
    let denied = ["no-write", "TOPIC_AUTHORIZATION_FAILED"];
    told(producer.flush(), &denied).await;
    let error = told(producer.delivered(ticket), &denied).await;
    assert_eq!(error.disposition(), Disposition::Fatal);
    producer.send(record("open")).await.expect("taken");
    producer
        .flush()
        .await
        .expect("the others are not concerned");
}

async fn denied_consumer(cluster: &Cluster) {
    for start in [StartAt::Offset(Offset(0)), StartAt::Earliest] {
        let mut consumer = Consumer::builder(cluster).build().expect("sound");
        let partitions = ["no-read", "hidden", "open"].map(|topic| TopicPartition::new(topic, 0));
        let partitions = partitions.map(|partition| (partition, start));
        consumer.assign(partitions).expect("assigned");
        let mut denied = Vec::new();
        let mut read = 0;
        while denied.len() < 2 || read == 0 {
            match timeout(PATIENCE, consumer.recv()).await.expect("no hang") {
                Ok(fetched) => {
                    assert_eq!(&*fetched.topic_partition().topic, "open");
                    read += fetched.batches().count();
                }
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.contains("TOPIC_AUTHORIZATION_FAILED"), "{text}");
                    assert!(text.contains("kafka-acls"), "{text}");
                    let partition = error.topic_partition().expect("about a partition");
                    denied.push(partition.topic.to_string());
                }
            }
        }
        denied.sort();
        assert_eq!(denied, ["hidden", "no-read"], "{start:?}");
    }
}

async fn denied_group(cluster: &Cluster, admin: &Admin) {
    let in_group = |group: &'static str| {
        let builder = Consumer::builder(cluster).group_id(group);
        let builder = builder.auto_offset_reset(OffsetReset::Earliest);
        builder.build().expect("sound")
    };
    let denied = [
        "group 'no-group'",
        "GROUP_AUTHORIZATION_FAILED",
        "kafka-acls",
    ];
    let mut consumer = in_group("no-group");
    consumer.subscribe(["open"]).expect("a group");
    let error = told(consumer.recv(), &denied).await;
    assert!(matches!(error, ConsumeError::Group(_)), "{error}");

    let open = TopicPartition::new("open", 0);
    let mut consumer = in_group("no-group");
    let start = StartAt::Offset(Offset(0));
    consumer.assign([(open.clone(), start)]).expect("assigned");
    timeout(PATIENCE, consumer.recv())
        .await
        .expect("no hang")
        .expect("reading needs no group");
    let offset = OffsetAndMetadata::new(Offset(1));
    let error = told(consumer.commit([(open.clone(), offset)]), &denied).await;
    assert!(matches!(error, OffsetCommitError::Failed { .. }), "{error}");
    let hidden = [
        "group 'hidden-group'",
        "GROUP_AUTHORIZATION_FAILED",
        "kafka-acls",
    ];
    let mut consumer = in_group("hidden-group");
    let start = StartAt::Committed;
    consumer.assign([(open.clone(), start)]).expect("assigned");
    let error = told(consumer.recv(), &hidden).await;
    assert_eq!(error.topic_partition(), Some(&open));
    let offset = OffsetAndMetadata::new(Offset(1));
    told(consumer.commit([(open.clone(), offset)]), &hidden).await;
    told(
        consumer.committed(std::slice::from_ref(&open), true),
        &hidden,
    )
    .await;
    told(
        admin.committed_offsets("hidden-group", &[open], false),
        &hidden,
    )
    .await;
    let mut consumer = in_group("hidden-group");
    consumer.subscribe(["open"]).expect("a group");
    told(consumer.recv(), &hidden).await;

    let mut consumer = in_group("yes-group");
    consumer.subscribe(["hidden", "open"]).expect("a group");
    let denied = ["'hidden'", "TOPIC_AUTHORIZATION_FAILED"];
    let mut read = false;
    loop {
        match timeout(PATIENCE, consumer.recv()).await.expect("no hang") {
            Ok(_) => read = true,
            Err(error) => {
                let text = error.to_string();
                assert!(denied.iter().all(|part| text.contains(part)), "{text}");
                break;
            }
        }
    }
    if !read {
        let fetched = timeout(PATIENCE, consumer.recv()).await.expect("no hang");
        fetched.expect("the other topic is read");
    }
}

async fn denied_transactions(cluster: &Cluster) {
    let build = |id: &'static str| {
        let builder = TransactionalProducer::builder(cluster);
        builder.build_transactional(id).expect("sound")
    };
    let denied = ["no-id", "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"];
    let mut producer = build("no-id");
    let error = told(producer.init(), &denied).await;
    assert_eq!(error.disposition(), Disposition::Fatal);

    let mut producer = build("yes-id");
    producer.init().await.expect("an id");
    producer.send(record("no-write")).await.expect("taken");
    let denied = ["no-write", "TOPIC_AUTHORIZATION_FAILED"];
    let error = told(producer.commit(), &denied).await;
    assert_eq!(error.disposition(), Disposition::Fatal, "{error}");

    let group = GroupMetadata::outside("no-group");
    let offsets = [(
        TopicPartition::new("open", 0),
        OffsetAndMetadata::new(Offset(1)),
    )];
    let mut transaction = producer.begin();
    transaction.send(record("open")).await.expect("taken");
    let denied = ["no-group", "GROUP_AUTHORIZATION_FAILED"];
    let error = told(transaction.send_offsets(&offsets, &group), &denied).await;
    assert_eq!(error.disposition(), Disposition::Fatal, "{error}");
    assert!(!error.to_string().contains("rejoin"), "{error}");
    told(transaction.commit(), &denied).await;

    let mut transaction = producer.begin();
    let record = ProducerRecord::to("open").value("allowed");
    transaction.send(record).await.expect("taken");
    timeout(PATIENCE, transaction.commit())
        .await
        .expect("no hang")
        .expect("what was denied is behind it");
    let open = TopicPartition::new("open", 0);
    for _ in 0..100 {
        let read = read_partition(cluster, &open, IsolationLevel::ReadCommitted).await;
        if read.len() == 2 {
            assert_eq!(
                read[1].text(),
                "allowed",
                "the one that was denied was aborted"
            );
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the committed record does not become visible");
}

/// Goal: a record whose timestamp the topic refuses fails alone, with the broker's reason, and those
/// after it are written.
async fn timestamps(kafka: &Kafka) {
    let topic = kafka.unique_name("timestamps");
    let config = ClientConfig::new(kafka.bootstrap_servers());
    let admin = Admin::connect(config.clone()).await.expect("a cluster");
    let new = NewTopic::new(topic.as_str(), 1).config("message.timestamp.before.max.ms", "3600000");
    admin.create_topics([new]).await.all().expect("a topic");
    let cluster = Cluster::connect(config).await.expect("a cluster");
    let partition = TopicPartition::new(topic.as_str(), 0);

    let mut producer = Producer::builder(&cluster).build().expect("sound");
    let old = ProducerRecord::to(&topic).value("old").timestamp(1_000);
    let ticket = producer.send(old).await.expect("taken");
    let refused = [topic.as_str(), "INVALID_TIMESTAMP"];
    told(producer.flush(), &refused).await;
    let error = told(producer.delivered(ticket), &refused).await;
    assert!(matches!(error, ProduceError::Refused { .. }), "{error}");
    assert!(!error.is_indefinite());
    producer.send(record(&topic)).await.expect("taken");
    producer.flush().await.expect("the next one is written");

    // In a transaction it fails the transaction, and the next one commits.
    let builder = TransactionalProducer::builder(&cluster);
    let mut producer = builder.build_transactional(topic.as_str()).expect("sound");
    producer.init().await.expect("an id");
    let old = ProducerRecord::to(&topic).value("old").timestamp(1_000);
    producer.send(old).await.expect("taken");
    let error = told(producer.commit(), &refused).await;
    assert_eq!(
        error.disposition(),
        Disposition::AbortTransaction,
        "{error}"
    );
    producer.send(record(&topic)).await.expect("taken");
    producer.commit().await.expect("committed");
    let read = read_partition(&cluster, &partition, IsolationLevel::ReadUncommitted).await;
    let texts: Vec<&str> = read.iter().map(|record| record.text()).collect();
    assert_eq!(
        texts,
        ["x", "x"],
        "nothing of what was refused is in the log"
    );
    assert_eq!(partition.partition, PartitionId(0));
}

/// What a server does with a connection.
#[derive(Clone, Copy)]
enum Server {
    /// Accepts it, and never says anything.
    Mute,
    /// Announces an answer, and does not go on.
    Halting,
    /// Answers what it speaks, and everything after that with these bytes.
    Then(&'static [u8]),
    /// Answers what it speaks: only this.
    Speaks(&'static [(ApiKey, i16, i16)]),
}

async fn serve(server: Server) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(server, stream));
        }
    });
    address
}

async fn converse(server: Server, mut stream: TcpStream) {
    const EVERYTHING: &[(ApiKey, i16, i16)] =
        &[(ApiKey::ApiVersions, 0, 4), (ApiKey::Metadata, 0, 13)];
    while let Ok(length) = stream.read_u32().await {
        let mut frame = vec![0; length as usize];
        if stream.read_exact(&mut frame).await.is_err() {
            return;
        }
        let mut decoder = Decoder::new(frame.into());
        let (api, header) = decode_request_header(&mut decoder).expect("a request");
        let version = header.request_api_version;
        let spoken = match server {
            Server::Mute => std::future::pending().await,
            Server::Halting => {
                let _ = stream.write_all(&[0, 0, 1, 0, 0]).await;
                std::future::pending().await
            }
            Server::Then(bytes) if api != ApiKey::ApiVersions => {
                let _ = stream.write_all(bytes).await;
                continue;
            }
            Server::Then(_) => EVERYTHING,
            Server::Speaks(spoken) => spoken,
        };
        let (_, _, newest) = spoken[0];
        let api_keys = spoken
            .iter()
            .map(|(api, min_version, max_version)| ApiVersion {
                api_key: api.code(),
                min_version: *min_version,
                max_version: *max_version,
                ..Default::default()
            })
            .collect();
        let mut response = ApiVersionsResponse {
            api_keys,
            ..Default::default()
        };
        let mut answered = version;
        if version > newest {
            answered = 0;
            response.error_code = ErrorCode::UNSUPPORTED_VERSION;
        }
        let id = header.correlation_id;
        let answer = encode_response::<ApiVersionsRequest>(&response, answered, id);
        let bytes = answer.expect("an answer").to_bytes();
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

async fn no_broker() {
    for (server, expected) in [
        (Server::Mute, "did not answer within 1s"),
        (Server::Halting, "did not answer within 1s"),
        (Server::Then(b"\xff\xff\xff\xff"), "not a Kafka broker"),
        (Server::Then(b"\x7f\xff\xff\xff"), "above frame_bytes_max"),
        (
            Server::Then(b"\0\0\0\x08\0\0\0\x63\0\0\0\0"),
            "broke the protocol",
        ),
    ] {
        let address = serve(server).await;
        let config = ClientConfig::new(address.as_str())
            .connection_setup_timeout(Duration::from_secs(1))
            .bootstrap_timeout(Duration::from_secs(3));
        let begun = Instant::now();
        told(Cluster::connect(config), &[&address, expected]).await;
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
    }
}

async fn too_old() {
    // As something answers that has the list of versions and little else.
    let address = serve(Server::Speaks(&[(ApiKey::ApiVersions, 0, 0)])).await;
    let config = ClientConfig::new(address.as_str()).bootstrap_timeout(Duration::from_secs(30));
    let begun = Instant::now();
    let parts = [
        &*address,
        "does not support",
        "Metadata",
        "it takes Kafka 2.1",
    ];
    told(Cluster::connect(config), &parts).await;
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}
