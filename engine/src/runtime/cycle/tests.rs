//! Goal: the rules E1, E4, E5 and the rows of the failure table that are about transactions and
//! rebalances, decided right in every order of events. Method: the cycle is driven by hand, with
//! time as a value; one property test throws random events at it and checks what must always hold.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use thalweg_protocol::PartitionId;

use super::*;
use crate::task::SubTopologyId;

const INTERVAL: Duration = Duration::from_millis(100);
const TIMEOUT: Duration = Duration::from_secs(10);

fn task(partition: i32) -> TaskId {
    TaskId {
        sub_topology: SubTopologyId(0),
        partition: PartitionId(partition),
    }
}

fn settings(exactly_once: bool) -> CycleSettings {
    CycleSettings {
        exactly_once,
        commit_interval: INTERVAL,
        open_bytes_max: 1_000,
        open_records_max: 100,
        transaction_timeout: TIMEOUT,
        transactional_id: "app-uuid-0".to_owned(),
    }
}

/// A cycle and its clock.
struct Rig {
    cycle: CommitCycle,
    now: Instant,
    generation_id: i32,
}

impl Rig {
    fn new() -> Self {
        Self::with(settings(true))
    }

    fn with(settings: CycleSettings) -> Self {
        Self {
            cycle: CommitCycle::new(settings),
            now: Instant::now(),
            generation_id: 1,
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.cycle.handle_tick(self.now);
    }

    fn work(&self) -> WorkStep {
        self.cycle.poll_work(self.now)
    }

    fn settle(&mut self) -> Option<SettleStep> {
        self.cycle.poll_settle(self.now, self.generation_id)
    }

    fn process(&mut self, partition: i32) {
        self.cycle
            .handle_processed(self.now, task(partition), 1, 10);
    }

    fn seal(&mut self, partitions: &[i32]) {
        assert_eq!(self.work(), WorkStep::Seal);
        self.cycle
            .handle_sealed(partitions.iter().map(|p| task(*p)).collect());
    }

    /// Processes on partition 0 and hands the transaction over.
    fn begin(&mut self) {
        self.process(0);
        self.pass(INTERVAL);
        self.seal(&[0]);
        assert_eq!(self.settle(), Some(SettleStep::Transact));
        assert_eq!(self.settle(), None, "one attempt at a time");
    }

    fn transacted(&mut self, result: Result<(), TransactFault>) {
        self.cycle.handle_transacted(self.now, result);
    }

    fn fenced(&mut self) {
        self.transacted(Err(TransactFault::Fenced("fenced".into())));
    }

    /// EndTxn says it, so nobody knows what an earlier attempt at it did.
    fn fenced_at_the_end(&mut self) {
        self.transacted(Err(TransactFault::EndUnknown("fenced".into())));
    }

    fn commit(&mut self) {
        self.transacted(Ok(()));
        assert_eq!(self.work(), WorkStep::Settled);
        self.cycle.handle_settled();
    }

    fn undo(&mut self) {
        assert_eq!(self.work(), WorkStep::Undo { retake: false });
        self.cycle.handle_undone();
        assert!(self.cycle.is_clean());
        assert_eq!(self.work(), WorkStep::Process);
    }

    fn reinitialised(&mut self) {
        assert_eq!(self.settle(), Some(SettleStep::Reinitialise));
        self.cycle.handle_reinitialised(self.now, Ok(()));
    }
}

#[test]
fn nothing_is_begun_while_nothing_was_processed() {
    let mut rig = Rig::new();
    rig.pass(INTERVAL * 50);
    assert_eq!(rig.work(), WorkStep::Process);
    assert_eq!(rig.settle(), None);
    assert_eq!(rig.cycle.wake(rig.now), None);
}

#[test]
fn a_commit_is_due_after_the_interval_and_earlier_when_much_was_written() {
    let mut rig = Rig::new();
    rig.process(0);
    assert_eq!(rig.cycle.wake(rig.now), Some(rig.now + INTERVAL));
    assert_eq!(rig.work(), WorkStep::Process);
    rig.pass(INTERVAL);
    assert_eq!(rig.work(), WorkStep::Seal);

    let mut rig = Rig::new();
    rig.cycle.handle_processed(rig.now, task(0), 1, 1_000);
    assert_eq!(rig.work(), WorkStep::Seal, "bytes");
    let mut rig = Rig::new();
    rig.cycle.handle_processed(rig.now, task(0), 100, 0);
    assert_eq!(rig.work(), WorkStep::Seal, "records");
}

#[test]
fn the_next_generation_is_processed_while_one_settles_but_only_so_much_of_it() {
    let mut rig = Rig::new();
    rig.begin();
    assert_eq!(rig.work(), WorkStep::Process);
    rig.cycle.handle_processed(rig.now, task(1), 99, 10);
    rig.pass(INTERVAL * 3);
    assert_eq!(
        rig.work(),
        WorkStep::Process,
        "not sealed while N is open, however late"
    );
    rig.cycle.handle_processed(rig.now, task(1), 1, 10);
    assert_eq!(rig.work(), WorkStep::Wait(None), "full");
    rig.commit();
    rig.seal(&[1]);
}

#[test]
fn e1_a_transaction_without_a_task_that_wrote_is_a_bug_that_is_caught() {
    let caught = std::panic::catch_unwind(|| {
        let mut rig = Rig::new();
        rig.process(0);
        rig.process(1);
        rig.pass(INTERVAL);
        rig.cycle.handle_sealed(BTreeSet::from([task(0)]));
    });
    assert_eq!(caught.is_err(), cfg!(debug_assertions));
}

fn refusal() -> crate::task::Refusal {
    crate::task::Refusal {
        topic: "out".into(),
        partition: PartitionId(0),
        reason: crate::task::RefusedFor::Record,
        said: "INVALID_RECORD".to_owned(),
        advice: "mend it",
        records: Vec::new(),
        limits: None,
    }
}

#[test]
fn an_abortable_fault_aborts_undoes_and_goes_on() {
    for fault in [
        TransactFault::Abort("the coordinator says so".into()),
        TransactFault::Refused(Box::new(refusal())),
    ] {
        let mut rig = Rig::new();
        rig.begin();
        rig.process(0);
        rig.transacted(Err(fault));
        assert_eq!(rig.settle(), Some(SettleStep::Abort));
        rig.cycle.handle_aborted(Ok(()));
        rig.undo();
        rig.begin();
        rig.commit();
    }
}

#[test]
fn an_abort_that_fails_is_done_by_init_producer_id() {
    let mut rig = Rig::new();
    rig.begin();
    rig.transacted(Err(TransactFault::Abort("refused".into())));
    assert_eq!(rig.settle(), Some(SettleStep::Abort));
    rig.cycle
        .handle_aborted(Err(TransactFault::EndUnknown("timed out".into())));
    rig.reinitialised();
    rig.undo();
}

#[test]
fn tv1_after_an_unknown_produce_outcome_nothing_but_init_producer_id_is_sent() {
    let mut rig = Rig::new();
    rig.begin();
    rig.transacted(Err(TransactFault::ProduceUnknown("timed out".into())));
    rig.reinitialised();
    rig.undo();
}

#[test]
fn fenced_before_the_end_is_undone_without_asking() {
    let mut rig = Rig::new();
    rig.begin();
    rig.fenced();
    rig.reinitialised();
    rig.undo();
}

#[test]
fn e2_an_unknown_outcome_that_was_committed_is_kept() {
    let mut rig = Rig::new();
    rig.begin();
    rig.process(0);
    rig.transacted(Err(TransactFault::EndUnknown("connection lost".into())));
    rig.reinitialised();
    assert_eq!(rig.settle(), Some(SettleStep::AskSequences));
    rig.cycle
        .handle_verdict(rig.now, Verdict::Unreadable("coordinator moves".into()));
    assert_eq!(rig.settle(), None, "not at once again");
    rig.pass(RETRY_AFTER);
    assert_eq!(rig.settle(), Some(SettleStep::AskSequences));
    rig.cycle.handle_verdict(rig.now, Verdict::Committed);
    assert_eq!(rig.work(), WorkStep::Settled);
    rig.cycle.handle_settled();
    assert!(!rig.cycle.is_clean(), "the next generation was kept too");
}

#[test]
fn e2_an_unknown_outcome_that_was_aborted_is_undone() {
    let mut rig = Rig::new();
    rig.begin();
    rig.fenced_at_the_end();
    rig.reinitialised();
    assert_eq!(rig.settle(), Some(SettleStep::AskSequences));
    rig.cycle.handle_verdict(rig.now, Verdict::Aborted);
    rig.undo();
}

#[test]
fn e2_a_sequence_of_somebody_else_means_the_tasks_are_taken_over_anew() {
    let mut rig = Rig::new();
    rig.begin();
    rig.fenced_at_the_end();
    rig.reinitialised();
    assert_eq!(rig.settle(), Some(SettleStep::AskSequences));
    rig.cycle
        .handle_verdict(rig.now, Verdict::Overtaken("9, not 3 or 4".into()));
    assert_eq!(rig.work(), WorkStep::Undo { retake: true });
}

#[test]
fn init_producer_id_is_tried_until_it_works() {
    let mut rig = Rig::new();
    rig.begin();
    rig.transacted(Err(TransactFault::EndUnknown("connection lost".into())));
    for _ in 0..20 {
        assert_eq!(rig.settle(), Some(SettleStep::Reinitialise));
        let fault = TransactFault::EndUnknown("no coordinator".into());
        rig.cycle.handle_reinitialised(rig.now, Err(fault));
        assert_eq!(rig.settle(), None);
        rig.pass(RETRY_AFTER);
    }
    assert_eq!(rig.settle(), Some(SettleStep::Reinitialise));
}

#[test]
fn e4_fenced_five_times_with_no_commit_between_is_an_id_in_use_twice() {
    let mut rig = Rig::new();
    for time in 1..=5 {
        rig.begin();
        rig.fenced();
        if time < 5 {
            rig.reinitialised();
            rig.undo();
        }
    }
    let WorkStep::Fail(failure) = rig.work() else {
        panic!("{:?}", rig.work())
    };
    assert!(
        failure.to_string().contains("app-uuid-0 is in use twice"),
        "{failure}"
    );
}

#[test]
fn e4_a_commit_between_two_fences_starts_the_count_anew() {
    let mut rig = Rig::new();
    for _ in 0..12 {
        for _ in 0..4 {
            rig.begin();
            rig.fenced();
            rig.reinitialised();
            rig.undo();
        }
        rig.begin();
        rig.commit();
    }
}

#[test]
fn e4_a_fence_after_a_stall_of_its_own_does_not_count() {
    let mut rig = Rig::new();
    for _ in 0..20 {
        rig.begin();
        rig.pass(TIMEOUT);
        rig.fenced();
        rig.reinitialised();
        rig.undo();
    }
}

#[test]
fn e5_a_generation_that_rose_with_unchanged_ownership_resends_the_offsets() {
    let mut rig = Rig::new();
    rig.begin();
    rig.transacted(Err(TransactFault::StaleGeneration { used: 1 }));
    assert_eq!(rig.settle(), None, "until the member knows the newer one");
    rig.generation_id = 2;
    assert_eq!(rig.settle(), Some(SettleStep::ResendOffsets));
    rig.commit();
}

#[test]
fn e5_a_generation_that_never_comes_aborts() {
    let mut rig = Rig::new();
    rig.begin();
    rig.transacted(Err(TransactFault::StaleGeneration { used: 1 }));
    let wake = rig.cycle.wake(rig.now).expect("it must not wait for ever");
    rig.pass(wake - rig.now);
    assert_eq!(rig.settle(), Some(SettleStep::Abort));
    rig.cycle.handle_aborted(Ok(()));
    rig.undo();
}

#[test]
fn e5_a_revocation_settles_n_then_commits_the_next_then_gives_up() {
    let mut rig = Rig::new();
    rig.begin();
    rig.process(1);
    rig.cycle.handle_revoked(BTreeSet::from([task(1)]));
    assert_eq!(rig.work(), WorkStep::Wait(None), "N first");
    rig.commit();
    rig.seal(&[1]);
    assert_eq!(rig.settle(), Some(SettleStep::Transact));
    assert_eq!(rig.work(), WorkStep::Wait(None), "then N+1");
    rig.commit();
    assert_eq!(rig.work(), WorkStep::GiveUp(BTreeSet::from([task(1)])));
    rig.cycle.handle_given_up();
    assert_eq!(rig.work(), WorkStep::Process);
}

#[test]
fn e5_a_revocation_whose_commit_fails_undoes_then_gives_up() {
    let mut rig = Rig::new();
    rig.begin();
    rig.process(0);
    rig.cycle.handle_revoked(BTreeSet::from([task(0)]));
    rig.transacted(Err(TransactFault::Abort("refused".into())));
    assert_eq!(rig.settle(), Some(SettleStep::Abort));
    rig.cycle.handle_aborted(Ok(()));
    assert_eq!(rig.work(), WorkStep::Undo { retake: false });
    rig.cycle.handle_undone();
    assert_eq!(rig.work(), WorkStep::GiveUp(BTreeSet::from([task(0)])));
}

#[test]
fn an_empty_revocation_is_acknowledged_too() {
    let mut rig = Rig::new();
    rig.cycle.handle_revoked(BTreeSet::new());
    assert_eq!(rig.work(), WorkStep::GiveUp(BTreeSet::new()));
    rig.cycle.handle_given_up();
    assert_eq!(rig.work(), WorkStep::Process);
}

#[test]
fn e5_lost_partitions_end_the_wait_and_never_resend() {
    let mut rig = Rig::new();
    rig.begin();
    rig.process(0);
    rig.transacted(Err(TransactFault::StaleGeneration { used: 1 }));
    rig.cycle.handle_lost();
    rig.generation_id = 7;
    assert_eq!(rig.settle(), Some(SettleStep::Abort));
    rig.cycle.handle_aborted(Ok(()));
    rig.undo();
}

#[test]
fn e5_what_is_sealed_and_not_begun_is_dropped_with_its_partitions() {
    // By the time it could begin, the member has joined again, and would commit as its new self.
    let mut rig = Rig::new();
    rig.process(0);
    rig.pass(TIMEOUT * 6);
    rig.seal(&[0]);
    rig.cycle.handle_lost();
    rig.generation_id = 7;
    assert_eq!(rig.settle(), None);
    rig.undo();
}

#[test]
fn a_zombie_with_a_window_due_never_commits() {
    // Frozen until its partitions have moved; woken, it seals what is due before it hears of it.
    let mut rig = Rig::new();
    rig.process(0);
    rig.pass(TIMEOUT * 6);
    rig.seal(&[0]);
    assert_eq!(rig.settle(), Some(SettleStep::Transact));
    rig.transacted(Err(TransactFault::NotMember("unknown member id".into())));
    assert_eq!(rig.settle(), Some(SettleStep::Abort));
    rig.cycle.handle_lost();
    rig.cycle.handle_aborted(Ok(()));
    rig.undo();
}

#[test]
fn e2_lost_while_asking_means_the_answer_says_nothing() {
    for verdict in [
        Verdict::Committed,
        Verdict::Overtaken("another number".into()),
        Verdict::Unreadable("no coordinator".into()),
    ] {
        let mut rig = Rig::new();
        rig.begin();
        rig.transacted(Err(TransactFault::EndUnknown("connection lost".into())));
        rig.reinitialised();
        assert_eq!(rig.settle(), Some(SettleStep::AskSequences));
        rig.cycle.handle_lost();
        rig.cycle.handle_verdict(rig.now, verdict);
        rig.undo();
    }
}

#[test]
fn lost_while_the_outcome_is_unknown_asks_nobody() {
    let mut rig = Rig::new();
    rig.begin();
    rig.cycle.handle_lost();
    rig.transacted(Err(TransactFault::EndUnknown("connection lost".into())));
    rig.reinitialised();
    rig.undo();
}

#[test]
fn stopping_commits_what_is_processed_and_then_leaves() {
    let mut rig = Rig::new();
    rig.begin();
    rig.process(0);
    rig.cycle.handle_stop();
    assert_eq!(rig.work(), WorkStep::Wait(None));
    rig.commit();
    rig.seal(&[0]);
    assert_eq!(rig.settle(), Some(SettleStep::Transact));
    rig.commit();
    assert_eq!(rig.work(), WorkStep::Leave);
}

#[test]
fn a_fatal_fault_stops_at_once() {
    let mut rig = Rig::new();
    rig.begin();
    rig.transacted(Err(TransactFault::Fatal(
        "not authorized to write to x".into(),
    )));
    assert_eq!(rig.settle(), None);
    let WorkStep::Fail(failure) = rig.work() else {
        panic!("{:?}", rig.work())
    };
    assert_eq!(failure.to_string(), "not authorized to write to x");
}

#[test]
fn at_least_once_repeats_what_failed_and_never_aborts_a_transaction() {
    for fault in [
        TransactFault::Abort("refused".into()),
        TransactFault::NotMember("unknown".into()),
        TransactFault::Refused(Box::new(refusal())),
        TransactFault::ProduceUnknown("timed out".into()),
        TransactFault::EndUnknown("timed out".into()),
    ] {
        let mut rig = Rig::with(settings(false));
        rig.begin();
        rig.transacted(Err(fault));
        assert_eq!(rig.settle(), None);
        rig.undo();
    }
}

#[derive(Debug, Clone)]
enum Event {
    Process(i32),
    Pass(u64),
    Result(u8),
    Revoke(i32),
    Lose,
    NewGeneration,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..3).prop_map(Event::Process),
        3 => (1..300u64).prop_map(Event::Pass),
        6 => (0..12u8).prop_map(Event::Result),
        1 => (0..3).prop_map(Event::Revoke),
        1 => Just(Event::Lose),
        1 => Just(Event::NewGeneration),
    ]
}

