//! Kafka's settings of brokers and topics, in its own keys.
//!
//! One table lists the keys that mean something here, with type, default and meaning. A key that is
//! not in it is an error which names the nearest one that is.

mod broker_keys;
mod client_metrics_keys;
mod dynamic_keys;
mod group_keys;
mod kept_keys;
mod layers;
mod topic_keys;
mod value;

use std::collections::BTreeMap;

use crate::release::Release;

pub(crate) use broker_keys::BROKER_KEYS;
pub(crate) use client_metrics_keys::CLIENT_METRICS_KEYS;
pub(crate) use dynamic_keys::is_dynamic;
pub(crate) use group_keys::{GROUP_KEYS, broker_key_of_group_key};
pub(crate) use kept_keys::KEPT_KEYS;
pub(crate) use layers::{ConfigSource, LayerKey, Layers};
use topic_keys::{TOPIC_KEYS, TOPIC_KEYS_OF_4_4};
pub(crate) use value::{Definition, Value};

/// Why a setting was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// The key is not one that means something here.
    #[error("`{key}` is not a setting of the embedded broker{}", hint(.nearest.as_deref()))]
    UnknownKey {
        /// The key.
        key: String,
        /// The nearest key that is known, if one is near.
        nearest: Option<String>,
    },
    /// The value is not one the key can have.
    #[error("Invalid value {value} for configuration {key}: {reason}")]
    InvalidValue {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |key| format!("; did you mean `{key}`?"))
}

/// Values of the keys of one table, where they differ from its defaults.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    table: &'static [Definition],
    /// More keys: a broker's that have no effect, or a topic's that not every release has.
    kept: &'static [Definition],
    changed: BTreeMap<&'static str, Value>,
}

impl Settings {
    /// All at their defaults.
    pub(crate) fn new(table: &'static [Definition]) -> Self {
        Settings {
            table,
            kept: &[],
            changed: BTreeMap::new(),
        }
    }

    /// A broker's, all at their defaults, with those that are only kept and shown.
    pub(crate) fn of_broker() -> Self {
        Settings {
            kept: KEPT_KEYS,
            ..Settings::new(BROKER_KEYS)
        }
    }

    /// A topic's, all at their defaults, with the keys that the release has.
    pub(crate) fn of_topic(release: Release) -> Self {
        let kept = match release >= Release::of(4, 4) {
            true => TOPIC_KEYS_OF_4_4,
            false => &[],
        };
        Settings {
            kept,
            ..Settings::new(TOPIC_KEYS)
        }
    }

    /// Whether topics of some release have that key.
    pub(crate) fn is_of_any_topic(key: &str) -> bool {
        let newest = Settings::of_topic(Release::of(u16::MAX, u16::MAX));
        newest.definition(key).is_some()
    }

