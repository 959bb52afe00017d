//! A worker's figures for the `metrics` facade: whatever recorder the program has installed.
//!
//! Told with every report, ten times a second, never per record. Counters go up by what has come
//! since; gauges of a task that has moved away are set to 0, as the facade cannot take them back.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, SharedString, counter, gauge, histogram};

use crate::runtime::status::{Health, TaskMetrics, WorkerMetrics};

/// See the module.
pub(super) struct Meters {
    app: SharedString,
    worker: SharedString,
    records: Rising,
    commits: Rising,
    aborts: Rising,
    corrupt_batches: Rising,
    commit_latency_ms: Histogram,
    stalled: Gauge,
    tasks: BTreeMap<String, TaskMeters>,
}

/// A counter, and how much it was told.
struct Rising {
    counter: Counter,
    told: u64,
}

struct TaskMeters {
    records: Rising,
    bad_records: Rising,
    late_dropped: Rising,
    late_to_topic: Rising,
    sink_skipped: Rising,
    keyless_skipped: Rising,
    lag_records: Gauge,
    watermark_ms: Gauge,
    watermark_lag_ms: Gauge,
    state_rows: Gauge,
    state_bytes: Gauge,
    restore_remaining_offsets: Gauge,
    seen: bool,
}

impl Rising {
    fn new(counter: Counter) -> Self {
        Self { counter, told: 0 }
    }

    /// What is counted in all. Less than before: counted anew.
    fn rise(&mut self, to: u64) {
        let more = to.checked_sub(self.told).unwrap_or(to);
        self.told = to;
        if more > 0 {
            self.counter.increment(more);
        }
    }
}

impl Meters {
    pub(super) fn new(application_id: &str, worker: u32) -> Self {
        let app = SharedString::from(application_id.to_owned());
        let worker = SharedString::from(worker.to_string());
        let labels = [("app", app.clone()), ("worker", worker.clone())];
        let rising = |name: &'static str| Rising::new(counter!(name, &labels));
        Self {
            records: rising("thalweg_worker_records_total"),
            commits: rising("thalweg_worker_commits_total"),
            aborts: rising("thalweg_worker_aborts_total"),
            corrupt_batches: rising("thalweg_worker_corrupt_batches_total"),
            commit_latency_ms: histogram!("thalweg_worker_commit_latency_ms", &labels),
            stalled: gauge!("thalweg_worker_stalled", &labels),
            tasks: BTreeMap::new(),
            app,
            worker,
        }
    }

    /// A transaction was committed, so long after it was sealed.
    pub(super) fn committed(&self, latency: Duration) {
        self.commit_latency_ms
            .record(latency.as_secs_f64() * 1_000.0);
    }

    /// Tells everything.
    pub(super) fn tell(&mut self, metrics: &WorkerMetrics, health: &Health, now_ms: i64) {
        self.records.rise(metrics.records);
        self.commits.rise(metrics.commits);
        self.aborts.rise(metrics.aborts);
        self.corrupt_batches.rise(metrics.corrupt_batches);
        let stalled = matches!(health, Health::Stalled { .. });
        self.stalled.set(f64::from(u8::from(stalled)));
        for task in &metrics.tasks {
            let (app, worker) = (&self.app, &self.worker);
            let meters = self
                .tasks
                .entry(task.task.clone())
                .or_insert_with(|| TaskMeters::new(app, worker, &task.task));
            meters.tell(task, now_ms);
        }
        self.tasks.retain(|_, meters| {
            let stays = std::mem::take(&mut meters.seen);
            if !stays {
                meters.clear();
            }
            stays
        });
    }
}

impl TaskMeters {
    fn new(app: &SharedString, worker: &SharedString, task: &str) -> Self {
        let labels = [
            ("app", app.clone()),
            ("worker", worker.clone()),
            ("task", SharedString::from(task.to_owned())),
        ];
        let rising = |name: &'static str| Rising::new(counter!(name, &labels));
        let gauge = |name: &'static str| gauge!(name, &labels);
        Self {
            records: rising("thalweg_task_records_total"),
            bad_records: rising("thalweg_task_bad_records_total"),
            late_dropped: rising("thalweg_task_late_dropped_total"),
            late_to_topic: rising("thalweg_task_late_to_topic_total"),
            sink_skipped: rising("thalweg_task_sink_skipped_total"),
            keyless_skipped: rising("thalweg_task_keyless_skipped_total"),
            lag_records: gauge("thalweg_task_lag_records"),
            watermark_ms: gauge("thalweg_task_watermark_ms"),
            watermark_lag_ms: gauge("thalweg_task_watermark_lag_ms"),
            state_rows: gauge("thalweg_task_state_rows"),
            state_bytes: gauge("thalweg_task_state_bytes"),
            restore_remaining_offsets: gauge("thalweg_task_restore_remaining_offsets"),
            seen: false,
        }
    }

    fn tell(&mut self, task: &TaskMetrics, now_ms: i64) {
        self.seen = true;
        self.records.rise(task.records);
        self.bad_records.rise(task.bad_records);
        self.late_dropped.rise(task.late_dropped);
        self.late_to_topic.rise(task.late_to_topic);
        self.sink_skipped.rise(task.sink_skipped);
        self.keyless_skipped.rise(task.keyless_skipped);
        self.lag_records.set(task.lag as f64);
        // At the end of time there is nothing to be behind of.
        if let Some(watermark) = task.watermark_ms.filter(|watermark| *watermark != i64::MAX) {
            self.watermark_ms.set(watermark as f64);
            self.watermark_lag_ms
                .set(now_ms.saturating_sub(watermark) as f64);
        }
        self.state_rows.set(task.state_rows as f64);
        self.state_bytes.set(task.state_bytes as f64);
        let (done, total) = task.restoring.unwrap_or_default();
        self.restore_remaining_offsets
            .set(total.saturating_sub(done) as f64);
    }

    fn clear(&self) {
        for gauge in [
            &self.lag_records,
            &self.watermark_lag_ms,
            &self.state_rows,
            &self.state_bytes,
            &self.restore_remaining_offsets,
        ] {
            gauge.set(0.0);
        }
    }
}

#[cfg(test)]
mod tests;
