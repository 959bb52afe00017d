//! RemoveRaftVoter: the quorum's voters are fixed, as with `kraft.version` 0 (KIP-853).

use thalweg_protocol::ErrorCode;
use thalweg_protocol::messages::{RemoveRaftVoterRequest, RemoveRaftVoterResponse};

use super::fault::{fault, told};
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};

/// Refuses.
pub(super) fn remove_raft_voter(
    cluster: &mut Cluster,
    caller: &Caller,
    request: RemoveRaftVoterRequest,
) -> RemoveRaftVoterResponse {
    let id = request.cluster_id.as_deref();
    let refused = if !cluster.authorize_cluster(caller, Operation::Alter) {
        fault(ErrorCode::CLUSTER_AUTHORIZATION_FAILED)
    } else if id.is_some_and(|id| *id != *cluster.id) {
        let asked = id.unwrap_or_default();
        let message = format!(
            "The given id \"{asked}\" doesn't match the cluster id \"{}\"",
            cluster.id
        );
        (ErrorCode::INCONSISTENT_CLUSTER_ID, message)
    } else if request.voter_directory_id.is_zero() {
        let message = "Remove voter request didn't include a valid voter";
        (ErrorCode::INVALID_REQUEST, message.to_owned())
    } else {
        let message =
            "Cluster doesn't support removing voter because the kraft.version feature is 0";
        (ErrorCode::UNSUPPORTED_VERSION, message.to_owned())
    };
    let (error_code, error_message) = told(Err(refused));
    RemoveRaftVoterResponse {
        error_code,
        error_message,
        ..Default::default()
    }
}
