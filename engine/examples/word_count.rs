//! Counts words: lines of text from one topic, counts per word and five seconds into another.
//!
//! ```text
//! cargo run --release -p thalweg --example word_count -- \
//!     --bootstrap-servers localhost:9092 --input lines --output counts
//! ```

use std::path::PathBuf;

use clap::Parser;
use serde::Serialize;
use thalweg::{App, AppError, Emit, Json, Text, Tumbling, secs};

/// Counts words in windows of five seconds, exactly once.
#[derive(Debug, Parser)]
struct Arguments {
    /// Addresses of brokers, host:port, separated by commas.
    #[arg(long, value_name = "ADDRESSES")]
    bootstrap_servers: String,
    /// A topic of lines.
    #[arg(long)]
    input: String,
    /// A topic for the counts.
    #[arg(long)]
    output: String,
    /// A folder of this instance's own.
    #[arg(long, default_value = "word-count-state")]
    state_dir: PathBuf,
    /// Stop at the end of the input, and close its windows; otherwise at ^C.
    #[arg(long)]
    until_end: bool,
}

#[derive(Debug, Serialize)]
struct WordCount {
    word: String,
    from: i64,
    count: u64,
}

#[tokio::main]
async fn main() -> Result<(), AppError> {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let app = App::new("word-count")
        .bootstrap_servers(&arguments.bootstrap_servers)
        .state_dir(&arguments.state_dir)
        .close_windows_at_end(arguments.until_end);
    app.source::<Text>(&arguments.input)
        .flat_map(|line| {
            let words = line
                .split(|c: char| !c.is_alphanumeric())
                .filter(|word| !word.is_empty());
            words.map(str::to_lowercase).collect::<Vec<String>>()
        })
        .key_by("word", |word| word.clone())
        .window(Tumbling::of(secs(5)))
        .aggregate("count", |a| a.sum(|_| 1_u64))
        .emit(Emit::OnCommit)
        .map(|word| WordCount {
            word: word.key.clone(),
            from: word.window.start,
            count: word.value,
        })
        .sink::<Json<_>>(&arguments.output);
    if arguments.until_end {
        app.run_until_end().await
    } else {
        app.run_until(async { _ = tokio::signal::ctrl_c().await })
            .await
    }
}
