//! Keys and their accumulators, with undo in two generations (S1).
//!
//! Rows are in the order their keys were first seen, and stay there: that order is the order of
//! every output. The first change of a row in a generation saves what it was; a row that the
//! generation made is undone by cutting the table back. So undoing costs what was touched, and
//! both lists together are what the changelog has to be told.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::hash::BuildHasher;

use crate::key::{KEY_HASHER, Key, Lookup};

use super::{Columns, Cut};

/// See the module.
pub(crate) struct Table<K, C: Columns> {
    index: HashTable<u32>,
    keys: Vec<K>,
    columns: C,
    /// Per row, the generation that saved or made it last.
    touched: Vec<u32>,
    open: Undo<C::Row>,
    sealed: Undo<C::Row>,
    /// During a restore, the number each row had.
    restored_numbers: Vec<u32>,
}

struct Undo<R> {
    /// Rows the table had when the generation began.
    rows_before: usize,
    /// Of those, the ones it changed, as they were.
    saved: Vec<(u32, R)>,
}

/// Where a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Row(usize),
    /// It was added; the caller appends its accumulators.
    New,
}

impl<K: Key, C: Columns> Table<K, C> {
    pub(crate) fn new() -> Self {
        Self {
            index: HashTable::new(),
            keys: Vec::new(),
            columns: C::default(),
            touched: Vec::new(),
            open: Undo {
                rows_before: 0,
                saved: Vec::new(),
            },
            sealed: Undo {
                rows_before: 0,
                saved: Vec::new(),
            },
            restored_numbers: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn columns(&self) -> &C {
        &self.columns
    }

    pub(crate) fn columns_mut(&mut self) -> &mut C {
        &mut self.columns
    }

    pub(crate) fn key(&self, row: usize) -> Option<&K> {
        self.keys.get(row)
    }

    /// All keys, in row order.
    pub(crate) fn keys(&self) -> &[K] {
        &self.keys
    }

    /// Finds the row of a key to change it, in the generation of that number; adds the key if need
    /// be.
    #[inline]
    pub(crate) fn touch<L: Lookup<K>>(&mut self, key: L, generation: u32) -> Place {
        let hash = key.hash_with(&KEY_HASHER);
        let keys = &self.keys;
        let is_key = |&row: &u32| keys.get(row as usize).is_some_and(|kept| key.is(kept));
        let rehash = |&row: &u32| {
            keys.get(row as usize)
                .map_or(0, |key| KEY_HASHER.hash_one(key))
        };
        match self.index.entry(hash, is_key, rehash) {
            Entry::Occupied(entry) => {
                let row = *entry.get();
                match self.touched.get_mut(row as usize) {
                    Some(touched) if *touched != generation => {
                        *touched = generation;
                        self.open.saved.push((row, self.columns.save(row as usize)));
                    }
                    _ => {}
                }
                Place::Row(row as usize)
            }
            Entry::Vacant(entry) => {
                entry.insert(self.keys.len() as u32);
                self.keys.push(key.into_key());
                self.touched.push(generation);
                Place::New
            }
        }
    }

    /// The row of a key.
    pub(crate) fn find(&self, key: &K) -> Option<usize> {
        let is_key = |&row: &u32| self.keys.get(row as usize) == Some(key);
        self.index
            .find(KEY_HASHER.hash_one(key), is_key)
            .map(|row| *row as usize)
    }

    /// The rows the open generation changed or made, ascending.
    pub(crate) fn touched_rows(&self) -> Vec<usize> {
        let mut rows: Vec<usize> = self
            .open
            .saved
            .iter()
            .map(|(row, _)| *row as usize)
            .collect();
        rows.sort_unstable();
        rows.extend(self.open.rows_before..self.keys.len());
        rows
    }

    /// How many rows were there before the open generation: those the changelog knows.
    pub(crate) fn logged_rows(&self) -> usize {
        self.open.rows_before
    }

    /// Closes the open generation. The sealed one before was committed.
    pub(crate) fn seal(&mut self) {
        debug_assert!(
            self.sealed.saved.is_empty(),
            "the generation before is settled"
        );
        std::mem::swap(&mut self.sealed, &mut self.open);
        self.open.saved.clear();
        self.open.rows_before = self.keys.len();
    }

    pub(crate) fn committed(&mut self) {
        self.sealed.saved.clear();
        self.sealed.rows_before = self.open.rows_before;
    }

    /// Undoes the open generation.
    pub(crate) fn undo_open(&mut self) {
        let rows_before = self.open.rows_before;
        let saved = std::mem::take(&mut self.open.saved);
        self.put_back(rows_before, saved);
    }

    /// Undoes the sealed generation, after the open one. To be called only if there is one.
    pub(crate) fn undo_sealed(&mut self) {
        let rows_before = self.sealed.rows_before;
        let saved = std::mem::take(&mut self.sealed.saved);
        self.put_back(rows_before, saved);
        self.open.rows_before = rows_before;
    }

    fn put_back(&mut self, rows_before: usize, saved: Vec<(u32, C::Row)>) {
        for (row, key) in self.keys.iter().enumerate().skip(rows_before) {
            let is_row = |&found: &u32| found as usize == row;
            if let Ok(entry) = self.index.find_entry(KEY_HASHER.hash_one(key), is_row) {
                entry.remove();
            }
        }
        self.keys.truncate(rows_before);
        self.touched.truncate(rows_before);
        self.columns.truncate(rows_before);
        for (row, saved) in saved {
            self.columns.put_back(row as usize, saved);
        }
    }

    /// Restores one row from its bytes in the changelog. `number` is the place it had; the place it
    /// gets is settled by [`settle`](Self::settle).
    pub(crate) fn restore<L: Lookup<K>>(
        &mut self,
        key: L,
        number: u32,
        bytes: &mut &[u8],
    ) -> Result<(), Cut> {
        let row = match self.touch(key, 0) {
            Place::Row(row) => row,
            Place::New => {
                self.restored_numbers.push(number);
                self.keys.len() - 1
            }
        };
        if let Some(kept) = self.restored_numbers.get_mut(row) {
            *kept = number;
        }
        self.columns.read_row(row, bytes)
    }

    /// Removes a key whose tombstone was found. The last row takes its place for now.
    pub(crate) fn restore_tombstone(&mut self, key: &K) {
        let Some(row) = self.find(key) else { return };
        let last = self.keys.len() - 1;
        let is_row = |&found: &u32| found as usize == row;
        if let Ok(entry) = self.index.find_entry(KEY_HASHER.hash_one(key), is_row) {
            entry.remove();
        }
        if row != last {
            let hash = self
                .keys
                .get(last)
                .map_or(0, |moved| KEY_HASHER.hash_one(moved));
            if let Some(found) = self.index.find_mut(hash, |&found| found as usize == last) {
                *found = row as u32;
            }
            let saved = self.columns.save(last);
            self.columns.put_back(row, saved);
        }
        self.columns.truncate(last);
        self.keys.swap_remove(row);
        self.restored_numbers.swap_remove(row);
        self.touched.truncate(last);
    }

    /// Ends a restore: rows get the order they had, and are what was there before any generation.
    pub(crate) fn settle(&mut self) {
        let mut order: Vec<usize> = (0..self.keys.len()).collect();
        order.sort_by_key(|&row| self.restored_numbers.get(row));
        if !order.is_sorted() {
            let keys: Vec<K> = order
                .iter()
                .filter_map(|&row| self.keys.get(row))
                .cloned()
                .collect();
            let rows: Vec<C::Row> = order.iter().map(|&row| self.columns.save(row)).collect();
            for (row, saved) in rows.into_iter().enumerate() {
                self.columns.put_back(row, saved);
            }
            self.index.clear();
            for (row, key) in keys.iter().enumerate() {
                let hash = |&row: &u32| {
                    keys.get(row as usize)
                        .map_or(0, |key| KEY_HASHER.hash_one(key))
                };
                self.index
                    .insert_unique(KEY_HASHER.hash_one(key), row as u32, hash);
            }
            self.keys = keys;
        }
        self.restored_numbers = Vec::new();
        self.open = Undo {
            rows_before: self.keys.len(),
            saved: Vec::new(),
        };
        self.sealed = Undo {
            rows_before: self.keys.len(),
            saved: Vec::new(),
        };
    }

    /// Rough bytes in memory.
    pub(crate) fn bytes(&self) -> u64 {
        let row = size_of::<K>() + size_of::<C::Row>() + 2 * size_of::<u32>() + 2;
        (self.keys.capacity() * row + (self.open.saved.len() + self.sealed.saved.len()) * row)
            as u64
    }
}
