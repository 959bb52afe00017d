//! What can go wrong between a client and its cluster, and what can be done about it.
//!
//! Every layer above adds an enum of its own per operation; they wrap [`CallError`], and all of them
//! answer [`disposition()`](CallError::disposition), so that the decision to repeat something is made
//! in one place.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thalweg_protocol::{ApiKey, BrokerId, DecodeError, EncodeError, ErrorCode, PartitionId};

use crate::config::ConfigError;
use crate::net::ConnectionFailure;
use crate::topic_partition::TopicPartition;

/// What to do about an error.
///
/// Kafka marks its error codes as retriable or not. That column cannot drive transactions and
/// groups, where the same code means different things: here each operation says what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Disposition {
    /// Wait a little, look up where to send it again, and repeat it unchanged.
    Retry,
    /// The transaction cannot be committed any more; abort it and begin another.
    AbortTransaction,
    /// The producer lost its identity; get a new epoch by `InitProducerId`, then begin anew.
    Reinitialise,
    /// The member lost its place in the group; join again.
    Rejoin,
    /// Nothing a client can do by itself helps: a person must look at it.
    Fatal,
}

impl Disposition {
    /// What a broker's error code asks for where the operation does not know better.
    pub fn of(code: ErrorCode) -> Disposition {
        match code {
            ErrorCode::TRANSACTION_ABORTABLE => Disposition::AbortTransaction,
            ErrorCode::PRODUCER_FENCED
            | ErrorCode::INVALID_PRODUCER_EPOCH
            | ErrorCode::INVALID_PRODUCER_ID_MAPPING
            | ErrorCode::UNKNOWN_PRODUCER_ID
            | ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER => Disposition::Reinitialise,
            ErrorCode::UNKNOWN_MEMBER_ID
            | ErrorCode::ILLEGAL_GENERATION
            | ErrorCode::REBALANCE_IN_PROGRESS
            | ErrorCode::MEMBER_ID_REQUIRED
            | ErrorCode::FENCED_MEMBER_EPOCH
            | ErrorCode::STALE_MEMBER_EPOCH => Disposition::Rejoin,
            // The cluster was replaced behind the same addresses; starting from the bootstrap
            // servers, which a repetition does, finds the new one.
            ErrorCode::REBOOTSTRAP_REQUIRED => Disposition::Retry,
            // A broker that shuts down says this while another takes over.
            ErrorCode::BROKER_NOT_AVAILABLE => Disposition::Retry,
            code if code.is_retriable() => Disposition::Retry,
            _ => Disposition::Fatal,
        }
    }
}

/// A broker as errors name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerAddress {
    /// Its id; `None` for an address of the bootstrap list whose id is not known yet.
    pub id: Option<BrokerId>,
    /// Its host name or address.
    pub host: Arc<str>,
    /// Its port.
    pub port: u16,
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(id) = self.id {
            write!(f, "broker {} at ", id.0)?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A request that did not get the answer it asked for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum CallError {
    /// None of the brokers that could serve the request can be reached.
    NoBrokerReachable {
        /// For every broker tried, why it could not.
        tried: Arc<[CallError]>,
    },
    /// The broker that has to serve the request cannot be reached. Nothing was sent.
    Connect {
        /// The broker.
        broker: BrokerAddress,
        /// Why.
        failure: ConnectionFailure,
    },
    /// The connection ended before the answer came.
    Disconnected {
        /// The broker.
        broker: BrokerAddress,
        /// The request.
        api: ApiKey,
        /// Why the connection ended.
        failure: ConnectionFailure,
        /// Whether the broker may have received the request, and done what it says.
        sent: bool,
    },
    /// The broker does not know a version of the request that would do.
    UnsupportedVersion(Box<UnsupportedVersion>),
    /// The broker's answer cannot be read.
    Malformed {
        /// The broker.
        broker: BrokerAddress,
        /// The request.
        api: ApiKey,
        /// Its version.
        version: i16,
        /// Where and why reading stopped.
        error: DecodeError,
    },
    /// The request cannot be written: it asks for something its version has no field for.
    Unencodable {
        /// The request.
        api: ApiKey,
        /// Its version.
        version: i16,
        /// What cannot be written.
        error: Arc<EncodeError>,
    },
    /// The broker answered with an error code.
    Refused {
        /// The request.
        api: ApiKey,
        /// What it was about: `topic 'bids'`, `group 'billing'`.
        subject: Arc<str>,
        /// The code.
        code: ErrorCode,
        /// What the broker said about it.
        message: Option<Arc<str>>,
    },
    /// No broker knows the topic, and it was waited for.
    UnknownTopic {
        /// The topic.
        topic: Arc<str>,
        /// How long it was asked for.
        waited: Duration,
    },
    /// The topic has no such partition.
    UnknownPartition {
        /// The partition.
        topic: Arc<str>,
        /// The partition.
        partition: PartitionId,
        /// How many partitions the topic has.
        partitions: usize,
    },
    /// The partition has no leader at the moment.
    NoLeader {
        /// The partition.
        topic_partition: TopicPartition,
    },
    /// The cluster has no broker of that id at the moment.
    UnknownBroker {
        /// The id.
        broker: BrokerId,
    },
    /// The cluster has no controller at the moment.
    NoController,
    /// The broker's answer leaves out what was asked for.
    NotMentioned {
        /// The request.
        api: ApiKey,
    },
    /// The time allowed was up before the answer came.
    TooSlow {
        /// The request.
        api: ApiKey,
    },
    /// Repeating did not help within the time allowed.
    Exhausted {
        /// What was to be done.
        operation: &'static str,
        /// How often it was tried.
        attempts: u32,
        /// For how long.
        elapsed: Duration,
        /// How the last attempt failed.
        last: Box<CallError>,
    },
    /// The client has been shut down, or the runtime its tasks ran on has.
    Closed,
}

/// A request that the broker is too old, or too new, for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnsupportedVersion {
    /// The broker.
    pub broker: BrokerAddress,
    /// The request.
    pub api: ApiKey,
    /// The versions that would do, lowest and highest.
    pub needed: (i16, i16),
    /// The versions that the broker has; `None` when it does not know the request at all.
    pub offered: Option<(i16, i16)>,
    /// The first Kafka release that has the lowest version that would do.
    pub since: Option<&'static str>,
    /// The `broker_version` this client is pinned to, which may be what stands in the way.
    pub pinned: Option<Arc<str>>,
}

