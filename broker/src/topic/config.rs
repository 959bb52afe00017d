//! A topic's settings: its own where it has any, else the broker's.

use thalweg_protocol::records::{Compression, Compressor};

use crate::release::Release;
use crate::settings::{SettingError, Settings, Value};

/// The settings of a topic.
#[derive(Debug, Clone)]
pub(crate) struct TopicConfig {
    own: Settings,
    /// What is asked for with every batch.
    hot: Hot,
}

#[derive(Debug, Clone)]
struct Hot {
    message_bytes_max: usize,
    decompressed_bytes_max: usize,
    segment_bytes: usize,
    segment_ms: i64,
    log_append_time: bool,
    compact: bool,
    delete: bool,
    in_sync_min: usize,
    timestamp_before_max_ms: i64,
    timestamp_after_max_ms: i64,
    stored_as: Option<StoredAs>,
}

/// How batches are compressed that the topic stores, whatever their producer chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredAs {
    pub(crate) compression: Compression,
    /// As it is set, for codecs that have several.
    level: Option<i32>,
}

const DECOMPRESSED_BYTES_MAX: &str = "max.decompressed.message.bytes";

/// Broker keys with what their values are to be multiplied by.
type BrokerKeys = &'static [(&'static str, i64)];

/// Topic keys whose default is a broker's setting: the first of these that is set.
const BROKER_KEYS_OF: &[(&str, BrokerKeys)] = &[
    ("cleanup.policy", &[("log.cleanup.policy", 1)]),
    ("compression.gzip.level", &[("compression.gzip.level", 1)]),
    ("compression.lz4.level", &[("compression.lz4.level", 1)]),
    ("compression.type", &[("compression.type", 1)]),
    ("compression.zstd.level", &[("compression.zstd.level", 1)]),
    (
        "delete.retention.ms",
        &[("log.cleaner.delete.retention.ms", 1)],
    ),
    (
        "file.delete.delay.ms",
        &[("log.segment.delete.delay.ms", 1)],
    ),
    ("flush.messages", &[("log.flush.interval.messages", 1)]),
    (
        "flush.ms",
        &[
            ("log.flush.interval.ms", 1),
            ("log.flush.scheduler.interval.ms", 1),
        ],
    ),
    ("index.interval.bytes", &[("log.index.interval.bytes", 1)]),
    ("local.retention.bytes", &[("log.local.retention.bytes", 1)]),
    ("local.retention.ms", &[("log.local.retention.ms", 1)]),
    (
        "max.compaction.lag.ms",
        &[("log.cleaner.max.compaction.lag.ms", 1)],
    ),
    ("max.message.bytes", &[("message.max.bytes", 1)]),
    (
        "message.timestamp.after.max.ms",
        &[("log.message.timestamp.after.max.ms", 1)],
    ),
    (
        "message.timestamp.before.max.ms",
        &[("log.message.timestamp.before.max.ms", 1)],
    ),
    (
        "message.timestamp.type",
        &[("log.message.timestamp.type", 1)],
    ),
    (
        "min.cleanable.dirty.ratio",
        &[("log.cleaner.min.cleanable.ratio", 1)],
    ),
    (
        "min.compaction.lag.ms",
        &[("log.cleaner.min.compaction.lag.ms", 1)],
    ),
    ("min.insync.replicas", &[("min.insync.replicas", 1)]),
    ("preallocate", &[("log.preallocate", 1)]),
    ("retention.bytes", &[("log.retention.bytes", 1)]),
    (
        "retention.ms",
        &[
            ("log.retention.ms", 1),
            ("log.retention.minutes", 60_000),
            ("log.retention.hours", 3_600_000),
        ],
    ),
    ("segment.bytes", &[("log.segment.bytes", 1)]),
    ("segment.index.bytes", &[("log.index.size.max.bytes", 1)]),
    (
        "segment.jitter.ms",
        &[
            ("log.roll.jitter.ms", 1),
            ("log.roll.jitter.hours", 3_600_000),
        ],
    ),
    (
        "segment.ms",
        &[("log.roll.ms", 1), ("log.roll.hours", 3_600_000)],
    ),
    (
        "unclean.leader.election.enable",
        &[("unclean.leader.election.enable", 1)],
    ),
];

/// The broker's key that is shown beside a topic's key.
pub(crate) fn broker_key_of_topic_key(key: &str) -> Option<&'static str> {
    let (broker_key, _) = broker_keys_of(key).first()?;
    Some(broker_key)
}

fn broker_keys_of(key: &str) -> BrokerKeys {
    let row = BROKER_KEYS_OF
        .iter()
        .find(|(topic_key, _)| *topic_key == key);
    row.map_or(&[], |(_, keys)| keys)
}

