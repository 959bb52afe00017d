//! A connection to one broker that knows which versions the broker speaks.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use thalweg_protocol::messages::ApiVersionsRequest;
use thalweg_protocol::{
    ApiKey, BrokerId, ErrorCode, KafkaRelease, Request, decode_response, encode_request,
};

use super::versions::ApiVersions;
use crate::config::ClientConfig;
use crate::error::{BrokerAddress, CallError};
use crate::net::{ConnectionFailure, ConnectionHandle, PendingFrame, RequestFailure};

/// Sends typed requests on one connection. Requests are answered in the order they were sent.
///
/// When the last reference is dropped, the connection closes once all answers have come.
pub(crate) struct BrokerConnection {
    handle: ConnectionHandle,
    address: BrokerAddress,
    versions: ApiVersions,
    pinned: Option<KafkaRelease>,
    client_id: Arc<str>,
    request_timeout: Duration,
    next_correlation_id: AtomicI32,
}

impl BrokerConnection {
    /// Asks the broker what it speaks. The caller bounds the time.
    pub(super) async fn negotiate(
        handle: ConnectionHandle,
        address: BrokerAddress,
        config: &ClientConfig,
        pinned: Option<KafkaRelease>,
    ) -> Result<BrokerConnection, CallError> {
        let mut connection = BrokerConnection {
            handle,
            address,
            versions: ApiVersions::default(),
            pinned,
            client_id: Arc::clone(&config.client_id),
            request_timeout: config.request_timeout,
            next_correlation_id: AtomicI32::new(0),
        };
        connection.versions = connection.ask_versions().await?;
        if let Some(release) = pinned {
            connection.versions.limit_to(release);
        }
        Ok(connection)
    }

    async fn ask_versions(&self) -> Result<ApiVersions, CallError> {
        // Version 3 is what every broker from 2.4 on knows; later versions add nothing used here,
        // and asking for one a broker lacks costs a round trip.
        let request = ApiVersionsRequest {
            client_software_name: "thalweg".into(),
            client_software_version: env!("CARGO_PKG_VERSION").into(),
            ..Default::default()
        };
        let mut response = self.send(&request, 3)?.await?;
        if response.error_code == ErrorCode::UNSUPPORTED_VERSION {
            response = self.send(&ApiVersionsRequest::default(), 0)?.await?;
        }
        match response.error_code {
            ErrorCode::NONE => Ok(ApiVersions::from_response(&response)),
            code => Err(CallError::refused(
                ApiKey::ApiVersions,
                self.address.to_string(),
                code,
                None,
            )),
        }
    }

    /// The broker's id; `None` on a connection to a bootstrap address.
    pub(crate) fn broker_id(&self) -> Option<BrokerId> {
        self.address.id
    }

    /// The broker, as errors name it.
    pub(crate) fn address(&self) -> &BrokerAddress {
        &self.address
    }

    pub(super) fn versions(&self) -> &ApiVersions {
        &self.versions
    }

    /// The newest version of `R` that both sides have.
    pub(crate) fn version<R: Request>(&self) -> Result<i16, CallError> {
        self.version_at_most::<R>(i16::MAX)
    }

    /// The newest version of `R` up to `cap` that both sides have.
    pub(crate) fn version_at_most<R: Request>(&self, cap: i16) -> Result<i16, CallError> {
        self.version_within::<R>(0, cap)
    }

    /// The newest version of `R` from `floor` up to `cap` that both sides have.
    pub(crate) fn version_within<R: Request>(
        &self,
        floor: i16,
        cap: i16,
    ) -> Result<i16, CallError> {
        self.versions
            .choose::<R>(floor, cap, &self.address, self.pinned)
    }

    /// Why the connection ended; `None` while it is of use.
    pub(crate) fn ended(&self) -> Option<ConnectionFailure> {
        self.handle.ended()
    }

    /// Sends a request, which must be answered within the configured `request_timeout`.
    ///
    /// The request is on its way when this returns; the future only waits for the answer.
    pub(crate) fn send<R: Request>(
        &self,
        request: &R,
        version: i16,
    ) -> Result<PendingResponse<R>, CallError> {
        self.send_holding(request, version, Duration::ZERO)
    }

