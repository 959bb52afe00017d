//! Goal: classic groups go through their states as Kafka's do, seen from outside.
//!
//! Method: raw requests over in-memory connections, with the clock paused, so that every time-out is
//! exact.

use std::time::Duration;

use thalweg_protocol::messages::{
    HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, MemberIdentity, SyncGroupRequest,
};
use thalweg_protocol::{ErrorCode, StrBytes};
use tokio::time::{Instant, sleep};

use crate::members::*;
use crate::support::*;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[tokio::test(start_paused = true)]
async fn members_join_get_their_assignments_and_leave() {
    let kafka = coordinator(&[]).await;
    let mut leader = Member::joining(&kafka, join("")).await;
    let mut follower = Member::joining(&kafka, join("")).await;
    let told = leader.joined().await.clone();
    assert_eq!((told.generation_id, told.members.len()), (1, 2));
    assert_eq!(told.leader, leader.id());
    assert_eq!(told.protocol_name.as_deref(), Some("range"));
    assert!(told.member_id.starts_with("raw-"), "{}", told.member_id);
    let told = follower.joined().await.clone();
    assert_eq!((told.leader, told.members.len()), (leader.id(), 0));

    // The follower waits for the leader.
    let request = follower.sync_request(&[]);
    follower.raw.send(&request, SYNC).await;
    let all = [(leader.id(), "zero"), (follower.id(), "one")];
    assert_eq!(&*leader.sync(&all).await.assignment, b"zero");
    let synced = follower.raw.receive::<SyncGroupRequest>(SYNC).await;
    assert_eq!(&*synced.expect("an answer").assignment, b"one");
    assert_eq!(leader.heartbeat().await, ErrorCode::NONE);
    assert_eq!(follower.heartbeat().await, ErrorCode::NONE);
    // Asked again, it is told the same.
    assert_eq!(&*follower.sync(&[]).await.assignment, b"one");

    assert_eq!(leader.leave().await, ErrorCode::NONE);
    assert_eq!(leader.leave().await, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(follower.heartbeat().await, ErrorCode::REBALANCE_IN_PROGRESS);
    follower.join_again().await;
    let told = follower.joined().await.clone();
    assert_eq!((told.generation_id, told.members.len()), (2, 1));
    assert_eq!(told.leader, follower.id());
}

#[tokio::test(start_paused = true)]
async fn every_version_of_the_four_requests_is_answered() {
    // Method: one member per version of JoinGroup, alone in its group; the other requests in as many
    // versions as they have.
    let kafka = coordinator(&[("group.initial.rebalance.delay.ms", "0")]).await;
    for version in 0..=9 {
        let mut raw = Raw::connect(&kafka, PORT);
        let mut request = join("");
        request.group_id = format!("group-{version}").into();
        find_coordinator(&mut raw, 0, &request.group_id).await;
        let mut joined = raw.call(&request, version).await;
        if version >= 4 {
            assert_eq!(joined.error_code, ErrorCode::MEMBER_ID_REQUIRED);
            request.member_id = joined.member_id;
            joined = raw.call(&request, version).await;
        }
        assert_eq!(joined.error_code, ErrorCode::NONE, "version {version}");
        assert_eq!(joined.leader, joined.member_id);
        let sync = SyncGroupRequest {
            group_id: request.group_id.clone(),
            generation_id: joined.generation_id,
            member_id: joined.member_id.clone(),
            protocol_type: Some("consumer".into()),
            protocol_name: Some("range".into()),
            ..Default::default()
        };
        let synced = raw.call(&sync, version.min(5)).await;
        assert_eq!(synced.error_code, ErrorCode::NONE, "version {version}");
        let heartbeat = HeartbeatRequest {
            group_id: request.group_id.clone(),
            generation_id: joined.generation_id,
            member_id: joined.member_id.clone(),
            ..Default::default()
        };
        let beat = raw.call(&heartbeat, version.min(4)).await;
        assert_eq!(beat.error_code, ErrorCode::NONE, "version {version}");
        let who = MemberIdentity {
            member_id: joined.member_id.clone(),
            ..Default::default()
        };
        let (member_id, members) = match version {
            0..3 => (joined.member_id.clone(), Vec::new()),
            _ => (StrBytes::new(), vec![who]),
        };
        let leave = LeaveGroupRequest {
            group_id: request.group_id.clone(),
            member_id,
            members,
            ..Default::default()
        };
        let left = raw.call(&leave, version.min(5)).await;
        assert_eq!(left.error_code, ErrorCode::NONE, "version {version}");
        let left = raw.call(&leave, version.min(5)).await;
        let error = match version {
            0..3 => left.error_code,
            _ => left.members[0].error_code,
        };
        assert_eq!(error, ErrorCode::UNKNOWN_MEMBER_ID, "version {version}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_generation_waits_for_members_as_long_as_they_come() {
    // Method: the second member comes within the delay, the third within the next one, the fourth
    // after its end: the generation has three, 9 s after the first one came.
    let kafka = coordinator(&[]).await;
    let start = Instant::now();
    let mut first = Member::joining(&kafka, join("")).await;
    sleep(seconds(2)).await;
    let mut second = Member::joining(&kafka, join("")).await;
    sleep(seconds(3)).await;
    let _third = Member::joining(&kafka, join("")).await;
    assert_eq!(first.joined().await.members.len(), 3);
    assert_eq!(start.elapsed(), seconds(9));
    assert_eq!(second.joined().await.generation_id, 1);
}

#[tokio::test(start_paused = true)]
async fn the_first_generation_waits_no_longer_than_members_have_to_join() {
    let kafka = coordinator(&[]).await;
    let mut request = join("");
    request.rebalance_timeout_ms = 4_000;
    let start = Instant::now();
    let mut first = Member::joining(&kafka, request.clone()).await;
    sleep(seconds(2)).await;
    let _second = Member::joining(&kafka, request).await;
    assert_eq!(first.joined().await.members.len(), 2);
    assert_eq!(start.elapsed(), seconds(4));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_join_again_in_time_is_left_behind() {
    // Method: a member sends heartbeats only while another one's arrival rebalances the group.
    let kafka = coordinator(&[]).await;
    let mut lazy = stable(&kafka, join("")).await;
    let start = Instant::now();
    let mut eager = Member::joining(&kafka, join("")).await;
    for _ in 0..10 {
        assert_eq!(lazy.heartbeat().await, ErrorCode::REBALANCE_IN_PROGRESS);
        sleep(seconds(6)).await;
    }
    let told = eager.joined().await.clone();
    assert_eq!(start.elapsed(), seconds(60));
    assert_eq!((told.generation_id, told.members.len()), (2, 1));
    assert_eq!(told.leader, eager.id());
    assert_eq!(lazy.heartbeat().await, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[tokio::test(start_paused = true)]
async fn a_silent_member_is_lost_with_its_session_and_one_that_commits_is_not() {
    let kafka = coordinator(&[]).await;
    let mut member = stable(&kafka, join("")).await;
    for _ in 0..3 {
        sleep(seconds(9)).await;
        assert_eq!(member.heartbeat().await, ErrorCode::NONE);
        sleep(seconds(9)).await;
        assert_eq!(member.commit(1).await, ErrorCode::NONE);
    }
    sleep(Duration::from_millis(9_999)).await;
    assert_eq!(member.heartbeat().await, ErrorCode::NONE);
    sleep(Duration::from_millis(10_001)).await;
    assert_eq!(member.heartbeat().await, ErrorCode::UNKNOWN_MEMBER_ID);
    member.join_again().await;
    assert_eq!(
        member.joined().await.error_code,
        ErrorCode::UNKNOWN_MEMBER_ID
    );
}

#[tokio::test(start_paused = true)]
async fn a_session_does_not_run_out_while_its_member_waits_for_an_answer() {
    // Method: the follower waits for the leader's assignment for three of its sessions.
    let kafka = coordinator(&[]).await;
    let mut leader = Member::joining(&kafka, join("")).await;
    let mut follower = Member::joining(&kafka, join("")).await;
    leader.joined().await;
    follower.joined().await;
    let request = follower.sync_request(&[]);
    follower.raw.send(&request, SYNC).await;
    for _ in 0..5 {
        sleep(seconds(6)).await;
        assert_eq!(leader.heartbeat().await, ErrorCode::NONE);
    }
    assert_eq!(leader.sync(&[]).await.error_code, ErrorCode::NONE);
    let synced = follower.raw.receive::<SyncGroupRequest>(SYNC).await;
    let synced = synced.expect("an answer");
    // It was forgotten by the leader, which is no error.
    assert_eq!(
        (synced.error_code, synced.assignment.len()),
        (ErrorCode::NONE, 0)
    );
    assert_eq!(follower.heartbeat().await, ErrorCode::NONE);
}

#[tokio::test(start_paused = true)]
async fn who_never_asks_for_its_assignment_is_removed() {
    // Method: the leader assigns; the follower sends heartbeats, and no SyncGroup.
    let kafka = coordinator(&[]).await;
    let mut leader = Member::joining(&kafka, join("")).await;
    let mut follower = Member::joining(&kafka, join("")).await;
    leader.joined().await;
    follower.joined().await;
    leader.sync(&[]).await;
    for _ in 0..10 {
        assert_eq!(leader.heartbeat().await, ErrorCode::NONE);
        assert_eq!(follower.heartbeat().await, ErrorCode::NONE);
        sleep(Duration::from_millis(5_999)).await;
    }
    sleep(Duration::from_millis(11)).await;
    assert_eq!(follower.heartbeat().await, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(leader.heartbeat().await, ErrorCode::REBALANCE_IN_PROGRESS);
}

#[tokio::test(start_paused = true)]
async fn who_was_given_an_id_is_waited_for_as_long_as_its_session() {
    // Method: someone asks for an id and never joins with it, while the group rebalances.
    let kafka = coordinator(&[]).await;
    let mut member = stable(&kafka, join("")).await;
    let mut raw = Raw::connect(&kafka, PORT);
    let told = raw.call(&join(""), JOIN).await;
    assert_eq!(told.error_code, ErrorCode::MEMBER_ID_REQUIRED);
    let start = Instant::now();
    // The leader asks for a rebalance by joining again.
    member.join_again().await;
    assert_eq!(member.joined().await.generation_id, 2);
    assert_eq!(start.elapsed(), seconds(10));
    let mut late = join(&told.member_id);
    late.protocols = member.request.protocols.clone();
    let told = raw.call(&late, JOIN).await;
    assert_eq!(told.error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_joins_again_with_nothing_new_is_told_the_generation_it_is_in() {
    let kafka = coordinator(&[]).await;
    let mut leader = Member::joining(&kafka, join("")).await;
    let mut follower = Member::joining(&kafka, join("")).await;
    leader.joined().await;
    follower.joined().await;
    // Before the assignment, the leader may ask again as well: its answer may have been lost.
    leader.join_again().await;
    let told = leader.joined().await;
    assert_eq!((told.generation_id, told.members.len()), (1, 2));
    leader.sync(&[]).await;
    follower.sync(&[]).await;
    follower.join_again().await;
    assert_eq!(follower.joined().await.generation_id, 1);
    assert_eq!(leader.heartbeat().await, ErrorCode::NONE);
    // With something new it rebalances the group.
    follower.request.protocols = vec![protocol("range", b"new")];
    follower.join_again().await;
    assert_eq!(leader.heartbeat().await, ErrorCode::REBALANCE_IN_PROGRESS);
    leader.join_again().await;
    assert_eq!(leader.joined().await.generation_id, 2);
}

#[tokio::test(start_paused = true)]
async fn a_rebalance_takes_assignments_back_from_those_who_wait_for_them() {
    let kafka = coordinator(&[]).await;
    let mut leader = Member::joining(&kafka, join("")).await;
    let mut follower = Member::joining(&kafka, join("")).await;
    leader.joined().await;
    follower.joined().await;
    let request = follower.sync_request(&[]);
    follower.raw.send(&request, SYNC).await;
    leader.leave().await;
    let synced = follower.raw.receive::<SyncGroupRequest>(SYNC).await;
    let error = synced.expect("an answer").error_code;
    assert_eq!(error, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(
        follower.sync(&[]).await.error_code,
        ErrorCode::REBALANCE_IN_PROGRESS
    );
}

#[tokio::test(start_paused = true)]
async fn the_protocol_is_one_that_all_support_and_most_prefer() {
    let kafka = coordinator(&[]).await;
    let mut members = Vec::new();
    for names in [["a", "b", "c"], ["b", "a", "c"], ["b", "c", "a"]] {
        let mut request = join("");
        request.protocols = names.map(|name| protocol(name, name.as_bytes())).into();
        members.push(Member::joining(&kafka, request).await);
    }
    let told = members[0].joined().await.clone();
    assert_eq!(told.protocol_name.as_deref(), Some("b"));
    // The leader is told what each said about that one.
    assert!(told.members.iter().all(|member| &*member.metadata == b"b"));
    let mut raw = Raw::connect(&kafka, PORT);
    for (protocol_type, name) in [("consumer", "d"), ("connect", "b")] {
        let mut request = join("");
        request.protocol_type = protocol_type.into();
        request.protocols = vec![protocol(name, b"")];
        let told = raw.call(&request, JOIN).await;
        assert_eq!(told.error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    }
    let mut request = members[0].sync_request(&[]);
    request.protocol_name = Some("a".into());
    let synced = members[0].raw.call(&request, SYNC).await;
    assert_eq!(synced.error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    request.protocol_name = None;
    let synced = members[0].raw.call(&request, SYNC).await;
    assert_eq!(synced.error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
}

#[tokio::test(start_paused = true)]
async fn a_full_group_takes_nobody_in() {
    let kafka = coordinator(&[("group.max.size", "2")]).await;
    let mut first = Member::joining(&kafka, join("")).await;
    let mut second = Member::joining(&kafka, join("")).await;
    let mut raw = Raw::connect(&kafka, PORT);
    let told = raw.call(&join(""), JOIN).await;
    assert_eq!(told.error_code, ErrorCode::GROUP_MAX_SIZE_REACHED);
    assert_eq!(first.joined().await.members.len(), 2);
    second.joined().await;
    first.sync(&[]).await;
    let told = raw.call(&join(""), JOIN).await;
    assert_eq!(told.error_code, ErrorCode::GROUP_MAX_SIZE_REACHED);
    second.leave().await;
    first.join_again().await;
    assert_eq!(first.joined().await.error_code, ErrorCode::NONE);
    let told = raw.call(&join(""), JOIN).await;
    assert_eq!(told.error_code, ErrorCode::MEMBER_ID_REQUIRED);
}

#[tokio::test(start_paused = true)]
async fn sessions_have_bounds_and_groups_have_names() {
    let kafka = coordinator(&[("group.max.session.timeout.ms", "20000")]).await;
    let mut raw = Raw::connect(&kafka, PORT);
    for (session_timeout_ms, expected) in [
        (-1, ErrorCode::INVALID_SESSION_TIMEOUT),
        (5_999, ErrorCode::INVALID_SESSION_TIMEOUT),
        (6_000, ErrorCode::MEMBER_ID_REQUIRED),
        (20_000, ErrorCode::MEMBER_ID_REQUIRED),
        (20_001, ErrorCode::INVALID_SESSION_TIMEOUT),
    ] {
        let mut request = join("");
        request.session_timeout_ms = session_timeout_ms;
        assert_eq!(raw.call(&request, JOIN).await.error_code, expected);
    }
    let mut request = join("");
    request.group_id = StrBytes::new();
    let told = raw.call(&request, JOIN).await;
    assert_eq!(told.error_code, ErrorCode::INVALID_GROUP_ID);
    let told = raw.call(&join("nobody"), JOIN).await;
    assert_eq!(told.error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}

fn named(instance_id: &str) -> JoinGroupRequest {
    let mut request = join("");
    request.group_instance_id = Some(instance_id.into());
    request
}

#[tokio::test(start_paused = true)]
async fn a_static_member_that_is_back_takes_its_assignment_up_again_and_fences_its_past() {
    let kafka = coordinator(&[]).await;
    let mut leader = Member::joining(&kafka, named("one")).await;
    let mut follower = Member::joining(&kafka, named("two")).await;
    leader.joined().await;
    follower.joined().await;
    assert!(leader.id().starts_with("one-"), "{}", leader.id());
    let all = [(leader.id(), "first"), (follower.id(), "second")];
    leader.sync(&all).await;
    follower.sync(&[]).await;

    let mut again = Member::joining(&kafka, named("one")).await;
    let told = again.joined().await.clone();
    assert_eq!(
        (told.generation_id, told.leader.clone()),
        (1, told.member_id.clone())
    );
    assert!(told.skip_assignment);
    assert_eq!(told.members.len(), 2);
    assert_eq!(&*again.sync(&[]).await.assignment, b"first");
    assert_eq!(follower.heartbeat().await, ErrorCode::NONE);
    assert_eq!(leader.heartbeat().await, ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(leader.commit(1).await, ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(
        leader.sync(&[]).await.error_code,
        ErrorCode::FENCED_INSTANCE_ID
    );
    leader.join_again().await;
    assert_eq!(
        leader.joined().await.error_code,
        ErrorCode::FENCED_INSTANCE_ID
    );
    assert_eq!(leader.leave().await, ErrorCode::FENCED_INSTANCE_ID);

    // Before version 9 a leader that is back is told that somebody else leads.
    let mut raw = Raw::connect(&kafka, PORT);
    let told = raw.call(&named("one"), 8).await;
    assert_eq!(told.leader, again.id());
    assert_ne!(told.member_id, told.leader);
    assert!(told.members.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_static_member_that_is_back_during_a_rebalance_fences_who_waits() {
    let kafka = coordinator(&[]).await;
    let mut old = Member::joining(&kafka, named("one")).await;
    let mut new = Member::joining(&kafka, named("one")).await;
    assert_eq!(old.joined().await.error_code, ErrorCode::FENCED_INSTANCE_ID);
    let told = new.joined().await.clone();
    assert_eq!((told.error_code, told.members.len()), (ErrorCode::NONE, 1));
    // While the assignment is on its way, it begins anew, for the leader knows the old id.
    let mut newer = Member::joining(&kafka, named("one")).await;
    assert_eq!(newer.joined().await.generation_id, 2);
    assert_eq!(new.heartbeat().await, ErrorCode::FENCED_INSTANCE_ID);
}

#[tokio::test(start_paused = true)]
async fn a_static_member_that_changes_what_it_supports_rebalances_the_group() {
    let kafka = coordinator(&[]).await;
    let mut request = named("one");
    request.protocols = vec![protocol("a", b""), protocol("b", b"")];
    let member = stable(&kafka, request.clone()).await;
    assert_eq!(member.joined.protocol_name.as_deref(), Some("a"));
    request.protocols.reverse();
    let mut again = Member::joining(&kafka, request).await;
    let told = again.joined().await;
    assert_eq!(told.protocol_name.as_deref(), Some("b"));
    assert_eq!((told.generation_id, told.skip_assignment), (2, false));
}

#[tokio::test(start_paused = true)]
async fn a_static_member_keeps_its_place_through_a_rebalance_it_misses() {
    // Method: a static member with a long session misses a rebalance; it is still assigned to, and
    // the group goes on without its answer.
    let kafka = coordinator(&[]).await;
    let mut request = named("one");
    request.session_timeout_ms = 600_000;
    let mut absent = stable(&kafka, request).await;
    let mut other = Member::joining(&kafka, join("")).await;
    let told = other.joined().await.clone();
    assert_eq!((told.generation_id, told.members.len()), (2, 2));
    assert_eq!(told.leader, other.id());
    let all = [(absent.id(), "kept"), (other.id(), "")];
    other.sync(&all).await;
    absent.join_again().await;
    assert_eq!(absent.joined().await.generation_id, 2);
    assert_eq!(&*absent.sync(&[]).await.assignment, b"kept");
}

#[tokio::test(start_paused = true)]
async fn several_leave_at_once_and_each_is_told_whether_it_was_there() {
    let kafka = coordinator(&[]).await;
    let mut stays = Member::joining(&kafka, join("")).await;
    let dynamic = Member::joining(&kafka, join("")).await;
    let fixed = Member::joining(&kafka, named("one")).await;
    assert_eq!(stays.joined().await.members.len(), 3);
    stays.sync(&[]).await;
    let by_instance = MemberIdentity {
        group_instance_id: Some("one".into()),
        ..Default::default()
    };
    let mut unknown = dynamic.identity();
    unknown.member_id = "nobody".into();
    let fenced = MemberIdentity {
        member_id: dynamic.id(),
        group_instance_id: Some("one".into()),
        ..Default::default()
    };
    let leave = LeaveGroupRequest {
        group_id: "g".into(),
        members: vec![
            fenced,
            unknown,
            dynamic.identity(),
            by_instance.clone(),
            by_instance,
        ],
        ..Default::default()
    };
    let left = stays.raw.call(&leave, 5).await;
    let errors: Vec<_> = left.members.iter().map(|it| it.error_code).collect();
    assert_eq!(
        errors,
        [
            ErrorCode::FENCED_INSTANCE_ID,
            ErrorCode::UNKNOWN_MEMBER_ID,
            ErrorCode::NONE,
            ErrorCode::NONE,
            ErrorCode::UNKNOWN_MEMBER_ID,
        ]
    );
    stays.join_again().await;
    assert_eq!(stays.joined().await.members.len(), 1);
    drop(fixed);
}

#[tokio::test(start_paused = true)]
async fn commits_of_a_member_have_to_be_of_its_generation() {
    let kafka = coordinator(&[]).await;
    let mut member = Member::joining(&kafka, join("")).await;
    member.joined().await;
    assert_eq!(member.commit(1).await, ErrorCode::REBALANCE_IN_PROGRESS);
    member.sync(&[]).await;
    assert_eq!(member.commit(1).await, ErrorCode::NONE);
    member.joined.generation_id += 1;
    assert_eq!(member.commit(2).await, ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(member.heartbeat().await, ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(
        member.sync(&[]).await.error_code,
        ErrorCode::ILLEGAL_GENERATION
    );
    // From outside, nobody commits while there are members.
    let outside = commit_request("bids", 0, 3);
    let done = member.raw.call(&outside, 9).await;
    let error = done.topics[0].partitions[0].error_code;
    assert_eq!(error, ErrorCode::UNKNOWN_MEMBER_ID);
    member.joined.generation_id -= 1;
    member.leave().await;
    let done = member.raw.call(&outside, 9).await;
    assert_eq!(done.topics[0].partitions[0].error_code, ErrorCode::NONE);
    assert_eq!(member.commit(4).await, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[tokio::test(start_paused = true)]
async fn a_group_lives_on_with_the_next_coordinator() {
    // Method: of three brokers the coordinator is killed while one member waits for a rebalance: it
    // is told so, and finds its generation again at the next coordinator, with a session of its own.
    let builder = thalweg_broker::EmbeddedBroker::builder().brokers(3);
    let kafka = start(builder.topic("bids", 2));
    let mut raw = Raw::connect(&kafka, PORT);
    find_coordinator(&mut raw, 0, "g").await;
    let first = coordinator_port(&mut raw).await;
    let mut member = Member::at(&kafka, first, join("")).await;
    member.joined().await;
    let all = [(member.id(), "mine")];
    member.sync(&all).await;

    let next = (0..3).find(|id| PORT + *id != first).expect("another");
    let moved = kafka.move_leader("__consumer_offsets", PARTITION, i32::from(next));
    moved.expect("it is in sync");
    assert_eq!(member.heartbeat().await, ErrorCode::NOT_COORDINATOR);
    assert_eq!(coordinator_port(&mut raw).await, PORT + next);
    member.raw = Raw::connect(&kafka, PORT + next);
    assert_eq!(member.heartbeat().await, ErrorCode::NONE);
    assert_eq!(&*member.sync(&[]).await.assignment, b"mine");

    // Who waits in a rebalance is told, and the group is in the generation it had.
    let mut other = Member::at(&kafka, PORT + next, join("")).await;
    assert_eq!(member.heartbeat().await, ErrorCode::REBALANCE_IN_PROGRESS);
    let moved = kafka.move_leader("__consumer_offsets", PARTITION, i32::from(first - PORT));
    moved.expect("it is in sync");
    assert_eq!(other.joined().await.error_code, ErrorCode::NOT_COORDINATOR);
    member.raw = Raw::connect(&kafka, first);
    assert_eq!(member.heartbeat().await, ErrorCode::NONE);
    sleep(seconds(11)).await;
    assert_eq!(member.heartbeat().await, ErrorCode::UNKNOWN_MEMBER_ID);
}
