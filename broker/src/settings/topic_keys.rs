//! The settings of a topic. Keys, defaults and limits are Kafka's.

use super::value::{Definition, Kind};

const fn row(
    key: &'static str,
    kind: Kind,
    default: &'static str,
    doc: &'static str,
) -> Definition {
    Definition::new(key, kind, default, doc)
}

const fn at_least(min: i32) -> Kind {
    Kind::Int { min, max: i32::MAX }
}

// Brokers have these too, for topics that have none of their own.
pub(super) const COMPRESSION_GZIP_LEVEL: Definition = row(
    "compression.gzip.level",
    Kind::GzipLevel,
    "-1",
    "The level where the broker compresses with gzip.",
);
pub(super) const COMPRESSION_LZ4_LEVEL: Definition = row(
    "compression.lz4.level",
    Kind::Int { min: 1, max: 17 },
    "9",
    "Kept and shown; lz4 has one encoder here for all levels.",
);
pub(super) const COMPRESSION_TYPE: Definition = row(
    "compression.type",
    Kind::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
    "producer",
    "How batches are stored that come compressed otherwise; `producer`: as they come.",
);
pub(super) const COMPRESSION_ZSTD_LEVEL: Definition = row(
    "compression.zstd.level",
    Kind::Int {
        min: -131072,
        max: 22,
    },
    "3",
    "The level where the broker compresses with zstd.",
);

/// By key.
pub(crate) const TOPIC_KEYS: &[Definition] = &[
    row(
        "cleanup.policy",
        Kind::ListOf(&["compact", "delete"]),
        "delete",
        "What is done about old segments.",
    ),
    COMPRESSION_GZIP_LEVEL,
    COMPRESSION_LZ4_LEVEL,
    COMPRESSION_TYPE,
    COMPRESSION_ZSTD_LEVEL,
    row(
        "delete.retention.ms",
        Kind::Long { min: 0 },
        "86400000",
        "How long compaction keeps tombstones.",
    ),
    row(
        "file.delete.delay.ms",
        Kind::Long { min: 0 },
        "60000",
        "Kept and shown; nothing is deleted later here.",
    ),
    row(
        "flush.messages",
        Kind::Long { min: 1 },
        "9223372036854775807",
        "Kept and shown.",
    ),
    row(
        "flush.ms",
        Kind::Long { min: 0 },
        "9223372036854775807",
        "Kept and shown.",
    ),
    row(
        "follower.replication.throttled.replicas",
        Kind::Throttled,
        "",
        "Kept and shown.",
    ),
    row(
        "index.interval.bytes",
        at_least(0),
        "4096",
        "Kept and shown.",
    ),
    row(
        "leader.replication.throttled.replicas",
        Kind::Throttled,
        "",
        "Kept and shown.",
    ),
    row(
        "local.retention.bytes",
        Kind::Long { min: -2 },
        "-2",
        "Kept and shown; there is no remote storage.",
    ),
    row(
        "local.retention.ms",
        Kind::Long { min: -2 },
        "-2",
        "Kept and shown; there is no remote storage.",
    ),
    row(
        "max.compaction.lag.ms",
        Kind::Long { min: 1 },
        "9223372036854775807",
        "When compaction must have happened.",
    ),
    row(
        "max.message.bytes",
        at_least(0),
        "1048588",
        "The largest record batch.",
    ),
    row(
        "message.timestamp.after.max.ms",
        Kind::Long { min: 0 },
        "3600000",
        "How far ahead of the broker a timestamp may be.",
    ),
    row(
        "message.timestamp.before.max.ms",
        Kind::Long { min: 0 },
        "9223372036854775807",
        "How far behind the broker a timestamp may be.",
    ),
    row(
        "message.timestamp.type",
        Kind::OneOf(&["CreateTime", "LogAppendTime"]),
        "CreateTime",
        "What the timestamps of records mean.",
    ),
    row(
        "min.cleanable.dirty.ratio",
        Kind::Ratio,
        "0.5",
        "How much of a log is new before it is compacted.",
    ),
    row(
        "min.compaction.lag.ms",
        Kind::Long { min: 0 },
        "0",
        "How long a record is safe from compaction.",
    ),
    row(
        "min.insync.replicas",
        at_least(1),
        "1",
        "How many replicas acks=all needs.",
    ),
    row("preallocate", Kind::Flag, "false", "Kept and shown."),
    row(
        "remote.log.copy.disable",
        Kind::Flag,
        "false",
        "Kept and shown; there is no remote storage.",
    ),
    row(
        "remote.log.delete.on.disable",
        Kind::Flag,
        "false",
        "Kept and shown; there is no remote storage.",
    ),
    row(
        "remote.storage.enable",
        Kind::Flag,
        "false",
        "Kept and shown; there is no remote storage.",
    ),
    row(
        "retention.bytes",
        Kind::Long { min: -1 },
        "-1",
        "The most bytes a partition keeps; -1 for no limit.",
    ),
    row(
        "retention.ms",
        Kind::Long { min: -1 },
        "604800000",
        "How long records are kept; -1 for ever.",
    ),
    row(
        "segment.bytes",
        at_least(1048576),
        "1073741824",
        "The size at which a segment is closed.",
    ),
    row(
        "segment.index.bytes",
        at_least(4),
        "10485760",
        "Kept and shown.",
    ),
    row(
        "segment.jitter.ms",
        Kind::Long { min: 0 },
        "0",
        "Kept and shown.",
    ),
    row(
        "segment.ms",
        Kind::Long { min: 1 },
        "604800000",
        "The age at which a segment is closed.",
    ),
    row(
        "unclean.leader.election.enable",
        Kind::Flag,
        "false",
        "Whether a replica that is not in sync may lead.",
    ),
];

/// Those that came with Kafka 4.4, by key.
pub(crate) const TOPIC_KEYS_OF_4_4: &[Definition] = &[
    row(
        "errors.deadletterqueue.group.enable",
        Kind::Flag,
        "false",
        "Kept and shown.",
    ),
    row(
        "max.decompressed.message.bytes",
        Kind::Int {
            min: 1,
            max: i32::MAX - 8,
        },
        "2147483639",
        "The longest record of a compressed batch, decompressed.",
    ),
    row(
        "remote.copy.lag.bytes",
        Kind::Long { min: -1 },
        "-1",
        "Kept and shown.",
    ),
    row(
        "remote.copy.lag.ms",
        Kind::Long { min: -1 },
        "0",
        "Kept and shown.",
    ),
];
