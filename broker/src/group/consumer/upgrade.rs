//! A classic group becomes a consumer group, as a member joins it that uses the consumer protocol.
//!
//! Its members stay, with what they have, and stable in the last generation. As the new member raises
//! the group epoch, they are told to join again.

use std::collections::BTreeSet;

use bytes::Bytes;
use thalweg_protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use thalweg_protocol::{ErrorCode, StrBytes};

use super::ConsumerGroup;
use super::member::{ClassicTerms, Member, Owned};
use crate::cluster::Cluster;
use crate::group::assignor::Partitions;
use crate::group::classic::Migrant;
use crate::group::consumer_protocol::{read_assignment, read_subscription};
use crate::group::migration::MigrationPolicy;
use crate::group::{ClassicGroup, Fault};
use crate::topic::Topics;

/// The consumer group that a classic group becomes. Whoever waits there is told to join again, even
/// where that fails: Kafka does so before it looks at the members.
pub(super) fn upgraded(
    cluster: &Cluster,
    id: &StrBytes,
    classic: &mut ClassicGroup,
) -> Result<ConsumerGroup, Fault> {
    check(cluster, id, classic)?;
    classic.send_back_who_waits();
    let mut group = ConsumerGroup {
        group_epoch: classic.generation(),
        assignment_epoch: classic.generation(),
        ..ConsumerGroup::default()
    };
    for (migrant, assignment, metadata) in classic.migrants() {
        let assignment = assignment_of(id, assignment)?;
        // As long as the members of the first generation wait for each other there is none.
        let metadata = metadata.ok_or_else(|| unexpected("No value present"))?;
        let subscription = read_subscription(metadata).ok_or_else(|| malformed(id))?;
        let assigned = owned(&assignment, classic.generation(), &cluster.topics);
        let member = member(migrant, &subscription, assigned, classic.generation());
        if let Some((topic, partition)) = member.held().find(|it| group.holders.contains_key(it)) {
            return Err(unexpected(&format!(
                "Partition {topic}-{partition} is assigned to several members"
            )));
        }
        group.target.insert(member.id.clone(), partitions(&member));
        group.put(member);
    }
    group.subscriptions.known = group.subscriptions.look(&cluster.topics);
    Ok(group)
}

fn check(cluster: &Cluster, id: &StrBytes, classic: &ClassicGroup) -> Result<(), Fault> {
    let max = cluster.settings.number("group.consumer.max.size");
    let reason = if !MigrationPolicy::of(cluster).upgrade {
        "online upgrade is disabled"
    } else if !classic.is_of_consumers() {
        "the group does not use the consumer embedded protocol"
    } else if i64::try_from(classic.size()).is_ok_and(|size| size > max) {
        "the group size exceeds the consumer group maximum size"
    } else {
        return Ok(());
    };
    Err(refused(id, reason))
}

fn refused(id: &StrBytes, reason: &str) -> Fault {
    let message = format!("Cannot upgrade classic group {id} to consumer group because {reason}.");
    (ErrorCode::GROUP_ID_NOT_FOUND, message)
}

fn malformed(id: &StrBytes) -> Fault {
    refused(id, "the embedded consumer protocol is malformed")
}

/// What Kafka does not expect either, and answers as an error of its own.
fn unexpected(what: &str) -> Fault {
    (ErrorCode::UNKNOWN_SERVER_ERROR, what.to_owned())
}

fn assignment_of(id: &StrBytes, bytes: &Bytes) -> Result<ConsumerProtocolAssignment, Fault> {
    if bytes.is_empty() {
        return Ok(ConsumerProtocolAssignment::default());
    }
    let assignment = read_assignment(bytes).ok_or_else(|| malformed(id))?;
    let user_data = assignment.user_data.as_ref();
    if user_data.is_some_and(|user_data| !user_data.is_empty()) {
        let reason = "an unsupported custom assignor is in use. Please refer to the documentation or \
                      switch to a default assignor before re-attempting the upgrade";
        return Err(refused(id, reason));
    }
    Ok(assignment)
}

/// What was assigned, of topics that exist.
fn owned(assignment: &ConsumerProtocolAssignment, generation: i32, topics: &Topics) -> Owned {
    let mut owned = Owned::new();
    for named in &assignment.assigned_partitions {
        if let Some(topic) = topics.topic(&named.topic) {
            let partitions = named.partitions.iter().map(|it| (*it, generation));
            // Of a topic that is named twice the first counts.
            owned
                .entry(topic.id)
                .or_insert_with(|| partitions.collect());
        }
    }
    owned
}

fn partitions(member: &Member) -> Partitions {
    let assigned = member.assigned.iter();
    assigned
        .map(|(topic, partitions)| (*topic, partitions.keys().copied().collect()))
        .collect()
}

fn member(
    migrant: Migrant,
    subscription: &ConsumerProtocolSubscription,
    assigned: Owned,
    generation: i32,
) -> Member {
    Member {
        member_epoch: generation,
        previous_member_epoch: generation,
        instance_id: migrant.instance_id,
        rack_id: rack_of(subscription),
        rebalance_timeout_ms: migrant.rebalance_timeout_ms,
        client_id: migrant.client_id,
        client_host: migrant.client_host,
        topic_names: topics_of(subscription),
        assigned,
        classic: Some(ClassicTerms {
            session_timeout_ms: migrant.session_timeout_ms,
            protocols: migrant.protocols,
        }),
        ..Member::new(migrant.id)
    }
}

/// The topics subscribed to.
pub(super) fn topics_of(subscription: &ConsumerProtocolSubscription) -> BTreeSet<StrBytes> {
    subscription.topics.iter().map(StrBytes::detached).collect()
}

/// The rack, if one is told.
pub(super) fn rack_of(subscription: &ConsumerProtocolSubscription) -> Option<StrBytes> {
    let rack_id = subscription.rack_id.as_ref();
    let rack_id = rack_id.filter(|rack_id| !rack_id.is_empty());
    rack_id.map(StrBytes::detached)
}
