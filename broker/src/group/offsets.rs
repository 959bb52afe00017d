//! The offsets that groups have committed, for good or in transactions that are still open.

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::{Offset, PartitionId, ProducerId, StrBytes};

/// A committed offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommittedOffset {
    /// The next one to be read.
    pub(crate) offset: Offset,
    /// Of the last record read; -1 where it is not known.
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: StrBytes,
    pub(crate) committed_ms: i64,
    /// When it goes, where the client said how long to keep it.
    pub(crate) expires_ms: Option<i64>,
    /// The order of commits: of two offsets of one partition the later stands, also when it was in
    /// a transaction that ended later than something else was committed.
    number: u64,
}

impl CommittedOffset {
    /// An offset that is committed now, at `committed_ms`.
    pub(crate) fn new(
        offset: Offset,
        leader_epoch: i32,
        metadata: StrBytes,
        committed_ms: i64,
    ) -> Self {
        CommittedOffset {
            offset,
            leader_epoch,
            metadata,
            committed_ms,
            expires_ms: None,
            number: 0,
        }
    }

    /// Its place in the order of commits.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }
}

/// Offsets by topic and partition. No topic is without partitions.
pub(crate) type TopicOffsets = BTreeMap<StrBytes, BTreeMap<PartitionId, CommittedOffset>>;

/// The offsets of one group.
#[derive(Debug, Default)]
pub(crate) struct GroupOffsets {
    committed: TopicOffsets,
    /// What open transactions will commit, by producer.
    pending: BTreeMap<ProducerId, TopicOffsets>,
}

/// The offsets of all groups.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    by_group: BTreeMap<StrBytes, GroupOffsets>,
    /// The groups in which a producer has pending offsets.
    groups_of: BTreeMap<ProducerId, BTreeSet<StrBytes>>,
    commits: u64,
    /// Groups of which anything may have changed, where somebody wants to know.
    changed: Option<BTreeSet<StrBytes>>,
}

impl GroupOffsets {
    pub(crate) fn committed(&self) -> &TopicOffsets {
        &self.committed
    }

    /// What open transactions will commit, by producer.
    pub(crate) fn pending(&self) -> impl Iterator<Item = (ProducerId, &TopicOffsets)> {
        self.pending
            .iter()
            .map(|(producer, offsets)| (*producer, offsets))
    }
}

impl Offsets {
    /// Notes from now on of which groups anything may change.
    pub(crate) fn note_changes(&mut self) {
        self.changed = Some(BTreeSet::new());
    }

