//! What two sound brokers may answer differently, and why.

/// How a field is treated that may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It is not compared.
    Ignored,
    /// Only whether it is null is compared.
    Presence,
    /// A time that is later than all records of the areas is the broker's own, and not compared.
    Clock,
    /// An array whose order means nothing: sorted by these fields (ids that have appeared by their names),
    /// or by the elements themselves.
    Unordered(&'static [&'static str]),
    /// An array from which those elements are left out whose field has one of these values.
    Without(&'static str, &'static [i64]),
    /// Ranges of offsets, of which those that lie next to each other and are alike otherwise are one.
    Joined(&'static str, &'static str),
    /// Like [`How::Unordered`], of structures that may come in several parts: parts with the same fields are one,
    /// with the elements of this array together.
    Merged(&'static [&'static str], &'static str),
}

/// Initialising, reading, writing, deleting and summing up the state of share groups.
const BETWEEN_BROKERS: &[i64] = &[83, 84, 85, 86, 87];

/// A field that may differ.
#[derive(Debug)]
pub struct MayDiffer {
    /// The API, `*` for all.
    pub api: &'static str,
    /// The end of the field's path, arrays left out: `responses.partitionResponses.logAppendTimeMs`.
    pub field: &'static str,
    /// How it is treated.
    pub how: How,
    /// Why it may.
    pub why: &'static str,
}

const fn ignored(api: &'static str, field: &'static str, why: &'static str) -> MayDiffer {
    MayDiffer {
        api,
        field,
        how: How::Ignored,
        why,
    }
}

const fn clock(api: &'static str, field: &'static str) -> MayDiffer {
    MayDiffer {
        api,
        field,
        how: How::Clock,
        why: "the broker's clock, for markers and the time of appending",
    }
}

const fn unordered(
    api: &'static str,
    field: &'static str,
    keys: &'static [&'static str],
) -> MayDiffer {
    MayDiffer {
        api,
        field,
        how: How::Unordered(keys),
        why: "Kafka keeps it in a hash map",
    }
}

/// Records of the areas are older.
pub(super) const BROKERS_TIME: i64 = 1_780_000_000_000;

