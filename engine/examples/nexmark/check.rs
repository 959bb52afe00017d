//! `nexmark check`: compares all rows of the tumbling job with a plain recomputation.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use thalweg_client::{
    Admin, ClientConfig, Cluster, Consumer, IsolationLevel, OffsetSpec, RecordDecoder, StartAt,
    TopicPartition, partition_for_key,
};

use crate::recompute::{Tally, WINDOW_MS, Window, closed_windows};

/// What was generated, and where the rows are.
#[derive(Debug, Clone, Args)]
pub(crate) struct CheckArguments {
    /// Addresses of brokers, host:port, separated by commas.
    #[arg(long, value_name = "ADDRESSES")]
    pub(crate) bootstrap_servers: String,
    /// The topic the job wrote to.
    #[arg(long)]
    pub(crate) output: String,
    /// How many bids were generated.
    #[arg(long)]
    pub(crate) events: u64,
    /// The seed they were generated with.
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// How many partitions the bids are in.
    #[arg(long, default_value_t = 4)]
    pub(crate) partitions: usize,
}

/// A row as the job writes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    auction: u64,
    window_start: i64,
    window_end: i64,
    count: u64,
    max_price: u64,
}

/// What the comparison found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// The rows, one for each window that has any.
    pub(crate) rows: BTreeMap<Window, Tally>,
    expected: usize,
    differences: Vec<String>,
}

impl Findings {
    pub(crate) fn are_exact(&self) -> bool {
        self.differences.is_empty()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.are_exact() {
            return write!(f, "checked: {} windows, all equal", self.expected);
        }
        let different = self.differences.len();
        write!(
            f,
            "checked: {} windows, {different} differences",
            self.expected
        )?;
        for difference in self.differences.iter().take(10) {
            write!(f, "\n  {difference}")?;
        }
        Ok(())
    }
}

/// Reads what `read_committed` readers see of the output and compares it, row by row.
pub(crate) async fn check(arguments: &CheckArguments) -> Result<Findings, Box<dyn Error>> {
    let cluster = Cluster::connect(ClientConfig::new(&arguments.bootstrap_servers)).await?;
    let mut findings = Findings::default();
    read_rows(&cluster, &arguments.output, &mut findings).await?;
    let partition_of = |key: &[u8]| partition_for_key(key, arguments.partitions);
    let expected = closed_windows(arguments.seed, arguments.events, partition_of);
    findings.expected = expected.len();
    for (window, tally) in &expected {
        match findings.rows.get(window) {
            Some(row) if row == tally => {}
            Some(row) => findings
                .differences
                .push(format!("{window:?}: {row:?}, not {tally:?}")),
            None => findings.differences.push(format!("{window:?}: missing")),
        }
    }
    let unexpected = findings
        .rows
        .keys()
        .filter(|window| !expected.contains_key(window));
    let unexpected: Vec<String> = unexpected.map(|w| format!("{w:?}: must not be")).collect();
    findings.differences.extend(unexpected);
    Ok(findings)
}

async fn read_rows(
    cluster: &Cluster,
    topic: &str,
    findings: &mut Findings,
) -> Result<(), Box<dyn Error>> {
    let partitions = 0..i32::try_from(cluster.topic(topic).await?.partitions().len())?;
    let latest = partitions.map(|p| (TopicPartition::new(topic, p), OffsetSpec::Latest));
    // Uncommitted: the markers of the last transaction may trail its end, and are to be waited for.
    let ends = Admin::new(cluster)
        .list_offsets(latest, IsolationLevel::ReadUncommitted)
        .await
        .all()?;
    let mut consumer = Consumer::builder(cluster)
        .isolation_level(IsolationLevel::ReadCommitted)
        .build()?;
    consumer.assign(
        ends.keys()
            .map(|partition| (partition.clone(), StartAt::Earliest)),
    )?;
    let mut decoder = RecordDecoder::new();
    // Markers at the end move the position without a record.
    while !ends
        .iter()
        .all(|(partition, end)| consumer.position(partition) >= end.offset)
    {
        let wait = Duration::from_millis(200);
        let Ok(fetched) = tokio::time::timeout(wait, consumer.recv()).await else {
            continue;
        };
        let fetched = fetched?;
        for batch in fetched.batches() {
            for record in batch.decode(&mut decoder)? {
                take_row(record.key, record.value, findings);
            }
        }
    }
    Ok(())
}

fn take_row(key: Option<&[u8]>, value: Option<&[u8]>, findings: &mut Findings) {
    let row = match serde_json::from_slice::<Row>(value.unwrap_or_default()) {
        Ok(row) => row,
        Err(error) => {
            return findings
                .differences
                .push(format!("a row that is none: {error}"));
        }
    };
    let window = Window {
        start: row.window_start,
        auction: row.auction,
    };
    if key != Some(row.auction.to_string().as_bytes()) {
        findings
            .differences
            .push(format!("{window:?}: its key is {key:?}"));
    }
    if row.window_end != row.window_start + WINDOW_MS {
        findings
            .differences
            .push(format!("{window:?}: ends at {}", row.window_end));
    }
    let tally = Tally {
        count: row.count,
        max_price: row.max_price,
    };
    if findings.rows.insert(window, tally).is_some() {
        findings
            .differences
            .push(format!("{window:?}: written twice"));
    }
}
