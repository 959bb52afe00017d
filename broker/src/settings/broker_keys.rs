//! The settings of a broker that mean something here. Keys, defaults and limits are Kafka's.

use super::topic_keys::{
    COMPRESSION_GZIP_LEVEL, COMPRESSION_LZ4_LEVEL, COMPRESSION_TYPE, COMPRESSION_ZSTD_LEVEL,
};
use super::value::{Definition, Kind};

const INT: Kind = at_least(0);
const POSITIVE: Kind = at_least(1);

const fn at_least(min: i32) -> Kind {
    Kind::Int { min, max: i32::MAX }
}

const fn row(
    key: &'static str,
    kind: Kind,
    default: &'static str,
    doc: &'static str,
) -> Definition {
    Definition::new(key, kind, default, doc)
}

/// By key.
pub(crate) const BROKER_KEYS: &[Definition] = &[
    row(
        "allow.everyone.if.no.acl.found",
        Kind::Flag,
        "false",
        "Whether everything may be done to resources without ACLs.",
    ),
    row(
        "authorizer.class.name",
        Kind::OneOf(&[
            "",
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "kafka.security.authorizer.AclAuthorizer",
        ]),
        "",
        "Any of Kafka's authorisers switches ACLs on.",
    ),
    row(
        "auto.create.topics.enable",
        Kind::Flag,
        "true",
        "Whether asking for the metadata of a topic makes it.",
    ),
    COMPRESSION_GZIP_LEVEL,
    COMPRESSION_LZ4_LEVEL,
    COMPRESSION_TYPE,
    COMPRESSION_ZSTD_LEVEL,
    row(
        "connection.failed.authentication.delay.ms",
        INT,
        "100",
        "How long a connection stays open after it could not authenticate.",
    ),
    row(
        "connections.max.reauth.ms",
        Kind::Long { min: i64::MIN },
        "0",
        "How long an authenticated connection may go on without authenticating again; 0 for ever.",
    ),
    row(
        "controller.quota.window.num",
        POSITIVE,
        "11",
        "How many windows the rate of changes to topics is taken over.",
    ),
    row(
        "controller.quota.window.size.seconds",
        POSITIVE,
        "1",
        "The length of such a window.",
    ),
    row(
        "default.replication.factor",
        POSITIVE,
        "1",
        "Replicas of a topic that does not say.",
    ),
    row(
        "delete.topic.enable",
        Kind::Flag,
        "true",
        "Whether topics may be deleted.",
    ),
    row(
        "group.consumer.assignment.interval.ms",
        INT,
        "1000",
        "How long a consumer group keeps a target assignment at least.",
    ),
    row(
        "group.consumer.heartbeat.interval.ms",
        POSITIVE,
        "5000",
        "How often members of consumer groups are told to send heartbeats.",
    ),
    row(
        "group.consumer.max.size",
        POSITIVE,
        "2147483647",
        "The most members of a consumer group.",
    ),
    row(
        "group.consumer.migration.policy",
        Kind::OneOfCaseless(&["bidirectional", "upgrade", "downgrade", "disabled"]),
        "bidirectional",
        "Whether groups that have members may go over from the classic protocol to the consumer \
         protocol, and back.",
    ),
    row(
        "group.consumer.regex.refresh.interval.ms",
        at_least(10000),
        "600000",
        "How often the topics of regular expressions are looked for even though none was made.",
    ),
    row(
        "group.consumer.session.timeout.ms",
        POSITIVE,
        "45000",
        "How long a member of a consumer group may be silent.",
    ),
    row(
        "group.initial.rebalance.delay.ms",
        INT,
        "3000",
        "How long the first rebalance of an empty classic group waits for more members.",
    ),
    row(
        "group.max.session.timeout.ms",
        INT,
        "1800000",
        "The longest session time-out a member of a classic group may ask for.",
    ),
    row(
        "group.max.size",
        POSITIVE,
        "2147483647",
        "The most members of a classic group.",
    ),
    row(
        "group.min.session.timeout.ms",
        INT,
        "6000",
        "The shortest session time-out a member of a classic group may ask for.",
    ),
    row(
        "group.share.assignment.interval.ms",
        INT,
        "1000",
        "How long at least an assignment of a share group stays before the next.",
    ),
    row(
        "group.share.delivery.count.limit",
        POSITIVE,
        "5",
        "How often a record is delivered to a share group at most.",
    ),
    row(
        "group.share.heartbeat.interval.ms",
        POSITIVE,
        "5000",
        "How often members of share groups are told to send heartbeats.",
    ),
    row(
        "group.share.max.share.sessions",
        POSITIVE,
        "2000",
        "The most share sessions of a broker.",
    ),
    row(
        "group.share.max.size",
        POSITIVE,
        "200",
        "The most members of a share group.",
    ),
    row(
        "group.share.partition.max.record.locks",
        POSITIVE,
        "2000",
        "How many records of a partition a share group may have in flight.",
    ),
    row(
        "group.share.record.lock.duration.ms",
        POSITIVE,
        "30000",
        "How long a record stays locked for the member that acquired it.",
    ),
    row(
        "group.share.session.timeout.ms",
        POSITIVE,
        "45000",
        "How long a member of a share group may be silent.",
    ),
    row(
        "group.streams.acceptable.recovery.lag",
        Kind::Long { min: 0 },
        "10000",
        "How many offsets a task may be behind to count as caught up; told to members.",
    ),
    row(
        "group.streams.assignment.interval.ms",
        INT,
        "1000",
        "How long a streams group keeps a target assignment at least.",
    ),
    row(
        "group.streams.heartbeat.interval.ms",
        POSITIVE,
        "5000",
        "How often members of streams groups are told to send heartbeats.",
    ),
    row(
        "group.streams.initial.rebalance.delay.ms",
        INT,
        "3000",
        "How long the first assignment of a streams group waits for more members.",
    ),
    row(
        "group.streams.max.size",
        POSITIVE,
        "2147483647",
        "The most members of a streams group.",
    ),
    row(
        "group.streams.num.standby.replicas",
        INT,
        "0",
        "How many spares each task with state has.",
    ),
    row(
        "group.streams.rack.aware.assignment.tags",
        Kind::Text,
        "",
        "Client tags that members of streams groups must have; spares are not spread by them.",
    ),
    row(
        "group.streams.session.timeout.ms",
        POSITIVE,
        "45000",
        "How long a member of a streams group may be silent.",
    ),
    row(
        "group.streams.task.offset.interval.ms",
        POSITIVE,
        "60000",
        "How often members report how far their tasks are; told to members.",
    ),
    row(
        "log.cleaner.backoff.ms",
        Kind::Long { min: 0 },
        "15000",
        "How long compaction pauses when there is nothing to do.",
    ),
    row(
        "log.cleaner.delete.retention.ms",
        Kind::Long { min: 0 },
        "86400000",
        "How long compaction keeps tombstones.",
    ),
    row(
        "log.cleaner.max.compaction.lag.ms",
        Kind::Long { min: 1 },
        "9223372036854775807",
        "When compaction must have happened.",
    ),
    row(
        "log.cleaner.min.cleanable.ratio",
        Kind::Ratio,
        "0.5",
        "How much of a log is new before it is compacted.",
    ),
    row(
        "log.cleaner.min.compaction.lag.ms",
        Kind::Long { min: 0 },
        "0",
        "How long a record is safe from compaction.",
    ),
    row(
        "log.cleanup.policy",
        Kind::ListOf(&["compact", "delete"]),
        "delete",
        "What is done about old segments of topics that do not say.",
    ),
    row(
        "log.message.timestamp.type",
        Kind::OneOf(&["CreateTime", "LogAppendTime"]),
        "CreateTime",
        "What the timestamps of records mean.",
    ),
    row(
        "log.retention.bytes",
        Kind::Long { min: -1 },
        "-1",
        "The most bytes a partition keeps; -1 for no limit.",
    ),
    row(
        "log.retention.check.interval.ms",
        Kind::Long { min: 1 },
        "300000",
        "How often retention is looked after.",
    ),
    row(
        "log.retention.hours",
        Kind::Int {
            min: i32::MIN,
            max: i32::MAX,
        },
        "168",
        "As log.retention.ms, in hours, where that and the minutes are not set.",
    ),
    row(
        "log.retention.minutes",
        Kind::Int {
            min: i32::MIN,
            max: i32::MAX,
        },
        "10080",
        "As log.retention.ms, in minutes, where that is not set.",
    )
    .unset(),
    row(
        "log.retention.ms",
        Kind::Long { min: -1 },
        "604800000",
        "How long records are kept; -1 for ever.",
    )
    .unset(),
    row(
        "log.roll.hours",
        POSITIVE,
        "168",
        "As log.roll.ms, in hours, where that is not set.",
    ),
    row(
        "log.roll.ms",
        Kind::Long { min: 1 },
        "604800000",
        "The age at which a segment is closed.",
    )
    .unset(),
    row(
        "log.segment.bytes",
        at_least(1048576),
        "1073741824",
        "The size at which a segment is closed.",
    ),
    row(
        "message.max.bytes",
        INT,
        "1048588",
        "The largest record batch.",
    ),
    row(
        "min.insync.replicas",
        POSITIVE,
        "1",
        "How many replicas acks=all needs.",
    ),
    row(
        "num.partitions",
        POSITIVE,
        "1",
        "Partitions of a topic that does not say.",
    ),
    row(
        "offset.metadata.max.bytes",
        INT,
        "4096",
        "The largest metadata of a committed offset.",
    ),
    row(
        "offsets.retention.check.interval.ms",
        Kind::Long { min: 1 },
        "600000",
        "How often expired offsets are looked for.",
    ),
    row(
        "offsets.retention.minutes",
        POSITIVE,
        "10080",
        "How long offsets of a group without members are kept.",
    ),
    row(
        "offsets.topic.num.partitions",
        POSITIVE,
        "50",
        "Partitions of __consumer_offsets.",
    ),
    row(
        "offsets.topic.replication.factor",
        POSITIVE,
        "3",
        "Replicas of __consumer_offsets.",
    ),
    row(
        "producer.id.expiration.ms",
        POSITIVE,
        "86400000",
        "How long a partition remembers an idle producer.",
    ),
    row(
        "quota.window.num",
        POSITIVE,
        "11",
        "How many windows the rates of clients are taken over.",
    ),
    row(
        "quota.window.size.seconds",
        POSITIVE,
        "1",
        "The length of such a window.",
    ),
    row(
        "replica.selector.class",
        Kind::OneOf(&[
            "org.apache.kafka.common.replica.LeaderSelector",
            "org.apache.kafka.common.replica.RackAwareReplicaSelector",
        ]),
        "org.apache.kafka.common.replica.LeaderSelector",
        "Whether consumers are sent to a replica in sync in their own rack (KIP-392).",
    )
    .unset(),
    row(
        "sasl.server.max.receive.size",
        INT,
        "524288",
        "The largest message of an authentication.",
    ),
    row(
        "share.coordinator.state.topic.num.partitions",
        POSITIVE,
        "50",
        "Partitions of __share_group_state.",
    ),
    row(
        "share.coordinator.state.topic.replication.factor",
        POSITIVE,
        "3",
        "Replicas of __share_group_state.",
    ),
    row(
        "super.users",
        Kind::Text,
        "",
        "Principals that may do everything, separated by semicolons.",
    ),
    row(
        "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        POSITIVE,
        "10000",
        "How often timed-out transactions are looked for.",
    ),
    row(
        "transaction.max.timeout.ms",
        POSITIVE,
        "900000",
        "The longest transaction time-out a producer may ask for.",
    ),
    row(
        "transaction.remove.expired.transaction.cleanup.interval.ms",
        POSITIVE,
        "3600000",
        "How often expired transactional ids are looked for.",
    ),
    row(
        "transaction.state.log.num.partitions",
        POSITIVE,
        "50",
        "Partitions of __transaction_state.",
    ),
    row(
        "transaction.state.log.replication.factor",
        POSITIVE,
        "3",
        "Replicas of __transaction_state.",
    ),
    row(
        "transactional.id.expiration.ms",
        POSITIVE,
        "604800000",
        "How long an unused transactional id is remembered.",
    ),
];
