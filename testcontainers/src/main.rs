//! Starts a Kafka for trying things out, and ends it with itself.
//!
//! It prints the address and runs until it is killed (^C) or its standard input closes.

use std::io::Read;
use std::process::ExitCode;

use thalweg_testcontainers::{KafkaCluster, KafkaClusterBuilder};

const USAGE: &str = "usage: thalweg-kafka [--version V] [--brokers N] \
                     [--config KEY=VALUE]... [--feature NAME=LEVEL]...";

fn main() -> ExitCode {
    let Some(builder) = configured(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    let cluster = match builder.start_blocking() {
        Ok(cluster) => cluster,
        Err(error) => {
            eprintln!("thalweg-kafka: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("bootstrap.servers={}", cluster.bootstrap_servers());
    println!("folder={}", cluster.folder().display());
    for id in cluster.broker_ids() {
        if let Ok(process) = cluster.process_id(id) {
            println!("broker.{id}.process={process}");
        }
    }
    println!("ready");
    // Whoever started it may close the pipe instead of killing it.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    ExitCode::SUCCESS
}

/// What the command line asks for, or `None` if it makes no sense.
fn configured(mut arguments: impl Iterator<Item = String>) -> Option<KafkaClusterBuilder> {
    let mut builder = KafkaCluster::builder();
    while let Some(option) = arguments.next() {
        let value = arguments.next()?;
        builder = match (option.as_str(), value.split_once('=')) {
            ("--version", None) => builder.version(&value),
            ("--brokers", None) => builder.brokers(value.parse().ok()?),
            ("--config", Some((key, value))) => builder.config(key, value),
            ("--feature", Some((name, level))) => builder.feature(name, level.parse().ok()?),
            _ => return None,
        };
    }
    Some(builder)
}
