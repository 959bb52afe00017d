//! How an app is told to run, and started.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thalweg_client::{ClientConfig, Spawner};

use super::error::AppError;
use super::handle::Handle;
use super::run::{self, LocalWorkers};
use super::settings::Guarantee;
use super::start::Until;
use crate::app::App;
use crate::seams::{Clock, Storage};
use crate::topology::Topology;

/// What [`App::run_until`] gives an app to come to rest.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(30);

/// Settings. All have defaults but the bootstrap servers.
impl App {
    /// Some brokers of the cluster: `host:port`, separated by commas (`bootstrap.servers`).
    #[must_use]
    pub fn bootstrap_servers(mut self, servers: impl Into<String>) -> Self {
        self.run.client = ClientConfig::new(servers);
        self
    }

    /// Everything there is to say about reaching the cluster, the bootstrap servers included;
    /// instead of [`bootstrap_servers`](Self::bootstrap_servers). Its `client_id`, `spawner` and
    /// `seed` are set by the app.
    #[must_use]
    pub fn client_config(mut self, config: ClientConfig) -> Self {
        self.run.client = config;
        self
    }

    /// What a crash may do to the output (`processing.guarantee`). Default: exactly once.
    #[must_use]
    pub fn guarantee(mut self, guarantee: Guarantee) -> Self {
        self.run.guarantee = guarantee;
        self
    }

    /// How many threads process, each with its share of the tasks (`num.stream.threads`). More than
    /// there are tasks stay idle. Default 1.
    #[must_use]
    pub fn workers(mut self, workers: u32) -> Self {
        self.run.workers = workers;
        self
    }

    /// Where this instance remembers who it is, in a folder named after the application
    /// (`state.dir`). Instances on one machine need different ones. Keep it across restarts: a
    /// restart that finds its folder takes over from its predecessor at once, instead of after
    /// time-outs. Default: `thalweg` in the folder for temporary files.
    #[must_use]
    pub fn state_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.run.state_dir = path.into();
        self.run.storage = None;
        self
    }

    /// Something else than a folder to remember things in; for simulations.
    #[must_use]
    pub fn storage(mut self, storage: impl Storage + 'static) -> Self {
        self.run.storage = Some(Arc::new(storage));
        self
    }

    /// The longest time between the first record of a transaction and its commit, after which
    /// outputs can be read (`commit.interval.ms`). Every commit costs a few requests. Default
    /// 100 ms.
    #[must_use]
    pub fn commit_interval(mut self, interval: Duration) -> Self {
        self.run.commit_interval = interval;
        self
    }

    /// Commits earlier when this many bytes of output wait, per worker: what bounds the memory they
    /// take. Default 16 MiB.
    #[must_use]
    pub fn commit_bytes_max(mut self, bytes: u64) -> Self {
        self.run.commit_bytes_max = bytes;
        self
    }

    /// Commits earlier when this many input records are processed, per worker. Default 1,000,000.
    #[must_use]
    pub fn commit_records_max(mut self, records: u64) -> Self {
        self.run.commit_records_max = records;
        self
    }

    /// After this long the broker aborts a transaction that is still open
    /// (`transaction.timeout.ms`): how long a crash without restart can hold readers up. Default
    /// 10 s; the broker's `transaction.max.timeout.ms` is the most.
    #[must_use]
    pub fn transaction_timeout(mut self, timeout: Duration) -> Self {
        self.run.transaction_timeout = timeout;
        self
    }

    /// After this long without a heartbeat the group goes on without a worker
    /// (`session.timeout.ms`). Heartbeats do not depend on user code. Default 45 s.
    #[must_use]
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.run.session_timeout = timeout;
        self
    }

    /// How long the others wait for a worker to settle what it gives up (`max.poll.interval.ms`):
    /// more than the longest that user code takes for one batch. Default 5 minutes.
    #[must_use]
    pub fn rebalance_timeout(mut self, timeout: Duration) -> Self {
        self.run.rebalance_timeout = timeout;
        self
    }

    /// How much is fetched ahead, per worker, in bytes. Default 16 MiB.
    #[must_use]
    pub fn prefetch_bytes(mut self, bytes: usize) -> Self {
        self.run.prefetch_bytes = bytes;
        self
    }

    /// How many replicas internal topics get when they are made (`replication.factor`). Default
    /// −1: what the broker does by default. Needs Kafka 2.4.
    #[must_use]
    pub fn replication_factor(mut self, replicas: i16) -> Self {
        self.run.replication_factor = replicas;
        self
    }

    /// When the app runs until the end of its input: whether windows that are open there are closed
    /// and emitted as they are. Default no: they go on when it runs again.
    #[must_use]
    pub fn close_windows_at_end(mut self, close: bool) -> Self {
        self.run.close_windows_at_end = close;
        self
    }

    /// Where time comes from. Default: the machine's clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.run.clock = Arc::new(clock);
        self
    }

    /// Who runs the client's background tasks. Default: a thread of the app's own. They must not
    /// wait for the threads that process.
    #[must_use]
    pub fn spawner(mut self, spawner: impl Spawner) -> Self {
        self.run.spawner = Some(Arc::new(spawner));
        self
    }

    /// Makes what is random the same in every run: for simulations. Default: unpredictable.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.run.seed = Some(seed);
        self
    }
}

