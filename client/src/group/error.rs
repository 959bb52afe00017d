//! Why a consumer cannot be a member of its group, or cannot commit for it.

use std::fmt;
use std::sync::Arc;

use thalweg_protocol::ErrorCode;

use super::assignor::AssignError;
use crate::error::{CallError, Disposition};

/// Why a consumer cannot be a member of its group.
///
/// What passes by itself (a coordinator that moves, a rebalance, a lost connection) is not here: the
/// member tries again on its own.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum GroupError {
    /// Another member has joined under the same `group_instance_id`.
    Fenced {
        /// The group.
        group_id: Arc<str>,
        /// The id that is in use twice.
        group_instance_id: Arc<str>,
    },
    /// The group coordinator does not take this member.
    Refused {
        /// The group.
        group_id: Arc<str>,
        /// What the coordinator said.
        error: CallError,
    },
    /// The assignor could not assign the partitions.
    Assign {
        /// The group.
        group_id: Arc<str>,
        /// The assignor.
        assignor: Arc<str>,
        /// What the assignor said.
        error: AssignError,
    },
    /// What the leader or the coordinator sent makes no sense.
    Protocol {
        /// The group.
        group_id: Arc<str>,
        /// What is wrong.
        reason: Arc<str>,
    },
}

impl GroupError {
    /// What to do about it.
    pub fn disposition(&self) -> Disposition {
        match self {
            GroupError::Refused { error, .. } => match error.disposition() {
                // What helps by itself was tried already.
                Disposition::Retry => Disposition::Fatal,
                other => other,
            },
            GroupError::Fenced { .. } | GroupError::Assign { .. } | GroupError::Protocol { .. } => {
                Disposition::Fatal
            }
        }
    }
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GroupError::Fenced {
                group_id,
                group_instance_id,
            } => write!(
                f,
                "another member of group '{group_id}' has the same group_instance_id \
                 '{group_instance_id}': give each member an id of its own"
            ),
            GroupError::Refused { group_id, error } => {
                write!(f, "cannot join group '{group_id}': {error}")?;
                match error.code() {
                    Some(ErrorCode::INCONSISTENT_GROUP_PROTOCOL) => f.write_str(
                        "; its members share no assignor with this one: configure one that all \
                         have, or use another group_id",
                    ),
                    Some(ErrorCode::GROUP_MAX_SIZE_REACHED) => {
                        f.write_str("; raise group.max.size on the brokers, or run fewer members")
                    }
                    _ => Ok(()),
                }
            }
            GroupError::Assign {
                group_id,
                assignor,
                error,
            } => write!(
                f,
                "the assignor '{assignor}' could not assign the partitions of group '{group_id}': \
                 {error}"
            ),
            GroupError::Protocol { group_id, reason } => {
                write!(f, "group '{group_id}': {reason}")
            }
        }
    }
}

impl std::error::Error for GroupError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            GroupError::Refused { error, .. } => Some(error),
            GroupError::Assign { error, .. } => Some(error),
            GroupError::Fenced { .. } | GroupError::Protocol { .. } => None,
        }
    }
}
