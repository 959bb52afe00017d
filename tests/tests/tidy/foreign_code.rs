//! No published crate brings C, C++ or assembler with it, in any of its dependencies.
//!
//! `deny.toml` has the list of crates that compile foreign code; the same list serves
//! `cargo deny`. On top of it every crate named `*-sys` is one, until looked at.

use std::process::Command;

use crate::{expect_none, members, root, run, workspace};

/// Declarations of a system's interface in Rust, with nothing to compile or to link.
const DECLARATIONS_ONLY: [&str; 1] = ["linux-raw-sys"];

const TARGETS: [&str; 2] = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];

/// The names in `deny.toml`'s bans.
fn banned() -> Vec<String> {
    let path = root().join("deny.toml");
    let text = std::fs::read_to_string(path).expect("deny.toml is there");
    let names = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("{ crate = \""));
    names
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect()
}

/// Those of `packages` that bring foreign code.
fn foreign<'a>(packages: impl Iterator<Item = &'a str>, banned: &[String]) -> Vec<&'a str> {
    let mut found: Vec<&str> = packages
        .filter(|name| {
            let declares_a_library = name.ends_with("-sys") && !DECLARATIONS_ONLY.contains(name);
            declares_a_library || banned.iter().any(|banned| banned == name)
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// All packages that building `package` with all its features builds, itself included, without its
/// tests' ones.
fn tree(package: &str, target: &str) -> String {
    run(Command::new(env!("CARGO")).current_dir(root()).args([
        "tree",
        "--locked",
        "--all-features",
        "--edges=no-dev",
        "--prefix=none",
        "--format={p}",
        "--target",
        target,
        "--package",
        package,
    ]))
}

fn names(tree: &str) -> impl Iterator<Item = &str> {
    tree.lines()
        .filter_map(|line| line.split_whitespace().next())
}

#[test]
fn no_published_crate_pulls_in_a_crate_that_compiles_foreign_code() {
    let (workspace, banned) = (workspace(), banned());
    assert!(
        banned.len() >= 10,
        "the list of deny.toml was not read: {banned:?}"
    );
    let mut complaints = Vec::new();
    for member in members(&workspace).iter().filter(|member| member.published) {
        for target in TARGETS {
            let tree = tree(member.name, target);
            assert!(names(&tree).any(|name| name == member.name), "{tree}");
            if member.name == "thalweg-testcontainers" {
                // Canary: features that are off by default are looked at.
                assert!(names(&tree).any(|name| name == "testcontainers"), "{tree}");
            }
            for name in foreign(names(&tree), &banned) {
                complaints.push(format!("{} builds {name} for {target}", member.name));
            }
        }
    }
    expect_none(&complaints);
}

#[test]
fn no_published_crate_has_a_build_script() {
    let workspace = workspace();
    let with_script = members(&workspace).into_iter().filter(|member| {
        let targets = member.package["targets"].as_array().expect("targets");
        let is_script = |target: &serde_json::Value| target["kind"][0] == "custom-build";
        member.published && targets.iter().any(is_script)
    });
    let complaints: Vec<String> = with_script
        .map(|member| format!("{} has a build script", member.name))
        .collect();
    expect_none(&complaints);
}

#[test]
fn a_crate_that_compiles_foreign_code_is_seen() {
    let tree = "thalweg v0.1.0 (here)\nring v0.17.14\ncc v1.2.0\nlinux-raw-sys v0.12.1\n\
                libz-sys v1.1.0\ncc v1.2.0 (*)\nserde v1.0.0\n";
    assert_eq!(foreign(names(tree), &banned()), ["cc", "libz-sys", "ring"]);
}
