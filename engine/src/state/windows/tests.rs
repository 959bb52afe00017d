//! Goal: undo gives exactly what was (S1), whatever happened. Method: random changes, seals,
//! commits and aborts, beside a model that clones everything at every seal.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::state::Place;

/// Windows by start; keys and sums in the order the keys were first seen.
type Model = BTreeMap<i64, Vec<(u64, i64)>>;

#[derive(Debug, Clone)]
enum Step {
    Add { window: i64, key: u64, amount: i64 },
    Close { window: i64 },
    Seal,
    Commit,
    Abort,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..4_i64, 0..6_u64, -9..9_i64)
            .prop_map(|(window, key, amount)| Step::Add { window, key, amount }),
        2 => (0..4_i64).prop_map(|window| Step::Close { window }),
        2 => Just(Step::Seal),
        2 => Just(Step::Commit),
        1 => Just(Step::Abort),
    ]
}

struct Pair {
    tables: WindowTables<u64, Vec<i64>>,
    model: Model,
    at_open: Model,
    at_sealed: Option<Model>,
}

impl Pair {
    fn new() -> Self {
        Self {
            tables: WindowTables::new(),
            model: Model::new(),
            at_open: Model::new(),
            at_sealed: None,
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Add {
                window,
                key,
                amount,
            } => self.add(window, key, amount),
            Step::Close { window } => {
                self.tables.close(window);
                self.model.remove(&window);
            }
            Step::Seal if self.at_sealed.is_none() => {
                self.tables.seal();
                let now = self.model.clone();
                self.at_sealed = Some(std::mem::replace(&mut self.at_open, now));
            }
            Step::Commit if self.at_sealed.is_some() => {
                self.tables.committed();
                self.at_sealed = None;
            }
            Step::Abort => {
                self.tables.abort(self.at_sealed.is_some());
                if let Some(sealed) = self.at_sealed.take() {
                    self.at_open = sealed;
                }
                self.model = self.at_open.clone();
            }
            Step::Seal | Step::Commit => {}
        }
    }

    fn add(&mut self, window: i64, key: u64, amount: i64) {
        let generation = self.tables.generation();
        let table = self.tables.table(window);
        match table.touch(key, generation) {
            Place::Row(row) => table.columns_mut()[row] += amount,
            Place::New => table.columns_mut().push(amount),
        }
        let rows = self.model.entry(window).or_default();
        match rows.iter_mut().find(|(other, _)| *other == key) {
            Some((_, sum)) => *sum += amount,
            None => rows.push((key, amount)),
        }
    }

    fn contents(&self) -> Model {
        let rows = |table: &Table<u64, Vec<i64>>| {
            table
                .keys()
                .iter()
                .copied()
                .zip(table.columns().iter().copied())
                .collect()
        };
        self.tables
            .live()
            .iter()
            .map(|(start, table)| (*start, rows(table)))
            .collect()
    }

    /// What the changelog has to be told: rows that differ from what the generation began with,
    /// or were touched; those that are gone.
    fn check_touched(&self) {
        for (start, table) in self.tables.live() {
            let touched = table.touched_rows();
            assert!(touched.is_sorted());
            let before = self.at_open.get(start).cloned().unwrap_or_default();
            for (row, (key, sum)) in self.model[start].iter().enumerate() {
                let unchanged = before.iter().any(|(other, was)| other == key && was == sum);
                assert!(
                    unchanged || touched.contains(&row),
                    "window {start} key {key}"
                );
            }
        }
        let closed: Vec<i64> = self.tables.closed().map(|(start, _)| start).collect();
        for (start, rows) in &self.at_open {
            let logged = self.tables.closed().filter(|(closed, _)| closed == start);
            let tombstones: Vec<u64> = logged
                .flat_map(|(_, table)| table.keys().iter().take(table.logged_rows()).copied())
                .collect();
            for (key, _) in rows {
                let gone = closed.contains(start);
                assert_eq!(gone, tombstones.contains(key), "window {start} key {key}");
            }
        }
    }
}

proptest! {
    #[test]
    fn undo_gives_what_a_clone_of_everything_would(steps in prop::collection::vec(step(), 1..200)) {
        let mut pair = Pair::new();
        for step in &steps {
            pair.take(step);
            prop_assert_eq!(pair.contents(), pair.model.clone());
            for (start, rows) in &pair.model {
                let table = pair.tables.table(*start);
                for (row, (key, _)) in rows.iter().enumerate() {
                    prop_assert_eq!(table.find(key), Some(row));
                }
            }
            pair.check_touched();
        }
    }
}

#[test]
fn a_window_closed_and_made_again_in_one_generation_is_put_back_as_it_was() {
    let mut pair = Pair::new();
    let add = |window, key, amount| Step::Add {
        window,
        key,
        amount,
    };
    for step in [add(0, 1, 5), add(0, 2, 6), Step::Seal, Step::Commit] {
        pair.take(&step);
    }
    for step in [
        Step::Close { window: 0 },
        add(0, 2, 1),
        Step::Close { window: 0 },
        add(0, 3, 1),
    ] {
        pair.take(&step);
    }
    pair.take(&Step::Abort);
    assert_eq!(pair.contents(), Model::from([(0, vec![(1, 5), (2, 6)])]));
}

#[test]
fn a_checker_that_forgets_an_abort_is_seen() {
    let mut pair = Pair::new();
    pair.take(&Step::Add {
        window: 0,
        key: 1,
        amount: 1,
    });
    pair.take(&Step::Seal);
    pair.take(&Step::Commit);
    pair.take(&Step::Add {
        window: 0,
        key: 1,
        amount: 1,
    });
    // The model aborts, the tables do not.
    pair.model = pair.at_open.clone();
    assert_ne!(pair.contents(), pair.model);
}
