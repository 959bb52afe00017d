//! Topics: create, delete, describe, list, add partitions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use thalweg_protocol::messages::{
    CreatableTopic, CreatableTopicConfig, CreatePartitionsRequest, CreatePartitionsTopic,
    CreateTopicsRequest, DeleteTopicState, DeleteTopicsRequest, MetadataRequest,
    MetadataRequestTopic, MetadataResponse,
};
use thalweg_protocol::{ApiKey, ErrorCode, StrBytes, Uuid};

use super::routed::{
    Answers, Route, RoutedOperation, milliseconds, perform, repeats_missing_only_if,
};
use super::{Admin, Outcomes};
use crate::cluster::{BrokerConnection, Cluster, Purpose, Target, TopicMetadata};
use crate::error::CallError;

/// A topic to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct NewTopic {
    name: Arc<str>,
    partitions: i32,
    replication_factor: i16,
    configs: BTreeMap<String, String>,
}

impl NewTopic {
    /// A topic with that many partitions, replicated as the broker's `default.replication.factor`
    /// says.
    pub fn new(name: impl Into<Arc<str>>, partitions: i32) -> Self {
        NewTopic {
            name: name.into(),
            partitions,
            replication_factor: -1,
            configs: BTreeMap::new(),
        }
    }

    /// How many brokers hold a copy of each partition. Default: what the brokers are configured
    /// with.
    pub fn replication_factor(mut self, replicas: i16) -> Self {
        self.replication_factor = replicas;
        self
    }

    /// Sets a configuration of the topic, such as `retention.ms`.
    pub fn config(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.configs.insert(key.into(), value.into());
        self
    }
}

/// A topic that was created.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatedTopic {
    /// Its id; [`Uuid::ZERO`] from brokers older than Kafka 2.8.
    pub topic_id: Uuid,
    /// How many partitions it has; `None` from brokers older than Kafka 2.4, and for those without
    /// permission to see it.
    pub partitions: Option<i32>,
    /// How many copies each partition has; `None` as for `partitions`.
    pub replication_factor: Option<i16>,
}

/// A topic in the list of all.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicListing {
    /// The topic's name.
    pub name: Arc<str>,
    /// The topic's id; [`Uuid::ZERO`] from brokers older than Kafka 2.8.
    pub topic_id: Uuid,
    /// How many partitions it has.
    pub partitions: usize,
    /// Whether it is Kafka's own.
    pub is_internal: bool,
}

impl Admin {
    /// Creates topics. They may take a moment to be known to all brokers.
    ///
    /// A topic that exists already fails with `TOPIC_ALREADY_EXISTS`; also one that this very call
    /// created before the answer was lost and it had to ask again.
    pub async fn create_topics(
        &self,
        topics: impl IntoIterator<Item = NewTopic>,
    ) -> Outcomes<Arc<str>, CreatedTopic> {
        let topics: BTreeMap<Arc<str>, NewTopic> = topics
            .into_iter()
            .map(|topic| (Arc::clone(&topic.name), topic))
            .collect();
        let names: Vec<Arc<str>> = topics.keys().cloned().collect();
        let timeout = self.cluster.config().request_timeout;
        let created = perform(&self.cluster, &CreateTopics { topics, timeout }, names).await;
        for (name, _) in created.iter().filter(|(_, outcome)| outcome.is_ok()) {
            self.cluster.topic_created(name);
        }
        created
    }

    /// Deletes topics with all their records.
    pub async fn delete_topics(
        &self,
        names: impl IntoIterator<Item = impl Into<Arc<str>>>,
    ) -> Outcomes<Arc<str>, ()> {
        let timeout = self.cluster.config().request_timeout;
        let names = names.into_iter().map(Into::into);
        let deleted = perform(&self.cluster, &DeleteTopics { timeout }, names).await;
        for (name, _) in deleted.iter().filter(|(_, outcome)| outcome.is_ok()) {
            self.cluster.topic_deleted(name);
        }
        deleted
    }

    /// Raises the number of partitions of topics to the given totals. They may take a moment to be
    /// known to all brokers.
    ///
    /// Records with keys go to other partitions from then on: what depends on the key's partition,
    /// such as state under a stream engine, breaks.
    pub async fn create_partitions(
        &self,
        totals: impl IntoIterator<Item = (impl Into<Arc<str>>, i32)>,
    ) -> Outcomes<Arc<str>, ()> {
        let totals: BTreeMap<Arc<str>, i32> = totals
            .into_iter()
            .map(|(name, total)| (name.into(), total))
            .collect();
        let names: Vec<Arc<str>> = totals.keys().cloned().collect();
        let timeout = self.cluster.config().request_timeout;
        perform(&self.cluster, &CreatePartitions { totals, timeout }, names).await
    }

