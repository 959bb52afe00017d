//! Goal: what a consumer says about a topic is what a real Kafka has in it, whatever happens
//! meanwhile. Method: records written by our producer, read back by hand-assigned partitions and by
//! groups, on a Kafka of this machine.

#![allow(clippy::indexing_slicing, reason = "out of bounds is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::process::ExitCode;
use std::task::Poll;
use std::time::Duration;

use thalweg_client::{
    Admin, ClientConfig, Cluster, Compression, ConsumeError, Consumer, ConsumerBuilder,
    CooperativeStickyAssignor, Event, FetchedRecords, IsolationLevel, NewTopic, OffsetAndMetadata,
    OffsetReset, Producer, ProducerRecord, RangeAssignor, RecordDecoder, RoundRobinAssignor,
    StartAt, StickyAssignor, TopicPartition, TransactionalProducer,
};
use thalweg_protocol::{Offset, PartitionId};
use thalweg_tests::brokers::{Kafka, Tests, Which};
use tokio::time::timeout;

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(40);

fn main() -> ExitCode {
    Tests::new()
        .test("records_of_every_codec_come_back_in_order", async |kafka| {
            every_codec(&kafka).await
        })
        .test("a_seek_forgets_what_was_fetched", async |kafka| {
            seek(&kafka).await
        })
        .test(
            "a_paused_partition_waits_and_loses_nothing",
            async |kafka| pause(&kafka).await,
        )
        .test(
            "positions_that_do_not_exist_follow_the_policy",
            async |kafka| reset(&kafka).await,
        )
        .test("a_time_finds_its_offset", async |kafka| {
            by_time(&kafka).await
        })
        .test("aborted_transactions_are_not_seen", async |kafka| {
            aborted(&kafka).await
        })
        .test("a_group_goes_on_where_it_committed", async |kafka| {
            commit_and_resume(&kafka).await
        })
        .test("members_share_by_range", async |kafka| {
            two_members(&kafka, |builder| builder.assignor(RangeAssignor::new())).await;
        })
        .test("members_share_by_round_robin", async |kafka| {
            two_members(&kafka, |builder| {
                builder.assignor(RoundRobinAssignor::new())
            })
            .await;
        })
        .test("members_share_by_sticky", async |kafka| {
            two_members(&kafka, |builder| builder.assignor(StickyAssignor::new())).await;
        })
        .test("members_share_by_cooperative_sticky", async |kafka| {
            two_members(&kafka, |builder| {
                builder.assignor(CooperativeStickyAssignor::new())
            })
            .await;
        })
        .test("a_static_member_keeps_its_partitions", async |kafka| {
            static_member(&kafka).await
        })
        .test("an_unknown_topic_is_an_error", async |kafka| {
            unknown_topic(&kafka).await
        })
        .test_alone("a_restarted_broker_is_read_on", async |which| {
            broker_restart(which).await
        })
        .run()
}

async fn cluster(servers: &str) -> Cluster {
    Cluster::connect(ClientConfig::new(servers))
        .await
        .expect("a cluster")
}

async fn topic(cluster: &Cluster, name: &str, partitions: i32) {
    let topic = NewTopic::new(name, partitions).config("retention.ms", "-1");
    Admin::new(cluster)
        .create_topics([topic])
        .await
        .all()
        .expect("a new topic");
}

/// Writes `numbers` as values to one partition.
async fn write(cluster: &Cluster, topic: &str, partition: i32, numbers: std::ops::Range<u32>) {
    let mut producer = Producer::builder(cluster).build().expect("a producer");
    for number in numbers {
        let value = number.to_string();
        let record = ProducerRecord::to(topic)
            .value(&value)
            .partition(PartitionId(partition));
        producer.send(record).await.expect("room");
    }
    producer.flush().await.expect("written");
}

fn by_hand(cluster: &Cluster, topic: &str, partitions: i32, start: StartAt) -> Consumer {
    let mut consumer = Consumer::builder(cluster).build().expect("a consumer");
    let all = (0..partitions).map(|number| (TopicPartition::new(topic, number), start));
    consumer.assign(all).expect("assigned");
    consumer
}

/// The values of records, as the numbers they are.
fn numbers(fetched: &FetchedRecords, decoder: &mut RecordDecoder) -> Vec<u32> {
    let mut numbers = Vec::new();
    for batch in fetched.batches() {
        for record in batch.decode(decoder).expect("a sound batch") {
            let value = record.value.expect("a value");
            numbers.push(
                std::str::from_utf8(value)
                    .expect("text")
                    .parse()
                    .expect("a number"),
            );
        }
    }
    numbers
}

