//! DescribeConfigs: settings with where they come from.

use thalweg_protocol::messages::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use thalweg_protocol::{BrokerId, ErrorCode, StrBytes};

use super::config_resource::{ConfigResource, authorized};
use super::fault::Fault;
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};
use crate::settings::{
    ConfigSource, Definition, Settings, Value, broker_key_of_group_key, is_dynamic,
};
use crate::topic::broker_key_of_topic_key;

/// Describes each resource; those the caller may not see come last.
pub(super) fn describe_configs(
    cluster: &mut Cluster,
    caller: &Caller,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let may = |row: &DescribeConfigsResource| {
        let name = (row.resource_type, row.resource_name.as_str());
        authorized(cluster, caller, Operation::DescribeConfigs, name).is_ok()
    };
    let (authorized, unauthorized): (Vec<_>, Vec<_>) =
        request.resources.iter().partition(|row| may(row));
    let shape = Shape {
        cluster,
        synonyms: request.include_synonyms,
        documentation: request.include_documentation,
    };
    let mut results: Vec<DescribeConfigsResult> = Vec::new();
    for row in authorized {
        let described = ConfigResource::to_describe(caller, row.resource_type, &row.resource_name)
            .and_then(|resource| shape.describe(&resource));
        results.push(result(row, described));
    }
    for row in unauthorized {
        let name = (row.resource_type, row.resource_name.as_str());
        let denied = self::authorized(cluster, caller, Operation::DescribeConfigs, name);
        results.push(result(row, denied.map(|()| Vec::new())));
    }
    DescribeConfigsResponse {
        results,
        ..Default::default()
    }
}

/// The answer for a resource, cut down to the keys asked for.
fn result(
    asked: &DescribeConfigsResource,
    described: Result<Vec<DescribeConfigsResourceResult>, Fault>,
) -> DescribeConfigsResult {
    let (fault, mut configs) = match described {
        Ok(configs) => (None, configs),
        Err(fault) => (Some(fault), Vec::new()),
    };
    if let Some(keys) = asked
        .configuration_keys
        .as_ref()
        .filter(|keys| !keys.is_empty())
    {
        configs.retain(|row| keys.contains(&row.name));
    }
    let (error_code, message) = fault.unwrap_or((ErrorCode::NONE, String::new()));
    DescribeConfigsResult {
        error_code,
        error_message: Some(message.into()),
        resource_type: asked.resource_type,
        resource_name: asked.resource_name.clone(),
        configs,
        ..Default::default()
    }
}

/// What is to be shown of each setting.
struct Shape<'a> {
    cluster: &'a Cluster,
    synonyms: bool,
    documentation: bool,
}