    /// Partitions, leaders and replicas of topics, as of now. A topic that does not exist fails
    /// with `UNKNOWN_TOPIC_OR_PARTITION`, at once.
    pub async fn describe_topics(
        &self,
        names: impl IntoIterator<Item = impl Into<Arc<str>>>,
    ) -> Outcomes<Arc<str>, TopicMetadata> {
        perform(
            &self.cluster,
            &DescribeTopics {
                cluster: &self.cluster,
            },
            names.into_iter().map(Into::into),
        )
        .await
    }

    /// All topics that this client may see, by name, Kafka's own included.
    ///
    /// # Errors
    /// No broker answered.
    pub async fn list_topics(&self) -> Result<Vec<TopicListing>, CallError> {
        let request = MetadataRequest {
            topics: None,
            allow_auto_topic_creation: false,
            ..Default::default()
        };
        let check = |_: &MetadataResponse| Ok(());
        let (to, purpose) = (Target::Any, Purpose::Control);
        let response = self
            .cluster
            .call_retrying("list topics", to, purpose, &request, check)
            .await?;
        let mut topics: Vec<TopicListing> = response
            .topics
            .iter()
            .filter(|topic| topic.error_code != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
            .filter_map(|topic| {
                Some(TopicListing {
                    name: Arc::from(topic.name.as_deref()?),
                    topic_id: topic.topic_id,
                    partitions: topic.partitions.len(),
                    is_internal: topic.is_internal,
                })
            })
            .collect();
        topics.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        Ok(topics)
    }
}

/// The error for a topic in an answer, if there is one.
fn topic_outcome(
    api: ApiKey,
    name: &str,
    code: ErrorCode,
    message: Option<&str>,
) -> Result<(), CallError> {
    match code {
        ErrorCode::NONE => Ok(()),
        code => Err(CallError::refused(
            api,
            format!("topic '{name}'"),
            code,
            message,
        )),
    }
}

struct CreateTopics {
    topics: BTreeMap<Arc<str>, NewTopic>,
    timeout: Duration,
}

impl RoutedOperation for CreateTopics {
    type Key = Arc<str>;
    type Value = CreatedTopic;

    const OPERATION: &'static str = "create topics";
    const API_KEY: ApiKey = ApiKey::CreateTopics;

    fn route<'k>(&self, _: &'k Arc<str>) -> Route<'k> {
        Route::To(Target::Controller)
    }

    async fn ask(
        &self,
        connection: &BrokerConnection,
        keys: &[Arc<str>],
    ) -> Result<Answers<Self>, CallError> {
        let version = connection.version::<CreateTopicsRequest>()?;
        let topics = keys
            .iter()
            .filter_map(|name| self.topics.get(name))
            .map(|topic| {
                let configs = topic
                    .configs
                    .iter()
                    .map(|(name, value)| CreatableTopicConfig {
                        name: name.as_str().into(),
                        value: Some(value.as_str().into()),
                        ..Default::default()
                    });
                CreatableTopic {
                    name: (&*topic.name).into(),
                    num_partitions: topic.partitions,
                    replication_factor: topic.replication_factor,
                    configs: configs.collect(),
                    ..Default::default()
                }
            });
        let request = CreateTopicsRequest {
            topics: topics.collect(),
            timeout_ms: milliseconds(self.timeout),
            ..Default::default()
        };
        let response = connection
            .send_holding(&request, version, self.timeout)?
            .await?;
        let outcomes = response.topics.iter().map(|topic| {
            let message = topic.error_message.as_deref();
            let outcome =
                topic_outcome(ApiKey::CreateTopics, &topic.name, topic.error_code, message);
            let created = CreatedTopic {
                topic_id: topic.topic_id,
                partitions: Some(topic.num_partitions).filter(|count| *count >= 0),
                replication_factor: Some(topic.replication_factor).filter(|count| *count >= 0),
            };
            (Arc::from(&*topic.name), outcome.map(|()| created))
        });
        Ok(outcomes.collect())
    }
}

struct DeleteTopics {
    timeout: Duration,
}

impl RoutedOperation for DeleteTopics {
    type Key = Arc<str>;
    type Value = ();

    const OPERATION: &'static str = "delete topics";
    const API_KEY: ApiKey = ApiKey::DeleteTopics;

