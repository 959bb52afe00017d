//! Transactions, one coordinator's answer at a time.

use thalweg_protocol::{ErrorCode, Offset, ProducerId};

use super::super::promise::Promise;
use super::*;
use crate::{GroupMetadata, OffsetAndMetadata};

const PATIENCE: Duration = Duration::from_secs(60);

struct Bench {
    transactions: Transactions,
    now: Instant,
    lanes: LanesState,
}

fn identity(producer_epoch: i16) -> Identity {
    Identity {
        producer_id: ProducerId(7),
        producer_epoch,
    }
}

fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

impl Bench {
    fn uninitialised() -> Self {
        Bench {
            transactions: Transactions::new("id".into(), PATIENCE),
            now: Instant::now(),
            lanes: LanesState {
                idle: true,
                ..Default::default()
            },
        }
    }

    /// Initialised with epoch 3.
    fn ready() -> Self {
        let mut bench = Bench::uninitialised();
        let promise = Promise::shared();
        bench.transactions.handle_init(Arc::clone(&promise));
        bench.expect(
            &Call::InitProducerId { known: None },
            ErrorCode::NONE,
            Some(identity(3)),
        );
        assert_eq!(promise.value(), Some(&Ok(())));
        bench.events();
        bench
    }

    /// With a transaction open in which something was written.
    fn written(protocol: Protocol) -> Self {
        let mut bench = Bench::ready();
        bench.write(protocol);
        bench
    }

    fn write(&mut self, protocol: Protocol) {
        self.transactions.open(protocol).expect("ready");
        if !self.transactions.may_send(&partition()) {
            let (id, call) = self.call();
            assert!(matches!(call, Call::AddPartitions { .. }), "{call:?}");
            let results = vec![(partition(), ErrorCode::NONE)];
            self.answer(id, CallAnswer::Partitions(results));
        }
        assert!(self.transactions.may_send(&partition()));
        self.transactions.handle_sent();
    }

    fn try_call(&mut self) -> Option<(u64, Call)> {
        self.transactions.poll_call(self.now, self.lanes)
    }

    fn call(&mut self) -> (u64, Call) {
        self.try_call().expect("something is to be asked")
    }

    fn answer(&mut self, id: u64, answer: CallAnswer) {
        self.transactions
            .handle_answer(self.now, id, answer, |_| Duration::from_millis(100));
    }

    fn answer_code(&mut self, id: u64, code: ErrorCode) {
        self.answer(id, CallAnswer::Code(code, None));
    }

    /// The next call is that, and is answered so.
    fn expect(&mut self, expected: &Call, code: ErrorCode, identity: Option<Identity>) {
        let (id, call) = self.call();
        assert_eq!(&call, expected);
        self.answer(id, CallAnswer::Code(code, identity));
    }

    fn lose(&mut self, id: u64, sent: bool) {
        let reason = "connection lost".into();
        self.answer(id, CallAnswer::Lost { sent, reason });
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    fn end(&mut self, end: End) -> EndPromise {
        let promise = Promise::shared();
        self.transactions.handle_end(end, Arc::clone(&promise));
        promise
    }

    fn offsets(&mut self, generation_id: i32) -> StepPromise {
        let promise = Promise::shared();
        self.transactions.handle_offsets(Offsets {
            group: GroupMetadata {
                generation_id,
                ..GroupMetadata::outside("g")
            },
            offsets: [(partition(), OffsetAndMetadata::new(Offset(5)))].into(),
            promise: Arc::clone(&promise),
        });
        promise
    }

    fn answer_offsets(&mut self, code: ErrorCode) {
        let (id, call) = self.call();
        assert!(matches!(call, Call::OffsetCommit { .. }), "{call:?}");
        self.answer(id, CallAnswer::Partitions(vec![(partition(), code)]));
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.transactions.poll_event()).collect()
    }

    fn end_call(&self, end: End, producer_epoch: i16) -> Call {
        Call::EndTransaction {
            identity: identity(producer_epoch),
            protocol: self.transactions.protocol(),
            end,
        }
    }
}

fn outcome(promise: &EndPromise) -> Result<(), (TransactionOutcome, Disposition)> {
    let result = promise.value().expect("the transaction has ended").clone();
    result.map_err(|error| (error.outcome(), error.disposition()))
}

const ABORTED: TransactionOutcome = TransactionOutcome::Aborted;
const UNKNOWN: TransactionOutcome = TransactionOutcome::Unknown;

