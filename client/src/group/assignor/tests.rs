//! Goal: the assignors keep every partition with one subscribed member and stay balanced and sticky,
//! on hand-made and random groups. Method: cases worked out by hand, and a seeded random walk of a
//! group whose members come and go. Java's own results are compared in the suite of the workspace.

use std::collections::BTreeMap;

use super::*;
use crate::rng::Rng;

fn member(id: &str, topics: &[&str]) -> MemberSubscription {
    MemberSubscription {
        member_id: id.into(),
        topics: topics.iter().map(|&topic| topic.into()).collect(),
        ..MemberSubscription::default()
    }
}

fn topic(name: &str, partition_count: i32) -> TopicToAssign {
    TopicToAssign {
        name: name.into(),
        partition_count,
        replica_racks: Vec::new(),
    }
}

fn partitions(assignments: &[MemberAssignment], id: &str) -> Vec<String> {
    let of = assignments
        .iter()
        .find(|assignment| &*assignment.member_id == id);
    let mut names: Vec<String> = of
        .into_iter()
        .flat_map(|a| &a.partitions)
        .map(ToString::to_string)
        .collect();
    names.sort();
    names
}

#[test]
fn range_gives_runs_and_keeps_topics_alike() {
    let members = [member("a", &["x", "y"]), member("b", &["x", "y"])];
    let topics = [topic("x", 3), topic("y", 3)];
    let got = RangeAssignor::new()
        .assign(&members, &topics)
        .expect("assigns");
    assert_eq!(partitions(&got, "a"), ["x-0", "x-1", "y-0", "y-1"]);
    assert_eq!(partitions(&got, "b"), ["x-2", "y-2"]);
}

#[test]
fn round_robin_deals_across_topics() {
    let members = [member("a", &["x", "y"]), member("b", &["x", "y"])];
    let topics = [topic("x", 3), topic("y", 3)];
    let got = RoundRobinAssignor::new()
        .assign(&members, &topics)
        .expect("assigns");
    assert_eq!(partitions(&got, "a"), ["x-0", "x-2", "y-1"]);
    assert_eq!(partitions(&got, "b"), ["x-1", "y-0", "y-2"]);
}

#[test]
fn nobody_to_assign_to_or_nothing_to_assign_is_no_error() {
    for assignor in all() {
        let mut assignor = assignor;
        assert_eq!(assignor.assign(&[], &[topic("x", 3)]), Ok(vec![]));
        let got = assignor
            .assign(&[member("a", &["x"])], &[])
            .expect("assigns");
        assert!(
            got.iter()
                .all(|assignment| assignment.partitions.is_empty())
        );
        let got = assignor
            .assign(&[member("a", &[])], &[topic("x", 2)])
            .expect("assigns");
        assert!(
            got.iter()
                .all(|assignment| assignment.partitions.is_empty())
        );
    }
}

fn all() -> Vec<Box<dyn Assignor>> {
    vec![
        Box::new(RangeAssignor::new()),
        Box::new(RoundRobinAssignor::new()),
        Box::new(StickyAssignor::new()),
        Box::new(CooperativeStickyAssignor::new()),
    ]
}

/// Partitions by owner; fails when one has two.
fn owners(assignments: &[MemberAssignment]) -> BTreeMap<TopicPartition, Arc<str>> {
    let mut owners = BTreeMap::new();
    for assignment in assignments {
        for partition in &assignment.partitions {
            let before = owners.insert(partition.clone(), assignment.member_id.clone());
            assert_eq!(before, None, "{partition} is assigned twice");
        }
    }
    owners
}

#[test]
fn a_changing_group_stays_complete_balanced_and_sticky() {
    for seed in 0..60 {
        let mut rng = Rng::from_seed(seed);
        let alike = rng.below(2) == 0;
        let topics: Vec<TopicToAssign> = (0..1 + rng.below(4))
            .map(|i| topic(&format!("t{i}"), 1 + rng.below(9) as i32))
            .collect();
        let subscription = |rng: &mut Rng| -> Vec<&str> {
            let some = topics.iter().filter(|_| alike || rng.below(3) > 0);
            some.map(|topic| &*topic.name).collect()
        };
        let mut members: Vec<MemberSubscription> = Vec::new();
        for generation in 1..12 {
            if members.is_empty() || rng.below(3) > 0 {
                let id = format!("m{generation:02}");
                members.push(member(&id, &subscription(&mut rng)));
            } else {
                let leaver = rng.below(members.len() as u64) as usize;
                members.remove(leaver);
            }
            if members.is_empty() {
                continue;
            }
            let mut sticky = CooperativeStickyAssignor::new();
            // What is withheld for a generation is assigned in the next.
            for round in 0.. {
                assert!(round < 3, "seed {seed}: the group does not settle");
                let got = sticky.assign(&members, &topics).expect("assigns");
                let owners = owners(&got);
                let before: BTreeMap<TopicPartition, Arc<str>> = members
                    .iter()
                    .flat_map(|m| {
                        m.owned_partitions
                            .iter()
                            .map(|p| (p.clone(), m.member_id.clone()))
                    })
                    .collect();
                for (partition, owner) in &owners {
                    let member = members
                        .iter()
                        .find(|m| m.member_id == *owner)
                        .expect("a member");
                    assert!(member.topics.contains(&partition.topic), "seed {seed}");
                    let free = before.get(partition).is_none_or(|before| before == owner);
                    assert!(
                        free,
                        "seed {seed}: {partition} was taken from its owner at once"
                    );
                }
                for member in &mut members {
                    let own = got.iter().find(|a| a.member_id == member.member_id);
                    member.owned_partitions = own.map(|a| a.partitions.clone()).unwrap_or_default();
                    member.generation_id = Some(generation * 10 + round);
                }
                let wanted = topics
                    .iter()
                    .filter(|topic| members.iter().any(|m| m.topics.contains(&topic.name)))
                    .map(|topic| topic.partition_count as usize)
                    .sum::<usize>();
                if owners.len() == wanted {
                    break;
                }
            }
            if alike {
                let loads = members.iter().map(|member| member.owned_partitions.len());
                let (min, max) = (loads.clone().min(), loads.max());
                assert!(
                    max <= min.map(|min| min + 1),
                    "seed {seed}: {min:?}..{max:?}"
                );
            }
            // Once settled nothing moves any more.
            let again = sticky.assign(&members, &topics).expect("assigns");
            for member in &members {
                let own = again.iter().find(|a| a.member_id == member.member_id);
                let mut own = own.map(|a| a.partitions.clone()).unwrap_or_default();
                let mut owned = member.owned_partitions.clone();
                own.sort();
                owned.sort();
                assert_eq!(own, owned, "seed {seed}");
            }
        }
    }
}
