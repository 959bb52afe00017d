//! One of the two brokers: its connections, and what it has given out.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::sleep;

use super::call::{Call, RawCalls};
use super::may_differ::{BROKERS_TIME, How, rule_for};
use super::records::{batches_from_json, batches_to_json, producer_of, resealed};
use super::symbols::{Symbols, is_name};
use crate::json::{from_base64, to_base64};

/// Changes an answer before anybody sees it: what a broken broker would do.
pub type Alteration = Box<dyn FnMut(&str, &mut Value) + Send>;

/// Answers that say "not yet", which both brokers give or do not give as it happens:
/// `LEADER_NOT_AVAILABLE`, `NOT_LEADER_OR_FOLLOWER`, `COORDINATOR_LOAD_IN_PROGRESS`,
/// `COORDINATOR_NOT_AVAILABLE`, `NOT_COORDINATOR`, `CONCURRENT_TRANSACTIONS`,
/// `UNSTABLE_OFFSET_COMMIT`.
const NOT_YET: &[i64] = &[5, 6, 14, 15, 16, 51, 88];

/// How often and after how long such an answer is asked for again.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(20);

/// Between requests that shall reach the broker in this order over different connections.
const STAGGER: Duration = Duration::from_millis(15);

/// One broker.
pub struct Side {
    name: &'static str,
    address: String,
    connections: BTreeMap<u8, RawCalls>,
    symbols: Symbols,
    alteration: Option<Alteration>,
}

impl Side {
    /// A broker at an address.
    #[must_use]
    pub fn new(name: &'static str, address: &str) -> Self {
        Self {
            name,
            address: address.to_owned(),
            connections: BTreeMap::new(),
            symbols: Symbols::default(),
            alteration: None,
        }
    }

    /// Lets its answers be changed.
    #[must_use]
    pub fn altered(mut self, alteration: Alteration) -> Self {
        self.alteration = Some(alteration);
        self
    }

    /// What it is called in reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Sends a request until the answer is not "not yet", and gives the answer to compare.
    pub async fn call(&mut self, call: &Call) -> Value {
        let mut answer = Value::Null;
        for _ in 0..ATTEMPTS {
            answer = self.call_once(call).await;
            if !says_not_yet(&answer) {
                break;
            }
            sleep(PAUSE).await;
        }
        self.comparable(call.api, answer)
    }

    /// Sends requests about a group, one after the other over connections of their own, and waits for
    /// all answers: brokers hold some back until others are there.
    pub async fn call_together(&mut self, calls: &[Call]) -> Vec<Value> {
        for call in calls {
            let body = self.with_values(&call.body);
            let connection = self.connection(call.connection);
            connection.send(call.api, call.version, &body).await;
            sleep(STAGGER).await;
            // A coordinator works on the requests about a group one after the other.
            self.call_once(&Call {
                connection: 0,
                api: "DescribeGroups",
                version: 5,
                body: json!({"groups": [body["groupId"]]}),
            })
            .await;
        }
        let mut answers = Vec::new();
        for call in calls {
            let connection = self.connection(call.connection);
            answers.push(connection.answer(call.api, call.version).await);
        }
        let answered = calls.iter().zip(answers);
        answered
            .map(|(call, answer)| self.comparable(call.api, answer))
            .collect()
    }

    /// Sends a request without waiting for its answer.
    pub(super) async fn send(&mut self, call: &Call) {
        let body = self.with_values(&call.body);
        let connection = self.connection(call.connection);
        connection.send(call.api, call.version, &body).await;
    }

    /// Waits for the answer to the oldest request of a connection that has none.
    pub(super) async fn answer(&mut self, connection: u8, api: &str, version: i16) -> Value {
        self.connection(connection).answer(api, version).await
    }

    /// Takes an answer for this side's own: what it gives out is known from now on.
    pub(super) fn told(&mut self, api: &str, answer: Value) -> Value {
        self.comparable(api, answer)
    }

