//! How a producer is set up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thalweg_protocol::records::Compression;

use crate::cluster::Cluster;
use crate::config::ConfigError;

use super::accumulator::AccumulatorOptions;
use super::core::CoreOptions;
use super::handle::{Handle, Setup};
use super::partitioner::Partitioning;
use super::producer::Producer;
use super::requests::TransactionalId;
use super::sender::numbering;
use super::transactional::TransactionalProducer;

/// Brokers keep the last five batches of a producer per partition to recognise repetitions.
const IN_FLIGHT_LIMIT: usize = 5;

/// How many copies of a record must be written before it counts as delivered (`acks`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Acks {
    /// None is waited for. Records may be lost without anybody noticing, and their offsets are not
    /// known (-1).
    None,
    /// The leader's. Records are lost when the leader fails before its followers have them.
    Leader,
    /// Those of all in-sync replicas. The default, and the only choice with idempotence.
    #[default]
    All,
}

impl Acks {
    fn code(self) -> i16 {
        match self {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        }
    }
}

/// Tells the time of day in milliseconds since 1970, for records without a timestamp of their own.
pub(super) type WallClock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Sets up a [`Producer`] or a [`TransactionalProducer`].
///
/// Names are Kafka's in snake case, units in the type.
///
/// ```no_run
/// # async fn example(cluster: thalweg_client::Cluster) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use thalweg_client::{Compression, Producer};
///
/// let producer = Producer::builder(&cluster)
///     .linger(Duration::from_millis(20))
///     .compression(Compression::Lz4)
///     .build()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use]
pub struct ProducerBuilder {
    cluster: Cluster,
    acks: Acks,
    idempotence: bool,
    linger: Duration,
    batch_bytes: usize,
    buffer_bytes: usize,
    request_bytes_max: usize,
    in_flight_max: usize,
    delivery_timeout: Duration,
    transaction_timeout: Duration,
    compression: Compression,
    partitioning: Partitioning,
    tickets_kept: usize,
    wall_clock: WallClock,
}

impl ProducerBuilder {
    pub(super) fn new(cluster: &Cluster) -> Self {
        ProducerBuilder {
            cluster: cluster.clone(),
            acks: Acks::All,
            idempotence: true,
            linger: Duration::from_millis(5),
            batch_bytes: 64 << 10,
            buffer_bytes: 32 << 20,
            request_bytes_max: 1 << 20,
            in_flight_max: IN_FLIGHT_LIMIT,
            delivery_timeout: Duration::from_secs(120),
            transaction_timeout: Duration::from_secs(60),
            compression: Compression::None,
            partitioning: Partitioning::KeyHash,
            tickets_kept: 8192,
            wall_clock: Arc::new(system_time_ms),
        }
    }

    /// How many copies must be written (`acks`). Default [`Acks::All`]. Anything less needs
    /// [`idempotence`](Self::idempotence) off.
    pub fn acks(mut self, acks: Acks) -> Self {
        self.acks = acks;
        self
    }

    /// Whether batches carry sequence numbers, by which brokers recognise repetitions: each record
    /// is then written once and in order, whatever is lost in between (`enable.idempotence`).
    /// Default true.
    ///
    /// Without it, one batch of a partition is in flight at a time, so that repetitions keep the
    /// order; they may still write a record twice.
    pub fn idempotence(mut self, idempotence: bool) -> Self {
        self.idempotence = idempotence;
        self
    }

    /// How long a batch that is not full waits for further records (`linger.ms`). Default 5 ms.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// The size at which a batch is closed, in bytes before compression (`batch.size`). Default
    /// 64 KiB. A record larger than that gets a batch of its own.
    pub fn batch_bytes(mut self, bytes: usize) -> Self {
        self.batch_bytes = bytes;
        self
    }

