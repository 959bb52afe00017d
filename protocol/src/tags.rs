//! Tagged fields whose meaning is not known here (KIP-482): kept when read, written back.

use bytes::Bytes;

/// The tagged fields of one structure that this version of the library does not define.
///
/// A newer peer may send such fields. They are kept so that a message that is read and written again
/// loses nothing. Empty by default; the tags are ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnknownTags {
    fields: Vec<(u32, Bytes)>,
}

impl UnknownTags {
    /// No tagged fields.
    pub const fn new() -> Self {
        Self { fields: Vec::new() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// The tags and the encoded contents, by ascending tag.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Bytes)> {
        self.fields.iter().map(|(tag, contents)| (*tag, contents))
    }

    /// Sets the contents of a tag.
    pub fn insert(&mut self, tag: u32, contents: Bytes) {
        match self.fields.binary_search_by_key(&tag, |(tag, _)| *tag) {
            Ok(i) => {
                if let Some((_, old)) = self.fields.get_mut(i) {
                    *old = contents;
                }
            }
            Err(i) => self.fields.insert(i, (tag, contents)),
        }
    }

    /// Appends a tag that is greater than those before.
    pub(crate) fn push(&mut self, tag: u32, contents: Bytes) {
        if self.fields.len() == self.fields.capacity() {
            self.fields.reserve_exact(self.fields.len().max(1));
        }
        self.fields.push((tag, contents));
    }

    /// What the next [`push`](Self::push) allocates.
    pub(crate) fn growth_bytes(&self) -> usize {
        if self.fields.len() < self.fields.capacity() {
            return 0;
        }
        (self.fields.len() + self.fields.len().max(1)) * size_of::<(u32, Bytes)>()
    }
}
