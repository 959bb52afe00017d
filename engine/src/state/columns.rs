//! Accumulators as columns: one vector per part, one row per key.

use crate::element::EncodeFailure;

use super::{Cut, Stored};

/// The accumulators of a table. Rows are numbered from 0; [`Aggregate`](crate::Aggregate)s append
/// them and change them in place.
///
/// Methods that take a row's number may panic if there is no such row; the engine asks for none.
pub trait Columns: Default + 'static {
    /// One row, as it is kept to undo a change.
    type Row;

    /// A copy of a row.
    fn save(&self, row: usize) -> Self::Row;

    /// Puts a copy back.
    fn put_back(&mut self, row: usize, saved: Self::Row);

    /// Drops all rows from `rows` on.
    fn truncate(&mut self, rows: usize);

    /// Appends the bytes of a row.
    ///
    /// # Errors
    /// The row has no bytes. The application stops; nothing of the transaction is committed.
    fn write_row(&self, row: usize, out: &mut Vec<u8>) -> Result<(), EncodeFailure>;

    /// Reads a row off the front of `bytes` into the place of row `row`, or after the last row if
    /// there are only `row` of them.
    ///
    /// # Errors
    /// The bytes are no such row. The columns may then differ in length: they are thrown away.
    fn read_row(&mut self, row: usize, bytes: &mut &[u8]) -> Result<(), Cut>;
}

#[expect(
    clippy::indexing_slicing,
    reason = "a row's number is the caller's promise"
)]
impl<T: Stored> Columns for Vec<T> {
    type Row = T;

    #[inline]
    fn save(&self, row: usize) -> T {
        self[row].clone()
    }

    fn put_back(&mut self, row: usize, saved: T) {
        self[row] = saved;
    }

    fn truncate(&mut self, rows: usize) {
        self.truncate(rows);
    }

    fn write_row(&self, row: usize, out: &mut Vec<u8>) -> Result<(), EncodeFailure> {
        self[row].write(out);
        Ok(())
    }

    fn read_row(&mut self, row: usize, bytes: &mut &[u8]) -> Result<(), Cut> {
        let value = T::read(bytes)?;
        if row == self.len() {
            self.push(value);
        } else {
            self[row] = value;
        }
        Ok(())
    }
}

macro_rules! tuples_of_columns {
    ($(($($columns:ident $index:tt),+))*) => {$(
        impl<$($columns: Columns),+> Columns for ($($columns,)+) {
            type Row = ($($columns::Row,)+);

            #[inline]
            fn save(&self, row: usize) -> Self::Row {
                ($(self.$index.save(row),)+)
            }

            fn put_back(&mut self, row: usize, saved: Self::Row) {
                $(self.$index.put_back(row, saved.$index);)+
            }

            fn truncate(&mut self, rows: usize) {
                $(self.$index.truncate(rows);)+
            }

            fn write_row(&self, row: usize, out: &mut Vec<u8>) -> Result<(), EncodeFailure> {
                $(self.$index.write_row(row, out)?;)+
                Ok(())
            }

            fn read_row(&mut self, row: usize, bytes: &mut &[u8]) -> Result<(), Cut> {
                $(self.$index.read_row(row, bytes)?;)+
                Ok(())
            }
        }
    )*};
}

tuples_of_columns! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}
