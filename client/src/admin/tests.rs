//! Goal: an operation on several things says for each of them what came of it, asks again where that
//! helps and only there, and names what stands in the way. Method: brokers in memory that answer as a
//! test says, and a paused clock.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use thalweg_protocol::messages::{
    CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse, DeletableTopicResult,
    DeleteTopicsRequest, DeleteTopicsResponse, DescribeTransactionsRequest,
    ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};
use thalweg_protocol::{ApiKey, BrokerId, ErrorCode, Offset};
use tokio::time::{Instant, timeout};

use crate::fake_cluster::{FakeCluster, Reply};
use crate::{Admin, CallError, Disposition, IsolationLevel, NewTopic, OffsetSpec, TopicPartition};

/// The topics of each request, with the broker that got it.
type Asked = Arc<Mutex<Vec<(i32, Vec<String>)>>>;

async fn admin(fake: &FakeCluster) -> Admin {
    let admin = Admin::connect(fake.config()).await.expect("up");
    fake.take_log();
    admin
}

/// Answers CreateTopics: for each topic and how often it was asked for before, with a code.
fn create(
    fake: &FakeCluster,
    mut code: impl FnMut(BrokerId, &str, usize) -> ErrorCode + Send + 'static,
) -> Asked {
    let asked = Asked::default();
    let log = Arc::clone(&asked);
    fake.on::<CreateTopicsRequest>(move |received| {
        let mut log = log.lock().expect("no panic");
        let names = received
            .request
            .topics
            .iter()
            .map(|topic| topic.name.to_string());
        let names: Vec<String> = names.collect();
        let topics = names.iter().map(|name| {
            let before = log.iter().filter(|(_, names)| names.contains(name)).count();
            CreatableTopicResult {
                name: name.as_str().into(),
                error_code: code(received.broker, name, before),
                num_partitions: 1,
                ..Default::default()
            }
        });
        let topics = topics.collect();
        log.push((received.broker.0, names));
        Reply::Answer(CreateTopicsResponse {
            topics,
            ..Default::default()
        })
    });
    asked
}

fn new_topics(names: &[&str]) -> Vec<NewTopic> {
    names.iter().map(|name| NewTopic::new(*name, 1)).collect()
}

