//! Who may do what: Kafka's `StandardAuthorizer`.
//!
//! An operation on a resource is denied where any matching rule denies it, allowed where one allows
//! it, and denied where there are rules for the resource but none of them matches. Without any rule
//! for the resource `allow.everyone.if.no.acl.found` decides. Super users may do everything. Rules
//! are for one name, for a prefix of names, or for all (`*`).

mod binding;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use thalweg_protocol::{ErrorCode, StrBytes};

pub(crate) use binding::{Acl, AclFilter};
pub(crate) use words::{Operation, PatternType, Permission, ResourceType};

use crate::cluster::{Caller, Cluster, Principal};
use crate::settings::Settings;
use crate::store::Changes;

/// The only name of a cluster resource.
pub(crate) const CLUSTER_NAME: &str = "kafka-cluster";

/// The most rules that are kept: each costs memory.
const ACLS_MAX: usize = 100_000;

/// The authoriser's settings and rules.
#[derive(Debug, Default)]
pub(crate) struct Acls {
    /// Whether there is an authoriser at all. Without one everything is allowed.
    enabled: bool,
    super_users: BTreeSet<String>,
    allow_if_no_acl: bool,
    by_type: BTreeMap<ResourceType, Patterns>,
    count: usize,
    pub(crate) changes: Changes<RulesPlace>,
}

/// The rules of one name or prefix.
pub(crate) type RulesPlace = (ResourceType, PatternType, StrBytes);

/// The rules of one type of resource.
#[derive(Debug, Default)]
struct Patterns {
    literal: BTreeMap<StrBytes, BTreeSet<Entry>>,
    prefixed: BTreeMap<StrBytes, BTreeSet<Entry>>,
}

/// What a rule says about its resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    principal: StrBytes,
    host: StrBytes,
    operation: Operation,
    permission: Permission,
}

/// What the rules seen so far come to.
#[derive(Debug, Default)]
struct Verdict {
    any_rule: bool,
    allowed: bool,
    denied: bool,
}

/// Who asks, as rules name them.
struct Asking<'a> {
    principal: &'a Principal,
    host: String,
    operation: Operation,
}

impl Acls {
    /// Takes `authorizer.class.name`, `super.users` and `allow.everyone.if.no.acl.found` over.
    pub(crate) fn configure(&mut self, settings: &Settings) {
        self.enabled = !settings.text("authorizer.class.name").is_empty();
        let super_users = settings.text("super.users");
        let users = super_users.split(';').map(str::trim);
        self.super_users = users
            .filter(|user| !user.is_empty())
            .map(str::to_owned)
            .collect();
        self.allow_if_no_acl = settings.flag("allow.everyone.if.no.acl.found");
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether there is no room for more rules.
    pub(crate) fn is_full(&self) -> bool {
        self.count >= ACLS_MAX
    }

    /// Adds a rule; nothing happens where it is there already.
    pub(crate) fn insert(&mut self, acl: Acl) {
        let patterns = self.by_type.entry(acl.resource_type).or_default();
        let names = match acl.pattern_type {
            PatternType::Prefixed => &mut patterns.prefixed,
            PatternType::Literal => &mut patterns.literal,
        };
        let entry = Entry {
            principal: acl.principal.detached(),
            host: acl.host.detached(),
            operation: acl.operation,
            permission: acl.permission,
        };
        let name = acl.resource_name.detached();
        self.changes.note(|| acl.place());
        self.count += usize::from(names.entry(name).or_default().insert(entry));
    }

    /// All rules that a filter matches, in order.
    pub(crate) fn matching(&self, filter: &AclFilter) -> Vec<Acl> {
        self.iter().filter(|acl| filter.matches(acl)).collect()
    }

    /// The rules of one name or prefix.
    pub(crate) fn rules_of(&self, place: &RulesPlace) -> Vec<Acl> {
        self.matching(&AclFilter::of_place(place))
    }

    /// Removes and returns all rules that a filter matches.
    pub(crate) fn remove(&mut self, filter: &AclFilter) -> Vec<Acl> {
        let removed = self.matching(filter);
        for acl in &removed {
            self.remove_one(acl);
        }
        removed
    }

    fn remove_one(&mut self, acl: &Acl) {
        let Some(patterns) = self.by_type.get_mut(&acl.resource_type) else {
            return;
        };
        self.changes.note(|| acl.place());
        let names = match acl.pattern_type {
            PatternType::Prefixed => &mut patterns.prefixed,
            PatternType::Literal => &mut patterns.literal,
        };
        let Some(entries) = names.get_mut(&acl.resource_name) else {
            return;
        };
        let entry = Entry {
            principal: acl.principal.clone(),
            host: acl.host.clone(),
            operation: acl.operation,
            permission: acl.permission,
        };
        self.count -= usize::from(entries.remove(&entry));
        if entries.is_empty() {
            names.remove(&acl.resource_name);
        }
    }

    fn iter(&self) -> impl Iterator<Item = Acl> + '_ {
        self.by_type.iter().flat_map(|(resource_type, patterns)| {
            let literal = patterns.literal.iter();
            let literal = literal.map(|row| (PatternType::Literal, row));
            let prefixed = patterns.prefixed.iter();
            let prefixed = prefixed.map(|row| (PatternType::Prefixed, row));
            literal
                .chain(prefixed)
                .flat_map(move |(pattern_type, (name, entries))| {
                    entries.iter().map(move |entry| Acl {
                        resource_type: *resource_type,
                        resource_name: name.clone(),
                        pattern_type,
                        principal: entry.principal.clone(),
                        host: entry.host.clone(),
                        operation: entry.operation,
                        permission: entry.permission,
                    })
                })
        })
    }

