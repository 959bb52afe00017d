//! A member of a classic group.

use bytes::Bytes;
use thalweg_protocol::StrBytes;
use thalweg_protocol::messages::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse, SyncGroupRequest,
    SyncGroupResponse,
};

use crate::cluster::{Reply, TimerId};

/// A member.
#[derive(Debug)]
pub(crate) struct Member {
    pub(super) instance_id: Option<StrBytes>,
    pub(super) client_id: StrBytes,
    pub(super) client_host: StrBytes,
    pub(super) session_timeout_ms: i32,
    pub(super) rebalance_timeout_ms: i32,
    /// What it supports, the preferred one first.
    pub(super) protocols: Vec<(StrBytes, Bytes)>,
    pub(super) assignment: Bytes,
    /// Whether it has never been answered: it can be lost while it waits for that.
    pub(super) is_new: bool,
    /// Its JoinGroup, while it waits for the generation to begin.
    pub(super) awaiting_join: Option<Reply<JoinGroupRequest>>,
    /// Its SyncGroup, while it waits for the assignment.
    pub(super) awaiting_sync: Option<Reply<SyncGroupRequest>>,
    /// When it counts as lost.
    pub(super) session_timer: Option<TimerId>,
}

impl Member {
    /// What the member told the assignor of this name.
    pub(super) fn metadata(&self, protocol: &str) -> Option<&Bytes> {
        let found = self.protocols.iter().find(|(name, _)| name == protocol);
        found.map(|(_, metadata)| metadata)
    }

    /// Whether a session that ran out does not matter, as the member waits for an answer.
    pub(super) fn is_waiting(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }

    /// Whether a request says what is known of the member already.
    pub(super) fn matches(&self, protocols: &[JoinGroupRequestProtocol]) -> bool {
        let same = |((name, metadata), other): (&(StrBytes, Bytes), &JoinGroupRequestProtocol)| {
            *name == other.name && *metadata == other.metadata
        };
        self.protocols.len() == protocols.len() && self.protocols.iter().zip(protocols).all(same)
    }
}

/// A copy of what a request says, which does not keep the request's bytes alive.
pub(in crate::group) fn protocols_of(
    protocols: &[JoinGroupRequestProtocol],
) -> Vec<(StrBytes, Bytes)> {
    let copy = |protocol: &JoinGroupRequestProtocol| {
        let metadata = Bytes::copy_from_slice(&protocol.metadata);
        (protocol.name.detached(), metadata)
    };
    protocols.iter().map(copy).collect()
}

/// Answers a JoinGroup: before version 7 the protocol's name cannot be missing, from then on it is
/// never empty.
pub(in crate::group) fn answer_join(
    reply: Reply<JoinGroupRequest>,
    mut response: JoinGroupResponse,
) {
    let name = response.protocol_name.filter(|name| !name.is_empty());
    response.protocol_name = name.or((reply.version() < 7).then(StrBytes::new));
    reply.send(&response);
}

/// Answers a SyncGroup.
pub(in crate::group) fn answer_sync(reply: Reply<SyncGroupRequest>, response: &SyncGroupResponse) {
    reply.send(response);
}
