//! A buffer for decompressed bytes that is written over and over.

/// Bytes that keep the length of the largest use, so that they are zeroed once and not per use, and
/// that grow as output turns up, not as a header claims it.
#[derive(Default)]
pub(super) struct Scratch {
    bytes: Vec<u8>,
}

/// The first room given: most batches decompress to less.
const FIRST_BYTES: usize = 16 * 1024;

impl Scratch {
    /// All the room there is, up to `len_max`.
    pub(super) fn room(&mut self, len_max: usize) -> &mut [u8] {
        let len = self.bytes.len().min(len_max);
        self.bytes.get_mut(..len).unwrap_or_default()
    }

    /// Makes room for `len` bytes or more, towards `len_max` in larger and larger steps.
    pub(super) fn reserve(&mut self, len: usize, len_max: usize) {
        let held = self.bytes.len();
        if len > held {
            let len = len.max(FIRST_BYTES.max(held * 2).min(len_max));
            self.bytes.reserve_exact(len - held);
            self.bytes.resize(len, 0);
        }
    }

    /// Makes more room, if there is less than `len_max`.
    pub(super) fn grow(&mut self, len_max: usize) {
        self.reserve((self.bytes.len() + 1).min(len_max), len_max);
    }

    /// The buffer itself, for what manages its length alone and initialises all of it.
    pub(super) fn vec(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The buffer, for keeping.
    pub(super) fn into_vec(self) -> Vec<u8> {
        self.bytes
    }

    /// The first `len` bytes.
    pub(super) fn filled(&self, len: usize) -> &[u8] {
        self.bytes.get(..len).unwrap_or_default()
    }
}

impl From<Vec<u8>> for Scratch {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch")
            .field("bytes", &self.bytes.len())
            .finish()
    }
}
