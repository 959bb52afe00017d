//! Share groups' reading (KIP-932): what Kafka's share partition leaders and share coordinators do.
//!
//! Who is a member and of what is a matter of the [group](crate::group). Here is what members do with
//! partitions: [sessions](session), [fetching](fetch), [acknowledging](acknowledge), and the state of
//! each partition for each group ([partition]). The state is the cluster's: another leader finds it,
//! without the locks, as a leader does that reads what the one before has written down.

mod acknowledge;
mod config;
mod fetch;
mod partition;
mod session;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::messages::LeaderIdAndEpoch;
use thalweg_protocol::{BrokerId, PartitionId, StrBytes, Uuid};
use tokio::time::Instant;

pub(crate) use acknowledge::{Answered, Said, acknowledge};
pub(crate) use config::{Reset, ShareConfig};
pub(crate) use fetch::{Fetching, lock_ms};
pub(crate) use partition::{Acknowledgement, Known, SharePartition};
pub(crate) use session::{Changes, Place, SessionKey, Sessions, Step};

use crate::cluster::{Cluster, Timer, TimerId};

/// What a timer of share groups is for: locks of a partition end.
#[derive(Debug)]
pub(crate) struct ShareTimer {
    group_id: StrBytes,
    place: Place,
}

/// A partition as a group sees it.
#[derive(Debug)]
struct Shared {
    state: SharePartition,
    /// The leader epoch under which locks were given.
    leader_epoch: i32,
    /// When the next lock ends.
    timer: Option<(Instant, TimerId)>,
}

/// All that share groups have read.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    pub(crate) sessions: Sessions,
    by_group: BTreeMap<StrBytes, BTreeMap<Place, Shared>>,
    /// What may have changed, where somebody wants to know.
    changes: Option<BTreeSet<(StrBytes, Place)>>,
}

impl Shares {
    /// Notes from now on what may change.
    pub(crate) fn note_changes(&mut self) {
        self.changes = Some(BTreeSet::new());
    }

    /// What may have changed since the last time.
    pub(crate) fn take_changes(&mut self) -> BTreeSet<(StrBytes, Place)> {
        let changes = self.changes.as_mut().map(std::mem::take);
        changes.unwrap_or_default()
    }

    fn note(&mut self, group_id: &str, place: Place) {
        if let Some(changes) = &mut self.changes {
            changes.insert((group_id.into(), place));
        }
    }

    /// Takes up what was written down of a partition.
    pub(crate) fn restore(&mut self, group_id: StrBytes, place: Place, state: SharePartition) {
        let shared = Shared {
            state,
            // Every start is an election.
            leader_epoch: -1,
            timer: None,
        };
        self.by_group
            .entry(group_id)
            .or_default()
            .insert(place, shared);
    }

    /// The state of a partition, if the group has begun to read it.
    pub(crate) fn state(&self, group_id: &str, place: &Place) -> Option<&SharePartition> {
        let shared = self.by_group.get(group_id)?.get(place)?;
        Some(&shared.state)
    }

    /// The partitions a group has begun to read.
    pub(crate) fn places(&self, group_id: &str) -> Vec<Place> {
        let places = self.by_group.get(group_id).into_iter().flatten();
        places.map(|(place, _)| *place).collect()
    }
}

impl Cluster {
    /// Lets a group begin in a partition at an offset, whatever it did there before.
    pub(crate) fn set_share_start(&mut self, group_id: &StrBytes, place: Place, start: i64) {
        let Some((name, leader_epoch)) = self.share_place(&place) else {
            return;
        };
        let shared = Shared {
            state: SharePartition::new(start),
            leader_epoch,
            timer: None,
        };
        let of_group = self.shares.by_group.entry(group_id.clone()).or_default();
        let before = of_group.insert(place, shared);
        self.shares.note(group_id, place);
        if let Some((_, timer)) = before.and_then(|before| before.timer) {
            self.timers.cancel(timer);
        }
        self.touch(&name, place.1);
    }

    /// Forgets what a group did with a topic. Whether it did anything.
    pub(crate) fn forget_share_topic(&mut self, group_id: &str, topic_id: Uuid) -> bool {
        for place in self.shares.places(group_id) {
            if place.0 == topic_id {
                self.shares.note(group_id, place);
            }
        }
        let Some(of_group) = self.shares.by_group.get_mut(group_id) else {
            return false;
        };
        let before = of_group.len();
        let timers = &mut self.timers;
        of_group.retain(|(id, _), shared| {
            let goes = *id == topic_id;
            if let Some((_, timer)) = shared.timer.filter(|_| goes) {
                timers.cancel(timer);
            }
            !goes
        });
        let forgot = of_group.len() < before;
        if of_group.is_empty() {
            self.shares.by_group.remove(group_id);
        }
        forgot
    }

    /// Forgets all that a group did.
    pub(crate) fn forget_share_group(&mut self, group_id: &str) {
        for (topic_id, _) in self.shares.places(group_id) {
            self.forget_share_topic(group_id, topic_id);
        }
    }

    /// Forgets a topic that is deleted.
    pub(crate) fn forget_shared_topic(&mut self, topic_id: Uuid) {
        let groups: Vec<StrBytes> = self.shares.by_group.keys().cloned().collect();
        for group_id in groups {
            self.forget_share_topic(&group_id, topic_id);
        }
    }

