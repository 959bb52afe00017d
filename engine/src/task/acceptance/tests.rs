//! Goal: what is known of a topic decides about exactly the records its broker would refuse. Method:
//! limits and refusals are told, then records offered, those that are nearly the same among them.

use super::*;
use crate::task::{
    OutputId, OutputLimits, OutputTopicPartitions, Outputs, ReadyBatch, Refusal, RefusedFor,
};

fn refused(value: &'static str) -> RefusedRecord {
    RefusedRecord {
        timestamp: 7,
        key: Some(Bytes::from_static(b"k")),
        value: Some(Bytes::from_static(value.as_bytes())),
        headers: vec![("h".to_owned(), None)],
        message: Some("not this one".to_owned()),
    }
}

fn knowing(values: &[&'static str]) -> Acceptance {
    let mut acceptance = Acceptance::default();
    let records: Vec<RefusedRecord> = values.iter().map(|value| refused(value)).collect();
    acceptance.remember(&records, "INVALID_RECORD", "mend it");
    acceptance
}

#[test]
fn a_refused_record_is_known_again_and_one_that_differs_anywhere_is_not_it() {
    let acceptance = knowing(&["one", "two"]);
    let headers: [(&str, Option<&[u8]>); 1] = [("h", None)];
    for value in ["one", "two"] {
        let error = acceptance.check(7, Some(b"k"), Some(value.as_bytes()), &headers);
        let said = "INVALID_RECORD: not this one".to_owned();
        let advice = "mend it";
        assert_eq!(error, Err(AppendError::Broker { said, advice }));
    }
    let present: [(&str, Option<&[u8]>); 1] = [("h", Some(b""))];
    let named: [(&str, Option<&[u8]>); 1] = [("g", None)];
    let check = |timestamp, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[_]| {
        acceptance.check(timestamp, key, value, headers).is_ok()
    };
    let (key, one) = (Some(&b"k"[..]), Some(&b"one"[..]));
    assert!(!check(7, key, one, &headers));
    assert!(check(8, key, one, &headers));
    assert!(check(7, Some(b"kk"), one, &headers));
    assert!(check(7, None, one, &headers));
    assert!(check(7, key, Some(b"three"), &headers));
    assert!(check(7, key, None, &headers));
    assert!(check(7, key, one, &present));
    assert!(check(7, key, one, &named));
    assert!(check(7, key, one, &[]));
}

#[test]
fn what_is_forgotten_passes() {
    let mut acceptance = knowing(&["one"]);
    acceptance.forget_records();
    let headers: [(&str, Option<&[u8]>); 1] = [("h", None)];
    assert_eq!(
        acceptance.check(7, Some(b"k"), Some(b"one"), &headers),
        Ok(())
    );
}

#[test]
fn a_compacted_topic_takes_no_record_without_a_key() {
    let limits = TopicLimits {
        needs_key: true,
        ..TopicLimits::default()
    };
    let acceptance = Acceptance::of(&limits).expect("there is something to check");
    let keyless = acceptance.check(1, None, Some(b"v"), &[]);
    assert_eq!(keyless, Err(AppendError::KeyMissing));
    assert_eq!(acceptance.check(1, Some(b""), None, &[]), Ok(()));
    assert!(Acceptance::of(&TopicLimits::default()).is_none());
}

#[test]
fn timestamps_are_looked_at_only_once_the_broker_has_refused_one_and_move_with_the_clock() {
    let limits = TopicLimits {
        needs_key: true,
        timestamp_before_max_ms: Some(1_000),
        timestamp_after_max_ms: Some(500),
        ..TopicLimits::default()
    };
    let mut acceptance = *Acceptance::of(&limits).expect("there is something to check");
    let check = |acceptance: &Acceptance, timestamp| {
        acceptance.check(timestamp, Some(b"k"), None, &[]).is_ok()
    };
    assert!(check(&acceptance, 0), "the broker has not refused any");
    acceptance.look_at_timestamps(&limits, 10_000);
    let passing = |acceptance: &Acceptance| {
        [8_999, 9_000, 10_500, 10_501].map(|timestamp| check(acceptance, timestamp))
    };
    assert_eq!(passing(&acceptance), [false, true, true, false]);
    acceptance.tell_time(10_001);
    assert_eq!(passing(&acceptance), [false, false, true, true]);
    assert!(check(&acceptance, -1), "none at all is the broker's to set");
}

#[test]
fn a_limit_of_one_side_leaves_the_other_open() {
    let mut acceptance = Acceptance::default();
    let limits = TopicLimits {
        timestamp_before_max_ms: Some(10),
        ..TopicLimits::default()
    };
    acceptance.look_at_timestamps(&limits, 100);
    assert_eq!(acceptance.check(i64::MAX, None, None, &[]), Ok(()));
    assert!(acceptance.check(89, None, None, &[]).is_err());
}

fn outputs() -> Outputs {
    let topic = OutputTopicPartitions {
        topic: "out".into(),
        partitions: 1,
    };
    Outputs::new(vec![topic], OutputLimits::default())
}

fn append(outputs: &mut Outputs, value_bytes: usize) -> Result<(), AppendError> {
    let value = vec![b'v'; value_bytes];
    outputs.append(OutputId(0), None, 1, Some(b"k"), Some(&value), &[])
}

#[test]
fn a_topics_limit_holds_for_single_records_and_for_batches() {
    let mut outputs = outputs();
    let limits = TopicLimits {
        batch_bytes_max: Some(400),
        ..TopicLimits::default()
    };
    outputs.limit("out", &limits);
    for _ in 0..10 {
        append(&mut outputs, 100).expect("it fits");
    }
    let error = append(&mut outputs, 400).expect_err("too large");
    assert!(
        matches!(error, AppendError::TooLarge { bytes_max: 400, .. }),
        "{error}"
    );
    outputs.close_all();
    let batches: Vec<ReadyBatch> = std::iter::from_fn(|| outputs.next_ready()).collect();
    assert!(batches.len() > 1);
    assert!(batches.iter().all(|ready| ready.batch.encoded_len() <= 400));
    let records: usize = batches.iter().map(|ready| ready.batch.record_count()).sum();
    assert_eq!(records, 10);
}

fn too_large(batch_bytes: usize, limits: Option<TopicLimits>) -> Refusal {
    Refusal {
        topic: "out".into(),
        partition: thalweg_protocol::PartitionId(0),
        reason: RefusedFor::Size { batch_bytes },
        said: "too large".to_owned(),
        advice: "write less",
        records: vec![refused("one")],
        limits,
    }
}

#[test]
fn a_size_that_was_refused_is_not_sent_again_whether_the_limit_can_be_read_or_not() {
    let known = TopicLimits {
        batch_bytes_max: Some(300),
        ..TopicLimits::default()
    };
    // What the configuration says may be older than the refusal.
    let stale = TopicLimits {
        batch_bytes_max: Some(1_000_000),
        ..TopicLimits::default()
    };
    for (limits, most) in [(None, 499), (Some(known), 300), (Some(stale), 499)] {
        let mut outputs = outputs();
        append(&mut outputs, 1_000).expect("nothing is known yet");
        outputs.clear();
        outputs.refuse(&too_large(500, limits), 0);
        let error = append(&mut outputs, 500).expect_err("known by now");
        assert!(
            matches!(error, AppendError::TooLarge { bytes_max, .. } if bytes_max == most),
            "{error}"
        );
        append(&mut outputs, 100).expect("what fits is written");
    }
}
