//! Groups that outlive a kill with `--data`: what Kafka's coordinator finds in `__consumer_offsets`.
//!
//! Method: a broker is dropped in the middle of what its groups do, as a kill does, and another one
//! takes the folder. What is described has to be the same, and members go on as if nothing had been.

use std::path::Path;
use std::time::Duration;

use thalweg_broker::{Builder, EmbeddedBroker};
use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, DescribeGroupsRequest,
    DescribedConsumerGroup, DescribedShareGroup, DescribedStreamsGroup, ShareGroupDescribeRequest,
    ShareGroupHeartbeatRequest, StreamsEndpoint, StreamsGroupDescribeRequest,
    StreamsGroupHeartbeatRequest, StreamsKeyValue, StreamsSubtopology, StreamsTopicInfo,
    StreamsTopology,
};

use crate::members::{Member, join as join_classic};
use crate::support::*;

const GROUP: &str = "auction";

fn brokers(folder: &Path) -> Builder {
    let builder = EmbeddedBroker::builder()
        .topic("bids", 3)
        .topic("asks", 2)
        .config("group.initial.rebalance.delay.ms", "0");
    builder.data(folder)
}

async fn connect(kafka: &EmbeddedBroker) -> Raw {
    let mut raw = Raw::connect(kafka, PORT);
    find_coordinator(&mut raw, 0, GROUP).await;
    raw
}

/// Ends a broker that is not told so, and starts the next one.
async fn kill_and_reopen(kafka: EmbeddedBroker, raw: Raw, folder: &Path) -> (EmbeddedBroker, Raw) {
    drop((kafka, raw));
    let kafka = reopen(|| brokers(folder)).await;
    let raw = connect(&kafka).await;
    (kafka, raw)
}

async fn describe_consumers(raw: &mut Raw) -> DescribedConsumerGroup {
    let request = ConsumerGroupDescribeRequest {
        group_ids: vec![GROUP.into()],
        ..Default::default()
    };
    raw.call(&request, 1).await.groups.remove(0)
}

fn join_consumers(member: &str, instance: Option<&str>) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: GROUP.into(),
        member_id: member.into(),
        instance_id: instance.map(Into::into),
        rack_id: Some("north".into()),
        rebalance_timeout_ms: 60_000,
        subscribed_topic_names: Some(vec!["bids".into()]),
        server_assignor: Some("range".into()),
        topic_partitions: Some(Vec::new()),
        ..Default::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumer_group_goes_on_after_a_kill_in_the_middle_of_a_rebalance() {
    let folder = tempfile::tempdir().expect("a folder");
    let kafka = start(brokers(folder.path()));
    let mut raw = connect(&kafka).await;
    let first = raw.call(&join_consumers("one", Some("i1")), 1).await;
    assert_eq!(first.error_code, ErrorCode::NONE);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut by_regex = join_consumers("two", None);
    by_regex.subscribed_topic_names = Some(Vec::new());
    by_regex.subscribed_topic_regex = Some("bids|asks".into());
    let second = raw.call(&by_regex, 1).await;
    assert_eq!(second.error_code, ErrorCode::NONE);
    // What the expression means is found; one has to give something up.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut beat = join_consumers("two", None);
    beat.subscribed_topic_names = None;
    beat.member_epoch = second.member_epoch;
    let second = raw.call(&beat, 1).await;
    let mut beat = join_consumers("one", Some("i1"));
    beat.member_epoch = first.member_epoch;
    beat.topic_partitions = Some(first.assignment.expect("told").topic_partitions);
    let told = raw.call(&beat, 1).await;
    let before = describe_consumers(&mut raw).await;
    assert_eq!(&*before.group_state, "Reconciling");
    assert_eq!(before.members.len(), 2);

    let (kafka, mut raw) = kill_and_reopen(kafka, raw, folder.path()).await;
    assert_eq!(describe_consumers(&mut raw).await, before);

    // One gives up what it was told to, and the group comes to rest.
    beat.topic_partitions = Some(told.assignment.expect("told").topic_partitions);
    let done = raw.call(&beat, 1).await;
    assert_eq!(done.error_code, ErrorCode::NONE);
    assert_eq!(done.member_epoch, before.group_epoch);
    let mut beat = join_consumers("two", None);
    beat.subscribed_topic_names = None;
    beat.member_epoch = second.member_epoch;
    let done = raw.call(&beat, 1).await;
    assert_eq!(done.error_code, ErrorCode::NONE);
    let stable = describe_consumers(&mut raw).await;
    assert_eq!(&*stable.group_state, "Stable");
    let held: usize = stable
        .members
        .iter()
        .flat_map(|member| &member.assignment.topic_partitions)
        .map(|topic| topic.partitions.len())
        .sum();
    assert_eq!(held, 5, "all partitions of both topics");

    // Sessions began anew, and end if nobody is heard of.
    let (_kafka, mut raw) = kill_and_reopen(kafka, raw, folder.path()).await;
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(describe_consumers(&mut raw).await, stable);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let empty = describe_consumers(&mut raw).await;
    assert_eq!(&*empty.group_state, "Empty");
    assert!(empty.group_epoch > stable.group_epoch);
}

