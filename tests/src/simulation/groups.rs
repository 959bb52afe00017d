//! What passes between members and their group coordinators, as the network sees it: who was given
//! which partition in which generation.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes};
use thalweg_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, InitProducerIdRequest,
    JoinGroupRequest, SyncGroupRequest, TxnOffsetCommitRequest,
};
use thalweg_protocol::{ApiKey, Decoder, ErrorCode, Message, Request, decode_response};

/// Who owned what.
#[derive(Debug, Clone, Default)]
pub struct GroupLog {
    /// By group, generation, topic and partition.
    owners: BTreeMap<(String, i32, String, i32), String>,
    faults: Vec<String>,
}

impl GroupLog {
    /// A member was given partitions.
    pub fn assigned(
        &mut self,
        group: &str,
        generation: i32,
        member: &str,
        partitions: &[(String, i32)],
    ) {
        for (topic, partition) in partitions {
            let key = (group.to_owned(), generation, topic.clone(), *partition);
            let owner = self.owners.entry(key).or_insert_with(|| member.to_owned());
            if owner != member {
                self.faults.push(format!(
                    "{topic}-{partition} was given to {owner} and to {member} in generation \
                     {generation} of {group}"
                ));
            }
        }
    }

    /// Partitions that were owned twice in one generation.
    #[must_use]
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// How many ownerships were seen: none at all proves nothing.
    #[must_use]
    pub fn seen(&self) -> usize {
        self.owners.len()
    }
}

/// A request whose answer is looked at.
pub(super) enum Exchange {
    Other,
    Sync(i16, Box<SyncGroupRequest>),
    /// Of which only the error code is wanted.
    Told(ApiKey, i16),
}

impl Exchange {
    pub(super) fn asked(api: ApiKey, version: i16, mut body: Decoder) -> Self {
        match api {
            ApiKey::SyncGroup => match SyncGroupRequest::decode(&mut body, version) {
                Ok(request) => Exchange::Sync(version, Box::new(request)),
                Err(_) => Exchange::Other,
            },
            ApiKey::EndTxn
            | ApiKey::InitProducerId
            | ApiKey::TxnOffsetCommit
            | ApiKey::AddOffsetsToTxn
            | ApiKey::AddPartitionsToTxn
            | ApiKey::JoinGroup => Exchange::Told(api, version),
            _ => Exchange::Other,
        }
    }

    /// What is worth a line in the trace.
    pub(super) fn answered(
        self,
        origin: &str,
        frame: &Bytes,
        groups: &mut GroupLog,
    ) -> Option<String> {
        match self {
            Exchange::Other => None,
            Exchange::Sync(version, request) => {
                let (_, response) =
                    decode_response::<SyncGroupRequest>(frame.clone(), version).ok()?;
                if response.error_code != ErrorCode::NONE {
                    return Some(format!("SyncGroup: {}", response.error_code));
                }
                let partitions = partitions_of(response.assignment)?;
                groups.assigned(
                    &request.group_id,
                    request.generation_id,
                    &request.member_id,
                    &partitions,
                );
                Some(format!(
                    "SyncGroup: {origin} has {partitions:?} in generation {}",
                    request.generation_id
                ))
            }
            Exchange::Told(api, version) => {
                let code = code_of(api, version, frame)?;
                (code != ErrorCode::NONE).then(|| format!("{}: {code}", api.name()))
            }
        }
    }
}

fn code_of(api: ApiKey, version: i16, frame: &Bytes) -> Option<ErrorCode> {
    fn read<R: Request>(frame: &Bytes, version: i16) -> Option<R::Response> {
        let (_, response) = decode_response::<R>(frame.clone(), version).ok()?;
        Some(response)
    }
    let first = |mut codes: Box<dyn Iterator<Item = ErrorCode>>| {
        codes.find(|code| *code != ErrorCode::NONE)
    };
    match api {
        ApiKey::EndTxn => Some(read::<EndTxnRequest>(frame, version)?.error_code),
        ApiKey::InitProducerId => Some(read::<InitProducerIdRequest>(frame, version)?.error_code),
        ApiKey::AddOffsetsToTxn => Some(read::<AddOffsetsToTxnRequest>(frame, version)?.error_code),
        ApiKey::JoinGroup => Some(read::<JoinGroupRequest>(frame, version)?.error_code),
        ApiKey::TxnOffsetCommit => {
            let topics = read::<TxnOffsetCommitRequest>(frame, version)?.topics;
            let partitions = topics.into_iter().flat_map(|topic| topic.partitions);
            first(Box::new(partitions.map(|partition| partition.error_code)))
        }
        ApiKey::AddPartitionsToTxn => {
            let response = read::<AddPartitionsToTxnRequest>(frame, version)?;
            let topics = response.results_by_topic_v3_and_below.into_iter();
            let partitions = topics.flat_map(|topic| topic.results_by_partition);
            first(Box::new(
                partitions.map(|partition| partition.partition_error_code),
            ))
        }
        _ => None,
    }
}

/// The partitions in an assignment of protocol type `consumer`.
fn partitions_of(mut assignment: Bytes) -> Option<Vec<(String, i32)>> {
    let mut partitions = Vec::new();
    if assignment.is_empty() {
        return Some(partitions);
    }
    let _version = assignment.try_get_i16().ok()?;
    for _ in 0..assignment.try_get_i32().ok()? {
        let length = usize::try_from(assignment.try_get_i16().ok()?).ok()?;
        if assignment.len() < length {
            return None;
        }
        let topic = String::from_utf8(assignment.split_to(length).to_vec()).ok()?;
        for _ in 0..assignment.try_get_i32().ok()? {
            partitions.push((topic.clone(), assignment.try_get_i32().ok()?));
        }
    }
    Some(partitions)
}