impl TopicConfig {
    /// With these settings, of those that topics of the release have.
    ///
    /// # Errors
    /// A key or a value that is not one.
    pub(crate) fn with<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
        broker: &Settings,
        release: Release,
    ) -> Result<Self, SettingError> {
        let mut own = Settings::of_topic(release);
        for (key, value) in pairs {
            own.set(key, value)?;
        }
        Ok(TopicConfig::of(own, broker))
    }

    /// With these settings of its own.
    pub(crate) fn of(own: Settings, broker: &Settings) -> Self {
        let hot = Hot::of(&own, broker);
        TopicConfig { own, hot }
    }

    /// Takes notice of other settings of the broker.
    pub(crate) fn follow(&mut self, broker: &Settings) {
        self.hot = Hot::of(&self.own, broker);
    }

    /// What about the settings does not go together, in Kafka's words.
    pub(crate) fn contradiction(&self, broker: &Settings) -> Option<String> {
        let (min_key, max_key) = ("min.compaction.lag.ms", "max.compaction.lag.ms");
        let number = |key| match self.value(key, broker) {
            Value::Number(number) => number,
            _ => 0,
        };
        if matches!(
            self.own.set_value("remote.storage.enable"),
            Some(Value::Flag(true))
        ) {
            let message = "Tiered Storage functionality is disabled in the broker. Topic cannot be \
                           configured with remote log storage.";
            return Some(message.to_owned());
        }
        let (min, max) = (number(min_key), number(max_key));
        (min > max)
            .then(|| format!("conflict topic config setting {min_key} ({min}) > {max_key} ({max})"))
    }

    /// The settings that are the topic's own.
    pub(crate) fn own(&self) -> &Settings {
        &self.own
    }

    /// The value in force.
    pub(crate) fn value(&self, key: &'static str, broker: &Settings) -> Value {
        in_force(&self.own, broker, key)
    }

    /// The largest batch, `max.message.bytes`.
    pub(crate) fn message_bytes_max(&self) -> usize {
        self.hot.message_bytes_max
    }

    /// The longest record of a compressed batch, `max.decompressed.message.bytes`.
    pub(crate) fn decompressed_bytes_max(&self) -> usize {
        self.hot.decompressed_bytes_max
    }

    pub(crate) fn segment_bytes(&self) -> usize {
        self.hot.segment_bytes
    }

    pub(crate) fn segment_ms(&self) -> i64 {
        self.hot.segment_ms
    }

    /// Whether the broker's time is the timestamp.
    pub(crate) fn log_append_time(&self) -> bool {
        self.hot.log_append_time
    }

    /// Whether old values of keys are removed.
    pub(crate) fn compacts(&self) -> bool {
        self.hot.compact
    }

    /// Whether old segments are removed.
    pub(crate) fn deletes(&self) -> bool {
        self.hot.delete
    }

    /// How many replicas acks=all needs.
    pub(crate) fn in_sync_min(&self) -> usize {
        self.hot.in_sync_min
    }

    /// How its batches are compressed, `compression.type`; `None`: as their producers chose.
    pub(crate) fn stored_as(&self) -> Option<StoredAs> {
        self.hot.stored_as
    }

    /// How far behind and ahead of the broker a timestamp may be.
    pub(crate) fn timestamp_bounds_ms(&self) -> (i64, i64) {
        (
            self.hot.timestamp_before_max_ms,
            self.hot.timestamp_after_max_ms,
        )
    }
}

fn in_force(own: &Settings, broker: &Settings, key: &'static str) -> Value {
    if let Some(value) = own.set_value(key) {
        return value.clone();
    }
    for (broker_key, factor) in broker_keys_of(key) {
        match broker.set_value(broker_key) {
            None => {}
            // Whatever the unit, there is no limit below zero.
            Some(Value::Number(number)) if *number < 0 => return Value::Number(*number),
            Some(Value::Number(number)) => return Value::Number(number.saturating_mul(*factor)),
            Some(other) => return other.clone(),
        }
    }
    own.value(key)
}

impl Hot {
    fn of(own: &Settings, broker: &Settings) -> Self {
        let number = |key| match in_force(own, broker, key) {
            Value::Number(number) => number,
            _ => 0,
        };
        let size = |key| usize::try_from(number(key)).unwrap_or(usize::MAX);
        let cleanup = in_force(own, broker, "cleanup.policy").to_string();
        let has = |word| cleanup.split(',').any(|policy| policy.trim() == word);
        let timestamp_type = in_force(own, broker, "message.timestamp.type").to_string();
        Hot {
            message_bytes_max: size("max.message.bytes"),
            // Before 4.4 there was no such setting.
            decompressed_bytes_max: match own.definition(DECOMPRESSED_BYTES_MAX) {
                Some(_) => size(DECOMPRESSED_BYTES_MAX),
                None => usize::MAX,
            },
            segment_bytes: size("segment.bytes"),
            segment_ms: number("segment.ms"),
            log_append_time: timestamp_type == "LogAppendTime",
            compact: has("compact"),
            delete: has("delete"),
            in_sync_min: size("min.insync.replicas"),
            timestamp_before_max_ms: number("message.timestamp.before.max.ms"),
            timestamp_after_max_ms: number("message.timestamp.after.max.ms"),
            stored_as: StoredAs::of(own, broker),
        }
    }
}

impl StoredAs {
    fn of(own: &Settings, broker: &Settings) -> Option<Self> {
        let name = in_force(own, broker, "compression.type").to_string();
        let compression = match name.as_str() {
            "producer" => return None,
            "uncompressed" => Compression::None,
            name => name.parse().ok()?,
        };
        // The others have no levels, or one encoder for all of them.
        let level = match compression {
            Compression::Gzip => Some("compression.gzip.level"),
            Compression::Zstd => Some("compression.zstd.level"),
            _ => None,
        };
        let level = level.and_then(|key| match in_force(own, broker, key) {
            Value::Number(level) => i32::try_from(level).ok(),
            _ => None,
        });
        Some(StoredAs { compression, level })
    }

    /// A compressor at that level.
    pub(crate) fn compressor(self) -> Compressor {
        let Some(level) = self.level else {
            return Compressor::new();
        };
        // gzip's -1 is no level of its own: it stands for the default.
        let at_level = Compressor::new().with_level(self.compression, level);
        at_level.unwrap_or_default()
    }
}
