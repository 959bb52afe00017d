//! Reads a partition with nothing of the client but its metadata: a plain socket and one Fetch after
//! the other. What it says about a producer's work does not depend on the consumer's.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use thalweg_client::{Cluster, Compression, IsolationLevel, TopicPartition};
use thalweg_protocol::messages::{FetchPartition, FetchRequest, FetchTopic};
use thalweg_protocol::records::{Columns, ControlRecord, Decompressor, RecordBatches};
use thalweg_protocol::{ErrorCode, Offset, ProducerId};
use tokio::time::sleep;

use crate::raw_call::RawConnection;

/// The newest version of Fetch that names topics by their names.
const FETCH_VERSION: i16 = 12;

/// A record as it lies in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord {
    /// Its offset.
    pub offset: Offset,
    /// Its timestamp, in milliseconds since 1970.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
    /// Its headers.
    pub headers: Vec<(String, Option<Bytes>)>,
}

impl RawRecord {
    /// The value as text.
    ///
    /// # Panics
    /// It is null, or no UTF-8.
    pub fn text(&self) -> &str {
        let value = self.value.as_deref().expect("a record with a value");
        std::str::from_utf8(value).expect("text")
    }
}

/// All records of a partition up to its end: with [`IsolationLevel::ReadCommitted`] up to the last
/// stable offset, and without those of aborted transactions.
///
/// # Panics
/// The partition cannot be read.
pub async fn read_partition(
    cluster: &Cluster,
    topic_partition: &TopicPartition,
    isolation: IsolationLevel,
) -> Vec<RawRecord> {
    let committed = matches!(isolation, IsolationLevel::ReadCommitted);
    let mut records = Vec::new();
    let take =
        |set: &Bytes, position, aborted| read_set(set, position, committed, aborted, &mut records);
    read_sets(cluster, topic_partition, committed, take).await;
    records
}

/// How each batch of a partition is compressed, in the log's order.
///
/// # Panics
/// The partition cannot be read.
pub async fn stored_codecs(
    cluster: &Cluster,
    topic_partition: &TopicPartition,
) -> Vec<Compression> {
    let mut codecs = Vec::new();
    let take = |set: &Bytes, mut next: Offset, _| {
        for batch in RecordBatches::new(set) {
            let batch = batch.expect("a whole batch");
            if batch.base_offset() >= next {
                codecs.push(batch.compression().expect("a codec"));
            }
            next = next.max(batch.next_offset());
        }
        next
    };
    read_sets(cluster, topic_partition, false, take).await;
    codecs
}

/// Transactions that were aborted: their producers, and where they begin.
type Aborted = Vec<(ProducerId, Offset)>;

/// Hands over one record set after the other, up to the partition's end, with the position it was
/// asked for from. `take` returns where the next one begins.
async fn read_sets(
    cluster: &Cluster,
    topic_partition: &TopicPartition,
    committed: bool,
    mut take: impl FnMut(&Bytes, Offset, Aborted) -> Offset,
) {
    let TopicPartition { topic, partition } = topic_partition;
    cluster.topic(topic).await.expect("the topic exists");
    let metadata = cluster.metadata();
    let leader = metadata.leader(topic, *partition).expect("a leader").broker;
    let broker = metadata.broker(leader).expect("the leader is up");
    let mut connection = RawConnection::open((broker.host(), broker.port())).await;
    let mut position = Offset(0);
    let mut patience = 50;
    loop {
        let request = FetchRequest {
            max_wait_ms: 100,
            min_bytes: 0,
            max_bytes: 8 << 20,
            isolation_level: i8::from(committed),
            session_id: 0,
            session_epoch: -1,
            topics: vec![FetchTopic {
                topic: topic.as_ref().into(),
                partitions: vec![FetchPartition {
                    partition: *partition,
                    fetch_offset: position,
                    partition_max_bytes: 8 << 20,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        let response = connection.call(&request, FETCH_VERSION).await;
        let partition = response
            .responses
            .into_iter()
            .flat_map(|topic| topic.partitions)
            .next()
            .expect("the partition asked for");
        let code = partition.error_code;
        if code == ErrorCode::NOT_LEADER_OR_FOLLOWER && patience > 0 {
            // A new topic's leader may not know yet that it is one.
            patience -= 1;
            sleep(Duration::from_millis(100)).await;
            continue;
        }
        assert_eq!(code, ErrorCode::NONE, "fetch of {topic_partition}");
        let end = match committed {
            true => partition.last_stable_offset,
            false => partition.high_watermark,
        };
        let aborted = partition.aborted_transactions.unwrap_or_default();
        let aborted = aborted
            .iter()
            .map(|aborted| (aborted.producer_id, aborted.first_offset));
        let set = partition.records.unwrap_or_default();
        let next = take(&set, position, aborted.collect());
        if next >= end {
            return;
        }
        assert!(
            next > position,
            "{topic_partition} does not go on at {position}, end {end}"
        );
        position = next;
    }
}

/// Reads a record set from `position` on. Returns where the next one begins.
fn read_set(
    set: &Bytes,
    position: Offset,
    committed: bool,
    mut aborted: Aborted,
    records: &mut Vec<RawRecord>,
) -> Offset {
    let mut columns = Columns::new();
    let mut decompressor = Decompressor::new();
    let mut next = position;
    // Where the open transaction of a producer begins that is going to be aborted.
    let mut aborting: BTreeMap<ProducerId, Offset> = BTreeMap::new();
    aborted.sort_by_key(|&(_, first)| first);
    for batch in RecordBatches::new(set) {
        let batch = batch.expect("a whole batch");
        batch.verify_crc().expect("an intact batch");
        next = next.max(batch.next_offset());
        let producer = batch.producer_id();
        for &(id, first) in &aborted {
            if id == producer && first <= batch.last_offset() {
                aborting.entry(id).or_insert(first);
            }
        }
        let rows = columns
            .decode(&batch, &mut decompressor)
            .expect("a readable batch");
        if batch.is_control() {
            for row in rows.iter() {
                if matches!(ControlRecord::decode(&row), Ok(ControlRecord::Abort { .. })) {
                    aborting.remove(&producer);
                    if let Some(ended) = aborted.iter().position(|&(id, _)| id == producer) {
                        aborted.remove(ended);
                    }
                }
            }
            continue;
        }
        if committed && batch.is_transactional() && aborting.contains_key(&producer) {
            continue;
        }
        for row in rows.iter().filter(|row| row.offset >= position) {
            let owned = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice);
            records.push(RawRecord {
                offset: row.offset,
                timestamp: row.timestamp,
                key: owned(row.key),
                value: owned(row.value),
                headers: row
                    .headers
                    .map(|(name, value)| (name.to_string(), owned(value)))
                    .collect(),
            });
        }
    }
    next
}
