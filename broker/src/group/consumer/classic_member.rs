//! Members of a consumer group that use the classic protocol.
//!
//! ```text
//!  Heartbeat   "join again", where the group or the member has a step to take
//!  JoinGroup   what it subscribes to and what it has ──► its next step, told as a generation
//!  SyncGroup   what it may use now
//! ```
//! They wait for nobody, as the broker assigns: every request is answered at once. A member that has to
//! give something up is in its old epoch until it has joined without.

use std::collections::BTreeSet;

use thalweg_protocol::messages::{
    ConsumerGroupTopicPartitions, ConsumerProtocolSubscription, JoinGroupRequest,
    JoinGroupRequestProtocol, JoinGroupResponse, MemberIdentity, SyncGroupRequest,
    SyncGroupResponse,
};
use thalweg_protocol::{ErrorCode, StrBytes};

use super::advance::{Said, millis};
use super::downgrade::{become_classic, by_name, fence};
use super::member::{ClassicTerms, Member, MemberState};
use super::upgrade::{rack_of, topics_of};
use super::{ConsumerGroup, ConsumerTimer};
use crate::cluster::{Caller, Cluster};
use crate::group::assignor::Partitions;
use crate::group::consumer_protocol::{CONSUMER, read_subscription, write_assignment};
use crate::group::kinds::with_group;
use crate::group::{Claim, Fault, Group, GroupTimer, faults, insert};
use crate::release::Release;
use crate::topic::Topics;

/// From this JoinGroup on a member is told its id before it becomes one.
const KNOWN_MEMBER_ID: i16 = 4;

/// The release from which a member is not told to join again before there is a target to join for.
const AWAITS_TARGETS: Release = Release::of(4, 3);

/// What comes of a JoinGroup.
enum Joined {
    /// The group stays what it is.
    Stays(JoinGroupResponse),
    /// The last member of the consumer protocol was replaced: the group is classic from now on.
    Downgrades {
        response: JoinGroupResponse,
        rebalances: bool,
    },
}

/// Answers a JoinGroup to a group that has members.
pub(in crate::group) fn join(
    cluster: &mut Cluster,
    caller: &Caller,
    request: &JoinGroupRequest,
) -> JoinGroupResponse {
    let id = request.group_id.detached();
    let refused = |error_code| JoinGroupResponse {
        error_code,
        ..Default::default()
    };
    let mut group = match cluster.groups.remove(&id) {
        Some(Group::Consumer(group)) => group,
        other => {
            if let Some(other) = other {
                insert(cluster, id, other);
            }
            return refused(ErrorCode::UNKNOWN_MEMBER_ID);
        }
    };
    let joined = group.join(cluster, caller, &id, request);
    if let Ok(Joined::Downgrades {
        response,
        rebalances,
    }) = joined
    {
        let generation = group.group_epoch;
        become_classic(cluster, &id, *group, generation, rebalances);
        return response;
    }
    insert(cluster, id, Group::Consumer(group));
    match joined {
        Ok(Joined::Stays(response) | Joined::Downgrades { response, .. }) => response,
        Err((error_code, _)) => refused(error_code),
    }
}

/// Answers a SyncGroup.
pub(in crate::group) fn sync(
    cluster: &mut Cluster,
    request: &SyncGroupRequest,
) -> SyncGroupResponse {
    let id = request.group_id.detached();
    let synced = with_group(cluster, &id, |cluster, group: &mut ConsumerGroup| {
        group.sync(cluster, &id, request)
    });
    synced.unwrap_or_else(|(error_code, _)| SyncGroupResponse {
        error_code,
        ..Default::default()
    })
}

/// Answers a Heartbeat.
pub(in crate::group) fn heartbeat(
    cluster: &mut Cluster,
    group_id: &str,
    claim: Claim<'_>,
) -> ErrorCode {
    let id = StrBytes::from(group_id);
    let result = with_group(cluster, &id, |cluster, group: &mut ConsumerGroup| {
        group.classic_heartbeat(cluster, &id, claim)
    });
    match result {
        Ok(()) => ErrorCode::NONE,
        Err((error_code, _)) => error_code,
    }
}

