//! The error codes of Kafka's protocol, in one table.

use std::fmt;

/// What a broker says about a request or a part of it.
///
/// A code that is not in the table (a newer broker's) is kept as it is, and counts as fatal.
///
/// Whether a code [is retriable](Self::is_retriable) is what Kafka's Java client says in general. What
/// to do about a code depends on the operation: a transaction needs more than this column.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(pub i16);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Success,
    /// Repeating the same request will not help.
    Fatal,
    /// The same request may succeed later.
    Retriable,
    /// As retriable, and the client's metadata is out of date.
    Refresh,
}

struct Row {
    code: i16,
    kind: Kind,
    name: &'static str,
    meaning: &'static str,
}

macro_rules! error_codes {
    ($($name:ident = $code:literal, $kind:ident, $meaning:literal;)*) => {
        impl ErrorCode {
            $(
                #[doc = concat!($meaning, ".")]
                pub const $name: Self = Self($code);
            )*

            /// Every code that is known, by ascending number.
            pub const ALL: &[Self] = &[$(Self($code),)*];
        }

        /// By ascending code.
        const TABLE: &[Row] = &[
            $(Row { code: $code, kind: Kind::$kind, name: stringify!($name), meaning: $meaning },)*
        ];
    };
}

// The second column is a `Kind`.
error_codes! {
    UNKNOWN_SERVER_ERROR = -1, Fatal,
        "the broker failed in a way it has no code for; its log says more";
    NONE = 0, Success, "success";
    OFFSET_OUT_OF_RANGE = 1, Fatal,
        "the offset is outside what the partition holds: deleted by retention, or not yet written";
    CORRUPT_MESSAGE = 2, Retriable,
        "a record batch failed its checksum or is otherwise malformed; it may have been damaged \
         on the way";
    UNKNOWN_TOPIC_OR_PARTITION = 3, Refresh,
        "the broker does not know the topic or partition, or may not admit to it";
    INVALID_FETCH_SIZE = 4, Fatal, "the fetch size is not usable";
    LEADER_NOT_AVAILABLE = 5, Refresh,
        "the partition has no leader at the moment, an election is under way";
    NOT_LEADER_OR_FOLLOWER = 6, Refresh,
        "the broker asked is not the leader (or a replica) of the partition";
    REQUEST_TIMED_OUT = 7, Retriable,
        "the broker did not complete the request within the time given; it may or may not have \
         taken effect";
    BROKER_NOT_AVAILABLE = 8, Fatal, "the broker is not available";
    REPLICA_NOT_AVAILABLE = 9, Refresh, "the replica is not available on this broker at the moment";
    MESSAGE_TOO_LARGE = 10, Fatal,
        "the record batch is larger than `max.message.bytes` of the topic allows";
    STALE_CONTROLLER_EPOCH = 11, Fatal, "the controller that sent the request has been replaced";
    OFFSET_METADATA_TOO_LARGE = 12, Fatal,
        "the metadata stored with a committed offset is longer than `offset.metadata.max.bytes`";
    NETWORK_EXCEPTION = 13, Refresh, "the broker disconnected before it answered";
    COORDINATOR_LOAD_IN_PROGRESS = 14, Retriable,
        "the coordinator is still loading its state and will answer soon";
    COORDINATOR_NOT_AVAILABLE = 15, Retriable,
        "the coordinator, or the internal topic it keeps its state in, is not available";
    NOT_COORDINATOR = 16, Retriable,
        "the broker asked is not the coordinator of this group or transactional id: look it up \
         again";
    INVALID_TOPIC_EXCEPTION = 17, Fatal,
        "the topic name is not valid, or names an internal topic that may not be written";
    RECORD_LIST_TOO_LARGE = 18, Fatal, "the record batch is larger than a log segment";
    NOT_ENOUGH_REPLICAS = 19, Retriable,
        "fewer replicas are in sync than `min.insync.replicas` demands; nothing was written";
    NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20, Retriable,
        "the records were written, but to fewer in-sync replicas than `min.insync.replicas` \
         demands";
    INVALID_REQUIRED_ACKS = 21, Fatal, "`acks` is none of -1, 0 and 1";
    ILLEGAL_GENERATION = 22, Fatal,
        "the generation is not the group's current one: the member missed a rebalance and must \
         rejoin";
    INCONSISTENT_GROUP_PROTOCOL = 23, Fatal,
        "the member's protocol type, or all its assignors, are foreign to the group it wants to \
         join";
    INVALID_GROUP_ID = 24, Fatal, "the group id is not valid";
    UNKNOWN_MEMBER_ID = 25, Fatal,
        "the group does not know this member: it was removed, and must join anew";
    INVALID_SESSION_TIMEOUT = 26, Fatal,
        "the session timeout is outside `group.min.session.timeout.ms` and \
         `group.max.session.timeout.ms`";
    REBALANCE_IN_PROGRESS = 27, Fatal, "the group is rebalancing: rejoin";
    INVALID_COMMIT_OFFSET_SIZE = 28, Fatal, "the offset commit is too large to be stored";
    TOPIC_AUTHORIZATION_FAILED = 29, Fatal, "not authorised for a topic";
    GROUP_AUTHORIZATION_FAILED = 30, Fatal, "not authorised for the group";
    CLUSTER_AUTHORIZATION_FAILED = 31, Fatal, "not authorised for the cluster";
    INVALID_TIMESTAMP = 32, Fatal, "a record's timestamp is out of the range the topic accepts";
    UNSUPPORTED_SASL_MECHANISM = 33, Fatal,
        "the broker does not offer the SASL mechanism asked for";
    ILLEGAL_SASL_STATE = 34, Fatal, "the request is not allowed at this point of the SASL exchange";
    UNSUPPORTED_VERSION = 35, Fatal,
        "the broker does not have the version of the request, or the feature it needs";
    TOPIC_ALREADY_EXISTS = 36, Fatal, "a topic of this name exists already";
    INVALID_PARTITIONS = 37, Fatal, "the number of partitions is not valid";
    INVALID_REPLICATION_FACTOR = 38, Fatal,
        "the replication factor is below 1 or above the number of brokers";
    INVALID_REPLICA_ASSIGNMENT = 39, Fatal, "the replica assignment is not valid";
    INVALID_CONFIG = 40, Fatal, "a configuration is not valid";
    NOT_CONTROLLER = 41, Retriable, "the broker asked is not the controller";
    INVALID_REQUEST = 42, Fatal,
        "the request contradicts itself or the protocol; the broker's log says how";
    UNSUPPORTED_FOR_MESSAGE_FORMAT = 43, Fatal,
        "the message format of the stored records does not support the operation";
    POLICY_VIOLATION = 44, Fatal, "a policy set by the cluster's operator refuses the request";
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45, Fatal,
        "a batch's sequence number does not follow the one before: a batch in between was lost";
    DUPLICATE_SEQUENCE_NUMBER = 46, Fatal, "the batch was written already";
    INVALID_PRODUCER_EPOCH = 47, Fatal,
        "a newer producer with the same transactional id has taken over, or the epoch was never \
         given out";
    INVALID_TXN_STATE = 48, Fatal, "the transaction is not in a state that allows the request";
    INVALID_PRODUCER_ID_MAPPING = 49, Fatal,
        "the producer id is not the one of the transactional id";
    INVALID_TRANSACTION_TIMEOUT = 50, Fatal,
        "the transaction timeout exceeds `transaction.max.timeout.ms` of the brokers";
    CONCURRENT_TRANSACTIONS = 51, Retriable,
        "the previous transaction of this producer is still being completed: try again shortly";
    TRANSACTION_COORDINATOR_FENCED = 52, Fatal,
        "the transaction coordinator that wrote the marker has been replaced";
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53, Fatal, "not authorised for the transactional id";
    SECURITY_DISABLED = 54, Fatal, "the broker has no authoriser or no security configured";
    OPERATION_NOT_ATTEMPTED = 55, Fatal,
        "the broker did not try, because another part of the same request failed";
    KAFKA_STORAGE_ERROR = 56, Refresh, "the broker's disk failed; another replica takes over";
    LOG_DIR_NOT_FOUND = 57, Fatal, "the broker does not have this log directory";
    SASL_AUTHENTICATION_FAILED = 58, Fatal, "the credentials were refused";
    UNKNOWN_PRODUCER_ID = 59, Fatal,
        "the broker has no state for the producer id left, as its records were deleted";
    REASSIGNMENT_IN_PROGRESS = 60, Fatal, "the partition's reassignment is under way";
    DELEGATION_TOKEN_AUTH_DISABLED = 61, Fatal, "the broker has no delegation tokens configured";
    DELEGATION_TOKEN_NOT_FOUND = 62, Fatal, "the delegation token does not exist";
    DELEGATION_TOKEN_OWNER_MISMATCH = 63, Fatal, "the delegation token belongs to someone else";
    DELEGATION_TOKEN_REQUEST_NOT_ALLOWED = 64, Fatal,
        "delegation tokens may not be managed over this kind of connection";
    DELEGATION_TOKEN_AUTHORIZATION_FAILED = 65, Fatal, "not authorised for the delegation token";
    DELEGATION_TOKEN_EXPIRED = 66, Fatal, "the delegation token has expired";
    INVALID_PRINCIPAL_TYPE = 67, Fatal, "the principal type is not supported";
    NON_EMPTY_GROUP = 68, Fatal, "the group still has members";
    GROUP_ID_NOT_FOUND = 69, Fatal, "the group does not exist";
    FETCH_SESSION_ID_NOT_FOUND = 70, Retriable,
        "the broker has dropped the fetch session: start a new one";
    INVALID_FETCH_SESSION_EPOCH = 71, Retriable,
        "the fetch session's counter does not match: start a new one";
    LISTENER_NOT_FOUND = 72, Refresh,
        "the leader does not have the listener the request came through (yet)";
    TOPIC_DELETION_DISABLED = 73, Fatal, "topics may not be deleted here (`delete.topic.enable`)";
    FENCED_LEADER_EPOCH = 74, Refresh,
        "the client's leader epoch is older than the partition's: its metadata is stale";
    UNKNOWN_LEADER_EPOCH = 75, Retriable,
        "the client's leader epoch is newer than the broker's: the broker has yet to catch up";
    UNSUPPORTED_COMPRESSION_TYPE = 76, Fatal,
        "the compression is not supported in this version of the request";
    STALE_BROKER_EPOCH = 77, Fatal, "the broker has registered anew since it sent this";
    OFFSET_NOT_AVAILABLE = 78, Retriable,
        "the leader has just been elected and does not know its high watermark yet";
    MEMBER_ID_REQUIRED = 79, Fatal, "the member must join again with the id it has now been given";
    PREFERRED_LEADER_NOT_AVAILABLE = 80, Refresh, "the preferred leader is not available";
    GROUP_MAX_SIZE_REACHED = 81, Fatal, "the group has `group.max.size` members already";
    FENCED_INSTANCE_ID = 82, Fatal,
        "another member with the same `group.instance.id` has taken this one's place";
    ELIGIBLE_LEADERS_NOT_AVAILABLE = 83, Refresh,
        "none of the replicas that may become leader is available";
    ELECTION_NOT_NEEDED = 84, Refresh, "the partition has the leader it should have";
    NO_REASSIGNMENT_IN_PROGRESS = 85, Fatal, "no reassignment of the partition is under way";
    GROUP_SUBSCRIBED_TO_TOPIC = 86, Fatal,
        "the group still reads the topic whose offsets should be deleted";
    INVALID_RECORD = 87, Fatal,
        "the broker refused a record: no key in a compacted topic, for example";
    UNSTABLE_OFFSET_COMMIT = 88, Retriable,
        "a transaction with offsets for this partition is not completed yet";
    THROTTLING_QUOTA_EXCEEDED = 89, Retriable, "a quota of the broker is used up";
    PRODUCER_FENCED = 90, Fatal, "a newer producer with the same transactional id has taken over";
    RESOURCE_NOT_FOUND = 91, Fatal, "what the request names does not exist";
    DUPLICATE_RESOURCE = 92, Fatal, "the request names the same thing twice";
    UNACCEPTABLE_CREDENTIAL = 93, Fatal, "the credential does not meet the requirements";
    INCONSISTENT_VOTER_SET = 94, Fatal,
        "the sender and the receiver of a raft request disagree about who votes";
    INVALID_UPDATE_VERSION = 95, Fatal, "the feature level asked for is not valid";
    FEATURE_UPDATE_FAILED = 96, Fatal, "the feature level could not be changed";
    PRINCIPAL_DESERIALIZATION_FAILURE = 97, Fatal,
        "the principal within a forwarded request could not be read";
    SNAPSHOT_NOT_FOUND = 98, Fatal, "the snapshot does not exist";
    POSITION_OUT_OF_RANGE = 99, Fatal, "the position is outside the snapshot";
    UNKNOWN_TOPIC_ID = 100, Refresh,
        "the broker does not know the topic id: the topic is new or was deleted";
    DUPLICATE_BROKER_REGISTRATION = 101, Fatal, "another broker with the same id is registered";
    BROKER_ID_NOT_REGISTERED = 102, Fatal, "the broker id is not registered";
    INCONSISTENT_TOPIC_ID = 103, Refresh,
        "the topic id is not the one in the log: the topic was deleted and created again";
    INCONSISTENT_CLUSTER_ID = 104, Fatal,
        "the cluster id is another one: this is not the cluster meant";
    TRANSACTIONAL_ID_NOT_FOUND = 105, Fatal, "the transactional id is not known";
    FETCH_SESSION_TOPIC_ID_ERROR = 106, Retriable,
        "the fetch session and the request disagree about topic ids: start a new session";
    INELIGIBLE_REPLICA = 107, Fatal, "the replica may not join the in-sync set";
    NEW_LEADER_ELECTED = 108, Fatal,
        "the replica was made leader by the very request, and must not act on its old state";
    OFFSET_MOVED_TO_TIERED_STORAGE = 109, Fatal, "the offset is in remote storage only";
    FENCED_MEMBER_EPOCH = 110, Fatal,
        "the member's epoch is not the current one: rejoin with epoch 0";
    UNRELEASED_INSTANCE_ID = 111, Fatal,
        "another member uses this `group.instance.id` and has not left yet";
    UNSUPPORTED_ASSIGNOR = 112, Fatal, "the broker does not have the assignor asked for";
    STALE_MEMBER_EPOCH = 113, Fatal, "the member's epoch is behind: heartbeat and try again";
    MISMATCHED_ENDPOINT_TYPE = 114, Fatal,
        "the request was sent to a controller where a broker was meant, or the other way round";
    UNSUPPORTED_ENDPOINT_TYPE = 115, Fatal, "this kind of endpoint is not supported here";
    UNKNOWN_CONTROLLER_ID = 116, Fatal, "the controller id is not known";
    UNKNOWN_SUBSCRIPTION_ID = 117, Fatal,
        "the telemetry subscription is not current: ask for it again";
    TELEMETRY_TOO_LARGE = 118, Fatal, "the telemetry exceeds what the broker accepts";
    INVALID_REGISTRATION = 119, Fatal, "the controller refused the registration of a node";
    TRANSACTION_ABORTABLE = 120, Fatal,
        "the transaction must be aborted; the producer can go on afterwards";
    INVALID_RECORD_STATE = 121, Fatal, "the state of a shared record does not allow what was asked";
    SHARE_SESSION_NOT_FOUND = 122, Retriable,
        "the broker has dropped the share session: start a new one";
    INVALID_SHARE_SESSION_EPOCH = 123, Retriable,
        "the share session's counter does not match: start a new one";
    FENCED_STATE_EPOCH = 124, Fatal,
        "the state of the share group has been taken over by a newer coordinator";
    INVALID_VOTER_KEY = 125, Fatal, "the directory id of the raft voter does not match";
    DUPLICATE_VOTER = 126, Fatal, "the raft voter is a member already";
    VOTER_NOT_FOUND = 127, Fatal, "the raft voter is not a member";
    INVALID_REGULAR_EXPRESSION = 128, Fatal, "the regular expression is not valid";
    REBOOTSTRAP_REQUIRED = 129, Fatal,
        "the client's idea of the cluster is out of date: start again from the bootstrap \
         addresses";
    STREAMS_INVALID_TOPOLOGY = 130, Fatal, "the topology of the streams group is not valid";
    STREAMS_INVALID_TOPOLOGY_EPOCH = 131, Fatal,
        "the epoch of the streams group's topology is not valid";
    STREAMS_TOPOLOGY_FENCED = 132, Fatal, "the member's topology is older than the streams group's";
    SHARE_SESSION_LIMIT_REACHED = 133, Retriable,
        "the broker has as many share sessions as it allows";
    GROUP_DELETION_FAILED = 134, Fatal, "the group could not be deleted";
    STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED = 135, Fatal,
        "the description of the streams group's topology could not be stored";
    CONTROLLER_ID_NOT_REGISTERED = 136, Fatal, "the controller id is not registered";
}

