//! Goal: streams groups work over a connection. Method: a client that sends what it is told, under a
//! clock that stands still.

use std::time::Duration;

use thalweg_broker::EmbeddedBroker;
use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{
    DescribeConfigsRequest, DescribeConfigsResource, FindCoordinatorRequest, MetadataRequest,
    StreamsGroupDescribeRequest, StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse,
    StreamsGroupTopologyDescriptionUpdateRequest, StreamsKeyValue, StreamsSubtopology,
    StreamsTopicInfo, StreamsTopology,
};

use crate::support::*;

async fn connect(kafka: &EmbeddedBroker) -> Raw {
    let mut client = Raw::connect(kafka, PORT);
    let request = FindCoordinatorRequest {
        coordinator_keys: vec!["app".into()],
        ..Default::default()
    };
    client.call(&request, 4).await;
    client
}

/// Counts bids: one sub-topology with state.
fn join(member: &str, process: &str) -> StreamsGroupHeartbeatRequest {
    let changelog = StreamsTopicInfo {
        name: "app-counts-changelog".into(),
        topic_configs: vec![StreamsKeyValue {
            key: "cleanup.policy".into(),
            value: "compact".into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    StreamsGroupHeartbeatRequest {
        group_id: "app".into(),
        member_id: member.into(),
        rebalance_timeout_ms: 60_000,
        process_id: Some(process.into()),
        topology: Some(StreamsTopology {
            subtopologies: vec![StreamsSubtopology {
                subtopology_id: "0".into(),
                source_topics: vec!["bids".into()],
                state_changelog_topics: vec![changelog],
                ..Default::default()
            }],
            ..Default::default()
        }),
        active_tasks: Some(Vec::new()),
        standby_tasks: Some(Vec::new()),
        warmup_tasks: Some(Vec::new()),
        ..Default::default()
    }
}

/// The next heartbeat of a member that was told this.
fn next(
    mut request: StreamsGroupHeartbeatRequest,
    told: &StreamsGroupHeartbeatResponse,
) -> StreamsGroupHeartbeatRequest {
    request.member_epoch = told.member_epoch;
    request.topology = None;
    request.endpoint_information_epoch = told.endpoint_information_epoch;
    if told.active_tasks.is_some() {
        request.active_tasks.clone_from(&told.active_tasks);
        request.standby_tasks.clone_from(&told.standby_tasks);
    }
    request
}

fn count(request: &StreamsGroupHeartbeatRequest) -> usize {
    let tasks = request.active_tasks.iter().flatten();
    tasks.map(|tasks| tasks.partitions.len()).sum()
}

#[tokio::test(start_paused = true)]
async fn an_application_gets_its_topics_and_its_tasks() {
    let kafka = EmbeddedBroker::builder().topic("bids", 4);
    let kafka = kafka.start_here().expect("it starts");
    let mut client = connect(&kafka).await;
    let mut members = [join("one", "p1"), join("two", "p2")];
    for member in &mut members {
        let told = client.call(member, 1).await;
        assert_eq!(told.error_code, ErrorCode::NONE);
        *member = next(member.clone(), &told);
    }
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        for member in &mut members {
            let told = client.call(member, 1).await;
            assert_eq!(told.error_code, ErrorCode::NONE);
            *member = next(member.clone(), &told);
        }
    }
    assert_eq!(members.each_ref().map(count), [2, 2]);

    let metadata = MetadataRequest {
        topics: None,
        ..Default::default()
    };
    let topics = client.call(&metadata, 12).await.topics;
    let changelog = topics
        .iter()
        .find(|topic| topic.name == Some("app-counts-changelog".into()));
    assert_eq!(changelog.expect("made").partitions.len(), 4);
    let configs = DescribeConfigsRequest {
        resources: vec![DescribeConfigsResource {
            resource_type: 2,
            resource_name: "app-counts-changelog".into(),
            configuration_keys: Some(vec!["cleanup.policy".into()]),
            ..Default::default()
        }],
        ..Default::default()
    };
    let configs = client.call(&configs, 4).await.results;
    let value = configs
        .first()
        .and_then(|row| row.configs.first()?.value.clone());
    assert_eq!(value, Some("compact".into()));

    let describe = StreamsGroupDescribeRequest {
        group_ids: vec!["app".into()],
        include_topology_description: true,
        ..Default::default()
    };
    let group = client.call(&describe, 1).await.groups.remove(0);
    assert_eq!((&*group.group_state, group.members.len()), ("Stable", 2));
    assert_eq!(group.assignor_name, Some("sticky".into()));
    let update = StreamsGroupTopologyDescriptionUpdateRequest {
        group_id: "app".into(),
        member_id: "one".into(),
        ..Default::default()
    };
    let refused = client.call(&update, 0).await;
    assert_eq!(refused.error_code, ErrorCode::UNSUPPORTED_VERSION);
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_cannot_be_made_is_named_with_the_reason() {
    let kafka = EmbeddedBroker::builder().topic("bids", 2);
    let kafka = kafka.start_here().expect("it starts");
    let mut client = connect(&kafka).await;
    let mut request = join("one", "p1");
    if let Some(topology) = &mut request.topology {
        let parts = topology.subtopologies.iter_mut();
        for topic in parts.flat_map(|part| &mut part.state_changelog_topics) {
            topic.replication_factor = 3;
        }
    }
    let told = client.call(&request, 1).await;
    let status = told.status.expect("told").pop().expect("one at least");
    assert_eq!(status.status_code, 3);
    assert!(
        status
            .status_detail
            .contains("Creation failed: app-counts-changelog ("),
        "{}",
        status.status_detail
    );
}
