//! The form of an input of `record_set` and `compressed`: a few bytes that say what is done with
//! the rest. Fuzzers take them apart, whoever makes seeds puts them together.

use thalweg_protocol::records::Compression;

const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

/// How much may be decompressed at most: an input says which.
const LIMITS: [usize; 4] = [1 << 16, 1 << 20, 1000, 1];

/// What the bytes of a [`RecordSetInput`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordSetForm {
    /// A record set, taken as it is.
    AsIs,
    /// A record set whose checksums are put right first: fuzzers do not guess them.
    Resealed,
    /// A batch of format 2 whose records are compressed first.
    Compressed,
    /// Offset and timestamp of a compressed message, and the plain messages to compress into it.
    Wrapped,
}

/// An input of the target `record_set`.
#[derive(Debug, Clone, Copy)]
pub struct RecordSetInput<'b> {
    /// What `bytes` are.
    pub form: RecordSetForm,
    /// With what they are compressed.
    pub compression: Compression,
    /// The format of wrapped messages, 0 or 1.
    pub magic: u8,
    /// What may be decompressed at most is one of four limits.
    pub limit: u8,
    /// The rest.
    pub bytes: &'b [u8],
}

impl<'b> RecordSetInput<'b> {
    const FORMS: [RecordSetForm; 4] = [
        RecordSetForm::AsIs,
        RecordSetForm::Resealed,
        RecordSetForm::Compressed,
        RecordSetForm::Wrapped,
    ];

    /// Takes an input apart; `None` where it is too short.
    pub fn parse(input: &'b [u8]) -> Option<Self> {
        let ([how, with], bytes) = input.split_first_chunk::<2>()?;
        Some(Self {
            form: *Self::FORMS.get(usize::from(how & 3))?,
            magic: how >> 2 & 1,
            limit: how >> 3 & 3,
            compression: *CODECS.get(usize::from(*with) % CODECS.len())?,
            bytes,
        })
    }

    /// The input that [`Self::parse`] takes apart.
    pub fn encode(&self) -> Vec<u8> {
        let form = Self::FORMS.iter().position(|form| *form == self.form);
        let how = form.unwrap_or(0) as u8 | self.magic << 2 | self.limit << 3;
        [&[how, self.compression.id()], self.bytes].concat()
    }

    /// How many bytes may be decompressed at most.
    pub fn max_decompressed_bytes(&self) -> usize {
        limit(self.limit)
    }
}

/// An input of the target `compressed`: bytes to decompress, and to compress and decompress.
#[derive(Debug, Clone, Copy)]
pub struct CompressedInput<'b> {
    /// The codec.
    pub compression: Compression,
    /// The codec's level, where it has levels, 0 to 63: counted from its fastest one that differs;
    /// 63 is the last.
    pub level: u8,
    /// What may be decompressed at most is one of four limits.
    pub limit: u8,
    /// The rest.
    pub bytes: &'b [u8],
}

impl<'b> CompressedInput<'b> {
    /// Takes an input apart; `None` where it is too short.
    pub fn parse(input: &'b [u8]) -> Option<Self> {
        let ([with, how], bytes) = input.split_first_chunk::<2>()?;
        Some(Self {
            compression: *CODECS.get(usize::from(*with) % CODECS.len())?,
            limit: how & 3,
            level: how >> 2,
            bytes,
        })
    }

    /// The input that [`Self::parse`] takes apart.
    pub fn encode(&self) -> Vec<u8> {
        let how = self.limit & 3 | self.level << 2;
        [&[self.compression.id(), how], self.bytes].concat()
    }

    /// How many bytes may be decompressed at most.
    pub fn max_decompressed_bytes(&self) -> usize {
        limit(self.limit)
    }
}

fn limit(selector: u8) -> usize {
    LIMITS
        .get(usize::from(selector) % LIMITS.len())
        .copied()
        .unwrap_or(0)
}
