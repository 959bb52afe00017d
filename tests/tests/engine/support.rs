//! Topics, input and output for the tests of this folder.

use std::time::Duration;

use thalweg::{App, AppError, Bytes, Handle, MemoryStorage, Text};
use thalweg_client::{
    Admin, ClientConfig, Cluster, Consumer, IsolationLevel, NewTopic, Offset, OffsetReset,
    OffsetSpec, Producer, ProducerRecord, StartAt, TopicPartition,
};
use thalweg_tests::brokers::Kafka;

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
        let name = kafka.unique_name(prefix);
        Self::on(kafka.bootstrap_servers(), name, partitions).await
    }

    /// The same on a Kafka that is the test's own.
    pub(crate) async fn at(servers: &str, name: &str, partitions: i32) -> Self {
        Self::on(servers, name.to_owned(), partitions).await
    }

    async fn on(servers: &str, name: String, partitions: i32) -> Self {
        let cluster = Cluster::connect(ClientConfig::new(servers))
            .await
            .expect("a cluster");
        let corner = Corner {
            servers: servers.to_owned(),
            name,
            admin: Admin::new(&cluster),
            cluster,
        };
        corner.create(&["in", "out"], partitions).await;
        corner
    }

    /// The same corner, by a client that knows nothing of what it was before.
    pub(crate) async fn looked_at_anew(&self) -> Self {
        let cluster = Cluster::connect(ClientConfig::new(self.servers.as_str()))
            .await
            .expect("a cluster");
        Corner {
            servers: self.servers.clone(),
            name: self.name.clone(),
            admin: Admin::new(&cluster),
            cluster,
        }
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
        self.quick(&self.name)
    }

    /// Another one, with offsets of its own.
    pub(crate) fn app_named(&self, name: &str) -> App {
        self.quick(&format!("{}-{name}", self.name))
    }

    fn quick(&self, application_id: &str) -> App {
        App::new(application_id)
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
            .unwrap_or_else(|_| panic!("{name} never held {count} committed records"))
    }

    /// Waits until the app has committed the offset `upto`, or a later one, of a partition of `in`.
    pub(crate) async fn committed(&self, partition: i32, upto: i64) {
        let partition = [TopicPartition::new(self.topic("in"), partition)];
        let committed = async {
            loop {
                let found = self
                    .admin
                    .committed_offsets(&self.name, &partition, true)
                    .await
                    .expect("offsets");
                if found.values().any(|found| found.offset >= Offset(upto)) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, committed)
            .await
            .expect("so much is committed");
    }

    /// How far each partition of a topic is written.
    pub(crate) async fn records_in(&self, name: &str) -> Vec<i64> {
        let partitions = self.partitions(&self.topic(name)).await;
        let ends = self.ends(&partitions).await.into_iter();
        ends.map(|(_, end)| end.0).collect()
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

/// Asserts that an error tells all of this.
pub(crate) fn assert_says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{part:?} is missing in: {error}");
    }
}

/// Counts the records of each key of the topic `in` into the topic `out`.
pub(crate) fn count(app: &App, corner: &Corner) {
    app.source::<Bytes>(&corner.topic("in"))
        .by_record_key()
        .aggregate("counts", |a| a.count())
        .map(|counted| counted.value.to_string())
        .sink::<Text>(&corner.topic("out"));
}
