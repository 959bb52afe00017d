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
use super::{DataError, Store};
use crate::cluster::Cluster;
use crate::group::{Group, ShareGroup, insert as insert_group};
use crate::log::Log;
use crate::topic::{Partition, Topic, TopicConfig};
use crate::transaction;

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
    let mut store = Store {
        folder: folder.to_owned(),
        journal,
        logs: BTreeMap::new(),
        _lock: lock,
    };
    let corrupt = |key: &str| DataError::Corrupt {
        path: path.clone(),
        reason: format!("the value of {key:?} cannot be read"),
    };
    let mut transactions = BTreeMap::new();
    let mut next_producer_id = 0;
    for (key, value) in &values {
        let read = match key.split_once('/') {
            Some(("topic", name)) => match parse::<SavedTopic>(value) {
                Some(saved) => restore_topic(cluster, &mut store, &values, name, &saved)?,
                None => None,
            },
            Some(("offsets", group)) => {
                parse(value).map(|saved| restore_group(cluster, group, &saved))
            }
            Some(("transaction", id)) => {
                let saved = parse(value).and_then(|saved: SavedTransaction| saved.transaction());
                saved.map(|transaction| {
                    transactions.insert(id.into(), transaction);
                })
            }
            Some(("share", _)) => parse(value).and_then(|saved| restore_share(cluster, &saved)),
            Some(("start", _)) => Some(()),
            _ if key == "next producer id" => parse(value).map(|next| next_producer_id = next),
            _ if key == "cluster id" => {
                parse::<String>(value).map(|id| cluster.id = StrBytes::from(id))
            }
            _ => None,
        };
        read.ok_or_else(|| corrupt(key))?;
    }
    store
        .journal
        .put("cluster id", Some(&cluster.id.to_string()))?;
    remove_strangers(&store)?;
    cluster.transactions.restore(next_producer_id, transactions);
    cluster.topics.note_changes();
    cluster.groups.offsets.note_changes();
    cluster.transactions.note_changes();
    cluster.shares.note_changes();
    cluster.store = Some(store);
    transaction::resume(cluster);
    Ok(())
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
    let Ok(config) = TopicConfig::with(configs, &cluster.settings) else {
        return Ok(None);
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
    let offsets = &mut cluster.groups.offsets;
    for saved in &saved.committed {
        let topic = StrBytes::from(saved.topic.as_str());
        offsets.commit(&group, &topic, PartitionId(saved.partition), saved.offset());
    }
    for (producer, pending) in &saved.pending {
        for saved in pending {
            let topic = StrBytes::from(saved.topic.as_str());
            let (producer, partition) = (ProducerId(*producer), PartitionId(saved.partition));
            offsets.commit_in_transaction(producer, &group, &topic, partition, saved.offset());
        }
    }
}

/// `None` where the topic's id is none. The group is there without members: they join again.
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
