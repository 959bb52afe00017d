//! One world, from its seed to its verdict.
//!
//! ```text
//!   0 ──────────────── calm_at ─────────────── settled ─────────── end
//!   producers write, jobs run, │ everything is mended; │ instances are  │ logs are read
//!   things go wrong as planned │ no more faults        │ told to stop   │ and judged
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use thalweg::VirtualClock;
use thalweg_broker::{EmbeddedBroker, Fault, faults};
use thalweg_client::{Admin, Cluster, IsolationLevel, NewTopic, OffsetSpec, Rng, TopicPartition};
use thalweg_protocol::{ApiKey, ErrorCode};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, LocalSet};
use tokio::time::{Instant, sleep, sleep_until};

use super::checker::{self, Faults, Logs};
use super::clients::{self, Seen, Surroundings};
use super::instance::{Blow, Common, Seat};
use super::jobs::Job;
use super::life::Targets;
use super::log::{self, Log};
use super::network::{Network, Weather};
use super::panics;
use super::plan::{Event, Plan};
use super::points::Point;
use super::trace::Trace;

/// What the world's clock shows at its start: some day in 2023.
const START_MS: i64 = 1_700_000_000_000;
/// Once everything is mended, all must be done within this.
const SETTLES_WITHIN: Duration = Duration::from_secs(180);

/// Partitions of each internal topic whose leaders are coordinators.
const COORDINATOR_PARTITIONS: i32 = 4;

/// How to run a world, beside its seed.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Every line of its trace is printed as it comes.
    pub aloud: bool,
    /// Only this job.
    pub job: Option<Job>,
    /// Instances crash whenever they come by one of these points. Default: at some points, as the
    /// seed says.
    pub hunt: Option<BTreeSet<Point>>,
    /// Very much goes wrong, some of it as it hardly ever does.
    pub wild: bool,
    /// All crash points there are.
    pub points: Arc<BTreeSet<Point>>,
}

/// What came of a world.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// Over its whole trace.
    pub hash: u64,
    /// How many lines that has.
    pub lines: u64,
    /// The job in it.
    pub job: Job,
    /// Where instances crashed.
    pub crashed_at: Vec<Point>,
    /// How often instances were started.
    pub starts: u64,
    /// How often each kind of network fault struck.
    pub struck: BTreeMap<&'static str, u64>,
    /// Committed records in, and out.
    pub records: (usize, usize),
    /// For how long it ran, by its own clock.
    pub simulated: Duration,
    /// What was wrong. Nothing, if all is well.
    pub faults: Vec<String>,
    /// The end of its trace.
    pub tail: Vec<String>,
}

/// Runs the world of a seed.
///
/// # Panics
/// No runtime can be made.
#[must_use]
pub fn run(seed: u64, options: &Options) -> Report {
    panics::begin();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let local = LocalSet::new();
    let world = local.run_until(async {
        let trace = Trace::new(options.aloud);
        let _listening = trace.listen();
        World::new(seed, options, trace).run().await
    });
    // Nothing of a world that panicked is looked at afterwards.
    let ran = catch_unwind(AssertUnwindSafe(|| runtime.block_on(world)));
    let mut report = ran.unwrap_or_else(|_| Report::of_nothing(seed));
    drop(local);
    runtime.shutdown_background();
    // Also those of tasks in the background, which are not told by them.
    let panics = panics::end().into_iter();
    report
        .faults
        .extend(panics.map(|panic| format!("panic: {panic}")));
    report
}

impl Report {
    /// Of a world of which nothing can be told.
    pub(super) fn of_nothing(seed: u64) -> Self {
        Self {
            seed,
            hash: 0,
            lines: 0,
            job: Job::Pass,
            crashed_at: Vec::new(),
            starts: 0,
            struck: BTreeMap::new(),
            records: (0, 0),
            simulated: Duration::ZERO,
            faults: Vec::new(),
            tail: Vec::new(),
        }
    }
}

