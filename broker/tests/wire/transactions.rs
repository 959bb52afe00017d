//! Transactions: what readers see of them, who may end them, and what happens when nobody does.

use std::time::Duration;

use thalweg_broker::EmbeddedBroker;
use thalweg_protocol::messages::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, DescribeProducersRequest,
    DescribeProducersTopicRequest, EndTxnResponse, InitProducerIdRequest, ListTransactionsRequest,
    WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
};
use thalweg_protocol::{ErrorCode, Offset, PartitionId, ProducerId};

use crate::support::*;

async fn started() -> (EmbeddedBroker, Raw, Producer) {
    // The records are of 1970.
    let builder = EmbeddedBroker::builder().topic("t", 1);
    let kafka = start(builder.config("log.retention.ms", "-1"));
    let mut raw = Raw::connect(&kafka, PORT);
    find_coordinator(&mut raw, 1, "x").await;
    let me = init_transactional(&mut raw, "x").await;
    (kafka, raw, me)
}

async fn end(raw: &mut Raw, me: Producer, committed: bool, version: i16) -> EndTxnResponse {
    let request = end_request("x", me, committed);
    raw.call(&request, version).await
}

async fn add_partition(raw: &mut Raw, me: Producer) -> ErrorCode {
    let topic = AddPartitionsToTxnTopic {
        name: "t".into(),
        partitions: vec![PartitionId(0)],
        ..Default::default()
    };
    let request = AddPartitionsToTxnRequest {
        v3_and_below_transactional_id: "x".into(),
        v3_and_below_producer_id: ProducerId(me.id),
        v3_and_below_producer_epoch: me.epoch,
        v3_and_below_topics: vec![topic],
        ..Default::default()
    };
    let response = raw.call(&request, 3).await;
    response.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code
}

#[tokio::test(start_paused = true)]
async fn a_committed_transaction_is_read_and_an_aborted_one_is_not() {
    let (_kafka, mut raw, mut me) = started().await;
    for (values, committed) in [(["a", "b"], true), (["c", "d"], false), (["e", "f"], true)] {
        let answer = produce_as(&mut raw, "t", batch(&values, me), Some("x")).await;
        assert_eq!(answer.error_code, ErrorCode::NONE);
        let open = fetch(&mut raw, "t", 0, true).await;
        let stable = open.responses[0].partitions[0].last_stable_offset;
        assert_eq!(
            stable, answer.base_offset,
            "nothing of an open transaction is stable"
        );
        let response = end(&mut raw, me, committed, 5).await;
        assert_eq!(response.error_code, ErrorCode::NONE);
        assert_eq!(
            response.producer_epoch,
            me.epoch + 1,
            "every end bumps the epoch"
        );
        me.epoch = response.producer_epoch;
    }
    let read = fetch(&mut raw, "t", 0, true).await;
    let partition = &read.responses[0].partitions[0];
    assert_eq!(committed_values(partition), ["a", "b"]);
    // The first marker is so much newer than the records that a segment begins with it, and no answer
    // has more than one.
    let read = fetch(&mut raw, "t", 2, true).await;
    let partition = &read.responses[0].partitions[0];
    assert_eq!(committed_values(partition), ["e", "f"]);
    assert_eq!(
        partition.aborted_transactions.as_ref().map(Vec::len),
        Some(1)
    );
    let all = fetch(&mut raw, "t", 2, false).await;
    assert_eq!(values(&all), ["c", "d", "e", "f"]);
}

