//! One instance of the job, from start to start: whatever ends it, it is started again.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use thalweg::{App, AppError, Handle, StateFolderError};
use thalweg_client::Rng;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::clients::Surroundings;
use super::jobs::Job;
use super::life::{Half, Life, Targets};
use super::machine::{Damage, Disk, JumpingClock};
use super::points::Point;

/// What is done to an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// It is killed; its machine goes down with it, or stays.
    Crash {
        /// The machine goes down too.
        unplugged: bool,
        /// What becomes of its folder.
        damage: Option<Damage>,
    },
    /// It stands still for a while.
    Pause {
        /// For how long.
        millis: u64,
        /// Only user code does; heartbeats go on.
        workers_only: bool,
    },
    /// It is asked to stop, and given so long.
    Stop {
        /// For how long.
        deadline_millis: u64,
    },
    /// Its wall clock jumps.
    Jump {
        /// By how much.
        millis: i64,
    },
    /// Its disk is full for a while.
    FillDisk {
        /// For how long.
        millis: u64,
    },
}

/// How an instance is run.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// What it computes.
    pub job: Job,
    /// How many workers it has.
    pub workers: u32,
    /// `commit.interval.ms`.
    pub commit_interval_ms: u64,
    /// `transaction.timeout.ms`.
    pub transaction_timeout_ms: u64,
}

/// What the world and its instances have in common.
#[derive(Debug, Default)]
pub struct Common {
    /// Crash points at which instances may still crash.
    pub targets: RefCell<Option<Targets>>,
    /// Where they crashed.
    pub crashed_at: RefCell<Vec<Point>>,
    /// How often they were started.
    pub starts: Cell<u64>,
    /// Crashes at points that are left to this run.
    pub crashes_left: Cell<u32>,
    /// Apps that stopped for a reason they should not stop for.
    pub faults: RefCell<Vec<String>>,
    /// The brokers refuse records at times, which stops an app.
    pub refusing: Cell<bool>,
    /// The brokers do not let an app do what it does, which stops it.
    pub denying: Cell<bool>,
    /// No instance is started any more, and those that run stop.
    pub ending: Cell<bool>,
}

/// `session.timeout.ms` of the instances.
pub const SESSION_TIMEOUT_MS: u64 = 6_000;

/// One place an instance runs at, with the machine that stays.
pub struct Seat {
    /// Its name.
    pub name: String,
    /// How it is run.
    pub manner: Manner,
    /// The world around it.
    pub around: Surroundings,
    /// What all instances share.
    pub common: Rc<Common>,
    /// Its own randomness.
    pub rng: Rng,
    /// What is done to it.
    pub blows: mpsc::Receiver<Blow>,
    disk: Disk,
    clock: JumpingClock,
}

/// How a life ended.
enum End {
    /// It crashed or was crashed.
    Crashed(Option<Damage>),
    /// It stopped as it was told.
    Stopped,
    /// It could not start.
    NotStarted(AppError),
    /// It ended by an error.
    Failed(AppError),
    /// The world is at its end.
    Over,
}

impl Seat {
    /// A machine with nothing on it.
    #[must_use]
    pub fn new(
        name: String,
        manner: Manner,
        around: Surroundings,
        common: Rc<Common>,
        rng: Rng,
        blows: mpsc::Receiver<Blow>,
    ) -> Self {
        let clock = JumpingClock::new(around.clock);
        Self {
            name,
            manner,
            around,
            common,
            rng,
            blows,
            disk: Disk::default(),
            clock,
        }
    }

    /// Starts it again and again until the world is at its end.
    pub async fn run(mut self) {
        while !self.common.ending.get() {
            let life = self.new_life();
            let end = self.live(&life).await;
            life.crash();
            if let Some(point) = life.crashed_at() {
                self.common.crashed_at.borrow_mut().push(point.clone());
                if let Some(targets) = &mut *self.common.targets.borrow_mut() {
                    targets.points.remove(&point);
                }
                let left = self.common.crashes_left.get();
                self.common.crashes_left.set(left.saturating_sub(1));
            }
            match end {
                End::Over => return,
                End::Crashed(damage) => {
                    if let Some(damage) = damage {
                        let damaged = self.disk.damage(damage, &mut self.rng);
                        self.note(format_args!("its folder: {damage:?}, {damaged}"));
                    }
                }
                End::Stopped => self.note(format_args!("stopped")),
                End::NotStarted(error) => self.judge(&error, true),
                End::Failed(error) => self.judge(&error, false),
            }
            sleep(Duration::from_millis(200 + self.rng.below(2_500))).await;
        }
    }

    fn note(&self, what: std::fmt::Arguments<'_>) {
        self.around.trace.note(format_args!("{} {what}", self.name));
    }

    fn new_life(&mut self) -> Life {
        let targets = self.common.targets.borrow().clone();
        let targets = targets.filter(|_| self.common.crashes_left.get() > 0);
        let rng = self.rng.fork("life");
        Life::new(self.name.clone(), self.around.trace.clone(), targets, rng)
    }

