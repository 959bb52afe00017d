//! Brokers that run.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use thalweg_protocol::{BrokerId, PartitionId, StrBytes};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::builder::Builder;
use crate::fault::{Fault, RequestSeen};
use crate::server::{InMemoryStream, RunState, Shared};

/// A small Kafka in this process. It stops when it is dropped.
pub struct EmbeddedBroker {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    thread: Option<OwnThread>,
}

impl EmbeddedBroker {
    /// Describes brokers to be started. Without more words: one of the newest release, on a free
    /// port of the loopback address, without topics, which are made when they are first asked for.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(
        shared: Arc<Shared>,
        addresses: Vec<SocketAddr>,
        thread: Option<OwnThread>,
    ) -> Self {
        EmbeddedBroker {
            shared,
            addresses,
            thread,
        }
    }

    /// What clients take as `bootstrap.servers`.
    pub fn bootstrap_servers(&self) -> String {
        let addresses = self.addresses.iter().map(SocketAddr::to_string);
        addresses.collect::<Vec<_>>().join(",")
    }

    /// Opens a connection within this process, without a socket, to the broker that
    /// [`bootstrap_servers`](Self::bootstrap_servers) and the metadata tell as `port`.
    ///
    /// # Errors
    /// `ConnectionRefused`: there is no such broker, or it does not run.
    pub fn connect(&self, port: u16) -> io::Result<InMemoryStream> {
        self.shared.connect_in_memory(port)
    }

    /// What opens such connections, to be given to clients.
    pub fn connector(&self) -> Connector {
        Connector {
            shared: Arc::downgrade(&self.shared),
        }
    }

    /// Lets a closure choose what happens to each request from now on, in the place of an earlier one.
    /// [`faults`](crate::faults) has ready ones.
    pub fn inject(&self, choose: impl Fn(&RequestSeen<'_>) -> Fault + Send + Sync + 'static) {
        self.shared.set_injected(Some(Arc::new(choose)));
    }

    /// Lets all requests pass again.
    pub fn inject_nothing(&self) {
        self.shared.set_injected(None);
    }

    /// The ids of the brokers.
    pub fn brokers(&self) -> Vec<i32> {
        self.shared
            .enter(|cluster| cluster.nodes.ids().map(|id| id.0).collect())
    }

    /// Kills a broker: its connections break, and what it had appended and not replicated yet is
    /// lost with it, unless it holds the only replica. What it led is led by others, where there are
    /// any in sync.
    ///
    /// # Errors
    /// There is no such broker.
    pub fn kill(&self, broker: i32) -> Result<(), UnknownBroker> {
        self.end(broker, true)
    }

    /// Stops a broker in order: what it led is handed over, and nothing is lost.
    ///
    /// # Errors
    /// There is no such broker.
    pub fn stop(&self, broker: i32) -> Result<(), UnknownBroker> {
        self.end(broker, false)
    }

    fn end(&self, broker: i32, loss: bool) -> Result<(), UnknownBroker> {
        let id = self.known(broker)?;
        self.shared.set_state(id, RunState::Stopped);
        self.shared.enter(|cluster| cluster.node_died(id, loss));
        Ok(())
    }

    /// Starts a broker again that was killed or stopped, at its old address. It is in sync at once.
    ///
    /// # Errors
    /// There is no such broker.
    pub fn restart(&self, broker: i32) -> Result<(), UnknownBroker> {
        let id = self.known(broker)?;
        self.shared.enter(|cluster| cluster.node_started(id));
        self.shared.set_state(id, RunState::Running);
        Ok(())
    }

    /// Lets a broker stand still, as SIGSTOP does: connections stay and are accepted, nothing is
    /// answered. Its partitions keep it as their leader.
    ///
    /// # Errors
    /// There is no such broker.
    pub fn pause(&self, broker: i32) -> Result<(), UnknownBroker> {
        self.shared.set_state(self.known(broker)?, RunState::Paused);
        Ok(())
    }

    /// Lets a broker go on that was paused.
    ///
    /// # Errors
    /// There is no such broker.
    pub fn resume(&self, broker: i32) -> Result<(), UnknownBroker> {
        self.shared
            .set_state(self.known(broker)?, RunState::Running);
        Ok(())
    }

    /// The broker that leads a partition; `None` where there is none, or no such partition. The
    /// leaders of `__consumer_offsets` and `__transaction_state` are the coordinators.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<i32> {
        let index = PartitionId(partition);
        self.shared
            .enter(|cluster| Some(cluster.topics.partition(topic, index)?.leader?.0))
    }

    /// Lets another broker lead a partition, one that has a replica in sync.
    ///
    /// # Errors
    /// It has none, or does not run; or there is no such partition.
    pub fn move_leader(&self, topic: &str, partition: i32, to: i32) -> Result<(), UnknownBroker> {
        let (name, index) = (StrBytes::from(topic), PartitionId(partition));
        let moved = self
            .shared
            .enter(|cluster| cluster.move_leader(&name, index, BrokerId(to)));
        if moved {
            return Ok(());
        }
        Err(UnknownBroker {
            what: format!("broker {to} cannot lead {topic}-{partition}: it has no replica in sync"),
        })
    }

    /// Flips the last byte of the batch that holds a record, as a bad disk would. It is sent as it lies
    /// there; readers have to look.
    ///
    /// # Errors
    /// There is no such record.
    pub fn damage(&self, topic: &str, partition: i32, offset: i64) -> Result<(), UnknownBroker> {
        let damaged = self.shared.enter(|cluster| {
            let (name, index) = (StrBytes::from(topic), PartitionId(partition));
            let partition = cluster.topics.partition_mut(&name, index);
            partition.is_some_and(|partition| partition.log.damage(offset))
        });
        if damaged {
            return Ok(());
        }
        Err(UnknownBroker {
            what: format!("there is no record {offset} in {topic}-{partition}"),
        })
    }

    fn known(&self, broker: i32) -> Result<BrokerId, UnknownBroker> {
        let id = BrokerId(broker);
        if self.shared.watch(id).is_some() {
            return Ok(id);
        }
        Err(UnknownBroker {
            what: format!("there is no broker {broker}"),
        })
    }
}

/// Opens connections to brokers of this process, from anywhere in it. It does not keep them running.
#[derive(Clone)]
pub struct Connector {
    shared: Weak<Shared>,
}

impl Connector {
    /// Opens a connection to the broker that the metadata tells as `port`; the host does not matter.
    ///
    /// # Errors
    /// `ConnectionRefused`: there is no such broker, or it does not run.
    pub fn connect(&self, port: u16) -> io::Result<InMemoryStream> {
        match self.shared.upgrade() {
            Some(shared) => shared.connect_in_memory(port),
            None => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

/// There is no broker, topic or partition of that name or number, or it cannot do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct UnknownBroker {
    what: String,
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        self.shared.stop();
        drop(self.thread.take());
    }
}

impl fmt::Debug for EmbeddedBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedBroker")
            .field("bootstrap_servers", &self.bootstrap_servers())
            .finish_non_exhaustive()
    }
}

/// The thread that runs the brokers, until this is dropped.
pub(crate) struct OwnThread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl OwnThread {
    pub(crate) fn start(runtime: Runtime) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            // An error means that the sender is gone, which is what is waited for.
            let _ = runtime.block_on(stopped);
        };
        let thread = std::thread::Builder::new()
            .name("kafka".to_owned())
            .spawn(run)?;
        Ok(OwnThread {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for OwnThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
