//! A state folder on the file system: files replaced by rename, one advisory lock.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::storage::{Storage, StorageLock};

const LOCK_FILE: &str = "lock";

/// The files of one folder on disk.
///
/// The lock is an advisory one on the file `lock` (`flock` on Unix, `LockFileEx` on Windows): the
/// operating system drops it when the process dies, however it dies, so there is no stale lock to
/// clean up. It does not hold between machines on most network file systems: give every machine
/// a folder of its own.
#[derive(Debug, Clone)]
pub struct FolderStorage {
    path: PathBuf,
}

impl FolderStorage {
    /// The folder at `path`; it is created when it is locked.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn file(&self, name: &str) -> PathBuf {
        debug_assert!(
            !name.contains(['/', '\\']),
            "a file name, not a path: {name}"
        );
        self.path.join(name)
    }
}

#[derive(Debug)]
struct FolderLock {
    /// Held open: closing it gives the lock back.
    _file: File,
}

impl StorageLock for FolderLock {}

impl Storage for FolderStorage {
    fn location(&self) -> String {
        self.path.display().to_string()
    }

    fn lock(&self) -> io::Result<Box<dyn StorageLock>> {
        fs::create_dir_all(&self.path)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.file(LOCK_FILE))?;
        match fs4::FileExt::try_lock(&file) {
            Ok(()) => {}
            Err(fs4::TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(fs4::TryLockError::Error(error)) => return Err(error),
        }
        // Only for people who look into the folder; nothing reads it back.
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Box::new(FolderLock { _file: file }))
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.file(name)) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let aside = self.file(&format!("{name}.new"));
        let mut file = File::create(&aside)?;
        file.write_all(content)?;
        // The content before the name: a rename that survives a crash must not point at nothing.
        file.sync_all()?;
        drop(file);
        fs::rename(&aside, self.file(name))?;
        sync_folder(&self.path)
    }
}

/// Makes a rename last. Only Unix can open a folder for this; elsewhere the rename is enough.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(path)?.sync_all()
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let storage = FolderStorage::new(folder.path().join("deeper"));
        let _lock = storage.lock().unwrap();
        assert_eq!(storage.read("instance").unwrap(), None);
        storage.replace("instance", b"one").unwrap();
        storage.replace("instance", b"two, longer").unwrap();
        assert_eq!(
            storage.read("instance").unwrap().as_deref(),
            Some(&b"two, longer"[..])
        );
    }

    #[test]
    fn the_lock_is_held_once_and_comes_back_when_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let storage = FolderStorage::new(folder.path());
        let lock = storage.lock().unwrap();
        assert_eq!(
            storage.lock().unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        drop(lock);
        storage.lock().unwrap();
    }

    #[test]
    fn a_path_through_a_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("not-a-folder");
        fs::write(&file, b"x").unwrap();
        assert!(FolderStorage::new(file.join("state")).lock().is_err());
    }
}
