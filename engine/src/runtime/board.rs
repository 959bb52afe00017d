//! What workers tell and what they are told: the only state that threads of an app share.
//!
//! Workers write their part a few times a second, never per batch; nobody waits here for long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thalweg_client::watch;
use tokio::time::Instant;

use super::stall::STALLED_AFTER;
use crate::assignor::TaskId;
use crate::seams::Clock;

use super::explain::TaskWatermark;
use super::status::{AppMetrics, Health, Status, WorkerMetrics};

/// What all workers are to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Order {
    /// Go on.
    #[default]
    Run,
    /// Commit what is processed, leave the group, end.
    Stop,
    /// End at once: whatever is open is aborted by the next start.
    Drop,
}

/// One worker's part.
#[derive(Debug, Clone)]
struct Cell {
    health: Health,
    metrics: WorkerMetrics,
    /// Everything up to the known ends is processed and committed, in every task it owns.
    at_end: bool,
}

/// When a worker last was at the head of its loop, and what it went to do. Without a lock, since it
/// is told for every fetched record set.
#[derive(Debug, Default)]
struct Pulse {
    /// Milliseconds since the board was made, plus 1; 0 before the worker runs.
    at: AtomicU64,
    /// Sub-topology and partition, plus 1; 0 when it is no task it is busy with.
    task: AtomicU64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Board {
    cells: Vec<Mutex<Cell>>,
    pulses: Vec<Pulse>,
    clock: Arc<dyn Clock>,
    made: Instant,
    order: watch::Sender<Order>,
}

impl Board {
    pub(crate) fn new(workers: u32, clock: Arc<dyn Clock>) -> Self {
        let cell = || {
            Mutex::new(Cell {
                health: Health::Starting,
                metrics: WorkerMetrics::default(),
                at_end: false,
            })
        };
        Self {
            cells: (0..workers).map(|_| cell()).collect(),
            pulses: (0..workers).map(|_| Pulse::default()).collect(),
            made: clock.monotonic(),
            clock,
            order: watch::Sender::new(Order::Run),
        }
    }

    /// The health of all.
    pub(crate) fn status(&self) -> Status {
        let now = self.clock.monotonic();
        let healths = self.cells.iter().zip(&self.pulses).map(|(cell, pulse)| {
            let health = with(cell, |cell| cell.health.clone());
            match health {
                Health::Failed { .. } | Health::Stopped => health,
                health => self.blocked(now, pulse).unwrap_or(health),
            }
        });
        Status::of(healths.collect())
    }

    /// A worker is at the head of its loop, or enters a task.
    pub(crate) fn beat(&self, worker: u32, now: Instant, task: Option<TaskId>) {
        let Some(pulse) = self
            .pulses
            .get(usize::try_from(worker).unwrap_or(usize::MAX))
        else {
            return;
        };
        let task = task.map_or(0, |task| {
            let partition = u32::try_from(task.partition.0).unwrap_or(0);
            (u64::from(task.sub_topology.0) << 32 | u64::from(partition)) + 1
        });
        pulse.task.store(task, Ordering::Relaxed);
        pulse.at.store(self.millis(now) + 1, Ordering::Relaxed);
    }

    fn millis(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.made).as_millis();
        u64::try_from(passed).unwrap_or(u64::MAX - 1)
    }

    /// A worker that has not come back for long is in user code: everything of ours is short, or
    /// awaits.
    fn blocked(&self, now: Instant, pulse: &Pulse) -> Option<Health> {
        let at = pulse.at.load(Ordering::Relaxed).checked_sub(1)?;
        let waited = Duration::from_millis(self.millis(now).saturating_sub(at));
        if waited < STALLED_AFTER {
            return None;
        }
        let seconds = waited.as_secs();
        let reason = match pulse.task.load(Ordering::Relaxed).checked_sub(1) {
            Some(task) => format!(
                "the program's code has not come back from a record or timer of task {}_{} for \
                 {seconds} s; the other tasks of its worker wait",
                task >> 32,
                task & 0xffff_ffff
            ),
            None => format!("the worker's thread has not run for {seconds} s"),
        };
        Some(Health::Stalled { reason })
    }

    /// Where the watermark of every task is, and what holds it back.
    pub(crate) fn explain_watermark(&self) -> Vec<TaskWatermark> {
        let metrics = self.metrics();
        let running = metrics.tasks().filter(|task| task.restoring.is_none());
        running
            .map(|task| {
                TaskWatermark::new(task.task.clone(), task.watermark_ms, task.inputs.clone())
            })
            .collect()
    }

