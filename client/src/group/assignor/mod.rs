//! Who gets which partition: the interface of assignors, and Kafka's four.
//!
//! In the classic group protocol the members agree on an assignor, and the member that leads the
//! group runs it. The results here are those of Kafka's Java client, so that members of both kinds
//! can share a group. Where Java's result follows the order of a hash map, ours follows the order of
//! member ids.

mod balance;
mod cooperative_sticky;
mod range;
mod round_robin;
mod sticky;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::group::GroupMetadata;
use crate::topic_partition::TopicPartition;

pub use cooperative_sticky::CooperativeStickyAssignor;
pub use range::RangeAssignor;
pub use round_robin::RoundRobinAssignor;
pub use sticky::StickyAssignor;

/// How members give partitions up when a group rebalances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RebalanceProtocol {
    /// Every member gives up all its partitions before it joins again.
    Eager,
    /// Members keep what they own, give up only what the new assignment takes from them, and join
    /// once more so that it can go to somebody else (KIP-429).
    Cooperative,
}

/// What a member said about itself when it joined.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemberSubscription {
    /// The id the group coordinator gave to the member.
    pub member_id: Arc<str>,
    /// The id a static member has across restarts (KIP-345).
    pub group_instance_id: Option<Arc<str>>,
    /// The topics it subscribes to.
    pub topics: Vec<Arc<str>>,
    /// What its assignor of the same name sent along.
    pub user_data: Option<Bytes>,
    /// The partitions it owned when it joined. Always empty from eager members.
    pub owned_partitions: Vec<TopicPartition>,
    /// The generation in which it owned them; `None` from members older than Kafka 3.2.
    pub generation_id: Option<i32>,
    /// Where it runs, for assignors that keep members close to replicas.
    pub rack_id: Option<Arc<str>>,
}

/// A topic to be assigned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TopicToAssign {
    /// The topic's name.
    pub name: Arc<str>,
    /// How many partitions it has; at least 1.
    pub partition_count: i32,
    /// For each partition the racks of its replicas. Empty when no broker says where it stands.
    pub replica_racks: Vec<Vec<Arc<str>>>,
}

/// What one member gets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemberAssignment {
    /// The member, as in [`MemberSubscription::member_id`].
    pub member_id: Arc<str>,
    /// Its partitions.
    pub partitions: Vec<TopicPartition>,
    /// Bytes for that member's assignor, handed to [`Assignor::on_assignment`] there.
    pub user_data: Option<Bytes>,
}

/// Why an assignor could not assign. The member that leads leaves the rebalance with this error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignError {
    reason: Arc<str>,
}

impl AssignError {
    /// An error with `reason` as its message: what is wrong, and what to do about it.
    pub fn new(reason: impl Into<Arc<str>>) -> Self {
        AssignError {
            reason: reason.into(),
        }
    }
}

impl fmt::Display for AssignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for AssignError {}

/// Distributes partitions over the members of a group (`ConsumerPartitionAssignor` in Java).
///
/// An assignor belongs to one member. All methods are called by that member's background task, one
/// at a time, and must return soon: heartbeats wait for them.
///
/// ```
/// use thalweg_client::{
///     AssignError, Assignor, MemberAssignment, MemberSubscription, TopicPartition, TopicToAssign,
/// };
///
/// /// Everything to the member with the smallest id.
/// struct FirstTakesAll;
///
/// impl Assignor for FirstTakesAll {
///     fn name(&self) -> &str {
///         "first-takes-all"
///     }
///
///     fn assign(
///         &mut self,
///         members: &[MemberSubscription],
///         topics: &[TopicToAssign],
///     ) -> Result<Vec<MemberAssignment>, AssignError> {
///         let all = topics.iter().flat_map(|topic| {
///             (0..topic.partition_count).map(|p| TopicPartition::new(topic.name.clone(), p))
///         });
///         let mut assignments: Vec<_> = members
///             .iter()
///             .map(|m| MemberAssignment { member_id: m.member_id.clone(), ..Default::default() })
///             .collect();
///         if let Some(first) = assignments.first_mut() {
///             first.partitions = all.collect();
///         }
///         Ok(assignments)
///     }
/// }
/// ```
pub trait Assignor: Send {
    /// The name under which members agree on it. Assignors that speak different user data need
    /// different names.
    fn name(&self) -> &str;

    /// The ways of giving up partitions it can work with. A member uses the most capable one that
    /// all its assignors have in common.
    fn rebalance_protocols(&self) -> &[RebalanceProtocol] {
        &[RebalanceProtocol::Eager]
    }

    /// Bytes to send to the leader's assignor whenever this member joins.
    fn subscription_user_data(&mut self, topics: &[Arc<str>]) -> Option<Bytes> {
        let _ = topics;
        None
    }

    /// Distributes the partitions of `topics` over `members`; called on the leader only.
    ///
    /// `members` come in the order of their ids, `topics` in the order of their names: all topics
    /// any member subscribes to that exist and have partitions. Every member should get an
    /// entry, if an empty one; members without get nothing. With
    /// [`RebalanceProtocol::Cooperative`] a partition that some member owns must not go to another
    /// one at once: leave it out, and the group joins again without it.
    ///
    /// # Errors
    /// What it returns ends the rebalance on the leader, whose consumer reports it.
    fn assign(
        &mut self,
        members: &[MemberSubscription],
        topics: &[TopicToAssign],
    ) -> Result<Vec<MemberAssignment>, AssignError>;

    /// Tells what this member got, in every generation.
    fn on_assignment(&mut self, assignment: &MemberAssignment, group: &GroupMetadata) {
        let _ = (assignment, group);
    }
}

/// Java's order of members where it needs one: static members first, by instance id, then the
/// others by member id.
fn by_instance_then_id<'m>(members: &'m [MemberSubscription]) -> Vec<&'m MemberSubscription> {
    let mut sorted: Vec<&'m MemberSubscription> = members.iter().collect();
    sorted.sort_by_key(|member| {
        (
            member.group_instance_id.is_none(),
            member.group_instance_id.clone(),
            member.member_id.clone(),
        )
    });
    sorted
}

/// The rack of a member, where it names one.
fn rack_of(member: &MemberSubscription) -> Option<&str> {
    member.rack_id.as_deref().filter(|rack| !rack.is_empty())
}
