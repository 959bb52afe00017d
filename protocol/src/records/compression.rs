//! The codecs of record batches, behind one door.

use super::codec::gzip::{GzipCompressor, GzipDecompressor};
use super::codec::lz4::{self, Lz4Compressor};
use super::codec::snappy::{self, SnappyCompressor};
use super::codec::zstd::{ZstdCompressor, ZstdDecompressor};
use super::pool::BufferPool;
use super::scratch::Scratch;

/// Java's `Deflater.DEFAULT_COMPRESSION`.
const GZIP_LEVEL: i32 = 6;
const ZSTD_LEVEL: i32 = 3;
/// 64 MiB. Kafka limits what is compressed to 1 MiB (`max.message.bytes`), raised here and there to
/// 10 or 20.
const MAX_DECOMPRESSED_BYTES: usize = 64 * 1024 * 1024;

/// How the records of a batch are compressed (`compression.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// DEFLATE in a gzip member. Levels 1 (fast) to 9, default 6.
    Gzip,
    /// Snappy blocks in the xerial stream format. It has no levels.
    Snappy,
    /// LZ4 blocks in an LZ4 frame. Levels 1 to 17, default 9.
    Lz4,
    /// Zstandard. Levels -131072 (fast) to 22, default 3. Not in formats 0 and 1.
    Zstd,
}

impl Compression {
    /// The codec of that number in a batch's attributes.
    pub fn from_id(id: u8) -> Option<Self> {
        Some(match id {
            0 => Self::None,
            1 => Self::Gzip,
            2 => Self::Snappy,
            3 => Self::Lz4,
            4 => Self::Zstd,
            _ => return None,
        })
    }

    /// Its number in a batch's attributes.
    pub fn id(self) -> u8 {
        self as u8
    }

    /// Kafka's name for it, as in `compression.type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The levels it has (KIP-390: `compression.gzip.level` and so on), if it has any.
    pub fn levels(self) -> Option<std::ops::RangeInclusive<i32>> {
        match self {
            Self::None | Self::Snappy => None,
            Self::Gzip => Some(1..=9),
            Self::Lz4 => Some(1..=17),
            Self::Zstd => Some(-131_072..=22),
        }
    }
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Compression {
    type Err = UnknownCompression;

    fn from_str(name: &str) -> Result<Self, UnknownCompression> {
        [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd]
            .into_iter()
            .find(|compression| compression.name() == name)
            .ok_or(UnknownCompression)
    }
}

/// A name that is none of `none`, `gzip`, `snappy`, `lz4` and `zstd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such compression: it is one of none, gzip, snappy, lz4 and zstd")]
pub struct UnknownCompression;

/// Why compressed data was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecompressError {
    /// The data decompresses to more than was allowed.
    #[error(
        "decompresses to more than the {bytes_max} bytes allowed; raise `max_decompressed_bytes` \
         if the batch is genuine"
    )]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The data ends before its format does.
    #[error("is cut short")]
    Truncated,
    /// The data breaks its format.
    #[error("is damaged: {0}")]
    Corrupt(&'static str),
}

/// A level that its codec does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{compression} has no level {level}{}", self.levels())]
pub struct InvalidLevel {
    /// The codec.
    pub compression: Compression,
    /// The level asked for.
    pub level: i32,
}

impl InvalidLevel {
    fn levels(self) -> String {
        match self.compression.levels() {
            Some(levels) => format!(": use {} to {}", levels.start(), levels.end()),
            None => ": it has no levels".to_owned(),
        }
    }
}

/// Compresses batches, keeping the tables of each codec it was used with: one for many producers'
/// batches, in one thread.
#[derive(Default)]
pub struct Compressor {
    pool: BufferPool,
    gzip_level: Option<i32>,
    zstd_level: Option<i32>,
    gzip: Option<GzipCompressor>,
    snappy: Option<Box<SnappyCompressor>>,
    lz4: Option<Lz4Compressor>,
    zstd: Option<ZstdCompressor>,
}

impl Compressor {
    /// With default levels, no tables yet (each codec makes its own when it is first used) and a
    /// pool of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the buffers of batches from `pool`, which others may share.
    pub fn with_pool(mut self, pool: BufferPool) -> Self {
        self.pool = pool;
        self
    }

    /// Sets a codec's level (KIP-390: `compression.gzip.level` and so on). LZ4 has one encoder for
    /// all its levels: Kafka's default, the fast one.
    ///
    /// # Errors
    /// [`InvalidLevel`] where the codec does not have that level.
    pub fn with_level(
        mut self,
        compression: Compression,
        level: i32,
    ) -> Result<Self, InvalidLevel> {
        if !compression
            .levels()
            .is_some_and(|levels| levels.contains(&level))
        {
            return Err(InvalidLevel { compression, level });
        }
        match compression {
            Compression::Gzip => (self.gzip_level, self.gzip) = (Some(level), None),
            Compression::Zstd => (self.zstd_level, self.zstd) = (Some(level), None),
            Compression::None | Compression::Snappy | Compression::Lz4 => {}
        }
        Ok(self)
    }

