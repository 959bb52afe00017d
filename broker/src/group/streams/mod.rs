//! Streams groups (KIP-1071): the broker knows the application's topology, makes its internal topics
//! and assigns its tasks.
//!
//! ```text
//!  topology ─┐
//!            ├─► configured topology ──► group epoch ──► target assignment ──► each member,
//!  topics ───┘   tasks, what is          +1 by any       of that epoch         step by step
//!  members ────► missing                 change of them  (assignor.rs)         (reconcile.rs)
//! ```
//! Warm-up tasks are read and described, but none is ever made: Kafka 4.4 makes none either.

mod assignor;
mod endpoints;
mod heartbeat;
mod member;
mod reconcile;
mod saved;
mod tasks;
mod topics;
mod topology;

use std::collections::BTreeMap;

use thalweg_protocol::messages::{
    DescribedStreamsAssignment, DescribedStreamsGroup, DescribedStreamsGroupMember, StreamsKeyValue,
};
use thalweg_protocol::{ErrorCode, StrBytes, Uuid};

use super::consumer::OFFSET_COMMIT_VERSION_MIN;
use super::faults::{self, Fault};
use super::watch::Watch;
use super::{Claim, CommitCheck};
use crate::cluster::TimerId;
use member::{Member, Progress};
use tasks::{TaskSet, Tasks};
use topics::Configured;
use topology::Topology;

pub(crate) use heartbeat::{change_coordinator, handle_timer, heartbeat};
pub(crate) use saved::SavedStreamsGroup;
pub(crate) use topics::status::MISSING_INTERNAL_TOPICS;

/// What a timer of a streams group is for.
#[derive(Debug)]
pub(crate) enum StreamsTimer {
    /// A member was not heard of for the session time-out.
    Session { member: StrBytes },
    /// A member has not given up what it had to within its rebalance time-out.
    Rebalance { member: StrBytes, member_epoch: i32 },
    /// The first members have waited for others.
    InitialDelay,
}

/// A streams group.
#[derive(Debug)]
pub(crate) struct StreamsGroup {
    /// Raised by every change that makes a new target necessary.
    group_epoch: i32,
    /// The group epoch the target is for.
    assignment_epoch: i32,
    /// When the target was made; `None` where there was nobody to make it for.
    assigned_at_ms: Option<i64>,
    members: BTreeMap<StrBytes, Member>,
    /// Member ids by instance id.
    static_members: BTreeMap<StrBytes, StrBytes>,
    target: BTreeMap<StrBytes, Tasks>,
    topology: Option<Topology>,
    configured: Configured,
    /// The topics of the topology, as they were when the group epoch was raised last.
    known: BTreeMap<StrBytes, (Uuid, usize)>,
    /// The topology epoch that was found ready to run; -1 for none.
    validated_topology_epoch: i32,
    /// The settings the target depends on, as they were.
    assignment_config: (i64, String),
    progress: BTreeMap<StrBytes, Progress>,
    /// Who wants the whole application to stop.
    shutdown_requested_by: Option<StrBytes>,
    /// Raised when the endpoints of members, or what they have, change.
    endpoint_epoch: i32,
    watches: BTreeMap<StrBytes, Watch>,
    /// Runs while the first members wait for others.
    initial_delay: Option<TimerId>,
}

impl Default for StreamsGroup {
    /// Epochs begin at 1: 0 is what members join with.
    fn default() -> Self {
        StreamsGroup {
            group_epoch: 1,
            assignment_epoch: 1,
            assigned_at_ms: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            target: BTreeMap::new(),
            topology: None,
            configured: Configured::default(),
            known: BTreeMap::new(),
            validated_topology_epoch: -1,
            assignment_config: (0, String::new()),
            progress: BTreeMap::new(),
            shutdown_requested_by: None,
            endpoint_epoch: 0,
            watches: BTreeMap::new(),
            initial_delay: None,
        }
    }
}

