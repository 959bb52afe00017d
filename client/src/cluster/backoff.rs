//! Pauses that grow: exponential backoff with jitter (KIP-580).

use std::time::Duration;

use crate::rng::Rng;

/// A fifth either way, as Kafka's own clients.
const JITTER: f64 = 0.2;

/// The pause before repetition number `attempt` (from 0): `base` doubled every time, at most `max`,
/// give or take a fifth.
pub(super) fn backoff(base: Duration, max: Duration, attempt: u32, rng: &mut Rng) -> Duration {
    let doubled = base.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX));
    rng.jitter(doubled.min(max), JITTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_bound() {
        let mut rng = Rng::from_seed(1);
        let (base, max) = (Duration::from_millis(100), Duration::from_secs(1));
        for (attempt, expected) in [
            (0, 100),
            (1, 200),
            (3, 800),
            (4, 1000),
            (31, 1000),
            (99, 1000),
        ] {
            let pause = backoff(base, max, attempt, &mut rng).as_millis();
            assert!(
                pause.abs_diff(expected) <= expected / 5,
                "{attempt}: {pause}"
            );
        }
    }
}
