//! The keys and values of control records, and other data within logs.

use crate::{BrokerId, Message, Offset, StrBytes, Structure, UnknownTags, Uuid};

/// Control record type schema.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct ControlRecordTypeSchema {
    /// Type.
    pub r#type: i16,
}

/// End txn marker.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct EndTxnMarker {
    /// Coordinator epoch.
    pub coordinator_epoch: i32,
}

/// Aborted txn.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct AbortedTxn {
    /// Producer id.
    pub producer_id: i64,
    /// First offset.
    pub first_offset: Offset,
    /// Last offset.
    pub last_offset: Offset,
    /// Last stable offset.
    pub last_stable_offset: Offset,
}

/// Default principal data.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct DefaultPrincipalData {
    /// Type.
    pub r#type: StrBytes,
    /// Name.
    pub name: StrBytes,
    /// Token authenticated.
    pub token_authenticated: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Leader change message.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 0..)]
pub struct LeaderChangeMessage {
    /// Version.
    pub version: i16,
    /// Leader id.
    pub leader_id: BrokerId,
    /// Voters.
    pub voters: Vec<Voter>,
    /// Granting voters.
    pub granting_voters: Vec<Voter>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Voter.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct Voter {
    /// Voter id.
    pub voter_id: i32,
    /// Voter directory id.
    #[field(versions = 1..)]
    pub voter_directory_id: Uuid,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Snapshot header record.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct SnapshotHeaderRecord {
    /// Version.
    pub version: i16,
    /// Last contained log timestamp.
    pub last_contained_log_timestamp: i64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Snapshot footer record.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct SnapshotFooterRecord {
    /// Version.
    pub version: i16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// K raft version record.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct KRaftVersionRecord {
    /// Version.
    pub version: i16,
    /// K raft version.
    pub k_raft_version: i16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Voters record.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct VotersRecord {
    /// Version.
    pub version: i16,
    /// Voters.
    pub voters: Vec<VotersRecordVoter>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Voters record voter.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct VotersRecordVoter {
    /// Voter id.
    pub voter_id: BrokerId,
    /// Voter directory id.
    pub voter_directory_id: Uuid,
    /// Endpoints.
    pub endpoints: Vec<VotersRecordEndpoint>,
    /// K raft version feature.
    pub k_raft_version_feature: KRaftVersionFeature,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Voters record endpoint.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct VotersRecordEndpoint {
    /// Name.
    pub name: StrBytes,
    /// Host.
    pub host: StrBytes,
    /// Port.
    pub port: u16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// K raft version feature.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct KRaftVersionFeature {
    /// Min supported version.
    pub min_supported_version: i16,
    /// Max supported version.
    pub max_supported_version: i16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