struct World {
    seed: u64,
    plan: Plan,
    rng: Rng,
    kafka: Arc<EmbeddedBroker>,
    around: Surroundings,
    common: Rc<Common>,
    began: Instant,
    blows: Vec<mpsc::Sender<Blow>>,
    seats: Vec<JoinHandle<()>>,
}

impl World {
    fn new(seed: u64, options: &Options, trace: Trace) -> Self {
        let mut rng = Rng::from_seed(seed);
        let plan = Plan::of(&mut rng.fork("plan"), options.job, options.wild);
        trace.note(format_args!("seed {seed}: {plan:?}"));
        let kafka = EmbeddedBroker::builder()
            .brokers(usize::from(plan.brokers))
            .as_version(plan.release)
            .seed(rng.next_u64())
            .start_time_ms(START_MS)
            .config("auto.create.topics.enable", "false")
            .config("default.replication.factor", "3")
            .config("offsets.topic.num.partitions", "4")
            .config("transaction.state.log.num.partitions", "4")
            .config("group.initial.rebalance.delay.ms", "300")
            .replication_delay(Duration::ZERO, plan.replication_delay_max)
            .marker_delay(Duration::ZERO, plan.marker_delay_max)
            .start_here()
            .expect("brokers as planned");
        let kafka = Arc::new(kafka);
        let network = Network::new(
            Arc::clone(&kafka),
            plan.brokers,
            trace.clone(),
            rng.fork("network"),
        );
        let around = Surroundings {
            network,
            brokers: plan.brokers,
            clock: VirtualClock::starting_at(START_MS),
            trace,
        };
        let common = Common::default();
        let targets = match &options.hunt {
            Some(points) => Targets {
                points: points.clone(),
                one_in: 1,
            },
            None => some_targets(&options.points, &mut rng.fork("targets")),
        };
        common.crashes_left.set(4);
        *common.targets.borrow_mut() = Some(targets);
        Self {
            seed,
            plan,
            rng,
            kafka,
            around,
            common: Rc::new(common),
            began: Instant::now(),
            blows: Vec::new(),
            seats: Vec::new(),
        }
    }

    async fn run(mut self) -> Report {
        let mut faults = Faults::default();
        let seen = Seen::default();
        let seen_by_group = Seen::default();
        let (admin, written) = match self.set_up(&seen, &seen_by_group).await {
            Ok(up) => up,
            Err(error) => {
                faults.add("set up", || error);
                return self.report(faults, (0, 0));
            }
        };
        self.strike_as_planned().await;
        self.mend();
        let mut all_written = Vec::new();
        for written in written {
            let within = Duration::from_secs(120);
            match tokio::time::timeout(within, written).await {
                Ok(Ok(written)) => all_written.push(written),
                Ok(Err(error)) => faults.add("panic", || format!("a producer: {error}")),
                Err(_) => faults.add("deadlock", || "a producer does not end".to_owned()),
            }
        }
        if let Err(error) = self.settle(&admin).await {
            faults.add("deadlock", || error);
        }
        self.stop(&mut faults).await;
        let records = match self
            .judge(&all_written, &seen, &seen_by_group, &mut faults)
            .await
        {
            Ok(records) => records,
            Err(error) => {
                faults.add("unreadable", || error);
                (0, 0)
            }
        };
        self.report(faults, records)
    }

    fn note(&self, what: std::fmt::Arguments<'_>) {
        self.around.trace.note(format_args!("world: {what}"));
    }

