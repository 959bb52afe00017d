//! Share groups (KIP-932): membership, sessions, and records that are acquired and acknowledged.
//!
//! A group has one member at a time: how partitions are spread over several, and who of them is served
//! first, is chance.

use serde_json::{Value, json};
use thalweg_client::Rng;

use super::draw::{once_in, one_of};
use crate::differential::Pair;

const TIME: i64 = 1_750_000_000_000;

/// Long enough for Kafka to look up where the group is in a partition.
const WAIT_MS: i32 = 400;

struct Share {
    pair: Pair,
    rng: Rng,
    groups: u32,
    group: String,
    topic: String,
    topic_id: Value,
    /// The member's id and its epoch.
    member: Option<(String, i64)>,
    acquired: Vec<Acquired>,
    /// The epoch of the share session that comes next.
    session: Option<i64>,
    /// The partition of the session.
    partition: i64,
    made: u32,
    clock: i64,
}

/// Records that the member has: those of more deliveries are not given back, since Kafka delivers what
/// comes back often in smaller and smaller parts.
struct Acquired {
    partition: i64,
    first: i64,
    last: i64,
    deliveries: i64,
}

const PARTITIONS: u64 = 2;

pub(super) async fn run(mut pair: Pair, rng: Rng, requests: u32) -> Pair {
    let topic = pair.name("records");
    let topic_id = pair.make_topic(&topic, PARTITIONS as i32, &[]).await;
    pair.await_coordinator(0, "any").await;
    let mut area = Share {
        group: String::new(),
        pair,
        rng,
        groups: 0,
        topic,
        topic_id,
        member: None,
        acquired: Vec::new(),
        session: None,
        partition: 0,
        made: 0,
        clock: TIME,
    };
    area.next_group().await;
    for _ in 0..requests {
        match area.rng.below(24) {
            0..=2 => area.join().await,
            3..=5 => area.heartbeat().await,
            6 => area.heartbeat_wrongly().await,
            7..=9 => area.produce().await,
            10..=14 => area.fetch().await,
            15..=18 => area.acknowledge().await,
            19 => area.fetch_wrongly().await,
            20 => area.leave().await,
            21 if once_in(&mut area.rng, 4) => area.next_group().await,
            _ => area.describe().await,
        }
    }
    area.pair
}

impl Share {
    /// Another group, which reads from the beginning.
    async fn next_group(&mut self) {
        self.leave().await;
        self.groups += 1;
        self.group = self.pair.name(&format!("group{}", self.groups));
        let body = json!({"resources": [{"resourceType": 32, "resourceName": self.group, "configs":
            [{"name": "share.auto.offset.reset", "configOperation": 0, "value": "earliest"},
             {"name": "share.delivery.count.limit", "configOperation": 0, "value": "10"}]}]});
        self.pair.call("IncrementalAlterConfigs", 1, body).await;
        // The coordinators hear of it after those who asked.
        let body = json!({"resources": [{"resourceType": 32, "resourceName": self.group,
            "configurationKeys": ["share.auto.offset.reset"]}]});
        self.pair
            .until("DescribeConfigs", 4, body, |answer| {
                answer["results"][0]["configs"][0]["value"] == "earliest"
            })
            .await;
        let key = format!("{}:any:0", self.group);
        self.pair.await_coordinator(0, &key).await;
    }

    async fn call(&mut self, body: Value) -> Value {
        self.pair.call("ShareGroupHeartbeat", 1, body).await
    }

    async fn join(&mut self) {
        if self.member.is_some() {
            return self.heartbeat().await;
        }
        self.made += 1;
        let id = format!("AAAAAAAAAAAAAAAAAAAA{:02}", self.made % 100);
        let body = json!({"groupId": self.group, "memberId": id, "memberEpoch": 0,
            "subscribedTopicNames": [self.topic]});
        let answer = self.call(body).await;
        if answer["errorCode"] == 0 {
            let member_epoch = answer["memberEpoch"].as_i64().unwrap_or(0);
            // The first to come has to wait until the partitions can be assigned, which takes Kafka a
            // moment.
            if answer["assignment"]["topicPartitions"] == json!([]) {
                let body =
                    json!({"groupId": self.group, "memberId": id, "memberEpoch": member_epoch});
                self.pair
                    .until("ShareGroupHeartbeat", 1, body, |answer| {
                        answer["memberEpoch"] != member_epoch
                    })
                    .await;
            }
            self.member = Some((id, member_epoch));
            self.heartbeat().await;
        }
    }

