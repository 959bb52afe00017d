//! Rules as they are made, shown and looked for.

use thalweg_protocol::StrBytes;

use super::{Operation, PatternType, Permission, ResourceType, RulesPlace};

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acl {
    pub(crate) resource_type: ResourceType,
    pub(crate) resource_name: StrBytes,
    pub(crate) pattern_type: PatternType,
    /// `User:name`; `User:*` is everybody.
    pub(crate) principal: StrBytes,
    /// An address, or `*`.
    pub(crate) host: StrBytes,
    pub(crate) operation: Operation,
    pub(crate) permission: Permission,
}

impl Acl {
    /// Whose rule it is.
    pub(super) fn place(&self) -> RulesPlace {
        let name = self.resource_name.detached();
        (self.resource_type, self.pattern_type, name)
    }
}

/// Which names are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatternFilter {
    /// Rules of any pattern with that very name.
    Any,
    /// Rules that hold for a resource of that name.
    Match,
    /// Rules of this pattern with that very name.
    Only(PatternType),
}

/// Which rules are looked for. `None` is any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AclFilter {
    pub(crate) resource_type: Option<ResourceType>,
    pub(crate) resource_name: Option<StrBytes>,
    pub(crate) pattern: PatternFilter,
    pub(crate) principal: Option<StrBytes>,
    pub(crate) host: Option<StrBytes>,
    pub(crate) operation: Option<Operation>,
    pub(crate) permission: Option<Permission>,
}

/// `ANY` on the wire, in all of the enumerations.
const ANY: i8 = 1;

impl AclFilter {
    /// Reads the numbers of a filter.
    ///
    /// # Errors
    /// What is unknown about it, in Kafka's words.
    pub(crate) fn from_codes(
        (resource_type, resource_name, pattern): (i8, Option<StrBytes>, i8),
        (principal, host): (Option<StrBytes>, Option<StrBytes>),
        (operation, permission): (i8, i8),
    ) -> Result<Self, &'static str> {
        const PATTERN: &str = "Unknown patternFilter.";
        const ENTRY: &str = "Unknown entryFilter.";
        fn known<T>(code: i8, find: fn(i8) -> Option<T>) -> Option<Option<T>> {
            if code == ANY {
                return Some(None);
            }
            find(code).map(Some)
        }
        let pattern = match pattern {
            ANY => PatternFilter::Any,
            2 => PatternFilter::Match,
            code => PatternFilter::Only(PatternType::from_code(code).ok_or(PATTERN)?),
        };
        Ok(AclFilter {
            resource_type: known(resource_type, ResourceType::from_code).ok_or(PATTERN)?,
            resource_name,
            pattern,
            principal,
            host,
            operation: known(operation, Operation::from_code).ok_or(ENTRY)?,
            permission: known(permission, Permission::from_code).ok_or(ENTRY)?,
        })
    }

    /// All rules of one name or prefix.
    pub(super) fn of_place((resource_type, pattern_type, name): &RulesPlace) -> Self {
        AclFilter {
            resource_type: Some(*resource_type),
            resource_name: Some(name.clone()),
            pattern: PatternFilter::Only(*pattern_type),
            principal: None,
            host: None,
            operation: None,
            permission: None,
        }
    }

    /// Whether a rule is among those looked for.
    pub(crate) fn matches(&self, acl: &Acl) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, found: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == found)
        }
        is(self.resource_type.as_ref(), &acl.resource_type)
            && self.matches_name(acl)
            && is(self.principal.as_ref(), &acl.principal)
            && is(self.host.as_ref(), &acl.host)
            && is(self.operation.as_ref(), &acl.operation)
            && is(self.permission.as_ref(), &acl.permission)
    }

    fn matches_name(&self, acl: &Acl) -> bool {
        let kind_fits = match self.pattern {
            PatternFilter::Any | PatternFilter::Match => true,
            PatternFilter::Only(pattern_type) => pattern_type == acl.pattern_type,
        };
        let Some(name) = &self.resource_name else {
            return kind_fits;
        };
        if self.pattern != PatternFilter::Match || *name == acl.resource_name {
            return kind_fits && *name == acl.resource_name;
        }
        match acl.pattern_type {
            PatternType::Literal => acl.resource_name == "*",
            PatternType::Prefixed => name.starts_with(acl.resource_name.as_str()),
        }
    }
}
