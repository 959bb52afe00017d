//! The kinds of groups, and what is asked of all of them alike.

use thalweg_protocol::messages::DescribedGroup;
use thalweg_protocol::{ErrorCode, StrBytes};

use super::classic::{ClassicGroup, State};
use super::{CommitCheck, ConsumerGroup, Fault, ShareGroup, StreamsGroup};
use crate::cluster::Cluster;

/// A group of one kind.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "groups are few, and lie in one table"
)]
pub(crate) enum Group {
    /// Members assign among themselves; also what keeps offsets of no members at all.
    Classic(ClassicGroup),
    /// Members share partitions, record by record.
    Share(ShareGroup),
    /// The broker assigns to consumers (KIP-848).
    Consumer(Box<ConsumerGroup>),
    /// The broker assigns tasks of a topology it knows (KIP-1071).
    Streams(Box<StreamsGroup>),
}

/// A kind of group whose methods need the cluster at hand.
pub(super) trait Kind: Sized {
    /// What messages call it, and at the beginning of a sentence.
    const NAMES: (&'static str, &'static str);

    /// The group, if it is of this kind.
    fn of(group: &mut Group) -> Option<&mut Self>;
}

impl Kind for ConsumerGroup {
    const NAMES: (&'static str, &'static str) = ("consumer", "Consumer");

    fn of(group: &mut Group) -> Option<&mut Self> {
        match group {
            Group::Consumer(group) => Some(group),
            _ => None,
        }
    }
}

impl Kind for StreamsGroup {
    const NAMES: (&'static str, &'static str) = ("streams", "Streams");

    fn of(group: &mut Group) -> Option<&mut Self> {
        match group {
            Group::Streams(group) => Some(group),
            _ => None,
        }
    }
}

/// Does something with a group that is there and of this kind, with the cluster at hand.
pub(super) fn with_group<K: Kind, T>(
    cluster: &mut Cluster,
    id: &StrBytes,
    what: impl FnOnce(&mut Cluster, &mut K) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let (name, at_first) = K::NAMES;
    let Some(mut group) = cluster.groups.remove(id) else {
        let message = format!("{at_first} group {id} not found.");
        return Err((ErrorCode::GROUP_ID_NOT_FOUND, message));
    };
    let result = match K::of(&mut group) {
        Some(group) => what(cluster, group),
        None => {
            let message = format!("Group {id} is not a {name} group.");
            Err((ErrorCode::GROUP_ID_NOT_FOUND, message))
        }
    };
    // Noted as changed when it was taken out.
    cluster.groups.by_id.insert(id.clone(), group);
    result
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

impl Claim<'_> {
    /// Whether it is made from outside the group.
    pub(crate) fn is_nobodys(&self) -> bool {
        self.generation == -1 && self.member_id.is_empty() && self.instance_id.is_none()
    }
}

impl Group {
    /// Whether a group of another kind may take its place: it has no members, and nothing that
    /// another kind could not keep.
    pub(super) fn gives_way(&self) -> bool {
        self.is_empty() && !matches!(self, Group::Share(_))
    }

    /// Whether offsets may be committed in this name, and which.
    pub(crate) fn check_offset_commit(
        &self,
        claim: Claim<'_>,
        is_transactional: bool,
        version: i16,
    ) -> Result<CommitCheck<'_>, ErrorCode> {
        let version = (!is_transactional).then_some(version);
        match self {
            Group::Classic(group) => group
                .check_offset_commit(claim, is_transactional)
                .map(|()| CommitCheck::All),
            Group::Share(_) => Err(ErrorCode::GROUP_ID_NOT_FOUND),
            Group::Consumer(group) => group.check_offset_commit(claim, version),
            Group::Streams(group) => group.check_offset_commit(claim, version),
        }
    }

    /// Whether offsets may be fetched in this name.
    pub(crate) fn check_offset_fetch(&self, claim: Claim<'_>) -> Result<(), ErrorCode> {
        match self {
            Group::Classic(_) => Ok(()),
            Group::Share(_) => Err(ErrorCode::GROUP_ID_NOT_FOUND),
            Group::Consumer(group) => group.check_offset_fetch(claim),
            Group::Streams(group) => group.check_offset_fetch(claim),
        }
    }

    /// Kafka's word for the kind, as ListGroups shows it.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self {
            Group::Classic(_) => "classic",
            Group::Share(_) => "share",
            Group::Consumer(_) => "consumer",
            Group::Streams(_) => "streams",
        }
    }

    /// Kafka's word for the state.
    pub(crate) fn state_name(&self) -> &'static str {
        match self {
            Group::Classic(group) => group.state().name(),
            Group::Share(group) => group.state_name(),
            Group::Consumer(group) => group.state(),
            Group::Streams(group) => group.state(),
        }
    }

    /// The protocol type, as ListGroups shows it.
    pub(crate) fn protocol_type(&self) -> StrBytes {
        match self {
            Group::Classic(group) => group.protocol_type().cloned().unwrap_or_default(),
            Group::Share(_) => "share".into(),
            Group::Consumer(_) => StrBytes::from_static("consumer"),
            Group::Streams(_) => StrBytes::from_static("streams"),
        }
    }

    /// The group as DescribeGroups shows it; `None` where it is not classic.
    pub(crate) fn describe_classic(&self) -> Option<DescribedGroup> {
        match self {
            Group::Classic(group) => Some(group.describe()),
            Group::Consumer(_) | Group::Share(_) | Group::Streams(_) => None,
        }
    }

    /// Whether it has no members.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Group::Classic(group) => group.state() == State::Empty,
            Group::Share(group) => group.members.is_empty(),
            Group::Consumer(group) => group.is_empty(),
            Group::Streams(group) => group.is_empty(),
        }
    }

    /// Whether it may be deleted.
    pub(super) fn check_delete(&self) -> Result<(), ErrorCode> {
        match self {
            Group::Classic(group) => group.check_delete(),
            _ if self.is_empty() => Ok(()),
            _ => Err(ErrorCode::NON_EMPTY_GROUP),
        }
    }

    /// Whether offsets may be deleted, of topics that its members do not read.
    pub(super) fn check_offset_delete(&self) -> Result<(), ErrorCode> {
        match self {
            Group::Classic(group) => group.check_offset_delete(),
            Group::Share(_) => Err(ErrorCode::GROUP_ID_NOT_FOUND),
            Group::Consumer(_) | Group::Streams(_) => Ok(()),
        }
    }

    /// Whether its members read a topic.
    pub(super) fn is_subscribed_to(&self, topic: &str) -> bool {
        match self {
            Group::Classic(group) => group.is_subscribed_to(topic),
            Group::Share(group) => group.is_subscribed_to(topic),
            Group::Consumer(group) => group.is_subscribed_to(topic),
            Group::Streams(group) => group.is_subscribed_to(topic),
        }
    }

    /// From when on its offsets expire; `None` where they do not.
    pub(super) fn offsets_expire_from(&self) -> Option<ExpiresFrom> {
        match self {
            Group::Classic(group) => group.offsets_expire_from(),
            // It has none of this kind, and stays until it is deleted.
            Group::Share(_) => None,
            Group::Consumer(_) | Group::Streams(_) => Some(ExpiresFrom::Commit),
        }
    }
}
