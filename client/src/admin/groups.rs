//! Groups: list, describe, delete, and the offsets they have committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use thalweg_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, DescribedGroupMember, ListGroupsRequest,
    OffsetFetchRequest, OffsetFetchRequestGroup,
};
use thalweg_protocol::{ApiKey, BrokerId, ErrorCode, Offset, StrBytes};

use super::routed::{Answers, Route, RoutedOperation, from_all_brokers, perform};
use super::{Admin, Outcomes};
use crate::cluster::{BrokerConnection, Target};
use crate::error::CallError;
use crate::group::decode_assignment;
use crate::offset_and_metadata::OffsetAndMetadata;
use crate::topic_partition::TopicPartition;

/// A group in the list of all.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupListing {
    /// The group's id.
    pub group_id: Arc<str>,
    /// What its members speak among each other; `consumer` for consumers, empty for a group that
    /// only has offsets.
    pub protocol_type: String,
    /// Its state, such as `Stable` or `Empty`; `None` from brokers older than Kafka 2.6.
    pub state: Option<String>,
    /// Its kind, such as `Classic` or `Consumer`; `None` from brokers older than Kafka 3.8.
    pub group_type: Option<String>,
}

/// A group and its members, by the classic protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupDescription {
    /// Its state: `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable` or `Dead`.
    pub state: String,
    /// What its members speak among each other; `consumer` for consumers.
    pub protocol_type: String,
    /// The assignor its members have agreed on; empty while there is none.
    pub assignor: String,
    /// Its members, by id.
    pub members: Vec<MemberDescription>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberDescription {
    /// The id its coordinator gave it.
    pub member_id: String,
    /// The member's own id across restarts, where it is a static member.
    pub group_instance_id: Option<String>,
    /// The `client.id` of its client.
    pub client_id: String,
    /// The host it connects from.
    pub client_host: String,
    /// The partitions assigned to it, where the group consists of consumers.
    pub partitions: Vec<TopicPartition>,
    /// What it sent when it joined: its subscription, where the group consists of consumers.
    pub metadata: Bytes,
    /// What it was assigned, as its protocol writes it.
    pub assignment: Bytes,
}

impl Admin {
    /// All groups that this client may see, by id.
    ///
    /// # Errors
    /// One of the brokers did not answer; its groups would be missing.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>, CallError> {
        let listings = from_all_brokers(&self.cluster, &ListGroups).await?;
        let mut listings: Vec<GroupListing> = listings.into_iter().flatten().collect();
        // A group that moved meanwhile is listed twice.
        listings.sort_by(|left, right| left.group_id.cmp(&right.group_id));
        listings.dedup_by(|later, earlier| later.group_id == earlier.group_id);
        Ok(listings)
    }

    /// State and members of groups of the classic protocol. A group that does not exist fails with
    /// `GROUP_ID_NOT_FOUND`.
    pub async fn describe_groups(
        &self,
        groups: impl IntoIterator<Item = impl Into<Arc<str>>>,
    ) -> Outcomes<Arc<str>, GroupDescription> {
        perform(
            &self.cluster,
            &DescribeGroups,
            groups.into_iter().map(Into::into),
        )
        .await
    }

    /// Deletes groups with their committed offsets. A group that still has members fails with
    /// `NON_EMPTY_GROUP`.
    pub async fn delete_groups(
        &self,
        groups: impl IntoIterator<Item = impl Into<Arc<str>>>,
    ) -> Outcomes<Arc<str>, ()> {
        perform(
            &self.cluster,
            &DeleteGroups,
            groups.into_iter().map(Into::into),
        )
        .await
    }

    /// The offsets that groups have committed. One that does not exist has none.
    ///
    /// With `require_stable`, offsets in transactions that are still open are waited for, for up to
    /// `default_api_timeout` (KIP-447); without, the ones before them are given. Needs Kafka 2.5.
    pub async fn list_group_offsets(
        &self,
        groups: impl IntoIterator<Item = impl Into<Arc<str>>>,
        require_stable: bool,
    ) -> Outcomes<Arc<str>, BTreeMap<TopicPartition, OffsetAndMetadata>> {
        let operation = ListGroupOffsets { require_stable };
        perform(
            &self.cluster,
            &operation,
            groups.into_iter().map(Into::into),
        )
        .await
    }
}

fn group_outcome(
    api: ApiKey,
    group: &str,
    code: ErrorCode,
    message: Option<&str>,
) -> Result<(), CallError> {
    match code {
        ErrorCode::NONE => Ok(()),
        code => Err(CallError::refused(
            api,
            format!("group '{group}'"),
            code,
            message,
        )),
    }
}

