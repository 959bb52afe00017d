//! Puts a bug beside the line it is a bug of, to be chosen when the program runs.
//!
//! | the line | becomes |
//! |---|---|
//! | `if A {` | `if (planted(7) && (B)) \|\| (!planted(7) && (A)) {` |
//! | `P if A => X,` | `Q if planted(7) && (B) => Y,` and `P if !planted(7) && (A) => X,` |
//! | `P => X,` | `P if planted(7) => Y,` and `P => X,` |
//! | `let p = A;` | `let p = if planted(7) { B } else { A };` |
//! | `name: A,` | `name: if planted(7) { B } else { A },` |
//! | `A;` | `if planted(7) { B; } else { A; }` |
//! | `.f(a, A)` | `.f(a, if planted(7) { B } else { A })`: the part that differs |
//! | `A,` and `A` | `if planted(7) { B } else { A }`, with the comma behind it |

use super::VARIABLE;
use super::diff::Diff;

/// The text with the bug in it, and what chooses.
///
/// # Errors
/// It does not apply, or the line is of no kind known here.
pub fn graft(text: &str, diff: &Diff) -> Result<String, String> {
    let lines: Vec<&str> = text.lines().collect();
    let at = diff.place(&lines)?;
    let chooses = format!("crate_planted({})", diff.number);
    let grafted = choose(diff.old.trim(), diff.new.trim(), &chooses)?;
    let mut out = String::with_capacity(text.len() + 1000);
    for (index, line) in lines.iter().enumerate() {
        out.push_str(if index == at { &grafted } else { line });
        out.push('\n');
    }
    if !text.contains("fn crate_planted") {
        out.push_str(&format!(
            "\n#[allow(clippy::all, reason = \"a build for tests\")]\nfn crate_planted(bug: u32) -> \
             bool {{\n    static BUG: std::sync::OnceLock<u32> = std::sync::OnceLock::new();\n    \
             bug == *BUG.get_or_init(|| std::env::var(\"{VARIABLE}\").ok().and_then(|bug| \
             bug.parse().ok()).unwrap_or(0))\n}}\n"
        ));
    }
    Ok(out)
}

fn choose(old: &str, new: &str, chooses: &str) -> Result<String, String> {
    if let Some((head, old)) = condition(old) {
        let Some((_, new)) = condition(new) else {
            return Err("a condition becomes something else".to_owned());
        };
        return Ok(format!(
            "{head} ({chooses} && ({new})) || (!{chooses} && ({old})) {{"
        ));
    }
    if let (Some((pattern, value)), true) = (arm(old), new.contains(" => ")) {
        let (new_pattern, new_value) = arm(new).ok_or("an arm becomes something else")?;
        let (pattern, guard) = split_guard(pattern);
        let (new_pattern, new_guard) = split_guard(new_pattern);
        let first = match new_guard {
            Some(guard) => format!("{new_pattern} if {chooses} && ({guard}) => {new_value}"),
            None => format!("{new_pattern} if {chooses} => {new_value}"),
        };
        let second = match guard {
            Some(guard) => format!("{pattern} if !{chooses} && ({guard}) => {value}"),
            None => format!("{pattern} => {value}"),
        };
        return Ok(format!("{first}\n{second}"));
    }
    if old.starts_with('.') {
        let (before, old, new, behind) = difference(old, new);
        return Ok(format!(
            "{before}if {chooses} {{ {new} }} else {{ {old} }}{behind}"
        ));
    }
    for (opens, ends) in [("let ", ";"), ("", ",")] {
        let separator = if opens.is_empty() { ": " } else { " = " };
        if let (Some((name, old)), Some((new_name, new))) = (
            named(old, opens, separator, ends),
            named(new, opens, separator, ends),
        ) && name == new_name
        {
            return Ok(format!(
                "{name}{separator}if {chooses} {{ {new} }} else {{ {old} }}{ends}"
            ));
        }
    }
    if old.ends_with(';') && !old.starts_with("let ") {
        return Ok(format!("if {chooses} {{ {new} }} else {{ {old} }}"));
    }
    match (old.strip_suffix(','), new.strip_suffix(',')) {
        (Some(old), Some(new)) => Ok(format!("if {chooses} {{ {new} }} else {{ {old} }},")),
        (None, None) if !new.is_empty() && !old.ends_with(';') => {
            Ok(format!("if {chooses} {{ {new} }} else {{ {old} }}"))
        }
        _ => Err(format!("no way to choose between `{old}` and `{new}`")),
    }
}

/// `if A {` in its parts.
fn condition(line: &str) -> Option<(&str, &str)> {
    let head = ["} else if", "if", "while"];
    let head = head.into_iter().find(|head| {
        let rest = line.strip_prefix(head);
        rest.is_some_and(|rest| rest.starts_with(' '))
    })?;
    let condition = line.strip_prefix(head)?.strip_suffix('{')?.trim();
    (!condition.starts_with("let ")).then_some((head, condition))
}

/// `P => X,` in its parts.
fn arm(line: &str) -> Option<(&str, &str)> {
    line.split_once(" => ").filter(|_| line.ends_with(','))
}

fn split_guard(pattern: &str) -> (&str, Option<&str>) {
    match pattern.split_once(" if ") {
        Some((pattern, guard)) => (pattern, Some(guard)),
        None => (pattern, None),
    }
}

/// `let p = A;` or `name: A,` in its parts.
fn named<'l>(
    line: &'l str,
    opens: &str,
    separator: &str,
    ends: &str,
) -> Option<(&'l str, &'l str)> {
    let (name, value) = line.strip_suffix(ends)?.split_once(separator)?;
    let plain = |name: &str| {
        name.chars()
            .all(|c| c.is_alphanumeric() || "_ (),".contains(c))
    };
    (name.starts_with(opens) && plain(name)).then_some((name, value))
}

/// What two lines begin with, what is different in them, and what they end with; names stay whole.
fn difference<'l>(old: &'l str, new: &'l str) -> (&'l str, &'l str, &'l str, &'l str) {
    let of_name = |c: char| c.is_alphanumeric() || "_:.".contains(c);
    let same = |(old, new): &(char, char)| old == new;
    let head: usize = old
        .chars()
        .zip(new.chars())
        .take_while(same)
        .map(|(c, _)| c.len_utf8())
        .sum();
    let (before, _) = old.split_at(head);
    let before = before.trim_end_matches(of_name);
    let (_, old) = old.split_at(before.len());
    let (_, new) = new.split_at(before.len());
    let tail: usize = old
        .chars()
        .rev()
        .zip(new.chars().rev())
        .take_while(same)
        .map(|(c, _)| c.len_utf8())
        .sum();
    let tail = tail.min(old.len()).min(new.len());
    let (_, behind) = old.split_at(old.len() - tail);
    let behind = behind.trim_start_matches(of_name);
    let (old, _) = old.split_at(old.len() - behind.len());
    let (new, _) = new.split_at(new.len() - behind.len());
    (before, old, new, behind)
}
