//! What an app may not do on a cluster with an authoriser, and ids that a cluster has forgotten.
//! The Kafka of these tests is their own: the others' lets everybody do everything.

use std::time::Duration;

use thalweg::AppError;
use thalweg_protocol::messages::{AclCreation, CreateAclsRequest, InitProducerIdRequest};
use thalweg_protocol::{ErrorCode, Request, decode_response, encode_request};
use thalweg_tests::brokers::{Kafka, Tests, Which};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use crate::commits::totals;
use crate::support::{Corner, PATIENCE, assert_says, count, numbers, stop, why_it_stopped};
use crate::wire::Wire;

pub(crate) fn tests(tests: Tests) -> Tests {
    tests
        .test_alone(
            "what_is_denied_is_named_and_nothing_is_committed",
            async |which| {
                what_is_denied_is_named_and_nothing_is_committed(guarded(which).await).await;
            },
        )
        .test_alone(
            "internal_topics_that_may_not_be_made_are_named",
            async |which| {
                internal_topics_that_may_not_be_made_are_named(guarded(which).await).await;
            },
        )
        .test_alone(
            "a_permission_withdrawn_while_it_runs_stops_the_app",
            async |which| {
                a_permission_withdrawn_while_it_runs_stops_the_app(guarded(which).await).await;
            },
        )
        .test_alone(
            "a_transactional_id_the_cluster_has_forgotten_is_made_again",
            async |which| {
                a_transactional_id_the_cluster_has_forgotten_is_made_again(guarded(which).await)
                    .await;
            },
        )
}

/// A Kafka that asks who may do what, and soon forgets transactional ids that nobody uses: one of each
/// kind for all tests here. It ends with this process.
async fn guarded(which: Which) -> &'static Kafka {
    static EMBEDDED: OnceCell<Kafka> = OnceCell::const_new();
    static REAL: OnceCell<Kafka> = OnceCell::const_new();
    let guarded = match which {
        Which::Embedded => &EMBEDDED,
        Which::Real => &REAL,
    };
    guarded.get_or_init(|| start_guarded(which)).await
}

async fn start_guarded(which: Which) -> Kafka {
    which
        .builder()
        .config(
            "authorizer.class.name",
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        )
        // Also the broker itself, which comes as nobody in particular.
        .config("allow.everyone.if.no.acl.found", "true")
        .config("transactional.id.expiration.ms", "3000")
        .config(
            "transaction.remove.expired.transaction.cleanup.interval.ms",
            "500",
        )
        .start()
        .await
}

const TOPIC: i8 = 2;
const GROUP: i8 = 3;
const CLUSTER: i8 = 4;
const TRANSACTIONAL_ID: i8 = 5;
const LITERAL: i8 = 3;
const PREFIXED: i8 = 4;
const ALL: i8 = 2;
const READ: i8 = 3;
const WRITE: i8 = 4;
const CREATE: i8 = 5;
const DESCRIBE: i8 = 8;
const DENY: i8 = 2;
const ALLOW: i8 = 3;

/// Denies everybody one operation; the others stay allowed, which they would not by themselves once
/// there is any rule.
async fn deny(kafka: &Kafka, resource_type: i8, pattern: i8, name: &str, operation: i8) {
    let creation = |operation, permission_type| AclCreation {
        resource_type,
        resource_name: name.into(),
        resource_pattern_type: pattern,
        principal: "User:*".into(),
        host: "*".into(),
        operation,
        permission_type,
        ..AclCreation::default()
    };
    let request = CreateAclsRequest {
        creations: vec![creation(ALL, ALLOW), creation(operation, DENY)],
        ..CreateAclsRequest::default()
    };
    let answer = call(kafka.bootstrap_servers(), &request, 3).await;
    for result in answer.results {
        assert_eq!(result.error_code, ErrorCode::NONE, "{result:?}");
    }
    // Made by the controller, and heard of by the broker a moment later.
    tokio::time::sleep(Duration::from_millis(500)).await;
}

/// One request over a connection of its own.
async fn call<R: Request>(address: &str, request: &R, version: i16) -> R::Response {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let frame = encode_request(request, version, 1, Some("acls")).expect("encodable");
    stream.write_all(&frame.to_bytes()).await.expect("sent");
    let length = stream.read_i32().await.expect("an answer");
    let mut answer = vec![0; usize::try_from(length).expect("a length")];
    stream.read_exact(&mut answer).await.expect("all of it");
    let (_, answer) = decode_response::<R>(answer.into(), version).expect("readable");
    answer
}

/// What is denied, of which kind, under which name, for doing what.
struct Denial {
    name: &'static str,
    resource: i8,
    pattern: i8,
    of: fn(&Corner) -> String,
    operation: i8,
    /// What the error has to say beside the name.
    says: &'static [&'static str],
}

