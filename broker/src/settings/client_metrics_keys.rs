//! The settings of a client metrics subscription (KIP-714). Keys, defaults and limits are Kafka's.

use super::value::{Definition, Kind};

/// By key.
pub(crate) const CLIENT_METRICS_KEYS: &[Definition] = &[
    Definition::new(
        "interval.ms",
        Kind::Int {
            min: i32::MIN,
            max: i32::MAX,
        },
        "300000",
        "How often clients push.",
    ),
    Definition::new("match", Kind::List, "", "Which clients are meant."),
    Definition::new(
        "metrics",
        Kind::List,
        "",
        "The prefixes of the metrics' names.",
    ),
];
