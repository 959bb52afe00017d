//! Receive buffers that are used again and again.
//!
//! Memory that was never touched costs several times more to fill than memory that was: the kernel
//! must find and clear each page. So the buffers that hold responses return here when the last
//! slice of them is dropped, wherever that happens, and the next response lands in warm memory.
//!
//! Buffers come in a few sizes, each twice the one before, so that a response of 40 KiB does not
//! hold a whole MiB for as long as somebody keeps a slice of it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;

/// Capacities of the pooled sizes, in bytes. The last leaves room beside 1 MiB of records for the
/// rest of a fetch response, so that responses capped at 1 MiB still fit.
pub(super) const SIZES: [usize; 6] = [
    32 << 10,
    64 << 10,
    128 << 10,
    256 << 10,
    512 << 10,
    (1 << 20) + (64 << 10),
];

/// A pool of receive buffers, shared by the connections of one client. Cloning shares it.
#[derive(Clone)]
pub(crate) struct ReceivePool {
    shelves: Arc<Shelves>,
}

struct Shelves {
    idle: Mutex<Idle>,
    idle_bytes_max: usize,
}

#[derive(Default)]
struct Idle {
    /// Idle buffers by the index of their size. Invariant: every one has exactly that capacity
    /// or more, and length 0.
    by_size: [Vec<Vec<u8>>; SIZES.len()],
    /// The capacity of all idle buffers together.
    bytes: usize,
}

impl ReceivePool {
    /// A pool that keeps at most `idle_bytes_max` bytes in buffers nobody uses.
    pub(crate) fn new(idle_bytes_max: usize) -> Self {
        ReceivePool {
            shelves: Arc::new(Shelves {
                idle: Mutex::default(),
                idle_bytes_max,
            }),
        }
    }

    /// An empty buffer for `bytes` bytes.
    ///
    /// Above the largest pooled size the buffer starts at that size and grows as data arrives, so
    /// that a peer must send what it announces before memory is spent on it; it never returns.
    pub(crate) fn take(&self, bytes: usize) -> ReceiveBuffer {
        let size = SIZES.iter().position(|&capacity| bytes <= capacity);
        let recycled = size.and_then(|size| self.shelves.take(size));
        let memory = recycled.unwrap_or_else(|| {
            let largest = SIZES.last().copied().unwrap_or_default();
            let capacity = size
                .and_then(|size| SIZES.get(size))
                .copied()
                .unwrap_or(largest);
            Vec::with_capacity(capacity)
        });
        let home = size.map(|size| (Arc::downgrade(&self.shelves), size));
        ReceiveBuffer { memory, home }
    }

    #[cfg(test)]
    pub(crate) fn idle_buffers(&self) -> usize {
        self.shelves.lock().by_size.iter().map(Vec::len).sum()
    }
}

impl Shelves {
    fn lock(&self) -> std::sync::MutexGuard<'_, Idle> {
        // Nothing under this lock can leave `Idle` half changed, so a poisoned one is still good.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, size: usize) -> Option<Vec<u8>> {
        let mut idle = self.lock();
        // The one returned last is the one most likely still in the cache.
        let memory = idle.by_size.get_mut(size)?.pop()?;
        idle.bytes -= memory.capacity();
        Some(memory)
    }

    fn put_back(&self, size: usize, mut memory: Vec<u8>) {
        memory.clear();
        let mut idle = self.lock();
        if idle.bytes + memory.capacity() > self.idle_bytes_max {
            return;
        }
        idle.bytes += memory.capacity();
        if let Some(shelf) = idle.by_size.get_mut(size) {
            shelf.push(memory);
        }
    }
}

impl fmt::Debug for ReceivePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivePool")
            .field("idle_bytes", &self.shelves.lock().bytes)
            .finish()
    }
}

/// A buffer being filled. Dropped or, once frozen, with its last slice dropped, its memory returns
/// to the pool it came from, if that still exists.
pub(crate) struct ReceiveBuffer {
    memory: Vec<u8>,
    home: Option<(Weak<Shelves>, usize)>,
}

impl ReceiveBuffer {
    /// The bytes received so far, to be appended to.
    pub(crate) fn memory(&mut self) -> &mut Vec<u8> {
        &mut self.memory
    }

    /// How many bytes have been received.
    pub(crate) fn len(&self) -> usize {
        self.memory.len()
    }

    /// Ends the filling: the bytes can now be shared and sliced without being copied.
    pub(crate) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for ReceiveBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory
    }
}

impl Drop for ReceiveBuffer {
    fn drop(&mut self) {
        let Some((home, size)) = self.home.take() else {
            return;
        };
        if let Some(shelves) = home.upgrade() {
            shelves.put_back(size, std::mem::take(&mut self.memory));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_returns_with_the_last_slice_and_is_used_again() {
        let pool = ReceivePool::new(16 << 20);
        let mut buffer = pool.take(100_000);
        buffer.memory().extend_from_slice(&[7; 100_000]);
        let address = buffer.memory().as_ptr();
        let whole = buffer.freeze();
        let part = whole.slice(10..20);
        drop(whole);
        assert_eq!(pool.idle_buffers(), 0, "a slice still holds the memory");
        assert_eq!(&part[..], [7; 10]);
        drop(part);
        assert_eq!(pool.idle_buffers(), 1);

        let mut again = pool.take(70_000);
        assert_eq!(again.memory().as_ptr(), address);
        assert_eq!(again.len(), 0);
        assert_eq!(pool.idle_buffers(), 0);
    }

    #[test]
    fn a_small_response_does_not_hold_a_large_buffer() {
        let pool = ReceivePool::new(16 << 20);
        drop(pool.take(1 << 20));
        assert!(pool.take(20 << 10).memory().capacity() < 64 << 10);
    }

    #[test]
    fn idle_memory_is_bounded() {
        let pool = ReceivePool::new(3 << 20);
        let buffers: Vec<_> = (0..8).map(|_| pool.take(1 << 20)).collect();
        drop(buffers);
        assert_eq!(pool.idle_buffers(), 2);
    }

    #[test]
    fn a_buffer_outlives_its_pool() {
        let pool = ReceivePool::new(16 << 20);
        let mut buffer = pool.take(1);
        buffer.memory().push(9);
        let bytes = buffer.freeze();
        drop(pool);
        assert_eq!(&bytes[..], [9]);
    }

    #[test]
    fn an_announced_giant_is_not_paid_for_in_advance() {
        let pool = ReceivePool::new(16 << 20);
        let mut buffer = pool.take(90 << 20);
        assert!(buffer.memory().capacity() < 2 << 20);
        drop(buffer);
        assert_eq!(
            pool.idle_buffers(),
            0,
            "a buffer beyond the sizes is not kept"
        );
    }
}
