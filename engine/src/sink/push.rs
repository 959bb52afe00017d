//! The push side of a sink: elements are encoded straight into the open batch of their partition.

use std::marker::PhantomData;

use crate::element::{Element, Encode};
use crate::flow::{Context, Meta, Push, Signal};
use crate::task::{AppendError, OutputId, SinkFailure, TaskError};

use super::stream::Parts;

/// `OnSinkError`, with the topic's place among the outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    Fail,
    SkipAndCount,
    DeadLetter(OutputId),
}

/// See the module.
pub(super) struct SinkPush<E: Element, F> {
    output: OutputId,
    policy: Policy,
    parts: Parts<E>,
    /// Scratch.
    key: Vec<u8>,
    value: Vec<u8>,
    header_values: Vec<(bool, Vec<u8>)>,
    format: PhantomData<fn() -> F>,
}

impl<E: Element, F> SinkPush<E, F> {
    pub(super) fn new(output: OutputId, policy: Policy, parts: Parts<E>) -> Self {
        let header_values = parts.headers.iter().map(|_| (false, Vec::new())).collect();
        let (key, value) = (Vec::new(), Vec::new());
        Self {
            output,
            policy,
            parts,
            key,
            value,
            header_values,
            format: PhantomData,
        }
    }

    #[cold]
    fn refuse(
        &self,
        cause: SinkFailure,
        key: Option<&[u8]>,
        timestamp: i64,
        context: &mut Context<'_>,
    ) {
        let topic = context.outputs.topic(self.output);
        let reason = cause.to_string();
        let output = match self.policy {
            Policy::Fail => {
                let operator = "sink".into();
                return context.fail(TaskError::Sink {
                    operator,
                    topic,
                    cause,
                });
            }
            Policy::SkipAndCount => None,
            Policy::DeadLetter(output) => Some(output),
        };
        context.counts.sink_skipped += 1;
        tracing::warn!(%topic, %reason, "record not written");
        let Some(output) = output else { return };
        // All that is wrong is where it was to go, or its timestamp: another does for all of them.
        let is_writable = matches!(
            cause,
            SinkFailure::Append(
                AppendError::Timestamp(_)
                    | AppendError::TimestampOutside { .. }
                    | AppendError::KeyMissing
                    | AppendError::Broker { .. }
            )
        );
        let value = is_writable.then_some(&self.value[..]);
        let is_timely = timestamp >= 0
            && matches!(
                cause,
                SinkFailure::Encode(_)
                    | SinkFailure::Append(AppendError::TooLarge { .. } | AppendError::KeyMissing)
            );
        let timestamp = if is_timely { timestamp } else { context.now_ms };
        let headers = [("thalweg.reason", Some(reason.as_bytes()))];
        let appended = context
            .outputs
            .append(output, None, timestamp, key, value, &headers);
        if let Err(refused) = appended {
            let topic = context.outputs.topic(output);
            let (operator, cause) = ("dead letters".into(), SinkFailure::Append(refused));
            context.fail(TaskError::Sink {
                operator,
                topic,
                cause,
            });
        }
    }
}

impl<E, F> Push<E> for SinkPush<E, F>
where
    E: Element,
    F: for<'b> Encode<E::View<'b>>,
{
    fn push(&mut self, view: &E::View<'_>, meta: &Meta<'_>, context: &mut Context<'_>) {
        self.value.clear();
        let encoded = F::encode(view, &mut self.value);

        self.key.clear();
        let has_key = self
            .parts
            .key
            .as_ref()
            .map(|key| key.set(view, &mut self.key));
        let key = match has_key {
            Some(true) => Some(&self.key[..]),
            Some(false) => None,
            None => meta.key,
        };
        let mut timestamp = meta.event_time;
        if let Some(set) = &self.parts.timestamp {
            set.set(view, &mut timestamp);
        }
        let appended = match encoded {
            Err(failure) => Err(SinkFailure::Encode(failure.to_string())),
            Ok(present) => {
                let value = present.then_some(&self.value[..]);
                if self.parts.headers.is_empty() {
                    context
                        .outputs
                        .append(self.output, None, timestamp, key, value, &[])
                } else {
                    let parts = self.parts.headers.iter().zip(&mut self.header_values);
                    let headers: Vec<(&str, Option<&[u8]>)> = parts
                        .map(|((name, set), (present, bytes))| {
                            bytes.clear();
                            *present = set.set(view, bytes);
                            (name.as_str(), present.then_some(&bytes[..]))
                        })
                        .collect();
                    context
                        .outputs
                        .append(self.output, None, timestamp, key, value, &headers)
                }
                .map_err(SinkFailure::Append)
            }
        };
        if let Err(cause) = appended {
            self.refuse(cause, key, timestamp, context);
        }
    }

    fn signal(&mut self, _signal: &mut Signal<'_, '_>) {}
}
