//! A cluster of brokers in processes of their own, from Kafka's jars.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::Signal;

use crate::broker::{Broker, Launch, data_folder, log_file, random_id};
use crate::cache::{KafkaJars, scratch_folder};
use crate::error::{ControlError, StartError};
use crate::java::{self, Java};
use crate::ports::Port;
use crate::process::{KEEP, clean_up, keep_folder, keep_if_wanted};
use crate::server_properties::{self, Node};

/// The Kafka that is started when no version is asked for.
pub(crate) const DEFAULT_VERSION: &str = "4.3.0";

/// How often a start is tried again after another program took a port that was free.
const PORT_ATTEMPTS: u32 = 5;

/// Describes the cluster to start. See [`KafkaCluster::builder`].
#[derive(Debug, Clone)]
pub struct KafkaClusterBuilder {
    version: String,
    brokers: i32,
    heap: String,
    features: Vec<(String, i16)>,
    config: Vec<(String, String)>,
    broker_config: Vec<(i32, String, String)>,
    jvm_options: Vec<String>,
}

impl KafkaClusterBuilder {
    /// The Kafka version, as its jars are published; default `4.3.0`.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// How many combined broker and controller nodes; default 1. Their ids are 1 to `brokers`.
    ///
    /// Internal and new topics have min(3, brokers) replicas, of which two must be in sync on
    /// three brokers or more.
    #[must_use]
    pub fn brokers(mut self, brokers: i32) -> Self {
        self.brokers = brokers;
        self
    }

    /// Sets a key of `server.properties` on all brokers.
    ///
    /// It wins over the defaults of test brokers, not over identity and listeners.
    #[must_use]
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.config.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Sets a key of `server.properties` on one broker, over what [`Self::config`] says.
    #[must_use]
    pub fn broker_config(mut self, id: i32, key: &str, value: &str) -> Self {
        self.broker_config
            .push((id, key.to_owned(), value.to_owned()));
        self
    }

    /// Finalises a feature at a level, for example `transaction.version` at 1.
    ///
    /// Features not named have the default level of the Kafka version.
    #[must_use]
    pub fn feature(mut self, name: &str, level: i16) -> Self {
        self.features.retain(|(known, _)| known != name);
        self.features.push((name.to_owned(), level));
        self.features.sort();
        self
    }

    /// The most memory one broker's heap may take, as Java writes it; default `384m`.
    #[must_use]
    pub fn heap(mut self, heap: &str) -> Self {
        heap.clone_into(&mut self.heap);
        self
    }

    /// Adds an option of the Java runtime. Later options win.
    #[must_use]
    pub fn jvm_option(mut self, option: &str) -> Self {
        self.jvm_options.push(option.to_owned());
        self
    }

    /// Starts the cluster and returns when all brokers serve clients.
    ///
    /// # Errors
    /// See [`StartError`]. When a broker fails, the logs stay and the error names them.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the start, but ends the brokers when it is done.
    pub async fn start(self) -> Result<KafkaCluster, StartError> {
        on_a_thread(move || self.start_blocking()).await
    }

