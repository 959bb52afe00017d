//! Why members of groups that assign on the broker are refused, in Kafka's words.

use thalweg_protocol::{ErrorCode, StrBytes};

/// An error code, and what a person is told.
pub(crate) type Fault = (ErrorCode, String);

pub(super) fn unknown_member(id: &str, group_id: &str) -> Fault {
    let message = format!("Member {id} is not a member of group {group_id}.");
    (ErrorCode::UNKNOWN_MEMBER_ID, message)
}

/// Whether there is room for one more. `kind` is `consumer` or `streams`.
pub(super) fn check_room(kind: &str, members: usize, members_max: i64) -> Result<(), Fault> {
    if i64::try_from(members).is_ok_and(|members| members < members_max) {
        return Ok(());
    }
    let message =
        format!("The {kind} group has reached its maximum capacity of {members_max} members.");
    Err((ErrorCode::GROUP_MAX_SIZE_REACHED, message))
}

pub(super) fn instance_is_unreleased(id: &str, instance_id: &str, owner: &str) -> Fault {
    let message = format!(
        "Static member {id} with instance id {instance_id} cannot join the group because the \
         instance id is owned by {owner} member."
    );
    (ErrorCode::UNRELEASED_INSTANCE_ID, message)
}

/// Whether the member that asks is the one an instance id belongs to.
pub(super) fn check_instance(
    owner: Option<&StrBytes>,
    instance_id: &str,
    id: &str,
) -> Result<(), Fault> {
    let Some(owner) = owner else {
        let message = format!("Instance id {instance_id} is unknown.");
        return Err((ErrorCode::UNKNOWN_MEMBER_ID, message));
    };
    if *owner != *id {
        let message = format!(
            "Static member {id} with instance id {instance_id} was fenced by member {owner}."
        );
        return Err((ErrorCode::FENCED_INSTANCE_ID, message));
    }
    Ok(())
}

/// Whether a member may speak in an epoch: 0, with which it joins, the newest it was told, or the one
/// before if it just has not heard the answer, which shows in what it says it has.
pub(super) fn check_epoch(
    kind: &str,
    received: i32,
    known: i32,
    has_not_heard: impl FnOnce() -> bool,
) -> Result<(), Fault> {
    let word = match received {
        0 => return Ok(()),
        _ if received == known => return Ok(()),
        _ if received > known => "greater",
        _ if has_not_heard() => return Ok(()),
        _ => "smaller",
    };
    let message = format!(
        "The {kind} group member has a {word} member epoch ({received}) than the one known by the \
         group coordinator ({known}). The member must abandon all its partitions and rejoin."
    );
    Err((ErrorCode::FENCED_MEMBER_EPOCH, message))
}
