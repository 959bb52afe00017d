//! Goal: E3's order, and the rows of the failure table about offsets, changelogs and topics that
//! do not belong together. Method: the machine is driven by hand with what a cluster would answer.

use thalweg_protocol::PartitionId;

use super::*;
use crate::task::SubTopologyId;

const TOPIC_ID: Uuid = Uuid([1; 16]);
const CHANGELOG_ID: Uuid = Uuid([2; 16]);

fn input() -> TakenInput {
    TakenInput {
        topic: "bids".into(),
        topic_id: TOPIC_ID,
        partitions: 4,
        start_from: StartFrom::Earliest,
        on_out_of_range: OnOutOfRange::Fail,
    }
}

fn changelog() -> TakenChangelog {
    TakenChangelog {
        operator: "counts".into(),
        topic: "app-counts-changelog".into(),
        topic_id: CHANGELOG_ID,
    }
}

fn takeover_of(exactly_once: bool, input: TakenInput, changelogs: Vec<TakenChangelog>) -> Takeover {
    let task = TaskId {
        sub_topology: SubTopologyId(0),
        partition: PartitionId(3),
    };
    Takeover::new(task, exactly_once, vec![input], changelogs)
}

fn takeover() -> Takeover {
    takeover_of(true, input(), vec![changelog()])
}

fn note(has_state: bool) -> InputNote {
    InputNote {
        topic_id: TOPIC_ID,
        partitions: 4,
        has_state,
        changelogs: vec![(note::name_hash("app-counts-changelog"), CHANGELOG_ID)],
    }
}

fn committed(offset: i64, note: &InputNote) -> Vec<Option<CommittedInput>> {
    vec![Some(CommittedInput {
        offset: Offset(offset),
        metadata: note.join("task's part"),
    })]
}

fn range(log_start_offset: i64, end_offset: i64) -> OffsetRange {
    OffsetRange {
        log_start_offset: Offset(log_start_offset),
        end_offset: Offset(end_offset),
    }
}

#[test]
fn e3_first_the_stable_offsets_then_the_ends_then_the_changelog_by_position() {
    let mut takeover = takeover();
    assert_eq!(takeover.poll(), TakeoverStep::FetchOffsets);
    takeover.handle_offsets(committed(50, &note(true))).unwrap();
    assert_eq!(takeover.poll(), TakeoverStep::ListEnds);
    takeover
        .handle_ranges(&[range(0, 90)], &[range(10, 30)])
        .unwrap();
    assert_eq!(takeover.poll(), TakeoverStep::Read);
    assert_eq!(takeover.begin_of(0), Some(Offset(10)));
    takeover.handle_progress(0, Offset(29), 15);
    assert_eq!(
        takeover.poll(),
        TakeoverStep::Read,
        "the last offset may be a marker"
    );
    assert_eq!(takeover.offsets_read(), (19, 20));
    takeover.handle_progress(0, Offset(30), 0);
    assert_eq!(takeover.poll(), TakeoverStep::Finish);
    let taken = takeover.finish().unwrap();
    assert_eq!(taken.starts, [Offset(50)]);
    assert_eq!(taken.task_metadata.as_deref(), Some("task's part"));
}

#[test]
fn what_does_not_belong_together_is_looked_up_again_if_somebody_committed_meanwhile() {
    let mut takeover = takeover();
    takeover.handle_offsets(committed(39, &note(true))).unwrap();
    let purged = takeover.handle_ranges(&[range(44, 54)], &[range(0, 30)]);
    assert!(matches!(purged, Err(TakeoverError::OutOfRange { .. })));
    assert!(!takeover.restart_if_outdated(&committed(39, &note(true))));
    assert!(takeover.restart_if_outdated(&committed(50, &note(true))));
    assert_eq!(takeover.poll(), TakeoverStep::FetchOffsets);
    takeover.handle_offsets(committed(50, &note(true))).unwrap();
    takeover
        .handle_ranges(&[range(44, 54)], &[range(0, 30)])
        .unwrap();
    takeover.handle_progress(0, Offset(30), 15);
    assert_eq!(takeover.finish().unwrap().starts, [Offset(50)]);
}

