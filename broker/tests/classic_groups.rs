//! Goal: classic groups go through their states as Kafka's do, seen from outside.
//! Method: raw requests over connections within the process, under a paused clock.

#![allow(clippy::indexing_slicing, reason = "tests may panic")]

mod support;

use bytes::Bytes;
use support::{PORT, RawClient};
use thalweg_broker::EmbeddedBroker;
use thalweg_protocol::messages::{
    FindCoordinatorRequest, HeartbeatRequest, JoinGroupRequest, JoinGroupRequestProtocol,
    JoinGroupResponse, LeaveGroupRequest, MemberIdentity, SyncGroupRequest,
    SyncGroupRequestAssignment,
};
use thalweg_protocol::{ErrorCode, StrBytes};

async fn kafka() -> EmbeddedBroker {
    let kafka = EmbeddedBroker::builder().topic("bids", 2).start_here();
    let kafka = kafka.expect("starts");
    let find = FindCoordinatorRequest {
        key: "g".into(),
        ..Default::default()
    };
    let mut client = RawClient::connect(&kafka, PORT);
    assert_eq!(client.call(1, &find).await.error_code, ErrorCode::NONE);
    kafka
}

fn join(member_id: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        member_id: member_id.into(),
        protocol_type: "consumer".into(),
        protocols: vec![JoinGroupRequestProtocol {
            name: "range".into(),
            metadata: Bytes::from_static(b"\0\0\0\0\0\0\xff\xff\xff\xff"),
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn sync(joined: &JoinGroupResponse, assignments: &[(&StrBytes, &str)]) -> SyncGroupRequest {
    let assignment = |(member_id, text): &(&StrBytes, &str)| SyncGroupRequestAssignment {
        member_id: (*member_id).clone(),
        assignment: Bytes::copy_from_slice(text.as_bytes()),
        ..Default::default()
    };
    SyncGroupRequest {
        group_id: "g".into(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        protocol_type: joined.protocol_type.clone(),
        protocol_name: joined.protocol_name.clone(),
        assignments: assignments.iter().map(assignment).collect(),
        ..Default::default()
    }
}

fn heartbeat(joined: &JoinGroupResponse) -> HeartbeatRequest {
    HeartbeatRequest {
        group_id: "g".into(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        ..Default::default()
    }
}

#[tokio::test(start_paused = true)]
async fn two_members_join_get_their_assignments_and_leave() {
    let kafka = kafka().await;
    let mut clients = Vec::new();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let mut client = RawClient::connect(&kafka, PORT);
        let told = client.call(9, &join("")).await;
        assert_eq!(told.error_code, ErrorCode::MEMBER_ID_REQUIRED);
        assert!(told.member_id.starts_with("raw-"), "{}", told.member_id);
        ids.push(told.member_id);
        clients.push(client);
    }
    for (client, id) in clients.iter_mut().zip(&ids) {
        client.send(9, &join(id)).await;
    }
    let mut joined = Vec::new();
    for client in &mut clients {
        joined.push(client.receive::<JoinGroupRequest>(9).await);
    }
    assert_eq!(joined[0].generation_id, 1);
    assert_eq!(joined[0].leader, joined[0].member_id);
    assert_eq!(joined[0].members.len(), 2);
    assert_eq!(joined[1].leader, joined[0].member_id);
    assert!(joined[1].members.is_empty());
    assert_eq!(joined[1].protocol_name.as_deref(), Some("range"));

    // The follower waits for the leader.
    clients[1].send(5, &sync(&joined[1], &[])).await;
    let all = [(&ids[0], "zero"), (&ids[1], "one")];
    let synced = clients[0].call(5, &sync(&joined[0], &all)).await;
    assert_eq!(&*synced.assignment, b"zero");
    let synced = clients[1].receive::<SyncGroupRequest>(5).await;
    assert_eq!(&*synced.assignment, b"one");
    for (client, joined) in clients.iter_mut().zip(&joined) {
        let beat = client.call(4, &heartbeat(joined)).await;
        assert_eq!(beat.error_code, ErrorCode::NONE);
    }

    let leaving = MemberIdentity {
        member_id: ids[0].clone(),
        ..Default::default()
    };
    let leave = LeaveGroupRequest {
        group_id: "g".into(),
        members: vec![leaving],
        ..Default::default()
    };
    let left = clients[0].call(5, &leave).await;
    assert_eq!(left.members[0].error_code, ErrorCode::NONE);
    let beat = clients[1].call(4, &heartbeat(&joined[1])).await;
    assert_eq!(beat.error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    let again = clients[1].call(9, &join(&ids[1])).await;
    assert_eq!((again.generation_id, again.members.len()), (2, 1));
    assert_eq!(again.leader, ids[1]);
}
