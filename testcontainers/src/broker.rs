//! One node of a cluster: its files, its process, and when it counts as started.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use crate::cache::META_PROPERTIES;
use crate::deadline::Deadline;
use crate::error::{ControlError, StartError};
use crate::folder;
use crate::process::{GuardedProcess, keep_folder};
use crate::server_properties;

/// How long a broker may take to come up or to go down, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The line `kafka.server.KafkaRaftServer` logs when clients can be served.
pub(crate) const READY: &str = "Kafka Server started";

/// What a node needs besides its settings, the same for all nodes.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    /// The cluster's folder; removed by the guard if we are killed.
    pub(crate) folder: PathBuf,
    pub(crate) java: PathBuf,
    /// JVM options, main class.
    pub(crate) arguments: Vec<OsString>,
}

/// A node that was laid out on disk; running or not.
#[derive(Debug)]
pub(crate) struct Broker {
    id: i32,
    config: PathBuf,
    log: PathBuf,
    process: Option<GuardedProcess>,
    /// Where the log of the current run begins: earlier runs said `READY` too.
    run_begins: u64,
}

impl Broker {
    /// Writes the files of a formatted, never started node.
    pub(crate) fn lay_out(
        folder: &Path,
        id: i32,
        settings: &BTreeMap<String, String>,
        cluster_id: &str,
        formatted: &Path,
    ) -> Result<Self, StartError> {
        let data = data_folder(folder, id);
        folder::copy(formatted, &data)?;
        let config = folder.join(format!("broker-{id}.properties"));
        folder::write(&config, &server_properties::text(settings))?;
        // What `StorageTool format` would write, without the second that it takes.
        folder::write(
            &data.join(META_PROPERTIES),
            &format!(
                "version=1\ncluster.id={cluster_id}\nnode.id={id}\ndirectory.id={}\n",
                random_id()
            ),
        )?;
        Ok(Self {
            id,
            config,
            log: log_file(folder, id),
            process: None,
            run_begins: 0,
        })
    }

