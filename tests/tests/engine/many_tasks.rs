//! Very many upstream tasks: their event time does not fit the metadata of an offset commit (T4).

use thalweg::{App, Text, Watermark};
use thalweg_client::{Admin, ClientConfig, Cluster, Producer, ProducerRecord, TopicPartition};
use thalweg_tests::brokers::Kafka;

use crate::support::{Corner, to_the_end, why_it_stopped};

const UPSTREAM: i32 = 460;
const DAY: i64 = 86_400_000;

fn totals(corner: &Corner) -> App {
    let app = corner.app();
    app.source::<Text>(&corner.topic("wide"))
        .event_time(|text| text.parse::<i64>().ok(), Watermark::ascending())
        .key_by("by", |text| text.len() as u64)
        .partitions(1)
        .aggregate("totals", |a| a.count())
        .map(|count| count.value.to_string())
        .sink::<Text>(&corner.topic("out"));
    app
}

/// One record to each partition, their event times far apart.
async fn fill(corner: &Corner) {
    let mut producer = Producer::builder(&corner.cluster)
        .build()
        .expect("a producer");
    let topic = corner.topic("wide");
    for partition in 0..UPSTREAM {
        // As many digits in all of them: one key. None is later than now, which Kafka refuses.
        let value = (1_000_000_000_000 + i64::from(partition) * 19 * DAY).to_string();
        let record = ProducerRecord::to(topic.as_str())
            .partition(partition.into())
            .value(value.as_str());
        producer.send(record).await.expect("sent");
    }
    producer.flush().await.expect("written");
}

/// What is committed with the offset of the repartition topic.
async fn metadata(corner: &Corner) -> String {
    let partition = TopicPartition::new(corner.topic("by-repartition"), 0);
    let asked = std::slice::from_ref(&partition);
    let committed = corner
        .admin
        .committed_offsets(&corner.name, asked, true)
        .await;
    let committed = committed.expect("offsets");
    committed[&partition].metadata.to_string()
}

pub(crate) async fn t4_the_time_of_very_many_upstream_tasks_goes_through_a_changelog(
    kafka: &Kafka,
) {
    // Of its own: so many partitions keep a broker busy for seconds, which others would wait for.
    let kafka = kafka.which().builder().start().await;
    let servers = kafka.bootstrap_servers().to_owned();
    let cluster = Cluster::connect(ClientConfig::new(servers.clone())).await;
    let cluster = cluster.expect("a cluster");
    let corner = Corner {
        servers,
        name: "many".to_owned(),
        admin: Admin::new(&cluster),
        cluster,
    };
    corner.create(&["out"], 1).await;
    corner.create(&["wide"], UPSTREAM).await;
    fill(&corner).await;
    let app = totals(&corner);
    to_the_end(&app).await.expect("counted");
    let text = metadata(&corner).await;
    assert!(text.contains(";t2."), "it does not fit: {text}");
    assert!(text.len() < 300, "{text}");
    assert!(!corner.read("by-time-changelog").await.is_empty());
    let counts = |seen: Vec<crate::support::Seen>| {
        seen.iter()
            .map(|seen| seen.value.clone())
            .collect::<Vec<_>>()
    };
    let last = counts(corner.read("out").await);
    assert_eq!(last.last(), Some(&UPSTREAM.to_string()));

    fill(&corner).await;
    to_the_end(&app).await.expect("restored, and counted on");
    let last = counts(corner.read("out").await);
    assert_eq!(last.last(), Some(&(2 * UPSTREAM).to_string()));
    assert_eq!(last.len(), 2 * UPSTREAM as usize, "none twice");

    let changelog = corner.topic("by-time-changelog");
    let deleted = corner.admin.delete_topics([changelog.as_str()]).await;
    deleted.all().expect("deleted");
    let error = why_it_stopped(&app).await.to_string();
    assert!(error.contains(&changelog), "{error}");
}
