//! Giving a sealed batch another number.

use bytes::{BufMut, Bytes};

use crate::ProducerId;

use super::batch::{CRC_END, CRC_POSITION, HEADER_BYTES, MAGIC_POSITION};

/// Where the producer's id begins; its epoch and the base sequence follow, up to the record count.
const PRODUCER_POSITION: usize = 43;

/// A copy of a sealed format 2 batch under another producer id, epoch and sequence number, with the
/// checksum made anew.
///
/// Only for a batch that is certain not to be in the log: a broker does not recognise it as the one
/// sealed before, and appends it once more. Bytes that are no whole format 2 batch come back as they
/// are.
pub fn reseal(
    sealed: &Bytes,
    producer_id: ProducerId,
    producer_epoch: i16,
    base_sequence: i32,
) -> Bytes {
    if sealed.len() < HEADER_BYTES || sealed.get(MAGIC_POSITION) != Some(&2) {
        return sealed.clone();
    }
    let mut copy = sealed.to_vec();
    if let Some(mut field) = copy.get_mut(PRODUCER_POSITION..) {
        field.put_i64(producer_id.0);
        field.put_i16(producer_epoch);
        field.put_i32(base_sequence);
    }
    let crc = copy.get(CRC_END..).map_or(0, crc32c::crc32c);
    if let Some(mut field) = copy.get_mut(CRC_POSITION..) {
        field.put_u32(crc);
    }
    copy.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{
        Compression, Compressor, RecordBatchBuilder, RecordBatches, UnsealedBatch,
    };

    fn batch() -> UnsealedBatch {
        let mut builder = RecordBatchBuilder::new(Compression::None);
        for value in [&b"one"[..], b"two"] {
            builder
                .append(1_000, Some(b"k"), Some(value), &[])
                .expect("small");
        }
        builder.build(&mut Compressor::new())
    }

    #[test]
    fn a_batch_numbered_anew_is_as_if_it_had_been_sealed_so() {
        for transactional in [false, true] {
            let first = batch().seal(ProducerId(7), 3, 100, transactional);
            let second = batch().seal(ProducerId(8), 4, 0, transactional);
            let again = reseal(&first, ProducerId(8), 4, 0);
            assert_eq!(again, second);
            let view = RecordBatches::new(&again)
                .next()
                .expect("one")
                .expect("whole");
            view.verify_crc().expect("the checksum was made anew");
        }
    }

    #[test]
    fn what_is_no_batch_stays_as_it_is() {
        // As long as a batch, but of another format.
        let message = Bytes::from_static(&[1; HEADER_BYTES]);
        assert_eq!(reseal(&message, ProducerId(1), 1, 1), message);
        let bytes = Bytes::from_static(&[9; HEADER_BYTES - 1]);
        assert_eq!(reseal(&bytes, ProducerId(1), 1, 1), bytes);
        assert_eq!(reseal(&Bytes::new(), ProducerId(1), 1, 1), Bytes::new());
    }
}
