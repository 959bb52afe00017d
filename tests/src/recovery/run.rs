//! One run: a cluster, jobs under steady input, blows, and the verdicts.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thalweg_client::{Admin, ClientConfig, Cluster};
use tokio::time::{Instant, sleep_until};

use super::brokers::Brokers;
use super::instance::{Instance, InstanceSettings};
use super::{
    Blow, Fault, Job, Mode, PlanSettings, PlannedBlow, RunError, Verdict, check, plan, topics,
};

/// What a run is made of.
#[derive(Debug, Clone)]
pub struct RunSettings {
    /// Decides the plan.
    pub seed: u64,
    /// How often something is killed or frozen.
    pub blows: usize,
    /// Over how long.
    pub over: Duration,
    /// Brokers of the cluster; with fewer than three real ones they are not killed.
    pub brokers: i32,
    /// The program `thalweg-broker`, all of whose brokers are killed together; otherwise a real Kafka.
    pub embedded: Option<PathBuf>,
    /// Processes of each job.
    pub instances: usize,
    /// Threads of each process.
    pub workers: u32,
    /// Input records a second.
    pub records_per_second: u64,
    /// The `chaos` program.
    pub chaos: PathBuf,
    /// Where logs and state folders go; kept after the run.
    pub folder: PathBuf,
    /// The jobs, all on the same input and under the same blows.
    pub jobs: Vec<Job>,
}

/// What came of a run.
#[derive(Debug)]
pub struct Report {
    /// The blows that fell.
    pub blows: Vec<PlannedBlow>,
    /// What was found in the output of each job.
    pub verdicts: Vec<(Job, Verdict)>,
}

/// What a run, or the output of one job, amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Exactly-once jobs are exact, and a job that is not shows duplicates.
    Good,
    /// The job that stands for a checker that can see shows no duplicates: the blows fell where they
    /// did no harm, and that the others are exact means little.
    ProvesNothing,
    /// An output is wrong.
    Wrong,
}

impl Report {
    /// The worst of what the jobs have written.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let outcomes = self.verdicts.iter();
        let outcomes = outcomes.map(|(job, verdict)| outcome_of(job, verdict));
        outcomes.max().unwrap_or(Outcome::ProvesNothing)
    }
}

fn outcome_of(job: &Job, verdict: &Verdict) -> Outcome {
    if job.exactly_once {
        return match (verdict.is_exact(), verdict.inputs) {
            (false, _) => Outcome::Wrong,
            (true, 0) => Outcome::ProvesNothing,
            (true, _) => Outcome::Good,
        };
    }
    // Its running counts jump where records were counted twice; only a copy shows a loss.
    if verdict.count(Fault::Lost) > 0 && job.mode == Mode::Pass {
        return Outcome::Wrong;
    }
    match verdict.count(Fault::Duplicated) {
        0 => Outcome::ProvesNothing,
        _ => Outcome::Good,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |kind: fn(&Blow) -> bool| self.blows.iter().filter(|b| kind(&b.blow)).count();
        writeln!(
            f,
            "{} kills, {} freezes, {} broker kills",
            of(|blow| matches!(blow, Blow::KillInstance { .. })),
            of(|blow| matches!(blow, Blow::FreezeInstance { .. })),
            of(|blow| matches!(blow, Blow::KillBroker { .. })),
        )?;
        for (job, verdict) in &self.verdicts {
            let expected = if job.exactly_once {
                "must be exact"
            } else {
                "must show duplicates"
            };
            let met = match outcome_of(job, verdict) {
                Outcome::Good => "ok",
                Outcome::ProvesNothing => "proves nothing",
                Outcome::Wrong => "FAILED",
            };
            writeln!(f, "{met}: {} ({expected}): {verdict}", job.name)?;
        }
        Ok(())
    }
}

