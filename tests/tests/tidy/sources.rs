//! How the files read: their opening, their length, their names, and what they must not name.

use crate::{SourceFile, expect_none, tracked_files};

const LINES_MAX: usize = 1_000;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 7] = [
    "utils", "util", "common", "types", "helpers", "misc", "prelude",
];

/// Traces of one machine. Written in two parts: this file is tracked as well.
const MACHINE_TRACES: [&str; 6] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("arti", "factory"),
    concat!("index.crates", ".io"),
    concat!("/tmp/", "claude"),
];

fn complaints(files: &[SourceFile]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        let path = &file.path;
        for trace in MACHINE_TRACES {
            for (number, line) in numbered(&file.text).filter(|(_, line)| line.contains(trace)) {
                complaints.push(format!(
                    "{path}:{number}: names a machine's {trace:?}: {line}"
                ));
            }
        }
        if file.is_rust() {
            complaints.extend(rust_complaints(file));
        }
    }
    complaints
}

fn rust_complaints(file: &SourceFile) -> Vec<String> {
    let mut complaints = Vec::new();
    let path = &file.path;
    if !file.text.starts_with("//!") && !file.text.starts_with("#!") {
        complaints.push(format!("{path}: does not open with //!"));
    }
    let lines = file.text.lines().count();
    if lines > LINES_MAX {
        complaints.push(format!("{path}: {lines} lines; a file is one idea"));
    }
    let stems = path.trim_end_matches(".rs").split('/');
    for name in stems.filter(|stem| EMPTY_NAMES.contains(stem)) {
        complaints.push(format!(
            "{path}: {name:?} says nothing about what is inside"
        ));
    }
    complaints
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
}

#[test]
fn files_open_with_what_they_are_and_stay_short_and_well_named() {
    expect_none(&complaints(&tracked_files()));
}

#[test]
fn each_fault_of_a_file_is_seen() {
    let good = SourceFile::new("a/src/lib.rs", "//! Good.\n");
    assert!(complaints(&[good]).is_empty());
    let long = format!("//! Long.\n{}", "\n".repeat(LINES_MAX));
    let path_of_a_machine = format!("//! See {}x.\n", MACHINE_TRACES[0]);
    for (path, text, word) in [
        ("a/src/lib.rs", "fn f() {}\n", "does not open"),
        ("a/src/lib.rs", &long, "1001 lines"),
        ("a/src/lib.rs", &path_of_a_machine, "names a machine"),
        ("README.md", &path_of_a_machine, "names a machine"),
        ("a/src/utils.rs", "//! Utils.\n", "says nothing"),
        ("a/src/common/net.rs", "//! Net.\n", "says nothing"),
    ] {
        let found = complaints(&[SourceFile::new(path, text)]);
        assert_eq!(found.len(), 1, "{path}: {found:?}");
        assert!(found[0].contains(word), "{found:?}");
    }
}
