//! The shared base of consumers, producers and the admin client: which brokers there are, who leads
//! what, and a way to send a request to the one that has to serve it.
//!
//! ```text
//!   Consumer        Producer        Admin
//!       │ scoped()      │ scoped()    │        own connections for what may block
//!       ▼               ▼             ▼
//!   Cluster ── call(target, purpose, request) ── retry
//!       ├── refresh: one task keeps MetadataSnapshot up to date (leaders, topic ids)
//!       ├── coordinators: who serves a group or a transactional id
//!       └── connections: (broker, purpose) → BrokerConnection ── versions ──► net
//! ```

mod backoff;
mod broker_connection;
mod connections;
mod coordinators;
mod metadata;
mod purpose;
mod refresh;
mod retry;
#[cfg(test)]
mod tests;
mod versions;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thalweg_protocol::{BrokerId, KafkaRelease, PartitionId, Request};
use tokio::time::Instant;

use crate::config::{ClientConfig, ConfigError, HostPort, spawner_of};
use crate::error::{BrokerAddress, CallError, ConnectError};
use crate::net::ReceivePool;
use crate::rng::Rng;
use crate::spawn::{BoxFuture, Spawner};

use connections::Connections;
use coordinators::Coordinators;
use refresh::Refresh;
use versions::{ApiVersions, FinalizedFeatures};

pub(crate) use broker_connection::{BrokerConnection, PendingResponse, PendingWrite};
pub use metadata::{Broker, Leader, MetadataSnapshot, PartitionMetadata, TopicMetadata};
pub(crate) use purpose::{Purpose, Target};
pub(crate) use refresh::MetadataChanges;
pub(crate) use retry::Retry;

/// A connected cluster. Cloning is cheap, and clones share metadata and connections.
///
/// Consumers, producers and admin clients are made from it; any number of them, sharing what is
/// known about the cluster. When the last of them is dropped, connections close and background
/// tasks end.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
    /// Connections of this client alone. The ones for short questions are shared, in `inner`.
    own: Arc<Connections>,
}

/// What all clients of a cluster share.
struct Inner {
    config: ClientConfig,
    bootstrap: Vec<HostPort>,
    pinned: Option<KafkaRelease>,
    spawner: Arc<dyn Spawner>,
    receive_pool: ReceivePool,
    rng: Mutex<Rng>,
    control: Connections,
    coordinators: Coordinators,
    features: Mutex<FinalizedFeatures>,
    refresh: Refresh,
}

impl Cluster {
    /// Connects to a cluster: reaches one of the bootstrap servers and learns about the others.
    ///
    /// # Errors
    /// The configuration cannot work, or no bootstrap server could be reached within
    /// `bootstrap_timeout`; the error says for each of them why.
    ///
    /// # Cancel-safety
    /// Dropping the future leaves nothing behind.
    pub async fn connect(config: ClientConfig) -> Result<Cluster, ConnectError> {
        let bootstrap = config.check()?;
        let pinned = match &config.broker_version {
            Some(version) => {
                Some(
                    KafkaRelease::up_to(version).ok_or_else(|| ConfigError::Invalid {
                        setting: "broker_version",
                        value: version.clone(),
                        expected: "a Kafka release from 2.1 on, such as 2.8",
                    })?,
                )
            }
            None => None,
        };
        let inner = Arc::new(Inner {
            bootstrap,
            pinned,
            spawner: spawner_of(&config)?,
            receive_pool: ReceivePool::new(config.receive_pool_bytes_max),
            rng: Mutex::new(config.seed.map_or_else(Rng::from_entropy, Rng::from_seed)),
            control: Connections::default(),
            coordinators: Coordinators::default(),
            features: Mutex::default(),
            refresh: Refresh::default(),
            config,
        });
        refresh::bootstrap(&inner).await?;
        inner
            .spawner
            .spawn("thalweg metadata", Box::pin(refresh::keep_fresh(&inner)));
        Ok(Cluster {
            inner,
            own: Arc::default(),
        })
    }

    /// This cluster for one more client, with connections of its own for everything but
    /// [`Purpose::Control`]: two consumers must not wait for each other's long polls.
    pub(crate) fn scoped(&self) -> Cluster {
        Cluster {
            inner: Arc::clone(&self.inner),
            own: Arc::default(),
        }
    }

    /// The configuration this was connected with.
    pub fn config(&self) -> &ClientConfig {
        &self.inner.config
    }

    /// What is known about brokers and topics at this moment.
    pub fn metadata(&self) -> Arc<MetadataSnapshot> {
        self.inner.refresh.snapshot()
    }

    /// One attempt to have a request served: finds the broker, connects if need be, speaks the
    /// newest common version, waits at most `request_timeout` for the answer.
    ///
    /// Error codes inside of the answer are the caller's to read.
    ///
    /// Cancel-safe in that nothing of the client is disturbed; the request may have been sent.
    pub(crate) async fn call<R: Request>(
        &self,
        to: Target<'_>,
        purpose: Purpose,
        request: &R,
    ) -> Result<R::Response, CallError> {
        let connection = self.connection(to, purpose).await?;
        let version = connection.version::<R>()?;
        connection.send(request, version)?.await
    }

