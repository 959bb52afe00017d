//! Finding out where to read: which questions to ask, and what to make of the answers.

use std::time::Duration;

use thalweg_protocol::Offset;
use tokio::time::Instant;

use super::super::error::ConsumeError;
use super::partition::{Partition, Question, Stage};
use super::{Core, Ticket};
use crate::cluster::MetadataSnapshot;
use crate::error::{CallError, Disposition};
use crate::topic_partition::TopicPartition;

/// A question to be put to the leader of a partition, or to the group coordinator.
#[derive(Debug, Clone)]
pub(in super::super) struct Asked {
    pub(in super::super) ticket: Ticket,
    pub(in super::super) name: TopicPartition,
    pub(in super::super) question: Question,
}

/// What a broker said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Answer {
    /// An offset with the leader epoch of the record before it, −1 if not known. For a question by
    /// time the leader epoch is that of the record itself, and is not given.
    At(Offset, i32),
    /// There is no such offset: nothing was committed, no record is that young.
    Nowhere,
    /// Where a leader epoch ends, and which one that is; −1 if unknown.
    EpochEnd {
        leader_epoch: i32,
        end_offset: Offset,
    },
}

impl Core {
    /// The questions that are due, and when the next one is if it must wait.
    pub(in super::super) fn poll_questions(
        &mut self,
        now: Instant,
    ) -> (Vec<Asked>, Option<Instant>) {
        let mut due = Vec::new();
        let mut wake: Option<Instant> = None;
        let keys: Vec<usize> = self.keys.values().copied().collect();
        for key in keys {
            let Some(partition) = self.partitions.get_mut(key).and_then(Option::as_mut) else {
                continue;
            };
            let Stage::Asking {
                question,
                asked: asked @ false,
                ..
            } = &mut partition.stage
            else {
                continue;
            };
            // What waits comes before the place the answer will name.
            if partition.leaving || !partition.parcels.is_empty() {
                continue;
            }
            if let Some(retry_at) = partition.retry_at.filter(|&retry_at| retry_at > now) {
                wake = Some(wake.map_or(retry_at, |wake| wake.min(retry_at)));
                continue;
            }
            *asked = true;
            due.push(Asked {
                ticket: Ticket {
                    key,
                    version: partition.version,
                },
                name: partition.name.clone(),
                question: *question,
            });
        }
        (due, wake)
    }

    /// Takes an answer, unless the partition was moved meanwhile.
    pub(in super::super) fn handle_answer(&mut self, asked: &Asked, answer: Answer) {
        let settings = self.settings.clone();
        let Some(partition) = self.asking(asked) else {
            return;
        };
        match (asked.question, answer) {
            (
                Question::EndOfEpoch {
                    offset,
                    leader_epoch,
                },
                Answer::EpochEnd {
                    end_offset,
                    leader_epoch: of,
                },
            ) => {
                if end_offset.0 < 0 || of < 0 {
                    // The leader knows nothing of that epoch or any before it.
                    let error = ConsumeError::OffsetOutOfRange {
                        topic_partition: partition.name.clone(),
                        offset,
                        range: None,
                    };
                    partition.reset_to(settings.out_of_range_reset, error);
                } else if end_offset < offset {
                    partition.truncate(end_offset, of, settings.out_of_range_reset);
                } else {
                    partition.place(offset, leader_epoch);
                }
            }
            (_, Answer::At(offset, leader_epoch)) => {
                tracing::debug!(
                    partition = %partition.name, %offset, question = ?asked.question, "placed"
                );
                partition.place(offset, leader_epoch);
            }
            (Question::Committed, Answer::Nowhere) => {
                let error = ConsumeError::NoCommittedOffset {
                    topic_partition: partition.name.clone(),
                    group_id: settings.group_id.unwrap_or_default(),
                };
                partition.reset_to(settings.offset_reset, error);
            }
            // No record that young: from the end on.
            (_, Answer::Nowhere) => partition.ask(Question::Latest),
            (_, Answer::EpochEnd { .. }) => partition.ask(asked.question),
        }
        self.queue(asked.ticket.key);
    }

