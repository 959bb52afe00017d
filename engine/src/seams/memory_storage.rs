//! A state folder in memory, for simulations and tests.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::storage::{Storage, StorageLock};

/// The files of a state folder that lives in memory. Clones share the same files, as two processes
/// that open one folder would; so a simulated restart keeps a clone.
#[derive(Debug, Clone, Default)]
pub struct MemoryStorage {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    files: BTreeMap<String, Vec<u8>>,
    locked: bool,
    fault: Option<io::ErrorKind>,
}

impl MemoryStorage {
    /// An empty folder.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on every call fails with `fault`, as a full or broken disk would; `None` mends it.
    pub fn set_fault(&self, fault: Option<io::ErrorKind>) {
        self.with(|shared| shared.fault = fault);
    }

    fn with<T>(&self, f: impl FnOnce(&mut Shared) -> T) -> T {
        // Nothing inside can leave the map half-changed, so a poisoned lock is still sound.
        f(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn working<T>(&self, f: impl FnOnce(&mut Shared) -> io::Result<T>) -> io::Result<T> {
        self.with(|shared| match shared.fault {
            Some(fault) => Err(fault.into()),
            None => f(shared),
        })
    }
}

#[derive(Debug)]
struct MemoryLock(MemoryStorage);

impl StorageLock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.0.with(|shared| shared.locked = false);
    }
}

impl Storage for MemoryStorage {
    fn location(&self) -> String {
        "memory".to_owned()
    }

    fn lock(&self) -> io::Result<Box<dyn StorageLock>> {
        self.working(|shared| {
            if shared.locked {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            shared.locked = true;
            Ok(())
        })?;
        Ok(Box::new(MemoryLock(self.clone())))
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.working(|shared| Ok(shared.files.get(name).cloned()))
    }

    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        self.working(|shared| {
            shared.files.insert(name.to_owned(), content.to_vec());
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_is_the_same_folder_and_a_fault_leaves_the_old_content() {
        let storage = MemoryStorage::new();
        let lock = storage.lock().unwrap();
        storage.replace("instance", b"one").unwrap();
        let other = storage.clone();
        assert_eq!(other.lock().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        storage.set_fault(Some(io::ErrorKind::StorageFull));
        assert_eq!(
            other.replace("instance", b"two").unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
        storage.set_fault(None);
        assert_eq!(
            other.read("instance").unwrap().as_deref(),
            Some(&b"one"[..])
        );
        drop(lock);
        other.lock().unwrap();
    }
}
