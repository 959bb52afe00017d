//! What an instance finds on its machine: a clock that jumps, and a disk that is not always sound.

use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thalweg::{Clock, MemoryStorage, Storage, StorageLock, VirtualClock};
use thalweg_client::Rng;

use super::life::Life;

/// A wall clock that follows the world's time until it jumps. Clones are the same.
#[derive(Debug, Clone)]
pub struct JumpingClock {
    world: VirtualClock,
    ahead_ms: Arc<AtomicI64>,
}

impl JumpingClock {
    /// A clock that shows what the world's shows.
    #[must_use]
    pub fn new(world: VirtualClock) -> Self {
        Self {
            world,
            ahead_ms: Arc::default(),
        }
    }

    /// Jumps, ahead or back.
    pub fn jump(&self, by_ms: i64) {
        self.ahead_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Clock for JumpingClock {
    fn wall_ms(&self) -> i64 {
        self.world.wall_ms() + self.ahead_ms.load(Ordering::Relaxed)
    }
}

/// What can happen to a file that was being written when its machine went down, or at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// Only its beginning is there.
    Torn,
    /// One bit of it is another.
    Flipped,
    /// It is gone.
    Missing,
}

/// The disk of one machine. Clones are the same; it outlives the instances on it.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    shared: Arc<Mutex<Contents>>,
}

#[derive(Debug, Default)]
struct Contents {
    memory: MemoryStorage,
    /// The names of the files that were written.
    names: Vec<String>,
    full: bool,
}

impl Disk {
    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder as one instance has it open. It can write while it lives.
    #[must_use]
    pub fn opened_by(&self, life: &Life) -> OpenDisk {
        OpenDisk {
            disk: self.clone(),
            life: life.clone(),
        }
    }

    /// From now on nothing can be written, or again.
    pub fn fill(&self, full: bool) {
        self.lock().full = full;
    }

    /// Damages one of its files. False when there is none.
    pub fn damage(&self, damage: Damage, rng: &mut Rng) -> bool {
        let mut contents = self.lock();
        let Some(name) = rng.choose(&contents.names).cloned() else {
            return false;
        };
        let Ok(Some(mut content)) = contents.memory.read(&name) else {
            return false;
        };
        match damage {
            Damage::Torn => {
                let kept = rng.below(content.len() as u64);
                content.truncate(usize::try_from(kept).unwrap_or(0));
            }
            Damage::Flipped => {
                let at = usize::try_from(rng.below(content.len() as u64)).unwrap_or(0);
                if let Some(byte) = content.get_mut(at) {
                    *byte ^= 1 << rng.below(8);
                }
            }
            Damage::Missing => {
                *contents = Contents::default();
                return true;
            }
        }
        contents.memory.replace(&name, &content).is_ok()
    }

    /// What an operator does whom an app tells that its folder is corrupt.
    pub fn wipe(&self) {
        *self.lock() = Contents::default();
    }
}

/// See [`Disk::opened_by`].
#[derive(Debug)]
pub struct OpenDisk {
    disk: Disk,
    life: Life,
}

impl OpenDisk {
    fn memory(&self) -> io::Result<MemoryStorage> {
        if self.life.is_crashed() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(self.disk.lock().memory.clone())
    }
}

impl Storage for OpenDisk {
    fn location(&self) -> String {
        format!("the disk of {}", self.life.name())
    }

    fn lock(&self) -> io::Result<Box<dyn StorageLock>> {
        self.memory()?.lock()
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.memory()?.read(name)
    }

    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let memory = self.memory()?;
        let mut contents = self.disk.lock();
        if contents.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if !contents.names.iter().any(|known| known == name) {
            contents.names.push(name.to_owned());
        }
        memory.replace(name, content)
    }
}
