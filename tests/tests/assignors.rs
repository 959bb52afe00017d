//! Goal: the assignors give what Kafka's Java client 4.3.0 gives. Method: groups recorded there, one
//! rebalance a line, assigned again here and compared partition by partition. Where Java's result
//! follows the order of a hash map (`portable: false`) only validity and balance are compared.

#![allow(clippy::indexing_slicing, reason = "out of bounds is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use flate2::read::GzDecoder;
use serde_json::Value;
use thalweg_client::{
    Assignor, CooperativeStickyAssignor, MemberAssignment, MemberSubscription, RangeAssignor,
    RoundRobinAssignor, StickyAssignor, TopicPartition, TopicToAssign,
};

#[test]
fn range_is_javas() {
    assert_eq!(check("range", || Box::new(RangeAssignor::new())), (70, 0));
}

#[test]
fn round_robin_is_javas() {
    assert_eq!(
        check("roundrobin", || Box::new(RoundRobinAssignor::new())),
        (70, 0)
    );
}

#[test]
fn sticky_is_javas() {
    assert_eq!(check("sticky", || Box::new(StickyAssignor::new())), (89, 5));
}

#[test]
fn cooperative_sticky_is_javas() {
    assert_eq!(
        check("cooperative-sticky", || Box::new(
            CooperativeStickyAssignor::new()
        )),
        (93, 3)
    );
}

/// A sticky member tells what it owns as Java's does, byte for byte.
#[test]
fn sticky_user_data_is_javas() {
    let mut compared = 0;
    for vector in vectors("sticky") {
        for member in array(&vector["members"]) {
            let (Some(hex), Some(generation)) = (
                member["user_data_hex"].as_str(),
                member["generation"].as_i64(),
            ) else {
                continue;
            };
            let owned = partitions(&member["owned"]);
            let topics: BTreeSet<_> = owned.iter().map(|owned| owned.topic.clone()).collect();
            let mut assignor = StickyAssignor::new();
            let assignment = MemberAssignment {
                partitions: owned,
                ..MemberAssignment::default()
            };
            let mut group = thalweg_client::GroupMetadata::outside("g");
            group.generation_id = i32::try_from(generation).expect("an i32");
            assignor.on_assignment(&assignment, &group);
            let sent = assignor
                .subscription_user_data(&[])
                .expect("it owns something");
            // Java writes the topics in the order of a hash map; one topic has one order.
            if topics.len() == 1 {
                assert_eq!(sent, unhex(hex), "{member}");
                compared += 1;
            }
        }
    }
    assert!(compared > 50, "only {compared} compared");
}

/// Assigns every recorded rebalance; how many were compared exactly, and how many only for validity
/// and balance.
fn check(name: &str, assignor: impl Fn() -> Box<dyn Assignor>) -> (usize, usize) {
    let (mut exact, mut valid) = (0, 0);
    for vector in vectors(name) {
        let members = members(&vector);
        let topics = topics(&vector, &members);
        let assigned = assignor().assign(&members, &topics).expect("assigns");
        let got: BTreeMap<String, BTreeSet<TopicPartition>> = assigned
            .into_iter()
            .map(|own| {
                (
                    own.member_id.to_string(),
                    own.partitions.into_iter().collect(),
                )
            })
            .collect();
        let expected: BTreeMap<String, BTreeSet<TopicPartition>> = vector["expected"]
            .as_object()
            .expect("an object")
            .iter()
            .map(|(id, own)| (id.clone(), partitions(own).into_iter().collect()))
            .collect();
        let label = format!("seed {} round {}", vector["seed"], vector["round"]);
        if vector["portable"] == true {
            assert_eq!(got, expected, "{name}, {label}");
            exact += 1;
        } else {
            let withheld_allowed = name == "cooperative-sticky";
            check_valid(&members, &topics, &got, withheld_allowed, &label);
            let loads = |assigned: &BTreeMap<String, BTreeSet<TopicPartition>>| {
                let mut loads: Vec<usize> = assigned.values().map(BTreeSet::len).collect();
                loads.sort_unstable();
                loads
            };
            if !withheld_allowed {
                assert_eq!(loads(&got), loads(&expected), "{name}, {label}");
            }
            valid += 1;
        }
    }
    (exact, valid)
}

