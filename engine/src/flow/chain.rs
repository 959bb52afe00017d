//! A stateless run of operators as it is written down: a recipe for the push side.

use std::sync::{Mutex, PoisonError};

use crate::element::Element;
use crate::topology::{GroupId, TaskBuilder};

use super::Push;

/// Operators from a `Root` up to some point of the program, without what comes after. Built once
/// per task, when the end of the run is known.
pub trait Chain: Clone + Send + 'static {
    /// Where its elements come from.
    type Root: Root;
    /// What it gives.
    type Out: Element;
    /// Its push side, with `D` after it.
    type Built<D: Push<Self::Out> + 'static>: Push<<Self::Root as Root>::Out> + 'static;

    /// Where its elements come from.
    fn root(&self) -> &Self::Root;

    /// Makes the push side for one task.
    fn build<D: Push<Self::Out> + 'static>(
        self,
        down: D,
        builder: &mut TaskBuilder,
    ) -> Self::Built<D>;
}

/// A place elements come out of: a source, or an operator behind which calls are `dyn`.
pub trait Root: Clone + Send + 'static {
    /// What comes out.
    type Out: Element;

    /// Adds a run of operators that takes all elements.
    fn attach<P, F>(&self, make: F)
    where
        P: Push<Self::Out> + 'static,
        F: Fn(&mut TaskBuilder) -> P + Send + Sync + 'static;

    /// The connected part of the program it belongs to.
    fn group(&self) -> GroupId;

    /// Whether each element comes straight from a record that is being read.
    fn reads_records(&self) -> bool;
}

/// Something with the user's closures in it that every task gets a copy of. The closures need not
/// be `Sync` for that.
pub(crate) struct Template<T>(Mutex<T>);

impl<T: Clone> Template<T> {
    pub(crate) fn new(original: T) -> Self {
        Self(Mutex::new(original))
    }

    pub(crate) fn instance(&self) -> T {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
