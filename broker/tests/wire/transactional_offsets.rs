//! Goal: offsets in a transaction count when it commits, and not before, and never from a zombie.
//!
//! Method: raw requests over in-memory connections, with the clock paused, in both protocols of
//! transactions.

use thalweg_broker::EmbeddedBroker;
use thalweg_protocol::messages::{
    AddOffsetsToTxnRequest, EndTxnResponse, TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use thalweg_protocol::{ErrorCode, Offset, PartitionId, ProducerId};

use crate::members::*;
use crate::support::*;

/// The last version of TxnOffsetCommit whose partition is added by AddOffsetsToTxn.
const ONE: i16 = 4;
/// The first that adds it itself.
const TWO: i16 = 5;

async fn producer(raw: &mut Raw) -> Producer {
    find_coordinator(raw, 1, "t").await;
    init_transactional(raw, "t").await
}

async fn add_offsets(raw: &mut Raw, producer: Producer) -> ErrorCode {
    let request = AddOffsetsToTxnRequest {
        transactional_id: "t".into(),
        producer_id: ProducerId(producer.id),
        producer_epoch: producer.epoch,
        group_id: "g".into(),
        ..Default::default()
    };
    raw.call(&request, 3).await.error_code
}

/// An offset of `bids` 0.
fn offset(producer: Producer, offset: i64) -> TxnOffsetCommitRequest {
    let partition = TxnOffsetCommitRequestPartition {
        partition_index: PartitionId(0),
        committed_offset: Offset(offset),
        committed_leader_epoch: 3,
        committed_metadata: Some("in a transaction".into()),
        ..Default::default()
    };
    TxnOffsetCommitRequest {
        transactional_id: "t".into(),
        group_id: "g".into(),
        producer_id: ProducerId(producer.id),
        producer_epoch: producer.epoch,
        generation_id_or_member_epoch: -1,
        topics: vec![TxnOffsetCommitRequestTopic {
            name: "bids".into(),
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    }
}

async fn send(raw: &mut Raw, request: &TxnOffsetCommitRequest, version: i16) -> ErrorCode {
    let done = raw.call(request, version).await;
    done.topics[0].partitions[0].error_code
}

async fn end(raw: &mut Raw, producer: Producer, commit: bool, version: i16) -> EndTxnResponse {
    let request = end_request("t", producer, commit);
    let ended = raw.call(&request, version).await;
    assert_eq!(ended.error_code, ErrorCode::NONE);
    ended
}

/// What is committed, for readers of either kind.
async fn told(raw: &mut Raw) -> (i64, ErrorCode) {
    let any = committed(raw, 0, false).await;
    assert_eq!(any.error_code, ErrorCode::NONE);
    let stable = committed(raw, 0, true).await;
    if stable.error_code.is_none() {
        assert_eq!(stable.committed_offset, any.committed_offset);
    } else {
        assert_eq!(stable.committed_offset, Offset(-1));
    }
    (any.committed_offset.0, stable.error_code)
}

async fn with_broker() -> (EmbeddedBroker, Raw) {
    let kafka = coordinator(&[]).await;
    let raw = Raw::connect(&kafka, PORT);
    (kafka, raw)
}

#[tokio::test(start_paused = true)]
async fn offsets_of_a_transaction_count_when_it_commits() {
    // Method: by the old protocol, a commit, then an abort.
    let (_kafka, mut raw) = with_broker().await;
    let producer = producer(&mut raw).await;
    assert_eq!(add_offsets(&mut raw, producer).await, ErrorCode::NONE);
    assert_eq!(
        send(&mut raw, &offset(producer, 5), ONE).await,
        ErrorCode::NONE
    );
    assert_eq!(
        told(&mut raw).await,
        (-1, ErrorCode::UNSTABLE_OFFSET_COMMIT)
    );
    end(&mut raw, producer, true, 3).await;
    assert_eq!(told(&mut raw).await, (5, ErrorCode::NONE));
    let found = committed(&mut raw, 0, true).await;
    assert_eq!(found.metadata.as_deref(), Some("in a transaction"));
    assert_eq!(found.committed_leader_epoch, 3);

    add_offsets(&mut raw, producer).await;
    assert_eq!(
        send(&mut raw, &offset(producer, 9), ONE).await,
        ErrorCode::NONE
    );
    assert_eq!(told(&mut raw).await, (5, ErrorCode::UNSTABLE_OFFSET_COMMIT));
    end(&mut raw, producer, false, 3).await;
    assert_eq!(told(&mut raw).await, (5, ErrorCode::NONE));
}

#[tokio::test(start_paused = true)]
async fn by_the_new_protocol_offsets_are_added_to_the_transaction_by_themselves() {
    let (_kafka, mut raw) = with_broker().await;
    let mut producer = producer(&mut raw).await;
    for (count, commit) in (0..).zip([true, false, true]) {
        let before = told(&mut raw).await.0;
        assert_eq!(
            send(&mut raw, &offset(producer, count), TWO).await,
            ErrorCode::NONE
        );
        assert_eq!(
            told(&mut raw).await,
            (before, ErrorCode::UNSTABLE_OFFSET_COMMIT)
        );
        let ended = end(&mut raw, producer, commit, 5).await;
        assert_eq!(ended.producer_epoch, producer.epoch + 1);
        // What comes late of the ended transaction is a zombie's.
        let late = send(&mut raw, &offset(producer, 99), TWO).await;
        assert_eq!(late, ErrorCode::INVALID_PRODUCER_EPOCH);
        producer.epoch = ended.producer_epoch;
        let after = if commit { count } else { before };
        assert_eq!(told(&mut raw).await, (after, ErrorCode::NONE));
    }
}

#[tokio::test(start_paused = true)]
async fn by_the_old_protocol_offsets_that_were_not_added_are_refused() {
    let (_kafka, mut raw) = with_broker().await;
    let producer = producer(&mut raw).await;
    for (version, expected) in [
        (2, ErrorCode::INVALID_TXN_STATE),
        (3, ErrorCode::INVALID_TXN_STATE),
        (4, ErrorCode::TRANSACTION_ABORTABLE),
    ] {
        let mut request = offset(producer, 1);
        if version < 3 {
            // A member cannot be named yet.
            request.generation_id_or_member_epoch = -1;
        }
        assert_eq!(
            send(&mut raw, &request, version).await,
            expected,
            "{version}"
        );
    }
    assert_eq!(told(&mut raw).await, (-1, ErrorCode::NONE));
    let unknown = Producer {
        id: 4711,
        ..producer
    };
    let error = send(&mut raw, &offset(unknown, 1), TWO).await;
    assert_eq!(error, ErrorCode::INVALID_PRODUCER_ID_MAPPING);
}

#[tokio::test(start_paused = true)]
async fn a_zombie_of_either_kind_commits_nothing() {
    // Method: a producer that was replaced; then members of other generations and groups.
    let (kafka, mut raw) = with_broker().await;
    let zombie = producer(&mut raw).await;
    add_offsets(&mut raw, zombie).await;
    assert_eq!(
        send(&mut raw, &offset(zombie, 1), ONE).await,
        ErrorCode::NONE
    );
    // The first attempt aborts what the other one left open.
    let again = producer_again(&mut raw).await;
    assert_eq!(told(&mut raw).await, (-1, ErrorCode::NONE));
    for version in [ONE, TWO] {
        let error = send(&mut raw, &offset(zombie, 2), version).await;
        assert_eq!(error, ErrorCode::INVALID_PRODUCER_EPOCH);
    }

    let member = stable(&kafka, join("")).await;
    let mut request = offset(again, 3);
    request.generation_id_or_member_epoch = member.joined.generation_id;
    for (member_id, generation, instance, expected) in [
        (member.id(), 1, None, ErrorCode::NONE),
        (member.id(), 0, None, ErrorCode::ILLEGAL_GENERATION),
        (member.id(), 2, None, ErrorCode::ILLEGAL_GENERATION),
        (member.id(), 1, Some("fixed"), ErrorCode::UNKNOWN_MEMBER_ID),
        ("nobody".into(), 1, None, ErrorCode::UNKNOWN_MEMBER_ID),
        // A transaction that names no member is accepted, as of old.
        ("".into(), -1, None, ErrorCode::NONE),
    ] {
        request.member_id = member_id;
        request.generation_id_or_member_epoch = generation;
        request.group_instance_id = instance.map(Into::into);
        let error = send(&mut raw, &request, TWO).await;
        assert_eq!(error, expected, "{} {generation}", request.member_id);
    }
    let mut elsewhere = offset(again, 3);
    elsewhere.generation_id_or_member_epoch = 1;
    elsewhere.group_id = "without members".into();
    find_coordinator(&mut raw, 0, "without members").await;
    let error = send(&mut raw, &elsewhere, TWO).await;
    assert_eq!(error, ErrorCode::ILLEGAL_GENERATION);
}

/// Takes the transactional id over, which takes two attempts when a transaction is open.
async fn producer_again(raw: &mut Raw) -> Producer {
    let request = thalweg_protocol::messages::InitProducerIdRequest {
        transactional_id: Some("t".into()),
        transaction_timeout_ms: 60_000,
        ..Default::default()
    };
    let first = raw.call(&request, 4).await;
    assert_eq!(first.error_code, ErrorCode::CONCURRENT_TRANSACTIONS);
    init_transactional(raw, "t").await
}

#[tokio::test(start_paused = true)]
async fn of_two_commits_the_later_one_stands_whichever_ends_last() {
    let (_kafka, mut raw) = with_broker().await;
    let producer = producer(&mut raw).await;
    assert_eq!(
        send(&mut raw, &offset(producer, 5), TWO).await,
        ErrorCode::NONE
    );
    raw.call(&commit_request("bids", 0, 6), 9).await;
    assert_eq!(told(&mut raw).await, (6, ErrorCode::UNSTABLE_OFFSET_COMMIT));
    end(&mut raw, producer, true, 5).await;
    assert_eq!(told(&mut raw).await, (6, ErrorCode::NONE));
}

/// Goal: that holds across a kill as well, whichever of the two was committed later.
#[tokio::test(start_paused = true)]
async fn the_order_of_commits_outlives_a_kill() {
    for pending_last in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let described = || {
            let builder = EmbeddedBroker::builder().topic("bids", 2);
            builder.data(folder.path())
        };
        let kafka = start(described());
        let mut raw = Raw::connect(&kafka, PORT);
        find_coordinator(&mut raw, 0, "g").await;
        let producer = producer(&mut raw).await;
        let pending = offset(producer, 5);
        if pending_last {
            raw.call(&commit_request("bids", 0, 6), 9).await;
            assert_eq!(send(&mut raw, &pending, TWO).await, ErrorCode::NONE);
        } else {
            assert_eq!(send(&mut raw, &pending, TWO).await, ErrorCode::NONE);
            raw.call(&commit_request("bids", 0, 6), 9).await;
        }
        drop((kafka, raw));
        let kafka = reopen(described).await;
        let mut raw = Raw::connect(&kafka, PORT);
        assert_eq!(told(&mut raw).await, (6, ErrorCode::UNSTABLE_OFFSET_COMMIT));
        end(&mut raw, producer, true, 5).await;
        let stands = if pending_last { 5 } else { 6 };
        assert_eq!(told(&mut raw).await, (stands, ErrorCode::NONE));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_or_does_not_exist_is_refused_in_a_transaction_as_well() {
    let (_kafka, mut raw) = with_broker().await;
    let producer = producer(&mut raw).await;
    let mut request = offset(producer, 1);
    request.topics[0].partitions[0].committed_metadata = Some("ö".repeat(4097).into());
    let error = send(&mut raw, &request, TWO).await;
    assert_eq!(error, ErrorCode::OFFSET_METADATA_TOO_LARGE);
    request.topics[0].partitions[0].partition_index = PartitionId(2);
    let error = send(&mut raw, &request, TWO).await;
    assert_eq!(error, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    request.group_id = "".into();
    request.topics[0].partitions[0].partition_index = PartitionId(0);
    let error = send(&mut raw, &request, TWO).await;
    assert_eq!(error, ErrorCode::INVALID_GROUP_ID);
}
