//! Aggregates without a window.

use serde_json::Value;
use thalweg::{Agg, Aggregate, App, Chain, GroupedStream, Nullable, RecordKey, Stream, Text};
use thalweg_tests::tally::Outcome;

use super::reduce::{Number, Reduce};
use super::steps::{Program, compare, read_text, run};
use crate::not_built;

/// A case of an aggregate of a stream; tables themselves are not built.
pub(crate) fn check(case: &Value) -> Outcome {
    let app = App::new("grouped");
    match case["case"].as_str().unwrap_or_default() {
        "stream-count" => aggregate(&app, |a| a.count(), |count| Some(count.to_string())),
        "stream-reduce-sum" => aggregate(&app, |a| a.sum(number), |sum| Some(sum.to_string())),
        "stream-aggregate-concat" => aggregate(
            &app,
            |a| a.fold(String::new(), append, |text, more| text.push_str(more)),
            |text| Some(text.clone()),
        ),
        "stream-reduce-last-nonneg" => {
            let reduce = Reduce(|_, newer| newer.filter(|newer| *newer >= 0));
            let last = numbers(&app).by_record_key();
            write(last.aggregate("reduce", |_| reduce), |last| {
                last.map(|last| last.to_string())
            });
        }
        _ => return not_built(case),
    }
    let program = Program {
        topology: app.build().expect("the program is right"),
        outputs: &["out"],
        read: read_text,
    };
    [None, Some(5)]
        .into_iter()
        .try_for_each(|restart_every| {
            run(&program, case, restart_every)
                .map_err(|error| error.to_string())
                .and_then(|results| compare(results, case))
                .map_err(|why| format!("restarts {restart_every:?}: {why}"))
        })
        .into()
}

/// The numbers that are not null.
fn numbers(app: &App) -> Stream<impl Chain<Out = Number>> {
    app.source::<Number>("in")
        .filter(|value: &Option<i64>| value.is_some())
}

fn number(value: &Option<i64>) -> i64 {
    value.expect("the others are left out")
}

fn append(text: &mut String, value: &Option<i64>) {
    if !text.is_empty() {
        text.push(',');
    }
    text.push_str(&number(value).to_string());
}

fn aggregate<A: Aggregate<Number>>(
    app: &App,
    build: impl FnOnce(Agg<Number>) -> A,
    render: fn(&A::Output) -> Option<String>,
) {
    let results = numbers(app)
        .by_record_key()
        .aggregate("aggregate", |a| (build(a), a.latest_event_time()));
    write(results, render);
}

/// Writes each result as text, at the latest event time.
fn write<V: 'static>(
    results: GroupedStream<RecordKey, (V, i64)>,
    render: fn(&V) -> Option<String>,
) {
    results
        .map(move |result| (render(&result.value.0), result.value.1))
        .to("out")
        .timestamp(|(_, latest): &(Option<String>, i64)| *latest)
        .write::<First>();
}

/// Writes the first of a pair.
struct First;

impl<T> thalweg::Encode<(Option<String>, T)> for First {
    fn encode(
        pair: &(Option<String>, T),
        out: &mut Vec<u8>,
    ) -> Result<bool, thalweg::EncodeFailure> {
        Nullable::<Text>::encode(&pair.0, out)
    }
}
