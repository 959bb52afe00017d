//! When a worker does not get on, and why: for its health.
//!
//! It is no stall to have nothing to do. It is one when records are there and none is processed, when
//! a commit does not come to its end, or when the group does not say what is whose, for longer than
//! [`STALLED_AFTER`]. A worker that hangs in user code cannot look at itself: the
//! [board](super::board) sees that.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use thalweg_client::TopicPartition;
use thalweg_protocol::Offset;
use tokio::time::Instant;

use super::idle::Stand;

/// How long nothing may move before it is called a stall: more than a leader's move or a rebalance
/// takes, less than anyone's patience.
pub(crate) const STALLED_AFTER: Duration = Duration::from_secs(10);

/// What a worker waits for, for too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stall {
    /// A commit has been under way since then.
    Commit { waited: Duration },
    /// The group has not told this worker what it owns.
    Group { waited: Duration },
    /// A transaction of somebody's hides the records from there on.
    OpenTransaction {
        partition: TopicPartition,
        from_offset: Offset,
        waited: Duration,
    },
    /// Records are there, and none comes.
    NoRecords {
        partition: TopicPartition,
        lag: u64,
        waited: Duration,
    },
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stall::Commit { waited } => write!(
                f,
                "a commit has been under way for {} s: the transaction or group coordinator, or a \
                 leader of a topic written to, does not answer",
                waited.as_secs()
            ),
            Stall::Group { waited } => write!(
                f,
                "the group has not assigned anything for {} s: its coordinator does not answer, or \
                 another member has not given up its tasks yet",
                waited.as_secs()
            ),
            Stall::OpenTransaction {
                partition,
                from_offset,
                waited,
            } => write!(
                f,
                "a transaction that is open in {partition} since offset {from_offset} has hidden \
                 the records behind it for {} s",
                waited.as_secs()
            ),
            Stall::NoRecords {
                partition,
                lag,
                waited,
            } => write!(
                f,
                "none of the {lag} records that are left in {partition} has come for {} s: its \
                 leader does not answer",
                waited.as_secs()
            ),
        }
    }
}

/// Watches what a worker waits for.
#[derive(Debug, Default)]
pub(crate) struct StallWatch {
    /// Where each partition has stood since when, while records are left.
    stuck: BTreeMap<TopicPartition, (Offset, Instant)>,
    joining_since: Option<Instant>,
}

/// What a worker sees of itself.
pub(crate) struct Sight<I> {
    /// When the commit that is under way began.
    pub(crate) committing_since: Option<Instant>,
    /// The group has told what this worker owns.
    pub(crate) joined: bool,
    /// The input partitions that are to be read on.
    pub(crate) inputs: I,
}

