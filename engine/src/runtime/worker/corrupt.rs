//! Record batches that cannot be read: the source's policy for bad records decides about the whole
//! batch.

use std::sync::Arc;

use thalweg_client::{ConsumeError, CorruptBatch, StartAt};
use thalweg_protocol::Offset;
use tokio::time::Instant;

use super::Worker;
use crate::assignor::TaskId;
use crate::runtime::error::AppError;
use crate::runtime::instance::Instance;
use crate::source::BadRecordPolicy;
use crate::task::{InputId, Outputs, SinkFailure, TaskError};
use crate::topology::{InputKind, OnOutOfRange, SourceSettings};

/// What the program says about a source; `None` for a repartition topic.
pub(super) fn source_settings(
    instance: &Instance,
    id: TaskId,
    input: InputId,
) -> Option<SourceSettings> {
    let sub_topologies = instance.topology.sub_topologies();
    let sub_topology = sub_topologies
        .iter()
        .find(|found| found.id == id.sub_topology)?;
    match sub_topology
        .inputs
        .iter()
        .find(|found| found.id == input)?
        .kind
    {
        InputKind::Source(settings) => Some(settings),
        InputKind::Repartition { .. } => None,
    }
}

/// Lets a batch pass as the policy says, or gives the error to stop with. `bytes` is what there is
/// of it. What is not known to be the user's data (a repartition topic) always stops.
pub(super) fn let_pass(
    settings: Option<SourceSettings>,
    outputs: &mut Outputs,
    now_ms: i64,
    corrupt: &CorruptBatch,
    bytes: &[u8],
) -> Result<(), AppError> {
    let policy = settings.map_or(BadRecordPolicy::Fail, |settings| settings.on_bad_record);
    let (topic, partition) = (
        &corrupt.topic_partition.topic,
        corrupt.topic_partition.partition,
    );
    if policy == BadRecordPolicy::Fail {
        return Err(AppError::Task(TaskError::BadRecord {
            topic: Arc::clone(topic),
            partition,
            offset: corrupt.offset,
            reason: format!("its batch is corrupt: {}", corrupt.error),
        }));
    }
    tracing::warn!(%topic, %partition, offset = %corrupt.offset, "corrupt batch let pass: {corrupt}");
    let BadRecordPolicy::DeadLetter(output) = policy else {
        return Ok(());
    };
    let (partition, offset) = (partition.0.to_string(), corrupt.offset.0.to_string());
    let reason = corrupt.error.to_string();
    let headers: [(&str, Option<&[u8]>); 4] = [
        ("thalweg.topic", Some(topic.as_bytes())),
        ("thalweg.partition", Some(partition.as_bytes())),
        ("thalweg.offset", Some(offset.as_bytes())),
        ("thalweg.reason", Some(reason.as_bytes())),
    ];
    let value = (!bytes.is_empty()).then_some(bytes);
    outputs
        .append(output, None, now_ms, None, value, &headers)
        .map_err(|refused| {
            AppError::Task(TaskError::Sink {
                operator: "dead letters".into(),
                topic: Arc::clone(topic),
                cause: SinkFailure::Append(refused),
            })
        })
}

impl Worker {
    /// An error of one partition that a source's settings have an answer to. `None` if there is
    /// none.
    pub(super) fn go_on_after(
        &mut self,
        now: Instant,
        error: &ConsumeError,
    ) -> Result<Option<()>, AppError> {
        let Some(partition) = error.topic_partition() else {
            return Ok(None);
        };
        // Given up meanwhile: it is nobody's here any more.
        let Some((id, index)) = self.routes.get(partition).copied() else {
            return Ok(Some(()));
        };
        let input = self
            .slots
            .get(&id)
            .and_then(|slot| slot.inputs().get(index));
        let Some(input) = input.map(|input| input.id) else {
            return Ok(Some(()));
        };
        let settings = source_settings(&self.instance, id, input);
        match error {
            ConsumeError::CorruptBatch(corrupt) => {
                let Some(next) = corrupt.next_offset else {
                    return Ok(None);
                };
                let now_ms = self.instance.settings.clock.wall_ms();
                let_pass(settings, &mut self.outputs, now_ms, corrupt, &[])?;
                self.pass_over(now, id, index, next);
                let _ = self.consumer.seek(partition, StartAt::Offset(next));
                Ok(Some(()))
            }
            ConsumeError::OffsetOutOfRange { offset, .. } => {
                // A repartition topic has no policy.
                let Some(policy) = settings.map(|found| found.on_out_of_range) else {
                    self.handle_purged(now, partition);
                    return Ok(Some(()));
                };
                let start = match policy {
                    OnOutOfRange::Fail => {
                        return Err(AppError::Takeover(format!(
                            "offset {offset} of {partition} is out of range: records were deleted \
                             before they were read, or the topic is another. Choose with \
                             `on_out_of_range` where to go on, or reset the group's offsets"
                        )));
                    }
                    OnOutOfRange::Earliest => StartAt::Earliest,
                    OnOutOfRange::Latest => StartAt::Latest,
                };
                tracing::warn!(%partition, "{error}; going on elsewhere, as the source says");
                let _ = self.consumer.seek(partition, start);
                self.relocated.insert(partition.clone());
                Ok(Some(()))
            }
            _ => Ok(None),
        }
    }

    /// Counts what was left out, and commits the position behind it.
    pub(super) fn pass_over(&mut self, now: Instant, id: TaskId, index: usize, next: Offset) {
        self.metrics.corrupt_batches += 1;
        let bytes = self.outputs.take_appended().bytes;
        if let Some(input) = self
            .slots
            .get_mut(&id)
            .and_then(|s| s.inputs_mut().get_mut(index))
        {
            input.handle_processed(next.max(input.next()));
        }
        self.cycle.handle_processed(now, id, 0, bytes);
    }
}
