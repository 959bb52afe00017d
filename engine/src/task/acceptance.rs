//! What a topic takes, as far as it is known: decided before a record is sent, since a record that
//! its broker refuses costs the whole transaction.
//!
//! Two kinds of knowledge. The topic's configuration, read at the start and again after a refusal.
//! And, where that does not explain it, the very records that were refused: when they come again
//! after the abort, they are known by their contents.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};

use bytes::Bytes;

use super::AppendError;

/// The configuration of a topic that decides about single records. `None` or false where it does
/// not matter or could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TopicLimits {
    /// `max.message.bytes`: of a whole batch.
    pub(crate) batch_bytes_max: Option<usize>,
    /// `cleanup.policy` has `compact`: no record without a key.
    pub(crate) needs_key: bool,
    /// `message.timestamp.before.max.ms`.
    pub(crate) timestamp_before_max_ms: Option<i64>,
    /// `message.timestamp.after.max.ms`.
    pub(crate) timestamp_after_max_ms: Option<i64>,
}

/// A record that the broker refused, as it was sent.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RefusedRecord {
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    pub(crate) headers: Vec<(String, Option<Bytes>)>,
    /// What the broker said about this one.
    pub(crate) message: Option<String>,
}

impl fmt::Debug for RefusedRecord {
    /// Without what is in it: refusals end up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusedRecord")
            .field("timestamp", &self.timestamp)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

/// What is checked of every record of a topic, beside its size.
#[derive(Debug, Default)]
pub(crate) struct Acceptance {
    needs_key: bool,
    /// `message.timestamp.before.max.ms` and `after.max.ms`, once the broker has refused by them.
    timestamp_before_max_ms: Option<i64>,
    timestamp_after_max_ms: Option<i64>,
    /// What these are at the moment, ms since 1970.
    earliest: i64,
    latest: i64,
    refused: hashbrown::HashTable<Refused>,
    hasher: foldhash::fast::FixedState,
}

#[derive(Debug)]
struct Refused {
    hash: u64,
    record: RefusedRecord,
    /// What the broker said.
    said: String,
    advice: &'static str,
}

impl Acceptance {
    /// What holds from the start; `None` if nothing has to be checked.
    pub(crate) fn of(limits: &TopicLimits) -> Option<Box<Self>> {
        limits.needs_key.then(|| {
            Box::new(Self {
                needs_key: true,
                ..Self::default()
            })
        })
    }

    /// The broker refused a timestamp: from now on it is looked at before. Not earlier, since it is
    /// the broker's clock that decides, and ours may be another.
    pub(crate) fn look_at_timestamps(&mut self, limits: &TopicLimits, now_ms: i64) {
        self.needs_key |= limits.needs_key;
        self.timestamp_before_max_ms = limits.timestamp_before_max_ms;
        self.timestamp_after_max_ms = limits.timestamp_after_max_ms;
        self.tell_time(now_ms);
    }

    /// Time has passed.
    pub(crate) fn tell_time(&mut self, now_ms: i64) {
        let before = self.timestamp_before_max_ms;
        let after = self.timestamp_after_max_ms;
        self.earliest = before.map_or(i64::MIN, |before| now_ms.saturating_sub(before));
        self.latest = after.map_or(i64::MAX, |after| now_ms.saturating_add(after));
    }

    /// The broker refused these records.
    pub(crate) fn remember(&mut self, records: &[RefusedRecord], said: &str, advice: &'static str) {
        for record in records {
            let headers = record
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_deref()));
            let hash = self.hash(
                record.timestamp,
                record.key.as_deref(),
                record.value.as_deref(),
                headers,
            );
            let said = match record.message.as_deref() {
                Some(message) => format!("{said}: {message}"),
                None => said.to_owned(),
            };
            let refused = Refused {
                hash,
                record: record.clone(),
                said,
                advice,
            };
            self.refused
                .insert_unique(hash, refused, |refused| refused.hash);
        }
    }

    /// Forgets single records: they are committed, or it is too long ago.
    pub(crate) fn forget_records(&mut self) {
        self.refused = hashbrown::HashTable::new();
    }

    /// Whether the topic takes a record.
    pub(crate) fn check(
        &self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) -> Result<(), AppendError> {
        if self.needs_key && key.is_none() {
            return Err(AppendError::KeyMissing);
        }
        let is_timed =
            self.timestamp_before_max_ms.is_some() || self.timestamp_after_max_ms.is_some();
        if is_timed && timestamp >= 0 && !(self.earliest..=self.latest).contains(&timestamp) {
            return Err(AppendError::TimestampOutside {
                timestamp,
                earliest: self.earliest.max(0),
                latest: self.latest,
            });
        }
        if self.refused.is_empty() {
            return Ok(());
        }
        let hash = self.hash(timestamp, key, value, headers.iter().copied());
        let is_it = |refused: &Refused| is_same(&refused.record, timestamp, key, value, headers);
        match self.refused.find(hash, is_it) {
            None => Ok(()),
            Some(refused) => Err(AppendError::Broker {
                said: refused.said.clone(),
                advice: refused.advice,
            }),
        }
    }

    fn hash<'r>(
        &self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl Iterator<Item = (&'r str, Option<&'r [u8]>)>,
    ) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        (timestamp, key, value).hash(&mut hasher);
        headers.for_each(|header| header.hash(&mut hasher));
        hasher.finish()
    }
}

fn is_same(
    refused: &RefusedRecord,
    timestamp: i64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[(&str, Option<&[u8]>)],
) -> bool {
    let same_headers = refused.headers.len() == headers.len()
        && refused
            .headers
            .iter()
            .zip(headers)
            .all(|((name, bytes), (other, others))| name == other && bytes.as_deref() == *others);
    refused.timestamp == timestamp
        && refused.key.as_deref() == key
        && refused.value.as_deref() == value
        && same_headers
}

#[cfg(test)]
mod tests;
