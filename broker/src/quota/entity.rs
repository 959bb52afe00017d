//! Whom a quota is for.

use thalweg_protocol::StrBytes;

/// A part of the name of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EntityKind {
    User,
    ClientId,
    Ip,
}

impl EntityKind {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "user" => Some(EntityKind::User),
            "client-id" => Some(EntityKind::ClientId),
            "ip" => Some(EntityKind::Ip),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            EntityKind::User => "user",
            EntityKind::ClientId => "client-id",
            EntityKind::Ip => "ip",
        }
    }
}

/// Clients that have a quota together. A part that is `Some(None)` is all that have no quota by
/// name.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entity {
    user: Option<Option<StrBytes>>,
    client_id: Option<Option<StrBytes>>,
    ip: Option<Option<StrBytes>>,
}

impl Entity {
    pub(super) fn of_client(
        user: Option<Option<StrBytes>>,
        client_id: Option<Option<StrBytes>>,
    ) -> Self {
        Entity {
            user,
            client_id,
            ip: None,
        }
    }

    /// A part of the name.
    pub(crate) fn part(&self, kind: EntityKind) -> Option<&Option<StrBytes>> {
        match kind {
            EntityKind::User => self.user.as_ref(),
            EntityKind::ClientId => self.client_id.as_ref(),
            EntityKind::Ip => self.ip.as_ref(),
        }
    }

    /// All parts of the name.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (EntityKind, &Option<StrBytes>)> {
        let kinds = [EntityKind::ClientId, EntityKind::Ip, EntityKind::User];
        let part = |kind| Some((kind, self.part(kind)?));
        kinds.into_iter().filter_map(part)
    }

    /// Reads an entity's name.
    ///
    /// # Errors
    /// What is wrong with it, in Kafka's words.
    pub(crate) fn read<'a>(
        parts: impl Iterator<Item = (&'a StrBytes, &'a Option<StrBytes>)>,
    ) -> Result<Self, String> {
        let mut entity = Entity::default();
        for (kind, name) in parts {
            let Some(known) = EntityKind::from_name(kind) else {
                return Err(format!("Unhandled client quota entity type: {kind}"));
            };
            let part = match known {
                EntityKind::User => &mut entity.user,
                EntityKind::ClientId => &mut entity.client_id,
                EntityKind::Ip => &mut entity.ip,
            };
            if part.is_some() {
                return Err(format!(
                    "Invalid client quota entity, duplicate entity entry {kind}"
                ));
            }
            if name.as_ref().is_some_and(|name| name.is_empty()) {
                return Err(format!("Empty {kind} not supported"));
            }
            *part = Some(name.as_ref().map(StrBytes::detached));
        }
        let of_client = entity.user.is_some() || entity.client_id.is_some();
        match &entity.ip {
            Some(_) if of_client => Err("Invalid quota entity combination, IP entity should\
                 not be combined with User or ClientId"
                .to_owned()),
            Some(Some(ip)) if ip.parse::<std::net::IpAddr>().is_err() && ip != "localhost" => {
                Err(format!("{ip} is not a valid IP or resolvable host."))
            }
            None if !of_client => Err("Invalid empty client quota entity".to_owned()),
            _ => Ok(entity),
        }
    }

    fn is_of_ip(&self) -> bool {
        self.ip.is_some()
    }
}

/// What is wrong with a quota, in Kafka's words.
pub(crate) fn quota_key_fault(entity: &Entity, key: &str, value: f64) -> Option<String> {
    let (whole, most) = match (entity.is_of_ip(), key) {
        (false, "producer_byte_rate" | "consumer_byte_rate") => (true, f64::MAX),
        (false, "request_percentage" | "controller_mutation_rate") => (false, f64::MAX),
        (true, "connection_creation_rate") => (true, f64::from(i32::MAX)),
        _ => return Some(format!("Invalid configuration key {key}")),
    };
    if value <= 0.0 || value.is_nan() {
        return Some(format!("Quota {key} must be greater than 0"));
    }
    if whole && value > 9.223_372_036_854_775e18 {
        return Some(format!("Proposed value for {key} is too large for a LONG."));
    }
    if value > most {
        return Some(format!("Proposed value for {key} is too large for an INT."));
    }
    if whole && (value % 1.0).abs() > 1e-6 {
        return Some(format!("{key} cannot be a fractional value."));
    }
    None
}
