//! Faults on demand: what goes wrong with which request.
//!
//! A closure set with [`EmbeddedBroker::inject`](crate::EmbeddedBroker::inject) sees every request
//! before it is handled and says what is to happen to it. [`faults`] has ready ones.

mod error_answers;
pub mod faults;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use thalweg_protocol::messages::{
    AddPartitionsToTxnRequest, CreateTopicsRequest, FetchRequest, ListOffsetsRequest,
    MetadataRequest, OffsetCommitRequest, ProduceRequest, TxnOffsetCommitRequest,
};
use thalweg_protocol::{ApiKey, Decoder, ErrorCode, Request};

pub(crate) use error_answers::error_answer;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing: it is handled and answered.
    Pass,
    /// It is handled after a time. What comes after it on the same connection waits too.
    Delay(Duration),
    /// It is handled, and answered after a time.
    DelayAnswer(Duration),
    /// The connection is closed; the request is not handled.
    CloseBefore,
    /// It is handled, and the connection is closed instead of an answer.
    CloseAfter,
    /// It is not handled, and answered with this error for everything it asks. For an API whose
    /// answer has no such place the connection is closed.
    Error(ErrorCode),
    /// It is handled; after this many bytes of the answer the connection is closed.
    Truncate(usize),
    /// It is handled; the byte at this place of the answer, counted after its length, is damaged. A
    /// place after the end counts from the beginning again.
    Corrupt(usize),
}

/// A request that has arrived at a broker.
#[derive(Clone, Copy)]
pub struct RequestSeen<'a> {
    pub(crate) broker: i32,
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) client_id: Option<&'a str>,
    pub(crate) connection: u64,
    /// What follows the header.
    pub(crate) body: &'a Bytes,
}

impl RequestSeen<'_> {
    /// The broker it was sent to.
    pub fn broker(&self) -> i32 {
        self.broker
    }

    /// What it asks for.
    pub fn api(&self) -> ApiKey {
        self.api
    }

    /// In which version.
    pub fn version(&self) -> i16 {
        self.version
    }

    /// Who says to have sent it.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id
    }

    /// A number that no other connection has.
    pub fn connection(&self) -> u64 {
        self.connection
    }

    /// The request itself, if it is an `R`.
    pub fn decode<R: Request>(&self) -> Option<R> {
        if R::API_KEY != self.api {
            return None;
        }
        R::decode(&mut Decoder::new(self.body.clone()), self.version).ok()
    }

    /// Whether it names a topic: to write it, read it, commit it, describe it or make it. Requests
    /// that name topics by their ids do not.
    pub fn names_topic(&self, topic: &str) -> bool {
        let is = |name: &str| name == topic;
        match self.api {
            ApiKey::Produce => self
                .decode::<ProduceRequest>()
                .is_some_and(|request| request.topic_data.iter().any(|it| is(&it.name))),
            ApiKey::Fetch => self
                .decode::<FetchRequest>()
                .is_some_and(|request| request.topics.iter().any(|it| is(&it.topic))),
            ApiKey::ListOffsets => self
                .decode::<ListOffsetsRequest>()
                .is_some_and(|request| request.topics.iter().any(|it| is(&it.name))),
            ApiKey::Metadata => self.decode::<MetadataRequest>().is_some_and(|request| {
                let topics = request.topics.unwrap_or_default();
                topics.iter().any(|it| it.name.as_deref().is_some_and(is))
            }),
            ApiKey::OffsetCommit => self
                .decode::<OffsetCommitRequest>()
                .is_some_and(|request| request.topics.iter().any(|it| is(&it.name))),
            ApiKey::TxnOffsetCommit => self
                .decode::<TxnOffsetCommitRequest>()
                .is_some_and(|request| request.topics.iter().any(|it| is(&it.name))),
            ApiKey::AddPartitionsToTxn => self
                .decode::<AddPartitionsToTxnRequest>()
                .is_some_and(|request| request.v3_and_below_topics.iter().any(|it| is(&it.name))),
            ApiKey::CreateTopics => self
                .decode::<CreateTopicsRequest>()
                .is_some_and(|request| request.topics.iter().any(|it| is(&it.name))),
            _ => false,
        }
    }
}

impl fmt::Debug for RequestSeen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (api, version) = (self.api.name(), self.version);
        write!(
            f,
            "{api} v{version} from {:?} at broker {}",
            self.client_id, self.broker
        )
    }
}

/// Chooses what happens to each request. Called for one request at a time on a connection, for
/// several connections at once; it must not block.
pub type Inject = dyn Fn(&RequestSeen<'_>) -> Fault + Send + Sync;