impl StreamsGroup {
    /// The state in Kafka's words.
    pub(crate) fn state(&self) -> &'static str {
        let epoch = self
            .topology
            .as_ref()
            .map(|topology| topology.topology_epoch);
        if self.members.is_empty() {
            "Empty"
        } else if epoch != Some(self.validated_topology_epoch) {
            "NotReady"
        } else if self.group_epoch > self.assignment_epoch {
            "Assigning"
        } else if self
            .members
            .values()
            .all(|member| member.is_reconciled_to(self.assignment_epoch))
        {
            "Stable"
        } else {
            "Reconciling"
        }
    }

    /// Whether it has no members.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether its application reads a topic; offsets of such topics are not deleted.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        let topology = self.topology.as_ref().filter(|_| !self.is_empty());
        topology.is_some_and(|topology| topology.reader_of(topic).is_some())
    }

    fn member(&self, id: &str, group_id: &str) -> Result<&Member, Fault> {
        let unknown = || faults::unknown_member(id, group_id);
        self.members.get(id).ok_or_else(unknown)
    }

    fn static_member(&self, instance_id: &str) -> Option<&Member> {
        self.members.get(self.static_members.get(instance_id)?)
    }

    /// Puts a member in, or in the place of what it was.
    fn put(&mut self, member: Member) {
        self.unlist(&member.id.clone());
        if let Some(instance_id) = &member.instance_id {
            self.static_members
                .insert(instance_id.clone(), member.id.clone());
        }
        self.members.insert(member.id.clone(), member);
    }

    /// Takes a member out of everything but the target.
    fn unlist(&mut self, id: &str) -> Option<Member> {
        let member = self.members.remove(id)?;
        if let Some(instance_id) = &member.instance_id {
            self.static_members.remove(instance_id);
        }
        Some(member)
    }

    /// Whether offsets may be committed in a name; see the same of consumer groups.
    ///
    /// # Errors
    /// What the whole request is answered with.
    pub(crate) fn check_offset_commit(
        &self,
        claim: Claim<'_>,
        version: Option<i16>,
    ) -> Result<CommitCheck<'_>, ErrorCode> {
        if claim.generation < 0 && self.is_empty() || version.is_none() && claim.is_nobodys() {
            return Ok(CommitCheck::All);
        }
        let member = self.members.get(claim.member_id);
        let member = member.ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        if version.is_some_and(|version| version < OFFSET_COMMIT_VERSION_MIN) {
            return Err(ErrorCode::UNSUPPORTED_VERSION);
        }
        let (believed, known) = (claim.generation, member.member_epoch);
        CommitCheck::by_epoch(
            believed,
            known,
            ErrorCode::STALE_MEMBER_EPOCH,
            |topic, partition| {
                let subtopology = self.topology.as_ref()?.reader_of(topic.name)?;
                member.assigned_in_epoch(subtopology, partition)
            },
        )
    }

    /// Whether committed offsets may be read in a name.
    ///
    /// # Errors
    /// What the group is answered with.
    pub(crate) fn check_offset_fetch(&self, claim: Claim<'_>) -> Result<(), ErrorCode> {
        if claim.is_nobodys() {
            return Ok(());
        }
        match self.members.get(claim.member_id) {
            None => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            Some(member) if member.member_epoch == claim.generation => Ok(()),
            Some(_) => Err(ErrorCode::STALE_MEMBER_EPOCH),
        }
    }

    /// Describes the group as StreamsGroupDescribe does.
    pub(crate) fn describe(&self, id: &StrBytes) -> DescribedStreamsGroup {
        let counts = &self.configured.partition_counts;
        let unknown = BTreeMap::new();
        let counts = if self.configured.is_ready() {
            counts
        } else {
            &unknown
        };
        DescribedStreamsGroup {
            group_id: id.clone(),
            group_state: StrBytes::from_static(self.state()),
            group_epoch: self.group_epoch,
            assignment_epoch: self.assignment_epoch,
            topology: self
                .topology
                .as_ref()
                .map(|topology| topology.describe(counts)),
            members: self
                .members
                .values()
                .map(|member| self.describe_member(member))
                .collect(),
            assignor_name: Some(StrBytes::from_static("sticky")),
            ..Default::default()
        }
    }

    fn describe_member(&self, member: &Member) -> DescribedStreamsGroupMember {
        let nothing = Tasks::default();
        let target = self.target.get(&member.id).unwrap_or(&nothing);
        let tag = |(key, value): (&StrBytes, &StrBytes)| StreamsKeyValue {
            key: key.clone(),
            value: value.clone(),
            ..Default::default()
        };
        let progress = self.progress.get(&member.id).cloned().unwrap_or_default();
        let described = |active: &TaskSet, standby: &TaskSet| DescribedStreamsAssignment {
            active_tasks: tasks::write(active),
            standby_tasks: tasks::write(standby),
            ..Default::default()
        };
        DescribedStreamsGroupMember {
            member_id: member.id.clone(),
            member_epoch: member.member_epoch,
            instance_id: member.instance_id.clone(),
            rack_id: member.rack_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            topology_epoch: member.topology_epoch,
            process_id: member.process_id.clone(),
            user_endpoint: member.user_endpoint.clone(),
            client_tags: member.client_tags.iter().map(tag).collect(),
            task_offsets: progress.offsets,
            task_end_offsets: progress.end_offsets,
            assignment: described(&member.assigned.active_set(), &member.assigned.standby),
            target_assignment: described(&target.active, &target.standby),
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests;