impl ErrorCode {
    fn row(self) -> Option<&'static Row> {
        let index = TABLE.binary_search_by_key(&self.0, |row| row.code).ok()?;
        TABLE.get(index)
    }

    fn kind(self) -> Kind {
        self.row().map_or(Kind::Fatal, |row| row.kind)
    }

    /// Whether this is no error.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// `Ok` if this is no error, else the code.
    ///
    /// # Errors
    /// The code itself.
    pub fn ok(self) -> Result<(), Self> {
        if self.is_none() { Ok(()) } else { Err(self) }
    }

    /// Whether the same request may succeed later.
    pub fn is_retriable(self) -> bool {
        matches!(self.kind(), Kind::Retriable | Kind::Refresh)
    }

    /// Whether the code says that the client's metadata is out of date.
    pub fn refreshes_metadata(self) -> bool {
        self.kind() == Kind::Refresh
    }

    /// Kafka's name, or `UNKNOWN` for a code that is not in the table.
    pub fn name(self) -> &'static str {
        self.row().map_or("UNKNOWN", |row| row.name)
    }

    /// What it means, in a sentence without capital and full stop.
    pub fn meaning(self) -> &'static str {
        self.row()
            .map_or("a code this version of the library does not know", |row| {
                row.meaning
            })
    }
}

