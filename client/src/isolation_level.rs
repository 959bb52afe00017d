//! Which records of transactions are seen.

/// Which records of transactions are seen (`isolation.level`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IsolationLevel {
    /// All of them, those of open and aborted transactions included. Kafka's default.
    #[default]
    ReadUncommitted,
    /// Those of committed transactions, and all that are not transactional. Nothing after the first
    /// open transaction is read.
    ReadCommitted,
}

impl IsolationLevel {
    /// Kafka's number for it.
    pub(crate) fn code(self) -> i8 {
        match self {
            IsolationLevel::ReadUncommitted => 0,
            IsolationLevel::ReadCommitted => 1,
        }
    }
}
