//! Answers that say nothing but an error, for everything a request asks.

use thalweg_protocol::messages::*;
use thalweg_protocol::{
    ApiKey, BrokerId, Decoder, EncodedFrame, ErrorCode, Offset, ProducerId, Request,
    encode_response,
};

/// The answer that gives `code` to everything the request asks. `None` where the request cannot be
/// read or its answer has no place for an error.
pub(crate) fn error_answer(
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    body: Decoder,
    code: ErrorCode,
) -> Option<EncodedFrame> {
    let call = Refused {
        version,
        correlation_id,
        body,
        code,
    };
    match api {
        ApiKey::Produce => call.answer(produce),
        ApiKey::Fetch => call.answer(fetch),
        ApiKey::ListOffsets => call.answer(list_offsets),
        ApiKey::Metadata => call.answer(metadata),
        ApiKey::OffsetCommit => call.answer(offset_commit),
        ApiKey::OffsetFetch => call.answer(offset_fetch),
        ApiKey::FindCoordinator => call.answer(find_coordinator),
        ApiKey::JoinGroup => call.answer(|_: JoinGroupRequest, code| JoinGroupResponse {
            error_code: code,
            generation_id: -1,
            ..Default::default()
        }),
        ApiKey::SyncGroup => call.answer(|_: SyncGroupRequest, code| SyncGroupResponse {
            error_code: code,
            ..Default::default()
        }),
        ApiKey::Heartbeat => call.answer(|_: HeartbeatRequest, code| HeartbeatResponse {
            error_code: code,
            ..Default::default()
        }),
        ApiKey::LeaveGroup => call.answer(|_: LeaveGroupRequest, code| LeaveGroupResponse {
            error_code: code,
            ..Default::default()
        }),
        ApiKey::InitProducerId => {
            call.answer(|_: InitProducerIdRequest, code| InitProducerIdResponse {
                error_code: code,
                producer_id: ProducerId(-1),
                producer_epoch: -1,
                ..Default::default()
            })
        }
        ApiKey::AddPartitionsToTxn if version < 4 => call.answer(add_partitions),
        ApiKey::AddOffsetsToTxn => {
            call.answer(|_: AddOffsetsToTxnRequest, code| AddOffsetsToTxnResponse {
                error_code: code,
                ..Default::default()
            })
        }
        ApiKey::EndTxn => call.answer(|_: EndTxnRequest, code| EndTxnResponse {
            error_code: code,
            ..Default::default()
        }),
        ApiKey::TxnOffsetCommit => call.answer(txn_offset_commit),
        ApiKey::CreateTopics => call.answer(create_topics),
        ApiKey::ConsumerGroupHeartbeat => {
            call.answer(
                |_: ConsumerGroupHeartbeatRequest, code| ConsumerGroupHeartbeatResponse {
                    error_code: code,
                    ..Default::default()
                },
            )
        }
        ApiKey::StreamsGroupHeartbeat => {
            call.answer(
                |_: StreamsGroupHeartbeatRequest, code| StreamsGroupHeartbeatResponse {
                    error_code: code,
                    ..Default::default()
                },
            )
        }
        _ => None,
    }
}

/// A request that is refused.
struct Refused {
    version: i16,
    correlation_id: i32,
    body: Decoder,
    code: ErrorCode,
}

impl Refused {
    fn answer<R: Request>(
        mut self,
        answer: impl FnOnce(R, ErrorCode) -> R::Response,
    ) -> Option<EncodedFrame> {
        let request = R::decode(&mut self.body, self.version).ok()?;
        let response = answer(request, self.code);
        encode_response::<R>(&response, self.version, self.correlation_id).ok()
    }
}

fn produce(request: ProduceRequest, error_code: ErrorCode) -> ProduceResponse {
    let partition = |data: PartitionProduceData| PartitionProduceResponse {
        index: data.index,
        error_code,
        base_offset: Offset(-1),
        ..Default::default()
    };
    let topic = |data: TopicProduceData| TopicProduceResponse {
        name: data.name,
        topic_id: data.topic_id,
        partition_responses: data.partition_data.into_iter().map(partition).collect(),
        ..Default::default()
    };
    ProduceResponse {
        responses: request.topic_data.into_iter().map(topic).collect(),
        ..Default::default()
    }
}

fn fetch(request: FetchRequest, error_code: ErrorCode) -> FetchResponse {
    let partition = |asked: FetchPartition| FetchPartitionData {
        partition_index: asked.partition,
        error_code,
        high_watermark: Offset(-1),
        aborted_transactions: None,
        records: Some(bytes::Bytes::new()),
        ..Default::default()
    };
    let topic = |asked: FetchTopic| FetchableTopicResponse {
        topic: asked.topic,
        topic_id: asked.topic_id,
        partitions: asked.partitions.into_iter().map(partition).collect(),
        ..Default::default()
    };
    FetchResponse {
        responses: request.topics.into_iter().map(topic).collect(),
        session_id: request.session_id.max(0),
        ..Default::default()
    }
}

