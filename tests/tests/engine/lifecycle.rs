//! Starting, running and stopping: on threads and without, in time and not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use thalweg::{AppError, Bytes, Health, StartFrom, Text, millis, secs};
use thalweg_client::ProducerRecord;
use thalweg_tests::brokers::{Kafka, Tests};
use tokio::time::Instant;

use crate::commits::totals;
use crate::machine::Machine;
use crate::support::{Corner, PATIENCE, count, numbers, stop, to_the_end};

pub(crate) fn tests(tests: Tests) -> Tests {
    tests
        .test(
            "all_workers_of_an_instance_run_on_one_thread",
            async |kafka| all_workers_of_an_instance_run_on_one_thread(&kafka).await,
        )
        .test("a_topic_that_was_just_made_is_waited_for", async |kafka| {
            a_topic_that_was_just_made_is_waited_for(&kafka).await;
        })
        .test("a_shutdown_gives_up_at_its_deadline", async |kafka| {
            a_shutdown_gives_up_at_its_deadline(&kafka).await;
        })
        .test(
            "a_dropped_handle_commits_and_leaves_the_group",
            async |kafka| a_dropped_handle_commits_and_leaves_the_group(&kafka).await,
        )
        .test("an_app_runs_until_its_future_is_ready", async |kafka| {
            an_app_runs_until_its_future_is_ready(&kafka).await;
        })
        .test(
            "a_worker_that_panics_takes_the_app_with_it_and_nothing_is_committed_half",
            async |kafka| {
                a_worker_that_panics_takes_the_app_with_it_and_nothing_is_committed_half(&kafka)
                    .await;
            },
        )
        .test(
            "a_source_starts_where_it_is_told_without_offsets",
            async |kafka| a_source_starts_where_it_is_told_without_offsets(&kafka).await,
        )
        .test(
            "where_a_source_began_outlives_the_instance_that_saw_nothing",
            async |kafka| where_a_source_began_outlives_the_instance_that_saw_nothing(&kafka).await,
        )
}

async fn all_workers_of_an_instance_run_on_one_thread(kafka: &Kafka) {
    let corner = Corner::new(kafka, "local", 4).await;
    corner.write(numbers(0, 400, 20)).await;
    let app = corner.app().workers(3);
    count(&app, &corner);
    let (machine, running) = Machine::with(app);
    let running = running.expect("started");
    let seen = corner.read_at_least("out", 400).await;
    assert_eq!(seen.len(), 400);
    totals(&seen);
    let metrics = running.metrics();
    assert_eq!(metrics.workers.len(), 3);
    let owners = metrics.workers.iter().filter(|w| !w.tasks.is_empty());
    assert_eq!(owners.count(), 3, "four tasks for three workers");
    stop(running).await;
    drop(machine);
}

async fn a_topic_that_was_just_made_is_waited_for(kafka: &Kafka) {
    let corner = Corner::new(kafka, "just-made", 1).await;
    let app = corner.app();
    app.source::<Bytes>(&corner.topic("later"))
        .sink::<Bytes>(&corner.topic("out"));
    // Brokers learn of a topic some time after the one who made it was told that it is there.
    let made = async {
        tokio::time::sleep(millis(500)).await;
        corner.create(&["later"], 1).await;
    };
    let (started, ()) = tokio::join!(app.start(), made);
    stop(started.expect("it asks again")).await;
}

/// Where user code can be held up, and told to go on.
#[derive(Clone, Default)]
struct Hold {
    reached: Arc<AtomicBool>,
    free: Arc<(Mutex<bool>, Condvar)>,
}

impl Hold {
    fn here(&self) {
        self.reached.store(true, Ordering::SeqCst);
        let (free, told) = &*self.free;
        let guard = free.lock().unwrap_or_else(PoisonError::into_inner);
        drop(told.wait_while(guard, |free| !*free));
    }