    /// The pool that batches' buffers come from and go back to.
    pub fn pool(&self) -> &BufferPool {
        &self.pool
    }

    /// Appends `input`, compressed in the framing that Kafka's Java client uses, to `out`; as it is
    /// with [`Compression::None`].
    pub fn compress(&mut self, compression: Compression, input: &[u8], out: &mut Vec<u8>) {
        match compression {
            Compression::None => out.extend_from_slice(input),
            Compression::Gzip => {
                let level = self.gzip_level.unwrap_or(GZIP_LEVEL);
                self.gzip
                    .get_or_insert_with(|| GzipCompressor::new(level))
                    .compress(input, out);
            }
            Compression::Snappy => {
                let new = || Box::new(SnappyCompressor::new());
                self.snappy.get_or_insert_with(new).compress(input, out);
            }
            Compression::Lz4 => self.lz4.get_or_insert_default().compress(input, out),
            Compression::Zstd => {
                let level = self.zstd_level.unwrap_or(ZSTD_LEVEL);
                self.zstd
                    .get_or_insert_with(|| ZstdCompressor::new(level))
                    .compress(input, out);
            }
        }
    }
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor")
            .field("gzip_level", &self.gzip_level)
            .field("zstd_level", &self.zstd_level)
            .finish_non_exhaustive()
    }
}

/// Decompresses batches, keeping the tables of each codec it was used with.
pub struct Decompressor {
    max_decompressed_bytes: usize,
    gzip: Option<GzipDecompressor>,
    zstd: Option<Box<ZstdDecompressor>>,
}

impl Default for Decompressor {
    fn default() -> Self {
        Self {
            max_decompressed_bytes: MAX_DECOMPRESSED_BYTES,
            gzip: None,
            zstd: None,
        }
    }
}

impl Decompressor {
    /// With no tables yet, and the default limit of 64 MiB per batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses batches that decompress to more than `bytes`, at most 2³¹ - 1.
    pub fn with_max_decompressed_bytes(mut self, bytes: usize) -> Self {
        self.max_decompressed_bytes = bytes.min(i32::MAX as usize);
        self
    }

    /// Decompresses all of `input`, in any framing that Kafka's Java client reads in format 2, to
    /// `out` in place of what is there. `out` keeps its room, and may be left longer than needed in
    /// capacity, never more than twice the limit; with zstd, which decodes block by block, never more
    /// than twice the sum of the limit and 129 KiB.
    ///
    /// # Errors
    /// [`DecompressError`]; what is in `out` then has no meaning.
    pub fn decompress(
        &mut self,
        compression: Compression,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), DecompressError> {
        let mut scratch = Scratch::from(std::mem::take(out));
        let len = self
            .decompress_into(compression, false, input, &mut scratch)
            .map(<[u8]>::len);
        *out = scratch.into_vec();
        out.truncate(len?);
        Ok(())
    }

    /// Decompresses all of `input`, of a message of format 0 if so, to the front of `scratch`.
    pub(super) fn decompress_into<'s>(
        &mut self,
        compression: Compression,
        magic_0: bool,
        input: &[u8],
        scratch: &'s mut Scratch,
    ) -> Result<&'s [u8], DecompressError> {
        let bytes_max = self.max_decompressed_bytes;
        let len = match compression {
            Compression::None => {
                if input.len() > bytes_max {
                    return Err(DecompressError::TooLarge { bytes_max });
                }
                scratch.reserve(input.len(), bytes_max);
                scratch.room(input.len()).copy_from_slice(input);
                input.len()
            }
            Compression::Gzip => {
                let gzip = self.gzip.get_or_insert_with(GzipDecompressor::new);
                gzip.decompress(input, bytes_max, scratch)?
            }
            Compression::Snappy => snappy::decompress(input, bytes_max, scratch)?,
            Compression::Lz4 => lz4::decompress(input, magic_0, bytes_max, scratch)?,
            Compression::Zstd => {
                let zstd = self
                    .zstd
                    .get_or_insert_with(|| Box::new(ZstdDecompressor::new()));
                zstd.decompress(input, bytes_max, scratch)?
            }
        };
        Ok(scratch.filled(len))
    }
}

impl std::fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decompressor")
            .field("max_decompressed_bytes", &self.max_decompressed_bytes)
            .finish_non_exhaustive()
    }
}
