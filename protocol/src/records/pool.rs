//! Buffers that come back when the last view of them is dropped.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// A pool of byte buffers that are refcounted [`Bytes`] while in use.
///
/// Memory that was never touched costs the kernel's work of a page fault per 4 KiB, several times
/// what writing to it costs, so buffers are worth keeping. A clone is another handle to the same
/// pool. It locks once per buffer taken or returned.
#[derive(Debug, Clone)]
pub struct BufferPool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    idle: Mutex<Vec<Vec<u8>>>,
    buffers_max: usize,
    buffer_bytes_max: usize,
}

impl Default for BufferPool {
    fn default() -> Self {
        Self::new(64, 4 * 1024 * 1024)
    }
}

impl BufferPool {
    /// A pool that keeps at most `buffers_max` idle buffers, and none of more than
    /// `buffer_bytes_max`. Default: 64 and 4 MiB.
    pub fn new(buffers_max: usize, buffer_bytes_max: usize) -> Self {
        let idle = Mutex::default();
        Self {
            shared: Arc::new(Shared {
                idle,
                buffers_max,
                buffer_bytes_max,
            }),
        }
    }

    /// An empty buffer: the one returned last, or a new one.
    pub fn take(&self) -> PooledBuffer {
        let bytes = lock(&self.shared.idle).pop().unwrap_or_default();
        PooledBuffer {
            bytes,
            shared: Arc::clone(&self.shared),
        }
    }
}

/// A buffer of a [`BufferPool`], which it goes back to when it is dropped.
#[derive(Debug)]
pub struct PooledBuffer {
    bytes: Vec<u8>,
    shared: Arc<Shared>,
}

impl PooledBuffer {
    /// Makes it shareable and read-only; it goes back when the last clone or slice is dropped.
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl std::ops::Deref for PooledBuffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

impl std::ops::DerefMut for PooledBuffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl AsRef<[u8]> for PooledBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        if bytes.capacity() == 0 || bytes.capacity() > self.shared.buffer_bytes_max {
            return;
        }
        bytes.clear();
        let mut idle = lock(&self.shared.idle);
        if idle.len() < self.shared.buffers_max {
            idle.push(bytes);
        }
    }
}

/// A panic while the lock was held left whole buffers behind: nothing to distrust.
fn lock(idle: &Mutex<Vec<Vec<u8>>>) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_when_its_last_slice_is_dropped() {
        let pool = BufferPool::new(2, 1024);
        let mut buffer = pool.take();
        buffer.extend_from_slice(b"abcdef");
        let place = buffer.as_ptr();
        let whole = buffer.freeze();
        let part = whole.slice(2..4);
        drop(whole);
        assert_eq!(pool.shared.idle.lock().expect("no panic").len(), 0);
        drop(part);
        let again = pool.take();
        assert_eq!(again.as_ptr(), place);
        assert!(again.is_empty());
    }

    #[test]
    fn what_is_too_large_or_too_many_is_not_kept() {
        let pool = BufferPool::new(1, 16);
        let mut large = pool.take();
        large.reserve(1000);
        drop(large);
        assert_eq!(lock(&pool.shared.idle).len(), 0);
        let (mut one, mut two) = (pool.take(), pool.take());
        one.extend_from_slice(b"1");
        two.extend_from_slice(b"2");
        drop(one);
        drop(two);
        assert_eq!(lock(&pool.shared.idle).len(), 1);
    }
}
