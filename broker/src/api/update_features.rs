//! UpdateFeatures: raises and lowers the levels of the cluster's features (KIP-584), all or none.

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{
    UpdatableFeatureResult, UpdateFeaturesRequest, UpdateFeaturesResponse,
};

use crate::acl::Operation;
use crate::cluster::{Caller, Cluster, UpgradeType};

/// Changes them, unless one of them cannot be.
pub(super) fn update_features(
    cluster: &mut Cluster,
    caller: &Caller,
    request: UpdateFeaturesRequest,
) -> UpdateFeaturesResponse {
    if !cluster.authorize_cluster(caller, Operation::Alter) {
        return refused(ErrorCode::CLUSTER_AUTHORIZATION_FAILED, None);
    }
    for update in &request.feature_updates {
        let how = match (caller.version, update.upgrade_type) {
            (0, _) if update.allow_downgrade => Some(UpgradeType::Downgrade),
            (0, _) | (_, 1) => Some(UpgradeType::Upgrade),
            (_, 2 | 3) => Some(UpgradeType::Downgrade),
            _ => None,
        };
        let level = update.max_version_level;
        if let Err((code, message)) = cluster.features.check(&update.feature, level, how) {
            let message = format!(
                "The update failed for all features since the following feature had an error: \
                 {message}"
            );
            return refused(code, Some(message));
        }
    }
    if !request.validate_only {
        for update in &request.feature_updates {
            let level = update.max_version_level;
            cluster.features.set(&update.feature, level);
        }
    }
    let result = |update: thalweg_protocol::messages::FeatureUpdateKey| UpdatableFeatureResult {
        feature: update.feature,
        error_message: None,
        ..Default::default()
    };
    UpdateFeaturesResponse {
        error_message: None,
        results: request.feature_updates.into_iter().map(result).collect(),
        ..Default::default()
    }
}

fn refused(error_code: ErrorCode, message: Option<String>) -> UpdateFeaturesResponse {
    UpdateFeaturesResponse {
        error_code,
        error_message: message.map(Into::into),
        ..Default::default()
    }
}
