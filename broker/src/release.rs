//! Which release of Kafka is played, and what that release offers.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use thalweg_protocol::{ApiKey, KafkaRelease};

/// A release of Kafka: 2.1 to 2.8, 3.0 to 3.9, 4.0 to 4.4.
///
/// Read from text with or without a patch number, which changes nothing: `"2.8"`, `"3.9.1"`. What
/// requests each had is known of 2.1, 2.4, 2.8, 3.0, 3.3, 3.5, 3.7, 3.9 and those from 4.0 on; a
/// release between them offers what the one before it did.
///
/// Releases before 3.3 are played as those of their time that ran on ZooKeeper: they have no
/// features. From 3.3 on they are played as with KRaft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release {
    major: u16,
    minor: u16,
}

/// The text is no release that can be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no release of Kafka that the embedded broker plays: those are 2.1 to 2.8, 3.0 to \
     3.9 and 4.0 to 4.4, as in `4.3` or `3.9.1`"
)]
pub struct UnknownRelease {
    text: String,
}

/// A feature of a cluster (KIP-584), as a new cluster of some release has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Feature {
    pub(crate) name: &'static str,
    /// The levels that brokers of the release support.
    pub(crate) min: i16,
    pub(crate) max: i16,
    /// The level a new cluster finalises; 0 if it leaves the feature off.
    pub(crate) level: i16,
}

/// The newest minor release of each major one that is known.
const NEWEST_MINORS: [(u16, RangeInclusive<u16>); 3] = [(2, 1..=8), (3, 0..=9), (4, 0..=4)];

impl Release {
    /// The newest one.
    pub const NEWEST: Release = Release { major: 4, minor: 4 };

    /// The release `major.minor`.
    pub(crate) const fn of(major: u16, minor: u16) -> Self {
        Release { major, minor }
    }

    /// The stable versions of an API that the release's brokers have; `None` where they lack it or
    /// keep it for controllers.
    ///
    /// What this broker serves of them is decided by what can be decoded: nothing that Kafka 4.4 has
    /// dropped, such as Fetch below version 4. A broker lists 71 and 72 only where something receives
    /// telemetry. That older releases between brokers had four APIs more (4 to 7) shows nowhere.
    pub(crate) fn versions(self, api: ApiKey) -> Option<RangeInclusive<i16>> {
        let on_zookeeper = self < Self::of(3, 3);
        let of_quorum = matches!(api, ApiKey::DescribeQuorum | ApiKey::UnregisterBroker);
        if is_for_controllers(api) || on_zookeeper && of_quorum {
            return None;
        }
        // With no patch number, the last one of its minor release is found.
        KafkaRelease::up_to(&self.to_string())?.versions(api)
    }

    /// The features that the release's brokers support, none before KRaft.
    pub(crate) fn features(self) -> Vec<Feature> {
        let Some(metadata) = self.metadata_level() else {
            return Vec::new();
        };
        let oldest_metadata = if self >= Self::of(4, 0) { 7 } else { 1 };
        let feature = |name, min, max, level| Feature {
            name,
            min,
            max,
            level,
        };
        let off_before = |major, minor, level| {
            if self < Self::of(major, minor) {
                0
            } else {
                level
            }
        };
        let share_max = if self >= Self::of(4, 4) { 2 } else { 1 };
        let all = [
            (
                (3, 3),
                feature("metadata.version", oldest_metadata, metadata, metadata),
            ),
            // Voters are configured, not found by the quorum itself: level 0.
            ((3, 9), feature("kraft.version", 0, 1, 0)),
            ((4, 0), feature("transaction.version", 0, 2, 2)),
            ((4, 0), feature("group.version", 0, 1, 1)),
            (
                (4, 0),
                feature(
                    "eligible.leader.replicas.version",
                    0,
                    1,
                    off_before(4, 1, 1),
                ),
            ),
            (
                (4, 1),
                feature("share.version", 0, share_max, off_before(4, 2, share_max)),
            ),
            ((4, 2), feature("streams.version", 0, 1, 1)),
        ];
        let known = all
            .into_iter()
            .filter(|((major, minor), _)| self >= Self::of(*major, *minor));
        known.map(|(_, feature)| feature).collect()
    }

