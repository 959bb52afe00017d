//! The transaction coordinator.
//!
//! Its state is what Kafka keeps in `__transaction_state`. An outcome is decided at once; the markers
//! that say so reach the partitions one by one, each after a delay of its own, and count when they are
//! replicated.

mod markers;
mod state;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use thalweg_protocol::records::RecordBatch;
use thalweg_protocol::{ErrorCode, PartitionId, ProducerId, StrBytes};

pub(crate) use markers::{Marker, PendingMarker, write_marker};
pub(crate) use state::{Protocol, State, Transaction};
pub(crate) use written::{Fate, WrittenMarker};

use crate::cluster::{self, Caller, Cluster, CoordinatorKind, Timer, TimerId};
use state::End;

/// The version of Produce from which writing adds the partition to the transaction.
const PRODUCE_ADDS_FROM: i16 = 12;

/// What a timer of transactions is for.
#[derive(Debug)]
pub(crate) enum TransactionTimer {
    /// Looks for transactions that are open for too long.
    TimeOuts,
    /// Looks for ids that were not used for long.
    Expiry,
    /// Writes a marker.
    Marker(PendingMarker),
}

/// All transactional ids.
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    by_id: BTreeMap<StrBytes, Transaction>,
    next_producer_id: i64,
    time_outs: Option<TimerId>,
    expiry: Option<TimerId>,
    /// Ids of which anything may have changed, where somebody wants to know.
    changed: Option<BTreeSet<StrBytes>>,
}

impl Transactions {
    /// A producer id that nobody had.
    pub(crate) fn fresh_producer_id(&mut self) -> ProducerId {
        let id = ProducerId(self.next_producer_id);
        self.next_producer_id += 1;
        id
    }

    pub(crate) fn transaction(&self, id: &str) -> Option<&Transaction> {
        self.by_id.get(id)
    }

    /// Notes from now on of which ids anything may change.
    pub(crate) fn note_changes(&mut self) {
        self.changed = Some(BTreeSet::new());
    }

    /// Of which ids anything may have changed since the last time.
    pub(crate) fn take_changes(&mut self) -> BTreeSet<StrBytes> {
        self.changed
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    fn note(&mut self, id: &str) {
        if let Some(changed) = &mut self.changed {
            changed.insert(id.into());
        }
    }

    fn transaction_mut(&mut self, id: &str) -> Option<&mut Transaction> {
        self.note(id);
        self.by_id.get_mut(id)
    }

    /// The next producer id, by number.
    pub(crate) fn next_producer_id(&self) -> i64 {
        self.next_producer_id
    }

    /// Takes up where others left off.
    pub(crate) fn restore(
        &mut self,
        next_producer_id: i64,
        by_id: BTreeMap<StrBytes, Transaction>,
    ) {
        self.next_producer_id = next_producer_id;
        self.by_id = by_id;
    }

    /// All of them, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&StrBytes, &Transaction)> {
        self.by_id.iter()
    }
}

/// Does what a timer was set for.
pub(crate) fn handle_timer(cluster: &mut Cluster, timer: TransactionTimer) {
    match timer {
        TransactionTimer::TimeOuts => {
            cluster.transactions.time_outs = None;
            abort_timed_out(cluster);
        }
        TransactionTimer::Expiry => {
            cluster.transactions.expiry = None;
            expire(cluster);
        }
        TransactionTimer::Marker(marker) => markers::write(cluster, marker),
    }
}

/// Whether the caller asks the right broker about a transactional id.
///
/// # Errors
/// `NOT_COORDINATOR` where another one, or none, coordinates it.
pub(crate) fn check_coordinator(
    cluster: &Cluster,
    caller: &Caller,
    id: &str,
) -> Result<(), ErrorCode> {
    cluster::check_coordinator(cluster, CoordinatorKind::Transaction, id, caller.node)
}