    /// The connection over which requests for `to` travel, opened if need be.
    pub(crate) async fn connection(
        &self,
        to: Target<'_>,
        purpose: Purpose,
    ) -> Result<Arc<BrokerConnection>, CallError> {
        let broker = match to {
            Target::Any => self.any_broker(purpose)?,
            to => self.resolve(to).await?,
        };
        self.connection_to(broker, purpose).await
    }

    /// The broker that has to serve requests for `to`, asked for if it is not known.
    pub(crate) async fn resolve(&self, to: Target<'_>) -> Result<BrokerId, CallError> {
        match to {
            Target::Any => self.any_broker(Purpose::Control),
            Target::Controller => self.metadata().controller().ok_or(CallError::NoController),
            Target::Broker(broker) => Ok(broker),
            Target::GroupCoordinator(_) | Target::TransactionCoordinator(_) => {
                self.coordinator(to).await
            }
        }
    }

    async fn connection_to(
        &self,
        broker: BrokerId,
        purpose: Purpose,
    ) -> Result<Arc<BrokerConnection>, CallError> {
        let metadata = self.metadata();
        let address = metadata
            .address(broker)
            .ok_or(CallError::UnknownBroker { broker })?;
        self.connections(purpose)
            .connection(&self.inner, broker, address, purpose)
            .await
    }

    fn connections(&self, purpose: Purpose) -> &Connections {
        match purpose {
            Purpose::Control => &self.inner.control,
            Purpose::Fetch | Purpose::Produce | Purpose::Group | Purpose::Transaction => &self.own,
        }
    }

    /// A broker that is connected already, or else any.
    fn any_broker(&self, purpose: Purpose) -> Result<BrokerId, CallError> {
        let metadata = self.metadata();
        let brokers: Vec<BrokerId> = metadata.brokers().map(Broker::id).collect();
        let connections = self.connections(purpose);
        let connected: Vec<BrokerId> = brokers
            .iter()
            .copied()
            .filter(|&id| connections.is_connected(id, purpose))
            .collect();
        let mut rng = self.inner.rng();
        rng.choose(&connected)
            .or_else(|| rng.choose(&brokers))
            .copied()
            .ok_or_else(|| CallError::NoBrokerReachable {
                tried: Arc::default(),
            })
    }

    /// Who leads a partition, as far as is known.
    ///
    /// # Errors
    /// See [`MetadataSnapshot::leader`].
    pub(crate) fn leader_of(
        &self,
        topic: &str,
        partition: PartitionId,
    ) -> Result<Leader, CallError> {
        self.metadata().leader(topic, partition)
    }

    /// The level that all brokers have agreed on for a feature, such as `transaction.version`; 0 if
    /// they know nothing of it.
    pub(crate) fn finalized_feature_level(&self, feature: &str) -> i16 {
        let features = self
            .inner
            .features
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        features.levels.get(feature).copied().unwrap_or(0)
    }

    /// The pause before repetition number `attempt`, from 0: exponential, with jitter.
    pub(crate) fn backoff(&self, attempt: u32) -> Duration {
        self.inner.retry_backoff(attempt)
    }

    /// Begins an operation that is repeated for at most `default_api_timeout`.
    pub(crate) fn retry(&self, operation: &'static str) -> Retry<'_> {
        let deadline = Instant::now() + self.inner.config.default_api_timeout;
        self.retry_until(operation, deadline)
    }

    /// Begins an operation that is repeated until `deadline`.
    pub(crate) fn retry_until(&self, operation: &'static str, deadline: Instant) -> Retry<'_> {
        Retry::new(self, operation, deadline)
    }

    /// A generator for one part of a client, decided by the configured seed.
    pub(crate) fn fork_rng(&self, label: &str) -> Rng {
        self.inner.rng().fork(label)
    }

    /// Runs a background task of a client.
    pub(crate) fn spawn(&self, name: &'static str, future: BoxFuture<'static, ()>) {
        self.inner.spawner.spawn(name, future);
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("cluster_id", &self.metadata().cluster_id())
            .field("bootstrap_servers", &self.inner.config.bootstrap_servers)
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn rng(&self) -> MutexGuard<'_, Rng> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn retry_backoff(&self, attempt: u32) -> Duration {
        let config = &self.config;
        backoff::backoff(
            config.retry_backoff,
            config.retry_backoff_max,
            attempt,
            &mut self.rng(),
        )
    }

    fn reconnect_backoff(&self, failures: u32) -> Duration {
        let config = &self.config;
        backoff::backoff(
            config.reconnect_backoff,
            config.reconnect_backoff_max,
            failures,
            &mut self.rng(),
        )
    }

    /// Brokers that lag behind may say less: the greatest features epoch counts.
    fn learn_features(&self, versions: &ApiVersions) {
        let mut features = self.features.lock().unwrap_or_else(PoisonError::into_inner);
        if versions.features.features_epoch >= features.features_epoch {
            *features = versions.features.clone();
        }
    }
}

fn bootstrap_address(server: &HostPort) -> BrokerAddress {
    BrokerAddress {
        id: None,
        host: Arc::clone(&server.host),
        port: server.port,
    }
}
