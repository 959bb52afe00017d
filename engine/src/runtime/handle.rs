//! A running app, as the one who started it sees it.

use std::sync::Arc;
use std::time::Duration;

use thalweg_client::watch;

use super::board::{Board, Order};
use super::error::AppError;
use super::explain::TaskWatermark;
use super::status::{AppMetrics, Status};

/// How an app ended, once it has.
pub(crate) type Outcome = Option<Result<(), AppError>>;

/// A running app. Dropping it asks the app to stop, without waiting: workers commit what they have
/// processed and leave their group in the background.
#[derive(Debug)]
pub struct Handle {
    board: Arc<Board>,
    outcome: watch::Receiver<Outcome>,
}

impl Handle {
    pub(crate) fn new(board: Arc<Board>, outcome: watch::Receiver<Outcome>) -> Self {
        Self { board, outcome }
    }

    /// How the app is, as of the last tenth of a second or so.
    pub fn status(&self) -> Status {
        self.board.status()
    }

    /// The app's figures, as of the last tenth of a second or so.
    ///
    /// The same are told to the recorder that the program has installed for the
    /// [`metrics`](https://docs.rs/metrics) facade before it started the app, ten times a second,
    /// with the labels `app` (the application id), `worker` (its index), and for a task `task`
    /// (`<sub-topology>_<partition>`):
    ///
    /// | metric | kind | meaning |
    /// |---|---|---|
    /// | `thalweg_worker_records_total` | counter | input records processed, also in vain |
    /// | `thalweg_worker_commits_total` | counter | transactions (or offset commits) committed |
    /// | `thalweg_worker_aborts_total` | counter | transactions aborted and processed again |
    /// | `thalweg_worker_corrupt_batches_total` | counter | record batches a policy let pass |
    /// | `thalweg_worker_commit_latency_ms` | histogram | from a transaction's seal to its end |
    /// | `thalweg_worker_stalled` | gauge | 1 while the worker sees itself stalled, else 0 |
    /// | `thalweg_task_records_total` | counter | input records processed |
    /// | `thalweg_task_bad_records_total` | counter | bad records a policy let pass |
    /// | `thalweg_task_late_dropped_total` | counter | late elements dropped |
    /// | `thalweg_task_late_to_topic_total` | counter | late elements sent to a late topic |
    /// | `thalweg_task_sink_skipped_total` | counter | records a sink's policy let pass |
    /// | `thalweg_task_keyless_skipped_total` | counter | elements without a key, skipped |
    /// | `thalweg_task_lag_records` | gauge | records between it and its inputs' ends |
    /// | `thalweg_task_watermark_ms` | gauge | its event-time watermark, ms since 1970 |
    /// | `thalweg_task_watermark_lag_ms` | gauge | how far that is behind the clock |
    /// | `thalweg_task_state_rows` | gauge | rows of keyed state |
    /// | `thalweg_task_state_bytes` | gauge | rough size of keyed state in memory |
    /// | `thalweg_task_restore_remaining_offsets` | gauge | changelog offsets yet to be read |
    pub fn metrics(&self) -> AppMetrics {
        self.board.metrics()
    }

    /// Where the watermark of every task of this instance is, and which input partition or upstream
    /// task holds it back, and why; as of the last tenth of a second or so. Tasks that restore are
    /// left out. Each prints as a line.
    pub fn explain_watermark(&self) -> Vec<TaskWatermark> {
        self.board.explain_watermark()
    }

    /// Waits until the app has ended by itself: by an error, or at the end of its input.
    ///
    /// Cancel-safe; may be called again.
    ///
    /// # Errors
    /// Why it stopped.
    pub async fn wait(&self) -> Result<(), AppError> {
        let mut outcome = self.outcome.clone();
        match outcome.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone().unwrap_or(Ok(())),
            // The one who would have told is gone: the runtime was shut down, or a simulated
            // crash dropped it.
            Err(_) => Err(AppError::Transaction(
                "the runtime of the app was shut down while it ran".to_owned(),
            )),
        }
    }

    /// Commits what is processed, leaves the group and ends; gives up after `deadline`.
    ///
    /// Cancel-safe: dropping it does not take the order back, only the deadline.
    ///
    /// # Errors
    /// [`AppError::Deadline`] when it took longer: what was not committed then never will be. Any
    /// other: how the app ended before or while it stopped.
    pub async fn shutdown(&self, deadline: Duration) -> Result<(), AppError> {
        self.board.order(Order::Stop);
        match tokio::time::timeout(deadline, self.wait()).await {
            Ok(ended) => ended,
            Err(_) => {
                self.board.order(Order::Drop);
                Err(AppError::Deadline { deadline })
            }
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.board.order(Order::Stop);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle() -> (Handle, Arc<Board>, watch::Sender<Outcome>) {
        let board = Arc::new(Board::new(1, Arc::new(crate::seams::SystemClock)));
        let (sender, receiver) = watch::channel(None);
        (Handle::new(board.clone(), receiver), board, sender)
    }

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_gives_up_at_its_deadline_and_says_so() {
        let (handle, board, _sender) = handle();
        let error = handle.shutdown(Duration::from_secs(3)).await.unwrap_err();
        assert!(matches!(error, AppError::Deadline { .. }), "{error}");
        assert_eq!(*board.orders().borrow(), Order::Drop);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_gives_what_the_app_ended_with_and_can_be_asked_again() {
        let (handle, board, sender) = handle();
        let ended = Err(AppError::Transaction("lost".into()));
        let told = tokio::spawn(async move {
            let mut orders = board.orders();
            orders
                .wait_for(|order| *order == Order::Stop)
                .await
                .unwrap();
            sender.send_replace(Some(ended));
            tokio::time::sleep(Duration::from_secs(60)).await;
        });
        for _ in 0..2 {
            let error = handle.shutdown(Duration::from_secs(3)).await.unwrap_err();
            assert_eq!(error.to_string(), "lost");
        }
        told.abort();
    }

    #[tokio::test]
    async fn dropping_the_handle_asks_to_stop() {
        let (handle, board, _sender) = handle();
        drop(handle);
        assert_eq!(*board.orders().borrow(), Order::Stop);
    }
}
