//! Waits for several futures at once, without a task for each.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Runs all futures and gives their results in the order of the futures.
///
/// Meant for a handful, such as one request per broker: each wake polls all that are not done.
pub(crate) fn concurrently<F: Future>(
    futures: impl IntoIterator<Item = F>,
) -> impl Future<Output = Vec<F::Output>> {
    Concurrently {
        slots: futures
            .into_iter()
            .map(|future| Slot::Running(Box::pin(future)))
            .collect(),
    }
}

struct Concurrently<F: Future> {
    slots: Vec<Slot<F>>,
}

enum Slot<F: Future> {
    Running(Pin<Box<F>>),
    Done(F::Output),
}

// The futures are pinned by their boxes, and outputs are never pinned.
impl<F: Future> Unpin for Concurrently<F> {}

impl<F: Future> Future for Concurrently<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut all_done = true;
        for slot in &mut self.slots {
            if let Slot::Running(future) = slot {
                match future.as_mut().poll(cx) {
                    Poll::Ready(output) => *slot = Slot::Done(output),
                    Poll::Pending => all_done = false,
                }
            }
        }
        if !all_done {
            return Poll::Pending;
        }
        let slots = std::mem::take(&mut self.slots);
        let outputs = slots.into_iter().filter_map(|slot| match slot {
            Slot::Done(output) => Some(output),
            Slot::Running(_) => None,
        });
        Poll::Ready(outputs.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::concurrently;

    #[tokio::test(start_paused = true)]
    async fn all_run_at_once_and_keep_their_order() {
        let started = Instant::now();
        let results = concurrently([3, 1, 2].map(|seconds| async move {
            sleep(Duration::from_secs(seconds)).await;
            seconds
        }));
        assert_eq!(results.await, [3, 1, 2]);
        assert_eq!(started.elapsed(), Duration::from_secs(3));
    }

    #[tokio::test]
    async fn nothing_to_wait_for_is_done_at_once() {
        assert!(
            concurrently(Vec::<std::future::Ready<()>>::new())
                .await
                .is_empty()
        );
    }
}
