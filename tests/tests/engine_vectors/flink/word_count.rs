//! Word counts: `flat_map`, a repartition topic, tumbling windows.

use serde_json::{Value, json};
use thalweg::{App, Json, Tumbling, millis};
use thalweg_tests::tally::Outcome;

use super::steps::{OUT, Restarts, elements, run};
use crate::compare::{entries, equal_in_order};

/// Counts the words of a case's lines.
pub(crate) fn check(case: &Value) -> Outcome {
    [Restarts::Never, Restarts::Every(5)]
        .into_iter()
        .try_for_each(|restarts| compare(case, restarts))
        .into()
}

fn compare(case: &Value, restarts: Restarts) -> Result<(), String> {
    let size = case["parameters"]["size"].as_u64().ok_or("no size")?;
    let app = App::new("words");
    elements(&app)
        .flat_map(|element: &Value| words(element["line"].as_str().unwrap_or_default()))
        .key_by_ref("word", |word: &String| word.as_str())
        .window(Tumbling::of(millis(size)))
        .aggregate("counts", |a| a.sum(|_| 1_i64))
        .map(|count| {
            json!({
                "key": count.key,
                "window_start": count.window.start,
                "window_end": count.window.end,
                "value": count.value,
                "timestamp": count.window.end - 1,
            })
        })
        .to(OUT)
        .timestamp(|_| 0_i64)
        .write::<Json<Value>>();
    let topology = app.build().expect("the program is right");
    let results = run(&topology, Some("words-word-repartition"), case, restarts)
        .map_err(|error| format!("{restarts:?}: {error}"))?;
    equal_in_order(&case["order"], results.entries, entries(&case["expected"]))
        .map_err(|why| format!("{restarts:?}: {why}"))?;
    if case["dropped_late"] != results.dropped_late {
        let (dropped, expected) = (results.dropped_late, &case["dropped_late"]);
        return Err(format!("{dropped} were dropped as late, not {expected}"));
    }
    Ok(())
}

/// Lower case, split at all but letters of ASCII, digits and underscores.
pub(crate) fn words(line: &str) -> Vec<String> {
    line.to_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}
