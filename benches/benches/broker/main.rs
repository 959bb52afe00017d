//! The embedded broker: records in, records out, one record's round trip, and how soon it is there.
//!
//! Client and broker share one thread and an in-memory connection, and the client only moves frames
//! that were made before the clock started: what is measured is the broker, on one core, and what it
//! costs to hand bytes to it. Times are this thread's CPU time, so that what else runs on the machine
//! does not count. Nothing here waits for anything, so on an idle machine it is the wall's time too;
//! the round trip shows both.
//!
//! The start is the one measurement over sockets, of the wall's time: from nothing to an answer.

mod started;
mod work;
mod world;

use std::time::Duration;

use criterion::{Criterion, Throughput};

use crate::started::Started;
use crate::work::{Filled, Produce, RECORDS_PER_BATCH, RoundTrips};
use crate::world::World;

/// Batches of a run; all of a run is in memory at once.
const BATCHES: usize = 2_000;
/// Batches of one request where it has several: one for each partition.
const PARTITIONS: i32 = 8;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(4))
        .sample_size(20)
        .configure_from_args();
    records_in(&mut criterion);
    records_out(&mut criterion);
    round_trip(&mut criterion);
    start(&mut criterion);
    criterion.final_summary();
}

fn records_in(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("broker/in");
    group.throughput(Throughput::Elements((BATCHES * RECORDS_PER_BATCH) as u64));
    for (name, partitions) in [("a batch a request", 1), ("eight batches", PARTITIONS)] {
        group.bench_function(name, |b| {
            b.iter_custom(|runs| {
                let mut spent = Duration::ZERO;
                for _ in 0..runs {
                    // A log of its own for each: it would grow without end.
                    let world = World::new(partitions);
                    let mut produce = Produce::prepare(&world, partitions, BATCHES);
                    spent += world.cpu_time(produce.run());
                    produce.check();
                }
                spent
            });
        });
    }
    group.finish();
}

fn records_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("broker/out");
    group.throughput(Throughput::Elements((BATCHES * RECORDS_PER_BATCH) as u64));
    let world = World::new(1);
    let mut filled = Filled::new(&world, BATCHES);
    for (name, bytes) in [("16 KiB a fetch", 16 << 10), ("1 MiB a fetch", 1 << 20)] {
        let fetches = filled.fetches(bytes);
        world.run(filled.check(&fetches));
        group.bench_function(name, |b| {
            b.iter_custom(|runs| {
                let all = async {
                    for _ in 0..runs {
                        filled.read(&fetches).await;
                    }
                };
                world.cpu_time(all)
            });
        });
    }
    group.finish();
}

fn round_trip(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("broker/round trip");
    let world = World::new(1);
    let mut trips = RoundTrips::new(&world);
    group.bench_function("produce and fetch a record", |b| {
        b.iter_custom(|runs| {
            trips.prepare(runs as usize);
            world.cpu_time(trips.run())
        });
    });
    group.finish();
    trips.print_percentiles();
}

fn start(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("broker/start");
    group.bench_function("three brokers until ApiVersions is answered", |b| {
        // What is measured ends with the answer; stopping is not part of it.
        b.iter_with_large_drop(|| {
            let started = Started::new();
            started.ask();
            started
        });
    });
    group.finish();
}
