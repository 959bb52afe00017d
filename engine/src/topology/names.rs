//! Which names a program may give, and the topics made from them.

/// Longest topic name Kafka takes.
const TOPIC_NAME_BYTES_MAX: usize = 249;

/// What is wrong with a topic name, in words that follow the name.
pub(super) fn topic_name_fault(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("is empty".to_owned());
    }
    if name == "." || name == ".." {
        return Some("is not allowed".to_owned());
    }
    if name.len() > TOPIC_NAME_BYTES_MAX {
        let bytes = name.len();
        return Some(format!(
            "has {bytes} characters, more than Kafka's {TOPIC_NAME_BYTES_MAX}"
        ));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let bad = name.chars().find(|c| !allowed(*c))?;
    Some(format!(
        "has {bad:?} in it; letters, digits, '.', '_' and '-' are allowed"
    ))
}

pub(super) fn changelog_topic(application_id: &str, operator: &str) -> String {
    format!("{application_id}-{operator}-changelog")
}

pub(super) fn repartition_topic(application_id: &str, operator: &str) -> String {
    format!("{application_id}-{operator}-repartition")
}

/// The time changelog of what reads a repartition topic.
pub(super) fn time_changelog_topic(repartition_topic: &str) -> String {
    let name = repartition_topic
        .strip_suffix("-repartition")
        .unwrap_or(repartition_topic);
    format!("{name}-time-changelog")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_kafka_takes_have_no_fault() {
        for name in ["a", "hot-bids", "a.b_c-9", &"x".repeat(249)] {
            assert_eq!(topic_name_fault(name), None, "{name}");
        }
    }

    #[test]
    fn names_kafka_refuses_have_one() {
        for name in ["", ".", "..", "a b", "a/b", "ä", "a\n", &"x".repeat(250)] {
            assert!(topic_name_fault(name).is_some(), "{name:?}");
        }
    }
}