impl StallWatch {
    /// Looks at everything; a few times a second. The first reason is the one that others follow
    /// from: while a commit hangs, nothing is read.
    pub(crate) fn observe(
        &mut self,
        now: Instant,
        sight: Sight<impl Iterator<Item = (TopicPartition, Stand)>>,
    ) -> Option<Stall> {
        let mut still = BTreeMap::new();
        let mut worst: Option<Stall> = None;
        for (partition, stand) in sight.inputs {
            if stand.lag() == 0 {
                continue;
            }
            let since = match self.stuck.get(&partition) {
                Some((position, since)) if *position == stand.position => *since,
                _ => now,
            };
            still.insert(partition.clone(), (stand.position, since));
            let waited = now.saturating_duration_since(since);
            if waited >= STALLED_AFTER && worst.is_none() {
                worst = Some(match stand.hidden_from() {
                    Some(from_offset) => Stall::OpenTransaction {
                        partition,
                        from_offset,
                        waited,
                    },
                    None => Stall::NoRecords {
                        partition,
                        lag: stand.lag(),
                        waited,
                    },
                });
            }
        }
        self.stuck = still;
        self.joining_since = match sight.joined {
            true => None,
            false => self.joining_since.or(Some(now)),
        };
        let too_long = |since: Option<Instant>| {
            let waited = now.saturating_duration_since(since?);
            (waited >= STALLED_AFTER).then_some(waited)
        };
        let commit = too_long(sight.committing_since).map(|waited| Stall::Commit { waited });
        let group = too_long(self.joining_since).map(|waited| Stall::Group { waited });
        commit.or(group).or(worst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stand(position: i64, last_stable_offset: i64, high_watermark: i64) -> Stand {
        Stand {
            position: Offset(position),
            high_watermark: Some(Offset(high_watermark)),
            last_stable_offset: Some(Offset(last_stable_offset)),
        }
    }

    fn look(watch: &mut StallWatch, now: Instant, inputs: &[(i32, Stand)]) -> Option<Stall> {
        let inputs = inputs
            .iter()
            .map(|(partition, stand)| (TopicPartition::new("in", *partition), *stand));
        watch.observe(
            now,
            Sight {
                committing_since: None,
                joined: true,
                inputs,
            },
        )
    }

    #[test]
    fn an_open_transaction_in_the_way_is_one_and_says_where() {
        let (mut watch, start) = (StallWatch::default(), Instant::now());
        let inputs = [(0, stand(9, 9, 9)), (1, stand(5, 5, 8))];
        assert_eq!(look(&mut watch, start, &inputs), None);
        assert_eq!(look(&mut watch, start + STALLED_AFTER / 2, &inputs), None);
        let stall = look(&mut watch, start + STALLED_AFTER, &inputs).expect("long enough");
        assert!(matches!(
            &stall,
            Stall::OpenTransaction { partition, from_offset: Offset(5), .. }
                if partition.partition.0 == 1
        ));
        let text = stall.to_string();
        assert!(
            text.contains("in-1 since offset 5") && text.contains("10 s"),
            "{text}"
        );
    }

    #[test]
    fn a_leader_that_gives_nothing_is_another() {
        let (mut watch, start) = (StallWatch::default(), Instant::now());
        let inputs = [(0, stand(5, 8, 8))];
        look(&mut watch, start, &inputs);
        let stall = look(&mut watch, start + STALLED_AFTER, &inputs);
        assert!(
            matches!(stall, Some(Stall::NoRecords { lag: 3, .. })),
            "{stall:?}"
        );
    }

    #[test]
    fn whoever_moves_or_has_nothing_to_do_is_well() {
        let (mut watch, start) = (StallWatch::default(), Instant::now());
        for second in 0..60_i64 {
            let now = start + Duration::from_secs(second as u64);
            let inputs = [(0, stand(second, second, 100)), (1, stand(7, 7, 7))];
            assert_eq!(look(&mut watch, now, &inputs), None, "after {second} s");
        }
        let unknown = Stand {
            high_watermark: None,
            ..stand(1, 1, 1)
        };
        look(&mut watch, start, &[(0, unknown)]);
        assert_eq!(
            look(&mut watch, start + STALLED_AFTER * 9, &[(0, unknown)]),
            None
        );
    }

    #[test]
    fn a_commit_that_hangs_comes_first_and_a_group_that_does_not_answer_second() {
        let (mut watch, start) = (StallWatch::default(), Instant::now());
        let mut sight = |now, committing_since, joined| {
            let inputs = [(TopicPartition::new("in", 0), stand(5, 5, 8))].into_iter();
            let sight = Sight {
                committing_since,
                joined,
                inputs,
            };
            watch.observe(now, sight)
        };
        assert_eq!(sight(start, Some(start), false), None);
        let later = start + STALLED_AFTER;
        assert!(matches!(
            sight(later, Some(start), false),
            Some(Stall::Commit { .. })
        ));
        assert!(matches!(
            sight(later, None, false),
            Some(Stall::Group { .. })
        ));
        assert!(matches!(
            sight(later, Some(later), true),
            Some(Stall::OpenTransaction { .. })
        ));
    }
}
