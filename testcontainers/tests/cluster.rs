//! Goal: a cluster starts, loses brokers, gets them back, and leaves nothing behind.
//! Method: real processes from Kafka's jars; the brokers are spoken to in raw bytes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use thalweg_testcontainers::{ControlError, KafkaCluster, StartError};

/// Sends ApiVersions version 0 and says whether an answer came.
fn answers(address: &str) -> bool {
    const REQUEST: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];
    let exchange = || -> std::io::Result<[u8; 8]> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(&REQUEST)?;
        let mut head = [0; 8];
        stream.read_exact(&mut head)?;
        Ok(head)
    };
    exchange().is_ok_and(|head| head[4..] == [0, 0, 0, 7])
}

fn runs(process_id: i32) -> bool {
    // A zombie counts as gone: only its parent has not looked yet.
    std::fs::read_to_string(format!("/proc/{process_id}/stat"))
        .is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn a_broker_is_killed_frozen_and_restarted_and_the_rest_goes_on() {
    let kafka = KafkaCluster::builder()
        .brokers(3)
        .start()
        .await
        .expect("three brokers");
    let addresses: Vec<String> = kafka
        .broker_ids()
        .filter_map(|id| kafka.broker_address(id))
        .collect();
    assert_eq!(addresses.join(","), kafka.bootstrap_servers());
    assert!(addresses.iter().all(|address| answers(address)));

    let before = kafka.process_id(2).expect("broker 2 runs");
    kafka.kill(2).await.expect("killed");
    assert!(!runs(before));
    assert!(!kafka.is_running(2));
    assert!(!answers(&addresses[1]));
    assert!(answers(&addresses[0]));
    assert!(matches!(
        kafka.kill(2).await,
        Err(ControlError::NotRunning { id: 2 })
    ));

    kafka.stop_signal(3).expect("frozen");
    assert!(kafka.is_running(3), "frozen is not dead");
    assert!(!answers(&addresses[2]), "nobody answers");
    kafka.continue_signal(3).expect("woken");
    assert!(answers(&addresses[2]));

    kafka.restart(2).await.expect("restarted");
    assert!(answers(&addresses[1]));
    assert_ne!(kafka.process_id(2).expect("runs"), before);
    assert!(matches!(
        kafka.restart(2).await,
        Err(ControlError::Running { id: 2 })
    ));
    assert!(matches!(
        kafka.kill(4).await,
        Err(ControlError::UnknownBroker { id: 4, brokers: 3 })
    ));
}

#[test]
fn data_survives_a_kill_and_drop_cleans_up() {
    let kafka = KafkaCluster::builder().start_blocking().expect("a broker");
    let folder = kafka.folder().to_owned();
    let cluster_id = |folder: &Path| {
        let text = std::fs::read_to_string(folder.join("data-1/meta.properties")).expect("there");
        text.lines()
            .find(|line| line.starts_with("cluster.id"))
            .map(str::to_owned)
    };
    let before = cluster_id(&folder);
    assert!(folder.join("data-1/__cluster_metadata-0").is_dir());
    kafka.kill_blocking(1).expect("killed");
    kafka.restart_blocking(1).expect("restarted");
    assert_eq!(cluster_id(&folder), before);
    assert!(answers(kafka.bootstrap_servers()));
    assert!(kafka.broker_log(1).exists());

    let process = kafka.process_id(1).expect("runs");
    drop(kafka);
    assert!(!runs(process));
    assert!(!folder.exists());
}

#[test]
fn a_broker_that_ends_while_starting_leaves_its_log_and_says_where() {
    let refused = KafkaCluster::builder()
        .config("num.io.threads", "none")
        .start_blocking();
    let Err(StartError::BrokerEnded {
        id: 1, log, tail, ..
    }) = refused
    else {
        panic!("expected BrokerEnded, got {refused:?}");
    };
    assert!(tail.contains("num.io.threads"), "{tail}");
    assert!(log.exists());
    std::fs::remove_dir_all(log.parent().expect("in a folder")).expect("removed");
}

#[test]
fn impossible_clusters_are_refused() {
    for brokers in [-1, 0, 10] {
        let refused = KafkaCluster::builder().brokers(brokers).start_blocking();
        assert!(
            matches!(refused, Err(StartError::Refused(_))),
            "{brokers}: {refused:?}"
        );
    }
    for version in ["", "latest", "../4.3.0", "4.3.0/"] {
        let refused = KafkaCluster::builder().version(version).start_blocking();
        assert!(
            matches!(refused, Err(StartError::Refused(_))),
            "{version}: {refused:?}"
        );
    }
}

/// The Java that clusters run on.
fn java() -> PathBuf {
    let home = std::env::var_os("JAVA_HOME").filter(|home| !home.is_empty());
    let folders = match home {
        Some(home) => vec![Path::new(&home).join("bin")],
        None => std::env::split_paths(&std::env::var_os("PATH").expect("a path")).collect(),
    };
    let programs = folders.iter().map(|folder| folder.join("java"));
    programs
        .into_iter()
        .find(|java| java.exists())
        .expect("Java is there")
}

/// What a newcomer meets whose machine lacks something: each answer says what to do.
#[test]
fn what_is_missing_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let old = path.join("old/bin");
    std::fs::create_dir_all(&old).expect("a folder");
    let script = "#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n";
    std::fs::write(old.join("java"), script).expect("written");
    let run = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(old.join("java"), run).expect("executable");
    std::os::unix::fs::symlink(java(), path.join("java")).expect("a link");
    let home = old.parent().expect("its home").display().to_string();
    let with_path = std::env::var("PATH").expect("a path");
    let only_java = path.display().to_string();
    let both = format!("{only_java}:{with_path}");
    let no_jars = path.join("cache").display().to_string();
    for (java_home, search, arguments, words) in [
        (
            "/nowhere",
            &both,
            &[][..],
            &["no Java found", "apt install"][..],
        ),
        (&*home, &both, &[], &["11.0.2", "needs Java 17"]),
        (
            "",
            &only_java,
            &[],
            &["apt install maven", "THALWEG_KAFKA_CACHE"],
        ),
        ("", &both, &["--brokers", "0"], &["0 brokers", "1 to 9"]),
        (
            "",
            &both,
            &["--nonsense"],
            &["no option --nonsense", "--help"],
        ),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_thalweg-kafka"))
            .args(arguments)
            .env("JAVA_HOME", java_home)
            .env("PATH", search)
            .env("THALWEG_KAFKA_CACHE", &no_jars)
            .stdin(Stdio::null())
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        for word in words {
            assert!(said.contains(word), "no {word:?} in {said}");
        }
    }
    let help = Command::new(env!("CARGO_BIN_EXE_thalweg-kafka"))
        .arg("--help")
        .output()
        .expect("it runs");
    assert!(help.status.success());
    assert!(String::from_utf8_lossy(&help.stdout).contains("--brokers N"));
}

