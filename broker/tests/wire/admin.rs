//! Goal: what administrators ask for is done, shown and refused as Kafka does it. The codes and words
//! were compared with Kafka 4.3's. By raw requests with the clock standing still.

use std::time::Duration;

use thalweg_broker::EmbeddedBroker;
use thalweg_protocol::messages::*;
use thalweg_protocol::{BrokerId, ErrorCode, Offset, PartitionId, Uuid};

use crate::support::{PORT, Raw};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

fn start(brokers: usize) -> (EmbeddedBroker, Raw) {
    let builder = EmbeddedBroker::builder().brokers(brokers);
    let builder = builder.config("default.replication.factor", brokers.to_string());
    let kafka = builder.topic("t", 2).start_here().expect("started");
    let client = Raw::connect(&kafka, PORT);
    (kafka, client)
}

fn change(
    kind: i8,
    name: &str,
    entries: &[(&str, i8, Option<&str>)],
) -> IncrementalAlterConfigsRequest {
    let config =
        |(name, config_operation, value): &(&str, i8, Option<&str>)| IncrementalAlterableConfig {
            name: (*name).into(),
            config_operation: *config_operation,
            value: value.map(Into::into),
            ..Default::default()
        };
    IncrementalAlterConfigsRequest {
        resources: vec![IncrementalAlterConfigsResource {
            resource_type: kind,
            resource_name: name.into(),
            configs: entries.iter().map(config).collect(),
            ..Default::default()
        }],
        ..Default::default()
    }
}

async fn changed(
    client: &mut Raw,
    request: &IncrementalAlterConfigsRequest,
) -> (ErrorCode, String) {
    let answer = client.call(request, 1).await;
    let response = &answer.responses[0];
    let message = response.error_message.as_deref().unwrap_or_default();
    (response.error_code, message.to_owned())
}

/// The value of a setting and the number of its source.
async fn described(client: &mut Raw, kind: i8, name: &str, key: &str) -> (String, i8) {
    let request = DescribeConfigsRequest {
        resources: vec![DescribeConfigsResource {
            resource_type: kind,
            resource_name: name.into(),
            configuration_keys: Some(vec![key.into()]),
            ..Default::default()
        }],
        include_synonyms: true,
        include_documentation: true,
        ..Default::default()
    };
    let answer = client.call(&request, 4).await;
    let configs = &answer.results[0].configs;
    assert_eq!(configs.len(), 1, "{key}: {:?}", answer.results[0]);
    let row = &configs[0];
    assert!(row.documentation.is_some() || kind == LOGGER, "{key}");
    (
        row.value.as_deref().unwrap_or("null").to_owned(),
        row.config_source,
    )
}

#[tokio::test(start_paused = true)]
async fn a_setting_is_shown_with_where_it_comes_from() {
    let (_kafka, mut client) = start(1);
    let (topic, dynamic, all, default) = (1, 2, 3, 5);
    let key = "max.message.bytes";
    let of_topic = described(&mut client, TOPIC, "t", key).await;
    assert_eq!(of_topic, ("1048588".to_owned(), default));
    // The nearer to the topic, the stronger.
    for (kind, name, of, value, source) in [
        (BROKER, "", "message.max.bytes", "2000000", all),
        (BROKER, "0", "message.max.bytes", "3000000", dynamic),
        (TOPIC, "t", key, "4000000", topic),
    ] {
        let set = change(kind, name, &[(of, SET, Some(value))]);
        assert_eq!(changed(&mut client, &set).await.0, ErrorCode::NONE);
        let shown = described(&mut client, TOPIC, "t", key).await;
        assert_eq!(shown, (value.to_owned(), source));
    }
    // Taken back, the one behind it holds again.
    let reset = change(TOPIC, "t", &[(key, DELETE, None)]);
    assert_eq!(changed(&mut client, &reset).await.0, ErrorCode::NONE);
    let shown = described(&mut client, TOPIC, "t", key).await;
    assert_eq!(shown, ("3000000".to_owned(), dynamic));
}

