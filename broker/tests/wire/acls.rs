//! Goal: what nobody was allowed is refused by every kind of request with the code Kafka has for it,
//! what is hidden is not shown, and a rule opens what it names. By raw requests of users who
//! authenticate by PLAIN.

use thalweg_broker::{EmbeddedBroker, Sasl, SaslMechanism};
use thalweg_protocol::messages::*;
use thalweg_protocol::sasl::PlainLogin;
use thalweg_protocol::{ErrorCode, PartitionId};

use crate::support::{PORT, Raw};

const TOPIC: i8 = 2;
const GROUP: i8 = 3;
const CLUSTER: i8 = 4;
const TRANSACTIONAL_ID: i8 = 5;

const READ: i8 = 3;
const WRITE: i8 = 4;
const CREATE: i8 = 5;
const DESCRIBE: i8 = 8;
const IDEMPOTENT_WRITE: i8 = 12;

fn start() -> EmbeddedBroker {
    let sasl = Sasl::new([SaslMechanism::Plain])
        .user("root", "root")
        .user("ann", "ann");
    let builder = EmbeddedBroker::builder()
        .config(
            "authorizer.class.name",
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        )
        .config("super.users", "User:root")
        .sasl(sasl);
    let builder = builder.topic("orders", 1).topic("secrets", 1);
    builder.start_here().expect("started")
}

/// A connection of a user whose password is the name.
async fn user(kafka: &EmbeddedBroker, name: &str) -> Raw {
    let mut client = Raw::connect(kafka, PORT);
    let handshake = SaslHandshakeRequest {
        mechanism: "PLAIN".into(),
    };
    client.call(&handshake, 1).await;
    let login = SaslAuthenticateRequest {
        auth_bytes: PlainLogin::new(name, name).expect("a login").encode(),
        ..Default::default()
    };
    let answer = client.call(&login, 2).await;
    assert_eq!(answer.error_code, ErrorCode::NONE);
    client
}

fn rule(kind: i8, name: &str, operation: i8) -> AclCreation {
    let prefix = name.strip_suffix('~');
    AclCreation {
        resource_type: kind,
        resource_name: prefix.unwrap_or(name).into(),
        resource_pattern_type: if prefix.is_some() { 4 } else { 3 },
        principal: "User:ann".into(),
        host: "*".into(),
        operation,
        permission_type: 3,
        ..Default::default()
    }
}

async fn allow(root: &mut Raw, creations: Vec<AclCreation>) {
    let request = CreateAclsRequest {
        creations,
        ..Default::default()
    };
    let answer = root.call(&request, 3).await;
    for result in &answer.results {
        assert_eq!(
            result.error_code,
            ErrorCode::NONE,
            "{:?}",
            result.error_message
        );
    }
}

