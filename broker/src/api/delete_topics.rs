//! DeleteTopics: ends topics, by name or by id.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use thalweg_protocol::messages::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use thalweg_protocol::{ErrorCode, StrBytes, Uuid};

use super::fault::{Fault, fault, invalid};
use crate::acl::{Operation, ResourceType};
use crate::cluster::{Caller, Cluster, Reply};
use crate::quota::throttle_ms;

/// Deletes the topics, each on its own.
pub(super) fn delete_topics(
    cluster: &mut Cluster,
    caller: &Caller,
    request: DeleteTopicsRequest,
    reply: Reply<DeleteTopicsRequest>,
) {
    let mut quiet = Duration::ZERO;
    let by_name = |name: StrBytes| DeleteTopicState {
        name: Some(name),
        ..Default::default()
    };
    let named = request.topic_names.into_iter().map(by_name);
    let asked: Vec<DeleteTopicState> = request.topics.into_iter().chain(named).collect();
    let responses = if cluster.settings.flag("delete.topic.enable") {
        Deletion::new(cluster, caller, &mut quiet).run(asked)
    } else {
        let code = match caller.version {
            ..=2 => ErrorCode::INVALID_REQUEST,
            _ => ErrorCode::TOPIC_DELETION_DISABLED,
        };
        let refused = |topic: DeleteTopicState| {
            let message = fault(ErrorCode::TOPIC_DELETION_DISABLED).1;
            told(topic.name, topic.topic_id, Err((code, message)))
        };
        asked.into_iter().map(refused).collect()
    };
    let response = DeleteTopicsResponse {
        throttle_time_ms: throttle_ms(quiet),
        responses,
        ..Default::default()
    };
    reply.send_throttled(&response, quiet);
}

fn told(
    name: Option<StrBytes>,
    topic_id: Uuid,
    outcome: Result<(), Fault>,
) -> DeletableTopicResult {
    let (error_code, error_message) = super::fault::told(outcome);
    DeletableTopicResult {
        name,
        topic_id,
        error_code,
        error_message,
        ..Default::default()
    }
}

/// The topics of one request: sorted out first, deleted then.
struct Deletion<'a> {
    cluster: &'a mut Cluster,
    caller: &'a Caller,
    quiet: &'a mut Duration,
    results: Vec<DeletableTopicResult>,
    /// What is to be deleted. `None`: it was named in two ways.
    found: BTreeMap<Uuid, Option<StrBytes>>,
}

impl<'a> Deletion<'a> {
    fn new(cluster: &'a mut Cluster, caller: &'a Caller, quiet: &'a mut Duration) -> Self {
        Deletion {
            cluster,
            caller,
            quiet,
            results: Vec::new(),
            found: BTreeMap::new(),
        }
    }

    fn run(mut self, asked: Vec<DeleteTopicState>) -> Vec<DeletableTopicResult> {
        let mut names = Vec::new();
        let mut ids = Vec::new();
        for topic in asked {
            match (topic.name, topic.topic_id) {
                (None, id) if id.is_zero() => {
                    let error = invalid("Neither topic name nor id were specified.");
                    self.tell(None, id, Err(error));
                }
                (None, id) => ids.push(id),
                (Some(name), id) if id.is_zero() => names.push(name),
                (Some(name), id) => {
                    let error = invalid("You may not specify both topic name and topic id.");
                    self.tell(Some(name), id, Err(error));
                }
            }
        }
        let (names, twice) = once(names);
        for name in twice {
            let error = invalid("Duplicate topic name.");
            self.tell(Some(name), Uuid::ZERO, Err(error));
        }
        let (ids, twice) = once(ids);
        for id in twice {
            self.found.insert(id, None);
            self.tell(None, id, Err(invalid("Duplicate topic id.")));
        }
        for id in ids {
            self.find_by_id(id);
        }
        for name in names {
            self.find_by_name(name);
        }
        for (id, name) in std::mem::take(&mut self.found) {
            let Some(name) = name else { continue };
            let deleted = self.delete(&name);
            self.tell(Some(name), id, deleted);
        }
        self.results
    }

    fn delete(&mut self, name: &StrBytes) -> Result<(), Fault> {
        let topic = self.cluster.topics.topic(name);
        let partitions = topic.map_or(0, |topic| topic.partitions.len());
        let is_old = self.caller.version < 5;
        let counted = self
            .cluster
            .count_mutations(self.caller, partitions, is_old, self.quiet);
        counted.map_err(fault)?;
        self.cluster.delete_topic(name);
        Ok(())
    }

    fn tell(&mut self, name: Option<StrBytes>, id: Uuid, outcome: Result<(), Fault>) {
        self.results.push(told(name, id, outcome));
    }

    fn may(&self, operation: Operation, name: &str) -> bool {
        // Whoever may delete in the cluster may delete all of it.
        let cluster = self
            .cluster
            .authorize_cluster(self.caller, Operation::Delete);
        let topic = ResourceType::Topic;
        cluster || self.cluster.authorize(self.caller, operation, topic, name)
    }

    fn find_by_id(&mut self, id: Uuid) {
        let Some(name) = self.cluster.topics.name_of(&id).cloned() else {
            return self.tell(None, id, Err(fault(ErrorCode::UNKNOWN_TOPIC_ID)));
        };
        if self.may(Operation::Delete, &name) {
            self.found.insert(id, Some(name));
            return;
        }
        // A name is told only to those who may see it.
        let shown = self.may(Operation::Describe, &name).then_some(name);
        let denied = fault(ErrorCode::TOPIC_AUTHORIZATION_FAILED);
        self.tell(shown, id, Err(denied));
    }

    fn find_by_name(&mut self, name: StrBytes) {
        let denied = fault(ErrorCode::TOPIC_AUTHORIZATION_FAILED);
        if !self.may(Operation::Describe, &name) {
            return self.tell(Some(name), Uuid::ZERO, Err(denied));
        }
        let Some(topic) = self.cluster.topics.topic(&name) else {
            let unknown = fault(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            return self.tell(Some(name), Uuid::ZERO, Err(unknown));
        };
        let id = topic.id;
        if !self.may(Operation::Delete, &name) {
            return self.tell(Some(name), Uuid::ZERO, Err(denied));
        }
        if let Some(before) = self.found.insert(id, Some(name.clone())) {
            drop(before);
            self.found.insert(id, None);
            let error = invalid("The provided topic name maps to an ID that was already supplied.");
            self.tell(Some(name), id, Err(error));
        }
    }
}

/// Those named once, and those named more often.
fn once<T: Ord + Clone>(all: Vec<T>) -> (BTreeSet<T>, BTreeSet<T>) {
    let mut seen = BTreeSet::new();
    let again = all.into_iter().filter(|one| !seen.insert(one.clone()));
    let twice: BTreeSet<T> = again.collect();
    seen.retain(|one| !twice.contains(one));
    (seen, twice)
}
