//! What the members of a group subscribe to: names, and regular expressions of names.
//!
//! Expressions are RE2's, as the `regex` crate reads them, over the ASCII letters that topic names
//! are made of. An expression matches whole names. What topics an expression means is looked for
//! after the heartbeat that brought it, and again when topics were made, every ten seconds at most.

use std::collections::{BTreeMap, BTreeSet};

use regex::bytes::{Regex, RegexBuilder};
use thalweg_protocol::{ErrorCode, StrBytes, Uuid};

use super::member::Member;
use crate::group::Fault;
use crate::topic::Topics;

/// Bounds what compiling and matching an expression costs.
const REGEX_TEXT_BYTES_MAX: usize = 1 << 15;
const REGEX_PROGRAM_BYTES_MAX: usize = 1 << 18;

/// How long after looking for topics it is not done again.
const REFRESH_PAUSE_MS: i64 = 10_000;

/// What is known of the topics subscribed to: a change of it makes a new target necessary.
pub(super) type Known = BTreeMap<StrBytes, (Uuid, usize)>;

/// Compiles an expression.
pub(super) fn compile(text: &str) -> Result<Regex, Fault> {
    let invalid = |reason: &str| {
        let message =
            format!("SubscribedTopicRegex `{text}` is not a valid regular expression: {reason}.");
        (ErrorCode::INVALID_REGULAR_EXPRESSION, message)
    };
    if text.len() > REGEX_TEXT_BYTES_MAX {
        let message = format!("it is longer than {REGEX_TEXT_BYTES_MAX} bytes");
        return Err((
            ErrorCode::INVALID_REGULAR_EXPRESSION,
            format!("SubscribedTopicRegex is not a valid regular expression: {message}."),
        ));
    }
    let build = |text: &str| {
        let mut builder = RegexBuilder::new(text);
        builder
            .unicode(false)
            .size_limit(REGEX_PROGRAM_BYTES_MAX)
            .build()
    };
    // Alone first: within the group that follows, a stray bracket would close that.
    build(text)
        .and_then(|_| build(&format!("^(?:{text})$")))
        .map_err(|error| invalid(&last_line(&error)))
}

/// The line of an error that says what is wrong; those before it draw where.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

/// How many members subscribe to a topic by its name, and how many expressions mean it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    by_name: usize,
    by_regex: usize,
}

/// The subscriptions of all members of a group.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    topics: BTreeMap<StrBytes, Count>,
    /// How many members subscribe to each expression.
    regexes: BTreeMap<StrBytes, usize>,
    /// The topics that each expression means, once they were looked for.
    resolved: BTreeMap<StrBytes, BTreeSet<StrBytes>>,
    /// When, and at which [`Topics::created`], topics were looked for.
    resolved_at_ms: Option<i64>,
    resolved_at_created: u64,
    /// Whether they are going to be looked for.
    is_scheduled: bool,
    /// As it was when the group epoch was raised.
    pub(super) known: Known,
}

impl Subscriptions {
    /// Counts a member in.
    pub(super) fn add(&mut self, member: &Member) {
        for name in &member.topic_names {
            self.topics.entry(name.clone()).or_default().by_name += 1;
        }
        if !member.topic_regex.is_empty() {
            *self.regexes.entry(member.topic_regex.clone()).or_default() += 1;
        }
    }

    /// Counts a member out. What its expression means is kept until [`tidy`](Self::tidy).
    pub(super) fn remove(&mut self, member: &Member) {
        for name in &member.topic_names {
            self.change(name, |count| {
                count.by_name = count.by_name.saturating_sub(1)
            });
        }
        if let Some(members) = self.regexes.get_mut(&member.topic_regex) {
            *members -= 1;
            if *members == 0 {
                self.regexes.remove(&member.topic_regex);
            }
        }
    }

    fn change(&mut self, topic: &StrBytes, change: impl FnOnce(&mut Count)) {
        let count = self.topics.entry(topic.clone()).or_default();
        change(count);
        if *count == Count::default() {
            self.topics.remove(topic);
        }
    }

    /// Forgets the topics of expressions nobody subscribes to any more.
    pub(super) fn tidy(&mut self) {
        let unused = |regex: &&StrBytes| !self.regexes.contains_key(*regex);
        let unused: Vec<StrBytes> = self.resolved.keys().filter(unused).cloned().collect();
        for regex in unused {
            for topic in self.resolved.remove(&regex).unwrap_or_default() {
                self.change(&topic, |count| {
                    count.by_regex = count.by_regex.saturating_sub(1)
                });
            }
        }
    }

    /// Whether any member subscribes to a topic.
    pub(super) fn contains(&self, topic: &str) -> bool {
        self.topics.contains_key(topic)
    }

    /// Whether any member subscribes to an expression.
    pub(super) fn has_regex(&self, regex: &str) -> bool {
        self.regexes.contains_key(regex)
    }

    /// Whether it is known which topics an expression means.
    pub(super) fn is_resolved(&self, regex: &str) -> bool {
        self.resolved.contains_key(regex)
    }