/// Takes members out, whichever protocol they use, and says of each what is against it.
pub(in crate::group) fn leave(
    cluster: &mut Cluster,
    group_id: &str,
    members: &[MemberIdentity],
) -> Vec<ErrorCode> {
    let id = StrBytes::from(group_id);
    let mut gone = BTreeSet::new();
    let errors = with_group(cluster, &id, |_, group: &mut ConsumerGroup| {
        let each = members
            .iter()
            .map(|member| match group.leaver(&id, member) {
                Ok(leaver) => {
                    gone.insert(leaver.id.clone());
                    ErrorCode::NONE
                }
                Err((error_code, _)) => error_code,
            });
        Ok(each.collect())
    });
    fence(cluster, &id, &gone);
    errors.unwrap_or_else(|_| vec![ErrorCode::UNKNOWN_MEMBER_ID; members.len()])
}

impl ConsumerGroup {
    fn join(
        &mut self,
        cluster: &mut Cluster,
        caller: &Caller,
        id: &StrBytes,
        request: &JoinGroupRequest,
    ) -> Result<Joined, Fault> {
        let instance_id = request.group_instance_id.as_ref();
        let is_new = request.member_id.is_empty();
        let member_id = match is_new {
            true => StrBytes::from(cluster.new_uuid().to_string()),
            false => request.member_id.detached(),
        };
        self.check_room(cluster, &member_id, instance_id)?;
        if !self.supports(&request.protocol_type, &request.protocols) {
            let message = format!("Member {member_id}'s protocols are not supported.");
            return Err((ErrorCode::INCONSISTENT_GROUP_PROTOCOL, message));
        }
        if is_new && instance_id.is_none() && caller.version >= KNOWN_MEMBER_ID {
            return Ok(Joined::Stays(JoinGroupResponse {
                error_code: ErrorCode::MEMBER_ID_REQUIRED,
                member_id,
                ..Default::default()
            }));
        }
        let (member, replaced) = self.find_or_make_classic(member_id, is_new, instance_id)?;
        let protocol = request.protocols.first();
        let subscription = protocol.and_then(|protocol| read_subscription(&protocol.metadata));
        let Some(subscription) = subscription else {
            let message = "Malformed embedded consumer protocol in subscription deserialization.";
            return Err((ErrorCode::UNKNOWN_SERVER_ERROR, message.to_owned()));
        };
        // Nothing fails from here on.
        let reported = reported(&subscription, &cluster.topics);
        let said = Said {
            before: &member,
            member: update(&member, caller, request, &subscription),
            replaced,
            reported: Some(&reported),
        };
        let known = instance_id.and_then(|instance_id| self.static_member(instance_id));
        if known.is_some_and(|known| self.becomes_classic_replacing(cluster, known)) {
            return Ok(self.join_as_the_last(cluster, said));
        }
        let next = self.take_in(cluster, caller, id, said);
        let timer = ConsumerTimer::Sync {
            member: next.id.clone(),
        };
        let timer = GroupTimer::Consumer(id.clone(), timer);
        let watch = self.watches.entry(next.id.clone()).or_default();
        watch.expect_sync(cluster, millis(request.rebalance_timeout_ms), timer);
        Ok(Joined::Stays(joined(&next)))
    }

    /// A static member takes its place with the classic protocol in which it had the consumer protocol,
    /// the last of the group. Nobody gets a new target, as the group is classic from now on: it
    /// rebalances if the target is out of date.
    fn join_as_the_last(&mut self, cluster: &mut Cluster, said: Said<'_>) -> Joined {
        let Said { before, member, .. } = said;
        let bump =
            before.topic_names != member.topic_names || before.topic_regex != member.topic_regex;
        let known = self.subscriptions.look(&cluster.topics);
        let is_stale =
            bump || known != self.subscriptions.known || self.assignment_epoch < self.group_epoch;
        match &said.replaced {
            Some(replaced) => self.replace(cluster, replaced, before),
            None => self.put(member.clone()),
        }
        let next = match is_stale {
            true => member,
            false => self.reconcile(cluster, &member, said.reported, false),
        };
        let response = joined(&next);
        self.put(next);
        Joined::Downgrades {
            response,
            rebalances: is_stale,
        }
    }

    /// Whether at least one of the protocols is supported by all members that use the classic protocol.
    fn supports(&self, protocol_type: &str, protocols: &[JoinGroupRequestProtocol]) -> bool {
        let by_all = |protocol: &JoinGroupRequestProtocol| {
            let terms = self.members.values();
            let mut terms = terms.filter_map(|member| member.classic.as_ref());
            terms.all(|terms| {
                terms
                    .protocols
                    .iter()
                    .any(|(name, _)| *name == protocol.name)
            })
        };
        protocol_type == CONSUMER && protocols.iter().any(by_all)
    }

