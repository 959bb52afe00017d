//! Planted bugs: changes of single lines of shipped code, each of which the simulation must catch.
//!
//! ```text
//!   tests/planted/NN-name.diff ──► a copy of the workspace with all of them in it, each behind
//!                                  `if planted(NN)` ([`graft`]) ──► one build of `simulate`
//!   for each: THALWEG_PLANTED=NN simulate --seeds .. ──► it must fail; without one it must not
//! ```

mod diff;
mod graft;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use diff::Diff;
pub use graft::graft;

/// The variable that says which bug a build with all of them has.
pub const VARIABLE: &str = "THALWEG_PLANTED";
/// Within so many seeds a bug must be caught.
pub const SEEDS_MAX: u64 = 300;
/// The last so many of them are wild ones.
const SEEDS_WILD: u64 = 200;
/// So many seeds must pass without one.
const SEEDS_SOUND: u64 = 40;
/// The folders of the workspace that `simulate` is built from.
const FOLDERS: [&str; 6] = [
    "protocol",
    "client",
    "engine",
    "broker",
    "testcontainers",
    "tests",
];

/// Reads all of `tests/planted`.
///
/// # Errors
/// A file cannot be read or is not such a diff, in words.
pub fn all(root: &Path) -> Result<Vec<Diff>, String> {
    let folder = root.join("tests/planted");
    let entries =
        fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut diffs = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let diff = Diff::parse(&name, &text);
        diffs.push(diff.map_err(|error| format!("{}: {error}", path.display()))?);
    }
    diffs.sort_by_key(|diff| diff.number);
    Ok(diffs)
}

/// Builds the workspace with all bugs in it, and runs it with each. Gives how many were caught, and
/// how many there are. `say` hears what came of each.
///
/// # Errors
/// A diff does not apply, the build fails, or the simulation fails without a bug.
pub fn run(
    root: &Path,
    only: &[u32],
    threads: usize,
    say: &(dyn Fn(&str) + Sync),
) -> Result<(usize, usize), String> {
    let mut diffs = all(root)?;
    let program = build(root, &diffs, say)?;
    diffs.retain(|diff| only.is_empty() || only.contains(&diff.number));
    let sound = simulate(&program, None, None, SEEDS_SOUND)?;
    if !sound.status.success() {
        return Err(format!("without a bug:\n{}", words(&sound)));
    }
    say(&format!("without a bug: {SEEDS_SOUND} worlds are well"));
    let (next, caught) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failed: Mutex<Option<String>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(diff) = diffs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match simulate(&program, Some(diff.number), diff.job.as_deref(), SEEDS_MAX) {
                        Ok(output) if output.status.code() == Some(1) => {
                            caught.fetch_add(1, Ordering::Relaxed);
                            say(&format!("{} caught: {}", diff.name, first_fault(&output)));
                        }
                        Ok(output) if output.status.success() => {
                            say(&format!("{} NOT CAUGHT by {SEEDS_MAX} worlds", diff.name));
                        }
                        // A bug that makes the program die is caught as well.
                        Ok(output) => {
                            caught.fetch_add(1, Ordering::Relaxed);
                            say(&format!("{} caught: {}", diff.name, output.status));
                        }
                        Err(error) => {
                            let mut failed = failed.lock().expect("nobody panics with it");
                            failed.get_or_insert(error);
                        }
                    }
                }
            });
        }
    });
    if let Some(error) = failed.into_inner().expect("nobody panicked with it") {
        return Err(error);
    }
    Ok((caught.into_inner(), diffs.len()))
}

/// Applies all diffs to a copy of the workspace and builds it, in the target folder in use, so that
/// what it depends on is not built again.
fn build(root: &Path, diffs: &[Diff], say: &dyn Fn(&str)) -> Result<PathBuf, String> {
    let target = target(root)?;
    let copy = target.join("planted");
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    for diff in diffs {
        let text = match texts.remove(diff.path.as_str()) {
            Some(text) => text,
            None => fs::read_to_string(root.join(&diff.path)).map_err(|e| e.to_string())?,
        };
        let grafted = graft(&text, diff).map_err(|error| format!("{}: {error}", diff.name))?;
        texts.insert(&diff.path, grafted);
    }
    for folder in FOLDERS {
        copy_folder(&root.join(folder), &copy.join(folder), &texts, root)?;
    }
    write_manifests(root, &copy)?;
    say(&format!("building with {} bugs", diffs.len()));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args([
            "build",
            "--offline",
            "-p",
            "thalweg-tests",
            "--bin",
            PROGRAM,
        ])
        .current_dir(&copy)
        .env("CARGO_TARGET_DIR", &target);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("the build with bugs fails:\n{}", words(&output)));
    }
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    Ok(target.join(profile).join(PROGRAM))
}

