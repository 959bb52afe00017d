//! Progress on standard error: a bar where somebody watches, a plain line now and then elsewhere.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use thalweg::{Handle, Health};
use tokio::time::Instant;

/// Between two plain lines.
const PLAIN: Duration = Duration::from_secs(5);

/// A bar up to `total`, with the rate and the time left.
pub(crate) fn bar(total: u64, what: &'static str) -> ProgressBar {
    let template = "{bar:30} {human_pos} of {human_len} {msg}, {per_sec}, {eta} left";
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(total)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(what)
}

/// Leaves the bar as it is, and goes on below it.
pub(crate) fn finish(bar: &ProgressBar) {
    bar.finish();
    eprintln!();
}

/// How far a job is: restoring its state, then on its way to the end of its input.
pub(crate) struct JobProgress {
    bar: Option<ProgressBar>,
    until_end: bool,
    stage: Stage,
    last_plain: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Starting,
    Restoring,
    Running,
}

impl JobProgress {
    /// `until_end`: the input has an end to be reached.
    pub(crate) fn new(until_end: bool) -> Self {
        Self {
            bar: None,
            until_end,
            stage: Stage::Starting,
            last_plain: Instant::now(),
        }
    }

    /// Looks at the job; several times a second.
    pub(crate) fn look(&mut self, running: &Handle) {
        let metrics = running.metrics();
        let (stage, done, total) = match running.status().health {
            Health::Restoring {
                offsets_done,
                offsets_total,
            } if offsets_total > 0 => (Stage::Restoring, offsets_done, offsets_total),
            Health::Stalled { reason } => return self.say(&format!("stalled: {reason}")),
            Health::Running if self.until_end => {
                let records = metrics.records();
                (Stage::Running, records, records + metrics.lag())
            }
            // Without an end there is nothing to be on the way to.
            _ => (Stage::Starting, 0, 0),
        };
        self.show(stage, done, total);
    }

    /// The job has ended.
    pub(crate) fn end(mut self, records: u64) {
        if self.until_end {
            self.show(Stage::Running, records, records);
        }
        if let Some(bar) = &self.bar {
            finish(bar);
        }
    }

    fn show(&mut self, stage: Stage, done: u64, total: u64) {
        if stage != self.stage {
            if let Some(bar) = self.bar.take() {
                finish(&bar);
            }
            self.stage = stage;
        }
        let what = match stage {
            Stage::Starting => return,
            Stage::Restoring => "offsets of its state restored",
            Stage::Running => "bids",
        };
        if io::stderr().is_terminal() {
            let bar = self.bar.get_or_insert_with(|| bar(total, what));
            bar.set_length(total);
            bar.set_position(done);
        } else {
            self.say(&format!("{done} of {total} {what}"));
        }
    }

    fn say(&mut self, line: &str) {
        if self.last_plain.elapsed() >= PLAIN {
            self.last_plain = Instant::now();
            match &self.bar {
                Some(bar) => bar.println(line),
                None => eprintln!("{line}"),
            }
        }
    }
}
