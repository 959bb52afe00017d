//! Lanes: what is sent when, with which numbers, and what becomes of it.

use std::sync::atomic::AtomicU32;

use thalweg_protocol::PartitionId;
use thalweg_protocol::records::{Compression, Compressor, RecordBatchBuilder, RecordBatches};

use super::*;
use crate::producer::budget::Budget;
use crate::producer::completion::{BatchOutcome, Completion};

const TIMEOUT: Duration = Duration::from_secs(10);

struct Bench {
    lane: Lane,
    now: Instant,
    completions: Vec<Arc<Completion>>,
    under_way: Arc<AtomicU32>,
}

/// What a batch says about itself on the wire.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
struct Header {
    producer_id: i64,
    producer_epoch: i16,
    sequence: i32,
    records: usize,
}

impl Bench {
    fn new(numbering: Numbering) -> Self {
        let topic_partition = TopicPartition::new("t", PartitionId(0));
        let mut lane = Lane::new(topic_partition, numbering, 5, TIMEOUT);
        if numbering != Numbering::Plain {
            lane.adopt(Identity {
                producer_id: ProducerId(7),
                producer_epoch: 3,
            });
        }
        Bench {
            lane,
            now: Instant::now(),
            completions: Vec::new(),
            under_way: Arc::default(),
        }
    }

    /// A lane whose leader knows the producer already.
    fn proven(numbering: Numbering) -> Self {
        let mut bench = Bench::new(numbering);
        bench.push(1);
        let parcel = bench.send();
        bench.answer(&parcel, ErrorCode::NONE, 0);
        bench.completions.clear();
        bench
    }

    fn push(&mut self, records: usize) {
        self.push_sized(records, 10);
    }

    fn push_sized(&mut self, records: usize, value_bytes: usize) {
        let mut builder = RecordBatchBuilder::new(Compression::None);
        let value = vec![b'v'; value_bytes];
        for _ in 0..records {
            builder
                .append(1, None, Some(&value), &[])
                .expect("small records");
        }
        let batch = builder.build(&mut Compressor::new());
        let completion = Completion::new(self.lane.topic_partition().clone());
        let reservation = Budget::new(1 << 20).try_reserve(1).expect("empty budget");
        let settle = Settle::new(
            Arc::clone(&completion),
            reservation,
            Arc::clone(&self.under_way),
        );
        self.completions.push(completion);
        self.lane.push(batch, settle, self.now + TIMEOUT);
    }

    fn try_send(&mut self) -> Option<Parcel> {
        self.lane.sendable_bytes(self.now)?;
        self.lane.send()
    }

    fn send(&mut self) -> Parcel {
        self.try_send().expect("a batch can be sent")
    }

    fn answer(&mut self, parcel: &Parcel, code: ErrorCode, offset: i64) -> Aftermath {
        self.give(
            parcel,
            Answer::Leader {
                code,
                base_offset: Offset(offset),
                message: None,
                record_errors: Arc::default(),
            },
        )
    }

    fn lose(&mut self, parcel: &Parcel) -> Aftermath {
        let reason = "connection lost".into();
        self.give(parcel, Answer::Lost { reason })
    }

