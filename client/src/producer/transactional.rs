//! The producer with transactions.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use thalweg_protocol::records::UnsealedBatch;

use crate::cluster::Cluster;
use crate::crash_point::CrashPoint;
use crate::spawn::BoxFuture;
use crate::{GroupMetadata, OffsetAndMetadata, TopicPartition};

use super::completion::{Delivered, Ticket};
use super::config::ProducerBuilder;
use super::core::Command;
use super::error::{CommitError, ProduceError, SendError, TransactionError, UnsentBatch};
use super::handle::{Burst, Handle};
use super::promise::Promise;
use super::record::ProducerRecord;
use super::transactions::{End, Offsets};

/// Sends records and a group's offsets in transactions: readers of committed records see all of a
/// transaction or nothing.
///
/// One transaction after the other. It begins by itself with the first record or offset, and ends
/// with [`commit`](Self::commit) or [`abort`](Self::abort); [`begin`](Self::begin) gives a guard that
/// aborts when it is dropped. Commit and abort are carried out in the background: the next
/// transaction may be filled while the one before is still being committed. Its records wait until
/// that is done, and are dropped if it fails.
///
/// Every error says what to do next: [`TransactionError::disposition`].
///
/// ```no_run
/// # async fn example(cluster: thalweg_client::Cluster) -> Result<(), Box<dyn std::error::Error>> {
/// use thalweg_client::{ProducerRecord, TransactionalProducer};
///
/// let mut producer =
///     TransactionalProducer::builder(&cluster).build_transactional("transfers-1")?;
/// producer.init().await?;
/// let mut transaction = producer.begin();
/// transaction.send(ProducerRecord::to("debits").key("alice").value("-10")).await?;
/// transaction.send(ProducerRecord::to("credits").key("bob").value("10")).await?;
/// transaction.commit().await?;
/// # Ok(()) }
/// ```
///
/// Dropping the producer does not block: an open transaction is aborted in the background.
pub struct TransactionalProducer {
    pub(super) handle: Handle,
    /// The transaction that is, or next will be, open. Numbered from 1.
    transaction: u64,
    /// Whether something was sent in it.
    begun: bool,
    /// The last failed transaction that was told about.
    told: Arc<AtomicU64>,
}

impl TransactionalProducer {
    pub(super) fn new(handle: Handle) -> Self {
        TransactionalProducer {
            handle,
            transaction: 1,
            begun: false,
            told: Arc::default(),
        }
    }

    /// Begins to set up a transactional producer:
    /// [`build_transactional`](ProducerBuilder::build_transactional).
    pub fn builder(cluster: &Cluster) -> ProducerBuilder {
        ProducerBuilder::new(cluster)
    }

    /// Gets a producer id and epoch (InitProducerId). Whoever used the transactional id before is
    /// fenced, and its open transaction aborted.
    ///
    /// # Errors
    /// No coordinator within `delivery_timeout`, no permission, or a `transaction_timeout` that the
    /// broker does not allow.
    ///
    /// # Cancel-safety
    /// Dropping the future stops only the waiting. Calling again asks once more.
    pub async fn init(&mut self) -> Result<(), TransactionError> {
        self.reinitialise().point().await
    }

    /// Makes the producer usable again after an error with [`Disposition::Reinitialise`]: whatever is
    /// still open under its transactional id is ended, whoever began it, and the producer gets a new
    /// epoch. Records sent and not committed are dropped.
    ///
    /// After it, a transaction whose outcome was unknown is settled: it was committed, or never will
    /// be.
    ///
    /// # Errors
    /// As [`init`](Self::init).
    ///
    /// # Cancel-safety
    /// As [`init`](Self::init).
    ///
    /// [`Disposition::Reinitialise`]: crate::Disposition::Reinitialise
    pub async fn reinitialise(&mut self) -> Result<(), TransactionError> {
        self.handle.discard_open();
        // The owner starts over: nothing that failed before concerns what comes now.
        self.told.store(self.transaction, Ordering::Release);
        self.transaction += 1;
        self.begun = false;
        self.touch();
        self.begun = false;
        let promise = Promise::shared();
        self.handle.shared().push(Command::Init {
            promise: Arc::clone(&promise),
        });
        promise.wait().point().await.clone()
    }

