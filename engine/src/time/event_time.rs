//! What an event-time closure may return.

use std::time::{SystemTime, UNIX_EPOCH};

/// A point in time a closure reads from an element: milliseconds since 1970 as an integer, a
/// `SystemTime`, or an `Option` of these, where `None` is a bad record.
pub trait EventTime {
    /// Milliseconds since 1970; `None` if there is none, or it is out of range.
    fn millis(self) -> Option<i64>;
}

impl EventTime for i64 {
    #[inline]
    fn millis(self) -> Option<i64> {
        Some(self)
    }
}

impl EventTime for u64 {
    #[inline]
    fn millis(self) -> Option<i64> {
        i64::try_from(self).ok()
    }
}

impl EventTime for SystemTime {
    fn millis(self) -> Option<i64> {
        match self.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).ok(),
            // Rounded down, as all event time is.
            Err(before) => {
                let nanos = before.duration().as_nanos();
                i64::try_from(nanos.div_ceil(1_000_000)).ok().map(|ms| -ms)
            }
        }
    }
}

impl<T: EventTime> EventTime for Option<T> {
    #[inline]
    fn millis(self) -> Option<i64> {
        self.and_then(T::millis)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_before_1970_is_rounded_down() {
        let before = UNIX_EPOCH - Duration::from_micros(1_500);
        assert_eq!(before.millis(), Some(-2));
        assert_eq!(
            (UNIX_EPOCH + Duration::from_micros(1_500)).millis(),
            Some(1)
        );
    }

    #[test]
    fn what_does_not_fit_is_no_time() {
        assert_eq!(u64::MAX.millis(), None);
        assert_eq!(None::<i64>.millis(), None);
    }
}
