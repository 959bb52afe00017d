//! What follows from what a member says, whichever protocol it says it in: the group epoch, the
//! target, and the member's own next step towards that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use thalweg_protocol::StrBytes;
use thalweg_protocol::messages::ConsumerGroupTopicPartitions;

use super::member::{Member, MemberState};
use super::reconcile::Reconcile;
use super::{ConsumerGroup, ConsumerTimer};
use crate::acl::{Operation, ResourceType};
use crate::cluster::{Caller, Cluster, Timer};
use crate::group::assignor::{GroupView, Partitions, Subscriber};
use crate::group::{GroupTimer, SETTLES_EMPTY_GROUPS};
use crate::release::Release;

/// The release from which another assignor is a reason for a new target.
const HEEDS_ASSIGNORS: Release = Release::of(4, 4);

/// What a member says.
pub(super) struct Said<'a> {
    /// The member as it was known.
    pub(super) before: &'a Member,
    /// The same with what it says.
    pub(super) member: Member,
    /// The id it has had so far, where it comes back under another.
    pub(super) replaced: Option<StrBytes>,
    /// What it says that it has; `None` where it does not say.
    pub(super) reported: Option<&'a [ConsumerGroupTopicPartitions]>,
}

impl ConsumerGroup {
    /// Takes in what a member says, and gives it back after its next step.
    pub(super) fn take_in(
        &mut self,
        cluster: &mut Cluster,
        caller: &Caller,
        id: &StrBytes,
        said: Said<'_>,
    ) -> Member {
        let Said { before, member, .. } = said;
        let assignor_before = self.assignor();
        let regex_changed = before.topic_regex != member.topic_regex;
        let names_changed = before.topic_names != member.topic_names;
        if let Some(replaced) = &said.replaced {
            self.replace(cluster, replaced, before);
        }
        if self.members.get(&member.id) != Some(&member) {
            self.put(member.clone());
        }
        self.subscriptions.tidy();
        let resolved =
            member.topic_regex.is_empty() || self.subscriptions.is_resolved(&member.topic_regex);
        let bump = names_changed
            || regex_changed && resolved
            || cluster.release >= HEEDS_ASSIGNORS && assignor_before != self.assignor();
        self.schedule_regexes(cluster, caller, id);
        self.look_for_changes(cluster, bump);
        self.assign_if_due(cluster, id);
        let next = self.reconcile(
            cluster,
            &member,
            said.reported,
            names_changed || regex_changed,
        );
        self.watch_over(cluster, id, &next, next != member);
        if next != member {
            self.put(next.clone());
        }
        next
    }

    /// Puts a static member that came back in the place of the one it was.
    pub(super) fn replace(&mut self, cluster: &mut Cluster, old: &StrBytes, new: &Member) {
        if let Some(watch) = self.watches.remove(old) {
            watch.end(cluster);
        }
        let target = self.target.remove(old).unwrap_or_default();
        self.unlist(old);
        self.put(new.clone());
        self.target.insert(new.id.clone(), target);
    }

    /// Raises the group epoch where there is a reason to: one given, or topics that changed.
    fn look_for_changes(&mut self, cluster: &Cluster, bump: bool) {
        let known = self.subscriptions.look(&cluster.topics);
        if bump || known != self.subscriptions.known {
            self.group_epoch += 1;
            self.subscriptions.known = known;
        }
    }

    /// Makes a new target for a new group epoch, not more often than the settings allow.
    fn assign_if_due(&mut self, cluster: &Cluster, id: &StrBytes) {
        let now_ms = cluster.now.wall_ms;
        let pause_ms = cluster.group_number(id, "consumer.assignment.interval.ms");
        let too_soon = self
            .assigned_at_ms
            .is_some_and(|at_ms| now_ms < at_ms + pause_ms);
        if self.assignment_epoch >= self.group_epoch || too_soon {
            return;
        }
        self.target = self.new_target(cluster);
        self.assignment_epoch = self.group_epoch;
        self.assigned_at_ms = Some(now_ms);
    }

