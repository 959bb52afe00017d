//! Every rule of the engine and every row of its failure table has tests, and these exist.

use std::collections::BTreeSet;

use crate::{SourceFile, expect_none, root, tracked_files};

/// Where the table is.
const HEADING: &str = "## Rules and their tests";

/// The rules that must have a row.
const RULES: [&str; 15] = [
    "E1", "E2", "E3", "E4", "E5", "E6", "T1", "T2", "T3", "T4", "T5", "T6", "S1", "S2", "S6",
];

/// The rows of the table, each as its cells.
fn rows(architecture: &str) -> Vec<Vec<&str>> {
    let section = architecture
        .split_once(HEADING)
        .map_or("", |(_, rest)| rest);
    let section = section.split("\n## ").next().unwrap_or_default();
    section
        .lines()
        .filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'))
        .filter(|line| !line.starts_with("---"))
        .map(|line| line.split('|').map(str::trim).collect())
        .skip(1)
        .collect()
}

/// The tests a row names: what is in backticks behind its first cell.
fn named<'r>(row: &[&'r str]) -> Vec<&'r str> {
    let cells = row.iter().skip(1);
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect()
}

/// The names of all functions.
fn functions(files: &[SourceFile]) -> BTreeSet<&str> {
    let rust = files.iter().filter(|file| file.is_rust());
    let lines = rust.flat_map(|file| file.text.lines());
    lines
        .filter_map(|line| {
            let (_, rest) = line.split_once("fn ")?;
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
            rest.get(..end)
        })
        .collect()
}

fn complaints(architecture: &str, files: &[SourceFile]) -> Vec<String> {
    let rows = rows(architecture);
    let functions = functions(files);
    let mut complaints = Vec::new();
    for rule in RULES {
        if !rows.iter().any(|row| row.first() == Some(&rule)) {
            complaints.push(format!("{rule} has no row under {HEADING:?}"));
        }
    }
    for row in &rows {
        let (subject, tests) = (row.first().copied().unwrap_or_default(), named(row));
        if tests.is_empty() {
            complaints.push(format!("{subject}: no test is named"));
        }
        for test in tests {
            if !functions.contains(test) {
                complaints.push(format!("{subject}: there is no test {test}"));
            }
        }
    }
    complaints
}

#[test]
fn every_rule_and_every_failure_has_tests_that_exist() {
    let architecture = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("a map");
    expect_none(&complaints(&architecture, &tracked_files()));
}

#[test]
fn a_rule_without_a_row_and_a_test_that_is_gone_are_seen() {
    let table = |rows: &str| {
        let others: String = RULES[1..]
            .iter()
            .map(|rule| format!("| {rule} | `there` | |\n"))
            .collect();
        format!(
            "# A\n\n{HEADING}\n| rule | alone | on Kafka |\n|---|---|---|\n{rows}{others}\n## B\n"
        )
    };
    let files = [
        SourceFile::new(
            "a/src/lib.rs",
            "//! A.\n    pub(crate) async fn there(a: A) {\n",
        ),
        SourceFile::new("README.md", "fn elsewhere() {}\n"),
    ];
    let found = |rows: &str| complaints(&table(rows), &files);
    assert_eq!(found("| E1 | `there` | |\n"), [""; 0]);
    assert_eq!(found("| E1 | | `there`, `there` |\n"), [""; 0]);
    assert_eq!(found(""), [format!("E1 has no row under {HEADING:?}")]);
    assert_eq!(
        found("| E1 | `here` | `there` |\n"),
        ["E1: there is no test here"]
    );
    assert_eq!(
        found("| E1 | `elsewhere` | |\n"),
        ["E1: there is no test elsewhere"]
    );
    assert_eq!(found("| E1 | there | |\n"), ["E1: no test is named"]);
    let below = format!("{}| x | `gone` | |\n", table("| E1 | `there` | |\n"));
    assert_eq!(complaints(&below, &files), [""; 0], "another section");
}
