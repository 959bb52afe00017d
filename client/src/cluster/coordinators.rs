//! Who coordinates a group or a transactional id.

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
        let broker = self.learn_coordinator(key, response, version)?;
        tracing::debug!(coordinator_of = %key, broker = broker.0, "found coordinator");
        Ok(broker)
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
        response: FindCoordinatorResponse,
        version: i16,
    ) -> Result<BrokerId, CallError> {
        let (code, message, broker, host, port) = if version >= BATCHED_SINCE {
            let answers = response.coordinators;
            let answer = answers
                .into_iter()
                .find(|answer| &*answer.key == key.name());
            let Some(answer) = answer else {
                // The broker left out what was asked for; another one may do better.
                let code = ErrorCode::COORDINATOR_NOT_AVAILABLE;
                return Err(CallError::refused(
                    ApiKey::FindCoordinator,
                    key.to_string(),
                    code,
                    Some("the answer does not mention it"),
                ));
            };
            (
                answer.error_code,
                answer.error_message,
                answer.node_id,
                answer.host,
                answer.port,
            )
        } else {
            let FindCoordinatorResponse {
                error_code,
                error_message,
                node_id,
                host,
                port,
                ..
            } = response;
            (error_code, error_message, node_id, host, port)
        };
        let address = u16::try_from(port).map(|port| HostPort {
            host: Arc::from(&*host),
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
                    message.as_deref(),
                ))
            }
        }
    }
}
