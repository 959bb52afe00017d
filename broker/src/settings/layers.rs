//! Settings that are changed while the brokers run, and where the value in force comes from.
//!
//! ```text
//!  of one broker  >  of all brokers  >  as it was started  >  default
//! ```
//! All brokers here are one state: what is set for one of them holds for all.

use std::collections::BTreeMap;

use thalweg_protocol::{BrokerId, StrBytes};

use crate::store::Changes;

use super::{CLIENT_METRICS_KEYS, GROUP_KEYS, Settings, Value, broker_key_of_group_key};

/// Where a value comes from; the numbers are the wire's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub(crate) enum ConfigSource {
    Topic = 1,
    DynamicBroker = 2,
    DynamicDefaultBroker = 3,
    StaticBroker = 4,
    Default = 5,
    DynamicBrokerLogger = 6,
    ClientMetrics = 7,
    Group = 8,
}

impl ConfigSource {
    /// The number on the wire.
    pub(crate) fn code(self) -> i8 {
        self as i8
    }
}

/// All that was changed, apart from topics, which have their own.
#[derive(Debug)]
pub(crate) struct Layers {
    /// As the brokers were started.
    fixed: Settings,
    of_all_brokers: Settings,
    of_broker: BTreeMap<BrokerId, Settings>,
    groups: BTreeMap<StrBytes, Settings>,
    client_metrics: BTreeMap<StrBytes, Settings>,
    pub(crate) changes: Changes<LayerKey>,
}

/// Settings that are changed together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LayerKey {
    AllBrokers,
    Broker(BrokerId),
    Group(StrBytes),
    ClientMetrics(StrBytes),
}

impl Layers {
    /// Nothing was changed since the brokers were started with these settings.
    pub(crate) fn new(fixed: Settings) -> Self {
        Layers {
            fixed,
            of_all_brokers: Settings::of_broker(),
            of_broker: BTreeMap::new(),
            groups: BTreeMap::new(),
            client_metrics: BTreeMap::new(),
            changes: Changes::default(),
        }
    }

    /// What was changed together.
    pub(crate) fn of(&self, key: &LayerKey) -> Settings {
        match key {
            LayerKey::AllBrokers => self.dynamic(None),
            LayerKey::Broker(id) => self.dynamic(Some(*id)),
            LayerKey::Group(id) => self.group(id),
            LayerKey::ClientMetrics(name) => self.client_metrics(name),
        }
    }

    /// Replaces what was changed together.
    pub(crate) fn put(&mut self, key: &LayerKey, settings: Settings) {
        match key {
            LayerKey::AllBrokers => self.set_dynamic(None, settings),
            LayerKey::Broker(id) => self.set_dynamic(Some(*id), settings),
            LayerKey::Group(id) => self.set_group(id, settings),
            LayerKey::ClientMetrics(name) => self.set_client_metrics(name, settings),
        }
    }

    /// What holds for brokers now.
    pub(crate) fn in_force(&self) -> Settings {
        let mut all = self.fixed.clone();
        all.overlay(&self.of_all_brokers);
        for one in self.of_broker.values() {
            all.overlay(one);
        }
        all
    }

    /// What was changed for one broker, or, without one, for all.
    pub(crate) fn dynamic(&self, broker: Option<BrokerId>) -> Settings {
        let found = match broker {
            None => Some(&self.of_all_brokers),
            Some(id) => self.of_broker.get(&id),
        };
        found.cloned().unwrap_or_else(Settings::of_broker)
    }

    /// Replaces what was changed for one broker, or for all.
    pub(crate) fn set_dynamic(&mut self, broker: Option<BrokerId>, settings: Settings) {
        self.changes.note(|| match broker {
            None => LayerKey::AllBrokers,
            Some(id) => LayerKey::Broker(id),
        });
        match broker {
            None => self.of_all_brokers = settings,
            Some(id) => {
                self.of_broker.insert(id, settings);
            }
        }
    }

    /// What a broker's key was set to, with where, the strongest first; the default is not among
    /// them.
    pub(crate) fn of_key(&self, broker: BrokerId, key: &str) -> Vec<(ConfigSource, Value)> {
        let own = self.of_broker.get(&broker);
        let layers = [
            (ConfigSource::DynamicBroker, own),
            (
                ConfigSource::DynamicDefaultBroker,
                Some(&self.of_all_brokers),
            ),
            (ConfigSource::StaticBroker, Some(&self.fixed)),
        ];
        let value = |(source, layer): (ConfigSource, Option<&Settings>)| {
            let value = layer?.set_value(key)?;
            Some((source, value.clone()))
        };
        layers.into_iter().filter_map(value).collect()
    }

    /// The settings of a group, apart from the brokers'.
    pub(crate) fn group(&self, group_id: &str) -> Settings {
        let found = self.groups.get(group_id).cloned();
        found.unwrap_or_else(|| Settings::new(GROUP_KEYS))
    }

    /// Replaces the settings of a group.
    pub(crate) fn set_group(&mut self, group_id: &str, settings: Settings) {
        self.changes.note(|| LayerKey::Group(group_id.into()));
        replace(&mut self.groups, group_id, settings);
    }

    /// The settings of a client metrics subscription.
    pub(crate) fn client_metrics(&self, name: &str) -> Settings {
        let found = self.client_metrics.get(name).cloned();
        found.unwrap_or_else(|| Settings::new(CLIENT_METRICS_KEYS))
    }

    /// Replaces the settings of a client metrics subscription.
    pub(crate) fn set_client_metrics(&mut self, name: &str, settings: Settings) {
        self.changes.note(|| LayerKey::ClientMetrics(name.into()));
        replace(&mut self.client_metrics, name, settings);
    }

    /// The groups that have settings.
    pub(crate) fn group_ids(&self) -> impl Iterator<Item = &StrBytes> {
        self.groups.keys()
    }

    /// The client metrics subscriptions that there are.
    pub(crate) fn client_metrics_names(&self) -> impl Iterator<Item = &StrBytes> {
        self.client_metrics.keys()
    }

    /// The value of a group's setting in force; `key` is one of the group's keys.
    pub(crate) fn group_value(
        &self,
        group_id: &str,
        key: &'static str,
        broker: &Settings,
    ) -> Value {
        let own = self.groups.get(group_id);
        if let Some(value) = own.and_then(|own| own.set_value(key)) {
            return value.clone();
        }
        let of_broker = broker_key_of_group_key(key).and_then(|key| broker.set_value(key));
        match of_broker {
            Some(value) => value.clone(),
            None => Settings::new(GROUP_KEYS).value(key),
        }
    }

    /// How many names have settings of their own.
    pub(crate) fn count(&self) -> usize {
        self.groups.len() + self.client_metrics.len()
    }
}

/// A name without any setting is none.
fn replace(all: &mut BTreeMap<StrBytes, Settings>, name: &str, settings: Settings) {
    if settings.all_set().next().is_none() {
        all.remove(name);
    } else {
        all.insert(name.into(), settings);
    }
}
