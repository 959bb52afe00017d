//! Groups of the new protocol (KIP-848): members whose heartbeats are all they say.

use serde_json::{Value, json};
use thalweg_client::Rng;

use super::draw::{once_in, one_of};
use crate::differential::Pair;

struct Member {
    id: String,
    member_epoch: i64,
    /// What it was assigned last, as it tells back.
    owned: Value,
}

struct Consumer {
    pair: Pair,
    rng: Rng,
    group: String,
    topics: Vec<String>,
    /// One at a time: how partitions are spread over several is a matter of hash maps.
    member: Option<Member>,
    made: u32,
}

pub(super) async fn run(mut pair: Pair, rng: Rng, requests: u32) -> Pair {
    let topics: Vec<String> = ["one", "two"].map(|what| pair.name(what)).to_vec();
    for topic in &topics {
        pair.make_topic(topic, 2, &[]).await;
    }
    pair.await_coordinator(0, "any").await;
    let mut area = Consumer {
        group: pair.name("group"),
        pair,
        rng,
        topics,
        member: None,
        made: 0,
    };
    for _ in 0..requests / 3 {
        match area.rng.below(14) {
            0 | 1 => area.join().await,
            2..=6 => area.heartbeat().await,
            7 | 8 => area.heartbeat_wrongly().await,
            9 | 10 => area.commit().await,
            11 => area.fetch().await,
            12 => area.leave().await,
            _ => area.describe().await,
        }
    }
    area.pair
}

impl Consumer {
    fn subscription(&mut self) -> Value {
        match self.rng.below(3) {
            0 => json!([self.topics.first()]),
            1 => json!([self.pair.name("unknown")]),
            _ => json!(self.topics),
        }
    }

    async fn call(&mut self, body: Value) -> Value {
        let version = self
            .pair
            .version(&mut self.rng, "ConsumerGroupHeartbeat", ..);
        self.pair
            .call("ConsumerGroupHeartbeat", version, body)
            .await
    }

    async fn join(&mut self) {
        if self.member.is_some() {
            return self.heartbeat().await;
        }
        self.made += 1;
        let id = format!("AAAAAAAAAAAAAAAAAAAA{:02}", self.made % 100);
        let body = json!({"groupId": self.group, "memberId": id, "memberEpoch": 0,
            "rebalanceTimeoutMs": 30_000, "subscribedTopicNames": self.subscription(),
            "serverAssignor": one_of(&mut self.rng, &[None, Some("uniform"), Some("range")]),
            "topicPartitions": []});
        let answer = self.call(body).await;
        if answer["errorCode"] == 0 {
            self.member = Some(Member {
                id,
                member_epoch: answer["memberEpoch"].as_i64().unwrap_or(0),
                owned: json!([]),
            });
            self.take(&answer);
        }
    }

    fn take(&mut self, answer: &Value) {
        if let Some(member) = &mut self.member {
            member.member_epoch = answer["memberEpoch"]
                .as_i64()
                .unwrap_or(member.member_epoch);
            if let Some(assigned) = answer["assignment"]["topicPartitions"].as_array() {
                member.owned = json!(assigned);
            }
        }
    }

    async fn heartbeat(&mut self) {
        let Some(member) = &self.member else {
            return;
        };
        let (id, member_epoch, owned) = (&member.id, member.member_epoch, &member.owned);
        let mut body = json!({"groupId": self.group, "memberId": id, "memberEpoch": member_epoch});
        let owned = owned.clone();
        match self.rng.below(4) {
            0 => body["subscribedTopicNames"] = self.subscription(),
            1 | 2 => body["topicPartitions"] = owned,
            _ => {}
        }
        let answer = self.call(body).await;
        if answer["errorCode"] == 0 {
            self.take(&answer);
        }
    }

    async fn heartbeat_wrongly(&mut self) {
        let member = self
            .member
            .as_ref()
            .map(|member| (member.id.clone(), member.member_epoch));
        let (id, member_epoch) = member.unwrap_or_else(|| ("nobody".to_owned(), 3));
        let mut body = json!({"groupId": self.group, "memberId": id, "memberEpoch": member_epoch});
        match self.rng.below(7) {
            0 => body["memberEpoch"] = json!(member_epoch + 5),
            1 => body["memberId"] = json!("nobody"),
            2 => body["groupId"] = json!(""),
            3 => body["memberId"] = json!(""),
            4 => body["memberEpoch"] = json!(-3),
            5 => {
                body["memberEpoch"] = json!(0);
                body["memberId"] = json!("CCCCCCCCCCCCCCCCCCCCCC");
                body["serverAssignor"] = json!("nonsense");
                body["rebalanceTimeoutMs"] = json!(30_000);
                body["subscribedTopicNames"] = json!(["t"]);
                body["topicPartitions"] = json!([]);
            }
            _ => body["groupId"] = json!(self.pair.name("unknown")),
        }
        self.call(body).await;
    }

    async fn leave(&mut self) {
        if let Some(member) = self.member.take() {
            let body = json!({"groupId": self.group, "memberId": member.id, "memberEpoch": -1});
            self.call(body).await;
        }
    }

    async fn commit(&mut self) {
        let member = self
            .member
            .as_ref()
            .map(|member| (member.id.clone(), member.member_epoch));
        let (id, member_epoch) = member.unwrap_or_else(|| ("nobody".to_owned(), 1));
        let member_epoch = match once_in(&mut self.rng, 4) {
            true => member_epoch + one_of(&mut self.rng, &[-1, 1]),
            false => member_epoch,
        };
        let version = self.pair.version(&mut self.rng, "OffsetCommit", 9..=9);
        let body = json!({"groupId": self.group, "generationIdOrMemberEpoch": member_epoch,
            "memberId": id, "topics": [{"name": self.topics.first(), "partitions":
                [{"partitionIndex": 0, "committedOffset": self.rng.below(9),
                  "committedMetadata": ""}]}]});
        self.pair.call("OffsetCommit", version, body).await;
    }

    async fn fetch(&mut self) {
        let member = self
            .member
            .as_ref()
            .map(|member| (member.id.clone(), member.member_epoch));
        let (id, member_epoch) = member.unwrap_or_else(|| ("nobody".to_owned(), 1));
        let member_epoch = member_epoch + one_of(&mut self.rng, &[0, 0, 1]);
        let body = json!({"groups": [{"groupId": self.group, "memberId": id,
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
}
