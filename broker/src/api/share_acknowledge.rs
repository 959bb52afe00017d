//! ShareAcknowledge: what became of records that a member of a share group had locked (KIP-932).

use std::collections::BTreeMap;

use thalweg_protocol::messages::{
    AcknowledgeTopic, ShareAcknowledgePartitionData, ShareAcknowledgeRequest,
    ShareAcknowledgeResponse, ShareAcknowledgeTopicResponse,
};
use thalweg_protocol::{BrokerId, ErrorCode, StrBytes, Uuid};

use super::share_fetch::{acknowledgements, session_key};
use crate::cluster::{Caller, Cluster};
use crate::share::{Answered, Said, Step, acknowledge, leader_of, lock_ms, no_leader};

/// Takes the acknowledgements.
pub(super) fn share_acknowledge(
    cluster: &mut Cluster,
    caller: &Caller,
    request: ShareAcknowledgeRequest,
) -> ShareAcknowledgeResponse {
    let failed = |error_code, message: Option<String>| ShareAcknowledgeResponse {
        error_code,
        error_message: message.map(StrBytes::from),
        ..Default::default()
    };
    let key = match session_key(cluster, caller, &request.group_id, &request.member_id) {
        Ok(key) => key,
        Err(code) => return failed(code, None),
    };
    let sessions = &mut cluster.shares.sessions;
    let step = match sessions.acknowledge(&key, request.share_session_epoch) {
        Ok(step) => step,
        Err(code) => return failed(code, None),
    };
    let said = said(&request.topics);
    let renews = request.is_renew_ack && caller.version >= 2;
    let (group_id, member_id) = (key.group_id.clone(), key.member_id.clone());
    let answered = acknowledge(cluster, caller, &group_id, &member_id, &said, renews);
    if step == Step::Closing {
        cluster.end_share_session(&key);
    }
    let mut topics: BTreeMap<Uuid, Vec<ShareAcknowledgePartitionData>> = BTreeMap::new();
    let mut leaders: Vec<BrokerId> = Vec::new();
    for answered in answered {
        let part = part(cluster, &answered);
        if part.error_code == ErrorCode::NOT_LEADER_OR_FOLLOWER {
            leaders.push(part.current_leader.leader_id);
        }
        topics.entry(answered.place.0).or_default().push(part);
    }
    let topic = |(topic_id, partitions)| ShareAcknowledgeTopicResponse {
        topic_id,
        partitions,
        ..Default::default()
    };
    ShareAcknowledgeResponse {
        acquisition_lock_timeout_ms: lock_ms(cluster, &group_id),
        responses: topics.into_iter().map(topic).collect(),
        node_endpoints: cluster.endpoints(leaders.into_iter()),
        ..Default::default()
    }
}

fn part(cluster: &Cluster, answered: &Answered) -> ShareAcknowledgePartitionData {
    let mut part = ShareAcknowledgePartitionData {
        partition_index: answered.place.1,
        error_code: answered.error_code,
        error_message: answered.message.clone(),
        current_leader: no_leader(),
        ..Default::default()
    };
    if answered.error_code == ErrorCode::NOT_LEADER_OR_FOLLOWER {
        part.current_leader = leader_of(cluster, &answered.place);
    }
    part
}

fn said(topics: &[AcknowledgeTopic]) -> Vec<Said> {
    let mut all = Vec::new();
    for topic in topics {
        all.extend(topic.partitions.iter().map(|part| Said {
            place: (topic.topic_id, part.partition_index),
            batches: acknowledgements(&part.acknowledgement_batches),
        }));
    }
    all
}
