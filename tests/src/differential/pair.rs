//! Two brokers that are asked the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeBounds;

use serde_json::{Value, json};
use thalweg_client::Rng;
use thalweg_protocol::reflect::Kind;
use tokio::time::{Duration, sleep};

use super::call::{Call, codec};
use super::side::{Side, says_not_yet};

/// How many requests of the past a difference is shown with.
const HISTORY: usize = 6;

/// An answer in which the brokers differ.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The area that asked.
    pub area: &'static str,
    /// The request.
    pub call: Call,
    /// Where in the answer, and what either said, by name.
    pub found: Vec<(String, Value, Value)>,
    /// What the brokers are called.
    pub names: [&'static str; 2],
    /// What was asked before, oldest first.
    pub before: Vec<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [left, right] = self.names;
        let Call { api, version, .. } = self.call;
        writeln!(f, "{}: {api} version {version}", self.area)?;
        for (path, in_left, in_right) in &self.found {
            writeln!(f, "    {path}: {left} {in_left}, {right} {in_right}")?;
        }
        writeln!(f, "  request {}", self.call.body)?;
        for before in &self.before {
            writeln!(f, "  before  {before}")?;
        }
        Ok(())
    }
}

/// What was compared.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// How many requests per API.
    pub requests: BTreeMap<&'static str, u64>,
    /// What the right broker does not offer and so was not compared.
    pub not_offered: BTreeSet<&'static str>,
    /// What differed.
    pub differences: Vec<Difference>,
}

impl Tally {
    /// All requests.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.requests.values().sum()
    }

    /// Takes another's in.
    pub fn add(&mut self, other: Self) {
        for (api, count) in other.requests {
            *self.requests.entry(api).or_default() += count;
        }
        self.not_offered.extend(other.not_offered);
        self.differences.extend(other.differences);
    }
}

/// Two brokers, the left of which is the measure, and one area's way through them.
pub struct Pair {
    area: &'static str,
    /// What names of topics, groups and transactions begin with.
    prefix: String,
    left: Side,
    right: Side,
    /// The versions that either side offers, by the number of the API.
    versions: [BTreeMap<i16, (i16, i16)>; 2],
    history: Vec<String>,
    tally: Tally,
}

impl Pair {
    /// Begins an area. Versions are those that both brokers offer.
    pub async fn begin(area: &'static str, prefix: String, left: Side, right: Side) -> Self {
        let mut pair = Self {
            area,
            prefix,
            left,
            right,
            versions: [BTreeMap::new(), BTreeMap::new()],
            history: Vec::new(),
            tally: Tally::default(),
        };
        let call = pair.request(
            "ApiVersions",
            3,
            json!({"clientSoftwareName": "raw", "clientSoftwareVersion": "1"}),
        );
        let answers = tokio::join!(pair.left.call(&call), pair.right.call(&call));
        for (answer, versions) in [answers.0, answers.1].iter().zip(&mut pair.versions) {
            for api in answer["apiKeys"].as_array().into_iter().flatten() {
                let number = |field: &str| api[field].as_i64().and_then(|n| i16::try_from(n).ok());
                let range = number("minVersion").zip(number("maxVersion"));
                if let Some((key, range)) = number("apiKey").zip(range) {
                    versions.insert(key, range);
                }
            }
        }
        pair
    }

    /// A name of this run and area.
    #[must_use]
    pub fn name(&self, what: &str) -> String {
        format!("{}-{what}", self.prefix)
    }

    /// One of the versions that both brokers offer, within `bounds`.
    ///
    /// # Panics
    /// There is none.
    pub fn version(&self, rng: &mut Rng, api: &str, bounds: impl RangeBounds<i16>) -> i16 {
        let request = codec(api, "Request");
        let (min, max) = self.offered(api);
        let offered = min.max(request.min_version)..=max.min(request.max_version);
        let fit: Vec<i16> = offered.filter(|version| bounds.contains(version)).collect();
        let chosen = rng.below(fit.len() as u64) as usize;
        *fit.get(chosen)
            .unwrap_or_else(|| panic!("no version of {api} is offered by both brokers"))
    }

    /// The versions of an API that both brokers offer; where the right one offers none, the left's.
    fn offered(&self, api: &str) -> (i16, i16) {
        let [left, right] = [0, 1].map(|side| self.offered_by(side, api));
        let (min, max) = left.unwrap_or((0, -1));
        match right {
            Some(right) => (min.max(right.0), max.min(right.1)),
            None => (min, max),
        }
    }

