//! Goal: tasks go where Kafka's sticky assignor puts them. Method: cases with the results its own
//! tests expect, and what must hold of every result, for groups drawn at random.

#![allow(clippy::indexing_slicing, reason = "a test may panic")]

use super::*;

/// A member: its id, its process, and what it had, as `"a:0,1"`.
type Row = (&'static str, &'static str, &'static str, &'static str);

fn set(text: &str) -> TaskSet {
    let one = |part: &str| {
        let (id, list) = part.split_once(':').expect("subtopology:partitions");
        let list = list
            .split(',')
            .map(|index| PartitionId(index.parse().expect("a number")));
        (StrBytes::from(id), list.collect())
    };
    text.split_whitespace().map(one).collect()
}

fn text(set: &TaskSet) -> String {
    let one = |(id, list): (&StrBytes, &BTreeSet<PartitionId>)| {
        let list: Vec<String> = list.iter().map(|index| index.0.to_string()).collect();
        format!("{id}:{}", list.join(","))
    };
    set.iter().map(one).collect::<Vec<_>>().join(" ")
}

struct Case {
    group: GroupView<'static>,
}

impl Case {
    /// Sub-topologies with state, of so many tasks.
    fn new(subtopologies: &[(&str, usize)], standby_replicas: usize, rows: &[Row]) -> Self {
        let mut group = GroupView {
            standby_replicas,
            ..GroupView::default()
        };
        for (id, count) in subtopologies {
            group
                .subtopologies
                .insert(StrBytes::from(*id), (*count, true));
        }
        for (id, process_id, active, standby) in rows {
            let target = Tasks {
                active: set(active),
                standby: set(standby),
            };
            let member = MemberView {
                process_id: StrBytes::from(*process_id),
                target: Some(Box::leak(Box::new(target))),
                offsets: BTreeMap::new(),
            };
            group.members.insert(StrBytes::from(*id), member);
        }
        Case { group }
    }

    fn offset(mut self, member: &str, task: (&str, i32), offset: i64) -> Self {
        let member = self.group.members.get_mut(member).expect("a member");
        member
            .offsets
            .insert((StrBytes::from(task.0), PartitionId(task.1)), offset);
        self
    }

    fn active(&self) -> Vec<String> {
        assign(&self.group)
            .values()
            .map(|tasks| text(&tasks.active))
            .collect()
    }

    fn standby(&self) -> Vec<String> {
        assign(&self.group)
            .values()
            .map(|tasks| text(&tasks.standby))
            .collect()
    }
}

#[test]
fn every_thread_of_every_process_gets_its_share() {
    let rows = [
        ("m11", "p1", "", ""),
        ("m12", "p1", "", ""),
        ("m21", "p2", "", ""),
        ("m22", "p2", "", ""),
        ("m31", "p3", "", ""),
        ("m32", "p3", "", ""),
    ];
    let assigned = assign(&Case::new(&[("a", 3), ("b", 3)], 0, &rows).group);
    for (id, tasks) in &assigned {
        assert_eq!(tasks::each(&tasks.active).count(), 1, "{id}");
    }
    let rows = [
        ("m1", "p1", "", ""),
        ("m21", "p2", "", ""),
        ("m22", "p2", "", ""),
    ];
    assert_eq!(
        Case::new(&[("a", 3)], 0, &rows).active(),
        ["a:0", "a:1", "a:2"]
    );
}

#[test]
fn active_tasks_stay_where_they_are() {
    let rows = [("m1", "p1", "a:0", ""), ("m2", "p2", "a:1", "")];
    assert_eq!(Case::new(&[("a", 3)], 0, &rows).active(), ["a:0,2", "a:1"]);
    let rows = [("m2", "p2", "a:1", ""), ("m3", "p1", "a:2", "")];
    let active = Case::new(&[("a", 3)], 0, &rows).active();
    assert!(
        active[0].contains('1') && active[1].contains('2'),
        "{active:?}"
    );
    // More members than tasks: nothing moves.
    let rows = [
        ("m1", "p1", "", ""),
        ("m2", "p2", "a:0", ""),
        ("m3", "p3", "", ""),
        ("m4", "p4", "a:2", ""),
        ("m5", "p5", "a:1", ""),
    ];
    assert_eq!(
        Case::new(&[("a", 3)], 0, &rows).active(),
        ["", "a:0", "", "a:2", "a:1"]
    );
}

#[test]
fn a_new_process_takes_no_more_than_its_share() {
    let rows = [
        ("m1", "p1", "a:0,2", ""),
        ("m2", "p2", "a:1", ""),
        ("m3", "p3", "", ""),
    ];
    assert_eq!(
        Case::new(&[("a", 3)], 0, &rows).active(),
        ["a:0", "a:1", "a:2"]
    );
    let rows = [("m1", "p1", "a:0,1,2,3,4,5 b:0", ""), ("m2", "p2", "", "")];
    let assigned = assign(&Case::new(&[("a", 6), ("b", 1)], 0, &rows).group);
    let counts: Vec<usize> = assigned
        .values()
        .map(|tasks| tasks::each(&tasks.active).count())
        .collect();
    assert_eq!(counts, [4, 3]);
}