    /// [`Self::start`] for tests without a runtime; blocks the thread.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_blocking(self) -> Result<KafkaCluster, StartError> {
        if !(1..=9).contains(&self.brokers) {
            return Err(StartError::Refused(format!(
                "a cluster of {} brokers was asked for; 1 to 9 can be started",
                self.brokers
            )));
        }
        // It becomes part of a path and of a Maven project.
        let word = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
        if !self.version.starts_with(|c: char| c.is_ascii_digit())
            || !self.version.chars().all(word)
        {
            return Err(StartError::Refused(format!(
                "{:?} is no version of Kafka: they look like 4.3.0",
                self.version
            )));
        }
        let java = Java::find()?;
        let jars = KafkaJars::locate(&self.version)?;
        let formatted = jars.formatted(&java, &self.features)?;
        let archive = jars.class_archive(&java);
        if let Some(_lock) = jars.class_archive_lock(&archive) {
            tracing::info!(archive = %archive.display(), "preparing fast starts of Kafka, once");
            if let Err(error) = make_class_archive(&java, &jars, &formatted, &archive) {
                tracing::warn!(%error, "Kafka will start slowly: no class-data archive");
            }
        }
        let mut attempt = 1;
        loop {
            match self.try_start(&java, &jars, &formatted, &archive) {
                Err(Attempt::PortTaken(_)) if attempt < PORT_ATTEMPTS => attempt += 1,
                Err(Attempt::PortTaken(error) | Attempt::Failed(error)) => return Err(error),
                Ok(cluster) => return Ok(cluster),
            }
        }
    }

    fn try_start(
        &self,
        java: &Java,
        jars: &KafkaJars,
        formatted: &Path,
        archive: &Path,
    ) -> Result<KafkaCluster, Attempt> {
        let (mut nodes, mut ports) = (Vec::new(), Vec::new());
        for id in 1..=self.brokers {
            let (client, controller) = (Port::reserve()?, Port::reserve()?);
            nodes.push(Node {
                id,
                client_port: client.number(),
                controller_port: controller.number(),
            });
            ports.extend([client, controller]);
        }
        let launch = Launch {
            java: java.program().to_owned(),
            arguments: self.arguments(jars, archive),
            folder: scratch_folder()?.keep(),
        };
        let addresses: Vec<String> = nodes.iter().map(Node::address).collect();
        // From here on its drop ends the processes and removes the folder.
        let mut shared = Shared {
            version: self.version.clone(),
            bootstrap_servers: addresses.join(","),
            nodes,
            _ports: ports,
            launch,
            brokers: Vec::new(),
        };
        let cluster_id = random_id();
        for node in &shared.nodes {
            let folder = &shared.launch.folder;
            let data = data_folder(folder, node.id);
            let config = self.config_of(node.id);
            let settings = server_properties::settings(*node, &shared.nodes, &data, &config);
            let mut broker = Broker::lay_out(folder, node.id, &settings, &cluster_id, formatted)?;
            broker.launch(&shared.launch)?;
            shared.brokers.push(Mutex::new(broker));
        }
        for broker in &shared.brokers {
            let mut broker = lock(broker);
            let Err(error) = broker.await_ready(&shared.launch) else {
                continue;
            };
            if broker.lost_its_port() {
                // Nothing to learn from this one: do not keep its folder.
                let _ = std::fs::remove_file(shared.launch.folder.join(KEEP));
                return Err(Attempt::PortTaken(error));
            }
            return Err(Attempt::Failed(error));
        }
        Ok(KafkaCluster {
            shared: Arc::new(shared),
        })
    }

    fn config_of(&self, broker: i32) -> Vec<(String, String)> {
        let own = self.broker_config.iter().filter(|(id, ..)| *id == broker);
        let own = own.map(|(_, key, value)| (key.clone(), value.clone()));
        self.config.iter().cloned().chain(own).collect()
    }

    fn arguments(&self, jars: &KafkaJars, archive: &Path) -> Vec<OsString> {
        let mut arguments = java::options(&self.heap);
        if archive.exists() {
            let mut option = OsString::from("-XX:SharedArchiveFile=");
            option.push(archive);
            arguments.push(option);
        }
        arguments.extend(self.jvm_options.iter().map(OsString::from));
        arguments.push("-cp".into());
        arguments.push(jars.class_path().clone());
        arguments.push("kafka.Kafka".into());
        arguments
    }
}

/// How one attempt to start failed.
enum Attempt {
    PortTaken(StartError),
    Failed(StartError),
}

impl From<StartError> for Attempt {
    fn from(error: StartError) -> Self {
        Self::Failed(error)
    }
}

