//! The state folder: what an instance remembers of itself between two runs.
//!
//! A folder belongs to one application and, while it is open, to one instance, which holds its
//! lock. In it, the file `instance`:
//!
//! ```text
//! thalweg-instance 1                          file kind and format version
//! application hot-bids                        whose folder this is
//! uuid 0f6c...                                names this instance for as long as the folder lives
//! workers 3                                   one more than the highest worker index ever used
//! member 0 hot-bids-1f...                     the group member id worker 0 had last
//! member 2 hot-bids-77...
//! crc32c 8a1f03c2                             over all the lines above
//! ```
//!
//! The first and the last line are the same in all versions of the format.
//!
//! - The UUID makes the transactional ids `<application>-<uuid>-<worker>` (E4): a restart takes
//!   over the ids of its dead predecessor, and so fences and aborts what that one left open. The
//!   number of workers says how many ids to take over, also when this run has fewer.
//! - The member ids let a restart leave the group for its dead predecessor before it joins (E6),
//!   so that nobody waits for a session time-out.
//!
//! Nothing in the folder is needed for correctness: with a new folder an instance is a new member
//! with new transactional ids, and what its predecessor left open times out on the broker.

mod error;
mod instance_file;

use std::sync::{Arc, Mutex, PoisonError};

use crate::seams::{Storage, StorageLock};

pub use error::StateFolderError;
use instance_file::InstanceFile;

const INSTANCE_FILE: &str = "instance";

/// An open, locked state folder. The lock is held until this is dropped.
#[derive(Debug)]
pub(crate) struct StateFolder {
    storage: Arc<dyn Storage>,
    _lock: Box<dyn StorageLock>,
    /// What the file holds. Written seldom (start, joins), by any worker.
    instance: Mutex<InstanceFile>,
}

/// What the folder knew when it was opened: the work a restart does for its predecessor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Predecessor {
    /// Transactional ids to take over before anything else: every index the folder ever used.
    pub(crate) transactional_ids: Vec<String>,
    /// Members of the group that may still be listed though their process is dead.
    pub(crate) member_ids: Vec<String>,
}

impl StateFolder {
    /// Opens the folder for `workers` workers of `application_id`, or makes it.
    ///
    /// # Errors
    /// [`StateFolderError`]: in use, of another application, of a later format, corrupt, or not
    /// writable. The folder is then as it was.
    pub(crate) fn open(
        storage: Arc<dyn Storage>,
        application_id: &str,
        workers: u32,
        new_uuid: impl FnOnce() -> u128,
    ) -> Result<(Self, Predecessor), StateFolderError> {
        let folder = storage.location();
        let lock = storage
            .lock()
            .map_err(|source| StateFolderError::from_lock(&folder, source))?;
        let found = storage
            .read(INSTANCE_FILE)
            .map_err(|source| StateFolderError::unreadable(&folder, source))?;
        let mut instance = match found {
            Some(content) => InstanceFile::parse(&content)
                .map_err(|problem| StateFolderError::from_file(&folder, problem))?,
            None => InstanceFile::new(application_id, new_uuid()),
        };
        if instance.application_id != application_id {
            return Err(StateFolderError::OtherApplication {
                folder,
                owner: instance.application_id,
                application_id: application_id.to_owned(),
            });
        }
        instance.workers = instance.workers.max(workers);
        let predecessor = Predecessor {
            transactional_ids: (0..instance.workers)
                .map(|worker| transactional_id(&instance, worker))
                .collect(),
            member_ids: instance.member_ids.values().cloned().collect(),
        };
        // Written before any id is used: an index that was used is never forgotten.
        let opened = Self {
            storage,
            _lock: lock,
            instance: Mutex::new(instance),
        };
        opened.change(|_| ())?;
        Ok((opened, predecessor))
    }

    /// The UUID of this instance, as 32 hexadecimal digits.
    pub(crate) fn instance_uuid(&self) -> String {
        format!("{:032x}", self.with(|instance| instance.uuid))
    }

    /// The transactional id of a worker (E4).
    pub(crate) fn transactional_id(&self, worker: u32) -> String {
        self.with(|instance| transactional_id(instance, worker))
    }

    /// Keeps the group member id a worker was given (E6).
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn remember_member(
        &self,
        worker: u32,
        member_id: &str,
    ) -> Result<(), StateFolderError> {
        if self.with(|instance| {
            instance
                .member_ids
                .get(&worker)
                .is_some_and(|m| m == member_id)
        }) {
            return Ok(());
        }
        self.change(|instance| {
            instance.member_ids.insert(worker, member_id.to_owned());
        })
    }

    /// Forgets the member id of a worker: it has left the group by itself.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn forget_member(&self, worker: u32) -> Result<(), StateFolderError> {
        if self.with(|instance| !instance.member_ids.contains_key(&worker)) {
            return Ok(());
        }
        self.change(|instance| {
            instance.member_ids.remove(&worker);
        })
    }

    fn with<T>(&self, f: impl FnOnce(&InstanceFile) -> T) -> T {
        f(&self.instance.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the file; memory follows the disk, so a failed write changes neither.
    fn change(&self, f: impl FnOnce(&mut InstanceFile)) -> Result<(), StateFolderError> {
        let mut held = self.instance.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = held.clone();
        f(&mut changed);
        self.storage
            .replace(INSTANCE_FILE, &changed.to_bytes())
            .map_err(|source| StateFolderError::unwritable(&self.storage.location(), source))?;
        *held = changed;
        Ok(())
    }
}

fn transactional_id(instance: &InstanceFile, worker: u32) -> String {
    format!(
        "{}-{:032x}-{worker}",
        instance.application_id, instance.uuid
    )
}

#[cfg(test)]
mod tests;
