//! What is done about logs from time to time: retention, compaction, producers that went away; and
//! what is done when they take more memory than they may.
//!
//! One log is compacted at a time, so that requests get their turn between two of them.

use std::time::Duration;

use thalweg_protocol::{PartitionId, StrBytes};

use super::{Cluster, Timer};
use crate::log::{CompactionRules, Retention};
use crate::settings::Value;
use crate::topic::TopicConfig;

/// What is looked after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upkeep {
    Retention,
    Compaction,
}

/// Kafka's `log.initial.task.delay.ms`: how long after the start logs are looked at first.
const FIRST_AFTER: Duration = Duration::from_secs(30);
/// The pause between two logs that want to be compacted.
const BETWEEN: Duration = Duration::from_millis(1);

/// How much memory all logs may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    bytes_max: usize,
    /// At least what the logs take: appends are added, everything else is found out when it matters.
    bytes_estimated: usize,
}

impl Memory {
    /// No limit.
    pub(crate) const UNLIMITED: Memory = Memory::limited_to(usize::MAX);

    pub(crate) const fn limited_to(bytes_max: usize) -> Self {
        Memory {
            bytes_max,
            bytes_estimated: 0,
        }
    }
}

impl Cluster {
    /// Begins to look after the logs.
    pub(crate) fn start_upkeep(&mut self) {
        self.set_timer(FIRST_AFTER, Timer::Upkeep(Upkeep::Retention));
        self.set_timer(FIRST_AFTER, Timer::Upkeep(Upkeep::Compaction));
    }

    pub(super) fn look_after(&mut self, what: Upkeep) {
        let again = match what {
            Upkeep::Retention => {
                self.drop_old();
                self.pause("log.retention.check.interval.ms")
            }
            Upkeep::Compaction if self.compact_one() => BETWEEN,
            Upkeep::Compaction => self.pause("log.cleaner.backoff.ms"),
        };
        self.set_timer(again, Timer::Upkeep(what));
    }

    fn pause(&self, key: &'static str) -> Duration {
        let ms = u64::try_from(self.settings.number(key)).unwrap_or_default();
        Duration::from_millis(ms).max(BETWEEN)
    }

    /// Drops the segments of `delete` topics that are past their retention, and forgets producers.
    fn drop_old(&mut self) {
        let now_ms = self.now.wall_ms;
        let forgotten = now_ms - self.settings.number("producer.id.expiration.ms");
        let mut changed = Vec::new();
        for (name, topic) in self.topics.iter_mut() {
            let keep = topic
                .config
                .deletes()
                .then(|| retention(&topic.config, &self.settings));
            for (partition, index) in topic.partitions.iter_mut().zip(0..) {
                partition.log.producers_mut().expire(forgotten);
                if let Some(keep) = keep
                    && partition.log.retain(keep, now_ms) > 0
                {
                    changed.push((name.clone(), PartitionId(index)));
                }
            }
        }
        for (topic, partition) in changed {
            self.touch(&topic, partition);
        }
    }

    /// Compacts the first log that wants it. Whether there was one.
    fn compact_one(&mut self) -> bool {
        let now_ms = self.now.wall_ms;
        for (_, topic) in self.topics.iter_mut() {
            if !topic.config.compacts() {
                continue;
            }
            let rules = compaction_rules(&topic.config, &self.settings);
            for partition in &mut topic.partitions {
                if partition.log.wants_compaction(&rules, now_ms) {
                    partition.log.compact(&rules, now_ms);
                    return true;
                }
            }
        }
        false
    }

    /// Makes room for `bytes` more in the logs, if need be by dropping the oldest closed segments of
    /// `delete` topics, whatever their retention. Whether there is room now.
    pub(crate) fn make_room(&mut self, bytes: usize) -> bool {
        let memory = &mut self.memory;
        memory.bytes_estimated = memory.bytes_estimated.saturating_add(bytes);
        if memory.bytes_estimated <= memory.bytes_max {
            return true;
        }
        let mut taken = self.log_bytes();
        while taken.saturating_add(bytes) > self.memory.bytes_max {
            match self.drop_oldest() {
                Some(freed) => taken -= freed,
                None => {
                    self.memory.bytes_estimated = taken;
                    return false;
                }
            }
        }
        self.memory.bytes_estimated = taken.saturating_add(bytes);
        true
    }

    /// How much memory the logs may take.
    pub(crate) fn log_bytes_max(&self) -> usize {
        self.memory.bytes_max
    }

    /// The size at which segments are closed at the latest: there has to be something to drop.
    pub(crate) fn segment_bytes_max(&self) -> usize {
        const SEGMENT_BYTES_MIN: usize = 1 << 16;
        (self.memory.bytes_max / 16).max(SEGMENT_BYTES_MIN)
    }

    fn log_bytes(&self) -> usize {
        let partitions = self.topics.iter().flat_map(|(_, topic)| &topic.partitions);
        partitions.map(|partition| partition.log.bytes()).sum()
    }

    /// Drops the oldest closed segment there is in a `delete` topic of a user's.
    fn drop_oldest(&mut self) -> Option<usize> {
        let mut oldest: Option<(i64, StrBytes, PartitionId)> = None;
        for (name, topic) in self.topics.iter() {
            if topic.is_internal || !topic.config.deletes() || topic.config.compacts() {
                continue;
            }
            for (partition, index) in topic.partitions.iter().zip(0..) {
                let Some(ms) = partition.log.oldest_ms() else {
                    continue;
                };
                if oldest.as_ref().is_none_or(|(known, _, _)| ms < *known) {
                    oldest = Some((ms, name.clone(), PartitionId(index)));
                }
            }
        }
        let (_, topic, index) = oldest?;
        let log = &mut self.topics.partition_mut(&topic, index)?.log;
        let freed = log.drop_oldest()?;
        let start = log.start();
        tracing::warn!(
            topic = &*topic,
            partition = index.0,
            start,
            freed,
            "the logs take all the memory they may: dropped the oldest segment"
        );
        self.touch(&topic, index);
        Some(freed)
    }
}

fn number(config: &TopicConfig, broker: &crate::settings::Settings, key: &'static str) -> i64 {
    match config.value(key, broker) {
        Value::Number(number) => number,
        other => other.to_string().parse().unwrap_or_default(),
    }
}

fn retention(config: &TopicConfig, broker: &crate::settings::Settings) -> Retention {
    let limit = |key| Some(number(config, broker, key)).filter(|limit| *limit >= 0);
    Retention {
        ms: limit("retention.ms"),
        bytes: limit("retention.bytes").map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
    }
}

fn compaction_rules(config: &TopicConfig, broker: &crate::settings::Settings) -> CompactionRules {
    let ratio = config.value("min.cleanable.dirty.ratio", broker);
    CompactionRules {
        dirty_ratio_min: ratio.to_string().parse().unwrap_or(0.5),
        lag_ms_min: number(config, broker, "min.compaction.lag.ms"),
        lag_ms_max: number(config, broker, "max.compaction.lag.ms"),
        delete_retention_ms: number(config, broker, "delete.retention.ms"),
        segment_bytes: config.segment_bytes(),
    }
}
