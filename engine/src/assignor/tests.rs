//! Goal: every task has exactly one owner in the end, balance is within one, and little moves.
//! Method: random groups by proptest, driven through rebalances until nothing changes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn tasks(sub_topologies: &[u32]) -> BTreeSet<TaskId> {
    (0u32..)
        .zip(sub_topologies)
        .flat_map(|(sub_topology, count)| {
            (0..*count).map(move |partition| TaskId {
                sub_topology: SubTopologyId(sub_topology),
                partition: PartitionId(partition as i32),
            })
        })
        .collect()
}

fn newcomers(count: usize) -> BTreeMap<String, Claim> {
    (0..count)
        .map(|index| (format!("m{index}"), Claim::default()))
        .collect()
}

/// Rebalances until the assignment no longer changes; asserts on the way that no task is ever
/// given to a member while another still owns it.
fn settle(
    tasks: &BTreeSet<TaskId>,
    mut members: BTreeMap<String, Claim>,
) -> (BTreeMap<String, BTreeSet<TaskId>>, u32) {
    for round in 1.. {
        assert!(round < 10, "the group does not come to rest");
        let assigned = assign(tasks, &members);
        for (member, given) in &assigned {
            for (other, claim) in &members {
                if other != member {
                    assert_eq!(
                        claim.owned.intersection(given).count(),
                        0,
                        "taken while owned"
                    );
                }
            }
        }
        let next: BTreeMap<String, Claim> = assigned
            .iter()
            .map(|(member, given)| {
                (
                    member.clone(),
                    Claim {
                        owned: given.clone(),
                        generation_id: round as i32,
                    },
                )
            })
            .collect();
        let unchanged = next.iter().all(|(member, claim)| {
            members
                .get(member)
                .is_some_and(|before| before.owned == claim.owned)
        });
        if unchanged {
            return (assigned, round);
        }
        members = next;
    }
    unreachable!()
}

fn assert_complete_and_balanced(
    tasks: &BTreeSet<TaskId>,
    assigned: &BTreeMap<String, BTreeSet<TaskId>>,
) {
    let all: Vec<TaskId> = assigned.values().flatten().copied().collect();
    assert_eq!(all.len(), tasks.len(), "a task twice or missing");
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), *tasks);
    let sizes = assigned.values().map(BTreeSet::len);
    let (least, most) = (sizes.clone().min().unwrap(), sizes.max().unwrap());
    assert!(most - least <= 1, "{least}..{most}");
}

proptest! {
    #[test]
    fn every_task_has_one_owner_and_members_differ_by_at_most_one(
        counts in prop::collection::vec(0u32..9, 1..4),
        members in 1usize..8,
    ) {
        let tasks = tasks(&counts);
        let (assigned, _) = settle(&tasks, newcomers(members));
        assert_complete_and_balanced(&tasks, &assigned);
    }

    #[test]
    fn joins_and_departures_move_only_what_balance_demands(
        counts in prop::collection::vec(1u32..9, 1..4),
        before in 1usize..8,
        after in 1usize..8,
    ) {
        let tasks = tasks(&counts);
        let (first, _) = settle(&tasks, newcomers(before));
        let mut members = newcomers(after);
        for (member, claim) in &mut members {
            if let Some(owned) = first.get(member) {
                *claim = Claim { owned: owned.clone(), generation_id: 5 };
            }
        }
        let (second, rounds) = settle(&tasks, members.clone());
        assert_complete_and_balanced(&tasks, &second);
        prop_assert!(rounds <= 3, "{} rounds", rounds);
        let least_share = tasks.len() / after;
        for (member, claim) in &members {
            let kept = claim.owned.intersection(&second[member]).count();
            prop_assert!(kept >= claim.owned.len().min(least_share), "{} lost too much", member);
        }
    }

    #[test]
    fn the_answer_does_not_depend_on_claims_for_tasks_that_are_gone(
        counts in prop::collection::vec(1u32..6, 1..3),
        members in 1usize..5,
    ) {
        let tasks = tasks(&counts);
        let mut with_old_claims = newcomers(members);
        for claim in with_old_claims.values_mut() {
            claim.owned.insert(TaskId { sub_topology: SubTopologyId(99), partition: PartitionId(7) });
        }
        prop_assert_eq!(assign(&tasks, &with_old_claims), assign(&tasks, &newcomers(members)));
    }
}

#[test]
fn a_stable_group_keeps_everything() {
    let tasks = tasks(&[4, 4]);
    let (assigned, _) = settle(&tasks, newcomers(3));
    let members = assigned
        .iter()
        .map(|(member, owned)| {
            (
                member.clone(),
                Claim {
                    owned: owned.clone(),
                    generation_id: 1,
                },
            )
        })
        .collect();
    assert_eq!(assign(&tasks, &members), assigned);
}

#[test]
fn a_zombies_claim_of_an_older_generation_does_not_count() {
    let tasks = tasks(&[1]);
    let owned = tasks.clone();
    let members = BTreeMap::from([
        (
            "a".to_owned(),
            Claim {
                owned: owned.clone(),
                generation_id: 3,
            },
        ),
        (
            "b".to_owned(),
            Claim {
                owned: owned.clone(),
                generation_id: 4,
            },
        ),
    ]);
    let assigned = assign(&tasks, &members);
    assert_eq!(assigned["a"], BTreeSet::new());
    assert_eq!(assigned["b"], owned);
}

#[test]
fn the_tasks_of_a_sub_topology_are_spread() {
    let tasks = tasks(&[2, 2]);
    let (assigned, _) = settle(&tasks, newcomers(2));
    for owned in assigned.values() {
        let kinds: BTreeSet<SubTopologyId> = owned.iter().map(|task| task.sub_topology).collect();
        assert_eq!(kinds.len(), 2, "one of each: {owned:?}");
    }
}

#[test]
fn a_task_reads_its_partition_of_every_topic_that_has_it() {
    let topics = TaskTopics::new(vec![
        vec!["left".to_owned(), "right".to_owned()],
        vec!["counts-repartition".to_owned()],
    ]);
    let counts = BTreeMap::from([
        ("left".to_owned(), 3),
        ("right".to_owned(), 2),
        ("counts-repartition".to_owned(), 1),
    ]);
    let tasks = topics.tasks(&counts);
    assert_eq!(tasks.len(), 4);
    let wide = TaskId {
        sub_topology: SubTopologyId(0),
        partition: PartitionId(1),
    };
    let read: Vec<_> = topics.partitions_of(wide, &counts).collect();
    assert_eq!(read, [("left", PartitionId(1)), ("right", PartitionId(1))]);
    let narrow = TaskId {
        sub_topology: SubTopologyId(0),
        partition: PartitionId(2),
    };
    let read: Vec<_> = topics.partitions_of(narrow, &counts).collect();
    assert_eq!(read, [("left", PartitionId(2))]);
    assert_eq!(topics.task_of("right", PartitionId(1)), Some(wide));
    assert_eq!(topics.task_of("elsewhere", PartitionId(0)), None);
}
