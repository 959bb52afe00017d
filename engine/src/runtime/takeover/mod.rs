//! Taking a task over (E3): from "assigned" to "state restored, positions known", as a state
//! machine without I/O.
//!
//! ```text
//!  FetchOffsets ──► ListEnds ──► Read ──► Finish
//!  (require_stable) (read_uncommitted)  (read_committed, until the *position* of every
//!                                        changelog has reached its end)
//! ```
//!
//! The order is the point. The offsets are stable only when no transaction of the task's former
//! owner is undecided; its changelog records were written before its offsets became stable, so
//! an end listed *afterwards* lies behind all of them. The end is listed read_uncommitted, as the
//! last stable offset may still trail the markers of that transaction, and the reader goes by its
//! position, since what lies before the end may be markers and aborted records, which it never
//! sees as records.
//!
//! On the way it is judged whether offsets, changelogs and topics belong together
//! ([`TakeoverError`], the last rows of the failure table). A member that the group has gone on without
//! and that does not know it yet may see them out of step: offsets from before the new owner's commits,
//! logs from after. So whoever is told that they do not belong together asks for the offsets again, and
//! begins anew if they are others ([`Takeover::restart_if_outdated`]).

mod error;
mod note;

use thalweg_client::TopicPartition;
use thalweg_protocol::{Offset, Uuid};

use crate::assignor::TaskId;
use crate::topology::{OnOutOfRange, StartFrom};

pub(crate) use error::TakeoverError;
pub(crate) use note::{InputNote, NoteError, name_hash};

/// An input partition of the task.
#[derive(Debug, Clone)]
pub(crate) struct TakenInput {
    pub(crate) topic: String,
    pub(crate) topic_id: Uuid,
    pub(crate) partitions: u32,
    pub(crate) start_from: StartFrom,
    pub(crate) on_out_of_range: OnOutOfRange,
}

/// A changelog of the task.
#[derive(Debug, Clone)]
pub(crate) struct TakenChangelog {
    pub(crate) operator: String,
    pub(crate) topic: String,
    pub(crate) topic_id: Uuid,
}

/// What is committed for one input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommittedInput {
    pub(crate) offset: Offset,
    pub(crate) metadata: String,
}

/// The offsets between which records of a partition can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OffsetRange {
    pub(crate) log_start_offset: Offset,
    pub(crate) end_offset: Offset,
}

/// What to do next; its result comes back by the `handle_*` named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TakeoverStep {
    /// OffsetFetch of all inputs with `require_stable`. [`Takeover::handle_offsets`].
    FetchOffsets,
    /// ListOffsets of all inputs and changelogs, read_uncommitted. [`Takeover::handle_ranges`].
    ListEnds,
    /// Read the changelogs from where each begins. [`Takeover::handle_progress`].
    Read,
    /// All is there: tell the task, and begin to read.
    Finish,
}

/// Where the task begins to read one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    At(Offset),
    /// At the first record with this timestamp or a later one; where there is none, at `else_at`.
    AtTimestamp {
        timestamp: i64,
        else_at: Offset,
    },
}

/// What a finished takeover says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TakenOver {
    /// In the order of the inputs.
    pub(crate) starts: Vec<Offset>,
    /// A start depends on when it was looked up (`Latest`, a timestamp) and is to be committed soon:
    /// who takes over next would begin later, and skip what was written in between.
    pub(crate) commit_starts: bool,
    /// The task's own part of the commit metadata.
    pub(crate) task_metadata: Option<String>,
}

/// How far a changelog is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    begin: Offset,
    position: Offset,
    end: Offset,
    records: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Offsets,
    Ends,
    Reading,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Takeover {
    task: TaskId,
    exactly_once: bool,
    inputs: Vec<TakenInput>,
    changelogs: Vec<TakenChangelog>,
    stage: Stage,
    /// What was said to be committed, in the order of the inputs; from `Stage::Ends` on.
    said: Vec<Option<CommittedInput>>,
    /// The same, read.
    committed: Vec<Option<(Offset, InputNote)>>,
    task_metadata: Option<String>,
    starts: Vec<Start>,
    /// In the order of the changelogs, from `Stage::Reading` on.
    progress: Vec<Progress>,
}

