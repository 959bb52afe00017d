//! Goal: the quota that holds is Kafka's, and so is the time to be quiet.

use super::*;

const WINDOW: Window = Window {
    samples: 11,
    sample_ms: 1000,
};

fn entity(parts: &[(&str, Option<&str>)]) -> Entity {
    let parts: Vec<(StrBytes, Option<StrBytes>)> = parts
        .iter()
        .map(|(kind, name)| ((*kind).into(), name.map(Into::into)))
        .collect();
    Entity::read(parts.iter().map(|(kind, name)| (kind, name))).expect("an entity")
}

#[test]
fn the_most_special_quota_holds() {
    // From the least to the most special: each that is added goes before those there.
    let order: [&[(&str, Option<&str>)]; 8] = [
        &[("client-id", None)],
        &[("client-id", Some("c"))],
        &[("user", None)],
        &[("user", None), ("client-id", None)],
        &[("user", None), ("client-id", Some("c"))],
        &[("user", Some("u"))],
        &[("user", Some("u")), ("client-id", None)],
        &[("user", Some("u")), ("client-id", Some("c"))],
    ];
    let mut quotas = Quotas::default();
    let key: StrBytes = "producer_byte_rate".into();
    let find = |quotas: &Quotas| quotas.find(&key, &"u".into(), &"c".into());
    assert!(find(&quotas).is_none());
    for (parts, value) in order.into_iter().zip(1..) {
        quotas.set(&entity(parts), &key, Some(f64::from(value)));
        let (found, (user, client)) = find(&quotas).expect("a quota");
        assert!((found - f64::from(value)).abs() < 0.1, "{parts:?}");
        let named = |kind| parts.iter().any(|(part, _)| *part == kind);
        assert_eq!(user == "u", named("user"), "{parts:?}");
        assert_eq!(client == "c", named("client-id"), "{parts:?}");
    }
    assert!(
        quotas
            .find("consumer_byte_rate", &"u".into(), &"c".into())
            .is_none()
    );
}

#[test]
fn bytes_within_the_quota_of_ten_seconds_are_free_and_more_have_to_be_waited_for() {
    let mut rate = Rate::default();
    rate.add(0, 10_000.0, WINDOW);
    assert_eq!(rate.throttle(0, 1000.0, WINDOW), Duration::ZERO);
    // 15,000 in what counts as ten seconds are 500 a second too many: half of ten seconds.
    rate.add(0, 5_000.0, WINDOW);
    assert_eq!(rate.throttle(0, 1000.0, WINDOW), Duration::from_secs(5));
    // Eleven seconds later nobody remembers.
    assert_eq!(rate.throttle(11_000, 1000.0, WINDOW), Duration::ZERO);
    assert!(rate.is_quiet(11_000, WINDOW));
}

#[test]
fn a_bucket_may_be_overdrawn_once() {
    let mut bucket = TokenBucket::full(0, 22.0);
    assert_eq!(bucket.take(0, 30.0, 2.0, 22.0, false), Ok(()));
    assert_eq!(
        bucket.take(0, 1.0, 2.0, 22.0, false),
        Err(Duration::from_secs(4)),
        "8 too many at 2 a second"
    );
    assert_eq!(bucket.take(4000, 1.0, 2.0, 22.0, false), Ok(()));
    let wait = Err(Duration::from_secs(2));
    assert_eq!(bucket.take(4000, 3.0, 2.0, 22.0, true), wait, "old clients");
}

#[test]
fn entities_and_keys_that_are_none_are_refused() {
    type Parts = &'static [(&'static str, Option<&'static str>)];
    let bad: [Parts; 6] = [
        &[],
        &[("host", None)],
        &[("user", None), ("user", Some("a"))],
        &[("user", Some(""))],
        &[("ip", None), ("user", None)],
        &[("ip", Some("no address"))],
    ];
    for parts in bad {
        let parts: Vec<(StrBytes, Option<StrBytes>)> = parts
            .iter()
            .map(|(kind, name)| ((*kind).into(), name.map(Into::into)))
            .collect();
        Entity::read(parts.iter().map(|(kind, name)| (kind, name))).expect_err("no entity");
    }
    let user = entity(&[("user", None)]);
    for (key, value) in [
        ("connection_creation_rate", 1.0),
        ("foo", 1.0),
        ("producer_byte_rate", 0.0),
        ("producer_byte_rate", -1.0),
        ("producer_byte_rate", 1.5),
        ("producer_byte_rate", f64::NAN),
        ("producer_byte_rate", 1e30),
    ] {
        assert!(
            quota_key_fault(&user, key, value).is_some(),
            "{key} {value}"
        );
    }
    assert_eq!(quota_key_fault(&user, "request_percentage", 0.5), None);
}
