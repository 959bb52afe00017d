//! `nexmark run`: runs one job, as a program of a user would.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use thalweg::{App, Guarantee, Handle};
use thalweg_client::{ClientConfig, Cluster};

use crate::generate::create_topic;
use crate::progress::JobProgress;
use crate::{jobs, meter};

/// The job and where it reads and writes.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArguments {
    /// Addresses of brokers, host:port, separated by commas.
    #[arg(long, value_name = "ADDRESSES")]
    pub(crate) bootstrap_servers: String,
    /// What to compute.
    #[arg(long, value_enum)]
    pub(crate) job: JobName,
    /// The topic of bids.
    #[arg(long, default_value = "bids")]
    pub(crate) input: String,
    /// The topic for the results; created if it does not exist.
    #[arg(long)]
    pub(crate) output: String,
    /// Instances with the same id share the work.
    #[arg(long, default_value = "nexmark")]
    pub(crate) application_id: String,
    /// A folder of this instance's own.
    #[arg(long)]
    pub(crate) state_dir: PathBuf,
    /// Threads that process.
    #[arg(long, default_value_t = 1)]
    pub(crate) workers: u32,
    /// What a crash may do to the output.
    #[arg(long, value_enum, default_value_t = Promise::ExactlyOnce)]
    pub(crate) guarantee: Promise,
    /// The longest time between two commits.
    #[arg(long, default_value_t = 100)]
    pub(crate) commit_interval_ms: u64,
    /// Stop at the end offsets seen at the start; otherwise at ^C.
    #[arg(long)]
    pub(crate) until_end: bool,
    /// Write the windows that are still open at the end as well.
    #[arg(long, requires = "until_end")]
    pub(crate) close_windows_at_end: bool,
}

/// The jobs of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum JobName {
    /// The bids of every 123rd auction.
    Filter,
    /// Count and highest price of each auction in windows of ten seconds.
    Tumbling,
}

/// The guarantees, as the command line names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Promise {
    /// Every bid counts exactly once.
    ExactlyOnce,
    /// After a crash some bids count again.
    AtLeastOnce,
}

/// Partitions of the output topic.
const PARTITIONS: i32 = 4;

/// Runs the job; prints `FIRST` and `DONE`. Returns how many bids it took and how long.
pub(crate) async fn run(arguments: &RunArguments) -> Result<(u64, Duration), Box<dyn Error>> {
    let cluster = Cluster::connect(ClientConfig::new(&arguments.bootstrap_servers)).await?;
    create_topic(&cluster, &arguments.output, PARTITIONS).await?;
    drop(cluster);
    let app = App::new(&arguments.application_id)
        .bootstrap_servers(&arguments.bootstrap_servers)
        .state_dir(&arguments.state_dir)
        .workers(arguments.workers)
        .commit_interval(Duration::from_millis(arguments.commit_interval_ms))
        .close_windows_at_end(arguments.close_windows_at_end)
        .guarantee(match arguments.guarantee {
            Promise::ExactlyOnce => Guarantee::ExactlyOnce,
            Promise::AtLeastOnce => Guarantee::AtLeastOnce,
        });
    match arguments.job {
        JobName::Filter => jobs::filter(&app, &arguments.input, &arguments.output),
        JobName::Tumbling => jobs::tumbling(&app, &arguments.input, &arguments.output),
    }
    let records = if arguments.until_end {
        let running = app.start_until_end().await?;
        watch(&running, true).await?;
        running.metrics().records()
    } else {
        let running = app.start().await?;
        tokio::select! {
            biased;
            ended = watch(&running, false) => ended?,
            stopped = tokio::signal::ctrl_c() => {
                stopped?;
                running.shutdown(Duration::from_secs(30)).await?;
            }
        }
        running.metrics().records()
    };
    let Some(first) = jobs::first() else {
        return Err("the input has no records".into());
    };
    let done = meter::done(first, records);
    Ok((records, done.wall_since(first)))
}

/// Shows how far the job is until it has ended.
async fn watch(running: &Handle, until_end: bool) -> Result<(), Box<dyn Error>> {
    let mut progress = JobProgress::new(until_end);
    let mut looks = tokio::time::interval(Duration::from_millis(200));
    loop {
        tokio::select! {
            biased;
            ended = running.wait() => {
                progress.end(running.metrics().records());
                return Ok(ended?);
            }
            _ = looks.tick() => progress.look(running),
        }
    }
}
