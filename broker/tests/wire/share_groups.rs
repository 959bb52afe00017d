//! Share groups: joining, sessions, locks, acknowledgements, offsets.

use std::time::Duration;

use thalweg_broker::{Builder, EmbeddedBroker};
use thalweg_protocol::messages::{
    AcknowledgePartition, AcknowledgeTopic, AcknowledgementBatch, AlterShareGroupOffsetsRequest,
    AlterShareGroupOffsetsRequestPartition, AlterShareGroupOffsetsRequestTopic,
    DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsRequestTopic,
    DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsRequestGroup, JoinGroupRequest,
    MetadataRequest, MetadataRequestTopic, ShareAcknowledgeRequest, ShareAcknowledgeResponse,
    ShareFetchPartition, ShareFetchPartitionData, ShareFetchRequest, ShareFetchResponse,
    ShareFetchTopic, ShareForgottenTopic, ShareGroupDescribeRequest, ShareGroupHeartbeatRequest,
    ShareGroupHeartbeatResponse,
};
use thalweg_protocol::{ErrorCode, Offset, PartitionId, StrBytes, Uuid};

use crate::support::{
    PORT, Producer, Raw, batch, find_coordinator, init_transactional, produce, produce_as, start,
};

const GROUP: &str = "workers";

/// A member with a connection of its own.
struct Member {
    raw: Raw,
    id: StrBytes,
    epoch: i32,
    session_epoch: i32,
    topic_id: Uuid,
}

/// The records' time, so that they are not too old to be kept.
const START_MS: i64 = 2_000;

fn brokers() -> Builder {
    EmbeddedBroker::builder()
        .topic("jobs", 1)
        .start_time_ms(START_MS)
}

async fn topic_id(raw: &mut Raw, name: &str) -> Uuid {
    let topic = MetadataRequestTopic {
        name: Some(name.into()),
        ..Default::default()
    };
    let request = MetadataRequest {
        topics: Some(vec![topic]),
        ..Default::default()
    };
    raw.call(&request, 12).await.topics[0].topic_id
}

/// Lets the group begin at the first record, as `share.auto.offset.reset=earliest` does.
async fn from_the_first(raw: &mut Raw) {
    let response = alter(raw, "jobs", 0).await;
    assert_eq!(response, ErrorCode::NONE);
}

async fn alter(raw: &mut Raw, topic: &str, start: i64) -> ErrorCode {
    find_coordinator(raw, 0, GROUP).await;
    let partition = AlterShareGroupOffsetsRequestPartition {
        partition_index: PartitionId(0),
        start_offset: Offset(start),
        ..Default::default()
    };
    let topic = AlterShareGroupOffsetsRequestTopic {
        topic_name: topic.into(),
        partitions: vec![partition],
        ..Default::default()
    };
    let request = AlterShareGroupOffsetsRequest {
        group_id: GROUP.into(),
        topics: vec![topic],
        ..Default::default()
    };
    let response = raw.call(&request, 0).await;
    match response.responses.first() {
        Some(topic) => topic.partitions[0].error_code,
        None => response.error_code,
    }
}

/// Where the group begins and how much it lags.
async fn offsets(raw: &mut Raw) -> Vec<(i64, i64)> {
    let group = DescribeShareGroupOffsetsRequestGroup {
        group_id: GROUP.into(),
        topics: None,
        ..Default::default()
    };
    let request = DescribeShareGroupOffsetsRequest {
        groups: vec![group],
        ..Default::default()
    };
    let response = raw.call(&request, 1).await;
    assert_eq!(response.groups[0].error_code, ErrorCode::NONE);
    let topics = response.groups[0].topics.iter();
    let parts = topics.flat_map(|topic| &topic.partitions);
    parts.map(|part| (part.start_offset.0, part.lag)).collect()
}

impl Member {
    async fn join(kafka: &EmbeddedBroker, id: &str) -> Self {
        let mut raw = Raw::connect(kafka, PORT);
        find_coordinator(&mut raw, 0, GROUP).await;
        let topic_id = topic_id(&mut raw, "jobs").await;
        let mut member = Member {
            raw,
            id: id.into(),
            epoch: 0,
            session_epoch: 0,
            topic_id,
        };
        let response = member.heartbeat(Some("jobs")).await;
        assert_eq!(response.error_code, ErrorCode::NONE);
        member
    }

    async fn heartbeat(&mut self, topic: Option<&str>) -> ShareGroupHeartbeatResponse {
        let request = ShareGroupHeartbeatRequest {
            group_id: GROUP.into(),
            member_id: self.id.clone(),
            member_epoch: self.epoch,
            rack_id: None,
            subscribed_topic_names: topic.map(|topic| vec![topic.into()]),
            ..Default::default()
        };
        let response = self.raw.call(&request, 1).await;
        if response.error_code.is_none() {
            self.epoch = response.member_epoch;
        }
        response
    }

