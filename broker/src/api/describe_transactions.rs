//! DescribeTransactions: where transactions stand.

use thalweg_protocol::messages::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, DescribedTransaction,
    TransactionTopic,
};
use thalweg_protocol::{ErrorCode, ProducerId, StrBytes};

use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};
use crate::transaction::{Transaction, check_coordinator};

/// Describes each.
pub(super) fn describe_transactions(
    cluster: &mut Cluster,
    caller: &Caller,
    request: DescribeTransactionsRequest,
) -> DescribeTransactionsResponse {
    let ids = request.transactional_ids.into_iter();
    DescribeTransactionsResponse {
        transaction_states: ids.map(|id| describe(cluster, caller, id)).collect(),
        ..Default::default()
    }
}

fn describe(cluster: &Cluster, caller: &Caller, id: StrBytes) -> DescribedTransaction {
    let failed = |error_code, transactional_id| DescribedTransaction {
        error_code,
        transactional_id,
        producer_id: ProducerId(0),
        ..Default::default()
    };
    if id.is_empty() {
        return failed(ErrorCode::INVALID_REQUEST, id);
    }
    let allowed = cluster.check_transactional_id(caller, Operation::Describe, &id);
    if let Err(code) = allowed.and_then(|()| check_coordinator(cluster, caller, &id)) {
        return failed(code, id);
    }
    match cluster.transactions.transaction(&id) {
        None => failed(ErrorCode::TRANSACTIONAL_ID_NOT_FOUND, id),
        Some(transaction) => DescribedTransaction {
            transactional_id: id,
            transaction_state: transaction.state.name().into(),
            transaction_timeout_ms: transaction.timeout_ms,
            transaction_start_time_ms: transaction.start_ms,
            producer_id: transaction.producer_id,
            producer_epoch: transaction.producer_epoch,
            topics: {
                let mut topics = topics(transaction);
                // Whoever may see the transaction may still not see all of its topics.
                topics.retain(|topic| {
                    let allowed = cluster.check_topic(caller, Operation::Describe, &topic.topic);
                    allowed.is_ok()
                });
                topics
            },
            ..Default::default()
        },
    }
}

fn topics(transaction: &Transaction) -> Vec<TransactionTopic> {
    let mut topics: Vec<TransactionTopic> = Vec::new();
    for (topic, partition) in &transaction.partitions {
        match topics.last_mut() {
            Some(last) if last.topic == *topic => last.partitions.push(*partition),
            _ => topics.push(TransactionTopic {
                topic: topic.clone(),
                partitions: vec![*partition],
                ..Default::default()
            }),
        }
    }
    topics
}
