//! Snappy in the stream format of the xerial library, and bare.
//!
//! ```text
//! 82 'SNAPPY' 00, version (4), compatible version (4), then any number of: length (4), block
//! ```
//! Data that does not begin like that is one bare block, as some clients write it.

use bytes::Buf;

use crate::records::compression::DecompressError;
use crate::records::scratch::Scratch;

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// Magic, version 1, compatible with version 1.
const HEADER: [u8; 16] = [
    0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1,
];
/// The xerial library's own block length.
const BLOCK_BYTES: usize = 32 * 1024;
/// Snappy makes at most 64 bytes of three.
const RATIO_MAX: usize = 22;

/// A hash table and a block's room.
pub(in crate::records) struct SnappyCompressor {
    encoder: snap::raw::Encoder,
    block: Vec<u8>,
}

impl SnappyCompressor {
    pub(in crate::records) fn new() -> Self {
        Self {
            encoder: snap::raw::Encoder::new(),
            block: Vec::new(),
        }
    }

    /// Appends `input` as a stream to `out`.
    pub(in crate::records) fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.block
            .resize(snap::raw::max_compress_len(BLOCK_BYTES), 0);
        out.extend_from_slice(&HEADER);
        for chunk in input.chunks(BLOCK_BYTES) {
            let len = self
                .encoder
                .compress(chunk, &mut self.block)
                .expect("the buffer holds the longest compressed block");
            out.extend_from_slice(&(len as u32).to_be_bytes());
            out.extend_from_slice(self.block.get(..len).unwrap_or_default());
        }
    }
}

/// Decompresses `input` to the front of `scratch` and returns the length.
pub(in crate::records) fn decompress(
    input: &[u8],
    bytes_max: usize,
    scratch: &mut Scratch,
) -> Result<usize, DecompressError> {
    let mut len = 0;
    if !input.starts_with(&MAGIC) {
        decompress_block(input, bytes_max, scratch, &mut len)?;
        return Ok(len);
    }
    let mut rest = input;
    while !rest.is_empty() {
        // Streams may be concatenated, so a header may come in place of any block. Its versions do
        // not matter: there has never been but one.
        if rest.starts_with(&MAGIC) {
            rest = rest.get(HEADER.len()..).ok_or(DecompressError::Truncated)?;
            continue;
        }
        let block_len = rest.try_get_i32().map_err(|_| DecompressError::Truncated)?;
        let block_len = usize::try_from(block_len)
            .map_err(|_| DecompressError::Corrupt("a block's length is negative"))?;
        let (block, after) = rest
            .split_at_checked(block_len)
            .ok_or(DecompressError::Truncated)?;
        decompress_block(block, bytes_max, scratch, &mut len)?;
        rest = after;
    }
    Ok(len)
}

fn decompress_block(
    block: &[u8],
    bytes_max: usize,
    scratch: &mut Scratch,
    len: &mut usize,
) -> Result<(), DecompressError> {
    const INVALID: DecompressError = DecompressError::Corrupt("a Snappy block is invalid");
    let block_len = snap::raw::decompress_len(block).map_err(|_| INVALID)?;
    if block_len > block.len().saturating_mul(RATIO_MAX) {
        return Err(INVALID);
    }
    let end = *len + block_len;
    if end > bytes_max {
        return Err(DecompressError::TooLarge { bytes_max });
    }
    scratch.reserve(end, bytes_max);
    let room = scratch.room(end).get_mut(*len..).unwrap_or_default();
    snap::raw::Decoder::new()
        .decompress(block, room)
        .map_err(|_| INVALID)?;
    *len = end;
    Ok(())
}