    /// Topics, instances, and clients.
    async fn set_up(
        &mut self,
        seen: &Seen,
        seen_by_group: &Seen,
    ) -> Result<(Admin, Vec<JoinHandle<checker::Written>>), String> {
        let config = self.around.client("world", self.rng.next_u64());
        let cluster = Cluster::connect(config).await;
        let cluster = cluster.map_err(|error| error.to_string())?;
        let admin = Admin::new(&cluster);
        let topics = ["in", "out", "late"].map(|name| {
            NewTopic::new(name, self.plan.partitions)
                .replication_factor(3)
                .config("retention.ms", "-1")
        });
        admin
            .create_topics(topics)
            .await
            .all()
            .map_err(|error| error.to_string())?;
        for number in 0..self.plan.instances {
            let (send, receive) = mpsc::channel(64);
            let name = format!("app-{number}");
            let seat = Seat::new(
                name,
                self.plan.manner,
                self.around.clone(),
                Rc::clone(&self.common),
                self.rng.fork("instance"),
                receive,
            );
            self.blows.push(send);
            self.seats.push(tokio::task::spawn_local(seat.run()));
        }
        let mut written = Vec::new();
        for (number, records) in self.plan.writers.clone().into_iter().enumerate() {
            written.push(tokio::task::spawn_local(clients::write(
                self.around.clone(),
                format!("w{number}"),
                records,
                self.plan.pause_max,
                self.rng.fork("writer"),
            )));
        }
        tokio::task::spawn_local(clients::read(
            self.around.clone(),
            "reader".to_owned(),
            self.plan.partitions,
            Rc::clone(seen),
            self.rng.next_u64(),
        ));
        for number in 0..self.plan.group_readers {
            tokio::task::spawn_local(clients::read_in_group(
                self.around.clone(),
                format!("group-reader-{number}"),
                Rc::clone(seen_by_group),
                self.rng.next_u64(),
            ));
        }
        Ok((admin, written))
    }

    async fn strike_as_planned(&mut self) {
        let began = Instant::now();
        for (at, event) in self.plan.events.clone() {
            sleep_until(began + at).await;
            self.note(format_args!("{event:?}"));
            self.strike(event);
        }
        sleep_until(began + self.plan.calm_at).await;
    }

    fn strike(&mut self, event: Event) {
        let network = &self.around.network;
        match event {
            Event::Instance(number, blow) => {
                // One that is between two lives is not struck; nor is one with very many to come.
                if let Some(blows) = self.blows.get(number) {
                    let _ = blows.try_send(blow);
                }
            }
            Event::Weather(weather) => network.set_weather(weather),
            Event::Strike(strike) => network.strike(strike),
            Event::Cut {
                instance,
                node,
                millis,
            } => {
                network.cut(&format!("app-{instance}"), node, millis);
            }
            Event::Isolate { instance, millis } => {
                let origin = format!("app-{instance}");
                for node in 0..self.plan.brokers {
                    network.cut(&origin, node, millis);
                }
            }
            Event::Refuse { times } => {
                self.common.refusing.set(true);
                let refusal = faults::refuse(ApiKey::Produce, ErrorCode::INVALID_TIMESTAMP, times);
                self.kafka.inject(refusal);
            }
            Event::Deny { api, code, times } => {
                self.common.denying.set(true);
                let denied = faults::refuse(api, code, times);
                // By their application id, which instances have for their client id.
                let app = self.plan.manner.job.name();
                self.kafka.inject(move |request| {
                    let is_app = request.client_id() == Some(app);
                    if is_app { denied(request) } else { Fault::Pass }
                });
            }
            Event::Kill {
                node,
                millis,
                losing,
            } => {
                let (kafka, node) = (Arc::clone(&self.kafka), i32::from(node));
                // There is such a broker.
                let _ = match losing {
                    true => kafka.kill(node),
                    false => kafka.stop(node),
                };
                tokio::task::spawn_local(async move {
                    sleep(Duration::from_millis(millis)).await;
                    let _ = kafka.restart(node);
                });
            }
            Event::PauseBroker { node, millis } => {
                let (kafka, node) = (Arc::clone(&self.kafka), i32::from(node));
                let _ = kafka.pause(node);
                tokio::task::spawn_local(async move {
                    sleep(Duration::from_millis(millis)).await;
                    let _ = kafka.resume(node);
                });
            }
            Event::MoveLeader { partition, node } => {
                let topics = self.topics();
                let topic = usize::try_from(partition % topics.len() as u64).unwrap_or(0);
                let partition = i32::try_from(partition >> 32).unwrap_or(0) % self.plan.partitions;
                // A broker that is down leads nothing.
                if let Some(topic) = topics.get(topic) {
                    let _ = self.kafka.move_leader(topic, partition, i32::from(node));
                }
            }
            Event::MoveCoordinators { node } => {
                for topic in ["__consumer_offsets", "__transaction_state"] {
                    for partition in 0..COORDINATOR_PARTITIONS {
                        let _ = self.kafka.move_leader(topic, partition, i32::from(node));
                    }
                }
            }
        }
    }

