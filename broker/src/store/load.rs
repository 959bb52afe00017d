//! Takes up what is stored.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;
use thalweg_protocol::{BrokerId, PartitionId, ProducerId, StrBytes, Uuid};

use super::files::{PartitionFiles, remove_folder};
use super::journal::Journal;
use super::saved::{SavedGroup, SavedShare, SavedTopic, SavedTransaction};
use super::saved_admin::{SavedFeatures, SavedQuotas, SavedRules, SavedScram, restore_settings};
use super::{DataError, Store};
use crate::cluster::{Cluster, CoordinatorKind};
use crate::group::{Group, SavedGroupState, ShareGroup, insert as insert_group};
use crate::log::Log;
use crate::settings::{SettingError, Settings};
use crate::topic::{Partition, Topic, TopicConfig};
use crate::transaction::{self, Transaction};

/// Takes a folder, gives the cluster, whose brokers are known, what is stored in it, and stores
/// everything there from now on.
pub(crate) fn load(cluster: &mut Cluster, folder: &Path) -> Result<(), DataError> {
    fs::create_dir_all(folder).map_err(|source| DataError::io(folder, source))?;
    let lock_path = folder.join("lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path);
    let lock = lock.map_err(|source| DataError::io(&lock_path, source))?;
    match fs4::FileExt::try_lock(&lock) {
        Ok(()) => {}
        Err(fs4::TryLockError::WouldBlock) => {
            return Err(DataError::InUse {
                folder: folder.to_owned(),
            });
        }
        Err(fs4::TryLockError::Error(source)) => return Err(DataError::io(&lock_path, source)),
    }
    let path = folder.join("state");
    let (journal, values) = Journal::open(&path)?;
    let mut loading = Loading {
        store: Store {
            folder: folder.to_owned(),
            journal,
            logs: BTreeMap::new(),
            _lock: lock,
        },
        values: &values,
        transactions: BTreeMap::new(),
        next_producer_id: 0,
    };
    // Written last when a folder is made: without it the next start makes it from the beginning.
    let is_new = !values.contains_key(CLUSTER_ID);
    if !is_new {
        cluster.security.forget_scram();
    }
    let corrupt = |key: &str| DataError::Corrupt {
        path: path.clone(),
        reason: format!("the value of {key:?} cannot be read"),
    };
    for kind in KINDS {
        for (key, value) in &values {
            let (of_kind, name) = key.split_once('/').unwrap_or((key, ""));
            if of_kind == kind {
                let taken = loading.take_up(cluster, kind, name, value)?;
                taken.ok_or_else(|| corrupt(key))?;
            }
        }
        if kind == "topic" {
            note_coordinators(cluster);
        }
    }
    let known = |key: &&String| KINDS.contains(&key.split_once('/').map_or(&***key, |it| it.0));
    if let Some(unknown) = values.keys().find(|key| !known(key)) {
        return Err(corrupt(unknown));
    }
    if is_new {
        loading.store.save_named_users(cluster)?;
    }
    loading.finish(cluster)
}

/// The key of the cluster's id.
const CLUSTER_ID: &str = "cluster id";

/// The kinds of keys, in the order in which they are taken up: what the others need first.
const KINDS: [&str; 13] = [
    CLUSTER_ID,
    "features",
    "config",
    "acl",
    "scram",
    "quota",
    "start",
    "topic",
    "group",
    "offsets",
    "share",
    "transaction",
    "next producer id",
];

/// A folder while it is taken up.
struct Loading<'a> {
    store: Store,
    values: &'a BTreeMap<String, Value>,
    transactions: BTreeMap<StrBytes, Transaction>,
    next_producer_id: i64,
}

impl Loading<'_> {
    /// Takes one value up, whose key is the kind and a name. `None` where it is none that was stored.
    fn take_up(
        &mut self,
        cluster: &mut Cluster,
        kind: &str,
        name: &str,
        value: &Value,
    ) -> Result<Option<()>, DataError> {
        Ok(match kind {
            CLUSTER_ID => parse::<String>(value).map(|id| cluster.id = StrBytes::from(id)),
            "features" => match parse::<SavedFeatures>(value) {
                Some(saved) => Some(saved.restore(cluster)?),
                None => None,
            },
            "config" => parse(value).and_then(|saved| restore_settings(cluster, name, &saved)),
            "acl" => parse(value).and_then(|saved: SavedRules| saved.restore(cluster)),
            "scram" => parse(value).and_then(|saved: SavedScram| saved.restore(cluster)),
            "quota" => parse(value).and_then(|saved: SavedQuotas| saved.restore(cluster)),
            // Looked up with its topic.
            "start" => Some(()),
            "topic" => match parse::<SavedTopic>(value) {
                Some(saved) => restore_topic(cluster, &mut self.store, self.values, name, &saved)?,
                None => None,
            },
            "group" => {
                parse(value).and_then(|saved: SavedGroupState| saved.restore(cluster, &name.into()))
            }
            "offsets" => parse(value).map(|saved| restore_group(cluster, name, &saved)),
            "share" => parse(value).and_then(|saved| restore_share(cluster, &saved)),
            "transaction" => parse(value)
                .and_then(|saved: SavedTransaction| saved.transaction())
                .map(|transaction| {
                    self.transactions.insert(name.into(), transaction);
                }),
            "next producer id" => parse(value).map(|next| self.next_producer_id = next),
            _ => None,
        })
    }

    /// Everything is there: from now on what changes is stored.
    fn finish(mut self, cluster: &mut Cluster) -> Result<(), DataError> {
        let id = cluster.id.to_string();
        self.store.journal.put(CLUSTER_ID, Some(&id))?;
        self.store.save_features(cluster)?;
        remove_strangers(&self.store)?;
        cluster
            .transactions
            .restore(self.next_producer_id, self.transactions);
        cluster.topics.note_changes();
        cluster.groups.offsets.note_changes();
        cluster.groups.changes.start();
        cluster.transactions.note_changes();
        cluster.shares.note_changes();
        cluster.acls.changes.start();
        cluster.security.changes.start();
        cluster.quotas.changes.start();
        cluster.layers.changes.start();
        cluster.features.changes.start();
        cluster.store = Some(self.store);
        transaction::resume(cluster);
        Ok(())
    }
}

