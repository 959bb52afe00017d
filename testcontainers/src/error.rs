//! Why a cluster did not start, and why a node could not be controlled.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a Kafka could not be started, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No Java runtime is installed, or the one found does not run.
    #[error(
        "no Java found ({reason}): install Java 17 or later (Debian: apt install \
         openjdk-17-jre-headless) or set JAVA_HOME"
    )]
    NoJava {
        /// What was tried.
        reason: String,
    },
    /// The Java runtime is older than what Kafka 4 needs.
    #[error("{found} is too old: Kafka needs Java 17 or later; install it or set JAVA_HOME")]
    JavaTooOld {
        /// The first line of `java -version`.
        found: String,
    },
    /// The jars are not in the cache and Maven is not installed.
    #[error(
        "the jars of Kafka {version} are not in {} and Maven, which fetches them, is not \
         installed ({reason}): install it (Debian: apt install maven) or set \
         THALWEG_KAFKA_CACHE to a folder with lib-{version}/", cache.display()
    )]
    NoMaven {
        /// The Kafka version asked for.
        version: String,
        /// The folder looked into.
        cache: PathBuf,
        /// Why `mvn` did not run.
        reason: String,
    },
    /// There are no jars of that version where Maven looks.
    #[error(
        "Maven finds no jars of Kafka {version}: ask for a version that was published, such as \
         4.3.0 (from 3.3 on, as earlier ones need ZooKeeper)"
    )]
    UnknownVersion {
        /// The Kafka version asked for.
        version: String,
    },
    /// Maven could not fetch the jars.
    #[error(
        "Maven could not fetch the jars of Kafka {version}: see that it reaches its repository, or \
         set THALWEG_KAFKA_CACHE to a folder with lib-{version}/; it said:\n{output}"
    )]
    Maven {
        /// The Kafka version asked for.
        version: String,
        /// The end of what Maven printed.
        output: String,
    },
    /// A file or folder of the cache or of the cluster could not be used.
    #[error(
        "cannot use {} ({source}): make room or give the right to write there, or choose another \
         folder by THALWEG_KAFKA_CACHE (for the jars) or TMPDIR (for clusters)", path.display()
    )]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// `kafka.tools.StorageTool format` failed.
    #[error("Kafka {version} could not format its storage; it said:\n{output}")]
    Format {
        /// The Kafka version.
        version: String,
        /// The end of what it printed.
        output: String,
    },
    /// The broker's process could not be started.
    #[error("cannot start the process of broker {id}: {source}")]
    Spawn {
        /// The broker.
        id: i32,
        /// What the operating system said.
        source: io::Error,
    },
    /// The broker's process ended before it was ready.
    #[error("broker {id} ended while starting ({status}); its log is kept in {}; it says:\n{tail}",
        log.display())]
    BrokerEnded {
        /// The broker.
        id: i32,
        /// How the process ended.
        status: ExitStatus,
        /// The log file, which stays.
        log: PathBuf,
        /// The errors in the log and its last lines.
        tail: String,
    },
    /// The broker did not report itself ready in time.
    #[error("broker {id} was not ready after {waited:?}; its log is kept in {}, its end:\n{tail}",
        log.display())]
    NotReady {
        /// The broker.
        id: i32,
        /// How long it was given.
        waited: Duration,
        /// The log file, which stays.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// No free loopback port was found.
    #[error("no free loopback port between {first} and {last}: is another program using them all?")]
    NoFreePort {
        /// The first port tried.
        first: u16,
        /// The last port tried.
        last: u16,
    },
    /// No Docker engine answers.
    #[error(
        "no Docker engine answers ({reason}): start one (Debian: apt install docker.io), or set \
         DOCKER_HOST to where it is"
    )]
    NoDocker {
        /// Why it could not be reached.
        reason: String,
    },
    /// No container could be made: the image cannot be had, for one.
    #[error(
        "no container of {image}: {reason}; see that the engine reaches the image's registry, or \
         bring the image by docker load"
    )]
    NoContainer {
        /// The image with its tag.
        image: String,
        /// What the engine said.
        reason: String,
    },
    /// The broker in the container did not report itself ready.
    #[error(
        "the broker in the container of {image} did not start: {reason}; its log is kept in {}; it \
         says:\n{tail}",
        log.display()
    )]
    Container {
        /// The image with its tag.
        image: String,
        /// What was waited for.
        reason: String,
        /// The log file, which stays.
        log: PathBuf,
        /// The errors in the log and its last lines.
        tail: String,
    },
    /// Kafka can be had neither from its jars nor in a container.
    #[error("Kafka from its jars: {jars}\nKafka in a container: {container}")]
    NeitherWay {
        /// Why not from jars.
        jars: Box<StartError>,
        /// Why not in a container.
        container: Box<StartError>,
    },
    /// The builder was asked for something that makes no cluster.
    #[error("{0}")]
    Refused(String),
}

impl StartError {
    /// True if the machine lacks what the jars need: another way may still be open.
    #[cfg(feature = "docker")]
    pub(crate) fn jars_cannot_be_had(&self) -> bool {
        matches!(
            self,
            Self::NoJava { .. }
                | Self::JavaTooOld { .. }
                | Self::NoMaven { .. }
                | Self::Maven { .. }
        )
    }
}

/// Why a signal, a kill or a restart of one broker failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The cluster has no broker with this id.
    #[error("the cluster has no broker {id}: its brokers are 1 to {brokers}")]
    UnknownBroker {
        /// The id asked for.
        id: i32,
        /// How many brokers the cluster has.
        brokers: usize,
    },
    /// The broker is not running.
    #[error("broker {id} is not running: restart it first")]
    NotRunning {
        /// The broker.
        id: i32,
    },
    /// The broker is running already.
    #[error("broker {id} is running: kill it before restarting it")]
    Running {
        /// The broker.
        id: i32,
    },
    /// The operating system refused the signal.
    #[error("cannot signal broker {id}: {source}")]
    Signal {
        /// The broker.
        id: i32,
        /// What the operating system said.
        source: io::Error,
    },
    /// The broker did not end in time after it was told to.
    #[error("broker {id} still runs {waited:?} after it was told to stop")]
    StillRunning {
        /// The broker.
        id: i32,
        /// How long it was given.
        waited: Duration,
    },
    /// The broker did not come up again.
    #[error(transparent)]
    Start(#[from] StartError),
}
