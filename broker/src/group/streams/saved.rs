//! A streams group as it is kept on disk.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thalweg_protocol::messages::StreamsEndpoint;
use thalweg_protocol::{PartitionId, StrBytes};

use super::StreamsGroup;
use super::member::{Member, MemberState};
use super::tasks::{HeldTasks, TaskSet, Tasks};
use super::topics::{Configured, configure};
use super::topology::{InternalTopic, Subtopology, Topology};
use crate::group::saved::{
    SavedDated, SavedKnown, dated, dated_of, known, known_of, maybe_text, maybe_text_of, text,
    texts, texts_of,
};
use crate::topic::Topics;

/// Everything but the timers, what members say of their progress, and what follows from the rest.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedStreamsGroup {
    group_epoch: i32,
    assignment_epoch: i32,
    assigned_at_ms: Option<i64>,
    members: Vec<SavedMember>,
    target: BTreeMap<String, SavedTasks>,
    topology: Option<SavedTopology>,
    known: SavedKnown,
    validated_topology_epoch: i32,
    assignment_config: (i64, String),
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedMember {
    id: String,
    member_epoch: i32,
    previous_member_epoch: i32,
    state: SavedState,
    instance_id: Option<String>,
    rack_id: Option<String>,
    rebalance_timeout_ms: i32,
    client_id: String,
    client_host: String,
    topology_epoch: i32,
    process_id: String,
    user_endpoint: Option<(String, u16)>,
    client_tags: BTreeMap<String, String>,
    assigned: SavedHeldTasks,
    pending_revocation: SavedHeldTasks,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum SavedState {
    Stable,
    UnrevokedTasks,
    UnreleasedTasks,
}

type SavedTaskSet = BTreeMap<String, BTreeSet<i32>>;

#[derive(Debug, Serialize, Deserialize)]
struct SavedTasks {
    active: SavedTaskSet,
    standby: SavedTaskSet,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedHeldTasks {
    active: SavedDated,
    standby: SavedTaskSet,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedTopology {
    topology_epoch: i32,
    subtopologies: BTreeMap<String, SavedSubtopology>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedSubtopology {
    sources: Vec<String>,
    repartition_sinks: Vec<String>,
    repartition_sources: Vec<SavedInternalTopic>,
    changelogs: Vec<SavedInternalTopic>,
    copartitioned: Vec<BTreeSet<String>>,
}

/// Name, partitions, replicas, settings.
type SavedInternalTopic = (String, i32, i16, Vec<(String, String)>);

fn set_of(tasks: &TaskSet) -> SavedTaskSet {
    let one = |(id, tasks): (&StrBytes, &BTreeSet<PartitionId>)| {
        (id.to_string(), tasks.iter().map(|task| task.0).collect())
    };
    tasks.iter().map(one).collect()
}

fn set(saved: &SavedTaskSet) -> TaskSet {
    let one = |(id, tasks): (&String, &BTreeSet<i32>)| {
        (text(id), tasks.iter().copied().map(PartitionId).collect())
    };
    saved.iter().map(one).collect()
}

impl SavedHeldTasks {
    fn of(held: &HeldTasks) -> Self {
        SavedHeldTasks {
            active: dated_of(&held.active),
            standby: set_of(&held.standby),
        }
    }

    fn held(&self) -> Option<HeldTasks> {
        Some(HeldTasks {
            active: dated(&self.active, |id| Some(text(id)))?,
            standby: set(&self.standby),
        })
    }
}

impl SavedMember {
    fn of(member: &Member) -> Self {
        let endpoint = member.user_endpoint.as_ref();
        let tags = member.client_tags.iter();
        SavedMember {
            id: member.id.to_string(),
            member_epoch: member.member_epoch,
            previous_member_epoch: member.previous_member_epoch,
            state: match member.state {
                MemberState::Stable => SavedState::Stable,
                MemberState::UnrevokedTasks => SavedState::UnrevokedTasks,
                MemberState::UnreleasedTasks => SavedState::UnreleasedTasks,
            },
            instance_id: maybe_text_of(&member.instance_id),
            rack_id: maybe_text_of(&member.rack_id),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            client_id: member.client_id.to_string(),
            client_host: member.client_host.to_string(),
            topology_epoch: member.topology_epoch,
            process_id: member.process_id.to_string(),
            user_endpoint: endpoint.map(|it| (it.host.to_string(), it.port)),
            client_tags: tags
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect(),
            assigned: SavedHeldTasks::of(&member.assigned),
            pending_revocation: SavedHeldTasks::of(&member.pending_revocation),
        }
    }

    fn member(&self) -> Option<Member> {
        let endpoint = |(host, port): &(String, u16)| StreamsEndpoint {
            host: text(host),
            port: *port,
            ..Default::default()
        };
        let tags = self.client_tags.iter();
        Some(Member {
            id: text(&self.id),
            member_epoch: self.member_epoch,
            previous_member_epoch: self.previous_member_epoch,
            state: match self.state {
                SavedState::Stable => MemberState::Stable,
                SavedState::UnrevokedTasks => MemberState::UnrevokedTasks,
                SavedState::UnreleasedTasks => MemberState::UnreleasedTasks,
            },
            instance_id: maybe_text(&self.instance_id),
            rack_id: maybe_text(&self.rack_id),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            client_id: text(&self.client_id),
            client_host: text(&self.client_host),
            topology_epoch: self.topology_epoch,
            process_id: text(&self.process_id),
            user_endpoint: self.user_endpoint.as_ref().map(endpoint),
            client_tags: tags.map(|(key, value)| (text(key), text(value))).collect(),
            assigned: self.assigned.held()?,
            pending_revocation: self.pending_revocation.held()?,
        })
    }
}

impl SavedTopology {
    fn of(topology: &Topology) -> Self {
        let internal = |topic: &InternalTopic| {
            let configs = topic.configs.iter();
            let configs = configs.map(|(key, value)| (key.to_string(), value.to_string()));
            let (partitions, replicas) = (topic.partitions, topic.replicas);
            (
                topic.name.to_string(),
                partitions,
                replicas,
                configs.collect(),
            )
        };
        let part = |(id, part): (&StrBytes, &Subtopology)| {
            let saved = SavedSubtopology {
                sources: texts_of(&part.sources),
                repartition_sinks: texts_of(&part.repartition_sinks),
                repartition_sources: part.repartition_sources.iter().map(internal).collect(),
                changelogs: part.changelogs.iter().map(internal).collect(),
                copartitioned: part.copartitioned.iter().map(texts_of).collect(),
            };
            (id.to_string(), saved)
        };
        SavedTopology {
            topology_epoch: topology.topology_epoch,
            subtopologies: topology.subtopologies.iter().map(part).collect(),
        }
    }

    fn topology(&self) -> Topology {
        let internal = |(name, partitions, replicas, configs): &SavedInternalTopic| {
            let configs = configs.iter();
            InternalTopic {
                name: text(name),
                partitions: *partitions,
                replicas: *replicas,
                configs: configs
                    .map(|(key, value)| (text(key), text(value)))
                    .collect(),
            }
        };
        let part = |(id, saved): (&String, &SavedSubtopology)| {
            let part = Subtopology {
                sources: texts(&saved.sources),
                repartition_sinks: texts(&saved.repartition_sinks),
                repartition_sources: saved.repartition_sources.iter().map(internal).collect(),
                changelogs: saved.changelogs.iter().map(internal).collect(),
                copartitioned: saved.copartitioned.iter().map(texts).collect(),
            };
            (text(id), part)
        };
        Topology {
            topology_epoch: self.topology_epoch,
            subtopologies: self.subtopologies.iter().map(part).collect(),
        }
    }
}

impl StreamsGroup {
    /// What is kept of it.
    pub(in crate::group) fn saved(&self) -> SavedStreamsGroup {
        let target = |(id, tasks): (&StrBytes, &Tasks)| {
            let saved = SavedTasks {
                active: set_of(&tasks.active),
                standby: set_of(&tasks.standby),
            };
            (id.to_string(), saved)
        };
        SavedStreamsGroup {
            group_epoch: self.group_epoch,
            assignment_epoch: self.assignment_epoch,
            assigned_at_ms: self.assigned_at_ms,
            members: self.members.values().map(SavedMember::of).collect(),
            target: self.target.iter().map(target).collect(),
            topology: self.topology.as_ref().map(SavedTopology::of),
            known: known_of(&self.known),
            validated_topology_epoch: self.validated_topology_epoch,
            assignment_config: self.assignment_config.clone(),
        }
    }

    /// What was kept of it, among the topics there are. `None` where that is no group.
    pub(in crate::group) fn restored(saved: &SavedStreamsGroup, topics: &Topics) -> Option<Self> {
        let target = |(id, tasks): (&String, &SavedTasks)| {
            let (active, standby) = (set(&tasks.active), set(&tasks.standby));
            (text(id), Tasks { active, standby })
        };
        let topology = saved.topology.as_ref().map(SavedTopology::topology);
        let configured = match &topology {
            // Topics may have changed so that it makes no sense now: members are told.
            Some(topology) => configure(topology, topics).unwrap_or_default(),
            None => Configured::default(),
        };
        let mut group = StreamsGroup {
            group_epoch: saved.group_epoch,
            assignment_epoch: saved.assignment_epoch,
            assigned_at_ms: saved.assigned_at_ms,
            target: saved.target.iter().map(target).collect(),
            topology,
            configured,
            known: known(&saved.known)?,
            validated_topology_epoch: saved.validated_topology_epoch,
            assignment_config: saved.assignment_config.clone(),
            ..StreamsGroup::default()
        };
        for member in &saved.members {
            group.put(member.member()?);
        }
        Some(group)
    }
}
