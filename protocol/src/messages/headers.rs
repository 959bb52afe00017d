//! The headers in front of requests and responses.

use crate::{Message, StrBytes, UnknownTags};

/// What comes before a request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=2, flexible = 2..)]
pub struct RequestHeader {
    /// The API, by number.
    pub request_api_key: i16,
    /// The version of the request that follows.
    pub request_api_version: i16,
    /// A number the client chooses; the response carries the same.
    pub correlation_id: i32,
    /// The client's own name (`client.id`), for logs and quotas; never compact, not even in version
    /// 2.
    #[field(default = Some(StrBytes::new()), inflexible)]
    pub client_id: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// What comes before a response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 1..)]
pub struct ResponseHeader {
    /// A number the client chooses; the response carries the same.
    pub correlation_id: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
