//! The tumbling job of the bids benchmark, exactly once, commits every 100 ms, one worker, on a real
//! Kafka: the CPU time per record of our process against that of the hand-written peer.
//!
//! Whole processes, by turns: both print what they have used when the first record reaches user code
//! and when the last result is committed, and `nexmark check` compares every row of both with a
//! recomputation. `cargo bench -p thalweg-benches --features rdkafka --bench nexmark -- --help`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Parser;
use thalweg_testcontainers::KafkaCluster;

/// The peer's CPU time per record times this is the most that ours may take.
const SHARE_MAX: f64 = 0.6;
/// What ten times the records may cost more per record.
const GROWTH_MAX: f64 = 1.15;
const RSS_MAX_KIB: u64 = 150 * 1024;

#[derive(Debug, Clone, Parser)]
struct Arguments {
    /// How often each side runs on the small topic.
    #[arg(long, default_value_t = 7)]
    pairs: u32,
    /// How often each side runs on the large topic.
    #[arg(long, default_value_t = 2)]
    large_pairs: u32,
    /// Bids in the small topic.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Bids in the large topic.
    #[arg(long, default_value_t = 10_000_000)]
    large_events: u64,
    /// Said by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A side of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Thalweg,
    Rdkafka,
}

/// What a run printed in its last line.
#[derive(Debug, Clone, Copy)]
struct Figures {
    cpu_us_per_record: f64,
    wall_ms: u64,
    rss_max_kib: u64,
}

/// The programs and where they work.
struct Bench {
    nexmark: PathBuf,
    servers: String,
    folder: PathBuf,
    runs: u32,
}

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    // A smoke run (`cargo test --benches`) only makes sure that this compiles.
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let arguments = Arguments::parse();
    let kafka = KafkaCluster::builder().start_blocking()?;
    println!("Kafka {}, both sides on one machine", kafka.version());
    let folder = tempfile::tempdir()?;
    let mut bench = Bench {
        nexmark: build_example()?,
        servers: kafka.bootstrap_servers().to_owned(),
        folder: folder.path().to_owned(),
        runs: 0,
    };
    let small = bench.compare("bids-small", arguments.events, arguments.pairs)?;
    let large = bench.compare("bids-large", arguments.large_events, arguments.large_pairs)?;
    summary(&small, &large);
    Ok(())
}

/// By turns, so that whatever else the machine does falls on both.
struct Pairs {
    ours: Vec<Figures>,
    theirs: Vec<Figures>,
}

impl Bench {
    fn compare(&mut self, topic: &str, events: u64, pairs: u32) -> Outcome<Pairs> {
        let count = events.to_string();
        self.nexmark(&["generate", "--topic", topic, "--events", &count])?;
        let mut done = Pairs {
            ours: Vec::new(),
            theirs: Vec::new(),
        };
        for pair in 0..pairs {
            // Who begins changes: the second finds the topic in the page cache, say.
            let order = [Side::Thalweg, Side::Rdkafka];
            for side in 0..2 {
                let side = order[(side + pair as usize) % 2];
                let (output, figures) = self.run(side, topic)?;
                println!(
                    "{events} bids, {side:?}: {:.3} µs CPU per record, {} ms, RSS max {} MiB",
                    figures.cpu_us_per_record,
                    figures.wall_ms,
                    figures.rss_max_kib / 1024,
                );
                if pair == 0 {
                    let said = self.nexmark(&["check", "--output", &output, "--events", &count])?;
                    print!("  {said}");
                }
                match side {
                    Side::Thalweg => done.ours.push(figures),
                    Side::Rdkafka => done.theirs.push(figures),
                }
            }
        }
        Ok(done)
    }

