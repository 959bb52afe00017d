//! Goal: what is allowed is what Kafka's StandardAuthorizer allows. Rules are put in, and asked.

use super::binding::PatternFilter;
use super::*;
use crate::settings::BROKER_KEYS;

fn acls(super_users: &str, allow_if_none: &str) -> Acls {
    let mut settings = Settings::new(BROKER_KEYS);
    let class = "org.apache.kafka.metadata.authorizer.StandardAuthorizer";
    for (key, value) in [
        ("authorizer.class.name", class),
        ("super.users", super_users),
        ("allow.everyone.if.no.acl.found", allow_if_none),
    ] {
        settings.set(key, value).expect("a setting");
    }
    let mut acls = Acls::default();
    acls.configure(&settings);
    acls
}

fn rule(permission: Permission, user: &str, operation: Operation, name: &str) -> Acl {
    let prefix = name.strip_suffix('~');
    Acl {
        resource_type: ResourceType::Topic,
        resource_name: prefix.unwrap_or(name).into(),
        pattern_type: prefix.map_or(PatternType::Literal, |_| PatternType::Prefixed),
        principal: format!("User:{user}").into(),
        host: "*".into(),
        operation,
        permission,
    }
}

fn allow(user: &str, operation: Operation, name: &str) -> Acl {
    rule(Permission::Allow, user, operation, name)
}

fn deny(user: &str, operation: Operation, name: &str) -> Acl {
    rule(Permission::Deny, user, operation, name)
}

fn user(name: &str) -> Principal {
    Principal {
        kind: "User".into(),
        name: name.into(),
    }
}

fn may(acls: &Acls, who: &str, operation: Operation, name: &str) -> bool {
    let host = "10.0.0.1".to_owned();
    acls.allows(&user(who), host, operation, ResourceType::Topic, name)
}

fn may_any(acls: &Acls, who: &str, operation: Operation) -> bool {
    let host = "10.0.0.1".to_owned();
    acls.allows_any(&user(who), host, operation, ResourceType::Topic)
}

#[test]
fn without_an_authoriser_everything_is_allowed_and_with_one_nothing() {
    assert!(may(&Acls::default(), "eve", Operation::Delete, "t"));
    assert!(!may(&acls("", "false"), "eve", Operation::Delete, "t"));
    let open = acls("", "true");
    assert!(may(&open, "eve", Operation::Delete, "t"));
}

#[test]
fn a_rule_for_a_resource_ends_what_is_allowed_for_want_of_rules() {
    let mut acls = acls("", "true");
    acls.insert(allow("ann", Operation::Read, "t"));
    assert!(!may(&acls, "eve", Operation::Read, "t"));
    assert!(may(&acls, "ann", Operation::Read, "t"));
    assert!(!may(&acls, "ann", Operation::Write, "t"));
    assert!(may(&acls, "eve", Operation::Read, "u"));
}

#[test]
fn super_users_may_do_what_is_denied_to_everybody() {
    let mut acls = acls("User:root; User:admin", "false");
    acls.insert(deny("*", Operation::All, "*"));
    assert!(may(&acls, "root", Operation::Alter, "t"));
    assert!(may(&acls, "admin", Operation::Alter, "t"));
    assert!(!may(&acls, "eve", Operation::Alter, "t"));
}

#[test]
fn denying_goes_before_allowing_whatever_the_pattern() {
    let mut acls = acls("", "false");
    acls.insert(allow("ann", Operation::All, "orders"));
    acls.insert(deny("ann", Operation::Write, "ord~"));
    assert!(!may(&acls, "ann", Operation::Write, "orders"));
    assert!(may(&acls, "ann", Operation::Read, "orders"));
    acls.insert(deny("*", Operation::Read, "*"));
    assert!(!may(&acls, "ann", Operation::Read, "orders"));
}

