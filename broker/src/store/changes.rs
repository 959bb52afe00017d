//! Notes of what may have changed since it was written down last.

use std::collections::BTreeSet;

/// The keys of what may have changed. Without anybody who wants to know, nothing is noted.
#[derive(Debug)]
pub(crate) struct Changes<K>(Option<BTreeSet<K>>);

impl<K> Default for Changes<K> {
    fn default() -> Self {
        Changes(None)
    }
}

impl<K: Ord> Changes<K> {
    /// From now on somebody wants to know.
    pub(crate) fn start(&mut self) {
        self.0 = Some(BTreeSet::new());
    }

    /// What is called so may change now.
    pub(crate) fn note(&mut self, key: impl FnOnce() -> K) {
        if let Some(keys) = &mut self.0 {
            keys.insert(key());
        }
    }

    /// What may have changed since the last time.
    pub(crate) fn take(&mut self) -> BTreeSet<K> {
        self.0.as_mut().map(std::mem::take).unwrap_or_default()
    }
}
