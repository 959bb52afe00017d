//! Groups that go over from the classic protocol to the consumer protocol and back while they have
//! members of both.
//!
//! Where Kafka goes by the order of a hash map, nothing is asked: members of the consumer protocol ask
//! for the range assignor, which goes by ids; classic members have ids of their own choice or names, as
//! those that brokers give out have another order on each side; and one member only is left when a
//! group becomes classic again, as it leads.

use serde_json::{Value, json};
use thalweg_client::Rng;

use super::draw::{once_in, one_of};
use crate::differential::Pair;
use crate::json::{from_base64, to_base64};

/// Longer than a run: nobody is thrown out for having been silent, or slow.
const SESSION_MS: i32 = 60_000;
const REBALANCE_MS: i32 = 50_000;

#[derive(Clone)]
struct Member {
    id: Value,
    instance: Option<String>,
    is_classic: bool,
    /// Which topic it reads: never both, as their order in an assignment means nothing.
    topic: usize,
    /// Its member epoch, or its generation.
    member_epoch: i64,
    /// What it has, as it tells back: partitions of its topic, or topics of a heartbeat.
    owned: Value,
}

struct Migration {
    pair: Pair,
    rng: Rng,
    group: String,
    groups: u32,
    topics: [String; 2],
    members: Vec<Member>,
    /// Whether the group is classic.
    is_classic: bool,
    made: u32,
}

pub(super) async fn run(mut pair: Pair, rng: Rng, requests: u32) -> Pair {
    let topics = ["one", "two"].map(|what| pair.name(what));
    for (topic, partitions) in topics.iter().zip([5, 2]) {
        pair.make_topic(topic, partitions, &[]).await;
    }
    pair.await_coordinator(0, "any").await;
    let mut area = Migration {
        group: String::new(),
        groups: 0,
        pair,
        rng,
        topics,
        members: Vec::new(),
        is_classic: true,
        made: 0,
    };
    area.begin().await;
    for _ in 0..requests / 2 {
        match area.rng.below(30) {
            0..=2 => area.join_as_consumer().await,
            3 | 4 => area.join_as_classic().await,
            5..=9 => area.rejoin().await,
            10..=13 => area.sync().await,
            14..=17 => area.heartbeat().await,
            18 | 19 => area.commit().await,
            20 => area.fetch().await,
            21 | 22 => area.change_protocol().await,
            23 => area.leave().await,
            24 | 25 => area.ask_wrongly().await,
            26 => area.downgrade().await,
            27 if once_in(&mut area.rng, 3) => area.begin().await,
            _ => area.describe().await,
        }
    }
    area.pair
}

impl Migration {
    fn member(&mut self, is_classic: bool) -> Option<usize> {
        let fitting = self.members.iter().enumerate();
        let fitting = fitting.filter(|(_, member)| member.is_classic == is_classic);
        let fitting: Vec<usize> = fitting.map(|(index, _)| index).collect();
        (!fitting.is_empty()).then(|| one_of(&mut self.rng, &fitting))
    }

    fn new_member(&mut self, is_classic: bool) -> Member {
        self.made += 1;
        let number = self.made * 37 % 1000;
        let instance = once_in(&mut self.rng, 2).then(|| format!("instance{number:03}"));
        let has_own_id = !is_classic || instance.is_none();
        Member {
            // Not in the order in which they come.
            id: json!(match has_own_id {
                true => format!("{number:03}AAAAAAAAAAAAAAAAAAA"),
                false => String::new(),
            }),
            instance,
            is_classic,
            topic: usize::from(once_in(&mut self.rng, 3)),
            member_epoch: -1,
            owned: json!([]),
        }
    }

    /// What a classic member says of itself: eager ones have nothing when they join.
    fn subscription(&self, member: &Member, tells: bool) -> String {
        let topic = self.topics[member.topic].as_bytes();
        let name = |bytes: &mut Vec<u8>| {
            bytes.extend((topic.len() as u16).to_be_bytes());
            bytes.extend(topic);
        };
        let mut bytes = vec![0, 1, 0, 0, 0, 1];
        name(&mut bytes);
        bytes.extend([0xff; 4]);
        let owned = member.owned.as_array().filter(|_| tells);
        match owned.filter(|owned| !owned.is_empty()) {
            None => bytes.extend([0; 4]),
            Some(owned) => {
                bytes.extend([0, 0, 0, 1]);
                name(&mut bytes);
                bytes.extend((owned.len() as u32).to_be_bytes());
                for partition in owned {
                    bytes.extend((partition.as_i64().unwrap_or(0) as u32).to_be_bytes());
                }
            }
        }
        to_base64(&bytes)
    }

