//! Taking tasks, ids and places in the group over: from the dead, and across generations.

use std::time::Duration;

use thalweg::{Health, MemoryStorage, secs};
use thalweg_protocol::messages::{
    EndTxnRequest, FetchRequest, InitProducerIdRequest, LeaveGroupRequest, ListOffsetsRequest,
    OffsetFetchRequest, SyncGroupRequest, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use thalweg_protocol::{ErrorCode, Uuid};
use thalweg_tests::brokers::{Kafka, Tests};
use tokio::time::Instant;

use crate::commits::totals;
use crate::machine::Machine;
use crate::support::{Corner, PATIENCE, count, numbers, stop, to_the_end};
use crate::wire::{Fate, Gate, Wire};

pub(crate) fn tests(tests: Tests) -> Tests {
    tests
        .test(
            "e3_stable_offsets_then_the_end_of_the_changelog_then_the_changelog",
            async |kafka| {
                e3_stable_offsets_then_the_end_of_the_changelog_then_the_changelog(&kafka).await;
            },
        )
        .test(
            "e4_e6_a_restart_takes_over_at_once_from_its_dead_predecessor",
            async |kafka| {
                e4_e6_a_restart_takes_over_at_once_from_its_dead_predecessor(&kafka).await;
            },
        )
        .test(
            "e5_a_generation_that_rises_during_a_commit_does_not_abort_it",
            async |kafka| {
                e5_a_generation_that_rises_during_a_commit_does_not_abort_it(&kafka).await;
            },
        )
}

async fn e3_stable_offsets_then_the_end_of_the_changelog_then_the_changelog(kafka: &Kafka) {
    let corner = Corner::new(kafka, "order", 1).await;
    corner.write(numbers(0, 30, 3)).await;
    let app = corner.app();
    count(&app, &corner);
    to_the_end(&app).await.expect("counted");
    corner.write(numbers(30, 30, 3)).await;
    let wire = Wire::new();
    let app = corner.app().client_config(wire.client(&corner.servers));
    count(&app, &corner);
    to_the_end(&app).await.expect("counted");
    totals(&corner.read("out").await);

    let changelog = corner.topic("counts-changelog");
    let described = corner.cluster.topic(&changelog).await.expect("there");
    let stable = wire.exchanges::<OffsetFetchRequest>();
    let stable = stable.iter().filter(|(_, asked, _)| asked.require_stable);
    let stable = stable.map(|(exchange, ..)| exchange.answered_at).min();
    let ends = wire.exchanges::<ListOffsetsRequest>();
    let ends: Vec<_> = ends
        .iter()
        .filter(|(_, asked, _)| asked.topics.iter().any(|topic| *topic.name == *changelog))
        .collect();
    assert!(!ends.is_empty(), "nobody asked where the changelog ends");
    for (exchange, asked, _) in &ends {
        assert!(Some(exchange.asked_at) > stable, "first the stable offsets");
        assert_eq!(asked.isolation_level, 0, "markers may trail");
    }
    let ends = ends.iter().map(|(exchange, ..)| exchange.answered_at).max();
    let fetches = wire.exchanges::<FetchRequest>();
    let fetches: Vec<_> = fetches
        .iter()
        .filter(|(_, asked, _)| {
            let mut topics = asked.topics.iter();
            topics.any(|t| *t.topic == *changelog || is(t.topic_id, described.id()))
        })
        .collect();
    assert!(!fetches.is_empty(), "nobody read the changelog");
    for (exchange, asked, _) in &fetches {
        assert!(Some(exchange.asked_at) > ends, "then its end");
        assert_eq!(asked.isolation_level, 1, "only what is committed is state");
    }
}

fn is(id: Uuid, known: Uuid) -> bool {
    id == known && id != Uuid::default()
}

/// Killed with a transaction open; back with the same folder and one worker fewer. Sessions and
/// transactions would time out long after this test is over.
async fn e4_e6_a_restart_takes_over_at_once_from_its_dead_predecessor(kafka: &Kafka) {
    let corner = Corner::new(kafka, "dead", 4).await;
    let storage = MemoryStorage::new();
    let patient = |wire: &Wire| {
        corner
            .app()
            .client_config(wire.client(&corner.servers))
            .storage(storage.clone())
            .session_timeout(secs(60))
            .transaction_timeout(secs(60))
    };
    let wire = Wire::new();
    let app = patient(&wire).workers(2);
    count(&app, &corner);
    let (machine, running) = Machine::with(app);
    let running = running.expect("started");
    corner.write(numbers(0, 100, 20)).await;
    corner.read_at_least("out", 100).await;
    let never = Gate::closed();
    let held = never.clone();
    wire.rule(move |asked| match asked.is::<EndTxnRequest>() {
        Some(_) => Fate::HoldRequest(held.clone()),
        None => Fate::Pass,
    });
    let before = wire.asked::<EndTxnRequest>().len();
    corner.write(numbers(100, 100, 20)).await;
    let both_open = async {
        while wire.asked::<EndTxnRequest>().len() < before + 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, both_open)
        .await
        .expect("both workers have written");
    machine.crash();
    drop(running);
    let ids = wire.asked::<InitProducerIdRequest>();
    let ids: std::collections::BTreeSet<_> = ids
        .into_iter()
        .map(|asked| asked.transactional_id.expect("its own"))
        .collect();
    assert_eq!(ids.len(), 2);

    let wire = Wire::new();
    let app = patient(&wire);
    count(&app, &corner);
    let started = Instant::now();
    let running = app.start().await.expect("started");
    let seen = corner.read_at_least("out", 200).await;
    let took = started.elapsed();
    totals(&seen);
    assert_eq!(seen.len(), 200);
    assert!(took < secs(15), "it waited for a time-out: {took:?}");
    assert_eq!(running.status().health, Health::Running);
    // E6: it left for both.
    let left = wire.exchanges::<LeaveGroupRequest>();
    let (_, asked, told) = left.first().expect("it left for the dead");
    assert_eq!(asked.members.len(), 2);
    assert!(
        told.members
            .iter()
            .all(|member| member.error_code == ErrorCode::NONE),
        "{told:?}"
    );
    // E4: also the id that it has no worker for any more.
    let taken = wire.asked::<InitProducerIdRequest>();
    for id in &ids {
        let mut taken = taken.iter();
        assert!(
            taken.any(|asked| asked.transactional_id.as_ref() == Some(id)),
            "{id:?} was left open"
        );
    }
    stop(running).await;
}

fn codes(answer: &TxnOffsetCommitResponse) -> Vec<ErrorCode> {
    let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|partition| partition.error_code).collect()
}

