//! The job under the recovery tests: runs until it is killed.
//!
//! Input: key `k<j>`, value a decimal number, timestamp the time it was produced.
//!
//! | mode | output |
//! |---|---|
//! | `pass` | key and value as they came |
//! | `counts` | per input record its key and the key's running count |
//! | `windows` | key `<key>@<window start ms>`, value `<count>,<sum>`, as running updates |

mod modes;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use thalweg::{App, Guarantee};
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
struct Args {
    /// Addresses of some brokers, separated by commas.
    #[arg(long)]
    bootstrap_servers: String,
    /// Topic to read.
    #[arg(long)]
    input: String,
    /// Topic to write.
    #[arg(long)]
    output: String,
    /// Instances with the same id share the work.
    #[arg(long)]
    application_id: String,
    /// A folder of this instance's own.
    #[arg(long)]
    state_dir: PathBuf,
    /// Threads that process.
    #[arg(long, default_value_t = 1)]
    workers: u32,
    /// What a crash may do to the output.
    #[arg(long, value_enum, default_value = "exactly-once")]
    guarantee: GuaranteeArg,
    /// What to compute.
    #[arg(long, value_enum, default_value = "pass")]
    mode: Mode,
    /// Length of a window.
    #[arg(long, default_value_t = 1_000)]
    window_ms: u64,
    /// The longest time between two commits.
    #[arg(long, default_value_t = 100)]
    commit_interval_ms: u64,
    /// After this long without a heartbeat the group goes on without this instance.
    #[arg(long, default_value_t = 6_000)]
    session_timeout_ms: u64,
    /// After this long the broker aborts an open transaction.
    #[arg(long, default_value_t = 10_000)]
    transaction_timeout_ms: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GuaranteeArg {
    ExactlyOnce,
    AtLeastOnce,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    Pass,
    Counts,
    Windows,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")),
        )
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let args = Args::parse();
    let app = App::new(args.application_id.as_str())
        .bootstrap_servers(args.bootstrap_servers.as_str())
        .state_dir(&args.state_dir)
        .workers(args.workers)
        .commit_interval(Duration::from_millis(args.commit_interval_ms))
        .session_timeout(Duration::from_millis(args.session_timeout_ms))
        .transaction_timeout(Duration::from_millis(args.transaction_timeout_ms))
        .guarantee(match args.guarantee {
            GuaranteeArg::ExactlyOnce => Guarantee::ExactlyOnce,
            GuaranteeArg::AtLeastOnce => Guarantee::AtLeastOnce,
        });
    match args.mode {
        Mode::Pass => modes::pass(&app, &args.input, &args.output),
        Mode::Counts => modes::counts(&app, &args.input, &args.output),
        Mode::Windows => modes::windows(
            &app,
            &args.input,
            &args.output,
            Duration::from_millis(args.window_ms),
        ),
    }
    let stop = async {
        // Without a handler only a kill ends this, which is what it is for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    match app.run_until(stop).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chaos: {error}");
            ExitCode::FAILURE
        }
    }
}