const INPUT: &str = "input";
const KEYS: u64 = 50;
/// How long jobs get to reach the end of the input: sessions and transactions of the last victim
/// have to expire, and state to be restored.
const PATIENCE: Duration = Duration::from_secs(120);
/// The least freeze: longer than sessions (6 s) and transactions (10 s) of the jobs.
const FREEZE: Duration = Duration::from_secs(12);
/// Before the first blow the jobs should be at work.
const WARM_UP: Duration = Duration::from_secs(5);

/// Runs the jobs under the blows of the seed and judges their outputs.
///
/// # Errors
/// See [`RunError`]: an instance that ends by itself or a job that gets stuck is one.
pub async fn run(settings: &RunSettings, say: &(dyn Fn(&str) + Sync)) -> Result<Report, RunError> {
    make_folder(&settings.folder)?;
    let mut kafka = match &settings.embedded {
        None => Brokers::real(settings.brokers).await?,
        Some(program) => Brokers::embedded(program, settings.brokers, &settings.folder).await?,
    };
    say(&kafka.to_string());
    let outcome = run_on(&mut kafka, settings, say).await;
    let is_good = |report: &Report| report.outcome() == Outcome::Good;
    if !outcome.as_ref().is_ok_and(is_good) {
        kafka.keep_folder();
    }
    outcome
}

async fn run_on(
    kafka: &mut Brokers,
    settings: &RunSettings,
    say: &(dyn Fn(&str) + Sync),
) -> Result<Report, RunError> {
    let cluster = Cluster::connect(ClientConfig::new(kafka.bootstrap_servers())).await?;
    let admin = Admin::new(&cluster);
    topics::create(&admin, INPUT, &settings.jobs).await?;
    let mut instances = start_instances(kafka, settings)?;
    let stop = Arc::new(AtomicBool::new(false));
    let input = tokio::spawn(topics::write_steadily(
        cluster.clone(),
        INPUT.to_owned(),
        KEYS,
        settings.records_per_second,
        Arc::clone(&stop),
    ));
    let blows = plan(
        settings.seed,
        &PlanSettings {
            blows: settings.blows,
            over: settings.over,
            instances: settings.instances,
            brokers: kafka.mortal(settings.brokers),
            freeze: FREEZE,
        },
    );
    let struck = strike(kafka, &blows, &mut instances, say).await;
    stop.store(true, Ordering::Relaxed);
    struck?;
    let written = input
        .await
        .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    say(&format!(
        "{} input records written; waiting for the jobs",
        written?
    ));
    let mut verdicts = Vec::new();
    for job in &settings.jobs {
        let done = topics::wait_until_done(&admin, INPUT, job, PATIENCE).await;
        all_of(&mut instances).try_for_each(Instance::check)?;
        done?;
    }
    let input = topics::read_all(&cluster, INPUT).await?;
    for job in &settings.jobs {
        let output = topics::read_all(&cluster, &job.output()).await?;
        verdicts.push((*job, check(job.mode, &input, &output)));
    }
    Ok(Report { blows, verdicts })
}

/// The instances of all jobs: those with the same number are struck together.
type Instances = Vec<Vec<Instance>>;

fn all_of(instances: &mut Instances) -> impl Iterator<Item = &mut Instance> {
    instances.iter_mut().flatten()
}

fn start_instances(kafka: &Brokers, settings: &RunSettings) -> Result<Instances, RunError> {
    let of_all = InstanceSettings {
        program: settings.chaos.clone(),
        bootstrap_servers: kafka.bootstrap_servers().to_owned(),
        input: INPUT.to_owned(),
        workers: settings.workers,
    };
    let mut instances = Vec::new();
    for number in 0..settings.instances {
        let new = |job: &Job| Instance::new(*job, number, &of_all, &settings.folder);
        instances.push(settings.jobs.iter().map(new).collect());
    }
    all_of(&mut instances).try_for_each(Instance::start)?;
    Ok(instances)
}

fn make_folder(folder: &Path) -> Result<(), RunError> {
    let what = format!("cannot make {}", folder.display());
    std::fs::create_dir_all(folder).map_err(RunError::os(what))
}

