//! Goal: no request about groups harms the broker or whoever else uses it, however senseless or large.
//!
//! Method: thousands of members at once; requests of random content in every version; then a client
//! that behaves has to be served as if nothing had been.

use std::time::Duration;

use thalweg_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, HeartbeatRequest, LeaveGroupRequest,
    ListGroupsRequest, MemberIdentity, OffsetDeleteRequest, OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic, OffsetFetchRequest, OffsetFetchRequestGroup, SyncGroupRequest,
    TxnOffsetCommitRequest,
};
use thalweg_protocol::{ErrorCode, Offset, PartitionId, StrBytes};
use tokio::time::sleep;

use crate::members::*;
use crate::support::*;

#[tokio::test(start_paused = true)]
async fn thousands_of_members_get_their_assignments() {
    let kafka = coordinator(&[]).await;
    let mut members = Vec::new();
    for _ in 0..3_000 {
        let mut request = join("");
        request.protocols = vec![protocol("range", &subscription(&["bids"]))];
        members.push(Member::joining(&kafka, request).await);
    }
    let mut leader = None;
    for (index, member) in members.iter_mut().enumerate() {
        let told = member.joined().await;
        assert_eq!((told.error_code, told.generation_id), (ErrorCode::NONE, 1));
        if told.leader == told.member_id {
            assert_eq!(told.members.len(), 3_000);
            leader = Some(index);
        }
    }
    let leader = leader.expect("one leads");
    let ids: Vec<StrBytes> = members.iter().map(Member::id).collect();
    let all: Vec<(StrBytes, &str)> = ids.iter().map(|id| (id.clone(), "yours")).collect();
    assert_eq!(members[leader].sync(&all).await.error_code, ErrorCode::NONE);
    for member in &mut members {
        assert_eq!(&*member.sync(&[]).await.assignment, b"yours");
    }
}

