//! Records of a repartition topic that are gone before this worker has read them.
//!
//! ```text
//!   cut off from the brokers ──► the group goes on without this worker
//!                                 └─ the task's new owner processes, commits, purges
//!   back again ──► a fetch is answered first: out of range ──► wait
//!                  a heartbeat is answered: not a member    ──► lost, as any task
//! ```
//! So being out of range says nothing yet about who deleted what. Where nothing is heard of the group
//! for as long as its session, all tasks are taken over anew: the takeover finds out, from what is
//! committed, however long its coordinator is away.

use thalweg_client::TopicPartition;
use tokio::time::Instant;

use super::Worker;
use crate::runtime::error::AppError;

impl Worker {
    /// The records at a repartition topic's position are gone.
    pub(super) fn handle_purged(&mut self, now: Instant, partition: &TopicPartition) {
        self.purged.entry(partition.clone()).or_insert(now);
    }

    /// A few times a second: asks again for what was out of range, or the group's offsets.
    pub(super) fn read_purged_again(&mut self, now: Instant) -> Result<(), AppError> {
        let session = self.instance.settings.session_timeout;
        let mut since = self.purged.values();
        let is_over = since.any(|since| now.saturating_duration_since(*since) >= session);
        // What is being committed has to be settled first; it will be refused, if need be.
        if is_over && !self.cycle.is_settling() {
            self.purged.clear();
            return self.undo(true);
        }
        let mut purged = std::mem::take(&mut self.purged);
        purged.retain(|partition, _| self.read_again(partition));
        self.purged = purged;
        Ok(())
    }
}
