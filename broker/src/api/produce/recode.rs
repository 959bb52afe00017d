//! Batches written again in the codec that their topic stores (`compression.type`).
//!
//! Which topics do is known under the cluster's lock, and compressing takes long: a request whose
//! batches have to be written again leaves the lock for that and comes back.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use thalweg_protocol::ErrorCode;
use thalweg_protocol::records::{
    BatchSeal, Columns, Compressor, Decompressor, RecordBatch, RecordBatchBuilder,
};

use super::check_size;
use super::inspect::{Fault, Inspected, InspectedPartition, Inspection};
use crate::cluster::{Caller, Cluster};
use crate::log::only_batch;
use crate::topic::{StoredAs, TopicConfig};

/// A batch in another codec than it came in.
#[derive(Debug)]
pub(super) struct Recoded {
    how: Recoding,
    batch: Result<Bytes, Fault>,
}

/// What a topic asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recoding {
    stored_as: StoredAs,
    /// A batch that becomes larger is refused. It is not kept either: a small one can become very
    /// large where it is no longer compressed.
    bytes_max: usize,
}

/// A batch of a request that has to be written again: its places among topics and partitions.
#[derive(Debug)]
pub(super) struct Needed {
    topic_at: usize,
    partition_at: usize,
    how: Recoding,
}

/// How the topic has the batch written again, if it does.
fn recoding(config: &TopicConfig, sent: &InspectedPartition) -> Option<Recoding> {
    let stored_as = config.stored_as()?;
    let how = Recoding {
        stored_as,
        bytes_max: config.message_bytes_max(),
    };
    (sent.compression != Some(stored_as.compression)).then_some(how)
}

/// The batches that would be stored and have to be written again before.
pub(super) fn needed(cluster: &Cluster, caller: &Caller, request: &Inspected) -> Vec<Needed> {
    let mut needed = Vec::new();
    for (topic_at, topic) in request.topics.iter().enumerate() {
        let name = match caller.version >= super::BY_ID_FROM {
            true => cluster.topics.name_of(&topic.id),
            false => Some(&topic.name),
        };
        let found = name.and_then(|name| Some((name, cluster.topics.topic(name)?)));
        let Some((name, found)) = found.filter(|(_, found)| found.config.stored_as().is_some())
        else {
            continue;
        };
        if super::resolve(cluster, caller, &topic.name, &topic.id)
            .1
            .is_some()
        {
            continue;
        }
        for (partition_at, partition) in topic.partitions.iter().enumerate() {
            let Some(how) = recoding(&found.config, partition) else {
                continue;
            };
            let is_done = |recoded: &Recoded| recoded.how == how;
            if partition.recoded.as_ref().is_some_and(is_done)
                || super::admit(cluster, caller, request.acks, name, partition).is_err()
            {
                continue;
            }
            needed.push(Needed {
                topic_at,
                partition_at,
                how,
            });
        }
    }
    needed
}

/// Writes them again.
pub(super) fn recode_all(request: &mut Inspected, needed: &[Needed]) {
    for needed in needed {
        let topic = request.topics.get_mut(needed.topic_at);
        let partition = topic.and_then(|topic| topic.partitions.get_mut(needed.partition_at));
        if let Some(partition) = partition
            && let Ok(inspection) = &partition.batch
        {
            partition.recoded = Some(Recoded {
                how: needed.how,
                batch: recode(inspection, needed.how),
            });
        }
    }
}

/// The batch as the topic stores it.
pub(super) fn as_stored(config: &TopicConfig, sent: &InspectedPartition) -> Result<Bytes, Fault> {
    let inspection = sent.batch.as_ref().map_err(Fault::clone)?;
    let Some(how) = recoding(config, sent) else {
        return Ok(inspection.bytes.clone());
    };
    let done = sent.recoded.as_ref().filter(|recoded| recoded.how == how);
    let batch = match done {
        Some(recoded) => recoded.batch.clone()?,
        None => recode(inspection, how)?,
    };
    check_size(config, batch.len())?;
    Ok(batch)
}

thread_local! {
    // Buffers and tables that would otherwise be made anew for every batch.
    static WRITER: RefCell<Writer> = RefCell::default();
}

#[derive(Default)]
struct Writer {
    columns: Columns,
    decompressor: Decompressor,
    compressor: Option<(StoredAs, Compressor)>,
}

fn recode(inspection: &Inspection, how: Recoding) -> Result<Bytes, Fault> {
    let view = only_batch(&inspection.bytes).expect("inspected");
    WRITER.with_borrow_mut(|writer| writer.write(&view, how))
}

impl Writer {
    /// A batch of the same records, with everything that is said of them, in another codec.
    fn write(&mut self, batch: &RecordBatch<'_>, how: Recoding) -> Result<Bytes, Fault> {
        let decoded = self.columns.decode(batch, &mut self.decompressor);
        let rows =
            decoded.map_err(|error| Fault::new(ErrorCode::INVALID_RECORD, error.to_string()))?;
        let codec = how.stored_as.compression;
        let mut builder = RecordBatchBuilder::new(codec).with_batch_bytes_max(usize::MAX);
        for row in rows {
            let headers: Vec<_> = row.headers.collect();
            let appended = builder.append(row.timestamp, row.key, row.value, &headers);
            // Kafka has no better word for a timestamp below -1 where it writes a batch itself.
            appended.map_err(|error| {
                Fault::new(ErrorCode::UNKNOWN_SERVER_ERROR, error.to_string()).by_log()
            })?;
        }
        let compressor = match &mut self.compressor {
            Some((of, compressor)) if *of == how.stored_as => compressor,
            other => &mut other.insert((how.stored_as, how.stored_as.compressor())).1,
        };
        let unsealed = builder.build(compressor);
        if unsealed.encoded_len() > how.bytes_max {
            return Err(super::too_large(unsealed.encoded_len(), how.bytes_max));
        }
        let bytes = unsealed.seal_with(BatchSeal {
            producer_id: batch.producer_id(),
            producer_epoch: batch.producer_epoch(),
            base_sequence: batch.base_sequence(),
            transactional: batch.is_transactional(),
            ..BatchSeal::default()
        });
        // Its own memory: the builder's buffer may be far larger.
        Ok(BytesMut::from(&*bytes).freeze())
    }
}
