//! The classic group protocol, from a member's side.
//!
//! ```text
//!                  ┌──────────────── generation or member id lost: Lost ────────────────┐
//!                  ▼                                                                    │
//!  Idle ──subscribe──► Joining ──► Assigning (leader) ──► Syncing ──► Stable ── heartbeats
//!   ▲                  ▲   ▲            └─ topics            │           │
//!   │ unsubscribe      │   └─────── refused, try again ──────┘           │ rebalance, new topics,
//!   │                  │                                                 │ new subscription
//! Leaving ◄────────────┴──────────── Releasing ◄─────────────────────────┘
//!                         the application lets go of what was Revoked
//! ```
//!
//! Eager members revoke everything before they join. Cooperative ones join with what they own, then
//! revoke what the new assignment takes from them, and join again when it has been released
//! (KIP-429). One request is under way at a time; heartbeats go on while the application releases,
//! and need not while the coordinator holds a join or sync back.

mod replies;
mod requests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use thalweg_protocol::messages::SyncGroupRequestAssignment;
use tokio::time::Instant;

use super::assignor::{Assignor, MemberSubscription, RebalanceProtocol, TopicToAssign};
use super::error::GroupError;
use super::membership::{Change, Membership, Reply, Request, Step};
use super::metadata::GroupMetadata;
use crate::rng::Rng;
use crate::topic_partition::TopicPartition;

/// The generation of a member that is in none.
const NO_GENERATION: i32 = -1;

/// How a member takes part in its group.
#[derive(Debug, Clone)]
pub(crate) struct ClassicSettings {
    pub(crate) group_id: Arc<str>,
    pub(crate) group_instance_id: Option<Arc<str>>,
    /// The id to join with first; empty to be given one.
    pub(crate) member_id: Arc<str>,
    pub(crate) rack_id: Option<Arc<str>>,
    pub(crate) session_timeout: Duration,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) heartbeat_interval: Duration,
    /// How long the application may stay away; `None` for ever.
    pub(crate) max_poll_interval: Option<Duration>,
    pub(crate) retry_backoff: Duration,
    pub(crate) retry_backoff_max: Duration,
}

/// A member of a group by the classic protocol.
pub(crate) struct ClassicMembership {
    settings: ClassicSettings,
    assignors: Vec<Box<dyn Assignor>>,
    /// The most capable protocol that all assignors share.
    protocol: RebalanceProtocol,
    rng: Rng,

    state: State,
    member_id: Arc<str>,
    /// The generation joined, or [`NO_GENERATION`].
    generation: i32,
    /// The assignor the group agreed on in this generation.
    assignor: Option<usize>,
    /// The last complete generation, for offset commits.
    metadata: GroupMetadata,

    subscription: Vec<Arc<str>>,
    joined_subscription: Vec<Arc<str>>,
    /// What this member has; what is being released included.
    owned: BTreeSet<TopicPartition>,
    /// What the application is asked to release.
    releasing: Option<Release>,
    last_revocation: u64,
    /// Why to join again, if so.
    rejoin: Option<&'static str>,

    /// As the leader: the topics assigned, as they were then.
    watched: Vec<Arc<str>>,
    assigned_topics: Option<Vec<TopicToAssign>>,

    /// Whether a request is under way.
    waiting: bool,
    next_heartbeat: Option<Instant>,
    retry_at: Option<Instant>,
    failures: u32,
    polled_at: Option<Instant>,
    /// Changes to be told, in order.
    changes: VecDeque<Change>,
}

#[derive(Debug, PartialEq)]
enum State {
    /// Not in the group, and not about to be.
    Idle,
    /// Waits for the application before it joins again or leaves.
    Releasing,
    /// Joins, or is about to.
    Joining,
    /// Leads, and has to assign.
    Assigning {
        members: Vec<MemberSubscription>,
        asked: bool,
    },
    /// Waits for its assignment.
    Syncing {
        assignments: Option<Vec<SyncGroupRequestAssignment>>,
    },
    Stable,
    Leaving {
        then: Afterwards,
    },
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Afterwards {
    /// Join again when the application comes back.
    Idle,
    Done,
}

#[derive(Debug)]
struct Release {
    revocation: u64,
    partitions: BTreeSet<TopicPartition>,
}

impl ClassicMembership {
    pub(crate) fn new(
        settings: ClassicSettings,
        assignors: Vec<Box<dyn Assignor>>,
        rng: Rng,
    ) -> Self {
        let cooperative = !assignors.is_empty()
            && assignors.iter().all(|a| {
                a.rebalance_protocols()
                    .contains(&RebalanceProtocol::Cooperative)
            });
        let mut metadata = GroupMetadata::outside(Arc::clone(&settings.group_id));
        metadata.group_instance_id = settings.group_instance_id.clone();
        ClassicMembership {
            member_id: Arc::clone(&settings.member_id),
            settings,
            assignors,
            protocol: match cooperative {
                true => RebalanceProtocol::Cooperative,
                false => RebalanceProtocol::Eager,
            },
            rng,
            state: State::Idle,
            generation: NO_GENERATION,
            assignor: None,
            metadata,
            subscription: Vec::new(),
            joined_subscription: Vec::new(),
            owned: BTreeSet::new(),
            releasing: None,
            last_revocation: 0,
            rejoin: None,
            watched: Vec::new(),
            assigned_topics: None,
            waiting: false,
            next_heartbeat: None,
            retry_at: None,
            failures: 0,
            polled_at: None,
            changes: VecDeque::new(),
        }
    }

