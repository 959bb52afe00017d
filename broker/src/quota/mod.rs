//! How much clients may do: the quotas of KIP-13, KIP-124, KIP-546 and KIP-599.
//!
//! Whoever does more is answered at once, is told for how long to be quiet, and is not read from for
//! that long (KIP-219). Rates of bytes and of changes to topics are held; a share of the request
//! threads (`request_percentage`) and the rate of new connections can be set and are shown, but there
//! are no threads here to have shares of.

mod bucket;
mod entity;
mod rate;

pub(crate) use entity::{Entity, EntityKind, quota_key_fault};

use std::collections::BTreeMap;
use std::time::Duration;

use bucket::TokenBucket;
use rate::Rate;
use thalweg_protocol::{ErrorCode, StrBytes};

use crate::cluster::{Caller, Cluster};
use crate::store::Changes;

/// The most entities with quotas, and the most clients whose rates are kept.
const ENTITIES_MAX: usize = 10_000;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Counted {
    /// Bytes of produce requests.
    Produced,
    /// Bytes of records fetched.
    Fetched,
}

impl Counted {
    fn key(self) -> &'static str {
        match self {
            Counted::Produced => "producer_byte_rate",
            Counted::Fetched => "consumer_byte_rate",
        }
    }
}

/// Partitions made and deleted per second.
const MUTATIONS: &str = "controller_mutation_rate";

/// Whom a rate is counted for: parts that the quota does not name are empty.
type Tags = (StrBytes, StrBytes);

/// All quotas, and what they are held against.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    values: BTreeMap<Entity, BTreeMap<StrBytes, f64>>,
    pub(crate) changes: Changes<Entity>,
    rates: BTreeMap<(Counted, Tags), Rate>,
    buckets: BTreeMap<Tags, TokenBucket>,
}

impl Quotas {
    /// All that were set.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Entity, &BTreeMap<StrBytes, f64>)> {
        self.values.iter()
    }

    /// Those of one entity.
    pub(crate) fn of(&self, entity: &Entity) -> Option<&BTreeMap<StrBytes, f64>> {
        self.values.get(entity)
    }

    /// Whether there is no room for another entity.
    pub(crate) fn is_full(&self) -> bool {
        self.values.len() >= ENTITIES_MAX
    }

    /// Sets a quota, or, with `None`, removes it.
    pub(crate) fn set(&mut self, entity: &Entity, key: &StrBytes, value: Option<f64>) {
        self.changes.note(|| entity.clone());
        match value {
            Some(value) => {
                let values = self.values.entry(entity.clone()).or_default();
                values.insert(key.detached(), value);
            }
            None => {
                if let Some(values) = self.values.get_mut(entity) {
                    values.remove(key);
                    if values.is_empty() {
                        self.values.remove(entity);
                    }
                }
            }
        }
    }

    /// The quota that holds for a client, and whom all it is for together.
    fn find(&self, key: &str, user: &StrBytes, client_id: &StrBytes) -> Option<(f64, Tags)> {
        if self.values.is_empty() {
            return None;
        }
        let none = StrBytes::new;
        let (user, client) = (Some(user.clone()), Some(client_id.clone()));
        let (all_users, all_clients) = (Some(None), Some(None));
        // The most special first, in Kafka's order.
        let lookups = [
            (Some(user.clone()), Some(client.clone())),
            (Some(user.clone()), all_clients.clone()),
            (Some(user.clone()), None),
            (all_users.clone(), Some(client.clone())),
            (all_users.clone(), all_clients.clone()),
            (all_users, None),
            (None, Some(client.clone())),
            (None, all_clients),
        ];
        for (of_user, of_client) in lookups {
            let tags = (
                of_user
                    .as_ref()
                    .and_then(|_| user.clone())
                    .unwrap_or_else(none),
                of_client
                    .as_ref()
                    .and_then(|_| client.clone())
                    .unwrap_or_else(none),
            );
            let entity = Entity::of_client(of_user, of_client);
            let value = self.values.get(&entity).and_then(|values| values.get(key));
            if let Some(value) = value {
                return Some((*value, tags));
            }
        }
        None
    }

    /// Forgets the rates of those who were quiet, where there are too many.
    fn make_room(&mut self, now_ms: i64, window: Window) {
        if self.rates.len() < ENTITIES_MAX {
            return;
        }
        self.rates.retain(|_, rate| !rate.is_quiet(now_ms, window));
        if self.rates.len() >= ENTITIES_MAX {
            self.rates.clear();
        }
    }
}

