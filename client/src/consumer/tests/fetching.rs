//! Goal: what is fetched, from whom, when and how much. Method: as in the parent module.

use std::time::Duration;

use thalweg_protocol::messages::{FetchPartitionData, FetchResponse};
use thalweg_protocol::{BrokerId, ErrorCode, Offset};
use tokio::time::{Instant, sleep};

use super::*;

#[tokio::test(start_paused = true)]
async fn requests_say_only_what_changed() {
    // Method: the brokers themselves refuse a request that repeats what they know. Here is counted
    // what is named: three quiet partitions, one of which gets records now and then.
    let brokers = Brokers::new(1, &[0, 0, 0]);
    let mut consumer = brokers.consumer().await;
    let quiet = within_virtual(Duration::from_secs(3), consumer.recv()).await;
    assert!(quiet.is_none(), "there is nothing to read");
    brokers.take_asked();
    for round in 1..=10 {
        brokers.append(1, 1, 5);
        read_to(&mut consumer, &[(1, 5 * round)]).await;
    }
    let asked = brokers.take_asked();
    assert!(asked.len() >= 10, "{}", asked.len());
    for asked in &asked {
        assert!(asked.session_epoch > 0, "a full request: {asked:?}");
        assert!(
            !asked.names(0) && !asked.names(2),
            "what did not move: {asked:?}"
        );
    }
    let named: usize = asked.iter().map(|asked| asked.named.len()).sum();
    assert!(
        (10..=20).contains(&named),
        "one that moves is named as it moves: {named}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_session_begins_anew_and_loses_nothing() {
    for code in [
        ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
        ErrorCode::INVALID_FETCH_SESSION_EPOCH,
        ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR,
    ] {
        let brokers = Brokers::new(1, &[0, 0]);
        brokers.append(0, 40, 5);
        brokers.append(1, 40, 5);
        let mut number = 0;
        let sessions = brokers.clone();
        brokers.script(move |asked| {
            number += 1;
            let evicted = number % 5 == 0 && asked.session_epoch > 0;
            evicted.then(|| {
                sessions.state().sessions.clear();
                Reply::Answer(FetchResponse {
                    error_code: code,
                    ..Default::default()
                })
            })
        });
        let builder = brokers.builder().await.max_partition_fetch_bytes(400);
        let mut consumer = brokers.read(builder);
        read_to(&mut consumer, &[(0, 200), (1, 200)]).await;
        let full = brokers.take_asked();
        let full = full.iter().filter(|asked| asked.session_epoch == 0).count();
        assert!(full >= 5, "{}: {full} full requests", code.name());
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_refuses_every_session_is_not_hammered() {
    for code in [
        ErrorCode::INVALID_FETCH_SESSION_EPOCH,
        ErrorCode::UNKNOWN_SERVER_ERROR,
    ] {
        let brokers = Brokers::new(1, &[0]);
        brokers.append(0, 1, 3);
        let deaf = Arc::new(Mutex::new(true));
        let is_deaf = Arc::clone(&deaf);
        brokers.script(move |_| {
            let refusal = FetchResponse {
                error_code: code,
                ..Default::default()
            };
            let is_deaf = *is_deaf.lock().expect("no panic");
            is_deaf.then_some(Reply::AnswerAfter(Duration::from_millis(1), refusal))
        });
        let mut consumer = brokers.consumer().await;
        assert!(
            within_virtual(Duration::from_secs(10), consumer.recv())
                .await
                .is_none()
        );
        let asked = brokers.take_asked().len();
        assert!(
            (5..100).contains(&asked),
            "{}: {asked} requests",
            code.name()
        );
        *deaf.lock().expect("no panic") = false;
        read_to(&mut consumer, &[(0, 3)]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_sessions_no_partition_starves_behind_its_neighbours() {
    // Method: the broker fills an answer with the partitions in the order they are named in, the
    // first ones always have more than fits, and the application is faster than the broker.
    let brokers = Brokers::new(1, &[0, 0, 0, 0]);
    brokers.state().gives_sessions = false;
    brokers.state().pace = Duration::from_millis(1);
    for number in 0..3 {
        brokers.append(number, 400, 100);
    }
    let builder = brokers.builder().await.fetch_max_bytes(4000);
    let mut consumer = brokers.read(builder);
    for _ in 0..40 {
        recv(&mut consumer).await;
    }
    brokers.append(3, 1, 100);
    let mut others = 0;
    while offsets(&recv(&mut consumer).await).0 != 3 {
        others += 1;
        assert!(others < 40, "the last partition gets nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_partition_leaves_the_session_and_comes_back() {
    // Method: both are quiet, so that they share a session; a session out of use is not changed.
    let brokers = Brokers::new(1, &[0, 0]);
    let mut consumer = brokers.consumer().await;
    let quiet = within_virtual(Duration::from_secs(3), consumer.recv()).await;
    assert!(quiet.is_none(), "there is nothing to read");
    brokers.take_asked();
    consumer.pause(&partition(1)).expect("assigned");
    brokers.append(1, 1, 3);
    assert!(
        within_virtual(Duration::from_secs(5), consumer.recv())
            .await
            .is_none()
    );
    let asked = brokers.take_asked();
    assert!(
        asked.iter().any(|asked| asked.forgotten.contains(&1)),
        "{asked:#?}"
    );
    let forgotten = asked.iter().position(|asked| asked.forgotten.contains(&1));
    let mut later = asked.iter().skip(forgotten.unwrap_or(0));
    assert!(later.all(|asked| !asked.names(1)), "{asked:#?}");
    brokers.append(0, 1, 1);
    read_to(&mut consumer, &[(0, 1)]).await;
    consumer.resume(&partition(1)).expect("assigned");
    let begun = Instant::now();
    read_to(&mut consumer, &[(1, 3)]).await;
    assert!(
        begun.elapsed() < Duration::from_millis(50),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn an_idle_broker_does_not_delay_another_ones_records() {
    let brokers = Brokers::new(2, &[0, 1]);
    brokers.append(1, 50, 10);
    let builder = brokers.builder().await.max_partition_fetch_bytes(300);
    let mut consumer = brokers.read(builder);
    let begun = Instant::now();
    read_to(&mut consumer, &[(1, 500)]).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let polls = brokers.take_asked();
    assert!(
        polls
            .iter()
            .any(|asked| asked.broker == 0 && asked.max_wait.as_millis() == 500)
    );
    assert!(polls.iter().filter(|asked| asked.broker == 1).count() >= 25);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_partition_does_not_delay_its_neighbour_on_the_same_broker() {
    let brokers = Brokers::new(1, &[0, 0, 0]);
    brokers.append(1, 50, 10);
    let builder = brokers.builder().await.max_partition_fetch_bytes(300);
    let mut consumer = brokers.read(builder);
    let begun = Instant::now();
    read_to(&mut consumer, &[(1, 500)]).await;
    assert!(
        begun.elapsed() < Duration::from_millis(500),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_partition_of_which_nothing_waits_is_fetched_whatever_neighbours_hold() {
    // Method: two partitions are paused when what waits of them has used the budget up; then the
    // third one's records must come all the same, a batch at a time.
    let brokers = Brokers::new(1, &[0, 0, 0]);
    for number in 0..2 {
        brokers.append(number, 100, 1000);
    }
    let budget = 64 << 10;
    let builder = brokers.builder().await.prefetch_bytes(budget);
    let mut consumer = brokers.read(builder);
    sleep(Duration::from_secs(1)).await;
    consumer.pause(&partition(0)).expect("assigned");
    consumer.pause(&partition(1)).expect("assigned");
    sleep(Duration::from_secs(1)).await;
    let held = consumer.prefetched_bytes();
    assert!(held >= 2 * (16 << 10), "both wait: {held}");
    brokers.append(2, 20, 1000);
    brokers.take_asked();
    read_to(&mut consumer, &[(2, 20_000)]).await;
    for asked in brokers.take_asked().iter().filter(|asked| asked.names(2)) {
        assert_eq!(asked.bytes_max, 1, "one batch, and no more: {asked:?}");
    }
    assert!(consumer.prefetched_bytes() < budget + (64 << 10));
    for number in 0..2 {
        consumer.resume(&partition(number)).expect("assigned");
    }
    read_to(&mut consumer, &[(0, 100_000), (1, 100_000)]).await;
}

#[tokio::test(start_paused = true)]
async fn an_application_that_keeps_what_it_gets_still_gets_more() {
    // Method: nothing that is received is dropped, so the budget never gets anything back; the
    // clock must not move, which it would if some timer had to set things going again.
    let brokers = Brokers::new(1, &[0]);
    brokers.append(0, 60, 1000);
    let builder = brokers.builder().await.prefetch_bytes(100 << 10);
    let mut consumer = brokers.read(builder);
    let begun = Instant::now();
    let mut kept = Vec::new();
    let mut next = 0;
    while next < 60_000 {
        let fetched = recv(&mut consumer).await;
        assert_eq!(fetched.start_offset(), Offset(next));
        next = fetched.next_offset().0;
        kept.push(fetched);
    }
    assert_eq!(begun.elapsed(), Duration::ZERO, "it waited for a timer");
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_before_a_seek_is_not_delivered() {
    let brokers = Brokers::new(1, &[0]);
    brokers.append(0, 10, 10);
    let slow = brokers.clone();
    let mut number = 0;
    brokers.script(move |asked| {
        number += 1;
        let topic_id = slow.fake.state().topics[TOPIC].id;
        (number == 1).then(|| {
            assert_eq!(asked.named, [(0, 0)]);
            let Reply::Answer(response) =
                answer(topic_id, data(0, batch(0, 10, BatchSeal::default())))
            else {
                unreachable!("an answer");
            };
            Reply::AnswerAfter(Duration::from_millis(100), response)
        })
    });
    let mut consumer = brokers.consumer().await;
    sleep(Duration::from_millis(50)).await;
    consumer
        .seek(&partition(0), StartAt::Offset(Offset(55)))
        .expect("assigned");
    let begun = Instant::now();
    let first = recv(&mut consumer).await;
    assert_eq!(first.start_offset(), Offset(55));
    assert_eq!(
        offsets(&first).1[..3],
        [55, 56, 57],
        "the batch from 50 on is cut"
    );
    assert!(
        begun.elapsed() < Duration::from_millis(50),
        "another lane is free"
    );
    sleep(Duration::from_secs(1)).await;
    assert_eq!(consumer.position(&partition(0)), Some(first.next_offset()));
    let rest = brokers.state().logs[&0].end;
    if first.next_offset().0 < rest {
        read_to(&mut consumer, &[(0, rest)]).await;
    }
    assert!(
        within_virtual(Duration::from_secs(2), consumer.recv())
            .await
            .is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn the_nearest_replica_is_read_as_soon_as_the_leader_names_it() {
    // Method: broker 0 leads and sends readers to broker 1 (KIP-392), which nobody has spoken to.
    let brokers = Brokers::new(2, &[0]);
    brokers.append(0, 20, 10);
    let near = brokers.clone();
    let named = Arc::new(Mutex::new(false));
    let is_named = Arc::clone(&named);
    brokers.state().gives_sessions = false;
    brokers.script(move |asked| {
        let topic_id = near.fake.state().topics[TOPIC].id;
        if !*is_named.lock().expect("no panic") {
            return None;
        }
        if asked.broker == 0 {
            return Some(answer(
                topic_id,
                FetchPartitionData {
                    preferred_read_replica: BrokerId(1),
                    ..data(0, Bytes::new())
                },
            ));
        }
        let from = asked.named.first()?.1;
        let log = near.state().logs[&0].clone();
        if from >= log.end {
            return Some(Reply::AnswerAfter(asked.max_wait, FetchResponse::default()));
        }
        let batch = log.batches.iter().find(|batch| batch.next > from)?;
        Some(answer(topic_id, data(0, batch.bytes.clone())))
    });
    let mut consumer = brokers.consumer().await;
    read_to(&mut consumer, &[(0, 200)]).await;
    sleep(Duration::from_secs(20)).await;
    *named.lock().expect("no panic") = true;
    brokers.append(0, 10, 10);
    let begun = Instant::now();
    read_to(&mut consumer, &[(0, 300)]).await;
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    assert!(brokers.take_asked().iter().any(|asked| asked.broker == 1));

    // After a while the leader is asked again, in case another replica is nearer by then.
    sleep(Duration::from_secs(295)).await;
    brokers.take_asked();
    sleep(Duration::from_secs(10)).await;
    assert!(brokers.take_asked().iter().any(|asked| asked.broker == 0));
    brokers.append(0, 30, 10);
    let begun = Instant::now();
    read_to(&mut consumer, &[(0, 600)]).await;
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn aborted_transactions_are_skipped_and_committed_ones_seen() {
    // Method: one producer's transaction aborted from 3 to 6, another's committed in between.
    let brokers = Brokers::new(1, &[0]);
    let of = |producer_id: i64| BatchSeal {
        producer_id: ProducerId(producer_id),
        producer_epoch: 0,
        transactional: true,
        ..BatchSeal::default()
    };
    brokers.append(0, 1, 3);
    brokers.append_bytes(0, 2, batch(3, 2, of(7)));
    brokers.append_bytes(0, 2, batch(5, 2, of(9)));
    brokers.append_bytes(0, 1, batch(7, 1, of(7)));
    brokers.append_bytes(0, 1, marker(8, of(7), 0));
    brokers.append_bytes(0, 1, marker(9, of(9), 1));
    brokers.append_bytes(0, 2, batch(10, 2, of(7)));
    brokers.append_bytes(0, 1, marker(12, of(7), 1));
    brokers.state().logs.get_mut(&0).expect("it exists").aborted = vec![(7, 3)];
    for (isolation, expected) in [
        (IsolationLevel::ReadCommitted, vec![0, 1, 2, 5, 6, 10, 11]),
        (
            IsolationLevel::ReadUncommitted,
            vec![0, 1, 2, 3, 4, 5, 6, 7, 10, 11],
        ),
    ] {
        let builder = brokers.builder().await.isolation_level(isolation);
        let mut consumer = brokers.read(builder);
        let mut seen = Vec::new();
        while consumer.position(&partition(0)) < Some(Offset(13)) {
            seen.extend(offsets(&recv(&mut consumer).await).1);
        }
        assert_eq!(seen, expected, "{isolation:?}");
    }
}

/// What comes within some time of the paused clock; `None` if nothing does.
async fn within_virtual<T>(time: Duration, what: impl Future<Output = T>) -> Option<T> {
    timeout(time, what).await.ok()
}

/// A broker's answer with records.
fn data(number: i32, records: Bytes) -> FetchPartitionData {
    FetchPartitionData {
        partition_index: PartitionId(number),
        high_watermark: Offset(100),
        last_stable_offset: Offset(100),
        log_start_offset: Offset(0),
        preferred_read_replica: BrokerId(-1),
        records: Some(records).filter(|records| !records.is_empty()),
        ..Default::default()
    }
}

/// The end of a transaction: kind 0 aborts, 1 commits.
fn marker(offset: i64, seal: BatchSeal, kind: u8) -> Bytes {
    let mut builder = RecordBatchBuilder::new(Compression::None).control();
    let (key, value) = ([0, 0, 0, kind], [0; 6]);
    builder
        .append(1, Some(&key), Some(&value), &[])
        .expect("small");
    let seal = BatchSeal {
        base_offset: Offset(offset),
        leader_epoch: 1,
        ..seal
    };
    builder.build(&mut Compressor::new()).seal_with(seal)
}
