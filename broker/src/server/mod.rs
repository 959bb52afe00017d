//! The async shell: connections, listeners and the timer task around one [`Cluster`].
//!
//! Nothing here decides anything about Kafka; the lock on the cluster is held for one request at a
//! time and never across an await.

mod connection;
mod listener;
mod switch;
#[cfg(feature = "tls")]
mod tls;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use thalweg_protocol::{ApiKey, BrokerId};
use tokio::io::DuplexStream;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::time::sleep_until;

pub(crate) use connection::Peer;
pub(crate) use switch::RunState;
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError};

use crate::api::{APIS, Api};
use crate::cluster::{Clock, Cluster, Principal};
use crate::fault::Inject;
use switch::Switch;

/// A connection to a broker within this process.
pub type InMemoryStream = DuplexStream;

/// Bytes that one direction of an in-memory connection holds before the writer waits.
const IN_MEMORY_BYTES: usize = 1 << 18;

/// What bounds what clients can take.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) frame_bytes_max: usize,
    pub(crate) connections_max: usize,
}

/// What is put around connections from outside.
#[derive(Default)]
pub(crate) struct Wrapping {
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<tokio_rustls::TlsAcceptor>,
}

/// What all tasks of the brokers share.
pub(crate) struct Shared {
    cluster: Mutex<Cluster>,
    clock: Clock,
    timers_changed: Notify,
    next_connection: AtomicU64,
    connections: AtomicUsize,
    pub(crate) limits: Limits,
    states: BTreeMap<BrokerId, Switch>,
    stopped: AtomicBool,
    inject: RwLock<Option<Arc<Inject>>>,
    /// What the release offers, worked out once.
    offered: BTreeMap<ApiKey, (i16, i16)>,
    /// Whether connections have to say whose they are.
    asks_for_sasl: bool,
    wrapping: Wrapping,
    runtime: Handle,
}

impl Shared {
    /// All brokers of `cluster`, running. Tasks run on `runtime`.
    pub(crate) fn new(
        cluster: Cluster,
        clock: Clock,
        limits: Limits,
        wrapping: Wrapping,
        runtime: Handle,
    ) -> Arc<Self> {
        let running = |id| (id, Switch::new(RunState::Running));
        let states = cluster.nodes.ids().map(running).collect();
        let range = |api: &Api| Some((api.key, api.offered_by(cluster.release)?));
        let offered = APIS.iter().filter_map(range).collect();
        let shared = Arc::new(Shared {
            offered,
            asks_for_sasl: cluster.security.asks_for_sasl(),
            cluster: Mutex::new(cluster),
            clock,
            timers_changed: Notify::new(),
            next_connection: AtomicU64::new(1),
            connections: AtomicUsize::new(0),
            limits,
            states,
            stopped: AtomicBool::new(false),
            inject: RwLock::new(None),
            wrapping,
            runtime,
        });
        shared.runtime.spawn(run_timers(Arc::clone(&shared)));
        shared
    }

    fn lock(&self) -> MutexGuard<'_, Cluster> {
        // A handler that panicked is a bug, and should not take the other connections with it.
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the cluster at this moment, after all that is due before it.
    pub(crate) fn enter<T>(&self, what: impl FnOnce(&mut Cluster) -> T) -> T {
        let mut cluster = self.lock();
        let before = cluster.next_timer_at();
        if cluster.handle_timers(self.clock.now()) {
            // On its own: what was complete before has to be stored before what begins now.
            cluster.store_changes();
        }
        let result = what(&mut cluster);
        cluster.settle();
        cluster.store_changes();
        let after = cluster.next_timer_at();
        let failed = cluster.storage_failed;
        drop(cluster);
        if failed {
            self.stop();
        }
        if after != before {
            self.timers_changed.notify_one();
        }
        result
    }

    /// Whether connections have to say whose they are.
    pub(crate) fn asks_for_sasl(&self) -> bool {
        self.asks_for_sasl
    }

    /// The versions of an API that are offered.
    pub(crate) fn versions(&self, api: &Api) -> Option<(i16, i16)> {
        self.offered.get(&api.key).copied()
    }

