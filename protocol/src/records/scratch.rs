//! A buffer for decompressed bytes that is written over and over.

/// Bytes that keep the length of the largest use, so that they are zeroed once and not per use, and
/// that grow towards a limit as output turns up, not as a header claims it.
#[derive(Default)]
pub(super) struct Scratch {
    bytes: Vec<u8>,
}

/// The first room given: most batches decompress to less.
const FIRST_BYTES: usize = 16 * 1024;

impl Scratch {
    /// All the room there is.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Makes room for at least `len` bytes.
    pub(super) fn reserve(&mut self, len: usize) {
        if len > self.bytes.len() {
            self.bytes.reserve_exact(len - self.bytes.len());
            self.bytes.resize(len, 0);
        }
    }

    /// Doubles the room, up to `limit`; `false` where it has got that already.
    pub(super) fn grow(&mut self, limit: usize) -> bool {
        let len = self.bytes.len();
        if len >= limit {
            return false;
        }
        self.reserve((len * 2).max(FIRST_BYTES).min(limit));
        true
    }

    /// The first `len` bytes.
    pub(super) fn filled(&self, len: usize) -> &[u8] {
        self.bytes.get(..len).unwrap_or_default()
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch")
            .field("bytes", &self.bytes.len())
            .finish()
    }
}
