//! Where the event time of a source's records comes from.

use thalweg_protocol::records::RecordRef;

use crate::element::Element;
use crate::flow::Context;
use crate::time::EventTime;

/// Knows the event time of an input, ms since 1970.
pub trait TimeOf<D: Element>: Clone + Send + 'static {
    /// Whether the record is no element but word from upstream. It is dealt with then.
    #[inline]
    fn hear(&self, _record: &RecordRef<'_>, _input: usize, _context: &mut Context<'_>) -> bool {
        false
    }

    /// `None`: the record has none, or it does not fit.
    fn event_time(&self, view: &D::View<'_>, record: &RecordRef<'_>) -> Option<i64>;

    /// An element of that event time was processed.
    #[inline]
    fn observe(&self, event_time: i64, input: usize, context: &mut Context<'_>) {
        context.time.observe(input, event_time);
    }
}

/// The record's timestamp, which is what a source takes unless told otherwise.
#[derive(Clone, Copy)]
pub struct ByTimestamp;

impl<D: Element> TimeOf<D> for ByTimestamp {
    #[inline]
    fn event_time(&self, _view: &D::View<'_>, record: &RecordRef<'_>) -> Option<i64> {
        Some(record.timestamp)
    }
}

/// What a closure reads from the element.
#[derive(Clone)]
pub struct ByEventTime<F>(pub(crate) F);

impl<D, F, O> TimeOf<D> for ByEventTime<F>
where
    D: Element,
    F: for<'x, 'b> Fn(&'x D::View<'b>) -> O + Clone + Send + 'static,
    O: EventTime,
{
    #[inline]
    fn event_time(&self, view: &D::View<'_>, _record: &RecordRef<'_>) -> Option<i64> {
        (self.0)(view).millis()
    }
}
