//! The headers in front of requests and responses.

use crate::{Message, StrBytes, UnknownTags};

/// Request header.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 1..=2, flexible = 2..)]
pub struct RequestHeader {
    /// Request api key.
    pub request_api_key: i16,
    /// Request api version.
    pub request_api_version: i16,
    /// Correlation id.
    pub correlation_id: i32,
    /// Client id.
    #[field(default = Some(StrBytes::new()), inflexible)]
    pub client_id: Option<StrBytes>,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Response header.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=1, flexible = 1..)]
pub struct ResponseHeader {
    /// Correlation id.
    pub correlation_id: i32,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
