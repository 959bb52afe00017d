//! Tumbling windows of event time with the default trigger, also across restores.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use thalweg::{App, Emit, Json, RecordKey, Topology, Tumbling, WindowStream, millis};
use thalweg_tests::tally::Outcome;

use super::steps::{LATE, OUT, Restarts, Results, elements, run};
use crate::compare::{entries, equal, equal_in_order};
use crate::not_built;

/// A case of a window operator; others are not built.
pub(crate) fn check(case: &Value) -> Outcome {
    let Some(topology) = program(case) else {
        return not_built(case);
    };
    let checked = [Restarts::Never, Restarts::Every(5)]
        .into_iter()
        .try_for_each(|restarts| {
            compare(&topology, case, restarts).map_err(|why| format!("{restarts:?}: {why}"))
        });
    if checked.is_err() && restores(case).next().is_some() {
        return check_without_timers(case);
    }
    checked.into()
}

/// The steps at which a case goes back to a checkpoint.
fn restores(case: &Value) -> impl Iterator<Item = usize> {
    let steps = case["input"].as_array().into_iter().flatten().enumerate();
    steps.filter_map(|(index, step)| (step["checkpoint_restore"] == true).then_some(index))
}

/// Flink's timers are state of their own: when it restores windows and forgets the time, a key
/// whose window has fired does not fire again unless it gets another element. The engine has no
/// such timers, since its watermark is state (T4); told to forget it, it fires the window again.
/// Such a case is not passed. Without the repeated results, and what counts them, it must agree.
fn check_without_timers(case: &Value) -> Outcome {
    let mut sums = case.clone();
    sums["parameters"]["function"] = "sum".into();
    for entry in sums["expected"].as_array_mut().into_iter().flatten() {
        let fields = entry.as_object_mut().expect("an entry");
        fields.retain(|name, _| name != "pane" && name != "key_firings_before");
    }
    let topology = program(&sums).expect("it has a function less");
    let agreed = run(&topology, None, &sums, Restarts::Never)
        .map_err(|error| error.to_string())
        .and_then(|mut results| {
            remove_repeated(&sums, &mut results.entries);
            compare_results(results, &sums)
        });
    match agreed {
        Ok(()) => Outcome::NotDefined(format!(
            "{} (fired timers)",
            case["case"].as_str().unwrap_or_default()
        )),
        Err(why) => Outcome::Failed(why),
    }
}

/// Removes results that watermarks brought out again unchanged, after a restore.
fn remove_repeated(case: &Value, entries: &mut Vec<Value>) {
    let restores: Vec<usize> = restores(case).collect();
    let mut before: BTreeMap<String, (Value, usize)> = BTreeMap::new();
    entries.retain(|entry| {
        let step = entry["step"].as_u64().expect("a step") as usize;
        if entry["key"].is_null() {
            return true;
        }
        let restored = restores.partition_point(|restore| *restore < step);
        let window = format!("{} {}", entry["key"], entry["window_start"]);
        let last = before.insert(window, (entry["value"].clone(), restored));
        let is_watermark = !case["input"][step]["watermark"].is_null();
        let is_repeated = last.is_some_and(|(value, then)| {
            is_watermark && value == entry["value"] && then < restored
        });
        !is_repeated
    });
}

fn compare(topology: &Topology, case: &Value, restarts: Restarts) -> Result<(), String> {
    let results = run(topology, None, case, restarts).map_err(|error| error.to_string())?;
    compare_results(results, case)
}

fn compare_results(results: Results, case: &Value) -> Result<(), String> {
    equal_in_order(&case["order"], results.entries, entries(&case["expected"]))?;
    if !case["late"].is_null() {
        equal("late element", &results.late, &entries(&case["late"]))?;
    }
    let expected = case["dropped_late"].as_u64();
    if expected.is_some_and(|expected| expected != results.dropped_late) {
        let (dropped, expected) = (results.dropped_late, &case["dropped_late"]);
        return Err(format!("{dropped} were dropped as late, not {expected}"));
    }
    Ok(())
}

/// The program of a case, if the engine has its operator.
fn program(case: &Value) -> Option<Topology> {
    let parameters = &case["parameters"];
    let is_default = parameters["trigger"].is_null() && parameters["evictor"].is_null();
    if parameters["assigner"] != "tumbling_event_time" || !is_default {
        return None;
    }
    let lateness = parameters["allowed_lateness"].as_u64().unwrap_or(0);
    let window = Tumbling::of(millis(parameters["size"].as_u64()?))
        .offset_ms(parameters["offset"].as_i64().unwrap_or(0))
        .allowed_lateness(millis(lateness));
    let late = parameters["side_output_late"] == true;

    let app = App::new("windows");
    let windows = elements(&app).by_record_key().window(window);
    match parameters["function"].as_str()? {
        "sum" => write(windows.aggregate("sum", |a| a.sum(value)), late),
        "min" => write(windows.aggregate("min", |a| a.min(value)), late),
        "max" => write(windows.aggregate("max", |a| a.max(value)), late),
        "count" => write(windows.aggregate("count", |a| a.count()), late),
        "avg" => write(windows.aggregate("avg", |a| a.avg(value)), late),
        "last" => write(
            windows.aggregate("last", |a| a.reduce(value, |_, new| new)),
            late,
        ),
        "concat" => write(
            windows.aggregate("concat", |a| {
                let add = |values: &mut Vec<i64>, element: &Value| values.push(value(element));
                a.fold(Vec::new(), add, |values, more| values.extend(more))
            }),
            late,
        ),
        "panes" => write_panes(windows.aggregate("sum", |a| a.sum(value)), window, late),
        _ => return None,
    }
    Some(app.build().expect("the program is right"))
}

fn value(element: &Value) -> i64 {
    element["value"].as_i64().expect("a number")
}

/// The results of windows over the elements of a case.
type Windows<V> = WindowStream<Json<Value>, RecordKey, V>;

/// Writes each result as the entry of a case.
fn write<V: Clone + Into<Value> + 'static>(results: Windows<V>, late: bool) {
    let results = if late { results.late_to(LATE) } else { results };
    results
        .map(|result| {
            let value: Value = result.value.clone().into();
            json!({
                "key": result.key.as_str(),
                "window_start": result.window.start,
                "window_end": result.window.end,
                "value": value,
                "timestamp": result.window.end - 1,
            })
        })
        .to(OUT)
        .timestamp(|_| 0_i64)
        .write::<Json<Value>>();
}

/// The function with state per window and per key. Its counters are aggregates over the results:
/// windows of the same size and lateness live exactly as long as the ones they look at.
fn write_panes(sums: Windows<i64>, window: Tumbling, late: bool) {
    let sums = if late { sums.late_to(LATE) } else { sums };
    sums.by_record_key()
        .window(window)
        .aggregate("panes", |a| {
            (a.count(), a.reduce(|sum| sum.value, |_, newer| newer))
        })
        .emit(Emit::OnUpdate)
        .by_record_key()
        .aggregate("firings", |a| {
            let firing = a.reduce(
                |pane| (pane.window.start, pane.window.end, pane.value),
                |_, newer| newer,
            );
            (a.count(), firing)
        })
        .map(|firing| {
            let (firings, (start, end, (panes, sum))) = firing.value;
            json!({
                "key": firing.key.as_str(),
                "window_start": start,
                "window_end": end,
                "value": sum,
                "pane": panes - 1,
                "key_firings_before": firings - 1,
                "timestamp": end - 1,
            })
        })
        .to(OUT)
        .timestamp(|_| 0_i64)
        .write::<Json<Value>>();
}
