//! What travels through a repartition topic.
//!
//! ```text
//!  element    key: its key · value: the packed element · header "t": event time, i64 BE
//!  watermark  key, value: null                                                  (T5)
//!             header "w": version (1) · upstream task: i32 BE · watermark: i64 BE · idle: 1 byte
//! ```

use std::marker::PhantomData;

use thalweg_protocol::PartitionId;
use thalweg_protocol::records::RecordRef;

use crate::element::{Decode, DecodeFailure, Element, Portable, SourceRecord};
use crate::flow::{Context, Meta, Push, Signal};
use crate::key::{KeyOf, Lookup};
use crate::source::TimeOf;
use crate::task::{AppendError, OutputId, SinkFailure, TaskContext, TaskError, UpstreamTime};

const EVENT_TIME: &str = "t";
const WATERMARK: &str = "w";
const VERSION: u8 = 1;

/// Elements of kind `E`, come through a repartition topic.
pub struct Wire<E>(PhantomData<fn() -> E>);

impl<E: Element> Element for Wire<E> {
    type View<'b> = E::View<'b>;
}

impl<E: Portable> Decode for Wire<E> {
    type Decoder = E::Unpacker;

    #[inline]
    fn decode<'b>(
        unpacker: &mut E::Unpacker,
        record: &SourceRecord<'b>,
    ) -> Result<E::View<'b>, DecodeFailure> {
        E::unpack(unpacker, record.record.value)
    }
}

/// What is packed once can be packed again.
impl<E: Portable> Portable for Wire<E> {
    type Unpacker = E::Unpacker;

    fn pack(view: &E::View<'_>, out: &mut Vec<u8>) -> Result<bool, crate::element::EncodeFailure> {
        E::pack(view, out)
    }

    fn unpack<'b>(
        unpacker: &mut E::Unpacker,
        bytes: Option<&'b [u8]>,
    ) -> Result<E::View<'b>, DecodeFailure> {
        E::unpack(unpacker, bytes)
    }
}

/// The event time of a repartition topic: each record's is in its header; the watermark is what
/// the upstream tasks say.
#[derive(Clone, Copy)]
pub struct TimeOnWire;

impl<D: Element> TimeOf<D> for TimeOnWire {
    #[inline]
    fn hear(&self, record: &RecordRef<'_>, input: usize, context: &mut Context<'_>) -> bool {
        if record.key.is_some() || record.value.is_some() {
            return false;
        }
        let header = record.headers.last(WATERMARK).flatten();
        match header.and_then(read_watermark) {
            Some((upstream, time)) => {
                context.counts.records = context.counts.records.saturating_sub(1);
                context.time.hear(input, upstream, time);
            }
            None => context.bad_record("it is neither an element nor a watermark".to_owned()),
        }
        true
    }

    #[inline]
    fn event_time(&self, _view: &D::View<'_>, record: &RecordRef<'_>) -> Option<i64> {
        let header = record.headers.last(EVENT_TIME).flatten()?;
        header.try_into().ok().map(i64::from_be_bytes)
    }

    /// The watermark follows what upstream says, not what is seen.
    #[inline]
    fn observe(&self, _event_time: i64, _input: usize, _context: &mut Context<'_>) {}
}

/// Says downstream where this task's event time is.
pub(crate) fn append_watermark(
    output: OutputId,
    to: PartitionId,
    task: PartitionId,
    time: UpstreamTime,
    context: &mut TaskContext<'_>,
) -> Result<(), AppendError> {
    let mut header = [VERSION; 14];
    let (version_and_task, rest) = header.split_at_mut(5);
    if let Some(slot) = version_and_task.last_chunk_mut() {
        *slot = task.0.to_be_bytes();
    }
    if let Some(slot) = rest.first_chunk_mut() {
        *slot = time.watermark.to_be_bytes();
    }
    if let Some(slot) = rest.last_mut() {
        *slot = u8::from(time.idle);
    }
    let headers = [(WATERMARK, Some(&header[..]))];
    context
        .outputs
        .append(output, Some(to), context.now_ms, None, None, &headers)
}

fn read_watermark(header: &[u8]) -> Option<(PartitionId, UpstreamTime)> {
    let (version, rest) = header.split_first()?;
    let (task, rest) = rest.split_first_chunk()?;
    let (watermark, idle) = rest.split_first_chunk()?;
    let idle = match idle {
        [0] => false,
        [1] => true,
        _ => return None,
    };
    let watermark = i64::from_be_bytes(*watermark);
    (*version == VERSION).then(|| {
        (
            PartitionId(i32::from_be_bytes(*task)),
            UpstreamTime { watermark, idle },
        )
    })
}

/// The writing end.
pub(crate) struct WirePush<E, S> {
    selector: S,
    output: OutputId,
    key: Vec<u8>,
    value: Vec<u8>,
    element: PhantomData<fn() -> E>,
}

impl<E, S> WirePush<E, S> {
    pub(crate) fn new(selector: S, output: OutputId) -> Self {
        Self {
            selector,
            output,
            key: Vec::new(),
            value: Vec::new(),
            element: PhantomData,
        }
    }
}

impl<E: Portable, S: KeyOf<E>> Push<E> for WirePush<E, S> {
    fn push(&mut self, view: &E::View<'_>, meta: &Meta<'_>, context: &mut Context<'_>) {
        let key = match self.selector.find(view, meta) {
            Ok(Some(key)) => key,
            Ok(None) => {
                context.counts.keyless_skipped += 1;
                return;
            }
            Err(failure) => return context.bad_record(failure.to_string()),
        };
        self.key.clear();
        key.encode_key(&mut self.key);
        self.value.clear();
        let appended = match E::pack(view, &mut self.value) {
            Ok(present) => {
                let event_time = meta.event_time.to_be_bytes();
                context
                    .outputs
                    .append(
                        self.output,
                        None,
                        context.now_ms,
                        Some(&self.key),
                        present.then_some(&self.value),
                        &[(EVENT_TIME, Some(&event_time))],
                    )
                    .map_err(SinkFailure::Append)
            }
            Err(failure) => Err(SinkFailure::Encode(failure.to_string())),
        };
        if let Err(cause) = appended {
            let topic = context.outputs.topic(self.output);
            context.fail(TaskError::Sink {
                operator: "key_by".into(),
                topic,
                cause,
            });
        }
    }

    fn signal(&mut self, _signal: &mut Signal<'_, '_>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_or_lengthened_watermark_is_none() {
        let mut header = vec![VERSION];
        header.extend(7_i32.to_be_bytes());
        header.extend((-5_i64).to_be_bytes());
        header.push(1);
        let time = UpstreamTime {
            watermark: -5,
            idle: true,
        };
        assert_eq!(read_watermark(&header), Some((PartitionId(7), time)));
        for length in 0..header.len() {
            assert_eq!(read_watermark(&header[..length]), None, "cut at {length}");
        }
        header.push(0);
        assert_eq!(read_watermark(&header), None);
    }

    #[test]
    fn a_watermark_of_another_version_is_none() {
        let mut header = [1; 14];
        header[0] = VERSION + 1;
        assert_eq!(read_watermark(&header), None);
    }
}