    /// How many bytes of records the producer holds at most, from `send` to the acknowledgement
    /// (`buffer.memory`). Default 32 MiB. Beyond that `send` waits, and `try_send` refuses.
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffer_bytes = bytes;
        self
    }

    /// The bytes of records in one request, and the largest size of a batch of a single record
    /// (`max.request.size`). Default 1 MiB, as much as brokers accept in a batch by default.
    pub fn request_bytes_max(mut self, bytes: usize) -> Self {
        self.request_bytes_max = bytes;
        self
    }

    /// How many requests may be in flight to a broker (`max.in.flight.requests.per.connection`), at
    /// most 5. Default 5.
    pub fn in_flight_max(mut self, requests: usize) -> Self {
        self.in_flight_max = requests;
        self
    }

    /// How long delivery is tried, from the first record of a batch (`delivery.timeout.ms`), and how
    /// long a step of a transaction is. Default 120 s. A batch that is in flight then still gets the
    /// time to be answered, at most the client's `request_timeout`.
    pub fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.delivery_timeout = timeout;
        self
    }

    /// After how long the coordinator aborts a transaction that was neither committed nor aborted
    /// (`transaction.timeout.ms`). Default 60 s. Brokers refuse more than
    /// `transaction.max.timeout.ms`, 15 minutes by default.
    pub fn transaction_timeout(mut self, timeout: Duration) -> Self {
        self.transaction_timeout = timeout;
        self
    }

    /// How batches are compressed (`compression.type`). Default not at all.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// How the partition of a record is chosen that names none. Default
    /// [`Partitioning::KeyHash`].
    pub fn partitioning(mut self, partitioning: Partitioning) -> Self {
        self.partitioning = partitioning;
        self
    }

    /// For how many batches the outcome is kept after it is known, so that `delivered` can tell it.
    /// Default 8192. Outcomes that are not known yet are always kept.
    pub fn tickets_kept(mut self, batches: usize) -> Self {
        self.tickets_kept = batches;
        self
    }

    /// Where records without a timestamp get it from, in milliseconds since 1970. Default the
    /// system's clock.
    pub fn wall_clock(mut self, clock: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        self.wall_clock = Arc::new(clock);
        self
    }

    /// Makes a producer, and starts its background task. Nothing is sent before the first record.
    ///
    /// # Errors
    /// Settings that cannot work, or contradict each other.
    pub fn build(self) -> Result<Producer, ConfigError> {
        self.check()?;
        if self.idempotence && self.acks != Acks::All {
            return Err(ConfigError::Invalid {
                setting: "acks",
                value: format!("{:?}", self.acks),
                expected: "All; anything less needs idempotence(false)",
            });
        }
        Ok(Producer::new(self.start(None)))
    }

    /// Makes a transactional producer for `transactional_id`, and starts its background task.
    /// Nothing is sent before [`init`](TransactionalProducer::init).
    ///
    /// # Errors
    /// Settings that cannot work, or contradict each other.
    pub fn build_transactional(
        self,
        transactional_id: impl Into<Arc<str>>,
    ) -> Result<TransactionalProducer, ConfigError> {
        self.check()?;
        let id: Arc<str> = transactional_id.into();
        let invalid = |setting, value: String, expected| {
            Err(ConfigError::Invalid {
                setting,
                value,
                expected,
            })
        };
        if id.is_empty() {
            return invalid(
                "transactional_id",
                String::new(),
                "a name that is not empty",
            );
        }
        if !self.idempotence || self.acks != Acks::All {
            return invalid(
                "acks",
                format!("{:?} with idempotence({})", self.acks, self.idempotence),
                "All with idempotence: transactions need both",
            );
        }
        if self.transaction_timeout.is_zero() {
            return invalid("transaction_timeout", "0".into(), "more than zero");
        }
        let of = TransactionalId {
            id,
            transaction_timeout: self.transaction_timeout,
        };
        Ok(TransactionalProducer::new(self.start(Some(of))))
    }

    fn check(&self) -> Result<(), ConfigError> {
        let invalid = |setting, value: String, expected| {
            Err(ConfigError::Invalid {
                setting,
                value,
                expected,
            })
        };
        if !(1..=IN_FLIGHT_LIMIT).contains(&self.in_flight_max) {
            return invalid("in_flight_max", self.in_flight_max.to_string(), "1 to 5");
        }
        if self.batch_bytes == 0 || self.batch_bytes > self.request_bytes_max {
            return invalid(
                "batch_bytes",
                self.batch_bytes.to_string(),
                "more than zero, and at most request_bytes_max",
            );
        }
        if self.request_bytes_max > i32::MAX as usize {
            return invalid(
                "request_bytes_max",
                self.request_bytes_max.to_string(),
                "less than 2 GiB, as much as a frame can be",
            );
        }
        if self.buffer_bytes < self.batch_bytes {
            return invalid(
                "buffer_bytes",
                self.buffer_bytes.to_string(),
                "at least batch_bytes",
            );
        }
        if self.delivery_timeout <= self.linger {
            return invalid(
                "delivery_timeout",
                format!("{:?}", self.delivery_timeout),
                "more than linger",
            );
        }
        Ok(())
    }

    fn start(self, transactional_id: Option<TransactionalId>) -> Handle {
        let accumulator = AccumulatorOptions {
            linger: self.linger,
            batch_bytes: self.batch_bytes,
            request_bytes_max: self.request_bytes_max,
            delivery_timeout: self.delivery_timeout,
            compression: self.compression,
            partitioning: self.partitioning,
            tickets_kept: self.tickets_kept,
        };
        let core = CoreOptions {
            numbering: numbering(self.idempotence, transactional_id.is_some()),
            transactional_id: transactional_id.as_ref().map(|of| Arc::clone(&of.id)),
            in_flight_max: self.in_flight_max,
            delivery_timeout: self.delivery_timeout,
            request_bytes_max: self.request_bytes_max,
        };
        Handle::start(Setup {
            cluster: self.cluster,
            accumulator,
            core,
            acks: self.acks.code(),
            buffer_bytes: self.buffer_bytes,
            transactional_id,
            wall_clock: self.wall_clock,
        })
    }
}

impl fmt::Debug for ProducerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerBuilder")
            .field("acks", &self.acks)
            .field("idempotence", &self.idempotence)
            .field("linger", &self.linger)
            .field("batch_bytes", &self.batch_bytes)
            .field("buffer_bytes", &self.buffer_bytes)
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the production form of the wall-clock seam, which simulations replace"
)]
fn system_time_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}