    /// Nothing goes wrong any more.
    fn mend(&self) {
        self.note(format_args!("everything is mended"));
        self.around.network.set_weather(Weather::CALM);
        self.around.network.mend();
        self.kafka.inject_nothing();
        for node in 0..i32::from(self.plan.brokers) {
            // Those that run are not changed by it.
            let _ = self.kafka.resume(node);
            let _ = self.kafka.restart(node);
        }
        *self.common.targets.borrow_mut() = None;
    }

    /// Waits until the job has committed all of its input.
    async fn settle(&self, admin: &Admin) -> Result<(), String> {
        let deadline = Instant::now() + SETTLES_WITHIN;
        let mut inputs = vec!["in".to_owned()];
        if self.plan.manner.job == Job::Repartition {
            inputs.push(format!("{}-group-repartition", self.plan.manner.job.name()));
        }
        let mut last = String::new();
        let mut quiet = 0;
        while Instant::now() < deadline {
            sleep(Duration::from_millis(500)).await;
            match self.behind(admin, &inputs).await {
                // Twice: what is committed of the one may yet go into the other.
                Ok(None) if quiet == 2 => return Ok(()),
                Ok(None) => quiet += 1,
                Ok(Some(behind)) => (quiet, last) = (0, behind),
                Err(error) => (quiet, last) = (0, error),
            }
        }
        if self.plan.manner.job == Job::PassAtLeastOnce {
            // A commit outside of transactions that was long on its way, over a connection that was
            // given up, may set the group back behind later ones: nothing orders the two. What that
            // costs is repetition. Whether all of the input is in the output is judged in any case.
            self.note(format_args!("offsets set back: {last}"));
            return Ok(());
        }
        Err(format!(
            "the job is not at the end of its input {SETTLES_WITHIN:?} after everything was \
             mended: {last}"
        ))
    }

    async fn behind(&self, admin: &Admin, topics: &[String]) -> Result<Option<String>, String> {
        let words = |error: thalweg_client::CallError| error.to_string();
        let partitions: Vec<TopicPartition> = topics
            .iter()
            .flat_map(|topic| {
                (0..self.plan.partitions).map(|number| TopicPartition::new(topic.as_str(), number))
            })
            .collect();
        let asked = partitions.iter().map(|p| (p.clone(), OffsetSpec::Latest));
        let ends = admin
            .list_offsets(asked, IsolationLevel::ReadUncommitted)
            .await
            .all()
            .map_err(words)?;
        let group = self.plan.manner.job.name();
        let committed = admin
            .committed_offsets(group, &partitions, true)
            .await
            .map_err(words)?;
        for (partition, end) in ends {
            let end = end.offset.map_or(0, |offset| offset.0);
            let at = committed.get(&partition).map_or(0, |at| at.offset.0);
            // Behind the last record there may be markers, which nobody commits before.
            if at < end {
                let log = log::read(&self.kafka, &partition).await?;
                let records = log.committed();
                let last = records.last().map_or(-1, |last| last.record.offset);
                if at <= last || log.is_open() {
                    return Ok(Some(format!("{partition}: {at} of {end} is committed")));
                }
            }
        }
        Ok(None)
    }

