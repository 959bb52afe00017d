//! Goal: a group goes over from one protocol to the other and back with its members, and nobody is told
//! to use what another uses. Method: members of both protocols over a cluster without connections;
//! what one is told is compared with what all others still use.

#![allow(clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::BTreeSet;

use bytes::Bytes;
use thalweg_protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ConsumerGroupTopicPartitions,
    ConsumerProtocolSubscription, ConsumerProtocolTopicPartitions, JoinGroupRequest,
    JoinGroupRequestProtocol, JoinGroupResponse, MemberIdentity, SyncGroupRequest,
    SyncGroupRequestAssignment, SyncGroupResponse,
};
use thalweg_protocol::{
    Encoder, ErrorCode, Message, PartitionId, Request, StrBytes, decode_response,
};
use tokio::sync::oneshot;

use super::*;
use crate::cluster::{Outcome, Reply};
use crate::group::consumer_protocol::{read_assignment, write_assignment};
use crate::group::world::World;
use crate::group::{
    Claim, Group, SavedGroupState, classic_heartbeat, classic_join, classic_leave, classic_sync,
};
use crate::release::Release;

const JOIN: i16 = 9;
const SYNC: i16 = 5;

type Waiting = oneshot::Receiver<Outcome>;

/// The answer, which has come.
fn answer<R: Request>(mut waiting: Waiting, version: i16) -> R::Response {
    let Ok(Outcome::Frame(frame)) = waiting.try_recv() else {
        panic!("it waits");
    };
    let frame = frame.to_bytes().slice(4..);
    decode_response::<R>(frame, version).expect("an answer").1
}

/// A classic member, as eager as they were or as cooperative as they are.
#[derive(Debug, Clone, Default)]
struct Classic {
    id: StrBytes,
    instance: Option<StrBytes>,
    generation: i32,
    uses: BTreeSet<i32>,
}

impl Classic {
    fn named(instance: &str) -> Self {
        Classic {
            instance: Some(instance.into()),
            ..Classic::default()
        }
    }

    fn topic(&self) -> Vec<ConsumerProtocolTopicPartitions> {
        vec![ConsumerProtocolTopicPartitions {
            topic: "a".into(),
            partitions: self.uses.iter().copied().map(PartitionId).collect(),
        }]
    }

