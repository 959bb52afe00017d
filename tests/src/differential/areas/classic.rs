//! Groups of the classic protocol: members that join, sync, beat and leave, in order and out of order.
//!
//! Where Kafka goes by the order of a hash map, nothing is asked: no leader leaves others behind, and
//! all members like the same assignors best.

use serde_json::{Value, json};
use thalweg_client::Rng;

use super::draw::{once_in, one_of};
use crate::differential::Pair;
use crate::json::to_base64;

/// How long a rebalance waits for members that do not come: seldom needed.
const REBALANCE_MS: i32 = 1_000;

/// Longer than a run: nobody is thrown out for having been silent.
const SESSION_MS: i32 = 60_000;

#[derive(Clone)]
struct Member {
    id: Value,
    instance: Option<String>,
    /// Tells it from the others where their order means nothing.
    metadata: String,
}

struct Classic {
    pair: Pair,
    rng: Rng,
    group: String,
    groups: u32,
    topic: String,
    /// The leader comes first.
    members: Vec<Member>,
    generation: i64,
    /// The ids of members that are no longer.
    gone: Vec<Member>,
    made: u32,
}

pub(super) async fn run(mut pair: Pair, rng: Rng, requests: u32) -> Pair {
    let topic = pair.name("topic");
    pair.make_topic(&topic, 2, &[]).await;
    let mut area = Classic {
        group: pair.name("group0"),
        pair,
        rng,
        groups: 0,
        topic,
        members: Vec::new(),
        generation: -1,
        gone: Vec::new(),
        made: 0,
    };
    let group = area.group.clone();
    area.pair.await_coordinator(0, &group).await;
    for _ in 0..requests / 3 {
        match area.rng.below(24) {
            0..=4 => area.rebalance().await,
            5..=8 => area.heartbeat().await,
            9..=11 => area.commit().await,
            12 => area.fetch().await,
            13 | 14 => area.describe().await,
            15 | 16 => area.leave().await,
            17 => area.sync_wrongly().await,
            18 | 19 => area.join_wrongly().await,
            20 => area.come_back().await,
            21 => area.list().await,
            22 => area.delete_group().await,
            _ => area.delete_offsets().await,
        }
    }
    area.pair
}

impl Classic {
    fn join_body(&self, member: &Member) -> Value {
        let metadata = to_base64(&subscription(&self.topic, &member.metadata));
        json!({"groupId": self.group, "sessionTimeoutMs": SESSION_MS,
            "rebalanceTimeoutMs": REBALANCE_MS, "memberId": member.id,
            "groupInstanceId": member.instance, "protocolType": "consumer", "protocols":
                [{"name": "range", "metadata": metadata}, {"name": "sticky", "metadata": metadata}]})
    }

    fn new_member(&mut self) -> Member {
        self.made += 1;
        let instance = once_in(&mut self.rng, 3).then(|| format!("instance{}", self.made));
        Member {
            id: json!(""),
            instance,
            metadata: format!("member {}", self.made),
        }
    }

    /// A version of `JoinGroup` that can say what the member has to say.
    fn join_version(&mut self, member: &Member) -> i16 {
        match member.instance {
            Some(_) => self.pair.version(&mut self.rng, "JoinGroup", 5..),
            None => self.pair.version(&mut self.rng, "JoinGroup", 1..),
        }
    }

    /// Everybody joins, with or without somebody new, and everybody gets an assignment.
    async fn rebalance(&mut self) {
        let mut joining = Vec::new();
        let grows =
            self.members.is_empty() || (self.members.len() < 3 && !once_in(&mut self.rng, 3));
        if grows {
            let mut member = self.new_member();
            // Members without a name of their own are told an id first.
            if member.instance.is_none() {
                let version = self.pair.version(&mut self.rng, "JoinGroup", 4..);
                let body = self.join_body(&member);
                let answer = self.pair.call("JoinGroup", version, body).await;
                member.id = answer["memberId"].clone();
            }
            joining.push(member);
        }
        // The leader, or whoever is new, begins it.
        joining.extend(self.members.iter().cloned());
        let mut calls = Vec::new();
        for member in &joining {
            let version = self.join_version(member);
            calls.push(("JoinGroup", version, self.join_body(member)));
        }
        let answers = self.pair.call_together(calls).await;
        let mut leader = Value::Null;
        for (member, answer) in joining.iter_mut().zip(&answers) {
            if answer["errorCode"] == 0 {
                member.id = answer["memberId"].clone();
                self.generation = answer["generationId"].as_i64().unwrap_or(-1);
                leader = answer["leader"].clone();
            }
        }
        joining.sort_by_key(|member| member.id != leader);
        self.members = joining;
        if once_in(&mut self.rng, 3) {
            self.heartbeat().await;
        }
        if once_in(&mut self.rng, 4) {
            self.describe().await;
        }
        self.sync().await;
    }

