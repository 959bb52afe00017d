//! The jobs that run in the world.
//!
//! Input: key `k<j>`, value `<writer>:<number>`, timestamp the event time.

use std::time::Duration;

use thalweg::{
    App, Bytes, Emit, Encode, EncodeFailure, Guarantee, Keyed, StartFrom, Text, Tumbling, Watermark,
};

/// What a job computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// Copies.
    Pass,
    /// Copies, and may repeat itself after a crash.
    PassAtLeastOnce,
    /// Counts the records of each key, and says so after each record.
    Count,
    /// Counts each key in windows of event time, and says so when one closes; a correction for each
    /// record that is late within reason; later ones are written to a topic.
    Windows,
    /// Counts the records by another key than they came with, through a repartition topic.
    Repartition,
}

/// How long a window is.
pub const WINDOW_MS: i64 = 2_000;
/// How much later than its time a record may be.
pub const LATENESS_MS: i64 = 3_000;
/// How much out of order records may be before a window closes without them.
pub const DISORDER_MS: i64 = 500;
/// How many keys `Repartition` counts by.
pub const GROUPS: u64 = 5;

impl Job {
    /// All of them.
    pub const ALL: [Job; 5] = [
        Job::Pass,
        Job::PassAtLeastOnce,
        Job::Count,
        Job::Windows,
        Job::Repartition,
    ];

    /// Its name, which is its application id too.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Job::Pass => "pass",
            Job::PassAtLeastOnce => "pass-at-least-once",
            Job::Count => "count",
            Job::Windows => "windows",
            Job::Repartition => "repartition",
        }
    }

    /// The program.
    #[must_use]
    pub fn app(self) -> App {
        let app = App::new(self.name());
        match self {
            // From the first record on, by way of a look-up.
            Job::Pass => app
                .source::<Bytes>("in")
                .start_from(StartFrom::Timestamp(0))
                .sink::<Bytes>("out"),
            Job::PassAtLeastOnce => app.source::<Bytes>("in").sink::<Bytes>("out"),
            Job::Count => app
                .source::<Bytes>("in")
                .by_record_key()
                .aggregate("counts", |a| a.count())
                .emit(Emit::OnUpdate)
                .map(|counted| counted.value.to_string())
                .sink::<Text>("out"),
            Job::Windows => windows(&app),
            Job::Repartition => app
                .source::<Text>("in")
                .key_by("group", |value| group_of(value))
                .aggregate("groups", |a| a.count())
                .emit(Emit::OnUpdate)
                .map(|counted| Row {
                    key: counted.key.to_string(),
                    value: counted.value.to_string(),
                })
                .to("out")
                .key(|row| Some(row.key.clone()))
                .write::<RowValue>(),
        }
        match self {
            Job::PassAtLeastOnce => app.guarantee(Guarantee::AtLeastOnce),
            _ => app,
        }
    }

    /// Whether its output is in transactions.
    #[must_use]
    pub fn is_exactly_once(self) -> bool {
        self != Job::PassAtLeastOnce
    }
}

fn windows(app: &App) {
    app.source::<Keyed<Text, Text>>("in")
        .watermark(Watermark::bounded(Duration::from_millis(
            DISORDER_MS.unsigned_abs(),
        )))
        .key_by_ref("key", |record| record.key)
        .already_partitioned()
        .window(
            Tumbling::of(Duration::from_millis(WINDOW_MS.unsigned_abs()))
                .allowed_lateness(Duration::from_millis(LATENESS_MS.unsigned_abs())),
        )
        .aggregate("windows", |a| a.count())
        .late_to("late")
        .map(|result| Row {
            key: format!("{}@{}", result.key, result.window.start),
            value: result.value.to_string(),
        })
        .to("out")
        .key(|row| Some(row.key.clone()))
        .write::<RowValue>();
}

/// The key that `Repartition` counts a record by.
#[must_use]
pub fn group_of(value: &str) -> u64 {
    let number = value.rsplit(':').next().and_then(|n| n.parse::<u64>().ok());
    number.unwrap_or(0) % GROUPS
}

struct Row {
    key: String,
    value: String,
}

struct RowValue;

impl Encode<Row> for RowValue {
    fn encode(row: &Row, out: &mut Vec<u8>) -> Result<bool, EncodeFailure> {
        out.extend_from_slice(row.value.as_bytes());
        Ok(true)
    }
}
