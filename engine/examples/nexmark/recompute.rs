//! What the tumbling job must have written, computed in the plainest way from the generator.

use std::collections::BTreeMap;

use crate::bids::Bid;

/// The length of the windows, in milliseconds.
pub(crate) const WINDOW_MS: i64 = 10_000;

/// One window of one auction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Window {
    pub(crate) start: i64,
    pub(crate) auction: u64,
}

/// What is known of a window when it closes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    pub(crate) max_price: u64,
}

/// All windows that the first `events` bids of `seed` close.
///
/// `partition_of` says where a key goes: event time is each partition's own, so the windows that
/// are still open at the end differ from partition to partition.
pub(crate) fn closed_windows<P: Ord + Copy>(
    seed: u64,
    events: u64,
    partition_of: impl Fn(&[u8]) -> P,
) -> BTreeMap<Window, Tally> {
    let mut windows: BTreeMap<(P, Window), Tally> = BTreeMap::new();
    let mut event_time_max: BTreeMap<P, i64> = BTreeMap::new();
    let mut key = Vec::new();
    for i in 0..events {
        let bid = Bid::of(seed, i);
        key.clear();
        bid.write_key(&mut key);
        let partition = partition_of(&key);
        let start = bid.date_time - bid.date_time.rem_euclid(WINDOW_MS);
        let window = Window {
            start,
            auction: bid.auction,
        };
        let tally = windows.entry((partition, window)).or_default();
        tally.count += 1;
        tally.max_price = tally.max_price.max(bid.price);
        let latest = event_time_max.entry(partition).or_insert(bid.date_time);
        *latest = bid.date_time.max(*latest);
    }
    windows
        .into_iter()
        .filter(|((partition, window), _)| {
            event_time_max
                .get(partition)
                .is_some_and(|latest| window.start + WINDOW_MS <= *latest)
        })
        .map(|((_, window), tally)| (window, tally))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_hundred_seconds_have_about_6_600_auctions_in_each_window() {
        // 10 s of event time are 100,000 events; the last window stays open.
        let windows = closed_windows(42, 300_001, |_| 0);
        let starts: Vec<i64> = windows.keys().map(|window| window.start).collect();
        assert_eq!(starts.first(), Some(&1_700_000_000_000));
        assert_eq!(starts.last(), Some(&1_700_000_020_000));
        assert!(
            (6_000..7_200).contains(&(windows.len() / 3)),
            "{}",
            windows.len()
        );
        let counted: u64 = windows.values().map(|tally| tally.count).sum();
        assert_eq!(counted, 300_000);
    }

    #[test]
    fn a_window_without_a_later_event_in_its_own_partition_stays_open() {
        let windows = closed_windows(42, 100_000, |_| 0);
        assert!(windows.is_empty(), "event time has reached 9,999 ms");
        let two = closed_windows(42, 100_001, |key| u32::from(key.ends_with(b"0")));
        let closing = Bid::of(42, 100_000).auction;
        assert!(
            two.keys()
                .all(|w| w.auction.is_multiple_of(10) == closing.is_multiple_of(10))
        );
        assert!(!two.is_empty());
    }
}
