//! Starts a Kafka for trying things out, and ends it with itself.
//!
//! It prints the address and runs until it is killed (^C) or its standard input closes.

use std::io::Read;
use std::process::ExitCode;

use thalweg_testcontainers::{KafkaCluster, KafkaClusterBuilder};

const HELP: &str = "\
Starts an Apache Kafka on free ports of this machine, from its published jars, prints its address,
and runs until it is killed (^C) or its standard input closes. It leaves nothing behind.

usage: thalweg-kafka [OPTION]...

  --version V           the Kafka version; default 4.3.0
  --brokers N           how many brokers, 1 to 9; default 1
  --config KEY=VALUE    a setting of all brokers, as in server.properties; may be repeated
  --feature NAME=LEVEL  finalises a feature, as transaction.version=1; may be repeated
  --help                prints this

It needs Java 17 or later and, the first time for a version, Maven to fetch the jars into
~/.cache/thalweg/kafka (or the folder that THALWEG_KAFKA_CACHE names).";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments
        .iter()
        .any(|argument| argument == "--help" || argument == "-h")
    {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let builder = match configured(arguments.into_iter()) {
        Ok(builder) => builder,
        Err(reason) => {
            eprintln!("thalweg-kafka: {reason}; see thalweg-kafka --help");
            return ExitCode::FAILURE;
        }
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

/// What the command line asks for.
fn configured(mut arguments: impl Iterator<Item = String>) -> Result<KafkaClusterBuilder, String> {
    let mut builder = KafkaCluster::builder();
    while let Some(option) = arguments.next() {
        let value = match option.as_str() {
            "--version" | "--brokers" | "--config" | "--feature" => arguments.next(),
            _ => return Err(format!("no option {option}")),
        };
        let value = value.ok_or_else(|| format!("{option} lacks its value"))?;
        let no_sense = || format!("{option} {value} makes no sense");
        builder = match (option.as_str(), value.split_once('=')) {
            ("--version", None) => builder.version(&value),
            ("--brokers", None) => builder.brokers(value.parse().map_err(|_| no_sense())?),
            ("--config", Some((key, value))) => builder.config(key, value),
            ("--feature", Some((name, level))) => {
                builder.feature(name, level.parse().map_err(|_| no_sense())?)
            }
            _ => return Err(no_sense()),
        };
    }
    Ok(builder)
}
