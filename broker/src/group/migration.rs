//! Whether groups that have members may go over from the classic protocol to the consumer protocol,
//! and back (KIP-848, online migration).

use crate::cluster::Cluster;
use crate::release::Release;

/// The release from which groups go over while they have members, and may have members of both
/// protocols.
const GOES_OVER: Release = Release::of(4, 0);

/// The release from which no member comes with the classic protocol where nothing may go over.
const KEEPS_CLASSIC_MEMBERS_OUT: Release = Release::of(4, 4);

/// What `group.consumer.migration.policy` allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MigrationPolicy {
    /// A member that uses the consumer protocol takes a classic group over.
    pub(super) upgrade: bool,
    /// A consumer group becomes classic when the last such member has gone.
    pub(super) downgrade: bool,
    /// A member that uses the classic protocol may join a consumer group.
    pub(super) mixed: bool,
}

impl MigrationPolicy {
    /// What is in force.
    pub(super) fn of(cluster: &Cluster) -> Self {
        if cluster.release < GOES_OVER {
            return MigrationPolicy {
                upgrade: false,
                downgrade: false,
                mixed: false,
            };
        }
        let policy = cluster.settings.text("group.consumer.migration.policy");
        let policy = policy.to_ascii_lowercase();
        let is_disabled = policy == "disabled";
        MigrationPolicy {
            upgrade: matches!(policy.as_str(), "bidirectional" | "upgrade"),
            downgrade: matches!(policy.as_str(), "bidirectional" | "downgrade"),
            mixed: !is_disabled || cluster.release < KEEPS_CLASSIC_MEMBERS_OUT,
        }
    }
}
