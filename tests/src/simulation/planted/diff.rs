//! The file of a planted bug: a unified diff of one line, with what it does above it.
//!
//! ```text
//! Offsets are committed before what they stand for is written.
//! job: pass-at-least-once
//! --- client/src/...
//! +++ client/src/...
//! @@
//!  a line above
//! -the line as it is
//! +the line as the bug has it
//!  a line below
//! ```
//! A bug may also take a line away, and put none in its place. `job` is for bugs that only one job
//! comes by.

/// A planted bug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// Its number, with which its file's name begins.
    pub number: u32,
    /// The file's name.
    pub name: String,
    /// What it does wrong.
    pub what: String,
    /// The job that comes by it, if only one does.
    pub job: Option<String>,
    /// The file it changes, from the workspace's root.
    pub path: String,
    /// The lines above, as they are.
    pub above: Vec<String>,
    /// The line as it is.
    pub old: String,
    /// The line as the bug has it; empty where it is taken away.
    pub new: String,
    /// The lines below, as they are.
    pub below: Vec<String>,
}

impl Diff {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let number = name.split('-').next().and_then(|n| n.parse().ok());
        let number = number.ok_or("its name does not begin with a number")?;
        let (head, hunk) = text.split_once("\n@@\n").ok_or("it has no hunk")?;
        let line_after = |prefix: &str| {
            let found = head.lines().find_map(|line| line.strip_prefix(prefix));
            found.map(|found| found.trim().to_owned())
        };
        let path = line_after("--- ").ok_or("it names no file")?;
        if line_after("+++ ").as_deref() != Some(&path) {
            return Err("it names two files".to_owned());
        }
        let what = head.lines().next().unwrap_or_default().to_owned();
        if what.is_empty() || what.starts_with("---") {
            return Err("it does not say what is wrong".to_owned());
        }
        let mut diff = Diff {
            number,
            name: name.to_owned(),
            what,
            job: line_after("job: "),
            path,
            above: Vec::new(),
            old: String::new(),
            new: String::new(),
            below: Vec::new(),
        };
        let mut olds = 0;
        for line in hunk.lines() {
            match line.split_at_checked(1) {
                Some((" ", line)) if olds == 0 => diff.above.push(line.to_owned()),
                Some((" ", line)) => diff.below.push(line.to_owned()),
                Some(("-", line)) => {
                    olds += 1;
                    diff.old = line.to_owned();
                }
                Some(("+", line)) if olds == 1 && diff.new.is_empty() => diff.new = line.to_owned(),
                _ => return Err(format!("what is this: {line:?}")),
            }
        }
        if olds != 1 {
            return Err(format!("it takes {olds} lines away instead of one"));
        }
        Ok(diff)
    }

    /// Where in the lines of its file it applies.
    ///
    /// # Errors
    /// Nowhere, or at several places.
    pub fn place(&self, lines: &[&str]) -> Result<usize, String> {
        let wanted: Vec<&str> = self
            .above
            .iter()
            .chain([&self.old])
            .chain(&self.below)
            .map(String::as_str)
            .collect();
        let mut places = lines.windows(wanted.len()).enumerate();
        let mut found = places.by_ref().filter(|(_, window)| *window == wanted);
        let first = found.next();
        match (first, found.next()) {
            (Some((at, _)), None) => Ok(at + self.above.len()),
            (None, _) => Err(format!("it does not apply to {} any more", self.path)),
            (Some(_), Some(_)) => Err(format!("it applies to {} at several places", self.path)),
        }
    }
}
