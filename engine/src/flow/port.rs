//! Where elements come out of a stateful operator, and where streams fork.

use std::sync::{Arc, Mutex, PoisonError};

use crate::element::Element;
use crate::topology::{GroupId, TaskBuilder};

use super::{Chain, Context, Meta, Push, Root, Signal};

type Segment<E> = Box<dyn Fn(&mut TaskBuilder) -> Box<dyn Push<E>> + Send + Sync>;

/// The outgoing side of an operator: the runs attached to it so far.
pub(crate) struct Port<E: Element> {
    group: GroupId,
    /// See [`Root::reads_records`].
    reads_records: bool,
    segments: Mutex<Vec<Segment<E>>>,
}

impl<E: Element> Port<E> {
    pub(crate) fn new(group: GroupId, reads_records: bool) -> Arc<Self> {
        Arc::new(Self {
            group,
            reads_records,
            segments: Mutex::new(Vec::new()),
        })
    }

    pub(crate) fn attach(&self, segment: Segment<E>) {
        self.segments
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(segment);
    }

    /// Makes all attached runs for a task.
    pub(crate) fn build(&self, builder: &mut TaskBuilder) -> Box<dyn Push<E>> {
        let segments = self.segments.lock().unwrap_or_else(PoisonError::into_inner);
        let mut built: Vec<_> = segments.iter().map(|segment| segment(builder)).collect();
        match (built.pop(), built.is_empty()) {
            (Some(only), true) => only,
            (Some(last), false) => {
                built.push(last);
                Box::new(Fork { branches: built })
            }
            (None, _) => Box::new(Fork {
                branches: Vec::new(),
            }),
        }
    }
}

/// Hands every element to several runs, in the order they were attached, element by element: a run
/// that joins another again downstream sees both in the order of the input.
struct Fork<E: Element> {
    branches: Vec<Box<dyn Push<E>>>,
}

impl<E: Element> Push<E> for Fork<E> {
    fn push(&mut self, view: &E::View<'_>, meta: &Meta<'_>, context: &mut Context<'_>) {
        for branch in &mut self.branches {
            branch.push(view, meta, context);
        }
    }

    /// Operators hand on the watermark they have for what comes after them: it is their branch's.
    fn signal(&mut self, signal: &mut Signal<'_, '_>) {
        let before = signal.watermark().copied();
        for branch in &mut self.branches {
            if let (Some(before), Some(watermark)) = (before, signal.watermark()) {
                *watermark = before;
            }
            branch.signal(signal);
        }
    }
}

/// The empty run behind a [`Port`].
pub struct FromPort<E: Element> {
    pub(crate) port: Arc<Port<E>>,
}

impl<E: Element> Clone for FromPort<E> {
    fn clone(&self) -> Self {
        Self {
            port: Arc::clone(&self.port),
        }
    }
}

impl<E: Element> Root for FromPort<E> {
    type Out = E;

    fn attach<P, F>(&self, make: F)
    where
        P: Push<E> + 'static,
        F: Fn(&mut TaskBuilder) -> P + Send + Sync + 'static,
    {
        self.port
            .attach(Box::new(move |builder| Box::new(make(builder))));
    }

    fn group(&self) -> GroupId {
        self.port.group
    }

    fn reads_records(&self) -> bool {
        self.port.reads_records
    }
}

impl<E: Element> Chain for FromPort<E> {
    type Root = Self;
    type Out = E;
    type Built<D: Push<E> + 'static> = D;

    fn root(&self) -> &Self {
        self
    }

    fn build<D: Push<E> + 'static>(self, down: D, _builder: &mut TaskBuilder) -> D {
        down
    }
}
