//! AddPartitionsToTxn: partitions a transaction will write to.

use thalweg_protocol::messages::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    AddPartitionsToTxnResult, AddPartitionsToTxnTopic, AddPartitionsToTxnTopicResult,
    AddPartitionsToTxnTransaction,
};
use thalweg_protocol::{ErrorCode, PartitionId, StrBytes};

use super::older_name;
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};
use crate::transaction;

/// Adds partitions: of one transaction up to version 3, of several from there on, where they may be
/// asked for only.
pub(super) fn add_partitions_to_txn(
    cluster: &mut Cluster,
    caller: &Caller,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    let mut response = AddPartitionsToTxnResponse::default();
    if caller.version < 4 {
        let one = AddPartitionsToTxnTransaction {
            transactional_id: request.v3_and_below_transactional_id,
            producer_id: request.v3_and_below_producer_id,
            producer_epoch: request.v3_and_below_producer_epoch,
            verify_only: false,
            topics: request.v3_and_below_topics,
            ..Default::default()
        };
        response.results_by_topic_v3_and_below = add_allowed(cluster, caller, &one);
        return response;
    }
    // Brokers alone ask so.
    if !cluster.authorize_cluster(caller, Operation::ClusterAction) {
        response.error_code = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
        return response;
    }
    for transaction in request.transactions {
        response
            .results_by_transaction
            .push(AddPartitionsToTxnResult {
                topic_results: add(cluster, caller, &transaction),
                transactional_id: transaction.transactional_id,
                ..Default::default()
            });
    }
    response
}

/// Adds what the producer may write to: all or nothing.
fn add_allowed(
    cluster: &mut Cluster,
    caller: &Caller,
    asked: &AddPartitionsToTxnTransaction,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let id = &asked.transactional_id;
    let topics = asked.topics.iter();
    if let Err(denied) = cluster.check_transactional_id(caller, Operation::Write, id) {
        let places = topics.flat_map(|topic| &topic.partitions);
        return results(&asked.topics, places.map(|_| denied));
    }
    let checks = topics.flat_map(|topic| {
        let checked = cluster.check_topic(caller, Operation::Write, &topic.name);
        topic.partitions.iter().map(move |_| checked)
    });
    let checks: Vec<Result<(), ErrorCode>> = checks.collect();
    if checks.iter().all(Result::is_ok) {
        return add(cluster, caller, asked);
    }
    let codes = checks.into_iter();
    let codes = codes.map(|check| check.err().unwrap_or(ErrorCode::OPERATION_NOT_ATTEMPTED));
    results(&asked.topics, codes)
}

fn add(
    cluster: &mut Cluster,
    caller: &Caller,
    asked: &AddPartitionsToTxnTransaction,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let places = asked.topics.iter().flat_map(|topic| {
        let name = topic.name.detached();
        topic
            .partitions
            .iter()
            .map(move |index| (name.clone(), *index))
    });
    let places: Vec<(StrBytes, PartitionId)> = places.collect();
    let unknown = |(topic, index): &(StrBytes, PartitionId)| {
        cluster.topics.partition(topic, *index).is_none()
    };
    // All or nothing: what can be added is not, where something cannot.
    if places.iter().any(unknown) {
        let unknown: Vec<_> = places.iter().map(unknown).collect();
        return results(
            &asked.topics,
            unknown.into_iter().map(|unknown| {
                if unknown {
                    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                } else {
                    ErrorCode::OPERATION_NOT_ATTEMPTED
                }
            }),
        );
    }
    let who = (asked.producer_id, asked.producer_epoch);
    let id = &asked.transactional_id;
    if let Err(code) = transaction::check_coordinator(cluster, caller, id) {
        return results(&asked.topics, places.iter().map(|_| code));
    }
    let codes: Vec<ErrorCode> = if asked.verify_only {
        let verify = |place| transaction::verify_partition(cluster, id, who.0, who.1, place);
        places.iter().map(verify).map(code_of).collect()
    } else {
        let added = transaction::add_partitions(cluster, id, who.0, who.1, places.clone());
        vec![code_of(added); places.len()]
    };
    // Producers know that they can be fenced from version 2 on.
    let codes = codes
        .into_iter()
        .map(|code| older_name(code, caller.version < 2));
    results(&asked.topics, codes)
}

fn code_of(result: Result<(), ErrorCode>) -> ErrorCode {
    result.err().unwrap_or(ErrorCode::NONE)
}

/// One code for each partition, in their order.
fn results(
    topics: &[AddPartitionsToTxnTopic],
    mut codes: impl Iterator<Item = ErrorCode>,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let mut of_topic = |topic: &AddPartitionsToTxnTopic| AddPartitionsToTxnTopicResult {
        name: topic.name.clone(),
        results_by_partition: topic
            .partitions
            .iter()
            .map(|index| AddPartitionsToTxnPartitionResult {
                partition_index: *index,
                partition_error_code: codes.next().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    };
    topics.iter().map(&mut of_topic).collect()
}
