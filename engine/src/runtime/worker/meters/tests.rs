//! Goal: what the facade is told is what happened, once. Method: a recorder that keeps all values by
//! name and labels; reports as a worker makes them, tasks that come and go among them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{CounterFn, GaugeFn, HistogramFn, Key, KeyName, Metadata, Recorder, Unit};

use super::*;

#[derive(Debug, Default, Clone)]
struct Kept(Arc<Mutex<BTreeMap<String, f64>>>);

/// One value of them.
struct Value(String, Kept);

impl Value {
    fn change(&self, f: impl FnOnce(f64) -> f64) {
        let mut kept = self.1.0.lock().expect("one thread");
        let value = kept.entry(self.0.clone()).or_default();
        *value = f(*value);
    }
}

impl CounterFn for Value {
    fn increment(&self, by: u64) {
        self.change(|value| value + by as f64);
    }
    fn absolute(&self, _: u64) {
        unreachable!("tasks come back with lower counts");
    }
}

impl GaugeFn for Value {
    fn increment(&self, by: f64) {
        self.change(|value| value + by);
    }
    fn decrement(&self, by: f64) {
        self.change(|value| value - by);
    }
    fn set(&self, to: f64) {
        self.change(|_| to);
    }
}

impl HistogramFn for Value {
    fn record(&self, sample: f64) {
        self.change(|value| value + sample);
    }
}

impl Kept {
    fn value(&self, key: &Key) -> Arc<Value> {
        let labels: Vec<String> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        Arc::new(Value(name, self.clone()))
    }

    fn get(&self, name: &str) -> Option<f64> {
        self.0.lock().expect("one thread").get(name).copied()
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.value(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.value(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.value(key))
    }
}

fn task(records: u64, lag: u64) -> TaskMetrics {
    TaskMetrics {
        task: "0_3".to_owned(),
        records,
        lag,
        late_dropped: records / 2,
        watermark_ms: Some(5_000),
        state_bytes: 77,
        restoring: None,
        ..TaskMetrics::default()
    }
}

fn worker(tasks: Vec<TaskMetrics>) -> WorkerMetrics {
    WorkerMetrics {
        records: tasks.iter().map(|task| task.records).sum(),
        commits: 3,
        tasks,
        ..WorkerMetrics::default()
    }
}

const TASK: &str = "{app=a,worker=1,task=0_3}";

#[test]
fn reports_add_up_and_gauges_show_the_last_one() {
    let kept = Kept::default();
    metrics::with_local_recorder(&kept, || {
        let mut meters = Meters::new("a", 1);
        for (records, lag) in [(4, 10), (4, 10), (10, 2)] {
            meters.tell(&worker(vec![task(records, lag)]), &Health::Running, 7_500);
        }
        meters.committed(Duration::from_millis(12));
    });
    let of_task = |name: &str| kept.get(&format!("{name}{TASK}"));
    assert_eq!(of_task("thalweg_task_records_total"), Some(10.0));
    assert_eq!(of_task("thalweg_task_late_dropped_total"), Some(5.0));
    assert_eq!(of_task("thalweg_task_lag_records"), Some(2.0));
    assert_eq!(of_task("thalweg_task_watermark_ms"), Some(5_000.0));
    assert_eq!(of_task("thalweg_task_watermark_lag_ms"), Some(2_500.0));
    assert_eq!(of_task("thalweg_task_state_bytes"), Some(77.0));
    let of_worker = |name: &str| kept.get(&format!("{name}{{app=a,worker=1}}"));
    assert_eq!(of_worker("thalweg_worker_commits_total"), Some(3.0));
    assert_eq!(of_worker("thalweg_worker_commit_latency_ms"), Some(12.0));
    assert_eq!(of_worker("thalweg_worker_stalled"), Some(0.0));
}

#[test]
fn a_task_that_moves_away_and_comes_back_is_counted_on() {
    let kept = Kept::default();
    metrics::with_local_recorder(&kept, || {
        let mut meters = Meters::new("a", 1);
        meters.tell(&worker(vec![task(10, 5)]), &Health::Running, 0);
        meters.tell(&worker(vec![]), &Health::Running, 0);
        assert_eq!(
            kept.get(&format!("thalweg_task_lag_records{TASK}")),
            Some(0.0)
        );
        let restoring = TaskMetrics {
            restoring: Some((3, 10)),
            ..task(0, 0)
        };
        meters.tell(&worker(vec![restoring]), &Health::Running, 0);
        let remaining = format!("thalweg_task_restore_remaining_offsets{TASK}");
        assert_eq!(kept.get(&remaining), Some(7.0));
        meters.tell(&worker(vec![task(4, 1)]), &Health::Running, 0);
        assert_eq!(kept.get(&remaining), Some(0.0));
    });
    let total = kept.get(&format!("thalweg_task_records_total{TASK}"));
    assert_eq!(total, Some(14.0));
}

#[test]
fn a_stalled_worker_shows() {
    let kept = Kept::default();
    metrics::with_local_recorder(&kept, || {
        let reason = "no broker answers".to_owned();
        Meters::new("a", 1).tell(&worker(vec![]), &Health::Stalled { reason }, 0);
    });
    assert_eq!(
        kept.get("thalweg_worker_stalled{app=a,worker=1}"),
        Some(1.0)
    );
}

#[test]
fn every_metric_is_in_the_table_of_the_handle() {
    let table = include_str!("../../handle.rs");
    let told = include_str!("../meters.rs");
    let names: Vec<&str> = told
        .split('"')
        .filter(|word| word.starts_with("thalweg_"))
        .collect();
    assert_eq!(names.len(), 18);
    for name in names {
        assert!(table.contains(&format!("| `{name}` |")), "{name}");
    }
}
