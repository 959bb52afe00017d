//! A Kafka of one broker in a container, through the `testcontainers` crate.
//!
//! The container is kept by a thread with a runtime of its own. That crate removes a container from
//! within the runtime that drops it, and panics where there is none; tests drop theirs anywhere.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use testcontainers::core::client::docker_client_instance;
use testcontainers::core::error::{TestcontainersError, WaitContainerError};
use testcontainers::core::logs::LogFrame;
use testcontainers::core::{ContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt as _};
use tokio::sync::oneshot;

use crate::broker::{READY, log_file, random_id, what_went_wrong};
use crate::cache::scratch_folder;
use crate::cluster::{DEFAULT_VERSION, on_a_thread};
use crate::error::StartError;
use crate::folder;
use crate::ports::Port;
use crate::process::{clean_up, keep_folder, keep_if_wanted};
use crate::server_properties::{self, Node};

/// The repository of the Apache Kafka project.
const IMAGE: &str = "apache/kafka";

/// The ports within the container.
const CLIENT_PORT: u16 = 9092;
const CONTROLLER_PORT: u16 = 9093;

/// How long the broker may take to come up once the image is there, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long an engine may take to say that it is there.
const PING_PATIENCE: Duration = Duration::from_secs(5);

/// Describes the container to start. See [`KafkaContainer::builder`].
#[derive(Debug, Clone)]
pub struct KafkaContainerBuilder {
    image: String,
    version: String,
    heap: String,
    config: Vec<(String, String)>,
}

impl KafkaContainerBuilder {
    /// The repository of the image; default `apache/kafka`. Another one must start as that does,
    /// with settings in `KAFKA_*` variables.
    #[must_use]
    pub fn image(mut self, image: &str) -> Self {
        image.clone_into(&mut self.image);
        self
    }

    /// The Kafka version, which is the image's tag; default `4.3.0`.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// Sets a key of `server.properties`. It wins over the defaults of test brokers, not over
    /// identity and listeners.
    #[must_use]
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.config.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The most memory the broker's heap may take, as Java writes it; default `384m`.
    #[must_use]
    pub fn heap(mut self, heap: &str) -> Self {
        heap.clone_into(&mut self.heap);
        self
    }

    /// Starts the container, fetching its image if the engine does not have it, and returns when
    /// the broker serves clients.
    ///
    /// # Errors
    /// [`StartError::NoDocker`] where no engine answers, [`StartError::NoContainer`] where it cannot
    /// make the container, [`StartError::Container`] where the broker in it did not come up; its log
    /// stays then.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the start, but removes the container when it is done.
    pub async fn start(self) -> Result<KafkaContainer, StartError> {
        on_a_thread(move || self.start_blocking()).await
    }

    /// [`Self::start`] for tests without a runtime; blocks the thread.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_blocking(self) -> Result<KafkaContainer, StartError> {
        engine_answers()?;
        let port = Port::reserve()?;
        let node = Node {
            id: 1,
            client_port: port.number(),
            controller_port: CONTROLLER_PORT,
        };
        let folder = scratch_folder()?.keep();
        let log = log_file(&folder, 1);
        let request = match File::create(&log) {
            Ok(file) => self.request(node, file),
            Err(source) => return Err(folder::at(&log)(source)),
        };
        // From here on its drop removes the folder.
        let mut container = KafkaContainer {
            image: format!("{}:{}", self.image, self.version),
            bootstrap_servers: node.address(),
            folder,
            keeper: None,
            _port: port,
        };
        match Keeper::start(request) {
            Ok(keeper) => container.keeper = Some(keeper),
            Err(reason) => {
                let (image, said) = (container.image.clone(), folder::text_from(&log, 0));
                if said.is_empty() {
                    return Err(StartError::NoContainer { image, reason });
                }
                container.keep_folder();
                return Err(StartError::Container {
                    image,
                    reason,
                    tail: what_went_wrong(&said),
                    log,
                });
            }
        }
        Ok(container)
    }

    fn request(&self, node: Node, log: File) -> ContainerRequest<GenericImage> {
        let log = Mutex::new(log);
        let write_log = move |frame: &LogFrame| {
            if let Ok(mut log) = log.lock() {
                // A full disk must not end the broker.
                let _ = log.write_all(frame.bytes());
            }
        };
        let mut request = GenericImage::new(&self.image, &self.version)
            .with_wait_for(WaitFor::message_on_either_std(READY))
            .with_mapped_port(node.client_port, ContainerPort::Tcp(CLIENT_PORT))
            .with_host_config_modifier(|host| {
                // Nobody but this machine: the broker asks for no password.
                let bindings = host
                    .port_bindings
                    .iter_mut()
                    .flat_map(|ports| ports.values_mut());
                for binding in bindings.flatten().flatten() {
                    binding.host_ip = Some("127.0.0.1".to_owned());
                }
            })
            .with_startup_timeout(PATIENCE)
            .with_log_consumer(write_log)
            .with_env_var("CLUSTER_ID", random_id())
            .with_env_var("KAFKA_HEAP_OPTS", format!("-Xmx{}", self.heap));
        let settings = server_properties::container_settings(
            node,
            (CLIENT_PORT, CONTROLLER_PORT),
            &self.config,
        );
        for (key, value) in settings {
            request = request.with_env_var(variable(&key), value);
        }
        request
    }
}

