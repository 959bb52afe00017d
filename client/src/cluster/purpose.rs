//! Where a request goes, and on which of the connections to there.

use std::fmt;
use std::sync::Arc;

use thalweg_protocol::BrokerId;

/// The broker that has to serve a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// Whichever broker can be reached.
    Any,
    /// The controller, or the broker that stands for it.
    Controller,
    /// One broker, such as the leader of a partition.
    Broker(BrokerId),
    /// The coordinator of a group.
    GroupCoordinator(&'a str),
    /// The coordinator of a transactional id.
    TransactionCoordinator(&'a str),
}

impl<'a> Target<'a> {
    pub(super) fn coordinator(self) -> Option<CoordinatorKey<&'a str>> {
        match self {
            Target::GroupCoordinator(group) => Some(CoordinatorKey::Group(group)),
            Target::TransactionCoordinator(id) => Some(CoordinatorKey::Transaction(id)),
            Target::Any | Target::Controller | Target::Broker(_) => None,
        }
    }
}

/// What a connection is for. Brokers answer one request of a connection after the other, so what
/// may be held back for long (a fetch, a join) has a connection of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Purpose {
    /// Metadata, admin requests, offsets: short questions. Shared by all clients of a cluster.
    Control,
    /// Fetches of one consumer.
    Fetch,
    /// Produce requests of one producer.
    Produce,
    /// Membership and offsets of one group member.
    Group,
    /// Transaction requests of one producer.
    Transaction,
}

/// What a coordinator is responsible for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum CoordinatorKey<S> {
    Group(S),
    Transaction(S),
}

impl<S: AsRef<str>> CoordinatorKey<S> {
    pub(super) fn name(&self) -> &str {
        match self {
            CoordinatorKey::Group(name) | CoordinatorKey::Transaction(name) => name.as_ref(),
        }
    }

    pub(super) fn to_owned(&self) -> CoordinatorKey<Arc<str>> {
        match self {
            CoordinatorKey::Group(name) => CoordinatorKey::Group(name.as_ref().into()),
            CoordinatorKey::Transaction(name) => CoordinatorKey::Transaction(name.as_ref().into()),
        }
    }

    /// `KeyType` in FindCoordinator.
    pub(super) fn key_type(&self) -> i8 {
        match self {
            CoordinatorKey::Group(_) => 0,
            CoordinatorKey::Transaction(_) => 1,
        }
    }
}

impl<S: AsRef<str>> fmt::Display for CoordinatorKey<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CoordinatorKey::Group(name) => write!(f, "group '{}'", name.as_ref()),
            CoordinatorKey::Transaction(name) => write!(f, "transactional id '{}'", name.as_ref()),
        }
    }
}
