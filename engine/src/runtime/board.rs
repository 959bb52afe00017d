//! What workers tell and what they are told: the only state that threads of an app share.
//!
//! Workers write their part a few times a second, never per batch; nobody waits here for long.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

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

/// See the module.
#[derive(Debug)]
pub(crate) struct Board {
    cells: Vec<Mutex<Cell>>,
    order: watch::Sender<Order>,
}

impl Board {
    pub(crate) fn new(workers: u32) -> Self {
        let cell = || {
            Mutex::new(Cell {
                health: Health::Starting,
                metrics: WorkerMetrics::default(),
                at_end: false,
            })
        };
        Self {
            cells: (0..workers).map(|_| cell()).collect(),
            order: watch::Sender::new(Order::Run),
        }
    }

    /// The health of all.
    pub(crate) fn status(&self) -> Status {
        Status::of(
            self.cells
                .iter()
                .map(|cell| with(cell, |cell| cell.health.clone()))
                .collect(),
        )
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
    use super::*;

    #[test]
    fn an_order_is_never_taken_back() {
        let board = Board::new(1);
        let orders = board.orders();
        board.order(Order::Stop);
        board.order(Order::Run);
        assert_eq!(*orders.borrow(), Order::Stop);
        board.order(Order::Drop);
        assert_eq!(*orders.borrow(), Order::Drop);
    }

    #[tokio::test]
    async fn an_order_given_before_anyone_listened_is_heard() {
        let board = Board::new(1);
        board.order(Order::Stop);
        let mut orders = board.orders();
        orders.changed().await.unwrap();
        assert_eq!(*orders.borrow_and_update(), Order::Stop);
    }

    #[test]
    fn a_failure_stays_on_the_board() {
        let board = Board::new(2);
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
