//! Creates topics of two partitions each; those that exist already are left as they are.
//!
//! ```text
//! cargo run -p thalweg-client --example create_topics -- localhost:9092 lines counts
//! ```

use std::error::Error;
use std::process::ExitCode;

use thalweg_client::{Admin, CallError, ClientConfig, Cluster, ErrorCode, NewTopic};

const PARTITIONS: i32 = 2;

const USAGE: &str = "usage: create_topics HOST:PORT[,HOST:PORT] TOPIC...";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let mut arguments = std::env::args().skip(1);
    let Some(servers) = arguments.next() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match create(servers, arguments.collect()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("create_topics: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn create(servers: String, topics: Vec<String>) -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::connect(ClientConfig::new(servers)).await?;
    let admin = Admin::new(&cluster);
    for topic in topics {
        let wanted = NewTopic::new(topic.as_str(), PARTITIONS);
        match admin.create_topics([wanted]).await.all() {
            Ok(_) => println!("{topic} is created"),
            Err(CallError::Refused { code, .. }) if code == ErrorCode::TOPIC_ALREADY_EXISTS => {
                println!("{topic} exists already");
            }
            Err(error) => return Err(format!("topic {topic} cannot be created: {error}").into()),
        }
    }
    Ok(())
}