    /// As [`send`](Self::send), for a request that the broker may hold back for `held` on purpose.
    pub(crate) fn send_holding<R: Request>(
        &self,
        request: &R,
        version: i16,
        held: Duration,
    ) -> Result<PendingResponse<R>, CallError> {
        let frame = self.submit(request, version, self.request_timeout.saturating_add(held))?;
        Ok(PendingResponse {
            frame,
            version,
            broker: self.address.clone(),
            request: PhantomData,
        })
    }

    /// Sends a request that is not answered (Produce with `acks=0`); resolves when it is written.
    pub(crate) fn send_unanswered<R: Request>(
        &self,
        request: &R,
        version: i16,
    ) -> Result<PendingWrite, CallError> {
        let (correlation_id, segments) = self.encode(request, version)?;
        let frame = self
            .handle
            .submit_unanswered(correlation_id, segments, self.request_timeout)
            .map_err(|failure| self.disconnected(R::API_KEY, failure))?;
        Ok(PendingWrite {
            frame,
            broker: self.address.clone(),
            api: R::API_KEY,
        })
    }

    fn submit<R: Request>(
        &self,
        request: &R,
        version: i16,
        timeout: Duration,
    ) -> Result<PendingFrame, CallError> {
        let (correlation_id, segments) = self.encode(request, version)?;
        self.handle
            .submit(correlation_id, segments, timeout)
            .map_err(|failure| self.disconnected(R::API_KEY, failure))
    }

    fn encode<R: Request>(
        &self,
        request: &R,
        version: i16,
    ) -> Result<(i32, Vec<Bytes>), CallError> {
        let correlation_id = self.next_correlation_id.fetch_add(1, Ordering::Relaxed);
        let frame = encode_request(request, version, correlation_id, Some(&self.client_id))
            .map_err(|error| CallError::Unencodable {
                api: R::API_KEY,
                version,
                error: Arc::new(error),
            })?;
        Ok((correlation_id, frame.chunks().cloned().collect()))
    }

    fn disconnected(&self, api: ApiKey, failure: RequestFailure) -> CallError {
        disconnected(&self.address, api, failure)
    }
}

impl fmt::Debug for BrokerConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokerConnection")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// The answer to come. Dropping it changes nothing for the broker: the request stays sent.
#[must_use = "an answer nobody reads says nothing about whether the request succeeded"]
pub(crate) struct PendingResponse<R> {
    frame: PendingFrame,
    version: i16,
    broker: BrokerAddress,
    request: PhantomData<fn(R)>,
}

impl<R: Request> PendingResponse<R> {
    /// The version the request was sent in.
    pub(crate) fn version(&self) -> i16 {
        self.version
    }
}

impl<R: Request> Future for PendingResponse<R> {
    type Output = Result<R::Response, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        Poll::Ready(match ready!(Pin::new(&mut this.frame).poll(cx)) {
            Ok(frame) => decode::<R>(&this.broker, frame, this.version),
            Err(failure) => Err(disconnected(&this.broker, R::API_KEY, failure)),
        })
    }
}

/// A request that gets no answer, on its way. Dropping it changes nothing for the broker.
pub(crate) struct PendingWrite {
    frame: PendingFrame,
    broker: BrokerAddress,
    api: ApiKey,
}

impl Future for PendingWrite {
    type Output = Result<(), CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        Poll::Ready(match ready!(Pin::new(&mut this.frame).poll(cx)) {
            Ok(_) => Ok(()),
            Err(failure) => Err(disconnected(&this.broker, this.api, failure)),
        })
    }
}

fn decode<R: Request>(
    broker: &BrokerAddress,
    frame: Bytes,
    version: i16,
) -> Result<R::Response, CallError> {
    match decode_response::<R>(frame, version) {
        Ok((_, response)) => Ok(response),
        Err(error) => Err(CallError::Malformed {
            broker: broker.clone(),
            api: R::API_KEY,
            version,
            error,
        }),
    }
}

fn disconnected(broker: &BrokerAddress, api: ApiKey, failure: RequestFailure) -> CallError {
    let RequestFailure { failure, sent } = failure;
    CallError::Disconnected {
        broker: broker.clone(),
        api,
        failure,
        sent,
    }
}
