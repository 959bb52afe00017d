//! Offsets of partitions: where they begin and end, and deleting what lies before one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use thalweg_protocol::messages::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic, ListOffsetsPartition,
    ListOffsetsRequest, ListOffsetsTopic,
};
use thalweg_protocol::{ApiKey, BrokerId, ErrorCode, Offset};

use super::routed::{Answers, Route, RoutedOperation, by_topic, milliseconds, perform};
use super::{Admin, Outcomes};
use crate::cluster::{BrokerConnection, Cluster};
use crate::crash_point::CrashPoint;
use crate::error::CallError;
use crate::isolation_level::IsolationLevel;
use crate::topic_partition::TopicPartition;

/// Which offset of a partition to look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OffsetSpec {
    /// That of the first record there is.
    Earliest,
    /// The one after the last record: the high watermark, or with
    /// [`IsolationLevel::ReadCommitted`] the last stable offset.
    Latest,
    /// That of the record with the greatest timestamp. Needs Kafka 3.0.
    MaxTimestamp,
    /// That of the first record with this timestamp or a later one, in milliseconds since 1970.
    Timestamp(i64),
}

impl OffsetSpec {
    /// `Timestamp` in ListOffsets.
    fn timestamp(self) -> i64 {
        match self {
            OffsetSpec::Latest => -1,
            OffsetSpec::Earliest => -2,
            OffsetSpec::MaxTimestamp => -3,
            OffsetSpec::Timestamp(timestamp) => timestamp,
        }
    }

    /// The first version of ListOffsets that has it.
    fn since(self) -> i16 {
        match self {
            OffsetSpec::MaxTimestamp => 7,
            _ => 0,
        }
    }
}

/// An offset that was looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedOffset {
    /// The offset; `None` if no record has such a timestamp.
    pub offset: Option<Offset>,
    /// The timestamp of the record there, where one was asked for by its timestamp.
    pub timestamp: Option<i64>,
    /// The leader epoch under which the record there was written, if the broker knows.
    pub leader_epoch: Option<i32>,
}

impl Admin {
    /// Looks up an offset in each of several partitions.
    ///
    /// With [`IsolationLevel::ReadCommitted`], [`OffsetSpec::Latest`] is the last stable offset,
    /// and records behind it are not found by their timestamps.
    pub async fn list_offsets(
        &self,
        partitions: impl IntoIterator<Item = (TopicPartition, OffsetSpec)>,
        isolation_level: IsolationLevel,
    ) -> Outcomes<TopicPartition, ListedOffset> {
        let specs: BTreeMap<TopicPartition, OffsetSpec> = partitions.into_iter().collect();
        let keys: Vec<TopicPartition> = specs.keys().cloned().collect();
        let cluster = &self.cluster;
        perform(
            cluster,
            &ListOffsets {
                cluster,
                specs,
                isolation_level,
            },
            keys,
        )
        .point()
        .await
    }

    /// Deletes all records before the given offsets; [`Offset`] −1 stands for the high watermark.
    /// The result is the first offset left (`low_watermark`).
    pub async fn delete_records(
        &self,
        before: impl IntoIterator<Item = (TopicPartition, Offset)>,
    ) -> Outcomes<TopicPartition, Offset> {
        let before: BTreeMap<TopicPartition, Offset> = before.into_iter().collect();
        let keys: Vec<TopicPartition> = before.keys().cloned().collect();
        let timeout = self.cluster.config().request_timeout;
        perform(&self.cluster, &DeleteRecords { before, timeout }, keys)
            .point()
            .await
    }
}

/// The answer for a partition, as an error if it is one.
fn partition_outcome<T>(
    api: ApiKey,
    partition: &TopicPartition,
    code: ErrorCode,
    value: T,
) -> Result<T, CallError> {
    match code {
        ErrorCode::NONE => Ok(value),
        code => Err(CallError::refused(
            api,
            format!("partition {partition}"),
            code,
            None,
        )),
    }
}

struct ListOffsets<'c> {
    cluster: &'c Cluster,
    specs: BTreeMap<TopicPartition, OffsetSpec>,
    isolation_level: IsolationLevel,
}

