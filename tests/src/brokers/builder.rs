//! Describes a cluster for a test.

use thalweg_broker::EmbeddedBroker;
use thalweg_testcontainers::KafkaCluster;

use super::{Kafka, Which};

/// A cluster to be started; see [`Which::builder`].
#[derive(Debug, Clone)]
pub struct KafkaBuilder {
    which: Which,
    brokers: i32,
    config: Vec<(String, String)>,
    features: Vec<(String, i16)>,
}

/// What the embedded broker is told so that it is as [`KafkaCluster`] is by default: few partitions of
/// internal topics, no topics by mistake, and recovery within seconds.
const AS_THE_REAL_ONE: [(&str, &str); 8] = [
    ("auto.create.topics.enable", "false"),
    ("group.consumer.heartbeat.interval.ms", "1000"),
    ("group.consumer.session.timeout.ms", "6000"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "1000"),
    ("offsets.topic.num.partitions", "4"),
    (
        "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        "1000",
    ),
    ("transaction.state.log.num.partitions", "4"),
];

impl KafkaBuilder {
    pub(super) fn new(which: Which) -> Self {
        KafkaBuilder {
            which,
            brokers: 1,
            config: Vec::new(),
            features: Vec::new(),
        }
    }

    /// How many brokers; 1 by default.
    #[must_use]
    pub fn brokers(mut self, brokers: i32) -> Self {
        self.brokers = brokers;
        self
    }

    /// A setting of all brokers, over the defaults of test brokers.
    #[must_use]
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.config.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Finalises a feature at a level from the start.
    #[must_use]
    pub fn feature(mut self, name: &str, level: i16) -> Self {
        self.features.push((name.to_owned(), level));
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// If it does not start: the test cannot run then.
    pub async fn start(self) -> Kafka {
        match self.which {
            Which::Real => Kafka::from(self.real().await),
            Which::Embedded => Kafka::from(self.embedded()),
        }
    }

    async fn real(self) -> KafkaCluster {
        let mut builder = KafkaCluster::builder().brokers(self.brokers);
        for (key, value) in &self.config {
            builder = builder.config(key, value);
        }
        for (name, level) in &self.features {
            builder = builder.feature(name, *level);
        }
        builder.start().await.expect("a Kafka")
    }

    fn embedded(self) -> EmbeddedBroker {
        let replicas = self.brokers.min(3).to_string();
        let in_sync = if self.brokers >= 3 { "2" } else { "1" };
        let mut builder = EmbeddedBroker::builder()
            .brokers(usize::try_from(self.brokers).expect("a number of brokers"))
            .config("default.replication.factor", replicas.as_str())
            .config("min.insync.replicas", in_sync)
            .config("offsets.topic.replication.factor", replicas.as_str())
            .config("transaction.state.log.replication.factor", replicas);
        for (key, value) in AS_THE_REAL_ONE {
            builder = builder.config(key, value);
        }
        for (key, value) in self.config {
            builder = builder.config(key, value);
        }
        for (name, level) in self.features {
            builder = builder.feature(name, level);
        }
        builder.start().expect("an embedded broker")
    }
}
