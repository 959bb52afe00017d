//! A record set cut into its batches.

use bytes::Buf;

use crate::Offset;

use super::batch::{LENGTH_END, LENGTH_MIN, MAGIC_POSITION, RecordBatch};
use super::error::RecordError;

/// The batches of a record set, as found in a fetch response: an iterator that reads frames and
/// headers only.
///
/// A broker may cut the last batch anywhere to keep within the size asked for. What is cut is left
/// out without an error, and not counted by [`consumed_bytes`](Self::consumed_bytes): if nothing
/// was consumed of bytes that are there, the batch is larger than what was asked for.
///
/// After an error there is nothing more to come, as the next batch's place is unknown.
#[derive(Debug, Clone)]
pub struct RecordBatches<'b> {
    bytes: &'b [u8],
    rest: &'b [u8],
    failed: bool,
}

impl<'b> RecordBatches<'b> {
    /// Over the record set `bytes`.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self {
            bytes,
            rest: bytes,
            failed: false,
        }
    }

    /// How many bytes the batches returned so far took.
    pub fn consumed_bytes(&self) -> usize {
        self.bytes.len() - self.rest.len()
    }

    /// The next batch; `None` at the end or where it is cut.
    fn read(&mut self) -> Result<Option<RecordBatch<'b>>, RecordError> {
        if self.rest.len() < LENGTH_END {
            return Ok(None);
        }
        let mut start = self.rest;
        let base_offset = Offset(start.get_i64());
        let length = start.get_i32();
        if length < LENGTH_MIN {
            return Err(RecordError::BatchTooShort {
                base_offset,
                length,
                length_min: LENGTH_MIN,
            });
        }
        let Some(&magic) = self.rest.get(MAGIC_POSITION) else {
            return Ok(None);
        };
        let magic = magic as i8;
        if !(0..=2).contains(&magic) {
            return Err(RecordError::UnknownMagic { base_offset, magic });
        }
        let batch_bytes = LENGTH_END as u64 + length as u64;
        let cut = usize::try_from(batch_bytes)
            .ok()
            .and_then(|len| self.rest.split_at_checked(len));
        let Some((batch, rest)) = cut else {
            return Ok(None);
        };
        let batch = RecordBatch::parse(batch, magic)?;
        self.rest = rest;
        Ok(Some(batch))
    }
}

impl<'b> Iterator for RecordBatches<'b> {
    type Item = Result<RecordBatch<'b>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let batch = self.read().transpose();
        self.failed = matches!(batch, Some(Err(_)));
        batch
    }
}

impl std::iter::FusedIterator for RecordBatches<'_> {}
