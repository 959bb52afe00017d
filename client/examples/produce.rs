//! Sends lines to a topic, and says where each of them went.
//!
//! ```text
//! cargo run -p thalweg-client --example produce -- localhost:9092 greetings hello world
//! seq 1000000 | cargo run --release -p thalweg-client --example produce -- localhost:9092 numbers
//! ```
//!
//! Words after the topic are the records; without any, every line of the standard input is one. A
//! word `key=value` becomes a record with a key.

use std::error::Error;
use std::io::BufRead;
use std::process::ExitCode;

use thalweg_client::{ClientConfig, Cluster, Compression, Producer, ProducerRecord};

const USAGE: &str = "usage: produce HOST:PORT[,HOST:PORT] TOPIC [WORD | KEY=VALUE]...";

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let mut arguments = std::env::args().skip(1);
    let (Some(servers), Some(topic)) = (arguments.next(), arguments.next()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match produce(servers, &topic, arguments.collect()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("produce: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn produce(servers: String, topic: &str, words: Vec<String>) -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::connect(ClientConfig::new(servers)).await?;
    let mut producer = Producer::builder(&cluster)
        .compression(Compression::Lz4)
        .build()?;

    if words.is_empty() {
        let mut count = 0_u64;
        for line in std::io::stdin().lock().lines() {
            producer
                .send(ProducerRecord::to(topic).value(&line?))
                .await?;
            count += 1;
        }
        producer.flush().await?;
        println!("{count} records are written to {topic}");
        return Ok(());
    }

    for word in &words {
        let record = ProducerRecord::to(topic);
        let record = match word.split_once('=') {
            Some((key, value)) => record.key(key).value(value),
            None => record.value(word),
        };
        // Returns when the record is in its batch; awaiting each delivery is slow, and clear.
        let ticket = producer.send(record).await?;
        let delivered = producer.delivered(ticket).await?;
        println!(
            "{word} -> {} offset {}",
            delivered.topic_partition, delivered.offset
        );
    }
    Ok(())
}
