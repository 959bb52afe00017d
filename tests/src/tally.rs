//! Counts what became of the lines of each file of vectors, and checks files side by side.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

/// What became of one line.
pub enum Outcome {
    /// All that the line demands holds.
    Passed,
    /// Something does not, as a sentence.
    Failed(String),
    /// The line is about something of this name that is not there yet.
    NotDefined(String),
    /// The line is about something of this name that is not to be defined.
    OutOfScope(String),
}

impl Outcome {
    /// What a check comes to that panics where something is wrong.
    pub fn of(check: impl FnOnce() -> Self) -> Self {
        catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text
                .or(panic.downcast_ref::<&str>().copied())
                .unwrap_or("?");
            Self::Failed(format!("panicked: {text}"))
        })
    }
}

impl From<Result<(), String>> for Outcome {
    fn from(result: Result<(), String>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

/// What became of the lines of one file.
#[derive(Default)]
pub struct Tally {
    file: String,
    passed: usize,
    /// Each with the place of its line.
    failures: Vec<(String, String)>,
    /// By name.
    not_defined: BTreeMap<String, usize>,
    out_of_scope: BTreeMap<String, usize>,
}

impl Tally {
    /// Of no lines yet.
    pub fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            ..Self::default()
        }
    }

    /// Adds a line; `place` says which, for whoever looks for its failure.
    pub fn add(&mut self, place: impl Into<String>, outcome: Outcome) {
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed(why) => self.failures.push((place.into(), why)),
            Outcome::NotDefined(name) => *self.not_defined.entry(name).or_default() += 1,
            Outcome::OutOfScope(name) => *self.out_of_scope.entry(name).or_default() += 1,
        }
    }

    /// How many lines passed.
    pub fn passed(&self) -> usize {
        self.passed
    }

    /// How many lines failed.
    pub fn failed(&self) -> usize {
        self.failures.len()
    }

    /// How many lines are about something that is not there yet.
    pub fn not_defined(&self) -> usize {
        self.not_defined.values().sum()
    }

    fn print(&self) {
        println!(
            "{:58} {:>7} {:>7} {:>12} {:>13}",
            self.file,
            self.passed,
            self.failures.len(),
            self.not_defined(),
            self.out_of_scope.values().sum::<usize>()
        );
    }
}

/// How many failures of a file are told in full.
const FAILURES_SHOWN: usize = 3;

/// Columns of a list of names.
const NAMES_WIDTH: usize = 96;

/// Prints a row for each file, with its failures and the names of what is not there yet or not to be,
/// and the sums, which are returned. `not_defined` is the word for what is not there yet.
pub fn print(tallies: &[Tally], not_defined: &str) -> Tally {
    println!(
        "{:58} {:>7} {:>7} {:>12} {:>13}",
        "", "passed", "failed", not_defined, "out of scope"
    );
    let mut total = Tally::new("total");
    for tally in tallies {
        tally.print();
        for (place, why) in tally.failures.iter().take(FAILURES_SHOWN) {
            println!("    {place}: {why}");
        }
        print_names(not_defined, &tally.not_defined);
        print_names("out of scope", &tally.out_of_scope);
        total.passed += tally.passed;
        total.failures.extend(tally.failures.iter().cloned());
        for (name, count) in &tally.not_defined {
            *total.not_defined.entry(name.clone()).or_default() += count;
        }
        for (name, count) in &tally.out_of_scope {
            *total.out_of_scope.entry(name.clone()).or_default() += count;
        }
    }
    total.print();
    total
}

fn print_names(what: &str, names: &BTreeMap<String, usize>) {
    let mut line = format!("    {what}:");
    for (index, (name, count)) in names.iter().enumerate() {
        let comma = if index + 1 < names.len() { "," } else { "" };
        let item = format!(" {name} {count}{comma}");
        if line.len() + item.len() > NAMES_WIDTH {
            println!("{line}");
            line = " ".repeat(6);
        }
        line.push_str(&item);
    }
    if !names.is_empty() {
        println!("{line}");
    }
}

/// Checks files on all cores; the tallies come in the order of the files. What is panicked inside is
/// not printed: the failures are told with their file and line, and would be out of order.
pub fn check_all<F: Sync>(files: &[F], check: impl Fn(&F) -> Tally + Sync) -> Vec<Tally> {
    std::panic::set_hook(Box::new(|_| {}));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = Mutex::new(files.iter().enumerate());
    let tallies = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let Some((i, file)) = next.lock().expect("no panic inside").next() else {
                        break;
                    };
                    let tally = check(file);
                    tallies.lock().expect("no panic inside").push((i, tally));
                }
            });
        }
    });
    let _ = std::panic::take_hook();
    let mut tallies = tallies.into_inner().expect("the threads are joined");
    tallies.sort_by_key(|(i, _)| *i);
    tallies.into_iter().map(|(_, tally)| tally).collect()
}
