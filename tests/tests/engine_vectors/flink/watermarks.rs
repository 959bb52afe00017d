//! Watermarks: strategies, several inputs, idle ones.
//!
//! Flink's watermarks move when a timer of the processing clock says so; the engine's move with each
//! record, and are compared when Flink's timer runs. When a source is idle is for the engine a
//! matter of offsets (T3); here Flink's own rule is followed, by [`IdleTimer`], and the driver told:
//! what an idle input does to the others is the engine's.

use serde_json::{Value, json};
use thalweg::testing::{TestDriver, TestError, TestRecord};
use thalweg::{App, Chain, Json, Stream, Watermark, millis};
use thalweg_tests::tally::Outcome;

use super::steps::OUT;
use crate::compare::{entries, equal};
use crate::not_built;

/// What a case came to: its entries, or why it could not go on.
type Results = Result<Vec<Value>, TestError>;

/// A case about watermarks.
pub(crate) fn check(case: &Value) -> Outcome {
    let run: fn(&Value) -> Results = match case["case"].as_str().unwrap_or_default() {
        "assign-operator" => assign_operator,
        "generator-bounded" | "generator-bounded-idleness" | "generator-monotonous" => generator,
        "splits-bounded"
        | "splits-bounded-idleness"
        | "splits-monotonous"
        | "splits-monotonous-idleness" => splits,
        "two-input-min" => two_inputs,
        // Outputs that come and go while a task runs; channels that wait until they are aligned.
        _ => return not_built(case),
    };
    run(case)
        .map_err(|error| error.to_string())
        .and_then(|results| equal("entry", &results, &entries(&case["expected"])))
        .into()
}

/// Records with the event time in them, of any year.
fn source(
    app: &App,
    topic: &str,
    watermark: Watermark,
) -> Stream<impl Chain<Out = Json<Value>> + use<>> {
    app.source::<Json<Value>>(topic)
        .event_time(|record: &Value| record["timestamp"].as_i64(), watermark)
        .event_time_range(i64::MIN..i64::MAX)
}

fn strategy(parameters: &Value) -> Watermark {
    if parameters["strategy"] == "monotonous_timestamps" {
        return Watermark::ascending();
    }
    let disorder = parameters["max_out_of_orderness"].as_u64();
    Watermark::bounded(millis(disorder.expect("a bound")))
}

fn steps(case: &Value) -> impl Iterator<Item = (usize, &Value)> {
    case["input"].as_array().into_iter().flatten().enumerate()
}

/// One source, asked for its watermark now and then.
fn generator(case: &Value) -> Results {
    let parameters = &case["parameters"];
    let app = App::new("generator");
    source(&app, "in", strategy(parameters))
        .to(OUT)
        .timestamp(|_| 0_i64)
        .write::<Json<Value>>();
    let mut driver = TestDriver::new(&app.build().expect("the program is right"));
    let mut timer = IdleTimer::new(&parameters["idle_timeout"]);
    let mut clock = 1;
    let mut results = Vec::new();
    for (index, step) in steps(case) {
        if let Some(now) = step["advance_processing_time"].as_i64() {
            clock = now;
            driver.set_clock(now)?;
        } else if step["periodic_emit"] == true {
            let was_idle = driver.is_idle("in", 0)?;
            driver.set_idle("in", 0, timer.is_idle(clock))?;
            match (was_idle, driver.is_idle("in", 0)?) {
                (false, true) => results.push(json!({"step": index, "mark": "idle"})),
                (true, true) => {}
                (_, false) => {
                    let watermark = driver.watermark();
                    results.push(json!({"step": index, "watermark": watermark}));
                }
            }
        } else {
            timer.note_activity();
            driver.send_batch("in", &[record(&step["element"])])?;
        }
    }
    Ok(results)
}

fn record(element: &Value) -> TestRecord {
    TestRecord::new(0, element.to_string())
}

