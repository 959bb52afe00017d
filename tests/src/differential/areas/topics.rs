//! Topics: made, widened, configured and deleted, under sound and unsound names.

use serde_json::{Value, json};
use thalweg_client::Rng;
use tokio::time::{Duration, sleep};

use super::draw::{once_in, one_of};
use crate::differential::Pair;

/// How long it may take until a Kafka that has changed settings knows of it itself.
const CHANGED: Duration = Duration::from_millis(100);

struct Topics {
    pair: Pair,
    rng: Rng,
    /// Names, ids and partition counts of the topics there are.
    known: Vec<(String, Value, i32)>,
    made: u32,
}

const CONFIGS: &[(&str, Option<&str>)] = &[
    ("retention.ms", Some("60000")),
    ("retention.ms", Some("-1")),
    ("retention.ms", Some("nonsense")),
    ("cleanup.policy", Some("compact")),
    ("cleanup.policy", Some("compact,delete")),
    ("cleanup.policy", Some("nonsense")),
    ("segment.bytes", Some("1048576")),
    ("segment.bytes", Some("1")),
    ("max.message.bytes", Some("2000")),
    ("max.message.bytes", Some("-5")),
    ("compression.type", Some("zstd")),
    ("min.insync.replicas", Some("0")),
    ("min.insync.replicas", Some("1")),
    ("no.such.config", Some("1")),
    ("retention.ms", None),
    ("message.timestamp.type", Some("LogAppendTime")),
];

pub(super) async fn run(pair: Pair, rng: Rng, requests: u32) -> Pair {
    let mut area = Topics {
        pair,
        rng,
        known: Vec::new(),
        made: 0,
    };
    area.fixed().await;
    for _ in 0..requests {
        match area.rng.below(20) {
            0..=4 => area.create().await,
            5 => area.delete().await,
            6..=8 => area.widen().await,
            9 | 10 => area.metadata().await,
            11 | 12 => area.describe_partitions().await,
            13..=15 => area.alter_incrementally().await,
            16 => area.alter().await,
            _ => area.describe_configs().await,
        }
    }
    area.pair
}

impl Topics {
    /// What is asked once.
    async fn fixed(&mut self) {
        let software = json!({"clientSoftwareName": "raw", "clientSoftwareVersion": "1"});
        for version in 0..=3 {
            self.pair
                .call("ApiVersions", version, software.clone())
                .await;
        }
        let badly = json!({"clientSoftwareName": "a b", "clientSoftwareVersion": ""});
        self.pair.call("ApiVersions", 3, badly).await;
        self.pair.call("DescribeCluster", 1, json!({})).await;
        self.pair
            .call("SaslHandshake", 1, json!({"mechanism": "PLAIN"}))
            .await;
        let everything = json!({"resourceTypeFilter": 1, "patternTypeFilter": 1, "operation": 1,
            "permissionType": 1});
        self.pair.call("DescribeAcls", 3, everything).await;
        let topics = json!({"topics": [], "allowAutoTopicCreation": false});
        self.pair.call("Metadata", 9, topics).await;
        let (name, _, _) = self.topic();
        self.pair
            .call(
                "ElectLeaders",
                2,
                json!({"topicPartitions": [{"topic": name, "partitions": [0]}]}),
            )
            .await;
        self.pair
            .call("ListPartitionReassignments", 0, json!({"topics": null}))
            .await;
        self.pair
            .call(
                "DescribeClientQuotas",
                1,
                json!({"components": [], "strict": false}),
            )
            .await;
        self.pair
            .call(
                "DescribeUserScramCredentials",
                0,
                json!({"users": [{"name": "nobody"}]}),
            )
            .await;
    }

    /// One that there is, or a name that nothing has or can have.
    fn topic(&mut self) -> (String, Value, i32) {
        let index = self.rng.below(self.known.len() as u64) as usize;
        let unknown = json!("BBBBBBBBBBBBBBBBBBBBBA");
        match (self.known.get(index), self.rng.below(14)) {
            (Some(known), 3..) => known.clone(),
            (_, 0) => ("bad name!".to_owned(), unknown, 1),
            (_, 1) => (String::new(), unknown, 1),
            _ => (self.pair.name("unknown"), unknown, 1),
        }
    }

    fn configs(&mut self) -> Vec<Value> {
        let mut configs = Vec::new();
        if once_in(&mut self.rng, 2) {
            let (name, value) = one_of(&mut self.rng, CONFIGS);
            configs.push(json!({"name": name, "value": value}));
        }
        configs
    }

    async fn create(&mut self) {
        self.made += 1;
        let fresh = self.pair.name(&format!("t{}", self.made));
        let long = "n".repeat(250);
        let name = match self.rng.below(16) {
            0 => "bad name!".to_owned(),
            1 => String::new(),
            2 => "..".to_owned(),
            3 => long,
            4 => self.topic().0,
            // Differs from another only in what metrics turn into the same.
            5 => fresh.replace('-', "_").replace("_t", ".t"),
            _ => fresh,
        };
        let partitions = one_of(&mut self.rng, &[1, 1, 2, 3, -1, 0, -2]);
        let replicas = one_of(&mut self.rng, &[1, 1, 1, 1, -1, 0, 3]);
        let assignments = match self.rng.below(10) {
            0 => json!([{"partitionIndex": 0, "brokerIds": ["broker#0"]}]),
            1 => json!([{"partitionIndex": 1, "brokerIds": ["broker#0"]}]),
            2 => json!([{"partitionIndex": 0, "brokerIds": [99]}]),
            _ => json!([]),
        };
        let (partitions, replicas) = match assignments == json!([]) || once_in(&mut self.rng, 8) {
            true => (partitions, replicas),
            false => (-1, -1),
        };
        let only_validate = once_in(&mut self.rng, 5);
        let body = json!({"topics": [{"name": name, "numPartitions": partitions,
            "replicationFactor": replicas, "assignments": assignments, "configs": self.configs()}],
            "timeoutMs": 10_000, "validateOnly": only_validate});
        let version = self.pair.version(&mut self.rng, "CreateTopics", 5..);
        let answer = self.pair.call("CreateTopics", version, body).await;
        let made = &answer["topics"][0];
        if made["errorCode"] == 0 && !only_validate {
            let partitions = made["numPartitions"].as_i64().unwrap_or(1) as i32;
            self.pair.await_topic(&name, partitions).await;
            let id = match version {
                7.. => made["topicId"].clone(),
                _ => json!("BBBBBBBBBBBBBBBBBBBBBA"),
            };
            self.known.push((name, id, partitions));
        }
    }

