//! Goal: clients that worked with a Kafka find the same here. Method: what Java clients and brokers of
//! Kafka 4.3.0 and 4.4.0 said to each other, the requests sent again to an embedded broker of that
//! release, and its answers compared with the captured ones, field by field but for what depends on
//! time and chance.
//!
//! The captures are one story: topics are created, written, read, described and deleted. Arguments
//! select releases by a part of their name.

use std::process::ExitCode;

use serde_json::Value;
use thalweg_broker::EmbeddedBroker;
use thalweg_tests::differential::{LeftOut, Replay};
use thalweg_tests::tally::{self, Tally};
use thalweg_tests::vectors::VectorFile;

/// What depends on time or on how the captured brokers were set up, and what is done otherwise here.
const LEFT_OUT: &[LeftOut] = &[
    LeftOut {
        scenario: "",
        api: "Fetch",
        field: ".records",
        why: "a segment is not rolled for the age of its records, at which Kafka ends an answer",
    },
    LeftOut {
        scenario: "admin_describe_and_delete",
        api: "DeleteRecords",
        field: ".lowWatermark",
        why: "the captured broker had deleted the records of 2023 by then",
    },
    LeftOut {
        scenario: "admin_describe_and_delete",
        api: "Metadata",
        field: ".topics",
        why: "topics of scenarios that are not replayed",
    },
    LeftOut {
        scenario: "admin_describe_and_delete",
        api: "ListGroups",
        field: "",
        why: "groups of scenarios that are not replayed",
    },
    LeftOut {
        scenario: "admin_describe_and_delete",
        api: "ListTransactions",
        field: "",
        why: "transactions of scenarios that are not replayed",
    },
    LeftOut {
        scenario: "admin_describe_and_delete",
        api: "DescribeConfigs",
        field: ".configs",
        why: "four settings of topics that came with 4.4",
    },
    LeftOut {
        scenario: "admin_describe_and_delete",
        api: "ConsumerGroupDescribe",
        field: "",
        why: "groups of scenarios that are not replayed",
    },
    LeftOut {
        scenario: "admin_describe_and_delete",
        api: "ShareGroupDescribe",
        field: "",
        why: "groups of scenarios that are not replayed",
    },
    LeftOut {
        scenario: "admin_describe_and_delete",
        api: "StreamsGroupDescribe",
        field: "",
        why: "groups of scenarios that are not replayed",
    },
    LeftOut {
        scenario: "admin_describe_and_delete",
        api: "DescribeQuorum",
        field: ".topics[0].partitions[0].",
        why: "offsets and times of the log of the quorum, of which there is none here",
    },
    LeftOut {
        scenario: "admin_create",
        api: "CreateTopics",
        field: ".configs",
        why: "four settings of topics that came with 4.4",
    },
];

/// Captures that are not replayed: what a heartbeat answers depends on how far the group has come.
const NOT_REPLAYED: &[&str] = &[
    "consumer_kip848",
    "consumer_kip848_two_members",
    "share_consumer",
    "streams_group",
    "transactional_consume_produce",
];

/// The order in which the captures were made.
const STORY: &[&str] = &[
    "admin_create",
    "producer_idempotent_none",
    "producer_idempotent_gzip",
    "producer_idempotent_snappy",
    "producer_idempotent_lz4",
    "producer_idempotent_zstd",
    "producer_acks_0_1",
    "producer_transactional",
    "consumer_classic",
    "consumer_classic_read_committed",
    "consumer_classic_two_members",
    "consumer_assign_seek",
    "admin_describe_and_delete",
];

fn main() -> ExitCode {
    let filters: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let mut tallies = Vec::new();
    let mut releases = 0;
    for release in ["4.3", "4.4"] {
        if filters.is_empty()
            || filters
                .iter()
                .any(|filter| release.contains(filter.as_str()))
        {
            tallies.extend(replay(release, release));
            releases += 1;
        }
    }
    let total = tally::print(&tallies, "not served");
    println!("\nnot replayed: {}", NOT_REPLAYED.join(", "));
    if total.failed() > 0 || total.passed() < 130 * releases {
        let asked = total.failed() + total.passed();
        println!("\nFAILED: {} answers of {asked}", total.failed());
        return ExitCode::FAILURE;
    }
    // A canary: to whom 3.9 is played, the captures of 4.3 must not be the same.
    let canary = replay("4.3", "3.9")
        .iter()
        .map(Tally::failed)
        .sum::<usize>();
    if canary == 0 {
        println!("\nFAILED: another release is not told from the captured one");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The captures of one release, replayed to a broker that plays another or the same.
fn replay(captured: &str, played: &str) -> Vec<Tally> {
    let kafka = EmbeddedBroker::builder()
        .as_version(played)
        .config("group.initial.rebalance.delay.ms", "0")
        .start()
        .expect("it starts");
    let address = kafka.bootstrap_servers();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut replay = Replay::new(&address, LEFT_OUT).await;
        let mut tallies = Vec::new();
        for scenario in STORY {
            let name = format!("wire/capture/{captured}.0/{scenario}.jsonl");
            let Some(lines) = lines_of(&name) else {
                continue;
            };
            let mut tally = Tally::new(&name);
            for (place, outcome) in replay.scenario(scenario, &lines).await {
                tally.add(place, outcome);
            }
            tallies.push(tally);
        }
        tallies
    })
}

fn lines_of(name: &str) -> Option<Vec<Value>> {
    let mut files = VectorFile::all("wire/capture").into_iter();
    files
        .find(|file| file.name == name)
        .map(|file| file.lines())
}
