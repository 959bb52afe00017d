//! Who has which records, and for how long.

use super::*;

#[tokio::test(start_paused = true)]
async fn records_go_to_one_member_each_until_they_are_given_back() {
    let kafka = start(brokers());
    let mut raw = Raw::connect(&kafka, PORT);
    from_the_first(&mut raw).await;
    produce_jobs(&mut raw, 10).await;
    produce_jobs(&mut raw, 10).await;
    let (mut a, mut b) = (
        Member::join(&kafka, "a").await,
        Member::join(&kafka, "b").await,
    );
    let mut request = a.request();
    request.max_records = 5;
    let response = a.send(&request).await;
    assert_eq!(acquired(&response), ["0-9×1"], "whole batches");
    assert_eq!(response.acquisition_lock_timeout_ms, 30_000);
    assert_eq!(b.fetch().await, ["10-19×1"]);
    assert_eq!(
        a.acknowledge(0, 9, &[1, 1, 1, 1, 1, 2, 2, 2, 3, 0]).await,
        ErrorCode::NONE
    );
    assert_eq!(offsets(&mut raw).await, [(5, 13)]);
    assert_eq!(b.fetch().await, ["5-7×2"], "what was released");
    // What a does not have it cannot acknowledge.
    assert_eq!(
        a.acknowledge(5, 7, &[1]).await,
        ErrorCode::INVALID_RECORD_STATE
    );
    assert_eq!(
        b.acknowledge(5, 19, &[1]).await,
        ErrorCode::INVALID_RECORD_STATE
    );
    assert_eq!(b.acknowledge(5, 7, &[1]).await, ErrorCode::NONE);
    assert_eq!(b.acknowledge(10, 19, &[1]).await, ErrorCode::NONE);
    assert_eq!(offsets(&mut raw).await, [(20, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_waits_for_records_for_their_release_and_for_the_end_of_locks() {
    let kafka = start(brokers());
    let mut raw = Raw::connect(&kafka, PORT);
    from_the_first(&mut raw).await;
    let (mut a, mut b) = (
        Member::join(&kafka, "a").await,
        Member::join(&kafka, "b").await,
    );
    assert_eq!(a.fetch().await, Vec::<String>::new(), "the wait is over");
    // New records.
    let began = tokio::time::Instant::now();
    let mut request = a.request();
    request.max_wait_ms = 60_000;
    a.raw.send(&request, 2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    produce_jobs(&mut raw, 4).await;
    let response = a.raw.receive::<ShareFetchRequest>(2).await.expect("open");
    assert_eq!(acquired(&response), ["0-3×1"]);
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    a.session_epoch += 1;
    // A release.
    let mut request = b.request();
    request.max_wait_ms = 60_000;
    b.raw.send(&request, 2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(a.acknowledge(2, 2, &[2]).await, ErrorCode::NONE);
    let response = b.raw.receive::<ShareFetchRequest>(2).await.expect("open");
    assert_eq!(acquired(&response), ["2-2×2"]);
    b.session_epoch += 1;
    // The end of a lock: a got 0, 1 and 3 at second 1, and may have them for 30 s.
    let mut request = b.request();
    request.max_wait_ms = 60_000;
    let response = b.send(&request).await;
    assert_eq!(acquired(&response), ["0-1×2", "3-3×2"]);
    assert_eq!(began.elapsed(), Duration::from_secs(31));
    assert_eq!(
        a.acknowledge(0, 0, &[1]).await,
        ErrorCode::INVALID_RECORD_STATE
    );
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_renewed_holds_longer() {
    let kafka = start(brokers());
    let mut raw = Raw::connect(&kafka, PORT);
    from_the_first(&mut raw).await;
    produce_jobs(&mut raw, 2).await;
    let mut a = Member::join(&kafka, "a").await;
    assert_eq!(a.fetch().await, ["0-1×1"]);
    tokio::time::sleep(Duration::from_secs(20)).await;
    // By a fetch that fetches nothing.
    let mut request = a.request();
    request.is_renew_ack = true;
    let partition = ShareFetchPartition {
        partition_index: PartitionId(0),
        acknowledgement_batches: vec![said(0, 0, &[4])],
        ..Default::default()
    };
    request.topics = vec![ShareFetchTopic {
        topic_id: a.topic_id,
        partitions: vec![partition],
        ..Default::default()
    }];
    let refused = a.raw.call(&request, 2).await;
    assert_eq!(refused.error_code, ErrorCode::INVALID_REQUEST);
    request.max_bytes = 0;
    request.min_bytes = 0;
    request.max_records = 0;
    request.max_wait_ms = 0;
    let renewed = a.send(&request).await;
    assert_eq!(renewed.error_code, ErrorCode::NONE);
    assert_eq!(parts(&renewed)[0].acknowledge_error_code, ErrorCode::NONE);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(
        a.acknowledge(1, 1, &[1]).await,
        ErrorCode::INVALID_RECORD_STATE
    );
    assert_eq!(a.acknowledge(0, 0, &[1]).await, ErrorCode::NONE);
}
