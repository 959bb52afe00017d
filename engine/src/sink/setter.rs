//! Closures that say what a record has beside its value.

use std::marker::PhantomData;

use crate::element::Element;
use crate::key::Key;
use crate::time::EventTime;

/// Reads something off an element into `out`; `false`: there is none. Copied for every task.
pub(super) trait Setter<E: Element, O>: Send {
    fn set(&self, view: &E::View<'_>, out: &mut O) -> bool;
    fn copy(&self) -> Box<dyn Setter<E, O>>;
}

/// A key, or a header's value.
pub(super) struct BytesOf<F, K>(F, PhantomData<fn() -> K>);

/// A timestamp.
pub(super) struct TimestampOf<F>(F);

impl<F, K> BytesOf<F, K> {
    pub(super) fn new(read: F) -> Self {
        Self(read, PhantomData)
    }
}

impl<F> TimestampOf<F> {
    pub(super) fn new(read: F) -> Self {
        Self(read)
    }
}

impl<E, F, K> Setter<E, Vec<u8>> for BytesOf<F, K>
where
    E: Element,
    F: for<'x, 'b> Fn(&'x E::View<'b>) -> Option<K> + Clone + Send + 'static,
    K: Key,
{
    fn set(&self, view: &E::View<'_>, out: &mut Vec<u8>) -> bool {
        let key = (self.0)(view);
        if let Some(key) = &key {
            key.encode(out);
        }
        key.is_some()
    }

    fn copy(&self) -> Box<dyn Setter<E, Vec<u8>>> {
        Box::new(Self::new(self.0.clone()))
    }
}

impl<E, F, O> Setter<E, i64> for TimestampOf<F>
where
    E: Element,
    F: for<'x, 'b> Fn(&'x E::View<'b>) -> O + Clone + Send + 'static,
    O: EventTime,
{
    fn set(&self, view: &E::View<'_>, out: &mut i64) -> bool {
        let millis = (self.0)(view).millis();
        *out = millis.unwrap_or(*out);
        millis.is_some()
    }

    fn copy(&self) -> Box<dyn Setter<E, i64>> {
        Box::new(Self(self.0.clone()))
    }
}
