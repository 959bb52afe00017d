//! Share groups: joining, sessions, locks, acknowledgements, offsets.

mod locks;
mod membership;
mod offsets;
mod sessions;

use std::time::Duration;

use thalweg_broker::{Builder, EmbeddedBroker};
use thalweg_protocol::messages::{
    AcknowledgePartition, AcknowledgeTopic, AcknowledgementBatch, AlterShareGroupOffsetsRequest,
    AlterShareGroupOffsetsRequestPartition, AlterShareGroupOffsetsRequestTopic,
    DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsRequestTopic,
    DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsRequestGroup, EndTxnRequest,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResource, IncrementalAlterableConfig,
    JoinGroupRequest, MetadataRequest, MetadataRequestTopic, ShareAcknowledgeRequest,
    ShareAcknowledgeResponse, ShareFetchPartition, ShareFetchPartitionData, ShareFetchRequest,
    ShareFetchResponse, ShareFetchTopic, ShareForgottenTopic, ShareGroupDescribeRequest,
    ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse,
};
use thalweg_protocol::{ErrorCode, Offset, PartitionId, ProducerId, StrBytes, Uuid};

use crate::support::{
    PORT, Producer, Raw, batch, find_coordinator, init_transactional, produce, produce_as, reopen,
    start,
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
