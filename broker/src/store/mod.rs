//! What `--data` keeps on disk: topics, batches, groups and their offsets, transactions, how far share
//! groups have come, rules, credentials, quotas, settings and feature levels.
//!
//! ```text
//!   DIR/lock                                  held by the process that uses the folder
//!   DIR/state                                 a line for each change: checksum, key, value as JSON
//!   DIR/logs/TOPIC-ID.PARTITION/BASE.log      a segment: whole batches, as in Kafka's own files
//! ```
//! After every request, before its answer can leave, what may have changed is compared with what is
//! on disk and written. It survives the process being killed at any point: a torn line or batch at an
//! end is dropped, and nobody was told of it. It is not forced to the disk, so it does not survive the
//! machine.
//!
//! The order of writing carries transactions over: first what a transaction writes to, then what it
//! writes; first a decision, then the markers of it that are in logs, then that it is complete.
//! Whatever lies between is sent again at the start.

mod changes;
mod files;
mod journal;
mod load;
mod saved;
mod saved_admin;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use thalweg_protocol::{PartitionId, StrBytes, Uuid};

use self::files::PartitionFiles;
use self::journal::Journal;
use self::saved::{SavedGroup, SavedShare, SavedTopic, SavedTransaction};
use crate::cluster::Cluster;
use crate::group::SavedGroupState;
use crate::release::Release;
use crate::transaction::State;

pub(crate) use changes::Changes;
pub(crate) use load::load;

/// Why the folder of `--data` cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// Another process has it.
    #[error(
        "the folder {folder} is in use by another broker: stop that one, or take another folder"
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// It cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The features of the folder are none of the release that is played.
    #[error(
        "the folder has the feature {name} at level {level}, which the release that is played does \
         not have: play the one that made it, or a newer one"
    )]
    Feature {
        /// The feature.
        name: String,
        /// Its level.
        level: i16,
    },
    /// A topic of the folder has a setting that topics of the release do not have.
    #[error(
        "the topic {topic} has the setting {key}, which topics of Kafka {release} do not have: play \
         the release that set it, or a newer one; or take the setting from the topic there \
         (kafka-configs --alter --delete-config {key}) before this one is played"
    )]
    Setting {
        /// The topic.
        topic: String,
        /// The setting's key.
        key: String,
        /// The release that is played.
        release: Release,
    },
    /// A file is damaged elsewhere than at its end.
    #[error("{path} is damaged: {reason}; to begin anew, delete the folder")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl DataError {
    fn io(path: &Path, source: io::Error) -> Self {
        DataError::Io {
            path: path.to_owned(),
            source,
        }
    }
}

/// The folder, and what is in it.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    journal: Journal,
    logs: BTreeMap<(Uuid, PartitionId), PartitionFiles>,
    /// Held until the process ends.
    _lock: File,
}

impl Store {
    fn partition_folder(&self, topic: Uuid, partition: PartitionId) -> PathBuf {
        self.folder
            .join("logs")
            .join(format!("{topic}.{partition}"))
    }

    fn save_log(
        &mut self,
        cluster: &Cluster,
        topic: &StrBytes,
        index: PartitionId,
    ) -> Result<(), DataError> {
        let Some(found) = cluster.topics.topic(topic) else {
            return Ok(());
        };
        let Some(partition) = found.partition(index) else {
            return Ok(());
        };
        let folder = self.partition_folder(found.id, index);
        let files = self.logs.entry((found.id, index)).or_default();
        files.save(&folder, &partition.log)?;
        let key = format!("start/{}/{index}", found.id);
        let start = (partition.log.start() > 0).then(|| partition.log.start());
        self.journal.put(&key, start.as_ref())
    }

