//! Goal: the client finds its way about a real cluster, and says clearly why when it cannot.
//! Method: the admin client and `Cluster` against a Kafka of this machine; one broker where that is
//! enough, three of their own where brokers are frozen, killed and replaced.

#![allow(clippy::indexing_slicing, reason = "out of bounds is a failed test")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use thalweg_client::{
    Admin, ClientConfig, Cluster, ConfigChange, ConfigResource, ConfigSource, IsolationLevel,
    NewTopic, OffsetSpec, TopicPartition,
};
use thalweg_protocol::{BrokerId, ErrorCode, Offset, PartitionId};
use thalweg_tests::brokers::{Tests, Which};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

fn main() -> ExitCode {
    Tests::new()
        .test(
            "topics_are_created_described_listed_and_deleted",
            async |kafka| {
                topics(kafka.bootstrap_servers(), &kafka.unique_name("topics")).await;
            },
        )
        .test("partitions_are_added", async |kafka| {
            partitions(kafka.bootstrap_servers(), &kafka.unique_name("partitions")).await;
        })
        .test("configurations_are_read_and_changed", async |kafka| {
            configs(kafka.bootstrap_servers(), &kafka.unique_name("configs")).await;
        })
        .test("offsets_of_an_empty_topic_are_found", async |kafka| {
            offsets(kafka.bootstrap_servers(), &kafka.unique_name("offsets")).await;
        })
        .test(
            "groups_and_transactions_that_do_not_exist_are_an_answer",
            async |kafka| {
                nothing_there(kafka.bootstrap_servers(), &kafka.unique_name("nothing")).await;
            },
        )
        .test(
            "older_versions_of_every_request_are_spoken",
            async |kafka| {
                for release in ["2.1", "2.4", "2.8", "3.0", "3.5", "3.9", "4.0"] {
                    let name = kafka.unique_name("pinned");
                    older_versions(kafka.bootstrap_servers(), release, &name).await;
                }
            },
        )
        .test(
            "an_unknown_topic_is_an_error_that_names_it",
            async |kafka| {
                unknown_topic(kafka.bootstrap_servers(), &kafka.unique_name("unknown")).await;
            },
        )
        .test(
            "bad_requests_are_refused_with_the_brokers_words",
            async |kafka| {
                refused(kafka.bootstrap_servers(), &kafka.unique_name("refused")).await;
            },
        )
        .without_broker("what_is_no_kafka_broker_is_recognised", no_kafka)
        .test_alone(
            "brokers_frozen_killed_and_restarted_are_got_around",
            broken_brokers,
        )
        .run()
}

async fn connect(servers: &str) -> Admin {
    Admin::connect(ClientConfig::new(servers))
        .await
        .expect("a cluster")
}

async fn topics(servers: &str, name: &str) {
    let admin = connect(servers).await;
    let description = admin.describe_cluster().await.expect("a cluster");
    assert!(!description.brokers.is_empty());
    assert!(description.cluster_id.is_some());

    let new = NewTopic::new(name, 3).config("retention.ms", "-1");
    let created = admin
        .create_topics([new.clone()])
        .await
        .all()
        .expect("a new topic");
    assert_eq!(created[name].partitions, Some(3));
    let again = admin.create_topics([new]).await;
    let error = again
        .outcome(name)
        .expect("asked for")
        .as_ref()
        .expect_err("it exists");
    assert_eq!(error.code(), Some(ErrorCode::TOPIC_ALREADY_EXISTS));
    assert!(error.to_string().contains(name), "{error}");

    let topic = admin.cluster().topic(name).await.expect("a topic");
    assert_eq!(topic.partitions().len(), 3);
    assert_eq!(topic.id(), created[name].topic_id);
    let described = admin.describe_topics([name, "no-such-topic"]).await;
    let same = described
        .outcome(name)
        .expect("asked for")
        .as_ref()
        .expect("a topic");
    assert_eq!(same, &*topic);
    let missing = described.outcome("no-such-topic").expect("asked for");
    let code = missing.as_ref().expect_err("it does not exist").code();
    assert_eq!(code, Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));

    let listed = admin.list_topics().await.expect("a list");
    let listed = listed
        .iter()
        .find(|topic| &*topic.name == name)
        .expect("it is in the list");
    assert_eq!((listed.partitions, listed.topic_id), (3, topic.id()));

    admin.delete_topics([name]).await.all().expect("deleted");
    let again = admin
        .delete_topics([name])
        .await
        .all()
        .expect_err("it is gone");
    assert_eq!(again.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
}

