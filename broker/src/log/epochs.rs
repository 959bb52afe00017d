//! Which leader epoch began where (KIP-101, KIP-320).

/// Leader epochs with the offset of their first record, ascending in both.
#[derive(Debug, Clone, Default)]
pub(crate) struct Epochs {
    starts: Vec<(i32, i64)>,
}

impl Epochs {
    /// Notes that `epoch` begins at `offset`, which is after all records of others.
    pub(super) fn note(&mut self, epoch: i32, offset: i64) {
        if self.starts.last().is_none_or(|(last, _)| *last < epoch) {
            self.starts.push((epoch, offset));
        }
    }

    /// Forgets epochs that begin at `end` or after it.
    pub(super) fn truncate(&mut self, end: i64) {
        self.starts.retain(|(_, start)| *start < end);
    }

    /// Lets the log begin at `start`: the epoch in force there begins there.
    pub(super) fn begin_at(&mut self, start: i64) {
        let Some(in_force) = self.starts.iter().rposition(|(_, at)| *at <= start) else {
            return;
        };
        self.starts.drain(..in_force);
        if let Some((_, at)) = self.starts.first_mut() {
            *at = start;
        }
    }

    /// The epoch of the record at `offset`.
    pub(crate) fn epoch_at(&self, offset: i64) -> Option<i32> {
        let starts = self.starts.iter().rev();
        let mut in_force = starts.skip_while(|(_, start)| *start > offset);
        in_force.next().map(|(epoch, _)| *epoch)
    }

    /// The newest epoch.
    pub(crate) fn latest(&self) -> Option<i32> {
        self.starts.last().map(|(epoch, _)| *epoch)
    }

    /// The largest epoch up to `epoch`, and where it ended, as OffsetForLeaderEpoch answers: the end
    /// of the log for the newest, `None` for what is not known.
    pub(crate) fn end_of(&self, epoch: i32, log_end: i64) -> Option<(i32, i64)> {
        if epoch < 0 {
            return None;
        }
        if self.latest() == Some(epoch) {
            return Some((epoch, log_end));
        }
        let after = self.starts.iter().position(|(at, _)| *at > epoch)?;
        let (_, end) = self.starts.get(after)?;
        match after
            .checked_sub(1)
            .and_then(|before| self.starts.get(before))
        {
            Some((floor, _)) => Some((*floor, *end)),
            // Older than all that is known: it ended where the log begins.
            None => Some((epoch, *end)),
        }
    }
}
