//! DescribeClientQuotas: the quotas that were set (KIP-546).

use std::collections::BTreeMap;

use thalweg_protocol::messages::{
    ClientQuotaEntity, ClientQuotaValue, DescribeClientQuotasEntry, DescribeClientQuotasRequest,
    DescribeClientQuotasResponse,
};
use thalweg_protocol::{ErrorCode, StrBytes};

use super::fault::{Fault, fault, invalid, told};
use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};
use crate::quota::{Entity, EntityKind};

/// Which names a part of an entity may have.
enum Match {
    /// This one, or, with none, all without a quota by name.
    Exact(Option<StrBytes>),
    Any,
}

/// Lists the entities a filter matches.
pub(super) fn describe_client_quotas(
    cluster: &mut Cluster,
    caller: &Caller,
    request: DescribeClientQuotasRequest,
) -> DescribeClientQuotasResponse {
    let found = if cluster.authorize_cluster(caller, Operation::DescribeConfigs) {
        filter(&request)
    } else {
        Err(fault(ErrorCode::CLUSTER_AUTHORIZATION_FAILED))
    };
    let (filter, outcome) = match found {
        Ok(filter) => (Some(filter), Ok(())),
        Err(fault) => (None, Err(fault)),
    };
    let (error_code, error_message) = told(outcome);
    let entries = filter.map(|filter| {
        let all = cluster.quotas.iter();
        let matching = all.filter(|(entity, _)| matches(entity, &filter, request.strict));
        matching
            .map(|(entity, values)| entry(entity, values))
            .collect()
    });
    DescribeClientQuotasResponse {
        error_code,
        // Without an error it is empty, not null, as Kafka's is.
        error_message: error_message.or(Some(StrBytes::new())),
        entries,
        ..Default::default()
    }
}

fn filter(request: &DescribeClientQuotasRequest) -> Result<BTreeMap<EntityKind, Match>, Fault> {
    const EXACT: i8 = 0;
    const DEFAULT: i8 = 1;
    const ANY: i8 = 2;
    let mut filter = BTreeMap::new();
    for component in &request.components {
        let kind = &component.entity_type;
        if kind.is_empty() {
            return Err(invalid("Invalid empty entity type."));
        }
        let Some(known) = EntityKind::from_name(kind) else {
            let message = format!("Unsupported entity type {kind}");
            return Err((ErrorCode::UNSUPPORTED_VERSION, message));
        };
        let also = |what: &str| {
            let also = "but also specified a match string.";
            Err(invalid(format!("Request specified {what}, {also}")))
        };
        let wanted = match (component.match_type, &component.r#match) {
            (EXACT, Some(name)) => Match::Exact(Some(name.clone())),
            (EXACT, None) => {
                return Err(invalid(
                    "Request specified MATCH_TYPE_EXACT, but set match string to null.",
                ));
            }
            (DEFAULT, None) => Match::Exact(None),
            (DEFAULT, Some(_)) => return also("MATCH_TYPE_DEFAULT"),
            (ANY, None) => Match::Any,
            (ANY, Some(_)) => return also("MATCH_TYPE_SPECIFIED"),
            (other, _) => return Err(invalid(format!("Unknown match type {other}"))),
        };
        if filter.insert(known, wanted).is_some() {
            return Err(invalid(format!(
                "Entity type {kind} cannot appear more than once in the filter."
            )));
        }
    }
    if filter.contains_key(&EntityKind::Ip) && filter.len() > 1 {
        return Err(invalid(
            "Invalid entity filter component combination. IP filter component should not be used \
             with user or clientId filter component.",
        ));
    }
    Ok(filter)
}

fn matches(entity: &Entity, filter: &BTreeMap<EntityKind, Match>, strict: bool) -> bool {
    if strict && entity.parts().count() != filter.len() {
        return false;
    }
    filter
        .iter()
        .all(|(kind, wanted)| match (entity.part(*kind), wanted) {
            (None, _) => false,
            (Some(_), Match::Any) => true,
            (Some(name), Match::Exact(wanted)) => name == wanted,
        })
}

fn entry(entity: &Entity, values: &BTreeMap<StrBytes, f64>) -> DescribeClientQuotasEntry {
    let parts = entity.parts().map(|(kind, name)| ClientQuotaEntity {
        entity_type: kind.name().into(),
        entity_name: name.clone(),
        ..Default::default()
    });
    let values = values.iter().map(|(key, value)| ClientQuotaValue {
        key: key.clone(),
        value: *value,
        ..Default::default()
    });
    DescribeClientQuotasEntry {
        entity: parts.collect(),
        values: values.collect(),
        ..Default::default()
    }
}
