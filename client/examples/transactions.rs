//! Moves money between accounts: each transfer is two records that become visible together, or not
//! at all.
//!
//! ```text
//! cargo run -p thalweg-client --example transactions -- localhost:9092 accounts 10
//! ```
//!
//! Every third transfer is aborted on purpose. A consumer with `isolation.level=read_committed` sees
//! the amounts of an account and its counterpart always add up to zero. Start it twice with the same
//! topic: the first one is fenced, says so, and ends.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use thalweg_client::{
    ClientConfig, Cluster, CommitError, Disposition, ProducerRecord, TransactionalProducer,
};

const USAGE: &str = "usage: transactions HOST:PORT[,HOST:PORT] TOPIC COUNT";

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [servers, topic, count] = arguments.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let Ok(count) = count.parse() else {
        eprintln!("transactions: COUNT is a number, not {count}");
        return ExitCode::from(2);
    };
    match transfer(servers, topic, count).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("transactions: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn transfer(servers: &str, topic: &str, count: u32) -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::connect(ClientConfig::new(servers)).await?;
    let id = format!("transfers-to-{topic}");
    let mut producer = TransactionalProducer::builder(&cluster).build_transactional(id)?;
    producer.init().await?;

    for number in 1..=count {
        let (taken, given) = (format!("-{number}"), format!("{number}"));
        let mut transaction = producer.begin();
        transaction
            .send(ProducerRecord::to(topic).key("alice").value(&taken))
            .await?;
        transaction
            .send(ProducerRecord::to(topic).key("bob").value(&given))
            .await?;
        if number % 3 == 0 {
            transaction.abort().await?;
            println!("transfer {number}: aborted");
        } else {
            committed(transaction.commit().await, number)?;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

fn committed(outcome: Result<(), CommitError>, number: u32) -> Result<(), CommitError> {
    match outcome {
        Ok(()) => println!("transfer {number}: committed"),
        // Nothing of it will ever be seen, and the next transfer may be tried.
        Err(error) if error.disposition() == Disposition::AbortTransaction => {
            println!("transfer {number}: {error}");
        }
        // Somebody else uses our transactional id, or a person must look at it.
        Err(error) => return Err(error),
    }
    Ok(())
}
