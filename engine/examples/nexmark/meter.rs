//! The two lines a harness looks for, and what the process has used when it prints them.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What the process has used so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// All its threads, user and system.
    cpu: Duration,
    /// Monotonic.
    at: Duration,
}

impl Usage {
    pub(crate) fn now() -> Self {
        Self {
            cpu: read(ClockId::ProcessCPUTime),
            at: read(ClockId::Monotonic),
        }
    }

    pub(crate) fn cpu_since(&self, earlier: &Self) -> Duration {
        self.cpu.saturating_sub(earlier.cpu)
    }

    pub(crate) fn wall_since(&self, earlier: &Self) -> Duration {
        self.at.saturating_sub(earlier.at)
    }
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    // Neither clock is ever negative.
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// Prints `FIRST`: the first record has reached user code.
pub(crate) fn first() -> Usage {
    let now = Usage::now();
    println!("FIRST cpu_us={}", now.cpu.as_micros());
    now
}

/// Prints `DONE`: the results of the last input record are committed.
pub(crate) fn done(first: &Usage, records: u64) -> Usage {
    let now = Usage::now();
    let (cpu, wall) = (now.cpu_since(first), now.wall_since(first));
    println!(
        "DONE records={records} cpu_us={} wall_ms={} cpu_us_per_record={:.3} rss_max_kib={}",
        cpu.as_micros(),
        wall.as_millis(),
        cpu.as_secs_f64() * 1e6 / records.max(1) as f64,
        rss_max_kib().unwrap_or(0),
    );
    now
}

/// The most memory the process ever had resident.
fn rss_max_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
