//! LZ4 frames, as Kafka's Java client writes and reads them, around the blocks of `lz4_flex`.
//!
//! ```text
//! 04 22 4d 18   magic
//! flags         version 01 (bits 7, 6), blocks independent (5), block checksums (4),
//!               content size (3), content checksum (2), reserved (1), dictionary id (0)
//! sizes         largest block: 4 = 64 KiB, 5 = 256 KiB, 6 = 1 MiB, 7 = 4 MiB (bits 6 to 4)
//! [content size, 8]
//! checksum      second byte of xxHash32 over flags to here
//! any number of: length (4, bit 31: stored as is), block, [checksum, 4]
//! 0             end (4)
//! [content checksum, 4]
//! ```
//! Messages of format 0 have a wrong header checksum, over the magic too, which is not looked at
//! (KAFKA-3160). Blocks that depend on those before them are refused as in Java. Numbers are
//! little-endian.

use bytes::Buf;
use lz4_flex::block::{
    CompressTable, DecompressError as BlockError, compress_into_with_table, decompress_into,
    get_maximum_output_size,
};

use super::xxh32::xxh32;
use crate::records::compression::DecompressError;
use crate::records::scratch::Scratch;

const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
/// Version 1, independent blocks, no checksums; blocks of at most 64 KiB.
const FLAGS_AND_SIZES: [u8; 2] = [0x60, 0x40];
const VERSION_MASK: u8 = 0xc0;
const VERSION: u8 = 0x40;
const INDEPENDENT: u8 = 0x20;
const BLOCK_CHECKSUM: u8 = 0x10;
const CONTENT_SIZE: u8 = 0x08;
const CONTENT_CHECKSUM: u8 = 0x04;
const RESERVED: u8 = 0x03;
const STORED: u32 = 1 << 31;
/// One short of what needs a table of 32-bit entries, which is slower; still a 64 KiB block to
/// every reader.
const BLOCK_BYTES: usize = u16::MAX as usize - 1;
/// LZ4 makes at most 255 bytes of one.
const RATIO_MAX: usize = 255;

/// A hash table and a block's room.
#[derive(Default)]
pub(in crate::records) struct Lz4Compressor {
    table: CompressTable,
    block: Vec<u8>,
}

impl Lz4Compressor {
    /// Appends `input` as one frame to `out`.
    pub(in crate::records) fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let block_bytes_max = get_maximum_output_size(input.len().min(BLOCK_BYTES));
        if self.block.len() < block_bytes_max {
            self.block.resize(block_bytes_max, 0);
        }
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FLAGS_AND_SIZES);
        out.push((xxh32(&FLAGS_AND_SIZES) >> 8) as u8);
        for chunk in input.chunks(BLOCK_BYTES) {
            let len = compress_into_with_table(chunk, &mut self.block, &mut self.table)
                .expect("the buffer holds the longest compressed block");
            let (length, block) = match self.block.get(..len) {
                Some(block) if len < chunk.len() => (len as u32, block),
                _ => (chunk.len() as u32 | STORED, chunk),
            };
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(block);
        }
        out.extend_from_slice(&0_u32.to_le_bytes());
    }
}

/// Decompresses the frames of `input` to the front of `scratch` and returns their length. What
/// follows a frame and is none is left alone, as Java does.
pub(in crate::records) fn decompress(
    input: &[u8],
    magic_0: bool,
    bytes_max: usize,
    scratch: &mut Scratch,
) -> Result<usize, DecompressError> {
    let mut rest = input;
    let mut len = 0;
    loop {
        decompress_frame(&mut rest, magic_0, bytes_max, scratch, &mut len)?;
        if !rest.starts_with(&MAGIC) {
            return Ok(len);
        }
    }
}

