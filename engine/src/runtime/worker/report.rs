//! What a worker tells the board and the metrics facade.

use super::Worker;
use crate::runtime::status::{Health, TaskMetrics};

impl Worker {
    pub(super) fn report(&mut self) {
        let mut tasks: Vec<TaskMetrics> = Vec::with_capacity(self.slots.len());
        for slot in self.slots.values() {
            let report = slot.report();
            let lag = slot
                .inputs()
                .iter()
                .map(|input| self.lag_of(&input.partition, input.next()))
                .sum();
            tasks.push(TaskMetrics {
                task: slot.id.to_string(),
                records: report.records,
                lag,
                watermark_ms: Some(report.watermark).filter(|watermark| *watermark != i64::MIN),
                late_dropped: report.late_dropped,
                late_to_topic: report.late_to_topic,
                bad_records: report.bad_records,
                state_rows: report.state_rows,
                state_bytes: report.state_bytes,
                restoring: None,
            });
        }
        let (mut done, mut total) = (0, 0);
        for (id, (offsets_done, offsets_total)) in self.restorer.progress() {
            done += offsets_done;
            total += offsets_total;
            tasks.push(TaskMetrics {
                task: id.to_string(),
                restoring: Some((offsets_done, offsets_total)),
                ..TaskMetrics::default()
            });
        }
        self.metrics.tasks = tasks;
        let now = self.instance.settings.clock.monotonic();
        let health = if let Some(reason) = self.restorer.stalled(now).or(self.stalled.clone()) {
            Health::Stalled { reason }
        } else if !self.joined {
            Health::Starting
        } else if self.restorer.is_active() {
            Health::Restoring {
                offsets_done: done,
                offsets_total: total,
            }
        } else {
            Health::Running
        };
        if *self.orders.borrow() == crate::runtime::board::Order::Run {
            self.instance.board.set_health(self.index, health);
        }
        self.instance
            .board
            .set_metrics(self.index, self.metrics.clone());
    }
}
