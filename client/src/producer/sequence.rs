//! Under whose name, and with which numbers, batches are written.

use thalweg_protocol::ProducerId;

/// A producer id and epoch, as the cluster gave them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) producer_id: ProducerId,
    pub(super) producer_epoch: i16,
}

impl Identity {
    /// The same producer with the next epoch; `None` when its epochs are used up and it needs
    /// another id.
    pub(super) fn bumped(self) -> Option<Identity> {
        let producer_epoch = self.producer_epoch.checked_add(1)?;
        Some(Identity {
            producer_epoch,
            ..self
        })
    }
}

/// The number of the record `records` after the one numbered `sequence`. After 2³¹ - 1 comes 0.
pub(super) fn advance(sequence: i32, records: u32) -> i32 {
    let sum = i64::from(sequence) + i64::from(records);
    (sum & i64::from(i32::MAX)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_wrap_to_zero_after_the_largest() {
        assert_eq!(advance(0, 10), 10);
        assert_eq!(advance(i32::MAX, 1), 0);
        assert_eq!(advance(i32::MAX - 1, 1), i32::MAX);
        assert_eq!(advance(i32::MAX - 4, 10), 5);
    }

    #[test]
    fn epochs_are_used_up_at_the_largest() {
        let last = Identity {
            producer_id: ProducerId(5),
            producer_epoch: i16::MAX - 1,
        };
        let end = last.bumped().expect("one is left");
        assert_eq!(end.producer_epoch, i16::MAX);
        assert_eq!(end.bumped(), None);
    }
}
