//! `nexmark demo`: the whole of it in one command, on a small Kafka within this process or on any.

use std::collections::BTreeMap;
use std::error::Error;
use std::hash::{BuildHasher, RandomState};

use clap::Args;
use thalweg_broker::EmbeddedBroker;

use crate::check::{CheckArguments, check};
use crate::generate::{Codec, GenerateArguments, generate};
use crate::recompute::{Tally, WINDOW_MS, Window};
use crate::run::{JobName, Promise, RunArguments, run};

/// How much to do, and on which Kafka.
#[derive(Debug, Clone, Args)]
pub(crate) struct DemoArguments {
    /// Addresses of brokers of a Kafka to use; default: a small one within this process.
    #[arg(long, value_name = "ADDRESSES")]
    bootstrap_servers: Option<String>,
    /// How many bids.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Another seed makes other bids.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Threads that process.
    #[arg(long, default_value_t = 2)]
    workers: u32,
}

const PARTITIONS: u16 = 4;
const TOP: usize = 10;

/// Generates bids, aggregates them exactly once, and checks every window.
pub(crate) async fn demo(arguments: &DemoArguments) -> Result<(), Box<dyn Error>> {
    // Held to the end: it stops when it is dropped.
    let (_kafka, servers) = match &arguments.bootstrap_servers {
        Some(servers) => (None, servers.clone()),
        None => {
            let kafka = EmbeddedBroker::builder().start()?;
            let servers = kafka.bootstrap_servers();
            eprintln!("an embedded broker listens at {servers}");
            (Some(kafka), servers)
        }
    };
    let run_id = RandomState::new().hash_one(0) & 0xFF_FFFF;
    let (input, output) = (
        format!("bids-{run_id:06x}"),
        format!("hot-auctions-{run_id:06x}"),
    );
    eprintln!("writing {} bids into topic {input}", arguments.events);
    generate(&GenerateArguments {
        bootstrap_servers: servers.clone(),
        topic: input.clone(),
        events: arguments.events,
        seed: arguments.seed,
        partitions: PARTITIONS.into(),
        compression: Codec::None,
    })
    .await?;

    eprintln!("counting them per auction in windows of 10 s, exactly once, into topic {output}");
    let state = tempfile::tempdir()?;
    let (records, wall) = run(&RunArguments {
        bootstrap_servers: servers.clone(),
        job: JobName::Tumbling,
        input,
        output: output.clone(),
        application_id: format!("nexmark-demo-{run_id:06x}"),
        state_dir: state.path().to_owned(),
        workers: arguments.workers,
        guarantee: Promise::ExactlyOnce,
        commit_interval_ms: 100,
        until_end: true,
        close_windows_at_end: false,
    })
    .await?;

    let findings = check(&CheckArguments {
        bootstrap_servers: servers,
        output,
        events: arguments.events,
        seed: arguments.seed,
        partitions: PARTITIONS.into(),
    })
    .await?;
    print_top(&findings.rows);
    let rate = records as f64 / wall.as_secs_f64();
    println!(
        "{records} bids in {:.2} s: {rate:.0} a second",
        wall.as_secs_f64()
    );
    println!("{findings}");
    if findings.are_exact() {
        Ok(())
    } else {
        Err("the output is not exact".into())
    }
}

/// The windows with the most bids.
fn print_top(rows: &BTreeMap<Window, Tally>) {
    let mut top: Vec<(&Window, &Tally)> = rows.iter().collect();
    top.sort_by_key(|(window, tally)| (std::cmp::Reverse(tally.count), **window));
    println!(
        "\n{:>8}  {:<21}  {:>6}  {:>13}",
        "auction", "window (UTC)", "bids", "highest price"
    );
    for (window, tally) in top.into_iter().take(TOP) {
        let (from, to) = (
            time_of_day(window.start),
            time_of_day(window.start + WINDOW_MS),
        );
        let (auction, count, price) = (window.auction, tally.count, tally.max_price);
        println!("{auction:>8}  {from} – {to}    {count:>6}  {price:>13}");
    }
    println!();
}

fn time_of_day(ms: i64) -> String {
    let seconds = ms.div_euclid(1_000).rem_euclid(86_400);
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}
