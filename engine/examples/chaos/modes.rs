//! What each mode computes.

use std::time::Duration;

use thalweg::{App, Bytes, Emit, Encode, EncodeFailure, Keyed, Text, Tumbling};

/// Copies.
pub(crate) fn pass(app: &App, input: &str, output: &str) {
    app.source::<Bytes>(input).sink::<Bytes>(output);
}

/// Counts per key, and says so after each record.
pub(crate) fn counts(app: &App, input: &str, output: &str) {
    app.source::<Bytes>(input)
        .by_record_key()
        .aggregate("counts", |a| a.count())
        .emit(Emit::OnUpdate)
        .map(|counted| counted.value.to_string())
        .sink::<Text>(output);
}

/// Counts and sums per key and window.
pub(crate) fn windows(app: &App, input: &str, output: &str, size: Duration) {
    app.source::<Keyed<Text, Text>>(input)
        .key_by_ref("key", |record| record.key)
        .already_partitioned()
        .window(Tumbling::of(size).allowed_lateness(Duration::from_secs(3600)))
        .aggregate("windows", |a| {
            (a.count(), a.sum(|record| number(record.value)))
        })
        .emit(Emit::OnUpdate)
        .map(|result| Row {
            key: format!("{}@{}", result.key, result.window.start),
            value: format!("{},{}", result.value.0, result.value.1),
        })
        .to(output)
        .key(|row| Some(row.key.clone()))
        .write::<RowValue>();
}

/// What is not a number counts as nothing: the tests write only numbers.
fn number(text: &str) -> i64 {
    text.parse().unwrap_or(0)
}

struct Row {
    key: String,
    value: String,
}

struct RowValue;

impl Encode<Row> for RowValue {
    fn encode(row: &Row, out: &mut Vec<u8>) -> Result<bool, EncodeFailure> {
        out.extend_from_slice(row.value.as_bytes());
        Ok(true)
    }
}