const fn denial(
    name: &'static str,
    resource: i8,
    operation: i8,
    of: fn(&Corner) -> String,
    says: &'static [&'static str],
) -> Denial {
    Denial {
        name,
        resource,
        // Transactional ids have the application's in front.
        pattern: if resource == TRANSACTIONAL_ID {
            PREFIXED
        } else {
            LITERAL
        },
        of,
        operation,
        says,
    }
}

const DENIALS: [Denial; 7] = [
    denial(
        "read-in",
        TOPIC,
        READ,
        |c| c.topic("in"),
        &["cannot read", "--topic"],
    ),
    denial(
        "see-in",
        TOPIC,
        DESCRIBE,
        |c| c.topic("in"),
        &["looking at", "--topic"],
    ),
    denial(
        "write-out",
        TOPIC,
        WRITE,
        |c| c.topic("out"),
        &["refused a batch", "--topic"],
    ),
    denial(
        "write-log",
        TOPIC,
        WRITE,
        changelog,
        &["refused a batch", "--topic"],
    ),
    denial(
        "join",
        GROUP,
        READ,
        |c| c.name.clone(),
        &["JoinGroup", "--group"],
    ),
    denial(
        "see-group",
        GROUP,
        DESCRIBE,
        |c| c.name.clone(),
        &["group", "--group"],
    ),
    denial(
        "ids",
        TRANSACTIONAL_ID,
        WRITE,
        |c| c.name.clone(),
        &["InitProducerId", "--transactional-id"],
    ),
];

fn changelog(corner: &Corner) -> String {
    corner.topic("counts-changelog")
}

async fn what_is_denied_is_named_and_nothing_is_committed(kafka: &Kafka) {
    for denial in DENIALS {
        let corner = Corner::at(kafka.bootstrap_servers(), denial.name, 1).await;
        corner.write(numbers(0, 10, 5)).await;
        let denied = (denial.of)(&corner);
        let (resource, pattern) = (denial.resource, denial.pattern);
        deny(kafka, resource, pattern, &denied, denial.operation).await;
        let app = corner.app();
        count(&app, &corner);
        let error = why_it_stopped(&app).await.to_string();
        assert_says(&error, &[&denied]);
        assert_says(&error, denial.says);
        assert_eq!(corner.read("out").await, [], "{}", denial.name);
    }
}

async fn internal_topics_that_may_not_be_made_are_named(kafka: &Kafka) {
    let corner = Corner::at(kafka.bootstrap_servers(), "make-log", 1).await;
    // Who may create on the cluster may create every topic, so both have to be denied.
    deny(kafka, CLUSTER, LITERAL, "kafka-cluster", CREATE).await;
    deny(kafka, TOPIC, LITERAL, &changelog(&corner), CREATE).await;
    let app = corner.app();
    count(&app, &corner);
    let error = why_it_stopped(&app).await.to_string();
    assert_says(
        &error,
        &[
            "creating the internal topic",
            &changelog(&corner),
            "--topic",
        ],
    );
}

async fn a_permission_withdrawn_while_it_runs_stops_the_app(kafka: &Kafka) {
    let corner = Corner::at(kafka.bootstrap_servers(), "withdrawn", 1).await;
    corner.write(numbers(0, 20, 5)).await;
    let app = corner.app();
    count(&app, &corner);
    let running = app.start().await.expect("started");
    corner.read_at_least("out", 20).await;
    deny(kafka, TOPIC, LITERAL, &corner.topic("out"), WRITE).await;
    corner.write(numbers(20, 20, 5)).await;
    let ended = tokio::time::timeout(PATIENCE, running.wait()).await;
    let error = ended.expect("it stops by itself").expect_err("by an error");
    assert!(matches!(error, AppError::Transaction(_)), "{error}");
    assert_says(&error.to_string(), &[&corner.topic("out"), "--topic"]);
    totals(&corner.read("out").await);
    assert_eq!(corner.read("out").await.len(), 20);
}

async fn a_transactional_id_the_cluster_has_forgotten_is_made_again(kafka: &Kafka) {
    let corner = Corner::at(kafka.bootstrap_servers(), "forgotten", 1).await;
    let wire = Wire::new();
    let app = corner.app().client_config(wire.client(&corner.servers));
    count(&app, &corner);
    let running = app.start().await.expect("started");
    corner.write(numbers(0, 20, 5)).await;
    corner.read_at_least("out", 20).await;
    let forgotten = async {
        loop {
            let known = corner.admin.list_transactions().await.expect("listed");
            let mut known = known.iter();
            if !known.any(|listing| listing.transactional_id.starts_with(&corner.name)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, forgotten)
        .await
        .expect("nobody used it");
    let epochs = wire.asked::<InitProducerIdRequest>().len();
    corner.write(numbers(20, 20, 5)).await;
    let seen = corner.read_at_least("out", 40).await;
    assert_eq!(seen.len(), 40);
    totals(&seen);
    assert!(wire.asked::<InitProducerIdRequest>().len() > epochs);
    stop(running).await;
}
