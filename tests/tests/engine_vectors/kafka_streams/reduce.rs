//! Kafka Streams' `reduce`, as an aggregate of a user's own.

use thalweg::{Aggregate, Json, Nullable};

/// Numbers that may be null.
pub(crate) type Number = Nullable<Json<i64>>;

/// Combines values; null deletes what there was, and the next value begins anew. Comes to the
/// value and the latest event time.
#[derive(Clone, Copy)]
pub(crate) struct Reduce(pub(crate) fn(i64, Option<i64>) -> Option<i64>);

impl Aggregate<Number> for Reduce {
    type Columns = (Vec<Option<i64>>, Vec<i64>);
    type Output = (Option<i64>, i64);

    fn describe(&self, out: &mut String) {
        out.push_str("reduce of Kafka Streams");
    }

    fn insert(&self, (values, times): &mut Self::Columns, value: &Option<i64>, event_time: i64) {
        values.push(*value);
        times.push(event_time);
    }

    fn update(
        &self,
        (values, times): &mut Self::Columns,
        row: usize,
        value: &Option<i64>,
        event_time: i64,
    ) {
        (values[row], times[row]) = match values[row] {
            Some(old) => ((self.0)(old, *value), times[row].max(event_time)),
            None => (*value, event_time),
        };
    }

    fn merge(&self, into: &mut Self::Columns, row: usize, from: &Self::Columns, other: usize) {
        self.update(into, row, &from.0[other], from.1[other]);
    }

    fn finish(&self, (values, times): &Self::Columns, row: usize) -> (Option<i64>, i64) {
        (values[row], times[row])
    }
}
