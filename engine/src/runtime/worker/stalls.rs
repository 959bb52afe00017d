//! Why a worker does not get on, and who is in its way.

use std::sync::Arc;

use thalweg_client::TopicPartition;
use tokio::time::Instant;

use super::Worker;
use crate::runtime::culprits::{self, Findings, with_findings};
use crate::runtime::stall::{Sight, Stall, StallWatch};

/// What was seen, and found out about it.
#[derive(Debug, Default)]
pub(super) struct StallSight {
    watch: StallWatch,
    /// Whose transaction hides the records of a partition: asked once for each time one does.
    culprits: Option<(TopicPartition, Findings)>,
}

impl Worker {
    /// Looks whether this worker stalls. The reason in words, if it does.
    pub(super) fn watch_stalls(&mut self, now: Instant) -> Option<String> {
        let mut watch = std::mem::take(&mut self.stall.watch);
        let slots = self.slots.values();
        let inputs = slots.flat_map(|slot| slot.inputs()).filter_map(|input| {
            let wanted = !self.finished.contains(&input.partition);
            let stand = self.stand_of(&input.partition, input.next());
            wanted.then(|| (input.partition.clone(), stand))
        });
        let sight = Sight {
            committing_since: self.cycle.is_settling().then_some(self.sealed_at),
            joined: self.joined,
            inputs,
        };
        let stall = watch.observe(now, sight);
        self.stall.watch = watch;
        let Some(stall) = stall else {
            self.stall.culprits = None;
            return None;
        };
        let Stall::OpenTransaction { partition, .. } = &stall else {
            return Some(stall.to_string());
        };
        let known = self.stall.culprits.take();
        let known = known.filter(|(asked, _)| asked == partition);
        let (partition, findings) = known.unwrap_or_else(|| {
            tracing::warn!(worker = self.index, "{stall}");
            let findings = Findings::default();
            let looking = culprits::report(
                self.instance.calls.admin().clone(),
                None,
                vec![partition.clone()],
                Arc::clone(&findings),
            );
            self.instance
                .spawner
                .spawn("thalweg culprits", Box::pin(looking));
            (partition.clone(), findings)
        });
        let reason = with_findings(stall.to_string(), &findings);
        self.stall.culprits = Some((partition, findings));
        Some(reason)
    }
}
