//! The points at which a simulation may crash an instance: before and after each `.await` of the
//! commit and restore paths. `ARCHITECTURE.md` has the list of the files that are meant.
//!
//! ```text
//!   transaction.commit().point().await
//!                        ├─ before: nothing of the commit was begun
//!                        └─ after: it is done, and nobody has heard of it
//! ```
//!
//! Whoever polls an instance's futures within [`observe_crash_points`] is asked at each of the two.
//! Where nobody does, as in every program that is not a simulation, a point costs two looks at a
//! thread-local variable; none is passed per record.

use std::cell::RefCell;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

/// On which side of an `.await` a point lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CrashSide {
    /// What is awaited has not begun.
    Before,
    /// It has ended, and what follows has not begun.
    After,
}

/// What a point says to whoever observes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashSite {
    /// Where in the source: the place of `point`.
    pub location: &'static Location<'static>,
    /// On which side of the `.await`.
    pub side: CrashSide,
}

/// Decides what happens at crash points.
pub trait CrashObserver: Send + Sync {
    /// A point is passed. True: whoever passes it crashes here and never goes on; the observer sees
    /// to it that nothing else of the instance does either.
    fn crashes_at(&self, site: CrashSite) -> bool;
}

thread_local! {
    static OBSERVER: RefCell<Option<Arc<dyn CrashObserver>>> = const { RefCell::new(None) };
}

/// Has `observer` asked at every point that is passed on this thread while `during` runs.
pub fn observe_crash_points<T>(observer: &Arc<dyn CrashObserver>, during: impl FnOnce() -> T) -> T {
    struct Restore(Option<Arc<dyn CrashObserver>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            OBSERVER.set(self.0.take());
        }
    }
    let _restore = Restore(OBSERVER.replace(Some(Arc::clone(observer))));
    during()
}

async fn pass(location: &'static Location<'static>, side: CrashSide) {
    let observer = OBSERVER.with_borrow(Clone::clone);
    if observer.is_some_and(|observer| observer.crashes_at(CrashSite { location, side })) {
        // Dropped with all else of its instance.
        std::future::pending::<()>().await;
    }
}

/// Marks an `.await` as a crash point.
pub trait CrashPoint: Future + Sized {
    /// The same future, with a point on either side of it.
    #[track_caller]
    fn point(self) -> impl Future<Output = Self::Output> {
        let location = Location::caller();
        async move {
            pass(location, CrashSide::Before).await;
            let output = self.await;
            pass(location, CrashSide::After).await;
            output
        }
    }
}

impl<F: Future> CrashPoint for F {}

#[cfg(test)]
mod tests {
    use super::*;

    use std::future::ready;
    use std::sync::Mutex;
    use std::task::{Context, Waker};

    /// Crashes at the given one of the points passed, counted from 1.
    struct CrashAt(Mutex<Vec<(u32, CrashSide)>>, usize);

    impl CrashObserver for CrashAt {
        fn crashes_at(&self, site: CrashSite) -> bool {
            let mut passed = self.0.lock().expect("no panic");
            passed.push((site.location.line(), site.side));
            passed.len() == self.1
        }
    }

    /// Goal: a point is passed on both sides of its await and names the line it stands on, and a
    /// crash at either keeps what follows from happening. Method: a future with one point, polled
    /// once under an observer that crashes at the first, the second, no point.
    #[test]
    fn a_crash_before_begins_nothing_and_a_crash_after_tells_nobody() {
        for (at, begun, told) in [(1, false, false), (2, true, false), (3, true, true)] {
            let observed = Arc::new(CrashAt(Mutex::default(), at));
            let observer: Arc<dyn CrashObserver> = observed.clone();
            let (mut has_begun, mut is_told) = (false, false);
            let line = line!() + 3;
            let mut future = Box::pin(async {
                let doing = async { has_begun = true };
                doing.point().await;
                is_told = true;
            });
            let mut context = Context::from_waker(Waker::noop());
            let polled = observe_crash_points(&observer, || future.as_mut().poll(&mut context));
            drop(future);
            assert_eq!((has_begun, is_told), (begun, told), "crash at point {at}");
            assert_eq!(polled.is_ready(), told);
            let sides = [(line, CrashSide::Before), (line, CrashSide::After)];
            assert_eq!(*observed.0.lock().expect("no panic"), sides[..at.min(2)]);
        }
    }

    /// Goal: without an observer a point is nothing, also after one was there.
    #[test]
    fn a_point_that_nobody_observes_is_nothing() {
        let observer: Arc<dyn CrashObserver> = Arc::new(CrashAt(Mutex::default(), 1));
        observe_crash_points(&observer, || ());
        let mut future = Box::pin(ready(7).point());
        let polled = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, std::task::Poll::Ready(7)));
    }
}