    fn join_body(&self, member: &Member, tells: bool) -> Value {
        let metadata = self.subscription(member, tells);
        json!({"groupId": self.group, "sessionTimeoutMs": SESSION_MS,
            "rebalanceTimeoutMs": REBALANCE_MS, "memberId": member.id,
            "groupInstanceId": member.instance, "protocolType": "consumer", "protocols":
                [{"name": "range", "metadata": metadata}, {"name": "sticky", "metadata": metadata}]})
    }

    /// Another group: classic, with one or two members that have an assignment.
    async fn begin(&mut self) {
        self.groups += 1;
        self.group = self.pair.name(&format!("group{}", self.groups));
        self.is_classic = true;
        self.members.clear();
        for _ in 0..=self.rng.below(2) {
            let mut member = self.new_member(true);
            member.id = json!("");
            member.instance = Some(format!("instance{:03}", self.made * 37 % 1000));
            // Whoever is new begins a rebalance, or the leader does.
            self.members.insert(0, member);
            self.rebalance().await;
        }
    }

    /// All members of a classic group join and sync; the leader assigns.
    async fn rebalance(&mut self) {
        let mut calls = Vec::new();
        for member in &self.members {
            let version = self.pair.version(&mut self.rng, "JoinGroup", 5..);
            calls.push(("JoinGroup", version, self.join_body(member, false)));
        }
        let answers = self.pair.call_together(calls).await;
        let mut leader = Value::Null;
        for (member, answer) in self.members.iter_mut().zip(&answers) {
            member.id = answer["memberId"].clone();
            member.member_epoch = answer["generationId"].as_i64().unwrap_or(-1);
            leader = answer["leader"].clone();
        }
        let count = self.members.len();
        let mut assignments = Vec::new();
        for (index, member) in self.members.iter_mut().enumerate() {
            let partitions = [5, 2][member.topic];
            let own: Vec<usize> = (0..partitions).filter(|it| it % count == index).collect();
            member.owned = json!(own);
            let assignment = to_base64(&assignment(&self.topics[member.topic], &own));
            assignments.push(json!({"memberId": member.id, "assignment": assignment}));
        }
        self.members.sort_by_key(|member| member.id != leader);
        let mut calls = Vec::new();
        // The leader comes last: the others are held back until then.
        for member in self.members.iter().rev() {
            let mut body = self.sync_body(member);
            if member.id == leader {
                body["assignments"] = json!(assignments);
            }
            let version = self.pair.version(&mut self.rng, "SyncGroup", 3..);
            calls.push(("SyncGroup", version, body));
        }
        self.pair.call_together(calls).await;
    }

    fn sync_body(&self, member: &Member) -> Value {
        json!({"groupId": self.group, "generationId": member.member_epoch, "memberId": member.id,
            "groupInstanceId": member.instance, "protocolType": "consumer", "protocolName": "range",
            "assignments": []})
    }

    async fn consumer_call(&mut self, body: Value) -> Value {
        self.pair
            .call_any(&mut self.rng, "ConsumerGroupHeartbeat", body)
            .await
    }

    async fn join_as_consumer(&mut self) {
        if self.members.len() >= 4 {
            return self.heartbeat().await;
        }
        let mut member = self.new_member(false);
        if self.join_consumer(&mut member).await {
            self.members.push(member);
        }
    }

    /// Says whether it was let in.
    async fn join_consumer(&mut self, member: &mut Member) -> bool {
        let body = json!({"groupId": self.group, "memberId": member.id, "memberEpoch": 0,
            "instanceId": member.instance, "rebalanceTimeoutMs": REBALANCE_MS,
            "subscribedTopicNames": [self.topics[member.topic]], "serverAssignor": "range",
            "topicPartitions": []});
        let answer = self.consumer_call(body).await;
        let is_in = answer["errorCode"] == 0;
        if is_in {
            self.is_classic = false;
            take(member, &answer);
        }
        is_in
    }