    /// A connection is closed: the sessions it opened end, and what was locked in them is free.
    pub(crate) fn share_connection_closed(&mut self, connection: u64) {
        for key in self.shares.sessions.of_connection(connection) {
            self.end_share_session(&key);
        }
    }

    /// Ends a session: what its member has locked in the session's partitions is free.
    pub(crate) fn end_share_session(&mut self, key: &SessionKey) {
        let limits = ShareConfig::of(self, &key.group_id).limits();
        for place in self.shares.sessions.remove(key) {
            let Some(shared) = self.shared(&key.group_id, &place) else {
                continue;
            };
            if shared.state.release(&key.member_id, limits) {
                self.share_changed(&key.group_id, place);
            }
        }
    }

    /// The name of the topic and the partition's leader epoch.
    fn share_place(&self, (topic_id, index): &Place) -> Option<(StrBytes, i32)> {
        let name = self.topics.name_of(topic_id)?;
        let partition = self.topics.partition(name, *index)?;
        Some((name.clone(), partition.leader_epoch))
    }

    fn shared(&mut self, group_id: &str, place: &Place) -> Option<&mut Shared> {
        self.shares.by_group.get_mut(group_id)?.get_mut(place)
    }

    /// The state of a partition under its present leader, begun where the group's settings say if it
    /// is new.
    fn shared_or_begun(
        &mut self,
        group_id: &StrBytes,
        place: &Place,
    ) -> Option<&mut SharePartition> {
        let (name, leader_epoch) = self.share_place(place)?;
        let log = &self.topics.partition(&name, place.1)?.log;
        let (log_start, log_end) = (log.start(), log.high_watermark());
        if self.shares.state(group_id, place).is_none() {
            let start = match ShareConfig::of(self, group_id).reset() {
                Reset::Earliest => log_start,
                Reset::Latest => log_end,
                Reset::Before(ms) => {
                    let since = self.now.wall_ms.saturating_sub(ms);
                    let found = log.first_batch_at(since, log_end);
                    found.map_or(log_end, |batch| batch.base_offset())
                }
            };
            self.set_share_start(group_id, *place, start);
        }
        let shared = self.shared(group_id, place)?;
        if shared.leader_epoch != leader_epoch {
            shared.leader_epoch = leader_epoch;
            shared.state.forget_locks();
        }
        shared.state.log_begins_at(log_start);
        Some(&mut shared.state)
    }

    /// A partition's state changed: whoever waits for free records looks again, and the timer is that
    /// of the lock that ends first.
    fn share_changed(&mut self, group_id: &StrBytes, place: Place) {
        self.set_lock_timer(group_id, place);
        if let Some(name) = self.topics.name_of(&place.0).cloned() {
            self.touch(&name, place.1);
        }
    }

    fn set_lock_timer(&mut self, group_id: &StrBytes, place: Place) {
        self.shares.note(group_id, place);
        let Some(shared) = self.shared(group_id, &place) else {
            return;
        };
        let next = shared.state.next_expiry();
        let before = shared.timer.take();
        if let Some((at, timer)) = before
            && Some(at) == next
        {
            shared.timer = Some((at, timer));
            return;
        }
        if let Some((_, timer)) = before {
            self.timers.cancel(timer);
        }
        let Some(at) = next else {
            return;
        };
        let what = ShareTimer {
            group_id: group_id.clone(),
            place,
        };
        let timer = self.timers.set(at, Timer::Share(what));
        if let Some(shared) = self.shared(group_id, &place) {
            shared.timer = Some((at, timer));
        }
    }
}

/// Gives back records whose locks end now.
pub(crate) fn handle_timer(cluster: &mut Cluster, timer: ShareTimer) {
    let limits = ShareConfig::of(cluster, &timer.group_id).limits();
    let now = cluster.now.instant;
    let Some(shared) = cluster.shared(&timer.group_id, &timer.place) else {
        return;
    };
    shared.timer = None;
    shared.state.expire(now, limits);
    cluster.share_changed(&timer.group_id, timer.place);
}

/// Whether a member may be called that: a UUID in text, in effect.
pub(crate) fn is_member_id(id: &str) -> bool {
    const CHARS_MAX: usize = 36;
    !id.is_empty() && id.chars().count() <= CHARS_MAX
}

/// What stands for no leader: the fields have no other default in the messages of share groups.
pub(crate) fn no_leader() -> LeaderIdAndEpoch {
    LeaderIdAndEpoch {
        leader_id: BrokerId(0),
        leader_epoch: 0,
        ..Default::default()
    }
}

/// Who leads a partition, for an answer that sends the member there.
pub(crate) fn leader_of(
    cluster: &Cluster,
    (topic_id, index): &(Uuid, PartitionId),
) -> LeaderIdAndEpoch {
    let name = cluster.topics.name_of(topic_id);
    let partition = name.and_then(|name| cluster.topics.partition(name, *index));
    partition.map_or_else(no_leader, |partition| LeaderIdAndEpoch {
        leader_id: partition.leader.unwrap_or_default(),
        leader_epoch: partition.leader_epoch,
        ..Default::default()
    })
}
