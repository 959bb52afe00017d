//! Streams groups (KIP-1071): topologies, tasks and what is wrong with either.
//!
//! A group has one member at a time: how tasks are spread over several is a matter of hash maps.

use serde_json::{Value, json};
use thalweg_client::Rng;

use super::draw::{once_in, one_of};
use crate::differential::Pair;

const REBALANCE_MS: i32 = 300_000;

struct Streams {
    pair: Pair,
    rng: Rng,
    groups: u32,
    group: String,
    topics: Vec<String>,
    member: Option<Member>,
    made: u32,
}

#[derive(Clone)]
struct Member {
    id: String,
    member_epoch: i64,
    active: Value,
}

pub(super) async fn run(mut pair: Pair, rng: Rng, requests: u32) -> Pair {
    let topics: Vec<String> = ["one", "two"].map(|what| pair.name(what)).to_vec();
    for (topic, partitions) in topics.iter().zip([3, 2]) {
        pair.make_topic(topic, partitions, &[]).await;
    }
    pair.await_coordinator(0, "any").await;
    let mut area = Streams {
        group: pair.name("group0"),
        pair,
        rng,
        groups: 0,
        topics,
        member: None,
        made: 0,
    };
    for _ in 0..requests {
        match area.rng.below(16) {
            0..=2 => area.join().await,
            3..=6 => area.heartbeat().await,
            7 | 8 => area.heartbeat_wrongly().await,
            9 | 10 => area.join_wrongly().await,
            11 => area.leave().await,
            12 => area.next_group().await,
            13 => area.commit().await,
            _ => area.describe().await,
        }
    }
    area.pair
}

impl Streams {
    /// A subtopology that reads the first topic, and mostly no internal ones, which Kafka makes when it
    /// comes to it.
    fn topology(&mut self) -> Value {
        let sources = match self.rng.below(5) {
            0 => json!([self.topics.last()]),
            1 => json!([self.pair.name("unknown")]),
            2 => json!(self.topics),
            _ => json!([self.topics.first()]),
        };
        let mut second = json!([]);
        if once_in(&mut self.rng, 3) {
            second = json!([{"subtopologyId": "1", "sourceTopics": [self.topics.last()],
                "sourceTopicRegex": [], "stateChangelogTopics": [], "repartitionSinkTopics": [],
                "repartitionSourceTopics": [], "copartitionGroups": []}]);
        }
        let mut all = vec![json!({"subtopologyId": "0", "sourceTopics": sources,
            "sourceTopicRegex": [], "stateChangelogTopics": [], "repartitionSinkTopics": [],
            "repartitionSourceTopics": [], "copartitionGroups": []})];
        all.extend(second.as_array().cloned().unwrap_or_default());
        json!({"epoch": one_of(&mut self.rng, &[0, 0, 0, 1]), "subtopologies": all})
    }

    async fn call(&mut self, body: Value) -> Value {
        let api = "StreamsGroupHeartbeat";
        let version = self.pair.version(&mut self.rng, api, ..);
        self.pair.call(api, version, body).await
    }

    fn join_body(&mut self, id: &str) -> Value {
        json!({"groupId": self.group, "memberId": id, "memberEpoch": 0,
            "endpointInformationEpoch": -1, "rebalanceTimeoutMs": REBALANCE_MS,
            "topology": self.topology(), "activeTasks": [], "standbyTasks": [], "warmupTasks": [],
            "processId": "process", "clientTags": []})
    }

    async fn join(&mut self) {
        if self.member.is_some() {
            return self.heartbeat().await;
        }
        self.made += 1;
        let id = format!("AAAAAAAAAAAAAAAAAAAA{:02}", self.made % 100);
        let body = self.join_body(&id);
        let answer = self.call(body).await;
        if answer["errorCode"] == 0 {
            self.member = Some(Member {
                id,
                member_epoch: 0,
                active: json!([]),
            });
            self.take(&answer);
        }
    }

    fn take(&mut self, answer: &Value) {
        if let Some(member) = &mut self.member {
            member.member_epoch = answer["memberEpoch"]
                .as_i64()
                .unwrap_or(member.member_epoch);
            if answer["activeTasks"].is_array() {
                member.active = answer["activeTasks"].clone();
            }
        }
    }

    fn member(&self) -> Member {
        self.member.clone().unwrap_or(Member {
            id: "nobody".to_owned(),
            member_epoch: 3,
            active: json!([]),
        })
    }

