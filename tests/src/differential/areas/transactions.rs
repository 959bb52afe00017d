//! Transactions, by the rules of both versions (TV1, TV2), in order and out of order.

use serde_json::{Value, json};
use thalweg_client::Rng;

use super::draw::{once_in, one_of};
use crate::differential::Pair;

const TIME: i64 = 1_750_000_000_000;

struct Producer {
    transactional_id: String,
    id: Value,
    epoch: i64,
    /// Whether it speaks as a client of TV2: partitions are added by producing, and every end of a
    /// transaction gives a new epoch.
    implicit: bool,
    next: Vec<(i32, i64)>,
}

struct Transactions {
    pair: Pair,
    rng: Rng,
    topic: String,
    topic_id: Value,
    group: String,
    producers: Vec<Producer>,
    clock: i64,
}

const PARTITIONS: i32 = 2;

pub(super) async fn run(mut pair: Pair, rng: Rng, requests: u32) -> Pair {
    let topic = pair.name("data");
    let topic_id = pair.make_topic(&topic, PARTITIONS, &[]).await;
    pair.await_coordinator(0, "any").await;
    pair.await_coordinator(1, "any").await;
    let mut area = Transactions {
        group: pair.name("group"),
        pair,
        rng,
        topic,
        topic_id,
        producers: Vec::new(),
        clock: TIME,
    };
    for number in 0..3 {
        let transactional_id = area.pair.name(&format!("tx{number}"));
        area.producers.push(Producer {
            transactional_id,
            id: json!(-1),
            epoch: -1,
            implicit: number > 0,
            next: Vec::new(),
        });
        area.init(number).await;
    }
    for _ in 0..requests {
        let producer = area.rng.below(area.producers.len() as u64) as usize;
        match area.rng.below(24) {
            0 => area.init(producer).await,
            1..=6 => area.produce(producer).await,
            7 | 8 => area.add_partitions(producer).await,
            9 => area.add_offsets(producer).await,
            10..=12 => area.commit_offsets(producer).await,
            13..=16 => area.end(producer).await,
            17 | 18 => area.fetch().await,
            19 => area.list_offsets().await,
            20 => area.fetch_offsets().await,
            21 => area.describe(producer).await,
            22 => area.list(producer).await,
            _ => area.describe_producers().await,
        }
    }
    area.pair
}

impl Transactions {
    fn producer(&self, index: usize) -> (String, Value, i64, bool) {
        let producer = self.producers.get(index).expect("a producer");
        let Producer {
            transactional_id,
            id,
            epoch,
            implicit,
            ..
        } = producer;
        (transactional_id.clone(), id.clone(), *epoch, *implicit)
    }

    /// The id and epoch that a request carries: mostly the producer's, sometimes another's.
    fn identity(&mut self, index: usize) -> (String, Value, i64) {
        let (transactional_id, id, epoch, _) = self.producer(index);
        match self.rng.below(30) {
            0 => (transactional_id, id, epoch - 1),
            1 => (transactional_id, id, epoch + 1),
            2 => (transactional_id, json!(777_777), epoch),
            3 => (self.pair.name("nobody"), id, epoch),
            4 => (transactional_id, id, -1),
            _ => (transactional_id, id, epoch),
        }
    }

    /// `InitProducerId`: anew, or going on with the id and epoch there are (KIP-360).
    async fn init(&mut self, index: usize) {
        let (transactional_id, id, epoch, _) = self.producer(index);
        let version = self.pair.version(&mut self.rng, "InitProducerId", ..=5);
        let timeout = one_of(&mut self.rng, &[60_000, 60_000, 60_000, 0, 100_000_000]);
        let mut body =
            json!({"transactionalId": transactional_id, "transactionTimeoutMs": timeout});
        match self.rng.below(6) {
            0 => (body["producerId"], body["producerEpoch"]) = (id, json!(epoch)),
            1 => (body["producerId"], body["producerEpoch"]) = (id, json!(epoch - 1)),
            2 => (body["producerId"], body["producerEpoch"]) = (json!(777_777), json!(epoch)),
            _ => {}
        }
        if once_in(&mut self.rng, 20) {
            body["transactionalId"] = json!("");
        }
        let answer = self.pair.call("InitProducerId", version, body).await;
        if answer["errorCode"] == 0 && answer["producerId"].is_string() {
            self.take(index, &answer);
        }
        self.settle(index).await;
    }

