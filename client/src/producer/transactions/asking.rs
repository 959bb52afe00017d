//! What to ask which coordinator next.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Call, End, Initialising, LanesState, Phase, Protocol, Slot, Then, Transactions};

impl Transactions {
    pub(super) fn prepare_main(&mut self, now: Instant, lanes: LanesState) {
        if self.main.is_some() {
            return;
        }
        match &self.phase {
            Phase::Ending(ending) if ending.end == End::Abort => self.end_abort(now, lanes),
            Phase::Ending(_) => self.end_commit(now, lanes),
            _ => {}
        }
        // Ending may have become initialising.
        let call = match &self.phase {
            Phase::Initialising(initialising) => Some(Call::InitProducerId {
                known: initialising.known,
            }),
            Phase::Open => self.next_addition(),
            _ => None,
        };
        if let Some(call) = call {
            self.main = Some(self.slot(now, call));
        }
    }

    /// Protocol One: what must be added to the transaction before it is written to.
    fn next_addition(&self) -> Option<Call> {
        let identity = self.identity?;
        if self.protocol == Protocol::Two || self.failure.is_some() {
            return None;
        }
        if !self.to_add.is_empty() {
            let partitions = self.to_add.iter().cloned().collect();
            return Some(Call::AddPartitions {
                identity,
                partitions,
            });
        }
        let group = &self.offsets.front()?.group.group_id;
        let group = (!self.groups_added.contains(group)).then(|| Arc::clone(group))?;
        Some(Call::AddOffsets { identity, group })
    }

    pub(super) fn prepare_group(&mut self, now: Instant) {
        if self.group.is_some() || self.failure.is_some() {
            return;
        }
        let (Some(identity), Some(next)) = (self.identity, self.offsets.front()) else {
            return;
        };
        let group_is_added = self.groups_added.contains(&next.group.group_id);
        if self.protocol == Protocol::One && !group_is_added {
            return;
        }
        let call = Call::OffsetCommit {
            identity,
            protocol: self.protocol,
            group: next.group.clone(),
            offsets: Arc::clone(&next.offsets),
        };
        self.started = true;
        self.group = Some(self.slot(now, call));
    }

    fn end_commit(&mut self, now: Instant, lanes: LanesState) {
        if let Some(call) = self.next_addition() {
            self.main = Some(self.slot(now, call));
            return;
        }
        let steps_done = self.to_add.is_empty() && self.offsets.is_empty() && self.group.is_none();
        if !lanes.idle || !steps_done {
            return;
        }
        if !self.started {
            return self.finish();
        }
        if let Some(call) = self.end_call(End::Commit) {
            self.main = Some(self.slot(now, call));
        }
    }

    fn end_abort(&mut self, now: Instant, lanes: LanesState) {
        let unsettled = self.indefinite || self.group.is_some() || lanes.indefinite;
        match self.protocol {
            _ if !self.started && !unsettled && !lanes.gap => self.finish(),
            // What is still under way is fenced by the epoch that the abort brings.
            Protocol::Two => {
                self.group = None;
                if let Some(call) = self.end_call(End::Abort) {
                    self.main = Some(self.slot(now, call));
                }
            }
            Protocol::One if unsettled || !self.started => {
                self.group = None;
                self.initialise_to_end();
            }
            Protocol::One => {
                if let Phase::Ending(ending) = &mut self.phase {
                    ending.gap = lanes.gap;
                }
                if let Some(call) = self.end_call(End::Abort) {
                    self.main = Some(self.slot(now, call));
                }
            }
        }
    }

    fn end_call(&self, end: End) -> Option<Call> {
        let (identity, protocol) = (self.identity?, self.protocol);
        Some(Call::EndTransaction {
            identity,
            protocol,
            end,
        })
    }

    /// Ends the transaction by raising the epoch.
    pub(super) fn initialise_to_end(&mut self) {
        let Phase::Ending(ending) = std::mem::replace(&mut self.phase, Phase::Ready) else {
            return;
        };
        let failure = ending.failure.filter(|_| ending.asked == End::Commit);
        self.phase = Phase::Initialising(Initialising {
            known: self.identity,
            disturbed: false,
            takes_over: false,
            then: Then::End {
                promise: ending.promise,
                failure,
            },
        });
    }

    fn slot(&self, now: Instant, call: Call) -> Slot {
        Slot {
            call,
            id: None,
            not_before: None,
            give_up: now + self.patience,
            attempts: 0,
            last: "not sent yet".into(),
            tainted: false,
        }
    }
}