impl Takeover {
    pub(crate) fn new(
        task: TaskId,
        exactly_once: bool,
        inputs: Vec<TakenInput>,
        changelogs: Vec<TakenChangelog>,
    ) -> Self {
        Self {
            task,
            exactly_once,
            inputs,
            changelogs,
            stage: Stage::Offsets,
            said: Vec::new(),
            committed: Vec::new(),
            task_metadata: None,
            starts: Vec::new(),
            progress: Vec::new(),
        }
    }

    /// What to do now.
    pub(crate) fn poll(&self) -> TakeoverStep {
        match self.stage {
            Stage::Offsets => TakeoverStep::FetchOffsets,
            Stage::Ends => TakeoverStep::ListEnds,
            Stage::Reading if self.progress.iter().any(|p| p.position < p.end) => {
                TakeoverStep::Read
            }
            Stage::Reading => TakeoverStep::Finish,
        }
    }

    /// The stable committed offsets, in the order of the inputs.
    ///
    /// # Errors
    /// They do not belong to these topics, or to this program.
    pub(crate) fn handle_offsets(
        &mut self,
        committed: Vec<Option<CommittedInput>>,
    ) -> Result<(), TakeoverError> {
        debug_assert_eq!(self.stage, Stage::Offsets, "E3: first the offsets");
        self.committed.clear();
        self.said.clone_from(&committed);
        for (input, committed) in self.inputs.iter().zip(committed) {
            let Some(committed) = committed else {
                self.committed.push(None);
                continue;
            };
            let (note, task_metadata) = InputNote::split(&committed.metadata)
                .map_err(|cause| self.foreign(input, cause))?;
            self.check_topic(input, &note)?;
            // The same on every input: they are committed together.
            self.task_metadata = Some(task_metadata.to_owned());
            self.committed.push(Some((committed.offset, note)));
        }
        self.stage = Stage::Ends;
        Ok(())
    }

    /// Begins again where `committed` is not what was said before: what was looked up since then is
    /// what became of somebody else's commits. False where it is the same, and what followed from it
    /// stands.
    pub(crate) fn restart_if_outdated(&mut self, committed: &[Option<CommittedInput>]) -> bool {
        let outdated = self.said != committed;
        if outdated {
            self.stage = Stage::Offsets;
            self.task_metadata = None;
            self.starts.clear();
            self.progress.clear();
        }
        outdated
    }

    /// Where inputs and changelogs begin and end, in their orders.
    ///
    /// # Errors
    /// A committed offset is gone and the source's policy is to stop; a changelog is gone.
    pub(crate) fn handle_ranges(
        &mut self,
        inputs: &[OffsetRange],
        changelogs: &[OffsetRange],
    ) -> Result<(), TakeoverError> {
        debug_assert_eq!(self.stage, Stage::Ends, "E3: the ends after the offsets");
        self.starts = self
            .inputs
            .iter()
            .zip(&self.committed)
            .zip(inputs)
            .map(|((input, committed), range)| match committed {
                None => Ok(start_from(input.start_from, *range)),
                Some((offset, _)) => self.start_in(input, *offset, *range),
            })
            .collect::<Result<_, _>>()?;
        let had_state = self
            .committed
            .iter()
            .flatten()
            .any(|(_, note)| note.has_state);
        for (changelog, range) in self.changelogs.iter().zip(changelogs) {
            self.check_changelog(changelog)?;
            // Without offsets the input is read from its start again, and state from its start has to
            // go with it. Exactly once, finding state here is an error that `finish` tells.
            let starts_anew = !self.exactly_once && self.committed.iter().all(Option::is_none);
            self.progress.push(Progress {
                begin: range.log_start_offset,
                position: if starts_anew {
                    range.end_offset
                } else {
                    range.log_start_offset
                },
                end: range.end_offset,
                records: 0,
            });
        }
        let written = self
            .progress
            .iter()
            .any(|progress| progress.end > Offset(0));
        if had_state && !self.changelogs.is_empty() && !written {
            return Err(TakeoverError::OffsetsWithoutChangelog {
                task: self.task,
                topics: self.changelog_topics(),
            });
        }
        self.stage = Stage::Reading;
        Ok(())
    }

