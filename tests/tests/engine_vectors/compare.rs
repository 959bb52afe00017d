//! Comparing what came out with what was to come out, as strictly as a case's `order` says.

use serde_json::Value;

/// The entries of a list of a case.
pub(crate) fn entries(list: &Value) -> Vec<Value> {
    list.as_array().expect("a list of entries").clone()
}

/// Compares two lists, entry by entry.
pub(crate) fn equal(what: &str, got: &[Value], expected: &[Value]) -> Result<(), String> {
    let pairs = got.iter().zip(expected).enumerate();
    for (index, (got, expected)) in pairs {
        if got != expected {
            return Err(format!("{what} {index} is {got} instead of {expected}"));
        }
    }
    let from = got.len().min(expected.len());
    match (got.get(from), expected.get(from)) {
        (Some(more), _) => Err(format!("{what} {from} is {more}, one too many")),
        (_, Some(missing)) => Err(format!("{what} {from} is missing: {missing}")),
        (None, None) => Ok(()),
    }
}

/// Compares two lists whose order is not significant.
pub(crate) fn equal_multisets(
    what: &str,
    mut got: Vec<Value>,
    mut expected: Vec<Value>,
) -> Result<(), String> {
    got.sort_by_cached_key(Value::to_string);
    expected.sort_by_cached_key(Value::to_string);
    equal(what, &got, &expected)
}

/// Compares two lists in which the order of entries with the same values of `fields` is
/// significant, and that across them is not.
pub(crate) fn equal_by(
    what: &str,
    fields: &[&str],
    mut got: Vec<Value>,
    mut expected: Vec<Value>,
) -> Result<(), String> {
    let key = |entry: &Value| -> Vec<String> {
        fields
            .iter()
            .map(|field| entry[*field].to_string())
            .collect()
    };
    got.sort_by_cached_key(key);
    expected.sort_by_cached_key(key);
    equal(what, &got, &expected)
}

/// Compares two lists by Flink's `order`.
pub(crate) fn equal_in_order(
    order: &Value,
    got: Vec<Value>,
    expected: Vec<Value>,
) -> Result<(), String> {
    match order.as_str() {
        Some("exact") => equal("entry", &got, &expected),
        Some("step_key") => equal("entry", &by_step_and_key(got), &by_step_and_key(expected)),
        _ => Err(format!("no comparison for the order {order}")),
    }
}

/// Brings the entries of each step, between two watermarks, into the order of their keys.
fn by_step_and_key(mut entries: Vec<Value>) -> Vec<Value> {
    let is_bound = |one: &Value, other: &Value| {
        one["step"] != other["step"] || is_watermark(one) || is_watermark(other)
    };
    for run in entries.chunk_by_mut(|one, other| !is_bound(one, other)) {
        run.sort_by_cached_key(|entry| entry["key"].to_string());
    }
    entries
}

fn is_watermark(entry: &Value) -> bool {
    !entry["watermark"].is_null()
}
