//! `roundrobin`: all partitions of all topics dealt out one by one.

use std::collections::BTreeSet;

use super::{
    AssignError, Assignor, MemberAssignment, MemberSubscription, TopicToAssign, by_instance_then_id,
};
use crate::topic_partition::TopicPartition;

/// Deals all partitions of all topics out to the members in turn (`roundrobin`).
///
/// Balanced when all members subscribe to the same topics. Static members keep their turn across
/// restarts.
#[derive(Debug, Clone, Default)]
pub struct RoundRobinAssignor {
    _private: (),
}

impl RoundRobinAssignor {
    /// The assignor.
    pub fn new() -> Self {
        RoundRobinAssignor::default()
    }
}

impl Assignor for RoundRobinAssignor {
    fn name(&self) -> &str {
        "roundrobin"
    }

    fn assign(
        &mut self,
        members: &[MemberSubscription],
        topics: &[TopicToAssign],
    ) -> Result<Vec<MemberAssignment>, AssignError> {
        let mut turns: Vec<Turn<'_>> = by_instance_then_id(members)
            .into_iter()
            .map(|member| Turn {
                topics: member.topics.iter().map(|topic| &**topic).collect(),
                assignment: MemberAssignment {
                    member_id: member.member_id.clone(),
                    ..MemberAssignment::default()
                },
            })
            .collect();

        let mut next = 0;
        for topic in topics {
            for partition in 0..topic.partition_count {
                // The next member in turn that subscribes. One that is passed over has lost its
                // turn, as in Java.
                let count = turns.len();
                let taker = (0..count)
                    .map(|step| (next + step) % count)
                    .find(|&turn| turns.get(turn).is_some_and(|t| t.subscribes(&topic.name)));
                let Some(turn) = taker else { break };
                if let Some(taker) = turns.get_mut(turn) {
                    let partition = TopicPartition::new(topic.name.clone(), partition);
                    taker.assignment.partitions.push(partition);
                }
                next = (turn + 1) % count;
            }
        }
        Ok(turns.into_iter().map(|turn| turn.assignment).collect())
    }
}

struct Turn<'m> {
    topics: BTreeSet<&'m str>,
    assignment: MemberAssignment,
}

impl Turn<'_> {
    fn subscribes(&self, topic: &str) -> bool {
        self.topics.contains(topic)
    }
}