    async fn heartbeat(&mut self) {
        let Some((id, member_epoch)) = self.member.clone() else {
            return;
        };
        let mut body = json!({"groupId": self.group, "memberId": id, "memberEpoch": member_epoch});
        if once_in(&mut self.rng, 5) {
            body["subscribedTopicNames"] = match self.rng.below(4) {
                0 => json!([self.topic, self.pair.name("unknown")]),
                _ => json!([self.topic]),
            };
        }
        let answer = self.call(body).await;
        if answer["errorCode"] == 0 {
            let next = answer["memberEpoch"].as_i64().unwrap_or(member_epoch);
            self.member = Some((id, next));
        }
    }

    async fn heartbeat_wrongly(&mut self) {
        let (id, member_epoch) = self.member.clone().unwrap_or(("nobody".to_owned(), 2));
        let mut body = json!({"groupId": self.group, "memberId": id, "memberEpoch": member_epoch});
        match self.rng.below(9) {
            0 => body["memberEpoch"] = json!(member_epoch + 5),
            1 => body["memberEpoch"] = json!(-2),
            2 => body["memberId"] = json!(""),
            3 => body["memberId"] = json!("somebody"),
            4 => body["groupId"] = json!(""),
            5 => body["groupId"] = json!(self.pair.name("unknown")),
            6 => body["rackId"] = json!(""),
            7 => {
                body["memberEpoch"] = json!(0);
                body["memberId"] = json!("somebody-new");
            }
            _ => body["memberEpoch"] = json!(member_epoch - 1),
        }
        self.call(body).await;
    }

    async fn leave(&mut self) {
        if let Some((id, _)) = self.member.take() {
            if let Some(mut epoch) = self.session.take() {
                for acquired in std::mem::take(&mut self.acquired) {
                    let body = self.acknowledgement(&id, epoch, &acquired, &[1]);
                    self.pair.call("ShareAcknowledge", 1, body).await;
                    epoch += 1;
                }
                let body = self.fetch_body(&id, -1);
                self.pair.call("ShareFetch", 1, body).await;
            }
            let body = json!({"groupId": self.group, "memberId": id, "memberEpoch": -1});
            self.call(body).await;
        }
    }

    async fn produce(&mut self) {
        let count = 1 + self.rng.below(4) as i64;
        let records: Vec<Value> = (0..count)
            .map(|number| json!({"key": "k", "value": "v", "timestamp": self.clock + number}))
            .collect();
        self.clock += count;
        let partition = self.rng.below(PARTITIONS);
        let body = json!({"acks": -1, "timeoutMs": 5000, "topicData": [{"name": self.topic,
            "topicId": self.topic_id, "partitionData": [{"index": partition,
                "records": {"_batches": [{"records": records}]}}]}]});
        self.pair.call("Produce", 9, body).await;
    }

    fn fetch_body(&self, id: &str, epoch: i64) -> Value {
        json!({"groupId": self.group, "memberId": id, "shareSessionEpoch": epoch,
            "maxWaitMs": WAIT_MS, "minBytes": 1, "maxBytes": 1_000_000, "maxRecords": 500,
            "batchSize": 500, "topics": [], "forgottenTopicsData": []})
    }

    /// One partition a session: which of several is read first is chance.
    ///
    /// By whole batches: where a limit of records cuts one, Kafka acquires what comes next in parts.
    async fn fetch(&mut self) {
        let Some((id, _)) = self.member.clone() else {
            return;
        };
        let epoch = self.session.unwrap_or(0);
        let version = self.pair.version(&mut self.rng, "ShareFetch", ..);
        let mut body = self.fetch_body(&id, epoch);
        if epoch == 0 {
            self.partition = self.rng.below(PARTITIONS) as i64;
            body["topics"] = json!([{"topicId": self.topic_id, "partitions":
                [{"partitionIndex": self.partition, "acknowledgementBatches": []}]}]);
        } else if let Some(acquired) = self.acquired.pop() {
            // What is given back may or may not be there again when the same request fetches.
            let kind = one_of(&mut self.rng, &[1, 1, 3]);
            let Acquired {
                partition,
                first,
                last,
                ..
            } = acquired;
            body["topics"] = json!([{"topicId": self.topic_id, "partitions":
                [{"partitionIndex": partition, "acknowledgementBatches":
                    [{"firstOffset": first, "lastOffset": last, "acknowledgeTypes": [kind]}]}]}]);
        }
        let answer = self.pair.call("ShareFetch", version, body).await;
        self.take(&answer, epoch);
    }

