//! One assigned partition: where it is read, what of it waits, what is known about it.
//!
//! ```text
//!                 seek, assignment
//!                       │
//!   Unplaced ──seek──►  │  Asking (committed offset, offset by time, end of an epoch)
//!                       ▼      │ answer
//!                    Fetching ◄┘
//!                       │ out of range, truncated, created anew:
//!                       ├── Asking again, as the reset policy says
//!                       └── Stopped, with an error delivered in its place in the order
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use thalweg_protocol::{BrokerId, Offset, Uuid};
use tokio::time::Instant;

use super::super::error::ConsumeError;
use super::super::fetched::FetchedRecords;
use super::super::start::{OffsetReset, StartAt};
use crate::topic_partition::TopicPartition;

/// What to ask a broker before the partition can be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Question {
    /// Where the group stopped.
    Committed,
    /// The first offset.
    Earliest,
    /// The high watermark or last stable offset.
    Latest,
    /// The first offset at or after a time, in milliseconds since 1970.
    AtTimestamp(i64),
    /// The first offset not older than this.
    Since(Duration),
    /// Whether the log up to `offset` is still the one that was read: where `leader_epoch` ends
    /// (KIP-320). For brokers that do not check it while fetching.
    EndOfEpoch {
        /// The position to check.
        offset: Offset,
        /// The leader epoch of the record before it.
        leader_epoch: i32,
    },
}

#[derive(Debug)]
pub(super) enum Stage {
    /// Nobody has said where to begin.
    Unplaced,
    /// Where to begin is to be asked, or being asked.
    Asking {
        question: Question,
        /// Whether the question is under way.
        asked: bool,
        /// How often it failed.
        failures: u32,
    },
    /// Being fetched.
    Fetching,
    /// An error was or will be delivered; only a seek starts it again.
    Stopped,
}

/// Something to be delivered, in order.
#[derive(Debug)]
pub(super) enum Parcel {
    Records(FetchedRecords),
    Fault(ConsumeError),
}

#[derive(Debug)]
pub(super) struct Partition {
    pub(super) name: TopicPartition,
    /// The topic it was assigned for; zero while not known.
    pub(super) topic_id: Uuid,
    /// Differs for every assignment and seek, so that an answer to an earlier question or fetch can
    /// be told.
    pub(super) version: u64,
    /// The version it was assigned with: a partition lost and won back is not the same.
    pub(super) assignment: u64,
    pub(super) stage: Stage,
    /// The application does not want records now.
    pub(super) paused: bool,
    /// It goes to another member once the application agrees: nothing is fetched or delivered.
    pub(super) leaving: bool,

    /// What waits for the application.
    pub(super) parcels: VecDeque<Parcel>,
    /// The charge of the records among it.
    pub(super) waiting_bytes: usize,
    /// Whether it stands in the queue of partitions with something to deliver.
    pub(super) queued: bool,

    /// After what was delivered last: the application's position.
    pub(super) position: Option<Offset>,
    /// The leader epoch of the record before `position`; −1 if not known.
    pub(super) position_epoch: i32,
    /// Where to fetch on.
    /// Invariant: not before `position`.
    pub(super) fetch_offset: Offset,
    /// The leader epoch of the record before `fetch_offset`; −1 if not known.
    pub(super) fetch_epoch: i32,

    /// The leader epoch under which `fetch_epoch` was last compared with the log, for brokers that
    /// do not do so while fetching; −1 if never.
    pub(super) checked_epoch: i32,

    /// Whether a fetch of this version is under way.
    pub(super) in_flight: bool,
    /// Whether its last fetch brought something, or there was none yet.
    pub(super) hot: bool,
    /// Nothing is asked or fetched before, after a failure.
    pub(super) retry_at: Option<Instant>,
    /// How many fetches in a row were refused.
    pub(super) refusals: u32,
    /// Since when the metadata has the topic, but not this partition.
    pub(super) unknown_since: Option<Instant>,
    /// A replica nearer than the leader, and until when to use it (KIP-392).
    pub(super) near_replica: Option<(BrokerId, Instant)>,

    pub(super) high_watermark: Option<Offset>,
    pub(super) last_stable_offset: Option<Offset>,
    pub(super) log_start_offset: Option<Offset>,
}

impl Partition {
    pub(super) fn new(name: TopicPartition) -> Self {
        Partition {
            name,
            topic_id: Uuid::ZERO,
            version: 0,
            assignment: 0,
            stage: Stage::Unplaced,
            paused: false,
            leaving: false,
            parcels: VecDeque::new(),
            waiting_bytes: 0,
            queued: false,
            position: None,
            position_epoch: -1,
            fetch_offset: Offset(0),
            fetch_epoch: -1,
            checked_epoch: -1,
            in_flight: false,
            hot: true,
            retry_at: None,
            refusals: 0,
            unknown_since: None,
            near_replica: None,
            high_watermark: None,
            last_stable_offset: None,
            log_start_offset: None,
        }
    }

    /// Begins where an application wants it to.
    pub(super) fn start(&mut self, start: StartAt) {
        match start {
            StartAt::Offset(offset) => self.place(offset, -1),
            StartAt::After {
                offset,
                leader_epoch,
            } => self.place(offset, leader_epoch),
            StartAt::Earliest => self.ask(Question::Earliest),
            StartAt::Latest => self.ask(Question::Latest),
            StartAt::Timestamp(timestamp) => self.ask(Question::AtTimestamp(timestamp)),
            StartAt::Committed => self.ask(Question::Committed),
        }
    }

    /// Goes where the policy says; where it says nothing, stops with `error`.
    pub(super) fn reset_to(&mut self, policy: OffsetReset, error: ConsumeError) {
        match policy {
            OffsetReset::Earliest => self.ask(Question::Earliest),
            OffsetReset::Latest => self.ask(Question::Latest),
            OffsetReset::ByDuration(age) => self.ask(Question::Since(age)),
            OffsetReset::None => self.stop(error),
        }
    }

    /// Begins at an offset. `leader_epoch` is that of the record before it, −1 if not known.
    pub(super) fn place(&mut self, offset: Offset, leader_epoch: i32) {
        self.stage = Stage::Fetching;
        self.position = Some(offset);
        self.position_epoch = leader_epoch;
        self.fetch_offset = offset;
        self.fetch_epoch = leader_epoch;
        self.hot = true;
        self.retry_at = None;
        self.refusals = 0;
    }

    pub(super) fn ask(&mut self, question: Question) {
        self.stage = Stage::Asking {
            question,
            asked: false,
            failures: 0,
        };
        self.retry_at = None;
    }

    /// Stops with an error, delivered after what waits already.
    pub(super) fn stop(&mut self, error: ConsumeError) {
        self.stage = Stage::Stopped;
        self.parcels.push_back(Parcel::Fault(error));
    }

    /// Forgets what waits and makes answers to come stale.
    pub(super) fn reset(&mut self, version: u64) {
        self.version = version;
        self.parcels.clear();
        self.waiting_bytes = 0;
        self.in_flight = false;
        self.near_replica = None;
    }

    pub(super) fn may_deliver(&self) -> bool {
        !self.paused && !self.leaving && !self.parcels.is_empty()
    }

    /// Whether it could be fetched, but for the budget and whoever leads it.
    pub(super) fn may_fetch(&self) -> bool {
        matches!(self.stage, Stage::Fetching) && !self.paused && !self.leaving && !self.in_flight
    }
}
