//! A pure-Rust Kafka client: consumer, producer, transactions, groups, admin.

mod admin;
mod cluster;
mod concurrently;
mod config;
mod consumer;
mod crash_point;
mod error;
#[cfg(test)]
mod fake_cluster;
mod group;
mod isolation_level;
mod net;
mod offset_and_metadata;
mod producer;
mod rng;
mod spawn;
mod topic_partition;
#[doc(hidden)]
pub mod watch;

// The public interface is:
pub use admin::{
    ActiveProducer, Admin, ClusterDescription, ConfigChange, ConfigEntry, ConfigResource,
    ConfigSource, CreatedTopic, GroupDescription, GroupListing, ListedOffset, MemberDescription,
    NewTopic, OffsetSpec, Outcomes, TopicListing, TransactionDescription, TransactionListing,
};
pub use cluster::{Broker, Cluster, Leader, MetadataSnapshot, PartitionMetadata, TopicMetadata};
pub use config::{ClientConfig, ConfigError};
pub use consumer::{
    Batches, ConsumeError, Consumer, ConsumerBuilder, CorruptBatch, Event, FetchedBatch,
    FetchedRecords, NotAssigned, OffsetCommitError, OffsetReset, PartitionProgress, RecordDecoder,
    Revocation, StartAt, SubscribeError,
};
#[doc(hidden)]
pub use crash_point::{CrashObserver, CrashPoint, CrashSide, CrashSite, observe_crash_points};
pub use error::{BrokerAddress, CallError, ConnectError, Disposition, UnsupportedVersion};
pub use group::{
    AssignError, Assignor, CooperativeStickyAssignor, GroupError, GroupMetadata, MemberAssignment,
    MemberSubscription, RangeAssignor, RebalanceProtocol, RoundRobinAssignor, StickyAssignor,
    TopicToAssign,
};
pub use isolation_level::IsolationLevel;
pub use net::{ByteStream, ConnectionFailure, PeerProtocol, TcpTransport, Transport, transport_fn};
pub use offset_and_metadata::OffsetAndMetadata;
pub use producer::{
    Abort, Acks, Burst, Commit, CommitError, Delivered, OffsetsSent, Partitioning, ProduceError,
    Producer, ProducerBuilder, ProducerRecord, RefusedRecord, SendError, Ticket, Transaction,
    TransactionError, TransactionOutcome, TransactionalProducer, UnsentBatch, partition_for_key,
};
pub use rng::Rng;
pub use spawn::{BoxFuture, Spawner, TokioSpawner};
pub use thalweg_protocol::records::{
    Compression, Compressor, InvalidLevel, RecordBatchBuilder, UnsealedBatch,
};
pub use thalweg_protocol::{BrokerId, ErrorCode, Offset, PartitionId, ProducerId};
pub use topic_partition::TopicPartition;