    /// The newest `metadata.version` that is production ready in the release; `None` before KRaft
    /// was.
    fn metadata_level(self) -> Option<i16> {
        let level = match (self.major, self.minor) {
            (3, 3) => 7,
            (3, 4) => 8,
            (3, 5) => 11,
            (3, 6) => 14,
            (3, 7) => 19,
            (3, 8) => 20,
            (3, _) if self >= Self::of(3, 9) => 21,
            (4, 0) => 25,
            (4, 1) => 27,
            (4, 2) => 29,
            (4, 3) => 30,
            (4, _) => 33,
            _ => return None,
        };
        Some(level)
    }
}

/// The APIs that brokers never offered to clients: between brokers and controllers, and those of the
/// raft quorum.
fn is_for_controllers(api: ApiKey) -> bool {
    matches!(
        api,
        ApiKey::Vote
            | ApiKey::BeginQuorumEpoch
            | ApiKey::EndQuorumEpoch
            | ApiKey::AlterPartition
            | ApiKey::Envelope
            | ApiKey::FetchSnapshot
            | ApiKey::BrokerRegistration
            | ApiKey::BrokerHeartbeat
            | ApiKey::AllocateProducerIds
            | ApiKey::ControllerRegistration
            | ApiKey::AssignReplicasToDirs
            | ApiKey::UpdateRaftVoter
    )
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Release {
    type Err = UnknownRelease;

    fn from_str(text: &str) -> Result<Self, UnknownRelease> {
        parse(text).ok_or_else(|| UnknownRelease {
            text: text.to_owned(),
        })
    }
}

fn parse(text: &str) -> Option<Release> {
    let mut parts = text.split('.').map(|part| part.parse::<u16>().ok());
    let (major, minor) = (parts.next()??, parts.next()??);
    // A patch number, if there is one, is a number and the last.
    if parts.next().is_some_and(|patch| patch.is_none()) || parts.next().is_some() {
        return None;
    }
    let mut known = NEWEST_MINORS.into_iter();
    known
        .any(|(of, minors)| of == major && minors.contains(&minor))
        .then_some(Release { major, minor })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(text: &str) -> Release {
        text.parse().expect("a known release")
    }

    /// What a broker of a release listed: API key, oldest and newest version.
    fn assert_offers(release: Release, listed: &str) {
        let mut listed: Vec<(i16, RangeInclusive<i16>)> = listed
            .split_whitespace()
            .map(|entry| {
                let (key, range) = entry.split_once(':').expect("a key");
                let (min, max) = range.split_once('-').expect("a range");
                let number = |text: &str| text.parse().expect("a number");
                (number(key), number(min)..=number(max))
            })
            .collect();
        listed.retain(|(key, _)| !matches!(key, 71 | 72));
        let offered = ApiKey::ALL.iter().filter_map(|api| {
            let versions = release.versions(*api)?;
            (!matches!(api.code(), 71 | 72)).then_some((api.code(), versions))
        });
        assert_eq!(offered.collect::<Vec<_>>(), listed, "{release}");
    }

    /// Goal: each release offers just the APIs that its brokers did. Method: the lists that brokers
    /// of Kafka 3.7.2, 3.9.1, 4.1.1, 4.2.0 and 4.4.0 sent as answers to ApiVersions, but for Produce,
    /// which a broker from 4.0 on lists from 0 and refuses below 3.
    #[test]
    fn a_release_offers_what_its_brokers_listed() {
        assert_offers(
            release("3.7"),
            "0:0-10 1:0-16 2:0-8 3:0-12 8:0-9 9:0-9 10:0-4 11:0-9 12:0-4 13:0-5 14:0-5 15:0-5 \
             16:0-4 17:0-1 18:0-3 19:0-7 20:0-6 21:0-2 22:0-4 23:0-4 24:0-4 25:0-3 26:0-3 27:0-1 \
             28:0-3 29:0-3 30:0-3 31:0-3 32:0-4 33:0-2 34:0-2 35:0-4 36:0-2 37:0-3 38:0-3 39:0-2 \
             40:0-2 41:0-3 42:0-2 43:0-2 44:0-1 45:0-0 46:0-0 47:0-0 48:0-1 49:0-1 50:0-0 51:0-0 \
             55:0-1 57:0-1 60:0-1 61:0-0 64:0-0 65:0-0 66:0-0 68:0-0 74:0-0",
        );
        assert_offers(
            release("3.9"),
            "0:0-11 1:0-17 2:0-9 3:0-12 8:0-9 9:0-9 10:0-6 11:0-9 12:0-4 13:0-5 14:0-5 15:0-5 \
             16:0-5 17:0-1 18:0-4 19:0-7 20:0-6 21:0-2 22:0-5 23:0-4 24:0-5 25:0-4 26:0-4 27:0-1 \
             28:0-4 29:0-3 30:0-3 31:0-3 32:0-4 33:0-2 34:0-2 35:0-4 36:0-2 37:0-3 38:0-3 39:0-2 \
             40:0-2 41:0-3 42:0-2 43:0-2 44:0-1 45:0-0 46:0-0 47:0-0 48:0-1 49:0-1 50:0-0 51:0-0 \
             55:0-2 57:0-1 60:0-1 61:0-0 64:0-0 65:0-0 66:0-1 68:0-0 69:0-0 74:0-0 75:0-0 80:0-0 \
             81:0-0",
        );
        assert_offers(
            release("4.1"),
            "0:3-13 1:4-18 2:1-10 3:0-13 8:2-9 9:1-9 10:0-6 11:0-9 12:0-4 13:0-5 14:0-5 15:0-6 \
             16:0-5 17:0-1 18:0-4 19:2-7 20:1-6 21:0-2 22:0-5 23:2-4 24:0-5 25:0-4 26:0-5 27:1-1 \
             28:0-5 29:1-3 30:1-3 31:1-3 32:1-4 33:0-2 34:1-2 35:1-4 36:0-2 37:0-3 38:1-3 39:1-2 \
             40:1-2 41:1-3 42:0-2 43:0-2 44:0-1 45:0-1 46:0-0 47:0-0 48:0-1 49:0-1 50:0-0 51:0-0 \
             55:0-2 57:0-2 60:0-2 61:0-0 64:0-0 65:0-0 66:0-2 68:0-1 69:0-1 74:0-1 75:0-0 76:1-1 \
             77:1-1 78:1-1 79:1-1 80:0-0 81:0-0 83:0-0 84:0-0 85:0-0 86:0-0 87:0-0 90:0-0 91:0-0 \
             92:0-0",
        );
        assert_offers(
            release("4.2"),
            "0:3-13 1:4-18 2:1-11 3:0-13 8:2-10 9:1-10 10:0-6 11:0-9 12:0-4 13:0-5 14:0-5 15:0-6 \
             16:0-5 17:0-1 18:0-4 19:2-7 20:1-6 21:0-2 22:0-5 23:2-4 24:0-5 25:0-4 26:0-5 27:1-2 \
             28:0-5 29:1-3 30:1-3 31:1-3 32:1-4 33:0-2 34:1-2 35:1-4 36:0-2 37:0-3 38:1-3 39:1-2 \
             40:1-2 41:1-3 42:0-2 43:0-2 44:0-1 45:0-1 46:0-0 47:0-0 48:0-1 49:0-1 50:0-0 51:0-0 \
             55:0-2 57:0-2 60:0-2 61:0-0 64:0-0 65:0-0 66:0-2 68:0-1 69:0-1 74:0-1 75:0-0 76:1-1 \
             77:1-1 78:1-2 79:1-2 80:0-1 81:0-0 83:0-0 84:0-0 85:0-1 86:0-0 87:0-1 88:0-0 89:0-0 \
             90:0-1 91:0-0 92:0-0",
        );
        assert_offers(
            release("4.4"),
            "0:3-13 1:4-18 2:1-11 3:0-13 8:2-10 9:1-10 10:0-6 11:0-9 12:0-4 13:0-5 14:0-5 15:0-6 \
             16:0-5 17:0-1 18:0-5 19:2-7 20:1-6 21:0-2 22:0-5 23:2-4 24:0-5 25:0-4 26:0-5 27:1-2 \
             28:0-6 29:1-3 30:1-3 31:1-3 32:1-4 33:0-2 34:1-2 35:1-5 36:0-2 37:0-3 38:1-3 39:1-2 \
             40:1-2 41:1-3 42:0-3 43:0-2 44:0-1 45:0-1 46:0-0 47:0-0 48:0-1 49:0-1 50:0-0 51:0-0 \
             55:0-2 57:0-2 60:0-2 61:0-0 64:0-0 65:0-0 66:0-2 68:0-1 69:0-1 74:0-1 75:0-0 76:1-1 \
             77:1-1 78:1-2 79:1-2 80:0-1 81:0-0 83:0-0 84:0-0 85:0-1 86:0-0 87:0-1 88:0-1 89:0-1 \
             90:0-1 91:0-0 92:0-0 93:0-0 94:0-0",
        );
    }

    #[test]
    fn a_release_without_a_list_of_its_own_offers_what_the_one_before_did() {
        for (asked, listed) in [
            ("2.2", "2.1"),
            ("2.7", "2.4"),
            ("3.4", "3.3"),
            ("3.8", "3.7"),
        ] {
            for api in ApiKey::ALL {
                assert_eq!(
                    release(asked).versions(*api),
                    release(listed).versions(*api)
                );
            }
        }
        assert_eq!(release("2.1").versions(ApiKey::Fetch), Some(0..=10));
        assert_eq!(release("2.1").versions(ApiKey::DescribeCluster), None);
        assert_eq!(release("2.8").versions(ApiKey::UnregisterBroker), None);
    }

    /// Goal: a cluster of a release finalises what a new one of that release does. Method: what
    /// single brokers of these releases answered to ApiVersions version 4, and 3 for 3.7.2.
    #[test]
    fn a_release_has_the_features_of_its_brokers() {
        let features = |text| {
            let all = release(text).features();
            let told = all
                .iter()
                .map(|f| format!("{} {}-{} {}", f.name, f.min, f.max, f.level));
            told.collect::<Vec<_>>()
        };
        assert_eq!(features("3.2"), Vec::<String>::new());
        assert_eq!(features("3.7"), ["metadata.version 1-19 19"]);
        assert_eq!(
            features("3.9"),
            ["metadata.version 1-21 21", "kraft.version 0-1 0"]
        );
        let of_4_0 = [
            "metadata.version 7-25 25",
            "kraft.version 0-1 0",
            "transaction.version 0-2 2",
            "group.version 0-1 1",
            "eligible.leader.replicas.version 0-1 0",
        ];
        assert_eq!(features("4.0"), of_4_0);
        let of_4_1 = [
            "metadata.version 7-27 27",
            "kraft.version 0-1 0",
            "transaction.version 0-2 2",
            "group.version 0-1 1",
            "eligible.leader.replicas.version 0-1 1",
            "share.version 0-1 0",
        ];
        assert_eq!(features("4.1"), of_4_1);
        let of_4_4 = [
            "metadata.version 7-33 33",
            "kraft.version 0-1 0",
            "transaction.version 0-2 2",
            "group.version 0-1 1",
            "eligible.leader.replicas.version 0-1 1",
            "share.version 0-2 2",
            "streams.version 0-1 1",
        ];
        assert_eq!(features("4.4"), of_4_4);
        assert!(features("4.3").contains(&"share.version 0-1 1".to_owned()));
        assert!(features("4.2").contains(&"metadata.version 7-29 29".to_owned()));
    }

    #[test]
    fn releases_are_read_compared_and_written() {
        for (text, written) in [
            ("2.1", "2.1"),
            ("3.9.1", "3.9"),
            ("4.4.0", "4.4"),
            ("3.10", ""),
        ] {
            let read = text.parse::<Release>().map(|release| release.to_string());
            assert_eq!(read.unwrap_or_default(), written);
        }
        assert!(release("2.8") < release("3.0") && release("3.9") < Release::NEWEST);
        let unknown = [
            "", "4", "2.0", "2.9", "3.10", "4.5", "5.0", "4.3.0.1", "4.x", "4.3.x", "-4.3",
        ];
        for text in unknown {
            let error = text.parse::<Release>().expect_err("no such release");
            let told = error.to_string();
            assert!(told.contains(text) && told.contains("4.0 to 4.4"), "{told}");
        }
    }
}
