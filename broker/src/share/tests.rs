//! Goal: of all records of a partition each is with one member at most, none is lost, none is
//! delivered more often than it may be, and the start never goes back.
//!
//! Method: single rules of [`SharePartition`]; then random acquiring, acknowledging, releasing and
//! expiring, beside a model that keeps the state of every single offset.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_protocol::{ErrorCode, StrBytes};
use tokio::time::Instant;

use super::partition::{Acknowledgement, Acquired, Bounds, Limits, SharePartition, Wanted};

const LIMITS: Limits = Limits {
    deliveries_max: 5,
    in_flight_max: 100,
};

/// Batches of ten records each.
fn tens(range: std::ops::Range<i64>) -> Vec<Bounds> {
    let batch = |nth: i64| Bounds {
        first: nth * 10,
        last: nth * 10 + 9,
        is_aborted: false,
    };
    range.map(batch).collect()
}

struct Test {
    partition: SharePartition,
    now: Instant,
}

impl Test {
    fn new() -> Self {
        Test {
            partition: SharePartition::new(0),
            now: Instant::now(),
        }
    }

    fn acquire_as(
        &mut self,
        member: &str,
        records_max: i64,
        is_exact: bool,
        batches: &[Bounds],
    ) -> Vec<(i64, i64, i16)> {
        let member = StrBytes::from(member);
        let wanted = Wanted {
            member: &member,
            records_max,
            is_exact,
            batch_size: 500,
            until: self.now + Duration::from_secs(30),
        };
        let acquired = self.partition.acquire(&wanted, LIMITS, batches);
        acquired.iter().map(plain).collect()
    }

    fn acquire(&mut self, member: &str, records_max: i64) -> Vec<(i64, i64, i16)> {
        self.acquire_as(member, records_max, false, &tens(0..20))
    }

    fn say(&mut self, member: &str, first: i64, last: i64, kinds: &[i8]) -> Result<(), ErrorCode> {
        let said = Acknowledgement {
            first,
            last,
            kinds: kinds.to_vec(),
        };
        let until = Some(self.now + Duration::from_secs(30));
        let member = StrBytes::from(member);
        let taken = self.partition.acknowledge(&member, &[said], LIMITS, until);
        taken.map_err(|refusal| refusal.error_code)
    }
}

fn plain(range: &Acquired) -> (i64, i64, i16) {
    (range.first, range.last, range.deliveries)
}

#[test]
fn whole_batches_are_locked_unless_the_member_wants_exactly_so_many() {
    let mut test = Test::new();
    assert_eq!(test.acquire("a", 15), [(0, 19, 1)]);
    assert_eq!(test.acquire("b", 1), [(20, 29, 1)]);
    assert_eq!(test.acquire_as("c", 3, true, &tens(3..9)), [(30, 32, 1)]);
    assert_eq!(test.acquire_as("d", 3, true, &tens(3..9)), [(33, 35, 1)]);
    assert_eq!(test.acquire_as("e", 10, false, &tens(3..9)), [(36, 49, 1)]);
}

#[test]
fn ranges_are_cut_between_batches_at_the_batch_size() {
    let mut test = Test::new();
    let member = StrBytes::from("a");
    let wanted = Wanted {
        member: &member,
        records_max: 100,
        is_exact: false,
        batch_size: 15,
        until: test.now,
    };
    let acquired = test.partition.acquire(&wanted, LIMITS, &tens(0..5));
    let acquired: Vec<_> = acquired.iter().map(plain).collect();
    assert_eq!(acquired, [(0, 19, 1), (20, 39, 1), (40, 49, 1)]);
}

#[test]
fn the_start_moves_over_what_is_done_with_and_no_further() {
    let mut test = Test::new();
    test.acquire("a", 30);
    assert_eq!(test.say("a", 10, 19, &[1]), Ok(()));
    assert_eq!((test.partition.start(), test.partition.done()), (0, 10));
    assert_eq!(test.say("a", 0, 9, &[3]), Ok(()));
    assert_eq!((test.partition.start(), test.partition.done()), (20, 0));
    // What lies before the start is done with: that it is said again is no error.
    assert_eq!(test.say("a", 0, 9, &[1]), Ok(()));
    // Per record: accepted, released, a gap.
    let kinds: Vec<i8> = (0..10).map(|nth| [1, 2, 0][nth % 3]).collect();
    assert_eq!(test.say("a", 20, 29, &kinds), Ok(()));
    assert_eq!(test.partition.start(), 21);
    assert_eq!(test.partition.next_offset(), 21);
    let again = test.acquire_as("b", 100, true, &tens(2..3));
    assert_eq!(again, [(21, 21, 2), (24, 24, 2), (27, 27, 2)]);
}