    fn take(&mut self, index: usize, answer: &Value) {
        if let Some(producer) = self.producers.get_mut(index) {
            producer.id = answer["producerId"].clone();
            producer.epoch = answer["producerEpoch"].as_i64().unwrap_or(-1);
            producer.next.clear();
        }
    }

    /// Waits until the markers of a transaction are written: when, is not compared.
    async fn settle(&mut self, index: usize) {
        let (transactional_id, ..) = self.producer(index);
        let body = json!({"transactionalIds": [transactional_id]});
        self.pair
            .until("DescribeTransactions", 0, body, |answer| {
                let state = answer["transactionStates"][0]["transactionState"].as_str();
                !state.is_some_and(|state| state.starts_with("Prepare"))
            })
            .await;
    }

    async fn produce(&mut self, index: usize) {
        let (transactional_id, id, epoch) = self.identity(index);
        let (.., implicit) = self.producer(index);
        let partition = self.rng.below(PARTITIONS as u64) as i32;
        let count = 1 + self.rng.below(3) as i64;
        let producer = self.producers.get_mut(index).expect("a producer");
        let next = producer.next.iter().find(|(known, _)| *known == partition);
        let next = next.map_or(0, |(_, next)| *next);
        let sequence = match self.rng.below(15) {
            0 => (next - count).max(0),
            1 => next + 2,
            _ => next,
        };
        let transactional = !once_in(&mut self.rng, 25);
        let records: Vec<Value> = (0..count)
            .map(|number| {
                let timestamp = self.clock + number;
                json!({"key": format!("k{number}"), "value": "v".repeat(10), "timestamp": timestamp})
            })
            .collect();
        self.clock += count;
        let batch = json!({"producerId": id, "producerEpoch": epoch, "baseSequence": sequence,
            "transactional": transactional, "records": records});
        let version = match implicit {
            true => self.pair.version(&mut self.rng, "Produce", 12..),
            false => self.pair.version(&mut self.rng, "Produce", ..=11),
        };
        let body = json!({"transactionalId": transactional_id, "acks": -1, "timeoutMs": 5000,
            "topicData": [{"name": self.topic, "topicId": self.topic_id, "partitionData":
                [{"index": partition, "records": {"_batches": [batch]}}]}]});
        let answer = self.pair.call("Produce", version, body).await;
        let accepted = answer["responses"][0]["partitionResponses"][0]["errorCode"] == 0;
        if accepted && let Some(producer) = self.producers.get_mut(index) {
            producer.next.retain(|(known, _)| *known != partition);
            producer.next.push((partition, next.max(sequence + count)));
        }
    }

    async fn add_partitions(&mut self, index: usize) {
        let (transactional_id, id, epoch) = self.identity(index);
        let version = self.pair.version(&mut self.rng, "AddPartitionsToTxn", ..=3);
        let partitions = one_of::<&[i32]>(&mut self.rng, &[&[0], &[1], &[0, 1], &[0, 5]]);
        let mut topics = vec![json!({"name": self.topic, "partitions": partitions})];
        if once_in(&mut self.rng, 20) {
            topics.push(json!({"name": self.pair.name("unknown"), "partitions": [0]}));
        }
        let body = json!({"v3AndBelowTransactionalId": transactional_id, "v3AndBelowProducerId": id,
            "v3AndBelowProducerEpoch": epoch, "v3AndBelowTopics": topics});
        self.pair.call("AddPartitionsToTxn", version, body).await;
    }

    async fn add_offsets(&mut self, index: usize) {
        let (transactional_id, id, epoch) = self.identity(index);
        let body = json!({"transactionalId": transactional_id, "producerId": id,
            "producerEpoch": epoch, "groupId": self.group});
        self.pair
            .call_any(&mut self.rng, "AddOffsetsToTxn", body)
            .await;
    }

    async fn commit_offsets(&mut self, index: usize) {
        let (transactional_id, id, epoch) = self.identity(index);
        let (.., implicit) = self.producer(index);
        let version = match implicit {
            true => self.pair.version(&mut self.rng, "TxnOffsetCommit", 5..=5),
            false => self.pair.version(&mut self.rng, "TxnOffsetCommit", ..=4),
        };
        let partition = one_of(&mut self.rng, &[0, 0, 1, 1, 9]);
        let (generation, member) = match self.rng.below(10) {
            0 => (3, "somebody"),
            1 => (0, ""),
            _ => (-1, ""),
        };
        let name = match once_in(&mut self.rng, 20) {
            true => self.pair.name("unknown"),
            false => self.topic.clone(),
        };
        let offset = self.rng.below(50);
        let body = json!({"transactionalId": transactional_id, "groupId": self.group,
            "producerId": id, "producerEpoch": epoch, "generationIdOrMemberEpoch": generation,
            "memberId": member, "topics": [{"name": name, "topicId": self.topic_id, "partitions":
                [{"partitionIndex": partition, "committedOffset": offset, "committedLeaderEpoch": 0,
                  "committedMetadata": one_of(&mut self.rng, &[Some("note"), Some(""), None])}]}]});
        self.pair.call("TxnOffsetCommit", version, body).await;
    }