    /// Into a group that assigns on the broker, where who comes chooses its own id.
    async fn join_as_classic(&mut self) {
        if self.is_classic || self.members.len() >= 4 {
            return self.heartbeat().await;
        }
        let mut member = self.new_member(true);
        if member.instance.is_none() && once_in(&mut self.rng, 2) {
            // It is told an id, and gives up.
            let mut body = self.join_body(&member, false);
            body["memberId"] = json!("");
            let version = self.pair.version(&mut self.rng, "JoinGroup", 4..);
            self.pair.call("JoinGroup", version, body).await;
        }
        self.join_classic(&mut member, false).await;
        self.members.push(member);
    }

    async fn join_classic(&mut self, member: &mut Member, tells: bool) {
        let least = if member.instance.is_some() { 5 } else { 1 };
        let version = self.pair.version(&mut self.rng, "JoinGroup", least..);
        let body = self.join_body(member, tells);
        let answer = self.pair.call("JoinGroup", version, body).await;
        if answer["errorCode"] == 0 {
            member.id = answer["memberId"].clone();
            member.member_epoch = answer["generationId"].as_i64().unwrap_or(-1);
        }
    }

    /// A classic member joins again, with what it has or without.
    async fn rejoin(&mut self) {
        if self.is_classic {
            return self.rebalance().await;
        }
        let Some(index) = self.member(true) else {
            return;
        };
        let mut member = self.members[index].clone();
        match self.rng.below(6) {
            0 => member.topic = 1 - member.topic,
            1 if member.instance.is_some() => member.id = json!(""),
            _ => {}
        }
        let same_topic = member.topic == self.members[index].topic;
        let tells = same_topic && !once_in(&mut self.rng, 3);
        self.join_classic(&mut member, tells).await;
        if !tells {
            member.owned = json!([]);
        }
        self.members[index] = member;
        if !once_in(&mut self.rng, 3) {
            self.sync_member(index).await;
        }
    }

    async fn sync(&mut self) {
        if let Some(index) = self.member(true) {
            self.sync_member(index).await;
        }
    }

    async fn sync_member(&mut self, index: usize) {
        let body = self.sync_body(&self.members[index]);
        let version = self.pair.version(&mut self.rng, "SyncGroup", 3..);
        let answer = self.pair.call("SyncGroup", version, body).await;
        let assignment = answer["assignment"].as_str().and_then(from_base64);
        if answer["errorCode"] == 0 && !self.is_classic {
            let partitions = assignment.map(|bytes| assigned(&bytes));
            self.members[index].owned = json!(partitions.unwrap_or_default());
        }
    }

    async fn heartbeat(&mut self) {
        let is_classic = self.is_classic || once_in(&mut self.rng, 2);
        let Some(index) = self.member(is_classic) else {
            return;
        };
        let member = self.members[index].clone();
        if is_classic {
            let body = json!({"groupId": self.group, "generationId": member.member_epoch,
                "memberId": member.id, "groupInstanceId": member.instance});
            let version = self.pair.version(&mut self.rng, "Heartbeat", 3..);
            self.pair.call("Heartbeat", version, body).await;
            return;
        }
        let mut body = json!({"groupId": self.group, "memberId": member.id,
            "memberEpoch": member.member_epoch, "instanceId": member.instance});
        match self.rng.below(5) {
            0 => {}
            1 => body["topicPartitions"] = json!([]),
            _ => body["topicPartitions"] = member.owned,
        }
        let answer = self.consumer_call(body).await;
        if answer["errorCode"] == 0 {
            take(&mut self.members[index], &answer);
        }
    }

