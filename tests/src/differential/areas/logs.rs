//! Logs: produce with and without idempotence, fetch with and without sessions, and what is asked
//! about offsets.

use serde_json::{Value, json};
use thalweg_client::Rng;

use super::draw::{once_in, one_of};
use crate::differential::Pair;

/// A topic: its name, how many partitions, its settings.
type Shape = (&'static str, i32, &'static [(&'static str, &'static str)]);

/// Timestamps of records count from here, so that none is ever too old or in the future.
const TIME: i64 = 1_750_000_000_000;

const UNKNOWN_TOPIC_ID: &str = "BBBBBBBBBBBBBBBBBBBBBA";

struct Topic {
    name: String,
    id: Value,
    partitions: i32,
}

struct Producer {
    id: Value,
    epoch: i64,
    /// The next sequence number, by topic and partition.
    next: Vec<((usize, i32), i64)>,
}

struct Logs {
    pair: Pair,
    rng: Rng,
    topics: Vec<Topic>,
    producers: Vec<Producer>,
    /// The fetch session, and its next epoch.
    fetch_session: Option<(Value, i64)>,
    clock: i64,
}

pub(super) async fn run(pair: Pair, rng: Rng, requests: u32) -> Pair {
    let mut logs = Logs {
        pair,
        rng,
        topics: Vec::new(),
        producers: Vec::new(),
        fetch_session: None,
        clock: TIME,
    };
    let shapes: &[Shape] = &[
        ("plain", 3, &[]),
        ("small", 1, &[("max.message.bytes", "300")]),
        ("append", 1, &[("message.timestamp.type", "LogAppendTime")]),
        ("compact", 1, &[("cleanup.policy", "compact")]),
        // Of the codecs the one in which two brokers write the same bytes.
        ("bare", 1, &[("compression.type", "uncompressed")]),
    ];
    for (what, partitions, configs) in shapes {
        let name = logs.pair.name(what);
        let id = logs.pair.make_topic(&name, *partitions, configs).await;
        logs.topics.push(Topic {
            name,
            id,
            partitions: *partitions,
        });
    }
    logs.new_producer().await;
    for _ in 0..requests {
        match logs.rng.below(20) {
            0 => logs.new_producer().await,
            1..=7 => logs.produce().await,
            8..=10 => logs.fetch().await,
            11..=13 => logs.fetch_in_session().await,
            14..=16 => logs.list_offsets().await,
            17 => logs.offset_for_leader_epoch().await,
            18 => logs.delete_records().await,
            _ => logs.describe_producers().await,
        }
    }
    logs.pair
}

impl Logs {
    async fn new_producer(&mut self) {
        let body = json!({"transactionalId": null, "transactionTimeoutMs": 60_000});
        let version = self.pair.version(&mut self.rng, "InitProducerId", ..=5);
        let answer = self.pair.call("InitProducerId", version, body).await;
        self.producers.push(Producer {
            id: answer["producerId"].clone(),
            epoch: answer["producerEpoch"].as_i64().unwrap_or(0),
            next: Vec::new(),
        });
    }

    /// A topic, mostly one that there is.
    fn topic(&mut self) -> (usize, Value, String, i32) {
        let index = self.rng.below(self.topics.len() as u64) as usize;
        let unknown = once_in(&mut self.rng, 20);
        match self.topics.get(index) {
            Some(topic) if !unknown => (
                index,
                topic.id.clone(),
                topic.name.clone(),
                topic.partitions,
            ),
            _ => (
                usize::MAX,
                json!(UNKNOWN_TOPIC_ID),
                self.pair.name("unknown"),
                1,
            ),
        }
    }

    fn partition(&mut self, partitions: i32) -> i32 {
        match once_in(&mut self.rng, 20) {
            true => one_of(&mut self.rng, &[-1, partitions, 1000]),
            false => self.rng.below(partitions as u64) as i32,
        }
    }

    async fn produce(&mut self) {
        let (index, id, name, partitions) = self.topic();
        let partition = self.partition(partitions);
        let version = self.pair.version(&mut self.rng, "Produce", ..);
        let records = self.records(index, partition);
        let acks = match once_in(&mut self.rng, 30) {
            true => 2,
            false => one_of(&mut self.rng, &[-1, 1]),
        };
        let body = json!({"acks": acks, "timeoutMs": 5000, "topicData": [
            {"name": name, "topicId": id, "partitionData": [{"index": partition, "records": records}]}]});
        self.pair.call("Produce", version, body).await;
    }