/// A strategy in the middle of a program: elements pass, the watermarks from upstream do not, but
/// for the last.
fn assign_operator(case: &Value) -> Results {
    let app = App::new("assign");
    source(&app, "in", strategy(&case["parameters"]))
        .map(|element| json!({"element": element}))
        .to(OUT)
        .timestamp(|_| 0_i64)
        .write::<Json<Value>>();
    let mut driver = TestDriver::new(&app.build().expect("the program is right"));
    let mut interval = Interval::new(&case["parameters"], 0);
    let mut told = i64::MIN;
    let mut results = Vec::new();
    for (index, step) in steps(case) {
        let mut is_due = false;
        if let Some(now) = step["advance_processing_time"].as_i64() {
            driver.set_clock(now)?;
            is_due = interval.is_due(now);
        } else if step["watermark"] == i64::MAX {
            driver.end_of_input()?;
            is_due = true;
        } else if step["watermark"].is_null() {
            driver.send_batch("in", &[record(&step["element"])])?;
        }
        for written in driver.take(OUT) {
            let mut entry: Value =
                serde_json::from_str(&written.value_text()).expect("what the sink wrote");
            entry["step"] = index.into();
            results.push(entry);
        }
        if is_due && driver.watermark() > told {
            told = driver.watermark();
            results.push(json!({"step": index, "watermark": told}));
        }
    }
    Ok(results)
}

/// Two inputs of one operator, each with a watermark and a status of its own.
fn two_inputs(case: &Value) -> Results {
    let app = App::new("two-inputs");
    // The elements' sources are never anything but idle: see `steps`.
    let side = |elements, ticks| {
        source(&app, elements, Watermark::bounded(millis(u64::MAX)))
            .merge(source(&app, ticks, Watermark::ascending()).filter(|_| false))
    };
    side("left", "left-ticks")
        .merge(side("right", "right-ticks"))
        .to(OUT)
        .timestamp(|_| 0_i64)
        .write::<Json<Value>>();
    let mut driver = TestDriver::new(&app.build().expect("the program is right"));
    for elements in ["left", "right"] {
        driver.set_idle(elements, 0, true)?;
    }
    let mut told = Told::default();
    let mut results = Vec::new();
    for (index, step) in steps(case) {
        for side in ["left", "right"] {
            let ticks = format!("{side}-ticks");
            if let Some(watermark) = step[format!("watermark_{side}")].as_i64() {
                // Of the element that shows that nothing at or below it is expected.
                let tick = json!({"timestamp": watermark.saturating_add(1)});
                if watermark == i64::MAX {
                    driver.end_of_partition(&ticks, 0)?;
                } else {
                    driver.send_batch(&ticks, &[record(&tick)])?;
                }
            } else if let Some(status) = step[format!("status_{side}")].as_str() {
                driver.set_idle(&ticks, 0, status == "idle")?;
            } else if !step[side].is_null() {
                let seen = driver.watermark();
                driver.send_batch(side, &[record(&step[side])])?;
                driver.set_idle(side, 0, true)?;
                for passed in driver.take(OUT) {
                    let element: Value =
                        serde_json::from_str(&passed.value_text()).expect("what the sink wrote");
                    results.push(json!({
                        "step": index,
                        side: element["value"],
                        "watermark_seen": seen,
                        "timestamp": element["timestamp"],
                    }));
                }
            }
        }
        let is_idle = driver.is_idle("left-ticks", 0)? && driver.is_idle("right-ticks", 0)?;
        told.tell(index, driver.watermark(), is_idle, &mut results);
    }
    Ok(results)
}

/// A source in splits, each an input of one task.
fn splits(case: &Value) -> Results {
    let parameters = &case["parameters"];
    let mut splits: Vec<Split> = (0..parameters["splits"].as_u64().expect("their number"))
        .map(|number| Split {
            topic: format!("split-{number}"),
            timer: IdleTimer::new(&parameters["idle_timeout"]),
            records: Vec::new(),
            state: SplitState::Running,
        })
        .collect();
    let app = App::new("splits");
    let split = |split: &Split| source(&app, &split.topic, strategy(parameters));
    let mut merged = split(&splits[0]).share();
    for other in &splits[1..] {
        merged = merged.merge(split(other));
    }
    merged.to(OUT).timestamp(|_| 0_i64).write::<Json<Value>>();
    let mut driver = TestDriver::new(&app.build().expect("the program is right"));
    let mut interval = Interval::new(parameters, 1);
    let mut told = Told::default();
    let mut results = Vec::new();
    for (index, step) in steps(case) {
        if let Some(now) = step["advance_processing_time"].as_i64() {
            driver.set_clock(now)?;
            while interval.has_passed(now) {
                let mut is_idle = end_interval(&mut driver, &mut splits, now)?;
                if splits.iter().all(|s| s.state == SplitState::Finished) {
                    // The end of the input, which is beyond the case.
                    return Ok(results);
                }
                // Flink's sources say that they are active again with their next watermark.
                let watermark = driver.watermark();
                is_idle |= told.is_idle && watermark <= told.watermark;
                told.tell(index, watermark, is_idle, &mut results);
            }
        } else if let Some(split) = step["split_finished"].as_u64() {
            splits[split as usize].state = SplitState::Finishing;
        } else {
            let split = &mut splits[step["split"].as_u64().expect("a split") as usize];
            split.timer.note_activity();
            split.records.push(record(step));
        }
    }
    Ok(results)
}