/// Lets the blows fall when they are due, and brings every victim back.
async fn strike(
    kafka: &mut Brokers,
    blows: &[PlannedBlow],
    instances: &mut Instances,
    say: &(dyn Fn(&str) + Sync),
) -> Result<(), RunError> {
    let begun = Instant::now();
    let mut due: Vec<(Duration, Blow, bool)> = Vec::new();
    for planned in blows {
        let at = WARM_UP + planned.at;
        due.push((at, planned.blow, true));
        due.push((at + planned.blow.away(), planned.blow, false));
    }
    due.sort_by_key(|(at, ..)| *at);
    for (at, blow, falls) in due {
        sleep_until(begun + at).await;
        if falls {
            say(&format!("{:6.1} s: {blow}", begun.elapsed().as_secs_f64()));
            fall(kafka, blow, instances).await?;
        } else {
            come_back(kafka, blow, instances).await?;
        }
        all_of(instances).try_for_each(Instance::check)?;
    }
    Ok(())
}

async fn fall(kafka: &mut Brokers, blow: Blow, instances: &mut Instances) -> Result<(), RunError> {
    match blow {
        Blow::KillInstance { instance, .. } => instances
            .get_mut(instance)
            .into_iter()
            .flatten()
            .try_for_each(Instance::kill),
        Blow::FreezeInstance { instance, .. } => instances
            .get_mut(instance)
            .into_iter()
            .flatten()
            .try_for_each(Instance::freeze),
        Blow::KillBroker { broker, .. } => kafka.kill(broker).await,
    }
}

async fn come_back(
    kafka: &mut Brokers,
    blow: Blow,
    instances: &mut Instances,
) -> Result<(), RunError> {
    match blow {
        Blow::KillInstance { instance, .. } => instances
            .get_mut(instance)
            .into_iter()
            .flatten()
            .try_for_each(Instance::start),
        Blow::FreezeInstance { instance, .. } => instances
            .get_mut(instance)
            .into_iter()
            .flatten()
            .try_for_each(Instance::wake),
        Blow::KillBroker { broker, .. } => kafka.restart(broker).await,
    }
}

#[cfg(test)]
mod tests {
    //! Goal: a run is judged by its worst job, and one whose canary saw nothing does not pass for proof.

    use super::super::SeenRecord;
    use super::*;

    /// What a job made of two numbers, each of them written so many times.
    fn verdict(times: [usize; 2]) -> Verdict {
        let record = |value: usize| SeenRecord {
            key: "k".to_owned(),
            value: value.to_string(),
            timestamp: 0,
        };
        let input: Vec<_> = (0..2).map(record).collect();
        let output = (0..2).flat_map(|value| vec![record(value); times[value]]);
        check(Mode::Pass, &input, &output.collect::<Vec<_>>())
    }

    fn outcome(verdicts: &[(Job, [usize; 2])]) -> Outcome {
        let verdicts = verdicts.iter();
        let report = Report {
            blows: Vec::new(),
            verdicts: verdicts
                .map(|(job, times)| (*job, verdict(*times)))
                .collect(),
        };
        report.outcome()
    }

    #[test]
    fn a_run_is_as_good_as_its_worst_job() {
        let (pass, canary) = (Job::PASS, Job::CANARY);
        assert_eq!(outcome(&[(pass, [1, 1]), (canary, [1, 2])]), Outcome::Good);
        let nothing = outcome(&[(pass, [1, 1]), (canary, [1, 1])]);
        assert_eq!(nothing, Outcome::ProvesNothing);
        assert_eq!(outcome(&[]), Outcome::ProvesNothing);
        for (wrong, seen) in [([1, 2], [1, 2]), ([1, 0], [1, 2]), ([1, 1], [0, 2])] {
            let outcome = outcome(&[(pass, wrong), (canary, seen)]);
            assert_eq!(outcome, Outcome::Wrong, "{wrong:?} {seen:?}");
        }
        let both = outcome(&[(pass, [1, 2]), (canary, [1, 1])]);
        assert_eq!(both, Outcome::Wrong);
    }
}