fn fault(kind: u8) -> Option<TransactFault> {
    let text = String::new;
    Some(match kind {
        0 => TransactFault::Abort(text()),
        1 => TransactFault::Fenced(text()),
        2 | 3 => TransactFault::EndUnknown(text()),
        4 => TransactFault::ProduceUnknown(text()),
        5 => TransactFault::StaleGeneration { used: 1 },
        6 => TransactFault::NotMember(text()),
        7 => TransactFault::Refused(Box::new(refusal())),
        _ => return None,
    })
}

proptest! {
    /// Whatever happens in whatever order: a transaction is committed or undone, never both and
    /// never neither; nothing is given up while anything is unsettled; it always ends.
    #[test]
    fn every_generation_is_either_committed_or_undone(
        events in prop::collection::vec(event(), 1..120),
    ) {
        let mut rig = Rig::new();
        let mut out: Option<SettleStep> = None;
        let mut unknown = false;
        let drain = std::iter::repeat_n(Event::Result(11), 60)
            .flat_map(|result| [result, Event::Pass(6_000)]);
        let mut draining = false;
        for (index, event) in events.iter().cloned().chain(drain).enumerate() {
            if index == events.len() {
                rig.cycle.handle_stop();
                draining = true;
            }
            match event {
                Event::Process(partition) => {
                    if rig.work() == WorkStep::Process {
                        rig.process(partition);
                    }
                }
                Event::Pass(ms) => rig.pass(Duration::from_millis(ms)),
                Event::Revoke(partition) => {
                    rig.cycle.handle_revoked(BTreeSet::from([task(partition)]));
                }
                Event::Lose => rig.cycle.handle_lost(),
                Event::NewGeneration => rig.generation_id += 1,
                Event::Result(kind) => match out.take() {
                    Some(SettleStep::Transact | SettleStep::ResendOffsets) => {
                        let result = fault(kind).map_or(Ok(()), Err);
                        unknown = matches!(result, Err(TransactFault::EndUnknown(_)));
                        rig.transacted(result);
                    }
                    Some(SettleStep::Abort) => {
                        rig.cycle.handle_aborted(fault(kind).map_or(Ok(()), Err));
                    }
                    Some(SettleStep::Reinitialise) => {
                        rig.cycle.handle_reinitialised(rig.now, fault(kind).map_or(Ok(()), Err));
                    }
                    Some(SettleStep::AskSequences) => {
                        prop_assert!(unknown, "asked though the outcome was known");
                        let verdict = match kind {
                            0..4 => Verdict::Aborted,
                            4 => Verdict::Unreadable(String::new()),
                            5 => Verdict::Overtaken(String::new()),
                            _ => Verdict::Committed,
                        };
                        rig.cycle.handle_verdict(rig.now, verdict);
                    }
                    None => {}
                },
            }
            if out.is_none() {
                out = rig.settle();
            }
            match rig.work() {
                WorkStep::Settled => rig.cycle.handle_settled(),
                WorkStep::Undo { .. } => rig.cycle.handle_undone(),
                WorkStep::Seal => {
                    let all = (0..3).map(task).collect();
                    rig.cycle.handle_sealed(all);
                }
                WorkStep::GiveUp(_) => {
                    prop_assert!(rig.cycle.is_clean(), "given up with something unsettled");
                    rig.cycle.handle_given_up();
                }
                WorkStep::Leave => {
                    prop_assert!(draining && rig.cycle.is_clean());
                    return Ok(());
                }
                WorkStep::Fail(failure) => {
                    prop_assert!(matches!(failure, CycleFailure::UsedTwice { .. }), "{failure}");
                    return Ok(());
                }
                WorkStep::Process | WorkStep::Wait(_) => {}
            }
        }
        prop_assert!(false, "it never came to an end: {:?}", rig.cycle);
    }
}