    async fn commit(&mut self) {
        let is_classic = once_in(&mut self.rng, 2);
        let Some(index) = self.member(is_classic) else {
            return;
        };
        let member = self.members[index].clone();
        let partition = self.rng.below(2);
        let off = one_of(&mut self.rng, &[0, 0, 0, -1, 1]);
        let version = self.pair.version(&mut self.rng, "OffsetCommit", 7..=9);
        let body = json!({"groupId": self.group, "memberId": member.id,
            "generationIdOrMemberEpoch": member.member_epoch + off,
            "groupInstanceId": member.instance, "topics": [{"name": self.topics[member.topic],
                "partitions": [{"partitionIndex": partition,
                    "committedOffset": self.rng.below(100), "committedMetadata": ""}]}]});
        self.pair.call("OffsetCommit", version, body).await;
    }

    async fn fetch(&mut self) {
        let is_classic = once_in(&mut self.rng, 2);
        let Some(index) = self.member(is_classic) else {
            return;
        };
        let member = self.members[index].clone();
        let member_epoch = member.member_epoch + one_of(&mut self.rng, &[0, 0, 1]);
        let body = json!({"groups": [{"groupId": self.group, "memberId": member.id,
            "memberEpoch": member_epoch, "topics": null}]});
        let version = self.pair.version(&mut self.rng, "OffsetFetch", 9..);
        self.pair.call("OffsetFetch", version, body).await;
    }

    /// A static member comes back under its name, with the other protocol. Where it was the last of the
    /// consumer protocol, the group becomes classic.
    async fn change_protocol(&mut self) {
        let to_classic = once_in(&mut self.rng, 2);
        let Some(index) = self.member(!to_classic) else {
            return;
        };
        let consumers = self.members.iter().filter(|member| !member.is_classic);
        let is_last = to_classic && consumers.count() == 1;
        if self.members[index].instance.is_none() || (is_last && self.members.len() > 1) {
            return;
        }
        let mut member = self.members.remove(index);
        member.is_classic = to_classic;
        member.owned = json!([]);
        if to_classic {
            member.id = json!("");
            self.join_classic(&mut member, false).await;
            self.is_classic |= is_last;
            self.members.push(member);
            if is_last {
                self.sync().await;
                self.heartbeat().await;
                self.describe().await;
                self.rebalance().await;
            }
            return;
        }
        self.made += 1;
        member.id = json!(format!("{:03}BBBBBBBBBBBBBBBBBBB", self.made * 37 % 1000));
        self.join_consumer(&mut member).await;
        self.members.push(member);
    }

    /// Somebody leaves by LeaveGroup, whichever protocol it uses, with a nobody. The group stays what it
    /// is, or is over.
    async fn leave(&mut self) {
        let classic = self.members.iter().filter(|member| member.is_classic);
        let (classic, all) = (classic.count(), self.members.len());
        let index = self.rng.below(all.max(1) as u64) as usize;
        let leads_to_classic =
            |member: &Member| !member.is_classic && all == classic + 1 && classic > 0;
        if self.is_classic || all < 2 || leads_to_classic(&self.members[index]) {
            return;
        }
        let member = self.members.remove(index);
        let by_name_alone = member.instance.is_some() && once_in(&mut self.rng, 3);
        let id = if by_name_alone { json!("") } else { member.id };
        let body = json!({"groupId": self.group, "members": [
            {"memberId": id, "groupInstanceId": member.instance, "reason": "over"},
            {"memberId": "somebody", "groupInstanceId": null, "reason": "never there"}]});
        let version = self.pair.version(&mut self.rng, "LeaveGroup", 3..);
        self.pair.call("LeaveGroup", version, body).await;
    }

    /// All but one classic member leave: the group becomes classic again, and rebalances.
    async fn downgrade(&mut self) {
        let Some(last) = self.member(true).filter(|_| !self.is_classic) else {
            return;
        };
        let last = self.members.remove(last);
        let mut leaving = std::mem::replace(&mut self.members, vec![last]);
        leaving.sort_by_key(|member| !member.is_classic);
        for member in leaving {
            match member.is_classic {
                true => {
                    let body = json!({"groupId": self.group, "members": [{"memberId": member.id,
                        "groupInstanceId": member.instance, "reason": "over"}]});
                    self.pair.call("LeaveGroup", 5, body).await;
                }
                false => {
                    let body = json!({"groupId": self.group, "memberId": member.id,
                        "memberEpoch": -1, "instanceId": member.instance});
                    self.consumer_call(body).await;
                }
            }
        }
        self.is_classic = true;
        self.describe().await;
        self.heartbeat().await;
        self.sync().await;
        self.rebalance().await;
    }