/// Over how much time a rate is taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// How many samples.
    samples: i64,
    /// How long each.
    sample_ms: i64,
}

impl Cluster {
    fn quota_window(&self) -> Window {
        Window {
            samples: self.settings.number("quota.window.num"),
            sample_ms: self.settings.number("quota.window.size.seconds") * 1000,
        }
    }

    /// Counts bytes. How long the client has to be quiet then.
    pub(crate) fn count_bytes(&mut self, caller: &Caller, what: Counted, bytes: usize) -> Duration {
        let client_id = caller.client_id();
        let found = self
            .quotas
            .find(what.key(), &caller.principal.name, &client_id);
        let Some((quota, tags)) = found else {
            return Duration::ZERO;
        };
        let (now_ms, window) = (self.now.wall_ms, self.quota_window());
        self.quotas.make_room(now_ms, window);
        let rate = self.quotas.rates.entry((what, tags)).or_default();
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        rate.add(now_ms, f64::from(bytes), window);
        rate.throttle(now_ms, quota, window)
    }

    /// Takes back what was counted: it was not sent after all.
    pub(crate) fn uncount_bytes(&mut self, caller: &Caller, what: Counted, bytes: usize) {
        let client_id = caller.client_id();
        let found = self
            .quotas
            .find(what.key(), &caller.principal.name, &client_id);
        if let Some((_, tags)) = found {
            let (now_ms, window) = (self.now.wall_ms, self.quota_window());
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            if let Some(rate) = self.quotas.rates.get_mut(&(what, tags)) {
                rate.add(now_ms, -f64::from(bytes), window);
            }
        }
    }

    /// The most bytes that one answer may have without exceeding the quota by itself.
    pub(crate) fn fetch_bytes_max(&self, caller: &Caller) -> usize {
        let client_id = caller.client_id();
        let key = Counted::Fetched.key();
        let found = self.quotas.find(key, &caller.principal.name, &client_id);
        let Some((quota, _)) = found else {
            return usize::MAX;
        };
        let window = self.quota_window();
        let seconds = (window.samples - 1).max(1) * window.sample_ms / 1000;
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        saturating(quota * f64::from(seconds))
    }

    /// Counts changes to topics (KIP-599). Old clients are only made quiet, as `quiet` says then; of
    /// the others what comes too early is refused.
    ///
    /// # Errors
    /// THROTTLING_QUOTA_EXCEEDED.
    pub(crate) fn count_mutations(
        &mut self,
        caller: &Caller,
        partitions: usize,
        is_old: bool,
        quiet: &mut Duration,
    ) -> Result<(), ErrorCode> {
        let Err(wait) = self.take_mutations(caller, partitions, is_old) else {
            return Ok(());
        };
        *quiet = wait.max(*quiet);
        if is_old {
            return Ok(());
        }
        Err(ErrorCode::THROTTLING_QUOTA_EXCEEDED)
    }

    fn take_mutations(
        &mut self,
        caller: &Caller,
        partitions: usize,
        forced: bool,
    ) -> Result<(), Duration> {
        let client_id = caller.client_id();
        let found = self
            .quotas
            .find(MUTATIONS, &caller.principal.name, &client_id);
        let Some((quota, tags)) = found else {
            return Ok(());
        };
        let samples = self.settings.number("controller.quota.window.num");
        let seconds = self.settings.number("controller.quota.window.size.seconds");
        let burst = quota * f64::from(u32::try_from(samples * seconds).unwrap_or(u32::MAX));
        if self.quotas.buckets.len() >= ENTITIES_MAX {
            self.quotas.buckets.clear();
        }
        let now_ms = self.now.wall_ms;
        let bucket = self.quotas.buckets.entry(tags);
        let bucket = bucket.or_insert_with(|| TokenBucket::full(now_ms, burst));
        let partitions = u32::try_from(partitions).unwrap_or(u32::MAX);
        bucket.take(now_ms, f64::from(partitions), quota, burst, forced)
    }
}

/// As answers tell it.
pub(crate) fn throttle_ms(quiet: Duration) -> i32 {
    i32::try_from(quiet.as_millis()).unwrap_or(i32::MAX)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float saturates, which is what is wanted of a quota beyond all bounds"
)]
fn saturating(number: f64) -> usize {
    number as usize
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float saturates; the number is not negative"
)]
fn milliseconds(number: f64) -> Duration {
    // No client is kept quiet for longer than a day.
    Duration::from_millis((number.round() as u64).min(86_400_000))
}

#[cfg(test)]
mod tests;