#[test]
fn only_the_owner_acknowledges_and_all_or_nothing_is_taken() {
    let mut test = Test::new();
    test.acquire("a", 10);
    test.acquire("b", 10);
    assert_eq!(
        test.say("b", 0, 9, &[1]),
        Err(ErrorCode::INVALID_RECORD_STATE)
    );
    assert_eq!(
        test.say("a", 5, 14, &[1]),
        Err(ErrorCode::INVALID_RECORD_STATE)
    );
    assert_eq!(test.say("a", 5, 25, &[1]), Err(ErrorCode::INVALID_REQUEST));
    assert_eq!(test.say("a", 20, 25, &[1]), Err(ErrorCode::INVALID_REQUEST));
    assert_eq!(test.partition.start(), 0);
    assert_eq!(test.say("a", 0, 9, &[1]), Ok(()));
    // b's are still there to be acknowledged.
    assert_eq!(test.say("b", 10, 19, &[1]), Ok(()));
    assert_eq!(test.partition.start(), 20);
    let nothing = test.say("a", 20, 20, &[1]);
    assert_eq!(nothing, Err(ErrorCode::INVALID_RECORD_STATE));
}

#[test]
fn a_lock_ends_unless_it_is_renewed() {
    let mut test = Test::new();
    test.acquire("a", 20);
    test.now += Duration::from_secs(20);
    assert_eq!(test.say("a", 0, 9, &[4]), Ok(()));
    let first = test.partition.next_expiry().expect("10 to 19");
    assert!(test.partition.expire(first, LIMITS));
    assert_eq!(
        test.acquire("b", 100)[0],
        (10, 19, 2),
        "0 to 9 are still locked"
    );
    assert_eq!(
        test.say("a", 10, 19, &[1]),
        Err(ErrorCode::INVALID_RECORD_STATE)
    );
    assert_eq!(test.say("a", 0, 9, &[1]), Ok(()));
}

#[test]
fn a_record_is_delivered_as_often_as_it_may_be_and_then_archived() {
    let mut test = Test::new();
    let batch = tens(0..1);
    for delivery in 1..=2 {
        assert_eq!(test.acquire_as("a", 100, false, &batch), [(0, 9, delivery)]);
        assert!(test.partition.release(&"a".into(), LIMITS));
    }
    // From the third time on fewer at a time, and one alone the last time.
    assert_eq!(test.acquire_as("a", 100, false, &batch), [(0, 9, 3)]);
    assert!(test.partition.release(&"a".into(), LIMITS));
    assert_eq!(test.acquire_as("a", 100, false, &batch), [(0, 4, 4)]);
    assert_eq!(test.acquire_as("b", 100, false, &batch), [(5, 6, 4)]);
    assert!(test.partition.release(&"a".into(), LIMITS));
    assert_eq!(test.acquire_as("a", 100, false, &batch), [(0, 0, 5)]);
    assert!(test.partition.release(&"a".into(), LIMITS));
    assert_eq!(test.partition.start(), 1, "0 was delivered five times");
    assert_eq!(test.acquire_as("a", 100, false, &batch), [(1, 1, 5)]);
}

#[test]
fn so_many_records_are_in_flight_at_most() {
    let mut test = Test::new();
    assert_eq!(test.acquire("a", 95), [(0, 99, 1)]);
    assert!(!test.partition.has_room(LIMITS));
    assert_eq!(test.acquire_as("b", 10, false, &tens(10..12)), []);
    // What comes back may go out again, and makes no room for new ones.
    assert_eq!(test.say("a", 50, 59, &[2]), Ok(()));
    assert!(test.partition.has_room(LIMITS));
    assert_eq!(
        test.acquire_as("b", 100, false, &tens(5..12)),
        [(50, 59, 2)]
    );
    assert_eq!(test.say("a", 0, 9, &[1]), Ok(()));
    assert_eq!(
        test.acquire_as("b", 100, false, &tens(10..12)),
        [(100, 109, 1)]
    );
}

#[test]
fn aborted_batches_and_holes_of_the_log_are_done_with() {
    let mut test = Test::new();
    let mut batches = tens(0..3);
    batches[1].is_aborted = true;
    assert_eq!(
        test.acquire_as("a", 100, false, &batches),
        [(0, 9, 1), (20, 29, 1)]
    );
    assert_eq!(test.say("a", 0, 9, &[1]), Ok(()));
    assert_eq!(test.partition.start(), 20);
    // Compaction took 30 to 39.
    assert_eq!(test.acquire_as("a", 100, false, &tens(4..5)), [(40, 49, 1)]);
    assert_eq!(test.say("a", 20, 29, &[1]), Ok(()));
    assert_eq!(test.partition.start(), 40);
    // Then 40 to 49 too, after they came back.
    assert!(test.partition.release(&"a".into(), LIMITS));
    assert_eq!(test.acquire_as("a", 100, false, &tens(5..6)), [(50, 59, 1)]);
    assert_eq!(test.partition.start(), 50);
}

