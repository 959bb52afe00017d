//! Starts a Kafka for trying things out, and ends it with itself.
//!
//! `thalweg-kafka [BROKERS] [KEY=VALUE ...]` prints the address and runs until it is killed (^C)
//! or its standard input closes.

use std::io::Read;
use std::process::ExitCode;

use thalweg_testcontainers::KafkaCluster;

fn main() -> ExitCode {
    let mut builder = KafkaCluster::builder();
    for argument in std::env::args().skip(1) {
        builder = match (argument.split_once('='), argument.parse()) {
            (Some((key, value)), _) => builder.config(key, value),
            (None, Ok(brokers)) => builder.brokers(brokers),
            (None, Err(_)) => {
                eprintln!("usage: thalweg-kafka [BROKERS] [KEY=VALUE ...]");
                return ExitCode::FAILURE;
            }
        };
    }
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
