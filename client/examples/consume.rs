//! Reads topics as a member of a group and prints their records, committing as it goes.
//!
//! ```text
//! cargo run -p thalweg-client --example consume -- localhost:9092 my-group my-topic [more topics]
//! ```

use std::error::Error;
use std::process::ExitCode;

use thalweg_client::{ClientConfig, Cluster, Consumer, OffsetReset, RecordDecoder};

const USAGE: &str = "usage: consume HOST:PORT[,HOST:PORT] GROUP TOPIC...";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let mut arguments = std::env::args().skip(1);
    let (Some(servers), Some(group)) = (arguments.next(), arguments.next()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match consume(servers, group, arguments.collect()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("consume: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn consume(
    servers: String,
    group: String,
    topics: Vec<String>,
) -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::connect(ClientConfig::new(servers)).await?;
    let mut consumer = Consumer::builder(&cluster)
        .group_id(group)
        .auto_offset_reset(OffsetReset::Earliest)
        .build()?;
    consumer.subscribe(topics)?;

    let mut decoder = RecordDecoder::new();
    loop {
        let fetched = consumer.recv().await?;
        for batch in fetched.batches() {
            for record in batch.decode(&mut decoder)? {
                let text = |bytes: Option<&[u8]>| match bytes {
                    Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    None => "null".to_owned(),
                };
                let (offset, key, value) = (record.offset, text(record.key), text(record.value));
                println!("{} {offset}: {key} = {value}", fetched.topic_partition());
            }
        }
        // Everything up to here is done: after a restart the group goes on behind it.
        consumer.commit_fetched(&fetched).await?;
    }
}