/// The variable by which the image takes a key of `server.properties`.
fn variable(key: &str) -> String {
    let escaped = key.replace('_', "__").replace('-', "___").replace('.', "_");
    format!("KAFKA_{}", escaped.to_uppercase())
}

/// A Kafka of one broker in a container; dropped, the container is removed.
///
/// It listens on this machine's loopback address only, so the engine must be this machine's too.
/// Where the test that drops it is panicking, or `THALWEG_KAFKA_KEEP` is set, its log stays and the
/// path is printed. A container outlives a process that is killed: no guard is in the engine.
/// `docker ps --filter label=org.testcontainers.managed-by=testcontainers` lists such ones.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use thalweg_testcontainers::KafkaContainer;
///
/// let kafka = KafkaContainer::builder().version("4.3.0").start().await?;
/// println!("clients connect to {}", kafka.bootstrap_servers());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct KafkaContainer {
    image: String,
    bootstrap_servers: String,
    folder: PathBuf,
    keeper: Option<Keeper>,
    /// Held so that nobody takes the port.
    _port: Port,
}

impl KafkaContainer {
    /// Begins the description of a container: `apache/kafka:4.3.0` unless told otherwise.
    #[must_use]
    pub fn builder() -> KafkaContainerBuilder {
        KafkaContainerBuilder {
            image: IMAGE.to_owned(),
            version: DEFAULT_VERSION.to_owned(),
            heap: "384m".to_owned(),
            config: Vec::new(),
        }
    }

    /// Says, without starting anything, whether a Docker engine answers.
    ///
    /// # Errors
    /// [`StartError::NoDocker`].
    pub fn available() -> Result<(), StartError> {
        engine_answers()
    }

    /// Where clients connect.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// The image with its tag.
    #[must_use]
    pub fn image(&self) -> &str {
        &self.image
    }

    /// The broker's log as a file, written as it comes.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        log_file(&self.folder, 1)
    }

    /// The folder of the log.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Leaves the folder with the log behind.
    pub fn keep_folder(&self) {
        keep_folder(&self.folder);
    }
}

impl Drop for KafkaContainer {
    fn drop(&mut self) {
        keep_if_wanted(&self.folder);
        drop(self.keeper.take());
        clean_up(&self.folder);
    }
}

/// The thread that holds the container, until this is dropped.
#[derive(Debug)]
struct Keeper {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Returns when the container is ready, or says why it is not.
    fn start(request: ContainerRequest<GenericImage>) -> Result<Self, String> {
        let (started_sender, started) = sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let keep = async move {
            match request.start().await {
                Ok(container) => {
                    let _ = started_sender.send(Ok(()));
                    // An error means that the sender is gone: it is over as well.
                    let _ = stopped.await;
                    remove(container).await;
                }
                Err(error) => {
                    let _ = started_sender.send(Err(reason(error)));
                }
            }
        };
        let thread = thread::Builder::new()
            .name("kafka-container".to_owned())
            .spawn(move || {
                runtime()
                    .map(|runtime| runtime.block_on(keep))
                    .unwrap_or(())
            })
            .map_err(|error| error.to_string())?;
        let keeper = Self {
            stop: Some(stop),
            thread: Some(thread),
        };
        match started.recv() {
            Ok(outcome) => outcome.map(|()| keeper),
            Err(_) => Err("the thread that starts it ended early".to_owned()),
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It says itself what went wrong.
            let _ = thread.join();
        }
    }
}

/// What a failed start says; the log itself is told elsewhere.
fn reason(error: TestcontainersError) -> String {
    match error {
        TestcontainersError::WaitContainer(WaitContainerError::WaitLog(_)) => {
            "it ended before it was ready".to_owned()
        }
        TestcontainersError::WaitContainer(WaitContainerError::StartupTimeout) => {
            format!("it was not ready after {PATIENCE:?}")
        }
        other => other.to_string(),
    }
}

async fn remove(container: ContainerAsync<GenericImage>) {
    let id = container.id().to_owned();
    if let Err(error) = container.rm().await {
        eprintln!("cannot remove the container {id}: {error}");
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// Asks the Docker engine, on a thread of its own: the caller may be in a runtime.
fn engine_answers() -> Result<(), StartError> {
    let ask = || -> Result<(), String> {
        let runtime = runtime().map_err(|error| error.to_string())?;
        runtime.block_on(async {
            let engine = docker_client_instance()
                .await
                .map_err(|error| error.to_string())?;
            match tokio::time::timeout(PING_PATIENCE, engine.ping()).await {
                Ok(answer) => answer.map(drop).map_err(|error| error.to_string()),
                Err(_) => Err(format!("it did not answer within {PING_PATIENCE:?}")),
            }
        })
    };
    let answer = thread::spawn(ask).join();
    answer
        .unwrap_or_else(|_| Err("asking it failed".to_owned()))
        .map_err(|reason| StartError::NoDocker { reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_become_the_variables_that_the_image_reads() {
        for (key, name) in [
            ("node.id", "KAFKA_NODE_ID"),
            ("a_b", "KAFKA_A__B"),
            ("a-b.c", "KAFKA_A___B_C"),
        ] {
            assert_eq!(variable(key), name);
        }
    }
}
