//! What a member tells the leader about itself: the user data of its subscription.
//!
//! ```text
//! offset  bytes
//!      0  1      format version (1)
//!      1  16     UUID of the instance the member belongs to
//!     17  ...    room for later fields (standbys and how far they are); ignored by this version
//! ```
//!
//! What the member owns is not here: Kafka's own subscription carries it, with the generation.

/// The note of one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemberNote {
    /// The UUID in the state folder of the member's instance.
    pub(crate) instance_uuid: u128,
}

/// Why a note cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoteError {
    /// Too short to be one.
    #[error("the note of {len} bytes is cut short; 17 are needed")]
    Truncated { len: usize },
    /// Version 0 never existed; later versions must stay readable by this one.
    #[error("the note has the impossible version 0")]
    Version,
}

impl MemberNote {
    /// The note as user data.
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut bytes = vec![1];
        bytes.extend_from_slice(&self.instance_uuid.to_be_bytes());
        bytes
    }

    /// Reads user data.
    ///
    /// # Errors
    /// [`NoteError`]: not a note. A later version only adds fields, so it is read as this one.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, NoteError> {
        let truncated = NoteError::Truncated { len: bytes.len() };
        let (version, rest) = bytes.split_first().ok_or(truncated.clone())?;
        if *version == 0 {
            return Err(NoteError::Version);
        }
        let (uuid, _later) = rest.split_first_chunk::<16>().ok_or(truncated)?;
        Ok(Self {
            instance_uuid: u128::from_be_bytes(*uuid),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_back_and_later_fields_are_ignored() {
        let note = MemberNote {
            instance_uuid: 0x1234_5678 << 64,
        };
        let mut bytes = note.encode();
        assert_eq!(MemberNote::decode(&bytes), Ok(note));
        bytes[0] = 2;
        bytes.extend_from_slice(b"more");
        assert_eq!(MemberNote::decode(&bytes), Ok(note));
    }

    #[test]
    fn a_cut_or_foreign_note_is_an_error() {
        let bytes = MemberNote { instance_uuid: 1 }.encode();
        for len in 0..bytes.len() {
            assert_eq!(
                MemberNote::decode(&bytes[..len]),
                Err(NoteError::Truncated { len })
            );
        }
        assert_eq!(MemberNote::decode(&[0; 17]), Err(NoteError::Version));
    }
}