async fn describe_streams(raw: &mut Raw) -> DescribedStreamsGroup {
    let request = StreamsGroupDescribeRequest {
        group_ids: vec![GROUP.into()],
        ..Default::default()
    };
    raw.call(&request, 0).await.groups.remove(0)
}

fn join_streams(member: &str) -> StreamsGroupHeartbeatRequest {
    let pair = |key: &str, value: &str| StreamsKeyValue {
        key: key.into(),
        value: value.into(),
        ..Default::default()
    };
    let internal = |name: &str| StreamsTopicInfo {
        name: name.into(),
        topic_configs: vec![pair("cleanup.policy", "compact")],
        ..Default::default()
    };
    let first = StreamsSubtopology {
        subtopology_id: "0".into(),
        source_topics: vec!["bids".into()],
        repartition_sink_topics: vec!["auction-by-name-repartition".into()],
        ..Default::default()
    };
    let second = StreamsSubtopology {
        subtopology_id: "1".into(),
        repartition_source_topics: vec![internal("auction-by-name-repartition")],
        state_changelog_topics: vec![internal("auction-counts-changelog")],
        ..Default::default()
    };
    StreamsGroupHeartbeatRequest {
        group_id: GROUP.into(),
        member_id: member.into(),
        rebalance_timeout_ms: 60_000,
        process_id: Some(member.into()),
        user_endpoint: Some(StreamsEndpoint {
            host: "here".into(),
            port: 60_000,
            ..Default::default()
        }),
        client_tags: Some(vec![pair("zone", "north")]),
        topology: Some(StreamsTopology {
            epoch: 3,
            subtopologies: vec![first, second],
            ..Default::default()
        }),
        active_tasks: Some(Vec::new()),
        standby_tasks: Some(Vec::new()),
        warmup_tasks: Some(Vec::new()),
        ..Default::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_streams_group_goes_on_after_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let kafka = start(brokers(folder.path()));
    let mut raw = connect(&kafka).await;
    // The second heartbeat finds the internal topics that the first one had made.
    let mut beats = Vec::new();
    for member in ["one", "two"] {
        let mut beat = join_streams(member);
        beat.member_epoch = raw.call(&beat, 0).await.member_epoch;
        beat.topology = None;
        beats.push(beat);
    }
    tokio::time::sleep(Duration::from_secs(4)).await;
    for beat in &mut beats {
        let told = raw.call(beat, 0).await;
        assert_eq!(told.error_code, ErrorCode::NONE, "{:?}", told.error_message);
        beat.member_epoch = told.member_epoch;
        if told.active_tasks.is_some() {
            beat.active_tasks = told.active_tasks;
            beat.standby_tasks = told.standby_tasks;
        }
    }
    let before = describe_streams(&mut raw).await;
    assert_eq!(before.members.len(), 2);
    let topology = before.topology.as_ref().expect("known");
    assert_eq!(topology.subtopologies.as_ref().map(Vec::len), Some(2));
    let tasks = before.members.iter().map(|it| &it.target_assignment);
    let tasks: usize = tasks
        .flat_map(|it| &it.active_tasks)
        .map(|it| it.partitions.len())
        .sum();
    assert_eq!(tasks, 6, "three of each sub-topology");

    let (_kafka, mut raw) = kill_and_reopen(kafka, raw, folder.path()).await;
    assert_eq!(describe_streams(&mut raw).await, before);
    for round in 0..3 {
        for beat in &mut beats {
            let told = raw.call(beat, 0).await;
            assert_eq!(told.error_code, ErrorCode::NONE, "{:?}", told.error_message);
            beat.member_epoch = told.member_epoch;
            if told.active_tasks.is_some() {
                beat.active_tasks = told.active_tasks;
                beat.standby_tasks = told.standby_tasks;
            }
        }
        tokio::time::sleep(Duration::from_secs(4)).await;
        let now = describe_streams(&mut raw).await;
        assert_eq!(now.group_epoch, before.group_epoch, "round {round}");
    }
    assert_eq!(&*describe_streams(&mut raw).await.group_state, "Stable");
}

async fn describe_share(raw: &mut Raw) -> DescribedShareGroup {
    let request = ShareGroupDescribeRequest {
        group_ids: vec![GROUP.into()],
        ..Default::default()
    };
    raw.call(&request, 1).await.groups.remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_share_group_goes_on_after_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let kafka = start(brokers(folder.path()));
    let mut raw = connect(&kafka).await;
    let beat = |member: &str, member_epoch: i32| ShareGroupHeartbeatRequest {
        group_id: GROUP.into(),
        member_id: member.into(),
        member_epoch,
        rack_id: Some("north".into()),
        subscribed_topic_names: (member_epoch == 0).then(|| vec!["bids".into(), "asks".into()]),
        ..Default::default()
    };
    let mut epochs = Vec::new();
    for member in ["one", "two"] {
        let told = raw.call(&beat(member, 0), 1).await;
        assert_eq!(told.error_code, ErrorCode::NONE);
        epochs.push((member, told.member_epoch));
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let before = describe_share(&mut raw).await;
    assert_eq!(before.members.len(), 2);

    let (_kafka, mut raw) = kill_and_reopen(kafka, raw, folder.path()).await;
    assert_eq!(describe_share(&mut raw).await, before);
    for (member, epoch) in epochs {
        let told = raw.call(&beat(member, epoch), 1).await;
        assert_eq!(told.error_code, ErrorCode::NONE);
        assert_eq!(told.member_epoch, before.assignment_epoch);
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(describe_share(&mut raw).await.members.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_generation_of_a_classic_group_goes_on_after_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let kafka = start(brokers(folder.path()));
    let raw = connect(&kafka).await;
    let mut request = join_classic("");
    request.group_id = GROUP.into();
    let mut member = Member::joining(&kafka, request).await;
    member.joined().await;
    let all = [(member.id(), "mine")];
    assert_eq!(&*member.sync(&all).await.assignment, b"mine");
    let describe = DescribeGroupsRequest {
        groups: vec![GROUP.into()],
        ..Default::default()
    };
    let before = member.raw.call(&describe, 5).await;
    assert_eq!(&*before.groups[0].group_state, "Stable");

    let (kafka, mut raw) = kill_and_reopen(kafka, raw, folder.path()).await;
    assert_eq!(raw.call(&describe, 5).await, before);
    member.raw = raw;
    assert_eq!(member.heartbeat().await, ErrorCode::NONE);
    assert_eq!(&*member.sync(&[]).await.assignment, b"mine");
    assert_eq!(member.leave().await, ErrorCode::NONE);
    let empty = member.raw.call(&describe, 5).await;
    assert_eq!(&*empty.groups[0].group_state, "Empty");

    let (_kafka, mut raw) = kill_and_reopen(kafka, member.raw, folder.path()).await;
    assert_eq!(raw.call(&describe, 5).await, empty);
}
