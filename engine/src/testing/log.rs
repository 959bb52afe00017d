//! Topics in memory, with what of them is committed.

use thalweg_protocol::PartitionId;
use thalweg_protocol::records::{
    Columns, Compression, Compressor, Decompressor, RecordBatchBuilder, RecordBatches, RecordError,
    Rows, UnsealedBatch,
};
use thalweg_protocol::{Offset, ProducerId};

/// A record as it stands in a topic of a [`TestDriver`](super::TestDriver).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TestRecord {
    /// Its partition.
    pub partition: PartitionId,
    /// Milliseconds since 1970; -1 for none.
    pub timestamp: i64,
    /// The key; `None` is null.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is null.
    pub value: Option<Vec<u8>>,
    /// The headers, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl TestRecord {
    /// With a value, and a timestamp in ms since 1970; no key, partition 0.
    pub fn new(timestamp: i64, value: impl AsRef<[u8]>) -> Self {
        Self {
            timestamp,
            value: Some(value.as_ref().to_vec()),
            ..Self::default()
        }
    }

    /// With this key.
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.key = Some(key.as_ref().to_vec());
        self
    }

    /// In this partition.
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = PartitionId(partition);
        self
    }

    /// With this header.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), Some(value.as_ref().to_vec())));
        self
    }

    /// The value as text; what is not UTF-8 is replaced, null is `null`.
    pub fn value_text(&self) -> String {
        let value = self.value.as_deref();
        value.map_or_else(
            || "null".to_owned(),
            |value| String::from_utf8_lossy(value).into_owned(),
        )
    }

    /// The key as text; what is not UTF-8 is replaced, null is `null`.
    pub fn key_text(&self) -> String {
        let key = self.key.as_deref();
        key.map_or_else(
            || "null".to_owned(),
            |key| String::from_utf8_lossy(key).into_owned(),
        )
    }
}

/// What became of the transaction a record was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is open.
    Open,
    /// It is sealed: its commit is under way.
    Sealed,
    Committed,
    Aborted,
}

/// A topic: all records in the order they were written.
#[derive(Default)]
pub(super) struct TestTopic {
    pub(super) records: Vec<(Fate, TestRecord)>,
    /// What `take` and `take_committed` have given.
    pub(super) taken: usize,
    pub(super) taken_committed: usize,
    /// What downstream tasks have read (of a repartition topic).
    pub(super) delivered: usize,
}

impl TestTopic {
    pub(super) fn settle(&mut self, from: Fate, to: Fate) {
        for (fate, _) in &mut self.records {
            if *fate == from {
                *fate = to;
            }
        }
    }

    /// All that was not taken yet, aborted records left out.
    pub(super) fn take(&mut self) -> Vec<TestRecord> {
        let new = self.records.get(self.taken..).unwrap_or_default();
        self.taken = self.records.len();
        new.iter()
            .filter(|(fate, _)| *fate != Fate::Aborted)
            .map(|(_, record)| record.clone())
            .collect()
    }

    /// What a reader of committed records would get now.
    pub(super) fn take_committed(&mut self) -> Vec<TestRecord> {
        let (records, next) = self.committed_from(self.taken_committed);
        self.taken_committed = next;
        records
    }

    /// Committed records from a place on, up to the first that is undecided, and where that is.
    pub(super) fn committed_from(&self, from: usize) -> (Vec<TestRecord>, usize) {
        let rest = self.records.get(from..).unwrap_or_default();
        let decided = rest
            .iter()
            .position(|(fate, _)| matches!(fate, Fate::Open | Fate::Sealed))
            .unwrap_or(rest.len());
        let records = rest.iter().take(decided);
        let records = records.filter(|(fate, _)| *fate == Fate::Committed);
        (
            records.map(|(_, record)| record.clone()).collect(),
            from + decided,
        )
    }
}

/// Batches to records and back, by the same code as on the wire.
pub(super) struct Codec {
    columns: Columns,
    decompressor: Decompressor,
    compressor: Compressor,
}

impl Codec {
    pub(super) fn new() -> Self {
        Self {
            columns: Columns::new(),
            decompressor: Decompressor::new(),
            compressor: Compressor::new(),
        }
    }

    /// One batch of these records, the first at `base_offset`, read again.
    pub(super) fn with_rows<R>(
        &mut self,
        base_offset: Offset,
        records: &[TestRecord],
        mut process: impl FnMut(&Rows<'_>) -> R,
    ) -> Result<R, String> {
        let mut builder =
            RecordBatchBuilder::new(Compression::None).with_batch_bytes_max(i32::MAX as usize);
        for record in records {
            let headers: Vec<(&str, Option<&[u8]>)> = record
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_deref()))
                .collect();
            builder
                .append(
                    record.timestamp,
                    record.key.as_deref(),
                    record.value.as_deref(),
                    &headers,
                )
                .map_err(|refused| refused.to_string())?;
        }
        let bytes = builder
            .build(&mut self.compressor)
            .seal(ProducerId(-1), -1, -1, false);
        let mut bytes = bytes.to_vec();
        if let Some(slot) = bytes.first_chunk_mut() {
            // The base offset is the broker's to set; the CRC does not cover it.
            *slot = base_offset.0.to_be_bytes();
        }
        let batch = RecordBatches::new(&bytes)
            .next()
            .ok_or("there is no batch")?;
        let batch = batch.map_err(|error| error.to_string())?;
        let rows = self.columns.decode(&batch, &mut self.decompressor);
        Ok(process(&rows.map_err(|error| error.to_string())?))
    }

    /// The records of a batch that a task wrote.
    pub(super) fn read(
        &mut self,
        partition: PartitionId,
        batch: UnsealedBatch,
    ) -> Result<Vec<TestRecord>, RecordError> {
        let bytes = batch.seal(ProducerId(-1), -1, -1, false);
        let mut records = Vec::new();
        for batch in RecordBatches::new(&bytes) {
            for row in &self.columns.decode(&batch?, &mut self.decompressor)? {
                let header = |(name, value): (&str, Option<&[u8]>)| {
                    (name.to_owned(), value.map(<[u8]>::to_vec))
                };
                records.push(TestRecord {
                    partition,
                    timestamp: row.timestamp,
                    key: row.key.map(<[u8]>::to_vec),
                    value: row.value.map(<[u8]>::to_vec),
                    headers: row.headers.map(header).collect(),
                });
            }
        }
        Ok(records)
    }
}