#[test]
fn a_task_that_never_ran_begins_where_the_source_says() {
    let mut takeover = takeover();
    takeover.handle_offsets(vec![None]).unwrap();
    takeover
        .handle_ranges(&[range(5, 90)], &[range(0, 0)])
        .unwrap();
    let taken = takeover.finish().unwrap();
    assert_eq!(taken.starts, [Offset(5)]);
    assert_eq!(taken.task_metadata, None);
}

#[test]
fn a_stateless_task_has_nothing_to_read() {
    let mut takeover = takeover_of(true, input(), vec![]);
    takeover
        .handle_offsets(committed(50, &note(false)))
        .unwrap();
    takeover.handle_ranges(&[range(0, 90)], &[]).unwrap();
    assert_eq!(takeover.poll(), TakeoverStep::Finish);
}

#[test]
fn only_aborted_records_in_the_changelog_are_no_state() {
    // Killed within its very first transaction: a changelog with an end, and no offsets.
    let mut takeover = takeover();
    takeover.handle_offsets(vec![None]).unwrap();
    takeover
        .handle_ranges(&[range(0, 90)], &[range(0, 7)])
        .unwrap();
    takeover.handle_progress(0, Offset(7), 0);
    takeover.finish().unwrap();
}

#[test]
fn a_changelog_without_committed_offsets_stops() {
    let mut takeover = takeover();
    takeover.handle_offsets(vec![None]).unwrap();
    takeover
        .handle_ranges(&[range(0, 90)], &[range(0, 7)])
        .unwrap();
    takeover.handle_progress(0, Offset(7), 3);
    let error = takeover.finish().unwrap_err();
    assert!(
        matches!(error, TakeoverError::ChangelogWithoutOffsets { .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("offsets.retention.minutes"),
        "{error}"
    );
}

#[test]
fn at_least_once_a_changelog_ahead_of_the_first_offsets_is_left_alone() {
    // Crashed between the flush and the first offset commit: all input is read again, so the state
    // has to be built again.
    let mut takeover = takeover_of(false, input(), vec![changelog()]);
    takeover.handle_offsets(vec![None]).unwrap();
    takeover
        .handle_ranges(&[range(0, 90)], &[range(0, 7)])
        .unwrap();
    assert_eq!(takeover.poll(), TakeoverStep::Finish);
    takeover.finish().unwrap();
}

#[test]
fn committed_offsets_without_their_changelog_stop() {
    let mut takeover = takeover();
    takeover.handle_offsets(committed(50, &note(true))).unwrap();
    let error = takeover
        .handle_ranges(&[range(0, 90)], &[range(0, 0)])
        .unwrap_err();
    assert!(
        matches!(error, TakeoverError::OffsetsWithoutChangelog { .. }),
        "{error}"
    );
}

#[test]
fn a_changelog_that_was_made_anew_stops() {
    let other = TakenChangelog {
        topic_id: Uuid([8; 16]),
        ..changelog()
    };
    let mut takeover = takeover_of(true, input(), vec![other]);
    takeover.handle_offsets(committed(50, &note(true))).unwrap();
    let error = takeover
        .handle_ranges(&[range(0, 90)], &[range(0, 9)])
        .unwrap_err();
    assert!(
        matches!(error, TakeoverError::TopicRecreated { .. }),
        "{error}"
    );
}

#[test]
fn a_committed_offset_out_of_range_stops_or_follows_the_policy() {
    for (offset, range) in [(50, range(51, 90)), (91, range(0, 90))] {
        let mut takeover = takeover_of(true, input(), vec![]);
        takeover
            .handle_offsets(committed(offset, &note(false)))
            .unwrap();
        let error = takeover.handle_ranges(&[range], &[]).unwrap_err();
        assert!(matches!(error, TakeoverError::OutOfRange { .. }), "{error}");
        assert!(error.to_string().contains("on_out_of_range"), "{error}");

        let lenient = TakenInput {
            on_out_of_range: OnOutOfRange::Latest,
            ..input()
        };
        let mut takeover = takeover_of(true, lenient, vec![]);
        takeover
            .handle_offsets(committed(offset, &note(false)))
            .unwrap();
        takeover.handle_ranges(&[range], &[]).unwrap();
        let taken = takeover.finish().unwrap();
        assert_eq!(taken.starts, [range.end_offset]);
        assert!(taken.commit_starts, "asked again, it would be a later end");
    }
}

#[test]
fn an_offset_at_either_end_is_in_range() {
    for offset in [20, 90] {
        let mut takeover = takeover_of(true, input(), vec![]);
        takeover
            .handle_offsets(committed(offset, &note(false)))
            .unwrap();
        takeover.handle_ranges(&[range(20, 90)], &[]).unwrap();
        let taken = takeover.finish().unwrap();
        assert_eq!(taken.starts, [Offset(offset)]);
        assert!(!taken.commit_starts, "it is committed");
    }
}

#[test]
fn a_start_is_committed_where_it_depends_on_when_it_was_looked_up() {
    for (start_from, commit_starts) in [
        (StartFrom::Earliest, false),
        (StartFrom::Latest, true),
        (StartFrom::Timestamp(7), true),
    ] {
        let input = TakenInput {
            start_from,
            ..input()
        };
        let mut takeover = takeover_of(true, input, vec![]);
        takeover.handle_offsets(vec![None]).unwrap();
        takeover.handle_ranges(&[range(20, 90)], &[]).unwrap();
        let taken = takeover.finish().unwrap();
        assert_eq!(taken.commit_starts, commit_starts, "{start_from:?}");
    }
}

#[test]
fn a_source_that_was_made_anew_stops() {
    let mut takeover = takeover_of(
        true,
        TakenInput {
            topic_id: Uuid([3; 16]),
            ..input()
        },
        vec![],
    );
    let error = takeover
        .handle_offsets(committed(50, &note(false)))
        .unwrap_err();
    assert!(
        matches!(error, TakeoverError::TopicRecreated { .. }),
        "{error}"
    );
}

#[test]
fn a_partition_count_that_changed_under_state_stops_and_without_state_does_not() {
    let wider = TakenInput {
        partitions: 8,
        ..input()
    };
    let mut stateful = takeover_of(true, wider.clone(), vec![changelog()]);
    let error = stateful
        .handle_offsets(committed(50, &note(true)))
        .unwrap_err();
    assert!(
        matches!(error, TakeoverError::PartitionCountChanged { .. }),
        "{error}"
    );
    let mut stateless = takeover_of(true, wider, vec![]);
    stateless
        .handle_offsets(committed(50, &note(false)))
        .unwrap();
}

#[test]
fn offsets_committed_by_something_else_stop() {
    let foreign = CommittedInput {
        offset: Offset(5),
        metadata: String::new(),
    };
    let error = takeover().handle_offsets(vec![Some(foreign)]).unwrap_err();
    assert!(
        matches!(error, TakeoverError::ForeignOffsets { .. }),
        "{error}"
    );
}

#[test]
fn a_start_at_a_timestamp_is_looked_up_and_else_is_the_end() {
    for (found, expected) in [(Some(Offset(33)), Offset(33)), (None, Offset(90))] {
        let late = TakenInput {
            start_from: StartFrom::Timestamp(1_700),
            ..input()
        };
        let mut takeover = takeover_of(true, late, vec![]);
        takeover.handle_offsets(vec![None]).unwrap();
        takeover.handle_ranges(&[range(0, 90)], &[]).unwrap();
        assert_eq!(takeover.timestamps().collect::<Vec<_>>(), [(0, 1_700)]);
        takeover.handle_timestamp(0, found);
        assert_eq!(takeover.timestamps().count(), 0);
        assert_eq!(takeover.finish().unwrap().starts, [expected]);
    }
}
