//! Where a group begins, what it reads, and what its settings change.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_group_begins_at_the_end_unless_told_otherwise() {
    let kafka = start(brokers());
    let mut raw = Raw::connect(&kafka, PORT);
    produce_jobs(&mut raw, 3).await;
    let mut a = Member::join(&kafka, "a").await;
    assert!(a.fetch().await.is_empty());
    produce_jobs(&mut raw, 2).await;
    assert_eq!(a.fetch().await, ["3-4×1"]);
    assert_eq!(alter(&mut raw, "jobs", 0).await, ErrorCode::NON_EMPTY_GROUP);
    a.epoch = -1;
    a.heartbeat(None).await;
    assert_eq!(
        alter(&mut raw, "none", 0).await,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    );
    assert_eq!(alter(&mut raw, "jobs", 1).await, ErrorCode::NONE);
    assert_eq!(offsets(&mut raw).await, [(1, 4)]);
    let delete = DeleteShareGroupOffsetsRequest {
        group_id: GROUP.into(),
        topics: vec![DeleteShareGroupOffsetsRequestTopic {
            topic_name: "jobs".into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    assert_eq!(
        raw.call(&delete, 0).await.responses[0].error_code,
        ErrorCode::NONE
    );
    let again = raw.call(&delete, 0).await.responses[0].error_code;
    assert_eq!(again, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert!(offsets(&mut raw).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn uncommitted_records_are_read_as_the_group_is_told() {
    let kafka = start(brokers());
    let mut raw = Raw::connect(&kafka, PORT);
    from_the_first(&mut raw).await;
    find_coordinator(&mut raw, 1, "t").await;
    let producer = init_transactional(&mut raw, "t").await;
    let records = batch(&["open"], producer);
    let produced = produce_as(&mut raw, "jobs", records, Some("t")).await;
    assert_eq!(produced.error_code, ErrorCode::NONE);
    // `read_uncommitted` is the default.
    let mut a = Member::join(&kafka, "a").await;
    assert_eq!(a.fetch().await, ["0-0×1"]);
}

async fn configure(raw: &mut Raw, key: &str, value: &str) {
    const GROUP_RESOURCE: i8 = 32;
    let config = IncrementalAlterableConfig {
        name: key.into(),
        value: Some(value.into()),
        ..Default::default()
    };
    let resource = IncrementalAlterConfigsResource {
        resource_type: GROUP_RESOURCE,
        resource_name: GROUP.into(),
        configs: vec![config],
        ..Default::default()
    };
    let request = IncrementalAlterConfigsRequest {
        resources: vec![resource],
        ..Default::default()
    };
    let response = raw.call(&request, 1).await;
    assert_eq!(response.responses[0].error_code, ErrorCode::NONE, "{key}");
}

#[tokio::test(start_paused = true)]
async fn a_groups_settings_say_where_it_begins_and_how_long_it_locks() {
    let kafka = start(brokers());
    let mut raw = Raw::connect(&kafka, PORT);
    configure(&mut raw, "share.auto.offset.reset", "earliest").await;
    configure(&mut raw, "share.record.lock.duration.ms", "15000").await;
    configure(&mut raw, "share.delivery.count.limit", "2").await;
    produce_jobs(&mut raw, 3).await;
    let mut a = Member::join(&kafka, "a").await;
    let request = a.request();
    let response = a.send(&request).await;
    assert_eq!(acquired(&response), ["0-2×1"]);
    assert_eq!(response.acquisition_lock_timeout_ms, 15_000);
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(a.fetch().await, ["0-2×2"]);
    tokio::time::sleep(Duration::from_secs(15)).await;
    // Twice is as often as may be.
    assert!(a.fetch().await.is_empty());
    assert_eq!(offsets(&mut raw).await, [(3, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_group_of_committed_records_never_sees_aborted_ones() {
    let kafka = start(brokers());
    let mut raw = Raw::connect(&kafka, PORT);
    configure(&mut raw, "share.isolation.level", "read_committed").await;
    from_the_first(&mut raw).await;
    find_coordinator(&mut raw, 1, "t").await;
    let producer = init_transactional(&mut raw, "t").await;
    produce_jobs(&mut raw, 2).await;
    let records = batch(&["x", "y"], producer);
    let produced = produce_as(&mut raw, "jobs", records, Some("t")).await;
    assert_eq!(produced.error_code, ErrorCode::NONE);
    produce_jobs(&mut raw, 1).await;
    let mut a = Member::join(&kafka, "a").await;
    assert_eq!(
        a.fetch().await,
        ["0-1×1"],
        "nothing behind an open transaction"
    );
    let end = EndTxnRequest {
        transactional_id: "t".into(),
        producer_id: ProducerId(producer.id),
        producer_epoch: producer.epoch,
        committed: false,
        ..Default::default()
    };
    assert_eq!(raw.call(&end, 4).await.error_code, ErrorCode::NONE);
    // 2 and 3 were aborted; 5 is the marker, which the member gives back as a gap.
    assert_eq!(a.fetch().await, ["4-5×1"]);
    assert_eq!(a.acknowledge(0, 1, &[1]).await, ErrorCode::NONE);
    assert_eq!(a.acknowledge(4, 5, &[1, 0]).await, ErrorCode::NONE);
    assert_eq!(offsets(&mut raw).await, [(6, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_new_leader_goes_on_where_the_one_before_was() {
    let kafka = start(
        brokers()
            .brokers(3)
            .config("default.replication.factor", "3"),
    );
    let leader = kafka.leader("jobs", 0).expect("it has one");
    let port = |broker: i32| PORT + u16::try_from(broker).expect("small");
    let mut raw = Raw::connect(&kafka, port(leader));
    let topic_id = topic_id(&mut raw, "jobs").await;
    configure(&mut raw, "share.auto.offset.reset", "earliest").await;
    produce_jobs(&mut raw, 10).await;
    let member = |broker: i32, id: &str| Member {
        raw: Raw::connect(&kafka, port(broker)),
        id: id.into(),
        epoch: 0,
        session_epoch: 0,
        topic_id,
    };
    let mut a = member(leader, "a");
    assert_eq!(a.fetch().await, ["0-9×1"]);
    assert_eq!(a.acknowledge(0, 3, &[1]).await, ErrorCode::NONE);
    let other = (leader + 1) % 3;
    kafka.move_leader("jobs", 0, other).expect("it runs");
    let response = a.acknowledge_in(a.session_epoch, 4, 9, &[1]).await;
    let part = &response.responses[0].partitions[0];
    assert_eq!(part.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(part.current_leader.leader_id.0, other);
    assert_eq!(response.node_endpoints[0].port, i32::from(port(other)));
    a.session_epoch += 1;
    let request = a.request();
    let response = a.send(&request).await;
    let part = parts(&response)[0];
    assert_eq!(part.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(part.current_leader.leader_id.0, other);
    // The locks are gone, what was acknowledged is not.
    let mut a = member(other, "a");
    assert_eq!(a.fetch().await, ["4-9×1"]);
    assert_eq!(a.acknowledge(4, 9, &[1]).await, ErrorCode::NONE);
}

#[tokio::test(start_paused = true)]
async fn a_folder_keeps_what_a_share_group_has_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = || brokers().data(folder.path());
    let kafka = start(kept());
    let mut raw = Raw::connect(&kafka, PORT);
    from_the_first(&mut raw).await;
    produce_jobs(&mut raw, 10).await;
    let mut a = Member::join(&kafka, "a").await;
    assert_eq!(a.fetch().await, ["0-9×1"]);
    // Accepted, released, rejected, and some that stay locked until the connection is closed.
    assert_eq!(
        a.acknowledge(0, 5, &[1, 1, 2, 3, 1, 2]).await,
        ErrorCode::NONE
    );
    assert_eq!(offsets(&mut raw).await, [(2, 6)]);
    drop((kafka, raw));
    let kafka = reopen(kept).await;
    let mut raw = Raw::connect(&kafka, PORT);
    find_coordinator(&mut raw, 0, GROUP).await;
    assert_eq!(offsets(&mut raw).await, [(2, 6)]);
    // The member is still one.
    let mut old = Member {
        raw: Raw::connect(&kafka, PORT),
        ..a
    };
    assert_eq!(old.heartbeat(None).await.error_code, ErrorCode::NONE);
    let mut b = Member::join(&kafka, "b").await;
    assert_eq!(b.fetch().await, ["2-2×2", "5-9×2"]);
    assert_eq!(b.acknowledge(2, 2, &[1]).await, ErrorCode::NONE);
    assert_eq!(offsets(&mut raw).await, [(5, 5)]);
}
