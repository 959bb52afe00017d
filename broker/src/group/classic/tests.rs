//! Goal: whatever members do and whenever, what a classic group knows of itself fits together, and
//! it comes to rest as soon as they behave.
//!
//! Method: seeded random requests, most of them nonsense, to one group, with time and coordinator
//! changes in between. After each the counts, indexes and timers are made anew from the members and
//! compared. At the end a member that behaves has to get its assignment.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thalweg_protocol::messages::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse, MemberIdentity,
    SyncGroupRequest, SyncGroupRequestAssignment,
};
use thalweg_protocol::{BrokerId, Request, decode_response};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::*;
use crate::cluster::{Caller, Outcome, Principal, Reply};
use crate::release::Release;

const GROUP: &str = "g";
const JOIN: i16 = 9;
const SYNC: i16 = 5;

/// A cluster, a group in it, and all answers that were asked for.
struct World {
    cluster: Cluster,
    random: fastrand::Rng,
    joins: Vec<oneshot::Receiver<Outcome>>,
    syncs: Vec<oneshot::Receiver<Outcome>>,
    /// Member ids that were ever told, and the newest generation.
    ids: Vec<StrBytes>,
    generation: i32,
}

impl World {
    fn new(seed: u64) -> Self {
        let now = Now {
            instant: Instant::now(),
            wall_ms: 1_000_000,
        };
        let mut cluster = Cluster::new(Release::NEWEST, seed, now);
        cluster
            .settings
            .set("group.max.size", "5")
            .expect("a setting");
        World {
            cluster,
            random: fastrand::Rng::with_seed(seed),
            joins: Vec::new(),
            syncs: Vec::new(),
            ids: vec!["".into(), "nobody".into()],
            generation: 0,
        }
    }

    fn caller(version: i16) -> Caller {
        Caller {
            request_bytes: 0,
            node: BrokerId(0),
            connection: 1,
            version,
            client_id: Some("unit".into()),
            principal: Arc::new(Principal::anonymous()),
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.random.usize(..from.len())].clone()
    }

    fn id(&mut self) -> StrBytes {
        let ids = self.ids.clone();
        // The newest ones are the likely members.
        let newest = &ids[ids.len().saturating_sub(6)..];
        match self.random.u8(..4) {
            0 => self.pick(&ids),
            _ => self.pick(newest),
        }
    }

    fn instance(&mut self) -> Option<StrBytes> {
        self.pick(&[None, None, Some("one".into()), Some("two".into())])
    }

    fn any_generation(&mut self) -> i32 {
        let known = self.generation;
        self.pick(&[known, known, known, known - 1, known + 1, -1])
    }

    fn join(&mut self, request: JoinGroupRequest) {
        let (sender, receiver) = oneshot::channel();
        let reply = Reply::new(JOIN, 1, sender);
        join(&mut self.cluster, &Self::caller(JOIN), request, reply);
        self.joins.push(receiver);
    }

    fn random_join(&mut self) {
        let names = [vec!["a"], vec!["a", "b"], vec!["b", "a"], vec!["c"], vec![]];
        let protocol = |name: &&str| JoinGroupRequestProtocol {
            name: (*name).into(),
            metadata: Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t\xff\xff\xff\xff"),
            ..Default::default()
        };
        let request = JoinGroupRequest {
            group_id: GROUP.into(),
            session_timeout_ms: self.pick(&[6_000, 30_000]),
            rebalance_timeout_ms: self.pick(&[-1, 0, 10_000, 20_000]),
            member_id: self.id(),
            group_instance_id: self.instance(),
            protocol_type: self.pick(&["consumer".into(), "consumer".into(), "x".into()]),
            protocols: self.pick(&names).iter().map(protocol).collect(),
            ..Default::default()
        };
        self.join(request);
    }

    fn sync(&mut self, request: SyncGroupRequest) {
        let (sender, receiver) = oneshot::channel();
        sync(&mut self.cluster, request, Reply::new(SYNC, 1, sender));
        self.syncs.push(receiver);
    }

    fn random_sync(&mut self) {
        let assignment = SyncGroupRequestAssignment {
            member_id: self.id(),
            assignment: Bytes::from_static(b"assigned"),
            ..Default::default()
        };
        let request = SyncGroupRequest {
            group_id: GROUP.into(),
            generation_id: self.any_generation(),
            member_id: self.id(),
            group_instance_id: self.instance(),
            assignments: vec![assignment],
            ..Default::default()
        };
        self.sync(request);
    }

