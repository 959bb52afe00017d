//! A record as it is handed to a producer.

use thalweg_protocol::PartitionId;

/// A record to be sent. Everything in it is borrowed: the producer copies it once, into the bytes
/// that go on the wire.
///
/// ```
/// use thalweg_client::ProducerRecord;
///
/// let record = ProducerRecord::to("bids").key(b"auction-7").value(b"{\"price\":12}");
/// assert_eq!(record.topic(), "bids");
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct ProducerRecord<'r> {
    pub(super) topic: &'r str,
    pub(super) partition: Option<PartitionId>,
    pub(super) key: Option<&'r [u8]>,
    pub(super) value: Option<&'r [u8]>,
    pub(super) headers: &'r [(&'r str, Option<&'r [u8]>)],
    pub(super) timestamp: Option<i64>,
}

impl<'r> ProducerRecord<'r> {
    /// A record for `topic`, without key, value (a tombstone) and headers, stamped with the time of
    /// sending, in the partition its key asks for.
    pub fn to(topic: &'r str) -> Self {
        ProducerRecord {
            topic,
            partition: None,
            key: None,
            value: None,
            headers: &[],
            timestamp: None,
        }
    }

    /// The topic.
    pub fn topic(&self) -> &'r str {
        self.topic
    }

    /// Sets the key, which decides the partition.
    pub fn key(mut self, key: &'r (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.key = Some(key.as_ref());
        self
    }

    /// Sets the value.
    pub fn value(mut self, value: &'r (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.value = Some(value.as_ref());
        self
    }

    /// Sets the headers: names and values, in their order, doubles included.
    pub fn headers(mut self, headers: &'r [(&'r str, Option<&'r [u8]>)]) -> Self {
        self.headers = headers;
        self
    }

    /// Sets the partition, whatever the key.
    pub fn partition(mut self, partition: PartitionId) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Sets the timestamp, in milliseconds since 1970.
    pub fn timestamp(mut self, timestamp_ms: i64) -> Self {
        self.timestamp = Some(timestamp_ms);
        self
    }
}
