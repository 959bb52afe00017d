//! Which input holds a task's watermark back, and why: `Handle::explain_watermark`.

use std::fmt;
use std::sync::Arc;

use super::idle::Stand;

/// Why an input's watermark is where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeldBack {
    /// No record with an event time has come yet, and none is there to be read.
    NoRecordYet,
    /// Everything there was is processed: the next record moves it on.
    CaughtUp,
    /// Records are there that are not processed yet: this many offsets.
    Behind {
        /// Offsets between the task's position and the end.
        lag: u64,
    },
    /// A transaction that is still open hides the records behind this offset.
    OpenTransaction {
        /// Where it begins (the last stable offset).
        from_offset: i64,
    },
    /// It waits for a task upstream, whose partition this is.
    Upstream {
        /// The partition.
        partition: i32,
        /// Whether that task has said anything yet.
        heard: bool,
    },
    /// It has had nothing to read for its source's time-out, and does not count.
    Idle,
    /// It was read up to the end at which the app is to stop.
    Ended,
}

impl fmt::Display for HeldBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeldBack::NoRecordYet => f.write_str("no record yet"),
            HeldBack::CaughtUp => {
                f.write_str("all of it is processed; the next record moves it on")
            }
            HeldBack::Behind { lag } => write!(f, "{lag} records are not processed yet"),
            HeldBack::OpenTransaction { from_offset } => write!(
                f,
                "a transaction that is still open hides the records from offset {from_offset} on"
            ),
            HeldBack::Upstream {
                partition,
                heard: true,
            } => write!(
                f,
                "the upstream task of partition {partition} is no further"
            ),
            HeldBack::Upstream {
                partition,
                heard: false,
            } => write!(
                f,
                "nothing was heard yet from the upstream task of partition {partition}"
            ),
            HeldBack::Idle => f.write_str("idle, so it does not count"),
            HeldBack::Ended => f.write_str("read up to its end"),
        }
    }
}

/// One input partition of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InputMetrics {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The offset of the next record to be processed.
    pub position: i64,
    /// Records between the position and the end, where that is known.
    pub lag: u64,
    /// Its watermark in ms since 1970; `None` before the first record.
    pub watermark_ms: Option<i64>,
    /// Why it is there.
    pub held_back: HeldBack,
}

impl fmt::Display for InputMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}: ", self.topic, self.partition)?;
        write_watermark(f, self.watermark_ms)?;
        write!(f, ", {}", self.held_back)
    }
}

/// Where the watermark of one task is, and what holds it back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskWatermark {
    /// `<sub-topology>_<partition>`.
    pub task: String,
    /// In ms since 1970; `None` until all inputs were heard.
    pub watermark_ms: Option<i64>,
    /// The index of the input that holds it back; `None` when no input counts.
    pub holder: Option<usize>,
    /// All inputs.
    pub inputs: Vec<InputMetrics>,
}

impl TaskWatermark {
    pub(crate) fn new(task: String, watermark_ms: Option<i64>, inputs: Vec<InputMetrics>) -> Self {
        let counted = inputs
            .iter()
            .enumerate()
            .filter(|(_, input)| input.held_back != HeldBack::Idle);
        // `None`, never heard, is the least.
        let holder = counted.min_by_key(|(_, input)| input.watermark_ms);
        Self {
            holder: holder.map(|(index, _)| index),
            task,
            watermark_ms,
            inputs,
        }
    }

    /// The input that holds it back; `None` when none counts: all are idle.
    pub fn held_back_by(&self) -> Option<&InputMetrics> {
        self.inputs.get(self.holder?)
    }
}

impl fmt::Display for TaskWatermark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}: ", self.task)?;
        write_watermark(f, self.watermark_ms)?;
        match self.held_back_by() {
            Some(input) => write!(f, ", held back by {input}"),
            None => f.write_str(", all inputs are idle"),
        }
    }
}

fn write_watermark(f: &mut fmt::Formatter<'_>, watermark_ms: Option<i64>) -> fmt::Result {
    match watermark_ms {
        None => f.write_str("no watermark"),
        Some(i64::MAX) => f.write_str("at the end of time"),
        Some(watermark) => write!(f, "watermark {watermark}"),
    }
}

