//! One batch through compaction: read, filtered, written again.

use bytes::BytesMut;
use thalweg_protocol::Offset;
use thalweg_protocol::records::{
    BatchSeal, Columns, Compressor, Decompressor, RecordBatch, RecordBatchBuilder, RecordRef, Rows,
    TimestampType,
};

use super::Newest;
use crate::log::StoredBatch;
use crate::log::segment::without_records;

/// What becomes of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing of it stays.
    Dropped,
    /// Its header stays.
    Emptied,
    /// Records are looked at one by one; all of a control batch stay.
    Filtered {
        /// Whether it is the marker of a transaction that has no records left: its time begins.
        is_void_marker: bool,
        /// Whether its header stays when no record does.
        keep_empty: bool,
    },
}

/// Rewrites batches, with buffers that serve all of them.
#[derive(Debug)]
pub(super) struct Rewriter {
    now_ms: i64,
    delete_retention_ms: i64,
    columns: Columns,
    decompressor: Decompressor,
    compressor: Compressor,
}

impl Rewriter {
    pub(super) fn new(now_ms: i64, delete_retention_ms: i64) -> Self {
        Rewriter {
            now_ms,
            delete_retention_ms,
            columns: Columns::new(),
            decompressor: Decompressor::new(),
            compressor: Compressor::new(),
        }
    }

    /// Notes the offsets of a batch's keys. A batch that cannot be read has none.
    pub(super) fn note_keys(&mut self, batch: &StoredBatch, newest: &mut Newest) {
        let view = batch.view();
        let Ok(rows) = self.columns.decode(&view, &mut self.decompressor) else {
            return;
        };
        for row in rows {
            let Some(key) = row.key else { continue };
            match newest.get_mut(key) {
                Some(offset) => *offset = row.offset.0,
                None => {
                    newest.insert(key.into(), row.offset.0);
                }
            }
        }
    }

    /// What is left of a batch.
    pub(super) fn rewrite(
        &mut self,
        batch: &StoredBatch,
        fate: Fate,
        newest: &Newest,
    ) -> Option<StoredBatch> {
        let (is_void_marker, keep_empty) = match fate {
            Fate::Dropped => return None,
            Fate::Emptied => return without_records(batch),
            Fate::Filtered {
                is_void_marker,
                keep_empty,
            } => (is_void_marker, keep_empty),
        };
        let view = batch.view();
        // What cannot be read stays as it is: nobody else could tell what is in it.
        let Ok(rows) = self.columns.decode(&view, &mut self.decompressor) else {
            return Some(batch.clone());
        };
        let kept: Vec<usize> = (0..rows.len())
            .filter(|row| is_kept(&view, &rows.row(*row), newest, self.now_ms))
            .collect();
        if kept.is_empty() {
            return keep_empty.then(|| without_records(batch)).flatten();
        }
        let has_tombstone = kept.iter().any(|row| rows.value(*row).is_none());
        let horizon = view.delete_horizon_ms();
        let is_new_horizon = horizon.is_none() && (has_tombstone || is_void_marker);
        if kept.len() == rows.len() && !is_new_horizon {
            return Some(batch.clone());
        }
        let set = || self.now_ms.saturating_add(self.delete_retention_ms);
        let horizon = horizon.or_else(|| is_new_horizon.then(set));
        let written = write(&view, &rows, &kept, horizon, &mut self.compressor);
        Some(written.unwrap_or_else(|| batch.clone()))
    }
}

fn is_kept(batch: &RecordBatch<'_>, row: &RecordRef<'_>, newest: &Newest, now_ms: i64) -> bool {
    if batch.is_control() {
        return true;
    }
    let Some(key) = row.key else {
        return false;
    };
    let is_newest = newest.get(key).is_none_or(|offset| row.offset.0 >= *offset);
    let tombstone_stays = || batch.delete_horizon_ms().is_none_or(|at| now_ms < at);
    is_newest && (row.value.is_some() || tombstone_stays())
}

/// A batch of the rows in `kept`, with everything else as the one they were read from. `None` where
/// a record cannot be written again.
fn write(
    batch: &RecordBatch<'_>,
    rows: &Rows<'_>,
    kept: &[usize],
    horizon: Option<i64>,
    compressor: &mut Compressor,
) -> Option<StoredBatch> {
    let mut builder =
        RecordBatchBuilder::new(batch.compression().ok()?).with_batch_bytes_max(usize::MAX);
    if batch.is_control() {
        builder = builder.control();
    }
    if let Some(horizon) = horizon {
        builder = builder.with_delete_horizon_ms(horizon);
    }
    let base_offset = batch.base_offset().0;
    for row in kept {
        let row = rows.row(*row);
        let headers: Vec<_> = row.headers.collect();
        let delta = i32::try_from(row.offset.0 - base_offset).ok()?;
        builder
            .append_at(delta, row.timestamp, row.key, row.value, &headers)
            .ok()?;
    }
    let stamped = batch.timestamp_type() == TimestampType::LogAppendTime;
    let bytes = builder.build(compressor).seal_with(BatchSeal {
        producer_id: batch.producer_id(),
        producer_epoch: batch.producer_epoch(),
        base_sequence: batch.base_sequence(),
        transactional: batch.is_transactional(),
        base_offset: Offset(base_offset),
        leader_epoch: batch.leader_epoch(),
        last_offset_delta: i32::try_from(batch.last_offset().0 - base_offset).ok(),
        log_append_time: stamped.then(|| batch.max_timestamp()),
    });
    // Its own memory: the builder's buffer may be far larger.
    StoredBatch::new(BytesMut::from(&*bytes).freeze())
}
