//! Names for what a broker gives out itself, by the order of first appearance.
//!
//! Two brokers that behave alike give out the same things in the same order, under other values.

use serde_json::Value;

/// What one side has given out.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    given_out: Vec<(&'static str, Value)>,
}

/// Fields that hold what a broker has made up, and what it is.
///
/// One name may mean two things (`leader` is a member of a group or a broker): the type tells.
const NUMBERS: &[(&str, &str)] = &[
    ("producerId", "producer"),
    ("currentProducerId", "producer"),
    ("sessionId", "fetch-session"),
    ("nodeId", "broker"),
    ("brokerId", "broker"),
    ("leaderId", "broker"),
    ("controllerId", "broker"),
    ("replicaNodes", "broker"),
    ("isrNodes", "broker"),
    ("offlineReplicas", "broker"),
    ("replicas", "broker"),
    ("coordinatorId", "broker"),
    ("currentLeader", "broker"),
];

const STRINGS: &[(&str, &str)] = &[
    ("topicId", "topic"),
    ("topicIds", "topic"),
    ("id", "topic"),
    ("memberId", "member"),
    ("leader", "member"),
    ("clusterId", "cluster"),
];

const NO_TOPIC: &str = "AAAAAAAAAAAAAAAAAAAAAA";

impl Symbols {
    /// The name for the value of a field, if it is one that a broker makes up.
    pub(super) fn name(&mut self, field: &str, value: &Value) -> Option<Value> {
        let class = class(field, value)?;
        if self.known(field, value).is_none() {
            self.given_out.push((class, value.clone()));
        }
        self.known(field, value).map(Value::from)
    }

    /// The name, if the value has appeared before.
    pub(super) fn known(&self, field: &str, value: &Value) -> Option<String> {
        let class = class(field, value)?;
        let mut of_class = self.given_out.iter().filter(|(other, _)| *other == class);
        let number = of_class.position(|(_, known)| known == value)?;
        Some(format!("{class}#{number}"))
    }

    /// The value behind a name; `None` if the text is no name of something this side has given out.
    pub(super) fn value(&self, text: &str) -> Option<&Value> {
        let (class, number) = text.split_once('#')?;
        let number: usize = number.parse().ok()?;
        let mut of_class = self.given_out.iter().filter(|(other, _)| *other == class);
        of_class.nth(number).map(|(_, value)| value)
    }
}

/// What a field's value is, if it is something that brokers give out.
fn class(field: &str, value: &Value) -> Option<&'static str> {
    let (fields, is_none) = match value {
        Value::Number(number) => {
            let none = number.as_i64() == Some(-1);
            (
                NUMBERS,
                none || (field == "sessionId" && number.as_i64() == Some(0)),
            )
        }
        Value::String(text) => (STRINGS, text.is_empty() || text == NO_TOPIC),
        _ => return None,
    };
    let (_, class) = fields.iter().find(|(name, _)| *name == field)?;
    (!is_none).then_some(*class)
}

/// Whether a text has the form of a name.
pub(super) fn is_name(text: &str) -> bool {
    let classes = NUMBERS.iter().chain(STRINGS).map(|(_, class)| *class);
    text.split_once('#').is_some_and(|(class, number)| {
        classes.clone().any(|known| known == class) && number.parse::<usize>().is_ok()
    })
}
