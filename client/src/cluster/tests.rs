//! Goal: requests reach the broker that has to serve them, through every change of the cluster, and
//! errors say what stands in the way. Method: a cluster in memory that does as it is told, and a
//! paused clock.

use std::time::Duration;

use thalweg_protocol::messages::{
    DescribeTransactionsRequest, FetchRequest, FindCoordinatorRequest, FindCoordinatorResponse,
    HeartbeatRequest, HeartbeatResponse, ListGroupsRequest, ListGroupsResponse, MetadataRequest,
    MetadataResponse, MetadataResponseBroker,
};
use thalweg_protocol::{ApiKey, BrokerId, ErrorCode, PartitionId};
use tokio::time::{Instant, sleep};

use super::{Cluster, Leader, Purpose, Target};
use crate::config::ClientConfig;
use crate::error::{CallError, ConnectError, Disposition};
use crate::fake_cluster::{FakeCluster, Reply};
use crate::net::ConnectionFailure;

async fn connect(fake: &FakeCluster) -> Cluster {
    let cluster = Cluster::connect(fake.config())
        .await
        .expect("a cluster that is up");
    fake.take_log();
    cluster
}

fn apis(fake: &FakeCluster) -> Vec<ApiKey> {
    fake.take_log().into_iter().map(|(_, api, _)| api).collect()
}

async fn list_groups(cluster: &Cluster, to: Target<'_>) -> Result<ListGroupsResponse, CallError> {
    cluster
        .call(to, Purpose::Control, &ListGroupsRequest::default())
        .await
}

fn answer_list_groups(fake: &FakeCluster) {
    fake.on::<ListGroupsRequest>(|_| Reply::Answer(ListGroupsResponse::default()));
}

#[tokio::test(start_paused = true)]
async fn any_bootstrap_server_that_is_up_will_do() {
    let fake = FakeCluster::new(3);
    fake.take_down(0);
    fake.take_down(2);
    let cluster = connect(&fake).await;
    let metadata = cluster.metadata();
    assert_eq!(metadata.cluster_id(), Some("fake"));
    assert_eq!(
        metadata
            .brokers()
            .map(|broker| broker.id().0)
            .collect::<Vec<_>>(),
        [1]
    );
}

