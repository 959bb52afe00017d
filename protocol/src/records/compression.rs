//! The codecs of record batches, behind one door.

use super::pool::BufferPool;
use super::scratch::Scratch;

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

/// Compresses batches, keeping the tables of each codec it was used with: one per thread of
/// producing, for many batches.
#[derive(Debug, Default)]
pub struct Compressor {
    pool: BufferPool,
}

impl Compressor {
    /// With no tables yet (each codec makes its own when it is first used) and a pool of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the buffers of batches from `pool`, which others may share.
    pub fn with_pool(mut self, pool: BufferPool) -> Self {
        self.pool = pool;
        self
    }

    /// The pool that batches' buffers come from and go back to.
    pub fn pool(&self) -> &BufferPool {
        &self.pool
    }
}

/// Decompresses batches, keeping the tables of each codec it was used with.
#[derive(Debug)]
pub struct Decompressor {
    max_decompressed_bytes: usize,
}

/// 64 MiB: Kafka's own limit for what is compressed is 1 MiB (`max.message.bytes`), raised here and
/// there to 10 or 20.
const MAX_DECOMPRESSED_BYTES: usize = 64 * 1024 * 1024;

impl Default for Decompressor {
    fn default() -> Self {
        Self {
            max_decompressed_bytes: MAX_DECOMPRESSED_BYTES,
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

    pub(super) fn decompress_into<'s>(
        &mut self,
        _compression: Compression,
        _magic_0: bool,
        _input: &[u8],
        _scratch: &'s mut Scratch,
    ) -> Result<&'s [u8], DecompressError> {
        Err(DecompressError::Truncated)
    }
}
