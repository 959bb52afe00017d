//! The settings of a group: its own where it has any, else the broker's.

use std::time::Duration;

use crate::cluster::Cluster;
use crate::settings::Value;

impl Cluster {
    /// The number in force for a group; `key` is one of groups.
    pub(crate) fn group_number(&self, group: &str, key: &'static str) -> i64 {
        match self.layers.group_value(group, key, &self.settings) {
            Value::Number(number) => number,
            other => unreachable!("{key} is {other:?} and no number"),
        }
    }

    /// The same as 32 bits.
    pub(crate) fn group_number32(&self, group: &str, key: &'static str) -> i32 {
        i32::try_from(self.group_number(group, key)).unwrap_or(i32::MAX)
    }

    /// The same as milliseconds.
    pub(crate) fn group_time(&self, group: &str, key: &'static str) -> Duration {
        let ms = self.group_number(group, key);
        Duration::from_millis(u64::try_from(ms).unwrap_or(0))
    }

    /// The text in force for a group.
    pub(crate) fn group_text(&self, group: &str, key: &'static str) -> String {
        self.layers
            .group_value(group, key, &self.settings)
            .to_string()
    }
}
