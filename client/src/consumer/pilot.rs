//! The task that finds out where to read, and keeps a fetcher at work for every broker that leads
//! an assigned partition.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use thalweg_protocol::BrokerId;
use tokio::time::{Instant, sleep_until};

use super::core::{Answer, Asked, Question};
use super::fetcher;
use super::lookup::{look_up_committed, look_up_epochs, look_up_offsets};
use super::shared::{ClosesAtEnd, Shared};
use crate::cluster::MetadataSnapshot;
use crate::error::CallError;

/// How often to look again for a leader that is not known.
const LEADERLESS_INTERVAL: Duration = Duration::from_millis(500);

/// What came of questions put together.
pub(super) type Answers = Vec<(Asked, Result<Answer, CallError>)>;

enum Outcome {
    Answered(Answers),
    /// A topic was looked up, for these questions.
    Found(Arc<str>, Vec<Asked>, Result<(), CallError>),
}

pub(super) async fn run(shared: Arc<Shared>) {
    let _guard = ClosesAtEnd(Arc::clone(&shared));
    let mut metadata_changes = shared.cluster.metadata_changes();
    let mut under_way = UnderWay::default();
    let mut searched: BTreeSet<Arc<str>> = BTreeSet::new();
    while !shared.is_closed() {
        // Registered before looking, so that nothing that happens meanwhile is missed.
        let work = shared.pilot_work().notified();
        let now = Instant::now();
        let metadata = shared.cluster.metadata();
        let Work {
            asked,
            brokers,
            lost,
            mut leaderless,
            mut wake,
            returns,
        } = look(&shared, &metadata, now);
        for broker in brokers {
            if shared.fetchers().insert(broker) {
                let fetcher = fetcher::run(Arc::clone(&shared), broker);
                shared.cluster.spawn("thalweg fetch", Box::pin(fetcher));
            }
        }
        leaderless |= put(&shared, asked, &mut searched, &mut under_way);
        for topic in lost {
            if searched.insert(Arc::clone(&topic)) {
                under_way.push(find_topic(Arc::clone(&shared), topic, Vec::new()));
            }
        }
        if leaderless {
            shared.cluster.request_metadata_refresh();
            let again = now + LEADERLESS_INTERVAL;
            wake = Some(wake.map_or(again, |wake| wake.min(again)));
        }
        wake = wake.into_iter().chain(returns).min();
        tokio::select! {
            biased;
            () = work => {}
            outcome = under_way.next() => match outcome {
                Outcome::Answered(answers) => take(&shared, answers),
                Outcome::Found(topic, asked, found) => {
                    searched.remove(&topic);
                    take_found(&shared, &topic, asked, found);
                }
            },
            changed = metadata_changes.next() => {
                if changed.is_none() {
                    return;
                }
                shared.wake_fetchers();
            }
            () = sleep_or_never(wake) => {
                if returns.is_some_and(|returns| returns <= Instant::now()) {
                    shared.wake_fetchers();
                }
            }
        }
    }
}

/// What there is to do.
struct Work {
    asked: Vec<Asked>,
    brokers: Vec<BrokerId>,
    lost: Vec<Arc<str>>,
    leaderless: bool,
    /// When to look again.
    wake: Option<Instant>,
    /// When a partition returns from a near replica to its leader.
    returns: Option<Instant>,
}

fn look(shared: &Shared, metadata: &MetadataSnapshot, now: Instant) -> Work {
    let mut core = shared.core();
    let (asked, wake) = core.poll_questions(now);
    let (leaderless, stopped) = core.poll_leaderless(metadata, now);
    let work = Work {
        asked,
        brokers: core.brokers(metadata, now),
        lost: core.lost_topics(metadata),
        leaderless,
        wake,
        returns: core.first_return(now),
    };
    drop(core);
    if stopped {
        shared.wake_application();
    }
    work
}

async fn find_topic(shared: Arc<Shared>, topic: Arc<str>, asked: Vec<Asked>) -> Outcome {
    let found = shared.cluster.topic(&topic).await.map(|_| ());
    Outcome::Found(topic, asked, found)
}

