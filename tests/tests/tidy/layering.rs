//! Which crate may use which, and which module may touch sockets or the client.

use serde_json::Value;

use crate::{SourceFile, dependencies_of, expect_none, members, tracked_files, workspace};

/// A crate, and the crates of the workspace it may use outside its tests.
const MAY_USE: &[(&str, &[&str])] = &[
    ("thalweg-protocol-derive", &[]),
    ("thalweg-protocol", &["thalweg-protocol-derive"]),
    ("thalweg-client", &["thalweg-protocol"]),
    ("thalweg-broker", &["thalweg-protocol"]),
    (
        "thalweg-testcontainers",
        &["thalweg-client", "thalweg-protocol"],
    ),
    ("thalweg", &["thalweg-client", "thalweg-protocol"]),
];

/// A word, the folders it is looked for in, and the places that may use it.
const ONLY_IN: &[(&str, &[&str], &[&str])] = &[
    (
        "tokio::net",
        &["protocol/src/", "client/src/", "engine/src/"],
        &["client/src/net/"],
    ),
    (
        "std::net::Tcp",
        &["protocol/src/", "client/src/", "engine/src/"],
        &["client/src/net/"],
    ),
    // The engine's operators, windows, state and tasks know no client.
    (
        "thalweg_client",
        &["engine/src/"],
        &[
            "engine/src/lib.rs",
            "engine/src/app/",
            "engine/src/assignor/",
            "engine/src/runtime/",
            "engine/src/seams/",
        ],
    ),
];

fn crate_complaints(workspace: &Value) -> Vec<String> {
    let members = members(workspace);
    let mut complaints = Vec::new();
    for member in &members {
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == member.name) else {
            if member.published {
                complaints.push(format!(
                    "{} is published, but has no place in MAY_USE",
                    member.name
                ));
            }
            continue;
        };
        for used in dependencies_of(member) {
            if members.iter().any(|other| other.name == used) && !allowed.contains(&used) {
                complaints.push(format!("{} must not depend on {used}", member.name));
            }
        }
    }
    complaints
}

fn module_complaints(files: &[SourceFile]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (word, folders, places) in ONLY_IN {
        let within = |path: &str, prefixes: &[&str]| prefixes.iter().any(|p| path.starts_with(p));
        for file in files
            .iter()
            .filter(|file| file.is_rust() && within(&file.path, folders))
        {
            let code = file
                .text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            let is_test = file.path.ends_with("tests.rs") || file.path.contains("/tests/");
            if !within(&file.path, places)
                && !is_test
                && code
                    .take_while(|line| *line != "mod tests {")
                    .any(|line| line.contains(word))
            {
                complaints.push(format!("{}: {word} belongs into {places:?}", file.path));
            }
        }
    }
    complaints
}

#[test]
fn crates_depend_one_way() {
    expect_none(&crate_complaints(&workspace()));
}

#[test]
fn sockets_and_the_client_are_used_only_where_they_belong() {
    expect_none(&module_complaints(&tracked_files()));
}

#[test]
fn a_dependency_against_the_stream_is_seen() {
    let mut workspace = workspace();
    let packages = workspace["packages"].as_array_mut().expect("packages");
    let protocol = packages
        .iter_mut()
        .find(|p| p["name"] == "thalweg-protocol")
        .expect("there");
    let mut upstream = protocol["dependencies"][0].clone();
    upstream["name"] = "thalweg-client".into();
    upstream["kind"] = Value::Null;
    protocol["dependencies"]
        .as_array_mut()
        .expect("a list")
        .push(upstream);
    assert_eq!(
        crate_complaints(&workspace),
        ["thalweg-protocol must not depend on thalweg-client"]
    );
}

#[test]
fn a_socket_in_the_wrong_module_is_seen() {
    let text = "//! Reads.\nuse tokio::net::TcpStream;\n";
    assert_eq!(
        module_complaints(&[SourceFile::new("client/src/consumer/a.rs", text)]).len(),
        1
    );
    assert!(module_complaints(&[SourceFile::new("client/src/net/a.rs", text)]).is_empty());
    let in_tests = "//! Reads.\nmod tests {\n    use tokio::net::TcpStream;\n}\n";
    assert!(module_complaints(&[SourceFile::new("client/src/a.rs", in_tests)]).is_empty());
}