    /// What chooses faults, if anything does.
    pub(crate) fn injected(&self) -> Option<Arc<Inject>> {
        self.inject
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Lets `inject` choose faults from now on, or nothing.
    pub(crate) fn set_injected(&self, inject: Option<Arc<Inject>>) {
        *self.inject.write().unwrap_or_else(PoisonError::into_inner) = inject;
    }

    /// Whether everything has stopped for good.
    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// The state of a broker, and its changes.
    pub(crate) fn watch(&self, node: BrokerId) -> Option<watch::Receiver<RunState>> {
        self.states.get(&node).map(Switch::watch)
    }

    /// Changes the state of a broker.
    pub(crate) fn set_state(&self, node: BrokerId, state: RunState) {
        if let Some(switch) = self.states.get(&node) {
            switch.set(state);
        }
    }

    /// Stops everything.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        for switch in self.states.values() {
            switch.set(RunState::Stopped);
        }
        self.timers_changed.notify_one();
    }

    /// A connection from within this process to the broker that is told to clients as `port`.
    pub(crate) fn connect_in_memory(self: &Arc<Self>, port: u16) -> io::Result<InMemoryStream> {
        let node = {
            let cluster = self.lock();
            let ids = cluster.nodes.ids();
            let mut with_port = ids.filter(|id| {
                cluster
                    .nodes
                    .node(*id)
                    .is_some_and(|node| node.port == port)
            });
            with_port.next()
        };
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let node = node.ok_or_else(refused)?;
        let state = self.watch(node).ok_or_else(refused)?;
        if *state.borrow() == RunState::Stopped {
            return Err(refused());
        }
        let (theirs, ours) = tokio::io::duplex(IN_MEMORY_BYTES);
        let peer = Peer {
            node,
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let nobody = Principal::anonymous();
        let serve = connection::serve(Arc::clone(self), ours, peer, nobody);
        self.runtime.spawn(serve);
        Ok(theirs)
    }

    /// Listens for connections to `node`. To be called within the runtime.
    pub(crate) fn listen(
        self: &Arc<Self>,
        node: BrokerId,
        listener: std::net::TcpListener,
    ) -> io::Result<()> {
        let listener = listener::Listener::new(Arc::clone(self), node, listener)?;
        self.runtime.spawn(listener.run());
        Ok(())
    }

    /// Serves a connection that came over a socket.
    pub(super) async fn serve(self: Arc<Self>, stream: TcpStream, peer: Peer) {
        #[cfg(feature = "tls")]
        if let Some(acceptor) = &self.wrapping.tls {
            // It counts as a connection from its first byte on.
            let Some(admitted) = self.new_connection() else {
                return;
            };
            let agreed = tls::agree(acceptor, stream).await;
            drop(admitted);
            if let Some(stream) = agreed {
                let principal = tls::principal_of(&stream);
                connection::serve(Arc::clone(&self), stream, peer, principal).await;
            }
            return;
        }
        connection::serve(self, stream, peer, Principal::anonymous()).await;
    }

    fn new_connection(self: &Arc<Self>) -> Option<Admitted> {
        let before = self.connections.fetch_add(1, Ordering::Relaxed);
        let admitted = Admitted {
            id: self.next_connection.fetch_add(1, Ordering::Relaxed),
            shared: Arc::clone(self),
        };
        (before < self.limits.connections_max).then_some(admitted)
    }
}

/// A connection that counts as one until it is dropped.
struct Admitted {
    id: u64,
    shared: Arc<Shared>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.shared.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Wakes the cluster up whenever one of its timers is due, until everything is stopped.
async fn run_timers(shared: Arc<Shared>) {
    while !shared.is_stopped() {
        let next = shared.lock().next_timer_at();
        let changed = shared.timers_changed.notified();
        match next {
            None => changed.await,
            Some(at) => tokio::select! {
                biased;
                () = changed => {}
                () = sleep_until(at) => shared.enter(|_| ()),
            },
        }
    }
}
