//! Members of classic groups that do what they are told.

use bytes::Bytes;
use thalweg_broker::EmbeddedBroker;
use thalweg_protocol::messages::{
    ConsumerProtocolSubscription, FindCoordinatorRequest, HeartbeatRequest, JoinGroupRequest,
    JoinGroupRequestProtocol, JoinGroupResponse, LeaveGroupRequest, MemberIdentity,
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
    OffsetFetchResponsePartitions, SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse,
};
use thalweg_protocol::{Encoder, ErrorCode, Message, Offset, PartitionId, StrBytes};

use crate::support::*;

/// The version in which members join.
pub(crate) const JOIN: i16 = 9;
/// The version in which members ask for assignments.
pub(crate) const SYNC: i16 = 5;

/// A broker that coordinates group `g`.
pub(crate) async fn coordinator(settings: &[(&str, &str)]) -> EmbeddedBroker {
    let mut builder = EmbeddedBroker::builder().topic("bids", 2);
    for (key, value) in settings {
        builder = builder.config(*key, *value);
    }
    let kafka = start(builder);
    find_coordinator(&mut Raw::connect(&kafka, PORT), 0, "g").await;
    kafka
}

/// What a consumer of these topics tells its assignor.
pub(crate) fn subscription(topics: &[&str]) -> Bytes {
    let subscription = ConsumerProtocolSubscription {
        topics: topics.iter().map(|topic| StrBytes::from(*topic)).collect(),
        ..Default::default()
    };
    let mut encoder = Encoder::with_capacity(64);
    subscription
        .encode(&mut encoder, 3)
        .expect("it can be encoded");
    let mut metadata = vec![0, 3];
    metadata.extend_from_slice(&encoder.into_bytes());
    metadata.into()
}

/// A consumer of `bids` that supports `range`.
pub(crate) fn join(member_id: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        member_id: member_id.into(),
        protocol_type: "consumer".into(),
        protocols: vec![protocol("range", b"")],
        ..Default::default()
    }
}

pub(crate) fn protocol(name: &str, metadata: &[u8]) -> JoinGroupRequestProtocol {
    JoinGroupRequestProtocol {
        name: name.into(),
        metadata: Bytes::copy_from_slice(metadata),
        ..Default::default()
    }
}

/// A member, on a connection of its own.
pub(crate) struct Member {
    pub(crate) raw: Raw,
    /// What it joins with.
    pub(crate) request: JoinGroupRequest,
    /// What it was told last.
    pub(crate) joined: JoinGroupResponse,
}

impl Member {
    /// Asks for a member id, and joins with it: the answer is still to come.
    pub(crate) async fn joining(kafka: &EmbeddedBroker, request: JoinGroupRequest) -> Self {
        Member::at(kafka, PORT, request).await
    }

    /// The same at another broker.
    pub(crate) async fn at(
        kafka: &EmbeddedBroker,
        port: u16,
        mut request: JoinGroupRequest,
    ) -> Self {
        let mut raw = Raw::connect(kafka, port);
        if request.group_instance_id.is_none() && request.member_id.is_empty() {
            let told = raw.call(&request, JOIN).await;
            assert_eq!(told.error_code, ErrorCode::MEMBER_ID_REQUIRED);
            request.member_id = told.member_id;
        }
        let mut member = Member {
            raw,
            request,
            joined: JoinGroupResponse::default(),
        };
        member.join_again().await;
        member
    }

    pub(crate) async fn join_again(&mut self) {
        self.raw.send(&self.request, JOIN).await;
    }

    /// Waits for the generation.
    pub(crate) async fn joined(&mut self) -> &JoinGroupResponse {
        let joined = self.raw.receive::<JoinGroupRequest>(JOIN).await;
        self.joined = joined.expect("an answer");
        if self.joined.error_code.is_none() {
            self.request.member_id = self.joined.member_id.clone();
        }
        &self.joined
    }

    pub(crate) fn id(&self) -> StrBytes {
        self.request.member_id.clone()
    }

