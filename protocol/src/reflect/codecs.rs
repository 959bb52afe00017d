//! Every message that is defined, by name, for tests that treat all of them alike.

use std::any::Any;
use std::fmt::Debug;

use bytes::Bytes;

use super::Reflect;
use crate::messages::*;
use crate::{
    ApiKey, DecodeError, Decoder, EncodeError, EncodedFrame, Message, Request, decode_response,
    encode_request, encode_response,
};

/// A message of any kind.
pub trait AnyMessage: Debug + Any {
    /// The message alone, without header or length.
    ///
    /// # Errors
    /// The version cannot express it.
    fn encode(&self, version: i16) -> Result<Bytes, EncodeError>;

    /// The message field by field.
    fn reflect(&mut self) -> &mut dyn Reflect;

    /// Whether the other is of the same kind and equal.
    fn equals(&self, other: &dyn AnyMessage) -> bool;
}

impl<M: Message + Reflect + Debug + PartialEq + Any> AnyMessage for M {
    fn encode(&self, version: i16) -> Result<Bytes, EncodeError> {
        self.to_bytes(version)
    }

    fn reflect(&mut self) -> &mut dyn Reflect {
        self
    }

    fn equals(&self, other: &dyn AnyMessage) -> bool {
        (other as &dyn Any).downcast_ref::<M>() == Some(self)
    }
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Sent by clients.
    Request(ApiKey),
    /// Sent by brokers.
    Response(ApiKey),
    /// A header, or data within messages and records.
    Data,
}

type AnyDecode = fn(&mut Decoder, i16) -> Result<Box<dyn AnyMessage>, DecodeError>;
type DecodeFrame = fn(Bytes, i16) -> Result<(i32, Box<dyn AnyMessage>), DecodeError>;
type EncodeFrame = fn(&dyn AnyMessage, i16, i32, Option<&str>) -> Result<EncodedFrame, EncodeError>;

/// How to make, read and write one kind of message.
#[derive(Debug)]
pub struct Codec {
    /// Kafka's name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The oldest version.
    pub min_version: i16,
    /// The newest stable version.
    pub max_version: i16,
    /// The newest version.
    pub max_unstable_version: i16,
    /// The first flexible version, `i16::MAX` if there is none.
    pub first_flexible_version: i16,
    /// A message with default values.
    pub new: fn() -> Box<dyn AnyMessage>,
    /// Decodes the message alone.
    pub decode: AnyDecode,
    /// Decodes the frame of a response.
    pub decode_frame: Option<DecodeFrame>,
    /// Encodes a request or response as a frame.
    pub encode_frame: Option<EncodeFrame>,
}

impl Codec {
    /// The codec of the message with this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        CODECS.iter().find(|codec| codec.name == name)
    }

    const fn of<M: Message + Reflect + Debug + PartialEq + Any>(kind: Kind) -> Self {
        Self {
            name: M::NAME,
            kind,
            min_version: M::MIN_VERSION,
            max_version: M::MAX_VERSION,
            max_unstable_version: M::MAX_UNSTABLE_VERSION,
            first_flexible_version: M::FIRST_FLEXIBLE_VERSION,
            new: || Box::new(M::default()),
            decode: |decoder, version| Ok(Box::new(M::decode(decoder, version)?)),
            decode_frame: None,
            encode_frame: None,
        }
    }

    const fn request<R: Request + Reflect + Debug + PartialEq + Any>() -> Self {
        let mut codec = Self::of::<R>(Kind::Request(R::API_KEY));
        codec.encode_frame = Some(|message, version, correlation_id, client_id| {
            let request = (message as &dyn Any)
                .downcast_ref::<R>()
                .expect("this request");
            encode_request(request, version, correlation_id, client_id)
        });
        codec
    }

    const fn response<R: Request>() -> Self
    where
        R::Response: Reflect + Debug + PartialEq + Any,
    {
        let mut codec = Self::of::<R::Response>(Kind::Response(R::API_KEY));
        codec.decode_frame = Some(|frame, version| {
            let (correlation_id, response) = decode_response::<R>(frame, version)?;
            Ok((correlation_id, Box::new(response)))
        });
        codec.encode_frame = Some(|message, version, correlation_id, _| {
            let response = (message as &dyn Any).downcast_ref::<R::Response>();
            encode_response::<R>(response.expect("this response"), version, correlation_id)
        });
        codec
    }
}

macro_rules! codecs {
    (requests: $($request:ident),*; data: $($data:ident),*;) => {
        /// Every message that is defined.
        pub const CODECS: &[Codec] = &[
            $(Codec::request::<$request>(), Codec::response::<$request>(),)*
            $(Codec::of::<$data>(Kind::Data),)*
        ];
    };
}

