//! Cases that must fail, so that a comparison that compares nothing is noticed: recorded cases as
//! they are, then with their expectations changed.

use serde_json::Value;
use thalweg_tests::tally::Outcome;

use crate::{Group, check_for};

/// A group, and the case of it that is damaged.
const CASES: [(&str, &str); 9] = [
    ("flink/windows", "tumbling-sum-allowed-lateness-side-output"),
    ("flink/windows", "tumbling-panes-allowed-lateness"),
    ("flink/process", "restore-tumbling-sum-allowed-lateness"),
    ("flink/watermarks", "splits-bounded-idleness"),
    ("flink/wordcount", "wordcount"),
    ("flink/nexmark", "q12"),
    ("kafka-streams/window-tumbling", "tumbling-count"),
    ("kafka-streams/stateless", "flat-map"),
    ("kafka-streams/table", "stream-count"),
];

/// Whether the checks find all damages, and nothing in what is undamaged.
pub(crate) fn check(groups: &[Group]) -> Result<(), String> {
    for (group, name) in CASES {
        // Another folder of vectors may lack it.
        let Some(group) = groups.iter().find(|other| other.name == group) else {
            continue;
        };
        let Some(case) = group.cases.iter().find(|case| case["case"] == name) else {
            continue;
        };
        let check = check_for(&group.name);
        let is_passed = |case: &Value| {
            let outcome = Outcome::of(|| check(case, &group.cases));
            matches!(outcome, Outcome::Passed)
        };
        if !is_passed(case) {
            // It is told among the others why.
            continue;
        }
        for (damage, damaged) in damages(case) {
            let outcome = Outcome::of(|| check(&damaged, &group.cases));
            if !matches!(outcome, Outcome::Failed(_)) {
                return Err(format!("{name} does not fail with {damage}"));
            }
        }
    }
    Ok(())
}

/// The case with each thing wrong that can be.
fn damages(case: &Value) -> Vec<(&'static str, Value)> {
    let mut damages = Vec::new();
    let mut damage = |what, change: fn(&mut Value) -> bool| {
        let mut damaged = case.clone();
        if change(&mut damaged) {
            damages.push((what, damaged));
        }
    };
    damage("an entry less", |case| {
        list(case, "expected").is_some_and(|list| list.pop().is_some())
    });
    damage("an entry twice", |case| {
        list(case, "expected").is_some_and(|list| {
            let again = list.last().cloned();
            list.extend(again);
            !list.is_empty()
        })
    });
    damage("another number", |case| {
        list(case, "expected")
            .is_some_and(|list| list.iter_mut().any(|entry| change_number(entry, "value")))
    });
    damage("another watermark", |case| {
        list(case, "expected").is_some_and(|list| {
            list.iter_mut()
                .any(|entry| change_number(entry, "watermark"))
        })
    });
    damage("another timestamp", |case| {
        list(case, "expected").is_some_and(|list| {
            list.iter_mut()
                .any(|entry| change_number(entry, "timestamp"))
        })
    });
    damage("another step", |case| {
        list(case, "expected").is_some_and(|list| {
            list.iter_mut()
                .any(|entry| change_number(entry, "step") || change_number(entry, "at"))
        })
    });
    damage("a late element less", |case| {
        list(case, "late").is_some_and(|list| list.pop().is_some())
    });
    damage("another late step", |case| {
        list(case, "late_at").is_some_and(|list| list.pop().is_some())
    });
    damage("another count of late elements", |case| {
        change_number(case, "dropped_late")
    });
    damage("another row", |case| {
        list(case, "expected")
            .and_then(|list| list.first_mut())
            .is_some_and(|entry| change_number(&mut entry["row"], "1"))
    });
    damages
}

fn list<'c>(case: &'c mut Value, field: &str) -> Option<&'c mut Vec<Value>> {
    case.get_mut(field)?.as_array_mut()
}

/// Adds one to a number, if there is one there.
fn change_number(entry: &mut Value, field: &str) -> bool {
    let slot = match field.parse::<usize>() {
        Ok(index) => entry.get_mut(index),
        Err(_) => entry.get_mut(field),
    };
    match slot {
        Some(slot) if slot.is_i64() || slot.is_u64() => {
            *slot = slot.as_i64().map_or(Value::from(0), |n| (n ^ 1).into());
            true
        }
        _ => false,
    }
}
