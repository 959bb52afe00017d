//! What administrators set outlives a kill with `--data`: rules, credentials, quotas, settings of
//! topics, brokers, groups and client metrics, feature levels.
//!
//! Method: a broker is dropped, as a kill does, and another one takes the folder. What is described has
//! to be the same, and what was taken back has to stay away.

use std::path::Path;
use std::time::Duration;

use thalweg_broker::{Builder, DataError, EmbeddedBroker, StartError};
use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::*;
use thalweg_protocol::sasl::{ScramCredential, ScramMechanism};

use crate::support::{PORT, Raw, reopen, start};

const SET: i8 = 0;
const DELETE: i8 = 1;
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

fn brokers(folder: &Path) -> Builder {
    let authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer";
    let builder = EmbeddedBroker::builder()
        .topic("bids", 1)
        .config("authorizer.class.name", authorizer)
        .config("super.users", "User:ANONYMOUS");
    builder.data(folder)
}

/// Ends a broker that is not told so, and starts the next one.
async fn kill_and_reopen(kafka: EmbeddedBroker, raw: Raw, folder: &Path) -> (EmbeddedBroker, Raw) {
    drop((kafka, raw));
    let kafka = reopen(|| brokers(folder)).await;
    let raw = Raw::connect(&kafka, PORT);
    (kafka, raw)
}

fn rule(name: &str, pattern: i8, operation: i8, permission_type: i8) -> AclCreation {
    AclCreation {
        resource_type: TOPIC,
        resource_name: name.into(),
        resource_pattern_type: pattern,
        principal: "User:ann".into(),
        host: "10.0.0.1".into(),
        operation,
        permission_type,
        ..Default::default()
    }
}

async fn create_rules(raw: &mut Raw) {
    let creations = vec![
        rule("bids", 3, 3, 3),
        rule("bids", 3, 4, 2),
        rule("b", 4, 8, 3),
        rule("*", 3, 8, 3),
    ];
    let request = CreateAclsRequest {
        creations,
        ..Default::default()
    };
    let answer = raw.call(&request, 3).await;
    for result in answer.results {
        assert_eq!(result.error_code, ErrorCode::NONE);
    }
}

/// Removes the rules of the name `bids` alone.
async fn delete_some_rules(raw: &mut Raw) {
    let filter = DeleteAclsFilter {
        resource_type_filter: TOPIC,
        resource_name_filter: Some("bids".into()),
        pattern_type_filter: 3,
        principal_filter: None,
        host_filter: None,
        operation: 1,
        permission_type: 1,
        ..Default::default()
    };
    let request = DeleteAclsRequest {
        filters: vec![filter],
        ..Default::default()
    };
    let answer = raw.call(&request, 3).await;
    assert_eq!(answer.filter_results[0].matching_acls.len(), 2);
}

async fn rules(raw: &mut Raw) -> DescribeAclsResponse {
    let request = DescribeAclsRequest {
        resource_type_filter: 1,
        resource_name_filter: None,
        pattern_type_filter: 1,
        principal_filter: None,
        host_filter: None,
        operation: 1,
        permission_type: 1,
        ..Default::default()
    };
    raw.call(&request, 3).await
}

async fn alter_credentials(raw: &mut Raw, upsert: bool) {
    let (upsertions, deletions) = if upsert {
        let upsert = |name: &str, mechanism| ScramCredentialUpsertion {
            name: name.into(),
            mechanism,
            iterations: 5000,
            salt: b"salt"[..].into(),
            salted_password: vec![7; 32].into(),
            ..Default::default()
        };
        (vec![upsert("ann", 1), upsert("bob", 2)], Vec::new())
    } else {
        let deletion = ScramCredentialDeletion {
            name: "ann".into(),
            mechanism: 1,
            ..Default::default()
        };
        (Vec::new(), vec![deletion])
    };
    let request = AlterUserScramCredentialsRequest {
        upsertions,
        deletions,
        ..Default::default()
    };
    let answer = raw.call(&request, 0).await;
    for result in answer.results {
        assert_eq!(result.error_code, ErrorCode::NONE);
    }
}

async fn credentials(raw: &mut Raw) -> DescribeUserScramCredentialsResponse {
    let all = DescribeUserScramCredentialsRequest::default();
    raw.call(&all, 0).await
}