    fn app(&mut self, life: &Life) -> App {
        let Manner {
            job,
            workers,
            commit_interval_ms,
            transaction_timeout_ms,
        } = self.manner;
        let transport = self
            .around
            .network
            .transport(&self.name, Some(life.clone()));
        let seed = self.rng.next_u64();
        job.app()
            .client_config(self.around.through(transport, seed))
            .storage(self.disk.opened_by(life))
            .clock(self.clock.clone())
            .seed(seed)
            .workers(workers)
            .replication_factor(3)
            .commit_interval(Duration::from_millis(commit_interval_ms))
            .transaction_timeout(Duration::from_millis(transaction_timeout_ms))
            .session_timeout(Duration::from_millis(SESSION_TIMEOUT_MS))
            .rebalance_timeout(Duration::from_secs(15))
    }

    async fn live(&mut self, life: &Life) -> End {
        self.note(format_args!("starts"));
        self.common.starts.set(self.common.starts.get() + 1);
        let app = self.app(life);
        let starting = app.start_local(life.clone());
        let mut starting = std::pin::pin!(life.observe(starting));
        let (handle, workers) = loop {
            tokio::select! {
                biased;
                () = life.crash_at_point() => return End::Crashed(None),
                blow = self.blows.recv() => {
                    if let Some(end) = self.strike(life, None, blow).await {
                        return end;
                    }
                }
                started = &mut starting => match started {
                    Ok(started) => break started,
                    Err(_) if life.is_crashed() => return End::Crashed(None),
                    Err(error) => return End::NotStarted(error),
                }
            }
        };
        let _workers = AbortOnDrop(tokio::task::spawn_local(life.guard(Half::Workers, workers)));
        loop {
            tokio::select! {
                biased;
                () = life.crash_at_point() => return End::Crashed(None),
                blow = self.blows.recv() => {
                    if let Some(end) = self.strike(life, Some(&handle), blow).await {
                        return end;
                    }
                }
                ended = handle.wait() => return match ended {
                    _ if life.is_crashed() => End::Crashed(None),
                    Ok(()) => End::Stopped,
                    Err(error) => End::Failed(error),
                },
            }
        }
    }

    /// `None`: it lives on.
    async fn strike(
        &mut self,
        life: &Life,
        app: Option<&Handle>,
        blow: Option<Blow>,
    ) -> Option<End> {
        let Some(blow) = blow else {
            // The world is at its end: nobody strikes any more.
            life.disarm();
            if let Some(app) = app
                && let Err(error) = app.shutdown(Duration::from_secs(60)).await
            {
                self.judge(&error, false);
            }
            return Some(End::Over);
        };
        self.note(format_args!("suffers {blow:?}"));
        match blow {
            Blow::Crash { unplugged, damage } => {
                if unplugged {
                    life.unplug();
                }
                life.crash();
                return Some(End::Crashed(damage));
            }
            Blow::Pause {
                millis,
                workers_only,
            } => {
                life.pause(true, !workers_only);
                let paused = timeout(Duration::from_millis(millis), life.crash_at_point()).await;
                life.pause(false, false);
                if paused.is_ok() {
                    return Some(End::Crashed(None));
                }
                self.note(format_args!("goes on"));
            }
            Blow::Stop { deadline_millis } => {
                let app = app?;
                let stopping = app.shutdown(Duration::from_millis(deadline_millis));
                tokio::select! {
                    biased;
                    () = life.crash_at_point() => return Some(End::Crashed(None)),
                    stopped = stopping => return Some(match stopped {
                        Ok(()) => End::Stopped,
                        Err(AppError::Deadline { .. }) => {
                            // What it was told to drop is dropped in the background.
                            sleep(Duration::from_millis(500)).await;
                            End::Stopped
                        }
                        Err(error) => End::Failed(error),
                    }),
                }
            }
            Blow::Jump { millis } => self.clock.jump(millis),
            Blow::FillDisk { millis } => {
                self.disk.fill(true);
                let disk = self.disk.clone();
                tokio::task::spawn_local(async move {
                    sleep(Duration::from_millis(millis)).await;
                    disk.fill(false);
                });
            }
        }
        None
    }

    /// Whether an app may stop for this reason, in this world.
    fn judge(&self, error: &AppError, starting: bool) {
        self.note(format_args!("ended: {error}"));
        match error {
            AppError::StateFolder(StateFolderError::Corrupt { .. }) => self.disk.wipe(),
            AppError::StateFolder(StateFolderError::Unwritable { .. }) => {}
            // Starting takes a cluster that answers; running goes on without.
            AppError::Cluster { .. } if starting => {}
            AppError::Deadline { .. } => {}
            AppError::Task(_) if self.common.refusing.get() => {}
            error
                if self.common.denying.get()
                    && error.to_string().contains("AUTHORIZATION_FAILED") => {}
            error => {
                let fault = format!("{} stopped: {error}", self.name);
                self.common.faults.borrow_mut().push(fault);
            }
        }
    }
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