    /// Puts names in where a request, sent to this side alone, has what it has given out.
    pub(super) fn name_known(&self, field: &str, value: &Value) -> Value {
        if let Some(name) = self.symbols.known(field, value) {
            return Value::from(name);
        }
        match value {
            Value::Array(elements) => {
                let named = elements.iter().map(|e| self.name_known(field, e));
                named.collect()
            }
            Value::Object(fields) => {
                let named = fields
                    .iter()
                    .map(|(name, value)| (name.clone(), self.name_known(name, value)));
                Value::Object(named.collect())
            }
            Value::String(records) if field == "records" => {
                let bytes = from_base64(records).unwrap_or_default();
                let producer = producer_of(&bytes).map(Value::from);
                let name = producer.and_then(|id| self.symbols.known("producerId", &id));
                match name {
                    Some(name) => json!({"_sealed": records, "producerId": name}),
                    None => value.clone(),
                }
            }
            // Nothing new is waited for: it comes when it came.
            Value::Number(_) if field == "maxWaitMs" => json!(20),
            other => other.clone(),
        }
    }

    async fn call_once(&mut self, call: &Call) -> Value {
        let body = self.with_values(&call.body);
        let connection = self.connection(call.connection);
        connection.send(call.api, call.version, &body).await;
        connection.answer(call.api, call.version).await
    }

    fn connection(&mut self, number: u8) -> &mut RawCalls {
        let address = &self.address;
        self.connections
            .entry(number)
            .or_insert_with(|| RawCalls::new(address))
    }

    /// Puts this side's values in where the request has names, and bytes where it describes records.
    fn with_values(&self, value: &Value) -> Value {
        match value {
            Value::String(text) if is_name(text) => match self.symbols.value(text) {
                Some(value) => value.clone(),
                // The other side has given out more: that difference is reported already.
                None => unknown_id(text),
            },
            Value::Array(elements) => elements.iter().map(|e| self.with_values(e)).collect(),
            Value::Object(fields) => {
                let resolved = fields
                    .iter()
                    .map(|(name, value)| (name.clone(), self.with_values(value)));
                let resolved = resolved.collect();
                if fields.contains_key("_batches") {
                    return Value::from(to_base64(&batches_from_json(&resolved)));
                }
                if fields.contains_key("_sealed") {
                    return Value::from(to_base64(&resealed(&resolved)));
                }
                Value::Object(resolved)
            }
            other => other.clone(),
        }
    }

    /// Takes this side's values out of an answer, and what may differ.
    fn comparable(&mut self, api: &str, mut answer: Value) -> Value {
        if let Some(alter) = &mut self.alteration {
            alter(api, &mut answer);
        }
        let answer = order(&self.symbols, api, "", answer);
        self.with_names(api, "", "", answer)
    }

    fn with_names(&mut self, api: &str, path: &str, field: &str, value: Value) -> Value {
        match rule_for(api, path) {
            Some(How::Ignored) => return json!("(may differ)"),
            Some(How::Presence) if !value.is_null() => return json!("(something)"),
            Some(How::Clock) if value.as_i64().is_some_and(|time| time >= BROKERS_TIME) => {
                return json!("(the broker's time)");
            }
            _ => {}
        }
        if let Some(name) = self.symbols.name(field, &value) {
            return name;
        }
        if api.starts_with("Share") && field == "currentLeader" && is_no_leader(&value) {
            return json!("(none)");
        }
        match value {
            Value::Array(elements) => elements
                .into_iter()
                .map(|element| self.with_names(api, path, field, element))
                .collect(),
            Value::Object(mut fields) => {
                leave_out_aborted_beyond(&mut fields);
                leave_out_no_producer(&mut fields);
                let mut named = Map::new();
                for (name, value) in fields {
                    let path = inner_path(path, &name);
                    let value = self.with_names(api, &path, &name, value);
                    named.insert(name, value);
                }
                Value::Object(named)
            }
            Value::String(text) if field == "records" => {
                let bytes = from_base64(&text).unwrap_or_default();
                let batches = batches_to_json(&bytes);
                self.with_names(api, path, "_batches", batches)
            }
            other => other,
        }
    }
}

/// The path of a field within what `path` names.
fn inner_path(path: &str, field: &str) -> String {
    match path {
        "" => field.to_owned(),
        path => format!("{path}.{field}"),
    }
}

