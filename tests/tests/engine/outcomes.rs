//! Commits whose outcome the app is not told: it has to find out, and never guesses.

use std::time::Duration;

use thalweg::{App, Bytes, Handle, Text, secs};
use thalweg_client::TransactionalProducer;
use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{EndTxnRequest, InitProducerIdRequest, OffsetFetchRequest};
use thalweg_tests::brokers::{Kafka, Tests};

use crate::commits::totals;
use crate::support::{Corner, PATIENCE, numbers, stop};
use crate::wire::{Asked, Fate, Gate, Wire};

pub(crate) fn tests(tests: Tests) -> Tests {
    tests
        .test(
            "e2_a_commit_whose_answer_is_lost_is_asked_for_again",
            async |kafka| e2_a_commit_whose_answer_is_lost_is_asked_for_again(&kafka).await,
        )
        .test(
            "e2_an_unknown_outcome_that_was_a_commit_is_kept",
            async |kafka| e2_an_unknown_outcome_that_was_a_commit_is_kept(&kafka).await,
        )
        .test(
            "e2_an_unknown_outcome_that_was_an_abort_is_undone",
            async |kafka| e2_an_unknown_outcome_that_was_an_abort_is_undone(&kafka).await,
        )
        .test(
            "a_commit_later_than_the_transaction_time_out_is_undone_and_made_again",
            async |kafka| {
                a_commit_later_than_the_transaction_time_out_is_undone_and_made_again(&kafka).await;
            },
        )
        .test("an_app_that_is_fenced_once_goes_on", async |kafka| {
            an_app_that_is_fenced_once_goes_on(&kafka).await;
        })
}

/// An app that counts over a wire.
struct Counting {
    corner: Corner,
    wire: Wire,
    running: Handle,
    written: u32,
}

impl Counting {
    async fn start(kafka: &Kafka, prefix: &str, set: impl FnOnce(App) -> App) -> Self {
        let corner = Corner::new(kafka, prefix, 2).await;
        let wire = Wire::new();
        let app = set(corner.app().client_config(wire.client(&corner.servers)));
        app.source::<Bytes>(&corner.topic("in"))
            .by_record_key()
            .aggregate("counts", |a| a.count())
            .map(|counted| counted.value.to_string())
            .sink::<Text>(&corner.topic("out"));
        let running = app.start().await.expect("started");
        let mut counting = Self {
            corner,
            wire,
            running,
            written: 0,
        };
        counting.goes_on().await;
        counting
    }

    async fn write(&mut self, count: u32) {
        let more = numbers(self.written, count, 7);
        self.corner.write(more).await;
        self.written += count;
    }

    /// What was written and some more is counted, each record once.
    async fn goes_on(&mut self) {
        self.write(50).await;
        let written = self.written as usize;
        let seen = self.corner.read_at_least("out", written).await;
        assert_eq!(seen.len(), written);
        totals(&seen);
    }

    /// The transactional id of the only worker.
    async fn transactional_id(&self) -> String {
        let listed = self.corner.admin.list_transactions().await.expect("listed");
        let mut ids = listed
            .into_iter()
            .map(|listing| listing.transactional_id.to_string())
            .filter(|id| id.starts_with(&self.corner.name));
        ids.next().expect("the app has begun transactions")
    }

    /// Somebody else takes the transactional id, which settles whatever is open under it.
    async fn fence(&self) {
        let mut other = TransactionalProducer::builder(&self.corner.cluster)
            .build_transactional(self.transactional_id().await)
            .expect("a producer");
        other.init().await.expect("an epoch");
    }

    /// The next commit meets this fate. When it is tried again it waits at the gate given back; and
    /// this returns when it does, with `written` more records on their way.
    async fn commit_meets(&mut self, fate: Fate) -> Gate {
        let again = Gate::closed();
        let (waits, mut fate) = (again.clone(), Some(fate));
        let tries = commits(&self.wire);
        self.wire.rule(move |asked| match is_commit(asked) {
            false => Fate::Pass,
            true => fate
                .take()
                .unwrap_or_else(|| Fate::HoldRequest(waits.clone())),
        });
        self.write(50).await;
        let tried_again = async {
            while commits(&self.wire) < tries + 2 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, tried_again)
            .await
            .expect("it is tried again");
        again
    }

    /// The answers to the commits so far.
    fn verdicts(&self) -> Vec<ErrorCode> {
        let ends = self.wire.exchanges::<EndTxnRequest>().into_iter();
        ends.filter(|(_, asked, _)| asked.committed)
            .map(|(.., told)| told.error_code)
            .collect()
    }

