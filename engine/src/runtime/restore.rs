//! The tasks that are being taken over: looking up their offsets, reading their changelogs.
//!
//! Lookups run in the background; changelogs are read by a consumer of their own, without a group,
//! so live tasks of the same worker go on meanwhile. The state machine that says what comes when is
//! [`Takeover`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use thalweg_client::{
    CallError, Cluster, ConsumeError, Consumer, CrashPoint, Disposition, Event, FetchedRecords,
    IsolationLevel, OffsetReset, RecordDecoder, Spawner, StartAt, TopicPartition,
};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::calls::{Calls, may_come_right};
use super::culprits::{self, Findings, with_findings};
use super::error::AppError;
use super::slot::{InputSlot, Slot};
use super::takeover::{CommittedInput, Takeover, TakeoverStep};
use crate::assignor::TaskId;
use crate::task::{ChangelogId, InputId, Task};

/// Lookups that may be under way at once; more wait.
const LOOKUPS_MAX: usize = 64;
/// Before a lookup that failed is tried anew. The client has tried for long by then.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// Bytes of changelog fetched ahead.
const PREFETCH_BYTES: usize = 8 << 20;

/// A task with everything its takeover needs.
pub(crate) struct Candidate {
    pub(crate) id: TaskId,
    pub(crate) task: Box<dyn Task>,
    pub(crate) takeover: Takeover,
    /// In the order of the takeover's inputs.
    pub(crate) inputs: Vec<InputId>,
}

/// What came of a task since the last time it was asked.
pub(crate) enum Restored {
    /// It runs.
    Done(Box<Slot>),
    /// Its offsets are not those any more that it was restored by: it has to be taken over anew.
    Outdated(TaskId),
    /// Something went on, none is done.
    Progress,
}

struct Job {
    /// Tells the job of a task from an earlier one of the same task.
    number: u64,
    task: Box<dyn Task>,
    inputs: Vec<InputId>,
    began: Instant,
    warned: bool,
    findings: Findings,
    /// `None` while its lookups run in the background.
    takeover: Option<Takeover>,
    /// What is wrong with it, while it is asked in the background whether its offsets still stand.
    doubt: Option<AppError>,
}

struct LookedUp {
    id: TaskId,
    number: u64,
    result: Result<Found, AppError>,
}

enum Found {
    /// What there is to restore.
    All(Takeover),
    /// The offsets anew, of a task that does not go with those it was restored by.
    Offsets(Vec<Option<CommittedInput>>),
}

/// See the module.
pub(crate) struct Restorer {
    cluster: Cluster,
    calls: Calls,
    spawner: Arc<dyn Spawner>,
    /// How long an undecided transaction of the former owner may hold a takeover up.
    patience: Duration,
    consumer: Option<Consumer>,
    decoder: RecordDecoder,
    jobs: BTreeMap<TaskId, Job>,
    changelogs: BTreeMap<TopicPartition, (TaskId, usize)>,
    next_number: u64,
    send: mpsc::Sender<LookedUp>,
    receive: mpsc::Receiver<LookedUp>,
}

impl Restorer {
    pub(crate) fn new(
        cluster: Cluster,
        calls: Calls,
        spawner: Arc<dyn Spawner>,
        patience: Duration,
    ) -> Self {
        let (send, receive) = mpsc::channel(LOOKUPS_MAX);
        Self {
            cluster,
            calls,
            spawner,
            patience,
            consumer: None,
            decoder: RecordDecoder::new(),
            jobs: BTreeMap::new(),
            changelogs: BTreeMap::new(),
            next_number: 0,
            send,
            receive,
        }
    }

