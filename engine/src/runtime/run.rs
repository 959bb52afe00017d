//! Workers on their threads, and the supervisor that knows when all have ended.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use thalweg_client::{Spawner, watch};
use tokio::sync::mpsc;

use super::board::Order;
use super::error::AppError;
use super::handle::{Handle, Outcome};
use super::instance::Instance;
use super::io_thread::IoThread;
use super::settings::RunSettings;
use super::start::{Prepared, Seat, Until, prepare};
use super::status::Health;
use super::until_end;
use super::worker::Ends;
use crate::topology::Topology;

type Ended = (u32, Result<(), AppError>);

/// The workers of an app as one future, for whoever runs them on a thread of his own; see
/// [`App::start_local`](crate::App::start_local).
#[must_use = "workers do nothing unless polled"]
pub struct LocalWorkers {
    workers: Vec<Pin<Box<dyn Future<Output = ()>>>>,
}

impl std::fmt::Debug for LocalWorkers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalWorkers")
            .field("running", &self.workers.len())
            .finish()
    }
}

impl Future for LocalWorkers {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.workers
            .retain_mut(|worker| worker.as_mut().poll(context).is_pending());
        if self.workers.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// Starts an app: a thread for each worker, one for the client unless a spawner is set.
pub(crate) async fn start(
    topology: Topology,
    settings: RunSettings,
    until: Until,
) -> Result<Handle, AppError> {
    settings.check()?;
    let (io_thread, spawner) = match &settings.spawner {
        Some(spawner) => (None, Arc::clone(spawner)),
        None => {
            let io_thread = IoThread::start().map_err(|source| AppError::Thread {
                worker: 0,
                source: Arc::new(source),
            })?;
            let spawner = io_thread.spawner();
            (Some(io_thread), spawner)
        }
    };
    let Prepared {
        instance,
        seats,
        ends,
    } = prepare(topology, settings, until, spawner).await?;
    let (send, ended) = mpsc::channel(seats.len().max(1));
    let workers = seats.len();
    for seat in seats {
        let index = seat.index;
        let (its_instance, its_send) = (Arc::clone(&instance), send.clone());
        let thread = std::thread::Builder::new().name(format!("thalweg-worker-{index}"));
        let spawned = thread.spawn(move || {
            let result = run_on_this_thread(its_instance, seat);
            // The supervisor is gone only when the whole app is.
            let _ = its_send.blocking_send((index, result));
        });
        if let Err(source) = spawned {
            instance.board.order(Order::Stop);
            return Err(AppError::Thread {
                worker: index,
                source: Arc::new(source),
            });
        }
    }
    Ok(supervise(instance, workers, ended, ends, io_thread))
}

/// Starts an app whose workers the caller polls: for a simulation on one runtime.
pub(crate) async fn start_local(
    topology: Topology,
    settings: RunSettings,
    until: Until,
    spawner: Arc<dyn Spawner>,
) -> Result<(Handle, LocalWorkers), AppError> {
    settings.check()?;
    let Prepared {
        instance,
        seats,
        ends,
    } = prepare(topology, settings, until, spawner).await?;
    let (send, ended) = mpsc::channel(seats.len().max(1));
    let workers: Vec<Pin<Box<dyn Future<Output = ()>>>> = seats
        .into_iter()
        .map(|seat| {
            let (instance, send, index) = (Arc::clone(&instance), send.clone(), seat.index);
            let worker: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
                let result = seat.take(instance).run().await;
                let _ = send.send((index, result)).await;
            });
            worker
        })
        .collect();
    let handle = supervise(instance, workers.len(), ended, ends, None);
    Ok((handle, LocalWorkers { workers }))
}

fn run_on_this_thread(instance: Arc<Instance>, seat: Seat) -> Result<(), AppError> {
    let worker = seat.index;
    let board = Arc::clone(&instance.board);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|source| AppError::Thread {
            worker,
            source: Arc::new(source),
        })?;
    // User code may panic. Its worker is then lost, and so the app stops; what it had not committed
    // is aborted. Nothing of the worker is looked at afterwards.
    let run = AssertUnwindSafe(|| runtime.block_on(async move { seat.take(instance).run().await }));
    std::panic::catch_unwind(run).unwrap_or_else(|panic| {
        let message = panic_message(&*panic);
        board.set_health(
            worker,
            Health::Failed {
                reason: format!("panicked: {message}"),
            },
        );
        Err(AppError::Panicked { worker, message })
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

/// Waits in the background for the workers. One that fails takes the others with it.
fn supervise(
    instance: Arc<Instance>,
    workers: usize,
    mut ended: mpsc::Receiver<Ended>,
    ends: Option<watch::Sender<Arc<Ends>>>,
    io_thread: Option<IoThread>,
) -> Handle {
    let (send_outcome, outcome) = watch::channel::<Outcome>(None);
    let board = Arc::clone(&instance.board);
    let handle = Handle::new(Arc::clone(&board), outcome);
    let spawner = Arc::clone(&instance.spawner);
    if let Some(ends) = ends {
        spawner.spawn(
            "thalweg until end",
            Box::pin(until_end::follow(instance, ends)),
        );
    } else {
        drop(instance);
    }
    spawner.spawn(
        "thalweg supervisor",
        Box::pin(async move {
            let mut result = Ok(());
            for _ in 0..workers {
                match ended.recv().await {
                    Some((_, Ok(()))) => {}
                    Some((_, Err(error))) => {
                        board.order(Order::Stop);
                        result = result.and(Err(error));
                    }
                    None => break,
                }
            }
            board.order(Order::Stop);
            send_outcome.send_replace(Some(result));
            // Ends its own thread, and this with it; so it comes last.
            drop(io_thread);
        }),
    );
    handle
}