/// Its name tells it from the one without bugs, which lies in the same folder.
const PROGRAM: &str = "simulate-planted";

/// The target folder this program was built in.
fn target(root: &Path) -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let profile = ["debug", "release"];
    let in_target = program.ancestors().find(|folder| {
        let name = folder.file_name().unwrap_or_default();
        profile.iter().any(|profile| name == *profile)
    });
    let target = in_target.and_then(Path::parent);
    Ok(target.map_or_else(|| root.join("target"), Path::to_owned))
}

/// Copies sources, with the changed ones changed; files that are as they were keep their time, so that
/// a second build has nothing to do.
fn copy_folder(
    from: &Path,
    to: &Path,
    changed: &BTreeMap<&str, String>,
    root: &Path,
) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", from.display());
    fs::create_dir_all(to).map_err(failed)?;
    for entry in fs::read_dir(from).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        // Sources may include other files that lie beside them.
        let is_source = path.extension().is_some_and(|e| e == "rs" || e == "toml")
            || path.iter().any(|folder| folder == "src");
        if path.is_dir() {
            copy_folder(&path, &target, changed, root)?;
        } else if is_source {
            let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy();
            let content = match changed.get(&*relative) {
                Some(content) => content.clone().into_bytes(),
                None => fs::read(&path).map_err(failed)?,
            };
            if fs::read(&target).ok().as_ref() != Some(&content) {
                fs::write(&target, content).map_err(failed)?;
            }
        }
    }
    Ok(())
}

fn write_manifests(root: &Path, copy: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", copy.display());
    for name in ["Cargo.lock", "README.md"] {
        fs::copy(root.join(name), copy.join(name)).map_err(failed)?;
    }
    let manifest = fs::read_to_string(root.join("Cargo.toml")).map_err(failed)?;
    // The benchmarks are not copied. The version is another one: in one target folder cargo tells two
    // workspaces apart by nothing else, and would take what was built of the one for the other.
    let manifest = manifest.replace(", \"benches\"]", "]").replacen(
        "[workspace.package]\nversion = \"0.1.",
        "[workspace.package]\nversion = \"0.1.999",
        1,
    );
    if !manifest.contains("\"0.1.999") {
        return Err("Cargo.toml gives the workspace no version 0.1.x".to_owned());
    }
    write_if_changed(&copy.join("Cargo.toml"), &manifest)?;
    let tests = fs::read_to_string(root.join("tests/Cargo.toml")).map_err(failed)?;
    let own = format!("{tests}\n[[bin]]\nname = \"{PROGRAM}\"\npath = \"src/bin/simulate.rs\"\n");
    write_if_changed(&copy.join("tests/Cargo.toml"), &own)
}

fn write_if_changed(path: &Path, content: &str) -> Result<(), String> {
    if fs::read_to_string(path).is_ok_and(|known| known == content) {
        return Ok(());
    }
    fs::write(path, content).map_err(|error| format!("{}: {error}", path.display()))
}

fn simulate(
    program: &Path,
    bug: Option<u32>,
    job: Option<&str>,
    seeds: u64,
) -> Result<Output, String> {
    let run = |seeds: u64, wild: bool| {
        let mut command = Command::new(program);
        command.args(["--quiet", "--threads", "1", "--seeds", &seeds.to_string()]);
        if wild {
            command.arg("--wild");
        }
        if let Some(job) = job {
            command.args(["--job", job]);
        }
        match bug {
            Some(bug) => command.env(VARIABLE, bug.to_string()),
            None => command.env_remove(VARIABLE),
        };
        command
            .output()
            .map_err(|error| format!("{}: {error}", program.display()))
    };
    let wild = seeds * SEEDS_WILD / SEEDS_MAX;
    let output = run(seeds - wild, false)?;
    match output.status.success() {
        true => run(wild, true),
        false => Ok(output),
    }
}

fn words(output: &Output) -> String {
    let mut words = String::from_utf8_lossy(&output.stdout).into_owned();
    words += &String::from_utf8_lossy(&output.stderr);
    words
}

/// What is said below the line of the seed that failed.
fn first_fault(output: &Output) -> String {
    let words = words(output);
    let mut lines = words.lines().skip_while(|line| !line.ends_with(": FAILED"));
    let seed = lines.next().unwrap_or("failed").replace(": FAILED", "");
    format!("{seed}: {}", lines.next().unwrap_or_default().trim())
}
