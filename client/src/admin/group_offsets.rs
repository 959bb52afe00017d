//! A group's offsets and members, for the one who acts on behalf of the group: chosen partitions
//! only, with the member that commits, and members that cannot leave by themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use thalweg_protocol::messages::{
    LeaveGroupRequest, MemberIdentity, OffsetCommitRequest, OffsetCommitRequestPartition,
    OffsetCommitRequestTopic, OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
};
use thalweg_protocol::{ApiKey, ErrorCode, Offset, PartitionId, StrBytes};

use super::Admin;
use super::routed::by_topic;
use crate::cluster::{BrokerConnection, Purpose, Target};
use crate::crash_point::CrashPoint;
use crate::error::{CallError, Disposition};
use crate::group::GroupMetadata;
use crate::offset_and_metadata::OffsetAndMetadata;
use crate::topic_partition::TopicPartition;

/// Later versions name topics by their id alone.
const BY_NAME: i16 = 9;
/// The first version of OffsetFetch for several groups at once.
const FETCH_BATCHED: i16 = 8;
/// The first version of OffsetFetch that can wait for open transactions.
const FETCH_STABLE: i16 = 7;
/// The first version of LeaveGroup for several members at once.
const LEAVE_BATCHED: i16 = 3;

impl Admin {
    /// The offsets a group has committed for some partitions. One without any is not in the answer.
    ///
    /// With `require_stable`, offsets in transactions that are still open are waited for, for up to
    /// `default_api_timeout` (KIP-447); only those of the partitions that are asked for. Needs Kafka
    /// 2.5.
    ///
    /// # Errors
    /// No answer in time, or the group may not be read.
    ///
    /// # Cancel-safety
    /// Nothing is changed by asking.
    pub async fn committed_offsets(
        &self,
        group_id: &str,
        partitions: &[TopicPartition],
        require_stable: bool,
    ) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>, CallError> {
        let target = Target::GroupCoordinator(group_id);
        let mut retry = self.cluster.retry("read committed offsets");
        loop {
            let attempt = self
                .fetch_offsets(group_id, partitions, require_stable)
                .point()
                .await;
            match attempt {
                Err(error) if is_worth_repeating(&error) => {
                    retry.again(error, target).point().await?
                }
                done => return done,
            }
        }
    }

