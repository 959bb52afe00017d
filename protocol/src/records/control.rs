//! Control records: what Kafka itself writes between the records of applications.

use bytes::Buf;

use super::error::RecordError;
use super::rows::RecordRef;

/// What a record of a control batch ([`is_control`](super::RecordBatch::is_control)) says.
///
/// A transaction ends with one control batch, of one record, per partition and producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlRecord {
    /// The producer's transaction was aborted: its records before this one, from the first of that
    /// transaction on, are not to be read.
    Abort {
        /// The epoch of the transaction coordinator that wrote the marker.
        transaction_coordinator_epoch: i32,
    },
    /// The producer's transaction was committed.
    Commit {
        /// The epoch of the transaction coordinator that wrote the marker.
        transaction_coordinator_epoch: i32,
    },
    /// A controller quorum's change of leader.
    LeaderChange,
    /// The begin of a metadata snapshot.
    SnapshotHeader,
    /// The end of a metadata snapshot.
    SnapshotFooter,
    /// The version of the controller quorum's protocol.
    KraftVersion,
    /// The voters of the controller quorum.
    KraftVoters,
    /// A type this version of the library does not know, with its number.
    Unknown(i16),
}

impl ControlRecord {
    /// Reads a record of a control batch. The versions of key and value are not limited above:
    /// Kafka adds fields only at the end.
    ///
    /// # Errors
    /// [`RecordError::Control`] where the key holds no type, or a transaction marker's value no
    /// epoch.
    pub fn decode(record: &RecordRef<'_>) -> Result<Self, RecordError> {
        let bad = |reason| RecordError::Control {
            offset: record.offset,
            reason,
        };
        let mut key = record.key.unwrap_or_default();
        if key.len() < 4 {
            return Err(bad("its key is shorter than a version and a type"));
        }
        if key.get_i16() < 0 {
            return Err(bad("its key's version is negative"));
        }
        let marker = || {
            let mut value = record.value.unwrap_or_default();
            if value.len() < 6 {
                return Err(bad("its value is shorter than a version and an epoch"));
            }
            if value.get_i16() < 0 {
                return Err(bad("its value's version is negative"));
            }
            Ok(value.get_i32())
        };
        Ok(match key.get_i16() {
            0 => Self::Abort {
                transaction_coordinator_epoch: marker()?,
            },
            1 => Self::Commit {
                transaction_coordinator_epoch: marker()?,
            },
            2 => Self::LeaderChange,
            3 => Self::SnapshotHeader,
            4 => Self::SnapshotFooter,
            5 => Self::KraftVersion,
            6 => Self::KraftVoters,
            unknown => Self::Unknown(unknown),
        })
    }
}