/// What is known of an input when it is asked why its watermark is where it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InputState {
    pub(crate) stand: Stand,
    pub(crate) has_watermark: bool,
    pub(crate) idle: bool,
    pub(crate) ended: bool,
    /// Of a repartition topic: the slowest upstream task, and whether it was heard.
    pub(crate) upstream: Option<(i32, bool)>,
}

pub(crate) fn why(input: InputState) -> HeldBack {
    let stand = input.stand;
    let lag = stand.lag();
    if input.idle {
        HeldBack::Idle
    } else if let Some(from) = stand.hidden_from() {
        HeldBack::OpenTransaction {
            from_offset: from.0,
        }
    } else if lag > 0 && !input.ended {
        HeldBack::Behind { lag }
    } else if let Some((partition, heard)) = input.upstream {
        HeldBack::Upstream { partition, heard }
    } else if input.ended {
        HeldBack::Ended
    } else if input.has_watermark {
        HeldBack::CaughtUp
    } else {
        HeldBack::NoRecordYet
    }
}

#[cfg(test)]
mod tests {
    use thalweg_protocol::Offset;

    use super::*;

    fn at(position: i64, last_stable_offset: i64, high_watermark: i64) -> InputState {
        InputState {
            stand: Stand {
                position: Offset(position),
                high_watermark: Some(Offset(high_watermark)),
                last_stable_offset: Some(Offset(last_stable_offset)),
            },
            has_watermark: true,
            idle: false,
            ended: false,
            upstream: None,
        }
    }

    #[test]
    fn every_reason_is_told_from_the_others() {
        let quiet = at(5, 5, 5);
        let cases = [
            (quiet, HeldBack::CaughtUp),
            (
                InputState {
                    has_watermark: false,
                    ..quiet
                },
                HeldBack::NoRecordYet,
            ),
            (
                InputState {
                    idle: true,
                    ..quiet
                },
                HeldBack::Idle,
            ),
            (
                InputState {
                    ended: true,
                    ..at(5, 9, 9)
                },
                HeldBack::Ended,
            ),
            (at(5, 9, 9), HeldBack::Behind { lag: 4 }),
            (at(5, 7, 9), HeldBack::Behind { lag: 4 }),
            (at(5, 5, 9), HeldBack::OpenTransaction { from_offset: 5 }),
            (
                InputState {
                    upstream: Some((3, false)),
                    ..quiet
                },
                HeldBack::Upstream {
                    partition: 3,
                    heard: false,
                },
            ),
        ];
        for (input, expected) in cases {
            assert_eq!(why(input), expected);
        }
    }

    fn input(partition: i32, watermark_ms: Option<i64>, held_back: HeldBack) -> InputMetrics {
        InputMetrics {
            topic: "bids".into(),
            partition,
            position: 0,
            lag: 0,
            watermark_ms,
            held_back,
        }
    }

    #[test]
    fn the_slowest_input_that_counts_is_the_one() {
        let inputs = vec![
            input(0, Some(30), HeldBack::CaughtUp),
            input(1, None, HeldBack::Idle),
            input(2, Some(20), HeldBack::Behind { lag: 7 }),
        ];
        let task = TaskWatermark::new("0_1".to_owned(), Some(20), inputs);
        assert_eq!(task.held_back_by().map(|input| input.partition), Some(2));
        assert_eq!(
            task.to_string(),
            "task 0_1: watermark 20, held back by bids-2: watermark 20, 7 records are not \
             processed yet"
        );
    }

    #[test]
    fn one_that_was_never_heard_is_slower_than_any_and_idle_ones_are_none() {
        let inputs = vec![
            input(0, Some(30), HeldBack::CaughtUp),
            input(1, None, HeldBack::NoRecordYet),
        ];
        let task = TaskWatermark::new("0_1".to_owned(), None, inputs);
        assert_eq!(task.held_back_by().map(|input| input.partition), Some(1));
        let idle = vec![input(0, Some(30), HeldBack::Idle)];
        let task = TaskWatermark::new("0_1".to_owned(), Some(30), idle);
        assert_eq!(
            task.to_string(),
            "task 0_1: watermark 30, all inputs are idle"
        );
    }
}