#[tokio::test(start_paused = true)]
async fn a_join_that_is_given_up_holds_nobody_up_for_ever() {
    // Method: members whose connections close while they wait; a new one joins all the same.
    let kafka = coordinator(&[]).await;
    for _ in 0..20 {
        let gone = Member::joining(&kafka, join("")).await;
        drop(gone);
    }
    let mut member = Member::joining(&kafka, join("")).await;
    assert_eq!(member.joined().await.error_code, ErrorCode::NONE);
    // The one that leads is among those that are gone: all of them are lost with their sessions.
    let synced = member.sync(&[]).await;
    assert_eq!(synced.error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    member.join_again().await;
    assert_eq!(member.joined().await.members.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn large_and_senseless_metadata_is_kept_or_refused_and_nothing_else() {
    let kafka = coordinator(&[]).await;
    let mut raw = Raw::connect(&kafka, PORT);
    for (length, expected) in [
        (4_096, ErrorCode::NONE),
        (4_097, ErrorCode::OFFSET_METADATA_TOO_LARGE),
        (32_767, ErrorCode::OFFSET_METADATA_TOO_LARGE),
    ] {
        let mut request = commit_request("bids", 0, 1);
        let metadata = "x".repeat(length);
        request.topics[0].partitions[0].committed_metadata = Some(metadata.into());
        let done = raw.call(&request, 9).await;
        assert_eq!(
            done.topics[0].partitions[0].error_code, expected,
            "{length}"
        );
    }
    // Offsets are the group's own business: any number is kept.
    for offset in [i64::MIN, -1, i64::MAX] {
        raw.call(&commit_request("bids", 0, offset), 9).await;
        let found = committed(&mut raw, 0, true).await;
        assert_eq!(found.committed_offset, Offset(offset));
    }
    let nonsense = [b"\xff".as_slice(), b"\0\x03\x7f\xff\xff\xff", &[7; 1 << 20]];
    for (count, metadata) in (1..).zip(nonsense) {
        let mut request = join("");
        request.protocols = vec![protocol("range", metadata)];
        let mut member = stable(&kafka, request).await;
        assert_eq!(member.heartbeat().await, ErrorCode::NONE);
        // What such members read is not known: it may be anything.
        let deletion = OffsetDeleteRequest {
            group_id: "g".into(),
            topics: vec![OffsetDeleteRequestTopic {
                name: "bids".into(),
                partitions: vec![OffsetDeleteRequestPartition {
                    partition_index: PartitionId(0),
                }],
            }],
        };
        let deleted = raw.call(&deletion, 0).await;
        let error = deleted.topics[0].partitions[0].error_code;
        assert_eq!(error, ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC, "{count}");
        member.leave().await;
    }
}

/// Sends one request of random content, in a random version, and waits for its answer unless the
/// request may wait itself.
async fn send_anything(raw: &mut Raw, random: &mut fastrand::Rng, ids: &[StrBytes]) {
    let group_id: StrBytes = ["g", "h", "", "ü"][random.usize(..4)].into();
    let member_id = ids[random.usize(..ids.len())].clone();
    let generation_id = [i32::MIN, -1, 0, 1, 2, i32::MAX][random.usize(..6)];
    let instance: Option<StrBytes> =
        [None, Some(""), Some("one")][random.usize(..3)].map(Into::into);
    match random.u8(..11) {
        0 => {
            let mut request = join(&member_id);
            request.group_id = group_id;
            request.group_instance_id = instance;
            request.session_timeout_ms = [i32::MIN, 6_000, i32::MAX][random.usize(..3)];
            request.rebalance_timeout_ms = [i32::MIN, -1, 0, i32::MAX][random.usize(..4)];
            request.protocols = vec![protocol("", b""); random.usize(..3)];
            raw.send(&request, random.i16(5..=9)).await;
        }
        1 => {
            let request = SyncGroupRequest {
                group_id,
                generation_id,
                member_id,
                group_instance_id: instance,
                protocol_name: Some("".into()),
                protocol_type: Some("".into()),
                ..Default::default()
            };
            raw.send(&request, random.i16(3..=5)).await;
        }
        2 => {
            let request = HeartbeatRequest {
                group_id,
                generation_id,
                member_id,
                group_instance_id: instance,
                ..Default::default()
            };
            raw.call(&request, random.i16(3..=4)).await;
        }
        3 => {
            let who = MemberIdentity {
                member_id,
                group_instance_id: instance,
                ..Default::default()
            };
            let request = LeaveGroupRequest {
                group_id,
                members: vec![who; random.usize(..3)],
                ..Default::default()
            };
            raw.call(&request, random.i16(3..=5)).await;
        }
        4 => {
            let mut request = commit_request("bids", random.i32(-1..3), random.i64(..));
            request.group_id = group_id;
            request.member_id = member_id;
            request.generation_id_or_member_epoch = generation_id;
            request.group_instance_id = instance;
            request.retention_time_ms = random.i64(..);
            raw.call(&request, random.i16(7..=9)).await;
        }
        5 => {
            let request = TxnOffsetCommitRequest {
                transactional_id: member_id.clone(),
                group_id,
                generation_id_or_member_epoch: generation_id,
                member_id,
                ..Default::default()
            };
            raw.call(&request, random.i16(3..=5)).await;
        }
        6 => {
            let group = OffsetFetchRequestGroup {
                group_id,
                topics: None,
                ..Default::default()
            };
            let request = OffsetFetchRequest {
                groups: vec![group; random.usize(..3)],
                require_stable: random.bool(),
                ..Default::default()
            };
            raw.call(&request, random.i16(8..=10)).await;
        }
        7 => {
            let groups = vec![group_id; random.usize(..3)];
            let request = DescribeGroupsRequest {
                groups,
                include_authorized_operations: true,
                ..Default::default()
            };
            raw.call(&request, random.i16(3..=6)).await;
        }
        8 => {
            let request = ListGroupsRequest {
                states_filter: vec![group_id; random.usize(..2)],
                ..Default::default()
            };
            raw.call(&request, random.i16(4..=5)).await;
        }
        9 => {
            let request = DeleteGroupsRequest {
                groups_names: vec![group_id; random.usize(..3)],
                ..Default::default()
            };
            raw.call(&request, random.i16(0..=2)).await;
        }
        _ => {
            let request = OffsetDeleteRequest {
                group_id,
                topics: Vec::new(),
            };
            raw.call(&request, 0).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_is_sent_the_broker_serves_those_who_behave() {
    // Method: each request on a connection of its own, as some are never answered before time passes.
    for seed in 0..20 {
        let kafka = coordinator(&[("group.max.session.timeout.ms", "2147483647")]).await;
        let mut raw = Raw::connect(&kafka, PORT);
        find_coordinator(&mut raw, 0, "h").await;
        let mut random = fastrand::Rng::with_seed(seed);
        let mut ids: Vec<StrBytes> = vec!["".into(), "nobody".into()];
        let mut waiting = Vec::new();
        for _ in 0..150 {
            let mut raw = Raw::connect(&kafka, PORT);
            send_anything(&mut raw, &mut random, &ids).await;
            waiting.push(raw);
            if random.u8(..4) == 0 {
                let told = Raw::connect(&kafka, PORT).call(&join(""), JOIN).await;
                ids.push(told.member_id);
                sleep(Duration::from_secs(random.u64(..10))).await;
            }
        }
        let mut fresh = join("");
        fresh.group_id = "untouched".into();
        find_coordinator(&mut raw, 0, "untouched").await;
        let mut member = stable(&kafka, fresh).await;
        assert_eq!(member.heartbeat().await, ErrorCode::NONE, "seed {seed}");
        assert_eq!(member.commit(7).await, ErrorCode::NONE, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn members_that_give_themselves_no_time_stall_nobody() {
    // Method: two static members are back with a rebalance time-out of 0, and one of them is removed:
    // the group looks at once whether the other one has joined, and again, but not without end.
    let kafka = coordinator(&[]).await;
    let named = |instance_id: &str, rebalance_timeout_ms| {
        let mut request = join("");
        request.group_instance_id = Some(instance_id.into());
        request.rebalance_timeout_ms = rebalance_timeout_ms;
        request
    };
    let mut one = Member::joining(&kafka, named("one", 60_000)).await;
    let mut two = Member::joining(&kafka, named("two", 60_000)).await;
    one.joined().await;
    two.joined().await;
    one.sync(&[]).await;
    two.sync(&[]).await;
    for instance_id in ["one", "two"] {
        let mut again = Member::joining(&kafka, named(instance_id, 0)).await;
        assert_eq!(again.joined().await.generation_id, 1);
    }
    let leave = LeaveGroupRequest {
        group_id: "g".into(),
        members: vec![MemberIdentity {
            group_instance_id: Some("two".into()),
            ..Default::default()
        }],
        ..Default::default()
    };
    let mut raw = Raw::connect(&kafka, PORT);
    let left = raw.call(&leave, 5).await;
    assert_eq!(left.members[0].error_code, ErrorCode::NONE);
    for state in ["PreparingRebalance", "Empty"] {
        let listed = raw.call(&ListGroupsRequest::default(), 5).await;
        assert_eq!(listed.groups[0].group_state, state);
        sleep(Duration::from_secs(60)).await;
    }
}
