//! Goal: our own consumers form classic groups on the embedded broker as they do on Kafka.
//! Method: consumers and producers over loopback TCP, as any program would use them; every record has
//! to come to exactly one member, also when members come, go, and brokers with them.

#![allow(clippy::indexing_slicing, reason = "out of bounds is a failed test")]

use std::collections::BTreeSet;
use std::time::Duration;

use thalweg_broker::EmbeddedBroker;
use thalweg_client::{
    ClientConfig, Cluster, Consumer, CooperativeStickyAssignor, Event, OffsetAndMetadata,
    OffsetReset, Producer, ProducerRecord, RecordDecoder, TopicPartition, TransactionalProducer,
};
use thalweg_protocol::{Offset, PartitionId};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);
const PARTITIONS: i32 = 6;

fn kafka(brokers: usize) -> EmbeddedBroker {
    let builder = EmbeddedBroker::builder().brokers(brokers);
    let builder = builder
        .topic("bids", PARTITIONS)
        .config("group.initial.rebalance.delay.ms", "0");
    builder.start().expect("it starts")
}

async fn connect(kafka: &EmbeddedBroker) -> Cluster {
    let config = ClientConfig::new(kafka.bootstrap_servers());
    Cluster::connect(config).await.expect("a cluster")
}

/// Writes `numbers` by turns to all partitions.
async fn write(cluster: &Cluster, numbers: std::ops::Range<i32>) {
    let mut producer = Producer::builder(cluster).build().expect("a producer");
    for number in numbers {
        let value = number.to_string();
        let record = ProducerRecord::to("bids")
            .value(&value)
            .partition(PartitionId(number % PARTITIONS));
        producer.send(record).await.expect("room");
    }
    producer.flush().await.expect("written");
}

/// A member of group `g`, with what it owns and has read.
struct Reader {
    consumer: Consumer,
    owned: BTreeSet<TopicPartition>,
    seen: Vec<i32>,
    decoder: RecordDecoder,
}

impl Reader {
    fn new(cluster: &Cluster) -> Self {
        let builder = Consumer::builder(cluster)
            .group_id("g")
            .auto_offset_reset(OffsetReset::Earliest)
            .assignor(CooperativeStickyAssignor::new())
            .heartbeat_interval(Duration::from_millis(100))
            .session_timeout(Duration::from_secs(6));
        let mut consumer = builder.build().expect("a consumer");
        consumer.subscribe(["bids"]).expect("subscribed");
        Reader {
            consumer,
            owned: BTreeSet::new(),
            seen: Vec::new(),
            decoder: RecordDecoder::new(),
        }
    }

    /// Reads and commits, takes and gives up partitions: one step.
    async fn step(&mut self) {
        match self.consumer.next_event().await.expect("an event") {
            Event::Records(fetched) => {
                assert!(self.owned.contains(fetched.topic_partition()), "it is ours");
                for batch in fetched.batches() {
                    let records = batch.decode(&mut self.decoder).expect("a sound batch");
                    for record in records {
                        let text = record.value.expect("a value");
                        let text = std::str::from_utf8(text).expect("text");
                        self.seen.push(text.parse().expect("a number"));
                    }
                }
                let committed = self.consumer.commit_fetched(&fetched).await;
                committed.expect("committed");
            }
            Event::Assigned(added) => self.owned.extend(added),
            Event::Revoked(revocation) => {
                let gone = revocation.partitions();
                self.owned.retain(|owned| !gone.contains(owned));
                revocation.release();
            }
            Event::Lost(lost) => panic!("{lost:?} were lost"),
            _ => {}
        }
    }

    async fn until(&mut self, done: impl Fn(&Self) -> bool) {
        let reading = async {
            while !done(self) {
                self.step().await;
            }
        };
        timeout(PATIENCE, reading).await.expect("it comes so far");
    }
}

/// Lets two members go on until both are where they should be.
async fn both(one: &mut Reader, two: &mut Reader, done: impl Fn(&Reader, &Reader) -> bool) {
    let reading = async {
        while !done(one, two) {
            tokio::select! {
                biased;
                () = one.step() => {}
                () = two.step() => {}
            }
            assert!(
                one.owned.is_disjoint(&two.owned),
                "two members own one partition"
            );
        }
    };
    timeout(PATIENCE, reading).await.expect("they come so far");
}

