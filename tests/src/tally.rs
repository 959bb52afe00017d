//! Counts what became of the lines of each file.

/// What became of one line.
pub(crate) enum Outcome {
    /// All that the line demands holds.
    Passed,
    /// Something does not, as a sentence.
    Failed(String),
    /// The line is about something that is not defined here yet.
    NotDefined,
    /// The line is about something that is not to be defined.
    OutOfScope,
}

impl From<Result<(), String>> for Outcome {
    fn from(result: Result<(), String>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

/// What became of the lines of one file.
#[derive(Default)]
pub(crate) struct Tally {
    file: String,
    pub(crate) passed: usize,
    failures: Vec<(usize, String)>,
    not_defined: usize,
    out_of_scope: usize,
}

impl Tally {
    pub(crate) fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn add(&mut self, line: usize, outcome: Outcome) {
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed(why) => self.failures.push((line, why)),
            Outcome::NotDefined => self.not_defined += 1,
            Outcome::OutOfScope => self.out_of_scope += 1,
        }
    }

    pub(crate) fn failed(&self) -> usize {
        self.failures.len()
    }

    fn print(&self) {
        println!(
            "{:58} {:>7} {:>7} {:>12} {:>13}",
            self.file,
            self.passed,
            self.failures.len(),
            self.not_defined,
            self.out_of_scope
        );
    }
}

/// How many failures of a file are told in full.
const FAILURES_SHOWN: usize = 3;

/// Prints a row for each file, the failures, and the sums, which are returned.
pub(crate) fn print(tallies: &[Tally]) -> Tally {
    println!(
        "{:58} {:>7} {:>7} {:>12} {:>13}",
        "", "passed", "failed", "not defined", "out of scope"
    );
    let mut total = Tally::new("total");
    for tally in tallies {
        tally.print();
        for (line, why) in tally.failures.iter().take(FAILURES_SHOWN) {
            println!("    line {line}: {why}");
        }
        total.passed += tally.passed;
        total.failures.extend(tally.failures.iter().cloned());
        total.not_defined += tally.not_defined;
        total.out_of_scope += tally.out_of_scope;
    }
    total.print();
    total
}
