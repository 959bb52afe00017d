//! What all workers of an instance share, and none of them changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use thalweg_client::{Cluster, Spawner, watch};

use super::board::Board;
use super::calls::Calls;
use super::plan::Plan;
use super::settings::RunSettings;
use super::topics::TopicTable;
use super::worker::Ends;
use crate::assignor::TaskTopics;
use crate::state_folder::StateFolder;
use crate::task::TopicLimits;
use crate::topology::Topology;

/// See the module.
pub(crate) struct Instance {
    pub(crate) settings: RunSettings,
    pub(crate) topology: Topology,
    pub(crate) plan: Plan,
    pub(crate) task_topics: TaskTopics,
    pub(crate) topics: TopicTable,
    /// How the topics it writes are configured, as far as that could be read.
    pub(crate) limits: BTreeMap<String, TopicLimits>,
    /// Those of the topics that are purged behind the committed positions.
    pub(crate) repartition_topics: BTreeSet<String>,
    pub(crate) cluster: Cluster,
    pub(crate) calls: Calls,
    pub(crate) spawner: Arc<dyn Spawner>,
    pub(crate) board: Arc<Board>,
    /// Held open, and so locked, until the last worker is gone.
    pub(crate) folder: StateFolder,
    /// Where inputs end, when the app is to run until there.
    pub(crate) ends: Option<watch::Receiver<Arc<Ends>>>,
}
