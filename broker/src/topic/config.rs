//! A topic's settings: its own where it has any, else the broker's.

use crate::settings::{SettingError, Settings, TOPIC_KEYS, Value};

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
    segment_bytes: usize,
    segment_ms: i64,
    log_append_time: bool,
    compact: bool,
    delete: bool,
    in_sync_min: usize,
    timestamp_before_max_ms: i64,
    timestamp_after_max_ms: i64,
}

/// Topic keys whose default is a broker's setting of another name.
pub(crate) const BROKER_KEY_OF: &[(&str, &str)] = &[
    ("cleanup.policy", "log.cleanup.policy"),
    ("max.message.bytes", "message.max.bytes"),
    ("message.timestamp.type", "log.message.timestamp.type"),
    ("min.insync.replicas", "min.insync.replicas"),
    ("retention.bytes", "log.retention.bytes"),
    ("retention.ms", "log.retention.ms"),
    ("segment.bytes", "log.segment.bytes"),
];

impl TopicConfig {
    /// All as the broker's settings say.
    pub(crate) fn new(broker: &Settings) -> Self {
        let own = Settings::new(TOPIC_KEYS);
        let hot = Hot::of(&own, broker);
        TopicConfig { own, hot }
    }

    /// With these settings in the place of those it had.
    ///
    /// # Errors
    /// A key or a value that is not one.
    pub(crate) fn with<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
        broker: &Settings,
    ) -> Result<Self, SettingError> {
        let mut own = Settings::new(TOPIC_KEYS);
        for (key, value) in pairs {
            own.set(key, value)?;
        }
        let hot = Hot::of(&own, broker);
        Ok(TopicConfig { own, hot })
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
    match BROKER_KEY_OF
        .iter()
        .find(|(topic_key, _)| *topic_key == key)
    {
        Some((_, broker_key)) => broker.value(broker_key),
        None => own.value(key),
    }
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
            segment_bytes: size("segment.bytes"),
            segment_ms: number("segment.ms"),
            log_append_time: timestamp_type == "LogAppendTime",
            compact: has("compact"),
            delete: has("delete"),
            in_sync_min: size("min.insync.replicas"),
            timestamp_before_max_ms: number("message.timestamp.before.max.ms"),
            timestamp_after_max_ms: number("message.timestamp.after.max.ms"),
        }
    }
}