impl RoutedOperation for ListOffsets<'_> {
    type Key = TopicPartition;
    type Value = ListedOffset;

    const OPERATION: &'static str = "list offsets";
    const API_KEY: ApiKey = ApiKey::ListOffsets;

    fn route<'k>(&self, key: &'k TopicPartition) -> Route<'k> {
        Route::Leader(key)
    }

    async fn ask(
        &self,
        connection: &BrokerConnection,
        keys: &[TopicPartition],
    ) -> Result<Answers<Self>, CallError> {
        let spec = |key: &TopicPartition| self.specs.get(key).copied();
        let needed = keys
            .iter()
            .filter_map(spec)
            .map(OffsetSpec::since)
            .max()
            .unwrap_or(0);
        let version = connection.version_within::<ListOffsetsRequest>(needed, i16::MAX)?;
        let metadata = self.cluster.metadata();
        let topics = by_topic(keys).into_iter().map(|(topic, partitions)| {
            let partitions = partitions.into_iter().filter_map(|partition| {
                let key = TopicPartition {
                    topic: Arc::clone(topic),
                    partition,
                };
                // The broker refuses if it knows of a newer leader, or not yet of this one.
                let leader = metadata.leader(topic, partition);
                Some(ListOffsetsPartition {
                    partition_index: partition,
                    current_leader_epoch: leader.map_or(-1, |leader| leader.leader_epoch),
                    timestamp: spec(&key)?.timestamp(),
                    ..Default::default()
                })
            });
            ListOffsetsTopic {
                name: (&**topic).into(),
                partitions: partitions.collect(),
                ..Default::default()
            }
        });
        let request = ListOffsetsRequest {
            replica_id: BrokerId(-1),
            isolation_level: self.isolation_level.code(),
            topics: topics.collect(),
            timeout_ms: milliseconds(self.cluster.config().request_timeout),
            ..Default::default()
        };
        let response = connection.send(&request, version)?.point().await?;
        let mut answers = Vec::with_capacity(keys.len());
        for topic in &response.topics {
            let name: Arc<str> = Arc::from(&*topic.name);
            answers.extend(topic.partitions.iter().map(|partition| {
                let key = TopicPartition::new(Arc::clone(&name), partition.partition_index);
                let listed = ListedOffset {
                    offset: Some(partition.offset).filter(|offset| offset.0 >= 0),
                    timestamp: Some(partition.timestamp).filter(|timestamp| *timestamp >= 0),
                    leader_epoch: Some(partition.leader_epoch).filter(|epoch| *epoch >= 0),
                };
                let outcome =
                    partition_outcome(ApiKey::ListOffsets, &key, partition.error_code, listed);
                (key, outcome)
            }));
        }
        Ok(answers)
    }
}

struct DeleteRecords {
    before: BTreeMap<TopicPartition, Offset>,
    timeout: Duration,
}

impl RoutedOperation for DeleteRecords {
    type Key = TopicPartition;
    type Value = Offset;

    const OPERATION: &'static str = "delete records";
    const API_KEY: ApiKey = ApiKey::DeleteRecords;

    fn route<'k>(&self, key: &'k TopicPartition) -> Route<'k> {
        Route::Leader(key)
    }

    async fn ask(
        &self,
        connection: &BrokerConnection,
        keys: &[TopicPartition],
    ) -> Result<Answers<Self>, CallError> {
        let version = connection.version::<DeleteRecordsRequest>()?;
        let topics = by_topic(keys).into_iter().map(|(topic, partitions)| {
            let partitions = partitions.into_iter().filter_map(|partition| {
                let key = TopicPartition {
                    topic: Arc::clone(topic),
                    partition,
                };
                Some(DeleteRecordsPartition {
                    partition_index: partition,
                    offset: *self.before.get(&key)?,
                    ..Default::default()
                })
            });
            DeleteRecordsTopic {
                name: (&**topic).into(),
                partitions: partitions.collect(),
                ..Default::default()
            }
        });
        let request = DeleteRecordsRequest {
            topics: topics.collect(),
            timeout_ms: milliseconds(self.timeout),
            ..Default::default()
        };
        let response = connection
            .send_holding(&request, version, self.timeout)?
            .point()
            .await?;
        let mut answers = Vec::with_capacity(keys.len());
        for topic in &response.topics {
            let name: Arc<str> = Arc::from(&*topic.name);
            answers.extend(topic.partitions.iter().map(|partition| {
                let key = TopicPartition::new(Arc::clone(&name), partition.partition_index);
                let low_watermark = partition.low_watermark;
                let outcome = partition_outcome(
                    ApiKey::DeleteRecords,
                    &key,
                    partition.error_code,
                    low_watermark,
                );
                (key, outcome)
            }));
        }
        Ok(answers)
    }
}
