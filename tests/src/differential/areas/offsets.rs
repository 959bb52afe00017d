//! Committed offsets of groups without members, and what is asked about groups.

use serde_json::{Value, json};
use thalweg_client::Rng;

use super::draw::{once_in, one_of};
use crate::differential::Pair;

struct Offsets {
    pair: Pair,
    rng: Rng,
    topics: Vec<(String, Value)>,
}

pub(super) async fn run(mut pair: Pair, rng: Rng, requests: u32) -> Pair {
    let mut topics = Vec::new();
    for what in ["one", "two"] {
        let name = pair.name(what);
        let id = pair.make_topic(&name, 2, &[]).await;
        topics.push((name, id));
    }
    pair.await_coordinator(0, "any").await;
    let mut area = Offsets { pair, rng, topics };
    for _ in 0..requests {
        match area.rng.below(16) {
            0..=5 => area.commit().await,
            6..=9 => area.fetch().await,
            10 => area.delete_offsets().await,
            11 => area.describe().await,
            12 => area.list().await,
            13 => area.delete_group().await,
            14 => area.find().await,
            _ => area.heartbeat().await,
        }
    }
    area.pair
}

impl Offsets {
    fn group(&mut self) -> String {
        match self.rng.below(20) {
            0 => self.pair.name("unknown"),
            1 => String::new(),
            number => self.pair.name(&format!("group{}", number % 3)),
        }
    }

    fn topic(&mut self) -> (String, Value) {
        let index = self.rng.below(self.topics.len() as u64) as usize;
        match self.topics.get(index) {
            Some(topic) if !once_in(&mut self.rng, 12) => topic.clone(),
            _ => (self.pair.name("unknown"), json!("BBBBBBBBBBBBBBBBBBBBBA")),
        }
    }

    fn partition(&mut self) -> i64 {
        one_of(&mut self.rng, &[0, 0, 0, 1, 1, 1, 7, -1])
    }

    async fn commit(&mut self) {
        let (name, id) = self.topic();
        let (generation, member) = match self.rng.below(12) {
            0 => (0, ""),
            1 => (1, "somebody"),
            2 => (-1, "somebody"),
            _ => (-1, ""),
        };
        let long = "x".repeat(5000);
        let note = match self.rng.below(12) {
            0 => Some(long.as_str()),
            1 => None,
            2 | 3 => Some(""),
            _ => Some("note"),
        };
        let mut partitions = vec![json!({"partitionIndex": self.partition(),
            "committedOffset": self.rng.below(100),
            "committedLeaderEpoch": one_of(&mut self.rng, &[-1, 0, 3]), "committedMetadata": note})];
        if note == Some(long.as_str()) {
            // A group of which nothing was stored is there for Kafka as soon as it has stored anything
            // for another.
            partitions.push(json!({"partitionIndex": 0, "committedOffset": 1,
                "committedMetadata": "short"}));
        }
        let body = json!({"groupId": self.group(), "generationIdOrMemberEpoch": generation,
            "memberId": member, "topics": [{"name": name, "topicId": id, "partitions": partitions}]});
        self.pair
            .call_any(&mut self.rng, "OffsetCommit", body)
            .await;
    }

    async fn fetch(&mut self) {
        let version = self.pair.version(&mut self.rng, "OffsetFetch", ..);
        let topics: Vec<Value> = (self.topics.iter())
            .map(|(name, id)| match version {
                8.. => json!({"name": name, "topicId": id, "partitionIndexes": [0, 1, 7]}),
                _ => json!({"name": name, "partitionIndexes": [0, 1, 7]}),
            })
            .collect();
        let all = version >= 2 && once_in(&mut self.rng, 3);
        let topics = match all {
            true => Value::Null,
            false => json!(topics),
        };
        let (member, member_epoch) = match self.rng.below(8) {
            0 => (Some("somebody"), 1),
            1 => (Some(""), -1),
            _ => (None, -1),
        };
        let mut groups = vec![json!({"groupId": self.group(), "memberId": member,
            "memberEpoch": member_epoch, "topics": topics})];
        if once_in(&mut self.rng, 3) {
            groups.push(json!({"groupId": self.pair.name("group1"), "topics": topics}));
        }
        let mut body = json!({"groupId": self.group(), "requireStable": once_in(&mut self.rng, 2)});
        match version {
            8.. => body["groups"] = json!(groups),
            _ => body["topics"] = topics,
        }
        self.pair.call("OffsetFetch", version, body).await;
    }

    async fn delete_offsets(&mut self) {
        let (name, _) = self.topic();
        let body = json!({"groupId": self.group(), "topics": [{"name": name, "partitions":
            [{"partitionIndex": self.partition()}]}]});
        self.pair.call("OffsetDelete", 0, body).await;
    }

    async fn describe(&mut self) {
        let body = json!({"groups": [self.group()], "includeAuthorizedOperations": false});
        self.pair
            .call_any(&mut self.rng, "DescribeGroups", body)
            .await;
    }

    /// The groups of this area: others have their own at the same time.
    async fn list(&mut self) {
        let version = self.pair.version(&mut self.rng, "ListGroups", 4..);
        let states = one_of::<&[&str]>(&mut self.rng, &[&["Empty"], &["Stable"], &["Nonsense"]]);
        let types = one_of::<&[&str]>(&mut self.rng, &[&[], &["classic"], &["consumer"]]);
        let prefix = self.pair.name("");
        let body = json!({"statesFilter": states, "typesFilter": types});
        self.pair
            .call_within("ListGroups", version, body, "groups", "groupId", &prefix)
            .await;
    }

    async fn delete_group(&mut self) {
        let body = json!({"groupsNames": [self.group()]});
        self.pair
            .call_any(&mut self.rng, "DeleteGroups", body)
            .await;
    }

    async fn find(&mut self) {
        let key = self.group();
        let key_type = one_of(&mut self.rng, &[0, 0, 1, 1, 3]);
        let version = match key_type {
            1 => self.pair.version(&mut self.rng, "FindCoordinator", 1..),
            3 => self.pair.version(&mut self.rng, "FindCoordinator", 4..),
            _ => self.pair.version(&mut self.rng, "FindCoordinator", ..),
        };
        let other = self.pair.name("other");
        let body = json!({"key": key, "keyType": key_type, "coordinatorKeys": [key, other]});
        self.pair.call("FindCoordinator", version, body).await;
    }

    async fn heartbeat(&mut self) {
        let body = json!({"groupId": self.group(), "generationId": one_of(&mut self.rng, &[-1, 0, 1]),
            "memberId": one_of(&mut self.rng, &["", "somebody"])});
        self.pair.call_any(&mut self.rng, "Heartbeat", body).await;
    }
}
