//! The APIs, one file each: from a decoded request to its answer.
//!
//! ```text
//!  frame ─► header ─► APIS: decode, prepare ─► Job ─► run under the cluster's lock ─► Reply
//!           └────────── the connection's task ────┘
//! ```
//! Decoding and whatever needs no state (checksums, decompression) happens before the lock is taken.

mod add_offsets_to_txn;
mod add_partitions_to_txn;
mod add_raft_voter;
mod alter_client_quotas;
mod alter_configs;
mod alter_partition_reassignments;
mod alter_replica_log_dirs;
mod alter_share_group_offsets;
mod alter_user_scram_credentials;
mod api_versions;
mod committed_topics;
mod config_resource;
mod consumer_group_describe;
mod consumer_group_heartbeat;
mod create_acls;
mod create_delegation_token;
mod create_partitions;
mod create_topics;
mod delete_acls;
mod delete_groups;
mod delete_records;
mod delete_share_group_offsets;
mod delete_topics;
mod describe_acls;
mod describe_client_quotas;
mod describe_cluster;
mod describe_configs;
mod describe_delegation_token;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_share_group_offsets;
mod describe_topic_partitions;
mod describe_transactions;
mod describe_user_scram_credentials;
mod described_group;
mod elect_leaders;
mod end_txn;
mod expire_delegation_token;
mod fault;
mod fetch;
mod find_coordinator;
mod get_telemetry_subscriptions;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod list_transactions;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod produce;
mod push_telemetry;
mod remove_raft_voter;
mod renew_delegation_token;
mod sasl_authenticate;
mod sasl_handshake;
mod share_acknowledge;
mod share_fetch;
mod share_group_describe;
mod share_group_heartbeat;
mod streams_group_describe;
mod streams_group_heartbeat;
mod streams_group_topology_description_update;
mod sync_group;
mod txn_offset_commit;
mod unregister_broker;
mod update_features;
mod write_txn_markers;

use std::fmt;

use thalweg_protocol::messages::ProduceRequest;
use thalweg_protocol::{ApiKey, DecodeError, Decoder, ErrorCode, Request};
use tokio::sync::oneshot;

use crate::cluster::{Caller, Cluster, Outcome, Reply};
use crate::release::Release;

pub(crate) use api_versions::unsupported_version;

/// A request that was read, ready to be handled.
pub(crate) struct Job {
    run: Box<Run>,
}

/// The part of a job under the lock.
type Run = dyn FnOnce(&mut Cluster) -> Option<Rest> + Send;

/// What has to be done without the lock before a job can go on under it.
pub(crate) type Rest = Box<dyn FnOnce() -> Job + Send>;

impl Job {
    fn new(run: impl FnOnce(&mut Cluster) + Send + 'static) -> Self {
        Job::in_parts(|cluster| {
            run(cluster);
            None
        })
    }

    /// A job that may find under the lock that there is more to do without it.
    fn in_parts(run: impl FnOnce(&mut Cluster) -> Option<Rest> + Send + 'static) -> Self {
        Job { run: Box::new(run) }
    }

    /// Handles the request, or says what has to be done before.
    pub(crate) fn run(self, cluster: &mut Cluster) -> Option<Rest> {
        (self.run)(cluster)
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Job")
    }
}

/// A request whose header was read.
pub(crate) struct Call {
    pub(crate) caller: Caller,
    pub(crate) correlation_id: i32,
    /// Stands after the header.
    pub(crate) body: Decoder,
    pub(crate) sender: oneshot::Sender<Outcome>,
}

impl Call {
    /// Decodes the request for a handler.
    fn handle<R: Request + Send + 'static>(
        self,
        handler: fn(&mut Cluster, &Caller, R, Reply<R>),
    ) -> Result<Job, DecodeError> {
        let (caller, request, reply) = self.decode::<R>()?;
        Ok(Job::new(move |cluster| {
            handler(cluster, &caller, request, reply);
        }))
    }

    /// Decodes the request for a handler that answers at once.
    fn respond<R: Request + Send + 'static>(
        self,
        handler: fn(&mut Cluster, &Caller, R) -> R::Response,
    ) -> Result<Job, DecodeError> {
        let (caller, request, reply) = self.decode::<R>()?;
        Ok(Job::new(move |cluster| {
            reply.send(&handler(cluster, &caller, request));
        }))
    }

    fn decode<R: Request>(mut self) -> Result<(Caller, R, Reply<R>), DecodeError> {
        let version = self.caller.version;
        // What comes after the request is left alone, as Kafka does.
        let request = R::decode(&mut self.body, version)?;
        let reply = Reply::new(version, self.correlation_id, self.sender);
        Ok((self.caller, request, reply))
    }
}

