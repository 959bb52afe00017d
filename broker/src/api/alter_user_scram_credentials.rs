//! AlterUserScramCredentials: new credentials of SCRAM, and the end of old ones (KIP-554).

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::messages::{
    AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse,
    AlterUserScramCredentialsResult, ScramCredentialDeletion, ScramCredentialUpsertion,
};
use thalweg_protocol::sasl::{ScramCredential, ScramMechanism};
use thalweg_protocol::{ErrorCode, StrBytes};

use super::fault::{Fault, fault, told};
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};

/// Kafka's brokers store no more.
const ITERATIONS_MAX: i32 = 16_384;

/// Changes one credential of each user.
pub(super) fn alter_user_scram_credentials(
    cluster: &mut Cluster,
    caller: &Caller,
    request: AlterUserScramCredentialsRequest,
) -> AlterUserScramCredentialsResponse {
    let deleted = request.deletions.iter().map(|row| &row.name);
    let upserted = request.upsertions.iter().map(|row| &row.name);
    let mut seen = BTreeSet::new();
    let names = deleted.chain(upserted).cloned();
    let twice: BTreeSet<StrBytes> = names.filter(|name| !seen.insert(name.clone())).collect();
    let allowed = cluster.authorize_cluster(caller, Operation::Alter);
    let check = |name: &StrBytes| -> Result<(), Fault> {
        if !allowed {
            return Err(fault(ErrorCode::CLUSTER_AUTHORIZATION_FAILED));
        }
        if twice.contains(name) {
            let message = "A user credential cannot be altered twice in the same request";
            return Err((ErrorCode::DUPLICATE_RESOURCE, message.to_owned()));
        }
        Ok(())
    };
    let mut outcomes: BTreeMap<StrBytes, Result<(), Fault>> = BTreeMap::new();
    for row in request.deletions {
        let outcome = check(&row.name).and_then(|()| delete(cluster, &row));
        outcomes.insert(row.name, outcome);
    }
    for row in request.upsertions {
        let outcome = check(&row.name).and_then(|()| upsert(cluster, &row));
        outcomes.insert(row.name, outcome);
    }
    let result = |(user, outcome): (StrBytes, Result<(), Fault>)| {
        let (error_code, error_message) = told(outcome);
        AlterUserScramCredentialsResult {
            user,
            error_code,
            error_message,
            ..Default::default()
        }
    };
    AlterUserScramCredentialsResponse {
        results: outcomes.into_iter().map(result).collect(),
        ..Default::default()
    }
}

fn mechanism(user: &StrBytes, code: i8) -> Result<ScramMechanism, Fault> {
    if user.is_empty() {
        let message = "Username must not be empty".to_owned();
        return Err((ErrorCode::UNACCEPTABLE_CREDENTIAL, message));
    }
    match code {
        1 => Ok(ScramMechanism::Sha256),
        2 => Ok(ScramMechanism::Sha512),
        _ => {
            let message = "Unknown SCRAM mechanism".to_owned();
            Err((ErrorCode::UNSUPPORTED_SASL_MECHANISM, message))
        }
    }
}

fn delete(cluster: &mut Cluster, row: &ScramCredentialDeletion) -> Result<(), Fault> {
    let mechanism = mechanism(&row.name, row.mechanism)?;
    if cluster.security.remove_scram(&row.name, mechanism) {
        return Ok(());
    }
    let message = "Attempt to delete a user credential that does not exist".to_owned();
    Err((ErrorCode::RESOURCE_NOT_FOUND, message))
}

fn upsert(cluster: &mut Cluster, row: &ScramCredentialUpsertion) -> Result<(), Fault> {
    let unacceptable = |message: &str| (ErrorCode::UNACCEPTABLE_CREDENTIAL, message.to_owned());
    let mechanism = mechanism(&row.name, row.mechanism)?;
    if row.iterations > ITERATIONS_MAX {
        return Err(unacceptable("Too many iterations"));
    }
    let iterations = u32::try_from(row.iterations).unwrap_or(0);
    if iterations < ScramMechanism::ITERATIONS_MIN {
        return Err(unacceptable("Too few iterations"));
    }
    if cluster.security.is_full() {
        return Err(unacceptable("There are as many credentials as are kept"));
    }
    let (salt, salted) = (&row.salt, &row.salted_password);
    let credential = ScramCredential::from_salted_password(mechanism, salted, salt, iterations);
    let credential = credential.map_err(|error| unacceptable(&error.to_string()))?;
    cluster.security.set_scram(row.name.clone(), credential);
    Ok(())
}
