//! What members say became of records, checked and taken.

use thalweg_protocol::{ErrorCode, StrBytes};

use super::partition::RENEW;
use super::{Acknowledgement, Place, ShareConfig};
use crate::acl::{Operation, ResourceType};
use crate::cluster::{Caller, Cluster};

/// What a member says of one partition.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) place: Place,
    pub(crate) batches: Vec<Acknowledgement>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) place: Place,
    pub(crate) error_code: ErrorCode,
    pub(crate) message: Option<StrBytes>,
}

/// The last kind that is known without renewing.
const REJECT: i8 = 3;

/// Takes what a member says, partition by partition.
pub(crate) fn acknowledge(
    cluster: &mut Cluster,
    caller: &Caller,
    group_id: &StrBytes,
    member_id: &StrBytes,
    said: &[Said],
    renews: bool,
) -> Vec<Answered> {
    let mut answers = Vec::new();
    for said in said {
        let result = one(cluster, caller, group_id, member_id, said, renews);
        let (error_code, message) = match result {
            Ok(()) => (ErrorCode::NONE, None),
            Err((error_code, message)) => (error_code, message),
        };
        answers.push(Answered {
            place: said.place,
            error_code,
            message: message.map(StrBytes::from),
        });
    }
    answers
}

type Fault = (ErrorCode, Option<&'static str>);

fn one(
    cluster: &mut Cluster,
    caller: &Caller,
    group_id: &StrBytes,
    member_id: &StrBytes,
    said: &Said,
    renews: bool,
) -> Result<(), Fault> {
    let (topic_id, index) = said.place;
    let Some(name) = cluster.topics.name_of(&topic_id).cloned() else {
        return Err((ErrorCode::UNKNOWN_TOPIC_ID, None));
    };
    if !are_sound(&said.batches, caller.version, renews) {
        // To which Kafka adds no words.
        return Err((ErrorCode::INVALID_REQUEST, None));
    }
    if !cluster.authorize(caller, Operation::Read, ResourceType::Topic, &name) {
        return Err((ErrorCode::TOPIC_AUTHORIZATION_FAILED, None));
    }
    let Some(partition) = cluster.topics.partition(&name, index) else {
        return Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None));
    };
    if said.batches.is_empty() {
        return Ok(());
    }
    let led = partition.check_leader(caller.node, -1);
    if !led.is_none() {
        return Err((led, None));
    }
    if cluster.shared(group_id, &said.place).is_none() {
        return Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None));
    }
    let config = ShareConfig::of(cluster, group_id);
    let limits = config.limits();
    let renewed_until = config
        .may_renew()
        .then(|| cluster.now.instant + config.lock());
    let Some(state) = cluster.shared_or_begun(group_id, &said.place) else {
        return Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None));
    };
    let taken = state.acknowledge(member_id, &said.batches, limits, renewed_until);
    cluster.share_changed(group_id, said.place);
    taken.map_err(|refusal| (refusal.error_code, Some(refusal.message)))
}

/// Whether the batches make sense by themselves: in order, each with one acknowledge type or with one
/// for each offset, and none that this version or request has no use for.
fn are_sound(batches: &[Acknowledgement], version: i16, renews: bool) -> bool {
    let kind_max = if version >= 2 { RENEW } else { REJECT };
    let mut before = -1;
    for batch in batches {
        let kinds = batch.kinds.len();
        let in_order = batch.first <= batch.last && batch.first >= before;
        let fit = kinds == 1
            || kinds > 1 && i64::try_from(kinds - 1) == Ok(batch.last.saturating_sub(batch.first));
        let mut all = batch.kinds.iter();
        let known = all.all(|kind| (0..=kind_max).contains(kind) && (*kind != RENEW || renews));
        if !in_order || !fit || !known {
            return false;
        }
        before = batch.last;
    }
    true
}
