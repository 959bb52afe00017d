//! A partition: its log and who leads it.

use thalweg_protocol::{BrokerId, ErrorCode};

use crate::log::Log;

/// A partition of a topic.
#[derive(Debug, Default)]
pub(crate) struct Partition {
    pub(crate) log: Log,
    /// The first is the one that should lead.
    pub(crate) replicas: Vec<BrokerId>,
    /// Those that have everything below the high watermark.
    pub(crate) in_sync: Vec<BrokerId>,
    pub(crate) leader: Option<BrokerId>,
    pub(crate) leader_epoch: i32,
}

impl Partition {
    /// A new partition with everything in sync, led by its first replica.
    pub(crate) fn new(replicas: Vec<BrokerId>) -> Self {
        let mut partition = Partition {
            leader: replicas.first().copied(),
            in_sync: replicas.clone(),
            replicas,
            ..Partition::default()
        };
        partition.log.lead(partition.leader_epoch);
        partition
    }

    /// Whether `node` leads, by the leader epoch a request believes in (-1 for any).
    pub(crate) fn check_leader(&self, node: BrokerId, believed_epoch: i32) -> ErrorCode {
        if !self.replicas.contains(&node) {
            return ErrorCode::NOT_LEADER_OR_FOLLOWER;
        }
        if believed_epoch >= 0 && believed_epoch < self.leader_epoch {
            return ErrorCode::FENCED_LEADER_EPOCH;
        }
        if believed_epoch > self.leader_epoch {
            return ErrorCode::UNKNOWN_LEADER_EPOCH;
        }
        if self.leader != Some(node) {
            return ErrorCode::NOT_LEADER_OR_FOLLOWER;
        }
        ErrorCode::NONE
    }
}
