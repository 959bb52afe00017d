//! Why an app could not start, or stopped.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::state_folder::StateFolderError;
use crate::task::{RestoreError, TaskError};

/// Why an app could not start, or had to stop. What is committed is whole; what is not will be
/// processed again by the next start.
///
/// `Debug` says the same as `Display`: it is what a `main` that returns this error prints.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// A setting that cannot be used.
    #[error("{setting}: {problem}")]
    Setting {
        /// The method that sets it.
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The program cannot be run as it is written.
    #[error("{0}")]
    Program(String),
    /// The state folder.
    #[error(transparent)]
    StateFolder(#[from] StateFolderError),
    /// The cluster could not be reached, or refused something the app cannot do without.
    #[error("{doing}: {reason}")]
    Cluster {
        /// What the app was doing.
        doing: String,
        /// What the cluster or the client said.
        reason: String,
    },
    /// A topic is missing, or is not as it has to be.
    #[error("{0}")]
    Topics(String),
    /// Committed offsets, state and topics do not belong together.
    #[error("{0}")]
    Takeover(String),
    /// A task's state could not be restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// A record that could not be processed, and a policy that says to stop.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A transaction could not be settled, and trying again will not help.
    #[error("{0}")]
    Transaction(String),
    /// User code, or this library, panicked.
    #[error("worker {worker} panicked: {message}")]
    Panicked {
        /// The worker's index.
        worker: u32,
        /// The panic's message.
        message: String,
    },
    /// The operating system refused a thread.
    #[error("a thread for worker {worker} could not be started: {source}")]
    Thread {
        /// The worker's index.
        worker: u32,
        /// What the operating system said.
        source: Arc<std::io::Error>,
    },
    /// [`Handle::shutdown`](crate::Handle::shutdown) had to give up waiting. What was not
    /// committed by then was not committed at all.
    #[error("the app did not come to rest within {deadline:?}")]
    Deadline {
        /// The time it was given.
        deadline: Duration,
    },
}

impl fmt::Debug for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl AppError {
    pub(crate) fn cluster(doing: impl Into<String>, reason: impl ToString) -> Self {
        AppError::Cluster {
            doing: doing.into(),
            reason: reason.to_string(),
        }
    }
}
