//! Levels of features, as brokers tell and change them.

use thalweg_broker::{Builder, EmbeddedBroker, StartError};
use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{
    ApiVersionsRequest, FeatureUpdateKey, UpdateFeaturesRequest, UpdateFeaturesResponse,
};

use crate::support::{PORT, Raw, start};

const TRANSACTIONS: &str = "transaction.version";
const UPGRADE: i8 = 1;
const DOWNGRADE: i8 = 2;

fn lowered() -> Builder {
    EmbeddedBroker::builder().feature(TRANSACTIONS, 1)
}

/// The level in force of `transaction.version`, and the epoch of all levels.
async fn told(raw: &mut Raw) -> (i16, i64) {
    let request = ApiVersionsRequest {
        client_software_name: "raw".into(),
        client_software_version: "1".into(),
        ..Default::default()
    };
    let answer = raw.call(&request, 4).await;
    let of_it =
        |feature: &&thalweg_protocol::messages::FinalizedFeatureKey| &*feature.name == TRANSACTIONS;
    let level = answer.finalized_features.iter().find(of_it);
    let level = level.map_or(0, |feature| feature.max_version_level);
    (level, answer.finalized_features_epoch)
}

async fn update(raw: &mut Raw, updates: &[(&str, i16, i8)]) -> UpdateFeaturesResponse {
    let update = |&(name, level, upgrade_type): &(&str, i16, i8)| FeatureUpdateKey {
        feature: name.into(),
        max_version_level: level,
        upgrade_type,
        ..Default::default()
    };
    let request = UpdateFeaturesRequest {
        feature_updates: updates.iter().map(update).collect(),
        ..Default::default()
    };
    raw.call(&request, 1).await
}

#[tokio::test(start_paused = true)]
async fn a_level_set_at_the_start_is_told_and_can_be_changed() {
    let kafka = start(lowered());
    let mut raw = Raw::connect(&kafka, PORT);
    let (level, before) = told(&mut raw).await;
    assert_eq!(level, 1);
    let answer = update(&mut raw, &[(TRANSACTIONS, 2, UPGRADE)]).await;
    assert_eq!(answer.error_code, ErrorCode::NONE);
    assert_eq!(answer.results[0].error_code, ErrorCode::NONE);
    assert_eq!(told(&mut raw).await, (2, before + 1));
    let answer = update(&mut raw, &[(TRANSACTIONS, 0, DOWNGRADE)]).await;
    assert_eq!(answer.error_code, ErrorCode::NONE);
    assert_eq!(told(&mut raw).await, (0, before + 2));
}

/// Goal: one level that cannot be leaves the others as they were, too.
#[tokio::test(start_paused = true)]
async fn a_level_that_cannot_be_is_refused_with_all_that_came_with_it() {
    let kafka = start(lowered());
    let mut raw = Raw::connect(&kafka, PORT);
    let before = told(&mut raw).await;
    for (wrong, why) in [
        (("no.such.feature", 1, UPGRADE), "does not support this"),
        (("group.version", 9, UPGRADE), "only supports versions 0-1"),
        (("group.version", -1, UPGRADE), "less than 0"),
        (("group.version", 0, UPGRADE), "Can't downgrade"),
        (("group.version", 1, 0), "the given upgrade type"),
    ] {
        let answer = update(&mut raw, &[(TRANSACTIONS, 2, UPGRADE), wrong]).await;
        assert_eq!(answer.error_code, ErrorCode::INVALID_UPDATE_VERSION);
        let message = answer.error_message.expect("why");
        assert!(message.contains(why), "{message}");
        assert!(message.contains(wrong.0), "{message}");
        assert_eq!(told(&mut raw).await, before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_does_not_start_with_a_level_that_cannot_be() {
    let builder = EmbeddedBroker::builder().feature(TRANSACTIONS, 3);
    let error = builder.start_here().expect_err("there is no level 3");
    assert!(matches!(error, StartError::Feature { .. }), "{error}");
    assert!(error.to_string().contains(TRANSACTIONS), "{error}");
}