/// Gives a transactional id to a producer.
pub(crate) fn initialise(
    cluster: &mut Cluster,
    id: &StrBytes,
    timeout_ms: i32,
    expected: Option<(ProducerId, i16)>,
) -> Result<(ProducerId, i16), ErrorCode> {
    if id.is_empty() {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    let timeout_max = cluster.settings.number32("transaction.max.timeout.ms");
    if timeout_ms <= 0 || timeout_ms > timeout_max {
        return Err(ErrorCode::INVALID_TRANSACTION_TIMEOUT);
    }
    let now_ms = cluster.now.wall_ms;
    if cluster.transactions.transaction(id).is_none() {
        let producer_id = cluster.transactions.fresh_producer_id();
        let new = Transaction::new(producer_id, timeout_ms, now_ms);
        cluster.transactions.note(id);
        cluster.transactions.by_id.insert(id.detached(), new);
        look_for_expiry_later(cluster);
    }
    cluster.transactions.note(id);
    let Transactions {
        by_id,
        next_producer_id,
        ..
    } = &mut cluster.transactions;
    let transaction = by_id.get_mut(id).ok_or(ErrorCode::UNKNOWN_SERVER_ERROR)?;
    if expected.is_some_and(|(producer_id, epoch)| !transaction.knows(producer_id, epoch)) {
        return Err(ErrorCode::PRODUCER_FENCED);
    }
    match transaction.state {
        State::PrepareCommit | State::PrepareAbort => Err(ErrorCode::CONCURRENT_TRANSACTIONS),
        State::Ongoing => {
            abort_from_without(cluster, id);
            // The client asks again until the markers are written.
            Err(ErrorCode::CONCURRENT_TRANSACTIONS)
        }
        State::Empty | State::CompleteCommit | State::CompleteAbort => {
            let expected = expected.map(|(_, epoch)| epoch);
            transaction.initialise(timeout_ms, expected, now_ms, || fresh(next_producer_id))?;
            Ok((transaction.producer_id, transaction.producer_epoch))
        }
    }
}

fn fresh(next_producer_id: &mut i64) -> ProducerId {
    let id = ProducerId(*next_producer_id);
    *next_producer_id += 1;
    id
}

/// Adds partitions to a producer's transaction.
pub(crate) fn add_partitions(
    cluster: &mut Cluster,
    id: &str,
    producer_id: ProducerId,
    producer_epoch: i16,
    partitions: impl IntoIterator<Item = (StrBytes, PartitionId)>,
) -> Result<(), ErrorCode> {
    let now_ms = cluster.now.wall_ms;
    let transaction = owned(cluster, id, producer_id, producer_epoch)?;
    transaction.add(partitions, now_ms);
    look_for_time_outs_later(cluster);
    Ok(())
}

/// The transaction of a producer that is still its owner and that can be added to.
fn owned<'a>(
    cluster: &'a mut Cluster,
    id: &str,
    producer_id: ProducerId,
    producer_epoch: i16,
) -> Result<&'a mut Transaction, ErrorCode> {
    if id.is_empty() {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    let transaction = cluster.transactions.transaction_mut(id);
    let transaction = transaction.ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
    if transaction.producer_id != producer_id {
        return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    }
    if transaction.producer_epoch != producer_epoch {
        return Err(ErrorCode::PRODUCER_FENCED);
    }
    if matches!(
        transaction.state,
        State::PrepareCommit | State::PrepareAbort
    ) {
        return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
    }
    Ok(transaction)
}

/// Whether partitions are part of a producer's transaction, without adding them.
pub(crate) fn verify_partition(
    cluster: &mut Cluster,
    id: &str,
    producer_id: ProducerId,
    producer_epoch: i16,
    partition: &(StrBytes, PartitionId),
) -> Result<(), ErrorCode> {
    let transaction = owned(cluster, id, producer_id, producer_epoch)?;
    if transaction.state == State::Ongoing && transaction.partitions.contains(partition) {
        return Ok(());
    }
    Err(ErrorCode::TRANSACTION_ABORTABLE)
}

