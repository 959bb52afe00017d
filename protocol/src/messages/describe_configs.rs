//! Tells configurations (DescribeConfigs, API key 32).

use crate::{ErrorCode, Message, StrBytes, Structure, UnknownTags};

/// Asks for configurations of topics, brokers, groups or client metrics.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(
    api_key = DescribeConfigs, versions = 1..=4, flexible = 4..,
    response = DescribeConfigsResponse
)]
pub struct DescribeConfigsRequest {
    /// The resources.
    pub resources: Vec<DescribeConfigsResource>,
    /// Whether to tell where else the configuration is set, and to what.
    pub include_synonyms: bool,
    /// Whether to include Kafka's documentation of each configuration.
    #[field(versions = 3..)]
    pub include_documentation: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A resource asked for.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeConfigsResource {
    /// The kind of resource: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
    pub resource_type: i8,
    /// The name of the resource; for a broker its id as text, empty for the default of all brokers.
    pub resource_name: StrBytes,
    /// The configurations asked for; `None` for all.
    #[field(default = Some(Vec::new()))]
    pub configuration_keys: Option<Vec<StrBytes>>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The configurations.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=4, flexible = 4..)]
pub struct DescribeConfigsResponse {
    /// Milliseconds the broker held the response, or asks the client to wait, because of a quota; 0
    /// if none was exceeded.
    pub throttle_time_ms: i32,
    /// The results, in the order of the request.
    pub results: Vec<DescribeConfigsResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// The configurations of one resource.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeConfigsResult {
    /// The error, or [`ErrorCode::NONE`].
    pub error_code: ErrorCode,
    /// The error in the broker's words; `None` if it has nothing to add to the code.
    #[field(default = Some(StrBytes::new()))]
    pub error_message: Option<StrBytes>,
    /// The kind of resource: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
    pub resource_type: i8,
    /// The name of the resource; for a broker its id as text, empty for the default of all brokers.
    pub resource_name: StrBytes,
    /// The configurations.
    pub configs: Vec<DescribeConfigsResourceResult>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A configuration.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeConfigsResourceResult {
    /// The name of the configuration.
    pub name: StrBytes,
    /// The value; `None` where there is none, or it is kept secret.
    #[field(default = Some(StrBytes::new()))]
    pub value: Option<StrBytes>,
    /// Whether it cannot be changed while the broker runs.
    pub read_only: bool,
    /// Where the value comes from: 1 the topic, 2 the broker (dynamic), 3 the default of all
    /// brokers (dynamic), 4 the broker's file, 5 Kafka's default, 6 a broker logger, 7 client
    /// metrics, 8 the group; -1 if it is not told.
    #[field(default = -1)]
    pub config_source: i8,
    /// Whether the value is a secret and left out.
    pub is_sensitive: bool,
    /// Where the configuration is set, the place that wins first.
    pub synonyms: Vec<DescribeConfigsSynonym>,
    /// The type of the value: 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8
    /// class, 9 password; 0 if it is not known.
    #[field(versions = 3.., ignorable)]
    pub config_type: i8,
    /// Kafka's documentation, if it was asked for.
    #[field(versions = 3.., default = Some(StrBytes::new()), ignorable)]
    pub documentation: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// A place where a configuration is set.
#[derive(Debug, Clone, PartialEq, Structure)]
pub struct DescribeConfigsSynonym {
    /// The name of the configuration in that place.
    pub name: StrBytes,
    /// The value; `None` where there is none, or it is kept secret.
    #[field(default = Some(StrBytes::new()))]
    pub value: Option<StrBytes>,
    /// The place, by the numbers of `config_source`.
    pub source: i8,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
