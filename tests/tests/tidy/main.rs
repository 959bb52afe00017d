//! Goal: what the house style promises about the whole tree is true, and stays so.
//! Method: read the tracked files and what cargo knows of the workspace. Every check is a
//! function from what was read to a list of complaints, and is shown a planted fault too.

mod contributing;
mod dependencies;
mod foreign_code;
mod layering;
mod lints;
mod rules;
mod sources;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate is one folder down")
}

/// A text file that is in the repository.
struct SourceFile {
    /// From the root of the repository, with `/`.
    path: String,
    text: String,
}

impl SourceFile {
    fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// All tracked files that are text.
fn tracked_files() -> Vec<SourceFile> {
    let listed = run(Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root()));
    let files: Vec<SourceFile> = listed
        .split('\0')
        .filter(|path| !path.is_empty())
        .filter_map(|path| {
            let text = std::fs::read_to_string(root().join(path)).ok()?;
            Some(SourceFile::new(path, &text))
        })
        .collect();
    assert!(
        files.iter().any(|file| file.path == "protocol/src/lib.rs"),
        "the list is not whole"
    );
    files
}

/// `cargo metadata` of the workspace, without its dependencies.
fn workspace() -> Value {
    let text = run(Command::new(env!("CARGO")).current_dir(root()).args([
        "metadata",
        "--format-version=1",
        "--no-deps",
        "--locked",
        "--offline",
    ]));
    serde_json::from_str(&text).expect("cargo prints JSON")
}

/// One crate of the workspace, as `cargo metadata` has it.
struct Member<'a> {
    name: &'a str,
    published: bool,
    folder: PathBuf,
    package: &'a Value,
}

fn members(workspace: &Value) -> Vec<Member<'_>> {
    let packages = workspace["packages"].as_array().expect("packages");
    let members = packages.iter().map(|package| Member {
        name: package["name"].as_str().expect("a name"),
        // `publish = false` is an empty list of registries.
        published: package["publish"].is_null(),
        folder: Path::new(package["manifest_path"].as_str().expect("a manifest"))
            .parent()
            .expect("in a folder")
            .to_owned(),
        package,
    });
    members.collect()
}

/// The names a member depends on, without what only its tests need.
fn dependencies_of<'a>(member: &Member<'a>) -> Vec<&'a str> {
    let dependencies = member.package["dependencies"]
        .as_array()
        .expect("dependencies");
    dependencies
        .iter()
        .filter(|dependency| dependency["kind"] != "dev")
        .map(|dependency| dependency["name"].as_str().expect("a name"))
        .collect()
}

fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Fails with all complaints at once.
fn expect_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
