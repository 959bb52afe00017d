//! The levels of the cluster's features (KIP-584): what a new cluster of the release has, and changes.

use thalweg_protocol::ErrorCode;

use crate::release::{Feature, Release};
use crate::store::Changes;

/// The features that the brokers support, each with the level in force.
#[derive(Debug)]
pub(crate) struct Features {
    known: Vec<Feature>,
    /// Counts the changes.
    epoch: i64,
    pub(crate) changes: Changes<()>,
}

/// How a level may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UpgradeType {
    Upgrade,
    Downgrade,
}

impl Features {
    pub(crate) fn of(release: Release) -> Self {
        Features {
            known: release.features(),
            epoch: 0,
            changes: Changes::default(),
        }
    }

    pub(crate) fn all(&self) -> &[Feature] {
        &self.known
    }

    /// -1 where there are no features at all.
    pub(crate) fn epoch(&self) -> i64 {
        if self.known.is_empty() {
            return -1;
        }
        self.epoch
    }

    /// The level in force, 0 where the feature is off or unknown.
    pub(crate) fn level(&self, name: &str) -> i16 {
        let known = self.known.iter().find(|feature| feature.name == name);
        known.map_or(0, |feature| feature.level)
    }

    /// Puts a level in force.
    pub(crate) fn set(&mut self, name: &str, level: i16) {
        if let Some(feature) = self.known.iter_mut().find(|feature| feature.name == name) {
            feature.level = level;
            self.epoch += 1;
            self.changes.note(|| ());
        }
    }

    /// So many changes were made before.
    pub(crate) fn go_on_from(&mut self, changes: i64) {
        self.epoch = changes.max(0);
    }

    /// Whether a level may be put in force: an error code, and why in Kafka's words.
    pub(crate) fn check(
        &self,
        name: &str,
        level: i16,
        how: Option<UpgradeType>,
    ) -> Result<(), (ErrorCode, String)> {
        let reason = match (how, self.known.iter().find(|feature| feature.name == name)) {
            (None, _) => "The controller does not support the given upgrade type.".to_owned(),
            _ if level < 0 => "A feature version cannot be less than 0.".to_owned(),
            (_, None) => "Local controller does not support this feature.".to_owned(),
            (_, Some(known)) if !(known.min..=known.max).contains(&level) => {
                let (min, max) = (known.min, known.max);
                format!("Local controller only supports versions {min}-{max}")
            }
            (Some(UpgradeType::Upgrade), Some(known)) if level < known.level => {
                "Can't downgrade the version of this feature without setting the upgrade type to \
                 either safe or unsafe downgrade."
                    .to_owned()
            }
            (Some(UpgradeType::Downgrade), Some(known)) if level > known.level => {
                "Can't downgrade to a newer version.".to_owned()
            }
            _ => return Ok(()),
        };
        let message = format!("Invalid update version {level} for feature {name}. {reason}");
        Err((ErrorCode::INVALID_UPDATE_VERSION, message))
    }
}