    /// A batch, mostly of an idempotent producer and with the sequence number that is next.
    fn records(&mut self, topic: usize, partition: i32) -> Value {
        let count = 1 + self.rng.below(4) as i64;
        let size = one_of(&mut self.rng, &[3, 20, 20, 120]);
        let mut records = Vec::new();
        for _ in 0..count {
            self.clock += self.rng.below(50) as i64;
            // Also out of order, which lookups by time have to bear.
            let timestamp = self.clock - self.rng.below(60) as i64;
            let key = format!("k{}", self.rng.below(5));
            let keyed = !once_in(&mut self.rng, 8);
            let value = format!("v{}", self.clock).repeat(size / 3);
            records
                .push(json!({"key": keyed.then_some(key), "value": value, "timestamp": timestamp}));
        }
        let compression = one_of(&mut self.rng, &[0, 0, 0, 1, 2, 3, 4]);
        let mut batch = json!({"compression": compression, "records": records});
        if once_in(&mut self.rng, 25) {
            batch["corrupt"] = json!(true);
        }
        if !once_in(&mut self.rng, 4) {
            self.number(&mut batch, topic, partition, count);
        }
        match self.rng.below(40) {
            0 => json!({"_batches": [batch.clone(), batch]}),
            1 => json!({"_batches": []}),
            _ => json!({"_batches": [batch]}),
        }
    }

    fn number(&mut self, batch: &mut Value, topic: usize, partition: i32, count: i64) {
        let index = self.rng.below(self.producers.len() as u64) as usize;
        let Some(producer) = self.producers.get_mut(index) else {
            return;
        };
        let place = (topic, partition);
        let next = producer.next.iter().find(|(known, _)| *known == place);
        let next = next.map_or(0, |(_, next)| *next);
        let (epoch, sequence) = match self.rng.below(12) {
            // Sent again, as after a lost answer.
            0 | 1 => (producer.epoch, (next - count).max(0)),
            2 => (producer.epoch, (next - 2 * count).max(0)),
            // As if one had been lost.
            3 => (producer.epoch, next + 1 + self.rng.below(5) as i64),
            4 => (producer.epoch, 0),
            5 if producer.epoch > 0 => (producer.epoch - 1, next),
            // A newer epoch, as after a bump by the client, begins at 0.
            6 => {
                producer.epoch += 1;
                producer.next.clear();
                (producer.epoch, 0)
            }
            7 if once_in(&mut self.rng, 3) => (producer.epoch, -1),
            _ => (producer.epoch, next),
        };
        let producer_id = match once_in(&mut self.rng, 30) {
            true => json!(555_555),
            false => producer.id.clone(),
        };
        batch["producerId"] = producer_id;
        batch["producerEpoch"] = json!(epoch);
        batch["baseSequence"] = json!(sequence);
        if sequence == next || sequence == 0 {
            producer.next.retain(|(known, _)| *known != place);
            producer.next.push((place, sequence + count));
        }
    }

    /// What to fetch from one partition.
    fn fetched(&mut self, partition: i32) -> Value {
        let offset = match self.rng.below(12) {
            0 => -1,
            1 => 100_000,
            2..=5 => 0,
            _ => self.rng.below(20) as i64,
        };
        let bytes = one_of(&mut self.rng, &[1, 100, 300, 100_000, 100_000, 100_000]);
        let leader_epoch = one_of(&mut self.rng, &[-1, -1, -1, -1, 0, 0, 1, -2]);
        let last_fetched = one_of(&mut self.rng, &[-1, -1, -1, -1, 0, 1]);
        json!({"partition": partition, "currentLeaderEpoch": leader_epoch, "fetchOffset": offset,
            "lastFetchedEpoch": last_fetched, "partitionMaxBytes": bytes})
    }

    fn fetch_body(&mut self, topics: Vec<Value>) -> Value {
        let bytes = one_of(&mut self.rng, &[1, 200, 1_000_000, 1_000_000]);
        let isolation = self.rng.below(2);
        json!({"maxWaitMs": 5, "minBytes": one_of(&mut self.rng, &[0, 1, 10_000]), "maxBytes": bytes,
            "isolationLevel": isolation, "topics": topics})
    }

    async fn fetch(&mut self) {
        let mut topics = Vec::new();
        for _ in 0..=self.rng.below(3) {
            let (_, id, name, partitions) = self.topic();
            if topics
                .iter()
                .any(|topic: &Value| topic["topic"] == json!(name))
            {
                continue;
            }
            let partition = self.partition(partitions);
            let mut fetched = vec![self.fetched(partition)];
            if partition == 0 && partitions > 1 {
                fetched.push(self.fetched(1));
            }
            topics.push(json!({"topic": name, "topicId": id, "partitions": fetched}));
        }
        let version = self.pair.version(&mut self.rng, "Fetch", ..);
        let mut body = self.fetch_body(topics);
        body["sessionEpoch"] = json!(-1);
        self.pair.call("Fetch", version, body).await;
    }

