//! The watermark of a task with several inputs, idle ones and upstream tasks.

use super::*;

const SOURCE: InputSettings = InputSettings {
    present: true,
    out_of_orderness_ms: 0,
    on_idle: OnIdle::Hold,
    upstream_tasks: 0,
};

fn task(inputs: &[InputSettings]) -> TaskTime {
    TaskTime::new(inputs.to_vec(), 7)
}

fn at(watermark: i64) -> UpstreamTime {
    UpstreamTime {
        watermark,
        idle: false,
    }
}

#[test]
fn the_watermark_is_the_highest_time_less_the_disorder_less_one() {
    let mut time = task(&[InputSettings {
        out_of_orderness_ms: 4,
        ..SOURCE
    }]);
    assert_eq!(time.watermark(), i64::MIN);
    time.observe(0, 100);
    assert_eq!(time.watermark(), 95);
    time.observe(0, 50);
    assert_eq!(time.watermark(), 95);
}

#[test]
fn the_slowest_input_holds_the_task_back_until_it_is_idle() {
    let mut time = task(&[SOURCE, SOURCE]);
    time.observe(0, 100);
    assert_eq!(time.watermark(), i64::MIN);
    time.observe(1, 41);
    assert_eq!(time.watermark(), 40);
    assert!(time.set_idle(1, true, 0));
    assert_eq!(time.watermark(), 99);
    time.observe(1, 42);
    assert_eq!(time.watermark(), 99, "it never goes back");
    time.observe(0, 200);
    assert_eq!(time.watermark(), 99, "the input that woke up counts again");
}

#[test]
fn with_all_inputs_idle_it_is_the_fastest_in_whatever_order_they_became_so() {
    for order in [[0, 1], [1, 0]] {
        let mut time = task(&[SOURCE, SOURCE]);
        time.observe(0, 101);
        time.observe(1, 51);
        for input in order {
            time.set_idle(input, true, 0);
        }
        assert_eq!(time.watermark(), 100, "{order:?}");
        assert_eq!(
            time.announcement(),
            Some(UpstreamTime {
                watermark: 100,
                idle: true
            })
        );
    }
}

#[test]
fn an_input_that_has_ended_counts_no_more() {
    let mut time = task(&[SOURCE, SOURCE]);
    time.observe(0, 101);
    time.end(1);
    time.set_idle(1, true, 0);
    assert_eq!(time.watermark(), 100);
    time.set_idle(0, true, 0);
    assert_eq!(time.watermark(), 100, "the idle one may go on");
    time.observe(0, 201);
    assert_eq!(time.watermark(), 200);
    time.end(0);
    assert_eq!(time.watermark(), i64::MAX);
    assert_eq!(time.announcement(), Some(at(i64::MAX)), "ended, not idle");
}

#[test]
fn upstream_tasks_that_are_all_idle_hold_nobody_back() {
    for order in [[0, 1], [1, 0]] {
        let mut time = task(&[InputSettings {
            upstream_tasks: 2,
            ..SOURCE
        }]);
        for (upstream, watermark) in [(0, 50), (1, 20)] {
            time.hear(0, PartitionId(upstream), at(watermark));
        }
        assert_eq!(time.watermark(), 20);
        for upstream in order {
            let watermark = if upstream == 0 { 50 } else { 20 };
            let idle = UpstreamTime {
                watermark,
                idle: true,
            };
            time.hear(0, PartitionId(upstream), idle);
        }
        assert_eq!(time.watermark(), 50, "{order:?}");
        assert!(time.reports().iter().all(|input| input.idle));
    }
}

#[test]
fn an_absent_input_counts_for_nothing() {
    let mut time = task(&[
        SOURCE,
        InputSettings {
            present: false,
            ..SOURCE
        },
    ]);
    time.observe(0, 100);
    assert_eq!(time.watermark(), 99);
}

