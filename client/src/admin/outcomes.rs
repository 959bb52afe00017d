//! What came of an operation on several things, for each of them.

use std::collections::BTreeMap;
use std::collections::btree_map;

use crate::error::CallError;

/// What came of an operation on several things: topics, partitions, groups.
///
/// Each succeeds or fails on its own. [`all`](Self::all) is for callers to whom one failure is a
/// failure of the whole.
#[derive(Debug, Clone)]
#[must_use = "an operation on several things may have failed for some of them"]
pub struct Outcomes<K, T> {
    by_key: BTreeMap<K, Result<T, CallError>>,
}

impl<K: Ord, T> Outcomes<K, T> {
    pub(super) fn new(by_key: BTreeMap<K, Result<T, CallError>>) -> Self {
        Outcomes { by_key }
    }

    /// All results, if there is no failure among them.
    ///
    /// # Errors
    /// The failure of the first thing, by order, that failed.
    pub fn all(self) -> Result<BTreeMap<K, T>, CallError> {
        self.by_key
            .into_iter()
            .map(|(key, outcome)| Ok((key, outcome?)))
            .collect()
    }

    /// What came of one thing; `None` if it was not asked for.
    pub fn outcome<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&Result<T, CallError>>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.by_key.get(key)
    }

    /// What came of each thing, by order.
    pub fn iter(&self) -> btree_map::Iter<'_, K, Result<T, CallError>> {
        self.by_key.iter()
    }

    /// How many things there were.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there was nothing to do.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

impl<K, T> IntoIterator for Outcomes<K, T> {
    type Item = (K, Result<T, CallError>);
    type IntoIter = btree_map::IntoIter<K, Result<T, CallError>>;

    fn into_iter(self) -> Self::IntoIter {
        self.by_key.into_iter()
    }
}

impl<'o, K: Ord, T> IntoIterator for &'o Outcomes<K, T> {
    type Item = (&'o K, &'o Result<T, CallError>);
    type IntoIter = btree_map::Iter<'o, K, Result<T, CallError>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