/// Sorts arrays whose order means nothing, before names are given by first appearance.
fn order(symbols: &Symbols, api: &str, path: &str, value: Value) -> Value {
    match value {
        Value::Array(elements) => {
            let mut elements: Vec<Value> = elements
                .into_iter()
                .map(|element| order(symbols, api, path, element))
                .collect();
            match rule_for(api, path) {
                Some(How::Unordered(keys)) => {
                    elements.sort_by_key(|element| sort_key(symbols, element, keys));
                }
                Some(How::Without(field, values)) => {
                    elements.retain(|element| {
                        let value = element[field].as_i64();
                        !value.is_some_and(|value| values.contains(&value))
                    });
                }
                Some(How::Joined(first, last)) => {
                    elements.dedup_by(|later, earlier| {
                        let next = earlier[last].as_i64().map(|last| last + 1);
                        let mut expected = earlier.clone();
                        expected[first] = later[first].clone();
                        expected[last] = later[last].clone();
                        let joins = next == later[first].as_i64() && expected == *later;
                        if joins {
                            earlier[last] = later[last].take();
                        }
                        joins
                    });
                }
                Some(How::Merged(keys, inner)) => {
                    elements.sort_by_key(|element| sort_key(symbols, element, keys));
                    elements.dedup_by(|later, first| {
                        let same = keys.iter().all(|key| later[*key] == first[*key]);
                        if same && let Some(into) = first[inner].as_array_mut() {
                            into.extend(later[inner].as_array().cloned().unwrap_or_default());
                        }
                        same
                    });
                    for element in &mut elements {
                        let whole = order(
                            symbols,
                            api,
                            &inner_path(path, inner),
                            element[inner].take(),
                        );
                        element[inner] = whole;
                    }
                }
                _ => {}
            }
            Value::Array(elements)
        }
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| {
                let value = order(symbols, api, &inner_path(path, &name), value);
                (name, value)
            });
            Value::Object(fields.collect())
        }
        other => other,
    }
}

/// Kafka lists transactions that were aborted up to somewhere behind the records that it gives; where
/// that is, depends on its index.
fn leave_out_aborted_beyond(partition: &mut Map<String, Value>) {
    let Some(records) = partition.get("records").and_then(Value::as_str) else {
        return;
    };
    let batches = batches_to_json(&from_base64(records).unwrap_or_default());
    let last = batches.as_array().and_then(|batches| batches.last());
    let last = last.and_then(|batch| batch["lastOffset"].as_i64());
    if let Some(aborted) = partition
        .get_mut("abortedTransactions")
        .and_then(Value::as_array_mut)
    {
        aborted.retain(|aborted| aborted["firstOffset"].as_i64() <= last);
    }
}

/// The messages of share groups have no way to say that no leader is meant but 0, which may be a
/// broker's id as well.
fn is_no_leader(leader: &Value) -> bool {
    leader["leaderId"] == 0 && leader["leaderEpoch"] == 0
}

/// Where a transaction is not described for an error, its producer is 0, which means nobody.
fn leave_out_no_producer(described: &mut Map<String, Value>) {
    let failed = described.get("errorCode").is_some_and(|code| *code != 0);
    if let Some(producer) = described.get_mut("producerId")
        && failed
        && *producer == 0
    {
        *producer = json!("(none)");
    }
}

fn sort_key(symbols: &Symbols, element: &Value, keys: &[&str]) -> Vec<String> {
    let padded = |value: &Value| match value.as_i64() {
        Some(number) => format!("{number:020}"),
        None => value.to_string(),
    };
    match element {
        Value::Object(fields) => keys
            .iter()
            .filter_map(|key| fields.get(*key).map(|value| (key, value)))
            .map(|(key, value)| match symbols.known(key, value) {
                Some(name) => name,
                None => padded(value),
            })
            .collect(),
        other => vec![padded(other)],
    }
}

pub(super) fn says_not_yet(answer: &Value) -> bool {
    match answer {
        Value::Array(elements) => elements.iter().any(says_not_yet),
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            let code = value.as_i64().filter(|_| name.ends_with("rrorCode"));
            code.is_some_and(|code| NOT_YET.contains(&code)) || says_not_yet(value)
        }),
        _ => false,
    }
}

/// In place of a value that this side has not given out: one that means nothing to it.
fn unknown_id(name: &str) -> Value {
    match name.split('#').next() {
        Some("topic") => json!("BBBBBBBBBBBBBBBBBBBBBA"),
        Some("member" | "cluster") => json!("nobody"),
        _ => json!(987_654),
    }
}
