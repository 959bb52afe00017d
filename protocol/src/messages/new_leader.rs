//! Where a partition has moved, as responses about it say (KIP-951).

use crate::{BrokerId, StrBytes, Structure, UnknownTags};

/// Leader id and epoch.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct LeaderIdAndEpoch {
    /// Leader id.
    pub leader_id: BrokerId,
    /// Leader epoch.
    #[field(default = -1)]
    pub leader_epoch: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Node endpoint.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct NodeEndpoint {
    /// Node id.
    pub node_id: BrokerId,
    /// Host.
    pub host: StrBytes,
    /// Port.
    pub port: i32,
    /// Rack.
    pub rack: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