#[tokio::test(start_paused = true)]
async fn the_old_protocol_adds_partitions_first_and_keeps_its_epoch() {
    let (_kafka, mut raw, me) = started().await;
    let mut request = produce_request("t", batch(&["a"], me), -1);
    request.transactional_id = Some("x".into());
    let refused = raw.call(&request, 9).await;
    let code = refused.responses[0].partition_responses[0].error_code;
    assert_eq!(code, ErrorCode::INVALID_TXN_STATE, "it was not added");
    assert_eq!(add_partition(&mut raw, me).await, ErrorCode::NONE);
    let taken = raw.call(&request, 9).await;
    assert_eq!(
        taken.responses[0].partition_responses[0].error_code,
        ErrorCode::NONE
    );
    assert_eq!(end(&mut raw, me, true, 3).await.error_code, ErrorCode::NONE);
    let again = end(&mut raw, me, true, 3).await;
    assert_eq!(
        again.error_code,
        ErrorCode::NONE,
        "the answer may have been lost"
    );
    let other = end(&mut raw, me, false, 3).await;
    assert_eq!(other.error_code, ErrorCode::INVALID_TXN_STATE);
    assert_eq!(
        add_partition(&mut raw, me).await,
        ErrorCode::NONE,
        "with the same epoch"
    );
}