    /// The topics that expressions mean, as they were found.
    pub(super) fn resolved(&self) -> impl Iterator<Item = (&StrBytes, &BTreeSet<StrBytes>)> {
        self.resolved.iter()
    }

    /// An expression means these topics, as was found before.
    pub(super) fn set_resolved(&mut self, regex: StrBytes, topics: BTreeSet<StrBytes>) {
        for topic in &topics {
            self.topics.entry(topic.clone()).or_default().by_regex += 1;
        }
        self.resolved.insert(regex, topics);
    }

    /// The topics a member subscribes to that exist.
    pub(super) fn topics_of(&self, member: &Member, topics: &Topics) -> BTreeSet<Uuid> {
        let by_regex = self.resolved.get(&member.topic_regex).into_iter().flatten();
        let names = member.topic_names.iter().chain(by_regex);
        names
            .filter_map(|name| Some(topics.topic(name)?.id))
            .collect()
    }

    /// What there is to know now.
    pub(super) fn look(&self, topics: &Topics) -> Known {
        let look = |name: &StrBytes| {
            let topic = topics.topic(name)?;
            Some((name.clone(), (topic.id, topic.partitions.len())))
        };
        self.topics.keys().filter_map(look).collect()
    }

    /// Whether so many members all subscribe to the same.
    pub(super) fn are_same(&self, members: usize) -> bool {
        match self.regexes.values().next() {
            None => self.topics.values().all(|count| count.by_name == members),
            Some(count) => {
                let by_regex_alone = Count {
                    by_name: 0,
                    by_regex: 1,
                };
                *count == members && self.topics.values().all(|count| *count == by_regex_alone)
            }
        }
    }

    /// Whether the topics of expressions are to be looked for now; if so, that is noted.
    pub(super) fn schedule(&mut self, topics: &Topics, now_ms: i64, interval_ms: i64) -> bool {
        // Kafka keeps the time with what it found: expressions that are gone hold up no new ones.
        let resolved_at_ms = self.resolved_at_ms.filter(|_| !self.resolved.is_empty());
        let since_ms = resolved_at_ms.map_or(i64::MAX, |at_ms| now_ms - at_ms);
        if self.regexes.is_empty() || self.is_scheduled || since_ms <= REFRESH_PAUSE_MS {
            return false;
        }
        let unresolved = self.regexes.keys().any(|regex| !self.is_resolved(regex));
        let due =
            unresolved || self.resolved_at_created < topics.created() || since_ms > interval_ms;
        self.is_scheduled = due;
        due
    }

    /// Looks for the topics of all expressions among those that `may_see` lets through. Says whether
    /// any means other topics than before.
    pub(super) fn resolve(
        &mut self,
        topics: &Topics,
        now_ms: i64,
        may_see: impl Fn(&StrBytes) -> bool,
    ) -> bool {
        self.is_scheduled = false;
        self.resolved_at_ms = Some(now_ms);
        self.resolved_at_created = topics.created();
        let mut changed = false;
        for text in self.regexes.keys().cloned().collect::<Vec<_>>() {
            // It was compiled when it came.
            let Ok(regex) = compile(&text) else { continue };
            let names = topics.iter().map(|(name, _)| name);
            let matching = names.filter(|name| regex.is_match(name.as_bytes()) && may_see(name));
            let matching: BTreeSet<StrBytes> = matching.cloned().collect();
            for topic in &matching {
                self.topics.entry(topic.clone()).or_default().by_regex += 1;
            }
            let before = self
                .resolved
                .insert(text, matching.clone())
                .unwrap_or_default();
            changed |= before != matching;
            for topic in before {
                self.change(&topic, |count| {
                    count.by_regex = count.by_regex.saturating_sub(1)
                });
            }
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    //! Goal: expressions are read as RE2 reads them, and what costs too much is refused.

    use super::*;

    #[test]
    fn an_expression_matches_whole_names() {
        let matches =
            |regex: &str, name: &str| compile(regex).expect(regex).is_match(name.as_bytes());
        assert!(matches("bids", "bids"));
        assert!(!matches("bids", "bids-2"));
        assert!(!matches("ids", "bids"));
        assert!(matches("bids.*", "bids-2"));
        assert!(matches("bids|asks", "asks"));
        assert!(!matches("bids|asks", "basks"));
        assert!(matches(r"\w+-\d", "bids-2"));
        assert!(matches("(?i)BIDS", "bids"));
        assert!(matches("", ""));
    }

    #[test]
    fn an_expression_that_is_none_or_too_large_is_refused() {
        let large = "(((a{99}){99}){99}){99}";
        let long = "a|".repeat(1 << 15);
        for bad in ["[", "(", "a)(b", "*", r"(a)\1", "(?=a)b", large, &long] {
            let (code, message) = compile(bad).expect_err("invalid");
            assert_eq!(code, ErrorCode::INVALID_REGULAR_EXPRESSION);
            assert!(message.starts_with("SubscribedTopicRegex"), "{message}");
        }
    }
}