    async fn end(&mut self, index: usize) {
        let (transactional_id, id, epoch) = self.identity(index);
        let (.., implicit) = self.producer(index);
        let version = match implicit {
            true => self.pair.version(&mut self.rng, "EndTxn", 5..),
            false => self.pair.version(&mut self.rng, "EndTxn", ..=4),
        };
        let committed = !once_in(&mut self.rng, 3);
        let body = json!({"transactionalId": transactional_id, "producerId": id,
            "producerEpoch": epoch, "committed": committed});
        let answer = self.pair.call("EndTxn", version, body.clone()).await;
        if answer["errorCode"] == 0 && answer["producerId"].is_string() {
            self.take(index, &answer);
        }
        // As after a lost answer.
        if once_in(&mut self.rng, 6) {
            self.pair.call("EndTxn", version, body).await;
        }
        self.settle(index).await;
    }

    async fn fetch(&mut self) {
        let version = self.pair.version(&mut self.rng, "Fetch", ..);
        let partition = self.rng.below(PARTITIONS as u64);
        let offset = self.rng.below(20);
        let isolation = one_of(&mut self.rng, &[0, 1, 1, 1]);
        let body = json!({"maxWaitMs": 5, "minBytes": 1, "isolationLevel": isolation,
            "sessionEpoch": -1, "topics": [{"topic": self.topic, "topicId": self.topic_id,
                "partitions": [{"partition": partition, "fetchOffset": offset,
                    "partitionMaxBytes": 1_000_000}]}]});
        self.pair.call("Fetch", version, body).await;
    }

    async fn list_offsets(&mut self) {
        let version = self.pair.version(&mut self.rng, "ListOffsets", 2..);
        let partition = self.rng.below(PARTITIONS as u64);
        let timestamp = one_of(&mut self.rng, &[-1, -1, -2, -3, TIME + 4, TIME + 100_000]);
        let isolation = one_of(&mut self.rng, &[0, 1, 1]);
        let body = json!({"replicaId": -1, "isolationLevel": isolation, "topics":
            [{"name": self.topic, "partitions":
                [{"partitionIndex": partition, "timestamp": timestamp}]}]});
        self.pair.call("ListOffsets", version, body).await;
    }

    /// Without asking for stable ones: the answer to that is "not yet" for as long as it is not.
    async fn fetch_offsets(&mut self) {
        let version = self.pair.version(&mut self.rng, "OffsetFetch", 2..=9);
        let topics = match version {
            2..=7 => json!([{"name": self.topic, "partitionIndexes": [0, 1]}]),
            _ => Value::Null,
        };
        let body = json!({"groupId": self.group, "topics": topics,
            "groups": [{"groupId": self.group, "topics": topics}]});
        self.pair.call("OffsetFetch", version, body).await;
    }

    async fn describe(&mut self, index: usize) {
        let (transactional_id, ..) = self.producer(index);
        let unknown = self.pair.name("nobody");
        let body = json!({"transactionalIds": [transactional_id, unknown]});
        self.pair.call("DescribeTransactions", 0, body).await;
    }

    async fn list(&mut self, index: usize) {
        let (_, id, ..) = self.producer(index);
        let states = one_of::<&[&str]>(
            &mut self.rng,
            &[
                &[],
                &["Ongoing"],
                &["CompleteCommit", "CompleteAbort"],
                &["Nonsense"],
            ],
        );
        let body = json!({"stateFilters": states, "producerIdFilters": [id]});
        self.pair
            .call_any(&mut self.rng, "ListTransactions", body)
            .await;
    }

    async fn describe_producers(&mut self) {
        let body = json!({"topics": [{"name": self.topic, "partitionIndexes": [0, 1]}]});
        self.pair.call("DescribeProducers", 0, body).await;
    }
}