    fn save_topic(&mut self, cluster: &Cluster, name: &StrBytes) -> Result<(), DataError> {
        let key = format!("topic/{name}");
        let topic = cluster.topics.topic(name);
        let saved = topic.map(SavedTopic::of);
        self.journal.put(&key, saved.as_ref())?;
        let gone = |id: &Uuid| cluster.topics.name_of(id).is_none();
        let deleted: Vec<_> = self
            .logs
            .keys()
            .filter(|(id, _)| gone(id))
            .copied()
            .collect();
        for (id, index) in deleted {
            self.logs.remove(&(id, index));
            let folder = self.partition_folder(id, index);
            files::remove_folder(&folder)?;
            self.journal
                .put::<i64>(&format!("start/{id}/{index}"), None)?;
        }
        Ok(())
    }

    fn save_transaction(&mut self, cluster: &Cluster, id: &str) -> Result<(), DataError> {
        let transaction = cluster.transactions.transaction(id);
        let saved = transaction.map(SavedTransaction::of);
        let next = cluster.transactions.next_producer_id();
        self.journal.put("next producer id", Some(&next))?;
        self.journal
            .put(&format!("transaction/{id}"), saved.as_ref())
    }

    fn save(&mut self, cluster: &mut Cluster) -> Result<(), DataError> {
        let mut transactions = cluster.transactions.take_changes();
        let open = |id: &StrBytes| {
            let transaction = cluster.transactions.transaction(id);
            transaction.is_some_and(|transaction| transaction.state == State::Ongoing)
        };
        for id in transactions.extract_if(.., |id| open(id)) {
            self.save_transaction(cluster, &id)?;
        }
        let changes = cluster.topics.take_changes();
        for (topic, index) in &changes.partitions {
            self.save_log(cluster, topic, *index)?;
        }
        for topic in &changes.topics {
            let partitions = cluster
                .topics
                .topic(topic)
                .map_or(0, |it| it.partitions.len());
            for index in (0..).map(PartitionId).take(partitions) {
                self.save_log(cluster, topic, index)?;
            }
            self.save_topic(cluster, topic)?;
        }
        self.save_admin(cluster)?;
        for id in cluster.groups.changes.take() {
            let group = cluster.groups.group(&id);
            let saved = group.and_then(SavedGroupState::of);
            self.journal.put(&format!("group/{id}"), saved.as_ref())?;
        }
        for group in cluster.groups.offsets.take_changes() {
            let saved = cluster.groups.offsets.of_group(&group).map(SavedGroup::of);
            self.journal
                .put(&format!("offsets/{group}"), saved.as_ref())?;
        }
        for (group, place) in cluster.shares.take_changes() {
            let state = cluster.shares.state(&group, &place);
            let saved = state.map(|state| SavedShare::of(&group, &place, state));
            let key = format!("share/{}/{}/{group}", place.0, place.1);
            self.journal.put(&key, saved.as_ref())?;
        }
        for id in transactions {
            self.save_transaction(cluster, &id)?;
        }
        let next = cluster.transactions.next_producer_id();
        self.journal.put("next producer id", Some(&next))
    }
}

impl Cluster {
    /// Writes what may have changed. To be called before the lock is given back. Without a folder
    /// nothing is done.
    pub(crate) fn store_changes(&mut self) {
        let Some(mut store) = self.store.take() else {
            return;
        };
        match store.save(self) {
            Ok(()) => self.store = Some(store),
            Err(error) => self.fail_storage(&error),
        }
    }

    /// Writes what was decided about a transaction, before anything of it can be seen.
    pub(crate) fn store_decision(&mut self, id: &str) {
        let Some(mut store) = self.store.take() else {
            return;
        };
        match store.save_transaction(self, id) {
            Ok(()) => self.store = Some(store),
            Err(error) => self.fail_storage(&error),
        }
    }

    /// A broker that cannot write stops, as Kafka does: what was asked of it is not answered.
    fn fail_storage(&mut self, error: &DataError) {
        tracing::error!(%error, "the broker stops: it cannot store what it was told");
        self.storage_failed = true;
    }
}
