//! ListTransactions: the transactional ids there are.

use thalweg_protocol::StrBytes;
use thalweg_protocol::messages::{
    ListTransactionsRequest, ListTransactionsResponse, ListedTransaction,
};

use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};
use crate::transaction::{State, Transaction, check_coordinator};

/// Lists those this broker coordinates and that the filters let through.
pub(super) fn list_transactions(
    cluster: &mut Cluster,
    caller: &Caller,
    request: ListTransactionsRequest,
) -> ListTransactionsResponse {
    let known = |state: &&StrBytes| State::NAMES.contains(&&***state);
    let unknown = request.state_filters.iter().filter(|state| !known(state));
    let unknown_state_filters: Vec<StrBytes> = unknown.cloned().collect();
    let now_ms = cluster.now.wall_ms;
    let passes = |transaction: &Transaction| {
        let states = &request.state_filters;
        let producers = &request.producer_id_filters;
        (states.is_empty()
            || states
                .iter()
                .any(|state| **state == *transaction.state.name()))
            && (producers.is_empty() || producers.contains(&transaction.producer_id))
            && (request.duration_filter < 0
                || transaction.state == State::Ongoing
                    && now_ms - transaction.start_ms > request.duration_filter)
    };
    let listed = cluster
        .transactions
        .iter()
        .filter(|(id, transaction)| {
            let allowed = cluster.check_transactional_id(caller, Operation::Describe, id);
            passes(transaction) && allowed.is_ok() && check_coordinator(cluster, caller, id).is_ok()
        })
        .map(|(id, transaction)| ListedTransaction {
            transactional_id: id.clone(),
            producer_id: transaction.producer_id,
            transaction_state: transaction.state.name().into(),
            ..Default::default()
        });
    ListTransactionsResponse {
        transaction_states: listed.collect(),
        unknown_state_filters,
        ..Default::default()
    }
}
