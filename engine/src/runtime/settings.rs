//! What an app is told about how to run, with the defaults and their reasons.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thalweg_client::{ClientConfig, Spawner};

use super::error::AppError;
use crate::seams::{Clock, FolderStorage, Storage, SystemClock};

/// What a crash may do to the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Guarantee {
    /// Every input record counts exactly once in what readers with `isolation.level =
    /// read_committed` see: outputs, state and offsets are committed in one Kafka transaction.
    #[default]
    ExactlyOnce,
    /// Every input record counts at least once: after a crash some are read again. No
    /// transactions, so readers see outputs at once.
    AtLeastOnce,
}

/// Everything [`App`](crate::App) can be told about running; set by its methods.
#[derive(Clone)]
pub(crate) struct RunSettings {
    pub(crate) client: ClientConfig,
    pub(crate) guarantee: Guarantee,
    pub(crate) workers: u32,
    pub(crate) state_dir: PathBuf,
    /// Instead of a folder in `state_dir`.
    pub(crate) storage: Option<Arc<dyn Storage>>,
    pub(crate) commit_interval: Duration,
    pub(crate) commit_bytes_max: u64,
    pub(crate) commit_records_max: u64,
    pub(crate) transaction_timeout: Duration,
    pub(crate) session_timeout: Duration,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) prefetch_bytes: usize,
    pub(crate) replication_factor: i16,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) spawner: Option<Arc<dyn Spawner>>,
    pub(crate) seed: Option<u64>,
    pub(crate) close_windows_at_end: bool,
}

impl RunSettings {
    pub(crate) fn new() -> Self {
        Self {
            client: ClientConfig::new(""),
            guarantee: Guarantee::default(),
            workers: 1,
            state_dir: std::env::temp_dir().join("thalweg"),
            storage: None,
            // As Kafka Streams does with transactions: what readers wait for at most.
            commit_interval: Duration::from_millis(100),
            // One transaction in memory while the next is processed: twice this per worker.
            commit_bytes_max: 16 << 20,
            commit_records_max: 1_000_000,
            // The longest a crash can hold readers up. A transaction is open only while it is
            // being committed, so this is far more than one takes.
            transaction_timeout: Duration::from_secs(10),
            session_timeout: Duration::from_secs(45),
            rebalance_timeout: Duration::from_secs(300),
            prefetch_bytes: 16 << 20,
            replication_factor: -1,
            clock: Arc::new(SystemClock),
            spawner: None,
            seed: None,
            close_windows_at_end: false,
        }
    }

    pub(crate) fn exactly_once(&self) -> bool {
        self.guarantee == Guarantee::ExactlyOnce
    }

    /// The files of this application in the state folder.
    pub(crate) fn storage(&self, application_id: &str) -> Arc<dyn Storage> {
        match &self.storage {
            Some(storage) => storage.clone(),
            None => Arc::new(FolderStorage::new(self.state_dir.join(application_id))),
        }
    }
}

impl RunSettings {
    /// What is wrong with the settings themselves.
    pub(crate) fn check(&self) -> Result<(), AppError> {
        let wrong = |setting, problem: &str| {
            Err(AppError::Setting {
                setting,
                problem: problem.to_owned(),
            })
        };
        if self.workers == 0 {
            return wrong("workers", "at least one worker is needed");
        }
        if self.commit_interval > Duration::from_secs(3600) {
            return wrong(
                "commit_interval",
                "more than an hour is never what is meant",
            );
        }
        if self.exactly_once() && self.transaction_timeout < Duration::from_secs(1) {
            return wrong(
                "transaction_timeout",
                "less than a second aborts healthy transactions",
            );
        }
        Ok(())
    }
}
