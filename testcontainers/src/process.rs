//! A process that never outlives the one that started it.
//!
//! The program runs under a small shell that holds the reading end of a pipe from us. When we die, by
//! whatever signal, the pipe closes, and the shell kills Java and removes the cluster's folder.
//! (A parent-death signal would fire at the end of the *thread* that started it, and every test
//! has its own.) The group of its own keeps the terminal's ^C from a broker, which would otherwise
//! be gone before the test that waits for it.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use crate::deadline::Deadline;

/// Arguments: log, folder or nothing, the file that says to keep the folder, then the command.
const GUARD: &str = r#"
log=$1; folder=$2; keep=$3; shift 3
exec 3<&0
"$@" </dev/null >>"$log" 2>&1 3<&- &
program=$!
echo "$program"
exec >/dev/null 2>&1
(
  read -r _ <&3
  trap '' TERM
  kill -KILL "$program"
  [ -z "$folder" ] || [ -e "$keep" ] || rm -rf -- "$folder"
) &
watch=$!
wait "$program"
status=$?
kill -TERM "$watch"
exit "$status"
"#;

/// The name of the file whose presence keeps a cluster's folder.
pub(crate) const KEEP: &str = "keep";

/// A child process that is killed when this is dropped, and when this process dies.
///
/// ```
/// use std::path::Path;
/// use thalweg_testcontainers::GuardedProcess;
///
/// # fn main() -> std::io::Result<()> {
/// let log = std::env::temp_dir().join("guarded-process.log");
/// let mut sleeper = GuardedProcess::start(Path::new("sleep"), ["60"], &log)?;
/// sleeper.stop_signal()?;
/// assert!(sleeper.ended()?.is_none(), "frozen is not dead");
/// drop(sleeper);
/// # // It is not there yet if the process was killed before it began.
/// # std::fs::remove_file(log).ok();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct GuardedProcess {
    /// The shell; it ends when the program has ended, with the program's status.
    guard: Child,
    program: Pid,
}

impl GuardedProcess {
    /// Starts `program` with its output, standard and error, appended to the file `log`.
    ///
    /// # Errors
    /// What the operating system says. A program that cannot be executed counts as started, and
    /// ends at once with status 127 or 126 and a line in the log.
    pub fn start(
        program: &Path,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        log: &Path,
    ) -> io::Result<Self> {
        Self::start_in(program, arguments, log, Path::new(""))
    }

    /// [`Self::start`] with a folder that goes when this process dies, unless [`KEEP`] is in it.
    pub(crate) fn start_in(
        program: &Path,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        log: &Path,
        folder: &Path,
    ) -> io::Result<Self> {
        let mut guard = Command::new("/bin/sh")
            .args(["-c", GUARD, "thalweg-guard"])
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
            Some(program) => Ok(Self { guard, program }),
            None => {
                let _ = guard.kill();
                let _ = guard.wait();
                Err(io::Error::other(format!(
                    "the shell that starts it printed {line:?}"
                )))
            }
        }
    }

    /// The process id of the program.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.program.as_raw_nonzero().get()
    }

    /// How the program ended, if it has: killed by a signal, its code is 128 and the signal.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.guard.try_wait()
    }

    /// Kills the program (SIGKILL) and returns when it is gone. Blocks for some milliseconds.
    ///
    /// # Errors
    /// What the operating system says; a program that has ended is no error.
    pub fn kill(&mut self) -> io::Result<()> {
        if self.ended()?.is_some() {
            return Ok(());
        }
        let sent = match kill_process(self.program, Signal::KILL) {
            // It has just ended by itself.
            Err(Errno::SRCH) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        };
        // Waiting would close the pipe first, and the guard would clean up as if we had died.
        let _pipe = self.guard.stdin.take();
        self.guard.wait()?;
        sent
    }

    /// Freezes the program (SIGSTOP).
    ///
    /// # Errors
    /// What the operating system says.
    pub fn stop_signal(&self) -> io::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Wakes a frozen program (SIGCONT).
    ///
    /// # Errors
    /// What the operating system says.
    pub fn continue_signal(&self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill_process(self.program, signal)?)
    }

    /// Waits until the program has ended; false if it still runs after `patience`.
    pub(crate) fn wait(&mut self, patience: Duration) -> io::Result<bool> {
        let deadline = Deadline::after(patience);
        while self.ended()?.is_none() {
            if !deadline.pause() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Drop for GuardedProcess {
    fn drop(&mut self) {
        // SIGKILL ends a frozen process as well.
        let _ = self.kill();
    }
}

/// Asks the guards of a cluster to leave its folder when this process dies.
pub(crate) fn keep_folder(folder: &Path) {
    let _ = fs::write(folder.join(KEEP), "");
}

/// The same if there will be something to look at: a test is failing, or the user wants it.
pub(crate) fn keep_if_wanted(folder: &Path) {
    if std::thread::panicking() || std::env::var_os("THALWEG_KAFKA_KEEP").is_some() {
        keep_folder(folder);
    }
}

/// Removes the folder of a Kafka that has ended, unless it is to be kept.
pub(crate) fn clean_up(folder: &Path) {
    if folder.join(KEEP).exists() {
        eprintln!("Kafka's logs are kept in {}", folder.display());
    } else if let Err(error) = fs::remove_dir_all(folder) {
        eprintln!("cannot remove {}: {error}", folder.display());
    }
}
