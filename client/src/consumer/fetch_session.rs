//! Incremental fetch sessions (KIP-227): the broker remembers what a consumer fetches, and requests
//! say only what changed.
//!
//! ```text
//!            full request (id 0, epoch 0)
//!   Full ───────────────────────────────► answer with an id ──► Incremental (id, epoch 1, 2, …)
//!    ▲                                    answer without ─────► Full again
//!    │         the broker forgot the session, epochs disagree, a request failed
//!    └──────────────────────────────────────────────────────────────┘
//! ```
//!
//! A session has one request under way at a time: the broker learns where to read on only from the
//! next request, and refuses one whose epoch is not the next.

use std::collections::BTreeMap;

use thalweg_protocol::messages::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic,
};
use thalweg_protocol::{ErrorCode, Offset, StrBytes, Uuid};

use crate::topic_partition::TopicPartition;

/// Requests that begin a session, or do without.
const EPOCH_FULL: i32 = 0;

/// From this version on topics are named by their ids.
pub(super) const TOPIC_IDS_SINCE: i16 = 13;

/// What to fetch of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FetchSpec {
    pub(super) topic_id: Uuid,
    pub(super) offset: Offset,
    pub(super) leader_epoch: i32,
    pub(super) last_fetched_epoch: i32,
    pub(super) bytes_max: i32,
}

/// One session with one broker.
#[derive(Debug, Default)]
pub(super) struct FetchSession {
    id: i32,
    /// The epoch of the next request; 0 begins a session.
    epoch: i32,
    /// What the broker remembers. Empty in front of a full request.
    remembered: BTreeMap<TopicPartition, FetchSpec>,
    /// Whether topics were named by id.
    by_id: bool,
    /// How many full requests there were: they begin with another partition each time.
    full_requests: usize,
}

impl FetchSession {
    /// Fills a request so that the session fetches exactly `wanted`. `version` is the version it
    /// will be sent in.
    pub(super) fn fill(
        &mut self,
        wanted: BTreeMap<TopicPartition, FetchSpec>,
        version: i16,
        request: &mut FetchRequest,
    ) {
        let by_id = version >= TOPIC_IDS_SINCE;
        if by_id != self.by_id {
            self.restart();
            self.by_id = by_id;
        }
        request.session_id = self.id;
        request.session_epoch = self.epoch;
        let incremental = self.epoch != EPOCH_FULL;
        let mut forgotten = Vec::new();
        if incremental {
            for (partition, before) in &self.remembered {
                // A partition of a topic created anew is another one: forget it by its old id.
                if wanted
                    .get(partition)
                    .is_none_or(|now| now.topic_id != before.topic_id)
                {
                    forgotten.push((partition, before.topic_id));
                }
            }
        }
        request.forgotten_topics_data = forgotten_topics(&forgotten);
        request.topics = if incremental {
            let remembered = &self.remembered;
            fetch_topics(
                wanted
                    .iter()
                    .filter(|(name, spec)| remembered.get(name) != Some(spec)),
            )
        } else {
            // The broker fills its answer in this order; in a session it takes turns by itself.
            let first = self.full_requests % wanted.len().max(1);
            self.full_requests = self.full_requests.wrapping_add(1);
            fetch_topics(wanted.iter().skip(first).chain(wanted.iter().take(first)))
        };
        self.remembered = wanted;
    }

    /// Takes note of an answer. `false` when the request must be repeated in a new session.
    pub(super) fn answered(&mut self, response: &FetchResponse) -> bool {
        match response.error_code {
            ErrorCode::NONE => {}
            ErrorCode::FETCH_SESSION_ID_NOT_FOUND => {
                self.id = 0;
                self.restart();
                return false;
            }
            _ => {
                self.restart();
                return false;
            }
        }
        if self.epoch == EPOCH_FULL {
            self.id = response.session_id;
        }
        if self.id == 0 || response.session_id == 0 {
            // The broker has no room for a session.
            self.id = 0;
            self.restart();
        } else {
            // Epochs go on at 1: 0 begins a session.
            self.epoch = self.epoch.checked_add(1).unwrap_or(1);
        }
        true
    }