async fn recv(consumer: &mut Consumer) -> FetchedRecords {
    timeout(PATIENCE, consumer.recv())
        .await
        .expect("in time")
        .expect("records")
}

/// Reads until `count` records have come.
async fn read(consumer: &mut Consumer, count: usize) -> Vec<u32> {
    let mut decoder = RecordDecoder::new();
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(numbers(&recv(consumer).await, &mut decoder));
    }
    all
}

async fn every_codec(kafka: &Kafka) {
    let cluster = cluster(kafka.bootstrap_servers()).await;
    let name = kafka.unique_name("codecs");
    topic(&cluster, &name, 1).await;
    let headers: [(&str, Option<&[u8]>); 2] = [("h", Some(b"1")), ("h", None)];
    for codec in [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ] {
        let builder = Producer::builder(&cluster).compression(codec);
        let mut producer = builder.build().expect("a producer");
        for number in 0..2_000_u32 {
            let (key, value) = (format!("k{number}"), number.to_string());
            let record = ProducerRecord::to(&name)
                .key(&key)
                .value(&value)
                .headers(&headers);
            producer
                .send(record.timestamp(1_000 + i64::from(number)))
                .await
                .expect("room");
        }
        producer.flush().await.expect("written");
    }
    let mut consumer = by_hand(&cluster, &name, 1, StartAt::Earliest);
    let partition = TopicPartition::new(name.as_str(), 0);
    let mut decoder = RecordDecoder::new();
    let mut next = 0_u32;
    while next < 10_000 {
        let fetched = recv(&mut consumer).await;
        assert_eq!(fetched.topic_partition(), &partition);
        for batch in fetched.batches() {
            for record in batch.decode(&mut decoder).expect("a sound batch") {
                let number = next % 2_000;
                assert_eq!(record.offset, Offset(i64::from(next)));
                assert_eq!(record.timestamp, 1_000 + i64::from(number));
                assert_eq!(record.key, Some(format!("k{number}").as_bytes()));
                assert_eq!(record.value, Some(number.to_string().as_bytes()));
                let got: Vec<_> = record.headers.collect();
                assert_eq!(got, headers);
                next += 1;
            }
        }
        assert_eq!(fetched.next_offset(), Offset(i64::from(next)));
        assert_eq!(consumer.position(&partition), Some(fetched.next_offset()));
    }
    let progress = consumer.progress(&partition).expect("assigned");
    assert_eq!(progress.high_watermark, Some(Offset(10_000)));
    assert_eq!(progress.last_stable_offset, Some(Offset(10_000)));
    assert_eq!(progress.log_start_offset, Some(Offset(0)));
}

async fn seek(kafka: &Kafka) {
    let cluster = cluster(kafka.bootstrap_servers()).await;
    let name = kafka.unique_name("seek");
    topic(&cluster, &name, 1).await;
    write(&cluster, &name, 0, 0..3_000).await;
    let mut consumer = by_hand(&cluster, &name, 1, StartAt::Earliest);
    let partition = TopicPartition::new(name.as_str(), 0);
    assert_eq!(read(&mut consumer, 10).await[0], 0);
    for to in [2_500, 17, 1_234, 0] {
        // Into the middle of a batch, with more of it prefetched already.
        consumer
            .seek(&partition, StartAt::Offset(Offset(to)))
            .expect("assigned");
        let first = numbers(&recv(&mut consumer).await, &mut RecordDecoder::new());
        assert_eq!(first[0], to as u32, "nothing from before the seek");
    }
    consumer
        .seek(&partition, StartAt::Latest)
        .expect("assigned");
    write(&cluster, &name, 0, 3_000..3_001).await;
    // Where the end is was asked before or after the write; both are right.
    let wait = timeout(Duration::from_secs(2), consumer.recv()).await;
    if let Ok(fetched) = wait {
        assert_eq!(
            numbers(&fetched.expect("records"), &mut RecordDecoder::new()),
            [3_000]
        );
    }
    let missing = TopicPartition::new(name.as_str(), 7);
    assert!(consumer.seek(&missing, StartAt::Earliest).is_err());
}