    fn random_step(&mut self) {
        match self.random.u8(..16) {
            0..=5 => self.random_join(),
            6..=8 => self.random_sync(),
            9..=10 => {
                let (member_id, instance_id) = (self.id(), self.instance());
                let claim = Claim {
                    member_id: &member_id,
                    instance_id: instance_id.as_deref(),
                    generation: self.any_generation(),
                };
                heartbeat(&mut self.cluster, GROUP, claim);
            }
            11 => {
                let member = MemberIdentity {
                    member_id: self.id(),
                    group_instance_id: self.instance(),
                    ..Default::default()
                };
                leave(&mut self.cluster, GROUP, &[member]);
            }
            12 => {
                let is_one = self.random.bool();
                change_coordinator(&mut self.cluster, GROUP, is_one);
            }
            _ => {
                let seconds = self.random.u64(..8);
                self.pass(Duration::from_secs(seconds));
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let mut now = self.cluster.now;
        now.instant += time;
        now.wall_ms += i64::try_from(time.as_millis()).expect("little time");
        self.cluster.handle_timers(now);
    }

    /// Reads what was answered.
    fn hear(&mut self) {
        let mut waiting = Vec::new();
        for mut receiver in std::mem::take(&mut self.joins) {
            match answer::<JoinGroupRequest>(&mut receiver, JOIN) {
                Some(told) => self.learn(&told),
                None => waiting.push(receiver),
            }
        }
        self.joins = waiting;
        let receivers = std::mem::take(&mut self.syncs);
        self.syncs = receivers
            .into_iter()
            .filter_map(|mut receiver| {
                let told = answer::<SyncGroupRequest>(&mut receiver, SYNC);
                told.is_none().then_some(receiver)
            })
            .collect();
    }

    fn learn(&mut self, told: &JoinGroupResponse) {
        if !self.ids.contains(&told.member_id) {
            self.ids.push(told.member_id.clone());
        }
        self.generation = self.generation.max(told.generation_id);
        if told.error_code.is_none() {
            let is_member = told.members.iter().any(|it| it.member_id == told.member_id);
            assert!(told.members.is_empty() || is_member);
        }
    }

    fn group(&self) -> Option<&ClassicGroup> {
        match self.cluster.groups.group(GROUP) {
            Some(Group::Classic(group)) => Some(group),
            _ => None,
        }
    }
}

/// The answer, if it has come. A reply that was dropped for a newer one closes its connection.
fn answer<R: Request>(
    receiver: &mut oneshot::Receiver<Outcome>,
    version: i16,
) -> Option<R::Response>
where
    R::Response: Default,
{
    match receiver.try_recv() {
        Ok(Outcome::Frame(frame)) => {
            let frame = frame.to_bytes().slice(4..);
            let (_, response) = decode_response::<R>(frame, version).expect("an answer");
            Some(response)
        }
        Err(oneshot::error::TryRecvError::Empty) => None,
        _ => Some(R::Response::default()),
    }
}

/// Makes what a group keeps of its members anew, and compares.
fn check(group: &ClassicGroup) {
    let joining = group
        .members
        .values()
        .filter(|it| it.awaiting_join.is_some());
    assert_eq!(group.awaiting_join, joining.count(), "who waits to join");
    let mut supported: BTreeMap<StrBytes, usize> = BTreeMap::new();
    let mut fixed = BTreeMap::new();
    for (id, member) in &group.members {
        for (name, _) in &member.protocols {
            *supported.entry(name.clone()).or_default() += 1;
        }
        if let Some(instance_id) = &member.instance_id {
            fixed.insert(instance_id.clone(), id.clone());
        }
        assert!(
            !group.pending_members.contains_key(id),
            "{id} is pending no more"
        );
    }
    assert_eq!(group.supported, supported, "what members support");
    assert_eq!(group.static_members, fixed, "who is static");
    match &group.leader {
        Some(leader) => assert!(group.members.contains_key(leader), "{leader} is a member"),
        None => assert!(group.members.is_empty(), "somebody leads"),
    }
    let syncing = group
        .members
        .values()
        .filter(|it| it.awaiting_sync.is_some());
    match group.state {
        State::Empty => assert!(group.members.is_empty(), "nobody is there"),
        State::PreparingRebalance => {
            assert!(group.join_timer.is_some(), "the rebalance ends");
            assert_eq!(syncing.count(), 0, "nobody waits for an assignment");
        }
        State::CompletingRebalance | State::Stable => {
            assert!(group.join_timer.is_none(), "all have joined");
            assert_eq!(group.awaiting_join, 0, "nobody waits to join");
            let shared = group
                .protocol_name
                .as_ref()
                .and_then(|it| group.supported.get(it));
            assert_eq!(
                shared,
                Some(&group.members.len()),
                "all support the protocol"
            );
            if group.state == State::Stable {
                assert_eq!(syncing.count(), 0, "nobody waits for an assignment");
            }
        }
    }
    let known = group
        .pending_sync
        .iter()
        .all(|id| group.members.contains_key(id));
    assert!(known, "members only are waited for");
}

#[tokio::test(start_paused = true)]
async fn what_a_group_knows_of_itself_fits_together_whatever_happens() {
    for seed in 0..300 {
        let mut world = World::new(seed);
        for step in 0..200 {
            world.random_step();
            world.hear();
            if let Some(group) = world.group() {
                let fits = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(group)));
                assert!(fits.is_ok(), "seed {seed} step {step}: {group:#?}");
            }
        }
        comes_to_rest(&mut world, seed);
    }
}

/// All sessions run out; then one member joins and gets its assignment.
fn comes_to_rest(world: &mut World, seed: u64) {
    change_coordinator(&mut world.cluster, GROUP, true);
    for _ in 0..100 {
        world.pass(Duration::from_secs(20));
    }
    world.hear();
    assert_eq!(
        (world.joins.len(), world.syncs.len()),
        (0, 0),
        "seed {seed}: all are answered"
    );
    let members = world.group().map(|group| group.members.len());
    assert_eq!(members.unwrap_or(0), 0, "seed {seed}: all are gone");
    // A generation that was never written down may have been forgotten.
    world.generation = 0;
    let mut request = JoinGroupRequest {
        group_id: GROUP.into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".into(),
        protocols: vec![JoinGroupRequestProtocol {
            name: "a".into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    world.join(request.clone());
    world.hear();
    request.member_id = world.ids.last().cloned().expect("it was told an id");
    world.join(request.clone());
    world.pass(Duration::from_secs(3));
    world.hear();
    world.sync(SyncGroupRequest {
        group_id: GROUP.into(),
        generation_id: world.generation,
        member_id: request.member_id,
        assignments: Vec::new(),
        ..Default::default()
    });
    let group = world.group().expect("it is there");
    assert_eq!(group.state, State::Stable, "seed {seed}: {group:#?}");
}
