//! gzip (RFC 1952) members around DEFLATE, as `java.util.zip` reads and writes them.

use flate2::{Compress, Crc, Decompress, FlushCompress, FlushDecompress, Status};

use crate::records::compression::DecompressError;
use crate::records::scratch::Scratch;

/// Magic, DEFLATE, no flags, no time, no extra flags, unknown system: what Java writes.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
const MAGIC: [u8; 2] = [0x1f, 0x8b];
const DEFLATE: u8 = 8;
const HEADER_CRC: u8 = 0x02;
const EXTRA: u8 = 0x04;
const NAME: u8 = 0x08;
const COMMENT: u8 = 0x10;
/// CRC-32 and length of what was compressed.
const TRAILER_BYTES: usize = 8;
/// DEFLATE makes at most 1032 bytes of one.
const RATIO_MAX: usize = 1032;
/// Room that is made at a time where the compressed length exceeds all expectation.
const SPARE_BYTES: usize = 1024;

/// A DEFLATE compressor and its level.
pub(in crate::records) struct GzipCompressor {
    deflate: Compress,
}

impl GzipCompressor {
    pub(in crate::records) fn new(level: i32) -> Self {
        let level = flate2::Compression::new(level.clamp(0, 9) as u32);
        Self {
            deflate: Compress::new(level, false),
        }
    }

    /// Appends one member with all of `input` to `out`.
    pub(in crate::records) fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&HEADER);
        self.deflate.reset();
        out.reserve(input.len() / 2 + SPARE_BYTES);
        loop {
            let consumed = self.deflate.total_in() as usize;
            let rest = input.get(consumed..).unwrap_or_default();
            let status = self
                .deflate
                .compress_vec(rest, out, FlushCompress::Finish)
                .expect("a stream that has not ended takes input");
            if status == Status::StreamEnd {
                break;
            }
            out.reserve(SPARE_BYTES);
        }
        let mut crc = Crc::new();
        crc.update(input);
        out.extend_from_slice(&crc.sum().to_le_bytes());
        out.extend_from_slice(&(input.len() as u32).to_le_bytes());
    }
}

/// A DEFLATE decompressor.
pub(in crate::records) struct GzipDecompressor {
    inflate: Decompress,
}

impl GzipDecompressor {
    pub(in crate::records) fn new() -> Self {
        Self {
            inflate: Decompress::new(false),
        }
    }

    /// Decompresses the members of `input` to the front of `scratch` and returns their length. What
    /// follows a member and is none is left alone, as Java does.
    pub(in crate::records) fn decompress(
        &mut self,
        mut input: &[u8],
        bytes_max: usize,
        scratch: &mut Scratch,
    ) -> Result<usize, DecompressError> {
        // The last member's length, which is that of most batches; a hint and not trusted.
        let announced = input
            .last_chunk()
            .map_or(0, |len| u32::from_le_bytes(*len) as usize);
        let likely = announced.min(input.len().saturating_mul(RATIO_MAX));
        scratch.reserve(likely.min(bytes_max), bytes_max);
        let mut len = 0;
        loop {
            input = after_header(input)?;
            input = self.inflate_member(input, bytes_max, scratch, &mut len)?;
            if !input.starts_with(&MAGIC) {
                return Ok(len);
            }
        }
    }

    /// Inflates from the front of `input` to `scratch` at `len`, and returns what follows the member.
    fn inflate_member<'b>(
        &mut self,
        input: &'b [u8],
        bytes_max: usize,
        scratch: &mut Scratch,
        len: &mut usize,
    ) -> Result<&'b [u8], DecompressError> {
        self.inflate.reset(false);
        let start = *len;
        // One byte more than allowed, to see whether there is more.
        let room_max = bytes_max.saturating_add(1);
        let rest = loop {
            let room = scratch.room(room_max).get_mut(*len..).unwrap_or_default();
            let room_bytes = room.len();
            let rest = input
                .get(self.inflate.total_in() as usize..)
                .unwrap_or_default();
            let status = self.inflate.decompress(rest, room, FlushDecompress::Finish);
            let inflated = start + self.inflate.total_out() as usize - *len;
            *len += inflated;
            if *len > bytes_max {
                return Err(DecompressError::TooLarge { bytes_max });
            }
            match status {
                Ok(Status::StreamEnd) => {
                    break input
                        .get(self.inflate.total_in() as usize..)
                        .unwrap_or_default();
                }
                Ok(Status::Ok | Status::BufError) if inflated < room_bytes => {
                    return Err(DecompressError::Truncated);
                }
                Ok(Status::Ok | Status::BufError) => scratch.grow(room_max),
                Err(_) => return Err(DecompressError::Corrupt("its DEFLATE stream is invalid")),
            }
        };

        let (trailer, rest) = rest
            .split_first_chunk::<TRAILER_BYTES>()
            .ok_or(DecompressError::Truncated)?;
        let member = scratch.filled(*len).get(start..).unwrap_or_default();
        let mut crc = Crc::new();
        crc.update(member);
        let [crc_0, crc_1, crc_2, crc_3, len_0, len_1, len_2, len_3] = *trailer;
        if u32::from_le_bytes([crc_0, crc_1, crc_2, crc_3]) != crc.sum() {
            return Err(DecompressError::Corrupt("its checksum does not fit"));
        }
        if u32::from_le_bytes([len_0, len_1, len_2, len_3]) != member.len() as u32 {
            return Err(DecompressError::Corrupt("its length does not fit"));
        }
        Ok(rest)
    }
}

/// What follows a member's header.
fn after_header(input: &[u8]) -> Result<&[u8], DecompressError> {
    let (fixed, mut rest) = input
        .split_first_chunk::<{ HEADER.len() }>()
        .ok_or(DecompressError::Truncated)?;
    let [magic_0, magic_1, method, flags, ..] = *fixed;
    if [magic_0, magic_1] != MAGIC {
        return Err(DecompressError::Corrupt("it is not gzip"));
    }
    if method != DEFLATE {
        return Err(DecompressError::Corrupt(
            "its compression method is not DEFLATE",
        ));
    }
    if flags & EXTRA != 0 {
        let (len, fields) = rest.split_first_chunk().ok_or(DecompressError::Truncated)?;
        rest = fields
            .get(usize::from(u16::from_le_bytes(*len))..)
            .ok_or(DecompressError::Truncated)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest
                .iter()
                .position(|&byte| byte == 0)
                .ok_or(DecompressError::Truncated)?;
            rest = rest.get(end + 1..).unwrap_or_default();
        }
    }
    if flags & HEADER_CRC != 0 {
        let (stored, after) = rest.split_first_chunk().ok_or(DecompressError::Truncated)?;
        let header = input.get(..input.len() - rest.len()).unwrap_or_default();
        let mut crc = Crc::new();
        crc.update(header);
        if u16::from_le_bytes(*stored) != crc.sum() as u16 {
            return Err(DecompressError::Corrupt(
                "its header's checksum does not fit",
            ));
        }
        rest = after;
    }
    Ok(rest)
}
