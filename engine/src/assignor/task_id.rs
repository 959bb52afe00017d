//! The name of a task.

use std::fmt;

use thalweg_protocol::PartitionId;

use crate::task::SubTopologyId;

/// One partition of one sub-topology: the unit of work, of state and of assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TaskId {
    pub(crate) sub_topology: SubTopologyId,
    /// The partition of all of its topics.
    pub(crate) partition: PartitionId,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.sub_topology.0, self.partition.0)
    }
}
