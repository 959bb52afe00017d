//! The simulated world: any number of seeds, or one again with its whole trace.
//!
//! `cargo run --release -p thalweg-tests --bin simulate -- --seeds 1000 --from-seed 1`

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use thalweg_tests::simulation::jobs::Job;
use thalweg_tests::simulation::points::{Point, enumerate};
use thalweg_tests::simulation::sweep::{Sweep, Swept};
use thalweg_tests::simulation::{Options, Report, planted, run};

/// Runs client, engine and broker in simulated worlds in which everything goes wrong, and checks
/// what is in the logs afterwards. Ends with 0 if all was well, with 1 if a world failed.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
struct Arguments {
    /// How many worlds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from_seed: u64,
    /// Runs one seed again, with its whole trace.
    #[arg(long, value_name = "SEED")]
    replay: Option<u64>,
    /// With --replay: instances crash at these of the crash points whenever they come by, as the
    /// message of a failure says.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    hunt: Option<Vec<usize>>,
    /// Afterwards runs more worlds until instances have crashed at every crash point there is.
    #[arg(long)]
    every_point: bool,
    /// Builds this workspace with known bugs in it, and says whether each of them is caught.
    #[arg(long)]
    planted: bool,
    /// With --planted: only these bugs, by their numbers.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    only: Vec<u32>,
    /// Only this job: pass, pass-at-least-once, count, windows or repartition.
    #[arg(long)]
    job: Option<String>,
    /// Very much goes wrong in every world.
    #[arg(long)]
    wild: bool,
    /// How many worlds at a time; default: one for each core.
    #[arg(long)]
    threads: Option<usize>,
    /// No progress bar.
    #[arg(long)]
    quiet: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let root = root.unwrap_or(Path::new("."));
    let job = match arguments.job.as_deref().map(job_called).transpose() {
        Ok(job) => job,
        Err(error) => {
            eprintln!("simulate: {error}");
            return ExitCode::from(2);
        }
    };
    let threads = available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = arguments.threads.unwrap_or(threads);
    if arguments.planted {
        return report_planted(root, &arguments.only, threads);
    }
    let points = Arc::new(enumerate(root).points);
    if let Some(seed) = arguments.replay {
        return replay(seed, job, &arguments, points);
    }
    let sweep = Sweep {
        from_seed: arguments.from_seed,
        seeds: arguments.seeds,
        threads,
        job,
        wild: arguments.wild,
        points,
    };
    sweep_and_tell(&sweep, &arguments)
}

fn job_called(name: &str) -> Result<Job, String> {
    let mut jobs = Job::ALL.into_iter();
    jobs.find(|job| job.name() == name)
        .ok_or_else(|| format!("no job is called {name}"))
}

fn replay(
    seed: u64,
    job: Option<Job>,
    arguments: &Arguments,
    points: Arc<BTreeSet<Point>>,
) -> ExitCode {
    let hunt = arguments.hunt.as_ref().map(|numbers| {
        let chosen = points.iter().enumerate();
        chosen
            .filter(|(number, _)| numbers.contains(number))
            .map(|(_, point)| point.clone())
            .collect()
    });
    let options = Options {
        aloud: true,
        job,
        wild: arguments.wild || hunt.is_some(),
        hunt,
        points,
    };
    let report = run(seed, &options);
    println!(
        "seed {seed}: {} lines, hash {:016x}, {} s simulated, {} records in, {} out",
        report.lines,
        report.hash,
        report.simulated.as_secs(),
        report.records.0,
        report.records.1,
    );
    verdict(&report)
}

fn verdict(report: &Report) -> ExitCode {
    if report.faults.is_empty() {
        println!("seed {}: ok", report.seed);
        return ExitCode::SUCCESS;
    }
    println!("seed {}: FAILED", report.seed);
    for fault in &report.faults {
        println!("  {fault}");
    }
    ExitCode::FAILURE
}

fn sweep_and_tell(sweep: &Sweep, arguments: &Arguments) -> ExitCode {
    let bar = if arguments.quiet {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(sweep.seeds)
    };
    let style =
        ProgressStyle::with_template("{bar:32} {pos}/{len} worlds, {per_sec}, {eta} left, {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let told = |report: &Report| {
        bar.inc(1);
        bar.set_message(format!("seed {}", report.seed));
    };
    let mut swept = sweep.run(&told);
    if arguments.every_point && swept.failure.is_none() {
        bar.set_length(0);
        sweep.hunt(&mut swept, &told);
    }
    bar.finish_and_clear();
    let told = tell(sweep, &swept);
    if arguments.every_point {
        for left in sweep.points.difference(&swept.visited) {
            println!("not visited: {left}");
        }
        if swept.visited.len() < sweep.points.len() {
            return ExitCode::FAILURE;
        }
    }
    told
}

fn tell(sweep: &Sweep, swept: &Swept) -> ExitCode {
    println!(
        "{} worlds from seed {}: {} records in, {} out, {} starts of instances, {} crashes at \
         crash points",
        swept.worlds,
        sweep.from_seed,
        swept.records.0,
        swept.records.1,
        swept.starts,
        swept.crashes,
    );
    println!(
        "{} of {} crash points visited",
        swept.visited.len(),
        sweep.points.len()
    );
    let Some((report, options)) = &swept.failure else {
        return ExitCode::SUCCESS;
    };
    for line in &report.tail {
        println!("{line}");
    }
    let _ = verdict(report);
    let mut again = format!("--replay {}", report.seed);
    if let Some(job) = options.job {
        again += &format!(" --job {}", job.name());
    }
    if options.wild && options.hunt.is_none() {
        again += " --wild";
    }
    if let Some(hunt) = &options.hunt {
        let numbered = sweep.points.iter().enumerate();
        let numbers = numbered.filter(|(_, point)| hunt.contains(point));
        let numbers: Vec<String> = numbers.map(|(number, _)| number.to_string()).collect();
        again += &format!(" --hunt {}", numbers.join(","));
    }
    println!("again: simulate {again}");
    ExitCode::FAILURE
}

fn report_planted(root: &Path, only: &[u32], threads: usize) -> ExitCode {
    let caught = planted::run(root, only, threads, &|line| println!("{line}"));
    match caught {
        Ok((caught, all)) => {
            println!("{caught}/{all} caught");
            if caught == all {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            println!("simulate: {error}");
            ExitCode::FAILURE
        }
    }
}
