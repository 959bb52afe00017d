//! The bids benchmark of Nexmark: writes its input, runs its jobs, checks their output.
//!
//! `cargo run --release -p thalweg --example nexmark -- demo` does all of it, on a small Kafka within
//! the same process if it is not given one.

mod bids;
mod check;
mod demo;
mod generate;
mod jobs;
mod meter;
mod progress;
mod recompute;
mod run;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Windowed aggregation of bids, exactly once, from Kafka to Kafka.
#[derive(Debug, Parser)]
#[command(name = "nexmark")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Does it all: starts a small Kafka, writes bids, runs the tumbling job, checks it.
    Demo(demo::DemoArguments),
    /// Writes bids into a topic.
    Generate(generate::GenerateArguments),
    /// Runs a job.
    Run(run::RunArguments),
    /// Compares the rows of the tumbling job with a plain recomputation.
    Check(check::CheckArguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match run(arguments.command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nexmark: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Generate(arguments) => generate::generate(&arguments).await,
        Command::Demo(arguments) => demo::demo(&arguments).await,
        Command::Run(arguments) => run::run(&arguments).await.map(|_| ()),
        Command::Check(arguments) => {
            let findings = check::check(&arguments).await?;
            println!("{findings}");
            if findings.are_exact() {
                Ok(())
            } else {
                Err("the output is not exact".into())
            }
        }
    }
}
