//! Configurations of topics and brokers: read and change.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use thalweg_protocol::messages::{
    DescribeConfigsRequest, DescribeConfigsResource, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResource, IncrementalAlterableConfig,
};
use thalweg_protocol::{ApiKey, BrokerId, ErrorCode};

use super::routed::{Answers, Route, RoutedOperation, perform, repeats_missing_only_if};
use super::{Admin, Outcomes};
use crate::cluster::{BrokerConnection, Cluster, Target};
use crate::error::CallError;

/// What has a configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ConfigResource {
    /// A topic.
    Topic(Arc<str>),
    /// One broker.
    Broker(BrokerId),
    /// What all brokers have that do not say otherwise.
    BrokerDefaults,
}

impl ConfigResource {
    /// A topic.
    pub fn topic(name: impl Into<Arc<str>>) -> Self {
        ConfigResource::Topic(name.into())
    }

    fn resource_type(&self) -> i8 {
        match self {
            ConfigResource::Topic(_) => 2,
            ConfigResource::Broker(_) | ConfigResource::BrokerDefaults => 4,
        }
    }

    fn resource_name(&self) -> String {
        match self {
            ConfigResource::Topic(name) => name.as_ref().to_owned(),
            ConfigResource::Broker(broker) => broker.to_string(),
            ConfigResource::BrokerDefaults => String::new(),
        }
    }

    fn from_wire(resource_type: i8, name: &str) -> Option<Self> {
        match (resource_type, name) {
            (2, name) => Some(ConfigResource::topic(name)),
            (4, "") => Some(ConfigResource::BrokerDefaults),
            (4, id) => Some(ConfigResource::Broker(BrokerId(id.parse().ok()?))),
            _ => None,
        }
    }
}

impl fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigResource::Topic(name) => write!(f, "topic '{name}'"),
            ConfigResource::Broker(broker) => write!(f, "broker {broker}"),
            ConfigResource::BrokerDefaults => f.write_str("the brokers' defaults"),
        }
    }
}

/// One setting of a topic or broker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigEntry {
    /// Its value; `None` if it is sensitive, or has none.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it can only be changed in the broker's properties file.
    pub read_only: bool,
    /// Whether its value is kept secret.
    pub is_sensitive: bool,
}

/// Where the value of a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigSource {
    /// Set on the topic.
    Topic,
    /// Set on the broker while it runs.
    Broker,
    /// Set on all brokers while they run.
    BrokerDefaults,
    /// From the broker's properties file.
    BrokerFile,
    /// Kafka's own default.
    Default,
    /// Something this release of the client has no word for, by Kafka's number.
    Other(i8),
}

impl ConfigSource {
    fn from_code(code: i8) -> Self {
        match code {
            1 => ConfigSource::Topic,
            2 => ConfigSource::Broker,
            3 => ConfigSource::BrokerDefaults,
            4 => ConfigSource::BrokerFile,
            5 => ConfigSource::Default,
            code => ConfigSource::Other(code),
        }
    }
}

/// A change to one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigChange {
    /// Gives it a value.
    Set(String),
    /// Takes its value away, so that the default holds.
    Remove,
    /// Adds an item to a list.
    Append(String),
    /// Takes an item from a list.
    Subtract(String),
}

impl ConfigChange {
    fn operation(&self) -> i8 {
        match self {
            ConfigChange::Set(_) => 0,
            ConfigChange::Remove => 1,
            ConfigChange::Append(_) => 2,
            ConfigChange::Subtract(_) => 3,
        }
    }

    fn value(&self) -> Option<&str> {
        match self {
            ConfigChange::Set(value)
            | ConfigChange::Append(value)
            | ConfigChange::Subtract(value) => Some(value),
            ConfigChange::Remove => None,
        }
    }
}

impl Admin {
    /// All settings of topics or brokers, by name.
    pub async fn describe_configs(
        &self,
        resources: impl IntoIterator<Item = ConfigResource>,
    ) -> Outcomes<ConfigResource, BTreeMap<String, ConfigEntry>> {
        perform(
            &self.cluster,
            &DescribeConfigs {
                cluster: &self.cluster,
            },
            resources,
        )
        .await
    }

    /// Changes settings of topics or brokers; those not named stay as they are (KIP-339). Needs
    /// Kafka 2.3.
    pub async fn incremental_alter_configs(
        &self,
        changes: impl IntoIterator<Item = (ConfigResource, BTreeMap<String, ConfigChange>)>,
    ) -> Outcomes<ConfigResource, ()> {
        let changes: BTreeMap<_, _> = changes.into_iter().collect();
        let resources: Vec<ConfigResource> = changes.keys().cloned().collect();
        perform(&self.cluster, &AlterConfigs { changes }, resources).await
    }
}

