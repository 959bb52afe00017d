//! Kafka Streams' cases.

pub(crate) mod reduce;
pub(crate) mod stateless;
pub(crate) mod steps;
pub(crate) mod table;
pub(crate) mod windows;
