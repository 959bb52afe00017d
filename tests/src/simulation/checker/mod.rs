//! Judges a run by what lies in the logs. It knows Kafka's protocol and the jobs, and nothing of the
//! client, the engine or the broker.
//!
//! | judge | what it looks for |
//! |---|---|
//! | [`writes`] | acknowledged and lost, doubled, reordered, or somewhere else; refused and there all the same |
//! | [`transactions`] | torn ones |
//! | [`read_back`] | a reader of committed records that saw other ones |
//! | [`read_by_group`] | a group of readers that left records out |
//! | [`output`] | output that is not what the committed input asks for |
//! | [`changelog`] | state that is not what the committed input asks for |

mod output;
mod state;

use std::collections::BTreeMap;

use thalweg_client::TopicPartition;

use super::log::{Content, Log, Record};

pub use output::output;
pub use state::changelog;

/// The logs of one topic, by partition.
pub type Logs = BTreeMap<i32, Log>;

/// What one producer knows of what it wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Acknowledged, in the order of sending: value, partition, offset.
    pub acknowledged: Vec<(String, i32, i64)>,
    /// Perhaps written.
    pub unknown: Vec<String>,
    /// Said to be not written.
    pub refused: Vec<String>,
}

/// So many examples of a fault are told.
const EXAMPLES: usize = 5;

/// Faults in words: the first few of each kind.
#[derive(Debug, Default)]
pub struct Faults {
    found: Vec<String>,
    kinds: BTreeMap<&'static str, usize>,
}

impl Faults {
    /// Adds one.
    pub fn add(&mut self, kind: &'static str, what: impl FnOnce() -> String) {
        let count = self.kinds.entry(kind).or_default();
        *count += 1;
        if *count <= EXAMPLES {
            self.found.push(format!("{kind}: {}", what()));
        }
    }

    /// All of them.
    #[must_use]
    pub fn into_words(self) -> Vec<String> {
        let more = self.kinds.iter().filter(|(_, count)| **count > EXAMPLES);
        let more: Vec<String> = more
            .map(|(kind, count)| format!("{kind}: {} more", count - EXAMPLES))
            .collect();
        self.found.into_iter().chain(more).collect()
    }
}

/// Acknowledged means in the log, at the place that was told, exactly once and in order; refused
/// means not in the log; what is unknown is there once at most.
pub fn writes(written: &[Written], input: &Logs, faults: &mut Faults) {
    let mut places: BTreeMap<&str, Vec<(i32, i64)>> = BTreeMap::new();
    for (partition, log) in input {
        for record in records_of(log) {
            let place = (*partition, record.offset);
            places.entry(&record.value).or_default().push(place);
        }
    }
    let of = |value: &str| places.get(value).map(Vec::as_slice).unwrap_or_default();
    for producer in written {
        let mut last: BTreeMap<i32, i64> = BTreeMap::new();
        for (value, partition, offset) in &producer.acknowledged {
            match of(value) {
                [] => faults.add("acknowledged and lost", || value.clone()),
                // The broker does not always say where.
                [(at, _)] if at == partition && *offset < 0 => {}
                [place] if *place == (*partition, *offset) => {}
                [place] => faults.add("acknowledged elsewhere", || {
                    format!("{value} at {partition}:{offset}, and lies at {place:?}")
                }),
                places => faults.add("acknowledged and doubled", || {
                    format!("{value} at {places:?}")
                }),
            }
            if *offset < 0 {
                continue;
            }
            let before = last.insert(*partition, *offset);
            if before.is_some_and(|before| before >= *offset) {
                faults.add("reordered by a producer", || value.clone());
            }
        }
        for value in producer.unknown.iter().filter(|value| of(value).len() > 1) {
            faults.add("unknown and doubled", || {
                format!("{value} at {:?}", of(value))
            });
        }
        for value in producer
            .refused
            .iter()
            .filter(|value| !of(value).is_empty())
        {
            faults.add("refused and written", || {
                format!("{value} at {:?}", of(value))
            });
        }
    }
}

fn records_of(log: &Log) -> impl Iterator<Item = &Record> {
    log.batches.iter().flat_map(|batch| match &batch.content {
        Content::Records { records, .. } => records.as_slice(),
        Content::Marker { .. } => &[],
    })
}

