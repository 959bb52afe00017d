//! The thread on which the client's background work runs, apart from the workers' threads: a
//! worker that is busy with user code must not keep heartbeats, fetches or commits waiting.

use std::io;
use std::sync::Arc;

use thalweg_client::{Spawner, TokioSpawner};
use tokio::sync::oneshot;

/// Runs until this is dropped.
#[derive(Debug)]
pub(crate) struct IoThread {
    spawner: TokioSpawner,
    _stop: oneshot::Sender<()>,
}

impl IoThread {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let spawner = TokioSpawner::new(runtime.handle().clone());
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::Builder::new()
            .name("thalweg-io".to_owned())
            .spawn(move || {
                // Ends when the sender is dropped, which is what an error here says.
                let _ = runtime.block_on(stopped);
                runtime.shutdown_background();
            })?;
        Ok(Self {
            spawner,
            _stop: stop,
        })
    }

    /// Starts tasks on the thread.
    pub(crate) fn spawner(&self) -> Arc<dyn Spawner> {
        Arc::new(self.spawner.clone())
    }
}
