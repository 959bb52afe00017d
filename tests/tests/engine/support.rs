//! Topics, input and output for the tests of this folder.

use std::time::Duration;

use thalweg::{App, AppError, Handle, MemoryStorage};
use thalweg_client::{
    Admin, ClientConfig, Cluster, Consumer, IsolationLevel, NewTopic, Offset, OffsetReset,
    OffsetSpec, Producer, ProducerRecord, StartAt, TopicPartition,
};
use thalweg_testcontainers::Kafka;

/// How long anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// A record as it was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) partition: i32,
    pub(crate) key: String,
    pub(crate) value: String,
}

/// A test's own corner of a Kafka.
pub(crate) struct Corner {
    pub(crate) servers: String,
    pub(crate) name: String,
    pub(crate) cluster: Cluster,
    pub(crate) admin: Admin,
}

impl Corner {
    /// With the topics `in` and `out` of the given number of partitions, by their full names.
    pub(crate) async fn new(kafka: &Kafka, prefix: &str, partitions: i32) -> Self {
        let servers = kafka.bootstrap_servers().to_owned();
        let name = kafka.unique_name(prefix);
        let cluster = Cluster::connect(ClientConfig::new(servers.clone()))
            .await
            .expect("a cluster");
        let admin = Admin::new(&cluster);
        let corner = Corner {
            servers,
            name,
            cluster,
            admin,
        };
        corner.create(&["in", "out"], partitions).await;
        corner
    }

    /// Creates more topics.
    pub(crate) async fn create(&self, names: &[&str], partitions: i32) {
        let topics = names
            .iter()
            .map(|name| NewTopic::new(self.topic(name), partitions));
        self.admin
            .create_topics(topics)
            .await
            .all()
            .expect("new topics");
    }

    /// The full name of a topic.
    pub(crate) fn topic(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }

    /// An app of this corner: quick to commit and to notice deaths.
    pub(crate) fn app(&self) -> App {
        App::new(self.name.as_str())
            .bootstrap_servers(self.servers.as_str())
            .storage(MemoryStorage::new())
            .session_timeout(Duration::from_secs(6))
    }

    /// Writes `<key, value>` records to the topic `in`.
    pub(crate) async fn write(&self, records: impl IntoIterator<Item = (String, String)>) {
        let mut producer = Producer::builder(&self.cluster)
            .build()
            .expect("a producer");
        let topic = self.topic("in");
        for (key, value) in records {
            let record = ProducerRecord::to(topic.as_str())
                .key(key.as_str())
                .value(value.as_str());
            producer.send(record).await.expect("sent");
        }
        producer.flush().await.expect("written");
    }

    /// Everything that is committed in a topic up to its end now.
    pub(crate) async fn read(&self, name: &str) -> Vec<Seen> {
        let topic = self.topic(name);
        let partitions = self.partitions(&topic).await;
        let ends = self.ends(&partitions).await;
        let mut consumer = Consumer::builder(&self.cluster)
            .isolation_level(IsolationLevel::ReadCommitted)
            .auto_offset_reset(OffsetReset::Earliest)
            .build()
            .expect("a consumer");
        let starts = partitions
            .iter()
            .map(|partition| (partition.clone(), StartAt::Earliest));
        consumer.assign(starts).expect("assigned");
        let mut seen = Vec::new();
        let mut decoder = thalweg_client::RecordDecoder::new();
        let all = async {
            loop {
                let behind = ends.iter().any(|(partition, end)| {
                    end.0 > 0 && consumer.position(partition).is_none_or(|at| at < *end)
                });
                if !behind {
                    return;
                }
                let fetched = consumer.recv().await.expect("records");
                for batch in fetched.batches() {
                    for record in batch.decode(&mut decoder).expect("sound").iter() {
                        let text = |bytes: Option<&[u8]>| {
                            String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
                        };
                        seen.push(Seen {
                            partition: fetched.topic_partition().partition.0,
                            key: text(record.key),
                            value: text(record.value),
                        });
                    }
                }
            }
        };
        tokio::time::timeout(PATIENCE, all)
            .await
            .expect("all of it can be read");
        seen
    }

    /// Waits until a topic holds at least `count` committed records.
    pub(crate) async fn read_at_least(&self, name: &str, count: usize) -> Vec<Seen> {
        let reading = async {
            loop {
                let seen = self.read(name).await;
                if seen.len() >= count {
                    return seen;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reading)
            .await
            .expect("so much is written")
    }

    async fn partitions(&self, topic: &str) -> Vec<TopicPartition> {
        let described = self.cluster.topic(topic).await.expect("the topic");
        (0..described.partitions().len())
            .map(|partition| TopicPartition::new(topic, partition as i32))
            .collect()
    }

    async fn ends(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, Offset)> {
        let asked = partitions
            .iter()
            .map(|partition| (partition.clone(), OffsetSpec::Latest));
        // Uncommitted: markers may trail the end of a transaction, and are to be waited for.
        let listed = self
            .admin
            .list_offsets(asked, IsolationLevel::ReadUncommitted)
            .await;
        let listed = listed.all().expect("ends").into_iter();
        listed
            .map(|(partition, end)| (partition, end.offset.unwrap_or(Offset(0))))
            .collect()
    }
}

/// `count` records `k<i mod keys>` with the values `i`.
pub(crate) fn numbers(from: u32, count: u32, keys: u32) -> Vec<(String, String)> {
    (from..from + count)
        .map(|i| (format!("k{}", i % keys), i.to_string()))
        .collect()
}

/// Runs an app to the end of its input, within bounds.
pub(crate) async fn to_the_end(app: &App) -> Result<(), AppError> {
    tokio::time::timeout(PATIENCE, app.run_until_end())
        .await
        .expect("it comes to an end")
}

/// Why an app that was started stopped by itself, within bounds.
pub(crate) async fn why_it_stopped(app: &App) -> AppError {
    let running = match app.start().await {
        Ok(running) => running,
        Err(error) => return error,
    };
    let ended = tokio::time::timeout(PATIENCE, running.wait()).await;
    ended.expect("it stops by itself").expect_err("by an error")
}

/// Stops an app, and expects it to come to rest.
pub(crate) async fn stop(running: Handle) {
    running.shutdown(PATIENCE).await.expect("it comes to rest");
}
