//! A cluster that runs.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;

use thalweg_broker::EmbeddedBroker;
use thalweg_testcontainers::KafkaCluster;

use super::Which;

/// A cluster to test on. It ends when it is dropped.
pub struct Kafka {
    bootstrap_servers: String,
    origin: Origin,
}

enum Origin {
    Embedded(EmbeddedBroker),
    Own(KafkaCluster),
    /// What the machine has, shared by the tests of a target.
    Shared(Arc<thalweg_testcontainers::Kafka>),
}

impl From<EmbeddedBroker> for Kafka {
    fn from(kafka: EmbeddedBroker) -> Self {
        Kafka {
            bootstrap_servers: kafka.bootstrap_servers(),
            origin: Origin::Embedded(kafka),
        }
    }
}

impl From<KafkaCluster> for Kafka {
    fn from(kafka: KafkaCluster) -> Self {
        Kafka {
            bootstrap_servers: kafka.bootstrap_servers().to_owned(),
            origin: Origin::Own(kafka),
        }
    }
}

impl From<Arc<thalweg_testcontainers::Kafka>> for Kafka {
    fn from(kafka: Arc<thalweg_testcontainers::Kafka>) -> Self {
        Kafka {
            bootstrap_servers: kafka.bootstrap_servers().to_owned(),
            origin: Origin::Shared(kafka),
        }
    }
}

impl Kafka {
    /// Where clients connect.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// Which of the two it is.
    #[must_use]
    pub fn which(&self) -> Which {
        match &self.origin {
            Origin::Embedded(_) => Which::Embedded,
            Origin::Own(_) | Origin::Shared(_) => Which::Real,
        }
    }

    /// A name for a topic or a group that nobody else uses here.
    #[must_use]
    pub fn unique_name(&self, prefix: &str) -> String {
        let random = RandomState::new().hash_one(std::process::id());
        format!("{prefix}-{random:016x}")
    }

    /// The ids of the brokers.
    ///
    /// # Panics
    /// As all that follows, on a Kafka that was not started here: its brokers are out of reach.
    #[must_use]
    pub fn broker_ids(&self) -> Vec<i32> {
        match &self.origin {
            Origin::Embedded(kafka) => kafka.brokers(),
            _ => self.cluster().broker_ids().collect(),
        }
    }

    /// Kills a broker with what it had not written out.
    ///
    /// # Panics
    /// If it does not run.
    pub async fn kill(&self, broker: i32) {
        match &self.origin {
            Origin::Embedded(kafka) => kafka.kill(broker).expect("a broker"),
            _ => self.cluster().kill(broker).await.expect("killed"),
        }
    }

    /// Stops a broker in order.
    ///
    /// # Panics
    /// If it does not run.
    pub async fn shut_down(&self, broker: i32) {
        match &self.origin {
            Origin::Embedded(kafka) => kafka.stop(broker).expect("a broker"),
            _ => self.cluster().shut_down(broker).await.expect("down"),
        }
    }

    /// Starts a broker again.
    ///
    /// # Panics
    /// If it runs.
    pub async fn restart(&self, broker: i32) {
        match &self.origin {
            Origin::Embedded(kafka) => kafka.restart(broker).expect("a broker"),
            _ => self.cluster().restart(broker).await.expect("up again"),
        }
    }

    /// Lets a broker stand still.
    ///
    /// # Panics
    /// If it does not run.
    pub fn pause(&self, broker: i32) {
        match &self.origin {
            Origin::Embedded(kafka) => kafka.pause(broker).expect("a broker"),
            _ => self.cluster().stop_signal(broker).expect("frozen"),
        }
    }

    /// Lets a broker go on that stood still.
    ///
    /// # Panics
    /// If it does not run.
    pub fn resume(&self, broker: i32) {
        match &self.origin {
            Origin::Embedded(kafka) => kafka.resume(broker).expect("a broker"),
            _ => self.cluster().continue_signal(broker).expect("awake"),
        }
    }

    /// Flips the last byte of the batch of a record, where the only broker keeps it. Brokers send what
    /// lies there; readers have to look.
    ///
    /// # Panics
    /// If there is no such batch.
    pub fn damage(&self, topic: &str, partition: i32, offset: i64) {
        match &self.origin {
            Origin::Embedded(kafka) => kafka
                .damage(topic, partition, offset)
                .expect("there is such a batch"),
            _ => damage_file(self.cluster(), topic, partition, offset),
        }
    }

    /// Whether its brokers can be struck.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        match &self.origin {
            Origin::Embedded(_) | Origin::Own(_) => true,
            Origin::Shared(kafka) => kafka.cluster().is_some(),
        }
    }

    fn cluster(&self) -> &KafkaCluster {
        let cluster = match &self.origin {
            Origin::Embedded(_) => None,
            Origin::Own(cluster) => Some(cluster),
            Origin::Shared(kafka) => kafka.cluster(),
        };
        cluster.expect("a Kafka that was started here")
    }
}

fn damage_file(cluster: &KafkaCluster, topic: &str, partition: i32, offset: i64) {
    let mut path: PathBuf = cluster.folder().join("data-1");
    path.extend([&format!("{topic}-{partition}"), "00000000000000000000.log"]);
    let mut log = std::fs::read(&path).expect("the log of the partition");
    let mut at = 0;
    let end = loop {
        let batch = thalweg_protocol::records::RecordBatches::new(log.get(at..).expect("a batch"))
            .next()
            .expect("the batch is there")
            .expect("sound");
        let end = at + batch.encoded_len();
        if batch.last_offset().0 >= offset {
            break end;
        }
        at = end;
    };
    *log.get_mut(end - 1).expect("its last byte") ^= 0xff;
    std::fs::write(&path, log).expect("written");
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.which(), self.bootstrap_servers)
    }
}