#[test]
fn allowing_implies_describing_and_denying_does_not() {
    let mut acls = acls("", "false");
    for (user, operation) in [
        ("a", Operation::Read),
        ("b", Operation::Write),
        ("c", Operation::Delete),
        ("d", Operation::Alter),
    ] {
        acls.insert(allow(user, operation, "t"));
        assert!(may(&acls, user, Operation::Describe, "t"), "{operation:?}");
        assert!(!may(&acls, user, Operation::DescribeConfigs, "t"));
    }
    acls.insert(deny("a", Operation::Write, "t"));
    assert!(may(&acls, "a", Operation::Describe, "t"));
    acls.insert(allow("e", Operation::AlterConfigs, "t"));
    assert!(may(&acls, "e", Operation::DescribeConfigs, "t"));
    assert!(!may(&acls, "e", Operation::Describe, "t"));
}

#[test]
fn a_rule_holds_for_its_host_alone() {
    let mut acls = acls("", "false");
    let mut acl = allow("ann", Operation::Read, "t");
    acl.host = "10.0.0.2".into();
    acls.insert(acl);
    assert!(!may(&acls, "ann", Operation::Read, "t"));
    let host = "10.0.0.2".to_owned();
    let (ann, topic) = (user("ann"), ResourceType::Topic);
    assert!(acls.allows(&ann, host, Operation::Read, topic, "t"));
}

#[test]
fn prefixes_are_found_whatever_lies_between_them() {
    // Against the plain rule: a prefixed pattern matches names that begin with it.
    let mut random = fastrand::Rng::with_seed(7);
    let mut word = |letters: &[char], max| -> String {
        let length = random.usize(1..=max);
        (0..length)
            .map(|_| letters[random.usize(..letters.len())])
            .collect()
    };
    let letters = ['a', 'b', 'é'];
    for _ in 0..300 {
        let mut acls = acls("", "false");
        let patterns: Vec<String> = (0..8).map(|_| word(&letters, 4)).collect();
        for pattern in &patterns {
            acls.insert(allow("ann", Operation::Read, &format!("{pattern}~")));
        }
        let name = word(&letters, 6);
        let expected = patterns.iter().any(|pattern| name.starts_with(pattern));
        let found = may(&acls, "ann", Operation::Read, &name);
        assert_eq!(found, expected, "{name} by {patterns:?}");
    }
}

#[test]
fn any_resource_of_a_type_is_one_that_no_denial_swallows() {
    let mut acls = acls("", "false");
    assert!(!may_any(&acls, "ann", Operation::Write));
    acls.insert(allow("ann", Operation::Write, "orders"));
    assert!(may_any(&acls, "ann", Operation::Write));
    assert!(!may_any(&acls, "ann", Operation::Read));
    acls.insert(deny("ann", Operation::Write, "ord~"));
    assert!(!may_any(&acls, "ann", Operation::Write));
    acls.insert(allow("ann", Operation::Write, "b~"));
    assert!(may_any(&acls, "ann", Operation::Write));
    acls.insert(deny("ann", Operation::Write, "*"));
    assert!(!may_any(&acls, "ann", Operation::Write));
}

#[test]
fn rules_are_found_by_filter_and_removed() {
    let mut acls = acls("", "false");
    acls.insert(allow("ann", Operation::Read, "orders"));
    acls.insert(allow("ann", Operation::Read, "orders"));
    acls.insert(allow("ann", Operation::Read, "ord~"));
    acls.insert(allow("bob", Operation::Write, "*"));
    assert_eq!(acls.count, 3);
    let filter = |name: Option<&str>, pattern| AclFilter {
        resource_type: Some(ResourceType::Topic),
        resource_name: name.map(Into::into),
        pattern,
        principal: None,
        host: None,
        operation: None,
        permission: None,
    };
    let count = |acls: &Acls, name, pattern| acls.matching(&filter(name, pattern)).len();
    assert_eq!(count(&acls, None, PatternFilter::Any), 3);
    assert_eq!(count(&acls, Some("orders"), PatternFilter::Any), 1);
    assert_eq!(count(&acls, Some("orders"), PatternFilter::Match), 3);
    let prefixed = PatternFilter::Only(PatternType::Prefixed);
    assert_eq!(count(&acls, Some("ord"), prefixed), 1);
    assert_eq!(count(&acls, None, prefixed), 1);
    let removed = acls.remove(&filter(Some("orders"), PatternFilter::Match));
    assert_eq!(removed.len(), 3);
    assert_eq!(acls.count, 0);
    assert_eq!(count(&acls, None, PatternFilter::Any), 0);
}
