//! Committing offsets, and asking for them: the checks that all kinds of groups share.

use thalweg_protocol::{ErrorCode, Offset, PartitionId, ProducerId, StrBytes};

use super::journal::{Change, What};
use super::kinds::{Claim, Group};
use super::{ClassicGroup, CommittedOffset, classic, insert};
use crate::cluster::Cluster;

/// Who commits.
#[derive(Debug)]
pub(crate) struct Committer {
    pub(crate) group_id: StrBytes,
    pub(crate) member_id: StrBytes,
    pub(crate) instance_id: Option<StrBytes>,
    pub(crate) generation: i32,
    /// The version of the request.
    pub(crate) version: i16,
}

impl Committer {
    fn claim(&self) -> Claim<'_> {
        Claim {
            member_id: &self.member_id,
            instance_id: self.instance_id.as_deref(),
            generation: self.generation,
        }
    }
}

/// An offset to commit.
#[derive(Debug)]
pub(crate) struct Commit {
    /// A topic that exists.
    pub(crate) topic: StrBytes,
    pub(crate) partition: PartitionId,
    pub(crate) offset: Offset,
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: Option<StrBytes>,
}

/// From this version on OffsetCommit says that a group does not exist.
const GROUP_ID_NOT_FOUND_FROM: i16 = 9;

/// From this version on TxnOffsetCommit has the errors of groups with member epochs.
const TRANSACTIONS_KNOW_EPOCHS_FROM: i16 = 6;

/// Commits offsets for good. `retention_ms` is how long the client wants them kept, -1 for as long
/// as the broker does.
///
/// # Errors
/// The group refuses them all.
pub(crate) fn commit(
    cluster: &mut Cluster,
    committer: &Committer,
    retention_ms: i64,
    commits: &[Commit],
) -> Result<Vec<ErrorCode>, ErrorCode> {
    let unknown = match committer.version {
        GROUP_ID_NOT_FOUND_FROM.. => ErrorCode::GROUP_ID_NOT_FOUND,
        _ => ErrorCode::ILLEGAL_GENERATION,
    };
    check_or_create(cluster, committer, commits, false, unknown)?;
    classic::member_committed(cluster, &committer.group_id, &committer.member_id);
    let now_ms = cluster.now.wall_ms;
    let expires_ms = (retention_ms != -1).then(|| now_ms.saturating_add(retention_ms));
    let store = |cluster: &mut Cluster, commit: &Commit, mut offset: CommittedOffset| {
        offset.expires_ms = expires_ms;
        note(cluster, committer, commit, &offset, None);
        let offsets = &mut cluster.groups.offsets;
        offsets.commit(&committer.group_id, &commit.topic, commit.partition, offset);
    };
    Ok(store_all(cluster, commits, store))
}

/// Keeps offsets until the transaction of `producer_id` ends. Whether the producer may is the
/// transaction coordinator's to say.
///
/// # Errors
/// The group refuses them all.
pub(crate) fn commit_in_transaction(
    cluster: &mut Cluster,
    committer: &Committer,
    (producer_id, producer_epoch): (ProducerId, i16),
    commits: &[Commit],
) -> Result<Vec<ErrorCode>, ErrorCode> {
    let unknown = match committer.version {
        TRANSACTIONS_KNOW_EPOCHS_FROM.. => ErrorCode::GROUP_ID_NOT_FOUND,
        _ => ErrorCode::ILLEGAL_GENERATION,
    };
    check_or_create(cluster, committer, commits, true, unknown)?;
    let store = |cluster: &mut Cluster, commit: &Commit, offset: CommittedOffset| {
        let producer = Some((producer_id, producer_epoch));
        note(cluster, committer, commit, &offset, producer);
        let (group, topic) = (&committer.group_id, &commit.topic);
        let offsets = &mut cluster.groups.offsets;
        offsets.commit_in_transaction(producer_id, group, topic, commit.partition, offset);
    };
    Ok(store_all(cluster, commits, store))
}

/// Whether the group takes offsets of this committer. From outside of any group one is made for
/// them that has no members.
fn check_or_create(
    cluster: &mut Cluster,
    committer: &Committer,
    commits: &[Commit],
    is_transactional: bool,
    unknown: ErrorCode,
) -> Result<(), ErrorCode> {
    let group_id = &committer.group_id;
    match cluster.groups.group(group_id) {
        Some(group) => {
            let check =
                group.check_offset_commit(committer.claim(), is_transactional, committer.version);
            let checked = check.and_then(|check| {
                let mut each = commits.iter();
                each.try_for_each(|it| check.check(&cluster.topics, &it.topic, it.partition))
            });
            let in_words_of_old =
                is_transactional && committer.version < TRANSACTIONS_KNOW_EPOCHS_FROM;
            match checked {
                Err(ErrorCode::STALE_MEMBER_EPOCH) if in_words_of_old => {
                    Err(ErrorCode::ILLEGAL_GENERATION)
                }
                checked => checked,
            }
        }
        None if committer.generation < 0 => {
            let group = ClassicGroup::new(group_id.clone(), cluster.now.wall_ms);
            group.check_offset_commit(committer.claim(), is_transactional)?;
            let group = Group::Classic(group);
            insert(cluster, group_id.clone(), group);
            Ok(())
        }
        None => Err(unknown),
    }
}

/// What a commit says is to be written down.
fn note(
    cluster: &mut Cluster,
    committer: &Committer,
    commit: &Commit,
    offset: &CommittedOffset,
    producer: Option<(ProducerId, i16)>,
) {
    cluster.groups.journal.push(Change {
        group: committer.group_id.clone(),
        what: What::Offset {
            topic: commit.topic.clone(),
            partition: commit.partition,
            value: Some(offset.clone()),
            producer,
        },
    });
}

fn store_all(
    cluster: &mut Cluster,
    commits: &[Commit],
    mut store: impl FnMut(&mut Cluster, &Commit, CommittedOffset),
) -> Vec<ErrorCode> {
    let metadata_max = cluster.settings.number("offset.metadata.max.bytes");
    let metadata_max = usize::try_from(metadata_max).unwrap_or(usize::MAX);
    let mut errors = Vec::with_capacity(commits.len());
    for commit in commits {
        let metadata = commit.metadata.as_deref().unwrap_or_default();
        // Java counts UTF-16 units, whatever the setting's name says.
        if metadata.len() > metadata_max && metadata.encode_utf16().count() > metadata_max {
            errors.push(ErrorCode::OFFSET_METADATA_TOO_LARGE);
            continue;
        }
        let offset = CommittedOffset::new(
            commit.offset,
            commit.leader_epoch,
            StrBytes::from(metadata),
            cluster.now.wall_ms,
        );
        store(cluster, commit, offset);
        errors.push(ErrorCode::NONE);
    }
    errors
}

/// The offset of a partition; an error where a transaction that is still open has one, and only
/// what is stable is wanted.
///
/// # Errors
/// `UNSTABLE_OFFSET_COMMIT`.
pub(crate) fn unstable_or_committed<'a>(
    cluster: &'a Cluster,
    group_id: &str,
    topic: &str,
    partition: PartitionId,
    require_stable: bool,
) -> Result<Option<&'a CommittedOffset>, ErrorCode> {
    let offsets = &cluster.groups.offsets;
    if require_stable && offsets.is_pending(group_id, topic, partition) {
        return Err(ErrorCode::UNSTABLE_OFFSET_COMMIT);
    }
    Ok(offsets.committed(group_id, topic, partition))
}
