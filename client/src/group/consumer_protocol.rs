//! What members of protocol type `consumer` tell the leader and the leader tells them: the bytes
//! inside JoinGroup and SyncGroup, which the group coordinator passes on unread.
//!
//! ```text
//! subscription: version i16 | topics [string] | user data bytes
//!     1 and up: | owned [topic string, partitions [i32]]
//!     2 and up: | generation i32
//!     3 and up: | rack string
//! assignment:   version i16 | [topic string, partitions [i32]] | user data bytes
//! ```
//!
//! Versions only ever append, so a newer one is read as the newest known. All integers are
//! big-endian; a string has an i16 length, bytes and arrays an i32 one, and -1 is null.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::assignor::{MemberAssignment, MemberSubscription};
use crate::topic_partition::TopicPartition;

/// The protocol type of consumer groups in JoinGroup.
pub(crate) const PROTOCOL_TYPE: &str = "consumer";

const VERSION_MAX: i16 = 3;

/// Bytes that are no subscription or assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {what} is malformed at byte {offset}")]
pub(crate) struct MalformedProtocol {
    what: &'static str,
    offset: usize,
}

/// What a member sends when it joins.
pub(crate) fn encode_subscription(subscription: &MemberSubscription) -> Bytes {
    encode_subscription_as(subscription, VERSION_MAX)
}

fn encode_subscription_as(subscription: &MemberSubscription, version: i16) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(version);
    put_count(&mut bytes, subscription.topics.len());
    for topic in &subscription.topics {
        put_string(&mut bytes, topic);
    }
    put_bytes(&mut bytes, subscription.user_data.as_ref());
    if version >= 1 {
        put_partitions(&mut bytes, &subscription.owned_partitions);
    }
    if version >= 2 {
        bytes.put_i32(subscription.generation_id.unwrap_or(-1));
    }
    if version >= 3 {
        match &subscription.rack_id {
            Some(rack) => put_string(&mut bytes, rack),
            None => bytes.put_i16(-1),
        }
    }
    bytes.freeze()
}

/// What a member sent when it joined. Its ids are not in the bytes and stay empty.
pub(crate) fn decode_subscription(data: &Bytes) -> Result<MemberSubscription, MalformedProtocol> {
    let mut fields = Fields::new(data);
    read_subscription(&mut fields, data).ok_or(MalformedProtocol {
        what: "subscription",
        offset: fields.offset(),
    })
}

fn read_subscription(fields: &mut Fields<'_>, data: &Bytes) -> Option<MemberSubscription> {
    let version = fields.i16()?;
    let mut subscription = MemberSubscription::default();
    for _ in 0..fields.i32()? {
        subscription.topics.push(fields.string()?.into());
    }
    subscription.user_data = fields.bytes(data)?;
    if version >= 1 {
        subscription.owned_partitions = fields.partitions()?;
    }
    if version >= 2 {
        // Absent and -1 are different things to assignors: a member that can say has a generation,
        // if only that of never having been in one.
        subscription.generation_id = Some(fields.i32()?);
    }
    if version >= 3 {
        subscription.rack_id = fields.nullable_string()?.map(Into::into);
    }
    Some(subscription)
}

/// What the leader sends to one member.
pub(crate) fn encode_assignment(assignment: &MemberAssignment) -> Bytes {
    // Version 0 has all there is; members of any age read it.
    encode_assignment_as(assignment, 0)
}

fn encode_assignment_as(assignment: &MemberAssignment, version: i16) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(version);
    put_partitions(&mut bytes, &assignment.partitions);
    put_bytes(&mut bytes, assignment.user_data.as_ref());
    bytes.freeze()
}

/// What the leader sent to this member. No bytes at all are an empty assignment: so answers the
/// coordinator for a member the leader forgot.
pub(crate) fn decode_assignment(data: &Bytes) -> Result<MemberAssignment, MalformedProtocol> {
    if data.is_empty() {
        return Ok(MemberAssignment::default());
    }
    let mut fields = Fields::new(data);
    read_assignment(&mut fields, data).ok_or(MalformedProtocol {
        what: "assignment",
        offset: fields.offset(),
    })
}

fn read_assignment(fields: &mut Fields<'_>, data: &Bytes) -> Option<MemberAssignment> {
    let _version = fields.i16()?;
    let partitions = fields.partitions()?;
    let user_data = fields.bytes(data)?;
    Some(MemberAssignment {
        partitions,
        user_data,
        ..MemberAssignment::default()
    })
}

fn put_count(bytes: &mut BytesMut, count: usize) {
    bytes.put_i32(i32::try_from(count).unwrap_or(i32::MAX));
}

fn put_string(bytes: &mut BytesMut, string: &str) {
    // Topic names have at most 249 bytes; a longer rack could not be encoded and is cut.
    let length = i16::try_from(string.len()).unwrap_or(i16::MAX);
    bytes.put_i16(length);
    bytes.put_slice(string.as_bytes().get(..length as usize).unwrap_or_default());
}

fn put_bytes(bytes: &mut BytesMut, data: Option<&Bytes>) {
    match data {
        Some(data) => {
            put_count(bytes, data.len());
            bytes.put_slice(data);
        }
        None => bytes.put_i32(-1),
    }
}

