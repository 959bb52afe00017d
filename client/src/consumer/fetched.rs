//! What a fetch brought for one partition.

use std::fmt;

use bytes::Bytes;
use thalweg_protocol::Offset;
use thalweg_protocol::records::{
    Columns, Decompressor, RecordBatch, RecordBatches, RecordError, Rows,
};

use super::aborted::{AbortedFilter, AbortedTransactions};
use super::budget::Charge;
use super::error::CorruptBatch;
use crate::topic_partition::TopicPartition;

/// Record batches of one partition, as they came from the broker: a slice of the receive buffer,
/// shared, not copied.
///
/// The bytes count against the consumer's `prefetch_bytes` until this is dropped; it may be sent to
/// another thread and kept, but keeping many keeps their receive buffers and slows fetching down to
/// one batch per partition.
///
/// There may be no batch to see: where only control records and aborted transactions were fetched,
/// [`next_offset`](Self::next_offset) still moves on.
pub struct FetchedRecords {
    pub(super) topic_partition: TopicPartition,
    pub(super) records: Bytes,
    pub(super) start_offset: Offset,
    pub(super) next_offset: Offset,
    pub(super) leader_epoch: i32,
    pub(super) high_watermark: Offset,
    pub(super) last_stable_offset: Offset,
    pub(super) log_start_offset: Offset,
    pub(super) aborted: AbortedTransactions,
    pub(super) charge: Charge,
}

impl FetchedRecords {
    /// The partition.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// The batches an application may see, in order: those of aborted transactions are left out
    /// where the consumer reads committed data, control batches always.
    pub fn batches(&self) -> Batches<'_> {
        Batches {
            fetched: self,
            batches: RecordBatches::new(&self.records),
            filter: self.aborted.filter(),
        }
    }

    /// The consumer's position before these records. The first batch may begin before it; its
    /// records up to here are left out by [`FetchedBatch::decode`].
    pub fn start_offset(&self) -> Offset {
        self.start_offset
    }

    /// The consumer's position after these records: what to commit once they are processed.
    pub fn next_offset(&self) -> Offset {
        self.next_offset
    }

    /// The leader epoch of the last batch; −1 if not known. To be committed with
    /// [`next_offset`](Self::next_offset).
    pub fn leader_epoch(&self) -> i32 {
        self.leader_epoch
    }

    /// The partition's high watermark when this was fetched: the end of what is replicated.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The partition's last stable offset when this was fetched: where the first open transaction
    /// begins, else the high watermark. −1 from brokers that did not say.
    pub fn last_stable_offset(&self) -> Offset {
        self.last_stable_offset
    }

    /// The partition's first offset when this was fetched. −1 from brokers that did not say.
    pub fn log_start_offset(&self) -> Offset {
        self.log_start_offset
    }

    /// The batches as they came, aborted and control batches included.
    pub fn bytes(&self) -> &Bytes {
        &self.records
    }

    /// What these records cost of the consumer's `prefetch_bytes`.
    pub fn charged_bytes(&self) -> usize {
        self.charge.bytes()
    }
}

impl fmt::Debug for FetchedRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchedRecords")
            .field("topic_partition", &format_args!("{}", self.topic_partition))
            .field("start_offset", &self.start_offset)
            .field("next_offset", &self.next_offset)
            .field("bytes", &self.records.len())
            .finish_non_exhaustive()
    }
}

/// The batches of [`FetchedRecords`] that an application may see.
pub struct Batches<'f> {
    fetched: &'f FetchedRecords,
    batches: RecordBatches<'f>,
    filter: AbortedFilter<'f>,
}

impl<'f> Iterator for Batches<'f> {
    type Item = FetchedBatch<'f>;

    fn next(&mut self) -> Option<FetchedBatch<'f>> {
        loop {
            // Frames and markers were all read once when they arrived, and are sound.
            let batch = self.batches.next()?.ok()?;
            let hidden = self.filter.hides(&batch).ok()?;
            if !hidden && batch.next_offset() > self.fetched.start_offset {
                return Some(FetchedBatch {
                    batch,
                    fetched: self.fetched,
                });
            }
        }
    }
}