    async fn stop(&mut self, faults: &mut Faults) {
        self.note(format_args!("the instances are to stop"));
        self.common.ending.set(true);
        self.blows.clear();
        for seat in std::mem::take(&mut self.seats) {
            match tokio::time::timeout(Duration::from_secs(120), seat).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => faults.add("panic", || format!("an instance: {error}")),
                Err(_) => faults.add("deadlock", || "an instance does not stop".to_owned()),
            }
        }
        // Markers may be behind, and readers behind them.
        sleep(Duration::from_secs(15)).await;
    }

    async fn judge(
        &self,
        written: &[checker::Written],
        seen: &Seen,
        seen_by_group: &Seen,
        faults: &mut Faults,
    ) -> Result<(usize, usize), String> {
        let (input, out, late) = (
            self.logs("in").await?,
            self.logs("out").await?,
            self.logs("late").await?,
        );
        let job = self.plan.manner.job;
        checker::writes(written, &input, faults);
        let refusing = self.common.refusing.get();
        checker::output(job, &input, &out, &late, refusing, faults);
        checker::read_back(&seen.borrow(), &out, faults);
        if self.plan.group_readers > 0 {
            checker::read_by_group(&seen_by_group.borrow(), &out, faults);
        }
        let mut all: BTreeMap<TopicPartition, Log> = BTreeMap::new();
        for (topic, logs) in [("out", &out), ("late", &late)] {
            for (partition, log) in logs {
                all.insert(TopicPartition::new(topic, *partition), log.clone());
            }
        }
        for topic in self.internal() {
            let logs = self.logs(topic).await?;
            if topic.ends_with("-changelog") {
                checker::changelog(job, &input, &logs, faults);
            }
            for (partition, log) in logs {
                all.insert(TopicPartition::new(*topic, partition), log);
            }
        }
        let protocol_two = self.plan.release.starts_with('4');
        checker::transactions(&all, protocol_two, faults);
        let groups = self.around.network.groups();
        for fault in groups.faults() {
            faults.add("owned twice", || fault.clone());
        }
        if groups.seen() == 0 {
            faults.add("owned twice", || "no assignment was seen at all".to_owned());
        }
        for fault in self.common.faults.borrow().iter() {
            faults.add("stopped", || fault.clone());
        }
        let count = |logs: &Logs| logs.values().map(|log| log.committed().len()).sum();
        Ok((count(&input), count(&out)))
    }

    /// The internal topics of the job.
    fn internal(&self) -> &'static [&'static str] {
        match self.plan.manner.job {
            Job::Count => &["count-counts-changelog"],
            Job::Windows => &["windows-windows-changelog"],
            Job::Repartition => &[
                "repartition-groups-changelog",
                "repartition-group-repartition",
            ],
            Job::Pass | Job::PassAtLeastOnce => &[],
        }
    }

    fn topics(&self) -> Vec<&'static str> {
        let own = ["in", "out", "late"].into_iter();
        own.chain(self.internal().iter().copied()).collect()
    }

    async fn logs(&self, topic: &str) -> Result<Logs, String> {
        let mut logs = Logs::new();
        for partition in 0..self.plan.partitions {
            let log = log::read(&self.kafka, &TopicPartition::new(topic, partition)).await?;
            logs.insert(partition, log);
        }
        Ok(logs)
    }

    fn report(&self, faults: Faults, records: (usize, usize)) -> Report {
        let faults = faults.into_words();
        for fault in &faults {
            self.note(format_args!("{fault}"));
        }
        let trace = &self.around.trace;
        Report {
            seed: self.seed,
            hash: trace.hash(),
            lines: trace.lines(),
            job: self.plan.manner.job,
            crashed_at: self.common.crashed_at.borrow().clone(),
            starts: self.common.starts.get(),
            struck: self.around.network.struck(),
            records,
            simulated: Instant::now() - self.began,
            faults,
            tail: trace.tail(),
        }
    }
}

/// Some of the points, and how often they are to be passed: few, so that a run is more than crashes.
fn some_targets(points: &BTreeSet<Point>, rng: &mut Rng) -> Targets {
    let mut chosen: Vec<Point> = points.iter().cloned().collect();
    rng.shuffle(&mut chosen);
    chosen.truncate(chosen.len() / 8);
    Targets {
        points: chosen.into_iter().collect(),
        one_in: 1 + rng.below(30),
    }
}