/// Whether the producer has a transaction open in the partition. What comes next of it is not checked
/// again with the coordinator, whatever transactional id it bears.
pub(crate) fn has_open(
    cluster: &Cluster,
    (producer_id, producer_epoch): (ProducerId, i16),
    (topic, index): &(StrBytes, PartitionId),
) -> bool {
    let partition = cluster.topics.partition(topic, *index);
    let entry = partition.and_then(|partition| partition.log.producers().entry(producer_id));
    entry.is_some_and(|entry| {
        entry.transaction_start.is_some() && entry.producer_epoch == producer_epoch
    })
}

/// Whether a transactional batch may be written: its partition has to be part of the transaction,
/// or becomes part of it (KIP-890).
pub(crate) fn check_produce(
    cluster: &mut Cluster,
    caller: &Caller,
    id: Option<&StrBytes>,
    batch: &RecordBatch<'_>,
    (topic, index): (&StrBytes, PartitionId),
) -> Result<(), ErrorCode> {
    let (producer_id, producer_epoch) = (batch.producer_id(), batch.producer_epoch());
    let id = id.ok_or(ErrorCode::INVALID_RECORD)?;
    let place = (topic.clone(), index);
    if has_open(cluster, (producer_id, producer_epoch), &place) {
        return Ok(());
    }
    if let Some(partition) = cluster.topics.partition_mut(topic, index) {
        let producers = partition.log.producers_mut();
        let known = producers.entry(producer_id);
        // The partition knows better already: the transaction's coordinator is not asked.
        if known.is_some_and(|known| producer_epoch < known.producer_epoch) {
            return Err(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        producers.try_to_begin(batch, caller.version >= PRODUCE_ADDS_FROM);
    }
    let checked = if caller.version >= PRODUCE_ADDS_FROM {
        add_partitions(cluster, id, producer_id, producer_epoch, [place])
    } else {
        verify_partition(cluster, id, producer_id, producer_epoch, &place)
    };
    checked.map_err(|code| match code {
        ErrorCode::PRODUCER_FENCED => ErrorCode::INVALID_PRODUCER_EPOCH,
        // What a producer of any age knows and tries again after.
        ErrorCode::CONCURRENT_TRANSACTIONS if caller.version < PRODUCE_ADDS_FROM => {
            ErrorCode::NOT_ENOUGH_REPLICAS
        }
        ErrorCode::TRANSACTION_ABORTABLE if caller.version < 11 => ErrorCode::INVALID_TXN_STATE,
        code => code,
    })
}

/// Ends a transaction as its producer asks. Returns the producer id and epoch to go on with.
pub(crate) fn end(
    cluster: &mut Cluster,
    id: &StrBytes,
    (producer_id, producer_epoch): (ProducerId, i16),
    commit: bool,
    protocol: Protocol,
) -> Result<(ProducerId, i16), ErrorCode> {
    if id.is_empty() {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    let transaction = cluster.transactions.transaction(id);
    let transaction = transaction.ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
    match transaction.judge_end(producer_id, producer_epoch, commit, protocol)? {
        End::Already => Ok((transaction.producer_id, transaction.producer_epoch)),
        End::Begin => Ok(decide(cluster, id, commit, protocol)),
    }
}

/// Aborts an open transaction because somebody else takes the id, or because it is open too long.
fn abort_from_without(cluster: &mut Cluster, id: &StrBytes) {
    let protocol = cluster.transaction_protocol();
    if let Some(transaction) = cluster.transactions.transaction_mut(id) {
        // By the second protocol the end itself raises the epoch, and that is enough: once, not twice.
        if protocol == Protocol::One {
            transaction.fence();
        }
        decide(cluster, id, false, protocol);
    }
}

/// Decides the outcome, and has it written everywhere.
fn decide(
    cluster: &mut Cluster,
    id: &StrBytes,
    commit: bool,
    protocol: Protocol,
) -> (ProducerId, i16) {
    let now_ms = cluster.now.wall_ms;
    cluster.transactions.note(id);
    let Transactions {
        by_id,
        next_producer_id,
        ..
    } = &mut cluster.transactions;
    let Some(transaction) = by_id.get_mut(id) else {
        return (ProducerId(-1), -1);
    };
    transaction.prepare(commit, protocol, now_ms, || fresh(next_producer_id));
    let after = transaction.after_end();
    // The decision has to be known before anything of it can be seen.
    cluster.store_decision(id);
    markers::send_all(cluster, id);
    after
}

/// Looks for time-outs as often as Kafka does, while any transaction is open.
fn look_for_time_outs_later(cluster: &mut Cluster) {
    if cluster.transactions.time_outs.is_none() {
        let key = "transaction.abort.timed.out.transaction.cleanup.interval.ms";
        let after = milliseconds(cluster.settings.number(key));
        let timer = Timer::Transaction(TransactionTimer::TimeOuts);
        let timer = cluster.set_timer(after, timer);
        cluster.transactions.time_outs = Some(timer);
    }
}

fn abort_timed_out(cluster: &mut Cluster) {
    let now_ms = cluster.now.wall_ms;
    let open = cluster.transactions.by_id.iter();
    let open = open.filter(|(_, transaction)| transaction.state == State::Ongoing);
    let (late, in_time): (Vec<_>, Vec<_>) = open.partition(|(_, transaction)| {
        now_ms - transaction.start_ms > i64::from(transaction.timeout_ms)
    });
    let any_left = !in_time.is_empty();
    let late: Vec<StrBytes> = late.into_iter().map(|(id, _)| id.clone()).collect();
    for id in late {
        abort_from_without(cluster, &id);
    }
    if any_left {
        look_for_time_outs_later(cluster);
    }
}

fn look_for_expiry_later(cluster: &mut Cluster) {
    if cluster.transactions.expiry.is_none() {
        let key = "transaction.remove.expired.transaction.cleanup.interval.ms";
        let after = milliseconds(cluster.settings.number(key));
        let timer = cluster.set_timer(after, Timer::Transaction(TransactionTimer::Expiry));
        cluster.transactions.expiry = Some(timer);
    }
}

fn expire(cluster: &mut Cluster) {
    let kept_ms = cluster.settings.number("transactional.id.expiration.ms");
    let before_ms = cluster.now.wall_ms - kept_ms;
    let ids: Vec<StrBytes> = cluster.transactions.by_id.keys().cloned().collect();
    ids.iter().for_each(|id| cluster.transactions.note(id));
    cluster.transactions.by_id.retain(|_, transaction| {
        let open = matches!(
            transaction.state,
            State::Ongoing | State::PrepareCommit | State::PrepareAbort
        );
        open || transaction.updated_ms > before_ms
    });
    if !cluster.transactions.by_id.is_empty() {
        look_for_expiry_later(cluster);
    }
}

fn milliseconds(number: i64) -> Duration {
    Duration::from_millis(u64::try_from(number).unwrap_or_default())
}

/// Takes up the transactions that were stored: sends the outcomes that may not have reached everyone,
/// and watches the open ones.
pub(crate) fn resume(cluster: &mut Cluster) {
    let decided = cluster.transactions.iter().filter(|(_, transaction)| {
        matches!(
            transaction.state,
            State::PrepareCommit | State::PrepareAbort
        )
    });
    let decided: Vec<StrBytes> = decided.map(|(id, _)| id.clone()).collect();
    for id in decided {
        markers::send_all(cluster, &id);
    }
    if cluster.transactions.iter().next().is_some() {
        look_for_time_outs_later(cluster);
        look_for_expiry_later(cluster);
    }
}

impl Cluster {
    /// The protocol the cluster as a whole has agreed on (`transaction.version`).
    pub(crate) fn transaction_protocol(&self) -> Protocol {
        if self.features.level("transaction.version") >= 2 {
            Protocol::Two
        } else {
            Protocol::One
        }
    }
}