    /// Looks a key up in the table.
    pub(crate) fn definition(&self, key: &str) -> Option<&'static Definition> {
        let found = |table: &'static [Definition]| {
            let place = table.binary_search_by(|row| row.key.cmp(key)).ok()?;
            table.get(place)
        };
        found(self.table).or_else(|| found(self.kept))
    }

    /// All keys, the additional ones last.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = &'static Definition> + use<> {
        let table = self.table;
        let of_table =
            |row: &Definition| table.binary_search_by(|own| own.key.cmp(row.key)).is_ok();
        let kept = self.kept.iter().filter(move |row| !of_table(row));
        table.iter().chain(kept)
    }

    /// Sets a key from its text.
    pub(crate) fn set(&mut self, key: &str, text: &str) -> Result<(), SettingError> {
        let Some(definition) = self.definition(key) else {
            return Err(SettingError::UnknownKey {
                key: key.to_owned(),
                nearest: nearest(key, self.definitions().map(|row| row.key)),
            });
        };
        let value = definition.parse(text)?;
        self.changed.insert(definition.key, value);
        Ok(())
    }

    /// Takes over all that is set in `other`, a table of the same keys.
    pub(crate) fn overlay(&mut self, other: &Settings) {
        let theirs = other.changed.iter();
        self.changed
            .extend(theirs.map(|(key, value)| (*key, value.clone())));
    }

    /// Puts a key back to its default.
    pub(crate) fn reset(&mut self, key: &str) {
        self.changed.remove(key);
    }

    /// The value of a key that was set; `None` where it has its default.
    pub(crate) fn set_value(&self, key: &str) -> Option<&Value> {
        self.changed.get(key)
    }

    /// All that was set, by key.
    pub(crate) fn all_set(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.changed.iter().map(|(key, value)| (*key, value))
    }

    /// The value in force.
    ///
    /// # Panics
    /// If the table has no such key: the keys asked for here are written in the code.
    pub(crate) fn value(&self, key: &'static str) -> Value {
        if let Some(value) = self.changed.get(key) {
            return value.clone();
        }
        let definition = self.definition(key).expect("a key of the table");
        definition.default_value()
    }

    /// A number; see [`value`](Self::value).
    pub(crate) fn number(&self, key: &'static str) -> i64 {
        match self.value(key) {
            Value::Number(number) => number,
            other => unreachable!("{key} is {other:?} and no number"),
        }
    }

    /// A number that its definition keeps within 32 bits.
    pub(crate) fn number32(&self, key: &'static str) -> i32 {
        i32::try_from(self.number(key)).unwrap_or(i32::MAX)
    }

    /// Yes or no; see [`value`](Self::value).
    pub(crate) fn flag(&self, key: &'static str) -> bool {
        matches!(self.value(key), Value::Flag(true))
    }

    /// Text; see [`value`](Self::value).
    pub(crate) fn text(&self, key: &'static str) -> String {
        self.value(key).to_string()
    }
}

/// The key that differs least, where that is little.
fn nearest<'a>(key: &str, keys: impl Iterator<Item = &'a str>) -> Option<String> {
    let (distance, nearest) = keys.map(|known| (edit_distance(key, known), known)).min()?;
    (distance <= key.len().max(3) / 3).then(|| nearest.to_owned())
}

/// How many characters have to be put in, taken out or replaced to make `b` of `a`.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (above, left) in a.chars().enumerate() {
        let mut diagonal = above;
        let mut before = above + 1;
        let mut next = vec![before];
        for (right, up) in b.iter().zip(row.iter().skip(1)) {
            let replaced = diagonal + usize::from(*right != left);
            before = replaced.min(before + 1).min(up + 1);
            diagonal = *up;
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    //! Goal: defaults are valid, values are checked, unknown keys name the nearest known one.

    use super::*;

    const TABLES: [&[Definition]; 6] = [
        BROKER_KEYS,
        KEPT_KEYS,
        TOPIC_KEYS,
        TOPIC_KEYS_OF_4_4,
        GROUP_KEYS,
        CLIENT_METRICS_KEYS,
    ];

    #[test]
    fn every_table_is_in_the_order_of_its_keys() {
        // They are searched by halves.
        for table in TABLES {
            for pair in table.windows(2) {
                let keys: Vec<_> = pair.iter().map(|row| row.key).collect();
                assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
            }
        }
    }

    #[test]
    fn every_default_is_a_value_its_key_can_have() {
        for row in TABLES.into_iter().flatten() {
            assert_eq!(
                row.parse(row.default),
                Ok(row.default_value()),
                "{}",
                row.key
            );
        }
    }

    #[test]
    fn an_unknown_key_names_the_nearest_one() {
        let mut settings = Settings::new(BROKER_KEYS);
        let error = settings.set("num.partition", "3").expect_err("unknown");
        assert!(
            error
                .to_string()
                .ends_with("did you mean `num.partitions`?"),
            "{error}"
        );
        let error = settings.set("zookeeper.connect", "x").expect_err("unknown");
        assert!(!error.to_string().contains("did you mean"), "{error}");
    }

    #[test]
    fn a_value_out_of_range_is_refused_and_the_old_one_stays() {
        let mut settings = Settings::new(BROKER_KEYS);
        settings.set("num.partitions", "3").expect("valid");
        for bad in ["0", "-1", "many", "", "99999999999"] {
            settings.set("num.partitions", bad).expect_err(bad);
        }
        assert_eq!(settings.number("num.partitions"), 3);
    }
}