    fn take(&mut self, answer: &Value, epoch: i64) {
        if answer["errorCode"] != 0 {
            self.session = None;
            self.acquired.clear();
            return;
        }
        self.session = Some(epoch + 1);
        for topic in answer["responses"].as_array().into_iter().flatten() {
            for partition in topic["partitions"].as_array().into_iter().flatten() {
                let index = partition["partitionIndex"].as_i64().unwrap_or(-1);
                for range in partition["acquiredRecords"]
                    .as_array()
                    .into_iter()
                    .flatten()
                {
                    let number = |field: &str| range[field].as_i64().unwrap_or(-1);
                    self.acquired.push(Acquired {
                        partition: index,
                        first: number("firstOffset"),
                        last: number("lastOffset"),
                        deliveries: number("deliveryCount"),
                    });
                }
            }
        }
    }

    async fn acknowledge(&mut self) {
        let (Some((id, _)), Some(epoch)) = (self.member.clone(), self.session) else {
            return;
        };
        let version = self.pair.version(&mut self.rng, "ShareAcknowledge", ..);
        let Some(acquired) = self.acquired.pop() else {
            // Kafka 4.3 fails over acknowledgements where nothing is acquired at all.
            return;
        };
        let kept = Acquired { ..acquired };
        let count = (acquired.last - acquired.first + 1).max(1) as usize;
        let known: &[i64] = match acquired.deliveries {
            ..=2 => &[0, 1, 2, 3],
            _ => &[0, 1, 3],
        };
        let (wrong, kinds): (bool, Vec<i64>) = match self.rng.below(9) {
            0 => (
                false,
                (0..count).map(|_| one_of(&mut self.rng, known)).collect(),
            ),
            1 => (true, vec![9]),
            2 => (true, vec![]),
            3 => (true, vec![1; count + 3]),
            4 => (true, vec![1]),
            _ => (false, vec![one_of(&mut self.rng, known)]),
        };
        let said = match wrong && kinds == [1] {
            // Of what nobody has.
            true => Acquired {
                last: acquired.last + 50,
                ..acquired
            },
            false => acquired,
        };
        let body = self.acknowledgement(&id, epoch, &said, &kinds);
        if wrong {
            self.acquired.push(kept);
        }
        let answer = self.pair.call("ShareAcknowledge", version, body).await;
        match answer["errorCode"] == 0 {
            true => self.session = Some(epoch + 1),
            false => {
                self.session = None;
                self.acquired.clear();
            }
        }
    }

    fn acknowledgement(&self, id: &str, epoch: i64, of: &Acquired, kinds: &[i64]) -> Value {
        json!({"groupId": self.group, "memberId": id, "shareSessionEpoch": epoch, "topics":
            [{"topicId": self.topic_id, "partitions": [{"partitionIndex": of.partition,
                "acknowledgementBatches": [{"firstOffset": of.first, "lastOffset": of.last,
                    "acknowledgeTypes": kinds}]}]}]})
    }

    /// What is refused as a whole, and leaves the session as it is.
    async fn fetch_wrongly(&mut self) {
        let (id, _) = self.member.clone().unwrap_or(("nobody".to_owned(), 2));
        let epoch = self.session.unwrap_or(3);
        let version = self.pair.version(&mut self.rng, "ShareFetch", ..);
        let mut body = self.fetch_body(&id, epoch);
        match self.rng.below(6) {
            0 => body["shareSessionEpoch"] = json!(epoch + 4),
            1 => body["memberId"] = json!(""),
            2 => body["groupId"] = Value::Null,
            3 => body["memberId"] = json!("CCCCCCCCCCCCCCCCCCCCCC"),
            4 => {
                body["memberId"] = json!("CCCCCCCCCCCCCCCCCCCCCC");
                body["shareSessionEpoch"] = json!(-1);
            }
            _ => {
                body["shareSessionEpoch"] = json!(epoch + 4);
                body = json!({"groupId": self.group, "memberId": id,
                    "shareSessionEpoch": 0, "topics": []});
                self.pair.call("ShareAcknowledge", 1, body).await;
                return;
            }
        }
        self.pair.call("ShareFetch", version, body).await;
    }

    async fn describe(&mut self) {
        let body = json!({"groupIds": [self.group, self.pair.name("unknown")]});
        self.pair.call("ShareGroupDescribe", 1, body).await;
    }
}
