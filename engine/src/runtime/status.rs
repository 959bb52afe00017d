//! What can be seen of a running app: its health and its figures.

use std::fmt;
use std::time::Duration;

use super::explain::InputMetrics;

/// How an app is, in one word; the worst of its workers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// It looks at the cluster, takes over transactional ids, and joins its group.
    Starting,
    /// Some tasks are reading their state back from its changelog; the others run.
    Restoring {
        /// Changelog offsets read so far, over all restoring tasks.
        offsets_done: u64,
        /// Changelog offsets to read.
        offsets_total: u64,
    },
    /// All tasks run.
    Running,
    /// Something keeps it from going on, and it keeps trying.
    Stalled {
        /// What, in words.
        reason: String,
    },
    /// It commits what it has and leaves its group.
    Stopping,
    /// It ended as it was asked to.
    Stopped,
    /// It ended by an error.
    Failed {
        /// The error.
        reason: String,
    },
}

impl Health {
    /// The worse comes out of two.
    pub(crate) fn severity(&self) -> u8 {
        match self {
            Health::Stopped => 0,
            Health::Running => 1,
            Health::Stopping => 2,
            Health::Restoring { .. } => 3,
            Health::Starting => 4,
            Health::Stalled { .. } => 5,
            Health::Failed { .. } => 6,
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Health::Starting => f.write_str("starting"),
            Health::Restoring {
                offsets_done,
                offsets_total,
            } => {
                write!(f, "restoring ({offsets_done} of {offsets_total} offsets)")
            }
            Health::Running => f.write_str("running"),
            Health::Stalled { reason } => write!(f, "stalled: {reason}"),
            Health::Stopping => f.write_str("stopping"),
            Health::Stopped => f.write_str("stopped"),
            Health::Failed { reason } => write!(f, "failed: {reason}"),
        }
    }
}

/// The health of an app and of each of its workers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The worst of the workers; of several that restore, the sum.
    pub health: Health,
    /// By worker index.
    pub workers: Vec<Health>,
}

impl Status {
    pub(crate) fn of(workers: Vec<Health>) -> Self {
        let worst = workers.iter().max_by_key(|health| health.severity());
        let mut health = worst.cloned().unwrap_or(Health::Starting);
        if let Health::Restoring {
            offsets_done,
            offsets_total,
        } = &mut health
        {
            (*offsets_done, *offsets_total) = (0, 0);
            for worker in &workers {
                if let Health::Restoring {
                    offsets_done: done,
                    offsets_total: total,
                } = worker
                {
                    *offsets_done += done;
                    *offsets_total += total;
                }
            }
        }
        Self { health, workers }
    }
}

/// The figures of an app since it was started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppMetrics {
    /// By worker index.
    pub workers: Vec<WorkerMetrics>,
}

impl AppMetrics {
    /// Input records processed, those of aborted transactions included.
    pub fn records(&self) -> u64 {
        self.workers.iter().map(|worker| worker.records).sum()
    }

    /// Transactions (or offset commits, at least once) committed.
    pub fn commits(&self) -> u64 {
        self.workers.iter().map(|worker| worker.commits).sum()
    }

    /// Records between the tasks' positions and the ends of their inputs, where they are known.
    pub fn lag(&self) -> u64 {
        self.tasks().map(|task| task.lag).sum()
    }

    /// All tasks of this instance.
    pub fn tasks(&self) -> impl Iterator<Item = &TaskMetrics> {
        self.workers.iter().flat_map(|worker| &worker.tasks)
    }
}

/// The figures of one worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerMetrics {
    /// Input records processed, those of aborted transactions included.
    pub records: u64,
    /// Transactions (or offset commits) committed.
    pub commits: u64,
    /// Transactions aborted and processed again.
    pub aborts: u64,
    /// Record batches that could not be read, and that a source's policy let pass.
    pub corrupt_batches: u64,
    /// From the seal of the last committed transaction to its end.
    pub commit_latency: Duration,
    /// The tasks it owns, by name.
    pub tasks: Vec<TaskMetrics>,
}

/// The figures of one task, since this worker took it over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskMetrics {
    /// `<sub-topology>_<partition>`.
    pub task: String,
    /// Input records processed.
    pub records: u64,
    /// Records between its positions and the ends of its inputs.
    pub lag: u64,
    /// Its event-time watermark in ms since 1970; `None` until all its inputs were heard.
    pub watermark_ms: Option<i64>,
    /// Late elements dropped.
    pub late_dropped: u64,
    /// Late elements sent to a late topic.
    pub late_to_topic: u64,
    /// Bad records that a policy let pass.
    pub bad_records: u64,
    /// Records that a sink's policy let pass without writing them to its topic.
    pub sink_skipped: u64,
    /// Elements without a key that a keyed operator skipped.
    pub keyless_skipped: u64,
    /// Rows of keyed state.
    pub state_rows: u64,
    /// Rough size of keyed state in memory, in bytes.
    pub state_bytes: u64,
    /// Changelog offsets read and to read, while it restores.
    pub restoring: Option<(u64, u64)>,
    /// Its input partitions; see also [`Handle::explain_watermark`](crate::Handle::explain_watermark).
    pub inputs: Vec<InputMetrics>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restoring(offsets_done: u64, offsets_total: u64) -> Health {
        Health::Restoring {
            offsets_done,
            offsets_total,
        }
    }

    #[test]
    fn an_app_is_as_well_as_its_worst_worker() {
        let stalled = Health::Stalled {
            reason: "no broker answers".into(),
        };
        let status = Status::of(vec![Health::Running, stalled.clone(), restoring(1, 2)]);
        assert_eq!(status.health, stalled);
        assert_eq!(Status::of(vec![Health::Running; 2]).health, Health::Running);
        let status = Status::of(vec![Health::Stopped, Health::Stopping]);
        assert_eq!(status.health, Health::Stopping);
    }

    #[test]
    fn the_restores_of_all_workers_add_up() {
        let status = Status::of(vec![restoring(1, 10), Health::Running, restoring(5, 20)]);
        assert_eq!(status.health, restoring(6, 30));
        assert_eq!(status.health.to_string(), "restoring (6 of 30 offsets)");
    }
}
