//! What has settings that can be described and changed, as requests name it.

use std::collections::BTreeSet;

use thalweg_protocol::{BrokerId, ErrorCode, StrBytes};

use super::fault::{Fault, fault, invalid};
use crate::acl::{Operation, ResourceType};
use crate::cluster::{Caller, Cluster};
use crate::settings::{SettingError, Settings, is_dynamic};
use crate::topic::{TopicConfig, name_fault};

/// The most groups and client metrics subscriptions with settings: each costs memory.
const NAMES_MAX: usize = 10_000;

/// Its numbers on the wire.
pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;
pub(super) const BROKER_LOGGER: i8 = 8;
pub(super) const CLIENT_METRICS: i8 = 16;
pub(super) const GROUP: i8 = 32;

/// Something with settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ConfigResource {
    Topic(StrBytes),
    /// Without an id: all brokers.
    Broker(Option<BrokerId>),
    BrokerLogger(BrokerId),
    ClientMetrics(StrBytes),
    Group(StrBytes),
}

impl ConfigResource {
    /// The resource that is to be changed.
    pub(super) fn to_change(caller: &Caller, kind: i8, name: &StrBytes) -> Result<Self, Fault> {
        match kind {
            TOPIC if name.is_empty() => Err(invalid("Default topic resources are not allowed.")),
            TOPIC => match name_fault(name) {
                Some(fault) => Err(fault),
                None => Ok(ConfigResource::Topic(name.clone())),
            },
            BROKER if name.is_empty() => Ok(ConfigResource::Broker(None)),
            BROKER => Ok(ConfigResource::Broker(Some(this_node(caller, name)?))),
            BROKER_LOGGER => Ok(ConfigResource::BrokerLogger(this_node(caller, name)?)),
            CLIENT_METRICS if name.is_empty() => Err(invalid("Subscription name can't be empty")),
            CLIENT_METRICS => Ok(ConfigResource::ClientMetrics(name.clone())),
            GROUP if name.is_empty() => Err(invalid("Default group resources are not allowed.")),
            GROUP => Ok(ConfigResource::Group(name.clone())),
            other => Err(invalid(format!("Unknown resource type {other}"))),
        }
    }

    /// The resource that is to be described.
    pub(super) fn to_describe(caller: &Caller, kind: i8, name: &StrBytes) -> Result<Self, Fault> {
        let node = caller.node;
        let id = || {
            let not_a_number = || format!("Broker id must be an integer, but it is: {name}");
            let id: Result<i32, _> = name.parse();
            id.map(BrokerId).map_err(|_| invalid(not_a_number()))
        };
        match kind {
            TOPIC => match name_fault(name) {
                Some(fault) => Err(fault),
                None => Ok(ConfigResource::Topic(name.clone())),
            },
            BROKER if name.is_empty() => Ok(ConfigResource::Broker(None)),
            BROKER if id()? == node => Ok(ConfigResource::Broker(Some(node))),
            BROKER => Err(invalid(format!(
                "Unexpected broker id, expected {node} or empty string, but received {name}"
            ))),
            BROKER_LOGGER if name.is_empty() => Err(invalid("Broker id must not be empty")),
            BROKER_LOGGER if id()? == node => Ok(ConfigResource::BrokerLogger(node)),
            BROKER_LOGGER => Err(invalid(format!(
                "Unexpected broker id, expected {node} but received {name}"
            ))),
            CLIENT_METRICS if name.is_empty() => Err(invalid(
                "Client metrics subscription name must not be empty",
            )),
            CLIENT_METRICS => Ok(ConfigResource::ClientMetrics(name.clone())),
            GROUP if name.is_empty() => Err(invalid("Group name must not be empty")),
            GROUP => Ok(ConfigResource::Group(name.clone())),
            other => Err(invalid(format!("Unsupported resource type: {other}"))),
        }
    }