#[tokio::test(start_paused = true)]
async fn lists_are_added_to_and_taken_from() {
    let (_kafka, mut client) = start(1);
    let key = "cleanup.policy";
    for (op, value, expected) in [
        (APPEND, "compact", "delete,compact"),
        (APPEND, "compact", "delete,compact"),
        (SUBTRACT, "delete", "compact"),
        (SET, "delete", "delete"),
    ] {
        let request = change(TOPIC, "t", &[(key, op, Some(value))]);
        assert_eq!(changed(&mut client, &request).await.0, ErrorCode::NONE);
        assert_eq!(described(&mut client, TOPIC, "t", key).await.0, expected);
    }
    let number = change(TOPIC, "t", &[("retention.ms", APPEND, Some("1"))]);
    let (code, message) = changed(&mut client, &number).await;
    assert_eq!(code, ErrorCode::INVALID_CONFIG);
    assert_eq!(
        message,
        "Can't APPEND to key retention.ms because its type is not LIST."
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_set_is_refused_in_kafkas_words_and_changes_nothing() {
    let (_kafka, mut client) = start(1);
    let one =
        |kind, name: &str, key: &str, value: Option<&str>| change(kind, name, &[(key, SET, value)]);
    for (request, code, words) in [
        (
            one(TOPIC, "t", "foo", Some("1")),
            ErrorCode::INVALID_CONFIG,
            "Unknown topic config name: foo",
        ),
        (
            one(TOPIC, "t", "retention.ms", Some("x")),
            ErrorCode::INVALID_CONFIG,
            "Invalid value x for configuration retention.ms: Not a number of type LONG",
        ),
        (
            one(TOPIC, "t", "retention.ms", None),
            ErrorCode::INVALID_REQUEST,
            "Null value not supported for : retention.ms",
        ),
        (
            one(TOPIC, "nope", "retention.ms", Some("1")),
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            "The topic 'nope' does not exist.",
        ),
        (
            one(BROKER, "0", "num.partitions", Some("3")),
            ErrorCode::INVALID_REQUEST,
            "Cannot update these configs dynamically: [num.partitions]",
        ),
        (
            one(BROKER, "7", "log.retention.ms", Some("3")),
            ErrorCode::INVALID_REQUEST,
            "Unexpected broker id, expected 0, but received 7",
        ),
        (
            one(GROUP, "g", "consumer.session.timeout.ms", Some("1")),
            ErrorCode::INVALID_CONFIG,
            "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms",
        ),
        (
            one(CLIENT_METRICS, "m", "interval.ms", Some("1")),
            ErrorCode::INVALID_REQUEST,
            "Invalid value 1 for interval.ms, interval must be between 100 and 3600000 (1 hour)",
        ),
        (
            one(LOGGER, "0", "root", Some("LOUD")),
            ErrorCode::INVALID_CONFIG,
            "Cannot set the log level of root to LOUD as it is not a supported log level. Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN",
        ),
    ] {
        assert_eq!(
            changed(&mut client, &request).await,
            (code, words.to_owned())
        );
    }
    // One bad entry spoils the others.
    let mixed = change(
        TOPIC,
        "t",
        &[
            ("retention.ms", SET, Some("5")),
            ("segment.ms", SET, Some("0")),
        ],
    );
    assert_eq!(
        changed(&mut client, &mixed).await.0,
        ErrorCode::INVALID_CONFIG
    );
    let mut only_asked = change(TOPIC, "t", &[("retention.ms", SET, Some("5"))]);
    only_asked.validate_only = true;
    assert_eq!(changed(&mut client, &only_asked).await.0, ErrorCode::NONE);
    let shown = described(&mut client, TOPIC, "t", "retention.ms").await;
    assert_eq!(shown.0, "604800000");
}

#[tokio::test(start_paused = true)]
async fn replacing_all_settings_resets_those_not_named() {
    let (_kafka, mut client) = start(1);
    let set = change(TOPIC, "t", &[("retention.ms", SET, Some("5"))]);
    changed(&mut client, &set).await;
    let request = AlterConfigsRequest {
        resources: vec![AlterConfigsResource {
            resource_type: TOPIC,
            resource_name: "t".into(),
            configs: vec![AlterableConfig {
                name: "segment.ms".into(),
                value: Some("7".into()),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = client.call(&request, 2).await;
    assert_eq!(answer.responses[0].error_code, ErrorCode::NONE);
    assert_eq!(
        described(&mut client, TOPIC, "t", "segment.ms").await.0,
        "7"
    );
    let shown = described(&mut client, TOPIC, "t", "retention.ms").await;
    assert_eq!(shown.0, "604800000");
}

#[tokio::test(start_paused = true)]
async fn groups_and_metrics_subscriptions_with_settings_are_listed() {
    let (_kafka, mut client) = start(1);
    for (kind, name, key, value) in [
        (GROUP, "g", "share.auto.offset.reset", "earliest"),
        (CLIENT_METRICS, "m", "interval.ms", "1000"),
    ] {
        let set = change(kind, name, &[(key, SET, Some(value))]);
        assert_eq!(changed(&mut client, &set).await.0, ErrorCode::NONE);
        assert_eq!(described(&mut client, kind, name, key).await.0, value);
    }
    let listed = |answer: ListConfigResourcesResponse| {
        let resources = answer.config_resources.into_iter();
        let mut all: Vec<(i8, String)> = resources
            .map(|it| (it.resource_type, it.resource_name.to_string()))
            .collect();
        all.sort();
        all
    };
    let answer = client.call(&ListConfigResourcesRequest::default(), 1).await;
    let (zero, one) = ("0".to_owned(), "t".to_owned());
    assert_eq!(
        listed(answer),
        [
            (TOPIC, one),
            (BROKER, zero.clone()),
            (LOGGER, zero),
            (CLIENT_METRICS, "m".to_owned()),
            (GROUP, "g".to_owned()),
        ]
    );
    let answer = client.call(&ListConfigResourcesRequest::default(), 0).await;
    assert_eq!(listed(answer), [(CLIENT_METRICS, "m".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_topic_is_gone_and_a_fetch_that_waits_for_it_hears_of_it() {
    let (kafka, mut client) = start(1);
    let fetch = FetchRequest {
        max_wait_ms: 60_000,
        min_bytes: 1,
        max_bytes: 1000,
        topics: vec![FetchTopic {
            topic: "t".into(),
            partitions: vec![FetchPartition {
                partition: PartitionId(0),
                fetch_offset: Offset(0),
                partition_max_bytes: 1000,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let mut waiting = Raw::connect(&kafka, PORT);
    waiting.send(&fetch, 11).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    let delete = |name: Option<&str>, topic_id| DeleteTopicsRequest {
        topics: vec![DeleteTopicState {
            name: name.map(Into::into),
            topic_id,
            ..Default::default()
        }],
        ..Default::default()
    };
    for (request, code) in [
        (
            delete(Some("nope"), Uuid::ZERO),
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ),
        (delete(None, Uuid([7; 16])), ErrorCode::UNKNOWN_TOPIC_ID),
        (delete(None, Uuid::ZERO), ErrorCode::INVALID_REQUEST),
        (delete(Some("t"), Uuid([7; 16])), ErrorCode::INVALID_REQUEST),
        (delete(Some("t"), Uuid::ZERO), ErrorCode::NONE),
        (
            delete(Some("t"), Uuid::ZERO),
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ),
    ] {
        let answer = client.call(&request, 6).await;
        assert_eq!(answer.responses[0].error_code, code, "{request:?}");
    }
    let began = tokio::time::Instant::now();
    let answer = waiting
        .receive::<FetchRequest>(11)
        .await
        .expect("an answer, not the end");
    assert!(began.elapsed() < Duration::from_secs(1), "it waited on");
    let partition = &answer.responses[0].partitions[0];
    assert_eq!(partition.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

#[tokio::test(start_paused = true)]
async fn topics_stay_where_deleting_them_is_switched_off() {
    let builder = EmbeddedBroker::builder().config("delete.topic.enable", "false");
    let kafka = builder.topic("t", 1).start_here().expect("started");
    let mut client = Raw::connect(&kafka, PORT);
    let request = DeleteTopicsRequest {
        topic_names: vec!["t".into()],
        ..Default::default()
    };
    for (version, code) in [
        (1, ErrorCode::INVALID_REQUEST),
        (5, ErrorCode::TOPIC_DELETION_DISABLED),
    ] {
        let answer = client.call(&request, version).await;
        assert_eq!(answer.responses[0].error_code, code, "version {version}");
    }
}

#[tokio::test(start_paused = true)]
async fn partitions_are_added_and_described_page_by_page() {
    let (_kafka, mut client) = start(1);
    let more = |count, assignments: Option<Vec<Vec<i32>>>| {
        let assignment = |ids: Vec<i32>| CreatePartitionsAssignment {
            broker_ids: ids.into_iter().map(BrokerId).collect(),
            ..Default::default()
        };
        CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic {
                name: "t".into(),
                count,
                assignments: assignments.map(|all| all.into_iter().map(assignment).collect()),
                ..Default::default()
            }],
            ..Default::default()
        }
    };
    for (request, code, words) in [
        (
            more(2, None),
            ErrorCode::INVALID_PARTITIONS,
            "Topic already has 2 partition(s).",
        ),
        (
            more(1, None),
            ErrorCode::INVALID_PARTITIONS,
            "The topic t currently has 2 partition(s); 1 would not be an increase.",
        ),
        (
            more(4, Some(vec![vec![0]])),
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.",
        ),
        (
            more(3, Some(vec![vec![9]])),
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "The manual partition assignment includes broker 9, but no such broker is registered.",
        ),
        (more(5, None), ErrorCode::NONE, ""),
    ] {
        let answer = client.call(&request, 3).await;
        let result = &answer.results[0];
        let message = result.error_message.as_deref().unwrap_or_default();
        assert_eq!((result.error_code, message), (code, words));
    }
    let mut cursor = None;
    let mut pages = Vec::new();
    loop {
        let request = DescribeTopicPartitionsRequest {
            response_partition_limit: 2,
            cursor: cursor.take(),
            ..Default::default()
        };
        let answer = client.call(&request, 0).await;
        let partitions = &answer.topics[0].partitions;
        pages.push(
            partitions
                .iter()
                .map(|it| it.partition_index.0)
                .collect::<Vec<_>>(),
        );
        match answer.next_cursor {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(pages, [vec![0, 1], vec![2, 3], vec![4]]);
}

#[tokio::test(start_paused = true)]
async fn replicas_move_at_once_and_the_preferred_leader_is_elected() {
    let (_kafka, mut client) = start(3);
    let reassign = |replicas: Option<Vec<i32>>| AlterPartitionReassignmentsRequest {
        topics: vec![ReassignableTopic {
            name: "t".into(),
            partitions: vec![ReassignablePartition {
                partition_index: PartitionId(0),
                replicas: replicas.map(|ids| ids.into_iter().map(BrokerId).collect()),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let leader = async |client: &mut Raw| {
        let request = MetadataRequest {
            topics: None,
            ..Default::default()
        };
        let answer = client.call(&request, 12).await;
        let partition = &answer.topics[0].partitions[0];
        let replicas: Vec<i32> = partition.replica_nodes.iter().map(|id| id.0).collect();
        (partition.leader_id.0, replicas)
    };
    let (first, _) = leader(&mut client).await;
    let others: Vec<i32> = (0..3).filter(|id| *id != first).collect();
    let (second, third) = (others[0], others[1]);
    for (replicas, code) in [
        (Some(vec![9]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        (Some(vec![]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        (None, ErrorCode::NO_REASSIGNMENT_IN_PROGRESS),
        (Some(vec![second, first]), ErrorCode::NONE),
    ] {
        let answer = client.call(&reassign(replicas.clone()), 1).await;
        let result = &answer.responses[0].partitions[0];
        assert_eq!(result.error_code, code, "{replicas:?}");
    }
    assert_eq!(
        leader(&mut client).await,
        (first, vec![second, first]),
        "it stays"
    );
    let elect = ElectLeadersRequest {
        election_type: 0,
        topic_partitions: Some(vec![ElectLeadersTopicPartitions {
            topic: "t".into(),
            partitions: vec![PartitionId(0)],
            ..Default::default()
        }]),
        ..Default::default()
    };
    for code in [ErrorCode::NONE, ErrorCode::ELECTION_NOT_NEEDED] {
        let answer = client.call(&elect, 2).await;
        let result = &answer.replica_election_results[0].partition_result[0];
        assert_eq!(result.error_code, code);
    }
    assert_eq!(leader(&mut client).await.0, second);
    // A leader that has no replica any more leads no more.
    client.call(&reassign(Some(vec![third])), 1).await;
    assert_eq!(leader(&mut client).await, (third, vec![third]));
}

#[tokio::test(start_paused = true)]
async fn the_cluster_tells_of_itself() {
    let (_kafka, mut client) = start(3);
    let request = DescribeClusterRequest {
        include_cluster_authorized_operations: true,
        ..Default::default()
    };
    let answer = client.call(&request, 2).await;
    assert_eq!(answer.brokers.len(), 3);
    assert_eq!(answer.cluster_authorized_operations, 8096, "all there are");
    let controllers = DescribeClusterRequest {
        endpoint_type: 2,
        ..Default::default()
    };
    let answer = client.call(&controllers, 2).await;
    assert_eq!(answer.error_code, ErrorCode::MISMATCHED_ENDPOINT_TYPE);

    let quorum = |topic: &str| DescribeQuorumRequest {
        topics: vec![DescribeQuorumTopic {
            topic_name: topic.into(),
            partitions: vec![DescribeQuorumPartition::default()],
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = client.call(&quorum("__cluster_metadata"), 2).await;
    assert_eq!(answer.topics[0].partitions[0].current_voters.len(), 3);
    let answer = client.call(&quorum("t"), 2).await;
    let code = answer.topics[0].partitions[0].error_code;
    assert_eq!(code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);

    let answer = client
        .call(
            &DescribeLogDirsRequest {
                topics: None,
                ..Default::default()
            },
            5,
        )
        .await;
    assert_eq!(answer.results[0].topics[0].partitions.len(), 2);
    let answer = client
        .call(&CreateDelegationTokenRequest::default(), 3)
        .await;
    assert_eq!(
        answer.error_code,
        ErrorCode::DELEGATION_TOKEN_REQUEST_NOT_ALLOWED
    );
    let gone = UnregisterBrokerRequest {
        broker_id: BrokerId(9),
        ..Default::default()
    };
    let answer = client.call(&gone, 0).await;
    assert_eq!(answer.error_code, ErrorCode::BROKER_ID_NOT_REGISTERED);
}

/// Goal: topics have the settings of the release that is played: 33 in Kafka 4.3, 37 in 4.4.
#[tokio::test(start_paused = true)]
async fn a_topic_has_the_settings_of_the_release() {
    let unknown = ErrorCode::INVALID_CONFIG;
    for (release, count, expected) in [("4.3", 33, unknown), ("4.4", 37, ErrorCode::NONE)] {
        let builder = EmbeddedBroker::builder().as_version(release).topic("t", 1);
        let kafka = builder.start_here().expect("started");
        let mut client = Raw::connect(&kafka, PORT);
        let resource = DescribeConfigsResource {
            resource_type: TOPIC,
            resource_name: "t".into(),
            configuration_keys: None,
            ..Default::default()
        };
        let all = DescribeConfigsRequest {
            resources: vec![resource],
            ..Default::default()
        };
        let answer = client.call(&all, 4).await;
        assert_eq!(answer.results[0].configs.len(), count, "{release}");
        let config = IncrementalAlterableConfig {
            name: "remote.copy.lag.ms".into(),
            value: Some("7".into()),
            ..Default::default()
        };
        let resource = IncrementalAlterConfigsResource {
            resource_type: TOPIC,
            resource_name: "t".into(),
            configs: vec![config],
            ..Default::default()
        };
        let request = IncrementalAlterConfigsRequest {
            resources: vec![resource],
            ..Default::default()
        };
        let answer = client.call(&request, 1).await;
        assert_eq!(answer.responses[0].error_code, expected, "{release}");
        if expected == ErrorCode::NONE {
            let shown = described(&mut client, TOPIC, "t", "remote.copy.lag.ms").await;
            assert_eq!(shown.0, "7");
        }
    }
}
