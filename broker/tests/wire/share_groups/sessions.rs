//! Share sessions: epochs, limits, their end, and nonsense.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_session_has_an_epoch_and_ends_with_its_locks() {
    let kafka = start(brokers());
    let mut raw = Raw::connect(&kafka, PORT);
    from_the_first(&mut raw).await;
    produce_jobs(&mut raw, 3).await;
    let mut a = Member::join(&kafka, "a").await;
    a.session_epoch = 1;
    let request = a.request();
    let unknown = a.raw.call(&request, 2).await.error_code;
    assert_eq!(unknown, ErrorCode::SHARE_SESSION_NOT_FOUND);
    a.session_epoch = 0;
    assert_eq!(a.fetch().await, ["0-2×1"]);
    for epoch in [0, 2, 5] {
        let response = a.acknowledge_in(epoch, 0, 0, &[1]).await;
        assert_eq!(
            response.error_code,
            ErrorCode::INVALID_SHARE_SESSION_EPOCH,
            "{epoch}"
        );
    }
    // A fetch that acknowledges, and forgets its partition.
    let mut request = a.request();
    request.topics = vec![ShareFetchTopic {
        topic_id: a.topic_id,
        partitions: vec![ShareFetchPartition {
            partition_index: PartitionId(0),
            acknowledgement_batches: vec![said(0, 0, &[1]), said(1, 9, &[1])],
            ..Default::default()
        }],
        ..Default::default()
    }];
    let response = a.send(&request).await;
    let code = parts(&response)[0].acknowledge_error_code;
    assert_eq!(code, ErrorCode::INVALID_REQUEST, "9 was never delivered");
    let mut request = a.request();
    request.forgotten_topics_data = vec![ShareForgottenTopic {
        topic_id: a.topic_id,
        partitions: vec![PartitionId(0)],
        ..Default::default()
    }];
    let before = tokio::time::Instant::now();
    assert!(parts(&a.send(&request).await).is_empty());
    assert_eq!(
        before.elapsed(),
        Duration::ZERO,
        "there is nothing to wait for"
    );
    // Locks of a partition that was forgotten last; so it comes back to the session first.
    let mut request = a.request();
    request.topics = vec![ShareFetchTopic {
        topic_id: a.topic_id,
        partitions: vec![ShareFetchPartition::default()],
        ..Default::default()
    }];
    assert!(acquired(&a.send(&request).await).is_empty());
    let closed = a.acknowledge_in(-1, 0, 0, &[1]).await;
    assert_eq!(
        closed.responses[0].partitions[0].error_code,
        ErrorCode::NONE
    );
    let again = a.acknowledge_in(-1, 0, 0, &[1]).await;
    assert_eq!(again.error_code, ErrorCode::SHARE_SESSION_NOT_FOUND);
    let mut b = Member::join(&kafka, "b").await;
    assert_eq!(b.fetch().await, ["1-2×2"]);
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_gives_its_records_back() {
    let kafka = start(brokers());
    let mut raw = Raw::connect(&kafka, PORT);
    from_the_first(&mut raw).await;
    produce_jobs(&mut raw, 3).await;
    let mut a = Member::join(&kafka, "a").await;
    assert_eq!(a.fetch().await, ["0-2×1"]);
    let mut b = Member::join(&kafka, "b").await;
    let mut request = b.request();
    request.max_wait_ms = 10_000;
    b.raw.send(&request, 2).await;
    let before = tokio::time::Instant::now();
    drop(a);
    let response = b.raw.receive::<ShareFetchRequest>(2).await.expect("open");
    assert_eq!(acquired(&response), ["0-2×2"]);
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn there_are_so_many_sessions_and_members_at_most() {
    let limited = brokers()
        .config("group.share.max.share.sessions", "1")
        .config("group.share.max.size", "2");
    let kafka = start(limited);
    let mut a = Member::join(&kafka, "a").await;
    let mut b = Member::join(&kafka, "b").await;
    a.fetch().await;
    let before = tokio::time::Instant::now();
    let request = b.request();
    let refused = b.raw.call(&request, 2).await;
    assert_eq!(refused.error_code, ErrorCode::SHARE_SESSION_LIMIT_REACHED);
    assert_eq!(before.elapsed(), Duration::from_millis(500), "not at once");
    b.id = "c".into();
    b.epoch = 0;
    let refused = b.heartbeat(Some("jobs")).await;
    assert_eq!(refused.error_code, ErrorCode::GROUP_MAX_SIZE_REACHED);
}

#[tokio::test(start_paused = true)]
async fn requests_that_make_no_sense_are_refused_and_harm_nothing() {
    let kafka = start(brokers());
    let mut raw = Raw::connect(&kafka, PORT);
    from_the_first(&mut raw).await;
    produce_jobs(&mut raw, 5).await;
    let mut a = Member::join(&kafka, "a").await;
    let mut request = a.request();
    request.max_bytes = -1;
    request.max_records = i32::MIN;
    request.min_bytes = i32::MAX;
    request.batch_size = i32::MIN;
    request.max_wait_ms = -1;
    request.share_acquire_mode = 77;
    assert!(acquired(&a.send(&request).await).is_empty());
    for (first, last, kinds) in [
        (5, 0, &[1][..]),
        (0, 4, &[]),
        (0, 4, &[1, 1]),
        (0, 4, &[5]),
        (0, 4, &[-1]),
        (0, i64::MAX, &[1]),
        (i64::MIN, i64::MAX, &[1, 1]),
        (i64::MIN, i64::MIN, &[1]),
    ] {
        let code = a.acknowledge(first, last, kinds).await;
        assert_ne!(code, ErrorCode::NONE, "{first} to {last}: {kinds:?}");
    }
    // A partition and a topic that are not there.
    let mut request = a.request();
    request.topics = vec![
        ShareFetchTopic {
            topic_id: Uuid([9; 16]),
            partitions: vec![ShareFetchPartition::default()],
            ..Default::default()
        },
        ShareFetchTopic {
            topic_id: a.topic_id,
            partitions: vec![ShareFetchPartition {
                partition_index: PartitionId(i32::MIN),
                ..Default::default()
            }],
            ..Default::default()
        },
    ];
    let response = a.send(&request).await;
    let codes: Vec<_> = parts(&response)
        .iter()
        .map(|part| part.error_code)
        .collect();
    assert!(codes.contains(&ErrorCode::UNKNOWN_TOPIC_ID), "{codes:?}");
    assert!(
        codes.contains(&ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        "{codes:?}"
    );
    for member_id in [
        None,
        Some(""),
        Some("a-name-of-more-than-thirty-six-letters"),
    ] {
        let mut request = a.request();
        request.member_id = member_id.map(StrBytes::from);
        let refused = a.raw.call(&request, 2).await;
        assert_eq!(
            refused.error_code,
            ErrorCode::INVALID_REQUEST,
            "{member_id:?}"
        );
    }
    let mut request = a.request();
    request.group_id = None;
    assert_eq!(
        a.raw.call(&request, 2).await.error_code,
        ErrorCode::INVALID_REQUEST
    );
    for (epoch, topics) in [(0, None), (-2, None), (i32::MIN, Some("jobs"))] {
        a.epoch = epoch;
        let refused = a.heartbeat(topics).await.error_code;
        assert_eq!(refused, ErrorCode::INVALID_REQUEST, "{epoch}");
    }
    // The group is no classic one.
    let join = JoinGroupRequest {
        group_id: GROUP.into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".into(),
        ..Default::default()
    };
    let refused = raw.call(&join, 9).await.error_code;
    assert_eq!(refused, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    // All is as it should be: a got the records once, by its only fetch that made sense.
    drop(a);
    let mut b = Member::join(&kafka, "b").await;
    assert_eq!(b.fetch().await, ["0-4×2"]);
}