    fn route<'k>(&self, _: &'k Arc<str>) -> Route<'k> {
        Route::To(Target::Controller)
    }

    fn is_worth_repeating(&self, _: &Arc<str>, error: &CallError) -> bool {
        repeats_missing_only_if(false, error)
    }

    async fn ask(
        &self,
        connection: &BrokerConnection,
        keys: &[Arc<str>],
    ) -> Result<Answers<Self>, CallError> {
        let version = connection.version::<DeleteTopicsRequest>()?;
        let names = keys.iter().map(|name| StrBytes::from(&**name));
        let mut request = DeleteTopicsRequest {
            timeout_ms: milliseconds(self.timeout),
            ..Default::default()
        };
        if version >= 6 {
            let by_name = |name| DeleteTopicState {
                name: Some(name),
                ..Default::default()
            };
            request.topics = names.map(by_name).collect();
        } else {
            request.topic_names = names.collect();
        }
        let response = connection
            .send_holding(&request, version, self.timeout)?
            .await?;
        let outcomes = response.responses.iter().filter_map(|topic| {
            let name = topic.name.as_deref()?;
            let message = topic.error_message.as_deref();
            let outcome = topic_outcome(ApiKey::DeleteTopics, name, topic.error_code, message);
            Some((Arc::from(name), outcome))
        });
        Ok(outcomes.collect())
    }
}

struct CreatePartitions {
    totals: BTreeMap<Arc<str>, i32>,
    timeout: Duration,
}

impl RoutedOperation for CreatePartitions {
    type Key = Arc<str>;
    type Value = ();

    const OPERATION: &'static str = "create partitions";
    const API_KEY: ApiKey = ApiKey::CreatePartitions;

    fn route<'k>(&self, _: &'k Arc<str>) -> Route<'k> {
        Route::To(Target::Controller)
    }

    fn is_worth_repeating(&self, _: &Arc<str>, error: &CallError) -> bool {
        repeats_missing_only_if(false, error)
    }

    async fn ask(
        &self,
        connection: &BrokerConnection,
        keys: &[Arc<str>],
    ) -> Result<Answers<Self>, CallError> {
        let version = connection.version::<CreatePartitionsRequest>()?;
        let topics = keys
            .iter()
            .filter_map(|name| self.totals.get_key_value(name));
        let topics = topics.map(|(name, total)| CreatePartitionsTopic {
            name: (&**name).into(),
            count: *total,
            assignments: None,
            ..Default::default()
        });
        let request = CreatePartitionsRequest {
            topics: topics.collect(),
            timeout_ms: milliseconds(self.timeout),
            ..Default::default()
        };
        let response = connection
            .send_holding(&request, version, self.timeout)?
            .await?;
        let outcomes = response.results.iter().map(|topic| {
            let message = topic.error_message.as_deref();
            let outcome = topic_outcome(
                ApiKey::CreatePartitions,
                &topic.name,
                topic.error_code,
                message,
            );
            (Arc::from(&*topic.name), outcome)
        });
        Ok(outcomes.collect())
    }
}

struct DescribeTopics<'c> {
    cluster: &'c Cluster,
}

impl RoutedOperation for DescribeTopics<'_> {
    type Key = Arc<str>;
    type Value = TopicMetadata;

    const OPERATION: &'static str = "describe topics";
    const API_KEY: ApiKey = ApiKey::Metadata;

    fn route<'k>(&self, _: &'k Arc<str>) -> Route<'k> {
        Route::To(Target::Any)
    }

    fn is_worth_repeating(&self, name: &Arc<str>, error: &CallError) -> bool {
        repeats_missing_only_if(self.cluster.is_topic_new(name), error)
    }

    async fn ask(
        &self,
        connection: &BrokerConnection,
        keys: &[Arc<str>],
    ) -> Result<Answers<Self>, CallError> {
        let version = connection.version::<MetadataRequest>()?;
        let topics = keys.iter().map(|name| MetadataRequestTopic {
            name: Some((&**name).into()),
            ..Default::default()
        });
        let request = MetadataRequest {
            topics: Some(topics.collect()),
            allow_auto_topic_creation: false,
            ..Default::default()
        };
        let response = connection.send(&request, version)?.await?;
        let outcomes = response.topics.iter().filter_map(|topic| {
            let name: Arc<str> = Arc::from(topic.name.as_deref()?);
            let outcome = topic_outcome(ApiKey::Metadata, &name, topic.error_code, None);
            let described = TopicMetadata::from_response(&name, topic, None);
            Some((name, outcome.map(|()| described)))
        });
        Ok(outcomes.collect())
    }
}
