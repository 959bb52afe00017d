//! Dependencies are declared once, in the workspace, and published crates say what they need to.

use crate::{expect_none, members, root, workspace};

/// Lines of a member's manifest that declare a dependency with a version of their own.
fn own_versions(manifest: &str) -> Vec<&str> {
    let mut in_dependencies = false;
    let mut found = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line.ends_with("dependencies]");
        } else if in_dependencies && line.contains('=') && !line.contains("workspace = true") {
            found.push(line);
        }
    }
    found
}

#[test]
fn versions_are_chosen_once_for_the_workspace() {
    let workspace = workspace();
    let mut complaints = Vec::new();
    for member in members(&workspace) {
        let manifest = std::fs::read_to_string(member.folder.join("Cargo.toml")).expect("there");
        for line in own_versions(&manifest) {
            complaints.push(format!(
                "{}: `{line}` belongs into the workspace",
                member.name
            ));
        }
    }
    expect_none(&complaints);
}

#[test]
fn a_version_of_a_members_own_is_seen() {
    let manifest = "[package]\nname = \"a\"\n[dependencies]\nbytes = \"1\"\nserde.workspace = true\n\
                    [target.'cfg(unix)'.dependencies]\nlibc = { version = \"0.2\" }\n";
    assert_eq!(
        own_versions(manifest),
        ["bytes = \"1\"", "libc = { version = \"0.2\" }"]
    );
}

#[test]
fn published_crates_say_what_a_registry_shows() {
    let workspace = workspace();
    let lowest = std::fs::read_to_string(root().join("Cargo.toml")).expect("there");
    assert!(
        lowest.contains("rust-version = "),
        "the lowest Rust is declared"
    );
    let mut complaints = Vec::new();
    for member in members(&workspace).iter().filter(|member| member.published) {
        for key in ["description", "license", "repository", "rust_version"] {
            if member.package[key].is_null() {
                complaints.push(format!("{} has no {key}", member.name));
            }
        }
    }
    expect_none(&complaints);
}
