//! Why a task cannot be taken over: offsets, state and topics that do not belong together.

use thalweg_protocol::{Offset, PartitionId, Uuid};

use super::NoteError;
use crate::assignor::TaskId;

/// What does not fit, and the ways out. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TakeoverError {
    #[error(
        "task {task} has state in {topics:?} but no committed offsets for {inputs:?}: they \
         expired (offsets.retention.minutes) or were deleted, which also happens when a topic is \
         deleted and made again. Either delete those changelog topics and begin anew, or restore \
         the offsets of the group"
    )]
    ChangelogWithoutOffsets {
        task: TaskId,
        topics: Vec<String>,
        inputs: Vec<String>,
    },
    #[error(
        "task {task} has committed offsets and had state, but its changelogs {topics:?} are \
         empty: they were deleted or cleared. Delete the group's offsets to begin anew, or use \
         another application id"
    )]
    OffsetsWithoutChangelog { task: TaskId, topics: Vec<String> },
    #[error(
        "the committed offset {offset} of {topic}-{partition} is out of range: the partition now \
         holds {log_start_offset} to {end_offset}. Records were deleted before they were read, \
         or the topic is another. Choose with `on_out_of_range` where to go on, or reset the \
         group's offsets"
    )]
    OutOfRange {
        topic: String,
        partition: PartitionId,
        offset: Offset,
        log_start_offset: Offset,
        end_offset: Offset,
    },
    #[error(
        "the topic {topic} is not the one the offsets were committed for: it was deleted and \
         made again (its id is {found}, was {committed}). Delete the group's offsets and the \
         changelogs to begin anew, or use another application id"
    )]
    TopicRecreated {
        topic: String,
        found: Uuid,
        committed: Uuid,
    },
    #[error(
        "the topic {topic} now has {found} partitions; it had {committed} when the state of \
         {operators:?} was written, so keys would meet the wrong state. Begin anew under another \
         application id, or restore the number of partitions"
    )]
    PartitionCountChanged {
        topic: String,
        found: u32,
        committed: u32,
        operators: Vec<String>,
    },
    #[error(
        "the committed offset of {topic}-{partition} was not committed by this kind of \
         application ({cause}). Use another application id, or delete the group's offsets to \
         begin anew"
    )]
    ForeignOffsets {
        topic: String,
        partition: PartitionId,
        cause: NoteError,
    },
}
