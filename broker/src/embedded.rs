//! Brokers that run.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::builder::Builder;
use crate::server::{InMemoryStream, Shared};

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
