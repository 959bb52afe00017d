//! Goal: members of a group keep to the protocol whatever happens around them, and no partition has
//! two owners. Method: members by hand against single answers, and whole groups against a model of
//! the coordinator, with seeded chance deciding who acts, which answers are lost, and who stalls.

use std::collections::BTreeMap;

use thalweg_protocol::messages::{
    HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember,
    LeaveGroupResponse, SyncGroupResponse,
};
use thalweg_protocol::{ApiKey, ErrorCode, StrBytes};

use super::*;
use crate::error::{CallError, Disposition};
use crate::group::assignor::{
    AssignError, CooperativeStickyAssignor, MemberAssignment, RangeAssignor, StickyAssignor,
};
use crate::group::consumer_protocol::encode_assignment;

const INTERVAL: Duration = Duration::from_secs(3);

fn settings() -> ClassicSettings {
    ClassicSettings {
        group_id: "g".into(),
        group_instance_id: None,
        member_id: "".into(),
        rack_id: None,
        session_timeout: Duration::from_secs(45),
        rebalance_timeout: Duration::from_secs(60),
        heartbeat_interval: INTERVAL,
        max_poll_interval: None,
        retry_backoff: Duration::from_millis(100),
        retry_backoff_max: Duration::from_secs(1),
    }
}

fn range() -> Vec<Box<dyn Assignor>> {
    vec![Box::new(RangeAssignor::new())]
}

fn cooperative() -> Vec<Box<dyn Assignor>> {
    vec![Box::new(CooperativeStickyAssignor::new())]
}

fn member(settings: ClassicSettings, assignors: Vec<Box<dyn Assignor>>) -> ClassicMembership {
    let mut member = ClassicMembership::new(settings, assignors, Rng::from_seed(1));
    member.handle_subscription(vec!["t".into()]);
    member
}

fn topic(partition_count: i32) -> Vec<TopicToAssign> {
    vec![TopicToAssign {
        name: "t".into(),
        partition_count,
        replica_racks: Vec::new(),
    }]
}

fn partitions(numbers: impl IntoIterator<Item = i32>) -> BTreeSet<TopicPartition> {
    numbers
        .into_iter()
        .map(|number| TopicPartition::new("t", number))
        .collect()
}

fn joined(generation: i32, id: &str, leader: &str) -> JoinGroupResponse {
    JoinGroupResponse {
        generation_id: generation,
        protocol_type: Some(StrBytes::from("consumer")),
        protocol_name: Some(StrBytes::from("range")),
        leader: StrBytes::from(leader),
        member_id: StrBytes::from(id),
        ..JoinGroupResponse::default()
    }
}

fn synced(numbers: impl IntoIterator<Item = i32>) -> SyncGroupResponse {
    let partitions = partitions(numbers).into_iter().collect();
    SyncGroupResponse {
        assignment: encode_assignment(&MemberAssignment {
            partitions,
            ..MemberAssignment::default()
        }),
        ..SyncGroupResponse::default()
    }
}

fn join_of(step: Step) -> JoinGroupRequest {
    match step {
        Step::Send(Request::Join(request)) => request,
        other => panic!("expected a join: {other:?}"),
    }
}

fn refused(code: ErrorCode) -> Reply {
    Reply::Heartbeat(Ok(HeartbeatResponse {
        error_code: code,
        ..HeartbeatResponse::default()
    }))
}

fn lost_connection() -> CallError {
    CallError::TooSlow {
        api: ApiKey::JoinGroup,
    }
}

/// Lets a follower join and get partitions; leaves it stable.
fn settle(
    member: &mut ClassicMembership,
    generation: i32,
    numbers: impl IntoIterator<Item = i32>,
    name: &str,
    now: Instant,
) -> Vec<Change> {
    join_of(member.poll(now));
    let response = JoinGroupResponse {
        protocol_name: Some(StrBytes::from(name)),
        ..joined(generation, "me", "other")
    };
    member.handle_reply(Reply::Join(Ok(response)), now);
    assert!(matches!(member.poll(now), Step::Send(Request::Sync(_))));
    member.handle_reply(Reply::Sync(Ok(synced(numbers))), now);
    changes(member, now)
}

