//! The keys and values of control records, and other data within logs.

use crate::{BrokerId, Message, Offset, ProducerId, StrBytes, Structure, UnknownTags, Uuid};

/// The key of a control record, after two bytes with its version.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct ControlRecordTypeSchema {
    /// 0 abort, 1 commit, 2 leader change, 3 snapshot header, 4 snapshot footer, 5 raft version, 6
    /// raft voters.
    pub r#type: i16,
}

/// The value of a commit or abort marker, after two bytes with its version.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct EndTxnMarker {
    /// The epoch of the transaction coordinator that wrote the marker; an older one is refused.
    pub coordinator_epoch: i32,
}

/// An entry of the index of aborted transactions, as it lies beside a log segment.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0)]
pub struct AbortedTxn {
    /// The producer's id.
    pub producer_id: ProducerId,
    /// Where its records begin.
    pub first_offset: Offset,
    /// Where its abort marker is.
    pub last_offset: Offset,
    /// The last stable offset at the time of the marker.
    pub last_stable_offset: Offset,
}

/// A principal, as brokers pass it on with a forwarded request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct DefaultPrincipalData {
    /// The kind of principal: `User`.
    pub r#type: StrBytes,
    /// The principal's name.
    pub name: StrBytes,
    /// Whether the principal was authenticated by a delegation token.
    pub token_authenticated: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The value of a control record that begins a leader's term in the metadata log.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 0..)]
pub struct LeaderChangeMessage {
    /// The version of the record's format.
    pub version: i16,
    /// The node elected.
    pub leader_id: BrokerId,
    /// The voters.
    pub voters: Vec<Voter>,
    /// The voters that elected the leader.
    pub granting_voters: Vec<Voter>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A voter of the raft quorum.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct Voter {
    /// The node id of the voter.
    pub voter_id: i32,
    /// The id of the voter's metadata directory, which tells it from one whose disk was replaced.
    #[field(versions = 1..)]
    pub voter_directory_id: Uuid,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The value of the control record that begins a snapshot.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct SnapshotHeaderRecord {
    /// The version of the record's format.
    pub version: i16,
    /// The timestamp of the last record in the snapshot, in milliseconds since 1970.
    pub last_contained_log_timestamp: i64,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The value of the control record that ends a snapshot.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct SnapshotFooterRecord {
    /// The version of the record's format.
    pub version: i16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The value of the control record that sets the version of the raft protocol.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct KRaftVersionRecord {
    /// The version of the record's format.
    pub version: i16,
    /// The version of the raft protocol in force.
    pub k_raft_version: i16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The value of the control record that sets the voters of the raft quorum.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=0, flexible = 0..)]
pub struct VotersRecord {
    /// The version of the record's format.
    pub version: i16,
    /// The voters.
    pub voters: Vec<VotersRecordVoter>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A voter of the raft quorum, with where it listens.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct VotersRecordVoter {
    /// The node id of the voter.
    pub voter_id: BrokerId,
    /// The id of the voter's metadata directory, which tells it from one whose disk was replaced.
    pub voter_directory_id: Uuid,
    /// Where the voter listens.
    pub endpoints: Vec<VotersRecordEndpoint>,
    /// The versions of the raft protocol the voter supports.
    pub k_raft_version_feature: KRaftVersionFeature,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Where a voter listens.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct VotersRecordEndpoint {
    /// The name of the listener.
    pub name: StrBytes,
    /// The host to connect to.
    pub host: StrBytes,
    /// The port to connect to.
    pub port: u16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A range of versions of the raft protocol.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct KRaftVersionFeature {
    /// The oldest version supported.
    pub min_supported_version: i16,
    /// The newest version supported.
    pub max_supported_version: i16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
