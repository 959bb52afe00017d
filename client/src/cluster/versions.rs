//! Which version of each request to speak on a connection.
//!
//! The version is the newest that the broker has, that this crate has, and that the caller's cap
//! allows. Some requests carry a cap of their own here; others depend on the moment (a transaction
//! of the first kind, a topic whose id is not known) and are capped by who sends them.

use std::collections::BTreeMap;
use std::sync::Arc;

use thalweg_protocol::messages::ApiVersionsResponse;
use thalweg_protocol::{ApiKey, KafkaRelease, Request};

use crate::error::{BrokerAddress, CallError, UnsupportedVersion};

/// What one broker offers.
#[derive(Debug, Clone, Default)]
pub(crate) struct ApiVersions {
    ranges: BTreeMap<i16, (i16, i16)>,
    pub(super) features: FinalizedFeatures,
}

/// The feature levels that all brokers of the cluster have agreed on (KIP-584).
#[derive(Debug, Clone, Default)]
pub(crate) struct FinalizedFeatures {
    /// Rises with every change; −1 when the broker knows of no features.
    pub(super) features_epoch: i64,
    pub(super) levels: BTreeMap<Arc<str>, i16>,
}

impl ApiVersions {
    pub(super) fn from_response(response: &ApiVersionsResponse) -> Self {
        let ranges = response.api_keys.iter();
        let features = response.finalized_features.iter();
        ApiVersions {
            ranges: ranges
                .map(|api| (api.api_key, (api.min_version, api.max_version)))
                .collect(),
            features: FinalizedFeatures {
                features_epoch: response.finalized_features_epoch,
                levels: features
                    .map(|feature| (Arc::from(&*feature.name), feature.max_version_level))
                    .collect(),
            },
        }
    }

    /// Drops what a release does not have.
    pub(super) fn limit_to(&mut self, release: KafkaRelease) {
        self.ranges.retain(|&key, range| {
            // What has no name here is never sent either.
            let Some(api) = ApiKey::from_code(key) else {
                return true;
            };
            match release.versions(api) {
                Some(versions) => {
                    range.1 = range.1.min(*versions.end());
                    range.0 <= range.1
                }
                None => false,
            }
        });
    }

    pub(crate) fn range(&self, api: ApiKey) -> Option<(i16, i16)> {
        self.ranges.get(&(api.code())).copied()
    }

    /// The newest version of `R` from `floor` up to `cap` that both sides have.
    pub(super) fn choose<R: Request>(
        &self,
        floor: i16,
        cap: i16,
        broker: &BrokerAddress,
        pinned: Option<KafkaRelease>,
    ) -> Result<i16, CallError> {
        let oldest = R::MIN_VERSION.max(floor);
        let newest = R::MAX_VERSION.min(cap).min(cap_of(R::API_KEY));
        let offered = self.range(R::API_KEY);
        let version = offered.and_then(|(oldest_offered, newest_offered)| {
            let version = newest.min(newest_offered);
            (version >= oldest.max(oldest_offered)).then_some(version)
        });
        version.ok_or_else(|| {
            CallError::UnsupportedVersion(Box::new(UnsupportedVersion {
                broker: broker.clone(),
                api: R::API_KEY,
                needed: (oldest, newest),
                offered,
                since: KafkaRelease::first_with(R::API_KEY, oldest).map(|release| release.number()),
                pinned: pinned.map(|release| Arc::from(release.number())),
            }))
        })
    }
}

/// The newest version a client may ever speak, where that is not the newest stable one.
fn cap_of(api: ApiKey) -> i16 {
    match api {
        // From version 4 on it is for brokers, which verify partitions of several transactions.
        ApiKey::AddPartitionsToTxn => 3,
        _ => i16::MAX,
    }
}