    async fn delete(&mut self) {
        let version = self.pair.version(&mut self.rng, "DeleteTopics", ..);
        let (name, id, _) = self.topic();
        let by_id = version >= 6 && once_in(&mut self.rng, 2);
        let topic = match by_id {
            true => json!({"name": null, "topicId": id}),
            false => json!({"name": name}),
        };
        let body = json!({"topicNames": [name], "topics": [topic], "timeoutMs": 10_000});
        let answer = self.pair.call("DeleteTopics", version, body).await;
        if answer["responses"][0]["errorCode"] == 0 {
            self.known.retain(|(known, ..)| *known != name);
            let body = json!({"topics": [{"name": name}], "allowAutoTopicCreation": false});
            self.pair
                .until("Metadata", 12, body, |answer| {
                    answer["topics"][0]["errorCode"] == 3
                })
                .await;
        }
    }

    async fn widen(&mut self) {
        let (name, id, partitions) = self.topic();
        let count = partitions + one_of(&mut self.rng, &[1, 1, 2, 0, -1, -10]);
        let added = (count - partitions).max(0);
        let assignments = match self.rng.below(6) {
            0 => json!([{"brokerIds": ["broker#0"]}]),
            1 => json!([{"brokerIds": [99]}]),
            2 => json!(vec![json!({"brokerIds": []}); added as usize]),
            _ => Value::Null,
        };
        let only_validate = once_in(&mut self.rng, 4);
        let body = json!({"topics": [{"name": name, "count": count, "assignments": assignments}],
            "timeoutMs": 10_000, "validateOnly": only_validate});
        let answer = self
            .pair
            .call_any(&mut self.rng, "CreatePartitions", body)
            .await;
        if answer["results"][0]["errorCode"] == 0 && !only_validate {
            self.known.retain(|(known, ..)| *known != name);
            self.pair.await_topic(&name, count).await;
            self.known.push((name, id, count));
        }
    }

    async fn metadata(&mut self) {
        let version = self.pair.version(&mut self.rng, "Metadata", 1..);
        let (name, id, _) = self.topic();
        let by_id = version >= 12 && once_in(&mut self.rng, 2);
        let topic = match by_id {
            true => json!({"name": null, "topicId": id}),
            false => json!({"name": name}),
        };
        let body = json!({"topics": [topic], "allowAutoTopicCreation": false});
        self.pair.call("Metadata", version, body).await;
    }

    async fn describe_partitions(&mut self) {
        let (name, ..) = self.topic();
        // Kafka answers with an error of its own making.
        if name.is_empty() {
            return;
        }
        let limit = one_of(&mut self.rng, &[1, 2, 2000]);
        let cursor = match once_in(&mut self.rng, 3) {
            true => json!({"topicName": name, "partitionIndex": 1}),
            false => Value::Null,
        };
        let body = json!({"topics": [{"name": name}], "responsePartitionLimit": limit,
            "cursor": cursor});
        self.pair.call("DescribeTopicPartitions", 0, body).await;
    }

    async fn alter_incrementally(&mut self) {
        let (name, ..) = self.topic();
        // Kafka answers with an error of its own making.
        if name.is_empty() {
            return;
        }
        let (config, value) = one_of(&mut self.rng, CONFIGS);
        let operation = one_of(&mut self.rng, &[0, 0, 0, 1, 2, 3, 9]);
        let body = json!({"resources": [{"resourceType": one_of(&mut self.rng, &[2, 2, 2, 2, 7]),
            "resourceName": name, "configs":
                [{"name": config, "configOperation": operation, "value": value}]}],
            "validateOnly": once_in(&mut self.rng, 4)});
        self.pair
            .call_any(&mut self.rng, "IncrementalAlterConfigs", body)
            .await;
        sleep(CHANGED).await;
    }

    async fn alter(&mut self) {
        let (name, ..) = self.topic();
        let body = json!({"resources": [{"resourceType": 2, "resourceName": name,
            "configs": self.configs()}], "validateOnly": once_in(&mut self.rng, 4)});
        self.pair
            .call_any(&mut self.rng, "AlterConfigs", body)
            .await;
        sleep(CHANGED).await;
    }

    async fn describe_configs(&mut self) {
        let (name, ..) = self.topic();
        let keys = match self.rng.below(3) {
            0 => Value::Null,
            1 => json!(["retention.ms", "no.such.config"]),
            _ => json!(["cleanup.policy", "max.message.bytes", "compression.type"]),
        };
        let body = json!({"resources": [{"resourceType": 2, "resourceName": name,
            "configurationKeys": keys}], "includeSynonyms": once_in(&mut self.rng, 2)});
        self.pair
            .call_any(&mut self.rng, "DescribeConfigs", body)
            .await;
    }
}