    fn is_super_user(&self, principal: &Principal) -> bool {
        // Hardly anyone has one; most calls need no text.
        !self.super_users.is_empty() && self.super_users.contains(&principal.to_string())
    }

    fn allows(
        &self,
        principal: &Principal,
        host: String,
        operation: Operation,
        resource_type: ResourceType,
        name: &str,
    ) -> bool {
        if !self.enabled || self.is_super_user(principal) {
            return true;
        }
        let asking = Asking {
            principal,
            host,
            operation,
        };
        let mut verdict = Verdict::default();
        if let Some(patterns) = self.by_type.get(&resource_type) {
            patterns.judge(&asking, name, &mut verdict);
        }
        if verdict.denied {
            return false;
        }
        verdict.allowed || !verdict.any_rule && self.allow_if_no_acl
    }

    /// Whether there is any resource of a type, existing or not, on which the operation is allowed.
    fn allows_any(
        &self,
        principal: &Principal,
        host: String,
        operation: Operation,
        resource_type: ResourceType,
    ) -> bool {
        // A name nobody has shows what super users and the rules for all names say.
        if self.allows(
            principal,
            host.clone(),
            operation,
            resource_type,
            "hardcode",
        ) {
            return true;
        }
        let Some(patterns) = self.by_type.get(&resource_type) else {
            return false;
        };
        let asking = Asking {
            principal,
            host,
            operation,
        };
        patterns.allow_any(&asking)
    }
}

impl Patterns {
    /// Adds what all rules for `name` say.
    fn judge(&self, asking: &Asking<'_>, name: &str, verdict: &mut Verdict) {
        for literal in [name, "*"] {
            if let Some(entries) = self.literal.get(literal) {
                verdict.add(entries, asking);
            }
        }
        // The longest prefix first. Where the nearest pattern is none, all others that are lie at
        // or before what the two have in common.
        let mut nearest = self.last_prefixed(Bound::Included(name));
        while let Some((pattern, entries)) = nearest {
            nearest = if name.starts_with(pattern.as_str()) {
                verdict.add(entries, asking);
                self.last_prefixed(Bound::Excluded(pattern))
            } else {
                self.last_prefixed(Bound::Included(common_prefix(name, pattern)))
            };
        }
    }

    fn last_prefixed(&self, end: Bound<&str>) -> Option<(&StrBytes, &BTreeSet<Entry>)> {
        let range = (Bound::Unbounded, end);
        self.prefixed.range::<str, _>(range).next_back()
    }

    /// Kafka's `authorizeByResourceType`: an allowing pattern that no denying one swallows whole.
    fn allow_any(&self, asking: &Asking<'_>) -> bool {
        let says = |entries: &BTreeSet<Entry>, permission| {
            let mut entries = entries.iter();
            entries.any(|entry| {
                entry.permission == permission
                    && asking.is_named_by(entry)
                    && (entry.operation == asking.operation || entry.operation == Operation::All)
            })
        };
        let names = |patterns: &BTreeMap<StrBytes, BTreeSet<Entry>>, permission| {
            let of = patterns
                .iter()
                .filter(|(_, entries)| says(entries, permission));
            of.map(|(name, _)| name.clone()).collect::<BTreeSet<_>>()
        };
        let denied = names(&self.literal, Permission::Deny);
        if denied.contains("*") {
            return false;
        }
        let allowed = names(&self.literal, Permission::Allow);
        if allowed.contains("*") {
            return true;
        }
        let denied_prefixes = names(&self.prefixed, Permission::Deny);
        let swallowed = |name: &str| {
            let mut prefixes = name
                .char_indices()
                .filter_map(|(at, c)| name.get(..at + c.len_utf8()));
            prefixes.any(|prefix| denied_prefixes.contains(prefix))
        };
        let prefixes = names(&self.prefixed, Permission::Allow);
        prefixes.iter().any(|name| !swallowed(name))
            || allowed
                .iter()
                .any(|name| !denied.contains(name) && !swallowed(name))
    }
}