async fn alter_quotas(raw: &mut Raw, value: Option<f64>) {
    let part = |kind: &str, name: Option<&str>| ClientQuotaEntity {
        entity_type: kind.into(),
        entity_name: name.map(Into::into),
        ..Default::default()
    };
    let entry = |entity, key: &str, value: Option<f64>| AlterClientQuotasEntry {
        entity,
        ops: vec![ClientQuotaOperation {
            key: key.into(),
            value: value.unwrap_or_default(),
            remove: value.is_none(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let both = vec![part("user", Some("ann")), part("client-id", None)];
    let request = AlterClientQuotasRequest {
        entries: vec![
            entry(both, "request_percentage", value),
            entry(vec![part("user", None)], "producer_byte_rate", Some(1e6)),
        ],
        ..Default::default()
    };
    let answer = raw.call(&request, 1).await;
    for entry in answer.entries {
        assert_eq!(entry.error_code, ErrorCode::NONE);
    }
}

async fn quotas(raw: &mut Raw) -> DescribeClientQuotasResponse {
    raw.call(&DescribeClientQuotasRequest::default(), 1).await
}

/// A setting of something: what kind it is, its name, key and value.
type Setting = (i8, &'static str, &'static str, &'static str);

const SETTINGS: [Setting; 6] = [
    (TOPIC, "bids", "retention.ms", "12345"),
    (TOPIC, "bids", "cleanup.policy", "compact,delete"),
    (BROKER, "", "message.max.bytes", "54321"),
    (BROKER, "0", "log.cleaner.threads", "2"),
    (GROUP, "g", "consumer.session.timeout.ms", "46000"),
    (CLIENT_METRICS, "m", "interval.ms", "30000"),
];

async fn alter_setting(raw: &mut Raw, setting: Setting, operation: i8) {
    let (resource_type, name, key, value) = setting;
    let config = IncrementalAlterableConfig {
        name: key.into(),
        config_operation: operation,
        value: (operation == SET).then(|| value.into()),
        ..Default::default()
    };
    let resource = IncrementalAlterConfigsResource {
        resource_type,
        resource_name: name.into(),
        configs: vec![config],
        ..Default::default()
    };
    let request = IncrementalAlterConfigsRequest {
        resources: vec![resource],
        ..Default::default()
    };
    let answer = raw.call(&request, 1).await;
    let result = &answer.responses[0];
    let told = &result.error_message;
    assert_eq!(result.error_code, ErrorCode::NONE, "{key}: {told:?}");
}

/// What is told of all of them, without default values.
async fn settings(raw: &mut Raw) -> Vec<(i8, String, String, Option<String>, i8)> {
    let mut resources: Vec<(i8, &str)> = SETTINGS.map(|it| (it.0, it.1)).into();
    resources.dedup();
    let resource = |(resource_type, name): (i8, &str)| DescribeConfigsResource {
        resource_type,
        resource_name: name.into(),
        configuration_keys: None,
        ..Default::default()
    };
    let request = DescribeConfigsRequest {
        resources: resources.into_iter().map(resource).collect(),
        ..Default::default()
    };
    let answer = raw.call(&request, 4).await;
    let told = answer.results.into_iter().flat_map(|result| {
        assert_eq!(result.error_code, ErrorCode::NONE);
        let (kind, name) = (result.resource_type, result.resource_name.to_string());
        let configs = result.configs.into_iter();
        configs.map(move |config| {
            let value = config.value.map(|value| value.to_string());
            let key = config.name.to_string();
            (kind, name.clone(), key, value, config.config_source)
        })
    });
    const DEFAULT: i8 = 5;
    told.filter(|it| it.4 != DEFAULT).collect()
}

/// The finalised levels, and how often they were changed.
async fn features(raw: &mut Raw) -> (Vec<(String, i16)>, i64) {
    let request = ApiVersionsRequest {
        client_software_name: "raw".into(),
        client_software_version: "1".into(),
        ..Default::default()
    };
    let answer = raw.call(&request, 4).await;
    let levels = answer.finalized_features.iter();
    let levels = levels.map(|it| (it.name.to_string(), it.max_version_level));
    (levels.collect(), answer.finalized_features_epoch)
}

async fn lower_transactions(raw: &mut Raw) {
    let update = FeatureUpdateKey {
        feature: "transaction.version".into(),
        max_version_level: 1,
        upgrade_type: 2,
        ..Default::default()
    };
    let request = UpdateFeaturesRequest {
        feature_updates: vec![update],
        ..Default::default()
    };
    let answer = raw.call(&request, 1).await;
    assert_eq!(answer.error_code, ErrorCode::NONE);
}

#[tokio::test(start_paused = true)]
async fn what_administrators_set_outlives_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let kafka = start(brokers(folder.path()));
    let mut raw = Raw::connect(&kafka, PORT);
    let fresh = (rules(&mut raw).await, settings(&mut raw).await);
    create_rules(&mut raw).await;
    alter_credentials(&mut raw, true).await;
    alter_quotas(&mut raw, Some(0.1 + 0.2)).await;
    for setting in SETTINGS {
        alter_setting(&mut raw, setting, SET).await;
    }
    lower_transactions(&mut raw).await;
    let mut before = (
        rules(&mut raw).await,
        credentials(&mut raw).await,
        quotas(&mut raw).await,
        settings(&mut raw).await,
        features(&mut raw).await,
    );
    assert_eq!(before.0.resources.len(), 3);
    assert_eq!(before.1.results.len(), 2);
    assert_eq!(before.2.entries.as_ref().map(Vec::len), Some(2));
    assert!(before.3.len() >= fresh.1.len() + SETTINGS.len());

    let (kafka, mut raw) = kill_and_reopen(kafka, raw, folder.path()).await;
    assert_eq!(rules(&mut raw).await, before.0);
    assert_eq!(credentials(&mut raw).await, before.1);
    assert_eq!(quotas(&mut raw).await, before.2);
    assert_eq!(settings(&mut raw).await, before.3);
    assert_eq!(features(&mut raw).await, before.4);

    // What is taken back stays away, and the rest stays.
    delete_some_rules(&mut raw).await;
    alter_credentials(&mut raw, false).await;
    alter_quotas(&mut raw, None).await;
    for setting in SETTINGS {
        alter_setting(&mut raw, setting, DELETE).await;
    }
    let (_kafka, mut raw) = kill_and_reopen(kafka, raw, folder.path()).await;
    let named = |it: &DescribeAclsResource| *it.resource_name == *"bids";
    before.0.resources.retain(|it| !named(it));
    assert_eq!(rules(&mut raw).await, before.0);
    before.1.results.retain(|it| *it.user == *"bob");
    assert_eq!(credentials(&mut raw).await, before.1);
    let left = quotas(&mut raw).await.entries.expect("some");
    assert_eq!(left.len(), 1);
    assert_eq!(&*left[0].values[0].key, "producer_byte_rate");
    assert_eq!(settings(&mut raw).await, fresh.1);
}

/// Goal: nothing that is written last can keep a broker from starting, whatever it was cut to; it is
/// there or not, and what came before it is.
#[tokio::test(start_paused = true)]
async fn a_torn_last_line_is_as_if_it_had_never_been_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let kafka = start(brokers(folder.path()));
    let mut raw = Raw::connect(&kafka, PORT);
    create_rules(&mut raw).await;
    let path = folder.path().join("state");
    let before = std::fs::read(&path).expect("there").len();
    alter_credentials(&mut raw, true).await;
    drop((kafka, raw));
    let whole = std::fs::read(&path).expect("there");
    for length in (before..=whole.len()).step_by(7).chain([whole.len()]) {
        let kafka = reopen(|| {
            // A start writes it anew.
            std::fs::write(&path, &whole[..length]).expect("written");
            brokers(folder.path())
        });
        let kafka = kafka.await;
        let mut raw = Raw::connect(&kafka, PORT);
        assert_eq!(rules(&mut raw).await.resources.len(), 3, "cut to {length}");
        let users = credentials(&mut raw).await.results.len();
        let lines = whole[before..length].iter().filter(|it| **it == b'\n');
        assert_eq!(users, lines.count(), "cut to {length}");
    }
}

/// Why brokers do not start on a folder that others had until now.
async fn refused(described: impl Fn() -> Builder) -> StartError {
    loop {
        tokio::time::sleep(Duration::from_millis(1)).await;
        match described().start_here() {
            Err(StartError::Data(DataError::InUse { .. })) => {}
            other => return other.expect_err("it does not fit"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn features_that_a_release_does_not_have_are_an_error_that_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(start(brokers(folder.path())));
    let older = || {
        EmbeddedBroker::builder()
            .as_version("3.9")
            .data(folder.path())
    };
    let error = refused(older).await;
    let is_it = matches!(&error, StartError::Data(DataError::Feature { .. }));
    assert!(is_it, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_setting_that_topics_of_a_release_do_not_have_is_named_with_its_topic() {
    const KEY: &str = "max.decompressed.message.bytes";
    let folder = tempfile::tempdir().expect("a folder");
    // At the features of the older release, which it would stumble over first.
    let of_4_4 = || {
        let builder = EmbeddedBroker::builder().as_version("4.4").topic("bids", 1);
        let builder = builder.feature("metadata.version", 29);
        builder.feature("share.version", 1).data(folder.path())
    };
    let of_4_3 = || {
        EmbeddedBroker::builder()
            .as_version("4.3")
            .data(folder.path())
    };
    let kafka = start(of_4_4());
    let mut raw = Raw::connect(&kafka, PORT);
    let setting = (TOPIC, "bids", KEY, "1000");
    alter_setting(&mut raw, setting, SET).await;
    drop((kafka, raw));
    let error = refused(of_4_3).await.to_string();
    let named = error.contains("topic bids") && error.contains(KEY) && error.contains("Kafka 4.3");
    assert!(named && !error.contains("damaged"), "{error}");

    // What it says helps.
    let kafka = reopen(of_4_4).await;
    let mut raw = Raw::connect(&kafka, PORT);
    alter_setting(&mut raw, setting, DELETE).await;
    drop((kafka, raw));
    reopen(of_4_3).await;
}

/// Goal: a credential made of its keys is the one they are of.
#[test]
fn a_credential_is_its_keys() {
    let mechanism = ScramMechanism::Sha512;
    let made = ScramCredential::derive(mechanism, "pencil", b"salt", 4096).expect("derived");
    let keys = (made.stored_key(), made.server_key());
    let again = ScramCredential::from_keys(mechanism, b"salt", 4096, keys).expect("made");
    assert_eq!(again.stored_key(), made.stored_key());
    assert_eq!(again.server_key(), made.server_key());
    assert_eq!(again.iterations(), made.iterations());
    assert!(ScramCredential::from_keys(mechanism, b"salt", 1, keys).is_err());
}