#[tokio::test(start_paused = true)]
async fn a_retried_end_is_known_again_and_a_contradiction_refused() {
    let (_kafka, mut raw, me) = started().await;
    produce_as(&mut raw, "t", batch(&["a"], me), Some("x")).await;
    let first = end(&mut raw, me, true, 5).await;
    let again = end(&mut raw, me, true, 5).await;
    assert_eq!(again.error_code, ErrorCode::NONE);
    assert_eq!(
        again.producer_epoch, first.producer_epoch,
        "it went on once"
    );
    let other = end(&mut raw, me, false, 5).await;
    assert_eq!(other.error_code, ErrorCode::INVALID_TXN_STATE);
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_the_id_over_fences_and_aborts() {
    let (kafka, mut raw, old) = started().await;
    produce_as(&mut raw, "t", batch(&["a"], old), Some("x")).await;
    let mut other = Raw::connect(&kafka, PORT);
    let request = InitProducerIdRequest {
        transactional_id: Some("x".into()),
        transaction_timeout_ms: 60_000,
        ..Default::default()
    };
    let first = other.call(&request, 4).await;
    assert_eq!(
        first.error_code,
        ErrorCode::CONCURRENT_TRANSACTIONS,
        "it is being aborted"
    );
    let new = init_transactional(&mut other, "x").await;
    assert!(new.epoch > old.epoch);
    let late = produce_as(&mut raw, "t", batch(&["b"], old.at(1)), Some("x")).await;
    assert_eq!(late.error_code, ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(
        end(&mut raw, old, true, 5).await.error_code,
        ErrorCode::PRODUCER_FENCED
    );
    let old_words = end(&mut raw, old, true, 1).await.error_code;
    assert_eq!(
        old_words,
        ErrorCode::INVALID_PRODUCER_EPOCH,
        "as old clients know it"
    );
    let read = fetch(&mut raw, "t", 0, true).await;
    assert!(committed_values(&read.responses[0].partitions[0]).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_transaction_open_for_too_long_is_aborted() {
    let (_kafka, mut raw, me) = started().await;
    produce_as(&mut raw, "t", batch(&["a"], me), Some("x")).await;
    assert_eq!(transaction_state(&mut raw, "x").await, "Ongoing");
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(transaction_state(&mut raw, "x").await, "Ongoing");
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(transaction_state(&mut raw, "x").await, "CompleteAbort");
    let read = fetch(&mut raw, "t", 0, true).await;
    let partition = &read.responses[0].partitions[0];
    assert_eq!(partition.last_stable_offset, partition.high_watermark);
    assert!(committed_values(partition).is_empty());
    // By its epoch it could be the retry of an end, and that was an abort.
    assert_eq!(
        end(&mut raw, me, true, 5).await.error_code,
        ErrorCode::INVALID_TXN_STATE
    );
}

#[tokio::test(start_paused = true)]
async fn a_late_marker_keeps_readers_waiting_and_the_next_transaction_too() {
    let delay = Duration::from_secs(3);
    let kafka = start(
        EmbeddedBroker::builder()
            .topic("t", 1)
            .marker_delay(delay, delay),
    );
    let mut raw = Raw::connect(&kafka, PORT);
    find_coordinator(&mut raw, 1, "x").await;
    let me = init_transactional(&mut raw, "x").await;
    produce_as(&mut raw, "t", batch(&["a"], me), Some("x")).await;
    let ended = end(&mut raw, me, true, 5).await;
    assert_eq!(
        ended.error_code,
        ErrorCode::NONE,
        "answered before the marker is written"
    );
    assert_eq!(transaction_state(&mut raw, "x").await, "PrepareCommit");
    let read = fetch(&mut raw, "t", 0, true).await;
    assert!(values(&read).is_empty());
    let next = Producer {
        epoch: ended.producer_epoch,
        ..me
    };
    let early = produce_as(&mut raw, "t", batch(&["b"], next), Some("x")).await;
    assert!(early.error_code.is_retriable(), "{:?}", early.error_code);
    tokio::time::sleep(delay).await;
    assert_eq!(transaction_state(&mut raw, "x").await, "CompleteCommit");
    assert_eq!(values(&fetch(&mut raw, "t", 0, true).await), ["a"]);
    let answer = produce_as(&mut raw, "t", batch(&["b"], next), Some("x")).await;
    assert_eq!(answer.error_code, ErrorCode::NONE);
}

#[tokio::test(start_paused = true)]
async fn a_producer_id_whose_epochs_are_used_up_is_replaced() {
    let (_kafka, mut raw, mut me) = started().await;
    let first = me.id;
    for number in 0..i32::from(i16::MAX) + 3 {
        let answer = produce_as(&mut raw, "t", batch(&["a"], me), Some("x")).await;
        assert_eq!(answer.error_code, ErrorCode::NONE, "transaction {number}");
        let ended = end(&mut raw, me, true, 5).await;
        assert_eq!(ended.error_code, ErrorCode::NONE, "transaction {number}");
        me.id = ended.producer_id.0;
        me.epoch = ended.producer_epoch;
    }
    assert_ne!(me.id, first);
    assert!(me.epoch < 10);
}

#[tokio::test(start_paused = true)]
async fn transactions_and_producers_can_be_seen_and_hanging_ones_ended() {
    let (_kafka, mut raw, me) = started().await;
    produce_as(&mut raw, "t", batch(&["a", "b"], me), Some("x")).await;
    let listed = raw.call(&ListTransactionsRequest::default(), 0).await;
    assert_eq!(listed.transaction_states[0].transaction_state, "Ongoing");
    let request = DescribeProducersRequest {
        topics: vec![DescribeProducersTopicRequest {
            name: "t".into(),
            partition_indexes: vec![PartitionId(0)],
            ..Default::default()
        }],
        ..Default::default()
    };
    let producers = raw.call(&request, 0).await;
    let producer = &producers.topics[0].partitions[0].active_producers[0];
    assert_eq!(producer.producer_id, ProducerId(me.id));
    assert_eq!(producer.current_txn_start_offset, Offset(0));
    assert_eq!(producer.last_sequence, 1);

    let marker = WritableTxnMarker {
        producer_id: ProducerId(me.id),
        producer_epoch: me.epoch,
        transaction_result: false,
        topics: vec![WritableTxnMarkerTopic {
            name: "t".into(),
            partition_indexes: vec![PartitionId(0)],
            ..Default::default()
        }],
        coordinator_epoch: 0,
        ..Default::default()
    };
    let request = WriteTxnMarkersRequest {
        markers: vec![marker],
        ..Default::default()
    };
    let written = raw.call(&request, 1).await;
    let code = written.markers[0].topics[0].partitions[0].error_code;
    assert_eq!(code, ErrorCode::NONE);
    let read = fetch(&mut raw, "t", 0, true).await;
    let partition = &read.responses[0].partitions[0];
    assert_eq!(partition.last_stable_offset, Offset(3));
}