    fn offered_by(&self, side: usize, api: &str) -> Option<(i16, i16)> {
        let Kind::Request(key) = codec(api, "Request").kind else {
            return None;
        };
        self.versions.get(side)?.get(&key.code()).copied()
    }

    /// Notes that the right broker does not offer an API, if it does not.
    fn lacks(&mut self, api: &'static str) -> bool {
        let lacks = self.offered_by(1, api).is_none();
        if lacks {
            self.tally.not_offered.insert(api);
        }
        lacks
    }

    /// Sends a request to both, compares the answers, and gives the measure's.
    pub async fn call(&mut self, api: &'static str, version: i16, body: Value) -> Value {
        let call = self.request(api, version, body);
        if self.lacks(api) {
            return self.left.call(&call).await;
        }
        let (left, right) = tokio::join!(self.left.call(&call), self.right.call(&call));
        self.compared(call, left, right)
    }

    /// The same for a version drawn from those that both brokers offer.
    pub async fn call_any(&mut self, rng: &mut Rng, api: &'static str, body: Value) -> Value {
        let version = self.version(rng, api, ..);
        self.call(api, version, body).await
    }

    /// The same, of whose answer only those elements of an array are compared whose field begins with
    /// `prefix`: others are at work on the same brokers.
    pub async fn call_within(
        &mut self,
        api: &'static str,
        version: i16,
        body: Value,
        array: &str,
        field: &str,
        prefix: &str,
    ) -> Value {
        let call = self.request(api, version, body);
        let (mut left, mut right) = tokio::join!(self.left.call(&call), self.right.call(&call));
        for answer in [&mut left, &mut right] {
            if let Some(elements) = answer[array].as_array_mut() {
                elements.retain(|element| {
                    element[field]
                        .as_str()
                        .is_some_and(|name| name.starts_with(prefix))
                });
            }
        }
        self.compared(call, left, right)
    }

