//! A setting: its key, its type, its default, its value.

use std::fmt;

use super::SettingError;

/// What a setting's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number of 32 bits within bounds.
    Int { min: i32, max: i32 },
    /// A whole number of 64 bits that is at least `min`.
    Long { min: i64 },
    /// A number with a fraction, from 0 to 1.
    Ratio,
    /// Any number with a fraction.
    Double,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// One of these words, in capitals or not.
    OneOfCaseless(&'static [&'static str]),
    /// Any number of these words, separated by commas.
    ListOf(&'static [&'static str]),
    /// Any words, separated by commas.
    List,
    /// `*`, or partitions with brokers: `0:1,0:2`.
    Throttled,
    /// Where a share group begins.
    ShareReset,
    /// A level of gzip.
    GzipLevel,
    /// Any text.
    Text,
}

/// A setting that means something here.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) key: &'static str,
    pub(crate) kind: Kind,
    pub(crate) default: &'static str,
    pub(crate) doc: &'static str,
    /// Whether Kafka shows no value where none was set: another key says what holds then.
    pub(crate) shown_unset: bool,
}

impl Definition {
    /// A row of the table.
    pub(super) const fn new(
        key: &'static str,
        kind: Kind,
        default: &'static str,
        doc: &'static str,
    ) -> Self {
        Definition {
            key,
            kind,
            default,
            doc,
            shown_unset: false,
        }
    }

    /// The same, shown without a value where none was set.
    pub(super) const fn unset(mut self) -> Self {
        self.shown_unset = true;
        self
    }

    /// The number of its type in answers.
    pub(crate) fn type_code(&self) -> i8 {
        const SHORT_MAX: i32 = i16::MAX as i32;
        match self.kind {
            Kind::Flag => 1,
            Kind::OneOf(_) | Kind::OneOfCaseless(_) | Kind::Text | Kind::ShareReset => 2,
            Kind::Int { max: SHORT_MAX, .. } => 4,
            Kind::Int { .. } | Kind::GzipLevel => 3,
            Kind::Long { .. } => 5,
            Kind::Ratio | Kind::Double => 6,
            Kind::ListOf(_) | Kind::List | Kind::Throttled => 7,
        }
    }

    /// Whether its value is a list, which can be added to and taken from.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.kind, Kind::ListOf(_) | Kind::List | Kind::Throttled)
    }

    /// The value a key has that was not set.
    pub(crate) fn default_value(&self) -> Value {
        self.parse(self.default)
            .expect("tested for the whole table")
    }

    /// A refused value as Kafka shows it: what it read of it.
    fn shown(&self, text: &str) -> String {
        match (self.kind, text.trim().parse::<f64>()) {
            (Kind::Ratio | Kind::Double, Ok(number)) => format!("{number:?}"),
            (Kind::Throttled, _) => format!("[{}]", text.replace(',', ", ")),
            _ => text.to_owned(),
        }
    }

    /// Reads a value, and checks it.
    pub(crate) fn parse(&self, text: &str) -> Result<Value, SettingError> {
        let refused = |reason: String| SettingError::InvalidValue {
            key: self.key.to_owned(),
            value: self.shown(text),
            reason,
        };
        let trimmed = text.trim();
        match self.kind {
            Kind::Flag => match trimmed.to_ascii_lowercase().as_str() {
                "true" => Ok(Value::Flag(true)),
                "false" => Ok(Value::Flag(false)),
                _ => Err(refused("Expected value to be either true or false".into())),
            },
            Kind::Int { min, max } => {
                let not_a_number = |_| refused("Not a number of type INT".into());
                let number: i32 = trimmed.parse().map_err(not_a_number)?;
                if number < min {
                    return Err(refused(format!("Value must be at least {min}")));
                }
                if number > max {
                    return Err(refused(format!("Value must be no more than {max}")));
                }
                Ok(Value::Number(i64::from(number)))
            }
            Kind::Long { min } => {
                let not_a_number = |_| refused("Not a number of type LONG".into());
                let number: i64 = trimmed.parse().map_err(not_a_number)?;
                if number < min {
                    return Err(refused(format!("Value must be at least {min}")));
                }
                Ok(Value::Number(number))
            }
            Kind::Ratio => match trimmed.parse::<f64>() {
                Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(Value::Text(trimmed.to_owned())),
                Ok(ratio) if ratio > 1.0 => Err(refused("Value must be no more than 1".into())),
                Ok(_) => Err(refused("Value must be at least 0".into())),
                Err(_) => Err(refused("Not a number of type DOUBLE".into())),
            },
            Kind::OneOf(words) => {
                if words.contains(&trimmed) {
                    return Ok(Value::Text(trimmed.to_owned()));
                }
                Err(refused(format!(
                    "String must be one of: {}",
                    words.join(", ")
                )))
            }
            Kind::OneOfCaseless(words) => {
                if words.iter().any(|word| word.eq_ignore_ascii_case(trimmed)) {
                    return Ok(Value::Text(trimmed.to_owned()));
                }
                let all = words.join(", ");
                Err(refused(format!(
                    "String must be one of (case insensitive): {all}"
                )))
            }
            Kind::ListOf(words) => {
                for word in trimmed.split(',').map(str::trim) {
                    if !words.contains(&word) && !trimmed.is_empty() {
                        let all = words.join(", ");
                        return Err(refused(format!("String must be one of: {all}")));
                    }
                }
                Ok(Value::Text(trimmed.to_owned()))
            }
            Kind::Double => match trimmed.parse::<f64>() {
                Ok(_) => Ok(Value::Text(trimmed.to_owned())),
                Err(_) => Err(refused("Not a number of type DOUBLE".into())),
            },
            Kind::List | Kind::Text => Ok(Value::Text(text.to_owned())),
            Kind::Throttled => {
                let pair = |part: &str| {
                    let ends = part.trim().split_once(':');
                    let number = |text: &str| text.parse::<u32>().is_ok();
                    ends.is_some_and(|(partition, broker)| number(partition) && number(broker))
                };
                if matches!(trimmed, "" | "*") || trimmed.split(',').all(pair) {
                    return Ok(Value::Text(trimmed.to_owned()));
                }
                Err(refused(format!(
                    "{} must be the literal '*' or a list of replicas in the following format: \
                     [partitionId]:[brokerId],[partitionId]:[brokerId],...",
                    self.key
                )))
            }
            Kind::ShareReset => {
                let duration = trimmed.strip_prefix("by_duration:");
                if matches!(trimmed, "earliest" | "latest")
                    || duration.is_some_and(|text| text.starts_with('P') && text.len() > 2)
                {
                    return Ok(Value::Text(trimmed.to_owned()));
                }
                Err(refused(format!(
                    "Invalid value `{trimmed}` for configuration {}. The value must be either \
                     'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.",
                    self.key
                )))
            }
            Kind::GzipLevel => match trimmed.parse::<i32>() {
                Ok(level @ (-1 | 1..=9)) => Ok(Value::Number(i64::from(level))),
                Ok(_) => Err(refused(
                    "Value must be between 1 and 9 or equal to -1".into(),
                )),
                Err(_) => Err(refused("Not a number of type INT".into())),
            },
        }
    }
}

/// The value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Flag(bool),
    Number(i64),
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Flag(flag) => flag.fmt(f),
            Value::Number(number) => number.fmt(f),
            Value::Text(text) => text.fmt(f),
        }
    }
}
