//! What both kinds of producers are on the owner's side: the accumulator, and the way to the sender.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thalweg_protocol::records::UnsealedBatch;
use tokio::time::Instant;

use crate::TopicPartition;
use crate::cluster::Cluster;

use super::accumulator::{Accumulator, AccumulatorOptions, Closed};
use super::budget::Budget;
use super::completion::{Delivered, Ticket};
use super::config::WallClock;
use super::core::{Command, CoreOptions, Tagged};
use super::error::{ProduceError, SendError, UnsentBatch};
use super::mailbox::Mailbox;
use super::record::ProducerRecord;
use super::requests::TransactionalId;
use super::sender::Sender;

/// What owner and sender share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) accumulator: Mutex<Accumulator>,
    pub(super) mailbox: Mailbox,
    /// The transaction that batches belong to. Changes under the accumulator's lock only.
    transaction: AtomicU64,
    /// The last failed transaction its owner knew of when the current one began.
    aware_of: AtomicU64,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Accumulator> {
        self.accumulator
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes closed batches on to the sender. Under the accumulator's lock, so that batches of a
    /// partition stay in order whoever closes them.
    pub(super) fn hand_over(&self, accumulator: &mut Accumulator) -> bool {
        let mut any = false;
        while let Some(Closed {
            topic_partition,
            batch,
            settle,
            deadline,
        }) = accumulator.take_closed()
        {
            any = true;
            self.push(Command::Batch {
                topic_partition,
                batch,
                settle,
                deadline,
            });
        }
        any
    }

    pub(super) fn push(&self, command: Command) {
        self.mailbox.push(Tagged {
            transaction: self.transaction.load(Ordering::Acquire),
            aware_of: self.aware_of.load(Ordering::Acquire),
            command,
        });
    }
}

/// What a handle is made from.
pub(super) struct Setup {
    pub(super) cluster: Cluster,
    pub(super) accumulator: AccumulatorOptions,
    pub(super) core: CoreOptions,
    pub(super) acks: i16,
    pub(super) buffer_bytes: usize,
    pub(super) transactional_id: Option<TransactionalId>,
    pub(super) wall_clock: WallClock,
}

pub(super) struct Handle {
    cluster: Cluster,
    shared: Arc<Shared>,
    budget: Arc<Budget>,
    wall_clock: WallClock,
}

