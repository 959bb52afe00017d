//! Stream processing on Kafka: event-time windows, exactly once, in pure Rust.
#![forbid(unsafe_code)]

mod aggregate;
mod app;
mod assignor;
mod element;
mod flow;
mod key;
mod keyed;
mod operators;
mod runtime;
mod seams;
mod sink;
mod source;
mod state;
mod state_folder;
mod stream;
mod task;
pub mod testing;
mod time;
mod topology;
mod window;

pub use aggregate::{
    Agg, Aggregate, Average, Count, Fold, JsonColumn, LatestEventTime, Max, Min, Reduce, Sum,
    Summable,
};
pub use app::App;
pub use element::{
    Bytes, Decode, DecodeFailure, Element, Encode, EncodeFailure, Format, Json, Keyed, KeyedView,
    Nullable, Owned, Portable, SourceRecord, Text,
};
pub use flow::Chain;
pub use key::{Key, Lookup, RecordKey};
pub use keyed::{KeyBy, KeyedStream};
pub use operators::{Grouped, GroupedStream};
pub use runtime::{
    AppError, AppMetrics, Guarantee, Handle, Health, HeldBack, InputMetrics, LocalWorkers, Status,
    TaskMetrics, TaskWatermark, WorkerMetrics,
};
pub use seams::{
    Clock, FolderStorage, MemoryStorage, Storage, StorageLock, SystemClock, VirtualClock,
};
pub use sink::{OnSinkError, Sink};
pub use source::OnBadRecord;
pub use state::{Columns, Cut, Stored};
pub use state_folder::StateFolderError;
pub use stream::Stream;
pub use task::{AppendError, MetadataError, RestoreError, SinkFailure, TaskError};
pub use time::{EventTime, OnIdle, Watermark, millis, secs};
pub use topology::{OnOutOfRange, StartFrom, Topology, TopologyError, TopologyFault};
pub use window::{Emit, Tumbling, Window, WindowStream, Windowed, WindowedStream};

/// The README's program, which must compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
