//! Records of a repartition topic that are gone before this worker has read them.
//!
//! ```text
//!   cut off from the brokers ──► the group goes on without this worker
//!                                 └─ the task's new owner processes, commits, purges
//!   back again ──► a fetch is answered first: out of range ──► wait
//!                  a heartbeat is answered: not a member    ──► lost, as any task
//! ```
//! So being out of range says nothing yet about who deleted what. A member that is still one after the
//! session's time-out has no such excuse.

use thalweg_client::{StartAt, TopicPartition};
use tokio::time::Instant;

use super::Worker;

impl Worker {
    /// The records at a repartition topic's position are gone. Whether to wait for what the group
    /// says.
    pub(super) fn waits_for_the_group(&mut self, now: Instant, partition: &TopicPartition) -> bool {
        let since = *self.purged.entry(partition.clone()).or_insert(now);
        now.saturating_duration_since(since) < self.instance.settings.session_timeout
    }

    /// A few times a second: asks again for what was out of range.
    pub(super) fn read_purged_again(&mut self) {
        self.purged.retain(|partition, _| {
            let route = self.routes.get(partition);
            let slot = route.and_then(|(id, index)| Some((self.slots.get(id)?, *index)));
            let input = slot.and_then(|(slot, index)| slot.inputs().get(index));
            let Some(input) = input else { return false };
            // Not assigned any more: then it is about to be given up.
            let start = StartAt::Offset(input.next());
            self.consumer.seek(partition, start).is_ok()
        });
    }
}