async fn partitions(servers: &str, name: &str) {
    let admin = connect(servers).await;
    admin
        .create_topics([NewTopic::new(name, 1)])
        .await
        .all()
        .expect("a new topic");
    admin
        .create_partitions([(name, 4)])
        .await
        .all()
        .expect("three more");
    // They reach the broker that is asked a moment later.
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut count = 0;
    while count < 4 && Instant::now() < deadline {
        let described = admin.describe_topics([name]).await.all().expect("a topic");
        count = described[name].partitions().len();
    }
    assert_eq!(count, 4);
    let fewer = admin
        .create_partitions([(name, 2)])
        .await
        .all()
        .expect_err("never fewer");
    assert_eq!(fewer.code(), Some(ErrorCode::INVALID_PARTITIONS));
    admin.delete_topics([name]).await.all().expect("deleted");
}

async fn configs(servers: &str, name: &str) {
    let admin = connect(servers).await;
    let new = NewTopic::new(name, 1).config("retention.ms", "-1");
    admin.create_topics([new]).await.all().expect("a new topic");
    let resource = ConfigResource::topic(name);
    let read = async || {
        let configs = admin
            .describe_configs([resource.clone()])
            .await
            .all()
            .expect("settings");
        configs[&resource].clone()
    };
    let before = read().await;
    assert_eq!(before["retention.ms"].value.as_deref(), Some("-1"));
    assert_eq!(before["retention.ms"].source, ConfigSource::Topic);
    assert_eq!(before["cleanup.policy"].source, ConfigSource::Default);

    let changes = BTreeMap::from([
        ("retention.ms".to_owned(), ConfigChange::Remove),
        (
            "cleanup.policy".to_owned(),
            ConfigChange::Append("compact".to_owned()),
        ),
        (
            "max.message.bytes".to_owned(),
            ConfigChange::Set("2000000".to_owned()),
        ),
    ]);
    let changes = [(resource.clone(), changes)];
    admin
        .incremental_alter_configs(changes)
        .await
        .all()
        .expect("changed");
    // The change reaches the broker that is asked a moment later.
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut after = read().await;
    while after["retention.ms"].source == ConfigSource::Topic && Instant::now() < deadline {
        sleep(Duration::from_millis(50)).await;
        after = read().await;
    }
    assert_ne!(after["retention.ms"].source, ConfigSource::Topic);
    assert_eq!(
        after["cleanup.policy"].value.as_deref(),
        Some("delete,compact")
    );
    assert_eq!(after["max.message.bytes"].value.as_deref(), Some("2000000"));

    let broker = admin.describe_cluster().await.expect("a cluster").brokers[0].id();
    let broker = ConfigResource::Broker(broker);
    let configs = admin
        .describe_configs([broker.clone()])
        .await
        .all()
        .expect("settings");
    assert!(configs[&broker].contains_key("log.dirs"));

    let wrong = BTreeMap::from([("retention.ms".to_owned(), ConfigChange::Set("x".to_owned()))]);
    let wrong = admin
        .incremental_alter_configs([(resource, wrong)])
        .await
        .all();
    let wrong = wrong.expect_err("not a number");
    assert_eq!(wrong.code(), Some(ErrorCode::INVALID_CONFIG));
    assert!(wrong.to_string().contains(name), "{wrong}");
    admin.delete_topics([name]).await.all().expect("deleted");
}

async fn offsets(servers: &str, name: &str) {
    let admin = connect(servers).await;
    admin
        .create_topics([NewTopic::new(name, 2)])
        .await
        .all()
        .expect("a new topic");
    for isolation_level in [
        IsolationLevel::ReadUncommitted,
        IsolationLevel::ReadCommitted,
    ] {
        for (spec, expected) in [
            (OffsetSpec::Earliest, Some(Offset(0))),
            (OffsetSpec::Latest, Some(Offset(0))),
            (OffsetSpec::MaxTimestamp, None),
            (OffsetSpec::Timestamp(1_700_000_000_000), None),
        ] {
            let partitions = (0..2).map(|number| (TopicPartition::new(name, number), spec));
            let listed = admin.list_offsets(partitions, isolation_level).await.all();
            let listed = listed.expect("offsets");
            assert_eq!(listed.len(), 2);
            assert!(
                listed.values().all(|listed| listed.offset == expected),
                "{spec:?} {listed:?}"
            );
        }
    }
    let missing = (TopicPartition::new(name, 7), OffsetSpec::Latest);
    let missing = admin
        .list_offsets([missing], IsolationLevel::ReadUncommitted)
        .await
        .all();
    let missing = missing.expect_err("it has two").to_string();
    assert!(missing.contains("no partition 7: it has 2"), "{missing}");

    let before = (TopicPartition::new(name, 0), Offset(-1));
    let deleted = admin
        .delete_records([before])
        .await
        .all()
        .expect("nothing to delete");
    assert_eq!(deleted[&TopicPartition::new(name, 0)], Offset(0));
    let beyond = (TopicPartition::new(name, 0), Offset(5));
    let beyond = admin
        .delete_records([beyond])
        .await
        .all()
        .expect_err("there is nothing");
    assert_eq!(beyond.code(), Some(ErrorCode::OFFSET_OUT_OF_RANGE));

    let producers = admin
        .describe_producers([TopicPartition::new(name, 1)])
        .await
        .all();
    assert!(producers.expect("an answer")[&TopicPartition::new(name, 1)].is_empty());
    admin.delete_topics([name]).await.all().expect("deleted");
}