    pub(crate) fn sync_request(&self, assignments: &[(StrBytes, &str)]) -> SyncGroupRequest {
        let assignment = |(member_id, text): &(StrBytes, &str)| SyncGroupRequestAssignment {
            member_id: member_id.clone(),
            assignment: Bytes::copy_from_slice(text.as_bytes()),
            ..Default::default()
        };
        SyncGroupRequest {
            group_id: self.request.group_id.clone(),
            generation_id: self.joined.generation_id,
            member_id: self.id(),
            group_instance_id: self.request.group_instance_id.clone(),
            protocol_type: self.joined.protocol_type.clone(),
            protocol_name: self.joined.protocol_name.clone(),
            assignments: assignments.iter().map(assignment).collect(),
            ..Default::default()
        }
    }

    pub(crate) async fn sync(&mut self, assignments: &[(StrBytes, &str)]) -> SyncGroupResponse {
        let request = self.sync_request(assignments);
        self.raw.call(&request, SYNC).await
    }

    pub(crate) async fn heartbeat(&mut self) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: self.request.group_id.clone(),
            generation_id: self.joined.generation_id,
            member_id: self.id(),
            group_instance_id: self.request.group_instance_id.clone(),
            ..Default::default()
        };
        self.raw.call(&request, 4).await.error_code
    }

    pub(crate) fn identity(&self) -> MemberIdentity {
        MemberIdentity {
            member_id: self.id(),
            group_instance_id: self.request.group_instance_id.clone(),
            ..Default::default()
        }
    }

    pub(crate) async fn leave(&mut self) -> ErrorCode {
        let request = LeaveGroupRequest {
            group_id: self.request.group_id.clone(),
            members: vec![self.identity()],
            ..Default::default()
        };
        let left = self.raw.call(&request, 5).await;
        assert_eq!(left.error_code, ErrorCode::NONE);
        left.members[0].error_code
    }

    /// Commits an offset of `bids` 0 as this member.
    pub(crate) async fn commit(&mut self, offset: i64) -> ErrorCode {
        let mut request = commit_request("bids", 0, offset);
        request.group_id = self.request.group_id.clone();
        request.member_id = self.id();
        request.generation_id_or_member_epoch = self.joined.generation_id;
        request.group_instance_id = self.request.group_instance_id.clone();
        let done = self.raw.call(&request, 9).await;
        done.topics[0].partitions[0].error_code
    }
}

/// A group of one member that is stable.
pub(crate) async fn stable(kafka: &EmbeddedBroker, request: JoinGroupRequest) -> Member {
    let mut member = Member::joining(kafka, request).await;
    assert_eq!(member.joined().await.error_code, ErrorCode::NONE);
    let all = [(member.id(), "all")];
    assert_eq!(&*member.sync(&all).await.assignment, b"all");
    member
}

/// Commits an offset from outside of group `g`.
pub(crate) fn commit_request(topic: &str, partition: i32, offset: i64) -> OffsetCommitRequest {
    OffsetCommitRequest {
        group_id: "g".into(),
        topics: vec![OffsetCommitRequestTopic {
            name: topic.into(),
            partitions: vec![OffsetCommitRequestPartition {
                partition_index: PartitionId(partition),
                committed_offset: Offset(offset),
                committed_leader_epoch: 3,
                committed_metadata: Some("note".into()),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// What group `g` has committed of a partition of `bids`.
pub(crate) async fn committed(
    raw: &mut Raw,
    partition: i32,
    require_stable: bool,
) -> OffsetFetchResponsePartitions {
    let topic = OffsetFetchRequestTopics {
        name: "bids".into(),
        partition_indexes: vec![PartitionId(partition)],
        ..Default::default()
    };
    let group = OffsetFetchRequestGroup {
        group_id: "g".into(),
        topics: Some(vec![topic]),
        ..Default::default()
    };
    let request = OffsetFetchRequest {
        groups: vec![group],
        require_stable,
        ..Default::default()
    };
    let mut found = raw.call(&request, 9).await;
    assert_eq!(found.groups[0].error_code, ErrorCode::NONE);
    found.groups[0].topics[0].partitions.remove(0)
}

/// The port of the broker that coordinates group `g`.
pub(crate) async fn coordinator_port(raw: &mut Raw) -> u16 {
    let request = FindCoordinatorRequest {
        key: "g".into(),
        ..Default::default()
    };
    let found = raw.call(&request, 3).await;
    assert_eq!(found.error_code, ErrorCode::NONE);
    u16::try_from(found.port).expect("a port")
}

/// The partition of `__consumer_offsets` that group `g` falls into: 'g' is 103, of 50.
pub(crate) const PARTITION: i32 = 103 % 50;