/// Runs a broker once, so that Java writes down the classes it loaded.
fn make_class_archive(
    java: &Java,
    jars: &KafkaJars,
    formatted: &Path,
    archive: &Path,
) -> Result<(), String> {
    let aside = archive.with_extension("partial");
    let trainer = KafkaCluster::builder()
        .jvm_option(&format!("-XX:ArchiveClassesAtExit={}", aside.display()));
    let cluster =
        trainer
            .try_start(java, jars, formatted, archive)
            .map_err(|attempt| match attempt {
                Attempt::PortTaken(error) | Attempt::Failed(error) => error.to_string(),
            })?;
    cluster
        .shared
        .end(1, Signal::TERM)
        .map_err(|error| error.to_string())?;
    std::fs::rename(&aside, archive).map_err(|error| error.to_string())
}

/// A running Kafka cluster; dropped, its processes end and its folder goes.
///
/// The folder stays, and its path is printed, if the test that drops the cluster is panicking,
/// or if `THALWEG_KAFKA_KEEP` is set. If this process is killed, guards end the brokers.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use thalweg_testcontainers::KafkaCluster;
///
/// let kafka = KafkaCluster::builder().version("4.3.0").brokers(3).start().await?;
/// println!("clients connect to {}", kafka.bootstrap_servers());
/// kafka.kill(2).await?;
/// kafka.restart(2).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct KafkaCluster {
    shared: Arc<Shared>,
}

/// Shared with the threads that wait for brokers on behalf of futures.
#[derive(Debug)]
struct Shared {
    version: String,
    bootstrap_servers: String,
    nodes: Vec<Node>,
    /// Held so that nobody takes the port of a broker that is down.
    _ports: Vec<Port>,
    launch: Launch,
    /// A lock each: two brokers can come up at the same time.
    brokers: Vec<Mutex<Broker>>,
}

impl KafkaCluster {
    /// Begins the description of a cluster: one broker of Kafka 4.3.0 unless told otherwise.
    #[must_use]
    pub fn builder() -> KafkaClusterBuilder {
        KafkaClusterBuilder {
            version: DEFAULT_VERSION.to_owned(),
            brokers: 1,
            heap: "384m".to_owned(),
            features: Vec::new(),
            config: Vec::new(),
            broker_config: Vec::new(),
            jvm_options: Vec::new(),
        }
    }