#[tokio::test(start_paused = true)]
async fn a_frozen_bootstrap_server_does_not_hold_up_the_others() {
    for frozen in 0..3 {
        let fake = FakeCluster::new(3);
        fake.freeze(frozen);
        let started = Instant::now();
        connect(&fake).await;
        assert!(
            started.elapsed() <= Duration::from_secs(1),
            "{:?}",
            started.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn without_any_broker_the_reason_is_given_for_each() {
    let fake = FakeCluster::new(2);
    fake.take_down(0);
    fake.freeze(1);
    let config = ClientConfig::new("broker-0:9092,broker-1:9092,elsewhere:1").transport(fake);
    let started = Instant::now();
    let error = Cluster::connect(config)
        .await
        .expect_err("nobody is there")
        .to_string();
    assert!(
        started.elapsed() < Duration::from_secs(21),
        "{:?}",
        started.elapsed()
    );
    for reason in [
        "broker-0:9092: connection refused: nothing listens there",
        "broker-1:9092: something accepts connections there but did not answer within 10s",
        "elsewhere:1: no such host",
    ] {
        assert!(error.contains(reason), "{reason}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn brokers_that_start_late_are_waited_for() {
    let fake = FakeCluster::new(1);
    fake.take_down(0);
    let late = fake.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(5)).await;
        late.bring_up(0);
    });
    connect(&fake).await;
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_knows_nobody_yet_is_asked_again() {
    let fake = FakeCluster::new(1);
    let mut asked = 0;
    fake.on::<MetadataRequest>(move |_| {
        asked += 1;
        if asked < 4 {
            Reply::Answer(MetadataResponse::default())
        } else {
            Reply::Default
        }
    });
    connect(&fake).await;
}

#[tokio::test(start_paused = true)]
async fn the_newest_version_both_sides_have_is_spoken() {
    let fake = FakeCluster::new(1);
    answer_list_groups(&fake);
    for (offered, spoken) in [((0, 2), 2), ((0, 99), 5), ((3, 4), 4)] {
        fake.state()
            .brokers
            .get_mut(&BrokerId(0))
            .expect("it exists")
            .ranges
            .insert(ApiKey::ListGroups, offered);
        let cluster = connect(&fake).await;
        list_groups(&cluster, Target::Any).await.expect("an answer");
        assert_eq!(fake.take_log(), [(BrokerId(0), ApiKey::ListGroups, spoken)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_too_old_for_the_list_of_versions_is_asked_in_the_first() {
    let fake = FakeCluster::new(1);
    answer_list_groups(&fake);
    let ranges = [
        (ApiKey::ApiVersions, (0, 2)),
        (ApiKey::Metadata, (0, 7)),
        (ApiKey::ListGroups, (0, 2)),
    ];
    fake.state()
        .brokers
        .get_mut(&BrokerId(0))
        .expect("it exists")
        .ranges = ranges.into_iter().collect();
    let cluster = connect(&fake).await;
    list_groups(&cluster, Target::Any).await.expect("an answer");
    assert_eq!(fake.take_log(), [(BrokerId(0), ApiKey::ListGroups, 2)]);
    assert_eq!(cluster.finalized_feature_level("transaction.version"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_broker_too_old_for_a_request_is_told_from_one_too_new() {
    let fake = FakeCluster::new(1);
    let ranges = [
        (ApiKey::ApiVersions, (0, 3)),
        (ApiKey::Metadata, (0, 7)),
        (ApiKey::Fetch, (30, 40)),
    ];
    fake.state()
        .brokers
        .get_mut(&BrokerId(0))
        .expect("it exists")
        .ranges = ranges.into_iter().collect();
    let cluster = connect(&fake).await;
    let old = DescribeTransactionsRequest::default();
    let old = cluster
        .call(Target::Any, Purpose::Control, &old)
        .await
        .expect_err("too old");
    assert_eq!(old.disposition(), Disposition::Fatal);
    assert_eq!(
        old.to_string(),
        "broker 0 at broker-0:9092 does not support what is asked of it: DescribeTransactions \
         needs version 0, it has none; it takes Kafka 3.0.2 or later"
    );
    let new = FetchRequest::default();
    let new = cluster
        .call(Target::Any, Purpose::Control, &new)
        .await
        .expect_err("too new");
    assert!(
        new.to_string()
            .contains("it has versions 30 to 40; the broker is newer"),
        "{new}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pinned_version_limits_what_is_spoken_and_is_named_in_errors() {
    let fake = FakeCluster::new(1);
    answer_list_groups(&fake);
    let cluster = Cluster::connect(fake.config().broker_version("2.1"))
        .await
        .expect("a cluster");
    fake.take_log();
    list_groups(&cluster, Target::Any).await.expect("an answer");
    assert_eq!(fake.take_log(), [(BrokerId(0), ApiKey::ListGroups, 2)]);
    let error = cluster
        .call(
            Target::Any,
            Purpose::Control,
            &DescribeTransactionsRequest::default(),
        )
        .await
        .expect_err("Kafka 2.1 does not have it");
    assert!(
        error.to_string().contains("pinned to broker_version 2.1.1"),
        "{error}"
    );

    let error = Cluster::connect(fake.config().broker_version("0.8"))
        .await
        .expect_err("too old");
    assert!(matches!(error, ConnectError::Config(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_asked_for_once_and_then_known() {
    let fake = FakeCluster::new(2);
    fake.set_topic("bids", &[0, 1], 5);
    let cluster = connect(&fake).await;
    let topic = cluster.topic("bids").await.expect("it exists");
    assert_eq!(topic.partitions().len(), 2);
    assert_eq!(apis(&fake), [ApiKey::Metadata]);
    cluster.topic("bids").await.expect("it exists");
    assert_eq!(apis(&fake), []);
    assert_eq!(
        cluster.leader_of("bids", PartitionId(1)).expect("a leader"),
        Leader {
            broker: BrokerId(1),
            leader_epoch: 5
        }
    );
    let by_id = cluster.metadata();
    assert_eq!(
        by_id.topic_by_id(topic.id()).map(|topic| &**topic.name()),
        Some("bids")
    );
    let error = cluster
        .leader_of("bids", PartitionId(2))
        .expect_err("no such partition");
    assert!(
        error.to_string().contains("no partition 2: it has 2"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_was_deleted_is_asked_for_anew_and_kept_up_to_date() {
    let fake = FakeCluster::new(2);
    fake.set_topic("t", &[0], 5);
    let cluster = connect(&fake).await;
    cluster.topic("t").await.expect("it is there");
    cluster.topic_deleted("t");
    // Another of that name, whose elections begin anew.
    fake.set_topic("t", &[1], 0);
    let made = cluster.topic("t").await.expect("it is there again");
    assert_eq!(made.partitions()[0].leader, Some(BrokerId(1)));
    fake.set_topic("t", &[0], 1);
    let renewed = cluster.refresh_metadata().await.expect("an answer");
    let renewed = renewed.topic("t").expect("it is asked about");
    assert_eq!(renewed.partitions()[0].leader, Some(BrokerId(0)));
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_appears_late_is_waited_for() {
    let fake = FakeCluster::new(1);
    let cluster = connect(&fake).await;
    let late = fake.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(2)).await;
        late.set_topic("late", &[0], 0);
    });
    cluster.topic("late").await.expect("it appears");
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_never_appears_is_an_error_that_names_it() {
    let fake = FakeCluster::new(1);
    let cluster = connect(&fake).await;
    let started = Instant::now();
    let error = cluster
        .topic("misspelt")
        .await
        .expect_err("it does not exist");
    assert!(matches!(error, CallError::UnknownTopic { .. }), "{error}");
    assert!(
        error.to_string().contains("'misspelt' does not exist"),
        "{error}"
    );
    assert!(
        (5..7).contains(&started.elapsed().as_secs()),
        "{:?}",
        started.elapsed()
    );
    // Nobody asks for it any more.
    fake.take_log();
    cluster.refresh_metadata().await.expect("an answer");
    assert_eq!(apis(&fake), [ApiKey::Metadata]);
}

#[tokio::test(start_paused = true)]
async fn many_wishes_for_newer_metadata_are_one_question() {
    let fake = FakeCluster::new(3);
    let cluster = connect(&fake).await;
    for _ in 0..100 {
        cluster.request_metadata_refresh();
    }
    cluster.refresh_metadata().await.expect("an answer");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(apis(&fake), [ApiKey::Metadata]);
}

#[tokio::test(start_paused = true)]
async fn metadata_is_renewed_when_it_is_old_and_not_before() {
    let fake = FakeCluster::new(1);
    let config = fake.config().metadata_max_age(Duration::from_secs(60));
    let _cluster = Cluster::connect(config).await.expect("a cluster");
    fake.take_log();
    sleep(Duration::from_secs(59)).await;
    assert_eq!(apis(&fake), []);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(apis(&fake), [ApiKey::Metadata]);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_lags_behind_does_not_bring_back_an_old_leader() {
    let fake = FakeCluster::new(2);
    fake.set_topic("bids", &[1], 7);
    let cluster = connect(&fake).await;
    cluster.topic("bids").await.expect("it exists");
    fake.set_topic("bids", &[0], 6);
    cluster.refresh_metadata().await.expect("an answer");
    assert_eq!(
        cluster
            .leader_of("bids", PartitionId(0))
            .expect("known")
            .broker,
        BrokerId(1)
    );
    fake.set_topic("bids", &[0], 8);
    cluster.refresh_metadata().await.expect("an answer");
    assert_eq!(
        cluster
            .leader_of("bids", PartitionId(0))
            .expect("known")
            .broker,
        BrokerId(0)
    );
    // Created anew, it begins with epoch 0 and another id.
    fake.set_topic("bids", &[1], 0);
    fake.state().topics.get_mut("bids").expect("it exists").id = thalweg_protocol::Uuid([9; 16]);
    cluster.refresh_metadata().await.expect("an answer");
    assert_eq!(
        cluster.leader_of("bids", PartitionId(0)).expect("known"),
        Leader {
            broker: BrokerId(1),
            leader_epoch: 0
        }
    );
}

#[tokio::test(start_paused = true)]
async fn a_leader_named_in_another_answer_counts_if_it_is_newer() {
    let fake = FakeCluster::new(2);
    fake.set_topic("bids", &[1], 7);
    let cluster = connect(&fake).await;
    cluster.topic("bids").await.expect("it exists");
    let older = Leader {
        broker: BrokerId(0),
        leader_epoch: 7,
    };
    cluster.learn_leader("bids", PartitionId(0), older);
    assert_eq!(
        cluster
            .leader_of("bids", PartitionId(0))
            .expect("known")
            .broker,
        BrokerId(1)
    );
    let newer = Leader {
        broker: BrokerId(0),
        leader_epoch: 8,
    };
    cluster.learn_leader("bids", PartitionId(0), newer);
    assert_eq!(
        cluster.leader_of("bids", PartitionId(0)).expect("known"),
        newer
    );
}

#[tokio::test(start_paused = true)]
async fn connections_are_shared_opened_once_and_opened_again_when_lost() {
    let fake = FakeCluster::new(1);
    answer_list_groups(&fake);
    let cluster = connect(&fake).await;
    let before = fake.connections();
    let to = Target::Broker(BrokerId(0));
    let (a, b, c) = tokio::join!(
        list_groups(&cluster, to),
        list_groups(&cluster, to),
        list_groups(&cluster, Target::Any)
    );
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(fake.connections() - before, 1);
    fake.take_down(0);
    sleep(Duration::from_millis(1)).await;
    fake.bring_up(0);
    list_groups(&cluster, to).await.expect("a new connection");
    assert_eq!(fake.connections() - before, 2);
}

#[tokio::test(start_paused = true)]
async fn clients_of_one_cluster_have_their_own_connections_for_what_may_block() {
    let fake = FakeCluster::new(1);
    let cluster = connect(&fake).await;
    let (one, two) = (cluster.scoped(), cluster.scoped());
    let before = fake.connections();
    for purpose in [Purpose::Control, Purpose::Fetch] {
        for client in [&one, &two] {
            let to = Target::Broker(BrokerId(0));
            let connection = client.connection(to, purpose).await.expect("a connection");
            assert_eq!(connection.broker_id(), Some(BrokerId(0)));
        }
    }
    assert_eq!(
        fake.connections() - before,
        3,
        "one for short questions, two for fetches"
    );
}

#[tokio::test(start_paused = true)]
async fn giving_up_on_a_connection_does_not_spoil_it_for_others() {
    let fake = FakeCluster::new(1);
    answer_list_groups(&fake);
    let cluster = connect(&fake).await;
    fake.freeze(0);
    let before = fake.connections();
    let impatient = tokio::time::timeout(
        Duration::from_secs(1),
        cluster.connection(Target::Broker(BrokerId(0)), Purpose::Control),
    );
    assert!(impatient.await.is_err());
    fake.thaw(0);
    list_groups(&cluster, Target::Broker(BrokerId(0)))
        .await
        .expect("an answer");
    assert_eq!(fake.connections() - before, 1);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_down_is_not_hammered() {
    let fake = FakeCluster::new(2);
    let cluster = connect(&fake).await;
    fake.take_down(1);
    let before = fake.connections();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(10) {
        let to = Target::Broker(BrokerId(1));
        let error = cluster
            .connection(to, Purpose::Fetch)
            .await
            .expect_err("it is down");
        assert!(matches!(error, CallError::Connect { .. }), "{error}");
        assert_eq!(error.disposition(), Disposition::Retry);
    }
    let attempts = fake.connections() - before;
    assert!((8..=20).contains(&attempts), "{attempts}");
}

#[tokio::test(start_paused = true)]
async fn when_all_known_brokers_are_gone_the_bootstrap_servers_are_asked_again() {
    let fake = FakeCluster::new(2);
    answer_list_groups(&fake);
    let cluster = Cluster::connect(fake.config()).await.expect("a cluster");
    // All brokers move: what is known is of no use any more, but the bootstrap address leads on.
    fake.on::<MetadataRequest>(|_| {
        Reply::Answer(MetadataResponse {
            cluster_id: Some("fake".into()),
            brokers: vec![MetadataResponseBroker {
                node_id: BrokerId(7),
                host: "nowhere".into(),
                port: 1,
                ..Default::default()
            }],
            ..Default::default()
        })
    });
    cluster.refresh_metadata().await.expect("an answer");
    assert!(cluster.metadata().broker(BrokerId(0)).is_none());
    fake.on::<MetadataRequest>(|_| Reply::Default);
    cluster
        .refresh_metadata()
        .await
        .expect("the bootstrap servers answer");
    assert!(cluster.metadata().broker(BrokerId(0)).is_some());
    list_groups(&cluster, Target::Any).await.expect("an answer");
}

#[tokio::test(start_paused = true)]
async fn a_failed_refresh_is_reported_and_goes_on_in_the_background() {
    let fake = FakeCluster::new(1);
    let cluster = connect(&fake).await;
    fake.take_down(0);
    let error = cluster
        .refresh_metadata()
        .await
        .expect_err("nobody is there");
    assert!(
        matches!(error, CallError::NoBrokerReachable { .. }),
        "{error}"
    );
    fake.set_topic("new", &[0], 0);
    cluster.track_topics(["new"]);
    fake.bring_up(0);
    let mut changes = cluster.metadata_changes();
    while cluster.metadata().topic("new").is_none() {
        changes.next().await.expect("the cluster is there");
    }
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_is_looked_up_once_until_it_moves() {
    for newest in [3, 6] {
        let fake = FakeCluster::new(2);
        fake.state()
            .coordinators
            .insert("billing".into(), BrokerId(1));
        for broker in fake.state().brokers.values_mut() {
            broker.ranges.insert(ApiKey::FindCoordinator, (0, newest));
        }
        fake.on::<HeartbeatRequest>(|_| Reply::Answer(HeartbeatResponse::default()));
        let cluster = connect(&fake).await;
        let group = Target::GroupCoordinator("billing");
        let beat = HeartbeatRequest::default();
        for _ in 0..2 {
            cluster
                .call(group, Purpose::Group, &beat)
                .await
                .expect("an answer");
        }
        let log: Vec<_> = fake
            .take_log()
            .into_iter()
            .map(|(id, api, _)| (id.0, api))
            .collect();
        assert!(
            matches!(
                log[..],
                [
                    (_, ApiKey::FindCoordinator),
                    (1, ApiKey::Heartbeat),
                    (1, ApiKey::Heartbeat)
                ]
            ),
            "{log:?}"
        );

        fake.state()
            .coordinators
            .insert("billing".into(), BrokerId(0));
        cluster.coordinator_moved(group);
        cluster
            .call(group, Purpose::Group, &beat)
            .await
            .expect("an answer");
        let log: Vec<_> = fake
            .take_log()
            .into_iter()
            .map(|(id, api, _)| (id.0, api))
            .collect();
        assert!(
            matches!(
                log[..],
                [(_, ApiKey::FindCoordinator), (0, ApiKey::Heartbeat)]
            ),
            "{log:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_retried_call_follows_the_coordinator() {
    let fake = FakeCluster::new(2);
    let model = fake.clone();
    fake.on::<HeartbeatRequest>(move |received| {
        let mut response = HeartbeatResponse::default();
        if received.broker == BrokerId(0) {
            model
                .state()
                .coordinators
                .insert("billing".into(), BrokerId(1));
            response.error_code = ErrorCode::NOT_COORDINATOR;
        }
        Reply::Answer(response)
    });
    let cluster = connect(&fake).await;
    let check = |response: &HeartbeatResponse| match response.error_code {
        ErrorCode::NONE => Ok(()),
        code => Err(CallError::refused(
            ApiKey::Heartbeat,
            "group 'billing'",
            code,
            None,
        )),
    };
    let group = Target::GroupCoordinator("billing");
    let beat = HeartbeatRequest::default();
    cluster
        .call_retrying("beat", group, Purpose::Group, &beat, check)
        .await
        .expect("the other coordinator answers");
}

#[tokio::test(start_paused = true)]
async fn retrying_ends_in_time_and_says_what_stood_in_the_way() {
    let fake = FakeCluster::new(1);
    fake.on::<FindCoordinatorRequest>(|received| {
        Reply::Answer(FindCoordinatorResponse {
            coordinators: vec![thalweg_protocol::messages::Coordinator {
                key: received.request.coordinator_keys[0].clone(),
                error_code: ErrorCode::COORDINATOR_NOT_AVAILABLE,
                ..Default::default()
            }],
            ..Default::default()
        })
    });
    let cluster = connect(&fake).await;
    let started = Instant::now();
    let group = Target::GroupCoordinator("billing");
    let beat = HeartbeatRequest::default();
    let error = cluster
        .call_retrying("beat", group, Purpose::Group, &beat, |_| Ok(()))
        .await
        .expect_err("there is no coordinator");
    assert!(
        (58..=60).contains(&started.elapsed().as_secs()),
        "{:?}",
        started.elapsed()
    );
    let error = error.to_string();
    assert!(error.starts_with("beat gave up after "), "{error}");
    assert!(
        error.contains("group 'billing' failed: COORDINATOR_NOT_AVAILABLE"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_is_given_up_with_its_connection() {
    let fake = FakeCluster::new(1);
    fake.on::<ListGroupsRequest>(|_| Reply::Hang);
    let cluster = connect(&fake).await;
    let error = list_groups(&cluster, Target::Any)
        .await
        .expect_err("no answer");
    assert!(
        matches!(
            &error,
            CallError::Disconnected {
                failure: ConnectionFailure::RequestTimedOut { .. },
                sent: true,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.outcome_unknown());
    answer_list_groups(&fake);
    list_groups(&cluster, Target::Any)
        .await
        .expect("a new connection");
}

#[tokio::test(start_paused = true)]
async fn feature_levels_come_from_the_broker_that_knows_the_latest() {
    let fake = FakeCluster::new(1);
    let cluster = connect(&fake).await;
    assert_eq!(cluster.finalized_feature_level("transaction.version"), 2);
    assert_eq!(cluster.finalized_feature_level("unheard.of"), 0);
    fake.state().features = (0, vec![]);
    cluster
        .scoped()
        .connection(Target::Any, Purpose::Fetch)
        .await
        .expect("a connection");
    assert_eq!(cluster.finalized_feature_level("transaction.version"), 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_running_when_the_last_clone_is_dropped() {
    let fake = FakeCluster::new(2);
    let cluster = connect(&fake).await;
    let clone = cluster.scoped();
    let connection = clone
        .connection(Target::Any, Purpose::Fetch)
        .await
        .expect("a connection");
    drop(connection);
    drop(cluster);
    sleep(Duration::from_secs(1)).await;
    assert!(
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
            > 0
    );
    drop(clone);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks(),
        0
    );
}
