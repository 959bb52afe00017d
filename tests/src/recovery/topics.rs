//! What the run does with topics itself: fill the input, wait for the jobs, read everything back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thalweg_client::{
    Admin, Cluster, Consumer, IsolationLevel, NewTopic, Offset, OffsetSpec, Producer,
    ProducerRecord, RecordDecoder, StartAt, TopicPartition,
};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::{Job, RunError, SeenRecord};

/// Partitions of every topic.
const PARTITIONS: i32 = 4;

/// The input topic, and for each job its output topic.
pub(super) async fn create(admin: &Admin, input: &str, jobs: &[Job]) -> Result<(), RunError> {
    let outputs = jobs.iter().map(Job::output);
    let names = outputs.chain([input.to_owned()]);
    let topics = names.map(|name| NewTopic::new(name, PARTITIONS).config("retention.ms", "-1"));
    admin.create_topics(topics).await.all()?;
    Ok(())
}

/// Writes numbers to the input at a steady rate until `stop`, whatever happens to brokers.
///
/// What was acknowledged and what was not does not matter: the input topic itself, read back,
/// is what the jobs are judged by.
pub(super) async fn write_steadily(
    cluster: Cluster,
    topic: String,
    keys: u64,
    records_per_second: u64,
    stop: Arc<AtomicBool>,
) -> Result<u64, RunError> {
    const TICK: Duration = Duration::from_millis(20);
    let mut producer = Producer::builder(&cluster).build()?;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let begun = Instant::now();
    let mut number = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let due = begun.elapsed().as_millis() * u128::from(records_per_second) / 1_000;
        while u128::from(number) < due {
            // Keys in an order that no batch boundary has anything to do with.
            let key = format!("k{}", number.wrapping_mul(7_919) % keys);
            let value = number.to_string();
            let sent = producer
                .send(ProducerRecord::to(&topic).key(&key).value(&value))
                .await;
            if let Err(error) = sent {
                eprintln!("input: {error}");
                sleep(TICK).await;
            }
            number += 1;
        }
    }
    if let Err(error) = producer.flush().await {
        eprintln!("input: {error}");
    }
    Ok(number)
}

/// The end of each partition: what exists, or what `read_committed` may see.
async fn ends(
    admin: &Admin,
    topic: &str,
    isolation: IsolationLevel,
) -> Result<BTreeMap<TopicPartition, Offset>, RunError> {
    let all = (0..PARTITIONS).map(|p| (TopicPartition::new(topic, p), OffsetSpec::Latest));
    let listed = admin.list_offsets(all, isolation).await.all()?;
    let ends = listed
        .into_iter()
        .filter_map(|(tp, listed)| Some((tp, listed.offset?)));
    Ok(ends.collect())
}

/// Waits until the job has committed the end of its input and left no transaction open.
pub(super) async fn wait_until_done(
    admin: &Admin,
    input: &str,
    job: &Job,
    patience: Duration,
) -> Result<(), RunError> {
    let begun = Instant::now();
    loop {
        let state = remaining(admin, input, job).await?;
        let Some(state) = state else { return Ok(()) };
        let waited = begun.elapsed();
        if waited >= patience {
            return Err(RunError::NotCaughtUp {
                job: job.name,
                waited,
                state,
            });
        }
        sleep(Duration::from_millis(500)).await;
    }
}

/// What the job still has to do, if anything.
async fn remaining(admin: &Admin, input: &str, job: &Job) -> Result<Option<String>, RunError> {
    let wanted = ends(admin, input, IsolationLevel::ReadUncommitted).await?;
    let partitions: Vec<TopicPartition> = wanted.keys().cloned().collect();
    // Not the stable ones: an open transaction is to be reported, not waited for.
    let committed = admin
        .committed_offsets(&job.application_id(), &partitions, false)
        .await?;
    for (partition, end) in &wanted {
        let at = committed.get(partition).map(|committed| committed.offset);
        if at.unwrap_or(Offset(0)) < *end {
            return Ok(Some(format!(
                "{partition} is committed up to {at:?} of {end}"
            )));
        }
    }
    let output = job.output();
    let written = ends(admin, &output, IsolationLevel::ReadUncommitted).await?;
    let stable = ends(admin, &output, IsolationLevel::ReadCommitted).await?;
    let open = written
        .iter()
        .find(|(partition, end)| stable.get(partition) != Some(end));
    Ok(open.map(|(partition, end)| {
        format!(
            "a transaction is open in {partition}: stable {:?} of {end}",
            stable.get(partition)
        )
    }))
}

/// All records of a topic that `read_committed` sees, partition by partition.
pub(super) async fn read_all(cluster: &Cluster, topic: &str) -> Result<Vec<SeenRecord>, RunError> {
    let isolation = IsolationLevel::ReadCommitted;
    let ends = ends(&Admin::new(cluster), topic, isolation).await?;
    let mut consumer = Consumer::builder(cluster)
        .isolation_level(isolation)
        .build()?;
    let all = ends
        .keys()
        .map(|partition| (partition.clone(), StartAt::Earliest));
    consumer.assign(all).expect("nothing was subscribed to");
    let mut decoder = RecordDecoder::new();
    let mut seen: BTreeMap<TopicPartition, Vec<SeenRecord>> = BTreeMap::new();
    let at_end = |consumer: &Consumer| {
        ends.iter()
            .all(|(partition, end)| consumer.position(partition) >= Some(*end))
    };
    while !at_end(&consumer) {
        // Markers at the end move the position without a record.
        let wait = Duration::from_millis(200);
        let Ok(fetched) = tokio::time::timeout(wait, consumer.recv()).await else {
            continue;
        };
        let fetched = fetched?;
        let records = seen.entry(fetched.topic_partition().clone()).or_default();
        for batch in fetched.batches() {
            for record in batch.decode(&mut decoder)? {
                let text = |bytes: Option<&[u8]>| {
                    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
                };
                records.push(SeenRecord {
                    key: text(record.key),
                    value: text(record.value),
                    timestamp: record.timestamp,
                });
            }
        }
    }
    Ok(seen.into_values().flatten().collect())
}
