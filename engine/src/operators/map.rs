//! `map`: makes one element of another.

use std::marker::PhantomData;

use crate::element::{Element, Owned};
use crate::flow::{Chain, Context, Meta, Push, Signal};
use crate::stream::Stream;
use crate::topology::TaskBuilder;

impl<C: Chain> Stream<C> {
    /// Makes one element of each, a value that borrows nothing. Key and event time stay.
    ///
    /// ```
    /// use thalweg::{App, Text, testing::TestDriver};
    ///
    /// let app = App::new("shout");
    /// app.source::<Text>("in").map(|line| line.to_uppercase()).sink::<Text>("out");
    ///
    /// let mut driver = TestDriver::new(&app.build()?);
    /// driver.send("in", "low tide")?;
    /// assert_eq!(driver.take_values("out"), ["LOW TIDE"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map<F, O>(self, make: F) -> Stream<Map<C, F, O>>
    where
        F: for<'x, 'b> Fn(&'x <C::Out as Element>::View<'b>) -> O + Clone + Send + 'static,
        O: 'static,
    {
        self.then("map", |chain| Map {
            chain,
            make,
            out: PhantomData,
        })
    }
}

/// See [`Stream::map`].
pub struct Map<C, F, O> {
    chain: C,
    make: F,
    out: PhantomData<fn() -> O>,
}

impl<C: Clone, F: Clone, O> Clone for Map<C, F, O> {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            make: self.make.clone(),
            out: PhantomData,
        }
    }
}

impl<C, F, O> Chain for Map<C, F, O>
where
    C: Chain,
    F: for<'x, 'b> Fn(&'x <C::Out as Element>::View<'b>) -> O + Clone + Send + 'static,
    O: 'static,
{
    type Root = C::Root;
    type Out = Owned<O>;
    type Built<D: Push<Owned<O>> + 'static> = C::Built<MapPush<F, O, D>>;

    fn root(&self) -> &C::Root {
        self.chain.root()
    }

    fn build<D: Push<Owned<O>> + 'static>(
        self,
        down: D,
        builder: &mut TaskBuilder,
    ) -> Self::Built<D> {
        self.chain.build(
            MapPush {
                make: self.make,
                down,
                out: PhantomData,
            },
            builder,
        )
    }
}

/// The push side.
pub struct MapPush<F, O, D> {
    make: F,
    down: D,
    out: PhantomData<fn() -> O>,
}

impl<E, F, O, D> Push<E> for MapPush<F, O, D>
where
    E: Element,
    F: for<'x, 'b> Fn(&'x E::View<'b>) -> O,
    O: 'static,
    D: Push<Owned<O>>,
{
    #[inline]
    fn push(&mut self, view: &E::View<'_>, meta: &Meta<'_>, context: &mut Context<'_>) {
        self.down.push(&(self.make)(view), meta, context);
    }

    fn signal(&mut self, signal: &mut Signal<'_, '_>) {
        self.down.signal(signal);
    }
}