    /// How often a new epoch was asked for.
    fn epochs(&self) -> usize {
        self.wire.asked::<InitProducerIdRequest>().len()
    }

    async fn stop(self) {
        stop(self.running).await;
    }
}

fn is_commit(asked: &Asked) -> bool {
    asked.is::<EndTxnRequest>().is_some_and(|end| end.committed)
}

/// How many commits were tried.
fn commits(wire: &Wire) -> usize {
    let ends = wire.asked::<EndTxnRequest>().into_iter();
    ends.filter(|end| end.committed).count()
}

/// Whether stable offsets were asked for after the last new epoch.
fn asked_for_sequences(wire: &Wire) -> bool {
    let epochs = wire.exchanges::<InitProducerIdRequest>();
    let last_epoch = epochs
        .iter()
        .map(|(exchange, ..)| exchange.answered_at)
        .max();
    let asked = wire.exchanges::<OffsetFetchRequest>();
    let mut later = asked.iter().filter(|(exchange, asked, _)| {
        asked.require_stable && Some(exchange.asked_at) > last_epoch
    });
    later.next().is_some()
}

async fn e2_a_commit_whose_answer_is_lost_is_asked_for_again(kafka: &Kafka) {
    for fate in [Fate::LoseAnswer, Fate::LoseRequest] {
        let mut counting = Counting::start(kafka, "lost", |app| app).await;
        let epochs = counting.epochs();
        counting.commit_meets(fate).await.open();
        counting.goes_on().await;
        assert_eq!(counting.epochs(), epochs, "asking again was enough");
        counting.stop().await;
    }
}

/// The answer to EndTxn is lost, and whoever asks again is told that he is fenced: the outcome is not
/// known, and has to be asked for.
async fn meet_an_unknown_outcome(counting: &mut Counting, fate: Fate) {
    let again = counting.commit_meets(fate).await;
    counting.fence().await;
    again.open();
    counting
        .wire
        .seen::<EndTxnRequest>(|_, told| told.error_code != ErrorCode::NONE)
        .await;
    counting.goes_on().await;
    assert!(asked_for_sequences(&counting.wire), "it guessed");
}

async fn e2_an_unknown_outcome_that_was_a_commit_is_kept(kafka: &Kafka) {
    let mut counting = Counting::start(kafka, "was-commit", |app| app).await;
    // Committed before the fence.
    meet_an_unknown_outcome(&mut counting, Fate::LoseAnswer).await;
    assert_eq!(
        counting.running.metrics().workers[0].aborts,
        0,
        "nothing was undone"
    );
    counting.stop().await;
}

async fn e2_an_unknown_outcome_that_was_an_abort_is_undone(kafka: &Kafka) {
    let mut counting = Counting::start(kafka, "was-abort", |app| app).await;
    // Open still, and aborted by the fence.
    meet_an_unknown_outcome(&mut counting, Fate::LoseRequest).await;
    assert_eq!(counting.running.metrics().workers[0].aborts, 1);
    counting.stop().await;
}

async fn a_commit_later_than_the_transaction_time_out_is_undone_and_made_again(kafka: &Kafka) {
    let quick = |app: App| app.transaction_timeout(secs(2));
    let mut counting = Counting::start(kafka, "late", quick).await;
    let gate = Gate::closed();
    let held = gate.clone();
    counting.wire.rule(move |asked| match is_commit(asked) {
        true => Fate::HoldRequest(held.clone()),
        false => Fate::Pass,
    });
    let tries = commits(&counting.wire);
    counting.write(50).await;
    // The broker aborts for it after the time-out, and looks for such every second.
    tokio::time::sleep(secs(5)).await;
    assert_eq!(commits(&counting.wire), tries + 1);
    gate.open();
    counting.goes_on().await;
    let verdicts = counting.verdicts();
    let refused = verdicts.iter().filter(|code| **code != ErrorCode::NONE);
    assert_eq!(refused.count(), 1, "{verdicts:?}");
    assert_eq!(counting.running.metrics().workers[0].aborts, 1);
    counting.stop().await;
}

async fn an_app_that_is_fenced_once_goes_on(kafka: &Kafka) {
    let mut counting = Counting::start(kafka, "fenced", |app| app).await;
    let epochs = counting.epochs();
    counting.fence().await;
    counting.goes_on().await;
    assert!(counting.epochs() > epochs, "it did not notice");
    assert_eq!(counting.running.metrics().workers[0].aborts, 1);
    counting.stop().await;
}
