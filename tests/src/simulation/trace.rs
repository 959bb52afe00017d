//! What happens in a world, one line after the other, with simulated times: to be read after a
//! failure, and to be compared between two runs of one seed.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::span;

/// Lines kept for a failure that is not replayed.
const TAIL: usize = 200;

/// The event log of a world. Clones are the same.
#[derive(Clone)]
pub struct Trace {
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    began: Instant,
    tail: VecDeque<String>,
    lines: u64,
    hash: u64,
    /// Every line is printed as it comes.
    aloud: bool,
}

impl Trace {
    /// An empty one that begins now.
    #[must_use]
    pub fn new(aloud: bool) -> Self {
        let shared = Shared {
            began: Instant::now(),
            tail: VecDeque::new(),
            lines: 0,
            hash: 0xcbf2_9ce4_8422_2325,
            aloud,
        };
        Self {
            shared: Arc::new(Mutex::new(shared)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line.
    pub fn note(&self, what: fmt::Arguments<'_>) {
        let mut shared = self.lock();
        let elapsed = Instant::now().duration_since(shared.began);
        let line = format!(
            "{:>5}.{:03} {what}",
            elapsed.as_secs(),
            elapsed.subsec_millis()
        );
        for byte in line.bytes() {
            shared.hash = (shared.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        shared.lines += 1;
        if shared.aloud {
            println!("{line}");
        }
        if shared.tail.len() == TAIL {
            shared.tail.pop_front();
        }
        shared.tail.push_back(line);
    }

    /// Over all lines so far: two runs with the same hash went the same way.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.lock().hash
    }

    /// How many lines there were.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lock().lines
    }

    /// The last lines.
    #[must_use]
    pub fn tail(&self) -> Vec<String> {
        self.lock().tail.iter().cloned().collect()
    }

    /// Notes what client, engine and broker tell `tracing` on this thread, until the guard is
    /// dropped.
    #[must_use]
    pub fn listen(&self) -> tracing::subscriber::DefaultGuard {
        tracing::subscriber::set_default(Listener(self.clone()))
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace")
            .field("lines", &self.lines())
            .finish_non_exhaustive()
    }
}

/// Notes events; spans say nothing here.
struct Listener(Trace);

impl tracing::Subscriber for Listener {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::INFO && metadata.is_event()
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(tracing::level_filters::LevelFilter::INFO)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let target = event.metadata().target();
        let area = target.split("::").next().unwrap_or(target);
        let level = event.metadata().level();
        let Text { message, fields } = text;
        self.0
            .note(format_args!("{level:<5} {area}: {message}{fields}"));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        use fmt::Write;
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
