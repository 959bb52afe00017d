//! The form of state in a changelog topic (S2).
//!
//! One record per key touched per transaction, a tombstone for a key that is gone.
//!
//! ```text
//!  key    un-windowed:  key bytes
//!         windowed:     window start, ms: i64 BE, sign bit flipped · key bytes
//!  value  format version: 1 byte (1) · fingerprint: u64 LE · row number: varint · accumulators
//!         null: tombstone
//! ```
//!
//! The row number is the place of the key in its table, so that a restored task writes its results
//! in the order the lost one would have.

use std::sync::Arc;

use thalweg_protocol::PartitionId;
use thalweg_protocol::records::RecordRef;

use crate::element::DecodeFailure;
use crate::flow::Context;
use crate::key::{Key, Lookup};
use crate::task::{ChangelogId, OutputId, RestoreError, SinkFailure, TaskError};

use super::{Columns, Stored, Table};

const FORMAT_VERSION: u8 = 1;

/// The changelog of one operator of one task.
pub(crate) struct Changelog {
    pub(crate) id: ChangelogId,
    pub(crate) output: OutputId,
    pub(crate) operator: Arc<str>,
    pub(crate) topic: Arc<str>,
    pub(crate) partition: PartitionId,
    /// The operator's definition in words, and its hash.
    pub(crate) definition: String,
    pub(crate) fingerprint: u64,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// FNV-1a: the same everywhere and for ever.
pub(crate) fn fingerprint_of(definition: &str) -> u64 {
    definition
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

impl Changelog {
    pub(crate) fn new(
        id: ChangelogId,
        output: OutputId,
        operator: Arc<str>,
        topic: Arc<str>,
        partition: PartitionId,
        definition: String,
    ) -> Self {
        let fingerprint = fingerprint_of(&definition);
        let (key, value) = (Vec::new(), Vec::new());
        Self {
            id,
            output,
            operator,
            topic,
            partition,
            definition,
            fingerprint,
            key,
            value,
        }
    }

    /// Writes the row of a key. Without a window, `window` is `None`.
    pub(crate) fn write<K: Key, C: Columns>(
        &mut self,
        window: Option<i64>,
        table: &Table<K, C>,
        row: usize,
        context: &mut Context<'_>,
    ) {
        let Some(key) = table.key(row) else { return };
        self.key.clear();
        write_key(window, key, &mut self.key);
        self.value.clear();
        self.value.push(FORMAT_VERSION);
        self.value
            .extend_from_slice(&self.fingerprint.to_le_bytes());
        (row as u32).write(&mut self.value);
        match table.columns().write_row(row, &mut self.value) {
            Ok(()) => self.append(true, context),
            Err(failure) => self.refuse(SinkFailure::Encode(failure.to_string()), context),
        }
    }

    /// Writes that a key is gone.
    pub(crate) fn write_tombstone<K: Key>(
        &mut self,
        window: Option<i64>,
        key: &K,
        context: &mut Context<'_>,
    ) {
        self.key.clear();
        write_key(window, key, &mut self.key);
        self.append(false, context);
    }

    fn append(&self, value: bool, context: &mut Context<'_>) {
        let appended = context.outputs.append(
            self.output,
            Some(self.partition),
            context.now_ms,
            Some(&self.key),
            value.then_some(&self.value),
            &[],
        );
        if let Err(refused) = appended {
            self.refuse(SinkFailure::Append(refused), context);
        }
    }

    #[cold]
    fn refuse(&self, cause: SinkFailure, context: &mut Context<'_>) {
        context.fail(TaskError::Sink {
            operator: format!("changelog of {}", self.operator).into(),
            topic: Arc::clone(&self.topic),
            cause,
        });
    }

    /// The parts of a record: window, key, and the row's number and bytes unless it is a tombstone.
    pub(crate) fn read<'b>(
        &self,
        windowed: bool,
        record: &RecordRef<'b>,
    ) -> Result<LoggedRow<'b>, RestoreError> {
        let key = record
            .key
            .ok_or_else(|| self.unreadable(record, "it has no key"))?;
        let (window, key) = if windowed {
            let (start, key) = key
                .split_first_chunk::<8>()
                .ok_or_else(|| self.unreadable(record, "its key is too short for a window"))?;
            (
                Some(u64::from_be_bytes(*start).wrapping_sub(1 << 63) as i64),
                key,
            )
        } else {
            (None, key)
        };
        let row = record
            .value
            .map(|value| self.read_row(record, value))
            .transpose()?;
        Ok(LoggedRow { window, key, row })
    }

    fn read_row<'b>(
        &self,
        record: &RecordRef<'b>,
        value: &'b [u8],
    ) -> Result<(u32, &'b [u8]), RestoreError> {
        let cut = || self.unreadable(record, "its value is cut short");
        let (version, rest) = value.split_first().ok_or_else(cut)?;
        if *version != FORMAT_VERSION {
            let reason = format!("its format version is {version}, not {FORMAT_VERSION}");
            return Err(self.unreadable(record, &reason));
        }
        let (found, mut rest) = rest.split_first_chunk::<8>().ok_or_else(cut)?;
        let found = u64::from_le_bytes(*found);
        if found != self.fingerprint {
            return Err(RestoreError::Fingerprint {
                operator: Arc::clone(&self.operator),
                topic: Arc::clone(&self.topic),
                definition: self.definition.clone(),
                expected: self.fingerprint,
                found,
            });
        }
        let number = u32::read(&mut rest).map_err(|_| cut())?;
        Ok((number, rest))
    }

    /// Applies a record to the table it belongs to.
    pub(crate) fn apply<K: Key, C: Columns>(
        &self,
        record: &RecordRef<'_>,
        logged: &LoggedRow<'_>,
        table: &mut Table<K, C>,
    ) -> Result<(), RestoreError> {
        let key = K::decode(logged.key).map_err(|failure| self.bad_key(record, &failure))?;
        let Some((number, mut bytes)) = logged.row else {
            table.restore_tombstone(&key.into_key());
            return Ok(());
        };
        let read = table.restore(key, number, &mut bytes);
        if read.is_err() || !bytes.is_empty() {
            return Err(self.unreadable(record, "its accumulators are cut short or too long"));
        }
        Ok(())
    }

    fn bad_key(&self, record: &RecordRef<'_>, failure: &DecodeFailure) -> RestoreError {
        self.unreadable(record, &failure.to_string())
    }

    #[cold]
    fn unreadable(&self, record: &RecordRef<'_>, reason: &str) -> RestoreError {
        RestoreError::Unreadable {
            operator: Arc::clone(&self.operator),
            topic: Arc::clone(&self.topic),
            partition: self.partition,
            offset: record.offset,
            reason: reason.to_owned(),
        }
    }
}

/// A changelog record in its parts.
pub(crate) struct LoggedRow<'b> {
    pub(crate) window: Option<i64>,
    key: &'b [u8],
    row: Option<(u32, &'b [u8])>,
}

fn write_key<K: Key>(window: Option<i64>, key: &K, out: &mut Vec<u8>) {
    if let Some(start) = window {
        // Flipped, so that windows sort by time in the bytes too.
        out.extend_from_slice(&(start as u64).wrapping_add(1 << 63).to_be_bytes());
    }
    key.encode(out);
}