    /// Whether the last request was a full one, or the next will be.
    pub(super) fn is_full(&self) -> bool {
        self.epoch == EPOCH_FULL
    }

    /// The next request is a full one, and ends the session the broker may still have.
    pub(super) fn restart(&mut self) {
        self.epoch = EPOCH_FULL;
        self.remembered.clear();
    }
}

fn fetch_topics<'w>(
    wanted: impl Iterator<Item = (&'w TopicPartition, &'w FetchSpec)>,
) -> Vec<FetchTopic> {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for (topic_partition, spec) in wanted {
        let partition = FetchPartition {
            partition: topic_partition.partition,
            current_leader_epoch: spec.leader_epoch,
            fetch_offset: spec.offset,
            last_fetched_epoch: spec.last_fetched_epoch,
            partition_max_bytes: spec.bytes_max,
            ..FetchPartition::default()
        };
        match topics.last_mut() {
            Some(topic) if *topic.topic == *topic_partition.topic => {
                topic.partitions.push(partition);
            }
            _ => topics.push(FetchTopic {
                topic: StrBytes::from(&*topic_partition.topic),
                topic_id: spec.topic_id,
                partitions: vec![partition],
                ..FetchTopic::default()
            }),
        }
    }
    topics
}

fn forgotten_topics(forgotten: &[(&TopicPartition, Uuid)]) -> Vec<ForgottenTopic> {
    let mut topics: Vec<ForgottenTopic> = Vec::new();
    for (topic_partition, topic_id) in forgotten {
        match topics.last_mut() {
            Some(topic) if *topic.topic == *topic_partition.topic => {
                topic.partitions.push(topic_partition.partition);
            }
            _ => topics.push(ForgottenTopic {
                topic: StrBytes::from(&*topic_partition.topic),
                topic_id: *topic_id,
                partitions: vec![topic_partition.partition],
                ..ForgottenTopic::default()
            }),
        }
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(list: &[(&str, i32, i64)]) -> BTreeMap<TopicPartition, FetchSpec> {
        list.iter()
            .map(|&(topic, partition, offset)| {
                let spec = FetchSpec {
                    topic_id: Uuid([topic.as_bytes()[0]; 16]),
                    offset: Offset(offset),
                    leader_epoch: 1,
                    last_fetched_epoch: -1,
                    bytes_max: 1000,
                };
                (TopicPartition::new(topic, partition), spec)
            })
            .collect()
    }

    /// What a request says, as text: `a0@5 a1@6 -b0`.
    fn said(request: &FetchRequest) -> String {
        let mut words = Vec::new();
        for topic in &request.topics {
            for partition in &topic.partitions {
                let (number, offset) = (partition.partition, partition.fetch_offset);
                words.push(format!("{}{number}@{offset}", &*topic.topic));
            }
        }
        for topic in &request.forgotten_topics_data {
            for number in &topic.partitions {
                words.push(format!("-{}{number}", &*topic.topic));
            }
        }
        words.join(" ")
    }

    fn ask(session: &mut FetchSession, list: &[(&str, i32, i64)]) -> (i32, i32, String) {
        ask_in(session, list, 17)
    }

    fn ask_in(
        session: &mut FetchSession,
        list: &[(&str, i32, i64)],
        version: i16,
    ) -> (i32, i32, String) {
        let mut request = FetchRequest::default();
        session.fill(wanted(list), version, &mut request);
        (request.session_id, request.session_epoch, said(&request))
    }

    fn answer(session: &mut FetchSession, id: i32) -> bool {
        session.answered(&FetchResponse {
            session_id: id,
            ..FetchResponse::default()
        })
    }

    fn refuse(session: &mut FetchSession, code: ErrorCode) -> bool {
        session.answered(&FetchResponse {
            error_code: code,
            ..FetchResponse::default()
        })
    }

    #[test]
    fn later_requests_say_only_what_changed() {
        let mut session = FetchSession::default();
        let first = ask(&mut session, &[("a", 0, 5), ("a", 1, 6), ("b", 0, 7)]);
        assert_eq!(first, (0, 0, "a0@5 a1@6 b0@7".into()));
        assert!(answer(&mut session, 9));

        let second = ask(&mut session, &[("a", 0, 8), ("a", 1, 6), ("b", 0, 7)]);
        assert_eq!(second, (9, 1, "a0@8".into()), "only the one that moved");
        assert!(answer(&mut session, 9));

        let third = ask(&mut session, &[("a", 1, 6), ("c", 0, 0)]);
        assert_eq!(
            third,
            (9, 2, "c0@0 -a0 -b0".into()),
            "paused ones are forgotten"
        );
        assert!(answer(&mut session, 9));

        let fourth = ask(&mut session, &[("a", 0, 8), ("a", 1, 6), ("c", 0, 0)]);
        assert_eq!(fourth, (9, 3, "a0@8".into()), "and told again when resumed");
    }

    #[test]
    fn a_broker_without_room_for_sessions_gets_full_requests() {
        let mut session = FetchSession::default();
        for _ in 0..3 {
            assert_eq!(ask(&mut session, &[("a", 0, 5)]), (0, 0, "a0@5".into()));
            assert!(answer(&mut session, 0));
        }
    }

    #[test]
    fn a_forgotten_session_begins_anew() {
        let mut session = FetchSession::default();
        ask(&mut session, &[("a", 0, 5)]);
        answer(&mut session, 9);
        ask(&mut session, &[("a", 0, 5)]);
        assert!(!refuse(&mut session, ErrorCode::FETCH_SESSION_ID_NOT_FOUND));
        assert_eq!(ask(&mut session, &[("a", 0, 5)]), (0, 0, "a0@5".into()));
        assert!(answer(&mut session, 10));
        assert_eq!(ask(&mut session, &[("a", 0, 6)]), (10, 1, "a0@6".into()));
    }

    #[test]
    fn after_a_failure_the_old_session_is_ended_and_all_is_said_again() {
        let mut session = FetchSession::default();
        ask(&mut session, &[("a", 0, 5)]);
        answer(&mut session, 9);
        ask(&mut session, &[("a", 0, 6)]);
        // The connection is lost: whether the broker saw epoch 1 is unknown.
        session.restart();
        assert_eq!(ask(&mut session, &[("a", 0, 6)]), (9, 0, "a0@6".into()));
        assert!(!refuse(
            &mut session,
            ErrorCode::INVALID_FETCH_SESSION_EPOCH
        ));
        assert_eq!(ask(&mut session, &[("a", 0, 6)]), (9, 0, "a0@6".into()));
        assert!(answer(&mut session, 11));
        assert_eq!(ask(&mut session, &[("a", 0, 6)]), (11, 1, String::new()));
    }

    #[test]
    fn a_topic_created_anew_is_forgotten_by_its_old_id() {
        let mut session = FetchSession::default();
        ask(&mut session, &[("a", 0, 5)]);
        answer(&mut session, 9);
        let mut again = wanted(&[("a", 0, 0)]);
        again
            .values_mut()
            .for_each(|spec| spec.topic_id = Uuid([1; 16]));
        let mut request = FetchRequest::default();
        session.fill(again, 17, &mut request);
        assert_eq!(said(&request), "a0@0 -a0");
        assert_eq!(request.forgotten_topics_data[0].topic_id, Uuid([b'a'; 16]));
        assert_eq!(request.topics[0].topic_id, Uuid([1; 16]));
    }

    #[test]
    fn names_and_ids_do_not_share_a_session() {
        let mut session = FetchSession::default();
        assert_eq!(ask_in(&mut session, &[("a", 0, 5)], 12).1, 0);
        answer(&mut session, 9);
        assert_eq!(
            ask_in(&mut session, &[("a", 0, 5)], 13),
            (9, 0, "a0@5".into())
        );
    }

    #[test]
    fn epochs_wrap_to_one() {
        let mut session = FetchSession::default();
        ask(&mut session, &[("a", 0, 5)]);
        answer(&mut session, 9);
        session.epoch = i32::MAX;
        ask(&mut session, &[("a", 0, 5)]);
        answer(&mut session, 9);
        assert_eq!(session.epoch, 1);
    }
}