    /// Of which groups anything may have changed since the last time.
    pub(crate) fn take_changes(&mut self) -> BTreeSet<StrBytes> {
        self.changed
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    fn note(&mut self, group: &str) {
        if let Some(changed) = &mut self.changed {
            changed.insert(group.into());
        }
    }

    /// Everything of a group.
    pub(crate) fn of_group(&self, group: &str) -> Option<&GroupOffsets> {
        self.by_group.get(group)
    }

    /// Commits an offset for good.
    pub(crate) fn commit(
        &mut self,
        group: &StrBytes,
        topic: &StrBytes,
        partition: PartitionId,
        offset: CommittedOffset,
    ) {
        self.note(group);
        let offset = self.numbered(offset);
        let offsets = entry(&mut self.by_group, group);
        put(&mut offsets.committed, topic, partition, offset);
    }

    /// Keeps an offset until the producer's transaction ends.
    pub(crate) fn commit_in_transaction(
        &mut self,
        producer: ProducerId,
        group: &StrBytes,
        topic: &StrBytes,
        partition: PartitionId,
        offset: CommittedOffset,
    ) {
        self.note(group);
        let offset = self.numbered(offset);
        self.groups_of
            .entry(producer)
            .or_default()
            .insert(group.clone());
        let offsets = entry(&mut self.by_group, group);
        let pending = offsets.pending.entry(producer).or_default();
        put(pending, topic, partition, offset);
    }

    fn numbered(&mut self, mut offset: CommittedOffset) -> CommittedOffset {
        self.commits += 1;
        offset.number = self.commits;
        offset
    }

    /// Ends a producer's transaction in the groups that `is_of_partition` picks: its offsets are
    /// committed, or forgotten.
    pub(crate) fn end_transaction(
        &mut self,
        producer: ProducerId,
        commit: bool,
        is_of_partition: impl Fn(&str) -> bool,
    ) {
        let Some(groups) = self.groups_of.get_mut(&producer) else {
            return;
        };
        let (ended, left) = std::mem::take(groups)
            .into_iter()
            .partition(|group| is_of_partition(group));
        *groups = left;
        if groups.is_empty() {
            self.groups_of.remove(&producer);
        }
        let ended: BTreeSet<StrBytes> = ended;
        for group in ended {
            self.note(&group);
            let Some(offsets) = self.by_group.get_mut(&group) else {
                continue;
            };
            let pending = offsets.pending.remove(&producer).unwrap_or_default();
            if commit {
                merge(&mut offsets.committed, pending);
            }
            self.drop_if_empty(&group);
        }
    }

    /// The offset of a partition.
    pub(crate) fn committed(
        &self,
        group: &str,
        topic: &str,
        partition: PartitionId,
    ) -> Option<&CommittedOffset> {
        let offsets = self.by_group.get(group)?;
        offsets.committed.get(topic)?.get(&partition)
    }

    /// All offsets of a group.
    pub(crate) fn all_committed(&self, group: &str) -> Option<&TopicOffsets> {
        self.by_group.get(group).map(|offsets| &offsets.committed)
    }

    /// Whether an open transaction has an offset of the partition.
    pub(crate) fn is_pending(&self, group: &str, topic: &str, partition: PartitionId) -> bool {
        let Some(offsets) = self.by_group.get(group) else {
            return false;
        };
        let has = |pending: &TopicOffsets| {
            let partitions = pending.get(topic);
            partitions.is_some_and(|partitions| partitions.contains_key(&partition))
        };
        offsets.pending.values().any(has)
    }

    /// Whether a group has any, also in an open transaction.
    pub(crate) fn has_any(&self, group: &str) -> bool {
        self.by_group.contains_key(group)
    }

    /// Forgets a partition's offset, the pending ones too. Whether there was any.
    pub(crate) fn remove(&mut self, group: &str, topic: &str, partition: PartitionId) -> bool {
        self.note(group);
        let Some(offsets) = self.by_group.get_mut(group) else {
            return false;
        };
        let mut any = false;
        let tables = offsets.pending.values_mut().chain([&mut offsets.committed]);
        for table in tables {
            if let Some(partitions) = table.get_mut(topic) {
                any |= partitions.remove(&partition).is_some();
                if partitions.is_empty() {
                    table.remove(topic);
                }
            }
        }
        self.drop_if_empty(group);
        any
    }

    /// Forgets everything of a group. Returns of what there were offsets.
    pub(crate) fn remove_group(&mut self, group: &str) -> BTreeSet<(StrBytes, PartitionId)> {
        self.note(group);
        let Some(offsets) = self.by_group.remove(group) else {
            return BTreeSet::new();
        };
        for producer in offsets.pending.keys() {
            if let Some(groups) = self.groups_of.get_mut(producer) {
                groups.remove(group);
                if groups.is_empty() {
                    self.groups_of.remove(producer);
                }
            }
        }
        let tables = offsets.pending.values().chain([&offsets.committed]);
        tables.flat_map(places).collect()
    }

    /// Forgets everything of a topic. Returns of which groups and partitions there were offsets.
    pub(crate) fn remove_topic(&mut self, topic: &str) -> BTreeSet<(StrBytes, PartitionId)> {
        let mut gone = BTreeSet::new();
        if let Some(changed) = &mut self.changed {
            changed.extend(self.by_group.keys().cloned());
        }
        self.by_group.retain(|group, offsets| {
            let tables = offsets.pending.values_mut().chain([&mut offsets.committed]);
            for partitions in tables.filter_map(|table| table.remove(topic)) {
                gone.extend(partitions.into_keys().map(|it| (group.clone(), it)));
            }
            !(offsets.committed.is_empty() && offsets.pending.is_empty())
        });
        gone
    }

    /// Forgets the committed offsets that `is_expired` picks, of partitions without pending ones, and
    /// returns which they were.
    pub(crate) fn expire(
        &mut self,
        group: &str,
        is_expired: impl Fn(&str, &CommittedOffset) -> bool,
    ) -> Vec<(StrBytes, PartitionId)> {
        self.note(group);
        let Some(offsets) = self.by_group.get_mut(group) else {
            return Vec::new();
        };
        let mut gone = Vec::new();
        let GroupOffsets { committed, pending } = offsets;
        let is_pending = |topic: &str, partition: &PartitionId| {
            let mut tables = pending.values().filter_map(|table| table.get(topic));
            tables.any(|partitions| partitions.contains_key(partition))
        };
        committed.retain(|topic, partitions| {
            partitions.retain(|partition, offset| {
                let kept = !is_expired(topic, offset) || is_pending(topic, partition);
                if !kept {
                    gone.push((topic.clone(), *partition));
                }
                kept
            });
            !partitions.is_empty()
        });
        self.drop_if_empty(group);
        gone
    }

    /// Offsets of groups that have neither are not kept.
    fn drop_if_empty(&mut self, group: &str) {
        let offsets = self.by_group.get(group);
        if offsets.is_some_and(|it| it.committed.is_empty() && it.pending.is_empty()) {
            self.by_group.remove(group);
        }
    }
}

/// The entry of a group, whose name is copied out of the request only when it is new.
fn entry<'a>(
    by_group: &'a mut BTreeMap<StrBytes, GroupOffsets>,
    group: &StrBytes,
) -> &'a mut GroupOffsets {
    by_group.entry(group.clone()).or_default()
}

/// What a table has offsets of.
fn places(table: &TopicOffsets) -> impl Iterator<Item = (StrBytes, PartitionId)> + '_ {
    table.iter().flat_map(|(topic, partitions)| {
        let partitions = partitions.keys();
        partitions.map(move |partition| (topic.clone(), *partition))
    })
}

fn put(
    table: &mut TopicOffsets,
    topic: &StrBytes,
    partition: PartitionId,
    offset: CommittedOffset,
) {
    table
        .entry(topic.clone())
        .or_default()
        .insert(partition, offset);
}

/// Of two offsets of one partition the one committed later stays.
fn merge(committed: &mut TopicOffsets, pending: TopicOffsets) {
    for (topic, partitions) in pending {
        let into = committed.entry(topic).or_default();
        for (partition, offset) in partitions {
            let earlier = into.get(&partition).map(|offset| offset.number);
            if earlier.is_none_or(|number| number < offset.number) {
                into.insert(partition, offset);
            }
        }
    }
}