async fn topics(client: &mut Raw) -> Vec<String> {
    let all = MetadataRequest {
        topics: None,
        ..Default::default()
    };
    let answer = client.call(&all, 12).await;
    let names = answer.topics.into_iter().filter_map(|topic| topic.name);
    names.map(|name| name.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn nobody_without_a_rule_may_do_anything() {
    let kafka = start();
    let mut ann = user(&kafka, "ann").await;
    let group = || "g".into();
    let topic = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    let of_group = ErrorCode::GROUP_AUTHORIZATION_FAILED;
    let cluster = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
    let transaction = ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED;

    assert!(topics(&mut ann).await.is_empty(), "hidden");
    let named = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            name: Some("orders".into()),
            ..Default::default()
        }]),
        ..Default::default()
    };
    assert_eq!(ann.call(&named, 12).await.topics[0].error_code, topic);
    let produce = ProduceRequest {
        acks: 1,
        topic_data: vec![TopicProduceData {
            name: "orders".into(),
            partition_data: vec![PartitionProduceData::default()],
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = ann.call(&produce, 9).await;
    assert_eq!(answer.responses[0].partition_responses[0].error_code, topic);
    let fetch = FetchRequest {
        topics: vec![FetchTopic {
            topic: "orders".into(),
            partitions: vec![FetchPartition::default()],
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = ann.call(&fetch, 11).await;
    assert_eq!(answer.responses[0].partitions[0].error_code, topic);
    let offsets = ListOffsetsRequest {
        topics: vec![ListOffsetsTopic {
            name: "orders".into(),
            partitions: vec![ListOffsetsPartition {
                timestamp: -1,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = ann.call(&offsets, 7).await;
    assert_eq!(answer.topics[0].partitions[0].error_code, topic);

    let request = FindCoordinatorRequest {
        coordinator_keys: vec![group()],
        ..Default::default()
    };
    assert_eq!(
        ann.call(&request, 4).await.coordinators[0].error_code,
        of_group
    );
    let request = HeartbeatRequest {
        group_id: group(),
        ..Default::default()
    };
    assert_eq!(ann.call(&request, 4).await.error_code, of_group);
    let request = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: group(),
            ..Default::default()
        }],
        ..Default::default()
    };
    assert_eq!(ann.call(&request, 8).await.groups[0].error_code, of_group);

    let request = InitProducerIdRequest::default();
    let of_nobody = InitProducerIdRequest {
        transactional_id: None,
        ..request.clone()
    };
    assert_eq!(ann.call(&of_nobody, 4).await.error_code, cluster);
    let of_id = InitProducerIdRequest {
        transactional_id: Some("tx".into()),
        ..request
    };
    assert_eq!(ann.call(&of_id, 4).await.error_code, transaction);
    let request = EndTxnRequest {
        transactional_id: "tx".into(),
        ..Default::default()
    };
    assert_eq!(ann.call(&request, 3).await.error_code, transaction);

    let request = DescribeAclsRequest {
        resource_type_filter: 1,
        pattern_type_filter: 1,
        operation: 1,
        permission_type: 1,
        ..Default::default()
    };
    assert_eq!(ann.call(&request, 3).await.error_code, cluster);
    let answer = ann.call(&DescribeLogDirsRequest::default(), 5).await;
    assert_eq!(answer.error_code, cluster);
    let request = DescribeClusterRequest {
        include_cluster_authorized_operations: true,
        ..Default::default()
    };
    assert_eq!(ann.call(&request, 2).await.cluster_authorized_operations, 0);
}

#[tokio::test(start_paused = true)]
async fn a_rule_opens_what_it_names_and_no_more() {
    let kafka = start();
    let mut root = user(&kafka, "root").await;
    let mut ann = user(&kafka, "ann").await;
    assert_eq!(topics(&mut root).await, ["orders", "secrets"]);
    allow(
        &mut root,
        vec![rule(TOPIC, "ord~", READ), rule(GROUP, "g", READ)],
    )
    .await;
    assert_eq!(topics(&mut ann).await, ["orders"], "who may read may see");

    let named = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            name: Some("orders".into()),
            ..Default::default()
        }]),
        include_topic_authorized_operations: true,
        ..Default::default()
    };
    let answer = ann.call(&named, 12).await;
    let operations = answer.topics[0].topic_authorized_operations;
    assert_eq!(operations, 1 << READ | 1 << DESCRIBE);
    let fetch = FetchRequest {
        topics: vec![FetchTopic {
            topic: "orders".into(),
            partitions: vec![FetchPartition::default()],
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = ann.call(&fetch, 11).await;
    let partition = answer.responses.first().map(|topic| &topic.partitions[0]);
    assert!(partition.is_none_or(|it| it.error_code == ErrorCode::NONE));

    // An offset is committed of what may be read, and of nothing else.
    let commit = |topic: &str| OffsetCommitRequestTopic {
        name: topic.into(),
        partitions: vec![OffsetCommitRequestPartition::default()],
        ..Default::default()
    };
    let request = OffsetCommitRequest {
        group_id: "g".into(),
        generation_id_or_member_epoch: -1,
        topics: vec![commit("orders"), commit("secrets")],
        ..Default::default()
    };
    let find = FindCoordinatorRequest {
        coordinator_keys: vec!["g".into()],
        ..Default::default()
    };
    ann.call(&find, 4).await;
    let answer = ann.call(&request, 8).await;
    let mut codes: Vec<_> = answer
        .topics
        .iter()
        .map(|topic| (topic.name.to_string(), topic.partitions[0].error_code))
        .collect();
    codes.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        codes,
        [
            ("orders".to_owned(), ErrorCode::NONE),
            ("secrets".to_owned(), ErrorCode::TOPIC_AUTHORIZATION_FAILED),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn writing_to_any_topic_allows_to_write_idempotently() {
    let kafka = start();
    let mut root = user(&kafka, "root").await;
    let mut ann = user(&kafka, "ann").await;
    let request = InitProducerIdRequest {
        transactional_id: None,
        ..Default::default()
    };
    let denied = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
    assert_eq!(ann.call(&request, 4).await.error_code, denied);
    allow(&mut root, vec![rule(TOPIC, "none-such", WRITE)]).await;
    assert_eq!(ann.call(&request, 4).await.error_code, ErrorCode::NONE);
    let filter = DeleteAclsFilter {
        resource_type_filter: TOPIC,
        resource_name_filter: None,
        pattern_type_filter: 1,
        principal_filter: Some("User:ann".into()),
        host_filter: None,
        operation: 1,
        permission_type: 1,
        ..Default::default()
    };
    let delete = DeleteAclsRequest {
        filters: vec![filter],
        ..Default::default()
    };
    let answer = root.call(&delete, 3).await;
    assert_eq!(answer.filter_results[0].matching_acls.len(), 1);
    assert_eq!(ann.call(&request, 4).await.error_code, denied);
    allow(
        &mut root,
        vec![rule(CLUSTER, "kafka-cluster", IDEMPOTENT_WRITE)],
    )
    .await;
    assert_eq!(ann.call(&request, 4).await.error_code, ErrorCode::NONE);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_is_its_ids_and_its_topics() {
    let kafka = start();
    let mut root = user(&kafka, "root").await;
    let mut ann = user(&kafka, "ann").await;
    allow(
        &mut root,
        vec![
            rule(TRANSACTIONAL_ID, "tx", WRITE),
            rule(TOPIC, "orders", WRITE),
        ],
    )
    .await;
    let find = FindCoordinatorRequest {
        key_type: 1,
        coordinator_keys: vec!["tx".into()],
        ..Default::default()
    };
    ann.call(&find, 4).await;
    let request = InitProducerIdRequest {
        transactional_id: Some("tx".into()),
        transaction_timeout_ms: 1000,
        ..Default::default()
    };
    let started = ann.call(&request, 4).await;
    assert_eq!(started.error_code, ErrorCode::NONE);
    let add = AddPartitionsToTxnRequest {
        v3_and_below_transactional_id: "tx".into(),
        v3_and_below_producer_id: started.producer_id,
        v3_and_below_producer_epoch: started.producer_epoch,
        v3_and_below_topics: ["orders", "secrets"]
            .map(|topic| AddPartitionsToTxnTopic {
                name: topic.into(),
                partitions: vec![PartitionId(0)],
                ..Default::default()
            })
            .to_vec(),
        ..Default::default()
    };
    let answer = ann.call(&add, 3).await;
    let topics = answer.results_by_topic_v3_and_below.iter();
    let codes: Vec<ErrorCode> = topics
        .map(|topic| topic.results_by_partition[0].partition_error_code)
        .collect();
    let denied = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    assert_eq!(codes, [ErrorCode::OPERATION_NOT_ATTEMPTED, denied]);
}

#[tokio::test(start_paused = true)]
async fn topics_are_made_by_those_who_may_and_shown_to_those_who_may_see() {
    let kafka = start();
    let mut root = user(&kafka, "root").await;
    let mut ann = user(&kafka, "ann").await;
    let request = CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: "new".into(),
            num_partitions: 1,
            replication_factor: 1,
            ..Default::default()
        }],
        ..Default::default()
    };
    let denied = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    assert_eq!(ann.call(&request, 7).await.topics[0].error_code, denied);
    allow(&mut root, vec![rule(TOPIC, "new", CREATE)]).await;
    let answer = ann.call(&request, 7).await;
    let created = &answer.topics[0];
    assert_eq!(created.error_code, ErrorCode::NONE);
    assert_eq!(
        created.topic_config_error_code, denied,
        "not what it is like"
    );
    assert_eq!(created.num_partitions, -1);
}
