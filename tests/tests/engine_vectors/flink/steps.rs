//! Steps of elements and watermarks, as Flink's operator test harness takes them.
//!
//! A watermark of the engine follows the records of its sources. So that it goes where a case says,
//! the elements come from a source that is always idle, merged with one that is not and gives
//! nothing but the time: the task's watermark is that of the latter.

use serde_json::{Value, json};
use thalweg::testing::{TestDriver, TestError, TestRecord};
use thalweg::{App, Chain, Json, Stream, Topology, Watermark};

/// The topics.
const ELEMENTS: &str = "elements";
const TICKS: &str = "ticks";
pub(crate) const OUT: &str = "out";
pub(crate) const LATE: &str = "late";

/// The elements of a case.
pub(crate) fn elements(app: &App) -> Stream<impl Chain<Out = Json<Value>>> {
    let source = |topic| {
        app.source::<Json<Value>>(topic)
            .event_time(
                |element: &Value| element["timestamp"].as_i64(),
                Watermark::ascending(),
            )
            .event_time_range(i64::MIN..i64::MAX)
    };
    source(ELEMENTS).merge(source(TICKS).filter(|_| false))
}

/// How often tasks are lost and made again, beyond what a case says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restarts {
    Never,
    /// After every so many steps, from what was committed, time included.
    Every(usize),
}

/// What a case came to.
pub(crate) struct Results {
    /// What was written, and the watermarks reached, each with its step.
    pub(crate) entries: Vec<Value>,
    /// Late elements, each with its step.
    pub(crate) late: Vec<Value>,
    pub(crate) dropped_late: u64,
}

/// A program being driven through the steps of a case.
struct Run {
    driver: TestDriver,
    /// What of it is downstream of a repartition topic, and sees things with the next commit.
    repartition: Option<&'static str>,
    results: Results,
}

/// Takes a program, whose elements are from [`elements`], through all steps.
pub(crate) fn run(
    topology: &Topology,
    repartition: Option<&'static str>,
    case: &Value,
    restarts: Restarts,
) -> Result<Results, TestError> {
    let mut run = Run {
        driver: TestDriver::new(topology),
        repartition,
        results: Results {
            entries: Vec::new(),
            late: Vec::new(),
            dropped_late: 0,
        },
    };
    run.driver.set_idle(ELEMENTS, 0, true)?;
    for (index, step) in case["input"].as_array().into_iter().flatten().enumerate() {
        run.take(index, step)?;
        if matches!(restarts, Restarts::Every(steps) if index % steps == steps - 1) {
            run.lose_tasks(TestDriver::restart)?;
        }
    }
    run.results.dropped_late += run.driver.late_dropped();
    Ok(run.results)
}

impl Run {
    fn take(&mut self, index: usize, step: &Value) -> Result<(), TestError> {
        if let Some(watermark) = step["watermark"].as_i64() {
            self.advance(watermark)?;
        } else if step["checkpoint_restore"] == true {
            self.lose_tasks(TestDriver::restart_forgetting_time)?;
        } else {
            let element = &step["element"];
            let mut record = TestRecord::new(0, element.to_string());
            record.key = element["key"].as_str().map(|key| key.as_bytes().to_vec());
            self.driver.send_batch(ELEMENTS, &[record])?;
            self.driver.set_idle(ELEMENTS, 0, true)?;
        }
        if self.repartition.is_some() {
            self.driver.commit()?;
        }
        self.collect(index);
        if !step["watermark"].is_null() {
            let watermark = match self.repartition {
                Some(topic) => self.driver.watermark_of(topic, 0)?,
                None => self.driver.watermark(),
            };
            let entry = json!({"step": index, "watermark": watermark});
            self.results.entries.push(entry);
        }
        Ok(())
    }

    fn advance(&mut self, watermark: i64) -> Result<(), TestError> {
        if watermark == i64::MAX {
            return self.driver.end_of_input();
        }
        // Of the element that shows that nothing at or below the watermark is expected.
        let tick = json!({"timestamp": watermark + 1});
        self.driver.send_at(TICKS, 0, tick.to_string())
    }

    /// Commits, loses all tasks, and makes them again.
    fn lose_tasks(
        &mut self,
        restart: impl FnOnce(&mut TestDriver) -> Result<(), TestError>,
    ) -> Result<(), TestError> {
        self.driver.commit()?;
        self.results.dropped_late += self.driver.late_dropped();
        restart(&mut self.driver)?;
        self.driver.set_idle(ELEMENTS, 0, true)
    }

    fn collect(&mut self, index: usize) {
        let read = |record: TestRecord| {
            let mut entry: Value = serde_json::from_slice(record.value.as_deref()?).ok()?;
            entry["step"] = index.into();
            Some(entry)
        };
        let (out, late) = (self.driver.take(OUT), self.driver.take(LATE));
        let results = &mut self.results;
        results.entries.extend(out.into_iter().filter_map(read));
        results.late.extend(late.into_iter().filter_map(read));
    }
}
