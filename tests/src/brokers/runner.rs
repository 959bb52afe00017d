//! Registers tests for both kinds of brokers.

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use thalweg_testcontainers::KafkaTests;

use super::{Kafka, Which};

/// The tests of one target with `harness = false`: each on the embedded broker and on a real Kafka.
///
/// Those on a real Kafka share one, and are reported as ignored where there is none; on the embedded
/// broker each test has its own.
#[derive(Default)]
pub struct Tests {
    tests: KafkaTests,
}

impl Tests {
    /// No tests yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long each test may take.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.tests = self.tests.time_limit(limit);
        self
    }

    /// Adds a test that uses a broker of which others may use other topics and groups.
    #[must_use]
    pub fn test<F, R>(self, name: &str, test: F) -> Self
    where
        F: FnOnce(Arc<Kafka>) -> R + Clone + Send + 'static,
        R: Future<Output = ()>,
    {
        let tests = self.only_on_kafka(name, test.clone()).tests;
        let embedded = async move || test(Arc::new(Which::Embedded.builder().start().await)).await;
        let tests = tests.test_anywhere(format!("embedded::{name}"), embedded);
        Tests { tests }
    }

    /// Adds a test that starts what it needs by itself.
    #[must_use]
    pub fn test_alone<F, R>(self, name: &str, test: F) -> Self
    where
        F: FnOnce(Which) -> R + Clone + Send + 'static,
        R: Future<Output = ()>,
    {
        let real = test.clone();
        let tests = self
            .tests
            .test_alone(format!("kafka::{name}"), move || real(Which::Real))
            .test_anywhere(format!("embedded::{name}"), move || test(Which::Embedded));
        Tests { tests }
    }

    /// Adds a test that cannot run on the embedded broker. Say why, where this is called.
    #[must_use]
    pub fn only_on_kafka<F, R>(self, name: &str, test: F) -> Self
    where
        F: FnOnce(Arc<Kafka>) -> R + Send + 'static,
        R: Future<Output = ()>,
    {
        let real = async move |kafka: Arc<_>| test(Arc::new(Kafka::from(kafka))).await;
        let tests = self.tests.test(format!("kafka::{name}"), real);
        Tests { tests }
    }

    /// Adds a test that needs no broker.
    #[must_use]
    pub fn without_broker<F, R>(self, name: &str, test: F) -> Self
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = ()>,
    {
        let tests = self.tests.test_anywhere(name, test);
        Tests { tests }
    }

    /// Runs the tests as the command line says, as libtest does, and returns what `main` must.
    #[must_use]
    pub fn run(self) -> ExitCode {
        self.tests.run()
    }
}
