//! Goal: client, engine and broker keep what they promise whatever goes wrong, in hundreds of worlds,
//! and an instance may crash at any crash point. Method: seeds, one world each, judged by what lies in
//! the logs; then more worlds in which instances crash at the points that are left.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::available_parallelism;

use thalweg_tests::simulation::points::enumerate;
use thalweg_tests::simulation::sweep::{Sweep, Swept};
use thalweg_tests::simulation::{Options, run};

use crate::root;

/// As many as CI has time for in a minute or so.
const SEEDS: u64 = 500;

fn sweep() -> Sweep {
    Sweep {
        from_seed: 1,
        seeds: SEEDS,
        threads: available_parallelism().map_or(1, std::num::NonZero::get),
        job: None,
        wild: false,
        points: Arc::new(enumerate(root()).points),
    }
}

fn assert_well(swept: &Swept) {
    if let Some((report, options)) = &swept.failure {
        panic!(
            "seed {}: {:#?}\nthe end of its trace:\n{}\nagain: cargo run -p thalweg-tests --bin \
             simulate -- --replay {}{}",
            report.seed,
            report.faults,
            report.tail.join("\n"),
            report.seed,
            match &options.hunt {
                Some(_) => " --hunt .. (simulate --every-point says which)",
                None => "",
            }
        );
    }
}

#[test]
fn hundreds_of_worlds_are_well_and_a_crash_at_every_point_is_survived() {
    let sweep = sweep();
    let mut swept = sweep.run(&|_| {});
    assert_well(&swept);
    assert_eq!(swept.worlds, SEEDS);
    println!(
        "{} worlds, {} crashes at {} crash points, {} records in, {} out",
        swept.worlds,
        swept.crashes,
        swept.visited.len(),
        swept.records.0,
        swept.records.1
    );
    // Worlds in which nothing happens would be well, too.
    assert!(swept.records.0 > 50 * SEEDS, "{swept:?}");
    assert!(swept.crashes > SEEDS, "{swept:?}");
    sweep.hunt(&mut swept, &|_| {});
    assert_well(&swept);
    println!(
        "{} of {} crash points visited in {} worlds",
        swept.visited.len(),
        sweep.points.len(),
        swept.worlds
    );
    let left = sweep.points.difference(&swept.visited);
    let left: Vec<String> = left.map(ToString::to_string).collect();
    assert!(left.is_empty(), "never crashed at {left:#?}");
}

/// The same seed runs the same way, line by line; another one does not.
#[test]
fn a_seed_replays_its_run_exactly() {
    let options = Options {
        points: Arc::new(enumerate(root()).points),
        ..Options::default()
    };
    let mut hashes = BTreeSet::new();
    for seed in [1, 7, 23, 42] {
        let (one, two) = (run(seed, &options), run(seed, &options));
        assert_eq!(one.tail, two.tail, "seed {seed}");
        assert_eq!((one.hash, one.lines), (two.hash, two.lines), "seed {seed}");
        assert!(one.lines > 100, "seed {seed}: {}", one.lines);
        hashes.insert(one.hash);
    }
    assert_eq!(hashes.len(), 4);
}

/// Goal: a world has a bound on its memory, and leaves none behind. Method: allocations of this thread
/// are counted while it runs, and after it is gone.
#[test]
fn a_world_takes_bounded_memory_and_gives_it_back() {
    let options = Options {
        points: Arc::new(enumerate(root()).points),
        ..Options::default()
    };
    // What is made once is made.
    let _ = run(1, &options);
    for seed in 2..12 {
        let mut report = None;
        let counted = allocation_counter::measure(|| {
            let faults = run(seed, &options).faults.len();
            report = Some(faults);
        });
        assert_eq!(report, Some(0), "seed {seed}");
        assert!(
            counted.bytes_max < WORLD_BYTES_MAX,
            "seed {seed}: {counted:?}"
        );
        assert!(
            counted.bytes_current < LEFT_BYTES_MAX,
            "seed {seed}: {counted:?}"
        );
    }
}

/// Logs of a few hundred records, receive buffers of 1 MiB for each connection, and prefetched data.
const WORLD_BYTES_MAX: u64 = 256 << 20;
/// Thread-local caches.
const LEFT_BYTES_MAX: i64 = 64 << 10;