    fn request(&self) -> JoinGroupRequest {
        let subscription = ConsumerProtocolSubscription {
            topics: vec!["a".into()],
            owned_partitions: self.topic(),
            ..Default::default()
        };
        let mut encoder = Encoder::with_capacity(64);
        subscription.encode(&mut encoder, 1).expect("short");
        let metadata = [&[0, 1], encoder.into_bytes().as_ref()].concat();
        JoinGroupRequest {
            group_id: "g".into(),
            session_timeout_ms: 30_000,
            rebalance_timeout_ms: 20_000,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            protocol_type: "consumer".into(),
            protocols: vec![JoinGroupRequestProtocol {
                name: "range".into(),
                metadata: metadata.into(),
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    fn send_join(&self, world: &mut World) -> Waiting {
        let (sender, receiver) = oneshot::channel();
        world.caller.version = JOIN;
        let reply = Reply::new(JOIN, 1, sender);
        classic_join(&mut world.cluster, &world.caller, self.request(), reply);
        world.caller.version = 1;
        receiver
    }

    fn joined(&mut self, told: &JoinGroupResponse) -> ErrorCode {
        if !told.member_id.is_empty() {
            self.id = told.member_id.clone();
        }
        if told.error_code.is_none() {
            self.generation = told.generation_id;
        }
        told.error_code
    }

    fn join(&mut self, world: &mut World) -> ErrorCode {
        let told = answer::<JoinGroupRequest>(self.send_join(world), JOIN);
        self.joined(&told)
    }

    /// Asks for its assignment; a leader gives these.
    fn send_sync(&self, world: &mut World, all: &[(&Classic, Bytes)]) -> Waiting {
        let (sender, receiver) = oneshot::channel();
        let assignments = all
            .iter()
            .map(|(member, assignment)| SyncGroupRequestAssignment {
                member_id: member.id.clone(),
                assignment: assignment.clone(),
                ..Default::default()
            });
        let request = SyncGroupRequest {
            group_id: "g".into(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            protocol_type: Some("consumer".into()),
            protocol_name: Some("range".into()),
            assignments: assignments.collect(),
            ..Default::default()
        };
        classic_sync(&mut world.cluster, request, Reply::new(SYNC, 1, sender));
        receiver
    }

    fn synced(&mut self, told: &SyncGroupResponse) -> ErrorCode {
        if told.error_code.is_none() {
            let assignment = read_assignment(&told.assignment).expect("an assignment");
            let topics = assignment.assigned_partitions.into_iter();
            let partitions = topics.flat_map(|topic| topic.partitions);
            self.uses = partitions.map(|partition| partition.0).collect();
        }
        told.error_code
    }

    fn sync(&mut self, world: &mut World) -> ErrorCode {
        let told = answer::<SyncGroupRequest>(self.send_sync(world, &[]), SYNC);
        self.synced(&told)
    }

    fn beat(&self, world: &mut World) -> ErrorCode {
        let claim = Claim {
            member_id: &self.id,
            instance_id: self.instance.as_deref(),
            generation: self.generation,
        };
        classic_heartbeat(&mut world.cluster, "g", claim)
    }

    /// Joins and syncs until it is told to stay, as a cooperative member does.
    fn follow(&mut self, world: &mut World) {
        for _ in 0..5 {
            match self.beat(world) {
                ErrorCode::NONE => return,
                ErrorCode::REBALANCE_IN_PROGRESS => {}
                other => panic!("{other:?}"),
            }
            assert_eq!(self.join(world), ErrorCode::NONE);
            assert_eq!(self.sync(world), ErrorCode::NONE);
        }
        panic!("it never comes to rest");
    }

    fn leave(&self, world: &mut World) -> ErrorCode {
        let identity = MemberIdentity {
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            ..Default::default()
        };
        let told = classic_leave(&mut world.cluster, "g", &[identity]);
        told[0].error_code
    }
}

impl World {
    fn group_of_consumers(&self) -> &ConsumerGroup {
        match self.cluster.groups.group("g") {
            Some(Group::Consumer(group)) => group,
            other => panic!("{other:?}"),
        }
    }

    fn state_of_classic(&self) -> &'static str {
        match self.cluster.groups.group("g") {
            Some(Group::Classic(group)) => group.state().name(),
            other => panic!("{other:?}"),
        }
    }
}

/// A member of the consumer protocol.
#[derive(Debug, Default)]
struct Newcomer {
    request: ConsumerGroupHeartbeatRequest,
    uses: BTreeSet<i32>,
}

impl Newcomer {
    fn new(id: &str) -> Self {
        let request = ConsumerGroupHeartbeatRequest {
            group_id: "g".into(),
            member_id: id.into(),
            rebalance_timeout_ms: 30_000,
            subscribed_topic_names: Some(vec!["a".into()]),
            server_assignor: Some("range".into()),
            topic_partitions: Some(Vec::new()),
            ..Default::default()
        };
        Newcomer {
            request,
            ..Newcomer::default()
        }
    }

    fn send(&self, world: &mut World) -> Result<ConsumerGroupHeartbeatResponse, Fault> {
        heartbeat(&mut world.cluster, &world.caller, &self.request)
    }

    fn beat(&mut self, world: &mut World) {
        let id = world.cluster.topics.topic("a").expect("made").id;
        let owned = ConsumerGroupTopicPartitions {
            topic_id: id,
            partitions: self.uses.iter().copied().map(PartitionId).collect(),
            ..Default::default()
        };
        self.request.topic_partitions = Some(match self.uses.is_empty() {
            true => Vec::new(),
            false => vec![owned],
        });
        let told = self.send(world).expect("a heartbeat");
        self.request.member_epoch = told.member_epoch;
        if let Some(assignment) = told.assignment {
            let topics = assignment.topic_partitions.into_iter();
            let partitions = topics.flat_map(|topic| topic.partitions);
            self.uses = partitions.map(|partition| partition.0).collect();
        }
    }

    fn leave(&mut self, world: &mut World) {
        self.request.member_epoch = -1;
        self.send(world).expect("it was a member");
    }
}

/// A world with a classic group of two, that have two partitions each.
fn world_with_two() -> (World, [Classic; 2]) {
    let mut world = World::new(1, &[("a", 4)]);
    let two = two_in(&mut world);
    (world, two)
}

fn two_in(world: &mut World) -> [Classic; 2] {
    let mut two = [Classic::named("i1"), Classic::named("i2")];
    let joins: Vec<Waiting> = two.iter().map(|member| member.send_join(world)).collect();
    world.pass(3_000);
    world.pass(3_000);
    let mut leader = StrBytes::new();
    for (member, waiting) in two.iter_mut().zip(joins) {
        let told = answer::<JoinGroupRequest>(waiting, JOIN);
        assert_eq!(member.joined(&told), ErrorCode::NONE);
        leader = told.leader;
    }
    two.sort_by_key(|member| member.id != leader);
    let metadata = Bytes::from_static(&[0, 1]);
    for (index, member) in two.iter_mut().enumerate() {
        let first = i32::try_from(index).expect("small") * 2;
        member.uses = BTreeSet::from([first, first + 1]);
    }
    let all = two.clone();
    let assigned = |member: &Classic| write_assignment(member.topic(), &metadata);
    let all: Vec<(&Classic, Bytes)> = all.iter().map(|it| (it, assigned(it))).collect();
    for member in &mut two {
        let told = answer::<SyncGroupRequest>(member.send_sync(world, &all), SYNC);
        assert_eq!(member.synced(&told), ErrorCode::NONE);
    }
    two
}

fn check_disjoint(classic: &[&Classic], new: &[&Newcomer]) {
    let mut used = BTreeSet::new();
    let uses = classic.iter().map(|member| &member.uses);
    for partition in uses.chain(new.iter().map(|member| &member.uses)).flatten() {
        assert!(used.insert(*partition), "{partition} is used twice");
    }
}

#[tokio::test]
async fn a_group_goes_over_to_the_consumer_protocol_and_back_with_its_members() {
    let (mut world, [mut one, mut two]) = world_with_two();
    let mut new = Newcomer::new("new");
    new.beat(&mut world);
    assert_eq!((new.request.member_epoch, new.uses.len()), (2, 0));
    let described = world.group_of_consumers();
    let described = described.describe(&"g".into(), &world.cluster.topics);
    let kinds = described.members.iter();
    let kinds: BTreeSet<(bool, i8)> = kinds
        .map(|member| (member.member_id == "new", member.member_type))
        .collect();
    assert_eq!(kinds, BTreeSet::from([(true, 1), (false, 0)]));
    // They are told of it, and commit in their old generation until they have joined.
    assert_eq!(one.beat(&mut world), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(one.sync(&mut world), ErrorCode::REBALANCE_IN_PROGRESS);
    for _ in 0..2 {
        one.follow(&mut world);
        check_disjoint(&[&one, &two], &[&new]);
        two.follow(&mut world);
        check_disjoint(&[&one, &two], &[&new]);
        new.beat(&mut world);
        check_disjoint(&[&one, &two], &[&new]);
    }
    let all = one.uses.len() + two.uses.len() + new.uses.len();
    assert_eq!(all, 4, "all is in use again");
    assert!(!new.uses.is_empty());
    assert_eq!(world.group_of_consumers().state(), "Stable");
    // The last of the new ones goes: the group is classic, and rebalances.
    new.leave(&mut world);
    assert_eq!(world.state_of_classic(), "PreparingRebalance");
    assert_eq!(one.beat(&mut world), ErrorCode::REBALANCE_IN_PROGRESS);
    let joins = [one.send_join(&mut world), two.send_join(&mut world)];
    for (member, waiting) in [&mut one, &mut two].into_iter().zip(joins) {
        let before = member.generation;
        let told = answer::<JoinGroupRequest>(waiting, JOIN);
        assert_eq!(member.joined(&told), ErrorCode::NONE);
        assert!(member.generation > before);
    }
}

#[tokio::test]
async fn who_waits_for_a_rebalance_is_sent_back_when_the_group_goes_over() {
    let (mut world, [one, two]) = world_with_two();
    let waiting = one.send_join(&mut world);
    Newcomer::new("new").beat(&mut world);
    let told = answer::<JoinGroupRequest>(waiting, JOIN);
    assert_eq!(told.error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(two.beat(&mut world), ErrorCode::REBALANCE_IN_PROGRESS);
    // Nothing that the classic group was going to do happens any more.
    world.pass(19_000);
    assert_eq!(world.group_of_consumers().members.len(), 3);
}

#[tokio::test]
async fn the_policy_says_which_way_groups_go_over() {
    let refused = |world: &mut World| Newcomer::new("new").send(world).expect_err("refused");
    for (policy, up, down) in [
        ("disabled", false, false),
        ("Upgrade", true, false),
        ("DOWNGRADE", false, true),
        ("bidirectional", true, true),
    ] {
        let (mut world, [one, _]) = world_with_two();
        let settings = &mut world.cluster.settings;
        let key = "group.consumer.migration.policy";
        settings.set(key, policy).expect("a policy");
        settings.set(key, "sideways").expect_err("no policy");
        if !up {
            let message = "Cannot upgrade classic group g to consumer group because online upgrade is \
                           disabled.";
            let expected = (ErrorCode::GROUP_ID_NOT_FOUND, message.to_owned());
            assert_eq!(refused(&mut world), expected, "{policy}");
            assert_eq!(one.beat(&mut world), ErrorCode::NONE, "{policy}");
            continue;
        }
        let mut new = Newcomer::new("new");
        new.beat(&mut world);
        new.leave(&mut world);
        let is_classic = matches!(world.cluster.groups.group("g"), Some(Group::Classic(_)));
        assert_eq!(is_classic, down, "{policy}");
    }
    // No policy allows what a release does not know.
    let (mut world, _) = world_with_two();
    world.cluster.release = Release::of(3, 9);
    assert_eq!(refused(&mut world).0, ErrorCode::GROUP_ID_NOT_FOUND);
}

#[tokio::test]
async fn a_group_stays_classic_whose_members_cannot_be_taken_over() {
    let (mut world, [one, _]) = world_with_two();
    let max = "group.consumer.max.size";
    world.cluster.settings.set(max, "1").expect("a number");
    let (code, message) = Newcomer::new("new")
        .send(&mut world)
        .expect_err("too large");
    assert_eq!(code, ErrorCode::GROUP_ID_NOT_FOUND);
    assert!(message.contains("maximum size"), "{message}");
    world.cluster.settings.set(max, "2").expect("a number");
    // It may go over, but there is no room for one more.
    let (code, _) = Newcomer::new("new").send(&mut world).expect_err("full");
    assert_eq!(code, ErrorCode::GROUP_MAX_SIZE_REACHED);
    assert_eq!(one.beat(&mut world), ErrorCode::NONE);
    // The first members wait for each other, and have no assignor yet.
    let mut world = World::new(1, &[("a", 4)]);
    let waiting = Classic::named("i1").send_join(&mut world);
    let (code, _) = Newcomer::new("new")
        .send(&mut world)
        .expect_err("too early");
    assert_eq!(code, ErrorCode::UNKNOWN_SERVER_ERROR);
    let told = answer::<JoinGroupRequest>(waiting, JOIN);
    assert_eq!(told.error_code, ErrorCode::REBALANCE_IN_PROGRESS);
}

#[tokio::test]
async fn a_classic_member_that_does_not_do_its_part_in_time_is_fenced() {
    let (mut world, [one, mut two]) = world_with_two();
    let mut new = Newcomer::new("new");
    new.beat(&mut world);
    assert_eq!(one.beat(&mut world), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(two.beat(&mut world), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(two.join(&mut world), ErrorCode::NONE);
    for _ in 0..19 {
        world.pass(1_000);
        assert_eq!(one.beat(&mut world), ErrorCode::REBALANCE_IN_PROGRESS);
        new.beat(&mut world);
    }
    assert_eq!(world.group_of_consumers().members.len(), 3);
    world.pass(1_001);
    // One has not joined, and two has not asked for its assignment.
    assert_eq!(one.beat(&mut world), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(two.sync(&mut world), ErrorCode::UNKNOWN_MEMBER_ID);
    new.beat(&mut world);
    new.beat(&mut world);
    assert_eq!(new.uses.len(), 4);
}

#[tokio::test]
async fn a_silent_classic_member_is_fenced_after_the_session_it_asked_for() {
    let (mut world, [mut one, two]) = world_with_two();
    let mut new = Newcomer::new("new");
    new.beat(&mut world);
    one.follow(&mut world);
    for _ in 0..29 {
        world.pass(1_000);
        one.follow(&mut world);
        new.beat(&mut world);
    }
    assert_eq!(world.group_of_consumers().members.len(), 3);
    world.pass(1_000);
    assert_eq!(two.beat(&mut world), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(world.group_of_consumers().members.len(), 2);
}

#[tokio::test]
async fn a_static_member_takes_its_place_with_either_protocol() {
    let (mut world, [mut one, two]) = world_with_two();
    assert_eq!(two.leave(&mut world), ErrorCode::NONE);
    let waiting = one.send_join(&mut world);
    one.joined(&answer::<JoinGroupRequest>(waiting, JOIN));
    let assignment = write_assignment(one.topic(), &Bytes::from_static(&[0, 1]));
    let all = [(&one.clone(), assignment)];
    one.synced(&answer::<SyncGroupRequest>(
        one.send_sync(&mut world, &all),
        SYNC,
    ));
    let mut new = Newcomer::new("new");
    new.request.instance_id = one.instance.clone();
    new.beat(&mut world);
    new.beat(&mut world);
    assert_eq!(new.uses.len(), 4, "it has what it had, and the rest");
    assert_eq!(one.beat(&mut world), ErrorCode::FENCED_INSTANCE_ID);
    // Back again: it was the last of the consumer protocol.
    one.id = StrBytes::new();
    one.uses.clear();
    assert_eq!(one.join(&mut world), ErrorCode::NONE);
    assert_eq!(world.state_of_classic(), "Stable");
    assert_eq!(one.sync(&mut world), ErrorCode::NONE);
    assert_eq!(one.uses.len(), 4);
    assert_eq!(one.beat(&mut world), ErrorCode::NONE);
}

#[tokio::test]
async fn what_classic_members_said_is_kept_on_disk() {
    let (mut world, [mut one, _]) = world_with_two();
    let mut new = Newcomer::new("new");
    new.beat(&mut world);
    one.follow(&mut world);
    let id = StrBytes::from("g");
    let group = world.cluster.groups.group(&id).expect("it is there");
    let saved = serde_json::to_string(&SavedGroupState::of(group)).expect("JSON");
    let before = world.group_of_consumers().members.clone();
    world.cluster.groups.remove(&id);
    let saved: SavedGroupState = serde_json::from_str(&saved).expect("what was written");
    saved.restore(&mut world.cluster, &id).expect("a group");
    assert_eq!(world.group_of_consumers().members, before);
    assert_eq!(one.beat(&mut world), ErrorCode::NONE);
    new.leave(&mut world);
    assert_eq!(world.state_of_classic(), "PreparingRebalance");
}

#[tokio::test]
async fn a_classic_member_commits_by_its_generation_with_any_version() {
    let (mut world, [one, _]) = world_with_two();
    Newcomer::new("new").beat(&mut world);
    let group = world.group_of_consumers();
    let claim = |generation| Claim {
        member_id: &one.id,
        instance_id: one.instance.as_deref(),
        generation,
    };
    group
        .check_offset_commit(claim(one.generation), Some(7))
        .expect("its generation");
    let error = group.check_offset_commit(claim(one.generation + 1), Some(7));
    assert_eq!(error.expect_err("not yet"), ErrorCode::ILLEGAL_GENERATION);
    let error = group.check_offset_fetch(claim(one.generation + 1));
    assert_eq!(error.expect_err("not yet"), ErrorCode::ILLEGAL_GENERATION);
}