codecs! {
    requests:
    ProduceRequest, FetchRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest,
    OffsetFetchRequest, FindCoordinatorRequest, JoinGroupRequest, HeartbeatRequest,
    LeaveGroupRequest, SyncGroupRequest, DescribeGroupsRequest, ListGroupsRequest,
    SaslHandshakeRequest, ApiVersionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
    DeleteRecordsRequest, InitProducerIdRequest, OffsetForLeaderEpochRequest,
    AddPartitionsToTxnRequest, AddOffsetsToTxnRequest, EndTxnRequest, WriteTxnMarkersRequest,
    TxnOffsetCommitRequest, DescribeAclsRequest, CreateAclsRequest, DeleteAclsRequest,
    DescribeConfigsRequest, AlterConfigsRequest, AlterReplicaLogDirsRequest,
    DescribeLogDirsRequest, SaslAuthenticateRequest, CreatePartitionsRequest,
    CreateDelegationTokenRequest, RenewDelegationTokenRequest, ExpireDelegationTokenRequest,
    DescribeDelegationTokenRequest, DeleteGroupsRequest, ElectLeadersRequest,
    IncrementalAlterConfigsRequest, AlterPartitionReassignmentsRequest,
    ListPartitionReassignmentsRequest, OffsetDeleteRequest, DescribeClientQuotasRequest,
    AlterClientQuotasRequest, DescribeUserScramCredentialsRequest,
    AlterUserScramCredentialsRequest, DescribeQuorumRequest, UpdateFeaturesRequest,
    DescribeClusterRequest, DescribeProducersRequest, UnregisterBrokerRequest,
    DescribeTransactionsRequest, ListTransactionsRequest, ConsumerGroupHeartbeatRequest,
    ConsumerGroupDescribeRequest, GetTelemetrySubscriptionsRequest, PushTelemetryRequest,
    ListConfigResourcesRequest, DescribeTopicPartitionsRequest, ShareGroupHeartbeatRequest,
    ShareGroupDescribeRequest, ShareFetchRequest, ShareAcknowledgeRequest, AddRaftVoterRequest,
    RemoveRaftVoterRequest, StreamsGroupHeartbeatRequest, StreamsGroupDescribeRequest,
    DescribeShareGroupOffsetsRequest, AlterShareGroupOffsetsRequest,
    DeleteShareGroupOffsetsRequest, StreamsGroupTopologyDescriptionUpdateRequest;
    data:
    RequestHeader, ResponseHeader, ConsumerProtocolSubscription, ConsumerProtocolAssignment,
    ControlRecordTypeSchema, EndTxnMarker, AbortedTxn, DefaultPrincipalData,
    LeaderChangeMessage, SnapshotHeaderRecord, SnapshotFooterRecord, KRaftVersionRecord,
    VotersRecord, LegacyOffsetCommitKey, LegacyOffsetCommitValue, OffsetCommitKey,
    OffsetCommitValue, GroupMetadataKey, GroupMetadataValue, ConsumerGroupMetadataKey,
    ConsumerGroupMetadataValue, ConsumerGroupPartitionMetadataKey,
    ConsumerGroupPartitionMetadataValue, ConsumerGroupMemberMetadataKey,
    ConsumerGroupMemberMetadataValue, ConsumerGroupTargetAssignmentMetadataKey,
    ConsumerGroupTargetAssignmentMetadataValue, ConsumerGroupTargetAssignmentMemberKey,
    ConsumerGroupTargetAssignmentMemberValue, ConsumerGroupCurrentMemberAssignmentKey,
    ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupRegularExpressionKey,
    ConsumerGroupRegularExpressionValue, ShareGroupMemberMetadataKey,
    ShareGroupMemberMetadataValue, ShareGroupMetadataKey, ShareGroupMetadataValue,
    ShareGroupTargetAssignmentMetadataKey, ShareGroupTargetAssignmentMetadataValue,
    ShareGroupTargetAssignmentMemberKey, ShareGroupTargetAssignmentMemberValue,
    ShareGroupCurrentMemberAssignmentKey, ShareGroupCurrentMemberAssignmentValue,
    ShareGroupStatePartitionMetadataKey, ShareGroupStatePartitionMetadataValue,
    ShareSnapshotKey, ShareUpdateKey, ShareSnapshotValue, ShareUpdateValue,
    StreamsGroupMetadataKey, StreamsGroupMetadataValue, StreamsGroupMemberMetadataKey,
    StreamsGroupMemberMetadataValue, StreamsGroupTargetAssignmentMetadataKey,
    StreamsGroupTargetAssignmentMetadataValue, StreamsGroupTargetAssignmentMemberKey,
    StreamsGroupTargetAssignmentMemberValue, StreamsGroupCurrentMemberAssignmentKey,
    StreamsGroupCurrentMemberAssignmentValue, StreamsGroupTopologyKey,
    StreamsGroupTopologyValue, TransactionLogKey, TransactionLogValue;
}