    /// A question was not put after all, and is due again.
    pub(in super::super) fn ask_again(&mut self, question: &Asked) {
        if let Some(Stage::Asking { asked, .. }) = self.asking(question).map(|p| &mut p.stage) {
            *asked = false;
        }
    }

    /// A question could not be put, or was refused. It is asked again after a pause if that helps.
    pub(in super::super) fn handle_unanswered(
        &mut self,
        asked: &Asked,
        error: &CallError,
        now: Instant,
        pause: impl FnOnce(u32) -> Duration,
    ) {
        let patience = self.settings.unknown_topic_timeout;
        let Some(partition) = self.asking(asked) else {
            return;
        };
        // A topic may have grown since the metadata was asked for.
        let may_appear = matches!(error, CallError::UnknownPartition { .. })
            && !partition.is_unknown_for(patience, now);
        if may_appear || error.disposition() == Disposition::Retry {
            if let Stage::Asking {
                asked, failures, ..
            } = &mut partition.stage
            {
                *asked = false;
                partition.retry_at = Some(now + pause(*failures));
                *failures += 1;
            }
            return;
        }
        partition.stop_by(error);
        self.queue(asked.ticket.key);
    }

    /// Whether a partition that is to be fetched has no leader as far as is known, so that newer
    /// metadata is needed; and whether one was stopped because its topic has not had it for too
    /// long.
    pub(in super::super) fn poll_leaderless(
        &mut self,
        metadata: &MetadataSnapshot,
        now: Instant,
    ) -> (bool, bool) {
        let patience = self.settings.unknown_topic_timeout;
        let mut any = false;
        let mut stopped = Vec::new();
        for &key in self.keys.values() {
            let Some(partition) = self.partitions.get_mut(key).and_then(Option::as_mut) else {
                continue;
            };
            // Where the whole topic is unknown, it is looked up.
            let name = &partition.name;
            if partition.leaving || metadata.topic(&name.topic).is_none() {
                continue;
            }
            let leader = metadata.leader(&name.topic, name.partition);
            let fetching = matches!(partition.stage, Stage::Fetching);
            match leader {
                Ok(_) => partition.unknown_since = None,
                Err(error @ CallError::UnknownPartition { .. }) if fetching => {
                    if partition.is_unknown_for(patience, now) {
                        partition.stop_by(&error);
                        stopped.push(key);
                    } else {
                        any = true;
                    }
                }
                Err(_) => any |= fetching,
            }
        }
        for &key in &stopped {
            self.queue(key);
        }
        (any, !stopped.is_empty())
    }

    /// A partition being fetched cannot be found any more.
    pub(in super::super) fn handle_lost_topic(&mut self, topic: &str, error: &CallError) {
        let keys: Vec<usize> = self
            .all()
            .filter(|(_, partition)| *partition.name.topic == *topic)
            .filter(|(_, partition)| matches!(partition.stage, Stage::Fetching))
            .map(|(key, _)| key)
            .collect();
        for key in keys {
            if let Some(partition) = self.partitions.get_mut(key).and_then(Option::as_mut) {
                partition.stop_by(error);
            }
            self.queue(key);
        }
    }

    fn asking(&mut self, asked: &Asked) -> Option<&mut Partition> {
        self.current(asked.ticket).filter(|partition| {
            matches!(&partition.stage, Stage::Asking { question, .. } if *question == asked.question)
        })
    }
}

impl Partition {
    /// Whether the metadata has not had it for that long.
    fn is_unknown_for(&mut self, patience: Duration, now: Instant) -> bool {
        let since = *self.unknown_since.get_or_insert(now);
        now >= since + patience
    }

    /// Stops for a reason that concerns the partition as a whole.
    pub(super) fn stop_by(&mut self, error: &CallError) {
        let topic_partition = self.name.clone();
        self.stop(ConsumeError::Partition {
            topic_partition,
            error: error.clone(),
        });
    }
}