    fn sync_body(&self, member: &Member) -> Value {
        json!({"groupId": self.group, "generationId": self.generation, "memberId": member.id,
            "groupInstanceId": null, "protocolType": "consumer", "protocolName": "range",
            "assignments": []})
    }

    async fn sync(&mut self) {
        let mut calls = Vec::new();
        // The leader comes last: the others are held back until then.
        for (index, member) in self.members.iter().enumerate().rev() {
            let mut body = self.sync_body(member);
            if index == 0 {
                let assignments = self.members.iter().map(|member| {
                    let assignment = to_base64(format!("for {}", member.metadata).as_bytes());
                    json!({"memberId": member.id, "assignment": assignment})
                });
                body["assignments"] = assignments.collect();
            }
            let version = self.pair.version(&mut self.rng, "SyncGroup", ..);
            calls.push(("SyncGroup", version, body));
        }
        self.pair.call_together(calls).await;
    }

    /// A member and generation as they are, or as somebody is mistaken about them.
    fn identity(&mut self) -> (Value, Option<String>, i64) {
        let index = self.rng.below(self.members.len().max(1) as u64) as usize;
        let member = self.members.get(index).cloned();
        let nobody = (json!("somebody"), None, self.generation);
        let gone = self.gone.last().cloned();
        match (member, gone, self.rng.below(12)) {
            (None, _, _) | (_, _, 0) => nobody,
            (Some(member), _, 1) => (member.id, None, self.generation + 1),
            (Some(member), _, 2) => (member.id, None, self.generation - 1),
            (Some(member), _, 3) => (
                member.id,
                Some("unknown-instance".to_owned()),
                self.generation,
            ),
            (_, Some(gone), 4) => (gone.id, gone.instance, self.generation),
            (Some(_), _, 5) => (json!(""), None, self.generation),
            (Some(member), _, _) => (member.id, member.instance, self.generation),
        }
    }

    async fn heartbeat(&mut self) {
        let (id, instance, generation) = self.identity();
        let version = match instance {
            Some(_) => self.pair.version(&mut self.rng, "Heartbeat", 3..),
            None => self.pair.version(&mut self.rng, "Heartbeat", ..),
        };
        let body = json!({"groupId": self.group, "generationId": generation, "memberId": id,
            "groupInstanceId": instance});
        self.pair.call("Heartbeat", version, body).await;
    }

    async fn commit(&mut self) {
        let (id, instance, generation) = self.identity();
        let version = match instance {
            Some(_) => self.pair.version(&mut self.rng, "OffsetCommit", 7..=9),
            None => self.pair.version(&mut self.rng, "OffsetCommit", ..=9),
        };
        let body = json!({"groupId": self.group, "generationIdOrMemberEpoch": generation,
            "memberId": id, "groupInstanceId": instance, "topics": [{"name": self.topic,
                "partitions": [{"partitionIndex": self.rng.below(2),
                    "committedOffset": self.rng.below(100), "committedMetadata": ""}]}]});
        self.pair.call("OffsetCommit", version, body).await;
    }

    async fn fetch(&mut self) {
        let version = self.pair.version(&mut self.rng, "OffsetFetch", 2..);
        let body = json!({"groupId": self.group, "topics": null,
            "groups": [{"groupId": self.group, "topics": null}]});
        self.pair.call("OffsetFetch", version, body).await;
    }

    async fn describe(&mut self) {
        let body = json!({"groups": [self.group]});
        self.pair
            .call_any(&mut self.rng, "DescribeGroups", body)
            .await;
    }

    async fn list(&mut self) {
        let version = self.pair.version(&mut self.rng, "ListGroups", ..);
        let prefix = self.pair.name("");
        self.pair
            .call_within(
                "ListGroups",
                version,
                json!({}),
                "groups",
                "groupId",
                &prefix,
            )
            .await;
    }

