//! The kinds of groups, and what is asked of all of them alike.

use thalweg_protocol::messages::DescribedGroup;
use thalweg_protocol::{ErrorCode, StrBytes};

use super::ShareGroup;
use super::classic::{ClassicGroup, State};

/// A group of one kind.
#[derive(Debug)]
pub(crate) enum Group {
    /// Members assign among themselves; also what keeps offsets of no members at all.
    Classic(ClassicGroup),
    /// Members share partitions, record by record.
    Share(ShareGroup),
}

/// Who commits offsets, or fetches them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim<'a> {
    pub(crate) member_id: &'a str,
    pub(crate) instance_id: Option<&'a str>,
    /// The generation of a classic group, the member's epoch elsewhere; -1 from outside the group.
    pub(crate) generation: i32,
}

/// From when on the time counts after which an offset expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExpiresFrom {
    /// From its commit.
    Commit,
    /// From a moment of the group, in milliseconds since 1970.
    Moment(i64),
}

impl Group {
    /// Whether offsets may be committed in this name.
    pub(crate) fn check_offset_commit(
        &self,
        claim: Claim<'_>,
        is_transactional: bool,
        version: i16,
    ) -> Result<(), ErrorCode> {
        let _ = version; // Only the newer kinds' errors depend on it.
        match self {
            Group::Classic(group) => group.check_offset_commit(claim, is_transactional),
            Group::Share(_) => Err(ErrorCode::GROUP_ID_NOT_FOUND),
        }
    }

    /// Whether offsets may be fetched in this name.
    pub(crate) fn check_offset_fetch(&self, _claim: Claim<'_>) -> Result<(), ErrorCode> {
        match self {
            Group::Classic(_) => Ok(()),
            Group::Share(_) => Err(ErrorCode::GROUP_ID_NOT_FOUND),
        }
    }

    /// Kafka's word for the kind, as ListGroups shows it.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self {
            Group::Classic(_) => "classic",
            Group::Share(_) => "share",
        }
    }

    /// Kafka's word for the state.
    pub(crate) fn state_name(&self) -> &'static str {
        match self {
            Group::Classic(group) => group.state().name(),
            Group::Share(group) => group.state_name(),
        }
    }

    /// The protocol type, as ListGroups shows it.
    pub(crate) fn protocol_type(&self) -> StrBytes {
        match self {
            Group::Classic(group) => group.protocol_type().cloned().unwrap_or_default(),
            Group::Share(_) => "share".into(),
        }
    }

    /// The group as DescribeGroups shows it; `None` where it is not classic.
    pub(crate) fn describe_classic(&self) -> Option<DescribedGroup> {
        match self {
            Group::Classic(group) => Some(group.describe()),
            Group::Share(_) => None,
        }
    }

    /// Whether it has no members.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Group::Classic(group) => group.state() == State::Empty,
            Group::Share(group) => group.members.is_empty(),
        }
    }

    /// Whether it may be deleted.
    pub(super) fn check_delete(&self) -> Result<(), ErrorCode> {
        match self {
            Group::Classic(group) => group.check_delete(),
            Group::Share(group) if group.members.is_empty() => Ok(()),
            Group::Share(_) => Err(ErrorCode::NON_EMPTY_GROUP),
        }
    }

    /// Whether offsets may be deleted, of topics that its members do not read.
    pub(super) fn check_offset_delete(&self) -> Result<(), ErrorCode> {
        match self {
            Group::Classic(group) => group.check_offset_delete(),
            Group::Share(_) => Err(ErrorCode::GROUP_ID_NOT_FOUND),
        }
    }

    /// Whether its members read a topic.
    pub(super) fn is_subscribed_to(&self, topic: &str) -> bool {
        match self {
            Group::Classic(group) => group.is_subscribed_to(topic),
            Group::Share(group) => group.is_subscribed_to(topic),
        }
    }

    /// From when on its offsets expire; `None` where they do not.
    pub(super) fn offsets_expire_from(&self) -> Option<ExpiresFrom> {
        match self {
            Group::Classic(group) => group.offsets_expire_from(),
            // It has none of this kind, and stays until it is deleted.
            Group::Share(_) => None,
        }
    }
}
