//! Operators without state, and a count by a new key.

use serde_json::Value;
use thalweg::{App, Chain, Json, Keyed, KeyedView, Nullable, Stream, Text};
use thalweg_tests::tally::Outcome;

use super::steps::{Program, compare, read_number, run};
use crate::not_built;

/// A case of stateless operators.
pub(crate) fn check(case: &Value) -> Outcome {
    let app = App::new("stateless");
    let mut outputs: &'static [&'static str] = &["out"];
    match case["case"].as_str().unwrap_or_default() {
        "filter" => write(records(&app, "in").filter(is_even)),
        "filter-not" => write(records(&app, "in").filter(|record| !is_even(record))),
        "map" => map(&app),
        "map-values" => write_values(&app, |value| vec![value.map(|value| value.wrapping_add(1))]),
        "flat-map" => flat_map(&app),
        "flat-map-values" => write_values(&app, |value| match *value {
            Some(value) if value.rem_euclid(3) == 0 => {
                vec![Some(value), Some(value.wrapping_neg())]
            }
            Some(value) => vec![Some(value)],
            None => Vec::new(),
        }),
        "select-key-count" => select_key_count(&app),
        "merge" => write(records(&app, "in").merge(records(&app, "in2"))),
        "split" => {
            split(&app, true);
            outputs = &["out-negative", "out-three", "out-rest"];
        }
        "split-no-default" => {
            split(&app, false);
            outputs = &["out-negative", "out-three"];
        }
        _ => return not_built(case),
    }
    let program = Program {
        topology: app.build().expect("the program is right"),
        outputs,
        read: read_number,
    };
    run(&program, case, Some(5))
        .map_err(|error| error.to_string())
        .and_then(|results| compare(results, case))
        .into()
}

/// Key and value, either of which may be null.
type Record = Keyed<Nullable<Text>, Nullable<Json<i64>>>;
type View<'b> = KeyedView<Option<&'b str>, Option<i64>>;

/// What `map` makes of them.
type Pair = (Option<String>, Option<i64>);

fn records(app: &App, topic: &str) -> Stream<impl Chain<Out = Record>> {
    app.source::<Record>(topic)
}

fn is_even(record: &View<'_>) -> bool {
    record.value.is_some_and(|value| value % 2 == 0)
}

/// Writes records with the key they have.
fn write(records: Stream<impl Chain<Out = Record>>) {
    records
        .map(|record: &View<'_>| record.value)
        .sink::<Nullable<Json<i64>>>("out");
}

/// Writes what becomes of each value, with the key the record has.
fn write_values(app: &App, make: fn(&Option<i64>) -> Vec<Option<i64>>) {
    app.source::<Nullable<Json<i64>>>("in")
        .flat_map(make)
        .sink::<Nullable<Json<i64>>>("out");
}

fn map(app: &App) {
    write_pairs(records(app, "in").map(|record: &View<'_>| -> Pair {
        let key = record.key.map_or("nil".to_owned(), |key| format!("{key}'"));
        (Some(key), record.value.map(|value| value.wrapping_mul(2)))
    }));
}

fn flat_map(app: &App) {
    write_pairs(
        records(app, "in").flat_map(|record: &View<'_>| -> Vec<Pair> {
            let Some(value) = record.value else {
                return Vec::new();
            };
            let key = record.key.unwrap_or("nil");
            (0..value.rem_euclid(4))
                .map(|i| (Some(format!("{key}-{i}")), Some(value.wrapping_add(i))))
                .collect()
        }),
    );
}

fn write_pairs(pairs: Stream<impl Chain<Out = thalweg::Owned<Pair>>>) {
    pairs
        .to("out")
        .key(|pair: &Pair| pair.0.clone())
        .write::<Second>();
}

/// Writes the second of a pair.
struct Second;

impl<T> thalweg::Encode<(T, Option<i64>)> for Second {
    fn encode(pair: &(T, Option<i64>), out: &mut Vec<u8>) -> Result<bool, thalweg::EncodeFailure> {
        Nullable::<Json<i64>>::encode(&pair.1, out)
    }
}

/// Counts by `g` of the value, of records with a key and a value.
fn select_key_count(app: &App) {
    records(app, "in")
        .filter(|record: &View<'_>| record.value.is_some())
        .map(|record: &View<'_>| record.value.unwrap_or_default())
        .key_by("group", |value: &i64| format!("g{}", value.rem_euclid(5)))
        .aggregate("count", |a| (a.count(), a.latest_event_time()))
        .map(|count| (count.value.1, Some(count.value.0 as i64)))
        .to("out")
        .timestamp(|(latest, _): &(i64, Option<i64>)| *latest)
        .write::<Second>();
}

fn split(app: &App, has_default: bool) {
    let numbers = app.source::<Nullable<Json<i64>>>("in").share();
    let is_negative = |value: &Option<i64>| value.is_some_and(|value| value < 0);
    let is_three = |value: &Option<i64>| value.is_some_and(|value| value >= 0 && value % 3 == 0);
    numbers
        .clone()
        .filter(is_negative)
        .sink::<Nullable<Json<i64>>>("out-negative");
    numbers
        .clone()
        .filter(is_three)
        .sink::<Nullable<Json<i64>>>("out-three");
    if has_default {
        numbers
            .filter(move |value| !is_negative(value) && !is_three(value))
            .sink::<Nullable<Json<i64>>>("out-rest");
    }
}