fn check_valid(
    members: &[MemberSubscription],
    topics: &[TopicToAssign],
    assigned: &BTreeMap<String, BTreeSet<TopicPartition>>,
    withheld_allowed: bool,
    label: &str,
) {
    let mut seen = BTreeSet::new();
    for (id, own) in assigned {
        let member = members
            .iter()
            .find(|member| *member.member_id == **id)
            .expect("a member");
        for partition in own {
            assert!(
                member.topics.contains(&partition.topic),
                "{label}: {id} gets {partition}"
            );
            assert!(
                seen.insert(partition.clone()),
                "{label}: {partition} is assigned twice"
            );
        }
    }
    let wanted: usize = topics
        .iter()
        .filter(|topic| {
            members
                .iter()
                .any(|member| member.topics.contains(&topic.name))
        })
        .map(|topic| usize::try_from(topic.partition_count).expect("a count"))
        .sum();
    assert!(
        seen.len() == wanted || withheld_allowed,
        "{label}: {} of {wanted}",
        seen.len()
    );
}

fn vectors(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("vectors/assignors")
        .join(format!("{name}.jsonl.gz"));
    let file = std::fs::File::open(&path).expect("the vectors are part of the repository");
    let mut text = String::new();
    GzDecoder::new(file)
        .read_to_string(&mut text)
        .expect("gzip");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

fn members(vector: &Value) -> Vec<MemberSubscription> {
    let mut members: Vec<MemberSubscription> = array(&vector["members"])
        .iter()
        .map(|member| MemberSubscription {
            member_id: text(&member["id"]).expect("an id"),
            group_instance_id: text(&member["instance_id"]),
            topics: array(&member["topics"]).iter().filter_map(text).collect(),
            user_data: member["user_data_hex"].as_str().map(unhex),
            owned_partitions: partitions(&member["owned"]),
            generation_id: member["generation"]
                .as_i64()
                .map(|g| i32::try_from(g).expect("i32")),
            rack_id: text(&member["rack"]),
        })
        .collect();
    members.sort_by(|left, right| left.member_id.cmp(&right.member_id));
    members
}

/// The topics somebody subscribes to and that have partitions, as a leader would pass them.
fn topics(vector: &Value, members: &[MemberSubscription]) -> Vec<TopicToAssign> {
    let racks = &vector["replica_racks"];
    vector["topics"]
        .as_object()
        .expect("an object")
        .iter()
        .map(|(name, count)| TopicToAssign {
            name: name.as_str().into(),
            partition_count: i32::try_from(count.as_i64().expect("a count")).expect("i32"),
            replica_racks: racks[name]
                .as_array()
                .into_iter()
                .flatten()
                .map(|racks| array(racks).iter().filter_map(text).collect())
                .collect(),
        })
        .filter(|topic| topic.partition_count > 0)
        .filter(|topic| {
            members
                .iter()
                .any(|member| member.topics.contains(&topic.name))
        })
        .collect()
}

fn partitions(list: &Value) -> Vec<TopicPartition> {
    let pair = |pair: &Value| {
        let number = i32::try_from(pair[1].as_i64().expect("a partition")).expect("i32");
        TopicPartition::new(pair[0].as_str().expect("a topic"), number)
    };
    list.as_array().into_iter().flatten().map(pair).collect()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("an array")
}

fn text(value: &Value) -> Option<Arc<str>> {
    value.as_str().map(Into::into)
}

fn unhex(hex: &str) -> Bytes {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    (0..hex.len()).step_by(2).map(byte).collect()
}
