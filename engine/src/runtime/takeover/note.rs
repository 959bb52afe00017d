//! The worker's part of the commit metadata: which topics the offset and the state belong to.
//!
//! It goes before the task's own part, in the text committed with every input of the task:
//!
//! ```text
//! w1,<topic id>,<partitions>,<0|1 has state>{,<hash of name>=<changelog topic id>};<task's part>
//! ```

use std::fmt::Write;

use thalweg_protocol::Uuid;

use crate::task::WORKER_NOTE_BYTES_MAX;

const PREFIX: &str = "w1,";

/// Changelogs named in a note; later ones are not checked for having been made anew.
const CHANGELOGS_MAX: usize = 5;

/// The note of one input partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InputNote {
    /// Of the input.
    pub(crate) topic_id: Uuid,
    /// How many the input's topic had.
    pub(crate) partitions: u32,
    /// A changelog of the task held records.
    pub(crate) has_state: bool,
    /// The ids of the changelogs, by the hash of their name.
    pub(crate) changelogs: Vec<(u32, Uuid)>,
}

/// Why committed metadata is not ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoteError {
    #[error("its metadata is {0:?}")]
    Foreign(String),
    #[error("its metadata is damaged: {0:?}")]
    Damaged(String),
}

/// What stands for a topic's name in a note.
pub(crate) fn name_hash(topic: &str) -> u32 {
    crc32c::crc32c(topic.as_bytes())
}

impl InputNote {
    /// The note and the task's part in one text.
    pub(crate) fn join(&self, task_metadata: &str) -> String {
        let mut text = format!(
            "{PREFIX}{},{},{}",
            self.topic_id,
            self.partitions,
            u8::from(self.has_state)
        );
        for (hash, id) in self.changelogs.iter().take(CHANGELOGS_MAX) {
            // Writing to a String cannot fail.
            let _ = write!(text, ",{hash:08x}={id}");
        }
        debug_assert!(
            text.len() < WORKER_NOTE_BYTES_MAX,
            "it leaves room for the task's part"
        );
        text.push(';');
        text.push_str(task_metadata);
        text
    }

    /// The note, and the task's part.
    pub(crate) fn split(text: &str) -> Result<(Self, &str), NoteError> {
        let excerpt = || text.chars().take(60).collect::<String>();
        let body = text
            .strip_prefix(PREFIX)
            .ok_or_else(|| NoteError::Foreign(excerpt()))?;
        let (note, task_metadata) = body
            .split_once(';')
            .ok_or_else(|| NoteError::Damaged(excerpt()))?;
        let note = Self::parse(note).ok_or_else(|| NoteError::Damaged(excerpt()))?;
        Ok((note, task_metadata))
    }

    fn parse(note: &str) -> Option<Self> {
        let mut fields = note.split(',');
        let topic_id = fields.next()?.parse().ok()?;
        let partitions = fields.next()?.parse().ok()?;
        let has_state = match fields.next()? {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        let changelogs = fields
            .map(|field| {
                let (hash, id) = field.split_once('=')?;
                Some((u32::from_str_radix(hash, 16).ok()?, id.parse().ok()?))
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Self {
            topic_id,
            partitions,
            has_state,
            changelogs,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> InputNote {
        InputNote {
            topic_id: Uuid([7; 16]),
            partitions: 12,
            has_state: true,
            changelogs: vec![(name_hash("a-counts-changelog"), Uuid([9; 16]))],
        }
    }

    #[test]
    fn what_was_joined_is_split() {
        let joined = example().join("t1.whatever;even,this");
        assert_eq!(
            InputNote::split(&joined),
            Ok((example(), "t1.whatever;even,this"))
        );
    }

    #[test]
    fn a_note_cut_anywhere_is_an_error_and_other_metadata_is_told_apart() {
        let joined = example().join("");
        for len in 0..joined.len() - 1 {
            assert!(InputNote::split(&joined[..len]).is_err(), "cut at {len}");
        }
        for foreign in ["", "by hand", "w2,x"] {
            assert!(
                matches!(InputNote::split(foreign), Err(NoteError::Foreign(_))),
                "{foreign}"
            );
        }
        for damaged in ["w1,;", "w1,AAAA,1,0;", "w1,\u{e4},1,0;", "w1,,,;"] {
            assert!(
                matches!(InputNote::split(damaged), Err(NoteError::Damaged(_))),
                "{damaged}"
            );
        }
    }

    #[test]
    fn a_note_with_many_changelogs_stays_small() {
        let note = InputNote {
            changelogs: (0..100).map(|index| (index, Uuid([1; 16]))).collect(),
            ..example()
        };
        assert!(note.join("").len() <= WORKER_NOTE_BYTES_MAX);
    }
}
