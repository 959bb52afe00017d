//! Joining, staying, leaving.

use super::*;

#[tokio::test(start_paused = true)]
async fn members_join_stay_and_leave() {
    let kafka = start(brokers().topic("more", 3));
    let mut a = Member::join(&kafka, "a").await;
    assert_eq!(a.epoch, 2);
    // The first heartbeat only begins to make the state of the partitions.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let rejoined = {
        a.epoch = 0;
        a.heartbeat(Some("jobs")).await
    };
    assert_eq!(
        (rejoined.member_epoch, rejoined.heartbeat_interval_ms),
        (3, 5_000)
    );
    let assignment = rejoined.assignment.expect("told to whom joins");
    assert_eq!(assignment.topic_partitions[0].partitions, [PartitionId(0)]);
    // Nothing changed, nothing is told.
    assert!(a.heartbeat(None).await.assignment.is_none());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let changed = a.heartbeat(Some("more")).await.assignment;
    assert!(changed.expect("it changed").topic_partitions.is_empty());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let both = a.heartbeat(None).await.assignment.expect("it changed");
    assert_eq!(both.topic_partitions[0].partitions.len(), 3);
    let b = Member::join(&kafka, "b").await;
    assert_eq!(b.epoch, 5, "the target is young: b waits for the next");

    let describe = ShareGroupDescribeRequest {
        group_ids: vec![GROUP.into(), "none".into()],
        ..Default::default()
    };
    let described = a.raw.call(&describe, 1).await.groups;
    assert_eq!(&*described[0].group_state, "Stable");
    assert_eq!(&*described[0].assignor_name, "simple");
    let names: Vec<_> = described[0].members.iter().map(|m| &*m.member_id).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(described[1].error_code, ErrorCode::GROUP_ID_NOT_FOUND);

    a.epoch = 70;
    assert_eq!(
        a.heartbeat(None).await.error_code,
        ErrorCode::FENCED_MEMBER_EPOCH
    );
    a.epoch = -1;
    assert_eq!(a.heartbeat(None).await.member_epoch, -1);
    a.epoch = 2;
    assert_eq!(
        a.heartbeat(None).await.error_code,
        ErrorCode::UNKNOWN_MEMBER_ID
    );
    // b is silent for too long.
    tokio::time::sleep(Duration::from_secs(46)).await;
    let described = a.raw.call(&describe, 1).await.groups;
    assert_eq!(&*described[0].group_state, "Empty");
}

#[tokio::test(start_paused = true)]
async fn a_group_without_coordinator_loses_no_member_and_a_new_one_gives_time() {
    let kafka = start(
        brokers()
            .brokers(2)
            .config("offsets.topic.replication.factor", "1")
            .config("offsets.topic.num.partitions", "1"),
    );
    let mut raw = Raw::connect(&kafka, PORT);
    find_coordinator(&mut raw, 0, GROUP).await;
    let coordinator = kafka.leader("__consumer_offsets", 0).expect("it has one");
    let port = PORT + u16::try_from(coordinator).expect("small");
    let mut a = Member::join(&kafka, "a").await;
    if coordinator != 0 {
        a.raw = Raw::connect(&kafka, port);
    }
    kafka.kill(coordinator).expect("it runs");
    tokio::time::sleep(Duration::from_secs(100)).await;
    kafka.restart(coordinator).expect("it was killed");
    a.raw = Raw::connect(&kafka, port);
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(a.heartbeat(None).await.error_code, ErrorCode::NONE);
    tokio::time::sleep(Duration::from_secs(46)).await;
    let silent = a.heartbeat(None).await.error_code;
    assert_eq!(silent, ErrorCode::UNKNOWN_MEMBER_ID);
}
