//! The settings of a share group in force: its own, else the brokers'.

use std::time::Duration;

use super::partition::Limits;
use crate::cluster::Cluster;
use crate::settings::Value;

/// Where a group begins in a partition it has not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reset {
    Earliest,
    Latest,
    /// At the records of so many milliseconds ago.
    Before(i64),
}

impl Reset {
    /// Reads `earliest`, `latest` or `by_duration:PnDTnHnMn.nS`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "earliest" => Some(Reset::Earliest),
            "latest" => Some(Reset::Latest),
            other => duration_ms(other.strip_prefix("by_duration:")?).map(Reset::Before),
        }
    }
}

/// Reads an ISO 8601 duration of days, hours, minutes and seconds, in small letters.
fn duration_ms(text: &str) -> Option<i64> {
    let mut rest = text.strip_prefix('p')?;
    let mut total = 0.0;
    let mut of_day = false;
    let mut found = false;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('t').filter(|_| !of_day) {
            (of_day, rest) = (true, after);
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = (rest.get(..end)?, rest.get(end..=end)?);
        let ms = match (unit, of_day) {
            ("d", false) => 86_400_000.0,
            ("h", true) => 3_600_000.0,
            ("m", true) => 60_000.0,
            ("s", true) => 1_000.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * ms;
        found = true;
        rest = rest.get(end + 1..)?;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a duration too long for 64 bits is as long as they say"
    )]
    found.then_some(total as i64)
}

/// The settings of a share group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShareConfig<'a> {
    cluster: &'a Cluster,
    group_id: &'a str,
}

impl<'a> ShareConfig<'a> {
    pub(crate) fn of(cluster: &'a Cluster, group_id: &'a str) -> Self {
        ShareConfig { cluster, group_id }
    }

    fn value(&self, key: &'static str) -> Value {
        let broker = &self.cluster.settings;
        self.cluster.layers.group_value(self.group_id, key, broker)
    }

    fn number(&self, key: &'static str) -> i64 {
        match self.value(key) {
            Value::Number(number) => number,
            other => other.to_string().parse().unwrap_or_default(),
        }
    }

    fn duration(&self, key: &'static str) -> Duration {
        Duration::from_millis(u64::try_from(self.number(key)).unwrap_or_default())
    }

    /// `share.delivery.count.limit` and `share.partition.max.record.locks`.
    pub(crate) fn limits(&self) -> Limits {
        let deliveries = self.number("share.delivery.count.limit");
        Limits {
            deliveries_max: i16::try_from(deliveries).unwrap_or(i16::MAX),
            in_flight_max: self.number("share.partition.max.record.locks"),
        }
    }

    /// How long a record stays locked: `share.record.lock.duration.ms`.
    pub(crate) fn lock(&self) -> Duration {
        self.duration("share.record.lock.duration.ms")
    }

    /// How long a member may be silent: `share.session.timeout.ms`.
    pub(crate) fn session_timeout(&self) -> Duration {
        self.duration("share.session.timeout.ms")
    }

    /// How often members are told to send heartbeats: `share.heartbeat.interval.ms`.
    pub(crate) fn heartbeat_interval_ms(&self) -> i32 {
        i32::try_from(self.number("share.heartbeat.interval.ms")).unwrap_or(i32::MAX)
    }

    /// How long an assignment stays at least: `share.assignment.interval.ms`.
    pub(crate) fn assignment_interval_ms(&self) -> i64 {
        self.number("share.assignment.interval.ms")
    }

    /// Whether records of open and aborted transactions are not for the group:
    /// `share.isolation.level`.
    pub(crate) fn reads_committed(&self) -> bool {
        self.value("share.isolation.level").to_string() == "read_committed"
    }

    /// Whether locks may be renewed: `share.renew.acknowledge.enable`.
    pub(crate) fn may_renew(&self) -> bool {
        matches!(
            self.value("share.renew.acknowledge.enable"),
            Value::Flag(true)
        )
    }

    /// Where the group begins: `share.auto.offset.reset`.
    pub(crate) fn reset(&self) -> Reset {
        let text = self.value("share.auto.offset.reset").to_string();
        Reset::parse(&text).unwrap_or(Reset::Latest)
    }
}

#[cfg(test)]
mod tests {
    //! Goal: the three ways to begin are read as Java reads them.

    use super::*;

    #[test]
    fn durations_are_read_as_java_reads_them() {
        for (text, expected) in [
            ("earliest", Some(Reset::Earliest)),
            ("LATEST", Some(Reset::Latest)),
            ("by_duration:PT1H", Some(Reset::Before(3_600_000))),
            ("by_duration:P1DT2H3M4.5S", Some(Reset::Before(93_784_500))),
            ("by_duration:P2D", Some(Reset::Before(172_800_000))),
            ("by_duration:PT0S", Some(Reset::Before(0))),
            ("by_duration:P", None),
            ("by_duration:-PT1H", None),
            ("by_duration:PT1D", None),
            ("by_duration:P1H", None),
            ("by_duration:PT1", None),
            ("by_duration:PTxS", None),
            ("by_duration", None),
            ("none", None),
        ] {
            assert_eq!(Reset::parse(text), expected, "{text}");
        }
    }
}
