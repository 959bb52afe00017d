//! The log of a partition as it lies at its leader, read by bare Fetch requests, and what of it is
//! committed: by the markers in it, and nothing the broker or the client says.

use std::collections::BTreeMap;

use bytes::Bytes;
use thalweg_broker::{EmbeddedBroker, InMemoryStream};
use thalweg_client::TopicPartition;
use thalweg_protocol::messages::{
    FetchPartition, FetchRequest, FetchTopic, ListOffsetsPartition, ListOffsetsRequest,
    ListOffsetsTopic, MetadataRequest, MetadataRequestTopic,
};
use thalweg_protocol::records::{Columns, ControlRecord, Decompressor, RecordBatches};
use thalweg_protocol::{BrokerId, ErrorCode, Offset, ProducerId};

use super::network::FIRST_PORT;
use crate::raw_call::RawConnection;

/// The newest version of Fetch that names topics by their names.
const FETCH_VERSION: i16 = 12;
/// A version of ListOffsets that all releases have.
const LIST_OFFSETS_VERSION: i16 = 3;
/// Asks ListOffsets for the start of the log.
const EARLIEST: i64 = -2;
/// The newest version of Metadata that needs no topic id.
const METADATA_VERSION: i16 = 9;

/// A record as it lies in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp.
    pub timestamp: i64,
    /// Its key, as text; empty where it has none.
    pub key: String,
    /// Its value, as text; empty where it has none.
    pub value: String,
    /// Its key, as it is.
    pub key_bytes: Bytes,
    /// Its value, as it is.
    pub value_bytes: Option<Bytes>,
}

/// What a batch of the log holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Records, and whether in a transaction.
    Records {
        /// They are in one.
        transactional: bool,
        /// In their order.
        records: Vec<Record>,
    },
    /// The end of a transaction.
    Marker {
        /// It was committed.
        committed: bool,
    },
}

/// A batch of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its first offset.
    pub base_offset: i64,
    /// Who wrote it; -1: a producer without a name.
    pub producer_id: i64,
    /// In which epoch.
    pub producer_epoch: i16,
    /// The number of its first record.
    pub base_sequence: i32,
    /// The rest.
    pub content: Content,
}

/// One partition's log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    /// In their order.
    pub batches: Vec<Batch>,
}

/// A record that is committed, with the transaction it was in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed<'l> {
    /// Who wrote it, and in which epoch; `None` outside of transactions.
    pub transaction: Option<(i64, i16)>,
    /// The record.
    pub record: &'l Record,
}

impl Log {
    /// The committed records in the order of their offsets, up to the first open transaction. By the
    /// markers alone.
    #[must_use]
    pub fn committed(&self) -> Vec<Committed<'_>> {
        let mut outcomes = vec![None; self.batches.len()];
        let mut open: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for (index, batch) in self.batches.iter().enumerate() {
            match &batch.content {
                Content::Records { transactional, .. } if *transactional => {
                    open.entry(batch.producer_id).or_default().push(index);
                }
                Content::Records { .. } => set(&mut outcomes, index, true),
                Content::Marker { committed } => {
                    for ended in open.remove(&batch.producer_id).unwrap_or_default() {
                        set(&mut outcomes, ended, *committed);
                    }
                }
            }
        }
        let stable = open
            .values()
            .flatten()
            .min()
            .copied()
            .unwrap_or(self.batches.len());
        let batches = self.batches.iter().zip(outcomes).take(stable);
        let committed = batches.filter(|(_, outcome)| *outcome == Some(true));
        committed
            .flat_map(|(batch, _)| {
                let (transactional, records) = match &batch.content {
                    Content::Records {
                        transactional,
                        records,
                    } => (*transactional, records.as_slice()),
                    Content::Marker { .. } => (false, [].as_slice()),
                };
                let who = (batch.producer_id, batch.producer_epoch);
                records.iter().map(move |record| Committed {
                    transaction: transactional.then_some(who),
                    record,
                })
            })
            .collect()
    }

    /// Whether a transaction is open at its end.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let mut open: BTreeMap<i64, bool> = BTreeMap::new();
        for batch in &self.batches {
            match batch.content {
                Content::Records { transactional, .. } if transactional => {
                    open.insert(batch.producer_id, true);
                }
                Content::Marker { .. } => {
                    open.remove(&batch.producer_id);
                }
                Content::Records { .. } => {}
            }
        }
        !open.is_empty()
    }
}

fn set(outcomes: &mut [Option<bool>], index: usize, committed: bool) {
    if let Some(outcome) = outcomes.get_mut(index) {
        *outcome = Some(committed);
    }
}

