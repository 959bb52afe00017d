//! Where several runs become one: each keeps its own watermark until the slowest has it too.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

use crate::element::Element;

use super::{Context, Meta, Push, Signal, SignalKind};

/// What comes after the runs that merge, shared by their ends.
pub(crate) struct MergePoint<E: Element> {
    down: Box<dyn Push<E>>,
    /// Per run, the watermark it has reached.
    watermarks: Vec<i64>,
    /// How many runs have brought the signal that is on its way.
    arrived: usize,
}

impl<E: Element> MergePoint<E> {
    pub(crate) fn new(runs: usize, down: Box<dyn Push<E>>) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self {
            down,
            watermarks: vec![i64::MIN; runs],
            arrived: 0,
        }))
    }

    /// Notes what a run has reached, and gives what all have.
    fn reached(&mut self, run: usize, watermark: i64) -> i64 {
        if let Some(reached) = self.watermarks.get_mut(run) {
            *reached = watermark.max(*reached);
        }
        self.watermarks.iter().copied().min().unwrap_or(watermark)
    }
}

/// The end of one run that merges.
pub(crate) struct MergeEntry<E: Element> {
    pub(crate) point: Rc<RefCell<MergePoint<E>>>,
    pub(crate) run: usize,
}

impl<E: Element> Push<E> for MergeEntry<E> {
    fn push(&mut self, view: &E::View<'_>, meta: &Meta<'_>, context: &mut Context<'_>) {
        let point = &mut *self.point.borrow_mut();
        let watermark = point.reached(self.run, meta.watermark);
        point.down.push(view, &Meta { watermark, ..*meta }, context);
    }

    /// Every run brings every signal; it goes on with the last.
    fn signal(&mut self, signal: &mut Signal<'_, '_>) {
        let point = &mut *self.point.borrow_mut();
        if let Some(watermark) = signal.watermark() {
            *watermark = point.reached(self.run, *watermark);
        }
        if matches!(signal.0, SignalKind::Abort) {
            point.watermarks.fill(i64::MIN);
        }
        point.arrived += 1;
        if point.arrived == point.watermarks.len() {
            point.arrived = 0;
            point.down.signal(signal);
        }
    }
}

/// Keeps the merge points of a task that are waiting for their other runs, by the place of the
/// merge in the program.
#[derive(Default)]
pub(crate) struct MergePoints {
    built: Vec<(usize, Box<dyn Any>)>,
}

impl MergePoints {
    pub(crate) fn find<E: Element>(&self, merge: usize) -> Option<Rc<RefCell<MergePoint<E>>>> {
        let (_, point) = self.built.iter().find(|(place, _)| *place == merge)?;
        point
            .downcast_ref::<Rc<RefCell<MergePoint<E>>>>()
            .map(Rc::clone)
    }

    pub(crate) fn keep<E: Element>(&mut self, merge: usize, point: Rc<RefCell<MergePoint<E>>>) {
        self.built.push((merge, Box::new(point)));
    }
}
