//! A value that is watched: tokio's `watch`, with those who wait woken in the order they came in.
//!
//! tokio wakes them in an order drawn from a generator that nobody can seed. First come, first
//! served is fairer, and lets a simulated run be repeated.

use std::pin::pin;
use std::sync::Arc;

use tokio::sync::{Notify, watch};

/// All senders are gone, and the last value was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

/// Changes the value. Receivers know when it is gone.
#[derive(Debug)]
pub struct Sender<T> {
    inner: watch::Sender<T>,
    // Dropped after `inner`: who is woken then finds the channel closed.
    changed: NotifiesAtItsEnd,
}

/// Sees the value, and waits for another. Clones have seen what their original has.
#[derive(Debug, Clone)]
pub struct Receiver<T> {
    inner: watch::Receiver<T>,
    changed: Arc<Notify>,
}

#[derive(Debug)]
struct NotifiesAtItsEnd(Arc<Notify>);

impl Drop for NotifiesAtItsEnd {
    fn drop(&mut self) {
        self.0.notify_waiters();
    }
}

/// A value, and the first to watch it.
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(value);
    let receiver = sender.subscribe();
    (sender, receiver)
}

impl<T: Default> Default for Sender<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Sender<T> {
    /// Nobody watches it yet.
    pub fn new(value: T) -> Self {
        Self {
            inner: watch::Sender::new(value),
            changed: NotifiesAtItsEnd(Arc::new(Notify::new())),
        }
    }

    /// Watches it. What it is now counts as seen.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver {
            inner: self.inner.subscribe(),
            changed: Arc::clone(&self.changed.0),
        }
    }

    /// What it is, locked for as long as the answer is kept.
    pub fn borrow(&self) -> watch::Ref<'_, T> {
        self.inner.borrow()
    }

    /// Puts another value in its place.
    pub fn send_replace(&self, value: T) {
        self.send_if_modified(|current| {
            *current = value;
            true
        });
    }

    /// Changes it.
    pub fn send_modify(&self, modify: impl FnOnce(&mut T)) {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    /// Changes it, and tells so if `modify` says that it did.
    pub fn send_if_modified(&self, modify: impl FnOnce(&mut T) -> bool) {
        if self.inner.send_if_modified(modify) {
            self.changed.0.notify_waiters();
        }
    }
}

impl<T> Receiver<T> {
    /// What it is, locked for as long as the answer is kept.
    pub fn borrow(&self) -> watch::Ref<'_, T> {
        self.inner.borrow()
    }

    /// The same, and it counts as seen.
    pub fn borrow_and_update(&mut self) -> watch::Ref<'_, T> {
        self.inner.borrow_and_update()
    }

    /// What it is now counts as news.
    pub fn mark_changed(&mut self) {
        self.inner.mark_changed();
    }

    /// Waits for a value that was not seen yet, which then counts as seen.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    /// There will be none.
    pub async fn changed(&mut self) -> Result<(), Closed> {
        loop {
            let mut changed = pin!(self.changed.notified());
            // Before the look: a change between the two is not missed.
            changed.as_mut().enable();
            if self.inner.borrow().has_changed() {
                self.inner.mark_unchanged();
                return Ok(());
            }
            if self.inner.has_changed().is_err() {
                return Err(Closed);
            }
            changed.await;
        }
    }

    /// Waits for a value that is as wanted; what it is now may be.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    /// There will be none.
    pub async fn wait_for(
        &mut self,
        mut wanted: impl FnMut(&T) -> bool,
    ) -> Result<watch::Ref<'_, T>, Closed> {
        while !wanted(&self.inner.borrow_and_update()) {
            self.changed().await?;
        }
        Ok(self.inner.borrow())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Goal: a run can be repeated. Method: many wait, often, and are woken by a change.
    #[tokio::test]
    async fn who_waits_is_woken_in_the_order_of_coming() {
        for _ in 0..20 {
            let sender = Sender::new(0);
            let woken = Arc::new(Mutex::new(Vec::new()));
            let waiting: Vec<_> = (0..10)
                .map(|number| {
                    let (mut receiver, woken) = (sender.subscribe(), Arc::clone(&woken));
                    tokio::spawn(async move {
                        receiver.changed().await.expect("a change");
                        woken.lock().expect("no panic").push(number);
                    })
                })
                .collect();
            tokio::task::yield_now().await;
            sender.send_replace(1);
            for waiting in waiting {
                waiting.await.expect("no panic");
            }
            let woken = woken.lock().expect("no panic");
            assert_eq!(*woken, (0..10).collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn the_last_value_is_seen_before_the_end() {
        let (sender, mut receiver) = channel(1);
        let mut late = receiver.clone();
        let waiting = tokio::spawn(async move { late.wait_for(|value| *value == 9).await.err() });
        tokio::task::yield_now().await;
        sender.send_replace(2);
        sender.send_if_modified(|_| false);
        drop(sender);
        assert_eq!(waiting.await.expect("no panic"), Some(Closed));
        assert_eq!(receiver.changed().await, Ok(()));
        assert_eq!(*receiver.borrow_and_update(), 2);
        assert_eq!(receiver.changed().await, Err(Closed));
        assert_eq!(
            receiver.wait_for(|value| *value == 2).await.as_deref(),
            Ok(&2)
        );
    }
}
