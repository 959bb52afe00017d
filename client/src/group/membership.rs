//! What all group protocols have in common: a member is told what happens, and says what to do.
//!
//! A membership knows no sockets and no clock. The [driver](super::driver) carries its requests to
//! the coordinator and the answers back, tells it the time, and applies what it decides.

use std::collections::BTreeSet;
use std::sync::Arc;

use thalweg_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
};
use tokio::time::Instant;

use super::assignor::TopicToAssign;
use super::error::GroupError;
use super::metadata::GroupMetadata;
use crate::error::CallError;
use crate::topic_partition::TopicPartition;

/// One member of one group.
pub(crate) trait Membership: Send {
    /// What to do next. Called until it says to wait.
    fn poll(&mut self, now: Instant) -> Step;

    /// The answer to the request that [`poll`](Self::poll) gave last, or why there is none.
    fn handle_reply(&mut self, reply: Reply, now: Instant);

    /// The topics that [`Step::LookUpTopics`] asked for, in the order of their names; those that do
    /// not exist are missing.
    fn handle_topics(&mut self, topics: Vec<TopicToAssign>);

    /// The topics asked for last have changed, or may have.
    fn handle_topics_changed(&mut self, topics: Vec<TopicToAssign>);

    /// The topics this member watches, because it leads and assigned them.
    fn watched_topics(&self) -> &[Arc<str>];

    /// The application wants to read these topics from now on, sorted; none to leave the group.
    fn handle_subscription(&mut self, topics: Vec<Arc<str>>);

    /// The application has let go of the partitions of the revocation with this number: those this
    /// member has given up by that, none if they were lost before.
    fn handle_released(&mut self, revocation: u64) -> BTreeSet<TopicPartition>;

    /// The application came to fetch records at this time, or is waiting for some.
    fn handle_polled(&mut self, at: Instant);

    /// The consumer is closed. `leave` is whether the group is to be told.
    fn handle_close(&mut self, leave: bool);

    /// Who this member is; the generation in which it last had an assignment.
    fn metadata(&self) -> GroupMetadata;

    /// The id the coordinator knows this member by now; empty before it has one.
    fn member_id(&self) -> Arc<str>;
}

/// What a membership wants done.
#[derive(Debug)]
pub(crate) enum Step {
    /// Send this to the coordinator. Nothing else until the reply.
    Send(Request),
    /// Look up these topics, as new as can be. Nothing else until the answer.
    LookUpTopics(Vec<Arc<str>>),
    /// Tell the application.
    Emit(Change),
    /// Nothing until something happens, or until then.
    Wait(Option<Instant>),
    /// The membership is over.
    Done,
}

/// A request to the group coordinator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Request {
    Join(JoinGroupRequest),
    Sync(SyncGroupRequest),
    Heartbeat(HeartbeatRequest),
    Leave(LeaveGroupRequest),
}

/// The answer to a [`Request`].
#[derive(Debug)]
pub(crate) enum Reply {
    Join(Result<JoinGroupResponse, CallError>),
    Sync(Result<SyncGroupResponse, CallError>),
    Heartbeat(Result<HeartbeatResponse, CallError>),
    Leave(Result<LeaveGroupResponse, CallError>),
}

/// What becomes of partitions.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// They belong to this member now, besides what it has.
    Assigned(BTreeSet<TopicPartition>),
    /// They go to somebody else once the application lets go of them.
    Revoked {
        revocation: u64,
        partitions: BTreeSet<TopicPartition>,
    },
    /// They are somebody else's already.
    Lost(BTreeSet<TopicPartition>),
    /// The membership ended.
    Failed(GroupError),
}
