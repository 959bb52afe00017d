//! OffsetFetch: how far groups have read.

use thalweg_protocol::messages::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use thalweg_protocol::{ErrorCode, Offset, PartitionId, StrBytes};

use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};
use crate::group::{Claim, CommittedOffset, check_coordinator, unstable_or_committed};

/// The first version that has an error of the group.
const GROUP_ERROR: i16 = 2;
/// The first version that asks for several groups.
const BATCHED: i16 = 8;
/// The first version that names topics by id.
const BY_ID: i16 = 10;

/// Tells the committed offsets of the partitions asked for, or of all.
pub(super) fn offset_fetch(
    cluster: &mut Cluster,
    caller: &Caller,
    request: OffsetFetchRequest,
) -> OffsetFetchResponse {
    let stable = request.require_stable;
    if caller.version >= BATCHED {
        let groups = request.groups.into_iter();
        return OffsetFetchResponse {
            groups: groups
                .map(|group| one_group(cluster, caller, group, stable))
                .collect(),
            ..Default::default()
        };
    }
    let topic = |topic: OffsetFetchRequestTopic| OffsetFetchRequestTopics {
        name: topic.name,
        partition_indexes: topic.partition_indexes,
        ..Default::default()
    };
    let topics = request.topics.map(|topics| topics.into_iter().map(topic));
    let group = OffsetFetchRequestGroup {
        group_id: request.group_id,
        topics: topics.map(Iterator::collect),
        ..Default::default()
    };
    let asked = (caller.version < GROUP_ERROR).then(|| group.topics.clone());
    let mut found = one_group(cluster, caller, group, stable);
    if let Some(Some(asked)) = asked
        && !found.error_code.is_none()
    {
        // Version 1 has no place for an error of the group but in each partition.
        let error = found.error_code;
        found.topics = asked
            .into_iter()
            .map(|topic| refused(topic, error))
            .collect();
    }
    let topic = |topic: OffsetFetchResponseTopics| OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic.partitions.into_iter().map(unbatched).collect(),
        ..Default::default()
    };
    OffsetFetchResponse {
        topics: found.topics.into_iter().map(topic).collect(),
        error_code: found.error_code,
        ..Default::default()
    }
}

fn unbatched(partition: OffsetFetchResponsePartitions) -> OffsetFetchResponsePartition {
    OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
        ..Default::default()
    }
}

fn one_group(
    cluster: &Cluster,
    caller: &Caller,
    asked: OffsetFetchRequestGroup,
    require_stable: bool,
) -> OffsetFetchResponseGroup {
    let mut response = OffsetFetchResponseGroup {
        group_id: asked.group_id.clone(),
        ..Default::default()
    };
    let claim = Claim {
        member_id: asked.member_id.as_deref().unwrap_or_default(),
        instance_id: None,
        generation: asked.member_epoch,
    };
    let group = cluster.groups.group(&asked.group_id);
    let checked = cluster
        .check_group(caller, Operation::Describe, &asked.group_id)
        .and_then(|()| check_coordinator(cluster, &asked.group_id, caller))
        .and_then(|()| group.map_or(Ok(()), |group| group.check_offset_fetch(claim)));
    if let Err(error_code) = checked {
        response.error_code = error_code;
        return response;
    }
    let by_id = caller.version >= BY_ID;
    let fetch = Fetch {
        cluster,
        caller,
        group_id: &asked.group_id,
        require_stable,
    };
    response.topics = match asked.topics {
        None => fetch.all(by_id),
        Some(topics) => topics
            .into_iter()
            .map(|it| fetch.topic(it, by_id))
            .collect(),
    };
    response
}

/// What is asked of one group.
struct Fetch<'a> {
    cluster: &'a Cluster,
    caller: &'a Caller,
    group_id: &'a str,
    require_stable: bool,
}

impl Fetch<'_> {
    /// All topics; with ids those that have one.
    fn all(&self, by_id: bool) -> Vec<OffsetFetchResponseTopics> {
        let committed = self.cluster.groups.offsets.all_committed(self.group_id);
        let mut topics = Vec::new();
        for (name, partitions) in committed.into_iter().flatten() {
            if self.check(name).is_err() {
                continue;
            }
            let mut topic = OffsetFetchResponseTopics {
                name: name.clone(),
                partitions: partitions
                    .keys()
                    .map(|it| self.partition(name, *it))
                    .collect(),
                ..Default::default()
            };
            if by_id {
                let Some(found) = self.cluster.topics.topic(name) else {
                    continue;
                };
                topic.topic_id = found.id;
            }
            topics.push(topic);
        }
        topics
    }

    fn check(&self, topic: &str) -> Result<(), ErrorCode> {
        let describe = Operation::Describe;
        self.cluster.check_topic(self.caller, describe, topic)
    }

    fn topic(&self, asked: OffsetFetchRequestTopics, by_id: bool) -> OffsetFetchResponseTopics {
        let name: StrBytes = match by_id {
            false => asked.name.clone(),
            true => match self.cluster.topics.name_of(&asked.topic_id) {
                Some(name) => name.clone(),
                None => return refused(asked, ErrorCode::UNKNOWN_TOPIC_ID),
            },
        };
        if let Err(denied) = self.check(&name) {
            return refused(asked, denied);
        }
        let partitions = asked.partition_indexes.into_iter();
        OffsetFetchResponseTopics {
            partitions: partitions.map(|it| self.partition(&name, it)).collect(),
            name: asked.name,
            topic_id: asked.topic_id,
            ..Default::default()
        }
    }

    fn partition(&self, topic: &str, index: PartitionId) -> OffsetFetchResponsePartitions {
        let Fetch {
            cluster,
            group_id,
            require_stable,
            ..
        } = *self;
        match unstable_or_committed(cluster, group_id, topic, index, require_stable) {
            Err(error) => without_offset(index, error),
            Ok(None) => without_offset(index, ErrorCode::NONE),
            Ok(Some(committed)) => with_offset(index, committed),
        }
    }
}

fn with_offset(
    partition_index: PartitionId,
    committed: &CommittedOffset,
) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: committed.offset,
        committed_leader_epoch: committed.leader_epoch,
        metadata: Some(committed.metadata.clone()),
        ..Default::default()
    }
}

fn without_offset(
    partition_index: PartitionId,
    error_code: ErrorCode,
) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: Offset(-1),
        error_code,
        ..Default::default()
    }
}

fn refused(asked: OffsetFetchRequestTopics, error: ErrorCode) -> OffsetFetchResponseTopics {
    let partitions = asked.partition_indexes.into_iter();
    OffsetFetchResponseTopics {
        name: asked.name,
        topic_id: asked.topic_id,
        partitions: partitions.map(|it| without_offset(it, error)).collect(),
        ..Default::default()
    }
}
