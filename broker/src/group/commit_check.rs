//! Which partitions a member may commit offsets of, by the member epoch it believes in.

use std::fmt;

use thalweg_protocol::{ErrorCode, PartitionId};

use crate::topic::{Topic, Topics};

/// In which member epoch a member got a partition it still uses.
type GotIn<'a> = Box<dyn Fn(&CommittedTopic<'_>, PartitionId) -> Option<i32> + 'a>;

/// A topic of which offsets are committed.
pub(crate) struct CommittedTopic<'a> {
    pub(crate) name: &'a str,
    pub(crate) id: thalweg_protocol::Uuid,
}

/// What was found out about who commits.
pub(crate) enum CommitCheck<'a> {
    /// Anything may be committed: by its newest epoch, or from outside the group.
    All,
    /// The member has not heard of its newest epoch yet: what it has had since that long.
    Since {
        member_epoch: i32,
        got_in: GotIn<'a>,
        /// What it is told where it has not.
        stale: ErrorCode,
    },
}

impl<'a> CommitCheck<'a> {
    /// What a member may commit that believes in an epoch and is in another. `stale` is its protocol's
    /// error for that.
    ///
    /// # Errors
    /// `stale`: it cannot be in that epoch.
    pub(crate) fn by_epoch(
        believed: i32,
        member_epoch: i32,
        stale: ErrorCode,
        got_in: impl Fn(&CommittedTopic<'_>, PartitionId) -> Option<i32> + 'a,
    ) -> Result<Self, ErrorCode> {
        match believed.cmp(&member_epoch) {
            std::cmp::Ordering::Equal => Ok(CommitCheck::All),
            std::cmp::Ordering::Greater => Err(stale),
            std::cmp::Ordering::Less => Ok(CommitCheck::Since {
                member_epoch: believed,
                got_in: Box::new(got_in),
                stale,
            }),
        }
    }

    /// Whether an offset of this partition may be committed.
    ///
    /// # Errors
    /// The one for members that are not up to date.
    pub(crate) fn check(
        &self,
        topics: &Topics,
        name: &str,
        partition: PartitionId,
    ) -> Result<(), ErrorCode> {
        let CommitCheck::Since {
            member_epoch,
            got_in,
            stale,
        } = self
        else {
            return Ok(());
        };
        let id = topics.topic(name).map(|topic: &Topic| topic.id);
        let topic = CommittedTopic {
            name,
            id: id.unwrap_or_default(),
        };
        match got_in(&topic, partition) {
            Some(since) if since <= *member_epoch => Ok(()),
            _ => Err(*stale),
        }
    }
}

impl fmt::Debug for CommitCheck<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommitCheck::All => f.write_str("All"),
            CommitCheck::Since { member_epoch, .. } => write!(f, "Since({member_epoch})"),
        }
    }
}