fn decompress_frame(
    rest: &mut &[u8],
    magic_0: bool,
    bytes_max: usize,
    scratch: &mut Scratch,
    len: &mut usize,
) -> Result<(), DecompressError> {
    let header = Header::read(rest, magic_0)?;
    let start = *len;
    loop {
        let length = read_u32(rest)?;
        if length == 0 {
            break;
        }
        let block = take(rest, (length & !STORED) as usize)?;
        if header.block_checksums && read_u32(rest)? != xxh32(block) {
            return Err(DecompressError::Corrupt("a block's checksum does not fit"));
        }
        if block.len() > header.block_bytes_max {
            return Err(DecompressError::Corrupt(
                "a block is longer than the frame allows",
            ));
        }
        let most = match length & STORED {
            0 => header.block_bytes_max.min(block.len() * RATIO_MAX),
            _ => block.len(),
        };
        let end_max = (*len + most).min(bytes_max);
        scratch.reserve(end_max, bytes_max);
        let room = scratch.room(end_max).get_mut(*len..).unwrap_or_default();
        if length & STORED == 0 {
            *len += decompress_into(block, room).map_err(|error| match error {
                BlockError::OutputTooSmall { .. } if end_max == bytes_max => {
                    DecompressError::TooLarge { bytes_max }
                }
                _ => DecompressError::Corrupt("an LZ4 block is invalid"),
            })?;
        } else {
            let room = room
                .get_mut(..block.len())
                .ok_or(DecompressError::TooLarge { bytes_max })?;
            room.copy_from_slice(block);
            *len += block.len();
        }
    }
    if header.content_checksum {
        let content = scratch.filled(*len).get(start..).unwrap_or_default();
        if read_u32(rest)? != xxh32(content) {
            return Err(DecompressError::Corrupt(
                "the frame's checksum does not fit",
            ));
        }
    }
    Ok(())
}

struct Header {
    block_bytes_max: usize,
    block_checksums: bool,
    content_checksum: bool,
}

impl Header {
    fn read(rest: &mut &[u8], magic_0: bool) -> Result<Self, DecompressError> {
        if take(rest, MAGIC.len())? != MAGIC {
            return Err(DecompressError::Corrupt("it is not an LZ4 frame"));
        }
        let from_flags = *rest;
        let flags = read_u8(rest)?;
        let sizes = read_u8(rest)?;
        if flags & VERSION_MASK != VERSION {
            return Err(DecompressError::Corrupt("its frame version is not 1"));
        }
        if flags & RESERVED != 0 || sizes & 0x8f != 0 {
            return Err(DecompressError::Corrupt(
                "its frame uses reserved bits or a dictionary",
            ));
        }
        if flags & INDEPENDENT == 0 {
            return Err(DecompressError::Corrupt("its blocks depend on each other"));
        }
        let block_bytes_max = match sizes >> 4 {
            code @ 4..=7 => 1 << (2 * code + 8),
            _ => {
                return Err(DecompressError::Corrupt(
                    "its block size is not one of LZ4's",
                ));
            }
        };
        if flags & CONTENT_SIZE != 0 {
            take(rest, 8)?;
        }
        let described = from_flags.len() - rest.len();
        let checksum = read_u8(rest)?;
        let described = from_flags.get(..described).unwrap_or_default();
        if !magic_0 && checksum != (xxh32(described) >> 8) as u8 {
            return Err(DecompressError::Corrupt(
                "its header's checksum does not fit",
            ));
        }
        Ok(Self {
            block_bytes_max,
            block_checksums: flags & BLOCK_CHECKSUM != 0,
            content_checksum: flags & CONTENT_CHECKSUM != 0,
        })
    }
}

fn take<'b>(rest: &mut &'b [u8], len: usize) -> Result<&'b [u8], DecompressError> {
    let (taken, after) = rest
        .split_at_checked(len)
        .ok_or(DecompressError::Truncated)?;
    *rest = after;
    Ok(taken)
}

fn read_u8(rest: &mut &[u8]) -> Result<u8, DecompressError> {
    rest.try_get_u8().map_err(|_| DecompressError::Truncated)
}

fn read_u32(rest: &mut &[u8]) -> Result<u32, DecompressError> {
    rest.try_get_u32_le()
        .map_err(|_| DecompressError::Truncated)
}