    fn act(&mut self, now: Instant) -> Option<Step> {
        if let Some(change) = self.changes.pop_front() {
            return Some(Step::Emit(change));
        }
        if self.waiting {
            return None;
        }
        if self.is_abandoned(now) {
            self.abandon();
            return self.act(now);
        }
        if self.retry_at.is_some_and(|retry_at| retry_at > now) {
            return None;
        }
        match &mut self.state {
            State::Idle => {
                if self.subscription.is_empty() || self.has_stayed_away(now) {
                    return None;
                }
                self.state = State::Joining;
                self.act(now)
            }
            State::Joining if self.subscription.is_empty() => {
                self.begin_leaving(Afterwards::Idle);
                self.act(now)
            }
            State::Joining => {
                let request = self.join_request();
                Some(self.send(Request::Join(request)))
            }
            State::Assigning {
                asked: asked @ false,
                ..
            } => {
                *asked = true;
                Some(Step::LookUpTopics(self.watched.clone()))
            }
            State::Assigning { .. } => None,
            State::Syncing { assignments } => {
                let assignments = assignments.take().unwrap_or_default();
                let request = self.sync_request(assignments);
                Some(self.send(Request::Sync(request)))
            }
            State::Releasing | State::Stable => {
                if self.state == State::Stable && self.wants_rejoin() {
                    self.prepare_to_join();
                    return self.act(now);
                }
                let due = self.next_heartbeat.is_none_or(|next| next <= now);
                if !due || !self.is_member() {
                    return None;
                }
                let request = self.heartbeat();
                Some(self.send(Request::Heartbeat(request)))
            }
            State::Leaving { then } => {
                let then = *then;
                // A static member stays until its session ends, so that it can come back.
                if !self.member_id.is_empty() && self.settings.group_instance_id.is_none() {
                    let request = self.leave_request();
                    return Some(self.send(Request::Leave(request)));
                }
                self.left(then);
                self.act(now)
            }
            State::Done => Some(Step::Done),
        }
    }

    fn send(&mut self, request: Request) -> Step {
        self.waiting = true;
        Step::Send(request)
    }

    fn wake(&self, now: Instant) -> Option<Instant> {
        if self.waiting {
            return None;
        }
        let heartbeat = match self.state {
            State::Stable | State::Releasing if self.is_member() => self.next_heartbeat,
            _ => None,
        };
        let abandoned = match (self.settings.max_poll_interval, self.polled_at) {
            (Some(max), Some(polled_at)) if self.state != State::Idle => Some(polled_at + max),
            _ => None,
        };
        let retry = self.retry_at.filter(|&retry_at| retry_at > now);
        // A pause holds everything but the departure of an application that stays away.
        retry.or(heartbeat).into_iter().chain(abandoned).min()
    }

    fn is_member(&self) -> bool {
        self.generation != NO_GENERATION && !self.member_id.is_empty()
    }

    fn has_stayed_away(&self, now: Instant) -> bool {
        match (self.settings.max_poll_interval, self.polled_at) {
            (Some(max), Some(polled_at)) => now >= polled_at + max,
            _ => false,
        }
    }

    /// Whether the application has been away for so long that its partitions are better read by
    /// somebody else.
    fn is_abandoned(&self, now: Instant) -> bool {
        let takes_part = !matches!(
            self.state,
            State::Idle | State::Leaving { .. } | State::Done
        );
        takes_part && self.has_stayed_away(now)
    }

    fn abandon(&mut self) {
        tracing::warn!(
            group = %self.settings.group_id,
            max_poll_interval = ?self.settings.max_poll_interval,
            "leaving the group: the application has not asked for records for too long; it joins \
             again when it does"
        );
        self.lose_all();
        self.begin_leaving(Afterwards::Idle);
    }

    fn wants_rejoin(&mut self) -> bool {
        if self.releasing.is_some() {
            return false;
        }
        if self.rejoin.is_none() && self.subscription != self.joined_subscription {
            self.rejoin = Some("the subscription has changed");
        }
        self.rejoin.is_some()
    }

    /// Lets go of what must be let go of before joining, or leaving.
    fn prepare_to_join(&mut self) {
        let give_up: BTreeSet<TopicPartition> = match self.protocol {
            _ if self.subscription.is_empty() => self.owned.clone(),
            RebalanceProtocol::Eager => self.owned.clone(),
            RebalanceProtocol::Cooperative => self
                .owned
                .iter()
                .filter(|owned| !self.subscription.contains(&owned.topic))
                .cloned()
                .collect(),
        };
        if give_up.is_empty() {
            self.state = State::Joining;
        } else {
            self.revoke(give_up);
            self.state = State::Releasing;
        }
    }

