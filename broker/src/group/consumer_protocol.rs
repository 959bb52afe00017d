//! What consumers of the classic protocol tell each other through their group: subscriptions and
//! assignments, each after two bytes with its version. Kafka calls it the embedded protocol.

use bytes::{Buf, Bytes};
use thalweg_protocol::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, ConsumerProtocolTopicPartitions,
};
use thalweg_protocol::{Decoder, Encoder, Message};

/// Its name.
pub(super) const CONSUMER: &str = "consumer";

/// The newest version of both; what is newer begins like it.
const VERSION_MAX: i16 = 3;

/// The version that a subscription or an assignment is read and written in. `None` where it is neither.
pub(super) fn version_of(bytes: &Bytes) -> Option<i16> {
    let mut bytes = bytes.clone();
    if bytes.len() < 2 {
        return None;
    }
    let version = bytes.get_i16();
    (version >= 0).then_some(version.min(VERSION_MAX))
}

fn read<M: Message>(bytes: &Bytes) -> Option<M> {
    let version = version_of(bytes)?;
    M::decode(&mut Decoder::new(bytes.slice(2..)), version).ok()
}

/// A subscription. `None` where it is none.
pub(super) fn read_subscription(bytes: &Bytes) -> Option<ConsumerProtocolSubscription> {
    read(bytes)
}

/// An assignment. `None` where it is none.
pub(super) fn read_assignment(bytes: &Bytes) -> Option<ConsumerProtocolAssignment> {
    read(bytes)
}

/// An assignment for a member that said this when it joined, in the version it said it in.
pub(super) fn write_assignment(
    assigned_partitions: Vec<ConsumerProtocolTopicPartitions>,
    subscription: &Bytes,
) -> Bytes {
    let version = version_of(subscription).unwrap_or(0);
    let assignment = ConsumerProtocolAssignment {
        assigned_partitions,
        ..Default::default()
    };
    let mut encoder = Encoder::with_capacity(64);
    // Names of topics that exist always fit.
    let _ = assignment.encode(&mut encoder, version);
    let mut bytes = version.to_be_bytes().to_vec();
    bytes.extend_from_slice(&encoder.into_bytes());
    bytes.into()
}

#[cfg(test)]
mod tests {
    //! Goal: what is written can be read, and what is neither is refused.

    use thalweg_protocol::PartitionId;

    use super::*;

    #[test]
    fn an_assignment_is_read_as_it_was_written_for_every_version() {
        for version in 0..=4_i16 {
            let subscription = Bytes::copy_from_slice(&version.to_be_bytes());
            let topic = ConsumerProtocolTopicPartitions {
                topic: "bids".into(),
                partitions: vec![PartitionId(0), PartitionId(3)],
            };
            let bytes = write_assignment(vec![topic.clone()], &subscription);
            assert_eq!(version_of(&bytes), Some(version.min(VERSION_MAX)));
            let read = read_assignment(&bytes).expect("an assignment");
            assert_eq!(read.assigned_partitions, [topic]);
        }
    }

    #[test]
    fn what_is_cut_off_or_of_no_version_is_neither() {
        let bytes = Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t\xff\xff\xff\xff");
        assert!(read_subscription(&bytes).is_some());
        for end in 0..bytes.len() {
            assert!(read_subscription(&bytes.slice(..end)).is_none(), "{end}");
        }
        assert!(read_subscription(&Bytes::from_static(b"\xff\xff\0\0\0\0")).is_none());
    }
}
