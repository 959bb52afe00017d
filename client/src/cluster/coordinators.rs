//! Who coordinates a group or a transactional id.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;
use thalweg_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use thalweg_protocol::{ApiKey, BrokerId, ErrorCode, StrBytes};

use super::purpose::CoordinatorKey;
use super::{Cluster, Purpose, Target};
use crate::config::HostPort;
use crate::error::CallError;

/// From this version on several coordinators can be asked for at once.
const BATCHED_SINCE: i16 = 4;

/// The coordinators found so far, until they are said to have moved.
#[derive(Default)]
pub(super) struct Coordinators {
    found: Mutex<HashMap<CoordinatorKey<Arc<str>>, BrokerId, foldhash::fast::FixedState>>,
}

impl Coordinators {
    fn lock(
        &self,
    ) -> MutexGuard<'_, HashMap<CoordinatorKey<Arc<str>>, BrokerId, foldhash::fast::FixedState>>
    {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cluster {
    /// The coordinator of a group or transactional id, asked for if it is not known.
    pub(super) async fn coordinator(&self, of: Target<'_>) -> Result<BrokerId, CallError> {
        let Some(key) = of.coordinator() else {
            return Err(CallError::NoController);
        };
        if let Some(broker) = self.inner.coordinators.lock().get(&key.to_owned()) {
            return Ok(*broker);
        }
        let any = self.any_broker(Purpose::Control)?;
        let connection = self.connection_to(any, Purpose::Control).await?;
        let version = connection.version::<FindCoordinatorRequest>()?;
        let name = StrBytes::from(key.name());
        let mut request = FindCoordinatorRequest {
            key_type: key.key_type(),
            ..Default::default()
        };
        if version >= BATCHED_SINCE {
            request.coordinator_keys = vec![name];
        } else {
            request.key = name;
        }
        let response = connection.send(&request, version)?.await?;
        let broker = self.learn_coordinator(key, &response, version)?;
        tracing::debug!(coordinator_of = %key, broker = broker.0, "found coordinator");
        Ok(broker)
    }

    /// Looks up all the coordinators among `targets` that are not known, with few questions. One
    /// that is not found is left to be asked for alone, which tells why.
    pub(crate) async fn look_up_coordinators<'t>(
        &self,
        targets: impl IntoIterator<Item = Target<'t>>,
    ) {
        let mut unknown: BTreeMap<i8, Vec<CoordinatorKey<&'t str>>> = BTreeMap::new();
        {
            let found = self.inner.coordinators.lock();
            for key in targets.into_iter().filter_map(Target::coordinator) {
                if !found.contains_key(&key.to_owned()) {
                    unknown.entry(key.key_type()).or_default().push(key);
                }
            }
        }
        for (key_type, keys) in unknown.into_iter().filter(|(_, keys)| keys.len() > 1) {
            let request = FindCoordinatorRequest {
                key_type,
                coordinator_keys: keys.iter().map(|key| StrBytes::from(key.name())).collect(),
                ..Default::default()
            };
            let Ok(any) = self.any_broker(Purpose::Control) else {
                return;
            };
            let Ok(connection) = self.connection_to(any, Purpose::Control).await else {
                return;
            };
            let Ok(version) =
                connection.version_within::<FindCoordinatorRequest>(BATCHED_SINCE, i16::MAX)
            else {
                return;
            };
            let Ok(pending) = connection.send(&request, version) else {
                return;
            };
            let Ok(response) = pending.await else { return };
            for key in keys {
                let _ = self.learn_coordinator(key, &response, version);
            }
        }
    }

    /// Forgets who coordinates a group or transactional id: a broker said it does not, or the one
    /// that does cannot be reached. The next request asks again.
    pub(crate) fn coordinator_moved(&self, of: Target<'_>) {
        if let Some(key) = of.coordinator() {
            self.inner.coordinators.lock().remove(&key.to_owned());
        }
    }

    fn learn_coordinator(
        &self,
        key: CoordinatorKey<&str>,
        response: &FindCoordinatorResponse,
        version: i16,
    ) -> Result<BrokerId, CallError> {
        let found = if version >= BATCHED_SINCE {
            let mut answers = response.coordinators.iter();
            answers
                .find(|answer| &*answer.key == key.name())
                .map(|answer| {
                    let message = answer.error_message.as_deref();
                    (
                        answer.error_code,
                        message,
                        answer.node_id,
                        &answer.host,
                        answer.port,
                    )
                })
        } else {
            let message = response.error_message.as_deref();
            Some((
                response.error_code,
                message,
                response.node_id,
                &response.host,
                response.port,
            ))
        };
        let Some((code, message, broker, host, port)) = found else {
            // The broker left out what was asked for; another one may do better.
            let code = ErrorCode::COORDINATOR_NOT_AVAILABLE;
            let message = Some("the answer does not mention it");
            return Err(CallError::refused(
                ApiKey::FindCoordinator,
                key.to_string(),
                code,
                message,
            ));
        };
        let address = u16::try_from(port).map(|port| HostPort {
            host: Arc::from(&**host),
            port,
        });
        match (code, address) {
            (ErrorCode::NONE, Ok(address)) => {
                self.inner.refresh.learn_broker(broker, address);
                self.inner
                    .coordinators
                    .lock()
                    .insert(key.to_owned(), broker);
                Ok(broker)
            }
            (code, _) => {
                let code = match code {
                    ErrorCode::NONE => ErrorCode::COORDINATOR_NOT_AVAILABLE,
                    code => code,
                };
                Err(CallError::refused(
                    ApiKey::FindCoordinator,
                    key.to_string(),
                    code,
                    message,
                ))
            }
        }
    }
}