    fn give(&mut self, parcel: &Parcel, answer: Answer) -> Aftermath {
        self.lane
            .handle_answer(self.now, parcel.id, answer, |_| Duration::from_millis(100))
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    fn outcome(&self, index: usize) -> Option<&BatchOutcome> {
        self.completions[index].outcome()
    }

    fn error(&self, index: usize) -> ProduceError {
        match self.outcome(index) {
            Some(BatchOutcome::Failed(error)) => error.clone(),
            other => panic!("batch {index} did not fail: {other:?}"),
        }
    }

    fn offset(&self, index: usize) -> i64 {
        match self.outcome(index) {
            Some(BatchOutcome::Written(offset)) => offset.0,
            other => panic!("batch {index} was not written: {other:?}"),
        }
    }
}

fn header(parcel: &Parcel) -> Header {
    let batch = RecordBatches::new(&parcel.bytes)
        .next()
        .expect("one batch")
        .expect("a whole one");
    batch.verify_crc().expect("sealed");
    Header {
        producer_id: batch.producer_id().0,
        producer_epoch: batch.producer_epoch(),
        sequence: batch.base_sequence(),
        records: batch.record_count().expect("format 2 counts"),
    }
}

fn numbers(parcel: &Parcel) -> (i16, i32) {
    let header = header(parcel);
    (header.producer_epoch, header.sequence)
}

/// A repetition waited for its pause, which is over, and now for a connection: the sender was asked to
/// look again at a time that had passed, and did nothing else until the broker could be reached.
#[test]
fn a_pause_that_is_over_is_nothing_to_wait_for() {
    let mut bench = Bench::proven(Numbering::Idempotent);
    bench.push(1);
    let parcel = bench.send();
    bench.lose(&parcel);
    let (now, pause) = (bench.now, Duration::from_millis(100));
    assert_eq!(bench.lane.next_timeout(now), Some(now + pause));
    assert_eq!(bench.lane.next_timeout(now + pause), Some(now + TIMEOUT));
}

#[tokio::test]
async fn up_to_five_batches_are_in_flight_with_consecutive_numbers() {
    let mut bench = Bench::proven(Numbering::Idempotent);
    for records in [2, 3, 1, 1, 1, 1] {
        bench.push(records);
    }
    let parcels: Vec<Parcel> = std::iter::from_fn(|| bench.try_send()).collect();
    let sequences: Vec<i32> = parcels.iter().map(|p| header(p).sequence).collect();
    assert_eq!(sequences, [1, 3, 6, 7, 8]);
    bench.answer(&parcels[0], ErrorCode::NONE, 50);
    assert_eq!(bench.offset(0), 50);
    assert_eq!(header(&bench.send()).sequence, 9);
}

#[tokio::test]
async fn the_very_first_batch_of_a_producer_goes_alone() {
    let mut bench = Bench::new(Numbering::Idempotent);
    bench.push(1);
    bench.push(1);
    let first = bench.send();
    assert!(bench.try_send().is_none());
    bench.answer(&first, ErrorCode::NONE, 0);
    bench.send();
}

#[tokio::test]
async fn a_repetition_has_the_same_bytes_in_the_same_order() {
    let mut bench = Bench::proven(Numbering::Idempotent);
    (0..4).for_each(|_| bench.push(2));
    let first: Vec<Parcel> = std::iter::from_fn(|| bench.try_send()).collect();
    let aftermath = bench.answer(&first[0], ErrorCode::NOT_LEADER_OR_FOLLOWER, -1);
    assert!(aftermath.refresh_metadata);
    bench.pass(Duration::from_secs(1));
    assert!(bench.try_send().is_none(), "others are still in flight");
    for parcel in &first[1..] {
        bench.answer(parcel, ErrorCode::NOT_LEADER_OR_FOLLOWER, -1);
    }
    let again: Vec<Parcel> = std::iter::from_fn(|| bench.try_send()).collect();
    let bytes = |parcels: &[Parcel]| parcels.iter().map(|p| p.bytes.clone()).collect::<Vec<_>>();
    assert_eq!(bytes(&again), bytes(&first));
}

#[tokio::test]
async fn batches_in_flight_together_pause_once() {
    let mut bench = Bench::proven(Numbering::Idempotent);
    (0..5).for_each(|_| bench.push(1));
    let parcels: Vec<Parcel> = std::iter::from_fn(|| bench.try_send()).collect();
    for parcel in &parcels {
        bench.lose(parcel);
    }
    assert!(bench.try_send().is_none());
    bench.pass(Duration::from_millis(100));
    assert!(bench.try_send().is_some());
}

#[tokio::test]
async fn a_duplicate_counts_as_written() {
    let mut bench = Bench::proven(Numbering::Idempotent);
    bench.push(1);
    let parcel = bench.send();
    bench.lose(&parcel);
    bench.pass(Duration::from_secs(1));
    let parcel = bench.send();
    bench.answer(&parcel, ErrorCode::DUPLICATE_SEQUENCE_NUMBER, -1);
    assert_eq!(bench.offset(0), -1);
}

#[tokio::test]
async fn sequence_numbers_wrap() {
    let mut bench = Bench::proven(Numbering::Idempotent);
    bench.lane.next_sequence = i32::MAX - 1;
    bench.push(3);
    bench.push(1);
    assert_eq!(header(&bench.send()).sequence, i32::MAX - 1);
    assert_eq!(header(&bench.send()).sequence, 1);
}

#[tokio::test]
async fn a_batch_behind_a_failed_one_is_only_out_of_order() {
    let mut bench = Bench::proven(Numbering::Idempotent);
    bench.push(1);
    bench.push(1);
    let (first, second) = (bench.send(), bench.send());
    bench.answer(&first, ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    bench.answer(&second, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    bench.pass(Duration::from_secs(1));
    let (again, behind) = (bench.send(), bench.send());
    assert_eq!((again.bytes, behind.bytes), (first.bytes, second.bytes));
}

#[tokio::test]
async fn a_gap_at_the_front_starts_the_next_epoch_from_zero() {
    let mut bench = Bench::proven(Numbering::Idempotent);
    bench.push(2);
    bench.push(1);
    let (first, second) = (bench.send(), bench.send());
    bench.answer(&first, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    bench.answer(&second, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    bench.pass(Duration::from_secs(1));
    assert_eq!(numbers(&bench.send()), (4, 0));
    assert_eq!(numbers(&bench.send()), (4, 2));
}

#[tokio::test]
async fn a_batch_that_was_never_written_is_reported_as_such_when_its_time_is_over() {
    let mut bench = Bench::proven(Numbering::Idempotent);
    bench.push(1);
    let parcel = bench.send();
    bench.answer(&parcel, ErrorCode::NOT_LEADER_OR_FOLLOWER, -1);
    bench.pass(TIMEOUT);
    let failure = bench.lane.expire(bench.now).expect("its time is over");
    assert!(
        matches!(failure, ProduceError::NotSent { .. }),
        "{failure:?}"
    );
    assert!(!bench.error(0).is_indefinite());
}

#[tokio::test]
async fn a_lost_batch_is_reported_as_unknown_when_its_time_is_over() {
    let mut bench = Bench::proven(Numbering::Idempotent);
    bench.push(1);
    let parcel = bench.send();
    bench.pass(TIMEOUT);
    assert!(bench.lane.expire(bench.now).is_none(), "still in flight");
    bench.lose(&parcel);
    assert!(bench.lane.expire(bench.now).is_some());
    assert!(bench.error(0).is_indefinite());
    // Whether it was written is not known: the next one goes under another epoch.
    bench.push(1);
    bench.pass(Duration::from_secs(1));
    assert_eq!(numbers(&bench.send()), (4, 0));
}

#[tokio::test]
async fn a_batch_behind_a_lost_one_that_expired_keeps_its_bytes_until_it_is_answered() {
    let mut bench = Bench::proven(Numbering::Idempotent);
    bench.push(2);
    bench.pass(Duration::from_secs(1));
    bench.push(1);
    let (first, second) = (bench.send(), bench.send());
    bench.lose(&first);
    bench.lose(&second);
    bench.pass(TIMEOUT - Duration::from_secs(1));
    assert!(bench.lane.expire(bench.now).is_some());
    assert!(bench.error(0).is_indefinite());
    assert!(bench.outcome(1).is_none());
    // It may be in the log with the lost one before it, so it must be recognisable.
    let again = bench.send();
    assert_eq!(again.bytes, second.bytes);
    // It is: then so is the lost one, and the numbers go on.
    bench.answer(&again, ErrorCode::NONE, 9);
    bench.push(1);
    assert_eq!(numbers(&bench.send()), (3, 4));
}

#[tokio::test]
async fn a_batch_behind_a_lost_one_that_was_not_written_is_numbered_anew() {
    let mut bench = Bench::proven(Numbering::Idempotent);
    bench.push(2);
    bench.pass(Duration::from_secs(1));
    bench.push(1);
    let (first, second) = (bench.send(), bench.send());
    bench.lose(&first);
    bench.lose(&second);
    bench.pass(TIMEOUT - Duration::from_secs(1));
    bench.lane.expire(bench.now);
    let again = bench.send();
    bench.answer(&again, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    bench.pass(Duration::from_millis(500));
    assert_eq!(numbers(&bench.send()), (4, 0));
}

#[tokio::test]
async fn a_lost_batch_stays_among_those_the_leader_remembers() {
    let mut bench = Bench::proven(Numbering::Idempotent);
    (0..8).for_each(|_| bench.push(1));
    let parcels: Vec<Parcel> = std::iter::from_fn(|| bench.try_send()).collect();
    // Written, but not replicated in time; those behind it were.
    bench.answer(&parcels[0], ErrorCode::REQUEST_TIMED_OUT, -1);
    for parcel in &parcels[1..] {
        bench.answer(parcel, ErrorCode::NONE, 10);
    }
    bench.pass(Duration::from_secs(1));
    let again = bench.send();
    assert_eq!(again.bytes, parcels[0].bytes);
    assert!(
        bench.try_send().is_none(),
        "a sixth batch would push it out of the leader's memory"
    );
    bench.answer(&again, ErrorCode::NONE, 5);
    assert!(bench.try_send().is_some());
}

#[tokio::test]
async fn a_refused_batch_leaves_no_gap_behind() {
    let mut bench = Bench::proven(Numbering::Idempotent);
    bench.push(1);
    bench.push(1);
    let (first, second) = (bench.send(), bench.send());
    let aftermath = bench.answer(&first, ErrorCode::INVALID_TIMESTAMP, -1);
    assert!(aftermath.failure.is_some());
    assert!(matches!(bench.error(0), ProduceError::Refused { code, .. }
        if code == ErrorCode::INVALID_TIMESTAMP));
    bench.answer(&second, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    bench.pass(Duration::from_secs(1));
    assert_eq!(numbers(&bench.send()), (4, 0));
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_is_unknown() {
    let mut bench = Bench::proven(Numbering::Idempotent);
    bench.push(1);
    let parcel = bench.send();
    bench.lose(&parcel);
    bench.pass(Duration::from_secs(1));
    let parcel = bench.send();
    bench.answer(&parcel, ErrorCode::TOPIC_AUTHORIZATION_FAILED, -1);
    assert!(bench.error(0).is_indefinite());
}

#[tokio::test]
async fn used_up_epochs_ask_for_another_producer_id() {
    let mut bench = Bench::proven(Numbering::Idempotent);
    bench.lane.adopt(Identity {
        producer_id: ProducerId(7),
        producer_epoch: i16::MAX,
    });
    bench.push(1);
    let parcel = bench.send();
    bench.answer(&parcel, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    bench.pass(Duration::from_secs(1));
    assert!(bench.try_send().is_none());
    assert_eq!(bench.lane.needs_identity(), Some(Some(ProducerId(7))));
    bench.lane.adopt(Identity {
        producer_id: ProducerId(8),
        producer_epoch: 0,
    });
    let header = header(&bench.send());
    assert_eq!(
        (header.producer_id, header.producer_epoch, header.sequence),
        (8, 0, 0)
    );
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_split_under_its_own_numbers() {
    let mut bench = Bench::proven(Numbering::Idempotent);
    bench.push(5);
    bench.push(1);
    let (large, behind) = (bench.send(), bench.send());
    bench.answer(&large, ErrorCode::MESSAGE_TOO_LARGE, -1);
    bench.answer(&behind, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    let parts: Vec<Parcel> = std::iter::from_fn(|| bench.try_send()).collect();
    let seen: Vec<(i32, usize)> = parts
        .iter()
        .map(|p| (header(p).sequence, header(p).records))
        .collect();
    assert_eq!(seen, [(1, 2), (3, 3), (6, 1)]);
    assert_eq!(parts[2].bytes, behind.bytes);
    bench.answer(&parts[0], ErrorCode::NONE, 10);
    assert!(bench.outcome(0).is_none(), "half of it is missing");
    bench.answer(&parts[1], ErrorCode::NONE, 20);
    let outcome = bench.outcome(0).expect("both halves are written");
    let offsets: Vec<i64> = (0..5)
        .map(|index| outcome.offset_of(index).expect("written").0)
        .collect();
    assert_eq!(offsets, [10, 11, 20, 21, 22]);
}

#[tokio::test]
async fn a_single_record_that_is_too_large_fails() {
    let mut bench = Bench::proven(Numbering::Idempotent);
    bench.push_sized(1, 1_000);
    let parcel = bench.send();
    bench.answer(&parcel, ErrorCode::MESSAGE_TOO_LARGE, -1);
    match bench.error(0) {
        ProduceError::TooLarge { batch_bytes, .. } => assert!(batch_bytes > 1_000),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_refusal_names_the_records_it_is_about() {
    let mut bench = Bench::proven(Numbering::Transactional);
    bench.push(3);
    let parcel = bench.send();
    let answer = Answer::Leader {
        code: ErrorCode::INVALID_TIMESTAMP,
        base_offset: Offset(-1),
        message: None,
        record_errors: [(1, Some("too old".into()))].into(),
    };
    let aftermath = bench.give(&parcel, answer);
    assert!(aftermath.failure.is_some());
    match bench.error(0) {
        ProduceError::Refused { records, .. } => {
            let named: Vec<_> = records
                .iter()
                .map(|r| (r.index, r.message.clone()))
                .collect();
            assert_eq!(named, [(1, Some("too old".into()))]);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_refusal_that_names_no_record_is_narrowed_down_to_one() {
    let mut bench = Bench::proven(Numbering::Idempotent);
    bench.push(3);
    let whole = bench.send();
    bench.answer(&whole, ErrorCode::INVALID_RECORD, -1);
    let first = bench.send();
    bench.answer(&first, ErrorCode::NONE, 10);
    let rest = bench.send();
    assert_eq!((header(&first).records, header(&rest).records), (1, 2));
    bench.answer(&rest, ErrorCode::INVALID_RECORD, -1);
    let second = bench.send();
    let aftermath = bench.answer(&second, ErrorCode::INVALID_RECORD, -1);
    match aftermath.failure {
        Some(ProduceError::Refused { records, .. }) => {
            assert_eq!(records.iter().map(|r| r.index).collect::<Vec<_>>(), [1]);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn without_idempotence_one_batch_is_in_flight_and_carries_no_numbers() {
    let mut bench = Bench::new(Numbering::Plain);
    bench.push(2);
    bench.push(2);
    let parcel = bench.send();
    assert_eq!(
        header(&parcel),
        Header {
            producer_id: -1,
            producer_epoch: -1,
            sequence: -1,
            records: 2
        }
    );
    assert!(bench.try_send().is_none());
    bench.answer(&parcel, ErrorCode::NONE, 4);
    bench.send();
}

#[tokio::test]
async fn an_unknown_server_error_is_an_unknown_outcome() {
    let mut bench = Bench::proven(Numbering::Idempotent);
    bench.push(1);
    let parcel = bench.send();
    bench.answer(&parcel, ErrorCode::UNKNOWN_SERVER_ERROR, -1);
    assert!(bench.error(0).is_indefinite());
}

#[tokio::test]
async fn a_transaction_ends_at_the_first_gap() {
    let mut bench = Bench::proven(Numbering::Transactional);
    bench.push(1);
    let parcel = bench.send();
    let aftermath = bench.answer(&parcel, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    assert!(aftermath.failure.is_some());
    assert!(bench.lane.has_gap());
}

#[tokio::test]
async fn answers_to_abandoned_batches_change_nothing() {
    let mut bench = Bench::proven(Numbering::Transactional);
    bench.push(1);
    bench.push(1);
    let (first, second) = (bench.send(), bench.send());
    bench.lane.abandon(|topic_partition| ProduceError::Aborted {
        topic_partition: topic_partition.clone(),
        cause: "test".into(),
    });
    assert!(matches!(bench.error(0), ProduceError::Aborted { .. }));
    assert!(bench.lane.is_in_flight());
    assert!(bench.lane.is_indefinite());
    bench.answer(&first, ErrorCode::NONE, 3);
    bench.answer(&second, ErrorCode::PRODUCER_FENCED, -1);
    assert!(!bench.lane.is_in_flight());
    assert!(matches!(bench.error(0), ProduceError::Aborted { .. }));
    bench.lane.adopt(Identity {
        producer_id: ProducerId(7),
        producer_epoch: 4,
    });
    bench.push(1);
    assert_eq!(numbers(&bench.send()), (4, 0));
}

#[tokio::test]
async fn a_concurrent_transaction_is_waited_for_briefly() {
    let mut bench = Bench::proven(Numbering::Transactional);
    bench.push(1);
    let parcel = bench.send();
    bench.answer(&parcel, ErrorCode::CONCURRENT_TRANSACTIONS, -1);
    assert!(bench.try_send().is_none());
    bench.pass(CONCURRENT_TRANSACTIONS_BACKOFF);
    assert_eq!(bench.send().bytes, parcel.bytes);
}
