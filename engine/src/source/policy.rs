//! What becomes of a record that cannot be read, or has no usable event time.

use std::sync::Arc;

use crate::flow::{Context, Interrupt};
use crate::task::{OutputId, SinkFailure, TaskError};

/// What a source does with a bad record. Default: `Fail`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnBadRecord {
    /// The application stops with an error that names topic, partition, offset and reason. Nothing
    /// of the transaction at hand is committed.
    #[default]
    Fail,
    /// It is left out, counted (`bad_records`) and logged.
    SkipAndCount,
    /// It goes to this topic, in the same transaction: key, value, headers and timestamp as they
    /// came, with the headers `thalweg.topic`, `thalweg.partition`, `thalweg.offset` and
    /// `thalweg.reason` after its own.
    DeadLetter(String),
}

/// The same, with the topic's place among the outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum BadRecordPolicy {
    #[default]
    Fail,
    SkipAndCount,
    DeadLetter(OutputId),
}

/// Deals with what interrupted the processing of the current record.
#[cold]
pub(crate) fn settle(
    policy: BadRecordPolicy,
    dead_letter_topic: &Arc<str>,
    context: &mut Context<'_>,
) -> Result<(), TaskError> {
    let Some(interrupt) = context.interrupt.take() else {
        return Ok(());
    };
    let reason = match *interrupt {
        Interrupt::Fail(error) => return Err(error),
        Interrupt::Bad(reason) => reason,
    };
    let Some((topic, partition, record)) = context.current_record() else {
        return Ok(());
    };
    let offset = record.offset;
    if policy == BadRecordPolicy::Fail {
        let topic = Arc::clone(topic);
        return Err(TaskError::BadRecord {
            topic,
            partition,
            offset,
            reason,
        });
    }
    context.counts.bad_records += 1;
    tracing::warn!(%topic, %partition, %offset, %reason, "bad record let pass");
    let BadRecordPolicy::DeadLetter(output) = policy else {
        return Ok(());
    };
    let (partition, offset) = (partition.0.to_string(), offset.0.to_string());
    let mut headers: Vec<(&str, Option<&[u8]>)> = record.headers.collect();
    headers.push(("thalweg.topic", Some(topic.as_bytes())));
    headers.push(("thalweg.partition", Some(partition.as_bytes())));
    headers.push(("thalweg.offset", Some(offset.as_bytes())));
    headers.push(("thalweg.reason", Some(reason.as_bytes())));
    let timestamp = if record.timestamp < 0 {
        context.now_ms
    } else {
        record.timestamp
    };
    context
        .outputs
        .append(output, None, timestamp, record.key, record.value, &headers)
        .map_err(|refused| TaskError::Sink {
            operator: "dead letters".into(),
            topic: Arc::clone(dead_letter_topic),
            cause: SinkFailure::Append(refused),
        })
}