fn changes(member: &mut ClassicMembership, now: Instant) -> Vec<Change> {
    let mut changes = Vec::new();
    loop {
        match member.act(now) {
            Some(Step::Emit(change)) => changes.push(change),
            None => return changes,
            Some(other) => panic!("not expected: {other:?}"),
        }
    }
}

#[test]
fn a_member_is_given_an_id_then_joins_with_it() {
    let now = Instant::now();
    let mut member = member(settings(), range());
    let first = join_of(member.poll(now));
    assert_eq!(&*first.member_id, "");
    assert_eq!(
        (first.session_timeout_ms, first.rebalance_timeout_ms),
        (45_000, 60_000)
    );
    assert_eq!(&*first.protocols[0].name, "range");
    let required = JoinGroupResponse {
        error_code: ErrorCode::MEMBER_ID_REQUIRED,
        member_id: StrBytes::from("me"),
        ..JoinGroupResponse::default()
    };
    member.handle_reply(Reply::Join(Ok(required)), now);
    assert_eq!(&*join_of(member.poll(now)).member_id, "me");
}

#[test]
fn a_kept_id_is_used_until_the_coordinator_denies_it() {
    let now = Instant::now();
    let mut member = member(
        ClassicSettings {
            member_id: "kept".into(),
            ..settings()
        },
        range(),
    );
    assert_eq!(&*join_of(member.poll(now)).member_id, "kept");
    let unknown = JoinGroupResponse {
        error_code: ErrorCode::UNKNOWN_MEMBER_ID,
        ..Default::default()
    };
    member.handle_reply(Reply::Join(Ok(unknown.clone())), now);
    assert_eq!(&*join_of(member.poll(now)).member_id, "");
    member.handle_reply(Reply::Join(Ok(unknown)), now);
    assert!(
        matches!(member.poll(now), Step::Wait(Some(_))),
        "the second time with a pause"
    );
}

#[test]
fn the_leader_assigns_what_all_subscribe_to() {
    let now = Instant::now();
    let mut leader = member(settings(), range());
    let own = join_of(leader.poll(now)).protocols[0].metadata.clone();
    let member_of = |id: &str| JoinGroupResponseMember {
        member_id: StrBytes::from(id),
        metadata: own.clone(),
        ..JoinGroupResponseMember::default()
    };
    let response = JoinGroupResponse {
        members: vec![member_of("you"), member_of("me")],
        ..joined(1, "me", "me")
    };
    leader.handle_reply(Reply::Join(Ok(response)), now);
    let Step::LookUpTopics(topics) = leader.poll(now) else {
        panic!("topics are needed")
    };
    assert_eq!(topics, [Arc::from("t")]);
    leader.handle_topics(topic(3));
    let Step::Send(Request::Sync(sync)) = leader.poll(now) else {
        panic!("a sync is due")
    };
    let members: Vec<&str> = sync.assignments.iter().map(|a| &*a.member_id).collect();
    assert_eq!(members, ["me", "you"]);
    assert_eq!(sync.protocol_name.as_deref(), Some("range"));
}

#[test]
fn heartbeats_go_on_while_stable() {
    let now = Instant::now();
    let mut member = member(settings(), range());
    let told = settle(&mut member, 1, [0, 1], "range", now);
    assert!(matches!(&told[..], [Change::Assigned(added)] if *added == partitions([0, 1])));
    assert_eq!(
        (
            member.metadata().generation_id,
            &*member.metadata().member_id
        ),
        (1, "me")
    );
    assert!(matches!(member.poll(now), Step::Wait(Some(at)) if at == now + INTERVAL));
    let later = now + INTERVAL;
    let Step::Send(Request::Heartbeat(beat)) = member.poll(later) else {
        panic!("it is due")
    };
    assert_eq!((beat.generation_id, &*beat.member_id), (1, "me"));
    member.handle_reply(refused(ErrorCode::NONE), later);
    assert!(matches!(member.poll(later), Step::Wait(Some(at)) if at == later + INTERVAL));
}

