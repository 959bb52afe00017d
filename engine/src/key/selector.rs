//! Where an element's key comes from.

use std::hash::Hash;
use std::marker::PhantomData;

use crate::element::Element;
use crate::flow::Meta;

use super::lookup::{ByRef, Found};
use super::{Key, Lookup, RecordKey};

/// Finds the key of an element.
pub trait KeyOf<E: Element>: Clone + Send + 'static {
    /// The key, as it is kept.
    type Key: Key;
    /// The key, as it is found.
    type Found<'v>: Lookup<Self::Key>;

    /// `Ok(None)`: the element has no key, and no keyed operator takes it.
    fn find<'v>(&self, view: &'v E::View<'_>, meta: &Meta<'v>) -> Found<Self::Found<'v>>;
}

/// `key_by`: a function makes it.
pub struct ByFunction<F, K>(pub(crate) F, pub(crate) PhantomData<fn() -> K>);

impl<F: Clone, K> Clone for ByFunction<F, K> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<E, F, K> KeyOf<E> for ByFunction<F, K>
where
    E: Element,
    K: Key,
    F: for<'x, 'b> Fn(&'x E::View<'b>) -> K + Clone + Send + 'static,
{
    type Key = K;
    type Found<'v> = K;

    #[inline]
    fn find<'v>(&self, view: &'v E::View<'_>, _meta: &Meta<'v>) -> Found<K> {
        Ok(Some((self.0)(view)))
    }
}

/// `key_by_ref`: it is a part of the element.
pub struct ByReference<F, Q: ?Sized>(pub(crate) F, pub(crate) PhantomData<fn() -> Box<Q>>);

impl<F: Clone, Q: ?Sized> Clone for ByReference<F, Q> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<E, F, Q> KeyOf<E> for ByReference<F, Q>
where
    E: Element,
    Q: ToOwned + Hash + Eq + ?Sized + 'static,
    Q::Owned: Key,
    F: for<'x, 'b> Fn(&'x E::View<'b>) -> &'x Q + Clone + Send + 'static,
{
    type Key = Q::Owned;
    type Found<'v> = ByRef<'v, Q>;

    #[inline]
    fn find<'v>(&self, view: &'v E::View<'_>, _meta: &Meta<'v>) -> Found<ByRef<'v, Q>> {
        Ok(Some(ByRef((self.0)(view))))
    }
}

/// `by_record_key`: it is the record's, or that of the aggregate the element came from.
#[derive(Clone, Copy)]
pub struct ByRecordKey;

impl<E: Element> KeyOf<E> for ByRecordKey {
    type Key = RecordKey;
    type Found<'v> = &'v [u8];

    #[inline]
    fn find<'v>(&self, _view: &'v E::View<'_>, meta: &Meta<'v>) -> Found<&'v [u8]> {
        Ok(meta.key)
    }
}

/// Behind a repartition topic: it is the record's, of a known type.
pub struct FromWire<K>(pub(crate) PhantomData<fn() -> K>);

impl<K> Clone for FromWire<K> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<E: Element, K: Key> KeyOf<E> for FromWire<K> {
    type Key = K;
    type Found<'v> = K::Borrowed<'v>;

    #[inline]
    fn find<'v>(&self, _view: &'v E::View<'_>, meta: &Meta<'v>) -> Found<K::Borrowed<'v>> {
        meta.key.map(K::decode).transpose()
    }
}
