//! Goal: administrators see groups as they are, and can delete what nobody uses.
//!
//! Method: raw requests over in-memory connections, with the clock paused.

use std::time::Duration;

use thalweg_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, DescribedGroup, ListGroupsRequest,
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use thalweg_protocol::{ErrorCode, Offset, PartitionId, StrBytes};
use tokio::time::sleep;

use crate::members::*;
use crate::support::*;

async fn describe(raw: &mut Raw, version: i16) -> DescribedGroup {
    let request = DescribeGroupsRequest {
        groups: vec!["g".into()],
        ..Default::default()
    };
    raw.call(&request, version).await.groups.remove(0)
}

async fn list(raw: &mut Raw, states: &[&str], types: &[&str]) -> Vec<(String, String, String)> {
    let words = |words: &[&str]| words.iter().map(|word| StrBytes::from(*word)).collect();
    let request = ListGroupsRequest {
        states_filter: words(states),
        types_filter: words(types),
        ..Default::default()
    };
    let listed = raw.call(&request, 5).await;
    assert_eq!(listed.error_code, ErrorCode::NONE);
    let groups = listed.groups.into_iter();
    let row = groups.map(|it| {
        (
            it.group_id.into(),
            it.group_state.into(),
            it.group_type.into(),
        )
    });
    row.collect()
}

async fn delete(raw: &mut Raw, group_id: &str) -> ErrorCode {
    let request = DeleteGroupsRequest {
        groups_names: vec![group_id.into()],
        ..Default::default()
    };
    raw.call(&request, 2).await.results[0].error_code
}