#[tokio::test]
async fn a_transaction_in_which_nothing_was_sent_needs_no_request() {
    for protocol in [Protocol::One, Protocol::Two] {
        for end in [End::Commit, End::Abort] {
            let mut bench = Bench::ready();
            assert_eq!(outcome(&bench.end(end)), Ok(()), "not even begun");
            bench.transactions.open(protocol).expect("ready");
            let promise = bench.end(end);
            assert!(bench.try_call().is_none());
            assert_eq!(outcome(&promise), Ok(()));
        }
    }
}

#[tokio::test]
async fn protocol_two_takes_the_epoch_of_the_answer() {
    let mut bench = Bench::written(Protocol::Two);
    let promise = bench.end(End::Commit);
    let call = bench.end_call(End::Commit, 3);
    bench.expect(&call, ErrorCode::NONE, Some(identity(4)));
    assert_eq!(outcome(&promise), Ok(()));
    assert_eq!(bench.events(), [Event::Adopt(identity(4))]);
    bench.write(Protocol::Two);
    bench.end(End::Commit);
    let call = bench.end_call(End::Commit, 4);
    let other = Identity {
        producer_id: ProducerId(8),
        producer_epoch: 0,
    };
    bench.expect(&call, ErrorCode::NONE, Some(other));
    assert_eq!(bench.transactions.identity(), Some(other));
}

#[tokio::test]
async fn protocol_one_adds_partitions_and_groups_first_and_keeps_its_epoch() {
    let mut bench = Bench::ready();
    bench.transactions.open(Protocol::One).expect("ready");
    assert!(!bench.transactions.may_send(&partition()));
    let (id, call) = bench.call();
    let partitions = vec![partition()];
    assert_eq!(
        call,
        Call::AddPartitions {
            identity: identity(3),
            partitions
        }
    );
    assert!(!bench.transactions.may_send(&partition()));
    bench.answer(
        id,
        CallAnswer::Partitions(vec![(partition(), ErrorCode::NONE)]),
    );
    assert!(bench.transactions.may_send(&partition()));
    bench.transactions.handle_sent();

    let offsets = bench.offsets(1);
    let group = Call::AddOffsets {
        identity: identity(3),
        group: "g".into(),
    };
    bench.expect(&group, ErrorCode::NONE, None);
    bench.answer_offsets(ErrorCode::NONE);
    assert_eq!(offsets.value(), Some(&Ok(())));

    let promise = bench.end(End::Commit);
    let call = bench.end_call(End::Commit, 3);
    bench.expect(&call, ErrorCode::NONE, None);
    assert_eq!(outcome(&promise), Ok(()));
    assert!(!bench.transactions.is_busy());
    assert_eq!(bench.events(), []);
}

