//! A column of serde values, which a changelog holds as JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::element::EncodeFailure;
use crate::state::{Columns, Cut, Stored};

/// The column of [`Agg::reduce`](super::Agg::reduce) and [`Agg::fold`](super::Agg::fold).
///
/// Neither the type's name nor its shape is part of the description: serde may be told how to read
/// what an older program wrote.
#[derive(Debug, Clone)]
pub struct JsonColumn<T>(pub(super) Vec<T>);

impl<T> Default for JsonColumn<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "a row's number is the caller's promise"
)]
impl<T: Serialize + DeserializeOwned + Clone + 'static> Columns for JsonColumn<T> {
    type Row = T;

    fn save(&self, row: usize) -> T {
        self.0[row].clone()
    }

    fn put_back(&mut self, row: usize, saved: T) {
        self.0[row] = saved;
    }

    fn truncate(&mut self, rows: usize) {
        self.0.truncate(rows);
    }

    fn write_row(&self, row: usize, out: &mut Vec<u8>) -> Result<(), EncodeFailure> {
        let json = serde_json::to_vec(&self.0[row])
            .map_err(|error| EncodeFailure::new(format!("as JSON: {error}")))?;
        json.write(out);
        Ok(())
    }

    fn read_row(&mut self, row: usize, bytes: &mut &[u8]) -> Result<(), Cut> {
        let json = Vec::<u8>::read(bytes)?;
        let value = serde_json::from_slice(&json).map_err(|_| Cut)?;
        if row == self.0.len() {
            self.0.push(value);
        } else {
            self.0[row] = value;
        }
        Ok(())
    }
}
