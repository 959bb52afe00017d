//! Carries transactions out: the task beside a worker that owns its producer.
//!
//! It runs in the background, so that a worker inside of user code does not leave a transaction
//! open and idle. It decides nothing: the worker's [`CommitCycle`](super::cycle::CommitCycle) says
//! which step is next, this does it and tells what came of it.

use std::sync::Arc;

use thalweg_client::{
    CommitError, CrashPoint, Disposition, GroupMetadata, OffsetAndMetadata, Producer, SendError,
    Spawner, TopicPartition, Transaction, TransactionError, TransactionOutcome,
    TransactionalProducer,
};
use thalweg_protocol::ErrorCode;
use tokio::sync::mpsc;

use super::calls::{Calls, may_come_right, metadata_refused};
use super::cycle::{TransactFault, Verdict};
use super::refusal::refusal;
use super::slot::SealedOffset;
use super::verdict::{InDoubt, verdict};
use crate::assignor::TaskId;
use crate::task::ReadyBatch;

/// What a generation consists of, once it is sealed.
#[derive(Debug, Default)]
pub(crate) struct Sealed {
    pub(crate) batches: Vec<ReadyBatch>,
    pub(crate) offsets: Vec<SealedOffset>,
}

/// One task of a transaction in doubt.
#[derive(Debug, Clone)]
pub(crate) struct Doubt {
    pub(crate) task: TaskId,
    /// Any input of the task: all carry the same sequence number.
    pub(crate) partition: TopicPartition,
    pub(crate) sealed_sequence: u64,
}

/// What the settler is told to do.
#[derive(Debug)]
pub(crate) enum Command {
    Transact(Sealed, GroupMetadata),
    ResendOffsets(GroupMetadata),
    Abort,
    Reinitialise,
    AskSequences(Vec<Doubt>),
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Settlement {
    Transacted(Result<(), TransactFault>),
    Aborted(Result<(), TransactFault>),
    Reinitialised(Result<(), TransactFault>),
    Verdict(Verdict),
}

/// The worker's end.
#[derive(Debug)]
pub(crate) struct Settler {
    commands: mpsc::Sender<Command>,
    settlements: mpsc::Receiver<Settlement>,
    busy: bool,
}

/// What a worker produces with.
#[derive(Debug)]
pub(crate) enum WorkerProducer {
    ExactlyOnce(Box<TransactionalProducer>),
    AtLeastOnce(Box<Producer>),
}

impl Settler {
    /// Starts the background task.
    pub(crate) fn start(producer: WorkerProducer, calls: Calls, spawner: &dyn Spawner) -> Self {
        // One step is under way at a time, so nothing ever waits here.
        let (commands, receive_commands) = mpsc::channel(2);
        let (send_settlements, settlements) = mpsc::channel(2);
        let side = Side {
            calls,
            commands: receive_commands,
            settlements: send_settlements,
        };
        spawner.spawn(
            "thalweg settler",
            match producer {
                WorkerProducer::ExactlyOnce(producer) => Box::pin(exactly_once(*producer, side)),
                WorkerProducer::AtLeastOnce(producer) => Box::pin(at_least_once(*producer, side)),
            },
        );
        Self {
            commands,
            settlements,
            busy: false,
        }
    }

    /// Whether a step is under way.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Begins a step. The one before is over.
    pub(crate) fn begin(&mut self, command: Command) {
        debug_assert!(!self.busy, "one step at a time");
        self.busy = true;
        // Fails when the background task is gone; `settlement` then says so.
        let _ = self.commands.try_send(command);
    }

    /// Waits for what came of the step. `None` when the background task is gone: the runtime it ran
    /// on was shut down. Cancel-safe.
    pub(crate) async fn settlement(&mut self) -> Option<Settlement> {
        let settlement = self.settlements.recv().point().await;
        self.busy = false;
        settlement
    }
}

/// The background task's end.
struct Side {
    calls: Calls,
    commands: mpsc::Receiver<Command>,
    settlements: mpsc::Sender<Settlement>,
}

impl Side {
    /// False when the worker is gone.
    async fn tell(&self, settlement: Settlement) -> bool {
        self.settlements.send(settlement).point().await.is_ok()
    }

    /// After a refusal: how the topic is configured, so that the like of it is not written again.
    async fn look_up_limits(&self, settlement: &mut Settlement) {
        if let Settlement::Transacted(Err(TransactFault::Refused(refusal))) = settlement {
            refusal.limits = self.calls.topic_limits(&refusal.topic).point().await;
        }
    }

