//! Describes the brokers that are to be started.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use thalweg_protocol::messages::CreatableTopic;
use thalweg_protocol::sasl::SaslError;
use thalweg_protocol::{BrokerId, StrBytes};
use tokio::runtime::Handle;

use crate::cluster::new_topic::create_topic;
use crate::cluster::{Clock, Cluster, Memory, Node, ReplicationDelay, UpgradeType};
use crate::embedded::{EmbeddedBroker, OwnThread};
use crate::release::{Release, UnknownRelease};
use crate::security::Sasl;
use crate::server::{Limits, Shared, Wrapping};
#[cfg(feature = "tls")]
use crate::server::{Tls, TlsError};
use crate::settings::{Layers, SettingError};
use crate::store::{self, DataError};

/// Why the embedded broker does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The release is none that can be played.
    #[error(transparent)]
    UnknownRelease(#[from] UnknownRelease),
    /// A setting is unknown or has an invalid value.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The folder of [`Builder::data`] cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A user cannot be one.
    #[error("a user of SASL cannot be made: {0}")]
    Sasl(#[from] SaslError),
    /// TLS cannot be had with what was given.
    #[cfg(feature = "tls")]
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A feature is unknown, or has no such level.
    #[error("feature `{name}` cannot be at level {level}: {reason}")]
    Feature {
        /// Its name.
        name: String,
        /// The level asked for.
        level: i16,
        /// Why.
        reason: String,
    },
    /// There have to be brokers.
    #[error("a cluster has 1 to 100 brokers, not {0}")]
    Brokers(usize),
    /// A topic cannot be made.
    #[error("topic `{name}` cannot be made: {reason}")]
    Topic {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; is the port in use?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The thread or its runtime could not be started.
    #[error("the broker's thread does not start: {0}")]
    Thread(#[source] io::Error),
    /// [`Builder::start_here`] was called outside a tokio runtime.
    #[error("start_here needs a tokio runtime: call it within one, or call start instead")]
    NoRuntime,
}

/// What the brokers are to be like; see [`EmbeddedBroker::builder`].
#[derive(Debug, Clone)]
pub struct Builder {
    brokers: usize,
    racks: Vec<String>,
    release: String,
    listen: SocketAddr,
    topics: Vec<(String, i32)>,
    settings: Vec<(String, String)>,
    features: Vec<(String, i16)>,
    data: Option<PathBuf>,
    seed: u64,
    frame_bytes_max: usize,
    connections_max: usize,
    memory_bytes_max: usize,
    start_ms: Option<i64>,
    replication_delay: ReplicationDelay,
    sasl: Option<Sasl>,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
    marker_delay: ReplicationDelay,
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            brokers: 1,
            racks: Vec::new(),
            release: Release::NEWEST.to_string(),
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            topics: Vec::new(),
            settings: Vec::new(),
            features: Vec::new(),
            data: None,
            seed: 0,
            frame_bytes_max: 100 << 20,
            connections_max: 10_000,
            memory_bytes_max: usize::MAX,
            start_ms: None,
            replication_delay: ReplicationDelay::default(),
            sasl: None,
            #[cfg(feature = "tls")]
            tls: None,
            marker_delay: ReplicationDelay::default(),
        }
    }
}

/// The port of broker 0 where none is listened on.
const IN_MEMORY_PORT: u16 = 9092;

impl Builder {
    /// How many brokers; 1 by default, at most 100. Their ids count from 0.
    pub fn brokers(mut self, count: usize) -> Self {
        self.brokers = count;
        self
    }

    /// The racks that the brokers are in, by turns; none by default. Replicas are not spread by them;
    /// with `replica.selector.class` they say where a consumer with a `client.rack` reads (KIP-392).
    pub fn racks(mut self, racks: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.racks = racks.into_iter().map(Into::into).collect();
        self
    }

    /// The release of Kafka to play, from "2.1" on; the newest by default.
    pub fn as_version(mut self, release: impl Into<String>) -> Self {
        self.release = release.into();
        self
    }

    /// Where the first broker listens; the others on the ports after it. Port 0, the default, takes
    /// free ports. By default on the loopback address alone.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// A topic that is there from the start, on `partitions` partitions, with as many replicas as
    /// `default.replication.factor` says.
    pub fn topic(mut self, name: impl Into<String>, partitions: i32) -> Self {
        self.topics.push((name.into(), partitions));
        self
    }

    /// A setting of all brokers, in Kafka's own keys: `num.partitions` and the like. `broker.rack` is
    /// one rack for all of [`racks`](Self::racks).
    pub fn config(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let (key, value) = (key.into(), value.into());
        match key.as_str() {
            "broker.rack" => return self.racks([value]),
            _ => self.settings.push((key, value)),
        }
        self
    }

    /// A folder that keeps topics, groups with their offsets, transactions, and what administrators
    /// set (ACLs, users of SCRAM, quotas, settings, levels of features), also when the process is
    /// killed at any point. Without one everything is gone when the brokers stop. Members of groups go
    /// on, their sessions begin anew. What is written is not forced to the disk, so that it does not
    /// outlive the machine. The levels of features are those the folder was made with, or was given
    /// since; [`feature`](Self::feature) is for new ones. So are the users of SCRAM that
    /// [`Sasl::user`](crate::Sasl::user) names.
    pub fn data(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data = Some(folder.into());
        self
    }

    /// TLS on all listeners. Connections within this process go without.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Connections have to say whose they are, by SASL; those within this process too.
    pub fn sasl(mut self, sasl: Sasl) -> Self {
        self.sasl = Some(sasl);
        self
    }

    /// Finalises a feature at a level, as `transaction.version` at 1; those not named have the level of
    /// a new cluster of the release.
    pub fn feature(mut self, name: impl Into<String>, level: i16) -> Self {
        self.features.push((name.into(), level));
        self
    }

    /// What everything random is drawn from; the same seed gives the same ids. 0 by default.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The largest request; Kafka's `socket.request.max.bytes`. 100 MiB by default.
    pub fn frame_bytes_max(mut self, bytes: usize) -> Self {
        self.frame_bytes_max = bytes;
        self
    }

    /// How many connections all brokers together accept; 10,000 by default.
    pub fn connections_max(mut self, count: usize) -> Self {
        self.connections_max = count;
        self
    }

    /// How many bytes all logs together may take; unlimited by default. What would go beyond drops the
    /// oldest closed segments of topics with `cleanup.policy=delete`, whatever their retention; where
    /// there are none, producing fails with `KAFKA_STORAGE_ERROR`.
    pub fn memory_bytes_max(mut self, bytes: usize) -> Self {
        self.memory_bytes_max = bytes;
        self
    }

    /// What the brokers' clock shows at the start, in milliseconds since 1970; the system's time by
    /// default. It goes on with tokio's clock, and stands still where that is paused.
    pub fn start_time_ms(mut self, wall_ms: i64) -> Self {
        self.start_ms = Some(wall_ms);
        self
    }

    /// How long a record takes to all replicas: between the two, drawn anew for each append. Zero by
    /// default. What is not replicated yet is not read, not acknowledged by acks=all, and lost with a
    /// leader that is [killed](EmbeddedBroker::kill).
    pub fn replication_delay(mut self, least: Duration, most: Duration) -> Self {
        self.replication_delay = ReplicationDelay::new(least, most);
        self
    }

    /// How long the outcome of a transaction takes to each of its partitions, after EndTxn was
    /// answered: between the two, drawn anew for each partition. Zero by default.
    pub fn marker_delay(mut self, least: Duration, most: Duration) -> Self {
        self.marker_delay = ReplicationDelay::new(least, most);
        self
    }

    /// Starts the brokers on a thread of their own. Returns when they can be connected to.
    ///
    /// # Errors
    /// A setting that is not one, an address that cannot be listened on.
    pub fn start(self) -> Result<EmbeddedBroker, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::Thread)?;
        let served = {
            let _within = runtime.enter();
            self.serve(runtime.handle().clone())
        };
        match served {
            Ok((shared, addresses)) => {
                let thread = OwnThread::start(runtime).map_err(StartError::Thread)?;
                Ok(EmbeddedBroker::new(shared, addresses, Some(thread)))
            }
            Err(error) => {
                // This may be called within another runtime, where none may be waited for.
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    /// Listens, and spawns everything on `runtime`, within which this is called.
    fn serve(&self, runtime: Handle) -> Result<(Arc<Shared>, Vec<SocketAddr>), StartError> {
        let listeners = self.bind()?;
        let addresses = listeners.iter().map(TcpListener::local_addr);
        let addresses: Vec<SocketAddr> = addresses
            .collect::<io::Result<_>>()
            .map_err(StartError::Thread)?;
        let shared = self.build(&addresses, runtime)?;
        for (listener, node) in listeners.into_iter().zip(0..) {
            let listening = shared.listen(BrokerId(node), listener);
            listening.map_err(StartError::Thread)?;
        }
        Ok((shared, addresses))
    }

    /// Starts the brokers on the tokio runtime this is called in, without sockets: only connections
    /// [within this process](EmbeddedBroker::connect) reach them. With a paused clock they stand still
    /// together with everything else on that runtime.
    ///
    /// # Errors
    /// A setting that is not one; no runtime.
    pub fn start_here(self) -> Result<EmbeddedBroker, StartError> {
        let runtime = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let host = self.listen.ip();
        let ports = (IN_MEMORY_PORT..).take(self.brokers);
        let addresses: Vec<_> = ports.map(|port| SocketAddr::new(host, port)).collect();
        let shared = self.build(&addresses, runtime)?;
        Ok(EmbeddedBroker::new(shared, addresses, None))
    }

    #[cfg(feature = "tls")]
    fn wrapping(&self) -> Result<Wrapping, StartError> {
        let tls = self.tls.as_ref().map(Tls::acceptor);
        let tls = tls.transpose()?;
        Ok(Wrapping { tls })
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_self, reason = "as with TLS")]
    fn wrapping(&self) -> Result<Wrapping, StartError> {
        Ok(Wrapping::default())
    }

    fn bind(&self) -> Result<Vec<TcpListener>, StartError> {
        let bind = |index: u16| {
            let port = match self.listen.port() {
                0 => 0,
                first => first.saturating_add(index),
            };
            let address = SocketAddr::new(self.listen.ip(), port);
            let failed = |source| StartError::Listen { address, source };
            TcpListener::bind(address).map_err(failed)
        };
        (0..).take(self.brokers).map(bind).collect()
    }

    fn build(&self, addresses: &[SocketAddr], runtime: Handle) -> Result<Arc<Shared>, StartError> {
        if !(1..=100).contains(&self.brokers) {
            return Err(StartError::Brokers(self.brokers));
        }
        let release: Release = self.release.parse()?;
        let clock = Clock::starting_at(self.start_ms.unwrap_or_else(system_time_ms));
        let mut cluster = Cluster::new(release, self.seed, clock.now());
        for (key, value) in &self.settings {
            cluster.settings.set(key, value)?;
        }
        self.finalise_features(&mut cluster)?;
        cluster.replication_delay = self.replication_delay;
        cluster.marker_delay = self.marker_delay;
        cluster.layers = Layers::new(cluster.settings.clone());
        if release >= Release::of(4, 1) {
            // Where eligible leader replicas are on, brokers keep what they began with (KIP-966).
            let mut dynamic = cluster.layers.dynamic(None);
            let key = "min.insync.replicas";
            dynamic.set(key, &cluster.settings.text(key))?;
            cluster.layers.set_dynamic(None, dynamic);
        }
        cluster.acls.configure(&cluster.settings);
        if let Some(sasl) = &self.sasl {
            cluster.security.configure(sasl, &mut cluster.random)?;
        }
        cluster.memory = Memory::limited_to(self.memory_bytes_max);
        let mut racks = self.racks.iter().cycle();
        for (address, id) in addresses.iter().zip(0..) {
            let node = Node {
                host: StrBytes::from(address.ip().to_string()),
                port: address.port(),
                rack: racks.next().map(|rack| StrBytes::from(rack.as_str())),
                alive: true,
            };
            cluster.nodes.insert(BrokerId(id), node);
        }
        if let Some(folder) = &self.data {
            store::load(&mut cluster, folder)?;
        }
        self.create_topics(&mut cluster)?;
        cluster.start_upkeep();
        cluster.store_changes();
        let limits = Limits {
            frame_bytes_max: self.frame_bytes_max,
            connections_max: self.connections_max,
        };
        Ok(Shared::new(
            cluster,
            clock,
            limits,
            self.wrapping()?,
            runtime,
        ))
    }

    fn finalise_features(&self, cluster: &mut Cluster) -> Result<(), StartError> {
        for (name, level) in &self.features {
            let lower = *level < cluster.features.level(name);
            let how = if lower {
                UpgradeType::Downgrade
            } else {
                UpgradeType::Upgrade
            };
            let checked = cluster.features.check(name, *level, Some(how));
            checked.map_err(|(_, reason)| StartError::Feature {
                name: name.clone(),
                level: *level,
                reason,
            })?;
            cluster.features.set(name, *level);
        }
        Ok(())
    }

    fn create_topics(&self, cluster: &mut Cluster) -> Result<(), StartError> {
        for (name, partitions) in &self.topics {
            if cluster.topics.topic(name).is_some() {
                continue;
            }
            let topic = CreatableTopic {
                name: name.into(),
                num_partitions: *partitions,
                replication_factor: -1,
                ..Default::default()
            };
            let failed = |(_, reason)| StartError::Topic {
                name: name.clone(),
                reason,
            };
            create_topic(cluster, topic, false).map_err(failed)?;
        }
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the brokers' own clock begins"
)]
fn system_time_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX / 2)
    })
}
