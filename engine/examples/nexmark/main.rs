//! The bids benchmark of Nexmark: writes its input, runs its jobs, checks their output.
//!
//! `cargo run --release -p thalweg --example nexmark -- generate --bootstrap-servers
//! localhost:9092 --events 1000000`

mod bids;
mod generate;
mod progress;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Windowed aggregation of bids, exactly once, from Kafka to Kafka.
#[derive(Debug, Parser)]
#[command(name = "nexmark")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Writes bids into a topic.
    Generate(generate::GenerateArguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
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
    }
}