/// What a setting comes from, the strongest first.
type Origins = Vec<(&'static str, Value, ConfigSource)>;

impl Shape<'_> {
    fn describe(
        &self,
        resource: &ConfigResource,
    ) -> Result<Vec<DescribeConfigsResourceResult>, Fault> {
        match resource {
            ConfigResource::Topic(name) => self.topic(name),
            ConfigResource::Broker(None) => Ok(self.all_brokers()),
            ConfigResource::Broker(Some(id)) => Ok(self.broker(*id)),
            ConfigResource::BrokerLogger(_) => Ok(vec![logger()]),
            ConfigResource::ClientMetrics(name) => Ok(self.client_metrics(name)),
            ConfigResource::Group(id) => Ok(self.group(id)),
        }
    }

    fn row(
        &self,
        definition: &'static Definition,
        value: Option<Value>,
        origins: Origins,
    ) -> DescribeConfigsResourceResult {
        let source = origins.first().map(|(_, _, source)| *source);
        let synonym =
            |(name, value, source): (&'static str, Value, ConfigSource)| DescribeConfigsSynonym {
                name: name.into(),
                value: Some(value.to_string().into()),
                source: source.code(),
                ..Default::default()
            };
        let synonyms = if self.synonyms { origins } else { Vec::new() };
        DescribeConfigsResourceResult {
            name: definition.key.into(),
            value: value.map(|value| value.to_string().into()),
            read_only: false,
            config_source: source.unwrap_or(ConfigSource::Default).code(),
            is_sensitive: false,
            synonyms: synonyms.into_iter().map(synonym).collect(),
            config_type: definition.type_code(),
            documentation: self.documentation.then(|| definition.doc.into()),
            ..Default::default()
        }
    }

    /// Where the value of a broker's key comes from; its default is the last.
    fn origins(&self, broker: BrokerId, key: &'static str) -> Origins {
        let layers = self.cluster.layers.of_key(broker, key).into_iter();
        let mut origins: Origins = layers.map(|(source, value)| (key, value, source)).collect();
        let definition = self.cluster.settings.definition(key);
        if let Some(definition) = definition.filter(|definition| !definition.shown_unset) {
            origins.push((key, definition.default_value(), ConfigSource::Default));
        }
        origins
    }

    fn topic(&self, name: &str) -> Result<Vec<DescribeConfigsResourceResult>, Fault> {
        let Some(topic) = self.cluster.topics.topic(name) else {
            return Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, String::new()));
        };
        let own = topic.config.own();
        let broker = self.cluster.nodes.controller().unwrap_or_default();
        let row = |definition: &'static Definition| {
            let key = definition.key;
            let mut origins = Origins::new();
            if let Some(value) = own.set_value(key) {
                origins.push((key, value.clone(), ConfigSource::Topic));
            }
            if let Some(broker_key) = broker_key_of_topic_key(key) {
                origins.extend(self.origins(broker, broker_key));
            }
            let value = topic.config.value(key, &self.cluster.settings);
            self.row(definition, Some(value), origins)
        };
        Ok(own.definitions().map(row).collect())
    }

    fn group(&self, id: &str) -> Vec<DescribeConfigsResourceResult> {
        let own = self.cluster.layers.group(id);
        let broker = self.cluster.nodes.controller().unwrap_or_default();
        let row = |definition: &'static Definition| {
            let key = definition.key;
            let settings = &self.cluster.settings;
            let value = self.cluster.layers.group_value(id, key, settings);
            let mut origins = Origins::new();
            if own.set_value(key).is_some() {
                origins.push((key, value.clone(), ConfigSource::Group));
            }
            match broker_key_of_group_key(key) {
                Some(broker_key) => origins.extend(self.origins(broker, broker_key)),
                None => origins.push((key, definition.default_value(), ConfigSource::Default)),
            }
            self.row(definition, Some(value), origins)
        };
        own.definitions().map(row).collect()
    }

    /// What was changed for all brokers.
    fn all_brokers(&self) -> Vec<DescribeConfigsResourceResult> {
        let settings = self.cluster.layers.dynamic(None);
        let row = |(key, value): (&'static str, &Value)| {
            let definition = settings.definition(key)?;
            let origin = (key, value.clone(), ConfigSource::DynamicDefaultBroker);
            let mut row = self.row(definition, Some(value.clone()), vec![origin]);
            row.read_only = !is_dynamic(key);
            Some(row)
        };
        settings.all_set().filter_map(row).collect()
    }

    fn broker(&self, id: BrokerId) -> Vec<DescribeConfigsResourceResult> {
        let settings: &Settings = &self.cluster.settings;
        let row = |definition: &'static Definition| {
            let key = definition.key;
            let is_set = settings.set_value(key).is_some();
            let value = (is_set || !definition.shown_unset).then(|| settings.value(key));
            let mut row = self.row(definition, value, self.origins(id, key));
            row.read_only = !is_dynamic(key);
            row
        };
        let mut rows: Vec<_> = settings.definitions().map(row).collect();
        rows.extend(self.identity(id));
        rows
    }

    /// What tells a broker from the others.
    fn identity(&self, id: BrokerId) -> Vec<DescribeConfigsResourceResult> {
        const INT: i8 = 3;
        const TEXT: i8 = 2;
        const LIST: i8 = 7;
        let node = self.cluster.nodes.node(id);
        let address = node.map(|node| format!("PLAINTEXT://{}:{}", node.host, node.port));
        let address = address.map(StrBytes::from);
        let number = Some(StrBytes::from(id.to_string()));
        let rack = node.and_then(|node| node.rack.clone());
        let rows = [
            ("advertised.listeners", address.clone(), LIST),
            ("broker.id", number.clone(), INT),
            ("broker.rack", rack, TEXT),
            ("listeners", address, LIST),
            (
                "log.dirs",
                Some(super::describe_log_dirs::DIRECTORY.into()),
                LIST,
            ),
            ("node.id", number, INT),
            ("process.roles", Some("broker,controller".into()), LIST),
        ];
        let row = |(name, value, config_type): (&str, Option<StrBytes>, i8)| {
            let source = match value {
                Some(_) => ConfigSource::StaticBroker,
                None => ConfigSource::Default,
            };
            let synonym = value.clone().map(|value| DescribeConfigsSynonym {
                name: name.into(),
                value: Some(value),
                source: source.code(),
                ..Default::default()
            });
            DescribeConfigsResourceResult {
                name: name.into(),
                value,
                read_only: true,
                config_source: source.code(),
                synonyms: synonym.filter(|_| self.synonyms).into_iter().collect(),
                config_type,
                documentation: self.documentation.then(|| "What this broker is.".into()),
                ..Default::default()
            }
        };
        rows.into_iter().map(row).collect()
    }

    fn client_metrics(&self, name: &str) -> Vec<DescribeConfigsResourceResult> {
        let settings = self.cluster.layers.client_metrics(name);
        let row = |definition: &'static Definition| {
            let own = settings.set_value(definition.key);
            let value = settings.value(definition.key);
            let own = own.map(|own| (definition.key, own.clone(), ConfigSource::ClientMetrics));
            self.row(definition, Some(value), own.into_iter().collect())
        };
        settings.definitions().map(row).collect()
    }
}

/// The only logger there is; its level is the program's business.
fn logger() -> DescribeConfigsResourceResult {
    DescribeConfigsResourceResult {
        name: "root".into(),
        value: Some("INFO".into()),
        config_source: ConfigSource::DynamicBrokerLogger.code(),
        documentation: None,
        ..Default::default()
    }
}