struct ListGroups;

impl RoutedOperation for ListGroups {
    type Key = BrokerId;
    type Value = Vec<GroupListing>;

    const OPERATION: &'static str = "list groups";
    const API_KEY: ApiKey = ApiKey::ListGroups;

    fn route<'k>(&self, key: &'k BrokerId) -> Route<'k> {
        Route::To(Target::Broker(*key))
    }

    async fn ask(
        &self,
        connection: &BrokerConnection,
        keys: &[BrokerId],
    ) -> Result<Answers<Self>, CallError> {
        let version = connection.version::<ListGroupsRequest>()?;
        let response = connection
            .send(&ListGroupsRequest::default(), version)?
            .await?;
        let code = response.error_code;
        if code != ErrorCode::NONE {
            let subject = connection.address().to_string();
            return Err(CallError::refused(ApiKey::ListGroups, subject, code, None));
        }
        let some = |text: &StrBytes| Some(text.to_string()).filter(|text| !text.is_empty());
        let groups = response.groups.iter().map(|group| GroupListing {
            group_id: Arc::from(&*group.group_id),
            protocol_type: group.protocol_type.to_string(),
            state: some(&group.group_state),
            group_type: some(&group.group_type),
        });
        let groups: Vec<GroupListing> = groups.collect();
        Ok(keys
            .iter()
            .map(|broker| (*broker, Ok(groups.clone())))
            .collect())
    }
}

struct DescribeGroups;

impl RoutedOperation for DescribeGroups {
    type Key = Arc<str>;
    type Value = GroupDescription;

    const OPERATION: &'static str = "describe groups";
    const API_KEY: ApiKey = ApiKey::DescribeGroups;

    fn route<'k>(&self, key: &'k Arc<str>) -> Route<'k> {
        Route::To(Target::GroupCoordinator(key))
    }

    async fn ask(
        &self,
        connection: &BrokerConnection,
        keys: &[Arc<str>],
    ) -> Result<Answers<Self>, CallError> {
        let version = connection.version::<DescribeGroupsRequest>()?;
        let groups = keys.iter().map(|group| StrBytes::from(&**group));
        let request = DescribeGroupsRequest {
            groups: groups.collect(),
            ..Default::default()
        };
        let response = connection.send(&request, version)?.await?;
        let answers = response.groups.iter().map(|group| {
            let code = match group.error_code {
                // Before version 6 a group that does not exist looks like one that just ended.
                ErrorCode::NONE if &*group.group_state == "Dead" => ErrorCode::GROUP_ID_NOT_FOUND,
                code => code,
            };
            let message = group.error_message.as_deref();
            let outcome = group_outcome(ApiKey::DescribeGroups, &group.group_id, code, message);
            let is_consumers = &*group.protocol_type == "consumer";
            let described = || GroupDescription {
                state: group.group_state.to_string(),
                protocol_type: group.protocol_type.to_string(),
                assignor: group.protocol_data.to_string(),
                members: group
                    .members
                    .iter()
                    .map(|member| described(member, is_consumers))
                    .collect(),
            };
            (Arc::from(&*group.group_id), outcome.map(|()| described()))
        });
        Ok(answers.collect())
    }
}

fn described(member: &DescribedGroupMember, is_consumer: bool) -> MemberDescription {
    let assignment = &member.member_assignment;
    // While a rebalance is under way there is no assignment yet; and what cannot be read is still
    // there as bytes.
    let decoded = Some(assignment).filter(|bytes| is_consumer && !bytes.is_empty());
    let decoded = decoded.and_then(|bytes| decode_assignment(bytes).ok());
    MemberDescription {
        member_id: member.member_id.to_string(),
        group_instance_id: member.group_instance_id.as_deref().map(str::to_owned),
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        partitions: decoded
            .map(|decoded| decoded.partitions)
            .unwrap_or_default(),
        metadata: member.member_metadata.clone(),
        assignment: assignment.clone(),
    }
}

struct DeleteGroups;

impl RoutedOperation for DeleteGroups {
    type Key = Arc<str>;
    type Value = ();

    const OPERATION: &'static str = "delete groups";
    const API_KEY: ApiKey = ApiKey::DeleteGroups;

