//! DescribeUserScramCredentials: which users have credentials of SCRAM (KIP-554).

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::messages::{
    CredentialInfo, DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse,
    DescribeUserScramCredentialsResult,
};
use thalweg_protocol::sasl::ScramMechanism;
use thalweg_protocol::{ErrorCode, StrBytes};

use super::fault::{Fault, fault, told};
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};

/// Describes the users asked for, or all.
pub(super) fn describe_user_scram_credentials(
    cluster: &mut Cluster,
    caller: &Caller,
    request: DescribeUserScramCredentialsRequest,
) -> DescribeUserScramCredentialsResponse {
    // Without an error the message is empty, not null, as Kafka's is.
    let mut response = DescribeUserScramCredentialsResponse {
        error_message: Some(StrBytes::new()),
        ..Default::default()
    };
    if !cluster.authorize_cluster(caller, Operation::Describe) {
        let (code, message) = told(Err(fault(ErrorCode::CLUSTER_AUTHORIZATION_FAILED)));
        response.error_code = code;
        response.error_message = message;
        return response;
    }
    let asked = request.users.unwrap_or_default();
    let mut counts: BTreeMap<StrBytes, usize> = BTreeMap::new();
    if asked.is_empty() {
        let all: BTreeSet<&StrBytes> = cluster.security.scram_users().collect();
        counts.extend(all.into_iter().map(|user| (user.clone(), 1)));
    }
    for user in asked {
        *counts.entry(user.name).or_default() += 1;
    }
    let describe = |(user, count): (StrBytes, usize)| {
        let (credential_infos, outcome) = match credentials(cluster, &user, count) {
            Ok(found) => (found, Ok(())),
            Err(fault) => (Vec::new(), Err(fault)),
        };
        let (error_code, error_message) = told(outcome);
        DescribeUserScramCredentialsResult {
            user,
            error_code,
            error_message,
            credential_infos,
            ..Default::default()
        }
    };
    response.results = counts.into_iter().map(describe).collect();
    response
}

fn credentials(
    cluster: &Cluster,
    user: &StrBytes,
    count: usize,
) -> Result<Vec<CredentialInfo>, Fault> {
    if count > 1 {
        let message = format!(
            "Cannot describe SCRAM credentials for the same user twice in a single request: {user}"
        );
        return Err((ErrorCode::DUPLICATE_RESOURCE, message));
    }
    let all = [(1, ScramMechanism::Sha256), (2, ScramMechanism::Sha512)];
    let found = all.into_iter().filter_map(|(code, mechanism)| {
        let credential = cluster.security.scram(user, mechanism)?;
        Some(CredentialInfo {
            mechanism: code,
            iterations: i32::try_from(credential.iterations()).unwrap_or(i32::MAX),
            ..Default::default()
        })
    });
    let found: Vec<CredentialInfo> = found.collect();
    if found.is_empty() {
        let message = format!("Attempt to describe a user credential that does not exist: {user}");
        return Err((ErrorCode::RESOURCE_NOT_FOUND, message));
    }
    Ok(found)
}