#[tokio::test(start_paused = true)]
async fn a_group_is_listed_and_described_in_every_state() {
    let kafka = coordinator(&[]).await;
    let mut raw = Raw::connect(&kafka, PORT);
    assert_eq!(list(&mut raw, &[], &[]).await, []);
    let gone = describe(&mut raw, 5).await;
    assert_eq!(
        (&*gone.group_state, gone.error_code),
        ("Dead", ErrorCode::NONE)
    );
    let gone = describe(&mut raw, 6).await;
    assert_eq!(gone.error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    assert_eq!(gone.error_message.as_deref(), Some("Group g not found."));

    raw.call(&commit_request("bids", 0, 1), 9).await;
    let simple = describe(&mut raw, 6).await;
    assert_eq!(
        (&*simple.group_state, &*simple.protocol_type),
        ("Empty", "")
    );

    let mut request = join("");
    request.protocols = vec![protocol("range", b"wish")];
    let mut member = Member::joining(&kafka, request).await;
    assert_eq!(
        describe(&mut raw, 6).await.group_state,
        "PreparingRebalance"
    );
    member.joined().await;
    let completing = describe(&mut raw, 6).await;
    assert_eq!(completing.group_state, "CompletingRebalance");
    assert!(completing.members[0].member_metadata.is_empty());
    let all = [(member.id(), "all")];
    member.sync(&all).await;
    for version in 0..=6 {
        let stable = describe(&mut raw, version).await;
        assert_eq!(stable.group_state, "Stable");
        assert_eq!(
            (&*stable.protocol_type, &*stable.protocol_data),
            ("consumer", "range")
        );
        let described = &stable.members[0];
        assert_eq!(described.member_id, member.id());
        assert_eq!(
            (&*described.client_id, &*described.client_host),
            ("raw", "/127.0.0.1")
        );
        assert_eq!(&*described.member_metadata, b"wish");
        assert_eq!(&*described.member_assignment, b"all");
    }
    let row = ("g".to_owned(), "Stable".to_owned(), "classic".to_owned());
    for (states, types, found) in [
        (&[][..], &[][..], true),
        (&["stable", "Empty"], &["Classic"], true),
        (&["Empty"], &[], false),
        (&[], &["share"], false),
        (&["nonsense"], &[], false),
    ] {
        let expected: &[_] = if found {
            std::slice::from_ref(&row)
        } else {
            &[]
        };
        assert_eq!(list(&mut raw, states, types).await, expected);
    }
    for version in 0..=4 {
        let listed = raw.call(&ListGroupsRequest::default(), version).await;
        assert_eq!(listed.groups[0].protocol_type, "consumer");
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_group_without_members_is_deleted_and_its_offsets_with_it() {
    let kafka = coordinator(&[]).await;
    let mut member = stable(&kafka, join("")).await;
    assert_eq!(member.commit(7).await, ErrorCode::NONE);
    let mut raw = Raw::connect(&kafka, PORT);
    assert_eq!(delete(&mut raw, "g").await, ErrorCode::NON_EMPTY_GROUP);
    // An old group may have no name; it is deleted as any other.
    assert_eq!(delete(&mut raw, "").await, ErrorCode::GROUP_ID_NOT_FOUND);
    assert_eq!(
        delete(&mut raw, "other").await,
        ErrorCode::GROUP_ID_NOT_FOUND
    );
    member.leave().await;
    assert_eq!(
        committed(&mut raw, 0, false).await.committed_offset,
        Offset(7)
    );
    assert_eq!(delete(&mut raw, "g").await, ErrorCode::NONE);
    assert_eq!(delete(&mut raw, "g").await, ErrorCode::GROUP_ID_NOT_FOUND);
    assert_eq!(
        committed(&mut raw, 0, false).await.committed_offset,
        Offset(-1)
    );
}

fn offset_delete(topics: &[(&str, &[i32])]) -> OffsetDeleteRequest {
    let partition = |index: &i32| OffsetDeleteRequestPartition {
        partition_index: PartitionId(*index),
    };
    let topic = |(name, partitions): &(&str, &[i32])| OffsetDeleteRequestTopic {
        name: (*name).into(),
        partitions: partitions.iter().map(partition).collect(),
    };
    OffsetDeleteRequest {
        group_id: "g".into(),
        topics: topics.iter().map(topic).collect(),
    }
}

#[tokio::test(start_paused = true)]
async fn offsets_of_topics_that_members_read_stay() {
    let kafka = coordinator(&[]).await;
    let mut raw = Raw::connect(&kafka, PORT);
    let absent = raw.call(&offset_delete(&[("bids", &[0])]), 0).await;
    assert_eq!(absent.error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    let mut request = join("");
    request.protocols = vec![protocol("range", &subscription(&["asks", "bids"]))];
    let mut member = stable(&kafka, request).await;
    member.commit(7).await;
    let deletion = offset_delete(&[("bids", &[0, 9]), ("gone", &[0])]);
    let deleted = raw.call(&deletion, 0).await;
    assert_eq!(deleted.error_code, ErrorCode::NONE);
    let errors = deleted.topics.iter().flat_map(|topic| {
        let partitions = topic.partitions.iter();
        partitions.map(|it| (&*topic.name, it.partition_index.0, it.error_code))
    });
    assert_eq!(
        errors.collect::<Vec<_>>(),
        [
            ("bids", 9, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            ("bids", 0, ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC),
            ("gone", 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        ]
    );
    // It reads something else now.
    member.request.protocols = vec![protocol("range", &subscription(&["asks"]))];
    member.join_again().await;
    member.joined().await;
    member.sync(&[]).await;
    let deleted = raw.call(&offset_delete(&[("bids", &[0])]), 0).await;
    assert_eq!(deleted.topics[0].partitions[0].error_code, ErrorCode::NONE);
    assert_eq!(
        committed(&mut raw, 0, false).await.committed_offset,
        Offset(-1)
    );
}

#[tokio::test(start_paused = true)]
async fn offsets_expire_when_nobody_has_read_for_the_retention() {
    // Method: KIP-211. An hour of retention, looked after every ten minutes. Offsets of a group with
    // members stay; once it is empty they go an hour after that, whenever they were committed.
    let kafka = coordinator(&[("offsets.retention.minutes", "60")]).await;
    let mut request = join("");
    request.session_timeout_ms = 1_800_000;
    request.protocols = vec![protocol("range", &subscription(&["bids"]))];
    let mut member = stable(&kafka, request).await;
    member.commit(7).await;
    let minutes = |count: u64| Duration::from_secs(60 * count);
    for _ in 0..5 {
        sleep(minutes(25)).await;
        assert_eq!(member.heartbeat().await, ErrorCode::NONE);
    }
    let mut raw = Raw::connect(&kafka, PORT);
    assert_eq!(
        committed(&mut raw, 0, false).await.committed_offset,
        Offset(7)
    );
    member.leave().await;
    sleep(minutes(59)).await;
    assert_eq!(
        committed(&mut raw, 0, false).await.committed_offset,
        Offset(7)
    );
    sleep(minutes(12)).await;
    assert_eq!(
        committed(&mut raw, 0, false).await.committed_offset,
        Offset(-1)
    );
    assert_eq!(list(&mut raw, &[], &[]).await, []);
}

#[tokio::test(start_paused = true)]
async fn offsets_committed_from_outside_expire_by_their_commit_or_as_they_say() {
    let kafka = coordinator(&[("offsets.retention.minutes", "60")]).await;
    let mut raw = Raw::connect(&kafka, PORT);
    let minutes = |count: u64| Duration::from_secs(60 * count);
    raw.call(&commit_request("bids", 0, 1), 9).await;
    // Until version 4 a commit may say how long it is to be kept.
    let mut short = commit_request("bids", 1, 1);
    short.retention_time_ms = 60_000;
    raw.call(&short, 4).await;
    sleep(minutes(11)).await;
    assert_eq!(
        committed(&mut raw, 0, false).await.committed_offset,
        Offset(1)
    );
    let short = committed(&mut raw, 1, false).await;
    assert_eq!(short.committed_offset, Offset(-1));
    raw.call(&commit_request("bids", 0, 2), 9).await;
    sleep(minutes(58)).await;
    assert_eq!(
        committed(&mut raw, 0, false).await.committed_offset,
        Offset(2)
    );
    sleep(minutes(13)).await;
    assert_eq!(
        committed(&mut raw, 0, false).await.committed_offset,
        Offset(-1)
    );
}
