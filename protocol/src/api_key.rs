//! The APIs of Kafka's protocol by number.

use std::fmt;

macro_rules! api_keys {
    ($($name:ident = $code:literal, flexible $flexible:expr;)*) => {
        /// An API: a kind of request and its response.
        ///
        /// All of Kafka 4.4 are listed, those between brokers and controllers too, so that a broker's
        /// list of what it supports can be shown. The names are Kafka's.
        #[expect(missing_docs, reason = "the messages of the same names say what each API does")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(i16)]
        pub enum ApiKey {
            $($name = $code,)*
        }

        impl ApiKey {
            /// Every API, by ascending number.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The API of a number, if it is known.
            pub const fn from_code(code: i16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Kafka's name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// The first version with compact lengths and tagged fields.
            const fn first_flexible_version(self) -> Option<i16> {
                match self {
                    $(Self::$name => $flexible,)*
                }
            }
        }
    };
}

api_keys! {
    Produce = 0, flexible Some(9);
    Fetch = 1, flexible Some(12);
    ListOffsets = 2, flexible Some(6);
    Metadata = 3, flexible Some(9);
    OffsetCommit = 8, flexible Some(8);
    OffsetFetch = 9, flexible Some(6);
    FindCoordinator = 10, flexible Some(3);
    JoinGroup = 11, flexible Some(6);
    Heartbeat = 12, flexible Some(4);
    LeaveGroup = 13, flexible Some(4);
    SyncGroup = 14, flexible Some(4);
    DescribeGroups = 15, flexible Some(5);
    ListGroups = 16, flexible Some(3);
    SaslHandshake = 17, flexible None;
    ApiVersions = 18, flexible Some(3);
    CreateTopics = 19, flexible Some(5);
    DeleteTopics = 20, flexible Some(4);
    DeleteRecords = 21, flexible Some(2);
    InitProducerId = 22, flexible Some(2);
    OffsetForLeaderEpoch = 23, flexible Some(4);
    AddPartitionsToTxn = 24, flexible Some(3);
    AddOffsetsToTxn = 25, flexible Some(3);
    EndTxn = 26, flexible Some(3);
    WriteTxnMarkers = 27, flexible Some(1);
    TxnOffsetCommit = 28, flexible Some(3);
    DescribeAcls = 29, flexible Some(2);
    CreateAcls = 30, flexible Some(2);
    DeleteAcls = 31, flexible Some(2);
    DescribeConfigs = 32, flexible Some(4);
    AlterConfigs = 33, flexible Some(2);
    AlterReplicaLogDirs = 34, flexible Some(2);
    DescribeLogDirs = 35, flexible Some(2);
    SaslAuthenticate = 36, flexible Some(2);
    CreatePartitions = 37, flexible Some(2);
    CreateDelegationToken = 38, flexible Some(2);
    RenewDelegationToken = 39, flexible Some(2);
    ExpireDelegationToken = 40, flexible Some(2);
    DescribeDelegationToken = 41, flexible Some(2);
    DeleteGroups = 42, flexible Some(2);
    ElectLeaders = 43, flexible Some(2);
    IncrementalAlterConfigs = 44, flexible Some(1);
    AlterPartitionReassignments = 45, flexible Some(0);
    ListPartitionReassignments = 46, flexible Some(0);
    OffsetDelete = 47, flexible None;
    DescribeClientQuotas = 48, flexible Some(1);
    AlterClientQuotas = 49, flexible Some(1);
    DescribeUserScramCredentials = 50, flexible Some(0);
    AlterUserScramCredentials = 51, flexible Some(0);
    Vote = 52, flexible Some(0);
    BeginQuorumEpoch = 53, flexible Some(1);
    EndQuorumEpoch = 54, flexible Some(1);
    DescribeQuorum = 55, flexible Some(0);
    AlterPartition = 56, flexible Some(0);
    UpdateFeatures = 57, flexible Some(0);
    Envelope = 58, flexible Some(0);
    FetchSnapshot = 59, flexible Some(0);
    DescribeCluster = 60, flexible Some(0);
    DescribeProducers = 61, flexible Some(0);
    BrokerRegistration = 62, flexible Some(0);
    BrokerHeartbeat = 63, flexible Some(0);
    UnregisterBroker = 64, flexible Some(0);
    DescribeTransactions = 65, flexible Some(0);
    ListTransactions = 66, flexible Some(0);
    AllocateProducerIds = 67, flexible Some(0);
    ConsumerGroupHeartbeat = 68, flexible Some(0);
    ConsumerGroupDescribe = 69, flexible Some(0);
    ControllerRegistration = 70, flexible Some(0);
    GetTelemetrySubscriptions = 71, flexible Some(0);
    PushTelemetry = 72, flexible Some(0);
    AssignReplicasToDirs = 73, flexible Some(0);
    ListConfigResources = 74, flexible Some(0);
    DescribeTopicPartitions = 75, flexible Some(0);
    ShareGroupHeartbeat = 76, flexible Some(0);
    ShareGroupDescribe = 77, flexible Some(0);
    ShareFetch = 78, flexible Some(0);
    ShareAcknowledge = 79, flexible Some(0);
    AddRaftVoter = 80, flexible Some(0);
    RemoveRaftVoter = 81, flexible Some(0);
    UpdateRaftVoter = 82, flexible Some(0);
    InitializeShareGroupState = 83, flexible Some(0);
    ReadShareGroupState = 84, flexible Some(0);
    WriteShareGroupState = 85, flexible Some(0);
    DeleteShareGroupState = 86, flexible Some(0);
    ReadShareGroupStateSummary = 87, flexible Some(0);
    StreamsGroupHeartbeat = 88, flexible Some(0);
    StreamsGroupDescribe = 89, flexible Some(0);
    DescribeShareGroupOffsets = 90, flexible Some(0);
    AlterShareGroupOffsets = 91, flexible Some(0);
    DeleteShareGroupOffsets = 92, flexible Some(0);
    StreamsGroupTopologyDescriptionUpdate = 93, flexible Some(0);
    UnregisterController = 94, flexible Some(0);
}

impl ApiKey {
    /// The number on the wire.
    pub const fn code(self) -> i16 {
        self as i16
    }

    const fn is_flexible(self, version: i16) -> bool {
        match self.first_flexible_version() {
            Some(first) => version >= first,
            None => false,
        }
    }

    /// The version of the header in front of a request.
    pub const fn request_header_version(self, version: i16) -> i16 {
        if self.is_flexible(version) { 2 } else { 1 }
    }

    /// The version of the header in front of a response: always 0 for ApiVersions, which a client
    /// must be able to read before it knows what the broker supports (KIP-511).
    pub const fn response_header_version(self, version: i16) -> i16 {
        if self.is_flexible(version) && !matches!(self, Self::ApiVersions) {
            1
        } else {
            0
        }
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_keys_are_each_others_inverse() {
        for &key in ApiKey::ALL {
            assert_eq!(ApiKey::from_code(key.code()), Some(key));
        }
        assert!(ApiKey::ALL.is_sorted());
        for unknown in [-1, 4, 95, i16::MAX] {
            assert_eq!(ApiKey::from_code(unknown), None);
        }
    }

    #[test]
    fn the_response_to_api_versions_never_has_the_flexible_header() {
        assert_eq!(ApiKey::ApiVersions.request_header_version(3), 2);
        assert_eq!(ApiKey::ApiVersions.response_header_version(3), 0);
        assert_eq!(ApiKey::Fetch.response_header_version(12), 1);
        assert_eq!(ApiKey::Fetch.response_header_version(11), 0);
        assert_eq!(ApiKey::SaslHandshake.request_header_version(1), 1);
    }
}
