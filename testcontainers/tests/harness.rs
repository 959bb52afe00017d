//! Goal: tests that share a Kafka see the same one, and names they make do not clash.
//! Method: this target is itself run by the runner under test.

use std::process::ExitCode;
use std::sync::Mutex;

use thalweg_testcontainers::KafkaTests;

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn see(servers: &str) {
    let mut seen = SEEN.lock().expect("no test panics while it holds it");
    seen.push(servers.to_owned());
    assert!(seen.iter().all(|other| other == servers), "{seen:?}");
}

fn main() -> ExitCode {
    KafkaTests::new()
        .test("a_test_gets_the_shared_kafka", async |kafka| {
            see(kafka.bootstrap_servers())
        })
        .test("another_test_gets_the_same_one", async |kafka| {
            see(kafka.bootstrap_servers())
        })
        .test("unique_names_differ", async |kafka| {
            assert_ne!(kafka.unique_name("t"), kafka.unique_name("t"));
        })
        .test_alone("a_test_without_the_shared_kafka_runs_too", async || {
            tokio::task::yield_now().await;
        })
        .run()
}
