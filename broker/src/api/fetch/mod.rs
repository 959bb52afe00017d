//! Fetch: reads batches, and waits for them where there are too few.

mod read;

use std::time::Duration;

use thalweg_protocol::messages::{
    FetchRequest, FetchResponse, FetchableTopicResponse, NodeEndpoint,
};
use thalweg_protocol::{BrokerId, ErrorCode, PartitionId, StrBytes};

use self::read::{Limits, ReadAs};
use crate::cluster::fetch_sessions::{Context, Fetched};
use crate::cluster::{Caller, Cluster, Reply, Wait};
use crate::quota::{Counted, throttle_ms};
use crate::release::Release;

/// The first version that names topics by id.
const TOPIC_IDS_FROM: i16 = 13;
/// The first version that readers of zstd ask with (KIP-110), and the release that lets others read
/// it too.
const ZSTD_FROM: i16 = 10;
const ZSTD_UNASKED_FROM: Release = Release::of(4, 0);
/// From this version on the answer says who leads what has moved (KIP-951).
const LEADERS_FROM: i16 = 16;

/// Answers with what there is, or when there is enough of it.
pub(super) fn fetch(
    cluster: &mut Cluster,
    caller: &Caller,
    mut request: FetchRequest,
    reply: Reply<FetchRequest>,
) {
    let now = cluster.now;
    let by_id = caller.version >= TOPIC_IDS_FROM;
    let sessions = cluster.fetch_sessions.entry(caller.node).or_default();
    let context = match sessions.begin(&mut request, by_id, now, &mut cluster.random) {
        Ok(context) => context,
        Err(error_code) => {
            return reply.send(&FetchResponse {
                error_code,
                ..Default::default()
            });
        }
    };
    let at_most = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or_default());
    let mut fetching = Fetching {
        how: ReadAs {
            caller: caller.clone(),
            node: caller.node,
            committed: request.isolation_level == 1,
            by_id,
            from_followers: caller.version >= 11,
            rack: request.rack_id.detached(),
            knows_zstd: caller.version >= ZSTD_FROM || cluster.release >= ZSTD_UNASKED_FROM,
            names_leaders: caller.version >= LEADERS_FROM,
        },
        bytes_min: usize::try_from(request.min_bytes).unwrap_or_default(),
        bytes_max: usize::try_from(request.max_bytes)
            .unwrap_or_default()
            .min(cluster.fetch_bytes_max(caller)),
        context,
        reply: Some(reply),
    };
    if fetching.try_answer(cluster, at_most.is_zero()) {
        return;
    }
    let partitions = fetching.context.partitions.iter();
    let places: Vec<(StrBytes, PartitionId)> = partitions
        .filter_map(|fetched| {
            Some((
                fetching.how.name(cluster, fetched)?,
                fetched.place.partition,
            ))
        })
        .collect();
    cluster.wait(Box::new(fetching), places, at_most);
}

/// A fetch that may wait.
#[derive(Debug)]
struct Fetching {
    how: ReadAs,
    bytes_min: usize,
    bytes_max: usize,
    context: Context,
    reply: Option<Reply<FetchRequest>>,
}

impl Fetching {
    /// Whether there is enough to answer with.
    fn is_enough(&self, cluster: &Cluster) -> bool {
        let mut total = 0;
        for fetched in &self.context.partitions {
            match self.how.available(cluster, fetched, self.bytes_min) {
                Some(bytes) => total += bytes,
                // An error is told at once.
                None => return true,
            }
            if total >= self.bytes_min {
                return true;
            }
        }
        total >= self.bytes_min || self.context.partitions.is_empty()
    }

    fn answer(&self, cluster: &mut Cluster, reply: Reply<FetchRequest>) {
        let mut limits = Limits {
            bytes_left: self.bytes_max,
            found_any: false,
        };
        let mut response = FetchResponse {
            session_id: self.context.session_id,
            ..Default::default()
        };
        let partitions = self.context.partitions.iter();
        let read: Vec<_> = partitions
            .map(|fetched| (fetched, self.how.read(cluster, fetched, &mut limits)))
            .collect();
        let bytes = read.iter().filter_map(|(_, found)| found.records.as_ref());
        let bytes = bytes.map(|records| records.len()).sum();
        let quiet = cluster.count_bytes(&self.how.caller, Counted::Fetched, bytes);
        if !quiet.is_zero() {
            // Nothing is sent to whoever has had too much: they ask again when they may.
            cluster.uncount_bytes(&self.how.caller, Counted::Fetched, bytes);
            response.throttle_time_ms = throttle_ms(quiet);
            return reply.send_throttled(&response, quiet);
        }
        for (fetched, found) in read {
            let sessions = cluster.fetch_sessions.entry(self.how.node).or_default();
            if sessions.has_to_tell(&self.context, &fetched.place, &found) {
                push(&mut response.responses, fetched, found);
            }
        }
        if reply.version() >= LEADERS_FROM {
            response.node_endpoints = endpoints(cluster, &response);
        }
        reply.send(&response);
    }
}

impl Wait for Fetching {
    fn try_answer(&mut self, cluster: &mut Cluster, last: bool) -> bool {
        if self.reply.as_ref().is_some_and(Reply::is_orphaned) {
            return true;
        }
        if !last && !self.is_enough(cluster) {
            return false;
        }
        if let Some(reply) = self.reply.take() {
            self.answer(cluster, reply);
        }
        true
    }
}

fn push(
    responses: &mut Vec<FetchableTopicResponse>,
    fetched: &Fetched,
    found: thalweg_protocol::messages::FetchPartitionData,
) {
    let place = &fetched.place;
    match responses.last_mut() {
        Some(last) if last.topic == place.topic && last.topic_id == place.topic_id => {
            last.partitions.push(found);
        }
        _ => responses.push(FetchableTopicResponse {
            topic: place.topic.clone(),
            topic_id: place.topic_id,
            partitions: vec![found],
            ..Default::default()
        }),
    }
}

/// Where the leaders listen that the response names (KIP-951).
fn endpoints(cluster: &Cluster, response: &FetchResponse) -> Vec<NodeEndpoint> {
    let partitions = response
        .responses
        .iter()
        .flat_map(|topic| &topic.partitions);
    let moved = partitions.filter(|partition| {
        partition.error_code == ErrorCode::NOT_LEADER_OR_FOLLOWER
            || partition.error_code == ErrorCode::FENCED_LEADER_EPOCH
    });
    let leaders = moved.map(|partition| partition.current_leader.leader_id);
    cluster.endpoints(leaders.collect::<Vec<BrokerId>>().into_iter())
}
