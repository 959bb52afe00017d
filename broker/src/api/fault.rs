//! Errors with the words Kafka has for them: tools show these to people.

use thalweg_protocol::{ErrorCode, StrBytes};

use crate::cluster::{Caller, Principal};

pub(super) use crate::cluster::Fault;

/// An error with what Kafka says where it has nothing particular to say.
pub(super) fn fault(code: ErrorCode) -> Fault {
    (code, kafkas_words(code).to_owned())
}

/// A request that makes no sense.
pub(super) fn invalid(message: impl Into<String>) -> Fault {
    (ErrorCode::INVALID_REQUEST, message.into())
}

/// The code and message of an answer.
pub(super) fn told(outcome: Result<(), Fault>) -> (ErrorCode, Option<StrBytes>) {
    match outcome {
        Ok(()) => (ErrorCode::NONE, None),
        Err((code, message)) if message.is_empty() => (code, None),
        Err((code, message)) => (code, Some(message.into())),
    }
}

/// Why a delegation token is refused: they are switched off, but whoever did not say who they are
/// is told first that they need not ask.
pub(super) fn without_tokens(caller: &Caller) -> ErrorCode {
    if *caller.principal == Principal::anonymous() {
        return ErrorCode::DELEGATION_TOKEN_REQUEST_NOT_ALLOWED;
    }
    ErrorCode::DELEGATION_TOKEN_AUTH_DISABLED
}

fn kafkas_words(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => "This server does not host this topic-partition.",
        ErrorCode::UNKNOWN_TOPIC_ID => "This server does not host this topic ID.",
        ErrorCode::TOPIC_AUTHORIZATION_FAILED => "Topic authorization failed.",
        ErrorCode::GROUP_AUTHORIZATION_FAILED => "Group authorization failed.",
        ErrorCode::CLUSTER_AUTHORIZATION_FAILED => "Cluster authorization failed.",
        ErrorCode::ELECTION_NOT_NEEDED => "Leader election not needed for topic partition.",
        ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE => "The preferred leader was not available.",
        ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE => {
            "Eligible topic partition leaders are not available."
        }
        ErrorCode::NO_REASSIGNMENT_IN_PROGRESS => "",
        ErrorCode::TOPIC_DELETION_DISABLED => "Topic deletion is disabled.",
        ErrorCode::THROTTLING_QUOTA_EXCEEDED => "The throttling quota has been exceeded.",
        other => other.meaning(),
    }
}