    /// Begins a transaction, as a guard that aborts it when dropped. Nothing is sent yet.
    pub fn begin(&mut self) -> Transaction<'_> {
        Transaction {
            producer: self,
            ended: false,
        }
    }

    /// Sends a record in the open transaction. As [`Producer::send`](crate::Producer::send).
    ///
    /// # Errors
    /// See [`SendError`]; nothing was sent then.
    ///
    /// # Cancel-safety
    /// Dropping the future before it is ready means that the record was not sent.
    pub async fn send(&mut self, record: ProducerRecord<'_>) -> Result<Ticket, SendError> {
        self.check()?;
        // No crash point: per record, and not called by the engine.
        self.handle.send(&record).await
    }

    /// Sends a record in the open transaction without waiting. As
    /// [`Producer::try_send`](crate::Producer::try_send).
    ///
    /// # Errors
    /// See [`SendError`]; nothing was sent then.
    pub fn try_send(&mut self, record: ProducerRecord<'_>) -> Result<Ticket, SendError> {
        self.check()?;
        self.handle.try_send(&record)
    }

    /// For many records in a row: spares each of them a lock and a look at the clock.
    ///
    /// # Errors
    /// [`SendError::TransactionFailed`].
    pub fn burst(&mut self) -> Result<Burst<'_>, SendError> {
        self.check()?;
        Ok(self.handle.burst())
    }

    /// Looks up a topic's partitions, so that `try_send` can send to it.
    ///
    /// # Errors
    /// [`SendError::TopicUnavailable`].
    ///
    /// # Cancel-safety
    /// Dropping the future loses nothing.
    pub async fn prepare_topic(&mut self, topic: &str) -> Result<(), SendError> {
        // No crash point: the engine knows its topics, and does not call this.
        self.handle.prepare_topic(topic).await
    }

    /// Waits until `bytes` more fit the buffer. Beyond `buffer_bytes`, until it is empty.
    ///
    /// # Cancel-safety
    /// Dropping the future loses nothing.
    pub async fn ready(&mut self, bytes: usize) {
        // No crash point: only where what is sent outgrows `buffer_bytes`.
        self.handle.ready(bytes).await;
    }

    /// How many bytes the buffer holds: of records sent and not acknowledged yet.
    pub fn buffered_bytes(&self) -> usize {
        self.handle.buffered_bytes()
    }

    /// Sends a batch that was built elsewhere, in the open transaction. It stands behind everything
    /// sent to the partition before. The ticket is that of its first record.
    ///
    /// # Errors
    /// [`SendError::Full`] ([`ready`](Self::ready) waits for room) or
    /// [`SendError::TransactionFailed`], together with the batch.
    pub fn try_send_batch(
        &mut self,
        topic_partition: &TopicPartition,
        batch: UnsealedBatch,
    ) -> Result<Ticket, UnsentBatch> {
        if let Err(error) = self.check() {
            return Err(UnsentBatch::new(error, batch));
        }
        self.handle.try_send_batch(topic_partition, batch)
    }

    /// Commits a group's offsets with the open transaction (KIP-447): they take effect if and only
    /// if it is committed. An empty list is fine, and still has the group's coordinator check the
    /// member.
    ///
    /// What was asked is under way when this returns; the future tells how it went. It need not be
    /// awaited before [`commit`](Self::commit), which waits for it and fails if it failed.
    ///
    /// When the group refuses the member or generation ([`TransactionError::OffsetsRefused`]), the
    /// transaction goes on: offsets sent again with newer metadata of the same group replace those.
    /// Only a commit without them fails.
    pub fn send_offsets(
        &mut self,
        offsets: impl Into<Arc<[(TopicPartition, OffsetAndMetadata)]>>,
        group: &GroupMetadata,
    ) -> OffsetsSent {
        self.touch();
        let promise = Promise::shared();
        let offsets = Offsets {
            group: group.clone(),
            offsets: offsets.into(),
            promise: Arc::clone(&promise),
        };
        self.handle.shared().push(Command::Offsets(offsets));
        OffsetsSent {
            waiting: Box::pin(async move { promise.wait().point().await.clone() }),
        }
    }

    /// Commits the open transaction: all its records and offsets become visible together.
    ///
    /// What was asked is under way when this returns, and dropping the future does not stop it. The
    /// next transaction may begin at once. A transaction in which nothing was sent needs no request.
    pub fn commit(&mut self) -> Commit {
        Commit {
            waiting: self.end(End::Commit),
        }
    }

    /// Aborts the open transaction: none of its records and offsets become visible. Fails only when
    /// the producer cannot go on without [`reinitialise`](Self::reinitialise); the transaction is
    /// never committed all the same.
    ///
    /// What was asked is under way when this returns, and dropping the future does not stop it.
    pub fn abort(&mut self) -> Abort {
        self.handle.discard_open();
        Abort {
            waiting: self.end(End::Abort),
        }
    }

    /// Why the open transaction cannot be committed any more, if that is known already.
    pub fn failure(&self) -> Option<TransactionError> {
        self.handle.shared().mailbox.failure_of(self.transaction)
    }

    /// Waits for the outcome of a record: that it is in the log, not that it is committed.
    ///
    /// # Errors
    /// See [`ProduceError`].
    ///
    /// # Cancel-safety
    /// Dropping the future loses only the notification: ask again.
    pub async fn delivered(&mut self, ticket: Ticket) -> Result<Delivered, ProduceError> {
        // No crash point: per record, and not called by the engine.
        self.handle.delivered(ticket).await
    }

    /// Sends what is open at once, and waits until everything sent before is settled. Needs no
    /// commit; a commit needs no flush.
    ///
    /// Not to be awaited for records that were sent while the transaction before is still being
    /// committed, unless that commit is certain to end: they wait for it.
    ///
    /// # Errors
    /// The first failure since the last `flush`, of whichever record.
    ///
    /// # Cancel-safety
    /// Dropping the future stops only the waiting; what was open is sent.
    pub async fn flush(&mut self) -> Result<(), ProduceError> {
        // No crash point: the engine commits, which needs no flush.
        self.handle.flush().await
    }

    /// Makes sure that what is sent now belongs to the open transaction.
    fn touch(&mut self) {
        if !self.begun {
            self.begun = true;
            self.handle
                .begin(self.transaction, self.told.load(Ordering::Acquire));
        }
    }

    fn check(&mut self) -> Result<(), SendError> {
        self.touch();
        match self.failure() {
            None => Ok(()),
            Some(error) => Err(SendError::TransactionFailed(error)),
        }
    }

    fn end(&mut self, end: End) -> BoxFuture<'static, Result<(), CommitError>> {
        self.touch();
        self.handle.push_open();
        let promise = Promise::shared();
        self.handle.shared().push(Command::End {
            end,
            promise: Arc::clone(&promise),
        });
        let (ended, told) = (self.transaction, Arc::clone(&self.told));
        self.transaction += 1;
        self.begun = false;
        Box::pin(async move {
            let result = promise.wait().point().await.clone();
            if result.is_err() {
                told.fetch_max(ended, Ordering::AcqRel);
            }
            result
        })
    }
}