/// A split, with what came of it since the last interval ended.
struct Split {
    topic: String,
    timer: IdleTimer,
    records: Vec<TestRecord>,
    state: SplitState,
}

#[derive(PartialEq, Eq)]
enum SplitState {
    Running,
    Finishing,
    Finished,
}

/// Tells the driver what happened in an interval, and gives whether all splits are idle now. What
/// is at once for Flink is told so that none gets ahead: first who is active again, last who is
/// idle.
fn end_interval(
    driver: &mut TestDriver,
    splits: &mut [Split],
    now: i64,
) -> Result<bool, TestError> {
    let mut idle = Vec::new();
    for split in splits.iter_mut() {
        if split.state == SplitState::Running && split.timer.is_idle(now) {
            idle.push(split.topic.clone());
        } else {
            driver.set_idle(&split.topic, 0, false)?;
        }
    }
    for split in splits.iter_mut() {
        // No interval ended between its last records and its end: they move no watermark of Flink's.
        if split.state == SplitState::Finishing {
            driver.end_of_partition(&split.topic, 0)?;
            split.state = SplitState::Finished;
        }
        driver.send_batch(&split.topic, &std::mem::take(&mut split.records))?;
    }
    for topic in &idle {
        driver.set_idle(topic, 0, true)?;
    }
    let running = splits.iter().filter(|s| s.state == SplitState::Running);
    Ok(running.count() == idle.len())
}

/// What downstream knows of a watermark and its status.
struct Told {
    watermark: i64,
    is_idle: bool,
}

impl Default for Told {
    fn default() -> Self {
        let (watermark, is_idle) = (i64::MIN, false);
        Self { watermark, is_idle }
    }
}

impl Told {
    /// Adds what is news: active again, as whoever has a watermark to tell is; the watermark; idle.
    fn tell(&mut self, step: usize, watermark: i64, is_idle: bool, results: &mut Vec<Value>) {
        let has_advanced = watermark > self.watermark;
        if self.is_idle && (has_advanced || !is_idle) {
            results.push(json!({"step": step, "watermark_status": "active"}));
            self.is_idle = false;
        }
        if has_advanced {
            results.push(json!({"step": step, "watermark": watermark}));
        }
        if !self.is_idle && is_idle {
            results.push(json!({"step": step, "watermark_status": "idle"}));
        }
        *self = Self { watermark, is_idle };
    }
}

/// Flink's interval for watermarks.
struct Interval {
    interval: i64,
    next: i64,
}

impl Interval {
    fn new(parameters: &Value, now: i64) -> Self {
        let interval = parameters["auto_watermark_interval"].as_i64();
        let interval = interval.expect("an interval");
        let next = now + interval;
        Self { interval, next }
    }

    /// As sources have it: one after the other, to be asked until it is false.
    fn has_passed(&mut self, now: i64) -> bool {
        let has_passed = now >= self.next;
        if has_passed {
            self.next += self.interval;
        }
        has_passed
    }

    /// As operators have it: the next one counts from when the last was noticed.
    fn is_due(&mut self, now: i64) -> bool {
        let is_due = now >= self.next;
        if is_due {
            self.next = now + self.interval;
        }
        is_due
    }
}

/// Flink's `WatermarksWithIdleness`: asked now and then, idle once asked later than the time-out
/// after it was first asked without activity in between.
struct IdleTimer {
    time_out: Option<i64>,
    has_activity: bool,
    inactive_since: Option<i64>,
}

impl IdleTimer {
    fn new(time_out: &Value) -> Self {
        Self {
            time_out: time_out.as_i64(),
            has_activity: false,
            inactive_since: None,
        }
    }

    fn note_activity(&mut self) {
        self.has_activity = true;
    }

    fn is_idle(&mut self, now: i64) -> bool {
        if std::mem::take(&mut self.has_activity) {
            self.inactive_since = None;
            return false;
        }
        let since = *self.inactive_since.get_or_insert(now);
        self.time_out.is_some_and(|time_out| now - since > time_out)
    }
}
