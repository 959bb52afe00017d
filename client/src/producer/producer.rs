//! The producer without transactions.

use std::fmt;

use thalweg_protocol::records::UnsealedBatch;

use crate::TopicPartition;
use crate::cluster::Cluster;

use super::completion::{Delivered, Ticket};
use super::config::ProducerBuilder;
use super::error::{ProduceError, SendError, UnsentBatch};
use super::handle::{Burst, Handle};
use super::record::ProducerRecord;

/// Sends records to topics: each once and in the order of sending, whatever fails in between, as
/// long as it is idempotent (the default).
///
/// `send` and `try_send` copy a record into the open batch of its partition, which is the bytes that
/// go on the wire, and return a [`Ticket`]. Batches are sent in the background when they are full or
/// have waited for `linger`. Whether a record arrived is told by [`delivered`](Self::delivered) for
/// one ticket, or by [`flush`](Self::flush) for all.
///
/// ```no_run
/// # async fn example(cluster: thalweg_client::Cluster) -> Result<(), Box<dyn std::error::Error>> {
/// use thalweg_client::{Producer, ProducerRecord};
///
/// let mut producer = Producer::builder(&cluster).build()?;
/// let ticket = producer.send(ProducerRecord::to("greetings").key("en").value("hello")).await?;
/// let delivered = producer.delivered(ticket).await?;
/// println!("{} offset {}", delivered.topic_partition, delivered.offset);
/// producer.flush().await?;
/// # Ok(()) }
/// ```
///
/// Dropping a producer does not block: what was handed over is still delivered in the background, as
/// long as its runtime runs. To know that it was, [`flush`](Self::flush) first.
pub struct Producer {
    pub(super) handle: Handle,
}

impl Producer {
    pub(super) fn new(handle: Handle) -> Self {
        Producer { handle }
    }

    /// Begins to set up a producer.
    pub fn builder(cluster: &Cluster) -> ProducerBuilder {
        ProducerBuilder::new(cluster)
    }

    /// Sends a record, waiting for room in the buffer and for the topic's metadata if need be.
    /// Returns when the record is in its batch, not when it is delivered.
    ///
    /// # Errors
    /// See [`SendError`]; nothing was sent then.
    ///
    /// # Cancel-safety
    /// Dropping the future before it is ready means that the record was not sent.
    pub async fn send(&mut self, record: ProducerRecord<'_>) -> Result<Ticket, SendError> {
        self.handle.send(&record).await
    }

    /// Sends a record without waiting.
    ///
    /// # Errors
    /// See [`SendError`]; nothing was sent then. [`SendError::Full`] and
    /// [`SendError::TopicNotPrepared`] say what `send` would have waited for.
    pub fn try_send(&mut self, record: ProducerRecord<'_>) -> Result<Ticket, SendError> {
        self.handle.try_send(&record)
    }

    /// For many records in a row: spares each of them a lock and a look at the clock.
    pub fn burst(&mut self) -> Burst<'_> {
        self.handle.burst()
    }

    /// Looks up a topic's partitions, so that `try_send` can send to it.
    ///
    /// # Errors
    /// [`SendError::TopicUnavailable`].
    ///
    /// # Cancel-safety
    /// Dropping the future loses nothing.
    pub async fn prepare_topic(&mut self, topic: &str) -> Result<(), SendError> {
        self.handle.prepare_topic(topic).await
    }

    /// Waits until `bytes` more fit the buffer. Beyond `buffer_bytes`, until it is empty.
    ///
    /// # Cancel-safety
    /// Dropping the future loses nothing.
    pub async fn ready(&mut self, bytes: usize) {
        self.handle.ready(bytes).await;
    }

    /// How many bytes the buffer holds: of records sent and not acknowledged yet.
    pub fn buffered_bytes(&self) -> usize {
        self.handle.buffered_bytes()
    }

    /// Sends a batch that was built elsewhere. It stands behind everything sent to the partition
    /// before. The ticket is that of its first record.
    ///
    /// # Errors
    /// [`SendError::Full`], together with the batch: [`ready`](Self::ready) waits for room.
    pub fn try_send_batch(
        &mut self,
        topic_partition: &TopicPartition,
        batch: UnsealedBatch,
    ) -> Result<Ticket, UnsentBatch> {
        self.handle.try_send_batch(topic_partition, batch)
    }

    /// Waits for the outcome of a record. Does not hurry it: call [`flush`](Self::flush) not to wait
    /// for `linger`.
    ///
    /// # Errors
    /// See [`ProduceError`]; [`is_indefinite`](ProduceError::is_indefinite) tells whether the record
    /// may have been written all the same.
    ///
    /// # Cancel-safety
    /// Dropping the future loses only the notification: ask again.
    pub async fn delivered(&mut self, ticket: Ticket) -> Result<Delivered, ProduceError> {
        self.handle.delivered(ticket).await
    }

    /// Sends what is open at once, and waits until everything sent before is settled.
    ///
    /// # Errors
    /// The first failure since the last `flush`, of whichever record.
    ///
    /// # Cancel-safety
    /// Dropping the future stops only the waiting; what was open is sent.
    pub async fn flush(&mut self) -> Result<(), ProduceError> {
        self.handle.flush().await
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("buffered_bytes", &self.buffered_bytes())
            .finish_non_exhaustive()
    }
}
