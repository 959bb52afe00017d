//! Who a member of a group is right now.

use std::sync::Arc;

/// A member of a consumer group in one of the group's generations.
///
/// A transactional producer sends it with the offsets of its transaction, so that the group
/// coordinator refuses offsets of a member that has lost its partitions (KIP-447).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GroupMetadata {
    /// The group (`group.id`).
    pub group_id: Arc<str>,
    /// The generation in which the member last had an assignment; -1 before the first one. With
    /// the consumer protocol of KIP-848 this is the member's epoch.
    pub generation_id: i32,
    /// The id of the member; empty before it has joined.
    pub member_id: Arc<str>,
    /// The member's own id across restarts, where it is a static member (`group.instance.id`).
    pub group_instance_id: Option<Arc<str>>,
}

impl GroupMetadata {
    /// Somebody who commits offsets for a group without being a member of it. The coordinator
    /// accepts that only while the group has no members.
    pub fn outside(group_id: impl Into<Arc<str>>) -> Self {
        GroupMetadata {
            group_id: group_id.into(),
            generation_id: -1,
            member_id: "".into(),
            group_instance_id: None,
        }
    }
}