    /// What is refused, of a group that assigns on the broker.
    async fn ask_wrongly(&mut self) {
        let is_classic = !once_in(&mut self.rng, 3);
        let Some(index) = self.member(is_classic).filter(|_| !self.is_classic) else {
            return;
        };
        let member = self.members[index].clone();
        let (api, mut body) = match self.rng.below(3) {
            0 => ("JoinGroup", self.join_body(&member, false)),
            1 => ("SyncGroup", self.sync_body(&member)),
            _ => {
                let body = json!({"groupId": self.group, "generationId": member.member_epoch,
                    "memberId": member.id, "groupInstanceId": member.instance});
                ("Heartbeat", body)
            }
        };
        match (api, self.rng.below(5)) {
            ("JoinGroup", 0) => body["protocolType"] = json!("connect"),
            ("JoinGroup", 1) => body["protocols"] = json!([{"name": "other", "metadata": ""}]),
            ("JoinGroup", 2) => body["protocols"] = json!([{"name": "range", "metadata": "AA=="}]),
            ("JoinGroup", _) => body["groupInstanceId"] = json!("unknown-instance"),
            (_, 0) => body["memberId"] = json!("somebody"),
            (_, 1) => body["generationId"] = json!(member.member_epoch + 1),
            (_, 2) => body["generationId"] = json!(member.member_epoch - 1),
            (_, 3) => body["groupInstanceId"] = json!("unknown-instance"),
            ("SyncGroup", _) => body["protocolName"] = json!("sticky"),
            _ => {}
        }
        if api == "JoinGroup" && (!member.is_classic || body["memberId"] == "") {
            return;
        }
        // From these on they say the instance id, and SyncGroup the protocol.
        let least = if api == "Heartbeat" { 3 } else { 5 };
        let version = self.pair.version(&mut self.rng, api, least..);
        self.pair.call(api, version, body).await;
    }

    async fn describe(&mut self) {
        let body = json!({"groupIds": [self.group]});
        self.pair
            .call_any(&mut self.rng, "ConsumerGroupDescribe", body)
            .await;
        let body = json!({"groups": [self.group]});
        self.pair
            .call_any(&mut self.rng, "DescribeGroups", body)
            .await;
        let prefix = self.pair.name("");
        let version = self.pair.version(&mut self.rng, "ListGroups", 5..);
        let body = json!({"typesFilter": one_of::<&[&str]>(&mut self.rng, &[&[], &["Classic"]])});
        self.pair
            .call_within("ListGroups", version, body, "groups", "groupId", &prefix)
            .await;
    }
}

fn take(member: &mut Member, answer: &Value) {
    if let Some(member_epoch) = answer["memberEpoch"].as_i64() {
        member.member_epoch = member_epoch;
    }
    if let Some(assigned) = answer["assignment"]["topicPartitions"].as_array() {
        member.owned = json!(assigned);
    }
}

/// Partitions of one topic as a leader assigns them, in version 1.
fn assignment(topic: &str, partitions: &[usize]) -> Vec<u8> {
    let mut bytes = vec![0, 1, 0, 0, 0, 1];
    bytes.extend((topic.len() as u16).to_be_bytes());
    bytes.extend(topic.as_bytes());
    bytes.extend((partitions.len() as u32).to_be_bytes());
    for partition in partitions {
        bytes.extend((*partition as u32).to_be_bytes());
    }
    bytes.extend([0xff; 4]);
    bytes
}

/// The partitions of an assignment of one topic at most.
fn assigned(bytes: &[u8]) -> Vec<u32> {
    let number = |at: usize| {
        let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
        four.map_or(0, u32::from_be_bytes)
    };
    if number(2) == 0 {
        return Vec::new();
    }
    let length = bytes.get(6..8).and_then(|two| two.try_into().ok());
    let at = 8 + usize::from(length.map_or(0, u16::from_be_bytes));
    (1..=number(at) as usize)
        .map(|place| number(at + 4 * place))
        .collect()
}
