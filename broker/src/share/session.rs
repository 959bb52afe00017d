//! Share sessions: what each member fetches from each broker, remembered between its requests
//! (KIP-932).

use std::collections::BTreeMap;

use thalweg_protocol::{BrokerId, ErrorCode, PartitionId, StrBytes, Uuid};

/// The session epoch that opens a session.
const INITIAL: i32 = 0;
/// The session epoch that closes it.
const FINAL: i32 = -1;

/// A partition of a topic with an id.
pub(crate) type Place = (Uuid, PartitionId);

/// Whose session, with which broker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionKey {
    pub(crate) node: BrokerId,
    pub(crate) group_id: StrBytes,
    pub(crate) member_id: StrBytes,
}

#[derive(Debug)]
struct Session {
    /// What the next request has to say.
    epoch: i32,
    connection: u64,
    /// With whether the next answer has to tell of it.
    partitions: BTreeMap<Place, bool>,
}

/// What a request's session epoch means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Opened,
    Continued,
    Closing,
}

/// The share sessions of all brokers.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_key: BTreeMap<SessionKey, Session>,
}

impl Sessions {
    /// Opens, continues or closes a session for a fetch. A closing one stays until it is
    /// [removed](Self::remove).
    pub(crate) fn fetch(
        &mut self,
        key: &SessionKey,
        epoch: i32,
        connection: u64,
        changes: Changes,
        sessions_max: usize,
    ) -> Result<Step, ErrorCode> {
        match epoch {
            FINAL => self.close(key),
            INITIAL => {
                if changes.acknowledges {
                    return Err(ErrorCode::INVALID_REQUEST);
                }
                self.by_key.remove(key);
                let of_node = self.by_key.keys().filter(|other| other.node == key.node);
                if of_node.count() >= sessions_max {
                    return Err(ErrorCode::SHARE_SESSION_LIMIT_REACHED);
                }
                let partitions = changes.added.into_iter().map(|place| (place, true));
                let session = Session {
                    epoch: next_epoch(INITIAL),
                    connection,
                    partitions: partitions.collect(),
                };
                self.by_key.insert(key.clone(), session);
                Ok(Step::Opened)
            }
            _ => {
                let session = self.advance(key, epoch)?;
                for place in changes.added {
                    session.partitions.entry(place).or_insert(true);
                }
                for place in changes.forgotten {
                    session.partitions.remove(&place);
                }
                Ok(Step::Continued)
            }
        }
    }

    /// Continues or closes a session for acknowledgements.
    pub(crate) fn acknowledge(&mut self, key: &SessionKey, epoch: i32) -> Result<Step, ErrorCode> {
        match epoch {
            INITIAL => Err(ErrorCode::INVALID_SHARE_SESSION_EPOCH),
            FINAL => self.close(key),
            _ => self.advance(key, epoch).map(|_| Step::Continued),
        }
    }

    fn close(&self, key: &SessionKey) -> Result<Step, ErrorCode> {
        if self.by_key.contains_key(key) {
            return Ok(Step::Closing);
        }
        Err(ErrorCode::SHARE_SESSION_NOT_FOUND)
    }

    fn advance(&mut self, key: &SessionKey, epoch: i32) -> Result<&mut Session, ErrorCode> {
        let session = self
            .by_key
            .get_mut(key)
            .ok_or(ErrorCode::SHARE_SESSION_NOT_FOUND)?;
        if session.epoch != epoch {
            return Err(ErrorCode::INVALID_SHARE_SESSION_EPOCH);
        }
        session.epoch = next_epoch(epoch);
        Ok(session)
    }

    /// The epoch the next request has to say, if there is a session.
    pub(crate) fn epoch(&self, key: &SessionKey) -> Option<i32> {
        self.by_key.get(key).map(|session| session.epoch)
    }

    /// The partitions of a session, another one first each time, so that none is always last.
    pub(crate) fn partitions(&self, key: &SessionKey) -> Vec<Place> {
        let Some(session) = self.by_key.get(key) else {
            return Vec::new();
        };
        let mut places: Vec<Place> = session.partitions.keys().copied().collect();
        let turn = usize::try_from(session.epoch).unwrap_or_default();
        let first = turn.checked_rem(places.len()).unwrap_or_default();
        places.rotate_left(first);
        places
    }

    /// Whether an answer has to have a partition; remembers that it has if so.
    pub(crate) fn has_to_tell(
        &mut self,
        key: &SessionKey,
        place: &Place,
        is_news: bool,
        failed: bool,
    ) -> bool {
        let session = self.by_key.get_mut(key);
        let Some(due) = session.and_then(|session| session.partitions.get_mut(place)) else {
            return true;
        };
        let tell = *due || is_news || failed;
        // After an error the next answer tells that it is over.
        *due = failed;
        tell
    }

    /// Ends a session. Returns its partitions.
    pub(crate) fn remove(&mut self, key: &SessionKey) -> Vec<Place> {
        let session = self.by_key.remove(key);
        session.map_or_else(Vec::new, |session| session.partitions.into_keys().collect())
    }

    /// The sessions a connection opened.
    pub(crate) fn of_connection(&self, connection: u64) -> Vec<SessionKey> {
        let opened = self
            .by_key
            .iter()
            .filter(|(_, session)| session.connection == connection);
        opened.map(|(key, _)| key.clone()).collect()
    }
}

/// What a fetch changes in its session.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) added: Vec<Place>,
    pub(crate) forgotten: Vec<Place>,
    /// Whether it acknowledges anything.
    pub(crate) acknowledges: bool,
}

fn next_epoch(epoch: i32) -> i32 {
    match epoch {
        i32::MAX => 1,
        epoch => epoch + 1,
    }
}