    /// Sessions of fetching: one is opened, gone on with, asked for something that it does not have,
    /// and ended.
    async fn fetch_in_session(&mut self) {
        let version = self.pair.version(&mut self.rng, "Fetch", 13..);
        let (_, id, name, partitions) = self.topic();
        let partition = self.partition(partitions);
        let mut fetched = self.fetched(partition);
        // What comes first counts against the limit of the whole, and Kafka begins elsewhere each time.
        fetched["partitionMaxBytes"] = json!(100_000);
        let topics = vec![json!({"topic": name, "topicId": id, "partitions": [fetched]})];
        let mut body = self.fetch_body(topics);
        body["maxBytes"] = json!(1_000_000);
        let opens = match (&self.fetch_session, self.rng.below(12)) {
            (None, 0) => {
                body["sessionId"] = json!(424_242);
                body["sessionEpoch"] = json!(1);
                false
            }
            (None, _) => {
                body["sessionEpoch"] = json!(0);
                true
            }
            (Some((session, epoch)), kind) => {
                body["sessionId"] = session.clone();
                body["sessionEpoch"] = match kind {
                    0 => json!(epoch + 3),
                    1 => json!(-1),
                    _ => json!(epoch),
                };
                match kind {
                    2 | 3 => body["topics"] = json!([]),
                    4 => {
                        body["topics"] = json!([]);
                        body["forgottenTopicsData"] =
                            json!([{"topic": name, "topicId": id, "partitions": [partition]}]);
                    }
                    _ => {}
                }
                false
            }
        };
        let ends = body["sessionEpoch"] == json!(-1);
        let answer = self.pair.call("Fetch", version, body).await;
        let ok = answer["errorCode"] == 0;
        self.fetch_session = match self.fetch_session.take() {
            None if opens && ok && answer["sessionId"].is_string() => {
                Some((answer["sessionId"].clone(), 1))
            }
            Some((session, epoch)) if ok && !ends => Some((session, epoch + 1)),
            Some(kept) if !ok => Some(kept),
            _ => None,
        };
    }

    async fn list_offsets(&mut self) {
        let (_, _, name, partitions) = self.topic();
        let partition = self.partition(partitions);
        let version = self.pair.version(&mut self.rng, "ListOffsets", ..);
        let timestamp = match self.rng.below(4) {
            0 => TIME + self.rng.below((self.clock - TIME + 20) as u64) as i64,
            1 => one_of(&mut self.rng, &[0, TIME, -6, -7]),
            _ => one_of(&mut self.rng, &[-1, -2, -3, -4, -5]),
        };
        let leader_epoch = one_of(&mut self.rng, &[-1, -1, 0, 1]);
        let isolation = self.rng.below(2);
        let body = json!({"replicaId": -1, "isolationLevel": isolation, "timeoutMs": 5000, "topics":
            [{"name": name, "partitions": [{"partitionIndex": partition,
                "currentLeaderEpoch": leader_epoch, "timestamp": timestamp}]}]});
        self.pair.call("ListOffsets", version, body).await;
    }

    async fn offset_for_leader_epoch(&mut self) {
        let (_, _, name, partitions) = self.topic();
        let partition = self.partition(partitions);
        let body = json!({"replicaId": -1, "topics": [{"topic": name, "partitions": [
            {"partition": partition,
             "currentLeaderEpoch": one_of(&mut self.rng, &[-1, 0, 1]),
             "leaderEpoch": one_of(&mut self.rng, &[0, 0, 1, -1, 5])}]}]});
        self.pair
            .call_any(&mut self.rng, "OffsetForLeaderEpoch", body)
            .await;
    }

    async fn delete_records(&mut self) {
        let (_, _, name, partitions) = self.topic();
        let partition = self.partition(partitions);
        let offset = one_of(&mut self.rng, &[-1, 0, 1, 2, 3, 5, 100_000, -2]);
        let body = json!({"timeoutMs": 5000, "topics": [{"name": name, "partitions":
            [{"partitionIndex": partition, "offset": offset}]}]});
        self.pair
            .call_any(&mut self.rng, "DeleteRecords", body)
            .await;
    }

    async fn describe_producers(&mut self) {
        let (_, _, name, partitions) = self.topic();
        let partition = self.partition(partitions);
        let body = json!({"topics": [{"name": name, "partitionIndexes": [partition]}]});
        self.pair.call("DescribeProducers", 0, body).await;
    }
}