    /// Starts the process; [`Self::await_ready`] says when it serves.
    pub(crate) fn launch(&mut self, launch: &Launch) -> Result<(), StartError> {
        self.run_begins = fs::metadata(&self.log).map_or(0, |log| log.len());
        let arguments = launch.arguments.iter().map(OsString::as_os_str);
        let process = GuardedProcess::start_in(
            &launch.java,
            arguments.chain([self.config.as_os_str()]),
            &self.log,
            &launch.folder,
        )
        .map_err(|source| StartError::Spawn {
            id: self.id,
            source,
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// Waits until the broker serves clients. An error keeps the cluster's folder.
    pub(crate) fn await_ready(&mut self, launch: &Launch) -> Result<(), StartError> {
        let deadline = Deadline::after(PATIENCE);
        let error = loop {
            let log = folder::text_from(&self.log, self.run_begins);
            if log.contains(READY) {
                return Ok(());
            }
            let id = self.id;
            let ended = self
                .process
                .as_mut()
                .map_or(Ok(None), GuardedProcess::ended);
            if let Some(status) = ended.map_err(|source| StartError::Spawn { id, source })? {
                self.process = None;
                let (log, tail) = (self.log.clone(), what_went_wrong(&log));
                break StartError::BrokerEnded {
                    id,
                    status,
                    log,
                    tail,
                };
            }
            if !deadline.pause() {
                break StartError::NotReady {
                    id: self.id,
                    waited: deadline.patience(),
                    log: self.log.clone(),
                    tail: folder::tail(&log),
                };
            }
        };
        keep_folder(&launch.folder);
        Err(error)
    }

    /// True if this run failed because another program took its port.
    pub(crate) fn lost_its_port(&self) -> bool {
        folder::text_from(&self.log, self.run_begins).contains("Address already in use")
    }

    pub(crate) fn process_id(&mut self) -> Result<i32, ControlError> {
        Ok(self.running()?.id())
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.running().is_ok()
    }

    pub(crate) fn signal(&mut self, signal: Signal) -> Result<(), ControlError> {
        let id = self.id;
        self.running()?
            .signal(signal)
            .map_err(|source| ControlError::Signal { id, source })
    }

    /// Ends the process by a signal and waits until it is gone.
    pub(crate) fn end(&mut self, signal: Signal) -> Result<(), ControlError> {
        let id = self.id;
        self.signal(signal)?;
        let process = self.running()?;
        match process.wait(PATIENCE) {
            Ok(true) => {
                self.process = None;
                Ok(())
            }
            Ok(false) => Err(ControlError::StillRunning {
                id,
                waited: PATIENCE,
            }),
            Err(source) => Err(ControlError::Signal { id, source }),
        }
    }

    fn running(&mut self) -> Result<&mut GuardedProcess, ControlError> {
        let id = self.id;
        match &mut self.process {
            Some(process) => match process.ended() {
                Ok(None) => Ok(process),
                Ok(Some(_)) => Err(ControlError::NotRunning { id }),
                Err(source) => Err(ControlError::Signal { id, source }),
            },
            None => Err(ControlError::NotRunning { id }),
        }
    }
}

/// The lines of a broker's log that tell why it ended: its errors with their causes, which an orderly
/// shut-down may have pushed far up, and the last lines.
pub(crate) fn what_went_wrong(log: &str) -> String {
    const COMPLAINTS_MAX: usize = 10;
    let complains = |line: &&str| {
        let begins = [
            "Caused by: ",
            "Exception in thread ",
            "org.apache.kafka.",
            "java.",
        ];
        line.contains(" ERROR ") || begins.iter().any(|word| line.starts_with(word))
    };
    let lines = log.lines().filter(complains).take(COMPLAINTS_MAX);
    let complaints: Vec<&str> = lines.collect();
    match complaints.is_empty() {
        true => folder::tail(log),
        false => format!("{}\n…\n{}", complaints.join("\n"), folder::tail(log)),
    }
}

pub(crate) fn data_folder(folder: &Path, id: i32) -> PathBuf {
    folder.join(format!("data-{id}"))
}

pub(crate) fn log_file(folder: &Path, id: i32) -> PathBuf {
    folder.join(format!("broker-{id}.log"))
}

/// A random id in Kafka's text form: 16 bytes, URL-safe base64 without padding.
pub(crate) fn random_id() -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let high = u128::from(RandomState::new().hash_one(std::process::id()));
    let low = u128::from(RandomState::new().hash_one(high));
    // 22 letters hold 132 bits; the last four are zero. A leading bit pair of 01 keeps the
    // text from starting with '-', which Kafka refuses.
    let bits = ((high << 64 | low) >> 2) | (1 << 126);
    (0..22)
        .map(|letter| {
            let index = if letter == 21 {
                (bits << 4) & 63
            } else {
                bits >> (122 - 6 * letter) & 63
            };
            usize::try_from(index)
                .ok()
                .and_then(|index| LETTERS.get(index))
                .copied()
        })
        .map(|letter| char::from(letter.unwrap_or(b'A')))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_told_however_long_the_shut_down_after_it() {
        let start = "12:00:00.000 [main] INFO kafka.Kafka$ - starting\n\
                     12:00:00.001 [main] ERROR kafka.server.BrokerServer - Fatal error\n\
                     org.apache.kafka.common.KafkaException: Socket server failed to bind\n\
                     \tat kafka.network.DataPlaneAcceptor.open(SocketServer.scala:1)\n\
                     Caused by: java.net.BindException: Address already in use\n";
        let log = format!("{start}{}", "INFO shutting down\n".repeat(1000));
        let told = what_went_wrong(&log);
        assert!(told.contains("Fatal error\norg.apache"), "{told}");
        assert!(told.contains("Address already in use\n…\nINFO"), "{told}");
        assert!(told.lines().count() < 50, "{told}");
        assert_eq!(what_went_wrong("one\ntwo\n"), "one\ntwo");
    }

    #[test]
    fn random_ids_have_kafkas_form_and_differ() {
        let ids: Vec<String> = (0..100).map(|_| random_id()).collect();
        for id in &ids {
            assert_eq!(id.len(), 22);
            assert!(!id.starts_with('-'), "{id}");
            assert!(
                matches!(id.as_bytes()[21], b'A' | b'Q' | b'g' | b'w'),
                "{id}"
            );
        }
        let distinct: std::collections::BTreeSet<&String> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }
}
