//! The event time of one task: a clock per input, and their minimum.
//!
//! It is state like any other (T4): undone by an abort, committed with the offsets, restored.

use thalweg_protocol::PartitionId;

use crate::task::{CommitMetadata, InputReport, InputTime, MetadataError, UpstreamTime};

use super::OnIdle;

/// What is fixed about an input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InputSettings {
    /// The task reads a partition of it.
    pub(crate) present: bool,
    pub(crate) out_of_orderness_ms: i64,
    pub(crate) on_idle: OnIdle,
    /// Tasks that write a repartition topic; 0 for a source topic.
    pub(crate) upstream_tasks: u32,
}

/// See the module.
pub(crate) struct TaskTime {
    settings: Vec<InputSettings>,
    fingerprint: u64,
    now: State,
    /// As it was when the open generation began.
    at_open: State,
    /// As it was when the sealed generation began, while there is one.
    at_sealed: Option<State>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    inputs: Vec<InputClock>,
    watermark: i64,
    commit_sequence: u64,
    /// What the repartition topics were last told.
    announced: Option<UpstreamTime>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct InputClock {
    watermark: i64,
    idle: bool,
    /// `OnIdle::AdvanceWithClock`: wall clock and watermark when it became idle.
    idle_since: Option<(i64, i64)>,
    upstreams: Vec<UpstreamTime>,
}

impl TaskTime {
    /// Before anything was heard. `fingerprint` tells committed metadata of other programs apart.
    pub(crate) fn new(settings: Vec<InputSettings>, fingerprint: u64) -> Self {
        let never = UpstreamTime {
            watermark: i64::MIN,
            idle: false,
        };
        let inputs = settings
            .iter()
            .map(|settings| InputClock {
                watermark: i64::MIN,
                idle: false,
                idle_since: None,
                upstreams: vec![never; settings.upstream_tasks as usize],
            })
            .collect();
        let now = State {
            inputs,
            watermark: i64::MIN,
            commit_sequence: 0,
            announced: None,
        };
        Self {
            settings,
            fingerprint,
            at_open: now.clone(),
            at_sealed: None,
            now,
        }
    }

    /// The task's watermark.
    #[inline]
    pub(crate) fn watermark(&self) -> i64 {
        self.now.watermark
    }

    /// A record of a source topic with this event time was processed.
    #[inline]
    pub(crate) fn observe(&mut self, input: usize, event_time: i64) {
        let (Some(clock), Some(settings)) =
            (self.now.inputs.get_mut(input), self.settings.get(input))
        else {
            return;
        };
        let reached = event_time
            .saturating_sub(settings.out_of_orderness_ms)
            .saturating_sub(1);
        if reached > clock.watermark || clock.idle {
            clock.watermark = reached.max(clock.watermark);
            clock.idle = false;
            clock.idle_since = None;
            self.combine();
        }
    }

    /// An upstream task says through a repartition topic where it is. One that the topology does
    /// not have (the source lost partitions) is ignored.
    pub(crate) fn hear(&mut self, input: usize, upstream: PartitionId, time: UpstreamTime) {
        let Some(clock) = self.now.inputs.get_mut(input) else {
            return;
        };
        let heard = usize::try_from(upstream.0)
            .ok()
            .and_then(|i| clock.upstreams.get_mut(i));
        let Some(heard) = heard else { return };
        heard.watermark = heard.watermark.max(time.watermark);
        heard.idle = time.idle;
        let upstreams = clock.upstreams.iter().map(|upstream| Clock {
            watermark: upstream.watermark,
            counts: !upstream.idle,
        });
        let reached = slowest(upstreams);
        clock.idle = !reached.counts;
        clock.watermark = reached.watermark.max(clock.watermark);
        self.combine();
    }

    /// A source topic's partition became idle, or is no longer. Gives whether that is news.
    pub(crate) fn set_idle(&mut self, input: usize, idle: bool, now_ms: i64) -> bool {
        let (Some(clock), Some(settings)) =
            (self.now.inputs.get_mut(input), self.settings.get(input))
        else {
            return false;
        };
        let was = clock.idle;
        clock.idle = idle;
        if !idle {
            clock.idle_since = None;
        } else if settings.on_idle == OnIdle::AdvanceWithClock && clock.idle_since.is_none() {
            clock.idle_since = Some((now_ms, clock.watermark));
        }
        self.combine();
        was != idle
    }

    /// Idle inputs that advance with the clock do so.
    pub(crate) fn advance_clock(&mut self, now_ms: i64) {
        for clock in &mut self.now.inputs {
            if let (true, Some((since, watermark))) = (clock.idle, clock.idle_since)
                && watermark != i64::MIN
            {
                let reached = watermark.saturating_add(now_ms.saturating_sub(since));
                clock.watermark = reached.max(clock.watermark);
            }
        }
        self.combine();
    }

    /// Nothing comes from this input any more.
    pub(crate) fn end(&mut self, input: usize) {
        if let Some(clock) = self.now.inputs.get_mut(input) {
            clock.watermark = i64::MAX;
            clock.idle = false;
            self.combine();
        }
    }

