//! `sticky`: balanced, with as few partitions moved as possible, by members that give up everything
//! before they join.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::balance::{Claim, NO_GENERATION, balance};
use super::{AssignError, Assignor, MemberAssignment, MemberSubscription, TopicToAssign};
use crate::group::GroupMetadata;
use crate::group::consumer_protocol::Fields;
use crate::topic_partition::TopicPartition;

/// Balances partitions and moves as few as possible (`sticky`).
///
/// Members give up everything during a rebalance and tell the leader by user data what they had.
/// [`CooperativeStickyAssignor`](super::CooperativeStickyAssignor) assigns the same way without the
/// pause.
#[derive(Debug, Clone, Default)]
pub struct StickyAssignor {
    /// What this member got last, and in which generation.
    last: Option<(Vec<TopicPartition>, i32)>,
}

impl StickyAssignor {
    /// The assignor of a member that has nothing yet.
    pub fn new() -> Self {
        StickyAssignor::default()
    }
}

impl Assignor for StickyAssignor {
    fn name(&self) -> &str {
        "sticky"
    }

    fn subscription_user_data(&mut self, _topics: &[Arc<str>]) -> Option<Bytes> {
        self.last
            .as_ref()
            .map(|(partitions, generation)| encode(partitions, *generation))
    }

    fn assign(
        &mut self,
        members: &[MemberSubscription],
        topics: &[TopicToAssign],
    ) -> Result<Vec<MemberAssignment>, AssignError> {
        let claims: Vec<Claim> = members
            .iter()
            .map(
                |member| match member.user_data.as_ref().filter(|data| !data.is_empty()) {
                    // What cannot be read claims nothing.
                    Some(data) => decode(data).unwrap_or(Claim {
                        partitions: Vec::new(),
                        generation: Some(NO_GENERATION),
                    }),
                    None => Claim::default(),
                },
            )
            .collect();
        Ok(balance(members, &claims, topics).assignments)
    }

    fn on_assignment(&mut self, assignment: &MemberAssignment, group: &GroupMetadata) {
        self.last = Some((assignment.partitions.clone(), group.generation_id));
    }
}

/// Java's `STICKY_ASSIGNOR_USER_DATA_V1`: topics with their partitions, then the generation.
fn encode(partitions: &[TopicPartition], generation: i32) -> Bytes {
    let mut by_topic: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        by_topic
            .entry(&partition.topic)
            .or_default()
            .push(partition.partition.0);
    }
    let count = |len: usize| i32::try_from(len).unwrap_or(i32::MAX);
    let mut bytes = BytesMut::new();
    bytes.put_i32(count(by_topic.len()));
    for (topic, numbers) in by_topic {
        bytes.put_i16(i16::try_from(topic.len()).unwrap_or(i16::MAX));
        bytes.put_slice(topic.as_bytes());
        bytes.put_i32(count(numbers.len()));
        for number in numbers {
            bytes.put_i32(number);
        }
    }
    bytes.put_i32(generation);
    bytes.freeze()
}

/// The reverse of [`encode`]; version 0, which has no generation, is understood too.
fn decode(data: &[u8]) -> Option<Claim> {
    let mut fields = Fields::new(data);
    let mut partitions = Vec::new();
    for _ in 0..fields.i32()? {
        let topic: Arc<str> = fields.string()?.into();
        for _ in 0..fields.i32()? {
            partitions.push(TopicPartition::new(topic.clone(), fields.i32()?));
        }
    }
    Some(Claim {
        partitions,
        generation: fields.i32(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(list: &[(&str, i32)]) -> Vec<TopicPartition> {
        list.iter()
            .map(|&(topic, number)| TopicPartition::new(topic, number))
            .collect()
    }

    #[test]
    fn user_data_returns_what_was_owned() {
        let owned = partitions(&[("a", 0), ("a", 7), ("b", 1)]);
        let claim = decode(&encode(&owned, 5)).expect("own encoding");
        assert_eq!(claim.partitions, owned);
        assert_eq!(claim.generation, Some(5));
    }

    #[test]
    fn the_first_version_has_no_generation() {
        let bytes = encode(&partitions(&[("a", 3)]), 5);
        let claim = decode(&bytes[..bytes.len() - 4]).expect("version 0");
        assert_eq!(claim.partitions, partitions(&[("a", 3)]));
        assert_eq!(claim.generation, None);
    }

    #[test]
    fn damaged_user_data_claims_nothing_and_never_panics() {
        let bytes = encode(&partitions(&[("a", 0), ("bc", 1)]), 5);
        for end in 0..bytes.len() - 4 {
            assert!(decode(&bytes[..end]).is_none(), "cut at {end}");
        }
        assert!(
            decode(&[0x7f, 0xff, 0xff, 0xff]).is_none(),
            "a huge count of nothing"
        );
        assert!(decode(&[0xff, 0xff, 0xff, 0xff]).is_some_and(|claim| claim.partitions.is_empty()));
    }
}
