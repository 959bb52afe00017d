//! InitProducerId (API key 22).

use crate::{ErrorCode, Message, ProducerId, StrBytes, UnknownTags};

/// Init producer id request.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(api_key = InitProducerId, versions = 0..=6, unstable = 6, flexible = 2.., response = InitProducerIdResponse)]
pub struct InitProducerIdRequest {
    /// Transactional id.
    #[field(default = Some(StrBytes::new()))]
    pub transactional_id: Option<StrBytes>,
    /// Transaction timeout ms.
    pub transaction_timeout_ms: i32,
    /// Producer id.
    #[field(versions = 3..)]
    pub producer_id: ProducerId,
    /// Producer epoch.
    #[field(versions = 3.., default = -1)]
    pub producer_epoch: i16,
    /// Enable2 pc.
    #[field(versions = 6..)]
    pub enable2_pc: bool,
    /// Keep prepared txn.
    #[field(versions = 6..)]
    pub keep_prepared_txn: bool,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}

/// Init producer id response.
#[derive(Debug, Clone, PartialEq, Message)]
#[message(versions = 0..=6, unstable = 6, flexible = 2..)]
pub struct InitProducerIdResponse {
    /// Throttle time ms.
    pub throttle_time_ms: i32,
    /// Error code.
    pub error_code: ErrorCode,
    /// Producer id.
    pub producer_id: ProducerId,
    /// Producer epoch.
    pub producer_epoch: i16,
    /// Ongoing txn producer id.
    #[field(versions = 6.., ignorable)]
    pub ongoing_txn_producer_id: ProducerId,
    /// Ongoing txn producer epoch.
    #[field(versions = 6.., default = -1, ignorable)]
    pub ongoing_txn_producer_epoch: i16,
    /// Tagged fields that are not defined here.
    pub unknown_tagged_fields: UnknownTags,
}
