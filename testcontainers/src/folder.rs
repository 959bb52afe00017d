//! File operations whose errors name the file, and a lock shared by processes.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::error::StartError;

/// Turns an I/O error on `path` into one that names it.
pub(crate) fn at(path: &Path) -> impl FnOnce(std::io::Error) -> StartError + use<> {
    let path = path.to_owned();
    move |source| StartError::Folder { path, source }
}

pub(crate) fn create(path: &Path) -> Result<(), StartError> {
    fs::create_dir_all(path).map_err(at(path))
}

pub(crate) fn write(path: &Path, text: &str) -> Result<(), StartError> {
    fs::write(path, text).map_err(at(path))
}

/// Copies a folder with all that is in it; `to` need not exist.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), StartError> {
    create(to)?;
    for entry in fs::read_dir(from).map_err(at(from))? {
        let source = entry.map_err(at(from))?.path();
        let Some(name) = source.file_name() else {
            continue;
        };
        let target = to.join(name);
        if source.is_dir() {
            copy(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(at(&target))?;
        }
    }
    Ok(())
}

/// An exclusive lock between processes, held until it is dropped.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Waits for the lock.
    pub(crate) fn wait(path: &Path) -> Result<Self, StartError> {
        let file = File::create(path).map_err(at(path))?;
        flock(&file, FlockOperation::LockExclusive).map_err(|error| at(path)(error.into()))?;
        Ok(Self { _file: file })
    }

    /// Takes the lock if it is free.
    pub(crate) fn try_take(path: &Path) -> Option<Self> {
        let file = File::create(path).ok()?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
        Some(Self { _file: file })
    }
}

/// The text of `path` from byte `from` on, as far as it can be read.
pub(crate) fn text_from(path: &Path, from: u64) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(from))?;
        file.read_to_end(&mut bytes)
    });
    match read {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => format!("({} cannot be read: {error})", path.display()),
    }
}

/// The last lines of a text.
pub(crate) fn tail(text: &str) -> String {
    const LINES: usize = 30;
    let lines: Vec<&str> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(LINES)..)
        .unwrap_or_default()
        .join("\n")
}

/// The jars of a folder, sorted: the class-data archive is valid for one order only.
pub(crate) fn jars(folder: &Path) -> Result<Vec<PathBuf>, StartError> {
    let mut jars = Vec::new();
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "jar") {
            jars.push(path);
        }
    }
    jars.sort();
    Ok(jars)
}
