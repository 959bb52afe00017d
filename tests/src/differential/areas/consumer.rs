//! Groups of the new protocol (KIP-848): members whose heartbeats are all they say.
//!
//! Where Kafka goes by the order of a hash map, nothing is asked: only the range assignor, which goes by
//! the order of the member ids, has several members to spread partitions over.

use std::time::Duration;

use serde_json::{Value, json};
use thalweg_client::Rng;
use tokio::time::sleep;

use super::draw::{once_in, one_of};
use crate::differential::Pair;

/// Longer than a run: nobody is thrown out for not giving up what it has to.
const REBALANCE_MS: i32 = 300_000;

/// How long Kafka may take to look for the topics of a regular expression, which it does by the way.
const REGEX_RESOLVED: Duration = Duration::from_millis(400);

#[derive(Clone)]
struct Member {
    id: String,
    instance: Option<String>,
    member_epoch: i64,
    /// What it was assigned last, as it tells back.
    owned: Value,
}

struct Consumer {
    pair: Pair,
    rng: Rng,
    group: String,
    groups: u32,
    assignor: &'static str,
    topics: Vec<String>,
    members: Vec<Member>,
    /// Static members that said they would be back.
    away: Vec<Member>,
    gone: Vec<Member>,
    made: u32,
}

pub(super) async fn run(mut pair: Pair, rng: Rng, requests: u32) -> Pair {
    let topics: Vec<String> = ["one", "two"].map(|what| pair.name(what)).to_vec();
    for (topic, partitions) in topics.iter().zip([3, 2]) {
        pair.make_topic(topic, partitions, &[]).await;
    }
    pair.await_coordinator(0, "any").await;
    let mut area = Consumer {
        group: pair.name("group0"),
        groups: 0,
        assignor: "range",
        pair,
        rng,
        topics,
        members: Vec::new(),
        away: Vec::new(),
        gone: Vec::new(),
        made: 0,
    };
    for _ in 0..requests {
        match area.rng.below(28) {
            0..=3 => area.join().await,
            4..=12 => area.heartbeat().await,
            13..=15 => area.heartbeat_wrongly().await,
            16 | 17 => area.join_wrongly().await,
            18 | 19 => area.commit().await,
            20 => area.fetch().await,
            21 | 22 => area.leave().await,
            23 => area.come_back().await,
            24 => area.administer().await,
            25 => area.next_group().await,
            _ => area.describe().await,
        }
    }
    area.pair
}

impl Consumer {
    fn subscription(&mut self) -> Value {
        match self.rng.below(5) {
            0 => json!([self.topics.first()]),
            1 => json!([self.topics.last(), self.pair.name("unknown")]),
            2 if once_in(&mut self.rng, 4) => json!([]),
            _ => json!(self.topics),
        }
    }

    async fn call(&mut self, body: Value) -> Value {
        let api = "ConsumerGroupHeartbeat";
        let version = match body["subscribedTopicRegex"].is_string() {
            true => self.pair.version(&mut self.rng, api, 1..),
            false => self.pair.version(&mut self.rng, api, ..),
        };
        self.pair.call(api, version, body).await
    }

    fn join_body(&mut self, id: &str, instance: Option<&String>) -> Value {
        let named = once_in(&mut self.rng, 2) || self.assignor == "range";
        json!({"groupId": self.group, "memberId": id, "memberEpoch": 0, "instanceId": instance,
            "rebalanceTimeoutMs": REBALANCE_MS, "subscribedTopicNames": self.subscription(),
            "serverAssignor": named.then_some(self.assignor), "topicPartitions": []})
    }

    fn new_id(&mut self) -> String {
        self.made += 1;
        // Not in the order in which they come.
        format!("{:03}AAAAAAAAAAAAAAAAAAA", self.made * 37 % 1000)
    }

    async fn join(&mut self) {
        let most = match self.assignor {
            "range" => 3,
            _ => 1,
        };
        if self.members.len() + self.away.len() >= most {
            return self.heartbeat().await;
        }
        let id = self.new_id();
        let instance = once_in(&mut self.rng, 3).then(|| format!("instance{}", self.made));
        let mut body = self.join_body(&id, instance.as_ref());
        let alone = self.members.is_empty() && self.away.is_empty();
        if !alone && body["subscribedTopicNames"] == json!([]) {
            // Kafka 4.3 does not notice that it subscribes to something else than the others.
            body["subscribedTopicNames"] = json!(self.topics);
        }
        if self.assignor != "range" && once_in(&mut self.rng, 3) {
            body["subscribedTopicNames"] = Value::Null;
            body["subscribedTopicRegex"] = json!(format!("{}(one|two)", self.pair.name("")));
        }
        let by_pattern = body["subscribedTopicRegex"].is_string();
        let answer = self.call(body).await;
        if answer["errorCode"] == 0 {
            self.members.push(Member {
                id,
                instance,
                member_epoch: 0,
                owned: json!([]),
            });
            self.take(self.members.len() - 1, &answer);
        }
        if by_pattern {
            sleep(REGEX_RESOLVED).await;
        }
    }