    fn combine(&mut self) {
        self.now.watermark = self.reached().watermark.max(self.now.watermark);
    }

    /// What the inputs come to. `counts`: they are not all idle.
    fn reached(&self) -> Clock {
        let inputs = self.now.inputs.iter().zip(&self.settings);
        slowest(
            inputs
                .filter(|(_, settings)| settings.present)
                .map(|(clock, settings)| {
                    let advances =
                        settings.on_idle == OnIdle::AdvanceWithClock && clock.watermark != i64::MIN;
                    Clock {
                        watermark: clock.watermark,
                        counts: !clock.idle || advances,
                    }
                }),
        )
    }

    /// What the repartition topics have to be told now, if that differs from what they were told.
    pub(crate) fn announcement(&mut self) -> Option<UpstreamTime> {
        let time = UpstreamTime {
            watermark: self.now.watermark,
            idle: !self.reached().counts,
        };
        let silent = UpstreamTime {
            watermark: i64::MIN,
            idle: false,
        };
        if self.now.announced.unwrap_or(silent) == time {
            return None;
        }
        self.now.announced = Some(time);
        Some(time)
    }

    /// Whether `announcement` would give something.
    pub(crate) fn has_news(&self) -> bool {
        let time = UpstreamTime {
            watermark: self.now.watermark,
            idle: !self.reached().counts,
        };
        let silent = UpstreamTime {
            watermark: i64::MIN,
            idle: false,
        };
        self.now.announced.unwrap_or(silent) != time
    }

    /// Closes the open generation; gives what is committed with it.
    pub(crate) fn seal(&mut self, cursors: Vec<i64>) -> CommitMetadata {
        self.now.commit_sequence += 1;
        self.at_sealed = Some(std::mem::replace(&mut self.at_open, self.now.clone()));
        let inputs = self.now.inputs.iter().map(|clock| InputTime {
            watermark: clock.watermark,
            idle: clock.idle,
            upstreams: clock.upstreams.clone(),
        });
        CommitMetadata {
            fingerprint: self.fingerprint,
            commit_sequence: self.now.commit_sequence,
            watermark: self.now.watermark,
            inputs: inputs.collect(),
            cursors,
        }
    }

    pub(crate) fn committed(&mut self) {
        self.at_sealed = None;
    }

    pub(crate) fn abort(&mut self) {
        if let Some(sealed) = self.at_sealed.take() {
            self.at_open = sealed;
        }
        self.now.clone_from(&self.at_open);
    }

    /// Takes over what was committed.
    pub(crate) fn restore(&mut self, metadata: &CommitMetadata) -> Result<(), MetadataError> {
        if metadata.fingerprint != self.fingerprint
            || metadata.inputs.len() != self.now.inputs.len()
        {
            return Err(MetadataError::Fingerprint);
        }
        for (clock, time) in self.now.inputs.iter_mut().zip(&metadata.inputs) {
            clock.watermark = time.watermark;
            clock.idle = time.idle;
            // Upstream tasks that have come since are new: not heard yet. They hold the input back.
            for (upstream, heard) in clock.upstreams.iter_mut().zip(&time.upstreams) {
                *upstream = *heard;
            }
        }
        self.now.watermark = metadata.watermark;
        self.now.commit_sequence = metadata.commit_sequence;
        self.at_open.clone_from(&self.now);
        self.at_sealed = None;
        Ok(())
    }

    /// For `Task::report`.
    pub(crate) fn reports(&self) -> Vec<InputReport> {
        let report = |clock: &InputClock| InputReport {
            watermark: clock.watermark,
            idle: clock.idle,
            held_back_by: clock
                .upstreams
                .iter()
                .enumerate()
                .filter(|(_, upstream)| !upstream.idle)
                .min_by_key(|(_, upstream)| upstream.watermark)
                .map(|(index, slowest)| (PartitionId(index as i32), slowest.watermark)),
        };
        self.now.inputs.iter().map(report).collect()
    }
}

/// One of several clocks that are brought together, or what they come to.
#[derive(Debug, Clone, Copy)]
struct Clock {
    watermark: i64,
    /// It is not idle.
    counts: bool,
}

/// The slowest of the clocks that count and have not ended. With none of these left, the idle ones
/// hold nobody back, so it is the fastest of them: the same in whatever order they became idle.
/// (Flink's `WatermarkOutputMultiplexer` has the same rule.)
fn slowest(clocks: impl Iterator<Item = Clock>) -> Clock {
    let (mut lowest, mut highest_idle, mut any) = (None, None, false);
    for clock in clocks {
        any = true;
        if clock.watermark == i64::MAX {
            continue;
        }
        if clock.counts {
            let lower = lowest.map_or(clock.watermark, |lowest| clock.watermark.min(lowest));
            lowest = Some(lower);
        } else {
            highest_idle = highest_idle.max(Some(clock.watermark));
        }
    }
    let ended = if any { i64::MAX } else { i64::MIN };
    Clock {
        watermark: lowest.or(highest_idle).unwrap_or(ended),
        counts: any && (lowest.is_some() || highest_idle.is_none()),
    }
}

#[cfg(test)]
mod tests;
