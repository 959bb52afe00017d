//! Goal: the client finds its way about a real cluster, and says clearly why when it cannot.
//! Method: the admin client and `Cluster` against a Kafka of this machine; one broker where that is
//! enough, three of their own where brokers are frozen, killed and replaced.

use std::process::ExitCode;

use thalweg_client::{Admin, ClientConfig, IsolationLevel, NewTopic, OffsetSpec, TopicPartition};
use thalweg_protocol::Offset;
use thalweg_testcontainers::KafkaTests;

fn main() -> ExitCode {
    KafkaTests::new()
        .test(
            "topics_are_created_described_listed_and_deleted",
            async |kafka| {
                topics(kafka.bootstrap_servers(), &kafka.unique_name("topics")).await;
            },
        )
        .run()
}

async fn topics(servers: &str, name: &str) {
    let admin = Admin::connect(ClientConfig::new(servers))
        .await
        .expect("a cluster");
    let description = admin.describe_cluster().await.expect("a cluster");
    assert!(!description.brokers.is_empty());
    let created = admin
        .create_topics([NewTopic::new(name, 3).config("retention.ms", "-1")])
        .await
        .all()
        .expect("a new topic");
    assert_eq!(created[name].partitions, Some(3));
    let again = admin.create_topics([NewTopic::new(name, 3)]).await;
    let error = again
        .outcome(name)
        .expect("asked for")
        .as_ref()
        .expect_err("it exists");
    assert!(
        error.to_string().contains("TOPIC_ALREADY_EXISTS"),
        "{error}"
    );

    let described = admin.cluster().topic(name).await.expect("a topic");
    assert_eq!(described.partitions().len(), 3);
    assert_eq!(described.id(), created[name].topic_id);

    let ends = (0..3).map(|p| (TopicPartition::new(name, p), OffsetSpec::Latest));
    let ends = admin
        .list_offsets(ends, IsolationLevel::ReadCommitted)
        .await
        .all()
        .expect("ends");
    assert_eq!(ends.len(), 3);
    assert!(ends.values().all(|end| end.offset == Some(Offset(0))));

    admin.delete_topics([name]).await.all().expect("deleted");
}