/// The whole list. The first that fits a field counts.
pub const MAY_DIFFER: &[MayDiffer] = &[
    ignored("*", "throttleTimeMs", "depends on the load"),
    ignored(
        "DescribeClientQuotas",
        "errorMessage",
        "Kafka says something of success too",
    ),
    ignored(
        "DescribeUserScramCredentials",
        "errorMessage",
        "Kafka says something of success too",
    ),
    MayDiffer {
        api: "*",
        field: "errorMessage",
        how: How::Presence,
        why: "words for people; clients go by the code",
    },
    MayDiffer {
        api: "Produce",
        field: "batchIndexErrorMessage",
        how: How::Presence,
        why: "words for people; clients go by the code",
    },
    ignored("*", "host", "where a broker listens is no behaviour"),
    ignored("*", "port", "where a broker listens is no behaviour"),
    ignored("*", "rack", "how a broker was set up is no behaviour"),
    ignored("Produce", "logAppendTimeMs", "the broker's clock"),
    ignored(
        "DescribeProducers",
        "coordinatorEpoch",
        "how often the coordinator has moved",
    ),
    unordered("ApiVersions", "supportedFeatures", &["name"]),
    unordered("ApiVersions", "finalizedFeatures", &["name"]),
    ignored(
        "ApiVersions",
        "finalizedFeaturesEpoch",
        "an offset of the controllers' log",
    ),
    clock("DescribeProducers", "lastTimestamp"),
    clock("ListOffsets", "topics.partitions.timestamp"),
    ignored(
        "DescribeTransactions",
        "transactionStates.transactionStartTimeMs",
        "the broker's clock",
    ),
    ignored(
        "DescribeGroups",
        "clientHost",
        "Kafka writes a slash before it",
    ),
    ignored(
        "ConsumerGroupDescribe",
        "clientHost",
        "Kafka writes a slash before it",
    ),
    ignored(
        "ShareGroupDescribe",
        "clientHost",
        "Kafka writes a slash before it",
    ),
    ignored(
        "StreamsGroupDescribe",
        "clientHost",
        "Kafka writes a slash before it",
    ),
    MayDiffer {
        api: "ApiVersions",
        field: "apiKeys",
        how: How::Without("apiKey", BETWEEN_BROKERS),
        why: "what brokers alone say to each other: the embedded ones have no need to",
    },
    unordered("Metadata", "topics", &["name"]),
    unordered("Metadata", "topics.partitions", &["partitionIndex"]),
    unordered("Metadata", "brokers", &["nodeId"]),
    unordered("ListOffsets", "topics", &["name"]),
    unordered("ListOffsets", "topics.partitions", &["partitionIndex"]),
    unordered("OffsetForLeaderEpoch", "topics", &["topic"]),
    unordered("OffsetForLeaderEpoch", "topics.partitions", &["partition"]),
    MayDiffer {
        api: "ShareFetch",
        field: "acquiredRecords",
        how: How::Joined("firstOffset", "lastOffset"),
        why: "Kafka tells them by the batches it keeps in memory, as they were acquired before",
    },
    MayDiffer {
        api: "Fetch",
        field: "responses",
        how: How::Merged(&["topic", "topicId"], "partitions"),
        why: "Kafka puts errors first, and goes around the partitions of a session",
    },
    unordered("Fetch", "responses.partitions", &["partitionIndex"]),
    unordered("Produce", "responses", &["name", "topicId"]),
    unordered("Produce", "responses.partitionResponses", &["index"]),
    unordered("DeleteRecords", "topics", &["name"]),
    unordered("DeleteRecords", "topics.partitions", &["partitionIndex"]),
    unordered("CreateTopics", "topics", &["name"]),
    unordered("CreateTopics", "topics.configs", &["name"]),
    unordered("DeleteTopics", "responses", &["name", "errorCode"]),
    unordered("CreatePartitions", "results", &["name"]),
    unordered("DescribeConfigs", "results", &["resourceName"]),
    unordered("DescribeConfigs", "results.configs", &["name"]),
    unordered(
        "AlterConfigs",
        "responses",
        &["resourceType", "resourceName"],
    ),
    unordered(
        "IncrementalAlterConfigs",
        "responses",
        &["resourceType", "resourceName"],
    ),
    unordered("AddPartitionsToTxn", "resultsByTopicV3AndBelow", &["name"]),
    unordered(
        "AddPartitionsToTxn",
        "resultsByTopicV3AndBelow.resultsByPartition",
        &["partitionIndex"],
    ),
    unordered(
        "DescribeTransactions",
        "transactionStates",
        &["transactionalId"],
    ),
    unordered(
        "DescribeTransactions",
        "transactionStates.topics",
        &["topic"],
    ),
    unordered(
        "DescribeTransactions",
        "transactionStates.topics.partitions",
        &[],
    ),
    unordered("ConsumerGroupDescribe", "groups", &["groupId"]),
    unordered("ConsumerGroupDescribe", "groups.members", &["memberId"]),
    unordered("ConsumerGroupDescribe", "subscribedTopicNames", &[]),
    unordered(
        "ConsumerGroupDescribe",
        "topicPartitions",
        &["topicName", "topicId"],
    ),
    unordered("ConsumerGroupDescribe", "topicPartitions.partitions", &[]),
    unordered("ShareGroupDescribe", "groups", &["groupId"]),
    unordered(
        "ShareGroupDescribe",
        "topicPartitions",
        &["topicName", "topicId"],
    ),
    unordered("ShareGroupDescribe", "topicPartitions.partitions", &[]),
    unordered("ShareGroupDescribe", "subscribedTopicNames", &[]),
    unordered("ShareGroupHeartbeat", "topicPartitions.partitions", &[]),
    unordered("StreamsGroupDescribe", "groups", &["groupId"]),
    unordered("StreamsGroupHeartbeat", "activeTasks", &["subtopologyId"]),
    unordered(
        "StreamsGroupHeartbeat",
        "activePartitions",
        &["topic", "partitions"],
    ),
    unordered("StreamsGroupHeartbeat", "activePartitions.partitions", &[]),
    unordered("StreamsGroupHeartbeat", "activeTasks.partitions", &[]),
    unordered("ConsumerGroupHeartbeat", "topicPartitions", &["topicId"]),
    unordered("ConsumerGroupHeartbeat", "topicPartitions.partitions", &[]),
    unordered("DescribeGroups", "groups", &["groupId"]),
    unordered(
        "DescribeGroups",
        "groups.members",
        &["groupInstanceId", "memberMetadata", "memberId"],
    ),
    unordered(
        "JoinGroup",
        "members",
        &["groupInstanceId", "metadata", "memberId"],
    ),
    unordered("OffsetFetch", "groups", &["groupId"]),
    unordered("OffsetFetch", "topics", &["name", "topicId"]),
    unordered("OffsetFetch", "topics.partitions", &["partitionIndex"]),
    unordered("DescribeProducers", "activeProducers", &["producerId"]),
    unordered("OffsetDelete", "topics", &["name"]),
    unordered("OffsetDelete", "topics.partitions", &["partitionIndex"]),
    unordered("DeleteGroups", "results", &["groupId"]),
    unordered("ListGroups", "groups", &["groupId"]),
];

/// How the field at this path is treated, if it may differ.
pub(super) fn rule_for(api: &str, path: &str) -> Option<How> {
    let fits = |rule: &&MayDiffer| {
        let before = path.strip_suffix(rule.field);
        let whole_names = before.is_some_and(|before| before.is_empty() || before.ends_with('.'));
        (rule.api == "*" || rule.api == api) && whole_names
    };
    MAY_DIFFER.iter().find(fits).map(|rule| rule.how)
}
