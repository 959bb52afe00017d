//! Exactly once under kills: jobs on a real Kafka of three brokers, or on the embedded broker, while
//! processes and brokers are killed and frozen, then their output against a recomputation from their
//! input.
//!
//! `cargo run --release -p thalweg-tests --bin recovery -- --kills 20 --seed 7`

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use thalweg_client::Rng;
use thalweg_tests::recovery::{Job, Outcome, RunSettings, run};

/// Kills and freezes instances and brokers under running jobs, and checks every output record.
#[derive(Debug, Parser)]
#[command(name = "recovery")]
struct Arguments {
    /// Decides what is struck when; default: a new one each time, which is printed.
    #[arg(long)]
    seed: Option<u64>,
    /// How many kills, freezes and broker kills, a third of each.
    #[arg(long, default_value_t = 20)]
    kills: usize,
    /// Over how many seconds; default: 15 for each kill.
    #[arg(long)]
    seconds: Option<u64>,
    /// Processes of each job.
    #[arg(long, default_value_t = 3)]
    instances: usize,
    /// Threads of each process.
    #[arg(long, default_value_t = 1)]
    workers: u32,
    /// On what the jobs run. The embedded broker is a process that keeps its data in a folder, and all
    /// its brokers are killed with it.
    #[arg(long, value_enum, default_value_t = Broker::Kafka)]
    broker: Broker,
    /// The program of the embedded broker; default: built here.
    #[arg(long, value_name = "PROGRAM")]
    broker_program: Option<PathBuf>,
    /// Brokers; fewer than three real ones are not killed.
    #[arg(long, default_value_t = 3)]
    brokers: i32,
    /// Input records a second.
    #[arg(long, default_value_t = 500)]
    rate: u64,
    /// The program under test; default: built here.
    #[arg(long, value_name = "PROGRAM")]
    chaos: Option<PathBuf>,
    /// Where logs and state folders go, and stay; default: a new temporary folder.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Only this job: pass, counts, windows or canary.
    #[arg(long)]
    job: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Broker {
    Kafka,
    Embedded,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut settings = match settings(&arguments) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("recovery: {error}");
            return ExitCode::FAILURE;
        }
    };
    let folder = settings.folder.clone();
    for attempt in 1..=ATTEMPTS {
        match strike(&settings).await {
            Outcome::Good => return ExitCode::SUCCESS,
            Outcome::Wrong => return ExitCode::FAILURE,
            Outcome::ProvesNothing => {
                settings.seed += 1;
                settings.folder = folder.join(format!("again-{attempt}"));
            }
        }
    }
    println!("FAILED: {ATTEMPTS} runs, and none of them proves anything");
    ExitCode::FAILURE
}

/// Blows may fall where they do no harm: so many runs are made until one proves something.
const ATTEMPTS: u32 = 3;

/// One run, which is told.
async fn strike(settings: &RunSettings) -> Outcome {
    let (seed, folder) = (settings.seed, settings.folder.display());
    println!("seed {seed}, logs in {folder}");
    let outcome = match run(settings, &|line| println!("{line}")).await {
        Ok(report) => {
            print!("{report}");
            report.outcome()
        }
        Err(error) => {
            println!("FAILED: {error}");
            Outcome::Wrong
        }
    };
    match outcome {
        Outcome::Good => println!("seed {seed}: ok"),
        Outcome::ProvesNothing => {
            println!("seed {seed} proves nothing: no blow did the canary any harm");
        }
        Outcome::Wrong => println!("seed {seed}: FAILED, see {folder}"),
    }
    outcome
}

fn settings(arguments: &Arguments) -> Result<RunSettings, String> {
    let mut jobs = vec![Job::PASS, Job::COUNTS, Job::WINDOWS, Job::CANARY];
    if let Some(name) = &arguments.job {
        jobs.retain(|job| job.name == name);
        if jobs.is_empty() {
            return Err(format!(
                "no job is called {name}: pass, counts, windows or canary"
            ));
        }
    }
    let kills = u64::try_from(arguments.kills).unwrap_or(u64::MAX);
    let seconds = arguments.seconds.unwrap_or(kills.saturating_mul(15));
    let seed = arguments
        .seed
        .unwrap_or_else(|| Rng::from_entropy().below(1_000_000));
    Ok(RunSettings {
        seed,
        blows: arguments.kills,
        over: Duration::from_secs(seconds),
        brokers: arguments.brokers,
        instances: arguments.instances,
        workers: arguments.workers,
        records_per_second: arguments.rate,
        embedded: embedded(arguments)?,
        chaos: program(
            arguments.chaos.as_ref(),
            "chaos",
            &["-p", "thalweg", "--example", "chaos"],
        )?,
        folder: folder(arguments)?,
        jobs,
    })
}

/// Where this run leaves its logs and state folders: those of another run would be in its way.
fn folder(arguments: &Arguments) -> Result<PathBuf, String> {
    match &arguments.folder {
        Some(folder) if folder.exists() => Err(format!("{} exists already", folder.display())),
        Some(folder) => Ok(folder.clone()),
        None => match tempfile::TempDir::with_prefix("thalweg-recovery-") {
            Ok(folder) => Ok(folder.keep()),
            Err(error) => Err(format!("no temporary folder can be made: {error}")),
        },
    }
}

fn embedded(arguments: &Arguments) -> Result<Option<PathBuf>, String> {
    if arguments.broker == Broker::Kafka {
        return Ok(None);
    }
    let given = arguments.broker_program.as_ref();
    program(given, "thalweg-broker", &["-p", "thalweg-broker", "--bins"]).map(Some)
}

/// The program that was given, or else is built by `build`.
fn program(given: Option<&PathBuf>, name: &str, build: &[&str]) -> Result<PathBuf, String> {
    if let Some(program) = given {
        return Ok(program.clone());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--message-format", "json"])
        .args(build)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| {
            format!("cargo does not run ({error}): say where {name} is, see --help")
        })?;
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let messages = lines
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let program = messages.filter_map(|message: serde_json::Value| {
        let is_it = message.pointer("/target/name")?.as_str() == Some(name);
        let path = message.get("executable")?.as_str().filter(|_| is_it)?;
        Some(PathBuf::from(path))
    });
    program
        .reduce(|_, newest| newest)
        .ok_or_else(|| format!("{name} could not be built"))
}
