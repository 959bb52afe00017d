//! The processes of the jobs under test.

use std::path::{Path, PathBuf};

use thalweg_testcontainers::GuardedProcess;

use super::{Job, RunError};

/// What every instance of every job is told.
#[derive(Debug, Clone)]
pub(super) struct InstanceSettings {
    /// The `chaos` program.
    pub(super) program: PathBuf,
    pub(super) bootstrap_servers: String,
    pub(super) input: String,
    /// Threads that process.
    pub(super) workers: u32,
}

/// One process of a job, which may be away.
#[derive(Debug)]
pub(super) struct Instance {
    job: Job,
    number: usize,
    arguments: Vec<String>,
    program: PathBuf,
    log: PathBuf,
    process: Option<GuardedProcess>,
}

impl Instance {
    /// Lays out the instance in `folder`; [`Self::start`] starts it.
    pub(super) fn new(job: Job, number: usize, settings: &InstanceSettings, folder: &Path) -> Self {
        let state = folder.join(format!("{}-{number}.state", job.name));
        let mut arguments: Vec<String> = [
            ("--bootstrap-servers", settings.bootstrap_servers.clone()),
            ("--input", settings.input.clone()),
            ("--output", job.output()),
            ("--application-id", job.application_id()),
            ("--state-dir", state.display().to_string()),
            ("--workers", settings.workers.to_string()),
        ]
        .into_iter()
        .flat_map(|(option, value)| [option.to_owned(), value])
        .collect();
        arguments.extend(job.arguments());
        let log = folder.join(format!("{}-{number}.log", job.name));
        Self {
            job,
            number,
            arguments,
            program: settings.program.clone(),
            log,
            process: None,
        }
    }

    pub(super) fn start(&mut self) -> Result<(), RunError> {
        let started = GuardedProcess::start(&self.program, &self.arguments, &self.log);
        let what = || format!("cannot start {}", self.program.display());
        self.process = Some(started.map_err(RunError::os(what()))?);
        Ok(())
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) -> Result<(), RunError> {
        self.check()?;
        match self.process.take() {
            Some(mut process) => process.kill().map_err(RunError::os(format!("kill {self}"))),
            None => Ok(()),
        }
    }

    /// SIGSTOP.
    pub(super) fn freeze(&mut self) -> Result<(), RunError> {
        self.check()?;
        let frozen = self
            .process
            .as_ref()
            .map_or(Ok(()), GuardedProcess::stop_signal);
        frozen.map_err(RunError::os(format!("freeze {self}")))
    }

    /// SIGCONT.
    pub(super) fn wake(&mut self) -> Result<(), RunError> {
        let woken = self
            .process
            .as_ref()
            .map_or(Ok(()), GuardedProcess::continue_signal);
        woken.map_err(RunError::os(format!("wake {self}")))
    }

    /// Fails if the process ended although nobody had killed it.
    pub(super) fn check(&mut self) -> Result<(), RunError> {
        let Some(process) = &mut self.process else {
            return Ok(());
        };
        match process
            .ended()
            .map_err(RunError::os(format!("look at {}", self.job.name)))?
        {
            None => Ok(()),
            Some(status) => Err(RunError::InstanceEnded {
                job: self.job.name,
                instance: self.number,
                status,
                log: self.log.clone(),
            }),
        }
    }
}

impl std::fmt::Display for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "instance {} of {}", self.number, self.job.name)
    }
}