impl CallError {
    /// An error code in an answer, about `subject`.
    pub(crate) fn refused(
        api: ApiKey,
        subject: impl Into<Arc<str>>,
        code: ErrorCode,
        message: Option<&str>,
    ) -> CallError {
        CallError::Refused {
            api,
            subject: subject.into(),
            code,
            message: message.filter(|message| !message.is_empty()).map(Arc::from),
        }
    }

    /// What to do about it.
    pub fn disposition(&self) -> Disposition {
        match self {
            CallError::Connect { failure, .. } | CallError::Disconnected { failure, .. }
                if failure.is_definite() =>
            {
                Disposition::Fatal
            }
            CallError::NoBrokerReachable { tried }
                if !tried.is_empty()
                    && tried
                        .iter()
                        .all(|error| error.disposition() == Disposition::Fatal) =>
            {
                Disposition::Fatal
            }
            CallError::NoBrokerReachable { .. }
            | CallError::Connect { .. }
            | CallError::Disconnected { .. }
            | CallError::NoLeader { .. }
            | CallError::UnknownBroker { .. }
            | CallError::TooSlow { .. }
            | CallError::NoController => Disposition::Retry,
            CallError::Refused { code, .. } => Disposition::of(*code),
            CallError::Exhausted { last, .. } => match last.disposition() {
                Disposition::Retry => Disposition::Fatal,
                other => other,
            },
            CallError::UnsupportedVersion(_)
            | CallError::Malformed { .. }
            | CallError::Unencodable { .. }
            | CallError::UnknownTopic { .. }
            | CallError::UnknownPartition { .. }
            | CallError::NotMentioned { .. }
            | CallError::Closed => Disposition::Fatal,
        }
    }

