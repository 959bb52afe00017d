//! The connections of one client: one per broker and purpose, opened when first needed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thalweg_protocol::BrokerId;
use tokio::time::{Instant, timeout};

use super::Inner;
use super::broker_connection::BrokerConnection;
use super::purpose::Purpose;
use crate::config::HostPort;
use crate::error::{BrokerAddress, CallError};
use crate::net::{ConnectionFailure, ConnectionOptions, drive};
use crate::watch;

/// Connections by broker and purpose. They close when this is dropped.
#[derive(Default)]
pub(super) struct Connections {
    slots: Mutex<BTreeMap<(BrokerId, Purpose), Slot>>,
}

struct Slot {
    /// Where the broker was when the attempt began; it may have moved since.
    address: HostPort,
    /// How many attempts in a row have failed before this one.
    failures: u32,
    /// What came of it. Attempts run in tasks of their own: several callers wait for the same one,
    /// and none of them ends it by losing interest.
    attempt: watch::Receiver<Attempt>,
}

#[derive(Clone)]
enum Attempt {
    Underway,
    Connected(Arc<BrokerConnection>),
    Failed { at: Instant, error: CallError },
}

impl Connections {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(BrokerId, Purpose), Slot>> {
        // A slot is inserted whole or not at all.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection to a broker, opened if there is none of use.
    ///
    /// Cancel-safe: an attempt that was begun goes on, and serves the next caller.
    pub(super) async fn connection(
        &self,
        inner: &Arc<Inner>,
        broker: BrokerId,
        address: &HostPort,
        purpose: Purpose,
    ) -> Result<Arc<BrokerConnection>, CallError> {
        let mut attempt = self.attempt(inner, broker, address, purpose);
        let done = attempt
            .wait_for(|attempt| !matches!(attempt, Attempt::Underway))
            .await;
        match done.as_deref() {
            Ok(Attempt::Connected(connection)) => Ok(Arc::clone(connection)),
            Ok(Attempt::Failed { error, .. }) => Err(error.clone()),
            // The task is gone, and with it the runtime or simulated process it ran in.
            Ok(Attempt::Underway) | Err(_) => Err(CallError::Closed),
        }
    }

    /// Whether there is a connection of use right now.
    pub(super) fn is_connected(&self, broker: BrokerId, purpose: Purpose) -> bool {
        let slots = self.lock();
        let attempt = slots
            .get(&(broker, purpose))
            .map(|slot| slot.attempt.borrow());
        attempt.is_some_and(|attempt| match &*attempt {
            Attempt::Connected(connection) => connection.ended().is_none(),
            Attempt::Underway | Attempt::Failed { .. } => false,
        })
    }

    fn attempt(
        &self,
        inner: &Arc<Inner>,
        broker: BrokerId,
        address: &HostPort,
        purpose: Purpose,
    ) -> watch::Receiver<Attempt> {
        let mut slots = self.lock();
        let mut failures = 0;
        let mut pause = Duration::ZERO;
        if let Some(slot) = slots
            .get(&(broker, purpose))
            .filter(|slot| slot.address == *address)
        {
            match &*slot.attempt.borrow() {
                Attempt::Underway => return slot.attempt.clone(),
                Attempt::Connected(connection) if connection.ended().is_none() => {
                    return slot.attempt.clone();
                }
                Attempt::Connected(_) => {}
                Attempt::Failed { at, .. } => {
                    failures = slot.failures.saturating_add(1);
                    let next = *at + inner.reconnect_backoff(slot.failures);
                    pause = next.saturating_duration_since(Instant::now());
                }
            }
        }
        let (done, attempt) = watch::channel(Attempt::Underway);
        let slot = Slot {
            address: address.clone(),
            failures,
            attempt: attempt.clone(),
        };
        slots.insert((broker, purpose), slot);
        drop(slots);

        let name = BrokerAddress {
            id: Some(broker),
            host: Arc::clone(&address.host),
            port: address.port,
        };
        let opener = Arc::clone(inner);
        let open = async move {
            tokio::time::sleep(pause).await;
            let outcome = match open(&opener, name).await {
                Ok(connection) => Attempt::Connected(Arc::new(connection)),
                Err(error) => Attempt::Failed {
                    at: Instant::now(),
                    error,
                },
            };
            done.send_replace(outcome);
        };
        inner.spawner.spawn("thalweg connect", Box::pin(open));
        attempt
    }
}

/// Opens a connection to an address and learns what the broker speaks.
pub(super) async fn open(
    inner: &Arc<Inner>,
    broker: BrokerAddress,
) -> Result<BrokerConnection, CallError> {
    let config = &inner.config;
    let setup_timeout = config.connection_setup_timeout;
    let started = Instant::now();
    let stream = timeout(
        setup_timeout,
        config.transport.connect(&broker.host, broker.port),
    )
    .await;
    let stream = match stream {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            return Err(CallError::Connect {
                broker,
                failure: error.into(),
            });
        }
        Err(_) => {
            let failure = ConnectionFailure::ConnectTimedOut {
                after: setup_timeout,
            };
            return Err(CallError::Connect { broker, failure });
        }
    };
    let options = ConnectionOptions {
        frame_bytes_max: config.frame_bytes_max,
        idle_max: config.connections_max_idle,
        pool: inner.receive_pool.clone(),
    };
    let (handle, driver) = drive(stream, options);
    inner.spawner.spawn("thalweg connection", Box::pin(driver));

    let left = setup_timeout.saturating_sub(started.elapsed());
    let negotiated = BrokerConnection::negotiate(handle, broker.clone(), config, inner.pinned);
    match timeout(left, negotiated).await {
        Ok(Ok(connection)) => {
            inner.learn_features(connection.versions());
            tracing::debug!(%broker, elapsed = ?started.elapsed(), "connected");
            Ok(connection)
        }
        // What fails here fails before anything was asked of the broker: it is one more way of not
        // being able to connect.
        Ok(Err(CallError::Disconnected { failure, .. })) => {
            Err(CallError::Connect { broker, failure })
        }
        Ok(Err(error)) => Err(error),
        Err(_) => {
            let failure = ConnectionFailure::SetupTimedOut {
                after: setup_timeout,
            };
            Err(CallError::Connect { broker, failure })
        }
    }
}
