//! `inspect`: looks at elements as they pass.

use crate::element::Element;
use crate::flow::{Chain, Context, Meta, Push, Signal};
use crate::stream::Stream;
use crate::topology::TaskBuilder;

impl<C: Chain> Stream<C> {
    /// Calls the closure with every element, and passes all of them on.
    ///
    /// What it does is not undone by an abort: elements of an aborted transaction are seen again.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// use std::sync::Arc;
    ///
    /// use thalweg::{App, Text, testing::TestDriver};
    ///
    /// let seen = Arc::new(AtomicUsize::new(0));
    /// let count = Arc::clone(&seen);
    /// let app = App::new("copy");
    /// app.source::<Text>("in")
    ///     .inspect(move |_| {
    ///         count.fetch_add(1, Ordering::Relaxed);
    ///     })
    ///     .sink::<Text>("out");
    ///
    /// let mut driver = TestDriver::new(&app.build()?);
    /// driver.send("in", "a line")?;
    /// assert_eq!(seen.load(Ordering::Relaxed), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn inspect<F>(self, look: F) -> Stream<Inspect<C, F>>
    where
        F: for<'x, 'b> Fn(&'x <C::Out as Element>::View<'b>) + Clone + Send + 'static,
    {
        self.then("inspect", |chain| Inspect { chain, look })
    }
}

/// See [`Stream::inspect`].
#[derive(Clone)]
pub struct Inspect<C, F> {
    chain: C,
    look: F,
}

impl<C, F> Chain for Inspect<C, F>
where
    C: Chain,
    F: for<'x, 'b> Fn(&'x <C::Out as Element>::View<'b>) + Clone + Send + 'static,
{
    type Root = C::Root;
    type Out = C::Out;
    type Built<D: Push<C::Out> + 'static> = C::Built<InspectPush<F, D>>;

    fn root(&self) -> &C::Root {
        self.chain.root()
    }

    fn build<D: Push<C::Out> + 'static>(
        self,
        down: D,
        builder: &mut TaskBuilder,
    ) -> Self::Built<D> {
        self.chain.build(
            InspectPush {
                look: self.look,
                down,
            },
            builder,
        )
    }
}

/// The push side.
pub struct InspectPush<F, D> {
    look: F,
    down: D,
}

impl<E, F, D> Push<E> for InspectPush<F, D>
where
    E: Element,
    F: for<'x, 'b> Fn(&'x E::View<'b>),
    D: Push<E>,
{
    #[inline]
    fn push(&mut self, view: &E::View<'_>, meta: &Meta<'_>, context: &mut Context<'_>) {
        (self.look)(view);
        self.down.push(view, meta, context);
    }

    fn signal(&mut self, signal: &mut Signal<'_, '_>) {
        self.down.signal(signal);
    }
}
