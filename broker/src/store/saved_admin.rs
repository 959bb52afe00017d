//! What administrators set, as JSON: rules, credentials, quotas, settings, feature levels.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thalweg_protocol::sasl::{ScramCredential, ScramMechanism};
use thalweg_protocol::{BrokerId, StrBytes};

use super::{DataError, Store};
use crate::acl::{Acl, Operation, PatternType, Permission, ResourceType, RulesPlace};
use crate::cluster::Cluster;
use crate::quota::{Entity, EntityKind};
use crate::settings::{CLIENT_METRICS_KEYS, GROUP_KEYS, LayerKey, Settings};

/// The rules of one name or prefix.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedRules {
    resource_type: i8,
    pattern_type: i8,
    name: String,
    /// Principal, host, operation, permission.
    rules: Vec<(String, String, i8, i8)>,
}

impl SavedRules {
    fn of(place: &RulesPlace, rules: &[Acl]) -> Self {
        let rule = |acl: &Acl| {
            let (principal, host) = (acl.principal.to_string(), acl.host.to_string());
            (principal, host, acl.operation.code(), acl.permission.code())
        };
        SavedRules {
            resource_type: place.0.code(),
            pattern_type: place.1.code(),
            name: place.2.to_string(),
            rules: rules.iter().map(rule).collect(),
        }
    }

    /// `None` where a number is unknown.
    pub(super) fn restore(&self, cluster: &mut Cluster) -> Option<()> {
        for (principal, host, operation, permission) in &self.rules {
            cluster.acls.insert(Acl {
                resource_type: ResourceType::from_code(self.resource_type)?,
                resource_name: self.name.as_str().into(),
                pattern_type: PatternType::from_code(self.pattern_type)?,
                principal: principal.as_str().into(),
                host: host.as_str().into(),
                operation: Operation::from_code(*operation)?,
                permission: Permission::from_code(*permission)?,
            });
        }
        Some(())
    }
}

/// A credential of SCRAM.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedScram {
    user: String,
    sha512: bool,
    salt: Vec<u8>,
    iterations: u32,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

impl SavedScram {
    fn of(user: &str, credential: &ScramCredential) -> Self {
        SavedScram {
            user: user.to_owned(),
            sha512: credential.mechanism() == ScramMechanism::Sha512,
            salt: credential.salt().to_vec(),
            iterations: credential.iterations(),
            stored_key: credential.stored_key().to_vec(),
            server_key: credential.server_key().to_vec(),
        }
    }

    /// `None` where it is no credential.
    pub(super) fn restore(&self, cluster: &mut Cluster) -> Option<()> {
        let mechanism = match self.sha512 {
            true => ScramMechanism::Sha512,
            false => ScramMechanism::Sha256,
        };
        let keys = (&*self.stored_key, &*self.server_key);
        let credential =
            ScramCredential::from_keys(mechanism, &self.salt, self.iterations, keys).ok()?;
        let user = self.user.as_str().into();
        cluster.security.set_scram(user, credential);
        Some(())
    }
}

/// The quotas of clients that have them together.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedQuotas {
    /// Kind and name; no name for all that have none of their own.
    entity: Vec<(String, Option<String>)>,
    /// By key; the bits of the numbers, which come back exactly.
    values: BTreeMap<String, u64>,
}

impl SavedQuotas {
    fn of(entity: &Entity, values: &BTreeMap<StrBytes, f64>) -> Self {
        let part = |(kind, name): (EntityKind, &Option<StrBytes>)| {
            let name = name.as_ref().map(StrBytes::to_string);
            (kind.name().to_owned(), name)
        };
        let value = |(key, value): (&StrBytes, &f64)| (key.to_string(), value.to_bits());
        SavedQuotas {
            entity: entity.parts().map(part).collect(),
            values: values.iter().map(value).collect(),
        }
    }

    /// `None` where it is nobody's quota.
    pub(super) fn restore(&self, cluster: &mut Cluster) -> Option<()> {
        let part = |(kind, name): &(String, Option<String>)| {
            let name = name.as_deref().map(StrBytes::from);
            (StrBytes::from(kind.as_str()), name)
        };
        let parts: Vec<(StrBytes, Option<StrBytes>)> = self.entity.iter().map(part).collect();
        let parts = parts.iter().map(|(kind, name)| (kind, name));
        let entity = Entity::read(parts).ok()?;
        for (key, bits) in &self.values {
            let value = Some(f64::from_bits(*bits));
            let key = key.as_str().into();
            cluster.quotas.set(&entity, &key, value);
        }
        Some(())
    }
}

/// The finalised levels of features.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedFeatures {
    changes: i64,
    levels: BTreeMap<String, i16>,
}

impl SavedFeatures {
    fn of(cluster: &Cluster) -> Self {
        let all = cluster.features.all().iter();
        SavedFeatures {
            changes: cluster.features.epoch(),
            levels: all.map(|it| (it.name.to_owned(), it.level)).collect(),
        }
    }