fn put_partitions(bytes: &mut BytesMut, partitions: &[TopicPartition]) {
    let mut by_topic: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        by_topic
            .entry(&partition.topic)
            .or_default()
            .push(partition.partition.0);
    }
    put_count(bytes, by_topic.len());
    for (topic, numbers) in by_topic {
        put_string(bytes, topic);
        put_count(bytes, numbers.len());
        for number in numbers {
            bytes.put_i32(number);
        }
    }
}

/// Reads fields from bytes somebody else wrote. Every method returns `None` at the first thing that
/// cannot be; nothing is allocated on the word of a length.
pub(super) struct Fields<'d> {
    rest: &'d [u8],
    length: usize,
}

impl<'d> Fields<'d> {
    pub(super) fn new(data: &'d [u8]) -> Self {
        Fields {
            rest: data,
            length: data.len(),
        }
    }

    fn offset(&self) -> usize {
        self.length - self.rest.len()
    }

    fn take(&mut self, length: usize) -> Option<&'d [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    pub(super) fn i16(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    pub(super) fn string(&mut self) -> Option<&'d str> {
        self.nullable_string()?
    }

    fn nullable_string(&mut self) -> Option<Option<&'d str>> {
        let length = self.i16()?;
        if length < 0 {
            return Some(None);
        }
        let string = self.take(usize::try_from(length).ok()?)?;
        std::str::from_utf8(string).ok().map(Some)
    }

    /// Nullable bytes, as a slice of `whole`, of which these fields are read.
    fn bytes(&mut self, whole: &Bytes) -> Option<Option<Bytes>> {
        let length = self.i32()?;
        if length < 0 {
            return Some(None);
        }
        self.take(usize::try_from(length).ok()?)
            .map(|taken| Some(whole.slice_ref(taken)))
    }

    fn partitions(&mut self) -> Option<Vec<TopicPartition>> {
        let mut partitions = Vec::new();
        for _ in 0..self.i32()? {
            let topic: Arc<str> = self.string()?.into();
            for _ in 0..self.i32()? {
                partitions.push(TopicPartition::new(topic.clone(), self.i32()?));
            }
        }
        Some(partitions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(list: &[(&str, i32)]) -> Vec<TopicPartition> {
        list.iter()
            .map(|&(topic, number)| TopicPartition::new(topic, number))
            .collect()
    }

    fn subscription() -> MemberSubscription {
        MemberSubscription {
            topics: vec!["b".into(), "a".into()],
            user_data: Some(Bytes::from_static(&[1, 2, 3])),
            owned_partitions: partitions(&[("a", 4), ("a", 0), ("b", 1)]),
            generation_id: Some(7),
            rack_id: Some("eu-1".into()),
            ..MemberSubscription::default()
        }
    }

    #[test]
    fn a_subscription_returns_what_its_version_carries() {
        let full = subscription();
        for version in 0..=3 {
            let bytes = encode_subscription_as(&full, version);
            let back = decode_subscription(&bytes).expect("own encoding");
            let expected = MemberSubscription {
                owned_partitions: if version >= 1 {
                    full.owned_partitions.clone()
                } else {
                    vec![]
                },
                generation_id: (version >= 2).then_some(7),
                rack_id: full.rack_id.clone().filter(|_| version >= 3),
                ..full.clone()
            };
            assert_eq!(back, expected, "version {version}");
        }
    }

    #[test]
    fn a_version_of_the_future_is_read_as_the_newest_known() {
        let mut bytes = BytesMut::from(&encode_subscription(&subscription())[..]);
        bytes[1] = 9;
        bytes.put_slice(b"fields to come");
        assert_eq!(decode_subscription(&bytes.freeze()), Ok(subscription()));
    }

    #[test]
    fn an_assignment_returns() {
        let assignment = MemberAssignment {
            partitions: partitions(&[("a", 0), ("b", 2), ("b", 1)]),
            user_data: Some(Bytes::from_static(b"x")),
            ..MemberAssignment::default()
        };
        for version in 0..=3 {
            let bytes = encode_assignment_as(&assignment, version);
            assert_eq!(decode_assignment(&bytes).as_ref(), Ok(&assignment));
        }
        assert_eq!(
            decode_assignment(&Bytes::new()),
            Ok(MemberAssignment::default())
        );
    }

    #[test]
    fn bytes_cut_anywhere_are_an_error() {
        let bytes = encode_subscription(&subscription());
        for end in 0..bytes.len() {
            assert!(
                decode_subscription(&bytes.slice(..end)).is_err(),
                "cut at {end}"
            );
        }
        let bytes = encode_assignment(&MemberAssignment {
            partitions: partitions(&[("a", 0), ("b", 2)]),
            ..MemberAssignment::default()
        });
        for end in 1..bytes.len() {
            assert!(
                decode_assignment(&bytes.slice(..end)).is_err(),
                "cut at {end}"
            );
        }
    }

    #[test]
    fn hostile_counts_fail_without_being_believed() {
        for hostile in [
            &[0, 0, 0x7f, 0xff, 0xff, 0xff][..],
            &[0, 3, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff],
            &[0, 1, 0, 0, 0, 1, 0x7f, 0xff],
            &[0, 1, 0, 0, 0, 1, 0, 2, 0xff, 0xfe],
        ] {
            assert!(decode_subscription(&Bytes::copy_from_slice(hostile)).is_err());
            assert!(decode_assignment(&Bytes::copy_from_slice(hostile)).is_err());
        }
    }
}
