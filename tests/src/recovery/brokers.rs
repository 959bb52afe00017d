//! The brokers of a run: a cluster of real ones, or the embedded broker as a process.

use std::fmt;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thalweg_client::Rng;
use thalweg_testcontainers::{GuardedProcess, KafkaCluster};
use tokio::time::{Instant, sleep};

use super::RunError;

/// What the jobs run on, and what is killed under them.
#[derive(Debug)]
pub(super) enum Brokers {
    Real(KafkaCluster),
    /// All brokers in one process, which keeps its data in a folder.
    Embedded(BrokerProcess),
}

impl Brokers {
    pub(super) async fn real(count: i32) -> Result<Self, RunError> {
        let cluster = KafkaCluster::builder().brokers(count).start().await?;
        Ok(Brokers::Real(cluster))
    }

    pub(super) async fn embedded(
        program: &Path,
        count: i32,
        folder: &Path,
    ) -> Result<Self, RunError> {
        let mut process = BrokerProcess::new(program, count, folder);
        process.start().await?;
        Ok(Brokers::Embedded(process))
    }

    pub(super) fn bootstrap_servers(&self) -> &str {
        match self {
            Brokers::Real(cluster) => cluster.bootstrap_servers(),
            Brokers::Embedded(process) => &process.bootstrap_servers,
        }
    }

    /// How many can be killed so that what they were told is not lost: with fewer than three a real
    /// one forgets markers of transactions. The embedded ones are one process.
    pub(super) fn mortal(&self, count: i32) -> i32 {
        match self {
            Brokers::Real(_) if count < 3 => 0,
            Brokers::Real(_) => count,
            Brokers::Embedded(_) => 1,
        }
    }

    pub(super) async fn kill(&mut self, broker: i32) -> Result<(), RunError> {
        match self {
            Brokers::Real(cluster) => Ok(cluster.kill(broker).await?),
            Brokers::Embedded(process) => process.kill(),
        }
    }

    pub(super) async fn restart(&mut self, broker: i32) -> Result<(), RunError> {
        match self {
            Brokers::Real(cluster) => Ok(cluster.restart(broker).await?),
            Brokers::Embedded(process) => process.start().await,
        }
    }

    /// Leaves the logs behind.
    pub(super) fn keep_folder(&self) {
        match self {
            Brokers::Real(cluster) => cluster.keep_folder(),
            // They are in the folder of the run, which stays.
            Brokers::Embedded(_) => {}
        }
    }
}

impl fmt::Display for Brokers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers = self.bootstrap_servers();
        match self {
            Brokers::Real(cluster) => write!(f, "Kafka {} at {servers}", cluster.version()),
            Brokers::Embedded(_) => write!(f, "the embedded broker at {servers}"),
        }
    }
}

/// The program `thalweg-broker`, which may be away.
#[derive(Debug)]
pub(super) struct BrokerProcess {
    program: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    bootstrap_servers: String,
    process: Option<GuardedProcess>,
}

/// As the brokers of `thalweg-testcontainers` are: recovery within seconds, no topics by mistake.
const SETTINGS: [&str; 5] = [
    "auto.create.topics.enable=false",
    "group.initial.rebalance.delay.ms=0",
    "group.min.session.timeout.ms=1000",
    "offsets.topic.num.partitions=4",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms=1000",
];

/// How long it may take to read its folder.
const START: Duration = Duration::from_secs(30);

impl BrokerProcess {
    fn new(program: &Path, count: i32, folder: &Path) -> Self {
        let count = u16::try_from(count.max(1)).unwrap_or(1);
        let first = free_ports(count);
        let address = |port| format!("127.0.0.1:{port}");
        let servers: Vec<String> = (first..first + count).map(address).collect();
        let mut arguments = vec![
            "--listen".to_owned(),
            address(first),
            "--brokers".to_owned(),
            count.to_string(),
            "--data".to_owned(),
            folder.join("broker.data").display().to_string(),
        ];
        for setting in SETTINGS {
            arguments.extend(["--config".to_owned(), setting.to_owned()]);
        }
        BrokerProcess {
            program: program.to_owned(),
            arguments,
            log: folder.join("broker.log"),
            bootstrap_servers: servers.join(","),
            process: None,
        }
    }

    /// Returns when it serves clients.
    async fn start(&mut self) -> Result<(), RunError> {
        let starts = self.starts();
        let started = GuardedProcess::start(&self.program, &self.arguments, &self.log);
        let what = format!("cannot start {}", self.program.display());
        let process = self.process.insert(started.map_err(RunError::os(what))?);
        let began = Instant::now();
        loop {
            let what = format!("look at {}", self.program.display());
            let ended = process.ended().map_err(RunError::os(what))?;
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            if log.matches("ready: ").count() > starts {
                return Ok(());
            }
            if ended.is_some() || began.elapsed() > START {
                let log = self.log.clone();
                return Err(RunError::BrokerNotUp { log });
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// How often it was ready so far.
    fn starts(&self) -> usize {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        log.matches("ready: ").count()
    }

    /// SIGKILL.
    fn kill(&mut self) -> Result<(), RunError> {
        match self.process.take() {
            Some(mut process) => process.kill().map_err(RunError::os("kill the broker")),
            None => Ok(()),
        }
    }
}

/// The first of so many ports in a row that are free. They come from below the ephemeral range: a
/// client that reconnects to a killed broker could else be given the broker's own port.
fn free_ports(count: u16) -> u16 {
    const FIRST: u16 = 20_000;
    const LAST: u16 = 31_000;
    let mut random = Rng::from_entropy();
    loop {
        let drawn = random.below(u64::from(LAST - FIRST));
        let first = FIRST + u16::try_from(drawn).unwrap_or_default();
        let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        if (first..first + count).all(|port| bind(port).is_ok()) {
            return first;
        }
    }
}
