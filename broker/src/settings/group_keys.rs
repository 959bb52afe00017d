//! The settings of a group. Keys, defaults and limits are Kafka's.

use super::value::{Definition, Kind};

const NOT_NEGATIVE: Kind = Kind::Int {
    min: 0,
    max: i32::MAX,
};
const POSITIVE: Kind = Kind::Int {
    min: 1,
    max: i32::MAX,
};

/// By key.
pub(crate) const GROUP_KEYS: &[Definition] = &[
    Definition::new(
        "consumer.assignment.interval.ms",
        NOT_NEGATIVE,
        "1000",
        "How long at least an assignment stays before the next.",
    ),
    Definition::new(
        "consumer.heartbeat.interval.ms",
        POSITIVE,
        "5000",
        "How often a member is told to send heartbeats.",
    ),
    Definition::new(
        "consumer.session.timeout.ms",
        POSITIVE,
        "45000",
        "How long a member may be silent.",
    ),
    Definition::new(
        "share.assignment.interval.ms",
        NOT_NEGATIVE,
        "1000",
        "How long at least an assignment stays before the next.",
    ),
    Definition::new(
        "share.auto.offset.reset",
        Kind::ShareReset,
        "latest",
        "Where a share group begins: `latest`, `earliest` or `by_duration:`.",
    ),
    Definition::new(
        "share.delivery.count.limit",
        POSITIVE,
        "5",
        "How often a record is delivered at most.",
    ),
    Definition::new(
        "share.heartbeat.interval.ms",
        POSITIVE,
        "5000",
        "How often a member is told to send heartbeats.",
    ),
    Definition::new(
        "share.isolation.level",
        Kind::OneOf(&["read_committed", "read_uncommitted"]),
        "read_uncommitted",
        "Whether a share group reads records of open transactions.",
    ),
    Definition::new(
        "share.partition.max.record.locks",
        POSITIVE,
        "2000",
        "How many records of a partition may be locked at a time.",
    ),
    Definition::new(
        "share.record.lock.duration.ms",
        POSITIVE,
        "30000",
        "How long a record stays locked for who acquired it.",
    ),
    Definition::new(
        "share.renew.acknowledge.enable",
        Kind::Flag,
        "true",
        "Whether a member may renew the lock of a record.",
    ),
    Definition::new(
        "share.session.timeout.ms",
        POSITIVE,
        "45000",
        "How long a member may be silent.",
    ),
    Definition::new(
        "streams.acceptable.recovery.lag",
        Kind::Long { min: 0 },
        "10000",
        "How many offsets a task may be behind to count as caught up.",
    ),
    Definition::new(
        "streams.assignment.interval.ms",
        NOT_NEGATIVE,
        "1000",
        "How long at least an assignment stays before the next.",
    ),
    Definition::new(
        "streams.heartbeat.interval.ms",
        POSITIVE,
        "5000",
        "How often a member is told to send heartbeats.",
    ),
    Definition::new(
        "streams.initial.rebalance.delay.ms",
        NOT_NEGATIVE,
        "3000",
        "How long the first assignment waits for more members.",
    ),
    Definition::new(
        "streams.num.standby.replicas",
        NOT_NEGATIVE,
        "0",
        "How many standby replicas a task has.",
    ),
    Definition::new(
        "streams.rack.aware.assignment.tags",
        Kind::Text,
        "",
        "Client tags that members must have.",
    ),
    Definition::new(
        "streams.session.timeout.ms",
        POSITIVE,
        "45000",
        "How long a member may be silent.",
    ),
    Definition::new(
        "streams.task.offset.interval.ms",
        POSITIVE,
        "60000",
        "How often members report how far their tasks are.",
    ),
];

/// The broker's key that says what holds where a group has no setting of its own.
pub(crate) fn broker_key_of_group_key(key: &str) -> Option<&'static str> {
    let row = BROKER_KEY_OF
        .iter()
        .find(|(group_key, _)| *group_key == key);
    row.map(|(_, broker_key)| *broker_key)
}

const BROKER_KEY_OF: &[(&str, &str)] = &[
    (
        "consumer.assignment.interval.ms",
        "group.consumer.assignment.interval.ms",
    ),
    (
        "consumer.heartbeat.interval.ms",
        "group.consumer.heartbeat.interval.ms",
    ),
    (
        "consumer.session.timeout.ms",
        "group.consumer.session.timeout.ms",
    ),
    (
        "share.assignment.interval.ms",
        "group.share.assignment.interval.ms",
    ),
    (
        "share.delivery.count.limit",
        "group.share.delivery.count.limit",
    ),
    (
        "share.heartbeat.interval.ms",
        "group.share.heartbeat.interval.ms",
    ),
    (
        "share.partition.max.record.locks",
        "group.share.partition.max.record.locks",
    ),
    (
        "share.record.lock.duration.ms",
        "group.share.record.lock.duration.ms",
    ),
    ("share.session.timeout.ms", "group.share.session.timeout.ms"),
    (
        "streams.acceptable.recovery.lag",
        "group.streams.acceptable.recovery.lag",
    ),
    (
        "streams.assignment.interval.ms",
        "group.streams.assignment.interval.ms",
    ),
    (
        "streams.heartbeat.interval.ms",
        "group.streams.heartbeat.interval.ms",
    ),
    (
        "streams.initial.rebalance.delay.ms",
        "group.streams.initial.rebalance.delay.ms",
    ),
    (
        "streams.num.standby.replicas",
        "group.streams.num.standby.replicas",
    ),
    (
        "streams.rack.aware.assignment.tags",
        "group.streams.rack.aware.assignment.tags",
    ),
    (
        "streams.session.timeout.ms",
        "group.streams.session.timeout.ms",
    ),
    (
        "streams.task.offset.interval.ms",
        "group.streams.task.offset.interval.ms",
    ),
];
