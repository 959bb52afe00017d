//! The timers that watch over a member of a group that assigns on the broker.

use std::time::Duration;

use super::GroupTimer;
use crate::cluster::{Cluster, Timer, TimerId};

/// What watches over one member.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Until when it has to be heard of.
    session: Option<TimerId>,
    /// Until when it has to have given up what it was told to.
    rebalance: Option<TimerId>,
    /// Until when it has to join again, as it was told; of members that use the classic protocol.
    join: Option<TimerId>,
    /// Until when it has to ask for its assignment; of those too.
    sync: Option<TimerId>,
}

impl Watch {
    /// The member was heard of: its session begins anew.
    pub(super) fn renew_session(
        &mut self,
        cluster: &mut Cluster,
        after: Duration,
        end: GroupTimer,
    ) {
        cancel(cluster, &mut self.session);
        self.session = Some(cluster.set_timer(after, Timer::Group(end)));
    }

    /// The member has been told to give something up, or has nothing more to give up.
    pub(super) fn renew_rebalance(
        &mut self,
        cluster: &mut Cluster,
        after: Option<(Duration, GroupTimer)>,
    ) {
        cancel(cluster, &mut self.rebalance);
        self.rebalance = after.map(|(after, end)| cluster.set_timer(after, Timer::Group(end)));
    }

    /// The member has been told to join again. If it was told before, the time it has goes on.
    pub(super) fn expect_join(&mut self, cluster: &mut Cluster, after: Duration, end: GroupTimer) {
        if self.join.is_none() {
            self.join = Some(cluster.set_timer(after, Timer::Group(end)));
        }
    }

    /// The member has joined, and has to ask for its assignment.
    pub(super) fn expect_sync(&mut self, cluster: &mut Cluster, after: Duration, end: GroupTimer) {
        cancel(cluster, &mut self.join);
        cancel(cluster, &mut self.sync);
        self.sync = Some(cluster.set_timer(after, Timer::Group(end)));
    }

    /// The member has asked for its assignment.
    pub(super) fn synced(&mut self, cluster: &mut Cluster) {
        cancel(cluster, &mut self.sync);
    }

    /// The member is gone.
    pub(super) fn end(mut self, cluster: &mut Cluster) {
        cancel(cluster, &mut self.join);
        cancel(cluster, &mut self.sync);
        cancel(cluster, &mut self.session);
        cancel(cluster, &mut self.rebalance);
    }
}

fn cancel(cluster: &mut Cluster, timer: &mut Option<TimerId>) {
    if let Some(timer) = timer.take() {
        cluster.timers.cancel(timer);
    }
}