fn everything(one: &Reader, two: &Reader) -> Vec<i32> {
    let mut seen: Vec<i32> = one.seen.iter().chain(&two.seen).copied().collect();
    seen.sort_unstable();
    seen
}

#[tokio::test]
async fn two_members_share_and_one_takes_over_without_loss_or_repetition() {
    let kafka = kafka(1);
    let cluster = connect(&kafka).await;
    write(&cluster, 0..60).await;
    let mut first = Reader::new(&cluster);
    first
        .until(|it| it.owned.len() == 6 && it.seen.len() == 60)
        .await;

    let mut second = Reader::new(&cluster);
    both(&mut first, &mut second, |one, two| {
        one.owned.len() == 3 && two.owned.len() == 3
    })
    .await;
    write(&cluster, 60..120).await;
    both(&mut first, &mut second, |one, two| {
        one.seen.len() + two.seen.len() >= 120
    })
    .await;
    assert!(!second.seen.is_empty(), "the second one reads its share");

    first.consumer.close(PATIENCE).await;
    second.until(|it| it.owned.len() == 6).await;
    write(&cluster, 120..180).await;
    let before = first.seen.len();
    second.until(|it| it.seen.len() + before >= 180).await;
    let seen: Vec<i32> = first.seen.iter().chain(&second.seen).copied().collect();
    let distinct: BTreeSet<i32> = seen.iter().copied().collect();
    assert_eq!((seen.len(), distinct.len()), (180, 180));
}

#[tokio::test]
async fn members_go_on_when_their_coordinator_moves() {
    // Method: of three brokers, the one that coordinates the group hands it to another one while both
    // members read; nobody loses partitions, and nothing comes twice.
    let kafka = kafka(3);
    let cluster = connect(&kafka).await;
    write(&cluster, 0..60).await;
    let (mut first, mut second) = (Reader::new(&cluster), Reader::new(&cluster));
    both(&mut first, &mut second, |one, two| {
        one.owned.len() == 3 && two.owned.len() == 3 && one.seen.len() + two.seen.len() == 60
    })
    .await;
    // 'g' is 103, of 50 partitions.
    let before = kafka
        .leader("__consumer_offsets", 3)
        .expect("a coordinator");
    let moved = kafka.move_leader("__consumer_offsets", 3, (before + 1) % 3);
    moved.expect("all replicas are in sync");
    write(&cluster, 60..180).await;
    both(&mut first, &mut second, |one, two| {
        one.seen.len() + two.seen.len() >= 180
    })
    .await;
    assert_eq!(everything(&first, &second), (0..180).collect::<Vec<_>>());
    assert_eq!((first.owned.len(), second.owned.len()), (3, 3));
}

#[tokio::test]
async fn offsets_in_a_transaction_are_the_groups_when_it_commits() {
    let kafka = kafka(1);
    let cluster = connect(&kafka).await;
    write(&cluster, 0..60).await;
    let mut reader = Reader::new(&cluster);
    reader.until(|it| it.seen.len() == 60).await;
    let place = TopicPartition::new("bids", 0);
    let builder = TransactionalProducer::builder(&cluster);
    let mut producer = builder.build_transactional("t").expect("a producer");
    producer.init().await.expect("initialised");
    for (offset, commit) in [(1, true), (2, false), (3, true)] {
        let group = reader.consumer.group_metadata().expect("a member");
        let mut transaction = producer.begin();
        let offsets = [(place.clone(), OffsetAndMetadata::new(Offset(offset)))];
        let added = transaction.send_offsets(&offsets, &group).await;
        added.expect("part of the transaction");
        if commit {
            transaction.commit().await.expect("committed");
        } else {
            transaction.abort().await.expect("aborted");
        }
        let committed = reader
            .consumer
            .committed(std::slice::from_ref(&place), true)
            .await;
        let committed = committed.expect("stable offsets");
        let expected = if commit { offset } else { offset - 1 };
        assert_eq!(committed[&place].offset, Offset(expected));
    }
}
