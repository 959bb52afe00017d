//! How elements move through a task: the push side of every operator.
//!
//! A run of stateless operators is one type: each operator holds the next by value, so that a
//! record goes from its bytes to the accumulator in one inlined pass, borrowed all the way. After a
//! stateful operator, and where a stream forks, the next operator is behind a `dyn`.
//!
//! Event time travels *with* each element: [`Meta::watermark`] is what the watermark was when the
//! element came. An operator whose windows or timers are due at that watermark fires them before it
//! looks at the element. So the output does not depend on where batches of input begin and end
//! (T2), without a call per watermark. [`SignalKind::Watermark`] brings the rest at the end of a batch.

mod chain;
mod context;
mod merge;
mod port;

use thalweg_protocol::records::Rows;

use crate::element::Element;
use crate::task::{ChangelogId, RestoreError, TaskReport};

pub use chain::Chain;
pub(crate) use chain::{Root, Template};
pub(crate) use context::{BatchOrigin, Context, Interrupt};
pub(crate) use merge::{MergeEntry, MergePoint, MergePoints};
pub(crate) use port::{FromPort, Port};

/// What goes along with an element.
#[derive(Debug, Clone, Copy)]
pub struct Meta<'b> {
    /// When it happened, ms since 1970.
    pub(crate) event_time: i64,
    /// The watermark before this element.
    pub(crate) watermark: i64,
    /// The encoded key it has: the record's, or that of the aggregate it came from.
    pub(crate) key: Option<&'b [u8]>,
}

/// The receiving end of an operator.
pub trait Push<E: Element> {
    /// Takes one element.
    fn push(&mut self, view: &E::View<'_>, meta: &Meta<'_>, context: &mut Context<'_>);

    /// Takes what is not an element, does its part and hands it on. Every operator gets every
    /// signal once.
    fn signal(&mut self, signal: &mut Signal<'_, '_>);
}

impl<E: Element, P: Push<E> + ?Sized> Push<E> for Box<P> {
    #[inline]
    fn push(&mut self, view: &E::View<'_>, meta: &Meta<'_>, context: &mut Context<'_>) {
        (**self).push(view, meta, context);
    }

    fn signal(&mut self, signal: &mut Signal<'_, '_>) {
        (**self).signal(signal);
    }
}

/// What a task tells all its operators.
pub struct Signal<'a, 'c>(pub(crate) SignalKind<'a, 'c>);

impl Signal<'_, '_> {
    /// The watermark, if the signal tells it.
    fn watermark(&mut self) -> Option<&mut i64> {
        match &mut self.0 {
            SignalKind::Watermark(watermark, _) => Some(watermark),
            SignalKind::Restored(restored) => Some(&mut restored.watermark),
            _ => None,
        }
    }
}

/// The same, in the order of the flow.
pub(crate) enum SignalKind<'a, 'c> {
    /// The watermark is now this. An operator that knows another for what comes after it puts that
    /// in its place.
    Watermark(i64, &'a mut Context<'c>),
    /// Emit what waits for the commit, encode the changelog, open the next generation.
    Seal(&'a mut Context<'c>),
    /// The sealed generation is definite.
    Committed,
    /// Undo the open generation, then the sealed one.
    Abort,
    /// Apply records of a changelog.
    Restore(&'a mut RestoreSignal<'c>),
    /// The restore is complete; event time is as it was committed.
    Restored(&'a mut RestoredSignal<'c>),
    /// Append what operators have to keep beside their changelog.
    Cursors(&'a mut Vec<i64>),
    /// Add to the counts.
    Report(&'a mut TaskReport),
}

/// Records of one changelog.
pub(crate) struct RestoreSignal<'c> {
    pub(crate) changelog: ChangelogId,
    pub(crate) rows: Rows<'c>,
    pub(crate) result: Result<(), RestoreError>,
}

/// What was committed beside the changelogs.
pub(crate) struct RestoredSignal<'c> {
    /// The task's watermark; what comes after an operator that knows another is given that, as by
    /// `SignalKind::Watermark`.
    pub(crate) watermark: i64,
    /// What `SignalKind::Cursors` collected, in the same order; the rest of it. Operators take theirs
    /// from the front. `None` for a task that never committed.
    pub(crate) cursors: Option<std::slice::Iter<'c, i64>>,
    /// Becomes false when there are fewer than operators want.
    pub(crate) complete: bool,
}

impl RestoredSignal<'_> {
    /// The next cursor; `initial` for a task that never committed.
    pub(crate) fn cursor(&mut self, initial: i64) -> i64 {
        let Some(cursors) = &mut self.cursors else {
            return initial;
        };
        let cursor = cursors.next().copied();
        self.complete &= cursor.is_some();
        cursor.unwrap_or(initial)
    }
}
