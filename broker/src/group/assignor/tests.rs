//! Goal: the assignors decide as Kafka's do. Method: cases with the results Kafka's own tests expect
//! of them, and what must hold of every result, for groups drawn at random.

#![allow(clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// A member: its id and what it subscribes to and had, as `"1 3"` and `"1:0,1 3:2"`.
type Row = (&'static str, &'static str, &'static str);

fn topic(number: u8) -> Uuid {
    Uuid([number; 16])
}

fn partitions(text: &str) -> Partitions {
    let one = |part: &str| {
        let (number, list) = part.split_once(':').expect("topic:partitions");
        let list = list
            .split(',')
            .map(|index| PartitionId(index.parse().expect("a number")));
        (topic(number.parse().expect("a topic")), list.collect())
    };
    text.split_whitespace().map(one).collect()
}

fn text(partitions: &Partitions) -> String {
    let one = |(topic, list): (&Uuid, &BTreeSet<PartitionId>)| {
        let list: Vec<String> = list.iter().map(|index| index.0.to_string()).collect();
        format!("{}:{}", topic.0[0], list.join(","))
    };
    partitions.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Lets an assignor work on topics with so many partitions, and compares with what members get.
#[track_caller]
fn expect(assignor: Assignor, counts: &[(u8, usize)], rows: &[Row], expected: &[&str]) {
    let ids: Vec<StrBytes> = rows.iter().map(|row| StrBytes::from(row.0)).collect();
    let had: Vec<Partitions> = rows.iter().map(|row| partitions(row.2)).collect();
    let counts = counts
        .iter()
        .map(|(number, count)| (topic(*number), *count));
    let mut group = GroupView {
        partition_counts: counts.collect(),
        ..GroupView::default()
    };
    for (index, row) in rows.iter().enumerate() {
        let topics = row.1.split_whitespace();
        let subscriber = Subscriber {
            instance_id: None,
            topics: topics
                .map(|number| topic(number.parse().expect("a topic")))
                .collect(),
            target: Some(&had[index]),
        };
        group.members.insert(&ids[index], subscriber);
    }
    let subscriptions: BTreeSet<_> = group
        .members
        .values()
        .map(|member| &member.topics)
        .collect();
    group.same_subscriptions = subscriptions.len() == 1;
    let result = assignor.assign(&group);
    let result: Vec<String> = result.values().map(text).collect();
    assert_eq!(result, expected);
}

#[test]
fn range_cuts_every_topic_alike() {
    let two = [
        ("a", "1 2", "1:0 2:0"),
        ("b", "1 2", "1:1 2:1"),
        ("c", "1 2", ""),
    ];
    expect(
        Assignor::Range,
        &[(1, 2), (2, 2)],
        &two,
        &["1:0 2:0", "1:1 2:1", ""],
    );
    let rows = [
        ("a", "1 2", "1:0,1 2:0,1"),
        ("b", "1 2", "1:2 2:2"),
        ("c", "1 2", ""),
    ];
    expect(
        Assignor::Range,
        &[(1, 3), (2, 3)],
        &rows,
        &["1:0 2:0", "1:1 2:1", "1:2 2:2"],
    );
    let grown = [("a", "1 2", "1:0,1 2:0,1"), ("b", "1 2", "1:2 2:2")];
    expect(
        Assignor::Range,
        &[(1, 4), (2, 4)],
        &grown,
        &["1:0,1 2:0,1", "1:2,3 2:2,3"],
    );
}

#[test]
fn range_cuts_a_topic_among_its_subscribers_alone() {
    let rows = [("a", "1 2", ""), ("b", "1 2", ""), ("c", "1", "")];
    let expected = ["1:0,1 2:0,1", "1:2 2:2", "1:3"];
    expect(Assignor::Range, &[(1, 4), (2, 3)], &rows, &expected);
    let rows = [
        ("a", "1", "1:0,1,2 2:0"),
        ("b", "1 2 3", "2:1"),
        ("c", "2", "2:2 3:0,1"),
    ];
    let expected = ["1:0,1", "1:2 2:0,1 3:0,1", "2:2"];
    expect(Assignor::Range, &[(1, 3), (2, 3), (3, 2)], &rows, &expected);
}

#[test]
fn range_serves_static_members_first_in_the_order_of_their_instances() {
    let ids = ["a", "b", "c"].map(StrBytes::from);
    let instances = ["y", "x"].map(StrBytes::from);
    let mut group = GroupView {
        partition_counts: [(topic(1), 3)].into(),
        ..GroupView::default()
    };
    for (id, instance_id) in ids
        .iter()
        .zip([None, Some(&instances[0]), Some(&instances[1])])
    {
        let topics = [topic(1)].into();
        let subscriber = Subscriber {
            instance_id,
            topics,
            target: None,
        };
        group.members.insert(id, subscriber);
    }
    let result = Assignor::Range.assign(&group);
    let result: Vec<String> = result.values().map(text).collect();
    assert_eq!(result, ["1:2", "1:1", "1:0"]);
}

#[test]
fn uniform_gives_and_takes_no_more_than_makes_it_even() {
    let rows = [("a", "1 3", "1:0,1 3:0"), ("b", "1 3", "1:2 3:1")];
    expect(
        Assignor::Uniform,
        &[(1, 3), (3, 2)],
        &rows,
        &["1:0,1 3:0", "1:2 3:1"],
    );
    let joined = [
        ("a", "1 2", "1:0,2 2:0"),
        ("b", "1 2", "1:1 2:1,2"),
        ("c", "1 2", ""),
    ];
    expect(
        Assignor::Uniform,
        &[(1, 3), (2, 3)],
        &joined,
        &["1:0,2", "1:1 2:1", "2:0,2"],
    );
    let left = [("a", "1 2", "1:0 2:0"), ("c", "1 2", "2:2")];
    expect(
        Assignor::Uniform,
        &[(1, 3), (2, 3)],
        &left,
        &["1:0,1 2:0", "1:2 2:1,2"],
    );
    // The one more goes to whoever has it already.
    let odd = [("a", "1", "1:0"), ("b", "1", "1:1,2")];
    expect(Assignor::Uniform, &[(1, 3)], &odd, &["1:0", "1:1,2"]);
    // Topics nobody subscribes to any more, and topics that are gone, are dropped.
    let changed = [("a", "2", "1:0,1"), ("b", "2", "1:2 2:0")];
    expect(Assignor::Uniform, &[(2, 3)], &changed, &["2:1", "2:0,2"]);
}

#[test]
fn uniform_over_different_subscriptions_hands_out_to_who_has_least() {
    let rows = [("a", "1 3", ""), ("b", "3", "")];
    let expected = ["1:0,1,2 3:4", "3:0,1,2,3,5"];
    expect(Assignor::Uniform, &[(1, 3), (3, 6)], &rows, &expected);
    let rows = [("a", "3", ""), ("b", "3", ""), ("c", "1", "")];
    expect(
        Assignor::Uniform,
        &[(1, 2), (3, 1)],
        &rows,
        &["3:0", "", "1:0,1"],
    );
    let rows = [("a", "1", ""), ("b", "", "")];
    expect(Assignor::Uniform, &[(1, 3)], &rows, &["1:0,1,2", ""]);
}

#[test]
fn uniform_over_different_subscriptions_moves_from_who_has_most() {
    let rows = [
        ("a", "1", "1:0,1,2"),
        ("b", "1 2", "1:3 2:0"),
        ("c", "1 2 3", "1:4,5 2:1,2,3 3:0,1,2,3"),
    ];
    let expected = ["1:0,1,2,5", "1:3 2:0,1,2,3", "1:4 3:0,1,2,3"];
    expect(
        Assignor::Uniform,
        &[(1, 6), (2, 4), (3, 4)],
        &rows,
        &expected,
    );

    let rows = [
        ("a", "1 3", "1:0,1,2,3 3:0,1"),
        ("b", "1 2 3 4", "2:0,1,2 4:0,1,2"),
    ];
    let expected = ["1:0,1,2,3,4,5 3:0,1,2", "2:0,1,2,3,4 4:0,1,2"];
    expect(
        Assignor::Uniform,
        &[(1, 6), (2, 5), (3, 3), (4, 3)],
        &rows,
        &expected,
    );

    let rows = [
        ("a", "1", "1:0,2 2:0"),
        ("b", "1 2", "1:1 2:1,2"),
        ("c", "1 2", ""),
    ];
    let expected = ["1:0,2,3,4,5", "1:1 2:1,2,6", "2:0,3,4,5"];
    expect(Assignor::Uniform, &[(1, 6), (2, 7)], &rows, &expected);

    let rows = [("a", "1 3", "1:0,1,2 3:0,1"), ("b", "2", "2:3,4,5,6")];
    let expected = ["1:0,1,2 3:0,1,2", "2:0,1,2,3,4,5,6,7"];
    expect(
        Assignor::Uniform,
        &[(1, 3), (2, 8), (3, 3)],
        &rows,
        &expected,
    );

    let rows = [("a", "1", "1:0,2 2:1,3"), ("b", "1 2", "1:1 2:0,2,4")];
    expect(
        Assignor::Uniform,
        &[(1, 3), (2, 5)],
        &rows,
        &["1:0,1,2", "2:0,1,2,3,4"],
    );
}

/// A case that Kafka's test gives to the algorithm for different subscriptions although they are the
/// same.
#[test]
fn evening_out_goes_topic_by_topic() {
    let (a, b) = (StrBytes::from("a"), StrBytes::from("b"));
    let had = partitions("1:0,1 2:0,1 3:0,1");
    let topics: BTreeSet<Uuid> = [1, 2, 3].map(topic).into();
    let mut group = GroupView {
        partition_counts: [1, 2, 3].map(|number| (topic(number), 2)).into(),
        ..GroupView::default()
    };
    for (id, target) in [(&a, Some(&had)), (&b, None)] {
        let subscriber = Subscriber {
            instance_id: None,
            topics: topics.clone(),
            target,
        };
        group.members.insert(id, subscriber);
    }
    let result: Vec<String> = Assignor::Uniform
        .assign(&group)
        .values()
        .map(text)
        .collect();
    assert_eq!(result, ["2:0 3:0,1", "1:0,1 2:1"]);
}

/// What must hold of the results for a group whose members come, go and change their minds.
#[test]
fn every_partition_has_exactly_one_owner_who_subscribes_to_it() {
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let assignor = Assignor::ALL[random.usize(..2)];
        let counts: BTreeMap<Uuid, usize> = (1..=random.u8(1..6))
            .map(|number| (topic(number), random.usize(0..9)))
            .collect();
        let mut targets: BTreeMap<StrBytes, Partitions> = BTreeMap::new();
        for round in 0..4 {
            let ids: Vec<StrBytes> = (0..random.usize(1..7))
                .map(|_| StrBytes::from(format!("m{}", random.u8(..9))))
                .collect();
            let mut group = GroupView {
                partition_counts: counts.clone(),
                ..GroupView::default()
            };
            let same: BTreeSet<Uuid> = counts.keys().filter(|_| random.bool()).copied().collect();
            let is_same = random.bool();
            for id in &ids {
                let own = counts.keys().filter(|_| random.bool()).copied().collect();
                let subscriber = Subscriber {
                    instance_id: None,
                    topics: if is_same { same.clone() } else { own },
                    target: targets.get(id),
                };
                group.members.insert(id, subscriber);
            }
            let topics: BTreeSet<_> = group
                .members
                .values()
                .map(|member| &member.topics)
                .collect();
            group.same_subscriptions = topics.len() == 1;
            let result = assignor.assign(&group);
            check(&group, &result, assignor, seed, round);
            targets = result;
        }
    }
}

fn check(
    group: &GroupView<'_>,
    result: &BTreeMap<StrBytes, Partitions>,
    assignor: Assignor,
    seed: u64,
    round: usize,
) {
    let place = format!("seed {seed}, round {round}, {}", assignor.name());
    let mut owners: BTreeMap<(Uuid, PartitionId), &StrBytes> = BTreeMap::new();
    for (id, partitions) in result {
        for (topic, list) in partitions {
            assert!(
                group.members[id].topics.contains(topic),
                "{place}: {id} asked for no such"
            );
            assert!(!list.is_empty(), "{place}");
            for partition in list {
                let before = owners.insert((*topic, *partition), id);
                assert_eq!(before, None, "{place}: two owners");
            }
        }
    }
    let subscribed: BTreeSet<Uuid> = group
        .members
        .values()
        .flat_map(|member| member.topics.clone())
        .collect();
    let all: usize = subscribed
        .iter()
        .map(|topic| group.partition_counts[topic])
        .sum();
    assert_eq!(owners.len(), all, "{place}: some have no owner");
    if assignor != Assignor::Uniform {
        return;
    }
    let load = |id: &StrBytes| result[id].values().map(BTreeSet::len).sum::<usize>();
    for ((topic, _), owner) in &owners {
        for (other, member) in &group.members {
            if member.topics.contains(topic) && !group.same_subscriptions {
                // Topics take turns, and it ends after some: what is left is never much.
                assert!(
                    load(owner) <= load(other) + 2,
                    "{place}: {owner} has more than {other}"
                );
            } else if group.same_subscriptions {
                assert!(
                    load(owner) <= load(other) + 1,
                    "{place}: {owner} has more than {other}"
                );
            }
        }
    }
}
