//! Range: each topic is cut into as many runs of neighbouring partitions as it has subscribers.
//!
//! Members come in the order of their instance ids, those without one after them by member id, so
//! that topics with equally many partitions are cut equally: records with the same key meet.

use std::collections::BTreeMap;

use thalweg_protocol::{StrBytes, Uuid};

use super::{GroupView, Partitions, Subscriber, all_partitions};

/// How a topic is cut.
#[derive(Debug, Default)]
struct Cut {
    subscribers: usize,
    /// Subscribers that have got their run.
    served: usize,
    /// Partitions in the runs of those.
    taken: usize,
}

/// Says who is to have what.
pub(super) fn assign(group: &GroupView<'_>) -> BTreeMap<StrBytes, Partitions> {
    let mut members: Vec<(&StrBytes, &Subscriber<'_>)> = group
        .members
        .iter()
        .map(|(id, member)| (*id, member))
        .collect();
    members.sort_by_key(|(id, member)| (member.instance_id.is_none(), member.instance_id, *id));

    let mut cuts: BTreeMap<Uuid, Cut> = BTreeMap::new();
    for topic in members.iter().flat_map(|(_, member)| &member.topics) {
        cuts.entry(*topic).or_default().subscribers += 1;
    }
    let mut result = BTreeMap::new();
    for (id, member) in members {
        let mut partitions = Partitions::new();
        for topic in &member.topics {
            let count = group.partition_count(topic);
            let cut = cuts.entry(*topic).or_default();
            // The first so many get one more, where it does not come out even.
            let more = usize::from(cut.served < count % cut.subscribers);
            let run = count / cut.subscribers + more;
            if run > 0 {
                let run = all_partitions(count).skip(cut.taken).take(run);
                partitions.insert(*topic, run.collect());
            }
            cut.served += 1;
            cut.taken += run;
        }
        result.insert(id.clone(), partitions);
    }
    result
}