    async fn ask_sequences(&self, doubts: Vec<Doubt>) -> Verdict {
        let partitions: Vec<TopicPartition> =
            doubts.iter().map(|doubt| doubt.partition.clone()).collect();
        match self.calls.stable_offsets(&partitions).point().await {
            Ok(committed) => {
                let tasks: Vec<InDoubt> = doubts
                    .into_iter()
                    .zip(committed)
                    .map(|(doubt, committed)| InDoubt {
                        task: doubt.task,
                        sealed_sequence: doubt.sealed_sequence,
                        committed: committed.map(|committed| committed.metadata),
                    })
                    .collect();
                verdict(&tasks)
            }
            Err(error) if error.disposition() == Disposition::Fatal && !may_come_right(&error) => {
                Verdict::Fatal(format!("reading the committed offsets: {error}"))
            }
            Err(error) => Verdict::Unreadable(error.to_string()),
        }
    }
}

async fn exactly_once(mut producer: TransactionalProducer, mut side: Side) {
    while let Some(command) = side.commands.recv().point().await {
        let mut settlement = match command {
            Command::Transact(sealed, group) => {
                match transact(&mut producer, sealed, group, &mut side)
                    .point()
                    .await
                {
                    Some(settlement) => settlement,
                    None => return,
                }
            }
            // There is no transaction any more: what failed has aborted it.
            Command::Abort => Settlement::Aborted(Ok(())),
            Command::ResendOffsets(_) => Settlement::Transacted(Err(TransactFault::Abort(
                "the transaction was ended before its offsets could be sent again".to_owned(),
            ))),
            Command::Reinitialise => {
                Settlement::Reinitialised(producer.reinitialise().point().await.map_err(fault))
            }
            Command::AskSequences(doubts) => {
                Settlement::Verdict(side.ask_sequences(doubts).point().await)
            }
        };
        side.look_up_limits(&mut settlement).point().await;
        if !side.tell(settlement).point().await {
            return;
        }
    }
}

/// One transaction, from its first record to its end. `None` when the worker is gone.
async fn transact(
    producer: &mut TransactionalProducer,
    sealed: Sealed,
    group: GroupMetadata,
    side: &mut Side,
) -> Option<Settlement> {
    let offsets = offsets_of(sealed.offsets);
    let mut transaction = producer.begin();
    let mut sent = Ok(());
    for ready in sealed.batches {
        sent = send(&mut transaction, ready).point().await;
        if sent.is_err() {
            break;
        }
    }
    let mut group = group;
    let wrong = loop {
        if let Err(error) = &sent {
            break send_fault(error);
        }
        let refused = match transaction.send_offsets(&offsets, &group).point().await {
            Ok(()) => {
                let committed = transaction.commit().point().await;
                return Some(Settlement::Transacted(committed.map_err(commit_fault)));
            }
            Err(error) => error,
        };
        if refused.disposition() != Disposition::Rejoin {
            break fault(refused);
        }
        // E5: the transaction stays open while the worker finds out whether the group has merely
        // moved on to a generation in which it still owns the same.
        let stale = refused_member(&refused, group.generation_id);
        let told = side.tell(Settlement::Transacted(Err(stale))).point().await;
        let command = match told {
            true => side.commands.recv().point().await,
            false => None,
        };
        match command {
            Some(Command::ResendOffsets(newest)) => group = newest,
            other => {
                let aborted = transaction.abort().point().await.map_err(commit_fault);
                return other.map(|_| Settlement::Aborted(aborted));
            }
        }
    };
    Some(abandon(transaction, wrong).point().await)
}

async fn send(transaction: &mut Transaction<'_>, ready: ReadyBatch) -> Result<(), SendError> {
    let ReadyBatch {
        topic,
        partition,
        mut batch,
    } = ready;
    let to = TopicPartition { topic, partition };
    loop {
        match transaction.try_send_batch(&to, batch) {
            Ok(_) => return Ok(()),
            Err(unsent) if matches!(unsent.error(), SendError::Full { .. }) => {
                batch = unsent.into_batch();
                // No crash point: only where a generation outgrows the producer's 32 MiB.
                transaction.producer().ready(batch.encoded_len()).await;
            }
            Err(unsent) => return Err(unsent.error().clone()),
        }
    }
}

/// Ends a transaction that cannot be committed. What is wrong with it comes first, unless the abort
/// went wrong in a worse way.
async fn abandon(transaction: Transaction<'_>, first: TransactFault) -> Settlement {
    let fault = match (
        transaction.abort().point().await.map_err(commit_fault),
        first,
    ) {
        (_, fatal @ TransactFault::Fatal(_)) => fatal,
        (Ok(()), first) => first,
        // Not committed for sure, so only the producer has to be made sound.
        (Err(TransactFault::EndUnknown(reason)), _) => TransactFault::ProduceUnknown(reason),
        (Err(worse), _) => worse,
    };
    Settlement::Transacted(Err(fault))
}

async fn at_least_once(mut producer: Producer, mut side: Side) {
    while let Some(command) = side.commands.recv().point().await {
        let mut settlement = match command {
            Command::Transact(sealed, group) => {
                let sent = send_and_flush(&mut producer, sealed.batches).point().await;
                match sent {
                    Ok(()) => {
                        let offsets = offsets_of(sealed.offsets);
                        let committed = side.calls.commit_offsets(&offsets, &group).point().await;
                        Settlement::Transacted(committed)
                    }
                    Err(fault) => Settlement::Transacted(Err(fault)),
                }
            }
            Command::AskSequences(doubts) => {
                // No crash point: without transactions nobody asks.
                Settlement::Verdict(side.ask_sequences(doubts).await)
            }
            Command::ResendOffsets(_) => Settlement::Transacted(Err(TransactFault::Abort(
                "the group has another generation".to_owned(),
            ))),
            Command::Abort => Settlement::Aborted(Ok(())),
            Command::Reinitialise => Settlement::Reinitialised(Ok(())),
        };
        side.look_up_limits(&mut settlement).point().await;
        if !side.tell(settlement).point().await {
            return;
        }
    }
}

async fn send_and_flush(
    producer: &mut Producer,
    batches: Vec<ReadyBatch>,
) -> Result<(), TransactFault> {
    for ReadyBatch {
        topic,
        partition,
        mut batch,
    } in batches
    {
        let to = TopicPartition { topic, partition };
        loop {
            match producer.try_send_batch(&to, batch) {
                Ok(_) => break,
                Err(unsent) if matches!(unsent.error(), SendError::Full { .. }) => {
                    batch = unsent.into_batch();
                    // No crash point: only where a generation outgrows the producer's 32 MiB.
                    producer.ready(batch.encoded_len()).await;
                }
                Err(unsent) => return Err(send_fault(unsent.error())),
            }
        }
    }
    producer
        .flush()
        .point()
        .await
        .map_err(|error| match (refusal(&error), error.disposition()) {
            (Some(refusal), _) => TransactFault::Refused(Box::new(refusal)),
            (None, Disposition::Fatal) => TransactFault::Fatal(error.to_string()),
            (None, _) => TransactFault::Abort(error.to_string()),
        })
}

fn offsets_of(sealed: Vec<SealedOffset>) -> Vec<(TopicPartition, OffsetAndMetadata)> {
    sealed
        .into_iter()
        .map(|sealed| {
            let metadata: Arc<str> = sealed.metadata.into();
            let offset = OffsetAndMetadata {
                metadata,
                ..OffsetAndMetadata::new(sealed.offset)
            };
            (sealed.partition, offset)
        })
        .collect()
}

fn send_fault(error: &SendError) -> TransactFault {
    if let SendError::TransactionFailed(error) = error {
        return fault(error.clone());
    }
    match error.disposition() {
        Disposition::Fatal => TransactFault::Fatal(error.to_string()),
        Disposition::Reinitialise => TransactFault::Fenced(error.to_string()),
        _ => TransactFault::Abort(error.to_string()),
    }
}

/// What went wrong before the end of a transaction.
fn fault(error: TransactionError) -> TransactFault {
    if let TransactionError::Produce(error) = &error
        && let Some(refusal) = refusal(error)
    {
        return TransactFault::Refused(Box::new(refusal));
    }
    if let TransactionError::Refused { code, .. } = &error
        && *code == ErrorCode::OFFSET_METADATA_TOO_LARGE
    {
        return TransactFault::Fatal(metadata_refused(&error));
    }
    let reason = error.to_string();
    match (&error, error.disposition()) {
        (TransactionError::Fenced { .. }, _) => TransactFault::Fenced(reason),
        (_, Disposition::Fatal) => TransactFault::Fatal(reason),
        (_, Disposition::Reinitialise) => TransactFault::ProduceUnknown(reason),
        (_, Disposition::Rejoin) => TransactFault::NotMember(reason),
        (_, _) => TransactFault::Abort(reason),
    }
}

/// What went wrong at the end of one.
fn commit_fault(error: CommitError) -> TransactFault {
    match error.outcome() {
        TransactionOutcome::Unknown => match error.disposition() {
            Disposition::Fatal => TransactFault::Fatal(error.to_string()),
            _ => TransactFault::EndUnknown(error.to_string()),
        },
        TransactionOutcome::Aborted => fault(error.cause().clone()),
    }
}

fn refused_member(error: &TransactionError, used: i32) -> TransactFault {
    match error {
        TransactionError::OffsetsRefused { code, .. } if is_stale(*code) => {
            TransactFault::StaleGeneration { used }
        }
        error => TransactFault::NotMember(error.to_string()),
    }
}

fn is_stale(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::ILLEGAL_GENERATION
            | ErrorCode::STALE_MEMBER_EPOCH
            | ErrorCode::REBALANCE_IN_PROGRESS
    )
}
