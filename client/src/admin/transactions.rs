//! Transactions and the producers behind them: who is writing, and what has been open for long.

use std::sync::Arc;

use thalweg_protocol::messages::{
    DescribeProducersRequest, DescribeProducersTopicRequest, DescribeTransactionsRequest,
    ListTransactionsRequest,
};
use thalweg_protocol::{ApiKey, BrokerId, ErrorCode, Offset, ProducerId, StrBytes};

use super::routed::{Answers, Route, RoutedOperation, by_topic, from_all_brokers, perform};
use super::{Admin, Outcomes};
use crate::cluster::{BrokerConnection, Target};
use crate::error::CallError;
use crate::topic_partition::TopicPartition;

/// A producer that has written to a partition not long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActiveProducer {
    /// Its id.
    pub producer_id: ProducerId,
    /// The epoch under which it wrote.
    pub producer_epoch: i32,
    /// The sequence number of its last record; `None` if it has written none.
    pub last_sequence: Option<i32>,
    /// When it last wrote, in milliseconds since 1970; `None` if it is not known.
    pub last_timestamp: Option<i64>,
    /// Where its open transaction begins in the partition; `None` if none is open.
    pub transaction_start_offset: Option<Offset>,
}

/// A transaction as its coordinator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransactionDescription {
    /// The broker that coordinates it.
    pub transaction_coordinator: Option<BrokerId>,
    /// Its state: `Empty`, `Ongoing`, `PrepareCommit`, `PrepareAbort`, `CompleteCommit`,
    /// `CompleteAbort`, `PrepareEpochFence` or `Dead`.
    pub state: String,
    /// The producer's id.
    pub producer_id: ProducerId,
    /// The producer's epoch.
    pub producer_epoch: i16,
    /// After how long the coordinator aborts it, in milliseconds.
    pub transaction_timeout_ms: i32,
    /// When it began, in milliseconds since 1970; `None` if none is open.
    pub start_time_ms: Option<i64>,
    /// The partitions in it.
    pub partitions: Vec<TopicPartition>,
}

/// A transactional id in the list of all.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransactionListing {
    /// The transactional id.
    pub transactional_id: Arc<str>,
    /// The producer's id.
    pub producer_id: ProducerId,
    /// The state of its transaction; see [`TransactionDescription::state`].
    pub state: String,
}

impl Admin {
    /// The producers that have written to partitions not long ago, and whose transactions are open
    /// there (KIP-664). Needs Kafka 2.8.
    pub async fn describe_producers(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Outcomes<TopicPartition, Vec<ActiveProducer>> {
        perform(&self.cluster, &DescribeProducers, partitions).await
    }

    /// The transactions of transactional ids (KIP-664). Needs Kafka 3.0.
    pub async fn describe_transactions(
        &self,
        transactional_ids: impl IntoIterator<Item = impl Into<Arc<str>>>,
    ) -> Outcomes<Arc<str>, TransactionDescription> {
        let ids = transactional_ids.into_iter().map(Into::into);
        perform(&self.cluster, &DescribeTransactions, ids).await
    }

    /// All transactional ids known to the cluster (KIP-664). Needs Kafka 3.0.
    ///
    /// # Errors
    /// One of the brokers did not answer; its ids would be missing.
    pub async fn list_transactions(&self) -> Result<Vec<TransactionListing>, CallError> {
        let listings = from_all_brokers(&self.cluster, &ListTransactions).await?;
        let mut listings: Vec<TransactionListing> = listings.into_iter().flatten().collect();
        listings.sort_by(|left, right| left.transactional_id.cmp(&right.transactional_id));
        listings.dedup_by(|later, earlier| later.transactional_id == earlier.transactional_id);
        Ok(listings)
    }
}

struct DescribeProducers;

impl RoutedOperation for DescribeProducers {
    type Key = TopicPartition;
    type Value = Vec<ActiveProducer>;

    const OPERATION: &'static str = "describe producers";
    const API_KEY: ApiKey = ApiKey::DescribeProducers;

    fn route<'k>(&self, key: &'k TopicPartition) -> Route<'k> {
        Route::Leader(key)
    }

    async fn ask(
        &self,
        connection: &BrokerConnection,
        keys: &[TopicPartition],
    ) -> Result<Answers<Self>, CallError> {
        let version = connection.version::<DescribeProducersRequest>()?;
        let topics = by_topic(keys)
            .into_iter()
            .map(|(topic, partition_indexes)| DescribeProducersTopicRequest {
                name: (&**topic).into(),
                partition_indexes,
                ..Default::default()
            });
        let request = DescribeProducersRequest {
            topics: topics.collect(),
            ..Default::default()
        };
        let response = connection.send(&request, version)?.await?;
        let mut answers = Vec::with_capacity(keys.len());
        for topic in &response.topics {
            let name: Arc<str> = Arc::from(&*topic.name);
            answers.extend(topic.partitions.iter().map(|partition| {
                let key = TopicPartition::new(Arc::clone(&name), partition.partition_index);
                let outcome = match partition.error_code {
                    ErrorCode::NONE => {
                        let producers = partition.active_producers.iter();
                        Ok(producers.map(ActiveProducer::from_response).collect())
                    }
                    code => Err(CallError::refused(
                        ApiKey::DescribeProducers,
                        format!("partition {key}"),
                        code,
                        partition.error_message.as_deref(),
                    )),
                };
                (key, outcome)
            }));
        }
        Ok(answers)
    }
}

