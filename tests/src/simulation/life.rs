//! An instance as the world sees it: all it runs, which can be paused, woken and crashed.
//!
//! ```text
//!   app.start_local ──► LocalWorkers ──┐
//!   its client      ──► tasks ─────────┤ each polled through `Guarded`:
//!                                      │   crashed: dropped unpolled; paused: waits unpolled;
//!                                      └   else polled, with the crash points observed
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use thalweg_client::{BoxFuture, CrashObserver, CrashSite, Rng, Spawner, observe_crash_points};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::points::Point;
use super::trace::Trace;

/// Which half of an instance a future belongs to. In production they run on threads of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// User code and tasks.
    Workers,
    /// Connections, heartbeats, transactions.
    Client,
}

/// At which crash points an instance is to crash.
#[derive(Debug, Clone)]
pub struct Targets {
    /// The points, each until a run has crashed there.
    pub points: BTreeSet<Point>,
    /// Of this many passings of such a point one crashes, on average.
    pub one_in: u64,
}

struct State {
    crashed: bool,
    /// Its machine is gone too, and with it whoever would close its connections.
    unplugged: bool,
    paused: (bool, bool),
    waiting: Vec<Waker>,
    tasks: Vec<AbortHandle>,
    targets: Option<Targets>,
    rng: Rng,
    /// Where it crashed by itself.
    crashed_at: Option<Point>,
}

struct Shared {
    name: String,
    trace: Trace,
    state: Mutex<State>,
    /// It crashed at a point.
    crash: Notify,
}

/// One run of one instance, from its start to its end or crash. Clones are the same.
#[derive(Clone)]
pub struct Life(Arc<Shared>);

impl Life {
    /// A new one. It crashes by itself at `targets`.
    #[must_use]
    pub fn new(name: String, trace: Trace, targets: Option<Targets>, rng: Rng) -> Self {
        let state = State {
            crashed: false,
            unplugged: false,
            paused: (false, false),
            waiting: Vec::new(),
            tasks: Vec::new(),
            targets,
            rng,
            crashed_at: None,
        };
        Life(Arc::new(Shared {
            name,
            trace,
            state: Mutex::new(state),
            crash: Notify::new(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its name, in traces.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether it is gone.
    #[must_use]
    pub fn is_crashed(&self) -> bool {
        self.lock().crashed
    }

    /// Whether it was unplugged: its connections stay open, and nobody answers on them.
    #[must_use]
    pub fn is_unplugged(&self) -> bool {
        self.lock().unplugged
    }

    /// Its next crash is one of its machine.
    pub fn unplug(&self) {
        self.lock().unplugged = true;
    }

    /// Where it crashed, if it was at a crash point.
    #[must_use]
    pub fn crashed_at(&self) -> Option<Point> {
        self.lock().crashed_at.clone()
    }

    /// Waits until it crashes at a point.
    pub async fn crash_at_point(&self) {
        self.0.crash.notified().await;
    }

    /// From now on it crashes at no point.
    pub fn disarm(&self) {
        self.lock().targets = None;
    }

    /// Nothing of it is polled any more, or all of it again.
    pub fn pause(&self, workers: bool, client: bool) {
        let woken = {
            let mut state = self.lock();
            state.paused = (workers, client);
            std::mem::take(&mut state.waiting)
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// It is gone, from one moment to the next: nothing of it is polled again, and nobody is told.
    pub fn crash(&self) {
        let (tasks, woken) = {
            let mut state = self.lock();
            state.crashed = true;
            state.targets = None;
            (
                std::mem::take(&mut state.tasks),
                std::mem::take(&mut state.waiting),
            )
        };
        tasks.iter().for_each(AbortHandle::abort);
        woken.into_iter().for_each(Waker::wake);
    }

    /// A future that lives this life.
    pub fn guard<F: Future<Output = ()>>(&self, half: Half, future: F) -> Guarded<F> {
        Guarded {
            life: self.clone(),
            half,
            future: Some(Box::pin(future)),
        }
    }

    /// A future that ends, with its crash points observed.
    pub async fn observe<T>(&self, future: impl Future<Output = T>) -> T {
        let observer: Arc<dyn CrashObserver> = Arc::new(self.clone());
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|context| {
            observe_crash_points(&observer, || future.as_mut().poll(context))
        })
        .await
    }

    /// Whether a future of that half may be polled; if not, it is woken when it may.
    fn may_poll(&self, half: Half, context: &Context<'_>) -> bool {
        let mut state = self.lock();
        let paused = match half {
            Half::Workers => state.paused.0,
            Half::Client => state.paused.1,
        };
        if paused {
            state.waiting.push(context.waker().clone());
        }
        !paused
    }
}

impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Life").field(&self.0.name).finish()
    }
}

impl CrashObserver for Life {
    fn crashes_at(&self, site: CrashSite) -> bool {
        let mut state = self.lock();
        if state.crashed {
            return true;
        }
        let State { targets, rng, .. } = &mut *state;
        let Some(targets) = targets else { return false };
        let point = Point::of(site);
        if !targets.points.contains(&point) || rng.below(targets.one_in) > 0 {
            return false;
        }
        state.crashed = true;
        state.targets = None;
        drop(state);
        self.0
            .trace
            .note(format_args!("{} crashes {point}", self.0.name));
        self.lock().crashed_at = Some(point);
        self.0.crash.notify_one();
        true
    }
}

impl Spawner for Life {
    fn spawn(&self, _: &'static str, future: BoxFuture<'static, ()>) {
        // What is dropped in a crash may still want to start something.
        if self.is_crashed() {
            return;
        }
        let task = tokio::spawn(self.guard(Half::Client, future)).abort_handle();
        let mut state = self.lock();
        if state.tasks.len() % 64 == 63 {
            state.tasks.retain(|task| !task.is_finished());
        }
        state.tasks.push(task);
    }
}

/// See [`Life::guard`].
#[must_use = "futures do nothing unless polled"]
pub struct Guarded<F> {
    life: Life,
    half: Half,
    future: Option<Pin<Box<F>>>,
}

impl<F> fmt::Debug for Guarded<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded")
            .field("life", &self.life)
            .field("half", &self.half)
            .finish_non_exhaustive()
    }
}

impl<F: Future<Output = ()>> Future for Guarded<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.life.is_crashed() {
            self.future = None;
            return Poll::Ready(());
        }
        if !self.life.may_poll(self.half, context) {
            return Poll::Pending;
        }
        let life = self.life.clone();
        let Some(future) = &mut self.future else {
            return Poll::Ready(());
        };
        let observer: Arc<dyn CrashObserver> = Arc::new(life.clone());
        let polled = observe_crash_points(&observer, || future.as_mut().poll(context));
        if polled.is_ready() || life.is_crashed() {
            self.future = None;
            return Poll::Ready(());
        }
        Poll::Pending
    }
}
