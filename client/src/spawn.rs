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

#[cfg(test)]
pub(crate) mod tests {
    //! A spawner whose tasks can be made to die, as a crash or the end of a runtime does.

    use std::sync::{Arc, Mutex};

    use tokio::task::AbortHandle;

    use super::*;
    use crate::config::ClientConfig;

    /// Runs tasks until it is killed.
    #[derive(Clone, Default)]
    pub(crate) struct Mortal(Arc<Mutex<Vec<AbortHandle>>>);

    impl Mortal {
        /// A spawner, and the configuration with it.
        pub(crate) fn new(config: ClientConfig) -> (Mortal, ClientConfig) {
            let mortal = Mortal::default();
            (mortal.clone(), config.spawner(mortal))
        }

        /// Drops every task.
        pub(crate) fn kill(&self) {
            let tasks = self.0.lock().expect("no panic");
            tasks.iter().for_each(AbortHandle::abort);
        }
    }

    impl Spawner for Mortal {
        fn spawn(&self, _: &'static str, future: BoxFuture<'static, ()>) {
            let task = tokio::spawn(future).abort_handle();
            self.0.lock().expect("no panic").push(task);
        }
    }
}