    async fn heartbeat(&mut self) {
        let member = self.member();
        let mut body = json!({"groupId": self.group, "memberId": member.id,
            "memberEpoch": member.member_epoch, "endpointInformationEpoch": -1});
        if once_in(&mut self.rng, 2) {
            body["activeTasks"] = member.active.clone();
            body["standbyTasks"] = json!([]);
            body["warmupTasks"] = json!([]);
        }
        match self.rng.below(8) {
            0 => body["processId"] = json!("another process"),
            1 => body["clientTags"] = json!([{"key": "zone", "value": "a"}]),
            2 => body["rackId"] = json!("rack"),
            // Kafka 4.3 fails over the endpoint of a member whose topics are not there.
            3 if member.active != json!([]) => {
                body["userEndpoint"] = json!({"host": "localhost", "port": 80})
            }
            _ => {}
        }
        let answer = self.call(body).await;
        if answer["errorCode"] == 0 {
            self.take(&answer);
        }
    }

    async fn heartbeat_wrongly(&mut self) {
        let member = self.member();
        let mut body = json!({"groupId": self.group, "memberId": member.id,
            "memberEpoch": member.member_epoch, "endpointInformationEpoch": -1});
        match self.rng.below(13) {
            0 => body["memberEpoch"] = json!(member.member_epoch + 4),
            1 => body["memberEpoch"] = json!(member.member_epoch - 1),
            2 => body["memberEpoch"] = json!(-3),
            3 => body["memberEpoch"] = json!(-2),
            4 => body["memberId"] = json!(""),
            5 => body["memberId"] = json!("somebody"),
            6 => body["groupId"] = json!(""),
            7 => body["groupId"] = json!(self.pair.name("unknown")),
            8 => body["activeTasks"] = member.active,
            9 => {
                body["activeTasks"] = json!([{"subtopologyId": "7", "partitions": [0]}]);
                body["standbyTasks"] = json!([]);
                body["warmupTasks"] = json!([]);
            }
            10 => body["topology"] = self.topology(),
            11 => body["instanceId"] = json!("instance"),
            _ => body["rackId"] = json!(""),
        }
        self.call(body).await;
    }

    /// Joins that are refused, or have nothing wrong after all. Kafka 4.3 fails over subtopologies with
    /// the same id, and over copartition groups of topics that are not there.
    async fn join_wrongly(&mut self) {
        if self.member.is_some() {
            return self.heartbeat().await;
        }
        let mut body = self.join_body("ZZZZZZZZZZZZZZZZZZZZZZ");
        match self.rng.below(9) {
            0 => body["topology"] = Value::Null,
            1 => body["rebalanceTimeoutMs"] = json!(-1),
            2 => body["activeTasks"] = json!([{"subtopologyId": "0", "partitions": [0]}]),
            3 => body["standbyTasks"] = Value::Null,
            4 => body["topology"]["subtopologies"][0]["sourceTopics"] = json!(["bad name!"]),
            5 => body["topology"]["subtopologies"][0]["sourceTopicRegex"] = json!(["("]),
            6 => {
                body["topology"]["subtopologies"][0]["stateChangelogTopics"] = json!([{"name": "bad name!", "partitions": 0, "replicationFactor": 0,
                        "topicConfigs": []}]);
            }
            7 => body["instanceId"] = json!(""),
            _ => {
                body["topology"]["subtopologies"][0]["repartitionSourceTopics"] = json!([{"name": self.topics.first(), "partitions": 0, "replicationFactor": 0,
                        "topicConfigs": []}]);
            }
        }
        let answer = self.call(body).await;
        // It may be none of the faults after all.
        if answer["errorCode"] == 0 {
            let body = json!({"groupId": self.group, "memberId": "ZZZZZZZZZZZZZZZZZZZZZZ",
                "memberEpoch": -1, "endpointInformationEpoch": -1});
            self.call(body).await;
        }
    }

    async fn leave(&mut self) {
        if let Some(member) = self.member.take() {
            let body = json!({"groupId": self.group, "memberId": member.id, "memberEpoch": -1,
                "endpointInformationEpoch": -1});
            self.call(body).await;
        }
    }

    async fn next_group(&mut self) {
        self.leave().await;
        self.groups += 1;
        self.group = self.pair.name(&format!("group{}", self.groups));
    }

    async fn commit(&mut self) {
        let member = self.member();
        let member_epoch = member.member_epoch + one_of(&mut self.rng, &[0, 0, 0, 1, -1]);
        let body = json!({"groupId": self.group, "generationIdOrMemberEpoch": member_epoch,
            "memberId": member.id, "topics": [{"name": self.topics.first(), "partitions":
                [{"partitionIndex": 0, "committedOffset": self.rng.below(9),
                  "committedMetadata": ""}]}]});
        self.pair.call("OffsetCommit", 9, body).await;
    }

    async fn describe(&mut self) {
        let body = json!({"groupIds": [self.group, self.pair.name("unknown")]});
        self.pair
            .call_any(&mut self.rng, "StreamsGroupDescribe", body)
            .await;
        let prefix = self.pair.name("");
        self.pair
            .call_within("ListGroups", 5, json!({}), "groups", "groupId", &prefix)
            .await;
    }
}