    fn new_target(&self, cluster: &Cluster) -> BTreeMap<StrBytes, Partitions> {
        let mut view = GroupView {
            same_subscriptions: self.subscriptions.are_same(self.members.len()),
            ..GroupView::default()
        };
        let known = self.subscriptions.known.values();
        view.partition_counts = known.copied().collect();
        for (member_id, member) in &self.members {
            let subscriber = Subscriber {
                instance_id: member.instance_id.as_ref(),
                topics: self.subscriptions.topics_of(member, &cluster.topics),
                target: self.target.get(member_id),
            };
            view.members.insert(member_id, subscriber);
        }
        self.assignor().assign(&view)
    }

    /// The member after its next step towards the target there is.
    pub(super) fn reconcile(
        &self,
        cluster: &Cluster,
        member: &Member,
        reported: Option<&[ConsumerGroupTopicPartitions]>,
        subscription_changed: bool,
    ) -> Member {
        let nothing = Partitions::new();
        let subscribed = self.subscriptions.topics_of(member, &cluster.topics);
        let reconcile = Reconcile {
            target: self.target.get(&member.id).unwrap_or(&nothing),
            target_epoch: self.assignment_epoch,
            subscribed: &subscribed,
            subscription_changed,
            reported,
            is_held: &|topic, partition| self.holders.contains_key(&(*topic, partition)),
        };
        reconcile.step(member)
    }

    /// Watches over a member from now on. One that `has_moved` has a new time to give up in.
    pub(super) fn watch_over(
        &mut self,
        cluster: &mut Cluster,
        id: &StrBytes,
        member: &Member,
        has_moved: bool,
    ) {
        let mut watch = self.watches.remove(&member.id).unwrap_or_default();
        let timer = |timer| GroupTimer::Consumer(id.clone(), timer);
        let timeout = match &member.classic {
            Some(terms) => millis(terms.session_timeout_ms),
            None => cluster.group_time(id, "consumer.session.timeout.ms"),
        };
        let expired = ConsumerTimer::Session {
            member: member.id.clone(),
        };
        watch.renew_session(cluster, timeout, timer(expired));
        // Members that use the classic protocol have to join and to sync in time instead.
        if has_moved && member.classic.is_none() {
            let gives_up = member.state == MemberState::UnrevokedPartitions;
            let expired = ConsumerTimer::Rebalance {
                member: member.id.clone(),
                member_epoch: member.member_epoch,
            };
            let end = gives_up.then(|| (millis(member.rebalance_timeout_ms), timer(expired)));
            watch.renew_rebalance(cluster, end);
        }
        self.watches.insert(member.id.clone(), watch);
    }

    /// Takes members out of the group.
    pub(super) fn remove(&mut self, cluster: &mut Cluster, members: &BTreeSet<StrBytes>) {
        for member in members {
            if let Some(watch) = self.watches.remove(member) {
                watch.end(cluster);
            }
            self.unlist(member);
            self.target.remove(member);
        }
        self.subscriptions.tidy();
        self.look_for_changes(cluster, true);
        if self.members.is_empty() && cluster.release >= SETTLES_EMPTY_GROUPS {
            self.assignment_epoch = self.group_epoch;
            self.assigned_at_ms = None;
        }
    }

    fn schedule_regexes(&mut self, cluster: &mut Cluster, caller: &Caller, id: &StrBytes) {
        let interval_ms = cluster
            .settings
            .number("group.consumer.regex.refresh.interval.ms");
        let now_ms = cluster.now.wall_ms;
        if self
            .subscriptions
            .schedule(&cluster.topics, now_ms, interval_ms)
        {
            let due = ConsumerTimer::Regexes {
                caller: caller.clone(),
            };
            let timer = GroupTimer::Consumer(id.clone(), due);
            cluster.set_timer(Duration::ZERO, Timer::Group(timer));
        }
    }

    pub(super) fn handle_regexes_due(&mut self, cluster: &Cluster, caller: &Caller) {
        let now_ms = cluster.now.wall_ms;
        let may_see = |name: &StrBytes| {
            cluster.authorize(caller, Operation::Describe, ResourceType::Topic, name)
        };
        let changed = self.subscriptions.resolve(&cluster.topics, now_ms, may_see);
        self.look_for_changes(cluster, changed);
    }
}

/// A time that a client told.
pub(super) fn millis(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
