//! Kills instances and brokers under running jobs, and judges what the jobs have written.
//!
//! ```text
//! writer ──► input ──► instances of each job ──► one output per job
//!   │                     ▲    ▲                        │
//!   │      plan: kill, freeze, kill a broker            │
//!   └──► read back ─────► checker ◄── read_committed ───┘
//! ```

mod brokers;
mod checker;
mod error;
mod instance;
mod plan;
mod run;
mod topics;

/// What a job under test does with its input of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Writes every record as it came.
    Pass,
    /// Writes the running count of the record's key.
    Counts,
    /// Writes count and sum of the key's tumbling window, at every change.
    Windows {
        /// The length of the windows, in milliseconds.
        window_ms: i64,
    },
}

/// A job under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// Names its topic, its group and its files.
    pub name: &'static str,
    /// What it does.
    pub mode: Mode,
    /// Otherwise at least once, to see that the checker sees duplicates.
    pub exactly_once: bool,
}

impl Job {
    /// Copies, exactly once.
    pub const PASS: Self = Self {
        name: "pass",
        mode: Mode::Pass,
        exactly_once: true,
    };
    /// Counts, exactly once.
    pub const COUNTS: Self = Self {
        name: "counts",
        mode: Mode::Counts,
        exactly_once: true,
    };
    /// Windows of a second, exactly once.
    pub const WINDOWS: Self = Self {
        name: "windows",
        mode: Mode::Windows { window_ms: 1_000 },
        exactly_once: true,
    };
    /// Copies, at least once: its duplicates show that the checker can see.
    pub const CANARY: Self = Self {
        name: "canary",
        mode: Mode::Pass,
        exactly_once: false,
    };

    fn output(&self) -> String {
        format!("output-{}", self.name)
    }

    fn application_id(&self) -> String {
        format!("chaos-{}", self.name)
    }

    /// The options of `chaos` that say what to do.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--guarantee"];
        if self.exactly_once {
            arguments.push("exactly-once");
        } else {
            // Seldom, so that every kill finds something that was written and not committed.
            arguments.extend(["at-least-once", "--commit-interval-ms", "1000"]);
        }
        arguments.push("--mode");
        let mut arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        match self.mode {
            Mode::Pass => arguments.push("pass".to_owned()),
            Mode::Counts => arguments.push("counts".to_owned()),
            Mode::Windows { window_ms } => {
                arguments.extend(["windows", "--window-ms"].map(str::to_owned));
                arguments.push(window_ms.to_string());
            }
        }
        arguments
    }
}

// The public interface is:
pub use checker::{Fault, SeenRecord, Verdict, check};
pub use error::RunError;
pub use plan::{Blow, PlanSettings, PlannedBlow, plan};
pub use run::{Outcome, Report, RunSettings, run};