#[test]
fn an_eager_member_releases_everything_before_it_joins_and_beats_meanwhile() {
    let mut now = Instant::now();
    let mut member = member(settings(), range());
    settle(&mut member, 1, [0, 1], "range", now);
    now += INTERVAL;
    assert!(matches!(
        member.poll(now),
        Step::Send(Request::Heartbeat(_))
    ));
    member.handle_reply(refused(ErrorCode::REBALANCE_IN_PROGRESS), now);
    let Step::Emit(Change::Revoked {
        revocation,
        partitions: revoked,
    }) = member.poll(now)
    else {
        panic!("everything is revoked")
    };
    assert_eq!(revoked, partitions([0, 1]));
    for _ in 0..3 {
        assert!(
            matches!(member.poll(now), Step::Wait(Some(_))),
            "not before it is released"
        );
        now += INTERVAL;
        assert!(matches!(
            member.poll(now),
            Step::Send(Request::Heartbeat(_))
        ));
        member.handle_reply(refused(ErrorCode::REBALANCE_IN_PROGRESS), now);
    }
    member.handle_released(revocation + 7);
    assert!(
        matches!(member.poll(now), Step::Wait(Some(_))),
        "another revocation's release"
    );
    member.handle_released(revocation);
    let join = join_of(member.poll(now));
    assert_eq!(join.reason.as_deref(), Some("group is already rebalancing"));
}

#[test]
fn a_cooperative_member_keeps_what_stays_and_joins_again_once_the_rest_is_released() {
    let mut now = Instant::now();
    let mut member = member(settings(), cooperative());
    settle(&mut member, 1, [0, 1, 2], "cooperative-sticky", now);
    now += INTERVAL;
    assert!(matches!(
        member.poll(now),
        Step::Send(Request::Heartbeat(_))
    ));
    member.handle_reply(refused(ErrorCode::REBALANCE_IN_PROGRESS), now);
    let told = settle(&mut member, 2, [0, 1, 7], "cooperative-sticky", now);
    let [
        Change::Revoked {
            revocation,
            partitions: revoked,
        },
        Change::Assigned(added),
    ] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!((revoked, added), (&partitions([2]), &partitions([7])));
    assert_eq!(
        member.metadata().generation_id,
        2,
        "commits are of the new generation"
    );
    assert!(
        matches!(member.poll(now), Step::Wait(Some(_))),
        "until it is released"
    );
    member.handle_released(*revocation);
    join_of(member.poll(now));
    assert_eq!(member.owned, partitions([0, 1, 7]));
}

#[test]
fn partitions_of_a_forgotten_member_are_lost_even_while_they_are_released() {
    let mut now = Instant::now();
    let mut member = member(settings(), range());
    settle(&mut member, 1, [0, 1], "range", now);
    now += INTERVAL;
    member.poll(now);
    member.handle_reply(refused(ErrorCode::REBALANCE_IN_PROGRESS), now);
    let Step::Emit(Change::Revoked { revocation, .. }) = member.poll(now) else {
        panic!()
    };
    now += INTERVAL;
    assert!(matches!(
        member.poll(now),
        Step::Send(Request::Heartbeat(_))
    ));
    member.handle_reply(refused(ErrorCode::UNKNOWN_MEMBER_ID), now);
    let Step::Emit(Change::Lost(lost)) = member.poll(now) else {
        panic!("they are lost")
    };
    assert_eq!(lost, partitions([0, 1]));
    assert_eq!(
        &*join_of(member.poll(now)).member_id,
        "",
        "it joins anew without waiting"
    );
    member.handle_released(revocation);
    assert_eq!(
        member.state,
        State::Joining,
        "a late release changes nothing"
    );
    assert_eq!(
        &*member.metadata().member_id,
        "me",
        "commits of the past are still told apart"
    );
}

