//! Where a partition has moved to, as responses about it say (KIP-951).

use crate::{BrokerId, StrBytes, Structure, UnknownTags};

/// The leader of a partition.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct LeaderIdAndEpoch {
    /// The broker that leads the partition now; -1 if it is not known.
    pub leader_id: BrokerId,
    /// Its leader epoch; -1 if it is not known.
    #[field(default = -1)]
    pub leader_epoch: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Where a broker listens.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct NodeEndpoint {
    /// The broker.
    pub node_id: BrokerId,
    /// The host to connect to.
    pub host: StrBytes,
    /// The port to connect to.
    pub port: i32,
    /// The broker's rack; `None` if it has none configured.
    pub rack: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
