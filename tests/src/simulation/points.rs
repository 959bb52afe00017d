//! The crash points of the commit and restore paths, found in the source: every `.await` and every
//! branch of a `select!` in [`PATHS`] is followed, in a run, by a crash before and one after it.
//!
//! Found in the source and not by running, so that a point no run comes by is known to be missing.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use thalweg_client::{CrashSide, CrashSite};

/// The files that commit and restore: all that a worker awaits between a sealed generation and its
/// outcome, and between an assignment and a task that runs, down to where a request is handed to
/// its connection.
pub const PATHS: [&str; 12] = [
    "client/src/admin/group_offsets.rs",
    "client/src/admin/offsets.rs",
    "client/src/admin/routed.rs",
    "client/src/cluster/retry.rs",
    "client/src/producer/requests.rs",
    "client/src/producer/transactional.rs",
    "engine/src/runtime/calls.rs",
    "engine/src/runtime/restore.rs",
    "engine/src/runtime/settler.rs",
    "engine/src/runtime/start.rs",
    "engine/src/runtime/worker/ends.rs",
    "engine/src/runtime/worker/mod.rs",
];

/// What stands above an `.await` that is no crash point, with the reason behind it.
const EXCEPTION: &str = "// No crash point:";

/// A place at which a simulated crash can strike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point {
    /// From the workspace's root.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1.
    pub column: u32,
    /// Before or after what is awaited.
    pub side: CrashSide,
}

impl Point {
    /// The point that is being passed.
    #[must_use]
    pub fn of(site: CrashSite) -> Self {
        // Where the compiler is run decides whether the path is absolute.
        let file = site.location.file();
        let known = PATHS.iter().find(|path| file.ends_with(**path));
        Self {
            file: known.map_or(file, |path| path).to_owned(),
            line: site.location.line(),
            column: site.location.column(),
            side: site.side,
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            CrashSide::Before => "before",
            CrashSide::After => "after",
        };
        write!(f, "{side} {}:{}:{}", self.file, self.line, self.column)
    }
}

/// What a file has.
#[derive(Debug, Default)]
pub struct Found {
    /// Its crash points.
    pub points: BTreeSet<Point>,
    /// Awaits without a point, each with the reason that stands above it.
    pub exceptions: Vec<String>,
    /// Awaits without a point and without a reason.
    pub missing: Vec<String>,
}

/// Reads all of [`PATHS`].
///
/// # Panics
/// A file cannot be read.
#[must_use]
pub fn enumerate(root: &Path) -> Found {
    let mut all = Found::default();
    for path in PATHS {
        let text = std::fs::read_to_string(root.join(path)).expect("a file of the workspace");
        let found = scan(path, &text);
        all.points.extend(found.points);
        all.exceptions.extend(found.exceptions);
        all.missing.extend(found.missing);
    }
    all
}

/// Finds the points of one file: above its tests, outside of comments.
#[must_use]
pub fn scan(path: &str, text: &str) -> Found {
    let lines: Vec<&str> = text
        .lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .collect();
    let mut found = Found::default();
    let mut select: Option<Select> = None;
    let mut before = String::new();
    for (index, line) in lines.iter().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        let place = || format!("{path}:{}: {}", index + 1, line.trim());
        for (at, _) in code.match_indices(".point()") {
            for side in [CrashSide::Before, CrashSide::After] {
                found.points.insert(Point {
                    file: path.to_owned(),
                    line: index as u32 + 1,
                    column: at as u32 + 2,
                    side,
                });
            }
        }
        let mut rest = code;
        while let Some((head, tail)) = rest.split_once(".await") {
            before.push_str(head.trim());
            if !before.ends_with(".point()") {
                match exception_above(&lines, index) {
                    Some(reason) => found.exceptions.push(format!("{}: {reason}", place())),
                    None => found.missing.push(place()),
                }
            }
            before.push_str(".await");
            rest = tail;
        }
        before.push_str(rest.trim());
        if code.contains("select! {") {
            select = Some(Select::default());
        } else if let Some(inside) = &mut select {
            if inside.depth == 0 && code.contains("=>") && !code.contains(".point()") {
                found.missing.push(place());
            }
            inside.depth += braces(code);
            if inside.depth < 0 {
                select = None;
            }
        }
    }
    found
}

/// Within a `select!`: how many blocks deep.
#[derive(Default)]
struct Select {
    depth: i32,
}

fn braces(code: &str) -> i32 {
    code.chars().fold(0, |depth, c| match c {
        '{' => depth + 1,
        '}' => depth - 1,
        _ => depth,
    })
}

/// The reason given above a statement that ends on this line.
fn exception_above<'t>(lines: &[&'t str], index: usize) -> Option<&'t str> {
    let above = lines.get(index.saturating_sub(4)..index)?;
    let reason = above
        .iter()
        .rev()
        .find_map(|line| line.trim().strip_prefix(EXCEPTION))?;
    Some(reason.trim()).filter(|reason| !reason.is_empty())
}
