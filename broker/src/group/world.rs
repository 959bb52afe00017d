//! A cluster without connections, for tests of groups; its clock is set by hand.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use thalweg_protocol::BrokerId;
use thalweg_protocol::messages::CreatableTopic;

use crate::cluster::new_topic::create_topic;
use crate::cluster::{Caller, Clock, Cluster, Node, Now, Principal};
use crate::release::Release;

/// One broker, some topics, and somebody who sends requests.
pub(super) struct World {
    pub(super) cluster: Cluster,
    pub(super) now: Now,
    pub(super) caller: Caller,
}

impl World {
    /// With topics of so many partitions.
    pub(super) fn new(seed: u64, topics: &[(&str, i32)]) -> Self {
        let now = Clock::starting_at(1_000_000).now();
        let mut cluster = Cluster::new(Release::NEWEST, seed, now);
        let node = Node {
            host: "localhost".into(),
            port: 9092,
            rack: None,
            alive: true,
        };
        cluster.nodes.insert(BrokerId(0), node);
        let caller = Caller {
            request_bytes: 0,
            node: BrokerId(0),
            connection: 1,
            version: 1,
            client_id: Some("client".into()),
            principal: Arc::new(Principal::anonymous()),
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let mut world = World {
            cluster,
            now,
            caller,
        };
        for (name, partitions) in topics {
            world.make_topic(name, *partitions);
        }
        world
    }

    pub(super) fn make_topic(&mut self, name: &str, num_partitions: i32) {
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions,
            replication_factor: 1,
            ..Default::default()
        };
        create_topic(&mut self.cluster, topic, false).expect("a topic");
    }

    /// Lets time pass, and what is due happen.
    pub(super) fn pass(&mut self, ms: u64) {
        self.now.instant += Duration::from_millis(ms);
        self.now.wall_ms += i64::try_from(ms).expect("short");
        self.cluster.handle_timers(self.now);
    }
}
