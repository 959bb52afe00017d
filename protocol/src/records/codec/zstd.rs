//! Zstandard (RFC 8878) frames, by `rust-zstd`.
//!
//! That library decodes a whole frame fast into memory of its own choosing, or piece by piece with a
//! window beside it. Headers alone bound what a frame can decode to, so they are walked first: where
//! the bound is within the limit, as for all batches that anyone wrote in good faith, the fast way
//! is safe.

use rust_zstd::{CompressOptions, Compressor, Decompressor};

use crate::records::compression::DecompressError;
use crate::records::scratch::Scratch;

const MAGIC: u32 = 0xfd2f_b528;
/// The low four bits are the writer's choice.
const SKIPPABLE_MAGIC: u32 = 0x184d_2a50;
/// No block decodes to more.
const BLOCK_BYTES_MAX: u64 = 128 * 1024;
/// The reference decoder's own limit on windows, and so Java's.
const WINDOW_BYTES_MAX: u64 = 1 << 27;
const SINGLE_SEGMENT: u8 = 0x20;
const CHECKSUM: u8 = 0x04;

const TRUNCATED: DecompressError = DecompressError::Truncated;
const INVALID: DecompressError = DecompressError::Corrupt("its Zstandard frame is invalid");

/// The tables of a compressor at one level.
pub(in crate::records) struct ZstdCompressor {
    compressor: Compressor,
}

impl ZstdCompressor {
    pub(in crate::records) fn new(level: i32) -> Self {
        Self {
            compressor: Compressor::new(CompressOptions {
                level,
                ..Default::default()
            }),
        }
    }

    /// Appends one frame with all of `input` to `out`.
    pub(in crate::records) fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.compressor.compress(input, out);
    }
}

/// The tables of a decompressor.
pub(in crate::records) struct ZstdDecompressor {
    decompressor: Decompressor,
}

impl ZstdDecompressor {
    pub(in crate::records) fn new() -> Self {
        Self {
            decompressor: Decompressor::new(),
        }
    }

    /// Decompresses the frames of `input` to the front of `scratch` and returns their length.
    pub(in crate::records) fn decompress(
        &mut self,
        input: &[u8],
        bytes_max: usize,
        scratch: &mut Scratch,
    ) -> Result<usize, DecompressError> {
        if decoded_bound(input, bytes_max)? <= bytes_max as u64 {
            let bytes = scratch.vec();
            return match self.decompressor.decompress_into(input, bytes) {
                Ok(()) => Ok(bytes.len()),
                Err(_) => Err(INVALID),
            };
        }
        self.decompress_in_pieces(input, bytes_max, scratch)
    }

    /// The slow way, for frames of which only decoding tells how long they are.
    fn decompress_in_pieces(
        &mut self,
        input: &[u8],
        bytes_max: usize,
        scratch: &mut Scratch,
    ) -> Result<usize, DecompressError> {
        self.decompressor.reset();
        let (mut read, mut len) = (0, 0);
        // One byte more than allowed, to see whether there is more.
        let room_max = bytes_max.saturating_add(1);
        loop {
            let room = scratch.room(room_max);
            let before = (read, len);
            self.decompressor
                .decompress_stream(input, &mut read, room, &mut len)
                .map_err(|_| INVALID)?;
            if len > bytes_max {
                return Err(DecompressError::TooLarge { bytes_max });
            }
            if len == room.len() {
                scratch.grow(room_max);
            } else if read == input.len() {
                return self
                    .decompressor
                    .finish()
                    .map(|()| len)
                    .map_err(|_| TRUNCATED);
            } else if (read, len) == before {
                return Err(INVALID);
            }
        }
    }
}

/// The most that the frames of `input` can decode to, by their headers and their blocks' headers.
fn decoded_bound(mut input: &[u8], bytes_max: usize) -> Result<u64, DecompressError> {
    let rest = &mut input;
    let mut bound = 0;
    while !rest.is_empty() {
        let magic = read_number(rest, 4)?;
        if magic & 0xffff_fff0 == u64::from(SKIPPABLE_MAGIC) {
            let len = read_number(rest, 4)?;
            take(rest, len)?;
        } else if magic == u64::from(MAGIC) {
            bound += frame_bound(rest, bytes_max)?;
        } else {
            return Err(DecompressError::Corrupt("it is not Zstandard"));
        }
    }
    Ok(bound)
}

/// Walks one frame from behind its magic number.
fn frame_bound(rest: &mut &[u8], bytes_max: usize) -> Result<u64, DecompressError> {
    let descriptor = read_number(rest, 1)? as u8;
    let single_segment = descriptor & SINGLE_SEGMENT != 0;
    let mut window = 0;
    if !single_segment {
        let byte = read_number(rest, 1)?;
        let base = 1 << (10 + (byte >> 3));
        window = base + base / 8 * (byte & 7);
    }
    let dictionary_bytes = match descriptor & 3 {
        3 => 4,
        bytes => u64::from(bytes),
    };
    if read_number(rest, dictionary_bytes)? != 0 {
        return Err(DecompressError::Corrupt("it needs a dictionary"));
    }
    let size_code = descriptor >> 6;
    let content_bytes = match size_code {
        0 if single_segment => Some(read_number(rest, 1)?),
        0 => None,
        1 => Some(read_number(rest, 2)? + 256),
        2 => Some(read_number(rest, 4)?),
        _ => Some(read_number(rest, 8)?),
    };
    if single_segment {
        window = content_bytes.unwrap_or(0);
    }
    if content_bytes.is_some_and(|bytes| bytes > bytes_max as u64) {
        return Err(DecompressError::TooLarge { bytes_max });
    }
    if window > WINDOW_BYTES_MAX {
        return Err(DecompressError::Corrupt("it needs a window over 128 MiB"));
    }

    let block_bytes_max = window.min(BLOCK_BYTES_MAX);
    let mut blocks_bound = 0;
    loop {
        let header = read_number(rest, 3)?;
        let size = header >> 3;
        let (stored, decoded) = match header >> 1 & 3 {
            0 => (size, size),
            1 => (1, size),
            2 => (size, block_bytes_max),
            _ => return Err(INVALID),
        };
        take(rest, stored)?;
        blocks_bound += decoded;
        if header & 1 != 0 {
            break;
        }
    }
    if descriptor & CHECKSUM != 0 {
        take(rest, 4)?;
    }
    // The content size may lie, which is found out only after decoding.
    Ok(blocks_bound)
}

fn take<'b>(rest: &mut &'b [u8], len: u64) -> Result<&'b [u8], DecompressError> {
    let len = usize::try_from(len).map_err(|_| TRUNCATED)?;
    let (taken, after) = rest.split_at_checked(len).ok_or(TRUNCATED)?;
    *rest = after;
    Ok(taken)
}

/// A little-endian number of `len` bytes.
fn read_number(rest: &mut &[u8], len: u64) -> Result<u64, DecompressError> {
    Ok(take(rest, len)?
        .iter()
        .rev()
        .fold(0, |number, &byte| number << 8 | u64::from(byte)))
}
