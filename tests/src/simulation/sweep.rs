//! Many worlds, one after the other on each of several threads, until one of them fails; and the
//! hunt for the crash points that none of them came by.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::jobs::Job;
use super::points::Point;
use super::world::{Options, Report, run};

/// What to run.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// The first seed.
    pub from_seed: u64,
    /// How many.
    pub seeds: u64,
    /// On how many threads.
    pub threads: usize,
    /// Only this job.
    pub job: Option<Job>,
    /// Very much goes wrong. Where crash points are hunted, it always does.
    pub wild: bool,
    /// All crash points there are.
    pub points: Arc<BTreeSet<Point>>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Swept {
    /// Worlds that ran to their end.
    pub worlds: u64,
    /// Crash points at which an instance crashed in a world in which all was well.
    pub visited: BTreeSet<Point>,
    /// Starts of instances.
    pub starts: u64,
    /// Crashes at crash points.
    pub crashes: u64,
    /// Committed records in, and out.
    pub records: (u64, u64),
    /// The failure with the lowest seed of those seen, and how to run it again.
    pub failure: Option<(Report, Options)>,
}

/// In how many rounds the points that are left are hunted, with so many worlds each.
const ROUNDS: u64 = 40;
const WORLDS_PER_ROUND: u64 = 48;

impl Sweep {
    /// Runs the seeds. `told` hears of each world that ended.
    #[must_use]
    pub fn run(&self, told: &dyn Fn(&Report)) -> Swept {
        let mut swept = Swept::default();
        self.round(self.from_seed, self.seeds, None, &mut swept, told);
        swept
    }

    /// Runs more worlds in which instances crash whenever they come by a point that has not been
    /// crashed at yet, until none is left, or it is no use.
    pub fn hunt(&self, swept: &mut Swept, told: &dyn Fn(&Report)) {
        let first = self.from_seed + self.seeds;
        for round in 0..ROUNDS {
            let left: BTreeSet<Point> = self.points.difference(&swept.visited).cloned().collect();
            if left.is_empty() || swept.failure.is_some() {
                return;
            }
            let from = first + round * WORLDS_PER_ROUND;
            self.round(from, WORLDS_PER_ROUND, Some(left), swept, told);
        }
    }

    fn round(
        &self,
        from: u64,
        seeds: u64,
        hunt: Option<BTreeSet<Point>>,
        swept: &mut Swept,
        told: &dyn Fn(&Report),
    ) {
        let options = Options {
            aloud: false,
            job: self.job,
            wild: self.wild || hunt.is_some(),
            hunt,
            points: Arc::clone(&self.points),
        };
        let work = Arc::new(Work {
            next: AtomicU64::new(from),
            end: from + seeds,
            stop: AtomicBool::new(false),
            running: Mutex::new(BTreeSet::new()),
            options: options.clone(),
        });
        let (send, reports) = sync_channel(self.threads);
        for _ in 0..self.threads {
            let (send, work) = (send.clone(), Arc::clone(&work));
            std::thread::spawn(move || work.run(&send));
        }
        drop(send);
        loop {
            let report = match reports.recv_timeout(ENDS_WITHIN) {
                Ok(report) => report,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => work.stuck(),
            };
            told(&report);
            let is_stuck = report.lines == 0;
            if !report.faults.is_empty() {
                work.stop.store(true, Ordering::Relaxed);
            }
            swept.add(report, &options);
            if is_stuck {
                // Its thread cannot be ended.
                return;
            }
        }
    }
}

/// What the threads of a round have in common.
struct Work {
    next: AtomicU64,
    end: u64,
    stop: AtomicBool,
    running: Mutex<BTreeSet<u64>>,
    options: Options,
}

impl Work {
    fn run(&self, send: &SyncSender<Report>) {
        while !self.stop.load(Ordering::Relaxed) {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.end {
                return;
            }
            self.running().insert(seed);
            let report = run(seed, &self.options);
            self.running().remove(&seed);
            if send.send(report).is_err() {
                return;
            }
        }
    }

    fn running(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A world in which something spins, so that its time stands still.
    fn stuck(&self) -> Report {
        let seed = self.running().first().copied().unwrap_or(0);
        let mut report = Report::of_nothing(seed);
        report.faults.push(format!(
            "livelock: it does not end, and takes longer than {ENDS_WITHIN:?} of real time"
        ));
        report
    }
}

/// A world takes a fraction of a second.
const ENDS_WITHIN: Duration = Duration::from_secs(60);

impl Swept {
    fn add(&mut self, report: Report, options: &Options) {
        self.worlds += 1;
        self.starts += report.starts;
        self.crashes += report.crashed_at.len() as u64;
        self.records.0 += report.records.0 as u64;
        self.records.1 += report.records.1 as u64;
        if report.faults.is_empty() {
            self.visited.extend(report.crashed_at);
            return;
        }
        let lower = |(known, _): &(Report, Options)| report.seed < known.seed;
        if self.failure.as_ref().is_none_or(lower) {
            self.failure = Some((report, options.clone()));
        }
    }
}
