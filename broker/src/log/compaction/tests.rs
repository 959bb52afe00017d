//! Goal: a compacted log tells a reader the same newest value of each key as the whole log did, and
//! forgets exactly what Kafka's cleaner forgets.
//!
//! Method: single rules on small logs; then random logs, beside a model that keeps every record ever
//! appended and recomputes from those what must be there and what must not.

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::ProducerId;
use thalweg_protocol::records::{
    Columns, Compression, Compressor, Decompressor, RecordBatchBuilder,
};

use super::*;
use crate::log::{AppendAs, Retention};

const RULES: CompactionRules = CompactionRules {
    dirty_ratio_min: 0.0,
    lag_ms_min: 0,
    lag_ms_max: i64::MAX,
    delete_retention_ms: 1_000,
    segment_bytes: 1 << 20,
};

type Pair<'a> = (&'a str, Option<&'a str>);

/// How a test batch is sealed.
#[derive(Debug, Clone, Copy)]
struct By {
    producer: i64,
    epoch: i16,
    sequence: i32,
    transactional: bool,
}

const NOBODY: By = By {
    producer: -1,
    epoch: -1,
    sequence: -1,
    transactional: false,
};

fn transaction(producer: i64, sequence: i32) -> By {
    By {
        producer,
        epoch: 0,
        sequence,
        transactional: true,
    }
}

/// A log that is written to by hand, with everything replicated at once.
struct Written {
    log: Log,
    now_ms: i64,
    segment_bytes: usize,
}

impl Written {
    fn new() -> Self {
        Written {
            log: Log::default(),
            now_ms: 1_000_000,
            segment_bytes: 1 << 20,
        }
    }

    fn append(&mut self, batch: &[u8]) -> i64 {
        let appended = self.log.append(
            batch,
            AppendAs {
                leader_epoch: 3,
                now_ms: self.now_ms,
                log_append_time: false,
                segment_bytes: self.segment_bytes,
                segment_ms: i64::MAX,
            },
        );
        self.log.raise_high_watermark(i64::MAX);
        appended.base_offset
    }