fn config_outcome<T>(
    api: ApiKey,
    resource: &ConfigResource,
    code: ErrorCode,
    message: Option<&str>,
    value: T,
) -> Result<T, CallError> {
    match code {
        ErrorCode::NONE => Ok(value),
        code => Err(CallError::refused(api, resource.to_string(), code, message)),
    }
}

struct DescribeConfigs<'c> {
    cluster: &'c Cluster,
}

impl RoutedOperation for DescribeConfigs<'_> {
    type Key = ConfigResource;
    type Value = BTreeMap<String, ConfigEntry>;

    const OPERATION: &'static str = "describe configs";
    const API_KEY: ApiKey = ApiKey::DescribeConfigs;

    fn route<'k>(&self, key: &'k ConfigResource) -> Route<'k> {
        match key {
            // Only the broker itself knows what is in its properties file.
            ConfigResource::Broker(broker) => Route::To(Target::Broker(*broker)),
            ConfigResource::Topic(_) | ConfigResource::BrokerDefaults => Route::To(Target::Any),
        }
    }

    fn is_worth_repeating(&self, key: &ConfigResource, error: &CallError) -> bool {
        let is_new = match key {
            ConfigResource::Topic(name) => self.cluster.is_topic_new(name),
            ConfigResource::Broker(_) | ConfigResource::BrokerDefaults => false,
        };
        repeats_missing_only_if(is_new, error)
    }

    async fn ask(
        &self,
        connection: &BrokerConnection,
        keys: &[ConfigResource],
    ) -> Result<Answers<Self>, CallError> {
        let version = connection.version::<DescribeConfigsRequest>()?;
        let resources = keys.iter().map(|key| DescribeConfigsResource {
            resource_type: key.resource_type(),
            resource_name: key.resource_name().into(),
            configuration_keys: None,
            ..Default::default()
        });
        let request = DescribeConfigsRequest {
            resources: resources.collect(),
            ..Default::default()
        };
        let response = connection.send(&request, version)?.await?;
        let answers = response.results.iter().filter_map(|result| {
            let key = ConfigResource::from_wire(result.resource_type, &result.resource_name)?;
            let entries = result.configs.iter().map(|config| {
                let entry = ConfigEntry {
                    value: config.value.as_deref().map(str::to_owned),
                    source: ConfigSource::from_code(config.config_source),
                    read_only: config.read_only,
                    is_sensitive: config.is_sensitive,
                };
                (config.name.to_string(), entry)
            });
            let message = result.error_message.as_deref();
            let api = ApiKey::DescribeConfigs;
            let outcome = config_outcome(api, &key, result.error_code, message, entries.collect());
            Some((key, outcome))
        });
        Ok(answers.collect())
    }
}

struct AlterConfigs {
    changes: BTreeMap<ConfigResource, BTreeMap<String, ConfigChange>>,
}

impl RoutedOperation for AlterConfigs {
    type Key = ConfigResource;
    type Value = ();

    const OPERATION: &'static str = "alter configs";
    const API_KEY: ApiKey = ApiKey::IncrementalAlterConfigs;

    fn route<'k>(&self, key: &'k ConfigResource) -> Route<'k> {
        match key {
            ConfigResource::Broker(broker) => Route::To(Target::Broker(*broker)),
            ConfigResource::Topic(_) | ConfigResource::BrokerDefaults => {
                Route::To(Target::Controller)
            }
        }
    }

    fn is_worth_repeating(&self, _: &ConfigResource, error: &CallError) -> bool {
        repeats_missing_only_if(false, error)
    }

    async fn ask(
        &self,
        connection: &BrokerConnection,
        keys: &[ConfigResource],
    ) -> Result<Answers<Self>, CallError> {
        let version = connection.version::<IncrementalAlterConfigsRequest>()?;
        let resources = keys.iter().map(|key| {
            let changes = self.changes.get(key).into_iter().flatten();
            let configs = changes.map(|(name, change)| IncrementalAlterableConfig {
                name: name.as_str().into(),
                config_operation: change.operation(),
                value: change.value().map(Into::into),
                ..Default::default()
            });
            IncrementalAlterConfigsResource {
                resource_type: key.resource_type(),
                resource_name: key.resource_name().into(),
                configs: configs.collect(),
                ..Default::default()
            }
        });
        let request = IncrementalAlterConfigsRequest {
            resources: resources.collect(),
            ..Default::default()
        };
        let response = connection.send(&request, version)?.await?;
        let answers = response.responses.iter().filter_map(|result| {
            let key = ConfigResource::from_wire(result.resource_type, &result.resource_name)?;
            let message = result.error_message.as_deref();
            let api = ApiKey::IncrementalAlterConfigs;
            let outcome = config_outcome(api, &key, result.error_code, message, ());
            Some((key, outcome))
        });
        Ok(answers.collect())
    }
}