    /// Sends requests about a group to both over several connections, so that the brokers have all of them at once,
    /// and compares the answers to each.
    pub async fn call_together(&mut self, calls: Vec<(&'static str, i16, Value)>) -> Vec<Value> {
        let mut connection = 0;
        let calls: Vec<Call> = calls
            .into_iter()
            .map(|(api, version, body)| {
                connection += 1;
                let mut call = self.request(api, version, body);
                call.connection = connection;
                call
            })
            .collect();
        let (left, right) = tokio::join!(
            self.left.call_together(&calls),
            self.right.call_together(&calls)
        );
        let answers = left.into_iter().zip(right);
        calls
            .into_iter()
            .zip(answers)
            .map(|(call, (left, right))| self.compared(call, left, right))
            .collect()
    }

    /// Asks both, each for itself and without comparing, until `done` holds for the answers of both.
    /// For what takes either broker a while that means nothing. If it never holds for the right one,
    /// that is a difference.
    ///
    /// # Panics
    /// It never holds for the measure.
    pub async fn until(
        &mut self,
        api: &'static str,
        version: i16,
        body: Value,
        done: impl Fn(&Value) -> bool,
    ) {
        let call = self.request(api, version, body);
        if let Some(answer) = until_done(&mut self.left, &call, &done).await {
            let (area, name) = (self.area, self.left.name());
            panic!(
                "{area}: {name} goes on answering {answer} to {api} {}",
                call.body
            );
        }
        if self.lacks(api) {
            return;
        }
        if let Some(answer) = until_done(&mut self.right, &call, &done).await {
            self.differs(
                call,
                vec![("(for seconds)".to_owned(), Value::Null, answer)],
            );
        }
    }

    /// Makes a topic on both, waits until it can be used, and gives its id.
    pub async fn make_topic(
        &mut self,
        topic: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> Value {
        let configs: Vec<Value> = configs
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        let topics = json!([{"name": topic, "numPartitions": partitions, "replicationFactor": 1,
            "configs": configs}]);
        let body = json!({"topics": topics, "timeoutMs": 10_000});
        let answer = self.call("CreateTopics", 7, body).await;
        self.await_topic(topic, partitions).await;
        // Coordinators hear of it a little later, and nothing tells when.
        sleep(Duration::from_millis(100)).await;
        answer["topics"][0]["topicId"].clone()
    }

    /// Waits until a topic has leaders for that many partitions, and they know that they are.
    pub async fn await_topic(&mut self, topic: &str, partitions: i32) {
        let body = json!({"topics": [{"name": topic}]});
        self.until("Metadata", 12, body, |answer| {
            let known = answer["topics"][0]["partitions"].as_array();
            known.is_some_and(|known| {
                known.len() == partitions as usize
                    && known.iter().all(|partition| partition["errorCode"] == 0)
            })
        })
        .await;
        let asked = (0..partitions)
            .map(|index| json!({"partition": index, "currentLeaderEpoch": 0, "leaderEpoch": 0}));
        let asked: Vec<Value> = asked.collect();
        let body = json!({"replicaId": -1, "topics": [{"topic": topic, "partitions": asked}]});
        self.until("OffsetForLeaderEpoch", 4, body, |answer| {
            let told = answer["topics"][0]["partitions"].as_array();
            told.is_some_and(|told| told.iter().all(|partition| partition["errorCode"] == 0))
        })
        .await;
    }

    /// Waits until both have a coordinator for groups (type 0), transactions (1) or the partitions of
    /// share groups (2), and it has loaded all it keeps: that is made by the first question for it.
    pub async fn await_coordinator(&mut self, key_type: i8, key: &str) {
        let body = json!({"keyType": key_type, "coordinatorKeys": [key]});
        self.until("FindCoordinator", 4, body, |answer| {
            answer["coordinators"][0]["errorCode"] == 0
        })
        .await;
        // Enough that every partition of what it keeps has one of them.
        let names: Vec<String> = (0..32).map(|number| format!("nobody{number}")).collect();
        let (api, version, body) = match key_type {
            0 => ("DescribeGroups", 5, json!({"groups": names})),
            1 => (
                "DescribeTransactions",
                0,
                json!({"transactionalIds": names}),
            ),
            _ => return,
        };
        self.until(api, version, body, |answer| !says_not_yet(answer))
            .await;
    }

    /// What was compared.
    #[must_use]
    pub fn end(self) -> Tally {
        self.tally
    }

    fn request(&self, api: &'static str, version: i16, body: Value) -> Call {
        Call {
            connection: 0,
            api,
            version,
            body,
        }
    }

    fn compared(&mut self, call: Call, left: Value, right: Value) -> Value {
        *self.tally.requests.entry(call.api).or_default() += 1;
        let mut found = Vec::new();
        compare("", &left, &right, &mut found);
        let asked = shortened(format!(
            "{} {} {} = {left}",
            call.api, call.version, call.body
        ));
        if !found.is_empty() {
            self.differs(call, found);
        }
        self.history.push(asked);
        left
    }

    fn differs(&mut self, call: Call, found: Vec<(String, Value, Value)>) {
        let from = self.history.len().saturating_sub(HISTORY);
        self.tally.differences.push(Difference {
            area: self.area,
            call,
            found,
            names: [self.left.name(), self.right.name()],
            before: self.history.get(from..).unwrap_or_default().to_vec(),
        });
    }
}

/// The last answer if it never gets as far.
async fn until_done(side: &mut Side, call: &Call, done: &impl Fn(&Value) -> bool) -> Option<Value> {
    let mut answer = Value::Null;
    for _ in 0..1_500 {
        answer = side.call(call).await;
        if done(&answer) {
            return None;
        }
        sleep(Duration::from_millis(10)).await;
    }
    Some(answer)
}

/// Records make requests long, and what matters is at both ends.
fn shortened(text: String) -> String {
    match text.char_indices().nth(700) {
        None => text,
        Some(_) => {
            let first: String = text.chars().take(350).collect();
            let count = text.chars().count();
            let last: String = text.chars().skip(count - 350).collect();
            format!("{first} … {last}")
        }
    }
}

/// Where two answers differ: path, left, right.
pub fn compare(path: &str, left: &Value, right: &Value, found: &mut Vec<(String, Value, Value)>) {
    match (left, right) {
        (Value::Array(l), Value::Array(r)) if l.len() == r.len() => {
            for (index, (left, right)) in l.iter().zip(r).enumerate() {
                compare(&format!("{path}[{index}]"), left, right, found);
            }
        }
        (Value::Object(l), Value::Object(r)) => {
            let names: BTreeSet<&String> = l.keys().chain(r.keys()).collect();
            for name in names {
                // A tagged field at its default is not there; null is what no such field has.
                let left = l.get(name).unwrap_or(&Value::Null);
                let right = r.get(name).unwrap_or(&Value::Null);
                compare(&format!("{path}.{name}"), left, right, found);
            }
        }
        _ if left == right => {}
        _ => found.push((path.to_owned(), left.clone(), right.clone())),
    }
}
