//! Nexmark's queries over bids alone.

use serde_json::{Value, json};
use thalweg::testing::{TestDriver, TestRecord};
use thalweg::{App, Emit, Json, Topology, Tumbling, Watermark, secs};
use thalweg_tests::tally::Outcome;

use super::steps::OUT;
use crate::compare::{entries, equal_multisets};
use crate::{not_built, out_of_scope};

/// Runs the query of a case over the events of its group.
pub(crate) fn check(case: &Value, group: &[Value]) -> Outcome {
    let (program, is_final): (fn(&App), bool) = match case["case"].as_str().unwrap_or_default() {
        // The events themselves.
        "events" => return out_of_scope(case),
        "q0" => (pass, false),
        "q1" => (convert, false),
        "q2" => (select, false),
        "q12" => (count_per_window, false),
        "q18" => (last_per_auction, true),
        _ => return not_built(case),
    };
    let app = App::new("nexmark");
    program(&app);
    let topology = app.build().expect("the program is right");
    compare(&topology, case, is_final, group).into()
}

const EVENT_TIME: usize = 5;

fn bids(app: &App) -> thalweg::Stream<impl thalweg::Chain<Out = Json<Value>>> {
    app.source::<Json<Value>>("bid").event_time(
        |bid: &Value| bid[EVENT_TIME].as_i64(),
        Watermark::bounded(secs(4)),
    )
}

fn pass(app: &App) {
    bids(app)
        .map(|bid| json!([bid[0], bid[1], bid[2], bid[5], bid[6]]))
        .sink::<Json<Value>>(OUT);
}

/// Dollars to euros, three decimals.
fn convert(app: &App) {
    bids(app)
        .map(|bid| {
            let thousandths = bid[2].as_i64().expect("a price") * 908;
            let price = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
            json!([bid[0], bid[1], price, bid[5], bid[6]])
        })
        .sink::<Json<Value>>(OUT);
}

fn select(app: &App) {
    bids(app)
        .filter(|bid| bid[0].as_i64().is_some_and(|auction| auction % 123 == 0))
        .map(|bid| json!([bid[0], bid[2]]))
        .sink::<Json<Value>>(OUT);
}

fn count_per_window(app: &App) {
    bids(app)
        .key_by("bidder", |bid: &Value| bid[1].as_i64().expect("a bidder"))
        .window(Tumbling::of(secs(10)))
        .aggregate("bids", |a| a.count())
        .map(|bids| json!([bids.key, bids.value, bids.window.start, bids.window.end]))
        .sink::<Json<Value>>(OUT);
}

/// Each bidder's last bid on each auction; of two at the same time the later to come.
fn last_per_auction(app: &App) {
    bids(app)
        .key_by("bidder-auction", |bid: &Value| {
            format!("{}/{}", bid[1], bid[0])
        })
        .aggregate("last", |a| {
            a.reduce(Value::clone, |last, bid| {
                let is_later = bid[EVENT_TIME].as_i64() >= last[EVENT_TIME].as_i64();
                if is_later { bid } else { last.clone() }
            })
        })
        .emit(Emit::OnUpdate)
        .map(|last| {
            let bid = &last.value;
            json!([bid[0], bid[1], bid[2], bid[3], bid[5]])
        })
        .sink::<Json<Value>>(OUT);
}

/// Compares all rows; or with `is_final` the last of each key.
fn compare(
    topology: &Topology,
    case: &Value,
    is_final: bool,
    group: &[Value],
) -> Result<(), String> {
    let named = &case["parameters"]["events"];
    let is_named = |events_of: &&Value| {
        let name = format!("{}-{}.json", events_of["case"].as_str()?, events_of["seed"]);
        (*named == name).then_some(())
    };
    let events = group.iter().find(|case| is_named(case).is_some());
    let events = events.ok_or_else(|| format!("there are no events {named}"))?;
    let records: Vec<TestRecord> = events["input"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|event| event["table"] == "bid")
        .map(|event| TestRecord::new(0, event["row"].to_string()))
        .collect();

    let mut driver = TestDriver::new(topology);
    let processed = driver
        .send_batch("bid", &records)
        .and_then(|()| driver.end_of_input())
        .and_then(|()| driver.commit());
    processed.map_err(|error| error.to_string())?;
    let mut records = driver.take_committed(OUT);
    if is_final {
        let mut last = std::collections::BTreeMap::new();
        for record in records {
            last.insert(record.key.clone(), record);
        }
        records = last.into_values().collect();
    }
    let rows: Vec<Value> = records
        .iter()
        .map(|record| serde_json::from_str(&record.value_text()).expect("a row"))
        .collect();
    let expected: Vec<Value> = entries(&case["expected"])
        .iter()
        .map(|entry| entry["row"].clone())
        .collect();
    equal_multisets("row", rows, expected)?;
    match driver.late_dropped() {
        0 => Ok(()),
        late => Err(format!("{late} were late, and none is")),
    }
}