#[test]
fn a_log_that_begins_later_takes_records_with_it() {
    let mut test = Test::new();
    test.acquire("a", 30);
    test.partition.log_begins_at(15);
    assert_eq!(
        (test.partition.start(), test.partition.next_offset()),
        (15, 30)
    );
    assert_eq!(test.say("a", 10, 19, &[1]), Ok(()));
    assert_eq!(test.partition.start(), 20);
    test.partition.log_begins_at(200);
    assert_eq!(
        (test.partition.start(), test.partition.next_offset()),
        (200, 200)
    );
}

#[test]
fn a_new_leader_knows_what_is_done_with_and_no_locks() {
    let mut test = Test::new();
    test.acquire("a", 30);
    assert_eq!(test.say("a", 10, 19, &[1]), Ok(()));
    test.partition.forget_locks();
    assert_eq!(
        test.say("a", 0, 9, &[1]),
        Err(ErrorCode::INVALID_RECORD_STATE)
    );
    assert_eq!(test.acquire("b", 100)[..2], [(0, 9, 1), (20, 29, 1)]);
}

/// A record of the model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct One {
    owner: Option<&'static str>,
    deliveries: i16,
    is_done: bool,
}

#[test]
fn random_members_never_share_a_record_and_lose_none() {
    const MEMBERS: [&str; 3] = ["a", "b", "c"];
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut test = Test::new();
        let mut model: BTreeMap<i64, One> = (0..200).map(|at| (at, One::default())).collect();
        let mut start = 0;
        for step in 0..300 {
            let member = MEMBERS[random.usize(..3)];
            let place = format!("seed {seed}, step {step}");
            match random.u32(..10) {
                0..=3 => {
                    let from = test.partition.next_offset() / 10;
                    let batches = tens(from..(from + random.i64(1..4)).min(20));
                    let (most, exact) = (random.i64(1..25), random.bool());
                    let acquired = test.acquire_as(member, most, exact, &batches);
                    let mut count = 0;
                    for (first, last, deliveries) in acquired {
                        for at in first..=last {
                            let one = model.get_mut(&at).expect("there are 200");
                            assert!(!one.is_done && one.owner.is_none(), "{place}: {at} {one:?}");
                            one.owner = Some(member);
                            one.deliveries += 1;
                            assert_eq!(one.deliveries, deliveries, "{place}: {at}");
                            assert!(deliveries <= LIMITS.deliveries_max, "{place}: {at}");
                            count += 1;
                        }
                    }
                    assert!(
                        count <= if exact { most } else { most + 9 },
                        "{place}: {count}"
                    );
                }
                4..=7 => {
                    let first = random.i64(start.max(0)..start + 60);
                    let last = first + random.i64(0..15);
                    let each = random.bool();
                    let count = if each { last - first + 1 } else { 1 };
                    let kinds: Vec<i8> = (0..count).map(|_| random.i8(0..5)).collect();
                    let taken = test.say(member, first, last, &kinds);
                    let owned = (first.max(start)..=last)
                        .all(|at| model.get(&at).is_some_and(|one| one.owner == Some(member)));
                    let is_old = last < start;
                    assert_eq!(taken.is_ok(), is_old || owned, "{place}: {taken:?}");
                    for at in (first.max(start)..=last).filter(|_| taken.is_ok()) {
                        let nth = if each { at - first } else { 0 };
                        let kind = kinds[usize::try_from(nth).expect("in range")];
                        let one = model.get_mut(&at).expect("there are 200");
                        if kind != 4 {
                            one.owner = None;
                            one.is_done = kind != 2 || one.deliveries >= LIMITS.deliveries_max;
                        }
                    }
                }
                8 => {
                    test.partition.release(&member.into(), LIMITS);
                    give_back(&mut model, |one| one.owner == Some(member));
                }
                _ => {
                    test.now += Duration::from_secs(random.u64(..40));
                    if test
                        .partition
                        .next_expiry()
                        .is_some_and(|at| at <= test.now)
                    {
                        // All locks that this test gives end within the same 30 s.
                        test.now += Duration::from_secs(60);
                        assert!(test.partition.expire(test.now, LIMITS), "{place}");
                        give_back(&mut model, |one| one.owner.is_some());
                    }
                }
            }
            let done = model.values().take_while(|one| one.is_done).count();
            let now = test.partition.start();
            assert!(now >= start, "{place}: the start went back");
            assert_eq!(Ok(now), i64::try_from(done), "{place}");
            start = now;
        }
    }
}

fn give_back(model: &mut BTreeMap<i64, One>, is_given: impl Fn(&One) -> bool) {
    for one in model.values_mut().filter(|one| is_given(one)) {
        one.owner = None;
        one.is_done = one.deliveries >= LIMITS.deliveries_max;
    }
}