/// Running.
impl App {
    /// Starts the app: checks the program, the state folder, the cluster and the topics, makes
    /// internal topics, and sets the workers to work. They join their group in the background.
    ///
    /// Must be called within a tokio runtime; the app itself runs on threads of its own.
    ///
    /// # Errors
    /// Whatever keeps it from working; nothing is processed then.
    ///
    /// # Cancel-safety
    /// When the future is dropped, what was started ends by itself.
    pub async fn start(&self) -> Result<Handle, AppError> {
        run::start(self.topology()?, self.run.clone(), Until::Stopped).await
    }

    /// As [`start`](Self::start), but the app ends by itself once everything is committed that its
    /// source topics held when it was started: [`Handle::wait`] tells.
    ///
    /// "Everything" is counted by offsets, over all instances of the app and through its repartition
    /// topics; records of transactions that are open at the start are not waited for beyond their
    /// end.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    ///
    /// # Cancel-safety
    /// As [`start`](Self::start).
    pub async fn start_until_end(&self) -> Result<Handle, AppError> {
        run::start(self.topology()?, self.run.clone(), Until::End).await
    }

    /// Runs until `stop` is ready, or until the app cannot go on; then commits, leaves the group and
    /// returns.
    ///
    /// # Errors
    /// Why it could not start, or stopped; [`AppError::Deadline`] if it did not come to rest within
    /// 30 s of `stop`.
    ///
    /// # Cancel-safety
    /// When the future is dropped, the app stops in the background, as told by dropping its handle.
    pub async fn run_until(&self, stop: impl Future<Output = ()>) -> Result<(), AppError> {
        let running = self.start().await?;
        tokio::select! {
            biased;
            ended = running.wait() => ended,
            () = stop => running.shutdown(SHUTDOWN_DEADLINE).await,
        }
    }

    /// Runs until everything is committed that the source topics held at the start; see
    /// [`start_until_end`](Self::start_until_end).
    ///
    /// # Errors
    /// Why it could not start, or stopped.
    ///
    /// # Cancel-safety
    /// As [`run_until`](Self::run_until).
    pub async fn run_until_end(&self) -> Result<(), AppError> {
        self.start_until_end().await?.wait().await
    }

    /// Starts the app with workers that the caller polls, instead of on threads: for a simulation
    /// that runs everything on one thread. `spawner` runs the client's tasks.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_local(
        &self,
        spawner: impl Spawner,
    ) -> Result<(Handle, LocalWorkers), AppError> {
        let (topology, settings) = (self.topology()?, self.run.clone());
        run::start_local(topology, settings, Until::Stopped, Arc::new(spawner)).await
    }

    fn topology(&self) -> Result<Topology, AppError> {
        self.build()
            .map_err(|error| AppError::Program(error.to_string()))
    }
}
