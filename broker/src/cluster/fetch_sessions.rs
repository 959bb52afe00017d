//! Fetch sessions (KIP-227): what a consumer fetches is remembered, so that it sends and is sent only
//! what changed.

use std::collections::BTreeMap;

use thalweg_protocol::messages::{FetchPartition, FetchPartitionData, FetchRequest, FetchTopic};
use thalweg_protocol::{ErrorCode, PartitionId, StrBytes, Uuid};

use super::Now;

/// The epoch that asks for a session.
const INITIAL: i32 = 0;
/// The epoch that asks for none, and ends the one there is.
const FINAL: i32 = -1;

/// Kafka's `max.incremental.fetch.session.cache.slots`.
const SESSIONS_MAX: usize = 1000;
/// Kafka's `min.incremental.fetch.session.eviction.ms`.
const UNUSED_MS_MIN: i64 = 120_000;

/// A partition as a fetch names it: by the topic's name, or its id from version 13 on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) topic: StrBytes,
    pub(crate) topic_id: Uuid,
    pub(crate) partition: PartitionId,
}

/// A partition of a fetch.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    pub(crate) place: Place,
    pub(crate) asked: FetchPartition,
}

/// A partition of a session.
#[derive(Debug)]
struct Remembered {
    fetched: Fetched,
    /// What the consumer was told last; `None` before the first time.
    told: Option<Told>,
}

#[derive(Debug, PartialEq, Eq)]
struct Told {
    high_watermark: i64,
    log_start: i64,
}

#[derive(Debug)]
struct Session {
    next_epoch: i32,
    last_used_ms: i64,
    by_id: bool,
    /// In the order in which they are answered: what had data goes to the end.
    partitions: Vec<Remembered>,
}

/// All sessions of a broker.
#[derive(Debug, Default)]
pub(crate) struct FetchSessions {
    by_id: BTreeMap<i32, Session>,
}

/// What a fetch is about.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) partitions: Vec<Fetched>,
    /// The session whose changes alone are answered.
    incremental: Option<i32>,
    /// The session the answer names, 0 for none.
    pub(crate) session_id: i32,
}

impl FetchSessions {
    /// Finds out what a request is about.
    pub(crate) fn begin(
        &mut self,
        request: &mut FetchRequest,
        by_id: bool,
        now: Now,
        random: &mut fastrand::Rng,
    ) -> Result<Context, ErrorCode> {
        let (id, epoch) = (request.session_id, request.session_epoch);
        if epoch == INITIAL || epoch == FINAL {
            self.by_id.remove(&id);
            let partitions = partitions_of(std::mem::take(&mut request.topics));
            let mut context = Context {
                partitions,
                incremental: None,
                session_id: 0,
            };
            if epoch == INITIAL && !context.partitions.is_empty() {
                context.session_id = self.open(&context.partitions, by_id, now, random);
            }
            return Ok(context);
        }
        let session = self
            .by_id
            .get_mut(&id)
            .ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        if session.next_epoch != epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if session.by_id != by_id {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        session.update(request);
        session.last_used_ms = now.wall_ms;
        session.next_epoch = if epoch == i32::MAX { 1 } else { epoch + 1 };
        let partitions = session.partitions.iter();
        let context = Context {
            partitions: partitions
                .map(|remembered| remembered.fetched.clone())
                .collect(),
            incremental: Some(id),
            session_id: id,
        };
        if context.partitions.is_empty() {
            self.by_id.remove(&id);
            return Ok(Context {
                incremental: None,
                session_id: 0,
                ..context
            });
        }
        Ok(context)
    }

    /// A new session's id; 0 where there is no room for one.
    fn open(
        &mut self,
        partitions: &[Fetched],
        by_id: bool,
        now: Now,
        random: &mut fastrand::Rng,
    ) -> i32 {
        if self.by_id.len() >= SESSIONS_MAX {
            let oldest = self
                .by_id
                .iter()
                .min_by_key(|(_, session)| session.last_used_ms);
            match oldest {
                Some((id, session)) if now.wall_ms - session.last_used_ms > UNUSED_MS_MIN => {
                    let id = *id;
                    self.by_id.remove(&id);
                }
                _ => return 0,
            }
        }
        let mut id = random.i32(1..);
        while self.by_id.contains_key(&id) {
            id = random.i32(1..);
        }
        let remember = |fetched: &Fetched| Remembered {
            fetched: fetched.clone(),
            told: None,
        };
        let session = Session {
            next_epoch: 1,
            last_used_ms: now.wall_ms,
            by_id,
            partitions: partitions.iter().map(remember).collect(),
        };
        self.by_id.insert(id, session);
        id
    }

    /// Whether the answer has to have the partition; remembers that it was told if so.
    pub(crate) fn has_to_tell(
        &mut self,
        context: &Context,
        place: &Place,
        found: &FetchPartitionData,
    ) -> bool {
        let session = self.by_id.get_mut(&context.session_id);
        let Some(session) = session else {
            return context.incremental.is_none();
        };
        let at = session
            .partitions
            .iter()
            .position(|known| known.fetched.place == *place);
        let Some(remembered) = at.and_then(|at| session.partitions.get_mut(at)) else {
            return true;
        };
        let told = Told {
            high_watermark: found.high_watermark.0,
            log_start: found.log_start_offset.0,
        };
        let has_data = found
            .records
            .as_ref()
            .is_some_and(|records| !records.is_empty());
        let failed = !found.error_code.is_none();
        let changed = remembered.told.as_ref() != Some(&told)
            || has_data
            || failed
            || found.preferred_read_replica.0 >= 0
            || found.diverging_epoch.end_offset.0 >= 0;
        // After an error everything is news.
        remembered.told = (!failed).then_some(told);
        if has_data && context.incremental.is_some() {
            // Fairness: whoever was served goes to the end of the queue.
            let at = at.unwrap_or_default();
            let served = session.partitions.remove(at);
            session.partitions.push(served);
        }
        changed || context.incremental.is_none()
    }
}

impl Session {
    fn update(&mut self, request: &mut FetchRequest) {
        for forgotten in std::mem::take(&mut request.forgotten_topics_data) {
            self.partitions.retain(|remembered| {
                let place = &remembered.fetched.place;
                place.topic != forgotten.topic
                    || place.topic_id != forgotten.topic_id
                    || !forgotten.partitions.contains(&place.partition)
            });
        }
        for fetched in partitions_of(std::mem::take(&mut request.topics)) {
            let known = |remembered: &&mut Remembered| remembered.fetched.place == fetched.place;
            match self.partitions.iter_mut().find(known) {
                Some(remembered) => remembered.fetched.asked = fetched.asked,
                None => self.partitions.push(Remembered {
                    fetched,
                    told: None,
                }),
            }
        }
    }
}

fn partitions_of(topics: Vec<FetchTopic>) -> Vec<Fetched> {
    let of_topic = |topic: FetchTopic| {
        let (name, topic_id) = (topic.topic.detached(), topic.topic_id);
        topic.partitions.into_iter().map(move |asked| Fetched {
            place: Place {
                topic: name.clone(),
                topic_id,
                partition: asked.partition,
            },
            asked,
        })
    };
    topics.into_iter().flat_map(of_topic).collect()
}
