//! Goal: a Kafka in a container serves clients on this machine, is what the pick falls back to, and
//! leaves nothing behind. Method: a real engine, spoken to by the `docker` command as a witness;
//! where no engine answers the tests are ignored.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, ExitCode};
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use thalweg_testcontainers::{Kafka, KafkaContainer, StartError};

/// Tells the child, which has no Java, from the parent.
const CHILD: &str = "THALWEG_DOCKER_TEST_CHILD";

type Test = fn() -> Result<(), Failed>;

/// Sends ApiVersions version 0 and says whether an answer came.
fn answers(address: &str) -> bool {
    const REQUEST: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];
    let exchange = || -> std::io::Result<[u8; 8]> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(&REQUEST)?;
        let mut head = [0; 8];
        stream.read_exact(&mut head)?;
        Ok(head)
    };
    exchange().is_ok_and(|head| head[4..] == [0, 0, 0, 7])
}

/// The containers that publish this address.
fn containers_at(address: &str) -> Result<String, Failed> {
    let port = address.rsplit(':').next().unwrap_or_default();
    let output = Command::new("docker")
        .args(["ps", "-a", "--format", "{{.Image}} {{.Ports}}"])
        .args(["--filter", &format!("publish={port}")])
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    println!("docker ps, port {port}: {text}");
    Ok(text)
}

fn a_container_serves_clients_and_goes_when_it_is_dropped() -> Result<(), Failed> {
    let kafka = KafkaContainer::builder().start_blocking()?;
    let address = kafka.bootstrap_servers().to_owned();
    println!(
        "{} at {address}, log {}",
        kafka.image(),
        kafka.log().display()
    );
    assert!(answers(&address));
    let containers = containers_at(&address)?;
    assert!(containers.contains("127.0.0.1:"), "{containers}");
    let log = std::fs::read_to_string(kafka.log())?;
    assert!(log.contains("Kafka Server started"), "{log}");
    let folder = kafka.folder().to_owned();
    // Outside a runtime, and from another thread than the one that started it.
    std::thread::spawn(move || drop(kafka))
        .join()
        .expect("dropped without a panic");
    assert!(!answers(&address));
    assert_eq!(containers_at(&address)?, "");
    assert!(!folder.exists());
    Ok(())
}

/// Test brokers abort what timed out within a second or so, in a container as from jars.
fn a_container_has_the_settings_of_a_test_broker() -> Result<(), Failed> {
    let kafka = KafkaContainer::builder()
        .config("num.io.threads", "3")
        .start_blocking()?;
    let log = std::fs::read_to_string(kafka.log())?;
    for setting in [
        "transaction.abort.timed.out.transaction.cleanup.interval.ms = 1000",
        "group.consumer.session.timeout.ms = 6000",
        "num.io.threads = 3",
    ] {
        assert!(log.contains(setting), "no {setting:?} in {log}");
    }
    Ok(())
}

fn an_image_that_cannot_be_had_is_named() -> Result<(), Failed> {
    let refused = KafkaContainer::builder()
        .image("thalweg.invalid/kafka")
        .version("0.0.0")
        .start_blocking();
    let error = refused.expect_err("there is no such image");
    println!("{error}");
    let StartError::NoContainer { image, .. } = error else {
        panic!("expected NoContainer, got {error:?}");
    };
    assert_eq!(image, "thalweg.invalid/kafka:0.0.0");
    Ok(())
}

fn a_broker_that_ends_while_starting_leaves_its_log_and_says_why() -> Result<(), Failed> {
    let refused = KafkaContainer::builder()
        .config("num.io.threads", "none")
        .start_blocking();
    let error = refused.expect_err("that is no number");
    println!("{error}");
    let StartError::Container { tail, log, .. } = error else {
        panic!("expected Container, got {error:?}");
    };
    assert!(tail.contains("num.io.threads"), "{tail}");
    assert!(log.exists());
    std::fs::remove_dir_all(log.parent().expect("in a folder"))?;
    Ok(())
}

fn a_machine_without_java_gets_a_container() -> Result<(), Failed> {
    let child = Command::new(std::env::current_exe()?)
        .env("JAVA_HOME", "/nowhere")
        .env("PATH", "/nowhere")
        .env_remove("THALWEG_BOOTSTRAP_SERVERS")
        .env(CHILD, "1")
        .output()?;
    let text = String::from_utf8(child.stdout)?;
    println!("{text}{}", String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success());
    assert!(text.contains("Kafka in a container of apache/kafka:4.3.0, at 127.0.0.1:"));
    Ok(())
}

/// What the child of the test above does.
fn pick() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let kafka = runtime.block_on(Kafka::pick()).expect("a container");
    assert!(answers(kafka.bootstrap_servers()));
    println!("{kafka}");
    ExitCode::SUCCESS
}

fn main() -> ExitCode {
    if std::env::var_os(CHILD).is_some() {
        return pick();
    }
    let missing = KafkaContainer::available().err();
    if let Some(missing) = &missing {
        eprintln!("tests are ignored: {missing}");
    }
    let tests: [(&str, Test); 5] = [
        (
            "a_container_serves_clients_and_goes_when_it_is_dropped",
            a_container_serves_clients_and_goes_when_it_is_dropped,
        ),
        (
            "a_container_has_the_settings_of_a_test_broker",
            a_container_has_the_settings_of_a_test_broker,
        ),
        (
            "an_image_that_cannot_be_had_is_named",
            an_image_that_cannot_be_had_is_named,
        ),
        (
            "a_broker_that_ends_while_starting_leaves_its_log_and_says_why",
            a_broker_that_ends_while_starting_leaves_its_log_and_says_why,
        ),
        (
            "a_machine_without_java_gets_a_container",
            a_machine_without_java_gets_a_container,
        ),
    ];
    let trials =
        tests.map(|(name, test)| Trial::test(name, test).with_ignored_flag(missing.is_some()));
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}