    pub(super) fn restore(&self, cluster: &mut Cluster) -> Result<(), DataError> {
        for (name, level) in &self.levels {
            let known = cluster.features.all().iter().find(|it| it.name == name);
            let fits = known.is_some_and(|it| (it.min..=it.max).contains(level));
            // What is off may as well be unknown.
            if !fits && *level != 0 {
                let name = name.clone();
                let level = *level;
                return Err(DataError::Feature { name, level });
            }
            cluster.features.set(name, *level);
        }
        cluster.features.go_on_from(self.changes);
        Ok(())
    }
}

fn scram_name(user: &str, mechanism: ScramMechanism) -> String {
    format!("scram/{}/{user}", mechanism.name())
}

/// Settings as texts, by key.
type SavedSettings = BTreeMap<String, String>;

fn settings_of(settings: &Settings) -> Option<SavedSettings> {
    let all = settings.all_set();
    let saved: SavedSettings = all
        .map(|(key, value)| (key.to_owned(), value.to_string()))
        .collect();
    (!saved.is_empty()).then_some(saved)
}

fn layer_name(key: &LayerKey) -> String {
    match key {
        LayerKey::AllBrokers => "config/brokers".to_owned(),
        LayerKey::Broker(id) => format!("config/broker/{id}"),
        LayerKey::Group(name) => format!("config/group/{name}"),
        LayerKey::ClientMetrics(name) => format!("config/client-metrics/{name}"),
    }
}

fn layer_of_name(name: &str) -> Option<LayerKey> {
    match name.split_once('/') {
        None if name == "brokers" => Some(LayerKey::AllBrokers),
        Some(("broker", id)) => Some(LayerKey::Broker(BrokerId(id.parse().ok()?))),
        Some(("group", name)) => Some(LayerKey::Group(name.into())),
        Some(("client-metrics", name)) => Some(LayerKey::ClientMetrics(name.into())),
        _ => None,
    }
}

/// Takes settings up that were changed while the brokers ran. `name` is what follows `config/`.
/// `None` where a key or a value is none that there is.
pub(super) fn restore_settings(
    cluster: &mut Cluster,
    name: &str,
    saved: &BTreeMap<String, String>,
) -> Option<()> {
    let key = layer_of_name(name)?;
    let mut settings = match key {
        LayerKey::AllBrokers | LayerKey::Broker(_) => Settings::of_broker(),
        LayerKey::Group(_) => Settings::new(GROUP_KEYS),
        LayerKey::ClientMetrics(_) => Settings::new(CLIENT_METRICS_KEYS),
    };
    for (key, value) in saved {
        settings.set(key, value).ok()?;
    }
    cluster.layers.put(&key, settings);
    if matches!(key, LayerKey::AllBrokers | LayerKey::Broker(_)) {
        cluster.settings = cluster.layers.in_force();
    }
    Some(())
}

impl Store {
    /// Writes what administrators may have changed.
    pub(super) fn save_admin(&mut self, cluster: &mut Cluster) -> Result<(), DataError> {
        for place in cluster.acls.changes.take() {
            let rules = cluster.acls.rules_of(&place);
            let key = format!("acl/{}/{}/{}", place.0.code(), place.1.code(), place.2);
            let saved = (!rules.is_empty()).then(|| SavedRules::of(&place, &rules));
            self.journal.put(&key, saved.as_ref())?;
        }
        for (user, mechanism) in cluster.security.changes.take() {
            let credential = cluster.security.scram(&user, mechanism);
            let saved = credential.map(|credential| SavedScram::of(&user, credential));
            self.journal
                .put(&scram_name(&user, mechanism), saved.as_ref())?;
        }
        for entity in cluster.quotas.changes.take() {
            let values = cluster.quotas.of(&entity);
            let saved = values.map(|values| SavedQuotas::of(&entity, values));
            let name = SavedQuotas::of(&entity, &BTreeMap::new()).entity;
            let name = serde_json::to_string(&name).expect("plain data has a JSON form");
            self.journal.put(&format!("quota/{name}"), saved.as_ref())?;
        }
        for key in cluster.layers.changes.take() {
            let saved = settings_of(&cluster.layers.of(&key));
            self.journal.put(&layer_name(&key), saved.as_ref())?;
        }
        if !cluster.features.changes.take().is_empty() {
            self.save_features(cluster)?;
        }
        Ok(())
    }

    /// Writes the credentials that there are from the start.
    pub(super) fn save_named_users(&mut self, cluster: &Cluster) -> Result<(), DataError> {
        for (user, credential) in cluster.security.all_scram() {
            let key = scram_name(user, credential.mechanism());
            let saved = SavedScram::of(user, credential);
            self.journal.put(&key, Some(&saved))?;
        }
        Ok(())
    }

    /// Writes the levels of features.
    pub(super) fn save_features(&mut self, cluster: &Cluster) -> Result<(), DataError> {
        let saved = SavedFeatures::of(cluster);
        self.journal.put("features", Some(&saved))
    }
}