    async fn is_reached(&self) {
        let reached = async {
            while !self.reached.load(Ordering::SeqCst) {
                tokio::time::sleep(millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached)
            .await
            .expect("it is reached");
    }

    fn let_go(&self) {
        let (free, told) = &*self.free;
        *free.lock().unwrap_or_else(PoisonError::into_inner) = true;
        told.notify_all();
    }
}

async fn a_shutdown_gives_up_at_its_deadline(kafka: &Kafka) {
    let corner = Corner::new(kafka, "deadline", 1).await;
    corner.write(numbers(0, 10, 5)).await;
    let hold = Hold::default();
    let app = corner.app();
    let here = hold.clone();
    app.source::<Text>(&corner.topic("in"))
        .map(move |value| {
            if *value == "7" {
                here.here();
            }
            (*value).to_owned()
        })
        .sink::<Text>(&corner.topic("out"));
    let running = app.start().await.expect("started");
    hold.is_reached().await;
    let asked = Instant::now();
    let error = running.shutdown(millis(500)).await.expect_err("it blocks");
    assert!(matches!(error, AppError::Deadline { .. }), "{error}");
    assert!(asked.elapsed() < secs(5), "{:?}", asked.elapsed());
    assert_eq!(corner.read("out").await, [], "half a transaction");
    // What was given up on is over, whenever user code comes back.
    hold.let_go();
    let ended = tokio::time::timeout(PATIENCE, running.wait()).await;
    ended.expect("it ends").expect("as it was told");
    assert_eq!(corner.read("out").await, [], "committed after the deadline");
    let app = corner.app();
    app.source::<Text>(&corner.topic("in"))
        .map(|value| (*value).to_owned())
        .sink::<Text>(&corner.topic("out"));
    to_the_end(&app).await.expect("the next one does it all");
    assert_eq!(corner.read("out").await.len(), 10);
}

/// Members of the app's group.
async fn members(corner: &Corner) -> usize {
    let groups = corner.admin.describe_groups([corner.name.as_str()]).await;
    let groups = groups.all().expect("the group").into_values();
    groups.map(|group| group.members.len()).sum()
}

async fn a_dropped_handle_commits_and_leaves_the_group(kafka: &Kafka) {
    let corner = Corner::new(kafka, "dropped", 2).await;
    corner.write(numbers(0, 100, 10)).await;
    // Nothing is committed by itself, and nobody would be missed for a minute.
    let app = corner
        .app()
        .commit_interval(secs(600))
        .session_timeout(secs(60));
    count(&app, &corner);
    let running = app.start().await.expect("started");
    let all = async {
        while running.metrics().records() < 100 {
            tokio::time::sleep(millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all)
        .await
        .expect("processed");
    assert_eq!(corner.read("out").await, []);
    drop(running);
    assert_eq!(totals(&corner.read_at_least("out", 100).await).len(), 10);
    let left = async {
        while members(&corner).await > 0 {
            tokio::time::sleep(millis(50)).await;
        }
    };
    tokio::time::timeout(secs(20), left)
        .await
        .expect("it leaves");
}

async fn an_app_runs_until_its_future_is_ready(kafka: &Kafka) {
    let corner = Corner::new(kafka, "until", 1).await;
    corner.write(numbers(0, 20, 5)).await;
    let app = corner.app();
    count(&app, &corner);
    let enough = async {
        corner.read_at_least("out", 20).await;
    };
    app.run_until(enough).await.expect("ran");
    assert_eq!(members(&corner).await, 0);
    // Ready at once is no reason not to start and stop in order.
    app.run_until(async {}).await.expect("ran");
    assert_eq!(corner.read("out").await.len(), 20);
}

async fn a_worker_that_panics_takes_the_app_with_it_and_nothing_is_committed_half(kafka: &Kafka) {
    let corner = Corner::new(kafka, "panics", 2).await;
    let app = corner.app().workers(2).commit_interval(millis(50));
    app.source::<Bytes>(&corner.topic("in"))
        .by_record_key()
        .aggregate("counts", |a| a.count())
        .map(|counted| {
            assert!(
                !(counted.key.as_ref() == b"k0" && counted.value == 30),
                "thirty is too many"
            );
            counted.value.to_string()
        })
        .sink::<Text>(&corner.topic("out"));
    let running = app.start().await.expect("started");
    for round in 0..10 {
        corner.write(numbers(round * 40, 40, 8)).await;
        tokio::time::sleep(millis(60)).await;
    }
    let ended = tokio::time::timeout(PATIENCE, running.wait()).await;
    let error = ended.expect("it stops by itself").expect_err("by a panic");
    assert!(matches!(error, AppError::Panicked { .. }), "{error}");
    assert!(error.to_string().contains("thirty is too many"), "{error}");
    assert!(
        matches!(running.status().health, Health::Failed { .. }),
        "{:?}",
        running.status()
    );
    drop(running);
    let before = totals(&corner.read("out").await);
    assert!(before.get("k0") < Some(&30), "{before:?}");
    // Offsets, state and outputs are those of one point in time.
    let app = corner.app();
    count(&app, &corner);
    to_the_end(&app).await.expect("counted");
    let seen = corner.read("out").await;
    assert_eq!(seen.len(), 400);
    assert_eq!(totals(&seen)["k0"], 50);
}

async fn a_source_starts_where_it_is_told_without_offsets(kafka: &Kafka) {
    let corner = Corner::new(kafka, "starts", 1).await;
    corner.create(&["earliest", "latest", "timestamp"], 1).await;
    write_at(&corner, &[("a", 1_000), ("b", 2_000), ("c", 3_000)]).await;
    let mut running = Vec::new();
    for (to, from) in [
        ("earliest", StartFrom::Earliest),
        ("latest", StartFrom::Latest),
        ("timestamp", StartFrom::Timestamp(1_500)),
    ] {
        let app = corner.app_named(to);
        app.source::<Text>(&corner.topic("in"))
            .start_from(from)
            .map(|value| (*value).to_owned())
            .sink::<Text>(&corner.topic(to));
        let handle = app.start().await.expect("started");
        let owns = async {
            while handle
                .metrics()
                .tasks()
                .all(|task| task.restoring.is_some())
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, owns)
            .await
            .expect("assigned");
        running.push(handle);
    }
    write_at(&corner, &[("d", 4_000)]).await;
    for (to, expected) in [
        ("earliest", &["a", "b", "c", "d"][..]),
        ("latest", &["d"]),
        ("timestamp", &["b", "c", "d"]),
    ] {
        let seen = corner.read_at_least(to, expected.len()).await;
        let values: Vec<_> = seen.iter().map(|seen| seen.value.as_str()).collect();
        assert_eq!(values, expected, "{to}");
    }
    for handle in running {
        stop(handle).await;
    }
}

/// What comes after the first instance began is the app's, whether that instance saw it or not.
async fn where_a_source_began_outlives_the_instance_that_saw_nothing(kafka: &Kafka) {
    let corner = Corner::new(kafka, "began", 1).await;
    write_at(&corner, &[("a", 1_000)]).await;
    let app = || {
        let app = corner.app();
        app.source::<Text>(&corner.topic("in"))
            .start_from(StartFrom::Latest)
            .map(|value| (*value).to_owned())
            .sink::<Text>(&corner.topic("out"));
        app
    };
    let first = app().start().await.expect("started");
    corner.committed(0, 1).await;
    stop(first).await;
    write_at(&corner, &[("b", 2_000)]).await;
    let second = app().start().await.expect("started");
    let seen = corner.read_at_least("out", 1).await;
    assert_eq!(seen[0].value, "b");
    stop(second).await;
}

async fn write_at(corner: &Corner, records: &[(&str, i64)]) {
    let topic = corner.topic("in");
    let mut producer = thalweg_client::Producer::builder(&corner.cluster)
        .build()
        .expect("a producer");
    for (value, timestamp) in records {
        let record = ProducerRecord::to(topic.as_str())
            .key("k")
            .value(*value)
            .timestamp(*timestamp);
        producer.send(record).await.expect("sent");
    }
    producer.flush().await.expect("written");
}
