//! What `--data` keeps, when the process is killed at any moment.
//!
//! A producer writes the same number to two partitions, and commits it as an offset, in one
//! transaction after the other, until the broker is killed under it. Whatever was acknowledged has
//! to be there afterwards, once and in order; the last transaction is there as a whole or not at all.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use thalweg_protocol::messages::{
    FetchPartition, FetchTopic, InitProducerIdRequest, OffsetFetchRequest, OffsetFetchRequestGroup,
    OffsetFetchRequestTopics, PartitionProduceData, ProduceRequest, TopicProduceData,
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use thalweg_protocol::{ErrorCode, Offset, PartitionId, ProducerId};
use tokio::net::TcpStream;

use crate::support::*;

/// The program, killed when it is dropped.
struct Process {
    child: Child,
    address: String,
}

impl Process {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_thalweg-broker"))
            .args(["--listen", "127.0.0.1:0", "--topic", "t:2", "--data"])
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let address = line
            .trim()
            .rsplit_once('=')
            .expect("an address")
            .1
            .to_owned();
        Process { child, address }
    }

    async fn connect(&self) -> Raw<TcpStream> {
        Raw::over(TcpStream::connect(&self.address).await.expect("it listens"))
    }

    fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ended");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One transaction: `number` in both partitions and as the group's offset. `None` where the
/// connection breaks before its end is acknowledged.
async fn transact(raw: &mut Raw<TcpStream>, me: &mut Producer, number: i64) -> Option<()> {
    let records = batch(&[&number.to_string()], *me);
    let data = [0, 1].map(|index| PartitionProduceData {
        index: PartitionId(index),
        records: Some(records.clone()),
        ..Default::default()
    });
    let topic = TopicProduceData {
        name: "t".into(),
        partition_data: data.into(),
        ..Default::default()
    };
    let produce = ProduceRequest {
        transactional_id: Some("x".into()),
        acks: -1,
        timeout_ms: 1_000,
        topic_data: vec![topic],
        ..Default::default()
    };
    let response = raw.try_call(&produce, 12).await?;
    for partition in &response.responses[0].partition_responses {
        assert_eq!(partition.error_code, ErrorCode::NONE);
    }
    let partition = TxnOffsetCommitRequestPartition {
        committed_offset: Offset(number),
        ..Default::default()
    };
    let topic = TxnOffsetCommitRequestTopic {
        name: "t".into(),
        partitions: vec![partition],
        ..Default::default()
    };
    let offsets = TxnOffsetCommitRequest {
        transactional_id: "x".into(),
        group_id: "g".into(),
        producer_id: ProducerId(me.id),
        producer_epoch: me.epoch,
        generation_id_or_member_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    };
    let response = raw.try_call(&offsets, 5).await?;
    assert_eq!(response.topics[0].partitions[0].error_code, ErrorCode::NONE);
    let end = end_request("x", *me, true);
    let response = raw.try_call(&end, 5).await?;
    assert_eq!(response.error_code, ErrorCode::NONE);
    me.epoch = response.producer_epoch;
    Some(())
}

async fn initialise(raw: &mut Raw<TcpStream>) -> Producer {
    find_coordinator(raw, 1, "x").await;
    find_coordinator(raw, 0, "g").await;
    let request = InitProducerIdRequest {
        transactional_id: Some("x".into()),
        transaction_timeout_ms: 60_000,
        ..Default::default()
    };
    loop {
        let response = raw.call(&request, 4).await;
        if response.error_code == ErrorCode::NONE {
            let (id, epoch) = (response.producer_id.0, response.producer_epoch);
            return Producer::idempotent(id, epoch).in_transaction();
        }
        assert_eq!(response.error_code, ErrorCode::CONCURRENT_TRANSACTIONS);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What a reader of committed records sees in a partition, which has to be all there is.
async fn committed(raw: &mut Raw<TcpStream>, index: i32) -> Vec<i64> {
    let mut all = Vec::new();
    let mut offset = 0;
    loop {
        let mut request = fetch_request("t", offset, true);
        let partition = FetchPartition {
            partition: PartitionId(index),
            fetch_offset: Offset(offset),
            partition_max_bytes: 1 << 20,
            ..Default::default()
        };
        request.topics = vec![FetchTopic {
            topic: "t".into(),
            partitions: vec![partition],
            ..Default::default()
        }];
        let response = raw.call(&request, 12).await;
        let found = &response.responses[0].partitions[0];
        assert_eq!(
            found.last_stable_offset, found.high_watermark,
            "nothing hangs"
        );
        all.extend(
            committed_values(found)
                .iter()
                .map(|value| value.parse::<i64>().expect("ours")),
        );
        match next_offset(found) {
            Some(next) => offset = next,
            None => return all,
        }
    }
}

async fn committed_offset(raw: &mut Raw<TcpStream>) -> i64 {
    let topic = OffsetFetchRequestTopics {
        name: "t".into(),
        partition_indexes: vec![PartitionId(0)],
        ..Default::default()
    };
    let group = OffsetFetchRequestGroup {
        group_id: "g".into(),
        topics: Some(vec![topic]),
        ..Default::default()
    };
    let request = OffsetFetchRequest {
        groups: vec![group],
        require_stable: true,
        ..Default::default()
    };
    let response = raw.call(&request, 8).await;
    let partition = &response.groups[0].topics[0].partitions[0];
    assert_eq!(partition.error_code, ErrorCode::NONE);
    partition.committed_offset.0
}

#[tokio::test]
async fn what_was_acknowledged_outlives_a_kill_at_any_moment() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut acknowledged: Vec<i64> = Vec::new();
    let mut number = 0;
    for round in 0..8 {
        let mut process = Process::start(folder.path());
        let mut raw = process.connect().await;
        let mut me = initialise(&mut raw).await;
        let (first, second) = (committed(&mut raw, 0).await, committed(&mut raw, 1).await);
        assert_eq!(
            first, second,
            "round {round}: a transaction is there as a whole"
        );
        let offset = committed_offset(&mut raw).await;
        assert_eq!(offset, first.last().copied().unwrap_or(-1), "round {round}");
        let unsure = first.strip_prefix(acknowledged.as_slice());
        let unsure = unsure.expect("everything that was acknowledged, once and in order");
        assert!(
            unsure.len() <= 1,
            "round {round}: {unsure:?} were never acknowledged"
        );
        acknowledged = first;

        let die_after = Duration::from_millis(20 + 7 * round);
        let killer = tokio::spawn(async move {
            tokio::time::sleep(die_after).await;
            process.kill();
        });
        while transact(&mut raw, &mut me, number).await.is_some() {
            acknowledged.push(number);
            me.sequence = 0;
            number += 1;
        }
        number += 1;
        killer.await.expect("it was killed");
    }
    assert!(
        acknowledged.len() > 8,
        "it got somewhere: {}",
        acknowledged.len()
    );
}

#[tokio::test]
async fn a_folder_in_use_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let _process = Process::start(folder.path());
    let error = thalweg_broker::EmbeddedBroker::builder()
        .data(folder.path())
        .start();
    let error = error.expect_err("it is in use").to_string();
    assert!(error.contains("in use by another broker"), "{error}");
}