#[test]
fn a_task_nobody_processed_goes_to_a_spare_of_it() {
    let rows = [
        ("m1", "p1", "", "a:2"),
        ("m2", "p2", "", "a:1"),
        ("m3", "p3", "", "a:0"),
    ];
    assert_eq!(
        Case::new(&[("a", 3)], 0, &rows).active(),
        ["a:2", "a:1", "a:0"]
    );
    // Of several, to the one whose process has least.
    let rows = [
        ("m1", "p1", "a:0", "a:1"),
        ("m21", "p2", "a:2", "a:1"),
        ("m22", "p2", "", ""),
    ];
    assert_eq!(
        Case::new(&[("a", 3)], 0, &rows).active(),
        ["a:0", "a:2", "a:1"]
    );
}

#[test]
fn spares_are_kept_apart_from_what_they_stand_in_for() {
    let rows = [("m1", "p1", "", "a:0"), ("m2", "p2", "", "a:1")];
    let case = Case::new(&[("a", 2)], 1, &rows);
    assert_eq!(case.active(), ["a:0", "a:1"]);
    assert_eq!(case.standby(), ["a:1", "a:0"]);
    // A lone process has no use for spares.
    let rows = [("m1", "p1", "", ""), ("m2", "p1", "", "")];
    assert_eq!(Case::new(&[("a", 2)], 1, &rows).standby(), ["", ""]);
}

#[test]
fn a_spare_goes_where_its_state_is_furthest() {
    let rows = [
        ("m1", "p1", "a:0", ""),
        ("m2", "p2", "a:1", ""),
        ("m3", "p3", "", ""),
        ("m4", "p4", "", ""),
    ];
    let case = Case::new(&[("a", 2)], 1, &rows);
    let case = case.offset("m3", ("a", 0), 10).offset("m4", ("a", 0), 100);
    let case = case.offset("m3", ("a", 1), 100).offset("m4", ("a", 1), 10);
    assert_eq!(case.standby(), ["", "", "a:1", "a:0"]);
}

#[test]
fn every_task_is_active_once_and_no_process_has_it_twice() {
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let replicas = random.usize(..3);
        let counts = [("a", random.usize(..7)), ("b", random.usize(..4))];
        let mut targets: BTreeMap<StrBytes, Tasks> = BTreeMap::new();
        for round in 0..5 {
            let place = format!("seed {seed}, round {round}");
            let members: BTreeSet<u8> = (0..random.u8(1..8)).map(|_| random.u8(..9)).collect();
            let had = targets.clone();
            let mut group = Case::new(&counts, replicas, &[]).group.clone();
            for member in members {
                let id = StrBytes::from(format!("m{member}"));
                let view = MemberView {
                    process_id: StrBytes::from(format!("p{}", member / 2)),
                    target: had.get(&id),
                    offsets: BTreeMap::new(),
                };
                group.members.insert(id, view);
            }
            let result = assign(&group);
            let active = result.values().flat_map(|tasks| tasks::each(&tasks.active));
            let active: Vec<_> = active.collect();
            let distinct: BTreeSet<_> = active.iter().collect();
            let all = counts.iter().map(|(_, count)| count).sum::<usize>();
            assert_eq!((active.len(), distinct.len()), (all, all), "{place}");
            check_spares(&group, &result, &place);
            targets = result;
        }
    }
}

fn check_spares(group: &GroupView<'_>, result: &BTreeMap<StrBytes, Tasks>, place: &str) {
    let mut by_process: BTreeSet<(&StrBytes, &StrBytes, PartitionId)> = BTreeSet::new();
    let mut spares: BTreeMap<(&StrBytes, PartitionId), usize> = BTreeMap::new();
    for (id, tasks) in result {
        let process = &group.members[id].process_id;
        for (subtopology, partition) in tasks::each(&tasks.active) {
            assert!(
                by_process.insert((process, subtopology, partition)),
                "{place}"
            );
        }
        for (subtopology, partition) in tasks::each(&tasks.standby) {
            assert!(
                by_process.insert((process, subtopology, partition)),
                "{place}"
            );
            *spares.entry((subtopology, partition)).or_default() += 1;
        }
    }
    let processes: BTreeSet<_> = group
        .members
        .values()
        .map(|member| &member.process_id)
        .collect();
    let wanted = group.standby_replicas.min(processes.len() - 1);
    for (id, (count, _)) in &group.subtopologies {
        for partition in (0..).take(*count).map(PartitionId) {
            let found = spares.get(&(id, partition)).copied().unwrap_or(0);
            assert_eq!(found, wanted, "{place}: {id} {partition}");
        }
    }
}