    /// Commits offsets as a member of a group (or, with [`GroupMetadata::outside`], for a group
    /// without members), outside of any transaction.
    ///
    /// # Errors
    /// The group refused the member, its generation or the offsets; or no answer came in time, and
    /// the offsets may or may not be committed.
    ///
    /// # Cancel-safety
    /// When the future is dropped, the offsets may or may not be committed.
    pub async fn commit_offsets(
        &self,
        group: &GroupMetadata,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Result<(), CallError> {
        let target = Target::GroupCoordinator(&group.group_id);
        let mut retry = self.cluster.retry("commit offsets");
        loop {
            match self.send_offsets(group, offsets).point().await {
                Err(error) if is_worth_repeating(&error) => {
                    retry.again(error, target).point().await?
                }
                done => return done,
            }
        }
    }

    /// Removes members from a group, as if they had left it themselves: for a process that died and
    /// whose successor knows their ids. Members the group does not know are no error.
    ///
    /// # Errors
    /// No answer in time, or the group may not be changed.
    ///
    /// # Cancel-safety
    /// When the future is dropped, the members may or may not be removed.
    pub async fn remove_members(
        &self,
        group_id: &str,
        member_ids: &[String],
    ) -> Result<(), CallError> {
        let target = Target::GroupCoordinator(group_id);
        let mut retry = self.cluster.retry("remove group members");
        loop {
            match self.send_leave(group_id, member_ids).point().await {
                Err(error) if is_worth_repeating(&error) => {
                    retry.again(error, target).point().await?
                }
                done => return done,
            }
        }
    }

    async fn coordinator_of(&self, group_id: &str) -> Result<Arc<BrokerConnection>, CallError> {
        self.cluster
            .connection(Target::GroupCoordinator(group_id), Purpose::Control)
            .point()
            .await
    }

    async fn fetch_offsets(
        &self,
        group_id: &str,
        partitions: &[TopicPartition],
        require_stable: bool,
    ) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>, CallError> {
        let connection = self.coordinator_of(group_id).point().await?;
        let floor = if require_stable { FETCH_STABLE } else { 0 };
        let version = connection.version_within::<OffsetFetchRequest>(floor, BY_NAME)?;
        let batched = version >= FETCH_BATCHED;
        let mut request = OffsetFetchRequest {
            require_stable,
            ..Default::default()
        };
        let topics = by_topic(partitions);
        if batched {
            let topics =
                topics
                    .into_iter()
                    .map(|(topic, partition_indexes)| OffsetFetchRequestTopics {
                        name: (&**topic).into(),
                        partition_indexes,
                        ..Default::default()
                    });
            request.groups = vec![OffsetFetchRequestGroup {
                group_id: group_id.into(),
                topics: Some(topics.collect()),
                ..Default::default()
            }];
        } else {
            request.group_id = group_id.into();
            let topics =
                topics
                    .into_iter()
                    .map(|(topic, partition_indexes)| OffsetFetchRequestTopic {
                        name: (&**topic).into(),
                        partition_indexes,
                        ..Default::default()
                    });
            request.topics = Some(topics.collect());
        }
        let response = connection.send(&request, version)?.point().await?;
        let mut committed = Committed {
            group_id,
            offsets: BTreeMap::new(),
        };
        if batched {
            for group in &response.groups {
                committed.check(group.error_code)?;
                for topic in &group.topics {
                    for found in &topic.partitions {
                        committed.check(found.error_code)?;
                        let text = found.metadata.as_ref();
                        let leader_epoch = found.committed_leader_epoch;
                        let at = (found.partition_index, found.committed_offset, leader_epoch);
                        committed.add(&topic.name, at, text);
                    }
                }
            }
        } else {
            committed.check(response.error_code)?;
            for topic in &response.topics {
                for found in &topic.partitions {
                    committed.check(found.error_code)?;
                    let text = found.metadata.as_ref();
                    let leader_epoch = found.committed_leader_epoch;
                    let at = (found.partition_index, found.committed_offset, leader_epoch);
                    committed.add(&topic.name, at, text);
                }
            }
        }
        Ok(committed.offsets)
    }

    async fn send_offsets(
        &self,
        group: &GroupMetadata,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Result<(), CallError> {
        let connection = self.coordinator_of(&group.group_id).point().await?;
        let version = connection.version_within::<OffsetCommitRequest>(0, BY_NAME)?;
        let mut topics: BTreeMap<&Arc<str>, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
        for (partition, offset) in offsets {
            topics
                .entry(&partition.topic)
                .or_default()
                .push(OffsetCommitRequestPartition {
                    partition_index: partition.partition,
                    committed_offset: offset.offset,
                    committed_leader_epoch: offset.leader_epoch.unwrap_or(-1),
                    committed_metadata: Some((&*offset.metadata).into()),
                    ..Default::default()
                });
        }
        let topics = topics
            .into_iter()
            .map(|(topic, partitions)| OffsetCommitRequestTopic {
                name: (&**topic).into(),
                partitions,
                ..Default::default()
            });
        let request = OffsetCommitRequest {
            group_id: (&*group.group_id).into(),
            generation_id_or_member_epoch: group.generation_id,
            member_id: (&*group.member_id).into(),
            group_instance_id: group.group_instance_id.as_deref().map(StrBytes::from),
            topics: topics.collect(),
            ..Default::default()
        };
        let response = connection.send(&request, version)?.point().await?;
        let mut codes = response.topics.iter().flat_map(|topic| &topic.partitions);
        codes.try_for_each(|found| refuse(ApiKey::OffsetCommit, &group.group_id, found.error_code))
    }

    async fn send_leave(&self, group_id: &str, member_ids: &[String]) -> Result<(), CallError> {
        let connection = self.coordinator_of(group_id).point().await?;
        let version = connection.version::<LeaveGroupRequest>()?;
        if version < LEAVE_BATCHED {
            for member_id in member_ids {
                let request = LeaveGroupRequest {
                    group_id: group_id.into(),
                    member_id: member_id.as_str().into(),
                    ..Default::default()
                };
                // No crash point: brokers before 2.4, on which the engine does not run.
                let response = connection.send(&request, version)?.await?;
                check_left(group_id, response.error_code)?;
            }
            return Ok(());
        }
        let members = member_ids.iter().map(|member_id| MemberIdentity {
            member_id: member_id.as_str().into(),
            reason: Some("its process is gone".into()),
            ..Default::default()
        });
        let request = LeaveGroupRequest {
            group_id: group_id.into(),
            members: members.collect(),
            ..Default::default()
        };
        let response = connection.send(&request, version)?.point().await?;
        check_left(group_id, response.error_code)?;
        response
            .members
            .iter()
            .try_for_each(|member| check_left(group_id, member.error_code))
    }
}

/// The rows of an OffsetFetch answer of any version, as they are gathered.
struct Committed<'g> {
    group_id: &'g str,
    offsets: BTreeMap<TopicPartition, OffsetAndMetadata>,
}

impl Committed<'_> {
    fn check(&self, code: ErrorCode) -> Result<(), CallError> {
        refuse(ApiKey::OffsetFetch, self.group_id, code)
    }

    /// `at`: partition, offset, leader epoch. A partition without a committed offset has −1.
    fn add(&mut self, topic: &str, at: (PartitionId, Offset, i32), metadata: Option<&StrBytes>) {
        let (partition, offset, leader_epoch) = at;
        if offset.0 >= 0 {
            let metadata: Arc<str> = metadata.map(|text| Arc::from(&**text)).unwrap_or_default();
            let leader_epoch = Some(leader_epoch).filter(|known| *known >= 0);
            let found = OffsetAndMetadata {
                offset,
                leader_epoch,
                metadata,
            };
            self.offsets
                .insert(TopicPartition::new(topic, partition), found);
        }
    }
}

fn check_left(group_id: &str, code: ErrorCode) -> Result<(), CallError> {
    match code {
        ErrorCode::UNKNOWN_MEMBER_ID => Ok(()),
        code => refuse(ApiKey::LeaveGroup, group_id, code),
    }
}

fn refuse(api: ApiKey, group_id: &str, code: ErrorCode) -> Result<(), CallError> {
    match code {
        ErrorCode::NONE => Ok(()),
        code => Err(CallError::refused(
            api,
            format!("group {group_id}"),
            code,
            None,
        )),
    }
}

/// UNSTABLE_OFFSET_COMMIT is among the retriable codes.
fn is_worth_repeating(error: &CallError) -> bool {
    error.disposition() == Disposition::Retry
}
