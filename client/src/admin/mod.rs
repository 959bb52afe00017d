//! Looks at a cluster and changes it: topics, offsets, configurations, groups, transactions.
//!
//! ```text
//!   topics  offsets  configs  groups  transactions     one file per kind of thing
//!      └───────┴────────┬───────┴──────────┘
//!                    routed          who is responsible for each thing; tries again
//!                       │
//!                    Cluster
//! ```

mod configs;
mod group_offsets;
mod groups;
mod offsets;
mod outcomes;
mod routed;
#[cfg(test)]
mod tests;
mod topics;
mod transactions;

use std::fmt;

use crate::cluster::{Broker, Cluster};
use crate::config::ClientConfig;
use crate::error::{CallError, ConnectError};

pub use configs::{ConfigChange, ConfigEntry, ConfigResource, ConfigSource};
pub use groups::{GroupDescription, GroupListing, MemberDescription};
pub use offsets::{ListedOffset, OffsetSpec};
pub use outcomes::Outcomes;
pub use topics::{CreatedTopic, NewTopic, TopicListing};
pub use transactions::{ActiveProducer, TransactionDescription, TransactionListing};

/// The admin client (Kafka's `Admin`).
///
/// Every operation finds the broker that has to serve it, and is repeated for up to
/// `default_api_timeout` as long as that can help. Operations on several things return
/// [`Outcomes`]: each may fail on its own.
///
/// # Cancel-safety
/// Dropping a future leaves the client as it was. What was asked of the cluster may still happen.
///
/// ```no_run
/// use thalweg_client::{Admin, ClientConfig, NewTopic};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let admin = Admin::connect(ClientConfig::new("localhost:9092")).await?;
/// admin.create_topics([NewTopic::new("bids", 4).config("retention.ms", "-1")]).await.all()?;
/// for topic in admin.list_topics().await? {
///     println!("{} has {} partitions", topic.name, topic.partitions);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Admin {
    cluster: Cluster,
}

impl Admin {
    /// An admin client on a cluster that is connected already.
    pub fn new(cluster: &Cluster) -> Admin {
        Admin {
            cluster: cluster.clone(),
        }
    }

    /// Connects to a cluster.
    ///
    /// # Errors
    /// As [`Cluster::connect`].
    pub async fn connect(config: ClientConfig) -> Result<Admin, ConnectError> {
        Ok(Admin {
            cluster: Cluster::connect(config).await?,
        })
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The cluster's id, controller and brokers, as of now.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription, CallError> {
        let mut retry = self.cluster.retry("describe the cluster");
        loop {
            match self.cluster.refresh_metadata().await {
                Ok(snapshot) => {
                    return Ok(ClusterDescription {
                        cluster_id: snapshot.cluster_id().map(str::to_owned),
                        controller: snapshot.controller(),
                        brokers: snapshot.brokers().cloned().collect(),
                    });
                }
                Err(error) => retry.pause(error).await?,
            }
        }
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("cluster", &self.cluster)
            .finish()
    }
}

/// A cluster and its brokers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterDescription {
    /// The cluster's id, if its brokers have one.
    pub cluster_id: Option<String>,
    /// The controller, or a broker that passes on requests to it.
    pub controller: Option<thalweg_protocol::BrokerId>,
    /// The brokers that are up, by id.
    pub brokers: Vec<Broker>,
}
