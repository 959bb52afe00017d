//! The jobs of the benchmark, as a user writes them.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use thalweg::{App, Json, Tumbling, Watermark, secs};

use crate::meter::{self, Usage};

/// All fields of a bid, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WholeBid {
    auction: u64,
    bidder: u64,
    price: u64,
    channel: String,
    url: String,
    date_time: i64,
    extra: String,
}

/// What the windows need of a bid.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bid {
    auction: u64,
    price: u64,
    date_time: i64,
}

/// A row of the tumbling job.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    auction: u64,
    window_start: i64,
    window_end: i64,
    count: u64,
    max_price: u64,
}

/// What the process had used when the first record reached user code.
static FIRST: OnceLock<Usage> = OnceLock::new();

/// That moment, if there was a record.
pub(crate) fn first() -> Option<&'static Usage> {
    FIRST.get()
}

fn note_first() {
    FIRST.get_or_init(meter::first);
}

/// The bids of every 123rd auction, parsed and written again.
pub(crate) fn filter(app: &App, input: &str, output: &str) {
    app.source::<Json<WholeBid>>(input)
        .filter(|bid| {
            note_first();
            bid.auction % 123 == 0
        })
        .sink::<Json<WholeBid>>(output);
}

/// Count and highest price of each auction in windows of ten seconds.
pub(crate) fn tumbling(app: &App, input: &str, output: &str) {
    app.source::<Json<Bid>>(input)
        .event_time(
            |bid| {
                note_first();
                bid.date_time
            },
            Watermark::ascending(),
        )
        .key_by("auction", |bid| bid.auction)
        .already_partitioned()
        .window(Tumbling::of(secs(10)))
        .aggregate("tumbling", |a| (a.count(), a.max(|bid| bid.price)))
        .map(|window| Row {
            auction: window.key,
            window_start: window.window.start,
            window_end: window.window.end,
            count: window.value.0,
            max_price: window.value.1,
        })
        .sink::<Json<_>>(output);
}