    fn revoke(&mut self, partitions: BTreeSet<TopicPartition>) {
        self.last_revocation += 1;
        let revocation = self.last_revocation;
        self.changes.push_back(Change::Revoked {
            revocation,
            partitions: partitions.clone(),
        });
        self.releasing = Some(Release {
            revocation,
            partitions,
        });
    }

    fn lose_all(&mut self) {
        self.releasing = None;
        let lost = std::mem::take(&mut self.owned);
        if !lost.is_empty() {
            self.changes.push_back(Change::Lost(lost));
        }
    }

    fn begin_leaving(&mut self, then: Afterwards) {
        self.state = State::Leaving { then };
        self.retry_at = None;
    }

    fn left(&mut self, then: Afterwards) {
        self.forget_generation(true);
        self.assigned_topics = None;
        self.joined_subscription = Vec::new();
        self.rejoin = None;
        self.state = match then {
            Afterwards::Idle => State::Idle,
            Afterwards::Done => State::Done,
        };
    }

    fn forget_generation(&mut self, member_id_too: bool) {
        self.generation = NO_GENERATION;
        self.assignor = None;
        self.next_heartbeat = None;
        if member_id_too {
            self.member_id = Arc::default();
        }
    }

    /// The group does not count this member in any more.
    fn fall_out(&mut self, why: &'static str, member_id_too: bool) {
        tracing::info!(group = %self.settings.group_id, why, "no longer a member; joining again");
        self.forget_generation(member_id_too);
        self.lose_all();
        self.rejoin = Some(why);
        self.state = State::Joining;
    }

    fn fail(&mut self, error: GroupError) {
        tracing::error!(group = %self.settings.group_id, %error, "the membership ended");
        self.lose_all();
        self.changes.push_back(Change::Failed(error));
        self.subscription = Vec::new();
        self.left(Afterwards::Idle);
    }

    fn pause(&mut self, now: Instant) {
        let base = self.settings.retry_backoff.max(Duration::from_millis(1));
        let doubled = base.saturating_mul(1 << self.failures.min(16));
        let pause = self
            .rng
            .jitter(doubled.min(self.settings.retry_backoff_max.max(base)), 0.2);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(now + pause);
    }

    fn settled(&mut self) {
        self.failures = 0;
        self.retry_at = None;
    }
}

impl Membership for ClassicMembership {
    fn poll(&mut self, now: Instant) -> Step {
        self.act(now).unwrap_or_else(|| Step::Wait(self.wake(now)))
    }

    fn handle_reply(&mut self, reply: Reply, now: Instant) {
        self.waiting = false;
        match reply {
            Reply::Join(result) => self.handle_join_reply(result, now),
            Reply::Sync(result) => self.handle_sync_reply(result, now),
            Reply::Heartbeat(result) => {
                self.handle_heartbeat_reply(result.map(|response| response.error_code), now);
            }
            Reply::Leave(result) => {
                if let Err(error) = result {
                    tracing::debug!(group = %self.settings.group_id, %error, "left without an answer");
                }
                if let State::Leaving { then } = self.state {
                    self.left(then);
                }
            }
        }
    }

    fn handle_topics(&mut self, topics: Vec<TopicToAssign>) {
        let State::Assigning {
            members,
            asked: true,
        } = &mut self.state
        else {
            return;
        };
        let members = std::mem::take(members);
        match self.assign(&members, &topics) {
            Ok(assignments) => {
                self.assigned_topics = Some(topics);
                self.state = State::Syncing {
                    assignments: Some(assignments),
                };
            }
            Err(error) => self.fail(error),
        }
    }

    fn handle_topics_changed(&mut self, topics: Vec<TopicToAssign>) {
        if self
            .assigned_topics
            .as_ref()
            .is_some_and(|assigned| *assigned != topics)
        {
            self.rejoin = Some("cached metadata has changed");
            self.assigned_topics = None;
        }
    }

    fn watched_topics(&self) -> &[Arc<str>] {
        match self.assigned_topics {
            Some(_) => &self.watched,
            None => &[],
        }
    }

    fn handle_subscription(&mut self, topics: Vec<Arc<str>>) {
        self.subscription = topics;
    }

    fn handle_released(&mut self, revocation: u64) -> BTreeSet<TopicPartition> {
        let due = |release: &mut Release| release.revocation == revocation;
        let Some(release) = self.releasing.take_if(due) else {
            return BTreeSet::new();
        };
        self.owned
            .retain(|owned| !release.partitions.contains(owned));
        if self.state == State::Releasing {
            self.state = State::Joining;
        }
        release.partitions
    }

    fn handle_polled(&mut self, at: Instant) {
        self.polled_at = self.polled_at.max(Some(at));
    }

    fn handle_close(&mut self, leave: bool) {
        self.waiting = false;
        self.changes.clear();
        match leave {
            true => self.begin_leaving(Afterwards::Done),
            false => self.state = State::Done,
        }
    }

    fn metadata(&self) -> GroupMetadata {
        self.metadata.clone()
    }

    fn member_id(&self) -> Arc<str> {
        Arc::clone(&self.member_id)
    }
}
