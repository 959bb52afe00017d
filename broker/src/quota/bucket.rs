//! A bucket of tokens, which may be overdrawn once (KIP-599).

use std::time::Duration;

use super::milliseconds;

/// Tokens that come back with time.
#[derive(Debug)]
pub(super) struct TokenBucket {
    tokens: f64,
    updated_ms: i64,
}

impl TokenBucket {
    /// With all tokens it can have.
    pub(super) fn full(now_ms: i64, burst: f64) -> Self {
        TokenBucket {
            tokens: burst,
            updated_ms: now_ms,
        }
    }

    /// Takes tokens, more than there are if the bucket is not overdrawn already; with `forced` even
    /// then.
    ///
    /// # Errors
    /// The bucket is overdrawn: how long until it is not. With `forced` the tokens were taken.
    pub(super) fn take(
        &mut self,
        now_ms: i64,
        tokens: f64,
        per_second: f64,
        burst: f64,
        forced: bool,
    ) -> Result<(), Duration> {
        let elapsed = u32::try_from((now_ms - self.updated_ms).max(0)).unwrap_or(u32::MAX);
        self.updated_ms = now_ms;
        self.tokens = (self.tokens + f64::from(elapsed) / 1000.0 * per_second).min(burst);
        if forced {
            self.tokens -= tokens;
        }
        if self.tokens < 0.0 {
            return Err(milliseconds(-self.tokens / per_second * 1000.0));
        }
        if !forced {
            self.tokens -= tokens;
        }
        Ok(())
    }
}