impl ActiveProducer {
    fn from_response(producer: &thalweg_protocol::messages::ProducerState) -> Self {
        let start = producer.current_txn_start_offset;
        ActiveProducer {
            producer_id: producer.producer_id,
            producer_epoch: producer.producer_epoch,
            last_sequence: Some(producer.last_sequence).filter(|sequence| *sequence >= 0),
            last_timestamp: Some(producer.last_timestamp).filter(|timestamp| *timestamp >= 0),
            transaction_start_offset: Some(start).filter(|offset| offset.0 >= 0),
        }
    }
}

struct DescribeTransactions;

impl RoutedOperation for DescribeTransactions {
    type Key = Arc<str>;
    type Value = TransactionDescription;

    const OPERATION: &'static str = "describe transactions";
    const API_KEY: ApiKey = ApiKey::DescribeTransactions;

    fn route<'k>(&self, key: &'k Arc<str>) -> Route<'k> {
        Route::To(Target::TransactionCoordinator(key))
    }

    async fn ask(
        &self,
        connection: &BrokerConnection,
        keys: &[Arc<str>],
    ) -> Result<Answers<Self>, CallError> {
        let version = connection.version::<DescribeTransactionsRequest>()?;
        let ids = keys.iter().map(|id| StrBytes::from(&**id));
        let request = DescribeTransactionsRequest {
            transactional_ids: ids.collect(),
            ..Default::default()
        };
        let response = connection.send(&request, version)?.await?;
        let answers = response.transaction_states.iter().map(|transaction| {
            let id: Arc<str> = Arc::from(&*transaction.transactional_id);
            let partitions = transaction.topics.iter().flat_map(|topic| {
                let name: Arc<str> = Arc::from(&*topic.topic);
                let partitions = topic.partitions.iter();
                partitions.map(move |partition| TopicPartition::new(Arc::clone(&name), *partition))
            });
            let outcome = match transaction.error_code {
                ErrorCode::NONE => Ok(TransactionDescription {
                    transaction_coordinator: connection.broker_id(),
                    state: transaction.transaction_state.to_string(),
                    producer_id: transaction.producer_id,
                    producer_epoch: transaction.producer_epoch,
                    transaction_timeout_ms: transaction.transaction_timeout_ms,
                    start_time_ms: Some(transaction.transaction_start_time_ms)
                        .filter(|start| *start >= 0),
                    partitions: partitions.collect(),
                }),
                code => Err(CallError::refused(
                    ApiKey::DescribeTransactions,
                    format!("transactional id '{id}'"),
                    code,
                    None,
                )),
            };
            (id, outcome)
        });
        Ok(answers.collect())
    }
}

struct ListTransactions;

impl RoutedOperation for ListTransactions {
    type Key = BrokerId;
    type Value = Vec<TransactionListing>;

    const OPERATION: &'static str = "list transactions";
    const API_KEY: ApiKey = ApiKey::ListTransactions;

    fn route<'k>(&self, key: &'k BrokerId) -> Route<'k> {
        Route::To(Target::Broker(*key))
    }

    async fn ask(
        &self,
        connection: &BrokerConnection,
        keys: &[BrokerId],
    ) -> Result<Answers<Self>, CallError> {
        let version = connection.version::<ListTransactionsRequest>()?;
        let response = connection
            .send(&ListTransactionsRequest::default(), version)?
            .await?;
        let code = response.error_code;
        if code != ErrorCode::NONE {
            let subject = connection.address().to_string();
            return Err(CallError::refused(
                ApiKey::ListTransactions,
                subject,
                code,
                None,
            ));
        }
        let listings = response
            .transaction_states
            .iter()
            .map(|transaction| TransactionListing {
                transactional_id: Arc::from(&*transaction.transactional_id),
                producer_id: transaction.producer_id,
                state: transaction.transaction_state.to_string(),
            });
        let listings: Vec<TransactionListing> = listings.collect();
        Ok(keys
            .iter()
            .map(|broker| (*broker, Ok(listings.clone())))
            .collect())
    }
}
