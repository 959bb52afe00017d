//! What a consumer tells its application.

use std::fmt;
use std::sync::Arc;

use super::fetched::FetchedRecords;
use crate::group::GroupHandle;
use crate::topic_partition::TopicPartition;

/// What [`Consumer::next_event`](super::Consumer::next_event) gives: records, and for members of a
/// group what becomes of their partitions, in an order that can be relied on.
///
/// - No record of a partition comes before the `Assigned` that names it.
/// - None comes after the `Revoked` or `Lost` that names it, until it is assigned again.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Records of one partition.
    Records(FetchedRecords),
    /// A rebalance is complete, and these partitions came besides those the member has. There may be
    /// none: then only the generation is new.
    Assigned(Vec<TopicPartition>),
    /// These partitions go to another member as soon as the application lets go of them.
    Revoked(Revocation),
    /// These partitions belong to another member already, because this one was not heard of for too
    /// long. Offsets of them can no longer be committed.
    Lost(Vec<TopicPartition>),
}

/// Partitions to be given up.
///
/// The member keeps them until this is released or dropped: settle what was made of their records
/// and commit their offsets first. The group waits for at most `rebalance_timeout`; after that the
/// partitions are lost, and releasing changes nothing.
#[must_use = "dropping a revocation releases its partitions at once"]
pub struct Revocation {
    pub(super) partitions: Vec<TopicPartition>,
    pub(super) number: u64,
    pub(super) group: Arc<GroupHandle>,
}

impl Revocation {
    /// The partitions.
    pub fn partitions(&self) -> &[TopicPartition] {
        &self.partitions
    }

    /// Lets go of the partitions, as dropping this does.
    pub fn release(self) {}
}

impl Drop for Revocation {
    fn drop(&mut self) {
        self.group.release(self.number);
    }
}

impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocation")
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

/// The events among them that are not records.
#[derive(Debug)]
pub(super) enum RebalanceEvent {
    Assigned(Vec<TopicPartition>),
    Revoked(Revocation),
    Lost(Vec<TopicPartition>),
}

impl From<RebalanceEvent> for Event {
    fn from(event: RebalanceEvent) -> Event {
        match event {
            RebalanceEvent::Assigned(partitions) => Event::Assigned(partitions),
            RebalanceEvent::Revoked(revocation) => Event::Revoked(revocation),
            RebalanceEvent::Lost(partitions) => Event::Lost(partitions),
        }
    }
}
