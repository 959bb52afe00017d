//! A raw client: one request, its answer.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use thalweg_broker::{Builder, DataError, EmbeddedBroker, InMemoryStream, StartError};
use thalweg_protocol::messages::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, DescribeTransactionsRequest,
    EndTxnRequest, FetchPartition, FetchPartitionData, FetchRequest, FetchResponse, FetchTopic,
    FindCoordinatorRequest, InitProducerIdRequest, PartitionProduceData, PartitionProduceResponse,
    ProduceRequest, TopicProduceData,
};
use thalweg_protocol::records::{
    BatchSeal, Columns, Compression, Compressor, Decompressor, RecordBatchBuilder, RecordBatches,
};
use thalweg_protocol::{
    ErrorCode, Offset, PartitionId, ProducerId, Request, decode_response, encode_request,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Where broker 0 is, in memory.
pub(crate) const PORT: u16 = 9092;

/// Brokers on this runtime.
pub(crate) fn start(builder: Builder) -> EmbeddedBroker {
    builder.start_here().expect("it starts")
}

/// Brokers on a folder that others had until now, as `described` says.
///
/// Tasks of the brokers that are gone let go of it soon. A child of this process that is just being
/// started for another test holds it, too, until that child is a program of its own.
pub(crate) async fn reopen(described: impl Fn() -> Builder) -> EmbeddedBroker {
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        match described().start_here() {
            Err(StartError::Data(DataError::InUse { .. })) => {}
            started => return started.expect("it starts"),
        }
    }
    panic!("the folder stays in use");
}

/// A connection to a broker.
pub(crate) struct Raw<S = InMemoryStream> {
    pub(crate) stream: S,
    client_id: String,
    next_id: i32,
}

impl Raw {
    pub(crate) fn connect(kafka: &EmbeddedBroker, port: u16) -> Self {
        Raw::over(kafka.connect(port).expect("the broker runs"))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    /// Over a stream that is open.
    pub(crate) fn over(stream: S) -> Self {
        Raw {
            stream,
            client_id: "raw".to_owned(),
            next_id: 1,
        }
    }

    /// Under another client id than `raw`.
    pub(crate) fn named(mut self, client_id: &str) -> Self {
        client_id.clone_into(&mut self.client_id);
        self
    }

    /// Sends bytes as they are, behind their length. The broker may have closed the connection.
    pub(crate) async fn send_frame(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).expect("a short frame");
        let mut frame = length.to_be_bytes().to_vec();
        frame.extend(bytes);
        let _ = self.stream.write_all(&frame).await;
    }

    /// The next frame as it is, without its length; `None` where the broker closed the connection.
    pub(crate) async fn receive_frame(&mut self) -> Option<Bytes> {
        let length = self.stream.read_i32().await.ok()?;
        let mut frame = BytesMut::zeroed(usize::try_from(length).expect("a length"));
        self.stream.read_exact(&mut frame).await.ok()?;
        Some(frame.freeze())
    }

    /// Whether the broker has closed the connection, instead of another frame.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.receive_frame().await.is_none()
    }

    /// As [`call`](Self::call), `None` where the connection breaks.
    pub(crate) async fn try_call<R: Request>(
        &mut self,
        request: &R,
        version: i16,
    ) -> Option<R::Response> {
        let id = self.next_id;
        let frame =
            encode_request(request, version, id, Some(&self.client_id)).expect("it can be encoded");
        self.stream.write_all(&frame.to_bytes()).await.ok()?;
        self.receive::<R>(version).await
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn call<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        self.try_call(request, version)
            .await
            .expect("the connection stays open")
    }

    pub(crate) async fn send<R: Request>(&mut self, request: &R, version: i16) {
        let id = self.next_id;
        let frame =
            encode_request(request, version, id, Some(&self.client_id)).expect("it can be encoded");
        self.stream
            .write_all(&frame.to_bytes())
            .await
            .expect("it can be sent");
    }

    /// The next answer; `None` where the broker closed the connection.
    pub(crate) async fn receive<R: Request>(&mut self, version: i16) -> Option<R::Response> {
        let frame = self.receive_frame().await?;
        let (id, response) = decode_response::<R>(frame, version).expect("an answer");
        assert_eq!(id, self.next_id, "the answer to this request");
        self.next_id += 1;
        Some(response)
    }
}