    fn take(&mut self, index: usize, answer: &Value) {
        let Some(member) = self.members.get_mut(index) else {
            return;
        };
        if let Some(member_epoch) = answer["memberEpoch"].as_i64() {
            member.member_epoch = member_epoch;
        }
        if let Some(assigned) = answer["assignment"]["topicPartitions"].as_array() {
            member.owned = json!(assigned);
        }
    }

    /// One of the members, or nobody.
    fn member(&mut self) -> (usize, Member) {
        let index = self.rng.below(self.members.len().max(1) as u64) as usize;
        let nobody = || Member {
            id: "nobody".to_owned(),
            instance: None,
            member_epoch: 3,
            owned: json!([]),
        };
        (
            index,
            self.members.get(index).cloned().unwrap_or_else(nobody),
        )
    }

    async fn heartbeat(&mut self) {
        let (index, member) = self.member();
        let mut body = json!({"groupId": self.group, "memberId": member.id,
            "memberEpoch": member.member_epoch, "instanceId": member.instance});
        match self.rng.below(9) {
            0 => body["subscribedTopicNames"] = self.subscription(),
            1..=4 => body["topicPartitions"] = member.owned,
            // It has given up everything, or says so.
            5 => body["topicPartitions"] = json!([]),
            6 => {
                body["topicPartitions"] = member.owned;
                body["rebalanceTimeoutMs"] = json!(REBALANCE_MS);
                body["subscribedTopicNames"] = self.subscription();
            }
            _ => {}
        }
        let answer = self.call(body).await;
        if answer["errorCode"] == 0 {
            self.take(index, &answer);
        }
    }

    async fn heartbeat_wrongly(&mut self) {
        let (_, member) = self.member();
        let other = self.gone.last().or(self.away.last()).cloned();
        let mut body = json!({"groupId": self.group, "memberId": member.id,
            "memberEpoch": member.member_epoch, "instanceId": member.instance});
        match self.rng.below(14) {
            0 => body["memberEpoch"] = json!(member.member_epoch + 5),
            1 => body["memberId"] = json!("nobody"),
            2 => body["groupId"] = json!(""),
            3 => body["memberId"] = json!(""),
            4 => body["memberEpoch"] = json!(-3),
            5 => body["memberEpoch"] = json!(member.member_epoch - 1),
            6 => {
                body["memberEpoch"] = json!(member.member_epoch - 1);
                body["topicPartitions"] = member.owned;
            }
            7 => body["instanceId"] = json!("unknown-instance"),
            8 => body["instanceId"] = json!(""),
            9 => body["serverAssignor"] = json!("nonsense"),
            10 => body["rackId"] = json!(""),
            11 => body["subscribedTopicRegex"] = json!("(unclosed"),
            12 if other.is_some() => {
                let other = other.expect("looked at");
                body["memberId"] = json!(other.id);
                body["instanceId"] = json!(other.instance);
                body["memberEpoch"] = json!(other.member_epoch);
            }
            _ => body["groupId"] = json!(self.pair.name("unknown")),
        }
        self.call(body).await;
    }

    /// Joins that are refused.
    async fn join_wrongly(&mut self) {
        let id = "ZZZZZZZZZZZZZZZZZZZZZZ";
        let mut body = self.join_body(id, None);
        match self.rng.below(12) {
            0 => body["serverAssignor"] = json!("nonsense"),
            1 => body["rebalanceTimeoutMs"] = json!(-1),
            2 => body["topicPartitions"] = Value::Null,
            3 => {
                body["topicPartitions"] =
                    json!([{"topicId": "BBBBBBBBBBBBBBBBBBBBBA", "partitions": [0]}]);
            }
            4 => body["subscribedTopicNames"] = Value::Null,
            5 => {
                body["subscribedTopicNames"] = Value::Null;
                body["subscribedTopicRegex"] = json!(one_of(&mut self.rng, &["(", "[a", "*"]));
            }
            6 => body["instanceId"] = json!(""),
            7 => body["groupId"] = json!(""),
            8 => body["memberEpoch"] = json!(-1),
            9 => body["memberEpoch"] = json!(-2),
            10 => body["memberEpoch"] = json!(-5),
            _ => {
                // The place of a static member that is there.
                let taken = self
                    .members
                    .iter()
                    .find_map(|member| member.instance.clone());
                match taken {
                    Some(instance) => body["instanceId"] = json!(instance),
                    None => body["serverAssignor"] = json!(""),
                }
            }
        }
        self.call(body).await;
    }