impl fmt::Debug for TransactionalProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransactionalProducer")
            .field("buffered_bytes", &self.buffered_bytes())
            .field("begun", &self.begun)
            .finish_non_exhaustive()
    }
}

/// An open transaction. Dropped without [`commit`](Self::commit), it is aborted in the background.
#[must_use = "a transaction that is dropped is aborted"]
#[derive(Debug)]
pub struct Transaction<'p> {
    producer: &'p mut TransactionalProducer,
    ended: bool,
}

impl Transaction<'_> {
    /// Sends a record. See [`TransactionalProducer::send`].
    ///
    /// # Errors
    /// See [`SendError`]; nothing was sent then.
    ///
    /// # Cancel-safety
    /// Dropping the future before it is ready means that the record was not sent.
    pub async fn send(&mut self, record: ProducerRecord<'_>) -> Result<Ticket, SendError> {
        // No crash point: per record, and not called by the engine.
        self.producer.send(record).await
    }

    /// Sends a record without waiting. See [`TransactionalProducer::try_send`].
    ///
    /// # Errors
    /// See [`SendError`]; nothing was sent then.
    pub fn try_send(&mut self, record: ProducerRecord<'_>) -> Result<Ticket, SendError> {
        self.producer.try_send(record)
    }

    /// Sends a batch that was built elsewhere. See [`TransactionalProducer::try_send_batch`].
    ///
    /// # Errors
    /// The reason, together with the batch.
    pub fn try_send_batch(
        &mut self,
        topic_partition: &TopicPartition,
        batch: UnsealedBatch,
    ) -> Result<Ticket, UnsentBatch> {
        self.producer.try_send_batch(topic_partition, batch)
    }

    /// Commits a group's offsets with the transaction. See [`TransactionalProducer::send_offsets`].
    ///
    /// # Errors
    /// See [`TransactionError`].
    ///
    /// # Cancel-safety
    /// Dropping the future stops only the waiting.
    pub async fn send_offsets(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        group: &GroupMetadata,
    ) -> Result<(), TransactionError> {
        self.producer.send_offsets(offsets, group).point().await
    }

    /// The producer, for what is not part of the transaction.
    pub fn producer(&mut self) -> &mut TransactionalProducer {
        self.producer
    }

    /// Commits the transaction. See [`TransactionalProducer::commit`].
    pub fn commit(mut self) -> Commit {
        self.ended = true;
        self.producer.commit()
    }

    /// Aborts the transaction. See [`TransactionalProducer::abort`].
    pub fn abort(mut self) -> Abort {
        self.ended = true;
        self.producer.abort()
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.ended && self.producer.begun {
            drop(self.producer.abort());
        }
    }
}

macro_rules! told_later {
    ($(#[$doc:meta])* $name:ident, $error:ty) => {
        $(#[$doc])*
        #[must_use = "what was asked goes on, but nobody learns how it ends"]
        pub struct $name {
            waiting: BoxFuture<'static, Result<(), $error>>,
        }

        impl Future for $name {
            type Output = Result<(), $error>;

            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                self.get_mut().waiting.as_mut().poll(cx)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

told_later! {
    /// Tells how a commit went.
    ///
    /// `Ok`: committed. `Err`: see [`CommitError::outcome`] for whether it was aborted or may have
    /// been committed, and [`CommitError::disposition`] for what to do. A transaction that could not
    /// be committed has been aborted by then.
    ///
    /// # Cancel-safety
    /// Dropping it loses only the notification. Transactions begun before the failure was told are
    /// dropped in turn, and their commits say so.
    Commit, CommitError
}

told_later! {
    /// Tells how an abort went. In no case was the transaction committed.
    ///
    /// # Cancel-safety
    /// Dropping it loses only the notification.
    Abort, CommitError
}

told_later! {
    /// Tells whether the offsets were taken.
    ///
    /// # Cancel-safety
    /// Dropping it loses only the notification.
    OffsetsSent, TransactionError
}
