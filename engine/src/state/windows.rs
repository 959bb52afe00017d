//! One table per window, with undo in two generations (S1).
//!
//! A window that closes leaves with its whole table, which goes into the undo: an abort puts it
//! back. Windows are few; keys are many.

use crate::key::Key;

use super::{Columns, Table};

/// The open windows of an operator, by their start.
pub(crate) struct WindowTables<K, C: Columns> {
    /// Ascending by start.
    live: Vec<(i64, Table<K, C>)>,
    /// The start and the index of the table that was used last.
    last: Option<(i64, usize)>,
    /// Of the open generation. 0 is before any.
    generation: u32,
    /// What became of tables, in order: in the open generation, and in the sealed one.
    open: Vec<TableEvent<K, C>>,
    sealed: Vec<TableEvent<K, C>>,
}

enum TableEvent<K, C: Columns> {
    Made(i64),
    Closed(i64, Table<K, C>),
}

impl<K: Key, C: Columns> WindowTables<K, C> {
    pub(crate) fn new() -> Self {
        Self {
            live: Vec::new(),
            last: None,
            generation: 1,
            open: Vec::new(),
            sealed: Vec::new(),
        }
    }

    /// The open generation's number, for [`Table::touch`].
    #[inline]
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// The start of the window that was used last.
    #[inline]
    pub(crate) fn last_start(&self) -> Option<i64> {
        self.last.map(|(start, _)| start)
    }

    /// The table of a window; made if there is none.
    #[inline]
    pub(crate) fn table(&mut self, start: i64) -> &mut Table<K, C> {
        let index = match self.last {
            Some((last, index)) if last == start => index,
            _ => self.find_or_make(start),
        };
        let (_, table) = self
            .live
            .get_mut(index)
            .expect("found or made, or forgotten since");
        table
    }

    #[cold]
    fn find_or_make(&mut self, start: i64) -> usize {
        let found = self.live.binary_search_by_key(&start, |(start, _)| *start);
        let index = found.unwrap_or_else(|index| {
            self.live.insert(index, (start, Table::new()));
            self.open.push(TableEvent::Made(start));
            index
        });
        self.last = Some((start, index));
        index
    }

    /// The open windows, by start.
    pub(crate) fn live(&self) -> &[(i64, Table<K, C>)] {
        &self.live
    }

    /// Closes a window.
    pub(crate) fn close(&mut self, start: i64) {
        if let Ok(index) = self.live.binary_search_by_key(&start, |(start, _)| *start) {
            let (start, table) = self.live.remove(index);
            self.open.push(TableEvent::Closed(start, table));
            self.last = None;
        }
    }

    /// The windows that closed in the open generation, in order.
    pub(crate) fn closed(&self) -> impl Iterator<Item = (i64, &Table<K, C>)> {
        self.open.iter().filter_map(|event| match event {
            TableEvent::Closed(start, table) => Some((*start, table)),
            TableEvent::Made(_) => None,
        })
    }

    /// Closes the open generation. The sealed one before was committed.
    pub(crate) fn seal(&mut self) {
        debug_assert!(self.sealed.is_empty(), "the generation before is settled");
        for (_, table) in &mut self.live {
            table.seal();
        }
        for event in &mut self.open {
            if let TableEvent::Closed(_, table) = event {
                table.seal();
            }
        }
        std::mem::swap(&mut self.open, &mut self.sealed);
        self.generation = self.generation.wrapping_add(1).max(1);
    }

    /// Frees the sealed generation's undo, closed windows with it.
    pub(crate) fn committed(&mut self) {
        self.sealed.clear();
        for (_, table) in &mut self.live {
            table.committed();
        }
        for event in &mut self.open {
            if let TableEvent::Closed(_, table) = event {
                table.committed();
            }
        }
    }

    /// Undoes the open generation, then, if there is one, the sealed one.
    pub(crate) fn abort(&mut self, has_sealed: bool) {
        let open = std::mem::take(&mut self.open);
        self.undo(open);
        for (_, table) in &mut self.live {
            table.undo_open();
        }
        if has_sealed {
            let sealed = std::mem::take(&mut self.sealed);
            self.undo(sealed);
            for (_, table) in &mut self.live {
                table.undo_sealed();
            }
        }
        // Rows of the undone generations carry its number: the next must be another.
        self.generation = self.generation.wrapping_add(1).max(1);
        self.last = None;
    }

    fn undo(&mut self, events: Vec<TableEvent<K, C>>) {
        for event in events.into_iter().rev() {
            match event {
                TableEvent::Made(start) => {
                    if let Ok(at) = self.live.binary_search_by_key(&start, |(start, _)| *start) {
                        self.live.remove(at);
                    }
                }
                TableEvent::Closed(start, table) => {
                    let at = self.live.partition_point(|(other, _)| *other < start);
                    self.live.insert(at, (start, table));
                }
            }
        }
    }

    /// Ends a restore.
    pub(crate) fn settle(&mut self) {
        self.live.retain(|(_, table)| table.len() > 0);
        for (_, table) in &mut self.live {
            table.settle();
        }
        self.open.clear();
        self.sealed.clear();
        self.last = None;
    }

    /// Keys × windows.
    pub(crate) fn rows(&self) -> u64 {
        self.live.iter().map(|(_, table)| table.len() as u64).sum()
    }

    /// Rough bytes in memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.live.iter().map(|(_, table)| table.bytes()).sum()
    }
}

#[cfg(test)]
mod tests;
