//! ShareFetch: locks records for a member of a share group, and takes what it says of earlier ones
//! (KIP-932).

use std::time::Duration;

use thalweg_protocol::messages::{
    AcknowledgementBatch, ShareFetchRequest, ShareFetchResponse, ShareFetchTopic,
};
use thalweg_protocol::{ErrorCode, StrBytes};

use crate::acl::{Operation, ResourceType};
use crate::cluster::{Caller, Cluster, Reply, Wait};
use crate::share::{
    Acknowledgement, Changes, Fetching, Said, SessionKey, Step, acknowledge, is_member_id,
};

/// Kafka's `ShareAcquireMode.RECORD_LIMIT` (KIP-1206).
const RECORD_LIMIT: i8 = 1;

/// Answers when there are records, or when the wait is over.
pub(super) fn share_fetch(
    cluster: &mut Cluster,
    caller: &Caller,
    request: ShareFetchRequest,
    reply: Reply<ShareFetchRequest>,
) {
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or_default());
    let key = match session_key(cluster, caller, &request.group_id, &request.member_id) {
        Ok(key) => key,
        Err(code) => return fail(reply, code, None),
    };
    if let Some(message) = renewal_fault(&request, caller.version) {
        return fail(reply, ErrorCode::INVALID_REQUEST, Some(message));
    }
    let renews = request.is_renew_ack && caller.version >= 2;
    let said = said_of_fetch(&request.topics);
    let changes = Changes {
        added: places(&request.topics),
        forgotten: forgotten(&request),
        acknowledges: !said.is_empty(),
    };
    let sessions_max = cluster.settings.number32("group.share.max.share.sessions");
    let sessions_max = usize::try_from(sessions_max).unwrap_or_default();
    let epoch = request.share_session_epoch;
    let sessions = &mut cluster.shares.sessions;
    let step = match sessions.fetch(&key, epoch, caller.connection, changes, sessions_max) {
        Ok(step) => step,
        Err(ErrorCode::SHARE_SESSION_LIMIT_REACHED) => {
            // Not at once: the member would ask again and again.
            return cluster.wait(Box::new(Refused { reply: Some(reply) }), [], wait);
        }
        Err(code) => return fail(reply, code, None),
    };
    let (group_id, member_id) = (key.group_id.clone(), key.member_id.clone());
    let answered = acknowledge(cluster, caller, &group_id, &member_id, &said, renews);
    let is_fetching = step != Step::Closing && !renews;
    let sessions = &cluster.shares.sessions;
    let partitions = match is_fetching {
        true => sessions.partitions(&key),
        false => Vec::new(),
    };
    let mut fetching = Fetching {
        caller: caller.clone(),
        epoch: sessions.epoch(&key),
        key: key.clone(),
        step,
        partitions,
        answered,
        bytes_min: usize::try_from(request.min_bytes.min(request.max_bytes)).unwrap_or_default(),
        bytes_max: usize::try_from(request.max_bytes).unwrap_or_default(),
        records_max: i64::from(request.max_records.max(0)),
        batch_size: i64::from(request.batch_size),
        is_exact: request.share_acquire_mode == RECORD_LIMIT,
        reply: Some(reply),
    };
    if !fetching.try_answer(cluster, wait.is_zero()) {
        let places = fetching.places(cluster);
        cluster.wait(Box::new(fetching), places, wait);
    }
    if step == Step::Closing {
        cluster.end_share_session(&key);
    }
}

fn fail(reply: Reply<ShareFetchRequest>, error_code: ErrorCode, message: Option<String>) {
    reply.send(&ShareFetchResponse {
        error_code,
        error_message: message.map(StrBytes::from),
        ..Default::default()
    });
}

/// A member for whom there is no session left.
#[derive(Debug)]
struct Refused {
    reply: Option<Reply<ShareFetchRequest>>,
}

impl Wait for Refused {
    fn try_answer(&mut self, _cluster: &mut Cluster, last: bool) -> bool {
        if let Some(reply) = self.reply.take_if(|_| last) {
            fail(reply, ErrorCode::SHARE_SESSION_LIMIT_REACHED, None);
        }
        last
    }
}

/// Whose session a request is about; else the code, to which Kafka adds no words.
pub(super) fn session_key(
    cluster: &Cluster,
    caller: &Caller,
    group_id: &Option<StrBytes>,
    member_id: &Option<StrBytes>,
) -> Result<SessionKey, ErrorCode> {
    let group_id = group_id.as_ref().ok_or(ErrorCode::INVALID_REQUEST)?;
    if !cluster.authorize(caller, Operation::Read, ResourceType::Group, group_id) {
        return Err(ErrorCode::GROUP_AUTHORIZATION_FAILED);
    }
    let member_id = member_id.as_ref().filter(|id| is_member_id(id));
    let member_id = member_id.ok_or(ErrorCode::INVALID_REQUEST)?;
    Ok(SessionKey {
        node: caller.node,
        group_id: group_id.detached(),
        member_id: member_id.detached(),
    })
}

/// What is wrong with a request that renews locks: it may not fetch (KIP-1222).
fn renewal_fault(request: &ShareFetchRequest, version: i16) -> Option<String> {
    if !request.is_renew_ack || version < 2 {
        return None;
    }
    let limits = [
        (request.max_bytes, "maxBytes"),
        (request.min_bytes, "minBytes"),
        (request.max_records, "maxRecords"),
        (request.max_wait_ms, "maxWaitMs"),
    ];
    let mut message = String::new();
    for (_, name) in limits.iter().filter(|(limit, _)| *limit != 0) {
        message.push_str(&format!("{name} must be set to 0, "));
    }
    if message.is_empty() {
        return None;
    }
    message.push_str("if isRenewAck is true.");
    Some(message)
}

fn places(topics: &[ShareFetchTopic]) -> Vec<crate::share::Place> {
    let of_topic = |topic: &ShareFetchTopic| {
        let topic_id = topic.topic_id;
        let indices = topic.partitions.iter().map(|part| part.partition_index);
        indices
            .map(move |index| (topic_id, index))
            .collect::<Vec<_>>()
    };
    topics.iter().flat_map(of_topic).collect()
}

fn forgotten(request: &ShareFetchRequest) -> Vec<crate::share::Place> {
    let topics = request.forgotten_topics_data.iter();
    let of_topic = topics.flat_map(|topic| {
        let indices = topic.partitions.iter();
        indices.map(|index| (topic.topic_id, *index))
    });
    of_topic.collect()
}

/// What a fetch says of earlier records.
fn said_of_fetch(topics: &[ShareFetchTopic]) -> Vec<Said> {
    let mut all = Vec::new();
    for topic in topics {
        let parts = topic.partitions.iter();
        let saying = parts.filter(|part| !part.acknowledgement_batches.is_empty());
        all.extend(saying.map(|part| Said {
            place: (topic.topic_id, part.partition_index),
            batches: acknowledgements(&part.acknowledgement_batches),
        }));
    }
    all
}

/// Acknowledgements off the wire.
pub(super) fn acknowledgements(batches: &[AcknowledgementBatch]) -> Vec<Acknowledgement> {
    let batch = |batch: &AcknowledgementBatch| Acknowledgement {
        first: batch.first_offset.0,
        last: batch.last_offset.0,
        kinds: batch.acknowledge_types.clone(),
    };
    batches.iter().map(batch).collect()
}
