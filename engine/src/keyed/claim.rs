//! `already_partitioned`: the claim that a topic is partitioned by a key, and its check.

use std::sync::Arc;

use thalweg_protocol::PartitionId;

use crate::flow::Context;
use crate::key::Lookup;
use crate::task::{TaskError, partition_of};
use crate::topology::TaskBuilder;

/// Checks the first element of each batch: a topic that is partitioned otherwise is found out at
/// once, and a record costs nothing.
pub(crate) struct PartitionClaim {
    operator: Arc<str>,
    partition: PartitionId,
    partitions: u32,
    checked_batch: u64,
}

impl PartitionClaim {
    pub(crate) fn new(operator: Arc<str>, builder: &TaskBuilder) -> Self {
        let (partition, partitions) = (builder.partition(), builder.tasks());
        Self {
            operator,
            partition,
            partitions,
            checked_batch: 0,
        }
    }

    /// Fails the task if the claim is false. Gives whether it may go on.
    #[inline]
    pub(crate) fn check<K, L: Lookup<K>>(&mut self, key: &L, context: &mut Context<'_>) -> bool {
        if self.checked_batch == context.batch {
            return true;
        }
        self.checked_batch = context.batch;
        self.check_now(key, context)
    }

    #[cold]
    fn check_now<K, L: Lookup<K>>(&self, key: &L, context: &mut Context<'_>) -> bool {
        let mut bytes = Vec::new();
        key.encode_key(&mut bytes);
        let expected = partition_of(&bytes, self.partitions);
        if expected == self.partition {
            return true;
        }
        if let Some((topic, found, record)) = context.current_record() {
            let error = TaskError::NotPartitioned {
                operator: Arc::clone(&self.operator),
                key: String::from_utf8_lossy(&bytes).into_owned(),
                topic: Arc::clone(topic),
                found,
                expected,
                offset: record.offset,
            };
            context.fail(error);
        }
        false
    }
}
