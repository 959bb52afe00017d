//! Two ways to do the same work, timed by turns.

use std::time::{Duration, Instant};

/// How long one turn of one side takes, about.
const TURN: Duration = Duration::from_millis(2);
/// How many turns each side has.
const TURNS: usize = 250;

/// Times `ours` and `theirs` by turns, and prints for both the median and the best turn, per `unit`
/// of which one call does `units`, and how many times faster ours is. `least` is what is promised.
///
/// The median is of the ratios of neighbouring turns. Where something else takes the processor away,
/// it takes from both sides but not equally; the best turns are those it left alone.
///
/// With `--test` among the arguments, as for a smoke run, each runs once and nothing is printed.
pub fn compare(
    name: &str,
    (unit, units): (&str, usize),
    least: f64,
    mut ours: impl FnMut(),
    mut theirs: impl FnMut(),
) {
    if std::env::args().any(|argument| argument == "--test") {
        ours();
        theirs();
        return;
    }
    let our_calls = calls_per_turn(&mut ours);
    let their_calls = calls_per_turn(&mut theirs);
    let (mut our_times, mut their_times, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let our_time = time(&mut ours, our_calls) / units as f64;
        let their_time = time(&mut theirs, their_calls) / units as f64;
        our_times.push(our_time);
        their_times.push(their_time);
        ratios.push(their_time / our_time);
    }
    let (our_best, their_best) = (least_of(&our_times), least_of(&their_times));
    let (our_time, their_time) = (median(&mut our_times), median(&mut their_times));
    let (ratio, best_ratio) = (median(&mut ratios), their_best / our_best);
    let verdict = if ratio.max(best_ratio) >= least {
        "kept"
    } else {
        "MISSED"
    };
    println!(
        "ratio {name}, ns per {unit}: median {our_time:.2} to {their_time:.2} = {ratio:.2} x, \
         best {our_best:.2} to {their_best:.2} = {best_ratio:.2} x; promised {least} x: {verdict}"
    );
}

fn calls_per_turn(work: &mut impl FnMut()) -> u32 {
    let mut calls = 1;
    loop {
        let nanoseconds = time(work, calls) * f64::from(calls);
        if nanoseconds * 2.0 > TURN.as_nanos() as f64 {
            return calls;
        }
        calls *= 2;
    }
}

/// Nanoseconds per call.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the time there is"
)]
fn time(work: &mut impl FnMut(), calls: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        work();
    }
    start.elapsed().as_nanos() as f64 / f64::from(calls)
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

fn least_of(samples: &[f64]) -> f64 {
    samples.iter().copied().fold(f64::INFINITY, f64::min)
}
