//! Elements that come too late for their window.

use std::sync::Arc;

use crate::element::{Element, Encode, EncodeFailure};
use crate::flow::{Context, Meta};
use crate::task::{OutputId, SinkFailure, TaskError};

/// How late elements of a kind are written. Made by `late_to_as`.
pub(super) struct LateFormat<E: Element>(
    for<'x, 'b, 'o> fn(&'x E::View<'b>, &'o mut Vec<u8>) -> Result<bool, EncodeFailure>,
);

impl<E: Element> LateFormat<E> {
    pub(crate) fn of<F>() -> Self
    where
        F: for<'b> Encode<E::View<'b>>,
    {
        Self(|view, out| F::encode(view, out))
    }
}

impl<E: Element> Clone for LateFormat<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E: Element> Copy for LateFormat<E> {}

/// What becomes of late elements. They are counted in any case.
pub(super) enum Late<E: Element> {
    Drop,
    /// The record they came from, as it is.
    Record(OutputId),
    /// The element, written in a format.
    Element(OutputId, LateFormat<E>),
}

impl<E: Element> Clone for Late<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E: Element> Copy for Late<E> {}

impl<E: Element> Late<E> {
    #[cold]
    pub(super) fn take(
        &self,
        operator: &Arc<str>,
        view: &E::View<'_>,
        meta: &Meta<'_>,
        context: &mut Context<'_>,
    ) {
        let (output, appended) = match self {
            Self::Drop => {
                context.counts.late_dropped += 1;
                return;
            }
            Self::Record(output) => {
                let Some((_, _, record)) = context.current_record() else {
                    context.counts.late_dropped += 1;
                    return;
                };
                let headers: Vec<(&str, Option<&[u8]>)> = record.headers.collect();
                let timestamp = record.timestamp.max(-1);
                (
                    *output,
                    context
                        .outputs
                        .append(*output, None, timestamp, record.key, record.value, &headers)
                        .map_err(SinkFailure::Append),
                )
            }
            Self::Element(output, format) => {
                let mut value = Vec::new();
                let encoded = (format.0)(view, &mut value);
                let appended = encoded
                    .map_err(|failure| SinkFailure::Encode(failure.to_string()))
                    .and_then(|present| {
                        let value = present.then_some(&value[..]);
                        let outputs = &mut *context.outputs;
                        outputs
                            .append(*output, None, meta.event_time.max(-1), meta.key, value, &[])
                            .map_err(SinkFailure::Append)
                    });
                (*output, appended)
            }
        };
        context.counts.late_to_topic += 1;
        if let Err(cause) = appended {
            let topic = context.outputs.topic(output);
            let operator = format!("late elements of {operator}").into();
            context.fail(TaskError::Sink {
                operator,
                topic,
                cause,
            });
        }
    }
}