    /// Runs a side on the topic; gives the topic of its output and what it used.
    fn run(&mut self, side: Side, input: &str) -> Outcome<(String, Figures)> {
        self.runs += 1;
        let id = format!("{input}-{side:?}-{}", self.runs).to_lowercase();
        let output = format!("{id}-rows");
        let common = [
            "--input",
            input,
            "--output",
            &output,
            "--application-id",
            &id,
        ];
        let said = match side {
            Side::Thalweg => {
                let state = self.folder.join(&id);
                let state = state.to_str().ok_or("a folder with an odd name")?;
                let mut words = vec!["run", "--job", "tumbling", "--until-end"];
                words.extend(["--workers", "1", "--state-dir", state]);
                words.extend(["--commit-interval-ms", "100"]);
                words.extend(common);
                self.nexmark(&words)?
            }
            Side::Rdkafka => {
                // It cannot make its topic; a job on an empty range of ours can.
                self.nexmark(&["generate", "--topic", &output, "--events", "0"])?;
                let program = Path::new(env!("CARGO_BIN_EXE_rdkafka_tumbling"));
                self.call(program, &common)?
            }
        };
        let last = said.lines().find(|line| line.starts_with("DONE"));
        let line = last.ok_or_else(|| format!("no DONE in: {said}"))?;
        let figures = Figures {
            cpu_us_per_record: value(line, "cpu_us_per_record")?.parse()?,
            wall_ms: value(line, "wall_ms")?.parse()?,
            rss_max_kib: value(line, "rss_max_kib")?.parse()?,
        };
        Ok((output, figures))
    }

    fn nexmark(&self, words: &[&str]) -> Outcome<String> {
        self.call(&self.nexmark, words)
    }

    fn call(&self, program: &Path, words: &[&str]) -> Outcome<String> {
        // The servers come behind a subcommand, where there is one.
        let output = Command::new(program)
            .args(words)
            .args(["--bootstrap-servers", &self.servers])
            .stdin(Stdio::null())
            .output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(
                format!("{} {words:?}: {}: {said}", program.display(), output.status).into(),
            );
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// The example beside this benchmark, built as users build it.
fn build_example() -> Outcome<PathBuf> {
    let words = [
        "build",
        "--release",
        "-p",
        "thalweg",
        "--example",
        "nexmark",
    ];
    let status = Command::new(env!("CARGO")).args(words).status()?;
    if !status.success() {
        return Err(format!("cargo {words:?}: {status}").into());
    }
    // <target>/release/deps/nexmark-<hash>
    let this = std::env::current_exe()?;
    let release = this.ancestors().nth(2).ok_or("not in a target folder")?;
    Ok(release.join("examples/nexmark"))
}

fn value<'l>(line: &'l str, name: &str) -> Outcome<&'l str> {
    let mut words = line.split_whitespace();
    let value = words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    Ok(value.ok_or_else(|| format!("no {name} in: {line}"))?)
}

fn summary(small: &Pairs, large: &Pairs) {
    let share = |pairs: &Pairs| {
        let both = pairs.ours.iter().zip(&pairs.theirs);
        median(both.map(|(ours, theirs)| ours.cpu_us_per_record / theirs.cpu_us_per_record))
    };
    let cpu = |side: &[Figures]| median(side.iter().map(|figures| figures.cpu_us_per_record));
    let rss = |side: &[Figures]| side.iter().map(|figures| figures.rss_max_kib).max();
    let (ours, theirs) = (cpu(&small.ours), cpu(&small.theirs));
    let share_small = share(small);
    println!(
        "small topic: {ours:.3} to {theirs:.3} µs CPU per record, median of the pairs' ratios \
         {share_small:.2}; promised at most {SHARE_MAX}: {}",
        verdict(share_small <= SHARE_MAX)
    );
    let growth = cpu(&large.ours) / ours;
    println!(
        "large topic: {:.3} to {:.3} µs, ratio {:.2}; ours large to small {growth:.2}, promised at \
         most {GROWTH_MAX}: {}",
        cpu(&large.ours),
        cpu(&large.theirs),
        share(large),
        verdict(growth <= GROWTH_MAX)
    );
    let (rss_small, rss_large) = (rss(&small.ours), rss(&large.ours));
    println!(
        "RSS max of ours: {} MiB small, {} MiB large, promised at most {}: {}",
        rss_small.unwrap_or(0) / 1024,
        rss_large.unwrap_or(0) / 1024,
        RSS_MAX_KIB / 1024,
        verdict(
            rss_small
                .max(rss_large)
                .is_some_and(|kib| kib <= RSS_MAX_KIB)
        )
    );
}

fn verdict(kept: bool) -> &'static str {
    if kept { "kept" } else { "MISSED" }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
