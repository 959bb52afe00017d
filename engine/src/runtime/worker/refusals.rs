//! Records that the broker refused: the sinks' policies decide about them when the input is
//! processed again.
//!
//! ```text
//!   refused ──► abort ──► undo ──► processed again: `Outputs::append` says so to the sink
//!      └─ no sink of the topic goes on without: stop
//! ```

use std::time::Duration;

use tokio::time::Instant;

use super::Worker;
use crate::runtime::error::AppError;
use crate::runtime::refusal::{REFUSALS_MAX, stop_by};
use crate::task::Refusal;

/// How long single records are remembered beyond the commit that left them out: those of other
/// tasks may come only with a later one.
const REMEMBERED: Duration = Duration::from_secs(60);

/// What was refused of late.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// Since the last commit.
    in_a_row: u32,
    last: Option<Instant>,
}

impl Worker {
    /// The transaction cannot be committed with these records in it, now or ever.
    pub(super) fn handle_refusal(
        &mut self,
        now: Instant,
        refusal: &Refusal,
    ) -> Result<(), AppError> {
        self.refusals.in_a_row += 1;
        self.refusals.last = Some(now);
        let outputs = self.instance.topology.outputs().iter();
        let is_lenient = outputs
            .filter(|output| output.topic == refusal.topic)
            .any(|output| output.is_lenient);
        let again_and_again = self.refusals.in_a_row > REFUSALS_MAX;
        if !is_lenient || refusal.records.is_empty() || again_and_again {
            return Err(AppError::Task(stop_by(refusal, again_and_again)));
        }
        tracing::warn!(
            worker = self.index,
            topic = %refusal.topic,
            partition = %refusal.partition,
            records = refusal.records.len(),
            "the broker refused records: {}; the input is processed again without them",
            refusal.said
        );
        let now_ms = self.instance.settings.clock.wall_ms();
        self.outputs.refuse(refusal, now_ms);
        Ok(())
    }

    /// A transaction was committed.
    pub(super) fn note_accepted(&mut self, now: Instant) {
        self.refusals.in_a_row = 0;
        let is_over = |last: &mut Instant| now.saturating_duration_since(*last) >= REMEMBERED;
        if self.refusals.last.take_if(is_over).is_some() {
            self.outputs.forget_refused();
        }
    }
}
