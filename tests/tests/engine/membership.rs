//! Several instances, takeovers and what stands in their way.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg::{Health, MemoryStorage, Storage, Text};
use thalweg_client::{
    GroupMetadata, Offset, OffsetAndMetadata, TopicPartition, TransactionalProducer,
};
use thalweg_tests::brokers::Kafka;

use crate::commits::totals;
use crate::support::{Corner, PATIENCE, count, numbers, stop};

pub(crate) async fn e3_a_hanging_transaction_holds_a_takeover_up_until_it_ends(kafka: &Kafka) {
    let corner = Corner::new(kafka, "hanging", 1).await;
    corner.write(numbers(0, 20, 2)).await;
    // Somebody's transaction holds the offset of the partition and is not decided.
    let mut dead = TransactionalProducer::builder(&corner.cluster)
        .transaction_timeout(Duration::from_secs(60))
        .build_transactional(format!("{}-dead", corner.name))
        .expect("a producer");
    dead.init().await.expect("an epoch");
    let partition = TopicPartition::new(corner.topic("in"), 0);
    let offsets = [(partition, OffsetAndMetadata::new(Offset(5)))];
    let outside = GroupMetadata::outside(corner.name.as_str());
    dead.send_offsets(offsets, &outside).await.expect("sent");
    let app = corner.app();
    count(&app, &corner);
    let running = app.start().await.expect("started");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(
        corner.read("out").await.len(),
        0,
        "nothing is read before it is decided"
    );
    assert!(
        matches!(running.status().health, Health::Restoring { .. }),
        "{:?}",
        running.status()
    );
    dead.abort().await.expect("aborted");
    let seen = corner.read_at_least("out", 20).await;
    totals(&seen);
    stop(running).await;
}

pub(crate) async fn e4_a_copied_state_folder_is_an_id_in_use_twice(kafka: &Kafka) {
    let corner = Corner::new(kafka, "twice", 2).await;
    let one = MemoryStorage::new();
    let app = corner.app().storage(one.clone());
    count(&app, &corner);
    let first = app.start().await.expect("started");
    let copied = MemoryStorage::new();
    let instance = one.read("instance").expect("readable").expect("there");
    copied.replace("instance", &instance).expect("copied");
    let other = corner.app().storage(copied);
    count(&other, &corner);
    let second = other.start().await.expect("started");
    let mut written = 0;
    let fighting = async {
        loop {
            corner.write(numbers(written, 40, 20)).await;
            written += 40;
            let ended = [&first, &second].map(|handle| handle.status().health);
            if ended
                .iter()
                .any(|health| matches!(health, Health::Failed { .. }))
            {
                return ended;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let ended = tokio::time::timeout(PATIENCE, fighting)
        .await
        .expect("one of them stops");
    let said = ended
        .iter()
        .any(|health| health.to_string().contains("is in use twice"));
    assert!(said, "{ended:?}");
    // And for all that, nothing was counted twice.
    totals(&corner.read("out").await);
}

pub(crate) async fn e5_instances_that_come_and_go_lose_and_repeat_nothing(kafka: &Kafka) {
    let corner = Corner::new(kafka, "come-and-go", 4).await;
    let mut written = 0;
    let mut running = Vec::new();
    for round in 0..6 {
        if round < 3 {
            let app = corner.app().workers(1 + round % 2);
            count(&app, &corner);
            running.push(app.start().await.expect("started"));
        } else if running.len() > 1 {
            stop(running.remove(0)).await;
        }
        for _ in 0..10 {
            corner.write(numbers(written, 100, 40)).await;
            written += 100;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let seen = corner.read_at_least("out", written as usize).await;
    assert_eq!(seen.len(), written as usize);
    let totals = totals(&seen);
    let expected: BTreeMap<String, u64> = (0..40)
        .map(|key| (format!("k{key}"), u64::from(written) / 40))
        .collect();
    assert_eq!(totals, expected);
    for handle in running {
        stop(handle).await;
    }
}

pub(crate) async fn user_code_that_blocks_does_not_cost_the_membership(kafka: &Kafka) {
    let corner = Corner::new(kafka, "blocks", 1).await;
    let app = corner.app().session_timeout(Duration::from_secs(6));
    app.source::<Text>(&corner.topic("in"))
        .map(|value| {
            if *value == "5" {
                // Longer than the session.
                std::thread::park_timeout(Duration::from_secs(9));
            }
            (*value).to_owned()
        })
        .sink::<Text>(&corner.topic("out"));
    let running = app.start().await.expect("started");
    corner.write(numbers(0, 1, 1)).await;
    corner.read_at_least("out", 1).await;
    corner.write(numbers(1, 10, 3)).await;
    let group = [corner.name.as_str()];
    let watching = async {
        loop {
            let groups = corner
                .admin
                .describe_groups(group)
                .await
                .all()
                .expect("the group");
            let members: usize = groups.values().map(|group| group.members.len()).sum();
            assert_eq!(members, 1, "the member was thrown out");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    let seen = tokio::select! {
        seen = corner.read_at_least("out", 11) => seen,
        () = watching => unreachable!("it watches for ever"),
    };
    assert_eq!(seen.len(), 11);
    stop(running).await;
}