    fn route<'k>(&self, key: &'k Arc<str>) -> Route<'k> {
        Route::To(Target::GroupCoordinator(key))
    }

    async fn ask(
        &self,
        connection: &BrokerConnection,
        keys: &[Arc<str>],
    ) -> Result<Answers<Self>, CallError> {
        let version = connection.version::<DeleteGroupsRequest>()?;
        let names = keys.iter().map(|group| StrBytes::from(&**group));
        let request = DeleteGroupsRequest {
            groups_names: names.collect(),
            ..Default::default()
        };
        let response = connection.send(&request, version)?.await?;
        let answers = response.results.iter().map(|group| {
            let (code, message) = (group.error_code, group.error_message.as_deref());
            let outcome = group_outcome(ApiKey::DeleteGroups, &group.group_id, code, message);
            (Arc::from(&*group.group_id), outcome)
        });
        Ok(answers.collect())
    }
}

struct ListGroupOffsets {
    require_stable: bool,
}

/// The newest version of OffsetFetch that names topics instead of giving their ids.
const OFFSET_FETCH_BY_NAME: i16 = 9;

/// The first version of OffsetFetch for several groups at once.
const OFFSET_FETCH_BATCHED: i16 = 8;

impl RoutedOperation for ListGroupOffsets {
    type Key = Arc<str>;
    type Value = BTreeMap<TopicPartition, OffsetAndMetadata>;

    const OPERATION: &'static str = "list group offsets";
    const API_KEY: ApiKey = ApiKey::OffsetFetch;

    fn route<'k>(&self, key: &'k Arc<str>) -> Route<'k> {
        Route::To(Target::GroupCoordinator(key))
    }

    async fn ask(
        &self,
        connection: &BrokerConnection,
        keys: &[Arc<str>],
    ) -> Result<Answers<Self>, CallError> {
        let floor = if self.require_stable { 7 } else { 2 };
        let version =
            connection.version_within::<OffsetFetchRequest>(floor, OFFSET_FETCH_BY_NAME)?;
        let mut request = OffsetFetchRequest {
            require_stable: self.require_stable,
            ..Default::default()
        };
        if version >= OFFSET_FETCH_BATCHED {
            let groups = keys.iter().map(|group| OffsetFetchRequestGroup {
                group_id: (&**group).into(),
                topics: None,
                ..Default::default()
            });
            request.groups = groups.collect();
            let response = connection.send(&request, version)?.await?;
            let answers = response.groups.iter().map(|group| {
                let rows = group.topics.iter().flat_map(|topic| {
                    topic.partitions.iter().map(|partition| Row {
                        topic: &topic.name,
                        partition: partition.partition_index,
                        offset: partition.committed_offset,
                        leader_epoch: partition.committed_leader_epoch,
                        metadata: partition.metadata.as_deref(),
                        code: partition.error_code,
                    })
                });
                let offsets = committed(&group.group_id, group.error_code, rows);
                (Arc::from(&*group.group_id), offsets)
            });
            return Ok(answers.collect());
        }
        request.topics = None;
        let mut answers = Vec::with_capacity(keys.len());
        for key in keys {
            request.group_id = (&**key).into();
            let response = connection.send(&request, version)?.await?;
            let rows = response.topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|partition| Row {
                    topic: &topic.name,
                    partition: partition.partition_index,
                    offset: partition.committed_offset,
                    leader_epoch: partition.committed_leader_epoch,
                    metadata: partition.metadata.as_deref(),
                    code: partition.error_code,
                })
            });
            answers.push((Arc::clone(key), committed(key, response.error_code, rows)));
        }
        Ok(answers)
    }
}

/// One committed offset in an answer of any version.
struct Row<'r> {
    topic: &'r str,
    partition: thalweg_protocol::PartitionId,
    offset: Offset,
    leader_epoch: i32,
    metadata: Option<&'r str>,
    code: ErrorCode,
}

fn committed<'r>(
    group: &str,
    code: ErrorCode,
    rows: impl Iterator<Item = Row<'r>>,
) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>, CallError> {
    group_outcome(ApiKey::OffsetFetch, group, code, None)?;
    let mut offsets = BTreeMap::new();
    for row in rows {
        group_outcome(ApiKey::OffsetFetch, group, row.code, None)?;
        // A partition without a committed offset has −1.
        if row.offset.0 >= 0 {
            let committed = OffsetAndMetadata {
                offset: row.offset,
                leader_epoch: Some(row.leader_epoch).filter(|leader_epoch| *leader_epoch >= 0),
                metadata: row.metadata.unwrap_or_default().into(),
            };
            offsets.insert(TopicPartition::new(row.topic, row.partition), committed);
        }
    }
    Ok(offsets)
}