impl Handle {
    pub(super) fn start(setup: Setup) -> Self {
        let cluster = setup.cluster.scoped();
        let budget = Budget::new(setup.buffer_bytes);
        let rng = cluster.fork_rng("partitioner");
        let accumulator = Accumulator::new(setup.accumulator, Arc::clone(&budget), rng);
        let shared = Arc::new(Shared {
            accumulator: Mutex::new(accumulator),
            mailbox: Mailbox::new(Instant::now()),
            transaction: AtomicU64::new(0),
            aware_of: AtomicU64::new(0),
        });
        let sender = Sender::new(
            cluster.clone(),
            Arc::clone(&shared),
            setup.core,
            setup.acks,
            setup.transactional_id,
        );
        cluster.spawn("thalweg producer", Box::pin(sender));
        Handle {
            cluster,
            shared,
            budget,
            wall_clock: setup.wall_clock,
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Begins transaction number `transaction`: batches belong to it from now on.
    pub(super) fn begin(&mut self, transaction: u64, aware_of: u64) {
        let _accumulator = self.shared.lock();
        self.shared.aware_of.store(aware_of, Ordering::Release);
        self.shared
            .transaction
            .store(transaction, Ordering::Release);
    }

    pub(super) fn try_send(&mut self, record: &ProducerRecord<'_>) -> Result<Ticket, SendError> {
        let timestamp = record.timestamp.unwrap_or_else(|| (self.wall_clock)());
        let mut accumulator = self.shared.lock();
        append(&self.shared, &mut accumulator, timestamp, record)
    }

    pub(super) fn burst(&mut self) -> Burst<'_> {
        let now_ms = (self.wall_clock)();
        Burst {
            accumulator: self.shared.lock(),
            shared: &self.shared,
            wall_clock: &self.wall_clock,
            now_ms,
            records: 0,
        }
    }

    pub(super) async fn send(&mut self, record: &ProducerRecord<'_>) -> Result<Ticket, SendError> {
        loop {
            match self.try_send(record) {
                Err(SendError::Full { .. }) => self.budget.freed().await,
                Err(SendError::TopicNotPrepared { topic }) => self.prepare_topic(&topic).await?,
                other => return other,
            }
        }
    }

    pub(super) async fn prepare_topic(&mut self, topic: &str) -> Result<(), SendError> {
        if self.shared.lock().knows(topic) {
            return Ok(());
        }
        let metadata =
            self.cluster
                .topic(topic)
                .await
                .map_err(|error| SendError::TopicUnavailable {
                    topic: topic.into(),
                    reason: error.to_string().into(),
                })?;
        self.shared.lock().handle_metadata(&metadata);
        Ok(())
    }

    pub(super) fn try_send_batch(
        &mut self,
        topic_partition: &TopicPartition,
        batch: UnsealedBatch,
    ) -> Result<Ticket, UnsentBatch> {
        let mut accumulator = self.shared.lock();
        let pushed = accumulator.push_batch(Instant::now(), topic_partition, batch);
        self.shared.hand_over(&mut accumulator);
        pushed
    }

    pub(super) async fn ready(&mut self, bytes: usize) {
        while !self.budget.has_room(bytes) {
            {
                // What is open may be all there is.
                let mut accumulator = self.shared.lock();
                accumulator.close_all();
                self.shared.hand_over(&mut accumulator);
            }
            self.budget.freed().await;
        }
    }

    pub(super) fn buffered_bytes(&self) -> usize {
        self.budget.used_bytes()
    }

    /// Closes what is open and hands it over.
    pub(super) fn push_open(&mut self) {
        let mut accumulator = self.shared.lock();
        accumulator.close_all();
        self.shared.hand_over(&mut accumulator);
    }

    /// Drops what is open.
    pub(super) fn discard_open(&mut self) {
        let mut accumulator = self.shared.lock();
        accumulator.discard_all();
        self.shared.hand_over(&mut accumulator);
    }

    pub(super) async fn delivered(&mut self, ticket: Ticket) -> Result<Delivered, ProduceError> {
        let cell = {
            let mut accumulator = self.shared.lock();
            let cell = accumulator.ring().cell(ticket.batch).map(Arc::clone);
            cell.ok_or(ProduceError::Forgotten)?
        };
        let offset = cell.wait().await.offset_of(ticket.index)?;
        Ok(Delivered {
            topic_partition: cell.topic_partition().clone(),
            offset,
        })
    }

    pub(super) async fn flush(&mut self) -> Result<(), ProduceError> {
        self.push_open();
        let end = self.shared.lock().ring().next();
        loop {
            let unsettled = self.shared.lock().ring().unsettled_before(end);
            match unsettled {
                Some(cell) => {
                    cell.wait().await;
                }
                None => break,
            }
        }
        match self.shared.lock().ring().take_failure() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.push_open();
        self.shared.mailbox.close();
    }
}

#[inline]
fn append(
    shared: &Shared,
    accumulator: &mut Accumulator,
    timestamp: i64,
    record: &ProducerRecord<'_>,
) -> Result<Ticket, SendError> {
    let appended = accumulator.append(Instant::now, timestamp, record);
    shared.hand_over(accumulator);
    if shared.mailbox.take_overdue() {
        let due = accumulator.close_due(Instant::now(), |_| true);
        shared.hand_over(accumulator);
        shared.mailbox.set_due(due);
    }
    let appended = appended?;
    if let Some(due) = appended.opened {
        shared.mailbox.note_open(due);
    }
    Ok(appended.ticket)
}

/// Many records in a row, at the least cost for each.
///
/// Holds the producer's open batches for itself while it lives: batches that have lingered long
/// enough are handed over by the next record or when it is dropped, not in the background. So keep
/// it for a loop, not over an `.await`.
#[must_use]
pub struct Burst<'p> {
    accumulator: MutexGuard<'p, Accumulator>,
    shared: &'p Shared,
    wall_clock: &'p WallClock,
    now_ms: i64,
    records: u32,
}

impl Burst<'_> {
    /// As [`Producer::try_send`](crate::Producer::try_send). Records without a timestamp get one
    /// that is renewed every 64 records.
    ///
    /// # Errors
    /// As [`Producer::try_send`](crate::Producer::try_send).
    #[inline]
    pub fn try_send(&mut self, record: ProducerRecord<'_>) -> Result<Ticket, SendError> {
        let timestamp = match record.timestamp {
            Some(timestamp) => timestamp,
            None => {
                self.records = self.records.wrapping_add(1);
                if self.records.is_multiple_of(64) {
                    self.now_ms = (self.wall_clock)();
                }
                self.now_ms
            }
        };
        append(self.shared, &mut self.accumulator, timestamp, &record)
    }
}
