//! A running app, as the one who started it sees it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::board::{Board, Order};
use super::error::AppError;
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
    pub fn metrics(&self) -> AppMetrics {
        self.board.metrics()
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
        let board = Arc::new(Board::new(1));
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
            sender.send(Some(ended)).unwrap();
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