    fn request(&self) -> ShareFetchRequest {
        let partition = ShareFetchPartition {
            partition_index: PartitionId(0),
            ..Default::default()
        };
        let topic = ShareFetchTopic {
            topic_id: self.topic_id,
            partitions: vec![partition],
            ..Default::default()
        };
        ShareFetchRequest {
            group_id: Some(GROUP.into()),
            member_id: Some(self.id.clone()),
            share_session_epoch: self.session_epoch,
            max_wait_ms: 500,
            min_bytes: 1,
            max_bytes: 1 << 20,
            max_records: 500,
            batch_size: 500,
            topics: match self.session_epoch {
                0 => vec![topic],
                _ => Vec::new(),
            },
            ..Default::default()
        }
    }

    async fn send(&mut self, request: &ShareFetchRequest) -> ShareFetchResponse {
        let response = self.raw.call(request, 2).await;
        if response.error_code.is_none() {
            self.session_epoch += 1;
        }
        response
    }

    /// What is acquired, as `first-last×deliveries`.
    async fn fetch(&mut self) -> Vec<String> {
        let request = self.request();
        let response = self.send(&request).await;
        assert_eq!(response.error_code, ErrorCode::NONE);
        acquired(&response)
    }

    async fn acknowledge(&mut self, first: i64, last: i64, kinds: &[i8]) -> ErrorCode {
        let response = self
            .acknowledge_in(self.session_epoch, first, last, kinds)
            .await;
        assert_eq!(response.error_code, ErrorCode::NONE);
        self.session_epoch += 1;
        response.responses[0].partitions[0].error_code
    }

    async fn acknowledge_in(
        &mut self,
        session_epoch: i32,
        first: i64,
        last: i64,
        kinds: &[i8],
    ) -> ShareAcknowledgeResponse {
        let partition = AcknowledgePartition {
            partition_index: PartitionId(0),
            acknowledgement_batches: vec![said(first, last, kinds)],
            ..Default::default()
        };
        let topic = AcknowledgeTopic {
            topic_id: self.topic_id,
            partitions: vec![partition],
            ..Default::default()
        };
        let request = ShareAcknowledgeRequest {
            group_id: Some(GROUP.into()),
            member_id: Some(self.id.clone()),
            share_session_epoch: session_epoch,
            is_renew_ack: kinds.contains(&4),
            topics: vec![topic],
            ..Default::default()
        };
        self.raw.call(&request, 2).await
    }
}

fn said(first: i64, last: i64, kinds: &[i8]) -> AcknowledgementBatch {
    AcknowledgementBatch {
        first_offset: Offset(first),
        last_offset: Offset(last),
        acknowledge_types: kinds.to_vec(),
        ..Default::default()
    }
}

fn parts(response: &ShareFetchResponse) -> Vec<&ShareFetchPartitionData> {
    let topics = response.responses.iter();
    topics.flat_map(|topic| &topic.partitions).collect()
}

fn acquired(response: &ShareFetchResponse) -> Vec<String> {
    let parts = parts(response);
    let ranges = parts.iter().flat_map(|part| {
        assert_eq!(part.error_code, ErrorCode::NONE);
        &part.acquired_records
    });
    ranges
        .map(|range| {
            let (first, last) = (range.first_offset.0, range.last_offset.0);
            format!("{first}-{last}×{}", range.delivery_count)
        })
        .collect()
}

async fn produce_jobs(raw: &mut Raw, count: usize) {
    let values: Vec<String> = (0..count).map(|nth| nth.to_string()).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let produced = produce(raw, "jobs", batch(&values, Producer::NONE)).await;
    assert_eq!(produced.error_code, ErrorCode::NONE);
}

#[tokio::test(start_paused = true)]
async fn members_join_stay_and_leave() {
    let kafka = start(brokers().topic("more", 3));
    let mut a = Member::join(&kafka, "a").await;
    assert_eq!(a.epoch, 1);
    let rejoined = {
        a.epoch = 0;
        a.heartbeat(Some("jobs")).await
    };
    assert_eq!(
        (rejoined.member_epoch, rejoined.heartbeat_interval_ms),
        (1, 5_000)
    );
    let assignment = rejoined.assignment.expect("told to whom joins");
    assert_eq!(assignment.topic_partitions[0].partitions, [PartitionId(0)]);
    // Nothing changed, nothing is told.
    assert!(a.heartbeat(None).await.assignment.is_none());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let both = a
        .heartbeat(Some("more"))
        .await
        .assignment
        .expect("it changed");
    assert_eq!(both.topic_partitions[0].partitions.len(), 3);
    let b = Member::join(&kafka, "b").await;
    assert_eq!(b.epoch, 2, "the target is young: b waits for the next");

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

    a.epoch = 7;
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
