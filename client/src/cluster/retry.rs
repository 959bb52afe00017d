//! The one place that decides whether, when and where to try again.

use thalweg_protocol::{ErrorCode, Request};
use tokio::time::{Instant, sleep, timeout_at};

use super::{Cluster, Purpose, Target};
use crate::crash_point::CrashPoint;
use crate::error::{CallError, Disposition};

/// An operation that is tried until it succeeds, fails for good, or its time is up.
///
/// ```text
/// let mut retry = cluster.retry("list offsets");
/// loop {
///     match attempt().await {
///         Ok(answer) => return Ok(answer),
///         Err(error) => retry.again(error, target).await?,
///     }
/// }
/// ```
pub(crate) struct Retry<'c> {
    cluster: &'c Cluster,
    operation: &'static str,
    started: Instant,
    deadline: Instant,
    /// Attempts that have failed so far.
    failures: u32,
}

impl<'c> Retry<'c> {
    pub(super) fn new(cluster: &'c Cluster, operation: &'static str, deadline: Instant) -> Self {
        Retry {
            cluster,
            operation,
            started: Instant::now(),
            deadline,
            failures: 0,
        }
    }

    /// When the operation gives up.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Returns when it is time for another attempt, after what the error asks for has been set in
    /// motion: newer metadata, another coordinator. `to` is where the failed attempt went.
    ///
    /// # Errors
    /// Another attempt would not help, or would come too late.
    pub(crate) async fn again(
        &mut self,
        error: CallError,
        to: Target<'_>,
    ) -> Result<(), CallError> {
        self.cluster.reroute(&error, to);
        self.pause(error).point().await
    }

    /// As [`again`](Self::again), without looking for another broker.
    pub(crate) async fn pause(&mut self, error: CallError) -> Result<(), CallError> {
        if error.disposition() != Disposition::Retry {
            return Err(error);
        }
        self.rest(error).point().await
    }

    /// As [`pause`](Self::pause), for an error that the operation knows to pass.
    pub(crate) async fn rest(&mut self, error: CallError) -> Result<(), CallError> {
        let pause = self.cluster.backoff(self.failures);
        self.failures += 1;
        if Instant::now() + pause >= self.deadline {
            return Err(self.exhausted(error));
        }
        tracing::debug!(
            operation = self.operation,
            failures = self.failures,
            ?pause,
            %error,
            "trying again"
        );
        sleep(pause).point().await;
        Ok(())
    }

    /// What to report when the time is up.
    pub(crate) fn exhausted(&self, last: CallError) -> CallError {
        CallError::Exhausted {
            operation: self.operation,
            attempts: self.failures.max(1),
            elapsed: self.started.elapsed(),
            last: Box::new(last),
        }
    }
}

impl Cluster {
    /// [`call`](Self::call), repeated as long as that helps. `check` turns error codes inside of the
    /// answer into errors.
    pub(crate) async fn call_retrying<R: Request>(
        &self,
        operation: &'static str,
        to: Target<'_>,
        purpose: Purpose,
        request: &R,
        check: impl Fn(&R::Response) -> Result<(), CallError>,
    ) -> Result<R::Response, CallError> {
        let mut retry = self.retry(operation);
        loop {
            let attempt = self.call(to, purpose, request);
            // No crash point: lists topics for administrators, not on the engine's paths.
            let Ok(answer) = timeout_at(retry.deadline(), attempt).await else {
                let last = CallError::TooSlow { api: R::API_KEY };
                return Err(retry.exhausted(last));
            };
            let answer = answer.and_then(|answer| check(&answer).map(|()| answer));
            match answer {
                Ok(answer) => return Ok(answer),
                // No crash point: lists topics for administrators, not on the engine's paths.
                Err(error) => retry.again(error, to).await?,
            }
        }
    }

    /// Sets in motion what finds the right broker for the next attempt.
    pub(crate) fn reroute(&self, error: &CallError, to: Target<'_>) {
        match error {
            CallError::Refused {
                code: ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE,
                ..
            }
            | CallError::Connect { .. }
            | CallError::Disconnected { .. }
            | CallError::UnknownBroker { .. } => self.coordinator_moved(to),
            _ => {}
        }
        let controller_moved = error.code() == Some(ErrorCode::NOT_CONTROLLER);
        if error.refreshes_metadata() || controller_moved {
            self.request_metadata_refresh();
        }
    }
}
