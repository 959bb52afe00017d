//! The records that a broker refuses, as they were sent.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use thalweg_protocol::records::{Columns, Decompressor, RecordBatches};

/// A record that a broker refused (KIP-467), as it was sent.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedRecord {
    /// Its place in the batch it was given to the producer in, counted from 0.
    pub index: u32,
    /// What the broker said about it.
    pub message: Option<Arc<str>>,
    /// Its timestamp, ms since 1970.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
    /// Its headers.
    pub headers: Vec<(String, Option<Bytes>)>,
}

impl fmt::Debug for RefusedRecord {
    /// Without what is in it: errors end up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusedRecord")
            .field("index", &self.index)
            .field("message", &self.message)
            .field("timestamp", &self.timestamp)
            .finish_non_exhaustive()
    }
}

/// A place in a batch, and what the broker says about the record there.
pub(super) type RecordError = (u32, Option<Arc<str>>);

/// The refused records of a sealed batch: those named, or the only one there is. Empty when nobody
/// says which. `first_index` is the place of the batch's first record in what it was cut from.
pub(super) fn refused_records(
    sealed: &[u8],
    first_index: u32,
    named: &[RecordError],
) -> Arc<[RefusedRecord]> {
    let mut refused = Vec::new();
    let (mut columns, mut decompressor) = (Columns::new(), Decompressor::new());
    let batch = RecordBatches::new(sealed).next().and_then(Result::ok);
    let rows = batch.and_then(|batch| columns.decode(&batch, &mut decompressor).ok());
    let Some(rows) = rows else {
        // It was sealed here, so this would be a bug of ours; the refusal is told all the same.
        return Arc::default();
    };
    let only = [(0, None)];
    let named = if named.is_empty() && rows.len() == 1 {
        &only
    } else {
        named
    };
    for (place, message) in named {
        let row = *place as usize;
        if row >= rows.len() {
            continue;
        }
        let owned = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice);
        refused.push(RefusedRecord {
            index: first_index.saturating_add(*place),
            message: message.clone(),
            timestamp: rows.timestamp(row),
            key: owned(rows.key(row)),
            value: owned(rows.value(row)),
            headers: rows
                .headers(row)
                .map(|(name, value)| (name.to_owned(), owned(value)))
                .collect(),
        });
    }
    refused.into()
}

#[cfg(test)]
mod tests {
    use thalweg_protocol::ProducerId;
    use thalweg_protocol::records::{Compression, Compressor, RecordBatchBuilder};

    use super::*;

    fn sealed(compression: Compression, records: u8) -> Bytes {
        let mut builder = RecordBatchBuilder::new(compression);
        for number in 0..records {
            let (key, value) = ([number], [number; 9]);
            let headers = [("h", Some(&key[..])), ("none", None)];
            builder
                .append(
                    1_000 + i64::from(number),
                    Some(&key),
                    Some(&value),
                    &headers,
                )
                .expect("small");
        }
        builder
            .build(&mut Compressor::new())
            .seal(ProducerId(1), 0, 0, true)
    }

    #[test]
    fn named_records_come_as_they_were_sent_counted_from_the_whole_batch() {
        for compression in [Compression::None, Compression::Lz4] {
            let named = [(1, Some("too old".into())), (3, None), (99, None)];
            let refused = refused_records(&sealed(compression, 4), 10, &named);
            let seen: Vec<_> = refused
                .iter()
                .map(|record| (record.index, record.timestamp, record.message.as_deref()))
                .collect();
            assert_eq!(seen, [(11, 1_001, Some("too old")), (13, 1_003, None)]);
            assert_eq!(refused[0].key.as_deref(), Some(&[1][..]));
            assert_eq!(refused[0].value.as_deref(), Some(&[1; 9][..]));
            let one = Some(Bytes::from_static(&[1]));
            assert_eq!(
                refused[0].headers,
                [("h".to_owned(), one), ("none".to_owned(), None)]
            );
        }
    }

    #[test]
    fn of_one_record_nobody_has_to_say_which_and_of_several_nobody_guesses() {
        assert_eq!(
            refused_records(&sealed(Compression::None, 1), 7, &[])[0].index,
            7
        );
        assert!(refused_records(&sealed(Compression::None, 2), 0, &[]).is_empty());
    }

    #[test]
    fn what_is_in_a_record_does_not_reach_the_logs() {
        let refused = refused_records(&sealed(Compression::None, 1), 0, &[]);
        let text = format!("{refused:?}");
        assert!(
            !text.contains("value") && text.contains("timestamp"),
            "{text}"
        );
    }
}
