//! What administrators see of a classic group, and may do to it.

use thalweg_protocol::messages::{DescribedGroup, DescribedGroupMember};
use thalweg_protocol::{ErrorCode, StrBytes};

use super::member::Member;
use super::{ClassicGroup, State};
use crate::group::kinds::ExpiresFrom;

impl ClassicGroup {
    /// The group and its members. What they told the assignor is shown of a stable group only.
    pub(crate) fn describe(&self) -> DescribedGroup {
        let protocol = match self.state {
            State::Stable => self.protocol_name.clone(),
            _ => None,
        };
        let member = |(id, member): (&StrBytes, &Member)| DescribedGroupMember {
            member_id: id.clone(),
            group_instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            member_metadata: protocol
                .as_deref()
                .and_then(|protocol| member.metadata(protocol).cloned())
                .unwrap_or_default(),
            member_assignment: member.assignment.clone(),
            ..Default::default()
        };
        DescribedGroup {
            group_id: self.id.clone(),
            group_state: self.state.name().into(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            members: self.members.iter().map(member).collect(),
            protocol_data: protocol.unwrap_or_default(),
            ..Default::default()
        }
    }

    /// Whether the group may be deleted.
    pub(in crate::group) fn check_delete(&self) -> Result<(), ErrorCode> {
        match self.state {
            State::Empty => Ok(()),
            _ => Err(ErrorCode::NON_EMPTY_GROUP),
        }
    }

    /// Whether offsets may be deleted, of topics that nobody reads.
    pub(in crate::group) fn check_offset_delete(&self) -> Result<(), ErrorCode> {
        match self.state {
            State::Empty => Ok(()),
            _ if self.is_of_consumers() => Ok(()),
            _ => Err(ErrorCode::NON_EMPTY_GROUP),
        }
    }

    /// From when on the time counts after which offsets expire (KIP-211); `None` where they do not.
    pub(in crate::group) fn offsets_expire_from(&self) -> Option<ExpiresFrom> {
        if self.protocol_type.is_none() {
            return Some(ExpiresFrom::Commit);
        }
        match self.state {
            State::Empty => Some(ExpiresFrom::Moment(self.state_since_ms)),
            State::Stable if self.is_of_consumers() && self.subscribed_topics.is_some() => {
                Some(ExpiresFrom::Commit)
            }
            _ => None,
        }
    }
}