    /// A changelog was read up to `position`, with so many more records.
    pub(crate) fn handle_progress(&mut self, changelog: usize, position: Offset, records: u64) {
        debug_assert_eq!(self.stage, Stage::Reading, "E3: reading comes last");
        if let Some(progress) = self.progress.get_mut(changelog) {
            progress.position = progress.position.max(position);
            progress.records += records;
        }
    }

    /// The inputs that begin at a timestamp whose offset is still to be looked up.
    pub(crate) fn timestamps(&self) -> impl Iterator<Item = (usize, i64)> {
        self.starts
            .iter()
            .enumerate()
            .filter_map(|(input, start)| match start {
                Start::AtTimestamp { timestamp, .. } => Some((input, *timestamp)),
                Start::At(_) => None,
            })
    }

    /// The offset of an input's timestamp; `None` where no record is that late.
    pub(crate) fn handle_timestamp(&mut self, input: usize, offset: Option<Offset>) {
        if let Some(start) = self.starts.get_mut(input)
            && let Start::AtTimestamp { else_at, .. } = *start
        {
            *start = Start::At(offset.unwrap_or(else_at));
        }
    }

    /// Where to begin reading a changelog.
    pub(crate) fn begin_of(&self, changelog: usize) -> Option<Offset> {
        self.progress.get(changelog).map(|progress| progress.begin)
    }

    /// Where to go on reading a changelog.
    pub(crate) fn position_of(&self, changelog: usize) -> Option<Offset> {
        self.progress
            .get(changelog)
            .map(|progress| progress.position)
    }

    /// Whether a changelog has to be read further.
    pub(crate) fn is_behind(&self, changelog: usize) -> bool {
        self.progress
            .get(changelog)
            .is_some_and(|progress| progress.position < progress.end)
    }

    /// Offsets read and offsets to read, over all changelogs: for the progress line.
    pub(crate) fn offsets_read(&self) -> (u64, u64) {
        let distance = |from: Offset, to: Offset| u64::try_from(to.0 - from.0).unwrap_or(0);
        self.progress.iter().fold((0, 0), |(done, all), progress| {
            let total = distance(progress.begin, progress.end);
            (
                done + distance(progress.begin, progress.position).min(total),
                all + total,
            )
        })
    }

    /// Everything the task needs to begin.
    ///
    /// # Errors
    /// State was found but no offsets that belong to it.
    pub(crate) fn finish(&self) -> Result<TakenOver, TakeoverError> {
        debug_assert_eq!(
            self.poll(),
            TakeoverStep::Finish,
            "finished when it says so"
        );
        let records: u64 = self.progress.iter().map(|progress| progress.records).sum();
        let none_committed = self.committed.iter().all(Option::is_none);
        // At least once, a crash between the flush and the first offset commit leaves just this.
        if self.exactly_once && none_committed && records > 0 {
            return Err(TakeoverError::ChangelogWithoutOffsets {
                task: self.task,
                topics: self.changelog_topics(),
                inputs: self.input_topics(),
            });
        }
        Ok(TakenOver {
            starts: self
                .starts
                .iter()
                .map(|start| match start {
                    Start::At(offset) => *offset,
                    Start::AtTimestamp { else_at, .. } => *else_at,
                })
                .collect(),
            commit_starts: self.commit_starts(),
            task_metadata: self.task_metadata.clone(),
        })
    }

    fn commit_starts(&self) -> bool {
        let inputs = self.inputs.iter().zip(&self.committed).zip(&self.starts);
        inputs
            .into_iter()
            .any(|((input, committed), start)| match (committed, start) {
                (None, _) => input.start_from != StartFrom::Earliest,
                (Some((offset, _)), Start::At(start)) if offset == start => false,
                (Some(_), _) => input.on_out_of_range == OnOutOfRange::Latest,
            })
    }

