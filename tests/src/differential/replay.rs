//! What clients and a Kafka once said to each other, said again to another broker.
//!
//! The requests of a capture go out in their order, each over a connection of its own number, with
//! what the captured broker gave out replaced by what this one gives out. The answers are compared as
//! those of a [`Pair`](super::Pair).

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::{Value, json};
use thalweg_protocol::{ApiKey, Decoder, decode_request_header};

use super::call::{Call, codec};
use super::pair::compare;
use super::side::{Side, says_not_yet};
use crate::json::to_json;
use crate::tally::Outcome;
use crate::vectors::from_hex;

/// What brokers say to each other. The connections on which they do are left out.
const BETWEEN_BROKERS: &[&str] = &[
    "AddPartitionsToTxn",
    "DeleteShareGroupState",
    "InitializeShareGroupState",
    "ReadShareGroupState",
    "ReadShareGroupStateSummary",
    "WriteShareGroupState",
    "WriteTxnMarkers",
];

/// A captured broker, and another that is asked what it was asked.
pub struct Replay {
    captured: Side,
    asked: Side,
    offered: BTreeSet<i64>,
    connections_before: u8,
    left_out: &'static [LeftOut],
}

/// What is not compared, and why: an API of a scenario, or a field of its answers.
#[derive(Debug)]
pub struct LeftOut {
    /// The end of the scenario's name; empty for all.
    pub scenario: &'static str,
    /// The API.
    pub api: &'static str,
    /// A part of the path of each field that may differ; empty for all.
    pub field: &'static str,
    /// Why it may.
    pub why: &'static str,
}

impl LeftOut {
    fn covers(&self, scenario: &str, api: &str, path: &str) -> bool {
        scenario.ends_with(self.scenario) && api == self.api && path.contains(self.field)
    }
}

impl Replay {
    /// Asks the broker at `address`. What is left out is counted as out of scope.
    pub async fn new(address: &str, left_out: &'static [LeftOut]) -> Self {
        let mut asked = Side::new("asked", address);
        let call = Call {
            connection: 0,
            api: "ApiVersions",
            version: 0,
            body: json!({}),
        };
        let answer = asked.call(&call).await;
        let keys = answer.get("apiKeys").and_then(Value::as_array);
        let keys = keys.into_iter().flatten();
        Replay {
            captured: Side::new("captured", ""),
            asked,
            offered: keys.filter_map(|key| key.get("apiKey")?.as_i64()).collect(),
            connections_before: 1,
            left_out,
        }
    }

    /// Goes through the lines of a capture, which has a name. Gives an outcome for each answer, with its place.
    ///
    /// # Panics
    /// A line is not as those of captures are.
    pub async fn scenario(&mut self, name: &str, lines: &[Value]) -> Vec<(String, Outcome)> {
        let of_brokers = connections_of_brokers(lines);
        let mut last = 0;
        let mut outcomes = Vec::new();
        for line in lines {
            let number = integer(line, "connection");
            last = last.max(number);
            if of_brokers.contains(&number) {
                continue;
            }
            let connection = self.connections_before + u8::try_from(number).expect("a few");
            if line.get("direction") == Some(&json!("request")) {
                let call = self.call(connection, line);
                self.asked.send(&call).await;
            } else {
                let outcome = self.answer(name, connection, line).await;
                let place = format!("seq {} {}", integer(line, "seq"), text(line, "api"));
                outcomes.push((place, outcome));
            }
        }
        self.connections_before += u8::try_from(last + 1).expect("a few");
        outcomes
    }

    fn call(&self, connection: u8, line: &Value) -> Call {
        let mut decoder = Decoder::new(Bytes::from(from_hex(text(line, "hex"))));
        let (key, header) = decode_request_header(&mut decoder).expect("a request");
        let version = header.request_api_version;
        let request = codec(key.name(), "Request");
        let mut body = (request.decode)(&mut decoder, version).expect("a request");
        Call {
            connection,
            api: key.name(),
            version,
            body: self
                .captured
                .name_known("", &to_json(body.reflect(), version)),
        }
    }

    /// An answer to ApiVersions without what does not say how a broker behaves: APIs that are not
    /// offered here, those between brokers, and how the voters of the captured quorum found each other.
    fn without_what_is_not_offered(&self, api: &str, mut answer: Value) -> Value {
        if api != "ApiVersions" {
            return answer;
        }
        if let Some(keys) = answer.get_mut("apiKeys").and_then(Value::as_array_mut) {
            keys.retain(|key| self.offered.contains(&integer(key, "apiKey")));
        }
        if let Some(features) = answer
            .get_mut("finalizedFeatures")
            .and_then(Value::as_array_mut)
        {
            features.retain(|feature| text(feature, "name") != "kraft.version");
        }
        answer
    }

    async fn answer(&mut self, scenario: &str, connection: u8, line: &Value) -> Outcome {
        let key = ApiKey::from_code(integer(line, "api_key") as i16).expect("a known API");
        let api = key.name();
        let version = integer(line, "api_version") as i16;
        let decode = codec(api, "Response").decode_frame.expect("a response");
        let frame = Bytes::from(from_hex(text(line, "hex")));
        let (_, mut stated) = decode(frame, version).expect("an answer");
        let stated = to_json(stated.reflect(), version);

        let found = self.asked.answer(connection, api, version).await;
        if !self.offered.contains(&integer(line, "api_key")) {
            return Outcome::NotDefined(api.to_owned());
        }
        if says_not_yet(&stated) || says_not_yet(&found) {
            return Outcome::OutOfScope(format!("{api}: not yet"));
        }
        let stated = self
            .captured
            .told(api, self.without_what_is_not_offered(api, stated));
        let found = self.asked.told(api, found);
        let mut differences = Vec::new();
        compare("", &stated, &found, &mut differences);
        let mut reason = None;
        differences.retain(|(path, _, _)| {
            let mut rules = self.left_out.iter();
            let rule = rules.find(|rule| rule.covers(scenario, api, path));
            reason = reason.or(rule);
            rule.is_none()
        });
        if differences.is_empty() {
            return match reason {
                None => Outcome::Passed,
                Some(rule) => Outcome::OutOfScope(format!("{api}: {}", rule.why)),
            };
        }
        let told = differences.iter().map(|(path, stated, found)| {
            let (stated, found) = (shortened(stated), shortened(found));
            format!("{path}: {found} instead of {stated}")
        });
        Outcome::Failed(told.collect::<Vec<_>>().join("; "))
    }
}

/// As much of a value as helps to see what it is.
fn shortened(value: &Value) -> String {
    const CHARACTERS_MAX: usize = 160;
    let text = value.to_string();
    let elements = value.as_array().map_or(String::new(), |elements| {
        format!("{} elements ", elements.len())
    });
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{elements}{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn connections_of_brokers(lines: &[Value]) -> BTreeSet<i64> {
    let between = lines
        .iter()
        .filter(|line| BETWEEN_BROKERS.contains(&text(line, "api")));
    between.map(|line| integer(line, "connection")).collect()
}

fn text<'l>(line: &'l Value, field: &str) -> &'l str {
    line.get(field).and_then(Value::as_str).expect("a text")
}

fn integer(line: &Value, field: &str) -> i64 {
    line.get(field).and_then(Value::as_i64).expect("a number")
}