    /// The addresses of all brokers, running or not, separated by commas.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.shared.bootstrap_servers
    }

    /// The Kafka version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.shared.version
    }

    /// The ids of the brokers, ascending from 1.
    pub fn broker_ids(&self) -> impl Iterator<Item = i32> + '_ {
        self.shared.nodes.iter().map(|node| node.id)
    }

    /// The address of one broker, or `None` if the cluster has no such broker.
    #[must_use]
    pub fn broker_address(&self, id: i32) -> Option<String> {
        self.shared
            .nodes
            .iter()
            .find(|node| node.id == id)
            .map(Node::address)
    }

    /// The folder of the cluster: settings, logs and data of its brokers.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.shared.launch.folder
    }

    /// The log file of one broker, all its runs in one.
    #[must_use]
    pub fn broker_log(&self, id: i32) -> PathBuf {
        log_file(self.folder(), id)
    }

    /// True if the process of this broker is there, frozen or not.
    #[must_use]
    pub fn is_running(&self, id: i32) -> bool {
        self.shared
            .with(id, |broker| Ok(broker.is_running()))
            .unwrap_or(false)
    }

    /// The process id of a running broker.
    ///
    /// # Errors
    /// [`ControlError::UnknownBroker`] or [`ControlError::NotRunning`].
    pub fn process_id(&self, id: i32) -> Result<i32, ControlError> {
        self.shared.with(id, Broker::process_id)
    }

    /// Freezes one broker (SIGSTOP): its connections stay open and nothing answers.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn stop_signal(&self, id: i32) -> Result<(), ControlError> {
        self.shared.with(id, |broker| broker.signal(Signal::STOP))
    }

    /// Wakes a frozen broker (SIGCONT).
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn continue_signal(&self, id: i32) -> Result<(), ControlError> {
        self.shared.with(id, |broker| broker.signal(Signal::CONT))
    }

    /// Kills one broker (SIGKILL) and returns when it is gone. Its data stays.
    ///
    /// # Errors
    /// See [`ControlError`].
    ///
    /// # Cancel safety
    /// Once polled, the broker is killed even if the future is dropped.
    pub async fn kill(&self, id: i32) -> Result<(), ControlError> {
        let shared = Arc::clone(&self.shared);
        on_a_thread(move || shared.end(id, Signal::KILL)).await
    }

    /// [`Self::kill`] for tests without a runtime; blocks for some milliseconds.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn kill_blocking(&self, id: i32) -> Result<(), ControlError> {
        self.shared.end(id, Signal::KILL)
    }

    /// Shuts one broker down in order (SIGTERM) and returns when it is gone. It moves its
    /// leaders away first, if there is another broker.
    ///
    /// # Errors
    /// See [`ControlError`].
    ///
    /// # Cancel safety
    /// Once polled, the broker is shut down even if the future is dropped.
    pub async fn shut_down(&self, id: i32) -> Result<(), ControlError> {
        let shared = Arc::clone(&self.shared);
        on_a_thread(move || shared.end(id, Signal::TERM)).await
    }

    /// Starts a broker that was killed or shut down, on its old port and data, and returns when
    /// it serves clients.
    ///
    /// # Errors
    /// [`ControlError::Running`] if it runs; [`ControlError::Start`] if it does not come up.
    ///
    /// # Cancel safety
    /// Once polled, the broker is started even if the future is dropped.
    pub async fn restart(&self, id: i32) -> Result<(), ControlError> {
        let shared = Arc::clone(&self.shared);
        on_a_thread(move || shared.restart(id)).await
    }

    /// [`Self::restart`] for tests without a runtime; blocks the thread.
    ///
    /// # Errors
    /// As [`Self::restart`].
    pub fn restart_blocking(&self, id: i32) -> Result<(), ControlError> {
        self.shared.restart(id)
    }

    /// Leaves the cluster's folder with its logs behind, also when this process ends.
    pub fn keep_folder(&self) {
        keep_folder(self.folder());
    }
}

impl Shared {
    fn end(&self, id: i32, signal: Signal) -> Result<(), ControlError> {
        self.with(id, |broker| broker.end(signal))
    }

    fn restart(&self, id: i32) -> Result<(), ControlError> {
        self.with(id, |broker| {
            if broker.is_running() {
                return Err(ControlError::Running { id });
            }
            broker.launch(&self.launch)?;
            Ok(broker.await_ready(&self.launch)?)
        })
    }

    fn with<T>(
        &self,
        id: i32,
        act: impl FnOnce(&mut Broker) -> Result<T, ControlError>,
    ) -> Result<T, ControlError> {
        let index = id
            .checked_sub(1)
            .and_then(|index| usize::try_from(index).ok());
        match index.and_then(|index| self.brokers.get(index)) {
            Some(broker) => act(&mut lock(broker)),
            None => Err(ControlError::UnknownBroker {
                id,
                brokers: self.brokers.len(),
            }),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        keep_if_wanted(&self.launch.folder);
        self.brokers.clear();
        clean_up(&self.launch.folder);
    }
}

fn lock(broker: &Mutex<Broker>) -> MutexGuard<'_, Broker> {
    // A panic in one test must not keep the others from their brokers.
    broker.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs what blocks on a thread of its own, so that the runtime's tasks go on.
pub(crate) async fn on_a_thread<T, E>(
    act: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: Send + 'static + From<StartError>,
{
    match tokio::task::spawn_blocking(act).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(StartError::Refused(
                "the tokio runtime shut down while Kafka was being started or stopped".to_owned(),
            )
            .into()),
        },
    }
}