/// Coordinators are there before the groups are: none of them is a new one.
fn note_coordinators(cluster: &mut Cluster) {
    let topic = cluster.topics.topic(CoordinatorKind::Group.topic());
    let partitions = topic.map_or(0, |topic| topic.partitions.len());
    for index in (0..).map(PartitionId).take(partitions) {
        crate::group::leader_elected(cluster, index);
    }
}

fn parse<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

/// `None` where the topic is none that this broker stored.
fn restore_topic(
    cluster: &mut Cluster,
    store: &mut Store,
    values: &BTreeMap<String, Value>,
    name: &str,
    saved: &SavedTopic,
) -> Result<Option<()>, DataError> {
    let Ok(id) = saved.id.parse::<Uuid>() else {
        return Ok(None);
    };
    let configs = saved.configs.iter();
    let configs = configs.map(|(key, value)| (key.as_str(), value.as_str()));
    let config = match TopicConfig::with(configs, &cluster.settings, cluster.release) {
        Ok(config) => config,
        Err(SettingError::UnknownKey { key, .. }) if Settings::is_of_any_topic(&key) => {
            return Err(DataError::Setting {
                topic: name.to_owned(),
                key,
                release: cluster.release,
            });
        }
        Err(_) => return Ok(None),
    };
    let mut partitions = Vec::new();
    let epochs = saved
        .leader_epochs
        .iter()
        .copied()
        .chain(std::iter::repeat(0));
    for ((replicas, epoch), index) in saved
        .replicas
        .iter()
        .zip(epochs)
        .zip((0..).map(PartitionId))
    {
        let folder = store.partition_folder(id, index);
        let (files, segments) = PartitionFiles::load(&folder)?;
        store.logs.insert((id, index), files);
        let start = values.get(&format!("start/{id}/{index}"));
        let start = start.and_then(Value::as_i64).unwrap_or_default();
        let log = Log::restored(segments, start, cluster.now.wall_ms);
        let mut partition = Partition::new(existing(cluster, replicas));
        // Every start is an election.
        partition.leader_epoch = epoch.max(log.epochs().latest().unwrap_or(-1)) + 1;
        partition.log = log;
        partition.log.lead(partition.leader_epoch);
        partitions.push(partition);
    }
    let topic = Topic {
        id,
        config,
        partitions,
        is_internal: saved.internal,
    };
    cluster.topics.insert(name.into(), topic);
    Ok(Some(()))
}

/// The replicas on brokers that there are; there may be fewer than the last time.
fn existing(cluster: &Cluster, replicas: &[i32]) -> Vec<BrokerId> {
    let known = |id: &BrokerId| cluster.nodes.node(*id).is_some();
    let existing: Vec<BrokerId> = replicas
        .iter()
        .copied()
        .map(BrokerId)
        .filter(known)
        .collect();
    if existing.is_empty() {
        return cluster.nodes.ids().take(1).collect();
    }
    existing
}

fn restore_group(cluster: &mut Cluster, group: &str, saved: &SavedGroup) {
    let group = StrBytes::from(group);
    crate::group::restore(cluster, &group);
    let committed = saved.committed.iter().map(|offset| (None, offset));
    let pending = saved.pending.iter().flat_map(|(producer, offsets)| {
        let producer = Some(ProducerId(*producer));
        offsets.iter().map(move |offset| (producer, offset))
    });
    // A transaction's offset does not replace one that was committed after it.
    let mut all: Vec<_> = committed.chain(pending).collect();
    all.sort_by_key(|(_, offset)| offset.number);
    let offsets = &mut cluster.groups.offsets;
    for (producer, saved) in all {
        let topic = StrBytes::from(saved.topic.as_str());
        let (partition, offset) = (PartitionId(saved.partition), saved.offset());
        match producer {
            None => offsets.commit(&group, &topic, partition, offset),
            Some(producer) => {
                offsets.commit_in_transaction(producer, &group, &topic, partition, offset);
            }
        }
    }
}

/// `None` where the topic's id is none. Without anything else of the group it is one without members.
fn restore_share(cluster: &mut Cluster, saved: &SavedShare) -> Option<()> {
    let topic_id: Uuid = saved.topic_id.parse().ok()?;
    let group_id = StrBytes::from(saved.group.as_str());
    if cluster.groups.group(&group_id).is_none() {
        let group = Group::Share(ShareGroup::default());
        insert_group(cluster, group_id.clone(), group);
    }
    let place = (topic_id, PartitionId(saved.partition));
    cluster.shares.restore(group_id, place, saved.state());
    Some(())
}

/// Removes folders of partitions that are no longer: the process died before it did.
fn remove_strangers(store: &Store) -> Result<(), DataError> {
    let logs = store.folder.join("logs");
    let Ok(entries) = fs::read_dir(&logs) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry.map_err(|source| DataError::io(&logs, source))?.path();
        let mut known = store.logs.keys();
        if !known.any(|(id, index)| store.partition_folder(*id, *index) == path) {
            remove_folder(&path)?;
        }
    }
    Ok(())
}