/// One record batch, not decoded yet.
#[derive(Clone, Copy)]
pub struct FetchedBatch<'f> {
    batch: RecordBatch<'f>,
    fetched: &'f FetchedRecords,
}

impl<'f> FetchedBatch<'f> {
    /// The batch's header.
    pub fn header(&self) -> &RecordBatch<'f> {
        &self.batch
    }

    /// Checks, decompresses and decodes the batch into `decoder`; only records from the consumer's
    /// position on.
    ///
    /// # Errors
    /// The batch is damaged. The error says from which offset one can go on; so does the iterator
    /// this batch came from.
    pub fn decode<'d>(&self, decoder: &'d mut RecordDecoder) -> Result<Rows<'d>, CorruptBatch>
    where
        'f: 'd,
    {
        let RecordDecoder {
            columns,
            decompressor,
        } = decoder;
        match columns.decode(&self.batch, decompressor) {
            Ok(rows) => Ok(rows.starting_at(self.fetched.start_offset)),
            Err(error) => Err(self.corrupt(error)),
        }
    }

    /// Names the topic and partition of an error met while decoding this batch by other means.
    pub fn corrupt(&self, error: RecordError) -> CorruptBatch {
        CorruptBatch {
            topic_partition: self.fetched.topic_partition.clone(),
            offset: self.batch.base_offset(),
            next_offset: Some(self.batch.next_offset()),
            error,
        }
    }
}

impl fmt::Debug for FetchedBatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.batch.fmt(f)
    }
}

/// Room for decoded records and decompressed bytes, used again for every batch.
///
/// Keep one per thread that decodes. Once it has seen a few batches it allocates nothing.
#[derive(Debug, Default)]
pub struct RecordDecoder {
    columns: Columns,
    decompressor: Decompressor,
}

impl RecordDecoder {
    /// An empty decoder.
    pub fn new() -> Self {
        RecordDecoder::default()
    }

    /// Refuses batches that decompress to more than `bytes`. Default: see [`Decompressor`].
    pub fn with_max_decompressed_bytes(bytes: usize) -> Self {
        RecordDecoder {
            columns: Columns::new(),
            decompressor: Decompressor::new().with_max_decompressed_bytes(bytes),
        }
    }
}

/// What one look at the headers of fetched records tells.
#[derive(Debug)]
pub(super) struct Scan {
    /// Where to go on.
    pub(super) next_offset: Offset,
    /// The leader epoch of the last batch, −1 if it does not say or there is none.
    pub(super) leader_epoch: i32,
    /// How many bytes of whole, sound batches there are.
    pub(super) bytes: usize,
    /// What comes after them and cannot be read.
    pub(super) fault: Option<RecordError>,
}

/// Reads the headers of what was fetched from `start` on, which is not nothing. What does not lead
/// beyond `start` is a fault.
pub(super) fn scan(records: &[u8], start: Offset, aborted: &AbortedTransactions) -> Scan {
    let mut scan = Scan {
        next_offset: start,
        leader_epoch: -1,
        bytes: 0,
        fault: None,
    };
    let mut filter = aborted.filter();
    let mut batches = RecordBatches::new(records);
    let mut first = None;
    while let Some(batch) = batches.next() {
        let judged = batch.and_then(|batch| filter.hides(&batch).map(|_| batch));
        match judged {
            Ok(batch) => {
                first.get_or_insert(batch.base_offset());
                scan.bytes = batches.consumed_bytes();
                if batch.next_offset() > scan.next_offset {
                    scan.next_offset = batch.next_offset();
                    scan.leader_epoch = batch.leader_epoch();
                }
            }
            Err(error) => {
                scan.fault = Some(error);
                break;
            }
        }
    }
    if scan.next_offset == start && scan.fault.is_none() {
        // Asked again, the broker would send the same bytes again, for ever.
        let bytes = records.len();
        scan.fault = Some(match first {
            Some(base_offset) => RecordError::Behind { base_offset },
            None => RecordError::CutOff { bytes },
        });
    }
    scan
}