/// The port of a broker that is down is kept from other clusters; another program may take it.
#[test]
fn a_port_taken_while_its_broker_was_down_is_named_and_the_broker_can_be_restarted_later() {
    let kafka = KafkaCluster::builder().start_blocking().expect("a broker");
    kafka.kill_blocking(1).expect("killed");
    let thief = std::net::TcpListener::bind(kafka.bootstrap_servers()).expect("free now");
    let Err(ControlError::Start(StartError::BrokerEnded { tail, .. })) = kafka.restart_blocking(1)
    else {
        panic!("it started although its port is taken");
    };
    assert!(tail.contains("Address already in use"), "{tail}");
    assert!(!kafka.is_running(1));
    drop(thief);
    kafka.restart_blocking(1).expect("restarted");
    assert!(answers(kafka.bootstrap_servers()));
    let folder = kafka.folder().to_owned();
    drop(kafka);
    // The failed start has kept it.
    std::fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn brokers_and_their_folder_go_when_the_process_that_started_them_is_killed() {
    let mut starter = Command::new(env!("CARGO_BIN_EXE_thalweg-kafka"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process that starts a broker");
    let output = BufReader::new(starter.stdout.take().expect("piped"));
    let lines: Vec<String> = output
        .lines()
        .map_while(Result::ok)
        .take_while(|line| line != "ready")
        .collect();
    let value = |key: &str| {
        let line = lines.iter().find_map(|line| line.strip_prefix(key));
        line.unwrap_or_else(|| panic!("no {key} in {lines:?}"))
            .to_owned()
    };
    let process: i32 = value("broker.1.process=").parse().expect("a process id");
    let folder = PathBuf::from(value("folder="));
    assert!(runs(process) && folder.exists());
    assert!(answers(&value("bootstrap.servers=")));

    starter.kill().expect("killed");
    starter.wait().expect("reaped");
    let gone = (0..500).any(|_| {
        std::thread::park_timeout(Duration::from_millis(20));
        !runs(process) && !folder.exists()
    });
    assert!(
        gone,
        "broker {process} or {} outlived its starter",
        folder.display()
    );
}