async fn nothing_there(servers: &str, name: &str) {
    let admin = connect(servers).await;
    let error = admin
        .describe_groups([name])
        .await
        .all()
        .expect_err("no such group");
    assert_eq!(error.code(), Some(ErrorCode::GROUP_ID_NOT_FOUND));
    assert!(error.to_string().contains(name), "{error}");
    let error = admin
        .delete_groups([name, "another"])
        .await
        .all()
        .expect_err("no such group");
    assert_eq!(error.code(), Some(ErrorCode::GROUP_ID_NOT_FOUND));
    let groups = admin.list_groups().await.expect("a list");
    assert!(groups.iter().all(|group| &*group.group_id != name));
    for require_stable in [false, true] {
        let offsets = admin.list_group_offsets([name], require_stable).await.all();
        assert!(offsets.expect("an answer")[name].is_empty());
    }
    let error = admin
        .describe_transactions([name])
        .await
        .all()
        .expect_err("no such id");
    assert_eq!(error.code(), Some(ErrorCode::TRANSACTIONAL_ID_NOT_FOUND));
    let transactions = admin.list_transactions().await.expect("a list");
    assert!(
        transactions
            .iter()
            .all(|transaction| &*transaction.transactional_id != name)
    );
}

async fn older_versions(servers: &str, release: &str, name: &str) {
    let config = ClientConfig::new(servers).broker_version(release);
    let admin = Admin::connect(config).await.expect("a cluster");
    admin
        .create_topics([NewTopic::new(name, 2)])
        .await
        .all()
        .expect("a new topic");
    let topic = admin.cluster().topic(name).await.expect("a topic");
    assert_eq!(topic.partitions().len(), 2);
    assert_eq!(topic.id().is_zero(), matches!(release, "2.1" | "2.4"));
    let ends = [(TopicPartition::new(name, 1), OffsetSpec::Latest)];
    admin
        .list_offsets(ends, IsolationLevel::ReadCommitted)
        .await
        .all()
        .expect("an end");
    let latest = [(TopicPartition::new(name, 1), OffsetSpec::MaxTimestamp)];
    let latest = admin
        .list_offsets(latest, IsolationLevel::ReadCommitted)
        .await
        .all();
    match release {
        "2.1" | "2.4" | "2.8" => {
            let error = latest.expect_err("only known from 3.0 on").to_string();
            assert!(error.contains("it takes Kafka 3.0"), "{error}");
        }
        _ => assert!(latest.is_ok(), "{latest:?}"),
    }
    admin.list_groups().await.expect("a list");
    let offsets = admin
        .list_group_offsets([name], false)
        .await
        .all()
        .expect("an answer");
    assert!(offsets[name].is_empty());
    let error = admin
        .describe_groups([name, "another"])
        .await
        .all()
        .expect_err("no such group");
    assert_eq!(
        error.code(),
        Some(ErrorCode::GROUP_ID_NOT_FOUND),
        "{release}"
    );
    admin
        .describe_configs([ConfigResource::topic(name)])
        .await
        .all()
        .expect("settings");
    admin.delete_topics([name]).await.all().expect("deleted");
}

async fn unknown_topic(servers: &str, name: &str) {
    let admin = connect(servers).await;
    let started = Instant::now();
    let error = admin
        .cluster()
        .topic(name)
        .await
        .expect_err("it does not exist")
        .to_string();
    assert!(
        error.contains(name) && error.contains("does not exist"),
        "{error}"
    );
    assert!(started.elapsed() < Duration::from_secs(8));
}

