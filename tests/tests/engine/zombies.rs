//! Instances that were frozen until the group had gone on without them, and are woken.

use thalweg::{App, OnIdle, Text, Tumbling, Watermark, millis, secs};
use thalweg_client::ProducerRecord;
use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{EndTxnRequest, TxnOffsetCommitRequest, TxnOffsetCommitResponse};
use thalweg_tests::brokers::{Kafka, Tests};

use crate::machine::{Ice, Machine, TestClock};
use crate::support::{Corner, PATIENCE, stop};
use crate::wire::Wire;

pub(crate) fn tests(tests: Tests) -> Tests {
    tests.test(
        "e1_nothing_of_a_zombie_with_a_window_due_becomes_visible",
        async |kafka| e1_nothing_of_a_zombie_with_a_window_due_becomes_visible(&kafka).await,
    )
}

/// The start of a window of ten seconds.
const START: i64 = 1_700_000_000_000;
const HOUR: i64 = 3_600_000;

/// Windows that are closed by the clock when no more records come: work without input.
fn windows(app: &App, corner: &Corner) {
    let quiet = Watermark::ascending()
        .idle_after(millis(100))
        .on_idle(OnIdle::AdvanceWithClock);
    app.source::<Text>(&corner.topic("in"))
        .watermark(quiet)
        .by_record_key()
        .window(Tumbling::of(secs(10)))
        .aggregate("windows", |a| a.count())
        .map(|counted| counted.value.to_string())
        .sink::<Text>(&corner.topic("out"));
}

async fn write_at(corner: &Corner, timestamp: i64, count: usize) {
    let topic = corner.topic("in");
    let mut producer = thalweg_client::Producer::builder(&corner.cluster)
        .build()
        .expect("a producer");
    for _ in 0..count {
        let record = ProducerRecord::to(topic.as_str())
            .key("k")
            .value("x")
            .timestamp(timestamp);
        producer.send(record).await.expect("sent");
    }
    producer.flush().await.expect("written");
}

fn refused(answer: &TxnOffsetCommitResponse) -> bool {
    let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    partitions
        .into_iter()
        .any(|partition| partition.error_code != ErrorCode::NONE)
}

/// The window's result is due in a zombie, whose offset has not moved since its last commit. Its
/// producer is fenced by nobody: only the offsets in the transaction can give it away.
async fn e1_nothing_of_a_zombie_with_a_window_due_becomes_visible(kafka: &Kafka) {
    let corner = Corner::new(kafka, "zombie", 1).await;
    let (ice, wire) = (Ice::default(), Wire::new());
    let machine = Machine::new(&ice);
    let clock = TestClock::at(START, &ice);
    let app = corner
        .app()
        .client_config(wire.client(&corner.servers))
        .spawner(machine.spawner())
        .clock(clock.clone())
        .session_timeout(secs(2))
        .commit_interval(millis(1));
    windows(&app, &corner);
    let zombie = app.start().await.expect("started");
    write_at(&corner, START, 3).await;
    corner.committed(0, 3).await;
    // Idle for long enough, but by its clock the window is not over.
    tokio::time::sleep(secs(1)).await;
    assert_eq!(corner.read("out").await, []);

    machine.freeze();
    let others_clock = TestClock::at(START, &Ice::default());
    let other = corner.app().clock(others_clock.clone());
    windows(&other, &corner);
    let other = other.start().await.expect("started");
    let moved = async {
        // Whenever it finds its input idle, an hour is enough.
        for hours in 0.. {
            others_clock.set(START + hours * HOUR);
            tokio::time::sleep(millis(200)).await;
            let seen = corner.read("out").await;
            if !seen.is_empty() {
                return seen;
            }
        }
        unreachable!("for ever");
    };
    let seen = tokio::time::timeout(PATIENCE, moved)
        .await
        .expect("the partition moves");
    assert_eq!(seen[0].value, "3");

    // The worker wakes first and does what is due; then the rest, which tries to commit it before
    // it can have heard from the group.
    let ends_before = wire.exchanges::<EndTxnRequest>().len();
    clock.set(START + HOUR);
    ice.thaw_workers();
    tokio::time::sleep(millis(500)).await;
    ice.thaw();
    // Time enough for what it tried to be decided either way.
    tokio::time::sleep(secs(2)).await;
    assert_eq!(corner.read("out").await.len(), 1, "a zombie was heard");
    wire.seen::<TxnOffsetCommitRequest>(|_, answer| refused(answer))
        .await;
    let ends = wire.exchanges::<EndTxnRequest>();
    assert!(
        ends[ends_before..]
            .iter()
            .all(|(_, asked, _)| !asked.committed),
        "its offsets were refused, and it committed"
    );

    // It is a member again, and whoever has the partition goes on where the other was.
    stop(other).await;
    write_at(&corner, START + 2000 * HOUR, 2).await;
    write_at(&corner, START + 2001 * HOUR, 1).await;
    let seen = corner.read_at_least("out", 2).await;
    assert_eq!(seen[1].value, "2");
    assert_eq!(seen.len(), 2);
    stop(zombie).await;
}
