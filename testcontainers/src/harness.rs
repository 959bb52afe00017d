//! A test runner for tests that need a Kafka: one broker for all, and an honest "ignored".

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::sync::Mutex;

use crate::pick::Kafka;

/// Makes an unavailable Kafka a failure instead of a reason to ignore tests.
const REQUIRE: &str = "THALWEG_REQUIRE_KAFKA";

/// The tests of one test target with `harness = false`, which share one Kafka.
///
/// It starts with the first test that asks for it and ends with the last. Each test runs in a
/// tokio runtime of its own and fails after [`Self::time_limit`]. Where no Kafka can be had, the
/// tests are reported as ignored; with `THALWEG_REQUIRE_KAFKA=1` they fail and say what to
/// install. After a failure the broker's log stays, and its path is printed.
///
/// ```no_run
/// use thalweg_testcontainers::KafkaTests;
///
/// fn main() -> std::process::ExitCode {
///     KafkaTests::new()
///         .test("records_come_back_in_order", async |kafka| {
///             let topic = kafka.unique_name("orders");
///             assert!(!kafka.bootstrap_servers().is_empty(), "{topic}");
///         })
///         .test_alone("a_killed_leader_is_replaced", async || {
///             // starts a cluster of its own
///         })
///         .run()
/// }
/// ```
#[derive(Default)]
pub struct KafkaTests {
    tests: Vec<Test>,
    time_limit: Option<Duration>,
}

struct Test {
    name: String,
    needs_kafka: bool,
    /// Blocks until the test is over; gets what lends the shared Kafka.
    body: Box<Body>,
}

type Body = dyn FnOnce(&SharedKafka, Duration) -> Result<(), Failed> + Send;

/// What the tests share: started by the first that asks.
#[derive(Default)]
struct SharedKafka {
    kafka: Mutex<Option<Arc<Kafka>>>,
}

impl SharedKafka {
    async fn lend(&self) -> Result<Arc<Kafka>, Failed> {
        // Held while it starts: whoever comes second waits for the same one.
        let mut started = self.kafka.lock().await;
        if let Some(kafka) = &*started {
            return Ok(Arc::clone(kafka));
        }
        let kafka = Arc::new(Kafka::pick().await?);
        eprintln!("tests run on {kafka}");
        *started = Some(Arc::clone(&kafka));
        Ok(kafka)
    }
}

impl KafkaTests {
    /// No tests yet; a limit of two minutes for each.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long each test may take before it counts as hung; default two minutes.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Adds a test that uses the shared Kafka. It should name its topics and groups by
    /// [`Kafka::unique_name`]: other tests use the same Kafka at the same time.
    #[must_use]
    pub fn test<F, R>(mut self, name: impl Into<String>, test: F) -> Self
    where
        F: FnOnce(Arc<Kafka>) -> R + Send + 'static,
        R: Future<Output = ()>,
    {
        let body = move |shared: &SharedKafka, limit| {
            block_on(limit, async {
                test(shared.lend().await?).await;
                Ok(())
            })
        };
        self.tests.push(Test {
            name: name.into(),
            needs_kafka: true,
            body: Box::new(body),
        });
        self
    }

    /// Adds a test that starts what it needs by itself.
    #[must_use]
    pub fn test_alone<F, R>(self, name: impl Into<String>, test: F) -> Self
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = ()>,
    {
        self.add(name.into(), true, test)
    }

    /// Adds a test that needs no Kafka, and runs where none can be had.
    #[must_use]
    pub fn test_anywhere<F, R>(self, name: impl Into<String>, test: F) -> Self
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = ()>,
    {
        self.add(name.into(), false, test)
    }

    fn add<F, R>(mut self, name: String, needs_kafka: bool, test: F) -> Self
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = ()>,
    {
        let body = move |_: &SharedKafka, limit| {
            block_on(limit, async {
                test().await;
                Ok(())
            })
        };
        self.tests.push(Test {
            name,
            needs_kafka,
            body: Box::new(body),
        });
        self
    }

    /// Runs the tests as the command line says, as libtest does, and returns what `main` must.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let arguments = Arguments::from_args();
        let required = std::env::var(REQUIRE).is_ok_and(|value| value == "1");
        let missing = if required {
            None
        } else {
            Kafka::available().err()
        };
        if let Some(missing) = &missing {
            eprintln!("tests on Kafka are ignored: {missing}");
        }
        let shared = Arc::new(SharedKafka::default());
        let limit = self.time_limit.unwrap_or(Duration::from_secs(120));
        let trials = self.tests.into_iter().map(|test| {
            let shared = Arc::clone(&shared);
            Trial::test(test.name, move || (test.body)(&shared, limit))
                .with_ignored_flag(test.needs_kafka && missing.is_some())
        });
        let conclusion = libtest_mimic::run(&arguments, trials.collect());
        let kafka = shared.kafka.blocking_lock().take();
        if let (true, Some(kafka)) = (conclusion.has_failed(), &kafka) {
            kafka.keep_folder();
        }
        conclusion.exit_code()
    }
}

fn block_on(limit: Duration, test: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(async { tokio::time::timeout(limit, test).await });
    // A task that hangs must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome.unwrap_or_else(|_| Err(format!("still running after {limit:?}").into()))
}
