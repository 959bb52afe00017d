//! Finding a key in a table without owning it first.

use std::hash::{BuildHasher, Hash};

use crate::element::DecodeFailure;

use super::{Key, RecordKey};

/// How tables hash. The seed is fixed: no output depends on it, but a run that is replayed then
/// takes the same path.
pub(crate) type KeyHasher = foldhash::fast::FixedState;

pub(crate) const KEY_HASHER: KeyHasher = KeyHasher::with_seed(0x7461_6c77_6567);

/// Something that can be looked up where `K`s are kept. Hashes as the `K` does.
pub trait Lookup<K> {
    /// The hash of the `K` it stands for.
    fn hash_with<S: BuildHasher>(&self, state: &S) -> u64;

    /// Whether it stands for this key.
    fn is(&self, key: &K) -> bool;

    /// Appends the key's bytes.
    fn encode_key(&self, out: &mut Vec<u8>);

    /// Becomes the key, to be kept.
    fn into_key(self) -> K;
}

impl<K: Key> Lookup<K> for K {
    #[inline]
    fn hash_with<S: BuildHasher>(&self, state: &S) -> u64 {
        state.hash_one(self)
    }

    #[inline]
    fn is(&self, key: &K) -> bool {
        self == key
    }

    fn encode_key(&self, out: &mut Vec<u8>) {
        self.encode(out);
    }

    fn into_key(self) -> K {
        self
    }
}

macro_rules! borrowed_lookup {
    ($($borrowed:ty => $key:ty),*) => {$(
        impl Lookup<$key> for &$borrowed {
            #[inline]
            fn hash_with<S: BuildHasher>(&self, state: &S) -> u64 {
                state.hash_one(self)
            }

            #[inline]
            fn is(&self, key: &$key) -> bool {
                let key: &$borrowed = key.as_ref();
                *self == key
            }

            fn encode_key(&self, out: &mut Vec<u8>) {
                let bytes: &[u8] = self.as_ref();
                out.extend_from_slice(bytes);
            }

            fn into_key(self) -> $key {
                self.into()
            }
        }
    )*};
}

borrowed_lookup!(str => String, [u8] => Vec<u8>, [u8] => RecordKey);

/// A reference that the user's closure gave, for a key that is its owned form.
pub struct ByRef<'v, Q: ?Sized>(pub(crate) &'v Q);

impl<Q> Lookup<Q::Owned> for ByRef<'_, Q>
where
    Q: ToOwned + Hash + Eq + ?Sized,
    Q::Owned: Key,
{
    #[inline]
    fn hash_with<S: BuildHasher>(&self, state: &S) -> u64 {
        state.hash_one(self.0)
    }

    #[inline]
    fn is(&self, key: &Q::Owned) -> bool {
        use std::borrow::Borrow as _;
        self.0 == key.borrow()
    }

    fn encode_key(&self, out: &mut Vec<u8>) {
        self.0.to_owned().encode(out);
    }

    fn into_key(self) -> Q::Owned {
        self.0.to_owned()
    }
}

/// What finding the key of an element comes to: `Ok(None)` is no key.
pub(crate) type Found<L> = Result<Option<L>, DecodeFailure>;
