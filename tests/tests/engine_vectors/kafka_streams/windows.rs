//! Tumbling windows by stream time: aggregates, word counts, the first and the top of a window.

use serde_json::{Value, json};
use thalweg::testing::TestRecord;
use thalweg::{
    Agg, Aggregate, App, Chain, Emit, Json, Key, Nullable, Owned, Stream, Text, Tumbling, Windowed,
    millis,
};
use thalweg_tests::tally::Outcome;

use super::reduce::{Number, Reduce};
use super::steps::{Program, compare, run};
use crate::not_built;

/// A case of a windowed aggregate; others are not built.
pub(crate) fn check(case: &Value) -> Outcome {
    let Some(program) = program(case) else {
        return not_built(case);
    };
    [None, Some(5)]
        .into_iter()
        .try_for_each(|restart_every| {
            check_once(&program, case, restart_every)
                .map_err(|why| format!("restarts {restart_every:?}: {why}"))
        })
        .into()
}

fn check_once(program: &Program, case: &Value, restart_every: Option<usize>) -> Result<(), String> {
    let results = run(program, case, restart_every).map_err(|error| error.to_string())?;
    // Null keys; null values are elements like others here.
    if case["dropped_null"] != results.keyless_skipped {
        let (skipped, expected) = (results.keyless_skipped, &case["dropped_null"]);
        return Err(format!("{skipped} without a key, not {expected}"));
    }
    compare(results, case)
}

/// The program of a case, if the engine has its operator.
fn program(case: &Value) -> Option<Program> {
    let parameters = &case["parameters"];
    let is_tumbling = !parameters["size_ms"].is_null() && parameters["advance_ms"].is_null();
    if !is_tumbling {
        return None;
    }
    let window = Tumbling::of(millis(parameters["size_ms"].as_u64()?))
        .stream_time(millis(parameters["grace_ms"].as_u64()?));
    let emit = match parameters["emit"].as_str()? {
        "on_update" => Emit::OnUpdate,
        "on_close" | "suppress" => Emit::OnClose,
        _ => return None,
    };
    let app = App::new("windows");
    match (case["case"].as_str()?, parameters["aggregate"].as_str()?) {
        ("word-count", _) => word_count(&app, window, emit),
        (_, "count") => aggregate(&app, window, emit, |a| a.count(), to_value),
        (_, "sum") => aggregate(&app, window, emit, |a| a.sum(or(0)), to_value),
        (_, "min") => aggregate(&app, window, emit, |a| a.min(or(i64::MAX)), to_value),
        (_, "max") => aggregate(&app, window, emit, |a| a.max(or(i64::MIN)), to_value),
        (_, "concat") => aggregate(
            &app,
            window,
            emit,
            |a| a.fold(String::new(), append, |text, more| text.push_str(more)),
            to_value,
        ),
        (_, "top3") => aggregate(
            &app,
            window,
            emit,
            |a| a.fold(Vec::new(), insert, |top, more| top.extend(more)),
            |top| joined(top),
        ),
        ("dedup-reduce-first", _) => {
            let first = app
                .source::<Number>("in")
                .by_record_key()
                .window(window)
                .aggregate("first", |_| Reduce(|first, _| Some(first)))
                .emit(emit)
                // A window without a first is empty, and only an update says so.
                .filter(move |first| emit == Emit::OnUpdate || first.value.0.is_some());
            write(first, to_value);
        }
        _ => return None,
    }
    Some(Program {
        topology: app.build().expect("the program is right"),
        outputs: &["out"],
        read,
    })
}

/// The number, or something that changes nothing.
fn or(neutral: i64) -> impl Fn(&Option<i64>) -> i64 + Clone {
    move |value| value.unwrap_or(neutral)
}

/// Values joined with commas, null among them.
fn append(text: &mut String, value: &Option<i64>) {
    if !text.is_empty() {
        text.push(',');
    }
    text.push_str(&value.map_or_else(|| "null".to_owned(), |value| value.to_string()));
}

/// The three largest.
fn insert(top: &mut Vec<i64>, value: &Option<i64>) {
    if let Some(value) = value {
        let at = top.partition_point(|other| other >= value);
        top.insert(at, *value);
        top.truncate(3);
    }
}

fn joined(top: &[i64]) -> Value {
    let texts: Vec<String> = top.iter().map(i64::to_string).collect();
    texts.join(",").into()
}

fn to_value<V: Clone + Into<Value>>(value: &V) -> Value {
    value.clone().into()
}

fn aggregate<A: Aggregate<Number>>(
    app: &App,
    window: Tumbling,
    emit: Emit,
    build: impl FnOnce(Agg<Number>) -> A,
    render: fn(&A::Output) -> Value,
) where
    A::Output: Sized,
{
    let results = app
        .source::<Number>("in")
        .by_record_key()
        .window(window)
        .aggregate("aggregate", |a| (build(a), a.latest_event_time()));
    write(results.emit(emit), render);
}

fn word_count(app: &App, window: Tumbling, emit: Emit) {
    let counts = app
        .source::<Nullable<Text>>("text")
        .flat_map(|line: &Option<&str>| crate::flink::word_count::words(line.unwrap_or_default()))
        .key_by_ref("word", |word: &String| word.as_str())
        .window(window)
        .aggregate("counts", |a| (a.sum(|_| 1_i64), a.latest_event_time()));
    write(counts.emit(emit), to_value);
}

/// Writes each result as the entry of a case, at the time of the window's latest element.
fn write<K: Key + AsRef<[u8]>, V: 'static>(
    results: Stream<impl Chain<Out = Owned<Windowed<K, (V, i64)>>>>,
    render: fn(&V) -> Value,
) {
    results
        .map(move |result| {
            let entry = json!({
                "key": String::from_utf8_lossy(result.key.as_ref()),
                "window_start": result.window.start,
                "window_end": result.window.end,
                "value": render(&result.value.0),
            });
            (entry, result.value.1)
        })
        .to("out")
        .timestamp(|(_, latest): &(Value, i64)| *latest)
        .write::<First>();
}

/// Writes the first of a pair as JSON.
struct First;

impl<T> thalweg::Encode<(Value, T)> for First {
    fn encode(pair: &(Value, T), out: &mut Vec<u8>) -> Result<bool, thalweg::EncodeFailure> {
        Json::<Value>::encode(&pair.0, out)
    }
}

fn read(record: &TestRecord) -> Value {
    serde_json::from_str(&record.value_text()).expect("what the sink wrote")
}
