//! Producing: records into batches, batches to partition leaders, transactions.
//!
//! ```text
//!   owner's side                              the sender: one background task
//!   ────────────                              ────────────────────────────────
//!   Producer, TransactionalProducer            Sender     polls; connections, timers
//!        │ records                               │
//!        ▼                                     Core       decides, without I/O or clock
//!   Accumulator ── batches ──► Mailbox ──►       ├── Lane: order, numbers, repetition
//!    partitioner     commands                    └── Transactions: coordinators
//!        ▲                                            │
//!        └── Completion: one cell per batch ◄─────────┘
//! ```
//!
//! What deserves care:
//! - Bytes of a sealed batch never change on a repetition ([`lane`] says when they are numbered anew).
//! - A batch's outcome is told once, and an unknown one is told as such ([`completion`]).
//! - What an error code means is decided in [`verdict`] alone.
//! - The accumulator is locked before the mailbox, never the other way round, so that the batches of
//!   a partition are handed over in the order in which they were closed.

mod accumulator;
mod budget;
mod completion;
mod config;
mod core;
mod error;
mod handle;
mod lane;
mod mailbox;
mod partitioner;
#[expect(
    clippy::module_inception,
    reason = "the file holds the type the module is named for"
)]
mod producer;
mod promise;
mod record;
mod refused;
mod requests;
mod sender;
mod sequence;
mod split;
mod transactional;
mod transactions;
mod verdict;

pub use completion::{Delivered, Ticket};
pub use config::{Acks, ProducerBuilder};
pub use error::{
    CommitError, ProduceError, SendError, TransactionError, TransactionOutcome, UnsentBatch,
};
pub use handle::Burst;
pub use partitioner::{Partitioning, partition_for_key};
pub use producer::Producer;
pub use record::ProducerRecord;
pub use refused::RefusedRecord;
pub use transactional::{Abort, Commit, OffsetsSent, Transaction, TransactionalProducer};

#[cfg(test)]
mod tests;
