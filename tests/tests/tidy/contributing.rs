//! Every dependency of a published crate has its sentence in CONTRIBUTING.md.

use crate::{dependencies_of, expect_none, members, root, workspace};

/// Fewer words are no sentence that says what it does and why this one.
const WORDS_MIN: usize = 6;

/// Of `dependencies`, those without a row of at least [`WORDS_MIN`] words in the table.
fn unexplained(dependencies: &[&str], text: &str) -> Vec<String> {
    let explained = |name: &str| {
        let rows = text
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("| `{name}` |")));
        rows.map(|rest| rest.split_whitespace().count())
            .max()
            .unwrap_or(0)
            >= WORDS_MIN
    };
    dependencies
        .iter()
        .filter(|name| !explained(name))
        .map(|name| (*name).to_owned())
        .collect()
}

#[test]
fn every_dependency_of_a_published_crate_is_explained() {
    let workspace = workspace();
    let members = members(&workspace);
    let mut dependencies: Vec<&str> = members
        .iter()
        .filter(|member| member.published)
        .flat_map(dependencies_of)
        .collect();
    dependencies.retain(|name| members.iter().all(|member| member.name != *name));
    dependencies.sort_unstable();
    dependencies.dedup();
    assert!(dependencies.contains(&"tokio"), "{dependencies:?}");
    let text = std::fs::read_to_string(root().join("CONTRIBUTING.md")).expect("it is there");
    expect_none(&unexplained(&dependencies, &text));
}

#[test]
fn a_missing_and_a_wordless_explanation_are_seen() {
    let text = "| `bytes` | Buffers that are shared without copying. |\n| `serde` | Serde. |\n";
    assert_eq!(
        unexplained(&["bytes", "serde", "tokio"], text),
        ["serde", "tokio"]
    );
}