    /// Somebody leaves; and all of them if it is the leader, since who comes next is chance.
    async fn leave(&mut self) {
        let version = self.pair.version(&mut self.rng, "LeaveGroup", ..);
        let unknown = json!({"memberId": "somebody", "groupInstanceId": null});
        let index = self.rng.below(self.members.len().max(1) as u64) as usize;
        let leaving = match index {
            0 => std::mem::take(&mut self.members),
            index => vec![self.members.remove(index)],
        };
        let body_of = |member: &Member| json!({"memberId": member.id, "groupInstanceId": member.instance, "reason": "over"});
        if version >= 3 {
            let mut members: Vec<Value> = leaving.iter().map(body_of).collect();
            if once_in(&mut self.rng, 3) {
                members.push(unknown);
            }
            let body = json!({"groupId": self.group, "members": members});
            self.pair.call("LeaveGroup", version, body).await;
        } else {
            for member in &leaving {
                let body = json!({"groupId": self.group, "memberId": member.id});
                self.pair.call("LeaveGroup", version, body).await;
            }
        }
        self.gone.extend(leaving);
        if !self.members.is_empty() {
            self.heartbeat().await;
            self.rebalance().await;
        }
    }

    async fn sync_wrongly(&mut self) {
        let (id, _, generation) = self.identity();
        let version = self.pair.version(&mut self.rng, "SyncGroup", 5..);
        let body = json!({"groupId": self.group, "generationId": generation, "memberId": id,
            "protocolType": one_of(&mut self.rng, &["consumer", "consumer", "connect"]),
            "protocolName": one_of(&mut self.rng, &["range", "range", "sticky"]),
            "assignments": []});
        self.pair.call("SyncGroup", version, body).await;
    }

    /// Joins that are refused at once.
    async fn join_wrongly(&mut self) {
        let mut member = self.new_member();
        member.instance = None;
        member.id = json!("somebody");
        let mut body = self.join_body(&member);
        match self.rng.below(6) {
            0 => body["sessionTimeoutMs"] = json!(10),
            1 => body["sessionTimeoutMs"] = json!(100_000_000),
            2 => body["groupId"] = json!(""),
            3 if !self.members.is_empty() => {
                body["memberId"] = json!("");
                body["protocolType"] = json!("connect");
            }
            4 if !self.members.is_empty() => {
                body["memberId"] = json!("");
                body["protocols"] = json!([{"name": "another", "metadata": ""}]);
            }
            5 => body["protocols"] = json!([]),
            _ => {}
        }
        let version = self.pair.version(&mut self.rng, "JoinGroup", 1..);
        self.pair.call("JoinGroup", version, body).await;
    }

    /// A static member starts anew and takes its own place, of which its former self has to hear.
    async fn come_back(&mut self) {
        // The leader's return lets Kafka 4.3 begin a rebalance or not, by the version.
        let Some(index) = (1..self.members.len()).find(|index| {
            let member = self.members.get(*index);
            member.is_some_and(|member| member.instance.is_some())
        }) else {
            return;
        };
        let mut member = self.members.remove(index);
        self.gone.push(member.clone());
        member.id = json!("");
        let version = self.join_version(&member);
        let body = self.join_body(&member);
        let answer = self.pair.call("JoinGroup", version, body).await;
        member.id = answer["memberId"].clone();
        self.members.insert(index, member.clone());
        let version = self.pair.version(&mut self.rng, "SyncGroup", ..);
        let body = self.sync_body(&member);
        self.pair.call("SyncGroup", version, body).await;
        self.heartbeat().await;
    }

    /// Refused while it has members; else another begins.
    async fn delete_group(&mut self) {
        let body = json!({"groupsNames": [self.group]});
        let answer = self
            .pair
            .call_any(&mut self.rng, "DeleteGroups", body)
            .await;
        if answer["results"][0]["errorCode"] == 0 {
            self.groups += 1;
            self.group = self.pair.name(&format!("group{}", self.groups));
        }
    }

    async fn delete_offsets(&mut self) {
        let body = json!({"groupId": self.group, "topics": [{"name": self.topic, "partitions":
            [{"partitionIndex": 0}]}]});
        self.pair.call("OffsetDelete", 0, body).await;
    }
}

/// What a consumer says when it joins, in version 0: Kafka reads it.
fn subscription(topic: &str, user_data: &str) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 0, 0, 1];
    bytes.extend((topic.len() as u16).to_be_bytes());
    bytes.extend(topic.as_bytes());
    bytes.extend((user_data.len() as u32).to_be_bytes());
    bytes.extend(user_data.as_bytes());
    bytes
}