    /// Whether the broker may have done what was asked although no answer says so.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            CallError::Disconnected { sent, .. } => *sent,
            CallError::Malformed { .. }
            | CallError::NotMentioned { .. }
            | CallError::TooSlow { .. } => true,
            CallError::Refused { code, .. } => {
                matches!(
                    *code,
                    ErrorCode::REQUEST_TIMED_OUT | ErrorCode::UNKNOWN_SERVER_ERROR
                )
            }
            CallError::Exhausted { last, .. } => last.outcome_unknown(),
            _ => false,
        }
    }

    /// The broker's error code, if that is what this is about.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            CallError::Refused { code, .. } => Some(*code),
            CallError::Exhausted { last, .. } => last.code(),
            _ => None,
        }
    }

    /// Whether newer metadata may show the way.
    pub(crate) fn refreshes_metadata(&self) -> bool {
        match self {
            CallError::Refused { code, .. } => code.refreshes_metadata(),
            CallError::NoBrokerReachable { .. }
            | CallError::Connect { .. }
            | CallError::Disconnected { .. }
            | CallError::NoLeader { .. }
            | CallError::UnknownBroker { .. }
            | CallError::NoController => true,
            _ => false,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::NoBrokerReachable { tried } => {
                f.write_str("no broker can be reached")?;
                let mut separator = ": ";
                for error in tried.iter() {
                    write!(f, "{separator}{error}")?;
                    separator = "; ";
                }
                Ok(())
            }
            CallError::Connect { broker, failure } => {
                write!(f, "cannot connect to {broker}: {failure}")
            }
            CallError::Disconnected {
                broker,
                api,
                failure,
                sent,
            } => {
                write!(f, "lost {broker} during {api}: {failure}")?;
                if *sent {
                    f.write_str(" (the request may have been carried out)")
                } else {
                    Ok(())
                }
            }
            CallError::UnsupportedVersion(unsupported) => unsupported.fmt(f),
            CallError::Malformed {
                broker,
                api,
                version,
                error,
            } => write!(
                f,
                "cannot read the answer of {broker} to {api} version {version}: {error}; if the \
                 broker is not Apache Kafka, pinning broker_version to an older release may help"
            ),
            CallError::Unencodable {
                api,
                version,
                error,
            } => {
                write!(f, "cannot write {api} in version {version}: {error}")
            }
            CallError::Refused {
                api,
                subject,
                code,
                message,
            } => {
                write!(
                    f,
                    "{api} for {subject} failed: {} ({})",
                    code.name(),
                    code.meaning()
                )?;
                if let Some(message) = message {
                    write!(f, "; the broker says: {message}")?;
                }
                match advice(*code) {
                    Some(advice) => write!(f, "; {advice}"),
                    None => Ok(()),
                }
            }
            CallError::UnknownTopic { topic, waited } => write!(
                f,
                "topic '{topic}' does not exist (asked for {waited:.1?}): check its spelling, or \
                 create it first"
            ),
            CallError::UnknownPartition {
                topic,
                partition,
                partitions,
            } => write!(
                f,
                "topic '{topic}' has no partition {}: it has {partitions}, numbered from 0",
                partition.0
            ),
            CallError::NoLeader { topic_partition } => write!(
                f,
                "partition {topic_partition} has no leader at the moment: is a broker that holds \
                 it down?"
            ),
            CallError::UnknownBroker { broker } => {
                write!(
                    f,
                    "the cluster has no broker {} at the moment: is it down?",
                    broker.0
                )
            }
            CallError::NoController => f.write_str("the cluster has no controller at the moment"),
            CallError::NotMentioned { api } => {
                write!(
                    f,
                    "the broker's answer to {api} leaves out what was asked for"
                )
            }
            CallError::TooSlow { api } => write!(f, "{api} was not answered in time"),
            CallError::Exhausted {
                operation,
                attempts,
                elapsed,
                last,
            } => write!(
                f,
                "{operation} gave up after {attempts} attempts in {elapsed:.1?}; the last: {last}"
            ),
            CallError::Closed => f.write_str("the client is closed"),
        }
    }
}

impl std::error::Error for CallError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CallError::Connect { failure, .. } | CallError::Disconnected { failure, .. } => {
                Some(failure)
            }
            CallError::Malformed { error, .. } => Some(error),
            CallError::Exhausted { last, .. } => Some(last.as_ref()),
            _ => None,
        }
    }
}

impl fmt::Display for UnsupportedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.needed;
        let versions = |low: i16, high: i16| match low == high {
            true => format!("version {low}"),
            false => format!("versions {low} to {high}"),
        };
        write!(
            f,
            "{} does not support what is asked of it: {} needs {}, ",
            self.broker,
            self.api,
            versions(low, high)
        )?;
        match self.offered {
            Some((low, high)) => write!(f, "it has {}", versions(low, high))?,
            None => f.write_str("it has none")?,
        }
        if let Some(pinned) = &self.pinned {
            write!(f, " and this client is pinned to broker_version {pinned}")?;
        }
        match (self.offered, self.since) {
            (Some((low, _)), _) if low > high => {
                f.write_str("; the broker is newer than this client: use a newer release of it")
            }
            (_, Some(since)) => write!(f, "; it takes Kafka {since} or later"),
            (_, None) => Ok(()),
        }
    }
}

/// What a person can do about a code, where its meaning does not say so already.
pub(crate) fn advice(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::TOPIC_AUTHORIZATION_FAILED => {
            "grant this client's principal the operation on the topic (kafka-acls --add --topic)"
        }
        ErrorCode::GROUP_AUTHORIZATION_FAILED => {
            "grant this client's principal READ on the group (kafka-acls --add --group)"
        }
        ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED => {
            "grant this client's principal WRITE on the id (kafka-acls --add --transactional-id)"
        }
        ErrorCode::CLUSTER_AUTHORIZATION_FAILED => {
            "grant this client's principal the operation on the cluster (kafka-acls --add --cluster)"
        }
        ErrorCode::INVALID_REPLICATION_FACTOR => {
            "the replication factor may not exceed the number of brokers"
        }
        ErrorCode::MESSAGE_TOO_LARGE => {
            "send smaller batches, or raise max.message.bytes of the topic"
        }
        ErrorCode::INVALID_TRANSACTION_TIMEOUT => {
            "stay within the broker's transaction.max.timeout.ms"
        }
        ErrorCode::INVALID_SESSION_TIMEOUT => {
            "stay between the broker's group.min.session.timeout.ms and \
             group.max.session.timeout.ms"
        }
        _ => return None,
    })
}

/// Why a client could not be made.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The configuration cannot work.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// No broker of the bootstrap list could be reached and asked about its cluster.
    #[error("cannot reach the cluster: {0}")]
    Call(#[from] CallError),
}