/// Reads a partition from its start to its end, uncommitted records too.
///
/// # Errors
/// It cannot be read, in words.
pub async fn read(kafka: &EmbeddedBroker, partition: &TopicPartition) -> Result<Log, String> {
    let leader = leader(kafka, partition).await?;
    let stream = kafka
        .connect(FIRST_PORT + leader)
        .map_err(|error| format!("{partition}: its leader {leader} cannot be reached: {error}"))?;
    let mut connection = RawConnection::over(stream);
    let mut log = Log::default();
    let mut position = log_start(&mut connection, partition).await?;
    loop {
        let request = FetchRequest {
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: 8 << 20,
            session_epoch: -1,
            topics: vec![FetchTopic {
                topic: partition.topic.as_ref().into(),
                partitions: vec![FetchPartition {
                    partition: partition.partition,
                    fetch_offset: Offset(position),
                    partition_max_bytes: 8 << 20,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        let response = connection.call(&request, FETCH_VERSION).await;
        let answered = response
            .responses
            .into_iter()
            .flat_map(|topic| topic.partitions)
            .next()
            .ok_or_else(|| format!("{partition}: not in the answer to a fetch"))?;
        if answered.error_code != ErrorCode::NONE {
            return Err(format!("{partition}: {}", answered.error_code));
        }
        let next = decode(&answered.records.unwrap_or_default(), position, &mut log)
            .map_err(|error| format!("{partition} at {position}: {error}"))?;
        if next >= answered.high_watermark.0 {
            return Ok(log);
        }
        if next <= position {
            return Err(format!("{partition} does not go on at {position}"));
        }
        position = next;
    }
}

/// Where the log begins: what is committed of a repartition topic is deleted.
async fn log_start(
    connection: &mut RawConnection<InMemoryStream>,
    partition: &TopicPartition,
) -> Result<i64, String> {
    let request = ListOffsetsRequest {
        replica_id: BrokerId(-1),
        topics: vec![ListOffsetsTopic {
            name: partition.topic.as_ref().into(),
            partitions: vec![ListOffsetsPartition {
                partition_index: partition.partition,
                timestamp: EARLIEST,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let response = connection.call(&request, LIST_OFFSETS_VERSION).await;
    let mut found = response.topics.iter().flat_map(|topic| &topic.partitions);
    match found.next() {
        Some(found) if found.error_code == ErrorCode::NONE => Ok(found.offset.0),
        Some(found) => Err(format!("{partition}: {}", found.error_code)),
        None => Err(format!("{partition}: not in the answer to ListOffsets")),
    }
}

fn decode(set: &Bytes, position: i64, log: &mut Log) -> Result<i64, String> {
    let mut columns = Columns::new();
    let mut decompressor = Decompressor::new();
    let mut next = position;
    for batch in RecordBatches::new(set) {
        let batch = batch.map_err(|error| error.to_string())?;
        batch.verify_crc().map_err(|error| error.to_string())?;
        next = next.max(batch.next_offset().0);
        let rows = columns
            .decode(&batch, &mut decompressor)
            .map_err(|error| error.to_string())?;
        let content = if batch.is_control() {
            let records = rows.iter().map(|row| ControlRecord::decode(&row));
            let mut commits =
                records.filter(|record| matches!(record, Ok(ControlRecord::Commit { .. })));
            Content::Marker {
                committed: commits.next().is_some(),
            }
        } else {
            let text = |bytes: Option<&[u8]>| {
                String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
            };
            Content::Records {
                transactional: batch.is_transactional(),
                records: rows
                    .iter()
                    .map(|row| Record {
                        offset: row.offset.0,
                        timestamp: row.timestamp,
                        key: text(row.key),
                        value: text(row.value),
                        key_bytes: Bytes::copy_from_slice(row.key.unwrap_or_default()),
                        value_bytes: row.value.map(Bytes::copy_from_slice),
                    })
                    .collect(),
            }
        };
        let ProducerId(producer_id) = batch.producer_id();
        log.batches.push(Batch {
            base_offset: batch.base_offset().0,
            producer_id,
            producer_epoch: batch.producer_epoch(),
            base_sequence: batch.base_sequence(),
            content,
        });
    }
    Ok(next)
}

async fn leader(kafka: &EmbeddedBroker, partition: &TopicPartition) -> Result<u16, String> {
    let any = (0..100)
        .find_map(|node| kafka.connect(FIRST_PORT + node).ok())
        .ok_or("no broker runs")?;
    let request = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            name: Some(partition.topic.as_ref().into()),
            ..Default::default()
        }]),
        ..Default::default()
    };
    let mut connection = RawConnection::over(any);
    let response = connection.call(&request, METADATA_VERSION).await;
    let found = response
        .topics
        .iter()
        .flat_map(|topic| &topic.partitions)
        .find(|found| found.partition_index == partition.partition)
        .ok_or_else(|| format!("{partition} does not exist"))?;
    u16::try_from(found.leader_id.0).map_err(|_| format!("{partition} has no leader"))
}