    /// What was changed about it; the topic has to be there.
    fn changed(&self, cluster: &Cluster) -> Settings {
        match self {
            ConfigResource::Topic(name) => {
                let topic = cluster.topics.topic(name);
                let own = topic.map(|topic| topic.config.own().clone());
                own.unwrap_or_else(|| Settings::of_topic(cluster.release))
            }
            ConfigResource::Broker(id) => cluster.layers.dynamic(*id),
            ConfigResource::BrokerLogger(_) => Settings::new(&[]),
            ConfigResource::ClientMetrics(name) => cluster.layers.client_metrics(name),
            ConfigResource::Group(id) => cluster.layers.group(id),
        }
    }

    /// The keys that were changed.
    pub(super) fn changed_keys(&self, cluster: &Cluster) -> Vec<&'static str> {
        let settings = self.changed(cluster);
        settings.all_set().map(|(key, _)| key).collect()
    }

    /// Replaces what was changed about it.
    fn replace(&self, cluster: &mut Cluster, settings: Settings) {
        match self {
            ConfigResource::Topic(name) => {
                let config = TopicConfig::of(settings, &cluster.settings);
                if let Some(topic) = cluster.topics.topic_mut(name) {
                    topic.config = config;
                }
            }
            ConfigResource::Broker(id) => {
                cluster.layers.set_dynamic(*id, settings);
                cluster.settings = cluster.layers.in_force();
                for (_, topic) in cluster.topics.iter_mut() {
                    topic.config.follow(&cluster.settings);
                }
            }
            ConfigResource::BrokerLogger(_) => {}
            ConfigResource::ClientMetrics(name) => {
                cluster.layers.set_client_metrics(name, settings);
            }
            ConfigResource::Group(id) => cluster.layers.set_group(id, settings),
        }
    }

    /// What a key or a value that is not one is called.
    fn fault(&self, error: &SettingError) -> Fault {
        let unknown = match (self, error) {
            (ConfigResource::Topic(_), SettingError::UnknownKey { key, .. }) => {
                Some((ErrorCode::INVALID_CONFIG, "topic config name", key))
            }
            (ConfigResource::Group(_), SettingError::UnknownKey { key, .. }) => {
                Some((ErrorCode::INVALID_CONFIG, "group config name", key))
            }
            (ConfigResource::ClientMetrics(_), SettingError::UnknownKey { key, .. }) => Some((
                ErrorCode::INVALID_REQUEST,
                "client metrics configuration",
                key,
            )),
            _ => None,
        };
        match (unknown, self) {
            (Some((code, what, key)), _) => (code, format!("Unknown {what}: {key}")),
            (None, ConfigResource::Broker(_)) => invalid(error.to_string()),
            (None, _) => (ErrorCode::INVALID_CONFIG, error.to_string()),
        }
    }

    /// Changes settings, or only says whether it could be done.
    ///
    /// # Errors
    /// What is wrong with the change. Then nothing was changed.
    pub(super) fn change(
        &self,
        cluster: &mut Cluster,
        changes: &[Change<'_>],
        validate_only: bool,
    ) -> Result<(), Fault> {
        let mut settings = self.changed(cluster);
        if let ConfigResource::Broker(_) = self {
            let keys = changes.iter().map(|change| change.key);
            let fixed: Vec<&str> = keys
                .filter(|key| settings.definition(key).is_some() && !is_dynamic(key))
                .collect();
            if !fixed.is_empty() {
                let fixed = fixed.join(", ");
                return Err(invalid(format!(
                    "Cannot update these configs dynamically: [{fixed}]"
                )));
            }
        }
        for change in changes {
            change.apply(&mut settings, |error| self.fault(error))?;
        }
        self.check(cluster, &settings)?;
        if !validate_only {
            self.replace(cluster, settings);
        }
        Ok(())
    }

    /// Whether the settings go together, and what they are for is there.
    fn check(&self, cluster: &Cluster, settings: &Settings) -> Result<(), Fault> {
        match self {
            ConfigResource::Topic(name) => {
                let config = TopicConfig::of(settings.clone(), &cluster.settings);
                if let Some(message) = config.contradiction(&cluster.settings) {
                    return Err((ErrorCode::INVALID_CONFIG, message));
                }
                if cluster.topics.topic(name).is_none() {
                    let message = format!("The topic '{name}' does not exist.");
                    return Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message));
                }
                Ok(())
            }
            ConfigResource::Group(_) | ConfigResource::ClientMetrics(_)
                if cluster.layers.count() >= NAMES_MAX =>
            {
                let message = format!("There are settings for {NAMES_MAX} names already.");
                Err((ErrorCode::POLICY_VIOLATION, message))
            }
            ConfigResource::Group(_) => check_group(cluster, settings),
            ConfigResource::ClientMetrics(_) => check_client_metrics(settings),
            _ => Ok(()),
        }
    }
}