    /// The figures of all.
    pub(crate) fn metrics(&self) -> AppMetrics {
        let workers = self
            .cells
            .iter()
            .map(|cell| with(cell, |cell| cell.metrics.clone()))
            .collect();
        AppMetrics { workers }
    }

    /// Whether every worker is at the ends it knows.
    pub(crate) fn all_at_end(&self) -> bool {
        self.cells.iter().all(|cell| with(cell, |cell| cell.at_end))
    }

    pub(crate) fn set_health(&self, worker: u32, health: Health) {
        self.change(worker, |cell| {
            // How it ended is what stays.
            if !matches!(cell.health, Health::Failed { .. } | Health::Stopped) {
                cell.health = health;
            }
        });
    }

    pub(crate) fn set_metrics(&self, worker: u32, metrics: WorkerMetrics) {
        self.change(worker, |cell| cell.metrics = metrics);
    }

    pub(crate) fn set_at_end(&self, worker: u32, at_end: bool) {
        self.change(worker, |cell| cell.at_end = at_end);
    }

    /// Tells all workers what to do. An order is never taken back.
    pub(crate) fn order(&self, order: Order) {
        self.order.send_if_modified(|current| {
            let stronger = rank(order) > rank(*current);
            if stronger {
                *current = order;
            }
            stronger
        });
    }

    /// To follow the orders. One that was given before counts as news.
    pub(crate) fn orders(&self) -> watch::Receiver<Order> {
        let mut orders = self.order.subscribe();
        orders.mark_changed();
        orders
    }

    fn change(&self, worker: u32, f: impl FnOnce(&mut Cell)) {
        let index = usize::try_from(worker).unwrap_or(usize::MAX);
        if let Some(cell) = self.cells.get(index) {
            with(cell, f);
        }
    }
}

fn rank(order: Order) -> u8 {
    match order {
        Order::Run => 0,
        Order::Stop => 1,
        Order::Drop => 2,
    }
}

fn with<T>(cell: &Mutex<Cell>, f: impl FnOnce(&mut Cell) -> T) -> T {
    // Every change is one assignment, so a poisoned lock still guards a whole value.
    f(&mut cell.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use crate::seams::SystemClock;
    use crate::task::SubTopologyId;
    use thalweg_protocol::PartitionId;

    use super::*;

    fn board(workers: u32) -> Board {
        Board::new(workers, Arc::new(SystemClock))
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_does_not_come_back_from_user_code_is_stalled_and_its_task_is_named() {
        let board = board(2);
        let task = TaskId {
            sub_topology: SubTopologyId(1),
            partition: PartitionId(7),
        };
        board.set_health(0, Health::Running);
        board.set_health(1, Health::Running);
        board.beat(0, Instant::now(), None);
        board.beat(1, Instant::now(), Some(task));
        assert_eq!(board.status().health, Health::Running);
        tokio::time::advance(STALLED_AFTER).await;
        board.beat(0, Instant::now(), None);
        let status = board.status();
        assert_eq!(status.workers[0], Health::Running);
        let text = status.health.to_string();
        assert!(text.contains("task 1_7") && text.contains("10 s"), "{text}");
        board.beat(1, Instant::now(), None);
        assert_eq!(board.status().health, Health::Running);
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_has_not_begun_or_has_ended_is_not_blocked() {
        let board = board(2);
        tokio::time::advance(STALLED_AFTER * 9).await;
        assert_eq!(board.status().health, Health::Starting);
        board.beat(0, Instant::now(), None);
        board.set_health(0, Health::Stopped);
        tokio::time::advance(STALLED_AFTER * 9).await;
        assert_eq!(board.status().workers[0], Health::Stopped);
    }

    #[test]
    fn an_order_is_never_taken_back() {
        let board = board(1);
        let orders = board.orders();
        board.order(Order::Stop);
        board.order(Order::Run);
        assert_eq!(*orders.borrow(), Order::Stop);
        board.order(Order::Drop);
        assert_eq!(*orders.borrow(), Order::Drop);
    }

    #[tokio::test]
    async fn an_order_given_before_anyone_listened_is_heard() {
        let board = board(1);
        board.order(Order::Stop);
        let mut orders = board.orders();
        orders.changed().await.unwrap();
        assert_eq!(*orders.borrow_and_update(), Order::Stop);
    }

    #[test]
    fn a_failure_stays_on_the_board() {
        let board = board(2);
        board.set_health(
            1,
            Health::Failed {
                reason: "disk full".into(),
            },
        );
        board.set_health(1, Health::Stopping);
        board.set_health(0, Health::Running);
        assert_eq!(board.status().health.to_string(), "failed: disk full");
    }
}
