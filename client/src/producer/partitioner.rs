//! Which partition a record goes to.
//!
//! A record with a key goes where Java's clients send it: `murmur2(key)` modulo the number of
//! partitions, so that programs in different languages agree on a key's partition. A record without
//! a key sticks to one partition until a batch's worth of bytes went there, then moves on (KIP-480),
//! and prefers partitions whose queue of unsent batches is short (KIP-794): a slow broker gets less.

use thalweg_protocol::PartitionId;
use thalweg_protocol::murmur2;

use crate::rng::Rng;

/// How a producer chooses the partition of a record that names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Partitioning {
    /// By the hash of the key, as Java's clients do; sticky for records without a key. The default.
    #[default]
    KeyHash,
    /// Sticky for all records, whatever their keys (Kafka's `partitioner.ignore.keys`).
    Sticky,
}

/// The partition Java's clients send records of this key to, on a topic of `partitions` partitions.
///
/// `None` when the topic has no partitions. The hash is Kafka's murmur2, its sign bit cleared.
///
/// ```
/// use thalweg_client::{partition_for_key, PartitionId};
/// assert_eq!(partition_for_key(b"ab", 100), Some(PartitionId(34)));
/// ```
pub fn partition_for_key(key: &[u8], partitions: usize) -> Option<PartitionId> {
    let count = u32::try_from(partitions).ok().filter(|&count| count > 0)?;
    let positive = murmur2(key) & 0x7fff_ffff;
    i32::try_from(positive % count).ok().map(PartitionId)
}

/// The sticky choice of one topic.
///
/// Invariant: `current`, once chosen, stays until [`Sticky::switch`] is called.
#[derive(Debug)]
pub(super) struct Sticky {
    current: Option<usize>,
    /// Bytes that went to `current` since it was chosen.
    bytes: usize,
    /// Scratch: cumulative weights of the partitions that can be chosen.
    cumulative: Vec<(u64, usize)>,
}

impl Sticky {
    pub(super) fn new() -> Self {
        Sticky {
            current: None,
            bytes: 0,
            cumulative: Vec::new(),
        }
    }

    /// The partition records without a key go to now, if one was chosen.
    pub(super) fn current(&self) -> Option<usize> {
        self.current
    }

    /// Counts bytes that went to the current partition. True when it had its share, and the next
    /// record should go elsewhere.
    pub(super) fn count(&mut self, bytes: usize, share: usize) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        self.bytes >= share
    }

    /// Chooses a partition anew.
    ///
    /// `queue` holds, by partition, the batches that wait to be sent there; `None` for a partition
    /// without a leader, which is chosen only when none has one. The chance of a partition falls
    /// with its queue: the longest queue weighs 1, an empty one the longest queue plus 1.
    pub(super) fn switch(
        &mut self,
        rng: &mut Rng,
        queue: impl Iterator<Item = Option<u32>> + Clone,
    ) -> Option<usize> {
        self.bytes = 0;
        self.cumulative.clear();
        let longest = queue.clone().flatten().max().unwrap_or(0);
        let mut total = 0_u64;
        for (partition, waiting) in queue.clone().enumerate() {
            let Some(waiting) = waiting else { continue };
            total += u64::from(longest - waiting) + 1;
            self.cumulative.push((total, partition));
        }
        self.current = if total == 0 {
            let count = queue.count() as u64;
            (count > 0).then(|| rng.below(count) as usize)
        } else {
            let drawn = rng.below(total);
            let index = self.cumulative.partition_point(|&(upto, _)| upto <= drawn);
            self.cumulative.get(index).map(|&(_, partition)| partition)
        };
        self.current
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: keys land where Java puts them. Method: a few of the vectors that kafka-clients 4.3.0
    /// produced (all of them run in `tests/tests/client_producer.rs`).
    #[test]
    fn keys_land_where_java_puts_them() {
        for (key, partitions, expected) in [
            (&b""[..], 7, 2),
            (b"", 100, 81),
            (b"a", 7, 5),
            (b"a", 1000, 524),
            (b"ab", 12, 2),
            (b"ab", 100, 34),
            (&[0x82], 1000, 244),
        ] {
            assert_eq!(
                partition_for_key(key, partitions),
                Some(PartitionId(expected)),
                "{key:?}"
            );
        }
        assert_eq!(partition_for_key(b"a", 0), None);
        assert_eq!(partition_for_key(b"a", 1), Some(PartitionId(0)));
    }

    #[test]
    fn a_sticky_choice_stays_until_it_is_switched() {
        let mut rng = Rng::from_seed(1);
        let mut sticky = Sticky::new();
        assert_eq!(sticky.current(), None);
        let chosen = sticky.switch(&mut rng, [Some(0); 8].into_iter());
        for _ in 0..10 {
            assert!(!sticky.count(100, 2_000));
            assert_eq!(sticky.current(), chosen);
        }
        assert!(sticky.count(1_000, 2_000));
    }

    #[test]
    fn every_partition_is_chosen_equally_often_when_queues_are_equal() {
        let mut rng = Rng::from_seed(2);
        let mut sticky = Sticky::new();
        let mut seen = [0_u32; 5];
        for _ in 0..10_000 {
            let chosen = sticky.switch(&mut rng, [Some(3); 5].into_iter());
            seen[chosen.expect("five partitions have leaders")] += 1;
        }
        assert!(
            seen.iter().all(|count| (1_850..2_150).contains(count)),
            "{seen:?}"
        );
    }

    #[test]
    fn a_long_queue_gets_less() {
        let mut rng = Rng::from_seed(3);
        let mut sticky = Sticky::new();
        let mut seen = [0_u32; 3];
        for _ in 0..10_000 {
            // Weights 10, 1, 10.
            let chosen = sticky.switch(&mut rng, [Some(0), Some(9), Some(0)].into_iter());
            seen[chosen.expect("three partitions have leaders")] += 1;
        }
        assert!((350..600).contains(&seen[1]), "{seen:?}");
    }

    #[test]
    fn a_partition_without_leader_is_avoided_while_another_has_one() {
        let mut rng = Rng::from_seed(4);
        let mut sticky = Sticky::new();
        for _ in 0..100 {
            let chosen = sticky.switch(&mut rng, [None, Some(50), None].into_iter());
            assert_eq!(chosen, Some(1));
        }
        assert!(sticky.switch(&mut rng, [None, None].into_iter()).is_some());
        assert_eq!(sticky.switch(&mut rng, std::iter::empty()), None);
    }
}