    async fn leave(&mut self) {
        if self.members.is_empty() {
            return;
        }
        let (index, member) = self.member();
        let away = member.instance.is_some() && !once_in(&mut self.rng, 3);
        let body = json!({"groupId": self.group, "memberId": member.id,
            "instanceId": member.instance, "memberEpoch": if away { -2 } else { -1 }});
        let answer = self.call(body).await;
        if answer["errorCode"] == 0 {
            let member = self.members.remove(index);
            match away {
                true => self.away.push(member),
                false => self.gone.push(member),
            }
        }
    }

    /// A static member is back, under another id.
    async fn come_back(&mut self) {
        let Some(member) = self.away.pop() else {
            return;
        };
        let id = self.new_id();
        let body = self.join_body(&id, member.instance.as_ref());
        let answer = self.call(body).await;
        if answer["errorCode"] == 0 {
            self.members.push(Member {
                id,
                member_epoch: 0,
                ..member.clone()
            });
            self.take(self.members.len() - 1, &answer);
            self.gone.push(member);
        }
    }

    async fn commit(&mut self) {
        let (_, member) = self.member();
        let member_epoch = match once_in(&mut self.rng, 4) {
            true => member.member_epoch + one_of(&mut self.rng, &[-1, 1]),
            false => member.member_epoch,
        };
        let version = self.pair.version(&mut self.rng, "OffsetCommit", 7..=9);
        let body = json!({"groupId": self.group, "generationIdOrMemberEpoch": member_epoch,
            "memberId": member.id, "groupInstanceId": member.instance, "topics":
                [{"name": self.topics.first(), "partitions": [{"partitionIndex": self.rng.below(3),
                    "committedOffset": self.rng.below(9), "committedMetadata": ""}]}]});
        self.pair.call("OffsetCommit", version, body).await;
    }

    async fn fetch(&mut self) {
        let (_, member) = self.member();
        let member_epoch = member.member_epoch + one_of(&mut self.rng, &[0, 0, 1]);
        let body = json!({"groups": [{"groupId": self.group, "memberId": member.id,
            "memberEpoch": member_epoch, "topics": null}]});
        let version = self.pair.version(&mut self.rng, "OffsetFetch", 9..);
        self.pair.call("OffsetFetch", version, body).await;
    }

    async fn describe(&mut self) {
        let body = json!({"groupIds": [self.group, self.pair.name("unknown")]});
        self.pair
            .call_any(&mut self.rng, "ConsumerGroupDescribe", body)
            .await;
        let body = json!({"groups": [self.group]});
        self.pair
            .call_any(&mut self.rng, "DescribeGroups", body)
            .await;
    }

    /// What is refused while there are members.
    async fn administer(&mut self) {
        let prefix = self.pair.name("");
        let version = self.pair.version(&mut self.rng, "ListGroups", 5..);
        let body = json!({"typesFilter": one_of::<&[&str]>(&mut self.rng, &[&[], &["Consumer"]])});
        self.pair
            .call_within("ListGroups", version, body, "groups", "groupId", &prefix)
            .await;
        let body = json!({"groupId": self.group, "topics": [{"name": self.topics.first(),
            "partitions": [{"partitionIndex": 0}]}]});
        self.pair.call("OffsetDelete", 0, body).await;
        if !self.members.is_empty() {
            let body = json!({"groupsNames": [self.group]});
            self.pair
                .call_any(&mut self.rng, "DeleteGroups", body)
                .await;
        }
    }

    /// Another group, under another assignor.
    async fn next_group(&mut self) {
        if !once_in(&mut self.rng, 2) {
            return;
        }
        self.groups += 1;
        self.group = self.pair.name(&format!("group{}", self.groups));
        self.assignor = match self.groups % 2 {
            0 => "range",
            _ => "uniform",
        };
        self.members.clear();
        self.away.clear();
        self.gone.clear();
    }
}
