//! Ready faults, for [`EmbeddedBroker::inject`](crate::EmbeddedBroker::inject).
//!
//! ```
//! use thalweg_broker::{EmbeddedBroker, faults};
//! use thalweg_protocol::ApiKey;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let kafka = EmbeddedBroker::builder().start()?;
//! kafka.inject(faults::lose_answers(ApiKey::EndTxn, 1));
//! # Ok(())
//! # }
//! ```

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use thalweg_protocol::{ApiKey, ErrorCode};

use super::{Fault, RequestSeen};

/// The first `times` requests of an API are handled, but their answers are lost with their
/// connections.
pub fn lose_answers(
    api: ApiKey,
    times: usize,
) -> impl Fn(&RequestSeen<'_>) -> Fault + Send + Sync + 'static {
    first(api, times, Fault::CloseAfter)
}

/// The first `times` requests of an API are lost with their connections.
pub fn lose_requests(
    api: ApiKey,
    times: usize,
) -> impl Fn(&RequestSeen<'_>) -> Fault + Send + Sync + 'static {
    first(api, times, Fault::CloseBefore)
}

/// The first `times` requests of an API are answered with an error.
pub fn refuse(
    api: ApiKey,
    error_code: ErrorCode,
    times: usize,
) -> impl Fn(&RequestSeen<'_>) -> Fault + Send + Sync + 'static {
    first(api, times, Fault::Error(error_code))
}

/// Every request of an API takes a time longer.
pub fn slow(
    api: ApiKey,
    by: Duration,
) -> impl Fn(&RequestSeen<'_>) -> Fault + Send + Sync + 'static {
    move |request| {
        if request.api() == api {
            Fault::Delay(by)
        } else {
            Fault::Pass
        }
    }
}

/// One of `one_in` requests of any API loses its connection, before or after it was handled; which
/// ones is decided by the seed.
pub fn flaky(one_in: u32, seed: u64) -> impl Fn(&RequestSeen<'_>) -> Fault + Send + Sync + 'static {
    let random = Mutex::new(fastrand::Rng::with_seed(seed));
    move |_| {
        let mut random = random.lock().unwrap_or_else(PoisonError::into_inner);
        match (random.u32(..one_in.max(1)), random.bool()) {
            (0, true) => Fault::CloseBefore,
            (0, false) => Fault::CloseAfter,
            _ => Fault::Pass,
        }
    }
}

fn first(
    api: ApiKey,
    times: usize,
    fault: Fault,
) -> impl Fn(&RequestSeen<'_>) -> Fault + Send + Sync + 'static {
    let left = AtomicUsize::new(times);
    move |request| {
        let spend = |left: usize| left.checked_sub(1);
        let this = request.api() == api
            && left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend)
                .is_ok();
        if this { fault } else { Fault::Pass }
    }
}
