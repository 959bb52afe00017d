//! The seam through which every background task of a client is started.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use tokio::runtime::Handle;

/// A future on the heap, as the object-safe seams return and take it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Starts the background tasks of a client: connection drivers, metadata refresh, fetchers,
/// heartbeats, senders.
///
/// A client starts no task in any other way. A simulator that crashes an instance drops all the
/// futures it was given here, and nothing of that instance runs on.
pub trait Spawner: Send + Sync + 'static {
    /// Runs `future` to its end in the background. `name` says what it is, for logs and traces.
    fn spawn(&self, name: &'static str, future: BoxFuture<'static, ()>);
}

/// Starts tasks on a tokio runtime. The default.
#[derive(Clone)]
pub struct TokioSpawner {
    runtime: Handle,
}

impl TokioSpawner {
    /// Starts tasks on the given runtime.
    pub fn new(runtime: Handle) -> Self {
        TokioSpawner { runtime }
    }

    /// Starts tasks on the runtime this is called in; `None` outside of one.
    pub fn current() -> Option<Self> {
        Handle::try_current().ok().map(TokioSpawner::new)
    }
}

impl Spawner for TokioSpawner {
    fn spawn(&self, _name: &'static str, future: BoxFuture<'static, ()>) {
        self.runtime.spawn(future);
    }
}

impl fmt::Debug for TokioSpawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokioSpawner")
            .field("runtime", &self.runtime.id())
            .finish()
    }
}