#[tokio::test]
async fn a_commit_waits_for_batches_and_offsets() {
    let mut bench = Bench::written(Protocol::Two);
    bench.lanes.idle = false;
    bench.offsets(1);
    let promise = bench.end(End::Commit);
    bench.answer_offsets(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    assert!(bench.try_call().is_none());
    bench.pass(Duration::from_secs(1));
    bench.answer_offsets(ErrorCode::NONE);
    assert!(bench.try_call().is_none(), "a batch is under way");
    bench.lanes.idle = true;
    let call = bench.end_call(End::Commit, 3);
    bench.expect(&call, ErrorCode::NONE, Some(identity(4)));
    assert_eq!(outcome(&promise), Ok(()));
}

#[tokio::test]
async fn a_lost_answer_to_a_commit_is_asked_for_again_under_the_same_epoch() {
    for protocol in [Protocol::One, Protocol::Two] {
        let mut bench = Bench::written(protocol);
        let promise = bench.end(End::Commit);
        let (id, first) = bench.call();
        bench.lose(id, true);
        assert!(bench.try_call().is_none(), "after a pause");
        bench.pass(Duration::from_secs(1));
        let (id, again) = bench.call();
        assert_eq!(again, first);
        let next = (protocol == Protocol::Two).then(|| identity(4));
        bench.answer(id, CallAnswer::Code(ErrorCode::NONE, next));
        assert_eq!(outcome(&promise), Ok(()));
        // In protocol One the first attempt may still arrive, and would end the next transaction.
        assert_eq!(bench.transactions.is_busy(), protocol == Protocol::One);
        if protocol == Protocol::One {
            let known = Some(identity(3));
            let init = Call::InitProducerId { known };
            bench.expect(&init, ErrorCode::NONE, Some(identity(4)));
            assert!(!bench.transactions.is_busy());
        }
        assert_eq!(bench.transactions.identity(), Some(identity(4)));
    }
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_leaves_the_outcome_unknown() {
    for code in [
        ErrorCode::PRODUCER_FENCED,
        ErrorCode::INVALID_PRODUCER_EPOCH,
        ErrorCode::INVALID_TXN_STATE,
        ErrorCode::INVALID_PRODUCER_ID_MAPPING,
        ErrorCode::TRANSACTION_ABORTABLE,
    ] {
        for protocol in [Protocol::One, Protocol::Two] {
            let mut bench = Bench::written(protocol);
            let promise = bench.end(End::Commit);
            let (id, _) = bench.call();
            bench.lose(id, true);
            bench.pass(Duration::from_secs(1));
            let (id, _) = bench.call();
            bench.answer_code(id, code);
            let expected = Err((UNKNOWN, Disposition::Reinitialise));
            assert_eq!(outcome(&promise), expected, "{code}");
            assert!(
                bench.transactions.open(protocol).is_err(),
                "until it is reinitialised"
            );
        }
    }
}

#[tokio::test]
async fn a_refusal_of_the_first_attempt_is_definite() {
    for code in [
        ErrorCode::PRODUCER_FENCED,
        ErrorCode::INVALID_PRODUCER_EPOCH,
        ErrorCode::INVALID_TXN_STATE,
        ErrorCode::INVALID_PRODUCER_ID_MAPPING,
    ] {
        let mut bench = Bench::written(Protocol::Two);
        let promise = bench.end(End::Commit);
        let (id, _) = bench.call();
        // Neither of these means that it was done.
        bench.lose(id, false);
        bench.pass(Duration::from_secs(1));
        let (id, _) = bench.call();
        bench.answer_code(id, ErrorCode::CONCURRENT_TRANSACTIONS);
        bench.pass(Duration::from_secs(1));
        let (id, _) = bench.call();
        bench.answer_code(id, code);
        assert_eq!(
            outcome(&promise),
            Err((ABORTED, Disposition::Reinitialise)),
            "{code}"
        );
    }
}

#[tokio::test]
async fn not_coordinator_may_come_after_the_commit_was_done() {
    let mut bench = Bench::written(Protocol::Two);
    let promise = bench.end(End::Commit);
    let (id, _) = bench.call();
    bench.answer_code(id, ErrorCode::NOT_COORDINATOR);
    bench.pass(Duration::from_secs(1));
    let (id, _) = bench.call();
    bench.answer_code(id, ErrorCode::PRODUCER_FENCED);
    assert_eq!(outcome(&promise), Err((UNKNOWN, Disposition::Reinitialise)));
}

#[tokio::test]
async fn a_commit_that_must_abort_is_aborted_and_the_producer_goes_on() {
    let mut bench = Bench::written(Protocol::Two);
    let promise = bench.end(End::Commit);
    let call = bench.end_call(End::Commit, 3);
    bench.expect(&call, ErrorCode::TRANSACTION_ABORTABLE, None);
    let call = bench.end_call(End::Abort, 3);
    bench.expect(&call, ErrorCode::NONE, Some(identity(4)));
    assert_eq!(
        outcome(&promise),
        Err((ABORTED, Disposition::AbortTransaction))
    );
    assert!(bench.transactions.open(Protocol::Two).is_ok());
}

#[tokio::test]
async fn a_failed_batch_poisons_the_commit() {
    let mut bench = Bench::written(Protocol::Two);
    bench
        .transactions
        .handle_failed_batch(ProduceError::TooLarge {
            topic_partition: partition(),
            batch_bytes: 9,
            records: Arc::default(),
        });
    assert!(bench.transactions.failure().is_some());
    assert!(bench.transactions.open(Protocol::Two).is_err());
    assert!(!bench.transactions.may_send(&partition()));
    assert!(matches!(bench.events()[..], [Event::Abandon(_)]));
    let promise = bench.end(End::Commit);
    let call = bench.end_call(End::Abort, 3);
    bench.expect(&call, ErrorCode::NONE, Some(identity(4)));
    let error = promise
        .value()
        .expect("ended")
        .clone()
        .expect_err("poisoned");
    assert_eq!(error.outcome(), ABORTED);
    assert!(matches!(
        error.cause(),
        TransactionError::Produce(ProduceError::TooLarge { .. })
    ));
    assert!(matches!(
        bench.events()[..],
        [Event::Abandon(_), Event::Adopt(_), Event::Failed(_)]
    ));
}

#[tokio::test]
async fn an_abort_that_was_asked_for_succeeds_also_after_a_failure() {
    let mut bench = Bench::written(Protocol::Two);
    bench
        .transactions
        .handle_failed_batch(ProduceError::TooLarge {
            topic_partition: partition(),
            batch_bytes: 9,
            records: Arc::default(),
        });
    let promise = bench.end(End::Abort);
    let call = bench.end_call(End::Abort, 3);
    bench.expect(&call, ErrorCode::NONE, Some(identity(4)));
    assert_eq!(outcome(&promise), Ok(()));
}

#[tokio::test]
async fn protocol_two_aborts_what_is_under_way_by_end_txn() {
    let mut bench = Bench::written(Protocol::Two);
    bench.lanes = LanesState {
        idle: false,
        indefinite: true,
        gap: true,
    };
    let promise = bench.end(End::Abort);
    let call = bench.end_call(End::Abort, 3);
    bench.expect(&call, ErrorCode::NONE, Some(identity(4)));
    assert_eq!(outcome(&promise), Ok(()));
}

#[tokio::test]
async fn protocol_one_aborts_what_is_indefinite_by_init_producer_id() {
    let mut bench = Bench::written(Protocol::One);
    bench.lanes.indefinite = true;
    let promise = bench.end(End::Abort);
    let known = Call::InitProducerId {
        known: Some(identity(3)),
    };
    // The coordinator aborts the open transaction, and has the request repeated meanwhile.
    bench.expect(&known, ErrorCode::CONCURRENT_TRANSACTIONS, None);
    bench.pass(Duration::from_secs(1));
    // By that it raised the epoch itself, so that ours is not the latest any more.
    bench.expect(&known, ErrorCode::PRODUCER_FENCED, None);
    bench.expect(
        &Call::InitProducerId { known: None },
        ErrorCode::NONE,
        Some(identity(5)),
    );
    assert_eq!(outcome(&promise), Ok(()));
    assert_eq!(bench.transactions.identity(), Some(identity(5)));
}

#[tokio::test]
async fn a_producer_that_was_succeeded_does_not_fence_its_successor_by_itself() {
    let mut bench = Bench::written(Protocol::One);
    bench.lanes.indefinite = true;
    let promise = bench.end(End::Abort);
    let known = Call::InitProducerId {
        known: Some(identity(3)),
    };
    bench.expect(&known, ErrorCode::PRODUCER_FENCED, None);
    assert_eq!(outcome(&promise), Err((ABORTED, Disposition::Reinitialise)));
    assert!(bench.try_call().is_none());
    // Only when it is told to.
    let promise = Promise::shared();
    bench.transactions.handle_init(Arc::clone(&promise));
    bench.expect(&known, ErrorCode::PRODUCER_FENCED, None);
    bench.expect(
        &Call::InitProducerId { known: None },
        ErrorCode::NONE,
        Some(identity(9)),
    );
    assert_eq!(promise.value(), Some(&Ok(())));
    assert!(bench.transactions.open(Protocol::One).is_ok());
}

#[tokio::test]
async fn protocol_one_starts_its_numbers_anew_after_an_abort_that_lost_some() {
    let mut bench = Bench::written(Protocol::One);
    bench.lanes.gap = true;
    let promise = bench.end(End::Abort);
    let call = bench.end_call(End::Abort, 3);
    bench.expect(&call, ErrorCode::NONE, None);
    assert!(promise.value().is_none());
    let known = Call::InitProducerId {
        known: Some(identity(3)),
    };
    bench.expect(&known, ErrorCode::NONE, Some(identity(4)));
    assert_eq!(outcome(&promise), Ok(()));
}

#[tokio::test]
async fn protocol_one_does_not_commit_after_an_indefinite_offset_commit() {
    let mut bench = Bench::written(Protocol::One);
    let offsets = bench.offsets(1);
    let (id, _) = bench.call();
    bench.answer_code(id, ErrorCode::NONE);
    loop {
        let (id, _) = bench.call();
        bench.lose(id, true);
        if offsets.value().is_some() {
            break;
        }
        bench.pass(PATIENCE / 4);
    }
    assert!(bench.transactions.failure().is_some());
    let promise = bench.end(End::Commit);
    let known = Call::InitProducerId {
        known: Some(identity(3)),
    };
    bench.expect(&known, ErrorCode::NONE, Some(identity(4)));
    assert_eq!(
        outcome(&promise),
        Err((ABORTED, Disposition::AbortTransaction))
    );
}

#[tokio::test]
async fn an_unanswered_commit_is_given_up_as_unknown() {
    let mut bench = Bench::written(Protocol::Two);
    let promise = bench.end(End::Commit);
    while promise.value().is_none() {
        let (id, _) = bench.call();
        bench.lose(id, true);
        bench.pass(PATIENCE / 4);
    }
    assert_eq!(outcome(&promise), Err((UNKNOWN, Disposition::Reinitialise)));
    // The coordinator is back, and had done it: the answer brings the epoch it gave then.
    let promise = Promise::shared();
    bench.transactions.handle_init(Arc::clone(&promise));
    let known = Call::InitProducerId {
        known: Some(identity(3)),
    };
    bench.expect(&known, ErrorCode::NONE, Some(identity(4)));
    assert_eq!(promise.value(), Some(&Ok(())));
}

#[tokio::test]
async fn a_refused_generation_can_be_mended_within_the_transaction() {
    for code in [ErrorCode::ILLEGAL_GENERATION, ErrorCode::UNKNOWN_MEMBER_ID] {
        let mut bench = Bench::written(Protocol::Two);
        let refused = bench.offsets(1);
        bench.answer_offsets(code);
        let error = refused
            .value()
            .expect("answered")
            .clone()
            .expect_err("refused");
        assert_eq!(error.disposition(), Disposition::Rejoin);
        let newer = bench.offsets(2);
        bench.answer_offsets(ErrorCode::NONE);
        assert_eq!(newer.value(), Some(&Ok(())));
        let promise = bench.end(End::Commit);
        let call = bench.end_call(End::Commit, 3);
        bench.expect(&call, ErrorCode::NONE, Some(identity(4)));
        assert_eq!(outcome(&promise), Ok(()));
    }
}

#[tokio::test]
async fn a_refused_generation_that_is_not_mended_aborts_the_commit() {
    for late in [false, true] {
        let mut bench = Bench::written(Protocol::Two);
        let refused = bench.offsets(1);
        let mut promise = None;
        if late {
            promise = Some(bench.end(End::Commit));
        }
        bench.answer_offsets(ErrorCode::ILLEGAL_GENERATION);
        let promise = promise.unwrap_or_else(|| bench.end(End::Commit));
        assert!(refused.value().is_some_and(Result::is_err));
        let call = bench.end_call(End::Abort, 3);
        bench.expect(&call, ErrorCode::NONE, Some(identity(4)));
        assert_eq!(outcome(&promise), Err((ABORTED, Disposition::Rejoin)));
    }
}

#[tokio::test]
async fn a_coordinator_that_moves_is_followed() {
    let mut bench = Bench::uninitialised();
    let promise = Promise::shared();
    bench.transactions.handle_init(Arc::clone(&promise));
    for code in [
        ErrorCode::NOT_COORDINATOR,
        ErrorCode::COORDINATOR_NOT_AVAILABLE,
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
    ] {
        let (id, _) = bench.call();
        bench.answer_code(id, code);
        assert!(bench.try_call().is_none());
        assert!(bench.transactions.next_timeout().is_some());
        bench.pass(Duration::from_secs(1));
    }
    let (id, _) = bench.call();
    bench.answer(id, CallAnswer::Code(ErrorCode::NONE, Some(identity(0))));
    assert_eq!(promise.value(), Some(&Ok(())));
}

#[tokio::test]
async fn a_refused_permission_is_final() {
    let mut bench = Bench::uninitialised();
    let promise = Promise::shared();
    bench.transactions.handle_init(Arc::clone(&promise));
    let (id, _) = bench.call();
    bench.answer_code(id, ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    let error = promise
        .value()
        .expect("answered")
        .clone()
        .expect_err("refused");
    assert_eq!(error.disposition(), Disposition::Fatal);
    assert!(
        error
            .to_string()
            .contains("TRANSACTIONAL_ID_AUTHORIZATION_FAILED"),
        "{error}"
    );
}

#[tokio::test]
async fn answers_to_calls_that_no_longer_matter_are_ignored() {
    let mut bench = Bench::written(Protocol::Two);
    let promise = bench.end(End::Commit);
    let (id, _) = bench.call();
    bench.lose(id, true);
    bench.pass(Duration::from_secs(1));
    let (newer, _) = bench.call();
    bench.answer_code(id, ErrorCode::PRODUCER_FENCED);
    assert!(promise.value().is_none());
    bench.answer(newer, CallAnswer::Code(ErrorCode::NONE, Some(identity(4))));
    assert_eq!(outcome(&promise), Ok(()));
    bench.answer_code(newer, ErrorCode::PRODUCER_FENCED);
    assert!(bench.transactions.failure().is_none());
}

#[tokio::test]
async fn a_closed_producer_tells_everyone_who_waits() {
    let mut bench = Bench::written(Protocol::Two);
    let offsets = bench.offsets(1);
    let promise = bench.end(End::Commit);
    bench.transactions.close();
    assert_eq!(offsets.value(), Some(&Err(TransactionError::Closed)));
    assert_eq!(
        outcome(&promise).map_err(|(outcome, _)| outcome),
        Err(UNKNOWN)
    );
}