/// Who wrote a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Producer {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
    pub(crate) sequence: i32,
    pub(crate) transactional: bool,
}

impl Producer {
    pub(crate) const NONE: Producer = Producer {
        id: -1,
        epoch: -1,
        sequence: -1,
        transactional: false,
    };

    /// An idempotent one at the beginning.
    pub(crate) fn idempotent(id: i64, epoch: i16) -> Self {
        Producer {
            id,
            epoch,
            sequence: 0,
            transactional: false,
        }
    }

    pub(crate) fn at(self, sequence: i32) -> Self {
        Producer { sequence, ..self }
    }

    pub(crate) fn in_transaction(self) -> Self {
        Producer {
            transactional: true,
            ..self
        }
    }
}

/// A batch of values; keys are the values.
pub(crate) fn batch(values: &[&str], producer: Producer) -> Bytes {
    batch_in(values, producer, Compression::None)
}

pub(crate) fn batch_in(values: &[&str], producer: Producer, compression: Compression) -> Bytes {
    let mut builder = RecordBatchBuilder::new(compression);
    for (value, timestamp) in values.iter().zip(1_000..) {
        let value = value.as_bytes();
        builder
            .append(timestamp, Some(value), Some(value), &[])
            .expect("it fits");
    }
    builder.build(&mut Compressor::new()).seal_with(BatchSeal {
        producer_id: ProducerId(producer.id),
        producer_epoch: producer.epoch,
        base_sequence: producer.sequence,
        transactional: producer.transactional,
        ..BatchSeal::default()
    })
}

/// A request that writes one batch to partition 0.
pub(crate) fn produce_request(topic: &str, records: Bytes, acks: i16) -> ProduceRequest {
    let data = PartitionProduceData {
        index: PartitionId(0),
        records: Some(records),
        ..Default::default()
    };
    let topic = TopicProduceData {
        name: topic.into(),
        partition_data: vec![data],
        ..Default::default()
    };
    ProduceRequest {
        acks,
        timeout_ms: 1_000,
        topic_data: vec![topic],
        ..Default::default()
    }
}

/// Writes one batch to partition 0 with acks=all.
pub(crate) async fn produce(
    raw: &mut Raw,
    topic: &str,
    records: Bytes,
) -> PartitionProduceResponse {
    produce_as(raw, topic, records, None).await
}

pub(crate) async fn produce_as(
    raw: &mut Raw,
    topic: &str,
    records: Bytes,
    transactional_id: Option<&str>,
) -> PartitionProduceResponse {
    let mut request = produce_request(topic, records, -1);
    request.transactional_id = transactional_id.map(Into::into);
    let response = raw.call(&request, 12).await;
    let mut topics = response.responses.into_iter();
    let topic = topics.next().expect("the topic");
    topic
        .partition_responses
        .into_iter()
        .next()
        .expect("the partition")
}

/// Makes a topic of one partition with settings of its own.
pub(crate) async fn create(raw: &mut Raw, name: &str, configs: &[(&str, &str)]) {
    let config = |(key, value): &(&str, &str)| CreatableTopicConfig {
        name: (*key).into(),
        value: Some((*value).into()),
        ..Default::default()
    };
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions: 1,
        replication_factor: 1,
        configs: configs.iter().map(config).collect(),
        ..Default::default()
    };
    let request = CreateTopicsRequest {
        topics: vec![topic],
        ..Default::default()
    };
    let response = raw.call(&request, 7).await;
    assert_eq!(response.topics[0].error_code, ErrorCode::NONE);
}

