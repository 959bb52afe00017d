//! What a worker tells the board and the metrics facade.

use thalweg_client::TopicPartition;

use super::Worker;
use crate::runtime::explain::{InputMetrics, InputState, why};
use crate::runtime::slot::{InputSlot, Slot};
use crate::runtime::status::{Health, TaskMetrics};
use crate::task::InputReport;

impl Worker {
    pub(super) fn report(&mut self) {
        let mut tasks: Vec<TaskMetrics> =
            self.slots.values().map(|s| self.task_metrics(s)).collect();
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
        let stalled = self
            .restorer
            .stalled(now)
            .or_else(|| self.watch_stalls(now))
            .or_else(|| self.stalled.clone());
        let health = if let Some(reason) = stalled {
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
        let now_ms = self.instance.settings.clock.wall_ms();
        self.meters.tell(&self.metrics, &health, now_ms);
        if *self.orders.borrow() == crate::runtime::board::Order::Run {
            self.instance.board.set_health(self.index, health);
        }
        self.instance
            .board
            .set_metrics(self.index, self.metrics.clone());
    }

    fn task_metrics(&self, slot: &Slot) -> TaskMetrics {
        let report = slot.report();
        let inputs: Vec<InputMetrics> = slot
            .inputs()
            .iter()
            .map(|input| {
                let index = usize::try_from(input.id.0).unwrap_or(usize::MAX);
                self.input_metrics(input, report.inputs.get(index).cloned().unwrap_or_default())
            })
            .collect();
        TaskMetrics {
            task: slot.id.to_string(),
            records: report.records,
            lag: inputs.iter().map(|input| input.lag).sum(),
            watermark_ms: known(report.watermark),
            late_dropped: report.late_dropped,
            late_to_topic: report.late_to_topic,
            bad_records: report.bad_records,
            sink_skipped: report.sink_skipped,
            keyless_skipped: report.keyless_skipped,
            state_rows: report.state_rows,
            state_bytes: report.state_bytes,
            restoring: None,
            inputs,
        }
    }

    fn input_metrics(&self, input: &InputSlot, report: InputReport) -> InputMetrics {
        let TopicPartition { topic, partition } = input.partition.clone();
        let stand = self.stand_of(&input.partition, input.next());
        let state = InputState {
            stand,
            has_watermark: report.watermark != i64::MIN,
            idle: report.idle,
            ended: self.finished.contains(&input.partition),
            upstream: report
                .held_back_by
                .map(|(partition, watermark)| (partition.0, watermark != i64::MIN)),
        };
        InputMetrics {
            topic,
            partition: partition.0,
            position: input.next().0,
            lag: stand.lag(),
            watermark_ms: known(report.watermark),
            held_back: why(state),
        }
    }
}

/// A watermark, if there is one.
fn known(watermark: i64) -> Option<i64> {
    Some(watermark).filter(|watermark| *watermark != i64::MIN)
}