async fn refused(servers: &str, name: &str) {
    let admin = connect(servers).await;
    for (new, code) in [
        (
            NewTopic::new(format!("{name} has spaces"), 1),
            ErrorCode::INVALID_TOPIC_EXCEPTION,
        ),
        (NewTopic::new(name, 0), ErrorCode::INVALID_PARTITIONS),
        (
            NewTopic::new(name, 1).replication_factor(99),
            ErrorCode::INVALID_REPLICATION_FACTOR,
        ),
        (
            NewTopic::new(name, 1).config("no.such.setting", "1"),
            ErrorCode::INVALID_CONFIG,
        ),
    ] {
        let error = admin
            .create_topics([new])
            .await
            .all()
            .expect_err("a bad topic");
        assert_eq!(error.code(), Some(code), "{error}");
        assert!(error.to_string().contains("the broker says: "), "{error}");
    }
}

/// A server that says `greeting` to whoever sends something, and goes.
async fn serve(greeting: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 100]).await;
                let _ = stream.write_all(greeting).await;
            });
        }
    });
    address
}

async fn no_kafka() {
    for (greeting, expected) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"[..],
            "answered with HTTP",
        ),
        (&[0x15, 3, 3, 0, 2, 2, 70][..], "TLS"),
        (&b"+PONG is not Kafka\r\n"[..], "not a Kafka broker"),
        (&b""[..], "closed the connection without an answer"),
    ] {
        let address = serve(greeting).await;
        let started = Instant::now();
        let config = ClientConfig::new(address.as_str()).bootstrap_timeout(Duration::from_secs(2));
        let error = Cluster::connect(config)
            .await
            .expect_err("no Kafka")
            .to_string();
        assert!(
            error.contains(expected) && error.contains(&address),
            "{error}"
        );
        let patience = if greeting.is_empty() { 3 } else { 1 };
        assert!(
            started.elapsed() < Duration::from_secs(patience),
            "{:?}",
            started.elapsed()
        );
    }
    let nobody = ClientConfig::new("127.0.0.1:1").bootstrap_timeout(Duration::from_secs(1));
    let error = Cluster::connect(nobody)
        .await
        .expect_err("nobody")
        .to_string();
    assert!(
        error.contains("127.0.0.1:1: ") && error.contains("is the broker up"),
        "{error}"
    );
    let nowhere =
        ClientConfig::new("no.such.host.invalid").bootstrap_timeout(Duration::from_secs(1));
    let error = Cluster::connect(nowhere)
        .await
        .expect_err("nowhere")
        .to_string();
    assert!(error.contains("no.such.host.invalid:9092"), "{error}");
}

async fn broken_brokers(which: Which) {
    let kafka = which.builder().brokers(3).start().await;
    let admin = connect(kafka.bootstrap_servers()).await;
    let new = NewTopic::new("replicated", 6).replication_factor(3);
    admin.create_topics([new]).await.all().expect("a new topic");
    admin.cluster().topic("replicated").await.expect("a topic");
    let ends = async || {
        let partitions = (0..6).map(|n| (TopicPartition::new("replicated", n), OffsetSpec::Latest));
        admin
            .list_offsets(partitions, IsolationLevel::ReadUncommitted)
            .await
            .all()
    };
    assert_eq!(ends().await.expect("all leaders").len(), 6);

    // Killed: other brokers lead its partitions within seconds, and are found.
    let started = Instant::now();
    kafka.kill(1).await;
    assert_eq!(ends().await.expect("other leaders").len(), 6);
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    let leaders = admin.cluster().metadata();
    for number in 0..6 {
        let leader = leaders
            .leader("replicated", PartitionId(number))
            .expect("a leader");
        assert_ne!(leader.broker, BrokerId(1));
    }
    admin.list_groups().await.expect("those that are up answer");

    // Restarted, it is one of them again.
    kafka.restart(1).await;
    let deadline = Instant::now() + Duration::from_secs(30);
    while admin
        .describe_cluster()
        .await
        .expect("a cluster")
        .brokers
        .len()
        < 3
    {
        assert!(Instant::now() < deadline, "the broker does not come back");
        sleep(Duration::from_millis(200)).await;
    }

    // Frozen: connections stay open and nobody answers on them.
    kafka.pause(2);
    let started = Instant::now();
    admin.describe_cluster().await.expect("the others answer");
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
    kafka.resume(2);
    assert_eq!(ends().await.expect("all leaders").len(), 6);
}
