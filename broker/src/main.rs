//! The program `thalweg-broker`: a small Kafka for anything that speaks its protocol.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use thalweg_broker::{Builder, EmbeddedBroker, StartError};

/// A small Kafka in memory, for trying things out and for tests.
///
/// It prints one line when it is ready, and serves until it is killed.
#[derive(Debug, Parser)]
#[command(name = "thalweg-broker", version)]
struct Arguments {
    /// Where the first broker listens; the others listen on the ports after it. Port 0 takes any.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9092")]
    listen: SocketAddr,

    /// How many brokers.
    #[arg(long, value_name = "N", default_value_t = 1)]
    brokers: usize,

    /// A topic to begin with; may be repeated.
    #[arg(long, value_name = "NAME:PARTITIONS", value_parser = topic)]
    topic: Vec<(String, i32)>,

    /// A folder that keeps topics, committed offsets and transactions, also when it is killed.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The release of Kafka to play, 2.1 to 4.4.
    #[arg(long, value_name = "V")]
    as_version: Option<String>,

    /// A setting of all brokers, as in server.properties; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    config: Vec<(String, String)>,
}

fn topic(text: &str) -> Result<(String, i32), String> {
    let (name, partitions) = text.rsplit_once(':').unwrap_or((text, "1"));
    let not_a_number = |_| format!("`{partitions}` is no number of partitions");
    Ok((name.to_owned(), partitions.parse().map_err(not_a_number)?))
}

fn setting(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=');
    let (key, value) = pair.ok_or("a setting is written KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn start(arguments: Arguments) -> Result<EmbeddedBroker, StartError> {
    let mut builder: Builder = EmbeddedBroker::builder()
        .brokers(arguments.brokers)
        .listen(arguments.listen);
    if let Some(release) = arguments.as_version {
        builder = builder.as_version(release);
    }
    if let Some(folder) = arguments.data {
        builder = builder.data(folder);
    }
    for (name, partitions) in arguments.topic {
        builder = builder.topic(name, partitions);
    }
    for (key, value) in arguments.config {
        builder = builder.config(key, value);
    }
    builder.start()
}

fn main() -> ExitCode {
    match start(Arguments::parse()) {
        Ok(kafka) => {
            println!("ready: bootstrap.servers={}", kafka.bootstrap_servers());
            loop {
                std::thread::park();
            }
        }
        Err(error) => {
            eprintln!("thalweg-broker: {error}");
            ExitCode::FAILURE
        }
    }
}