/// All transactions end, and all parts of one end alike. To be told apart by the logs alone,
/// transactions need an epoch each, as they have in protocol Two (KIP-890). Of protocol One it only
/// says what never ended; that its parts belong together is seen by [`changelog`].
pub fn transactions(logs: &BTreeMap<TopicPartition, Log>, protocol_two: bool, faults: &mut Faults) {
    // By producer and epoch: how each partition's part ended.
    let mut ends: BTreeMap<(i64, i16), BTreeMap<&TopicPartition, bool>> = BTreeMap::new();
    for (partition, log) in logs {
        let mut open: BTreeMap<i64, i16> = BTreeMap::new();
        for batch in &log.batches {
            match batch.content {
                Content::Records { transactional, .. } if transactional => {
                    open.insert(batch.producer_id, batch.producer_epoch);
                }
                Content::Records { .. } => {}
                Content::Marker { committed } => {
                    let Some(epoch) = open.remove(&batch.producer_id) else {
                        continue;
                    };
                    let key = (batch.producer_id, epoch);
                    let again = ends.entry(key).or_default().insert(partition, committed);
                    if protocol_two && again.is_some() {
                        faults.add("two transactions of one epoch", || {
                            format!("of producer {}, epoch {epoch}", batch.producer_id)
                        });
                    }
                }
            }
        }
        for (producer, epoch) in open {
            faults.add("never ended", || {
                format!("the transaction of producer {producer}, epoch {epoch}, in {partition}")
            });
        }
    }
    for ((producer, epoch), parts) in ends.iter().filter(|_| protocol_two) {
        let mut outcomes: Vec<bool> = parts.values().copied().collect();
        outcomes.dedup();
        if outcomes.len() > 1 {
            faults.add("torn transaction", || {
                format!("of producer {producer}, epoch {epoch}: {parts:?}")
            });
        }
    }
}

/// A reader of committed records has seen just those, in order: offset and value.
pub fn read_back(seen: &BTreeMap<i32, Vec<(i64, String)>>, logs: &Logs, faults: &mut Faults) {
    for (partition, log) in logs {
        let committed = log.committed();
        let wanted = committed
            .iter()
            .map(|committed| (committed.record.offset, committed.record.value.as_str()));
        let seen = seen.get(partition).map(Vec::as_slice).unwrap_or_default();
        let got = seen.iter().map(|(offset, value)| (*offset, value.as_str()));
        if let Some(difference) = first_difference(wanted, got) {
            faults.add("read otherwise than committed", || {
                format!("partition {partition}: {difference}")
            });
        }
    }
}

/// A group of readers that commits what it has processed leaves nothing out.
pub fn read_by_group(seen: &BTreeMap<i32, Vec<(i64, String)>>, logs: &Logs, faults: &mut Faults) {
    for (partition, log) in logs {
        let seen = seen.get(partition).map(Vec::as_slice).unwrap_or_default();
        let seen: std::collections::BTreeSet<i64> =
            seen.iter().map(|(offset, _)| *offset).collect();
        let committed = log.committed();
        for committed in &committed {
            if !seen.contains(&committed.record.offset) {
                faults.add("left out by a group", || {
                    format!("partition {partition}: {:?}", committed.record)
                });
            }
        }
        if let Some(foreign) = seen
            .iter()
            .find(|offset| !committed.iter().any(|c| c.record.offset == **offset))
        {
            faults.add("read and not committed", || {
                format!("partition {partition}: offset {foreign}")
            });
        }
    }
}

/// Where two sequences differ first, in words.
fn first_difference<T: PartialEq + std::fmt::Debug>(
    wanted: impl IntoIterator<Item = T>,
    found: impl IntoIterator<Item = T>,
) -> Option<String> {
    let (mut wanted, mut found) = (wanted.into_iter(), found.into_iter());
    for index in 0_usize.. {
        match (wanted.next(), found.next()) {
            (None, None) => return None,
            (wanted, found) if wanted == found => {}
            (Some(wanted), None) => {
                return Some(format!("ends before number {index}, {wanted:?}"));
            }
            (None, Some(found)) => {
                return Some(format!("goes on with number {index}, {found:?}"));
            }
            (Some(wanted), Some(found)) => {
                return Some(format!("number {index} is {found:?} instead of {wanted:?}"));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
