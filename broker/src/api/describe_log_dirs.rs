//! DescribeLogDirs: how much lies where. All lies in memory, shown as one directory.

use std::collections::{BTreeMap, BTreeSet};

use thalweg_protocol::messages::{
    DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse,
    DescribeLogDirsResult, DescribeLogDirsTopic,
};
use thalweg_protocol::{ErrorCode, PartitionId, StrBytes};

use crate::acl::Operation;
use crate::cluster::{Caller, Cluster};
use crate::topic::Topic;

/// The only directory.
pub(super) const DIRECTORY: &str = "/tmp/kafka-logs";

/// Tells the sizes of the broker's replicas.
pub(super) fn describe_log_dirs(
    cluster: &mut Cluster,
    caller: &Caller,
    request: DescribeLogDirsRequest,
) -> DescribeLogDirsResponse {
    if !cluster.authorize_cluster(caller, Operation::Describe) {
        return DescribeLogDirsResponse {
            error_code: ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
            ..Default::default()
        };
    }
    let asked: Option<BTreeMap<StrBytes, BTreeSet<PartitionId>>> = request.topics.map(|topics| {
        let mut asked: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for topic in topics {
            asked
                .entry(topic.topic)
                .or_default()
                .extend(topic.partitions);
        }
        asked
    });
    let of_topic = |(name, topic): (&StrBytes, &Topic)| {
        let wanted = match &asked {
            None => None,
            Some(asked) => Some(asked.get(name)?),
        };
        let here = topic.partitions.iter().zip((0..).map(PartitionId));
        let here = here.filter(|(partition, index)| {
            partition.replicas.contains(&caller.node)
                && wanted.is_none_or(|wanted| wanted.contains(index))
        });
        let partitions: Vec<_> = here
            .map(|(partition, partition_index)| DescribeLogDirsPartition {
                partition_index,
                partition_size: i64::try_from(partition.log.bytes()).unwrap_or(i64::MAX),
                ..Default::default()
            })
            .collect();
        (!partitions.is_empty()).then(|| DescribeLogDirsTopic {
            name: name.clone(),
            partitions,
            ..Default::default()
        })
    };
    let directory = DescribeLogDirsResult {
        log_dir: DIRECTORY.into(),
        topics: cluster.topics.iter().filter_map(of_topic).collect(),
        ..Default::default()
    };
    DescribeLogDirsResponse {
        results: vec![directory],
        ..Default::default()
    }
}