fn common_prefix<'a>(name: &'a str, other: &str) -> &'a str {
    let pairs = name.char_indices().zip(other.chars());
    let mut same = pairs.take_while(|((_, a), b)| a == b);
    let end = same
        .by_ref()
        .last()
        .map_or(0, |((at, c), _)| at + c.len_utf8());
    name.get(..end).unwrap_or_default()
}

impl Verdict {
    fn add(&mut self, entries: &BTreeSet<Entry>, asking: &Asking<'_>) {
        self.any_rule = true;
        for entry in entries.iter().filter(|entry| asking.is_named_by(entry)) {
            match entry.permission {
                Permission::Allow => self.allowed |= entry.operation.implies(asking.operation),
                Permission::Deny => {
                    let all = entry.operation == Operation::All;
                    self.denied |= all || entry.operation == asking.operation;
                }
            }
        }
    }
}

impl Asking<'_> {
    fn is_named_by(&self, entry: &Entry) -> bool {
        let Principal { kind, name } = self.principal;
        let by_name = || {
            let parts = entry.principal.split_once(':');
            parts.is_some_and(|(a, b)| a == kind.as_str() && b == name.as_str())
        };
        (entry.principal == "User:*" || by_name())
            && (entry.host == "*" || *entry.host == *self.host)
    }
}

impl Cluster {
    /// Whether the caller may do something to a resource. Always, where there is no authoriser.
    pub(crate) fn authorize(
        &self,
        caller: &Caller,
        operation: Operation,
        resource_type: ResourceType,
        name: &str,
    ) -> bool {
        if !self.acls.enabled {
            return true;
        }
        let host = caller.host.to_string();
        self.acls
            .allows(&caller.principal, host, operation, resource_type, name)
    }

    /// Whether the caller may do something to a topic.
    ///
    /// # Errors
    /// TOPIC_AUTHORIZATION_FAILED.
    pub(crate) fn check_topic(
        &self,
        caller: &Caller,
        operation: Operation,
        topic: &str,
    ) -> Result<(), ErrorCode> {
        if self.authorize(caller, operation, ResourceType::Topic, topic) {
            return Ok(());
        }
        Err(ErrorCode::TOPIC_AUTHORIZATION_FAILED)
    }

    /// Whether the caller may do something to a group.
    ///
    /// # Errors
    /// GROUP_AUTHORIZATION_FAILED.
    pub(crate) fn check_group(
        &self,
        caller: &Caller,
        operation: Operation,
        group_id: &str,
    ) -> Result<(), ErrorCode> {
        if self.authorize(caller, operation, ResourceType::Group, group_id) {
            return Ok(());
        }
        Err(ErrorCode::GROUP_AUTHORIZATION_FAILED)
    }

    /// Whether the caller may do something by a transactional id.
    ///
    /// # Errors
    /// TRANSACTIONAL_ID_AUTHORIZATION_FAILED.
    pub(crate) fn check_transactional_id(
        &self,
        caller: &Caller,
        operation: Operation,
        id: &str,
    ) -> Result<(), ErrorCode> {
        if self.authorize(caller, operation, ResourceType::TransactionalId, id) {
            return Ok(());
        }
        Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    }

    /// Whether the caller may do something to the cluster.
    pub(crate) fn authorize_cluster(&self, caller: &Caller, operation: Operation) -> bool {
        self.authorize(caller, operation, ResourceType::Cluster, CLUSTER_NAME)
    }

    /// Whether there is any resource of the type to which the caller may do something.
    pub(crate) fn authorize_any(
        &self,
        caller: &Caller,
        operation: Operation,
        resource_type: ResourceType,
    ) -> bool {
        if !self.acls.enabled {
            return true;
        }
        let host = caller.host.to_string();
        self.acls
            .allows_any(&caller.principal, host, operation, resource_type)
    }

    /// What the caller may do to a resource, as the bits that answers show.
    pub(crate) fn authorized_operations(
        &self,
        caller: &Caller,
        resource_type: ResourceType,
        name: &str,
    ) -> i32 {
        let all = resource_type.operations().iter().copied();
        let may = |operation: &Operation| self.authorize(caller, *operation, resource_type, name);
        all.filter(may)
            .fold(0, |bits, operation| bits | operation.bit())
    }
}

#[cfg(test)]
mod tests;
