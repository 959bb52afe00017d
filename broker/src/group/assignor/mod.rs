//! The assignors of consumer groups that work on the broker (KIP-848): who is to have which partition.
//!
//! An assignor sees all members at once: what each subscribes to, and what it was to have before.
//! Its result depends on nothing else, and on no order but that of ids.

mod balance;
mod range;
mod uniform;

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::{PartitionId, StrBytes, Uuid};

/// Partitions by topic.
pub(crate) type Partitions = BTreeMap<Uuid, BTreeSet<PartitionId>>;

/// An assignor that members can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Assignor {
    /// All partitions evenly over all members, moving as few as it can.
    Uniform,
    /// Neighbouring partitions of each topic, the same numbers of all topics to the same member.
    Range,
}

impl Assignor {
    /// Those there are, the default first.
    pub(crate) const ALL: [Assignor; 2] = [Assignor::Uniform, Assignor::Range];

    /// Kafka's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Assignor::Uniform => "uniform",
            Assignor::Range => "range",
        }
    }

    /// The assignor of a name.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|assignor| assignor.name() == name)
    }

    /// Says who is to have what.
    pub(crate) fn assign(self, group: &GroupView<'_>) -> BTreeMap<StrBytes, Partitions> {
        match self {
            Assignor::Uniform if group.same_subscriptions => uniform::assign(group),
            Assignor::Uniform => balance::assign(group),
            Assignor::Range => range::assign(group),
        }
    }
}

/// A member, as assignors see it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subscriber<'a> {
    pub(crate) instance_id: Option<&'a StrBytes>,
    /// The topics it subscribes to that exist.
    pub(crate) topics: BTreeSet<Uuid>,
    /// What it was to have before; `None` for nothing.
    pub(crate) target: Option<&'a Partitions>,
}

/// A group, as assignors see it.
#[derive(Debug, Clone, Default)]
pub(crate) struct GroupView<'a> {
    pub(crate) members: BTreeMap<&'a StrBytes, Subscriber<'a>>,
    /// The number of partitions of every topic that somebody subscribes to.
    pub(crate) partition_counts: BTreeMap<Uuid, usize>,
    /// Whether all members subscribe to the same topics.
    pub(crate) same_subscriptions: bool,
}

impl GroupView<'_> {
    fn partition_count(&self, topic: &Uuid) -> usize {
        self.partition_counts.get(topic).copied().unwrap_or(0)
    }
}

/// The partitions of a topic with so many of them.
fn all_partitions(count: usize) -> impl Iterator<Item = PartitionId> {
    (0..).take(count).map(PartitionId)
}

#[cfg(test)]
mod tests;
