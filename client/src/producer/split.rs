//! Cutting a batch in two that a topic refuses as too large.

use thalweg_protocol::records::{
    Columns, Compressor, Decompressor, Headers, RecordBatchBuilder, RecordBatches, Rows,
    UnsealedBatch,
};

/// The two halves of a sealed batch, compressed as it was; `None` when it has fewer than two
/// records, or cannot be read (which would be a bug of ours).
pub(super) fn split(sealed: &[u8]) -> Option<(UnsealedBatch, UnsealedBatch)> {
    let batch = RecordBatches::new(sealed).next()?.ok()?;
    let mut columns = Columns::new();
    let mut decompressor = Decompressor::new();
    let rows = columns.decode(&batch, &mut decompressor).ok()?;
    let middle = rows.len() / 2;
    if middle == 0 {
        return None;
    }
    let builder =
        RecordBatchBuilder::new(batch.compression().ok()?).with_batch_bytes_max(i32::MAX as usize);
    let (left, builder) = rebuild(builder, &rows, 0, middle)?;
    let (right, _) = rebuild(builder, &rows, middle, rows.len())?;
    Some((left, right))
}

fn rebuild(
    mut builder: RecordBatchBuilder,
    rows: &Rows<'_>,
    from: usize,
    to: usize,
) -> Option<(UnsealedBatch, RecordBatchBuilder)> {
    for row in from..to {
        let headers: Vec<_> = read_headers(rows.headers(row));
        builder
            .append(
                rows.timestamp(row),
                rows.key(row),
                rows.value(row),
                &headers,
            )
            .ok()?;
    }
    let batch = builder.build(&mut Compressor::new());
    Some((batch, builder))
}

fn read_headers(headers: Headers<'_>) -> Vec<(&str, Option<&[u8]>)> {
    headers.collect()
}