/// `NOT_LEADER_OR_FOLLOWER (6): the broker asked is not ...`
impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.name(), self.0, self.meaning())
    }
}

/// `NOT_LEADER_OR_FOLLOWER (6)`
impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

impl std::error::Error for ErrorCode {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete_and_ascending() {
        assert_eq!(TABLE.len(), 138);
        assert!(TABLE.is_sorted_by(|a, b| a.code < b.code));
        for row in TABLE {
            let code = ErrorCode(row.code);
            assert_eq!(code.name(), row.name);
            assert!(
                !row.meaning.is_empty() && !row.meaning.ends_with('.'),
                "{code}"
            );
        }
    }

    #[test]
    fn a_code_says_whether_to_retry_and_whether_to_refresh() {
        assert!(ErrorCode::NOT_LEADER_OR_FOLLOWER.is_retriable());
        assert!(ErrorCode::NOT_LEADER_OR_FOLLOWER.refreshes_metadata());
        assert!(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS.is_retriable());
        assert!(!ErrorCode::COORDINATOR_LOAD_IN_PROGRESS.refreshes_metadata());
        assert!(!ErrorCode::PRODUCER_FENCED.is_retriable());
        assert!(ErrorCode::NONE.ok().is_ok());
        assert!(!ErrorCode::NONE.is_retriable());
    }

    #[test]
    fn a_code_from_the_future_is_fatal_and_keeps_its_number() {
        let code = ErrorCode(9999);
        assert!(!code.is_retriable());
        assert_eq!(code.ok(), Err(code));
        assert!(code.to_string().starts_with("UNKNOWN (9999): "), "{code}");
    }
}
