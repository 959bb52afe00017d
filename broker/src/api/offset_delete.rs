//! OffsetDelete: committed offsets go, of topics that the group does not read any more.

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
};

use super::committed_topics::{Outcomes, TopicName, TopicOutcome};
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};
use crate::group::{check_coordinator, check_offset_delete, delete_offset};

/// Deletes the offset of each partition.
pub(super) fn offset_delete(
    cluster: &mut Cluster,
    caller: &Caller,
    request: OffsetDeleteRequest,
) -> OffsetDeleteResponse {
    let group_id = &request.group_id;
    if let Err(error_code) = cluster.check_group(caller, Operation::Delete, group_id) {
        return OffsetDeleteResponse {
            error_code,
            ..Default::default()
        };
    }
    let mut outcomes = Outcomes::default();
    let mut known = Vec::new();
    for topic in &request.topics {
        let name = TopicName::Name(topic.name.clone());
        let allowed = cluster.check_topic(caller, Operation::Read, &topic.name);
        for partition in &topic.partitions {
            let index = partition.partition_index;
            if let Err(denied) = allowed {
                outcomes.add(&name, index, denied);
                continue;
            }
            match cluster.topics.partition(&topic.name, index) {
                Some(_) => known.push((&topic.name, index)),
                None => outcomes.add(&name, index, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            }
        }
    }
    let mut error_code = ErrorCode::NONE;
    match check(cluster, caller, group_id) {
        Ok(()) => {
            for (topic, index) in known {
                let deleted = delete_offset(cluster, group_id, topic, index);
                let error = deleted.err().unwrap_or(ErrorCode::NONE);
                outcomes.add(&TopicName::Name(topic.clone()), index, error);
            }
        }
        Err(error) => {
            error_code = error;
            outcomes = Outcomes::default();
        }
    }
    OffsetDeleteResponse {
        error_code,
        topics: outcomes.in_order().into_iter().map(write).collect(),
        ..Default::default()
    }
}

fn check(cluster: &Cluster, caller: &Caller, group_id: &str) -> Result<(), ErrorCode> {
    if group_id.is_empty() {
        return Err(ErrorCode::INVALID_GROUP_ID);
    }
    check_coordinator(cluster, group_id, caller)?;
    check_offset_delete(cluster, group_id)
}

fn write(outcome: TopicOutcome) -> OffsetDeleteResponseTopic {
    let partition = |(partition_index, error_code)| OffsetDeleteResponsePartition {
        partition_index,
        error_code,
    };
    OffsetDeleteResponseTopic {
        name: outcome.topic.fields().0,
        partitions: outcome.partitions.into_iter().map(partition).collect(),
    }
}
