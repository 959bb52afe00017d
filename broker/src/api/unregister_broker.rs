//! UnregisterBroker: a broker that is gone for good.

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{UnregisterBrokerRequest, UnregisterBrokerResponse};

use super::fault::{fault, told};
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};

/// Agrees. The broker stays known: one that runs registers again at once, and one that does not
/// would when it is started.
pub(super) fn unregister_broker(
    cluster: &mut Cluster,
    caller: &Caller,
    request: UnregisterBrokerRequest,
) -> UnregisterBrokerResponse {
    let id = request.broker_id;
    let outcome = if !cluster.authorize_cluster(caller, Operation::Alter) {
        Err(fault(ErrorCode::CLUSTER_AUTHORIZATION_FAILED))
    } else if cluster.nodes.node(id).is_none() {
        let message = format!("Broker ID {id} is not currently registered");
        Err((ErrorCode::BROKER_ID_NOT_REGISTERED, message))
    } else {
        Ok(())
    };
    let (error_code, error_message) = told(outcome);
    UnregisterBrokerResponse {
        error_code,
        error_message,
        ..Default::default()
    }
}
