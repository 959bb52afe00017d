//! Picks a Kafka that this machine can have.

use std::env;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use crate::cache::KafkaJars;
use crate::cluster::{DEFAULT_VERSION, KafkaCluster};
#[cfg(feature = "docker")]
use crate::container::KafkaContainer;
use crate::error::StartError;
use crate::java::Java;

/// Names the addresses of a Kafka that runs already.
const SERVERS: &str = "THALWEG_BOOTSTRAP_SERVERS";

/// A Kafka of one broker: the one the machine has, or one that was started. Printed, it says which.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let kafka = thalweg_testcontainers::Kafka::pick().await?;
/// println!("{kafka}"); // Kafka 4.3.0 from its jars, at 127.0.0.1:24817
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Kafka {
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    Running(String),
    Jars(KafkaCluster),
    #[cfg(feature = "docker")]
    Container(KafkaContainer),
}

impl Kafka {
    /// Takes the first that can be had: the address in `THALWEG_BOOTSTRAP_SERVERS`; Kafka's
    /// jars, which need Java 17 and, the first time, Maven; with the feature `docker`, a container.
    ///
    /// # Errors
    /// [`StartError`] says what is missing and how to install it.
    pub async fn pick() -> Result<Self, StartError> {
        let origin = match given_servers() {
            Some(servers) => Origin::Running(servers),
            None => match KafkaCluster::builder().start().await {
                Ok(cluster) => Origin::Jars(cluster),
                Err(error) => Self::without_jars(error).await?,
            },
        };
        let kafka = Self { origin };
        tracing::info!("picked {kafka}");
        Ok(kafka)
    }

    /// Says, without starting anything, whether [`Self::pick`] has something to pick.
    ///
    /// # Errors
    /// What is missing.
    pub fn available() -> Result<(), StartError> {
        if given_servers().is_some() {
            return Ok(());
        }
        let jars = Java::find().and_then(|_| KafkaJars::can_be_had(DEFAULT_VERSION));
        #[cfg(feature = "docker")]
        let jars = jars.or_else(|jars| {
            KafkaContainer::available().map_err(|container| StartError::NeitherWay {
                jars: Box::new(jars),
                container: Box::new(container),
            })
        });
        jars
    }

    #[cfg(not(feature = "docker"))]
    async fn without_jars(jars: StartError) -> Result<Origin, StartError> {
        Err(jars)
    }

    #[cfg(feature = "docker")]
    async fn without_jars(jars: StartError) -> Result<Origin, StartError> {
        if !jars.jars_cannot_be_had() {
            return Err(jars);
        }
        match KafkaContainer::builder().start().await {
            Ok(container) => Ok(Origin::Container(container)),
            Err(container) => Err(StartError::NeitherWay {
                jars: Box::new(jars),
                container: Box::new(container),
            }),
        }
    }

    /// Where clients connect.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        match &self.origin {
            Origin::Running(servers) => servers,
            Origin::Jars(cluster) => cluster.bootstrap_servers(),
            #[cfg(feature = "docker")]
            Origin::Container(container) => container.bootstrap_servers(),
        }
    }

    /// A name for a topic or a group that nobody else uses on this Kafka.
    #[must_use]
    pub fn unique_name(&self, prefix: &str) -> String {
        let random = RandomState::new().hash_one(std::process::id());
        format!("{prefix}-{random:016x}")
    }

    /// The cluster, if it was started here from jars: only then its brokers can be killed.
    #[must_use]
    pub fn cluster(&self) -> Option<&KafkaCluster> {
        match &self.origin {
            Origin::Running(_) => None,
            Origin::Jars(cluster) => Some(cluster),
            #[cfg(feature = "docker")]
            Origin::Container(_) => None,
        }
    }

    /// Leaves the logs behind, if there are any here.
    pub fn keep_folder(&self) {
        match &self.origin {
            Origin::Running(_) => {}
            Origin::Jars(cluster) => cluster.keep_folder(),
            #[cfg(feature = "docker")]
            Origin::Container(container) => container.keep_folder(),
        }
    }
}

impl fmt::Display for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Running(servers) => write!(f, "the Kafka at {servers} (from {SERVERS})"),
            Origin::Jars(cluster) => {
                let (version, servers) = (cluster.version(), cluster.bootstrap_servers());
                write!(f, "Kafka {version} from its jars, at {servers}")
            }
            #[cfg(feature = "docker")]
            Origin::Container(container) => {
                let (image, servers) = (container.image(), container.bootstrap_servers());
                write!(f, "Kafka in a container of {image}, at {servers}")
            }
        }
    }
}

fn given_servers() -> Option<String> {
    env::var(SERVERS)
        .ok()
        .filter(|servers| !servers.trim().is_empty())
}
