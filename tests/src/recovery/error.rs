//! Why a run could not be judged, or was judged to have failed before its output was looked at.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use thalweg_client::{CallError, ConfigError, ConnectError, ConsumeError, CorruptBatch};
use thalweg_testcontainers::{ControlError, StartError};

/// Why a run ended without a verdict on every job.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The cluster did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The embedded broker did not start, or not again.
    #[error("the embedded broker does not come up; its log is {}", log.display())]
    BrokerNotUp {
        /// Its log.
        log: PathBuf,
    },
    /// A broker could not be killed or restarted.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The cluster could not be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A client was set up wrongly.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A request failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Reading a topic failed.
    #[error(transparent)]
    Consume(#[from] ConsumeError),
    /// A batch could not be decoded.
    #[error(transparent)]
    Corrupt(#[from] CorruptBatch),
    /// A process or a file of the run could not be used.
    #[error("{what}: {source}")]
    Os {
        /// What was to be done.
        what: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// An instance ended although nobody had killed it.
    #[error("instance {instance} of {job} ended by itself ({status}); its log is {}", log.display())]
    InstanceEnded {
        /// The job.
        job: &'static str,
        /// Which instance, counted from 0.
        instance: usize,
        /// How it ended.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
    },
    /// A job did not reach the end of its input, or left a transaction open.
    #[error("{job} has not caught up {waited:?} after the input ended: {state}")]
    NotCaughtUp {
        /// The job.
        job: &'static str,
        /// How long it was given.
        waited: Duration,
        /// How far it was.
        state: String,
    },
}

impl RunError {
    /// Says what was to be done when the operating system refused.
    pub(super) fn os(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Os { what, source }
    }
}