    /// Whether any task is being taken over.
    pub(crate) fn is_active(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// Begins with a task. One that is under way already is begun anew.
    pub(crate) fn begin(&mut self, candidate: Candidate) -> Result<(), AppError> {
        let Candidate {
            id,
            task,
            takeover,
            inputs,
        } = candidate;
        self.give_up(id)?;
        self.next_number += 1;
        let number = self.next_number;
        let (calls, send) = (self.calls.clone(), self.send.clone());
        self.spawner.spawn(
            "thalweg takeover",
            Box::pin(async move {
                let result = look_up(&calls, takeover).point().await.map(Found::All);
                // The worker may be gone by now, and with it whoever wanted to know.
                let _ = send.send(LookedUp { id, number, result }).point().await;
            }),
        );
        let began = Instant::now();
        let job = Job {
            number,
            task,
            inputs,
            began,
            warned: false,
            findings: Findings::default(),
            takeover: None,
            doubt: None,
        };
        self.jobs.insert(id, job);
        Ok(())
    }

    /// Forgets a task that is somebody else's now.
    pub(crate) fn give_up(&mut self, id: TaskId) -> Result<(), AppError> {
        if self.jobs.remove(&id).is_some() {
            self.changelogs.retain(|_, (owner, _)| *owner != id);
            self.assign_changelogs()?;
        }
        Ok(())
    }

    /// Forgets all tasks.
    pub(crate) fn give_up_all(&mut self) {
        self.jobs.clear();
        self.changelogs.clear();
        self.consumer = None;
    }

    /// The tasks under way, with offsets read and to read.
    pub(crate) fn progress(&self) -> impl Iterator<Item = (TaskId, (u64, u64))> {
        self.jobs.iter().map(|(id, job)| {
            (
                *id,
                job.takeover.as_ref().map_or((0, 0), Takeover::offsets_read),
            )
        })
    }

    /// What holds the oldest takeover up, when it takes longer than any transaction may.
    pub(crate) fn stalled(&mut self, now: Instant) -> Option<String> {
        let patience = self.patience;
        let (id, job) = self
            .jobs
            .iter_mut()
            .find(|(_, job)| now.saturating_duration_since(job.began) > patience)?;
        let (done, total) = job.takeover.as_ref().map_or((0, 0), Takeover::offsets_read);
        // Reading much is slow, not stuck.
        if job.takeover.is_some() && done > 0 && done < total {
            job.began = now;
            return None;
        }
        let reason = match &job.takeover {
            None => format!(
                "task {id} waits for the offsets its former owner commits in a transaction that \
                 is still open, longer than transactions may be"
            ),
            Some(takeover) => format!(
                "task {id} cannot read the end of its changelogs {:?}: a transaction is still \
                 open there, longer than transactions may be",
                takeover
                    .changelogs()
                    .iter()
                    .map(|changelog| &changelog.topic)
                    .collect::<Vec<_>>()
            ),
        };
        if !std::mem::replace(&mut job.warned, true) {
            tracing::warn!(task = %id, "{reason}");
            let changelogs = job.takeover.as_ref().map(Takeover::changelog_partitions);
            let (admin, group) = (self.calls.admin().clone(), self.calls.group_id().to_owned());
            self.spawner.spawn(
                "thalweg culprits",
                Box::pin(culprits::report(
                    admin,
                    Some(group),
                    changelogs.unwrap_or_default(),
                    Arc::clone(&job.findings),
                )),
            );
        }
        Some(with_findings(reason, &job.findings))
    }

    /// Waits for the next thing to happen to any of the tasks. Only while [`is_active`].
    ///
    /// Cancel-safe.
    ///
    /// [`is_active`]: Self::is_active
    pub(crate) async fn next(&mut self) -> Result<Restored, AppError> {
        enum Happened {
            LookedUp(Option<LookedUp>),
            Received(Result<Event, ConsumeError>),
        }
        let happened = match &mut self.consumer {
            Some(consumer) => tokio::select! {
                biased;
                looked_up = self.receive.recv().point() => Happened::LookedUp(looked_up),
                received = consumer.next_event().point() => Happened::Received(received),
            },
            None => Happened::LookedUp(self.receive.recv().point().await),
        };
        match happened {
            Happened::LookedUp(Some(looked_up)) => self.handle_looked_up(looked_up),
            Happened::LookedUp(None) => Ok(Restored::Progress),
            Happened::Received(Ok(Event::Records(fetched))) => self.handle_fetched(&fetched),
            Happened::Received(Ok(_)) => Ok(Restored::Progress),
            Happened::Received(Err(error)) => self.handle_error(&error),
        }
    }

    fn handle_looked_up(&mut self, looked_up: LookedUp) -> Result<Restored, AppError> {
        let LookedUp { id, number, result } = looked_up;
        let Some(job) = self.jobs.get_mut(&id).filter(|job| job.number == number) else {
            return Ok(Restored::Progress);
        };
        let takeover = match result? {
            Found::All(takeover) => takeover,
            Found::Offsets(committed) => {
                let doubt = job.doubt.take();
                let takeover = job.takeover.as_mut();
                let outdated = takeover.is_some_and(|it| it.restart_if_outdated(&committed));
                self.give_up(id)?;
                return match doubt {
                    Some(error) if !outdated => Err(error),
                    _ => Ok(Restored::Outdated(id)),
                };
            }
        };
        let read: Vec<(TopicPartition, usize)> = takeover
            .changelogs()
            .iter()
            .enumerate()
            .filter(|(changelog, _)| takeover.is_behind(*changelog))
            .map(|(changelog, topic)| {
                (
                    TopicPartition::new(topic.topic.as_str(), id.partition),
                    changelog,
                )
            })
            .collect();
        let (_, offsets) = takeover.offsets_read();
        job.takeover = Some(takeover);
        job.began = Instant::now();
        if read.is_empty() {
            return self.finish(id);
        }
        tracing::info!(task = %id, offsets, "restoring state from the changelog");
        self.changelogs
            .extend(read.into_iter().map(|(read, index)| (read, (id, index))));
        self.assign_changelogs()?;
        Ok(Restored::Progress)
    }

    /// Tells the consumer what to read: what it reads already stays where it is.
    fn assign_changelogs(&mut self) -> Result<(), AppError> {
        if self.changelogs.is_empty() {
            self.consumer = None;
            return Ok(());
        }
        let consumer = match &mut self.consumer {
            Some(consumer) => consumer,
            none => none.insert(
                Consumer::builder(&self.cluster)
                    .isolation_level(IsolationLevel::ReadCommitted)
                    .auto_offset_reset(OffsetReset::None)
                    .prefetch_bytes(PREFETCH_BYTES)
                    .build()
                    .map_err(|error| AppError::cluster("making a consumer", error))?,
            ),
        };
        let begin = |(partition, (id, index)): (&TopicPartition, &(TaskId, usize))| {
            let takeover = self.jobs.get(id)?.takeover.as_ref()?;
            Some((
                partition.clone(),
                StartAt::Offset(takeover.begin_of(*index)?),
            ))
        };
        consumer
            .assign(self.changelogs.iter().filter_map(begin))
            .map_err(|error| AppError::cluster("reading changelogs", error))
    }

    fn handle_fetched(&mut self, fetched: &FetchedRecords) -> Result<Restored, AppError> {
        let partition = fetched.topic_partition();
        let Some((id, index)) = self.changelogs.get(partition).copied() else {
            return Ok(Restored::Progress);
        };
        let Some(job) = self.jobs.get_mut(&id) else {
            return Ok(Restored::Progress);
        };
        let changelog = ChangelogId(u32::try_from(index).unwrap_or(u32::MAX));
        let mut records = 0;
        for batch in fetched.batches() {
            let rows = batch.decode(&mut self.decoder).map_err(|corrupt| {
                AppError::Takeover(format!("the changelog of task {id} is damaged: {corrupt}"))
            })?;
            records += rows.len() as u64;
            job.task.restore(changelog, &rows)?;
        }
        let Some(takeover) = &mut job.takeover else {
            return Ok(Restored::Progress);
        };
        takeover.handle_progress(index, fetched.next_offset(), records);
        if !takeover.is_behind(index) {
            self.changelogs.remove(partition);
            self.assign_changelogs()?;
        }
        self.finish_if_done(id)
    }

    fn finish_if_done(&mut self, id: TaskId) -> Result<Restored, AppError> {
        let takeover = self.jobs.get(&id).and_then(|job| job.takeover.as_ref());
        match takeover.map(Takeover::poll) {
            Some(TakeoverStep::Finish) => self.finish(id),
            _ => Ok(Restored::Progress),
        }
    }

    fn finish(&mut self, id: TaskId) -> Result<Restored, AppError> {
        let takeover = self.jobs.get(&id).and_then(|job| job.takeover.as_ref());
        let taken = match takeover.map(Takeover::finish) {
            Some(Ok(taken)) => taken,
            Some(Err(error)) => {
                self.ask_again(id, AppError::Takeover(error.to_string()));
                return Ok(Restored::Progress);
            }
            None => return Ok(Restored::Progress),
        };
        let Some(Job {
            mut task,
            inputs,
            takeover: Some(takeover),
            began,
            ..
        }) = self.jobs.remove(&id)
        else {
            return Ok(Restored::Progress);
        };
        task.restored(taken.task_metadata.as_deref())?;
        let slots = takeover.inputs().iter().zip(inputs).zip(&taken.starts).map(
            |((input, input_id), start)| {
                let partition = TopicPartition::new(input.topic.as_str(), id.partition);
                InputSlot::new(
                    input_id,
                    partition,
                    input.topic_id,
                    input.partitions,
                    *start,
                )
            },
        );
        let changelogs = takeover
            .changelogs()
            .iter()
            .map(|changelog| {
                (
                    super::takeover::name_hash(&changelog.topic),
                    changelog.topic_id,
                )
            })
            .collect();
        tracing::info!(
            task = %id,
            starts = ?taken.starts.iter().map(|start| start.0).collect::<Vec<_>>(),
            took_ms = began.elapsed().as_millis(),
            "task runs"
        );
        let slot = Slot::new(id, task, slots.collect(), changelogs);
        Ok(Restored::Done(Box::new(
            slot.commit_starts(taken.commit_starts),
        )))
    }

    /// Asks in the background whether the offsets of a restored task still stand, before what is wrong
    /// with it is believed.
    fn ask_again(&mut self, id: TaskId, doubt: AppError) {
        let Some(job) = self.jobs.get_mut(&id) else {
            return;
        };
        let Some(takeover) = &job.takeover else {
            return;
        };
        job.doubt = Some(doubt);
        let (number, inputs) = (job.number, takeover.input_partitions());
        let (calls, send) = (self.calls.clone(), self.send.clone());
        self.spawner.spawn(
            "thalweg takeover",
            Box::pin(async move {
                let committed = stable_offsets(&calls, &inputs).point().await;
                let result = committed.map(Found::Offsets);
                let _ = send.send(LookedUp { id, number, result }).point().await;
            }),
        );
    }

    fn handle_error(&mut self, error: &ConsumeError) -> Result<Restored, AppError> {
        if error.disposition() == Disposition::Fatal {
            return Err(AppError::cluster("reading changelogs", error));
        }
        tracing::warn!("reading changelogs: {error}");
        // An error stops its partition until a seek.
        let Some(partition) = error.topic_partition() else {
            return Ok(Restored::Progress);
        };
        let job = self.changelogs.get(partition).copied();
        let position = job.and_then(|(id, index)| {
            let takeover = self.jobs.get(&id)?.takeover.as_ref()?;
            takeover.position_of(index)
        });
        if let Some((consumer, position)) = self.consumer.as_mut().zip(position) {
            let _ = consumer.seek(partition, StartAt::Offset(position));
        }
        Ok(Restored::Progress)
    }
}

/// The lookups of E3, in its order. What may still come right is asked again for as long as it
/// takes: a transaction that stays open, a coordinator that moves.
async fn look_up(calls: &Calls, mut takeover: Takeover) -> Result<Takeover, AppError> {
    let fits = |error: super::takeover::TakeoverError| AppError::Takeover(error.to_string());
    let inputs = takeover.input_partitions();
    let changelogs = takeover.changelog_partitions();
    let all: Vec<TopicPartition> = inputs.iter().chain(&changelogs).cloned().collect();
    loop {
        let stable = stable_offsets(calls, &inputs);
        let ends = until_answered("listing offsets", || calls.ranges(&all));
        // E3: in this order. Nothing is asked before it is awaited.
        let (committed, ranges) = (stable.point().await?, ends.point().await?);
        takeover.handle_offsets(committed).map_err(fits)?;
        let (of_inputs, of_changelogs) = ranges.split_at_checked(inputs.len()).unwrap_or_default();
        let Err(error) = takeover.handle_ranges(of_inputs, of_changelogs) else {
            break;
        };
        let committed = stable_offsets(calls, &inputs).point().await?;
        if !takeover.restart_if_outdated(&committed) {
            return Err(fits(error));
        }
    }
    for (input, timestamp) in takeover.timestamps().collect::<Vec<_>>() {
        let Some(partition) = inputs.get(input) else {
            continue;
        };
        let ask = || calls.offset_at(partition, timestamp);
        takeover.handle_timestamp(input, until_answered("listing offsets", ask).point().await?);
    }
    Ok(takeover)
}

async fn stable_offsets(
    calls: &Calls,
    inputs: &[TopicPartition],
) -> Result<Vec<Option<CommittedInput>>, AppError> {
    until_answered("reading offsets", || calls.stable_offsets(inputs))
        .point()
        .await
}

async fn until_answered<T, F: Future<Output = Result<T, CallError>>>(
    doing: &'static str,
    ask: impl Fn() -> F,
) -> Result<T, AppError> {
    loop {
        match ask().point().await {
            Ok(answer) => return Ok(answer),
            Err(error) if may_come_right(&error) => {
                tracing::warn!("{doing}: {error}; asking again");
                tokio::time::sleep(ASK_AGAIN).point().await;
            }
            Err(error) => return Err(AppError::cluster(doing, error)),
        }
    }
}