    /// The member a JoinGroup is from, and the id it has had so far where it comes back under another.
    fn find_or_make_classic(
        &self,
        member_id: StrBytes,
        is_new: bool,
        instance_id: Option<&StrBytes>,
    ) -> Result<(Member, Option<StrBytes>), Fault> {
        let known = |member_id: StrBytes| {
            let known = self.members.get(&member_id).cloned();
            known.unwrap_or_else(|| Member::new(member_id))
        };
        let Some(instance_id) = instance_id else {
            return Ok((known(member_id), None));
        };
        if !is_new {
            let known = self.known_static_member(instance_id, &member_id)?;
            return Ok((known.clone(), None));
        }
        Ok(match self.static_member(instance_id) {
            None => (known(member_id), None),
            Some(old) => (old.succeeded_by(member_id), Some(old.id.clone())),
        })
    }

    /// The member of these ids that uses the classic protocol.
    fn classic_member(
        &self,
        id: &StrBytes,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<(&Member, &ClassicTerms), Fault> {
        let member = match instance_id {
            Some(instance_id) => self.known_static_member(instance_id, member_id)?,
            None => self.member(member_id, id)?,
        };
        let terms = member.classic.as_ref().ok_or_else(|| {
            let message = format!("Member {member_id} does not use the classic protocol.");
            (ErrorCode::UNKNOWN_MEMBER_ID, message)
        })?;
        Ok((member, terms))
    }

    fn sync(
        &mut self,
        cluster: &mut Cluster,
        id: &StrBytes,
        request: &SyncGroupRequest,
    ) -> Result<SyncGroupResponse, Fault> {
        let instance_id = request.group_instance_id.as_deref();
        let (member, terms) = self.classic_member(id, &request.member_id, instance_id)?;
        check_generation(member, request.generation_id)?;
        let (name, metadata) = terms.protocols.first().cloned().unwrap_or_default();
        check_protocol(member, &name, request)?;
        let member = member.clone();
        // Who has to give something up has joined already: only then it joins for the new epoch.
        let gives_up = member.state == MemberState::UnrevokedPartitions;
        if self.calls_for(cluster) > member.member_epoch && !gives_up {
            self.expect_join(cluster, id, &member);
            let message = format!(
                "A new rebalance is triggered in group {id} and member {} should rejoin to catch up.",
                member.id
            );
            return Err((ErrorCode::REBALANCE_IN_PROGRESS, message));
        }
        if let Some(watch) = self.watches.get_mut(&member.id) {
            watch.synced(cluster);
        }
        self.watch_over(cluster, id, &member, false);
        let mut assigned = Partitions::new();
        for (topic, partitions) in &member.assigned {
            assigned.insert(*topic, partitions.keys().copied().collect());
        }
        Ok(SyncGroupResponse {
            protocol_type: request.protocol_type.clone(),
            protocol_name: request.protocol_name.clone(),
            assignment: write_assignment(by_name(&assigned, &cluster.topics), &metadata),
            ..Default::default()
        })
    }

    fn classic_heartbeat(
        &mut self,
        cluster: &mut Cluster,
        id: &StrBytes,
        claim: Claim<'_>,
    ) -> Result<(), Fault> {
        let (member, _) = self.classic_member(id, claim.member_id, claim.instance_id)?;
        check_generation(member, claim.generation)?;
        let member = member.clone();
        self.watch_over(cluster, id, &member, false);
        let has_a_step_to_take = member.member_epoch < self.calls_for(cluster)
            || match member.state {
                MemberState::Stable => false,
                MemberState::UnrevokedPartitions => true,
                MemberState::UnreleasedPartitions => !self.waits_for_others(&member),
            };
        if !has_a_step_to_take {
            return Ok(());
        }
        self.expect_join(cluster, id, &member);
        let message = format!("Member {} of group {id} should rejoin.", member.id);
        Err((ErrorCode::REBALANCE_IN_PROGRESS, message))
    }

    /// The epoch that members are told to join again for.
    fn calls_for(&self, cluster: &Cluster) -> i32 {
        match cluster.release >= AWAITS_TARGETS {
            true => self.assignment_epoch,
            false => self.group_epoch,
        }
    }

    /// Whether others still have something that the member is to get.
    fn waits_for_others(&self, member: &Member) -> bool {
        let target = self.target.get(&member.id).into_iter().flatten();
        let mut target =
            target.flat_map(|(topic, partitions)| partitions.iter().map(move |it| (*topic, *it)));
        target.any(|(topic, partition)| {
            let has = member.assigned.get(&topic);
            let has = has.is_some_and(|partitions| partitions.contains_key(&partition));
            !has && self.holders.contains_key(&(topic, partition))
        })
    }

    /// The member was told to join again.
    fn expect_join(&mut self, cluster: &mut Cluster, id: &StrBytes, member: &Member) {
        let timer = ConsumerTimer::Join {
            member: member.id.clone(),
        };
        let timer = GroupTimer::Consumer(id.clone(), timer);
        let watch = self.watches.entry(member.id.clone()).or_default();
        watch.expect_join(cluster, millis(member.rebalance_timeout_ms), timer);
    }

    /// The member that leaves, or is put out by an administrator who names its instance id alone.
    fn leaver(&self, id: &StrBytes, identity: &MemberIdentity) -> Result<&Member, Fault> {
        match &identity.group_instance_id {
            None => self.member(&identity.member_id, id),
            Some(instance_id) if identity.member_id.is_empty() => {
                let unknown = || faults::unknown_member(instance_id, id);
                self.static_member(instance_id).ok_or_else(unknown)
            }
            Some(instance_id) => self.known_static_member(instance_id, &identity.member_id),
        }
    }
}

fn check_generation(member: &Member, generation: i32) -> Result<(), Fault> {
    if member.member_epoch == generation {
        return Ok(());
    }
    let message = format!(
        "The request generation id {generation} is not equal to the member epoch {} of member {}.",
        member.member_epoch, member.id
    );
    Err((ErrorCode::ILLEGAL_GENERATION, message))
}

/// Whether a SyncGroup is about the protocol that the member was told when it joined.
fn check_protocol(member: &Member, name: &str, request: &SyncGroupRequest) -> Result<(), Fault> {
    let differs = |theirs: &Option<StrBytes>, known: &str| {
        theirs.as_deref().is_some_and(|theirs| theirs != known)
    };
    if differs(&request.protocol_type, CONSUMER) || differs(&request.protocol_name, name) {
        let message = format!(
            "The protocol of member {}'s request is not {name} of {CONSUMER}, as it was told when it \
             joined.",
            member.id
        );
        return Err((ErrorCode::INCONSISTENT_GROUP_PROTOCOL, message));
    }
    Ok(())
}

/// The member with what its JoinGroup says.
fn update(
    member: &Member,
    caller: &Caller,
    request: &JoinGroupRequest,
    subscription: &ConsumerProtocolSubscription,
) -> Member {
    let mut updated = member.clone();
    if let Some(instance_id) = &request.group_instance_id {
        updated.instance_id = Some(instance_id.detached());
    }
    if let Some(rack_id) = rack_of(subscription) {
        updated.rack_id = Some(rack_id);
    }
    if request.rebalance_timeout_ms != -1 {
        updated.rebalance_timeout_ms = request.rebalance_timeout_ms;
    }
    updated.topic_names = topics_of(subscription);
    updated.topic_regex = StrBytes::new();
    updated.client_id = caller.client_id().detached();
    updated.client_host = caller.client_host();
    updated.classic = Some(ClassicTerms {
        session_timeout_ms: request.session_timeout_ms,
        protocols: crate::group::classic::protocols_of(&request.protocols),
    });
    updated
}

/// What a member says that it has, of topics that exist.
fn reported(
    subscription: &ConsumerProtocolSubscription,
    topics: &Topics,
) -> Vec<ConsumerGroupTopicPartitions> {
    let mut reported = Vec::<ConsumerGroupTopicPartitions>::new();
    for named in &subscription.owned_partitions {
        let Some(topic) = topics.topic(&named.topic) else {
            continue;
        };
        // Of a topic that is named twice the first counts.
        if reported.iter().all(|other| other.topic_id != topic.id) {
            reported.push(ConsumerGroupTopicPartitions {
                topic_id: topic.id,
                partitions: named.partitions.clone(),
                ..Default::default()
            });
        }
    }
    reported
}

/// What a member is told that has joined: its member epoch, as a generation without a leader.
fn joined(member: &Member) -> JoinGroupResponse {
    let protocols = member.classic.iter().flat_map(|terms| &terms.protocols);
    JoinGroupResponse {
        generation_id: member.member_epoch,
        protocol_type: Some(StrBytes::from_static(CONSUMER)),
        protocol_name: protocols.map(|(name, _)| name.clone()).next(),
        member_id: member.id.clone(),
        ..Default::default()
    }
}
