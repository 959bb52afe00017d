//! Goal: the examples do what their heads say, and tell what is wrong when it is. Method: their
//! programs, as a user would call them, on a real Kafka.

#![allow(clippy::indexing_slicing, reason = "out of bounds is a failed test")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::sync::OnceLock;

use thalweg_tests::brokers::{Kafka, Tests};

fn main() -> ExitCode {
    Tests::new()
        .test("words_are_counted", async |kafka| words(&kafka))
        .test("what_is_produced_is_consumed", async |kafka| {
            produce_and_consume(&kafka);
        })
        .test("only_whole_transfers_are_seen", async |kafka| {
            transfers(&kafka);
        })
        .test("a_typo_in_a_topic_is_named", async |kafka| {
            typo(&kafka);
        })
        .without_broker("no_kafka_at_all_is_told", async || no_kafka())
        .run()
}

/// Where the programs are: where `THALWEG_EXAMPLES` says, or beside this test, where the command that
/// built it has put them as well.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        if let Some(folder) = std::env::var_os("THALWEG_EXAMPLES") {
            return folder.into();
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--examples"]);
        build.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo").success(), "{build:?}");
        // <target>/<profile>/deps/examples-<hash>
        let this = std::env::current_exe().expect("a path");
        this.ancestors()
            .nth(2)
            .expect("a target folder")
            .join("examples")
    })
}

fn create(kafka: &Kafka, topics: &[&str]) {
    let said = succeed(
        "create_topics",
        &[&[kafka.bootstrap_servers()], topics].concat(),
    );
    assert_eq!(said.matches(" is created").count(), topics.len(), "{said}");
}

fn example(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(folder().join(name));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(name: &str, arguments: &[&str]) -> Output {
    example(name, arguments).output().expect("it starts")
}

fn succeed(name: &str, arguments: &[&str]) -> String {
    let output = run(name, arguments);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{name}: {out}\n{err}");
    out
}

/// What it says on standard error when it fails; one line, or a few.
fn fail(name: &str, arguments: &[&str]) -> String {
    let output = run(name, arguments);
    let err = text(&output.stderr);
    assert!(!output.status.success(), "{name} succeeded: {err}");
    assert!(!err.contains("panicked"), "{name}: {err}");
    err
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// An example that runs until it is killed, which it is at the end of the test.
struct Running(Child);

impl Running {
    fn lines(&mut self, count: usize) -> Vec<String> {
        let out = self.0.stdout.as_mut().expect("piped");
        let lines = BufReader::new(out).lines().take(count);
        lines.map(|line| line.expect("text")).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn consume(servers: &str, group: &str, topic: &str) -> Running {
    let mut command = example("consume", &[servers, group, topic]);
    Running(command.stdout(Stdio::piped()).spawn().expect("it starts"))
}

/// The values, sorted.
fn values(lines: &[String]) -> Vec<&str> {
    let mut values: Vec<&str> = lines
        .iter()
        .filter_map(|line| Some(line.split_once(" = ")?.1))
        .collect();
    values.sort_unstable();
    values
}

/// Counts to the end of the input; whether it succeeded, and what it said on standard error.
fn count_words(servers: &str, input: &str, output: &str) -> (bool, String) {
    let state = tempfile::tempdir().expect("a folder");
    let state = state.path().to_str().expect("text");
    let mut job = vec!["--until-end", "--state-dir", state];
    job.extend(["--bootstrap-servers", servers]);
    job.extend(["--input", input, "--output", output]);
    let ended = run("word_count", &job);
    (ended.status.success(), text(&ended.stderr))
}

fn words(kafka: &Kafka) {
    let servers = kafka.bootstrap_servers();
    let (lines, counts) = (kafka.unique_name("lines"), kafka.unique_name("counts"));
    create(kafka, &[&lines, &counts]);
    let again = succeed("create_topics", &[servers, &lines]);
    assert!(again.contains("exists already"), "{again}");
    let said = ["to be or not", "or not to be, or"];
    succeed("produce", &[servers, &lines, said[0], said[1]]);
    let (done, said) = count_words(servers, &lines, &counts);
    assert!(done, "{said}");
    let mut seen = consume(servers, &kafka.unique_name("readers"), &counts);
    let seen = seen.lines(4);
    let counted: Vec<String> = values(&seen)
        .into_iter()
        .map(|value| {
            let row: serde_json::Value = serde_json::from_str(value).expect("JSON");
            assert_eq!(row["from"].as_i64().expect("a time") % 5_000, 0);
            format!("{} {}", row["word"].as_str().expect("a word"), row["count"])
        })
        .collect();
    assert_eq!(counted.len(), 4, "{seen:?}");
    for expected in ["be 2", "not 2", "or 3", "to 2"] {
        assert!(counted.iter().any(|row| row == expected), "{counted:?}");
    }
}

fn produce_and_consume(kafka: &Kafka) {
    let (servers, topic) = (kafka.bootstrap_servers(), kafka.unique_name("greetings"));
    create(kafka, &[&topic]);
    let said = succeed("produce", &[servers, &topic, "hello", "k=world"]);
    assert!(
        said.contains("hello -> ") && said.contains("offset 0"),
        "{said}"
    );
    let mut lines = example("produce", &[servers, &topic]);
    let mut lines = lines
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut input = lines.stdin.take().expect("piped");
    input.write_all(b"one\ntwo\n").expect("written");
    drop(input);
    let said = text(&lines.wait_with_output().expect("it ends").stdout);
    assert!(said.contains("2 records are written"), "{said}");
    let mut reader = consume(servers, &kafka.unique_name("readers"), &topic);
    let read = reader.lines(4);
    assert_eq!(values(&read), ["hello", "one", "two", "world"]);
    assert!(
        read.iter().any(|line| line.contains(": k = world")),
        "{read:?}"
    );
}

fn transfers(kafka: &Kafka) {
    let (servers, topic) = (kafka.bootstrap_servers(), kafka.unique_name("accounts"));
    create(kafka, &[&topic]);
    let said = succeed("transactions", &[servers, &topic, "4"]);
    assert_eq!(said.matches(": committed").count(), 3, "{said}");
    assert_eq!(said.matches(": aborted").count(), 1, "{said}");
}

fn typo(kafka: &Kafka) {
    let servers = kafka.bootstrap_servers();
    let typo = kafka.unique_name("no-such-topic");
    let (done, said) = count_words(servers, &typo, &typo);
    assert!(!done && !said.contains("panicked"), "{said}");
    assert!(said.contains(&typo), "{said}");
    assert!(!said.contains(" { "), "a sentence, not a structure: {said}");
}

fn no_kafka() {
    // Nobody listens on the discard port.
    let nobody = "127.0.0.1:9";
    for (name, arguments) in [
        ("create_topics", vec![nobody, "topic"]),
        ("produce", vec![nobody, "topic", "word"]),
        ("consume", vec![nobody, "group", "topic"]),
        ("transactions", vec![nobody, "topic", "1"]),
    ] {
        let said = fail(name, &arguments);
        assert!(said.contains(nobody), "{name}: {said}");
        assert!(!said.contains(" { "), "a sentence, not a structure: {said}");
    }
    for name in [
        "produce",
        "consume",
        "transactions",
        "word_count",
        "nexmark",
    ] {
        let said = fail(name, &[]);
        assert!(said.to_lowercase().contains("usage"), "{name}: {said}");
    }
}
