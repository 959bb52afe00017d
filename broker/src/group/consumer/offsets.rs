//! Whether a member may commit and fetch offsets, by the epoch it believes in.

use thalweg_protocol::ErrorCode;

use super::ConsumerGroup;
use crate::group::{Claim, CommitCheck};

/// The oldest OffsetCommit that tells a member epoch.
pub(in crate::group) const OFFSET_COMMIT_VERSION_MIN: i16 = 9;

impl ConsumerGroup {
    /// Whether offsets may be committed in a name. A `version` is OffsetCommit's, `None` stands for
    /// TxnOffsetCommit.
    ///
    /// # Errors
    /// What the whole request is answered with.
    pub(crate) fn check_offset_commit(
        &self,
        claim: Claim<'_>,
        version: Option<i16>,
    ) -> Result<CommitCheck<'_>, ErrorCode> {
        if claim.generation < 0 && self.is_empty() || version.is_none() && claim.is_nobodys() {
            return Ok(CommitCheck::All);
        }
        let member = self.members.get(claim.member_id);
        let member = member.ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        if member.classic.is_none()
            && version.is_some_and(|version| version < OFFSET_COMMIT_VERSION_MIN)
        {
            return Err(ErrorCode::UNSUPPORTED_VERSION);
        }
        let (believed, known) = (claim.generation, member.member_epoch);
        CommitCheck::by_epoch(believed, known, member.stale(), |topic, partition| {
            member.assigned_in_epoch(&topic.id, partition)
        })
    }

    /// Whether committed offsets may be read in a name.
    ///
    /// # Errors
    /// What the group is answered with.
    pub(crate) fn check_offset_fetch(&self, claim: Claim<'_>) -> Result<(), ErrorCode> {
        if claim.is_nobodys() {
            return Ok(());
        }
        match self.members.get(claim.member_id) {
            None => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            Some(member) if member.member_epoch == claim.generation => Ok(()),
            Some(member) => Err(member.stale()),
        }
    }
}
