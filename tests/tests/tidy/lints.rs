//! The lints of the workspace reach every crate, `forbid(unsafe_code)` first of all.

use crate::{expect_none, members, root, workspace};

const REQUIRED: [&str; 8] = [
    "unsafe_code = \"forbid\"",
    "missing_docs = \"deny\"",
    "unreachable_pub = \"deny\"",
    "unwrap_used = \"deny\"",
    "dbg_macro = \"deny\"",
    "todo = \"deny\"",
    "allow_attributes_without_reason = \"deny\"",
    "indexing_slicing = \"warn\"",
];

fn root_complaints(manifest: &str) -> Vec<String> {
    let missing = REQUIRED
        .iter()
        .filter(|lint| !manifest.lines().any(|line| line == **lint));
    missing
        .map(|lint| format!("the workspace's manifest lacks `{lint}`"))
        .collect()
}

fn inherits(manifest: &str) -> bool {
    let mut lines = manifest
        .lines()
        .skip_while(|line| *line != "[lints]")
        .skip(1);
    lines.next() == Some("workspace = true")
}

fn read(path: &std::path::Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_crate_inherits_the_lints_of_the_workspace() {
    expect_none(&root_complaints(&read(&root().join("Cargo.toml"))));
    let workspace = workspace();
    let without = members(&workspace).into_iter().filter(|member| {
        let manifest = read(&member.folder.join("Cargo.toml"));
        !inherits(&manifest)
    });
    let complaints: Vec<String> = without
        .map(|member| format!("{} does not inherit the lints", member.name))
        .collect();
    expect_none(&complaints);
}

#[test]
fn a_weakened_lint_and_a_crate_without_lints_are_seen() {
    let manifest = read(&root().join("Cargo.toml"));
    let weakened = manifest.replace("unsafe_code = \"forbid\"", "unsafe_code = \"deny\"");
    assert_eq!(root_complaints(&weakened).len(), 1);
    assert!(inherits("[lints]\nworkspace = true\n"));
    assert!(!inherits("[package]\nworkspace = true\n"));
    assert!(!inherits("[lints]\nrust = {}\n"));
}