    fn write(&mut self, pairs: &[Pair<'_>], by: By, codec: Compression) -> i64 {
        let mut builder = RecordBatchBuilder::new(codec);
        for (key, value) in pairs {
            let key = (!key.is_empty()).then_some(key.as_bytes());
            builder
                .append(self.now_ms, key, value.map(str::as_bytes), &[("h", key)])
                .expect("fits");
        }
        let batch = builder.build(&mut Compressor::new());
        let id = ProducerId(by.producer);
        self.append(&batch.seal(id, by.epoch, by.sequence, by.transactional))
    }

    fn put(&mut self, pairs: &[Pair<'_>]) -> i64 {
        self.write(pairs, NOBODY, Compression::None)
    }

    fn end_transaction(&mut self, producer: i64, epoch: i16, commit: bool) -> i64 {
        let mut builder = RecordBatchBuilder::new(Compression::None).control();
        let key = [0, 0, 0, u8::from(commit)];
        builder
            .append(self.now_ms, Some(&key), Some(&[0; 6]), &[])
            .expect("fits");
        let batch = builder.build(&mut Compressor::new());
        self.append(&batch.seal(ProducerId(producer), epoch, -1, true))
    }

    /// Closes the segment that is being written, by a batch that does not fit it.
    fn roll(&mut self) {
        let bytes = std::mem::replace(&mut self.segment_bytes, 0);
        self.put(&[("roll", Some("x"))]);
        self.segment_bytes = bytes;
    }

    fn compact(&mut self) {
        self.log.compact(&RULES, self.now_ms);
        let bytes: usize = self.log.batches_from(0).map(StoredBatch::len).sum();
        assert_eq!(self.log.bytes(), bytes, "the bytes are counted");
    }

    /// All records of applications, committed or not.
    fn records(&self) -> Vec<Read> {
        read(&self.log)
    }

    fn keys(&self) -> Vec<String> {
        let keys = self.records().into_iter().map(|read| read.key);
        keys.flatten().filter(|key| key != "roll").collect()
    }

    fn markers(&self) -> Vec<i64> {
        let batches = self.log.batches_from(0);
        let markers = batches.filter(|batch| batch.view().is_control());
        markers.map(StoredBatch::base_offset).collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Read {
    offset: i64,
    timestamp: i64,
    producer: i64,
    key: Option<String>,
    value: Option<String>,
}

fn read(log: &Log) -> Vec<Read> {
    let (mut columns, mut decompressor) = (Columns::new(), Decompressor::new());
    let mut all = Vec::new();
    for batch in log.batches_from(log.start()) {
        let view = batch.view();
        let rows = columns.decode(&view, &mut decompressor).expect("valid");
        if view.is_control() {
            continue;
        }
        let text =
            |bytes: Option<&[u8]>| bytes.map(|b| String::from_utf8(b.to_vec()).expect("text"));
        all.extend(rows.iter().map(|row| {
            let mut headers = row.headers;
            assert_eq!(headers.next(), Some(("h", row.key)), "headers stay");
            Read {
                offset: row.offset.0,
                timestamp: row.timestamp,
                producer: view.producer_id().0,
                key: text(row.key),
                value: text(row.value),
            }
        }));
    }
    all
}

#[test]
fn only_the_newest_value_of_a_key_stays_and_offsets_stay_as_they_were() {
    let mut written = Written::new();
    written.put(&[("a", Some("1")), ("b", Some("1")), ("c", Some("1"))]);
    written.put(&[("b", Some("2"))]);
    written.roll();
    written.put(&[("a", Some("2"))]);
    let end = written.log.end();
    written.compact();
    let offsets: Vec<_> = written.records().iter().map(|read| read.offset).collect();
    // `a` at 5 lies in the segment being written, which neither goes nor counts.
    assert_eq!(offsets, [0, 2, 3, 4, 5]);
    assert_eq!((written.log.start(), written.log.end()), (0, end));
    let first = written.log.batches_from(0).next().expect("kept");
    assert_eq!((first.base_offset(), first.last_offset()), (0, 2));
    assert_eq!(first.view().leader_epoch(), 3);
    written.roll();
    written.compact();
    let offsets: Vec<_> = written.records().iter().map(|read| read.offset).collect();
    assert_eq!(
        offsets,
        [2, 3, 4, 5, 6],
        "`a` at 0 and its neighbour `roll` are old now"
    );
}

#[test]
fn a_batch_that_is_rewritten_keeps_its_codec() {
    for codec in [
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ] {
        let mut written = Written::new();
        let long = "x".repeat(500);
        written.write(&[("a", Some(&long)), ("b", Some(&long))], NOBODY, codec);
        written.put(&[("a", Some("new"))]);
        written.roll();
        written.compact();
        let first = written.log.batches_from(0).next().expect("b is in it");
        assert_eq!(first.view().compression(), Ok(codec));
        assert_eq!(first.view().record_count(), Some(1));
        assert_eq!(written.records()[0].value.as_deref(), Some(long.as_str()));
    }
}

#[test]
fn a_record_without_key_goes() {
    let mut written = Written::new();
    written.put(&[("", Some("lost")), ("a", Some("1"))]);
    written.roll();
    written.compact();
    assert_eq!(written.keys(), ["a"]);
}

#[test]
fn a_tombstone_stays_until_its_horizon_which_the_first_pass_sets() {
    let mut written = Written::new();
    written.put(&[("a", Some("1")), ("b", Some("1"))]);
    written.put(&[("a", None)]);
    written.roll();
    written.compact();
    assert_eq!(written.keys(), ["b", "a"]);
    let horizons = |written: &Written| -> Vec<_> {
        let batches = written.log.batches_from(0);
        batches
            .filter_map(|batch| batch.view().delete_horizon_ms())
            .collect()
    };
    let horizon = written.now_ms + RULES.delete_retention_ms;
    assert_eq!(horizons(&written), [horizon]);
    // The next pass does not move it.
    written.now_ms = horizon - 1;
    written.roll();
    written.compact();
    assert_eq!(written.keys(), ["b", "a"]);
    assert_eq!(horizons(&written), [horizon]);
    written.now_ms = horizon;
    written.compact();
    assert_eq!(written.keys(), ["b"]);
}

#[test]
fn aborted_records_go_and_do_not_count_as_newest() {
    let mut written = Written::new();
    written.put(&[("a", Some("kept"))]);
    written.write(
        &[("a", Some("aborted"))],
        transaction(7, 0),
        Compression::None,
    );
    let marker = written.end_transaction(7, 0, false);
    written.write(&[("a", Some("open"))], transaction(8, 0), Compression::None);
    written.roll();
    written.compact();
    // Nothing yet: producer 8 may still abort.
    assert_eq!(written.records().len(), 4);
    written.end_transaction(8, 0, false);
    written.roll();
    written.compact();
    let values: Vec<_> = written
        .records()
        .into_iter()
        .map(|read| read.value)
        .collect();
    assert_eq!(
        values,
        [Some("kept".into()), Some("x".into()), Some("x".into())]
    );
    assert!(
        written.markers().contains(&marker),
        "its records went only now"
    );
    assert_eq!(written.log.aborted_between(0, i64::MAX).len(), 2);
}

#[test]
fn a_marker_goes_when_its_records_are_gone_and_its_horizon_is_past() {
    for commit in [false, true] {
        let mut written = Written::new();
        written.write(&[("a", Some("1"))], transaction(7, 0), Compression::None);
        let marker = written.end_transaction(7, 0, commit);
        // The producer goes on elsewhere, so that nothing is kept for its last sequence number.
        written.log.producers_mut().expire(i64::MAX);
        written.put(&[("a", Some("2"))]);
        written.roll();
        let has_marker = |written: &mut Written, after_ms: i64| {
            written.now_ms += after_ms;
            written.compact();
            written.markers().contains(&marker)
        };
        assert!(has_marker(&mut written, 0), "records went just now");
        assert!(
            has_marker(&mut written, 1_000_000),
            "its horizon begins now"
        );
        assert!(has_marker(&mut written, RULES.delete_retention_ms - 1));
        assert!(!has_marker(&mut written, 1));
        assert_eq!(written.log.aborted_between(0, i64::MAX), []);
        assert_eq!(written.keys(), ["a"]);
    }
}

#[test]
fn a_live_producers_last_sequence_number_outlives_its_records() {
    let mut written = Written::new();
    let by = By {
        transactional: false,
        ..transaction(7, 41)
    };
    written.write(&[("a", Some("1")), ("b", Some("1"))], by, Compression::Zstd);
    written.put(&[("a", Some("2")), ("b", Some("2"))]);
    written.roll();
    written.compact();
    let first = written.log.batches_from(0).next().expect("kept");
    assert_eq!((first.base_offset(), first.last_offset()), (0, 1));
    assert_eq!(first.view().record_count(), Some(0));
    assert_eq!(first.view().last_sequence(), 42);
    first.view().verify_crc().expect("sealed anew");
    // What a restart learns from the log is the same.
    written.log.rebuild(written.now_ms);
    let entry = written.log.producers().entry(ProducerId(7)).expect("known");
    assert_eq!(entry.last_sequence(), 42);
    written.log.producers_mut().expire(i64::MAX);
    written.compact();
    assert_eq!(
        written
            .log
            .batches_from(0)
            .next()
            .map(StoredBatch::base_offset),
        Some(2)
    );
}

#[test]
fn lag_and_ratio_decide_when_a_log_is_compacted() {
    let mut written = Written::new();
    written.put(&[("a", Some("1")), ("a", Some("2"))]);
    assert!(
        !written.log.wants_compaction(&RULES, written.now_ms),
        "nothing is closed"
    );
    written.roll();
    assert!(written.log.wants_compaction(&RULES, written.now_ms));
    let young = CompactionRules {
        lag_ms_min: 10,
        ..RULES
    };
    assert!(!written.log.wants_compaction(&young, written.now_ms + 9));
    assert!(written.log.wants_compaction(&young, written.now_ms + 10));
    written.compact();
    assert!(
        !written.log.wants_compaction(&RULES, written.now_ms),
        "all is clean"
    );
    written.roll();
    let half = CompactionRules {
        dirty_ratio_min: 0.9,
        ..RULES
    };
    assert!(!written.log.wants_compaction(&half, written.now_ms));
    let overdue = CompactionRules {
        lag_ms_max: 50,
        ..half
    };
    assert!(!written.log.wants_compaction(&overdue, written.now_ms + 50));
    assert!(written.log.wants_compaction(&overdue, written.now_ms + 51));
}

#[test]
fn small_neighbours_become_one_segment() {
    let mut written = Written::new();
    for _ in 0..5 {
        written.put(&[("a", Some("1"))]);
        written.roll();
    }
    assert_eq!(written.log.segments().count(), 6);
    written.compact();
    assert_eq!(written.log.segments().count(), 2);
}

/// One record of the model.
#[derive(Debug, Clone)]
struct Told {
    read: Read,
    /// `Some` when the end of its transaction is known, or when it has none.
    committed: Option<bool>,
}

/// A random log beside everything that was ever told to it.
struct Random {
    random: fastrand::Rng,
    written: Written,
    told: Vec<Told>,
    /// Next sequence number and whether a transaction is open, by producer.
    producers: BTreeMap<i64, (i32, bool)>,
    /// When a tombstone may go at the earliest.
    may_go_ms: BTreeMap<i64, i64>,
    /// How far compaction has come.
    until: i64,
}

impl Random {
    fn new(seed: u64) -> Self {
        let mut written = Written::new();
        written.segment_bytes = 400;
        Random {
            random: fastrand::Rng::with_seed(seed),
            written,
            told: Vec::new(),
            producers: BTreeMap::new(),
            may_go_ms: BTreeMap::new(),
            until: 0,
        }
    }

    fn step(&mut self) {
        match self.random.u32(..12) {
            0..=5 => self.append(),
            6..=8 => self.end_one(),
            9 => self.written.now_ms += self.random.i64(0..700),
            10 => self.written.roll_in(&mut self.told),
            _ => self.compact_and_check(),
        }
    }

    fn append(&mut self) {
        let producer = self.random.i64(-1..5);
        let (sequence, open) = self.producers.get(&producer).copied().unwrap_or_default();
        let transactional = producer >= 0 && (open || self.random.bool());
        let count = self.random.usize(1..5);
        let pairs: Vec<(String, Option<String>)> = (0..count)
            .map(|_| {
                let key = ["", "a", "b", "c", "d", "e", "f"][self.random.usize(..7)];
                let value = (self.random.u32(..4) > 0).then(|| self.random.u32(..).to_string());
                (key.to_owned(), value)
            })
            .collect();
        let borrowed: Vec<Pair<'_>> = pairs
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_deref()))
            .collect();
        let codec = Compression::from_id(self.random.u8(..5)).expect("all five are known");
        let by = match producer {
            -1 => NOBODY,
            _ => By {
                producer,
                epoch: 0,
                sequence,
                transactional,
            },
        };
        let base = self.written.write(&borrowed, by, codec);
        if producer >= 0 {
            let next = sequence + i32::try_from(count).expect("few");
            self.producers.insert(producer, (next, transactional));
        }
        for ((key, value), offset) in pairs.into_iter().zip(base..) {
            self.told.push(Told {
                read: Read {
                    offset,
                    timestamp: self.written.now_ms,
                    producer,
                    key: (!key.is_empty()).then_some(key),
                    value,
                },
                committed: (!transactional).then_some(true),
            });
        }
    }

    fn end_one(&mut self) {
        let open = self.producers.iter().filter(|(_, (_, open))| *open);
        let open: Vec<i64> = open.map(|(id, _)| *id).collect();
        let Some(producer) = self.random.choice(open) else {
            return;
        };
        let commit = self.random.bool();
        self.written.end_transaction(producer, 0, commit);
        if let Some((_, open)) = self.producers.get_mut(&producer) {
            *open = false;
        }
        for told in &mut self.told {
            if told.read.producer == producer && told.committed.is_none() {
                told.committed = Some(commit);
            }
        }
    }

    /// The newest committed value of each key; tombstones and records without key have none.
    fn newest(records: impl Iterator<Item = Read>) -> BTreeMap<String, String> {
        let mut newest = BTreeMap::new();
        for read in records {
            match (read.key, read.value) {
                (Some(key), Some(value)) => drop(newest.insert(key, value)),
                (Some(key), None) => drop(newest.remove(&key)),
                (None, _) => {}
            }
        }
        newest
    }

    fn compact_and_check(&mut self) {
        let log = &self.written.log;
        let marks = (
            log.start(),
            log.end(),
            log.high_watermark(),
            log.last_stable_offset(),
        );
        let cleanable = log.cleanable(&RULES, self.written.now_ms);
        let next = log
            .segments()
            .nth(cleanable)
            .map_or(0, Segment::base_offset);
        if cleanable > 0 {
            self.until = next;
        }
        let until = self.until;
        self.written.compact();

        let log = &self.written.log;
        let after = (
            log.start(),
            log.end(),
            log.high_watermark(),
            log.last_stable_offset(),
        );
        assert_eq!(marks, after, "no mark moves");
        let mut position = 0;
        for batch in log.batches_from(0) {
            assert!(batch.base_offset() >= position, "positions never go back");
            batch.view().verify_crc().expect("sealed");
            position = batch.last_offset() + 1;
        }
        let left = read(log);
        let told: BTreeMap<i64, &Told> = self.told.iter().map(|t| (t.read.offset, t)).collect();
        let is_committed = |read: &Read| told[&read.offset].committed == Some(true);
        for read in &left {
            assert_eq!(
                read, &told[&read.offset].read,
                "what stays is what was told"
            );
        }
        let stable = log.last_stable_offset();
        let all = self.told.iter().map(|t| t.read.clone());
        let before = Self::newest(all.filter(|r| r.offset < stable && is_committed(r)));
        let visible = left.iter().filter(|r| r.offset < stable && is_committed(r));
        assert_eq!(
            before,
            Self::newest(visible.cloned()),
            "readers see the same"
        );

        let present: BTreeSet<i64> = left.iter().map(|read| read.offset).collect();
        let mut keys = BTreeSet::new();
        for read in left.iter().filter(|read| read.offset < until) {
            assert!(is_committed(read), "aborted records are gone: {read:?}");
            let key = read.key.clone().expect("records without key are gone");
            assert!(keys.insert(key), "each key is there once: {read:?}");
        }
        for told in &self.told {
            let offset = told.read.offset;
            assert!(
                offset < until || present.contains(&offset),
                "{told:?} is not up yet"
            );
        }
        self.check_tombstones(until, &present);
        self.check_restart();
    }

    /// The newest record of a key, if it is a tombstone, stays for the whole delete retention after
    /// the pass that first met it.
    fn check_tombstones(&mut self, until: i64, present: &BTreeSet<i64>) {
        let mut newest: BTreeMap<&str, &Read> = BTreeMap::new();
        for told in &self.told {
            if let Some(key) = told.read.key.as_deref()
                && told.committed == Some(true)
                && told.read.offset < until
            {
                newest.insert(key, &told.read);
            }
        }
        let now_ms = self.written.now_ms;
        for read in newest.values().filter(|read| read.value.is_none()) {
            let fresh = now_ms + RULES.delete_retention_ms;
            let may_go_ms = *self.may_go_ms.entry(read.offset).or_insert(fresh);
            let is_here = present.contains(&read.offset);
            assert!(is_here || may_go_ms <= now_ms, "gone too early: {read:?}");
        }
    }

    /// What a restart would learn of the producers and of aborted transactions is what is known.
    fn check_restart(&mut self) {
        let sequences = |log: &Log| -> Vec<_> {
            let known = log.producers().iter();
            known
                .map(|(id, entry)| (id, entry.last_sequence(), entry.producer_epoch))
                .collect()
        };
        let known = sequences(&self.written.log);
        self.written.log.rebuild(self.written.now_ms);
        assert_eq!(
            known,
            sequences(&self.written.log),
            "producers outlive their records"
        );
    }
}

impl Written {
    fn roll_in(&mut self, told: &mut Vec<Told>) {
        let offset = self.log.end();
        self.roll();
        told.push(Told {
            read: Read {
                offset,
                timestamp: self.now_ms,
                producer: -1,
                key: Some("roll".to_owned()),
                value: Some("x".to_owned()),
            },
            committed: Some(true),
        });
    }
}

#[test]
fn a_compacted_log_reads_as_the_whole_log_did() {
    for seed in 0..300 {
        let seeded = std::panic::catch_unwind(|| {
            let mut random = Random::new(seed);
            for _ in 0..200 {
                random.step();
            }
            random.compact_and_check();
        });
        if let Err(failure) = seeded {
            eprintln!("failed with seed {seed}");
            std::panic::resume_unwind(failure);
        }
    }
}

#[test]
fn retention_drops_whole_segments_from_the_front_and_moves_the_start() {
    let mut written = Written::new();
    let mut starts = Vec::new();
    for _ in 0..4 {
        starts.push(written.put(&[("a", Some("1"))]));
        written.now_ms += 100;
        written.segment_bytes = 0;
    }
    let size = written.log.segments().next().expect("four").bytes();
    let keep = |ms, bytes| Retention { ms, bytes };
    assert_eq!(written.log.retain(keep(None, None), i64::MAX), 0);
    // The first is 400 ms old now.
    assert_eq!(written.log.retain(keep(Some(400), None), written.now_ms), 0);
    assert_eq!(
        written.log.retain(keep(Some(399), None), written.now_ms),
        size
    );
    assert_eq!(written.log.start(), starts[1]);
    assert_eq!(
        written
            .log
            .retain(keep(None, Some(3 * size)), written.now_ms),
        0
    );
    assert_eq!(
        written
            .log
            .retain(keep(None, Some(2 * size + 1)), written.now_ms),
        0
    );
    assert_eq!(
        written
            .log
            .retain(keep(None, Some(2 * size)), written.now_ms),
        size
    );
    assert_eq!(written.log.start(), starts[2]);
    let end = written.log.end();
    written.log.retain(keep(Some(0), None), written.now_ms);
    assert_eq!((written.log.start(), written.log.bytes()), (end, 0));
    assert_eq!(written.put(&[("a", Some("2"))]), end, "offsets go on");
}

#[test]
fn retention_spares_what_is_not_replicated() {
    let mut written = Written::new();
    written.put(&[("a", Some("1"))]);
    let mut builder = RecordBatchBuilder::new(Compression::None);
    builder.append(1, None, None, &[]).expect("fits");
    let batch = builder
        .build(&mut Compressor::new())
        .seal(ProducerId(-1), -1, -1, false);
    let how = AppendAs {
        leader_epoch: 3,
        now_ms: 1,
        log_append_time: false,
        segment_bytes: 0,
        segment_ms: i64::MAX,
    };
    written.log.append(&batch, how);
    let keep = Retention {
        ms: Some(0),
        bytes: Some(0),
    };
    written.log.retain(keep, i64::MAX);
    assert_eq!((written.log.start(), written.log.high_watermark()), (1, 1));
    assert_eq!(written.log.segments().count(), 1);
}

#[test]
fn a_log_cut_after_compaction_ends_where_it_was_cut() {
    // Compaction leaves nothing of the closed segments; then the leader dies before what follows is
    // replicated. Offsets that were given out once, and are committed, must not be given again.
    let mut written = Written::new();
    written.put(&[("a", Some("1")), ("a", None)]);
    written.segment_bytes = 0;
    let replicated = written.put(&[("b", Some("1"))]);
    let keep = Retention {
        ms: None,
        bytes: None,
    };
    written.compact();
    written.now_ms += RULES.delete_retention_ms;
    written.compact();
    assert_eq!(written.log.retain(keep, written.now_ms), 0);
    assert_eq!(written.log.batches_from(0).count(), 1);
    written.log.high_watermark = replicated;
    written.log.truncate(replicated, written.now_ms);
    assert_eq!(
        (written.log.end(), written.log.high_watermark()),
        (replicated, replicated)
    );
}