fn list_offsets(request: ListOffsetsRequest, error_code: ErrorCode) -> ListOffsetsResponse {
    let partition = |asked: ListOffsetsPartition| ListOffsetsPartitionResponse {
        partition_index: asked.partition_index,
        error_code,
        ..Default::default()
    };
    let topic = |asked: ListOffsetsTopic| ListOffsetsTopicResponse {
        name: asked.name,
        partitions: asked.partitions.into_iter().map(partition).collect(),
        ..Default::default()
    };
    ListOffsetsResponse {
        topics: request.topics.into_iter().map(topic).collect(),
        ..Default::default()
    }
}

fn metadata(request: MetadataRequest, error_code: ErrorCode) -> MetadataResponse {
    let topic = |asked: MetadataRequestTopic| MetadataResponseTopic {
        error_code,
        name: asked.name,
        topic_id: asked.topic_id,
        ..Default::default()
    };
    MetadataResponse {
        controller_id: BrokerId(-1),
        topics: request
            .topics
            .unwrap_or_default()
            .into_iter()
            .map(topic)
            .collect(),
        ..Default::default()
    }
}

fn offset_commit(request: OffsetCommitRequest, error_code: ErrorCode) -> OffsetCommitResponse {
    let partition = |asked: OffsetCommitRequestPartition| OffsetCommitResponsePartition {
        partition_index: asked.partition_index,
        error_code,
        ..Default::default()
    };
    let topic = |asked: OffsetCommitRequestTopic| OffsetCommitResponseTopic {
        name: asked.name,
        topic_id: asked.topic_id,
        partitions: asked.partitions.into_iter().map(partition).collect(),
        ..Default::default()
    };
    OffsetCommitResponse {
        topics: request.topics.into_iter().map(topic).collect(),
        ..Default::default()
    }
}

fn offset_fetch(request: OffsetFetchRequest, error_code: ErrorCode) -> OffsetFetchResponse {
    let group = |asked: OffsetFetchRequestGroup| OffsetFetchResponseGroup {
        group_id: asked.group_id,
        error_code,
        ..Default::default()
    };
    let several = !request.groups.is_empty();
    OffsetFetchResponse {
        error_code: if several { ErrorCode::NONE } else { error_code },
        groups: request.groups.into_iter().map(group).collect(),
        ..Default::default()
    }
}

fn find_coordinator(
    request: FindCoordinatorRequest,
    error_code: ErrorCode,
) -> FindCoordinatorResponse {
    let coordinator = |key| Coordinator {
        key,
        node_id: BrokerId(-1),
        port: -1,
        error_code,
        ..Default::default()
    };
    let several = !request.coordinator_keys.is_empty();
    FindCoordinatorResponse {
        error_code: if several { ErrorCode::NONE } else { error_code },
        coordinators: request
            .coordinator_keys
            .into_iter()
            .map(coordinator)
            .collect(),
        ..Default::default()
    }
}

fn add_partitions(
    request: AddPartitionsToTxnRequest,
    partition_error_code: ErrorCode,
) -> AddPartitionsToTxnResponse {
    let partition = |partition_index| AddPartitionsToTxnPartitionResult {
        partition_index,
        partition_error_code,
        ..Default::default()
    };
    let topic = |asked: AddPartitionsToTxnTopic| AddPartitionsToTxnTopicResult {
        name: asked.name,
        results_by_partition: asked.partitions.into_iter().map(partition).collect(),
        ..Default::default()
    };
    AddPartitionsToTxnResponse {
        results_by_topic_v3_and_below: request.v3_and_below_topics.into_iter().map(topic).collect(),
        ..Default::default()
    }
}

fn txn_offset_commit(
    request: TxnOffsetCommitRequest,
    error_code: ErrorCode,
) -> TxnOffsetCommitResponse {
    let partition = |asked: TxnOffsetCommitRequestPartition| TxnOffsetCommitResponsePartition {
        partition_index: asked.partition_index,
        error_code,
        ..Default::default()
    };
    let topic = |asked: TxnOffsetCommitRequestTopic| TxnOffsetCommitResponseTopic {
        name: asked.name,
        topic_id: asked.topic_id,
        partitions: asked.partitions.into_iter().map(partition).collect(),
        ..Default::default()
    };
    TxnOffsetCommitResponse {
        topics: request.topics.into_iter().map(topic).collect(),
        ..Default::default()
    }
}

fn create_topics(request: CreateTopicsRequest, error_code: ErrorCode) -> CreateTopicsResponse {
    let topic = |asked: CreatableTopic| CreatableTopicResult {
        name: asked.name,
        error_code,
        configs: None,
        ..Default::default()
    };
    CreateTopicsResponse {
        topics: request.topics.into_iter().map(topic).collect(),
        ..Default::default()
    }
}