/// An API that is served.
pub(crate) struct Api {
    pub(crate) key: ApiKey,
    /// The versions that can be decoded.
    pub(crate) min_version: i16,
    pub(crate) max_version: i16,
    pub(crate) read: fn(Call) -> Result<Job, DecodeError>,
}

const fn api<R: Request>(read: fn(Call) -> Result<Job, DecodeError>) -> Api {
    Api {
        key: R::API_KEY,
        min_version: R::MIN_VERSION,
        max_version: R::MAX_VERSION,
        read,
    }
}

/// An API that answers at once: `respond!(its file)`.
macro_rules! at_once {
    ($request:ident, $handler:path) => {
        api::<thalweg_protocol::messages::$request>(|call| call.respond($handler))
    };
}

/// An API that may answer later.
macro_rules! maybe_later {
    ($request:ident, $handler:path) => {
        api::<thalweg_protocol::messages::$request>(|call| call.handle($handler))
    };
}

/// All APIs that are served, by number.
pub(crate) const APIS: &[Api] = &[
    api::<ProduceRequest>(produce::read),
    maybe_later!(FetchRequest, fetch::fetch),
    at_once!(ListOffsetsRequest, list_offsets::list_offsets),
    at_once!(MetadataRequest, metadata::metadata),
    at_once!(OffsetCommitRequest, offset_commit::offset_commit),
    at_once!(OffsetFetchRequest, offset_fetch::offset_fetch),
    at_once!(FindCoordinatorRequest, find_coordinator::find_coordinator),
    maybe_later!(JoinGroupRequest, join_group::join_group),
    at_once!(HeartbeatRequest, heartbeat::heartbeat),
    at_once!(LeaveGroupRequest, leave_group::leave_group),
    maybe_later!(SyncGroupRequest, sync_group::sync_group),
    at_once!(DescribeGroupsRequest, describe_groups::describe_groups),
    at_once!(ListGroupsRequest, list_groups::list_groups),
    at_once!(SaslHandshakeRequest, sasl_handshake::sasl_handshake),
    maybe_later!(ApiVersionsRequest, api_versions::api_versions),
    maybe_later!(CreateTopicsRequest, create_topics::create_topics),
    maybe_later!(DeleteTopicsRequest, delete_topics::delete_topics),
    at_once!(DeleteRecordsRequest, delete_records::delete_records),
    at_once!(InitProducerIdRequest, init_producer_id::init_producer_id),
    at_once!(
        OffsetForLeaderEpochRequest,
        offset_for_leader_epoch::offset_for_leader_epoch
    ),
    at_once!(
        AddPartitionsToTxnRequest,
        add_partitions_to_txn::add_partitions_to_txn
    ),
    at_once!(
        AddOffsetsToTxnRequest,
        add_offsets_to_txn::add_offsets_to_txn
    ),
    at_once!(EndTxnRequest, end_txn::end_txn),
    maybe_later!(WriteTxnMarkersRequest, write_txn_markers::write_txn_markers),
    at_once!(TxnOffsetCommitRequest, txn_offset_commit::txn_offset_commit),
    at_once!(DescribeAclsRequest, describe_acls::describe_acls),
    at_once!(CreateAclsRequest, create_acls::create_acls),
    at_once!(DeleteAclsRequest, delete_acls::delete_acls),
    at_once!(DescribeConfigsRequest, describe_configs::describe_configs),
    at_once!(AlterConfigsRequest, alter_configs::alter_configs),
    at_once!(
        AlterReplicaLogDirsRequest,
        alter_replica_log_dirs::alter_replica_log_dirs
    ),
    at_once!(DescribeLogDirsRequest, describe_log_dirs::describe_log_dirs),
    at_once!(
        SaslAuthenticateRequest,
        sasl_authenticate::sasl_authenticate
    ),
    maybe_later!(
        CreatePartitionsRequest,
        create_partitions::create_partitions
    ),
    at_once!(
        CreateDelegationTokenRequest,
        create_delegation_token::create_delegation_token
    ),
    at_once!(
        RenewDelegationTokenRequest,
        renew_delegation_token::renew_delegation_token
    ),
    at_once!(
        ExpireDelegationTokenRequest,
        expire_delegation_token::expire_delegation_token
    ),
    at_once!(
        DescribeDelegationTokenRequest,
        describe_delegation_token::describe_delegation_token
    ),
    at_once!(DeleteGroupsRequest, delete_groups::delete_groups),
    at_once!(ElectLeadersRequest, elect_leaders::elect_leaders),
    at_once!(
        IncrementalAlterConfigsRequest,
        incremental_alter_configs::incremental_alter_configs
    ),
    at_once!(
        AlterPartitionReassignmentsRequest,
        alter_partition_reassignments::alter_partition_reassignments
    ),
    at_once!(
        ListPartitionReassignmentsRequest,
        list_partition_reassignments::list_partition_reassignments
    ),
    at_once!(OffsetDeleteRequest, offset_delete::offset_delete),
    at_once!(
        DescribeClientQuotasRequest,
        describe_client_quotas::describe_client_quotas
    ),
    at_once!(
        AlterClientQuotasRequest,
        alter_client_quotas::alter_client_quotas
    ),
    at_once!(
        DescribeUserScramCredentialsRequest,
        describe_user_scram_credentials::describe_user_scram_credentials
    ),
    at_once!(
        AlterUserScramCredentialsRequest,
        alter_user_scram_credentials::alter_user_scram_credentials
    ),
    at_once!(DescribeQuorumRequest, describe_quorum::describe_quorum),
    at_once!(UpdateFeaturesRequest, update_features::update_features),
    at_once!(DescribeClusterRequest, describe_cluster::describe_cluster),
    at_once!(
        DescribeProducersRequest,
        describe_producers::describe_producers
    ),
    at_once!(
        UnregisterBrokerRequest,
        unregister_broker::unregister_broker
    ),
    at_once!(
        DescribeTransactionsRequest,
        describe_transactions::describe_transactions
    ),
    at_once!(
        ListTransactionsRequest,
        list_transactions::list_transactions
    ),
    at_once!(
        ConsumerGroupHeartbeatRequest,
        consumer_group_heartbeat::consumer_group_heartbeat
    ),
    at_once!(
        ConsumerGroupDescribeRequest,
        consumer_group_describe::consumer_group_describe
    ),
    at_once!(
        GetTelemetrySubscriptionsRequest,
        get_telemetry_subscriptions::get_telemetry_subscriptions
    ),
    at_once!(PushTelemetryRequest, push_telemetry::push_telemetry),
    at_once!(
        ListConfigResourcesRequest,
        list_config_resources::list_config_resources
    ),
    at_once!(
        DescribeTopicPartitionsRequest,
        describe_topic_partitions::describe_topic_partitions
    ),
    at_once!(
        ShareGroupHeartbeatRequest,
        share_group_heartbeat::share_group_heartbeat
    ),
    at_once!(
        ShareGroupDescribeRequest,
        share_group_describe::share_group_describe
    ),
    maybe_later!(ShareFetchRequest, share_fetch::share_fetch),
    at_once!(
        ShareAcknowledgeRequest,
        share_acknowledge::share_acknowledge
    ),
    at_once!(AddRaftVoterRequest, add_raft_voter::add_raft_voter),
    at_once!(RemoveRaftVoterRequest, remove_raft_voter::remove_raft_voter),
    at_once!(
        StreamsGroupHeartbeatRequest,
        streams_group_heartbeat::streams_group_heartbeat
    ),
    at_once!(
        StreamsGroupDescribeRequest,
        streams_group_describe::streams_group_describe
    ),
    at_once!(
        DescribeShareGroupOffsetsRequest,
        describe_share_group_offsets::describe_share_group_offsets
    ),
    at_once!(
        AlterShareGroupOffsetsRequest,
        alter_share_group_offsets::alter_share_group_offsets
    ),
    at_once!(
        DeleteShareGroupOffsetsRequest,
        delete_share_group_offsets::delete_share_group_offsets
    ),
    at_once!(
        StreamsGroupTopologyDescriptionUpdateRequest,
        streams_group_topology_description_update::streams_group_topology_description_update
    ),
];

/// The API of a key, if it is served.
pub(crate) fn find(key: ApiKey) -> Option<&'static Api> {
    APIS.iter().find(|api| api.key == key)
}

impl Api {
    /// The versions that are served and that a release has.
    pub(crate) fn offered_by(&self, release: Release) -> Option<(i16, i16)> {
        let of_release = release.versions(self.key)?;
        let min = self.min_version.max(*of_release.start());
        let max = self.max_version.min(*of_release.end());
        (min <= max).then_some((min, max))
    }
}

/// What a producer that does not know yet that it can be fenced is told instead.
fn older_name(code: ErrorCode, old: bool) -> ErrorCode {
    if old && code == ErrorCode::PRODUCER_FENCED {
        return ErrorCode::INVALID_PRODUCER_EPOCH;
    }
    code
}