#[test]
fn a_past_generation_loses_the_partitions_but_not_the_id() {
    let mut now = Instant::now();
    let mut member = member(settings(), cooperative());
    settle(&mut member, 1, [0], "cooperative-sticky", now);
    now += INTERVAL;
    member.poll(now);
    member.handle_reply(refused(ErrorCode::ILLEGAL_GENERATION), now);
    assert!(matches!(member.poll(now), Step::Emit(Change::Lost(_))));
    assert_eq!(&*join_of(member.poll(now)).member_id, "me");
}

#[test]
fn what_nothing_helps_against_ends_the_membership_with_its_reason() {
    let now = Instant::now();
    for code in [
        ErrorCode::GROUP_AUTHORIZATION_FAILED,
        ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
        ErrorCode::INVALID_SESSION_TIMEOUT,
        ErrorCode::GROUP_MAX_SIZE_REACHED,
        ErrorCode::FENCED_INSTANCE_ID,
    ] {
        let mut member = member(settings(), range());
        join_of(member.poll(now));
        let response = JoinGroupResponse {
            error_code: code,
            ..JoinGroupResponse::default()
        };
        member.handle_reply(Reply::Join(Ok(response)), now);
        let Step::Emit(Change::Failed(error)) = member.poll(now) else {
            panic!("{code:?}")
        };
        assert_eq!(error.disposition(), Disposition::Fatal, "{error}");
        assert!(
            matches!(member.poll(now), Step::Wait(None)),
            "it does not try again by itself"
        );
        member.handle_subscription(vec!["t".into()]);
        join_of(member.poll(now));
    }
}