/// A request that reads partition 0.
pub(crate) fn fetch_request(topic: &str, offset: i64, committed: bool) -> FetchRequest {
    let partition = FetchPartition {
        partition: PartitionId(0),
        fetch_offset: Offset(offset),
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let topic = FetchTopic {
        topic: topic.into(),
        partitions: vec![partition],
        ..Default::default()
    };
    FetchRequest {
        max_bytes: 1 << 20,
        min_bytes: 1,
        isolation_level: i8::from(committed),
        session_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    }
}

/// Reads partition 0 at once.
pub(crate) async fn fetch(
    raw: &mut Raw,
    topic: &str,
    offset: i64,
    committed: bool,
) -> FetchResponse {
    raw.call(&fetch_request(topic, offset, committed), 12).await
}

/// The values of all records but markers, with aborted ones where they were read so.
pub(crate) fn values(response: &FetchResponse) -> Vec<String> {
    let partitions = response
        .responses
        .iter()
        .flat_map(|topic| &topic.partitions);
    partitions.flat_map(committed_values).collect()
}

/// The values of a partition's records, without those of transactions it names as aborted.
pub(crate) fn committed_values(partition: &FetchPartitionData) -> Vec<String> {
    let mut all = Vec::new();
    let (mut columns, mut decompressor) = (Columns::new(), Decompressor::new());
    let mut aborted = partition.aborted_transactions.clone().unwrap_or_default();
    aborted.sort_by_key(|aborted| aborted.first_offset);
    let mut open: Vec<ProducerId> = Vec::new();
    assert_eq!(partition.error_code, ErrorCode::NONE);
    let records = partition.records.clone().unwrap_or_default();
    for batch in RecordBatches::new(&records) {
        let batch = batch.expect("a batch");
        while aborted
            .first()
            .is_some_and(|it| it.first_offset <= batch.last_offset())
        {
            open.push(aborted.remove(0).producer_id);
        }
        if batch.is_control() {
            open.retain(|id| *id != batch.producer_id());
            continue;
        }
        if batch.is_transactional() && open.contains(&batch.producer_id()) {
            continue;
        }
        let rows = columns
            .decode(&batch, &mut decompressor)
            .expect("sound records");
        let texts = rows
            .iter()
            .map(|row| row.value.unwrap_or_default().to_vec());
        all.extend(texts.map(|text| String::from_utf8(text).expect("text")));
    }
    all
}

/// The offset after the last batch of a partition, if it has any.
pub(crate) fn next_offset(partition: &FetchPartitionData) -> Option<i64> {
    let records = partition.records.clone().unwrap_or_default();
    let last = RecordBatches::new(&records).last()?;
    Some(last.expect("a batch").next_offset().0)
}

/// Asks for the coordinator, which makes its topic.
pub(crate) async fn find_coordinator<S: AsyncRead + AsyncWrite + Unpin>(
    raw: &mut Raw<S>,
    key_type: i8,
    key: &str,
) {
    let request = FindCoordinatorRequest {
        key_type,
        coordinator_keys: vec![key.into()],
        ..Default::default()
    };
    let response = raw.call(&request, 4).await;
    assert_eq!(response.coordinators[0].error_code, ErrorCode::NONE);
}

/// A producer with a transactional id.
pub(crate) async fn init_transactional(raw: &mut Raw, id: &str) -> Producer {
    let request = InitProducerIdRequest {
        transactional_id: Some(id.into()),
        transaction_timeout_ms: 60_000,
        ..Default::default()
    };
    let response = raw.call(&request, 4).await;
    assert_eq!(response.error_code, ErrorCode::NONE);
    Producer::idempotent(response.producer_id.0, response.producer_epoch).in_transaction()
}

/// Ends the transaction of a transactional id.
pub(crate) fn end_request(id: &str, producer: Producer, committed: bool) -> EndTxnRequest {
    EndTxnRequest {
        transactional_id: id.into(),
        producer_id: ProducerId(producer.id),
        producer_epoch: producer.epoch,
        committed,
        ..Default::default()
    }
}

/// What the coordinator calls the state of a transactional id's transaction.
pub(crate) async fn transaction_state(coordinator: &mut Raw, id: &str) -> String {
    let request = DescribeTransactionsRequest {
        transactional_ids: vec![id.into()],
        ..Default::default()
    };
    let response = coordinator.call(&request, 0).await;
    response.transaction_states[0].transaction_state.to_string()
}
