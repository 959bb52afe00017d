//! Requests that wait for something to happen to partitions.
//!
//! A waiting request is entered with every partition it waits for. What changes a partition says so
//! by [`Cluster::touch`]; before the cluster's lock is given back the requests that wait for it are
//! looked at again, in the order in which they came. Each has a deadline as well.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use thalweg_protocol::{PartitionId, StrBytes};

use super::{Cluster, Timer, TimerId};

/// Names a waiting request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WaitId(u64);

/// A request that waits.
pub(crate) trait Wait: std::fmt::Debug + Send {
    /// Looks whether what is waited for has happened, and answers if so. Returns whether it did.
    /// `last` says that the deadline is here: then it has to answer.
    fn try_answer(&mut self, cluster: &mut Cluster, last: bool) -> bool;
}

#[derive(Debug)]
struct Entry {
    /// Taken out while it is looked at.
    wait: Option<Box<dyn Wait>>,
    deadline: TimerId,
}

/// All waiting requests.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    next: u64,
    by_id: BTreeMap<WaitId, Entry>,
    /// By partition. Ids of requests that were answered are dropped when they are met.
    by_partition: BTreeMap<(StrBytes, PartitionId), Vec<WaitId>>,
    touched: BTreeSet<(StrBytes, PartitionId)>,
}

impl Cluster {
    /// Lets a request wait for the partitions, at most for a time.
    pub(crate) fn wait(
        &mut self,
        wait: Box<dyn Wait>,
        partitions: impl IntoIterator<Item = (StrBytes, PartitionId)>,
        at_most: Duration,
    ) {
        let id = WaitId(self.waiting.next);
        self.waiting.next += 1;
        let deadline = self.set_timer(at_most, Timer::Waited(id));
        let wait = Some(wait);
        self.waiting.by_id.insert(id, Entry { wait, deadline });
        for partition in partitions {
            self.waiting
                .by_partition
                .entry(partition)
                .or_default()
                .push(id);
        }
    }

    /// Something about a partition changed that requests may wait for.
    pub(crate) fn touch(&mut self, topic: &StrBytes, partition: PartitionId) {
        let place = (topic.clone(), partition);
        if self.waiting.by_partition.contains_key(&place) {
            self.waiting.touched.insert(place);
        }
    }

    /// Writes down what groups did, and answers the requests whose partitions changed. To be called before the lock is given back.
    pub(crate) fn settle(&mut self) {
        crate::group::write_changes(self);
        while let Some(place) = self.waiting.touched.pop_first() {
            let ids = self.waiting.by_partition.remove(&place).unwrap_or_default();
            let mut still = Vec::new();
            for id in ids {
                if self.look_again(id, false) {
                    still.push(id);
                }
            }
            if !still.is_empty() {
                let entered = self.waiting.by_partition.entry(place).or_default();
                still.append(entered);
                *entered = still;
            }
        }
    }

    /// A request's deadline is here.
    pub(super) fn waited_long_enough(&mut self, id: WaitId) {
        self.look_again(id, true);
    }

    /// Whether it goes on waiting.
    fn look_again(&mut self, id: WaitId, last: bool) -> bool {
        let Some(entry) = self.waiting.by_id.get_mut(&id) else {
            return false;
        };
        let Some(mut wait) = entry.wait.take() else {
            return false;
        };
        let answered = wait.try_answer(self, last);
        if answered || last {
            if let Some(entry) = self.waiting.by_id.remove(&id) {
                self.timers.cancel(entry.deadline);
            }
            return false;
        }
        if let Some(entry) = self.waiting.by_id.get_mut(&id) {
            entry.wait = Some(wait);
        }
        true
    }
}