#[test]
fn what_passes_is_tried_again_after_a_pause() {
    let now = Instant::now();
    let mut member = member(settings(), range());
    for code in [
        Err(lost_connection()),
        Ok(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
        Ok(ErrorCode::NOT_COORDINATOR),
        Ok(ErrorCode::REBALANCE_IN_PROGRESS),
    ] {
        let later = now + Duration::from_secs(60) * member.failures;
        join_of(member.poll(later));
        let reply = code.map(|error_code| JoinGroupResponse {
            error_code,
            ..Default::default()
        });
        member.handle_reply(Reply::Join(reply), later);
        let Step::Wait(Some(at)) = member.poll(later) else {
            panic!("a pause")
        };
        assert!(at > later && at < later + Duration::from_secs(2));
    }
}

#[test]
fn a_leader_joins_again_when_its_topics_change() {
    let now = Instant::now();
    let mut leader = member(settings(), range());
    let own = join_of(leader.poll(now)).protocols[0].metadata.clone();
    let members = vec![JoinGroupResponseMember {
        member_id: StrBytes::from("me"),
        metadata: own,
        ..JoinGroupResponseMember::default()
    }];
    let response = JoinGroupResponse {
        members,
        ..joined(1, "me", "me")
    };
    leader.handle_reply(Reply::Join(Ok(response)), now);
    assert!(matches!(leader.poll(now), Step::LookUpTopics(_)));
    leader.handle_topics(topic(2));
    leader.poll(now);
    leader.handle_reply(Reply::Sync(Ok(synced([0, 1]))), now);
    changes(&mut leader, now);
    leader.handle_topics_changed(topic(2));
    assert!(matches!(leader.poll(now), Step::Wait(_)));
    leader.handle_topics_changed(topic(3));
    assert!(matches!(
        leader.poll(now),
        Step::Emit(Change::Revoked { .. })
    ));
}

#[test]
fn an_application_that_stays_away_loses_its_partitions_until_it_returns() {
    let now = Instant::now();
    let max = Duration::from_secs(10);
    let mut member = member(
        ClassicSettings {
            max_poll_interval: Some(max),
            ..settings()
        },
        range(),
    );
    member.handle_polled(now);
    settle(&mut member, 1, [0], "range", now);
    let late = now + max;
    assert!(matches!(member.poll(late), Step::Emit(Change::Lost(_))));
    assert!(matches!(member.poll(late), Step::Send(Request::Leave(_))));
    member.handle_reply(Reply::Leave(Ok(LeaveGroupResponse::default())), late);
    assert!(matches!(member.poll(late), Step::Wait(None)));
    member.handle_polled(late + max);
    join_of(member.poll(late + max));
}

#[test]
fn closing_leaves_the_group_unless_the_member_is_static() {
    let now = Instant::now();
    let mut dynamic = member(settings(), range());
    settle(&mut dynamic, 1, [0], "range", now);
    dynamic.handle_close(true);
    let Step::Send(Request::Leave(leave)) = dynamic.poll(now) else {
        panic!("it leaves")
    };
    assert_eq!(&*leave.members[0].member_id, "me");
    dynamic.handle_reply(Reply::Leave(Err(lost_connection())), now);
    assert!(matches!(dynamic.poll(now), Step::Done));

    let fixed = ClassicSettings {
        group_instance_id: Some("i".into()),
        ..settings()
    };
    let mut fixed = member(fixed, range());
    settle(&mut fixed, 1, [0], "range", now);
    fixed.handle_close(true);
    assert!(matches!(fixed.poll(now), Step::Done));
}

#[test]
fn unsubscribing_releases_then_leaves() {
    let now = Instant::now();
    let mut member = member(settings(), cooperative());
    settle(&mut member, 1, [0], "cooperative-sticky", now);
    member.handle_subscription(Vec::new());
    let Step::Emit(Change::Revoked { revocation, .. }) = member.poll(now) else {
        panic!()
    };
    member.handle_released(revocation);
    assert!(matches!(member.poll(now), Step::Send(Request::Leave(_))));
    member.handle_reply(Reply::Leave(Ok(LeaveGroupResponse::default())), now);
    assert!(matches!(member.poll(now), Step::Wait(None)));
}

/// Gives every partition to the first member whatever others own.
struct Grabber;

impl Assignor for Grabber {
    fn name(&self) -> &str {
        "grabber"
    }

    fn rebalance_protocols(&self) -> &[RebalanceProtocol] {
        &[RebalanceProtocol::Cooperative]
    }

    fn assign(
        &mut self,
        members: &[MemberSubscription],
        _topics: &[TopicToAssign],
    ) -> Result<Vec<MemberAssignment>, AssignError> {
        let first = members.first().map(|member| MemberAssignment {
            member_id: member.member_id.clone(),
            partitions: partitions([0]).into_iter().collect(),
            user_data: None,
        });
        Ok(first.into_iter().collect())
    }
}

#[test]
fn an_assignor_that_gives_away_what_is_owned_is_refused() {
    let now = Instant::now();
    let mut leader = member(settings(), vec![Box::new(Grabber)]);
    leader.owned = partitions([0]);
    leader.generation = 4;
    let own = join_of(leader.poll(now)).protocols[0].metadata.clone();
    let of = |id: &str| JoinGroupResponseMember {
        member_id: StrBytes::from(id),
        metadata: own.clone(),
        ..JoinGroupResponseMember::default()
    };
    let response = JoinGroupResponse {
        protocol_name: Some(StrBytes::from("grabber")),
        members: vec![of("a"), of("me")],
        ..joined(5, "me", "me")
    };
    leader.handle_reply(Reply::Join(Ok(response)), now);
    leader.poll(now);
    leader.handle_topics(topic(1));
    assert!(matches!(leader.poll(now), Step::Emit(Change::Lost(_))));
    let Step::Emit(Change::Failed(error)) = leader.poll(now) else {
        panic!("it is refused")
    };
    assert!(error.to_string().contains("still owns it"), "{error}");
}

/// A coordinator as members see it: barriers for join and sync, generations, expiry.
#[derive(Default)]
struct Coordinator {
    generation: i32,
    next_id: u32,
    members: BTreeMap<StrBytes, Seat>,
    leader: StrBytes,
    /// Whether members are gathered for the next generation.
    joining: bool,
    /// Replies that were held back, by member.
    held: Vec<(usize, Reply)>,
}

struct Seat {
    index: usize,
    metadata: bytes::Bytes,
    name: StrBytes,
    waits_to_join: bool,
    waits_to_sync: bool,
    assignment: Option<bytes::Bytes>,
}

impl Coordinator {
    fn handle(&mut self, index: usize, request: Request) -> Option<Reply> {
        match request {
            Request::Join(request) => self.join(index, request),
            Request::Sync(request) => self.sync(request),
            Request::Heartbeat(request) => {
                let code = match self.check(&request.member_id, request.generation_id) {
                    ErrorCode::NONE if self.joining => ErrorCode::REBALANCE_IN_PROGRESS,
                    code => code,
                };
                Some(refused(code))
            }
            Request::Leave(request) => {
                self.expire(&request.member_id);
                Some(Reply::Leave(Ok(LeaveGroupResponse::default())))
            }
        }
    }

    fn check(&self, id: &StrBytes, generation: i32) -> ErrorCode {
        match self.members.contains_key(id) {
            false => ErrorCode::UNKNOWN_MEMBER_ID,
            true if generation != self.generation => ErrorCode::ILLEGAL_GENERATION,
            true => ErrorCode::NONE,
        }
    }

    fn join(&mut self, index: usize, request: JoinGroupRequest) -> Option<Reply> {
        let refuse = |error_code, member_id| {
            let response = JoinGroupResponse {
                error_code,
                member_id,
                ..JoinGroupResponse::default()
            };
            Some(Reply::Join(Ok(response)))
        };
        if request.member_id.is_empty() {
            self.next_id += 1;
            let id = StrBytes::from(format!("m{:03}", self.next_id));
            self.seat(index, &id, &request);
            return refuse(ErrorCode::MEMBER_ID_REQUIRED, id);
        }
        if !self.members.contains_key(&request.member_id) {
            return refuse(ErrorCode::UNKNOWN_MEMBER_ID, StrBytes::new());
        }
        self.seat(index, &request.member_id.clone(), &request);
        if let Some(seat) = self.members.get_mut(&request.member_id) {
            seat.waits_to_join = true;
        }
        self.begin_rebalance();
        self.gather();
        None
    }

    fn seat(&mut self, index: usize, id: &StrBytes, request: &JoinGroupRequest) {
        let protocol = &request.protocols[0];
        let seat = Seat {
            index,
            metadata: protocol.metadata.clone(),
            name: protocol.name.clone(),
            waits_to_join: false,
            waits_to_sync: false,
            assignment: None,
        };
        self.members.insert(id.clone(), seat);
    }

    fn begin_rebalance(&mut self) {
        self.joining = true;
        for seat in self.members.values_mut() {
            if std::mem::take(&mut seat.waits_to_sync) {
                let response = SyncGroupResponse {
                    error_code: ErrorCode::REBALANCE_IN_PROGRESS,
                    ..SyncGroupResponse::default()
                };
                self.held.push((seat.index, Reply::Sync(Ok(response))));
            }
        }
    }

    /// Begins the generation once everybody has joined.
    fn gather(&mut self) {
        let all = self.members.values().all(|seat| seat.waits_to_join);
        if !self.joining || !all || self.members.is_empty() {
            return;
        }
        self.joining = false;
        self.generation += 1;
        if !self.members.contains_key(&self.leader) {
            self.leader = self.members.keys().next().cloned().unwrap_or_default();
        }
        let roster: Vec<JoinGroupResponseMember> = self
            .members
            .iter()
            .map(|(id, seat)| JoinGroupResponseMember {
                member_id: id.clone(),
                metadata: seat.metadata.clone(),
                ..JoinGroupResponseMember::default()
            })
            .collect();
        for (id, seat) in &mut self.members {
            seat.waits_to_join = false;
            seat.assignment = None;
            let response = JoinGroupResponse {
                protocol_name: Some(seat.name.clone()),
                members: if *id == self.leader {
                    roster.clone()
                } else {
                    Vec::new()
                },
                ..joined(self.generation, id, &self.leader)
            };
            self.held.push((seat.index, Reply::Join(Ok(response))));
        }
    }

    fn sync(&mut self, request: thalweg_protocol::messages::SyncGroupRequest) -> Option<Reply> {
        let code = match self.check(&request.member_id, request.generation_id) {
            ErrorCode::NONE if self.joining => ErrorCode::REBALANCE_IN_PROGRESS,
            code => code,
        };
        if code != ErrorCode::NONE {
            let response = SyncGroupResponse {
                error_code: code,
                ..SyncGroupResponse::default()
            };
            return Some(Reply::Sync(Ok(response)));
        }
        if let Some(seat) = self.members.get_mut(&request.member_id) {
            seat.waits_to_sync = true;
        }
        if request.member_id == self.leader {
            for seat in self.members.values_mut() {
                seat.assignment = Some(bytes::Bytes::new());
            }
            for assigned in request.assignments {
                if let Some(seat) = self.members.get_mut(&assigned.member_id) {
                    seat.assignment = Some(assigned.assignment);
                }
            }
        }
        for seat in self.members.values_mut() {
            if let (true, Some(assignment)) = (seat.waits_to_sync, &seat.assignment) {
                seat.waits_to_sync = false;
                let response = SyncGroupResponse {
                    assignment: assignment.clone(),
                    ..SyncGroupResponse::default()
                };
                self.held.push((seat.index, Reply::Sync(Ok(response))));
            }
        }
        None
    }

    fn expire(&mut self, id: &StrBytes) {
        let Some(seat) = self.members.remove(id) else {
            return;
        };
        let error_code = ErrorCode::UNKNOWN_MEMBER_ID;
        if seat.waits_to_join {
            let response = JoinGroupResponse {
                error_code,
                ..JoinGroupResponse::default()
            };
            self.held.push((seat.index, Reply::Join(Ok(response))));
        }
        if seat.waits_to_sync {
            let response = SyncGroupResponse {
                error_code,
                ..SyncGroupResponse::default()
            };
            self.held.push((seat.index, Reply::Sync(Ok(response))));
        }
        self.begin_rebalance();
        self.gather();
    }
}

/// A member with its application.
struct Player {
    member: ClassicMembership,
    /// What the application believes to have.
    has: BTreeSet<TopicPartition>,
    revoking: Vec<(u64, BTreeSet<TopicPartition>)>,
    /// The request under way.
    under_way: bool,
    stalled: bool,
}

impl Player {
    fn take(&mut self, change: Change) {
        match change {
            Change::Assigned(added) => self.has.extend(added),
            Change::Revoked {
                revocation,
                partitions,
            } => self.revoking.push((revocation, partitions)),
            Change::Lost(lost) => {
                self.has.retain(|has| !lost.contains(has));
                self.revoking.clear();
            }
            Change::Failed(error) => panic!("{error}"),
        }
    }

    fn release(&mut self) {
        if let Some((revocation, partitions)) = self.revoking.pop() {
            self.has.retain(|has| !partitions.contains(has));
            self.member.handle_released(revocation);
        }
    }
}

/// Runs a group of up to five members through `steps` random events, then lets it settle.
fn play(seed: u64, assignors: fn() -> Vec<Box<dyn Assignor>>, topics: &[TopicToAssign]) {
    let mut rng = Rng::from_seed(seed);
    let mut now = Instant::now();
    let mut coordinator = Coordinator::default();
    let mut players: Vec<Player> = Vec::new();
    for step in 0..700 {
        let calm = step > 450;
        now += Duration::from_millis(rng.below(800));
        if !calm && players.len() < 5 && rng.below(40) == 0 || players.is_empty() {
            players.push(Player {
                member: member(settings(), assignors()),
                has: BTreeSet::new(),
                revoking: Vec::new(),
                under_way: false,
                stalled: false,
            });
        }
        let index = rng.below(players.len() as u64) as usize;
        match rng.below(60) {
            0 if !calm => players[index].stalled = true,
            1..4 => players[index].stalled = false,
            4 if !calm => {
                // The coordinator gives a member up: it is stalled, or its network is.
                let id = StrBytes::from(&*players[index].member.member_id());
                coordinator.expire(&id);
            }
            5 if !calm && players[index].under_way => {
                // The connection is lost; what was held back for it is too.
                coordinator.held.retain(|(held, _)| *held != index);
                for seat in coordinator
                    .members
                    .values_mut()
                    .filter(|seat| seat.index == index)
                {
                    seat.waits_to_sync = false;
                }
                players[index].under_way = false;
                let reply = match players[index].member.state {
                    State::Joining => Reply::Join(Err(lost_connection())),
                    State::Syncing { .. } => Reply::Sync(Err(lost_connection())),
                    State::Leaving { .. } => Reply::Leave(Err(lost_connection())),
                    _ => Reply::Heartbeat(Err(lost_connection())),
                };
                players[index].member.handle_reply(reply, now);
            }
            6..20 => players[index].release(),
            _ => {}
        }
        if calm {
            players.iter_mut().for_each(|player| player.stalled = false);
            players.iter_mut().for_each(Player::release);
        }
        for index in 0..players.len() {
            run(&mut players, index, &mut coordinator, topics, now);
        }
        let mut owners: BTreeMap<&TopicPartition, usize> = BTreeMap::new();
        for (index, player) in players.iter().enumerate() {
            // A stalled member does not know yet what the others know.
            let member = &player.member;
            let id = StrBytes::from(&*member.member_id());
            if player.stalled || coordinator.check(&id, member.generation) != ErrorCode::NONE {
                continue;
            }
            for partition in &player.has {
                let before = owners.insert(partition, index);
                assert_eq!(
                    before, None,
                    "seed {seed}, step {step}: {partition} has two owners"
                );
            }
        }
    }
    let total: usize = topics
        .iter()
        .map(|topic| topic.partition_count as usize)
        .sum();
    let had: usize = players.iter().map(|player| player.has.len()).sum();
    assert_eq!(had, total, "seed {seed}: the group did not settle");
}

fn run(
    players: &mut [Player],
    index: usize,
    coordinator: &mut Coordinator,
    topics: &[TopicToAssign],
    now: Instant,
) {
    if players[index].stalled {
        return;
    }
    loop {
        if let Some(at) = coordinator.held.iter().position(|(held, _)| *held == index) {
            let (_, reply) = coordinator.held.remove(at);
            if std::mem::take(&mut players[index].under_way) {
                players[index].member.handle_reply(reply, now);
            }
        }
        match players[index].member.poll(now) {
            Step::Emit(change) => players[index].take(change),
            Step::LookUpTopics(_) => players[index].member.handle_topics(topics.to_vec()),
            Step::Send(request) => match coordinator.handle(index, request) {
                Some(reply) => players[index].member.handle_reply(reply, now),
                None => players[index].under_way = true,
            },
            Step::Wait(_) | Step::Done => {
                if !coordinator.held.iter().any(|(held, _)| *held == index) {
                    return;
                }
            }
        }
    }
}

#[test]
fn groups_settle_and_never_own_a_partition_twice() {
    for seed in 0..60 {
        play(seed, range, &topic(7));
        play(seed, || vec![Box::new(StickyAssignor::new())], &topic(7));
        play(seed, cooperative, &topic(7));
    }
}