#[tokio::test(start_paused = true)]
async fn each_topic_succeeds_or_fails_on_its_own() {
    let fake = FakeCluster::new(1);
    let asked = create(&fake, |_, name, before| match (name, before) {
        ("exists", _) => ErrorCode::TOPIC_ALREADY_EXISTS,
        ("denied", _) => ErrorCode::TOPIC_AUTHORIZATION_FAILED,
        ("slow", 0..2) => ErrorCode::REQUEST_TIMED_OUT,
        _ => ErrorCode::NONE,
    });
    let admin = admin(&fake).await;
    let topics = new_topics(&["new", "exists", "denied", "slow"]);
    let outcomes = admin.create_topics(topics).await;
    let code = |name| {
        let outcome = outcomes.outcome(name).expect("asked for");
        outcome.as_ref().err().and_then(CallError::code)
    };
    assert_eq!(code("new"), None);
    assert_eq!(code("slow"), None);
    assert_eq!(code("exists"), Some(ErrorCode::TOPIC_ALREADY_EXISTS));
    assert_eq!(code("denied"), Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    let asked = asked.lock().expect("no panic").clone();
    let repeated: Vec<&Vec<String>> = asked.iter().skip(1).map(|(_, names)| names).collect();
    assert_eq!(
        repeated,
        [&["slow"], &["slow"]],
        "only what may have passed"
    );
    let error = outcomes.all().expect_err("two failed");
    assert!(
        error.to_string().contains("topic 'denied'"),
        "the first by name: {error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_topic_the_answer_leaves_out_counts_as_failed() {
    let fake = FakeCluster::new(1);
    fake.on::<DeleteTopicsRequest>(|_| {
        Reply::Answer(DeleteTopicsResponse {
            responses: vec![DeletableTopicResult {
                name: Some("one".into()),
                ..Default::default()
            }],
            ..Default::default()
        })
    });
    let outcomes = admin(&fake).await.delete_topics(["one", "other"]).await;
    assert!(matches!(outcomes.outcome("one"), Some(Ok(()))));
    let Some(Err(error)) = outcomes.outcome("other") else {
        panic!("{outcomes:?}");
    };
    assert!(matches!(error, CallError::NotMentioned { .. }), "{error}");
    assert!(
        error.outcome_unknown(),
        "it may have been deleted all the same"
    );
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_moves_is_followed() {
    let fake = FakeCluster::new(3);
    let moved = fake.clone();
    let asked = create(&fake, move |broker, _, _| {
        // Broker 0 hands over as soon as it is asked.
        moved.state().controller = BrokerId(2);
        match broker.0 {
            2 => ErrorCode::NONE,
            _ => ErrorCode::NOT_CONTROLLER,
        }
    });
    let admin = admin(&fake).await;
    let begun = Instant::now();
    let outcomes = admin.create_topics(new_topics(&["t"])).await;
    outcomes.all().expect("the new controller creates it");
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    let asked = asked.lock().expect("no panic");
    let brokers: Vec<i32> = asked.iter().map(|(broker, _)| *broker).collect();
    assert_eq!(
        (brokers.first(), brokers.last()),
        (Some(&0), Some(&2)),
        "{brokers:?}"
    );
    assert!(brokers.len() <= 3, "{brokers:?}");
}

#[tokio::test(start_paused = true)]
async fn what_never_passes_is_given_up_in_time_with_the_last_reason() {
    let fake = FakeCluster::new(1);
    create(&fake, |_, _, _| ErrorCode::NOT_CONTROLLER);
    let config = fake.config().default_api_timeout(Duration::from_secs(5));
    let admin = Admin::connect(config).await.expect("up");
    let begun = Instant::now();
    let created = admin.create_topics(new_topics(&["t"]));
    let outcomes = timeout(Duration::from_secs(6), created)
        .await
        .expect("in time");
    let error = outcomes.all().expect_err("nobody is the controller");
    assert!(
        begun.elapsed() > Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(error.disposition(), Disposition::Fatal);
    let text = error.to_string();
    for part in ["create topics gave up after", "topic 't'", "NOT_CONTROLLER"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn offsets_come_from_each_leader_and_one_failure_spoils_no_other() {
    // Method: broker 1 has handed partition 1 over to broker 0, of which the client does not know;
    // partition 2 is broken.
    let fake = FakeCluster::new(2);
    fake.set_topic("t", &[0, 1, 1], 1);
    let moved = fake.clone();
    fake.on::<ListOffsetsRequest>(move |received| {
        let leaders = moved.state().topics["t"].leaders.clone();
        let topics = received.request.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.into_iter().map(|asked| {
                let number = asked.partition_index.0;
                let leads = leaders[number as usize].0 == received.broker;
                ListOffsetsPartitionResponse {
                    partition_index: asked.partition_index,
                    error_code: match (leads, number) {
                        (false, _) => ErrorCode::NOT_LEADER_OR_FOLLOWER,
                        (true, 2) => ErrorCode::TOPIC_AUTHORIZATION_FAILED,
                        (true, _) => ErrorCode::NONE,
                    },
                    offset: Offset(i64::from(10 * number)),
                    ..Default::default()
                }
            });
            ListOffsetsTopicResponse {
                name: topic.name.clone(),
                partitions: partitions.collect(),
                ..Default::default()
            }
        });
        Reply::Answer(ListOffsetsResponse {
            topics: topics.collect(),
            ..Default::default()
        })
    });
    let admin = admin(&fake).await;
    admin.cluster().topic("t").await.expect("it exists");
    fake.state().topics.get_mut("t").expect("it exists").leaders[1] = (BrokerId(0), 2);
    let wanted = (0..3).map(|number| (TopicPartition::new("t", number), OffsetSpec::Latest));
    let listed = admin
        .list_offsets(wanted, IsolationLevel::ReadUncommitted)
        .await;
    let offset = |number| {
        let outcome = listed.outcome(&TopicPartition::new("t", number));
        outcome
            .expect("asked for")
            .as_ref()
            .map(|listed| listed.offset)
    };
    assert_eq!(offset(0).expect("found"), Some(Offset(0)));
    assert_eq!(
        offset(1).expect("found at its new leader"),
        Some(Offset(10))
    );
    let error = offset(2).expect_err("denied");
    assert!(error.to_string().contains("partition t-2"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_a_broker_does_not_have_is_an_error_that_names_the_release() {
    let fake = FakeCluster::new(1);
    for broker in fake.state().brokers.values_mut() {
        broker.ranges.remove(&ApiKey::DescribeTransactions);
        broker.ranges.insert(ApiKey::ListOffsets, (0, 5));
    }
    fake.set_topic("t", &[0], 1);
    fake.on::<DescribeTransactionsRequest>(|_| panic!("it is not to be asked"));
    let admin = admin(&fake).await;
    let begun = Instant::now();
    let error = admin.describe_transactions(["id"]).await.all();
    let error = error.expect_err("before Kafka 3.0").to_string();
    for part in [
        "broker 0",
        "DescribeTransactions",
        "it has none",
        "it takes Kafka 3.0",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let newest = [(TopicPartition::new("t", 0), OffsetSpec::MaxTimestamp)];
    let error = admin
        .list_offsets(newest, IsolationLevel::ReadUncommitted)
        .await
        .all();
    let error = error.expect_err("before Kafka 3.0").to_string();
    for part in [
        "ListOffsets",
        "it has versions 0 to 5",
        "it takes Kafka 3.0",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "asking again does not help"
    );
}