/// How often clients may push, and what they may be told apart by.
fn check_client_metrics(settings: &Settings) -> Result<(), Fault> {
    const BY: [&str; 6] = [
        "client_instance_id",
        "client_id",
        "client_software_name",
        "client_software_version",
        "client_source_address",
        "client_source_port",
    ];
    let interval = settings.number("interval.ms");
    if !(100..=3_600_000).contains(&interval) {
        return Err(invalid(format!(
            "Invalid value {interval} for interval.ms, interval must be between 100 and 3600000 (1 hour)"
        )));
    }
    let patterns = settings.text("match");
    for pattern in patterns.split(',').filter(|pattern| !pattern.is_empty()) {
        let pair = pattern.split_once('=');
        if !pair.is_some_and(|(by, value)| BY.contains(&by.trim()) && !value.contains('=')) {
            let message = format!("Illegal client matching pattern: {pattern}");
            return Err((ErrorCode::INVALID_CONFIG, message));
        }
    }
    Ok(())
}

/// The bounds that brokers set for the time-outs of groups.
fn check_group(cluster: &Cluster, settings: &Settings) -> Result<(), Fault> {
    for (key, value) in settings.all_set() {
        let Some((kind, what)) = key.split_once('.') else {
            continue;
        };
        let crate::settings::Value::Number(value) = value else {
            continue;
        };
        let bound = |end: &str| {
            let what = what.strip_prefix("num.").unwrap_or(what);
            let key = format!("group.{kind}.{end}.{what}");
            let definition = cluster.settings.definition(&key)?;
            let crate::settings::Value::Number(bound) = cluster.settings.value(definition.key)
            else {
                return None;
            };
            Some((definition.key, bound))
        };
        if let Some((bound_key, least)) = bound("min").filter(|(_, bound)| value < bound) {
            if key == "share.partition.max.record.locks" {
                let message = format!(
                    "Invalid value {value} for configuration {key}: Value must be at least {least}"
                );
                return Err((ErrorCode::INVALID_CONFIG, message));
            }
            let message = format!("{key} must be greater than or equal to {bound_key}");
            return Err((ErrorCode::INVALID_CONFIG, message));
        }
        if let Some((bound_key, _)) = bound("max").filter(|(_, bound)| value > bound) {
            let message = format!("{key} must be less than or equal to {bound_key}");
            return Err((ErrorCode::INVALID_CONFIG, message));
        }
    }
    Ok(())
}

fn this_node(caller: &Caller, name: &str) -> Result<BrokerId, Fault> {
    let id: i32 = name
        .parse()
        .map_err(|_| invalid(format!("Node id must be an integer, but it is: {name}")))?;
    if BrokerId(id) != caller.node {
        return Err(invalid(format!(
            "Unexpected broker id, expected {}, but received {name}",
            caller.node
        )));
    }
    Ok(caller.node)
}

/// What is done to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Set,
    Delete,
    Append,
    Subtract,
}

