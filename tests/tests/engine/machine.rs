//! A machine for an instance to run on that can be frozen, woken and crashed, within this process.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use thalweg::{App, AppError, Clock, Handle};
use thalweg_client::TokioSpawner;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// What an instance may freeze in. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ice {
    frozen: Arc<(Mutex<Frozen>, Condvar)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Frozen {
    workers: bool,
    client: bool,
}

impl Ice {
    fn set(&self, workers: bool, client: bool) {
        let (frozen, changed) = &*self.frozen;
        *frozen.lock().unwrap_or_else(PoisonError::into_inner) = Frozen { workers, client };
        changed.notify_all();
    }

    pub(crate) fn thaw(&self) {
        self.set(false, false);
    }

    /// The client, and with it the membership and the transactions, sleeps on.
    pub(crate) fn thaw_workers(&self) {
        self.set(false, true);
    }

    /// Blocks the thread while it is frozen.
    fn pass(&self, is_frozen: impl Fn(&Frozen) -> bool) {
        let (frozen, changed) = &*self.frozen;
        let frozen = frozen.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = changed.wait_while(frozen, |frozen| is_frozen(frozen));
        drop(passed.unwrap_or_else(PoisonError::into_inner));
    }
}

/// The clock of an instance: its wall is set by the test, and who looks at it may freeze. A worker
/// looks at it in every turn.
#[derive(Debug, Clone)]
pub(crate) struct TestClock {
    wall_ms: Arc<AtomicI64>,
    ice: Ice,
}

impl TestClock {
    pub(crate) fn at(wall_ms: i64, ice: &Ice) -> Self {
        Self {
            wall_ms: Arc::new(AtomicI64::new(wall_ms)),
            ice: ice.clone(),
        }
    }

    pub(crate) fn set(&self, wall_ms: i64) {
        self.wall_ms.store(wall_ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn wall_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Instant {
        self.ice.pass(|frozen| frozen.workers);
        Instant::now()
    }
}

/// A thread with a runtime of its own.
#[derive(Debug)]
pub(crate) struct Machine {
    runtime: tokio::runtime::Handle,
    crash: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// What it may be frozen in.
    ice: Ice,
}

impl Machine {
    /// A machine on which the client's tasks of an app can run. It freezes in this ice.
    pub(crate) fn new(ice: &Ice) -> Self {
        let (mut machine, started) =
            Self::running(|_| async { ((), Box::pin(std::future::pending()) as LocalFuture) });
        started.recv().expect("it starts");
        machine.ice = ice.clone();
        machine
    }

    /// Runs all of an app on one thread: its workers and its client's tasks.
    pub(crate) fn with(app: App) -> (Self, Result<Handle, AppError>) {
        let (machine, started) = Self::running(move |spawner| async move {
            match app.start_local(spawner).await {
                Ok((handle, workers)) => {
                    let run = async move {
                        workers.await;
                        // What ends in the background gets its chance, as on any runtime.
                        std::future::pending::<()>().await;
                    };
                    (Ok(handle), Box::pin(run) as LocalFuture)
                }
                Err(error) => (Err(error), Box::pin(std::future::pending()) as LocalFuture),
            }
        });
        let handle = started.recv().expect("it starts");
        (machine, handle)
    }

    fn running<T, F>(
        start: impl FnOnce(TokioSpawner) -> F + Send + 'static,
    ) -> (Self, std::sync::mpsc::Receiver<T>)
    where
        T: Send + 'static,
        F: Future<Output = (T, LocalFuture)>,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let handle = runtime.handle().clone();
        let (crash, crashed) = oneshot::channel::<()>();
        let (tell, started) = std::sync::mpsc::sync_channel(1);
        let spawner = TokioSpawner::new(handle.clone());
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                let (told, run) = start(spawner).await;
                tell.send(told).expect("somebody waits");
                tokio::select! {
                    biased;
                    _ = crashed => {}
                    () = run => {}
                }
            });
            // Dropped with all that runs on it; nothing is told to anybody.
        });
        let machine = Self {
            runtime: handle,
            crash: Some(crash),
            thread: Some(thread),
            ice: Ice::default(),
        };
        (machine, started)
    }

    pub(crate) fn spawner(&self) -> TokioSpawner {
        TokioSpawner::new(self.runtime.clone())
    }

    /// The instance stands still until the ice thaws: this thread, and workers with a clock in the
    /// same ice.
    pub(crate) fn freeze(&self) {
        self.ice.set(true, true);
        let ice = self.ice.clone();
        self.runtime
            .spawn(async move { ice.pass(|frozen| frozen.client) });
    }

    /// As if the plug was pulled: everything on it is gone, and nobody was told.
    pub(crate) fn crash(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // Or a test that fails while it is frozen would hang.
        self.ice.thaw();
        drop(self.crash.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.end();
    }
}

type LocalFuture = std::pin::Pin<Box<dyn Future<Output = ()>>>;
