//! The assignor as the client's group membership calls it: partitions in, partitions out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use thalweg_client::{
    AssignError, Assignor, MemberAssignment, MemberSubscription, RebalanceProtocol, TopicPartition,
    TopicToAssign,
};

use super::{ASSIGNOR_NAME, Claim, MemberNote, TaskTopics, assign};
use crate::assignor::TaskId;

/// One worker's assignor.
#[derive(Debug)]
pub(crate) struct GroupAssignor {
    topics: TaskTopics,
    note: MemberNote,
}

impl GroupAssignor {
    /// An assignor for a worker of the instance with this UUID.
    pub(crate) fn new(topics: TaskTopics, instance_uuid: u128) -> Self {
        Self {
            topics,
            note: MemberNote { instance_uuid },
        }
    }
}

impl Assignor for GroupAssignor {
    fn name(&self) -> &str {
        ASSIGNOR_NAME
    }

    fn rebalance_protocols(&self) -> &[RebalanceProtocol] {
        &[RebalanceProtocol::Cooperative]
    }

    fn subscription_user_data(&mut self, _topics: &[Arc<str>]) -> Option<Bytes> {
        Some(Bytes::from(self.note.encode()))
    }

    fn assign(
        &mut self,
        members: &[MemberSubscription],
        topics: &[TopicToAssign],
    ) -> Result<Vec<MemberAssignment>, AssignError> {
        let partitions: BTreeMap<String, u32> = topics
            .iter()
            .map(|topic| {
                (
                    topic.name.to_string(),
                    u32::try_from(topic.partition_count).unwrap_or(0),
                )
            })
            .collect();
        let known: BTreeSet<&str> = self.topics.topics();
        for member in members {
            check_member(member, &known)?;
        }
        let claims: BTreeMap<String, Claim> = members
            .iter()
            .map(|member| (member.member_id.to_string(), self.claim(member)))
            .collect();
        let assigned = assign(&self.topics.tasks(&partitions), &claims);
        Ok(members
            .iter()
            .map(|member| {
                let tasks = assigned.get(&*member.member_id);
                MemberAssignment {
                    member_id: member.member_id.clone(),
                    partitions: self.partitions(tasks, &partitions),
                    user_data: None,
                }
            })
            .collect())
    }
}

impl GroupAssignor {
    fn claim(&self, member: &MemberSubscription) -> Claim {
        let owned = &member.owned_partitions;
        Claim {
            owned: owned
                .iter()
                .filter_map(|owned| self.topics.task_of(&owned.topic, owned.partition))
                .collect(),
            generation_id: member.generation_id.unwrap_or(-1),
        }
    }

    fn partitions(
        &self,
        tasks: Option<&BTreeSet<TaskId>>,
        partitions: &BTreeMap<String, u32>,
    ) -> Vec<TopicPartition> {
        tasks
            .into_iter()
            .flatten()
            .flat_map(|task| self.topics.partitions_of(*task, partitions))
            .map(|(topic, partition)| TopicPartition::new(topic, partition))
            .collect()
    }
}

/// A member that is no worker of ours, or of a program that reads none of our topics, would be
/// given tasks it cannot run.
fn check_member(member: &MemberSubscription, known: &BTreeSet<&str>) -> Result<(), AssignError> {
    let note = member.user_data.as_deref().unwrap_or_default();
    if let Err(error) = MemberNote::decode(note) {
        return Err(AssignError::new(format!(
            "the group member {} is not a worker of this application ({error}): something else \
             uses the same group id; give the application an id of its own",
            member.member_id
        )));
    }
    let shared = member.topics.iter().any(|topic| known.contains(&**topic));
    if !shared && !member.topics.is_empty() {
        return Err(AssignError::new(format!(
            "the group member {} reads {:?}, none of which this program reads: another program \
             runs under the same application id; give each an id of its own",
            member.member_id, member.topics
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use thalweg_protocol::PartitionId;

    fn assignor() -> GroupAssignor {
        let topics = TaskTopics::new(vec![
            vec!["left".into(), "right".into()],
            vec!["mid".into()],
        ]);
        GroupAssignor::new(topics, 5)
    }

    fn member(id: &str, owned: &[(&str, i32)], generation_id: i32) -> MemberSubscription {
        MemberSubscription {
            member_id: id.into(),
            topics: vec!["left".into(), "mid".into(), "right".into()],
            user_data: Some(MemberNote { instance_uuid: 5 }.encode().into()),
            owned_partitions: owned
                .iter()
                .map(|(topic, p)| TopicPartition::new(*topic, PartitionId(*p)))
                .collect(),
            generation_id: Some(generation_id),
            ..MemberSubscription::default()
        }
    }

    fn topic(name: &str, partition_count: i32) -> TopicToAssign {
        TopicToAssign {
            name: name.into(),
            partition_count,
            ..TopicToAssign::default()
        }
    }

    fn names(assignment: &MemberAssignment) -> Vec<String> {
        assignment
            .partitions
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn co_partitioned_topics_stay_together_and_moves_take_two_steps() {
        let topics = [topic("left", 2), topic("mid", 2), topic("right", 2)];
        let owned = [
            ("left", 0),
            ("left", 1),
            ("mid", 0),
            ("mid", 1),
            ("right", 0),
            ("right", 1),
        ];
        let first = [member("a", &owned, 3), member("b", &[], -1)];
        let assigned = assignor().assign(&first, &topics).unwrap();
        assert_eq!(names(&assigned[0]), ["left-0", "right-0", "mid-0"]);
        assert_eq!(
            names(&assigned[1]),
            Vec::<String>::new(),
            "still owned by a"
        );
        let kept = [("left", 0), ("right", 0), ("mid", 0)];
        let second = [member("a", &kept, 4), member("b", &[], 4)];
        let assigned = assignor().assign(&second, &topics).unwrap();
        assert_eq!(names(&assigned[0]), ["left-0", "right-0", "mid-0"]);
        assert_eq!(names(&assigned[1]), ["left-1", "right-1", "mid-1"]);
    }

    #[test]
    fn a_member_that_is_no_worker_of_this_program_is_named() {
        let foreign = MemberSubscription {
            user_data: None,
            ..member("x", &[], -1)
        };
        let error = assignor()
            .assign(&[foreign], &[topic("left", 1)])
            .unwrap_err();
        assert!(error.to_string().contains("x is not a worker"), "{error}");
        let other = MemberSubscription {
            topics: vec!["else".into()],
            ..member("y", &[], -1)
        };
        let error = assignor()
            .assign(&[other], &[topic("left", 1)])
            .unwrap_err();
        assert!(error.to_string().contains("another program"), "{error}");
    }
}