#[test]
fn all_inputs_idle_hold_the_watermark_or_follow_the_clock() {
    let mut holding = task(&[SOURCE]);
    holding.observe(0, 100);
    holding.set_idle(0, true, 1_000);
    holding.advance_clock(9_000);
    assert_eq!(holding.watermark(), 99);

    let mut following = task(&[InputSettings {
        on_idle: OnIdle::AdvanceWithClock,
        ..SOURCE
    }]);
    following.set_idle(0, true, 500);
    following.advance_clock(900);
    assert_eq!(
        following.watermark(),
        i64::MIN,
        "there is nothing to advance from"
    );
    following.set_idle(0, false, 900);
    following.observe(0, 100);
    following.set_idle(0, true, 1_000);
    following.advance_clock(1_250);
    assert_eq!(following.watermark(), 349);
    following.observe(0, 110);
    following.advance_clock(9_000);
    assert_eq!(following.watermark(), 349, "awake, it follows its records");
}

#[test]
fn every_upstream_task_counts_and_the_end_of_time_is_a_time() {
    let mut time = task(&[InputSettings {
        upstream_tasks: 2,
        ..SOURCE
    }]);
    time.hear(0, PartitionId(0), at(50));
    assert_eq!(time.watermark(), i64::MIN, "the other was not heard yet");
    time.hear(0, PartitionId(1), at(20));
    assert_eq!(time.watermark(), 20);
    time.hear(
        0,
        PartitionId(1),
        UpstreamTime {
            watermark: 20,
            idle: true,
        },
    );
    assert_eq!(time.watermark(), 50);
    time.hear(0, PartitionId(0), at(i64::MAX));
    assert_eq!(time.watermark(), 50, "the idle one may go on");
    time.hear(0, PartitionId(1), at(i64::MAX));
    assert_eq!(time.watermark(), i64::MAX);
}

#[test]
fn word_from_an_unknown_upstream_task_changes_nothing() {
    let mut time = task(&[InputSettings {
        upstream_tasks: 1,
        ..SOURCE
    }]);
    for unknown in [-1, 1, i32::MAX] {
        time.hear(0, PartitionId(unknown), at(50));
    }
    assert_eq!(time.watermark(), i64::MIN);
}

#[test]
fn an_abort_takes_time_back_to_the_last_commit() {
    let mut time = task(&[SOURCE]);
    time.observe(0, 10);
    time.seal(Vec::new());
    time.committed();
    time.observe(0, 20);
    assert_eq!(time.seal(Vec::new()).commit_sequence, 2);
    time.observe(0, 30);
    time.abort();
    assert_eq!(time.watermark(), 9);
    time.observe(0, 40);
    time.abort();
    assert_eq!(time.watermark(), 9);
    assert_eq!(
        time.seal(Vec::new()).commit_sequence,
        2,
        "the aborted one is given again"
    );
}

#[test]
fn what_was_committed_is_restored() {
    let inputs = [
        SOURCE,
        InputSettings {
            upstream_tasks: 2,
            ..SOURCE
        },
    ];
    let mut time = task(&inputs);
    time.observe(0, 1_000);
    time.hear(1, PartitionId(0), at(900));
    time.hear(
        1,
        PartitionId(1),
        UpstreamTime {
            watermark: 100,
            idle: true,
        },
    );
    let metadata = time.seal(vec![5]);

    let mut restored = task(&inputs);
    restored
        .restore(&metadata)
        .expect("it is of the same program");
    assert_eq!(restored.now.inputs, time.now.inputs);
    assert_eq!(restored.watermark(), 900);
    assert_eq!(restored.seal(Vec::new()).commit_sequence, 2);

    let mut other = TaskTime::new(inputs.to_vec(), 8);
    assert_eq!(other.restore(&metadata), Err(MetadataError::Fingerprint));
}

#[test]
fn downstream_is_told_only_news() {
    let mut time = task(&[SOURCE]);
    assert!(!time.has_news());
    assert_eq!(time.announcement(), None);
    time.observe(0, 10);
    assert!(time.has_news());
    assert_eq!(time.announcement(), Some(at(9)));
    assert_eq!(time.announcement(), None);
    time.set_idle(0, true, 0);
    assert_eq!(
        time.announcement(),
        Some(UpstreamTime {
            watermark: 9,
            idle: true
        })
    );
}
