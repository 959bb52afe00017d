//! Groups as they are kept on disk: what Kafka writes of them to `__consumer_offsets`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thalweg_protocol::{PartitionId, StrBytes, Uuid};

use super::classic::SavedClassicGroup;
use super::consumer::SavedConsumerGroup;
use super::share::SavedShareGroup;
use super::streams::SavedStreamsGroup;
use super::{ClassicGroup, ConsumerGroup, Group, ShareGroup, StreamsGroup};
use crate::cluster::Cluster;

/// A group of any kind, without its offsets.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SavedGroupState {
    Classic(SavedClassicGroup),
    Consumer(SavedConsumerGroup),
    Share(SavedShareGroup),
    Streams(Box<SavedStreamsGroup>),
}

impl SavedGroupState {
    /// `None` where nothing was ever written of the group: there are only its offsets.
    pub(crate) fn of(group: &Group) -> Option<Self> {
        Some(match group {
            Group::Classic(group) => SavedGroupState::Classic(group.saved()?),
            Group::Consumer(group) => SavedGroupState::Consumer(group.saved()),
            Group::Share(group) => SavedGroupState::Share(group.saved()),
            Group::Streams(group) => SavedGroupState::Streams(Box::new(group.saved())),
        })
    }

    /// Puts the group into a cluster whose topics are there, as a coordinator does that takes it over:
    /// members are there, and their sessions begin anew. `None` where it is no group.
    pub(crate) fn restore(&self, cluster: &mut Cluster, id: &StrBytes) -> Option<()> {
        let group = match self {
            SavedGroupState::Classic(saved) => {
                let new = ClassicGroup::new(id.clone(), cluster.now.wall_ms);
                Group::Classic(new.with_stored(saved))
            }
            SavedGroupState::Consumer(saved) => {
                Group::Consumer(Box::new(ConsumerGroup::restored(saved)?))
            }
            SavedGroupState::Share(saved) => Group::Share(ShareGroup::restored(saved)?),
            SavedGroupState::Streams(saved) => {
                Group::Streams(Box::new(StreamsGroup::restored(saved, &cluster.topics)?))
            }
        };
        super::insert(cluster, id.clone(), group);
        super::take_up(cluster, id, true);
        Some(())
    }
}

/// Partitions by the id of their topic.
pub(super) type SavedPartitions = BTreeMap<String, BTreeSet<i32>>;

/// Partitions by the id of their topic, each with an epoch.
pub(super) type SavedDated = BTreeMap<String, BTreeMap<i32, i32>>;

pub(super) fn partitions_of(all: &BTreeMap<Uuid, BTreeSet<PartitionId>>) -> SavedPartitions {
    let one = |(topic, partitions): (&Uuid, &BTreeSet<PartitionId>)| {
        let partitions = partitions.iter().map(|partition| partition.0);
        (topic.to_string(), partitions.collect())
    };
    all.iter().map(one).collect()
}

/// `None` where a topic's id is none.
pub(super) fn partitions(saved: &SavedPartitions) -> Option<BTreeMap<Uuid, BTreeSet<PartitionId>>> {
    let one = |(topic, partitions): (&String, &BTreeSet<i32>)| {
        let partitions = partitions.iter().copied().map(PartitionId);
        Some((topic.parse().ok()?, partitions.collect()))
    };
    saved.iter().map(one).collect()
}

/// What members are to have, by member.
pub(super) fn targets_of(
    target: &BTreeMap<StrBytes, BTreeMap<Uuid, BTreeSet<PartitionId>>>,
) -> BTreeMap<String, SavedPartitions> {
    let one = |(member, all): (&StrBytes, &_)| (member.to_string(), partitions_of(all));
    target.iter().map(one).collect()
}

/// `None` where a topic's id is none.
pub(super) fn targets(
    saved: &BTreeMap<String, SavedPartitions>,
) -> Option<BTreeMap<StrBytes, BTreeMap<Uuid, BTreeSet<PartitionId>>>> {
    let one = |(member, all): (&String, &_)| Some((text(member), partitions(all)?));
    saved.iter().map(one).collect()
}

pub(super) fn dated_of<K: ToString + Ord>(
    all: &BTreeMap<K, BTreeMap<PartitionId, i32>>,
) -> SavedDated {
    let one = |(key, partitions): (&K, &BTreeMap<PartitionId, i32>)| {
        let dated = partitions.iter().map(|(it, epoch)| (it.0, *epoch));
        (key.to_string(), dated.collect())
    };
    all.iter().map(one).collect()
}

/// `None` where a key is none.
pub(super) fn dated<K: Ord>(
    saved: &SavedDated,
    key: impl Fn(&String) -> Option<K>,
) -> Option<BTreeMap<K, BTreeMap<PartitionId, i32>>> {
    let one = |(name, partitions): (&String, &BTreeMap<i32, i32>)| {
        let dated = partitions
            .iter()
            .map(|(it, epoch)| (PartitionId(*it), *epoch));
        Some((key(name)?, dated.collect()))
    };
    saved.iter().map(one).collect()
}

/// Topics by name, with id and number of partitions.
pub(super) type SavedKnown = BTreeMap<String, (String, usize)>;

pub(super) fn known_of(known: &BTreeMap<StrBytes, (Uuid, usize)>) -> SavedKnown {
    let one = |(name, (id, count)): (&StrBytes, &(Uuid, usize))| {
        (name.to_string(), (id.to_string(), *count))
    };
    known.iter().map(one).collect()
}

/// `None` where a topic's id is none.
pub(super) fn known(saved: &SavedKnown) -> Option<BTreeMap<StrBytes, (Uuid, usize)>> {
    let one = |(name, (id, count)): (&String, &(String, usize))| {
        Some((text(name), (id.parse().ok()?, *count)))
    };
    saved.iter().map(one).collect()
}

pub(super) fn text(saved: &str) -> StrBytes {
    StrBytes::from(saved)
}

pub(super) fn maybe_text(saved: &Option<String>) -> Option<StrBytes> {
    saved.as_deref().map(text)
}

pub(super) fn maybe_text_of(text: &Option<StrBytes>) -> Option<String> {
    text.as_ref().map(StrBytes::to_string)
}

pub(super) fn texts_of<'a, C: FromIterator<String>>(
    texts: impl IntoIterator<Item = &'a StrBytes>,
) -> C {
    texts.into_iter().map(StrBytes::to_string).collect()
}

pub(super) fn texts<'a, C: FromIterator<StrBytes>>(
    saved: impl IntoIterator<Item = &'a String>,
) -> C {
    saved.into_iter().map(|it| text(it)).collect()
}
