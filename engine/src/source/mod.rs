//! Where elements come from: a topic, the format of its records, and their event time.

mod options;
mod policy;
mod rows;
mod stream;
mod timing;

use std::sync::{Arc, Mutex, PoisonError};

use crate::element::Decode;
use crate::flow::{Chain, Port, Push, Root, Template};
use crate::topology::{GroupId, InputFactory, SourceId, TaskBuilder};

pub(crate) use options::SourceOptions;
pub use policy::OnBadRecord;
pub(crate) use policy::{BadRecordPolicy, settle};
pub(crate) use rows::RowsPush;
pub(crate) use timing::{ByEventTime, ByTimestamp, TimeOf};

use rows::SourceRows;

/// A source as the program has it: its format, its event time, and the runs attached to it.
pub(crate) struct SourceNode<D: Decode, T> {
    group: GroupId,
    time: Template<T>,
    /// Each run twice: welded to the loop over the rows, for when it is the only one; and behind a
    /// `dyn`, in `fork`.
    alone: Mutex<Vec<AloneRun>>,
    fork: Arc<Port<D>>,
}

type AloneRun = Box<dyn Fn(&mut TaskBuilder) -> Box<dyn RowsPush> + Send + Sync>;

impl<D: Decode, T: TimeOf<D>> SourceNode<D, T> {
    pub(crate) fn new(group: GroupId, time: T) -> Arc<Self> {
        Arc::new(Self {
            group,
            time: Template::new(time),
            alone: Mutex::new(Vec::new()),
            fork: Port::new(group, true),
        })
    }
}

impl<D: Decode, T: TimeOf<D>> InputFactory for SourceNode<D, T> {
    fn build(&self, builder: &mut TaskBuilder) -> Box<dyn RowsPush> {
        let alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        if let [run] = alone.as_slice() {
            return run(builder);
        }
        let rows = SourceRows::<D, T, _>::new(self.time.instance(), builder);
        Box::new(rows.before(self.fork.build(builder)))
    }

    fn runs(&self) -> usize {
        self.alone
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}

/// The empty run behind a source.
pub struct FromSource<D: Decode, T: TimeOf<D>> {
    pub(crate) node: Arc<SourceNode<D, T>>,
    pub(crate) source: SourceId,
}

impl<D: Decode, T: TimeOf<D>> Clone for FromSource<D, T> {
    fn clone(&self) -> Self {
        Self {
            node: Arc::clone(&self.node),
            source: self.source,
        }
    }
}

impl<D: Decode, T: TimeOf<D>> Root for FromSource<D, T> {
    type Out = D;

    fn attach<P, F>(&self, make: F)
    where
        P: Push<D> + 'static,
        F: Fn(&mut TaskBuilder) -> P + Send + Sync + 'static,
    {
        let make = Arc::new(make);
        let time = Template::new(self.node.time.instance());
        let welded = Arc::clone(&make);
        let alone: AloneRun = Box::new(move |builder| {
            let rows = SourceRows::<D, T, _>::new(time.instance(), builder);
            Box::new(rows.before(welded(builder)))
        });
        self.node
            .alone
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(alone);
        self.node
            .fork
            .attach(Box::new(move |builder| Box::new(make(builder))));
    }

    fn group(&self) -> GroupId {
        self.node.group
    }

    fn reads_records(&self) -> bool {
        true
    }
}

impl<D: Decode, T: TimeOf<D>> Chain for FromSource<D, T> {
    type Root = Self;
    type Out = D;
    type Built<P: Push<D> + 'static> = P;

    fn root(&self) -> &Self {
        self
    }

    fn build<P: Push<D> + 'static>(self, down: P, _builder: &mut TaskBuilder) -> P {
        down
    }
}