    /// The partitions of the inputs, in their order.
    pub(crate) fn input_partitions(&self) -> Vec<TopicPartition> {
        let partition = self.task.partition;
        self.inputs
            .iter()
            .map(|i| TopicPartition::new(i.topic.as_str(), partition))
            .collect()
    }

    /// The partitions of the changelogs, in their order.
    pub(crate) fn changelog_partitions(&self) -> Vec<TopicPartition> {
        let partition = self.task.partition;
        self.changelogs
            .iter()
            .map(|c| TopicPartition::new(c.topic.as_str(), partition))
            .collect()
    }

    /// The changelogs, in their order.
    pub(crate) fn changelogs(&self) -> &[TakenChangelog] {
        &self.changelogs
    }

    /// The inputs, in their order.
    pub(crate) fn inputs(&self) -> &[TakenInput] {
        &self.inputs
    }

    fn start_in(
        &self,
        input: &TakenInput,
        offset: Offset,
        range: OffsetRange,
    ) -> Result<Start, TakeoverError> {
        if (range.log_start_offset..=range.end_offset).contains(&offset) {
            return Ok(Start::At(offset));
        }
        match input.on_out_of_range {
            OnOutOfRange::Fail => Err(TakeoverError::OutOfRange {
                topic: input.topic.clone(),
                partition: self.task.partition,
                offset,
                log_start_offset: range.log_start_offset,
                end_offset: range.end_offset,
            }),
            OnOutOfRange::Earliest => Ok(start_from(StartFrom::Earliest, range)),
            OnOutOfRange::Latest => Ok(start_from(StartFrom::Latest, range)),
        }
    }

    fn check_topic(&self, input: &TakenInput, note: &InputNote) -> Result<(), TakeoverError> {
        if note.topic_id != input.topic_id {
            return Err(TakeoverError::TopicRecreated {
                topic: input.topic.clone(),
                found: input.topic_id,
                committed: note.topic_id,
            });
        }
        if !self.changelogs.is_empty() && note.partitions != input.partitions {
            return Err(TakeoverError::PartitionCountChanged {
                topic: input.topic.clone(),
                found: input.partitions,
                committed: note.partitions,
                operators: self.changelogs.iter().map(|c| c.operator.clone()).collect(),
            });
        }
        Ok(())
    }

    /// A changelog that is another topic than the one the offsets were committed with.
    fn check_changelog(&self, changelog: &TakenChangelog) -> Result<(), TakeoverError> {
        let known = self.committed.iter().flatten().find_map(|(_, note)| {
            note.changelogs
                .iter()
                .find(|(hash, _)| *hash == note::name_hash(&changelog.topic))
        });
        match known {
            Some((_, committed)) if *committed != changelog.topic_id => {
                Err(TakeoverError::TopicRecreated {
                    topic: changelog.topic.clone(),
                    found: changelog.topic_id,
                    committed: *committed,
                })
            }
            _ => Ok(()),
        }
    }

    fn foreign(&self, input: &TakenInput, cause: NoteError) -> TakeoverError {
        TakeoverError::ForeignOffsets {
            topic: input.topic.clone(),
            partition: self.task.partition,
            cause,
        }
    }

    fn changelog_topics(&self) -> Vec<String> {
        self.changelogs
            .iter()
            .map(|changelog| changelog.topic.clone())
            .collect()
    }

    fn input_topics(&self) -> Vec<String> {
        self.inputs
            .iter()
            .map(|input| input.topic.clone())
            .collect()
    }
}

fn start_from(start_from: StartFrom, range: OffsetRange) -> Start {
    match start_from {
        StartFrom::Earliest => Start::At(range.log_start_offset),
        StartFrom::Latest => Start::At(range.end_offset),
        StartFrom::Timestamp(timestamp) => Start::AtTimestamp {
            timestamp,
            else_at: range.end_offset,
        },
    }
}

#[cfg(test)]
mod tests;