/// Puts questions to whom they concern; whether some partition has no leader.
fn put(
    shared: &Arc<Shared>,
    asked: Vec<Asked>,
    searched: &mut BTreeSet<Arc<str>>,
    under_way: &mut UnderWay,
) -> bool {
    let metadata = shared.cluster.metadata();
    let mut committed = Vec::new();
    let mut by_leader: BTreeMap<(BrokerId, bool), Vec<Asked>> = BTreeMap::new();
    let mut by_topic: BTreeMap<Arc<str>, Vec<Asked>> = BTreeMap::new();
    let mut leaderless = Vec::new();
    for asked in asked {
        if asked.question == Question::Committed {
            committed.push(asked);
            continue;
        }
        let of_epoch = matches!(asked.question, Question::EndOfEpoch { .. });
        match metadata.leader(&asked.name.topic, asked.name.partition) {
            Ok(leader) => by_leader
                .entry((leader.broker, of_epoch))
                .or_default()
                .push(asked),
            Err(_) if metadata.topic(&asked.name.topic).is_none() => {
                by_topic
                    .entry(Arc::clone(&asked.name.topic))
                    .or_default()
                    .push(asked);
            }
            Err(error) => leaderless.push((asked, Err(error))),
        }
    }
    if !committed.is_empty() {
        let shared = Arc::clone(shared);
        under_way
            .push(async move { Outcome::Answered(look_up_committed(&shared, committed).await) });
    }
    for ((leader, of_epoch), asked) in by_leader {
        let shared = Arc::clone(shared);
        under_way.push(async move {
            Outcome::Answered(match of_epoch {
                true => look_up_epochs(&shared, leader, asked).await,
                false => look_up_offsets(&shared, leader, asked).await,
            })
        });
    }
    for (topic, asked) in by_topic {
        searched.insert(Arc::clone(&topic));
        under_way.push(find_topic(Arc::clone(shared), topic, asked));
    }
    let any_leaderless = !leaderless.is_empty();
    if any_leaderless {
        take(shared, leaderless);
    }
    any_leaderless
}

fn take(shared: &Shared, answers: Answers) {
    // Waking the workers wakes the pilot, too: without an answer it would never rest.
    if answers.is_empty() {
        return;
    }
    let now = Instant::now();
    let mut stale = false;
    let mut core = shared.core();
    for (asked, answer) in answers {
        match answer {
            Ok(answer) => core.handle_answer(&asked, answer),
            Err(error) => {
                stale |= error.refreshes_metadata();
                let pause = |failures| shared.cluster.backoff(failures);
                core.handle_unanswered(&asked, &error, now, pause);
            }
        }
    }
    drop(core);
    if stale {
        shared.cluster.request_metadata_refresh();
    }
    shared.wake_application();
    shared.wake_fetchers();
}

fn take_found(shared: &Shared, topic: &str, asked: Vec<Asked>, found: Result<(), CallError>) {
    let mut core = shared.core();
    match found {
        Ok(()) => asked.iter().for_each(|asked| core.ask_again(asked)),
        Err(error) => {
            for asked in &asked {
                core.handle_unanswered(asked, &error, Instant::now(), |_| Duration::ZERO);
            }
            core.handle_lost_topic(topic, &error);
        }
    }
    drop(core);
    shared.wake_application();
    shared.wake_fetchers();
}

async fn sleep_or_never(wake: Option<Instant>) {
    match wake {
        Some(wake) => sleep_until(wake).await,
        None => pending().await,
    }
}

/// Futures under way, of which the first to end is taken. Few: one per broker and kind of question.
#[derive(Default)]
struct UnderWay {
    futures: Vec<Pin<Box<dyn Future<Output = Outcome> + Send>>>,
}

impl UnderWay {
    fn push(&mut self, future: impl Future<Output = Outcome> + Send + 'static) {
        self.futures.push(Box::pin(future));
    }

    /// The outcome of the first that ends; waits for ever if there is none. Cancel-safe.
    async fn next(&mut self) -> Outcome {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        for (index, future) in self.futures.iter_mut().enumerate() {
            if let Poll::Ready(outcome) = future.as_mut().poll(cx) {
                drop(self.futures.swap_remove(index));
                return Poll::Ready(outcome);
            }
        }
        Poll::Pending
    }
}