impl Op {
    pub(super) fn from_code(code: i8) -> Option<Self> {
        match code {
            0 => Some(Op::Set),
            1 => Some(Op::Delete),
            2 => Some(Op::Append),
            3 => Some(Op::Subtract),
            _ => None,
        }
    }
}

/// A change of one key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change<'a> {
    pub(super) key: &'a str,
    pub(super) op: Op,
    /// Not looked at by [`Op::Delete`].
    pub(super) value: &'a str,
}

impl Change<'_> {
    fn apply(
        &self,
        settings: &mut Settings,
        fault: impl Fn(&SettingError) -> Fault,
    ) -> Result<(), Fault> {
        let value = match self.op {
            Op::Delete => {
                settings.reset(self.key);
                return Ok(());
            }
            Op::Set => self.value.to_owned(),
            Op::Append | Op::Subtract => self.of_list(settings)?,
        };
        settings
            .set(self.key, &value)
            .map_err(|error| fault(&error))
    }

    /// What is wrong with the operation on this key, whatever the value.
    pub(super) fn operation_fault(&self, settings: &Settings) -> Option<Fault> {
        match self.op {
            Op::Append | Op::Subtract => self.of_list(settings).err(),
            Op::Set | Op::Delete => None,
        }
    }

    fn of_list(&self, settings: &Settings) -> Result<String, Fault> {
        let append = self.op == Op::Append;
        let definition = settings.definition(self.key);
        let Some(definition) = definition.filter(|definition| definition.is_list()) else {
            let message = format!(
                "Can't {} to key {} because its type is not LIST.",
                if append { "APPEND" } else { "SUBTRACT" },
                self.key
            );
            return Err((ErrorCode::INVALID_CONFIG, message));
        };
        let old = settings.value(definition.key).to_string();
        let mut parts: Vec<&str> = old.split(',').filter(|part| !part.is_empty()).collect();
        let mut there: BTreeSet<&str> = parts.iter().copied().collect();
        if append {
            let new = self.value.split(',').filter(|part| there.insert(part));
            parts.extend(new.collect::<Vec<_>>());
        } else {
            let gone: BTreeSet<&str> = self.value.split(',').collect();
            parts.retain(|part| !gone.contains(part));
        }
        Ok(parts.join(","))
    }
}

/// Whether the caller may do that to the resource; else the error.
pub(super) fn authorized(
    cluster: &Cluster,
    caller: &Caller,
    operation: Operation,
    (kind, name): (i8, &str),
) -> Result<(), Fault> {
    let (allowed, error) = match kind {
        TOPIC => (
            cluster.authorize(caller, operation, ResourceType::Topic, name),
            ErrorCode::TOPIC_AUTHORIZATION_FAILED,
        ),
        GROUP => (
            cluster.authorize(caller, operation, ResourceType::Group, name),
            ErrorCode::GROUP_AUTHORIZATION_FAILED,
        ),
        _ => (
            cluster.authorize_cluster(caller, operation),
            ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
        ),
    };
    if allowed {
        return Ok(());
    }
    Err(fault(error))
}

/// Those of the resources that are named more than once.
pub(super) fn named_twice<'a>(
    resources: impl Iterator<Item = (i8, &'a StrBytes)>,
) -> BTreeSet<(i8, StrBytes)> {
    let mut seen = BTreeSet::new();
    let keys = resources.map(|(kind, name)| (kind, name.clone()));
    keys.filter(|key| !seen.insert(key.clone())).collect()
}

/// Whether the keys and values of a change are complete and named once.
pub(super) fn check_entries<'a>(
    entries: impl Iterator<Item = (&'a StrBytes, bool)> + Clone,
) -> Result<(), Fault> {
    let mut seen = BTreeSet::new();
    if !entries.clone().all(|(key, _)| seen.insert(key)) {
        return Err(invalid("Error due to duplicate config keys"));
    }
    let missing: Vec<&str> = entries
        .filter(|(_, missing)| *missing)
        .map(|(key, _)| key.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    Err(invalid(format!("Null value not supported for : {missing}")))
}