async fn e5_a_generation_that_rises_during_a_commit_does_not_abort_it(kafka: &Kafka) {
    let corner = Corner::new(kafka, "rises", 1).await;
    let wire = Wire::new();
    let app = corner.app().client_config(wire.client(&corner.servers));
    count(&app, &corner);
    let running = app.start().await.expect("started");
    corner.write(numbers(0, 20, 4)).await;
    corner.read_at_least("out", 20).await;

    // The next offsets are on their way while another instance joins, which gets nothing: there is
    // one partition, and it stays where it is.
    let gate = Gate::closed();
    let held = gate.clone();
    wire.rule(move |asked| match asked.is::<TxnOffsetCommitRequest>() {
        Some(_) => Fate::HoldRequest(held.clone()),
        None => Fate::Pass,
    });
    let before = wire.asked::<TxnOffsetCommitRequest>().len();
    let generations = wire.exchanges::<SyncGroupRequest>().len();
    corner.write(numbers(20, 20, 4)).await;
    let under_way = async {
        while wire.asked::<TxnOffsetCommitRequest>().len() == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, under_way)
        .await
        .expect("a commit is under way");
    let other = corner.app();
    count(&other, &corner);
    let other = other.start().await.expect("started");
    let risen = async {
        while wire.exchanges::<SyncGroupRequest>().len() == generations {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(secs(8), risen)
        .await
        .expect("a member that only keeps what it has joins again at once");
    gate.open();
    corner.write(numbers(40, 20, 4)).await;
    let seen = corner.read_at_least("out", 60).await;
    assert_eq!(seen.len(), 60);
    totals(&seen);

    let sent = wire.exchanges::<TxnOffsetCommitRequest>();
    let (_, stale, told) = &sent[before];
    assert_eq!(codes(told), [ErrorCode::ILLEGAL_GENERATION]);
    let (_, again, told) = &sent[before + 1];
    assert_eq!(codes(told), [ErrorCode::NONE]);
    assert!(again.generation_id_or_member_epoch > stale.generation_id_or_member_epoch);
    assert_eq!(
        (again.producer_epoch, &again.topics),
        (stale.producer_epoch, &stale.topics),
        "the same transaction, the same offsets"
    );
    let ends = wire.asked::<EndTxnRequest>();
    assert!(ends.iter().all(|end| end.committed), "it was aborted");
    stop(other).await;
    stop(running).await;
}
