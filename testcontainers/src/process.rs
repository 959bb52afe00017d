//! One broker's process, which never outlives the process that started it.
//!
//! Java runs under a small shell that holds the reading end of a pipe from us. When we die, by
//! whatever signal, the pipe closes, and the shell kills Java and removes the cluster's folder.
//! (A parent-death signal would fire at the end of the *thread* that started the broker, and
//! every test has its own.) The group of its own keeps the terminal's ^C from the broker, which
//! would otherwise be gone before the test that waits for it.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::deadline::Deadline;

/// Arguments: log, folder, the file that says to keep the folder, then the command.
const GUARD: &str = r#"
log=$1; folder=$2; keep=$3; shift 3
exec 3<&0
"$@" </dev/null >>"$log" 2>&1 3<&- &
broker=$!
echo "$broker"
exec >/dev/null 2>&1
(
  read -r _ <&3
  trap '' TERM
  kill -KILL "$broker"
  [ -e "$keep" ] || rm -rf -- "$folder"
) &
watch=$!
wait "$broker"
status=$?
kill -TERM "$watch"
exit "$status"
"#;

/// The name of the file whose presence keeps a cluster's folder.
pub(crate) const KEEP: &str = "keep";

/// A running (or frozen) broker.
#[derive(Debug)]
pub(crate) struct BrokerProcess {
    /// The shell; it ends when the broker has ended, with the broker's status.
    guard: Child,
    broker: Pid,
}

impl BrokerProcess {
    /// Starts `program` with its output appended to `log`.
    pub(crate) fn start(
        program: &Path,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        log: &Path,
        folder: &Path,
    ) -> io::Result<Self> {
        let mut guard = Command::new("/bin/sh")
            .args(["-c", GUARD, "thalweg-kafka-guard"])
            .arg(log)
            .arg(folder)
            .arg(folder.join(KEEP))
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = guard.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        match line.trim().parse().ok().and_then(Pid::from_raw) {
            Some(broker) => Ok(Self { guard, broker }),
            None => {
                let _ = guard.kill();
                let _ = guard.wait();
                Err(io::Error::other(format!(
                    "the shell that starts it printed {line:?}"
                )))
            }
        }
    }

    /// How the broker ended, if it has.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.guard.try_wait()
    }

    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill_process(self.broker, signal)?)
    }

    /// Waits until the broker has ended; false if it still runs after `patience`.
    pub(crate) fn wait(&mut self, patience: Duration) -> io::Result<bool> {
        let deadline = Deadline::after(patience);
        while self.ended()?.is_none() {
            if !deadline.pause() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(crate) fn process_id(&self) -> i32 {
        self.broker.as_raw_nonzero().get()
    }
}

impl Drop for BrokerProcess {
    fn drop(&mut self) {
        if matches!(self.ended(), Ok(None)) {
            // SIGKILL ends a frozen process as well; a broker that is gone already is no error.
            let _ = self.signal(Signal::KILL);
            // Waiting would close it first, and the guard would clean up as if we had died.
            let _pipe = self.guard.stdin.take();
            let _ = self.guard.wait();
        }
    }
}

/// Asks the guards of a cluster to leave its folder when this process dies.
pub(crate) fn keep_folder(folder: &Path) {
    let _ = fs::write(folder.join(KEEP), "");
}