async fn pause(kafka: &Kafka) {
    let cluster = cluster(kafka.bootstrap_servers()).await;
    let name = kafka.unique_name("pause");
    topic(&cluster, &name, 2).await;
    write(&cluster, &name, 0, 0..5_000).await;
    write(&cluster, &name, 1, 0..5_000).await;
    let mut consumer = by_hand(&cluster, &name, 2, StartAt::Earliest);
    let held = TopicPartition::new(name.as_str(), 1);
    consumer.pause(&held).expect("assigned");
    let all = read(&mut consumer, 5_000).await;
    assert_eq!(all, (0..5_000).collect::<Vec<_>>());
    assert!(
        timeout(Duration::from_millis(700), consumer.recv())
            .await
            .is_err(),
        "it is paused"
    );
    assert!(consumer.progress(&held).expect("assigned").paused);
    let resumed = tokio::time::Instant::now();
    consumer.resume(&held).expect("assigned");
    assert_eq!(
        read(&mut consumer, 5_000).await,
        (0..5_000).collect::<Vec<_>>()
    );
    // The other partition's long poll does not delay it.
    assert!(
        resumed.elapsed() < Duration::from_millis(400),
        "took {:?}",
        resumed.elapsed()
    );
}

async fn reset(kafka: &Kafka) {
    let cluster = cluster(kafka.bootstrap_servers()).await;
    let name = kafka.unique_name("reset");
    topic(&cluster, &name, 1).await;
    write(&cluster, &name, 0, 0..100).await;
    let partition = TopicPartition::new(name.as_str(), 0);
    let admin = Admin::new(&cluster);
    admin
        .delete_records([(partition.clone(), Offset(40))])
        .await
        .all()
        .expect("deleted");

    let start = |reset| {
        let builder = Consumer::builder(&cluster).auto_offset_reset(reset);
        let mut consumer = builder.build().expect("a consumer");
        consumer
            .assign([(partition.clone(), StartAt::Offset(Offset(7)))])
            .expect("assigned");
        consumer
    };
    let mut earliest = start(OffsetReset::Earliest);
    assert_eq!(read(&mut earliest, 60).await, (40..100).collect::<Vec<_>>());
    let mut lately = start(OffsetReset::ByDuration(Duration::from_secs(3_600)));
    assert_eq!(read(&mut lately, 60).await[0], 40);
    let latest = start(OffsetReset::Latest);
    while latest.position(&partition) != Some(Offset(100)) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut none = start(OffsetReset::None);
    let error = timeout(PATIENCE, none.recv())
        .await
        .expect("in time")
        .expect_err("out of range");
    let ConsumeError::OffsetOutOfRange {
        topic_partition,
        offset,
        ..
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!((topic_partition, *offset), (&partition, Offset(7)));
    // A seek starts it again.
    none.seek(&partition, StartAt::Offset(Offset(50)))
        .expect("assigned");
    assert_eq!(read(&mut none, 50).await, (50..100).collect::<Vec<_>>());
}

async fn by_time(kafka: &Kafka) {
    let cluster = cluster(kafka.bootstrap_servers()).await;
    let name = kafka.unique_name("times");
    topic(&cluster, &name, 1).await;
    let mut producer = Producer::builder(&cluster).build().expect("a producer");
    for number in 0..100_u32 {
        let value = number.to_string();
        let record = ProducerRecord::to(&name)
            .value(&value)
            .timestamp(i64::from(number) * 1_000);
        producer.send(record).await.expect("room");
    }
    producer.flush().await.expect("written");
    let mut consumer = by_hand(&cluster, &name, 1, StartAt::Timestamp(41_500));
    assert_eq!(read(&mut consumer, 58).await[0], 42);
}

async fn aborted(kafka: &Kafka) {
    let cluster = cluster(kafka.bootstrap_servers()).await;
    let name = kafka.unique_name("aborted");
    topic(&cluster, &name, 1).await;
    let builder = TransactionalProducer::builder(&cluster).linger(Duration::ZERO);
    let id = kafka.unique_name("tx");
    let mut producer = builder.build_transactional(id).expect("a producer");
    producer.init().await.expect("initialised");
    let mut expected = Vec::new();
    for round in 0..20_u32 {
        let mut transaction = producer.begin();
        for number in round * 10..round * 10 + 10 {
            let value = number.to_string();
            let record = ProducerRecord::to(&name).value(&value);
            let ticket = transaction.send(record).await.expect("room");
            transaction
                .producer()
                .delivered(ticket)
                .await
                .expect("written");
        }
        if round % 3 == 1 {
            transaction.abort().await.expect("aborted");
        } else {
            transaction.commit().await.expect("committed");
            expected.extend(round * 10..round * 10 + 10);
        }
        if round % 5 == 0 {
            // Another producer's records in between are not touched by the abort.
            write(&cluster, &name, 0, 9_000 + round..9_001 + round).await;
            expected.push(9_000 + round);
        }
    }
    let committed = Consumer::builder(&cluster).isolation_level(IsolationLevel::ReadCommitted);
    let mut committed = committed.build().expect("a consumer");
    let partition = TopicPartition::new(name.as_str(), 0);
    committed
        .assign([(partition.clone(), StartAt::Earliest)])
        .expect("assigned");
    assert_eq!(read(&mut committed, expected.len()).await, expected);

    let mut all = by_hand(&cluster, &name, 1, StartAt::Earliest);
    assert_eq!(
        read(&mut all, 204).await.len(),
        204,
        "aborted ones included"
    );

    // The position passes what is not seen: the markers, and an aborted transaction at the end.
    let mut transaction = producer.begin();
    let ticket = transaction
        .send(ProducerRecord::to(&name).value("1"))
        .await
        .expect("room");
    transaction
        .producer()
        .delivered(ticket)
        .await
        .expect("written");
    transaction.abort().await.expect("aborted");
    let end = async {
        loop {
            let fetched = recv(&mut committed).await;
            assert_eq!(fetched.batches().count(), 0, "only what is not to be seen");
            let progress = committed.progress(&partition).expect("assigned");
            // 204 records, 20 markers, the aborted record and its marker.
            if progress.position == Some(Offset(226)) {
                return progress;
            }
        }
    };
    let progress = timeout(PATIENCE, end).await.expect("the end is reached");
    assert_eq!(progress.last_stable_offset, progress.high_watermark);

    // An open transaction holds committed readers back, and says so.
    let mut transaction = producer.begin();
    let ticket = transaction
        .send(ProducerRecord::to(&name).value("2"))
        .await
        .expect("room");
    transaction
        .producer()
        .delivered(ticket)
        .await
        .expect("written");
    let watch = async {
        loop {
            let progress = committed.progress(&partition).expect("assigned");
            if progress.high_watermark == Some(Offset(227)) {
                return progress;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let progress = timeout(PATIENCE, watch)
        .await
        .expect("it is seen without any record");
    assert_eq!(progress.last_stable_offset, Some(Offset(226)));
    assert_eq!(progress.position, Some(Offset(226)));
    transaction.commit().await.expect("committed");
    assert_eq!(read(&mut committed, 1).await, [2]);
}

fn member(cluster: &Cluster, group: &str) -> ConsumerBuilder {
    Consumer::builder(cluster)
        .group_id(group)
        .auto_offset_reset(OffsetReset::Earliest)
        .heartbeat_interval(Duration::from_millis(300))
        .session_timeout(Duration::from_secs(6))
        .rebalance_timeout(Duration::from_secs(20))
}

async fn commit_and_resume(kafka: &Kafka) {
    let cluster = cluster(kafka.bootstrap_servers()).await;
    let (name, group) = (kafka.unique_name("resume"), kafka.unique_name("group"));
    topic(&cluster, &name, 1).await;
    write(&cluster, &name, 0, 0..100).await;
    let partition = TopicPartition::new(name.as_str(), 0);

    let mut first = member(&cluster, &group).build().expect("a consumer");
    first.subscribe([name.as_str()]).expect("subscribed");
    assert_eq!(read(&mut first, 100).await, (0..100).collect::<Vec<_>>());
    let offset = OffsetAndMetadata {
        metadata: "half way".into(),
        ..OffsetAndMetadata::new(Offset(50))
    };
    first
        .commit([(partition.clone(), offset.clone())])
        .await
        .expect("committed");
    let committed = first
        .committed(std::slice::from_ref(&partition), true)
        .await
        .expect("an answer");
    assert_eq!(committed[&partition], offset);
    assert!(first.member_id().is_some());
    let metadata = first.group_metadata().expect("a member");
    assert_eq!(&*metadata.group_id, group);
    assert!(metadata.generation_id > 0);
    let foreign = TopicPartition::new(name.as_str(), 3);
    assert!(
        first
            .commit([(foreign, OffsetAndMetadata::new(Offset(1)))])
            .await
            .is_err()
    );
    // A commit whose future is dropped after its first poll is made all the same. Whether that
    // poll already found it made is up to the other threads of the runtime.
    let last = OffsetAndMetadata::new(Offset(60));
    let mut commit = Box::pin(first.commit([(partition.clone(), last)]));
    poll_fn(|context| {
        let _ = commit.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
    drop(commit);
    first.close(PATIENCE).await;

    let mut second = member(&cluster, &group).build().expect("a consumer");
    second.subscribe([name.as_str()]).expect("subscribed");
    let joined = tokio::time::Instant::now();
    assert_eq!(read(&mut second, 40).await, (60..100).collect::<Vec<_>>());
    // The first one has left; nobody waits for its session to end.
    assert!(
        joined.elapsed() < Duration::from_secs(5),
        "took {:?}",
        joined.elapsed()
    );
}

/// Reads, notes what it owns, and releases what is revoked.
async fn follow(
    consumer: &mut Consumer,
    owned: &mut BTreeSet<TopicPartition>,
    seen: &mut BTreeMap<TopicPartition, Vec<u32>>,
    decoder: &mut RecordDecoder,
) {
    match consumer.next_event().await.expect("an event") {
        Event::Records(fetched) => {
            let partition = fetched.topic_partition().clone();
            assert!(owned.contains(&partition), "{partition} is not ours");
            seen.entry(partition.clone())
                .or_default()
                .extend(numbers(&fetched, decoder));
            consumer.commit_fetched(&fetched).await.expect("committed");
        }
        Event::Assigned(added) => {
            for partition in added {
                assert!(owned.insert(partition), "it is ours already");
            }
        }
        Event::Revoked(revocation) => {
            owned.retain(|owned| !revocation.partitions().contains(owned));
            revocation.release();
        }
        Event::Lost(lost) => panic!("{lost:?} were lost"),
        _ => {}
    }
}

async fn two_members(kafka: &Kafka, assignor: impl Fn(ConsumerBuilder) -> ConsumerBuilder) {
    let cluster = cluster(kafka.bootstrap_servers()).await;
    let (name, group) = (kafka.unique_name("shared"), kafka.unique_name("group"));
    topic(&cluster, &name, 6).await;
    for partition in 0..6 {
        write(&cluster, &name, partition, 0..50).await;
    }
    let build = || {
        let mut consumer = assignor(member(&cluster, &group))
            .build()
            .expect("a consumer");
        consumer.subscribe([name.as_str()]).expect("subscribed");
        consumer
    };
    let mut seen = BTreeMap::new();
    let mut decoder = RecordDecoder::new();
    let (mut first, mut second) = (build(), None::<Consumer>);
    let (mut first_owns, mut second_owns) = (BTreeSet::new(), BTreeSet::new());

    let alone = async {
        while first_owns.len() < 6 || seen.values().map(Vec::len).sum::<usize>() < 300 {
            follow(&mut first, &mut first_owns, &mut seen, &mut decoder).await;
        }
    };
    timeout(PATIENCE, alone).await.expect("one member gets all");

    let second = second.insert(build());
    let mut other_seen = BTreeMap::new();
    let mut other_decoder = RecordDecoder::new();
    let share = async {
        while first_owns.len() != 3 || second_owns.len() != 3 {
            tokio::select! {
                biased;
                () = follow(&mut first, &mut first_owns, &mut seen, &mut decoder) => {}
                () = follow(second, &mut second_owns, &mut other_seen, &mut other_decoder) => {}
            }
            assert!(
                first_owns.is_disjoint(&second_owns),
                "a partition has two owners"
            );
        }
    };
    timeout(PATIENCE, share).await.expect("two members share");
    for partition in 0..6 {
        write(&cluster, &name, partition, 50..100).await;
    }
    let all =
        |seen: &BTreeMap<TopicPartition, Vec<u32>>| seen.values().map(Vec::len).sum::<usize>();
    let both = async {
        while all(&seen) + all(&other_seen) < 600 {
            tokio::select! {
                biased;
                () = follow(&mut first, &mut first_owns, &mut seen, &mut decoder) => {}
                () = follow(second, &mut second_owns, &mut other_seen, &mut other_decoder) => {}
            }
        }
    };
    timeout(PATIENCE, both).await.expect("all records come");

    first.close(PATIENCE).await;
    let takeover = async {
        while second_owns.len() < 6 {
            follow(
                second,
                &mut second_owns,
                &mut other_seen,
                &mut other_decoder,
            )
            .await;
        }
    };
    timeout(PATIENCE, takeover)
        .await
        .expect("the one that is left gets all");
    // Every record came once: what one member committed the other did not read again.
    for partition in 0..6 {
        let name = TopicPartition::new(name.as_str(), partition);
        let mut numbers = seen.remove(&name).unwrap_or_default();
        numbers.extend(other_seen.remove(&name).unwrap_or_default());
        assert_eq!(numbers, (0..100).collect::<Vec<_>>(), "{name}");
    }
}

async fn static_member(kafka: &Kafka) {
    let cluster = cluster(kafka.bootstrap_servers()).await;
    let (name, group) = (kafka.unique_name("static"), kafka.unique_name("group"));
    topic(&cluster, &name, 2).await;
    write(&cluster, &name, 0, 0..10).await;
    write(&cluster, &name, 1, 0..10).await;
    let build = |id: &str| {
        let builder = member(&cluster, &group).group_instance_id(id);
        let mut consumer = builder.build().expect("a consumer");
        consumer.subscribe([name.as_str()]).expect("subscribed");
        consumer
    };
    let mut first = build("one");
    assert_eq!(read(&mut first, 20).await.len(), 20);
    let generation = first.group_metadata().expect("a member").generation_id;
    first.close(PATIENCE).await;
    let mut again = build("one");
    assert_eq!(read(&mut again, 20).await.len(), 20);
    let now = again.group_metadata().expect("a member").generation_id;
    assert_eq!(now, generation, "nobody noticed that it was away");

    // A second one under the same name takes over; the first is told.
    let mut usurper = build("one");
    assert_eq!(read(&mut usurper, 20).await.len(), 20);
    let fenced = async {
        loop {
            match again.recv().await {
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    };
    let error = timeout(PATIENCE, fenced).await.expect("in time");
    assert!(matches!(error, ConsumeError::Group(_)), "{error}");
    assert!(
        error.to_string().contains("same group_instance_id 'one'"),
        "{error}"
    );
}

async fn unknown_topic(kafka: &Kafka) {
    let config = ClientConfig::new(kafka.bootstrap_servers());
    let config = config.unknown_topic_timeout(Duration::from_secs(1));
    let cluster = Cluster::connect(config).await.expect("a cluster");
    let (name, group) = (kafka.unique_name("no-such"), kafka.unique_name("group"));
    let mut by_hand = by_hand(&cluster, &name, 1, StartAt::Earliest);
    let error = timeout(PATIENCE, by_hand.recv())
        .await
        .expect("in time")
        .expect_err("unknown");
    assert!(error.to_string().contains("does not exist"), "{error}");
    assert_eq!(
        error.topic_partition(),
        Some(&TopicPartition::new(name.as_str(), 0))
    );

    let mut subscribed = member(&cluster, &group).build().expect("a consumer");
    subscribed.subscribe([name.as_str()]).expect("subscribed");
    let error = timeout(PATIENCE, subscribed.recv())
        .await
        .expect("in time")
        .expect_err("unknown");
    assert!(
        matches!(error, ConsumeError::Subscription { .. }),
        "{error}"
    );
    // Once it exists it is read.
    topic(&cluster, &name, 1).await;
    write(&cluster, &name, 0, 0..5).await;
    assert_eq!(read(&mut subscribed, 5).await, [0, 1, 2, 3, 4]);
}

async fn broker_restart(which: Which) {
    let kafka = which.builder().start().await;
    let cluster = cluster(kafka.bootstrap_servers()).await;
    topic(&cluster, "restart", 1).await;
    write(&cluster, "restart", 0, 0..10).await;
    let mut consumer = member(&cluster, "g").build().expect("a consumer");
    consumer.subscribe(["restart"]).expect("subscribed");
    assert_eq!(read(&mut consumer, 10).await, (0..10).collect::<Vec<_>>());
    let id = kafka.broker_ids()[0];
    kafka.shut_down(id).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    kafka.restart(id).await;
    write(&cluster, "restart", 0, 10..20).await;
    assert_eq!(read(&mut consumer, 10).await, (10..20).collect::<Vec<_>>());
}
