//! `flat_map`: makes any number of elements of one.

use std::marker::PhantomData;

use crate::element::{Element, Owned};
use crate::flow::{Chain, Context, Meta, Push, Signal};
use crate::stream::Stream;
use crate::topology::TaskBuilder;

impl<C: Chain> Stream<C> {
    /// Makes any number of elements of each, values that borrow nothing. Key and event time stay.
    ///
    /// The closure returns anything that can be iterated and borrows nothing: a `Vec`, an `Option`,
    /// an array.
    ///
    /// ```
    /// use thalweg::{App, Text, testing::TestDriver};
    ///
    /// let app = App::new("words");
    /// app.source::<Text>("lines")
    ///     .flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    ///     .sink::<Text>("words");
    ///
    /// let mut driver = TestDriver::new(&app.build()?);
    /// driver.send("lines", "still waters run deep")?;
    /// assert_eq!(driver.take_values("words"), ["still", "waters", "run", "deep"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flat_map<F, I>(self, make: F) -> Stream<FlatMap<C, F, I>>
    where
        F: for<'x, 'b> Fn(&'x <C::Out as Element>::View<'b>) -> I + Clone + Send + 'static,
        I: IntoIterator + 'static,
        I::Item: 'static,
    {
        self.then("flat_map", |chain| FlatMap {
            chain,
            make,
            items: PhantomData,
        })
    }
}

/// See [`Stream::flat_map`].
pub struct FlatMap<C, F, I> {
    chain: C,
    make: F,
    items: PhantomData<fn() -> I>,
}

impl<C: Clone, F: Clone, I> Clone for FlatMap<C, F, I> {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            make: self.make.clone(),
            items: PhantomData,
        }
    }
}

impl<C, F, I> Chain for FlatMap<C, F, I>
where
    C: Chain,
    F: for<'x, 'b> Fn(&'x <C::Out as Element>::View<'b>) -> I + Clone + Send + 'static,
    I: IntoIterator + 'static,
    I::Item: 'static,
{
    type Root = C::Root;
    type Out = Owned<I::Item>;
    type Built<D: Push<Owned<I::Item>> + 'static> = C::Built<FlatMapPush<F, I, D>>;

    fn root(&self) -> &C::Root {
        self.chain.root()
    }

    fn build<D: Push<Self::Out> + 'static>(
        self,
        down: D,
        builder: &mut TaskBuilder,
    ) -> Self::Built<D> {
        self.chain.build(
            FlatMapPush {
                make: self.make,
                down,
                items: PhantomData,
            },
            builder,
        )
    }
}

/// The push side.
pub struct FlatMapPush<F, I, D> {
    make: F,
    down: D,
    items: PhantomData<fn() -> I>,
}

impl<E, F, I, D> Push<E> for FlatMapPush<F, I, D>
where
    E: Element,
    F: for<'x, 'b> Fn(&'x E::View<'b>) -> I,
    I: IntoIterator + 'static,
    I::Item: 'static,
    D: Push<Owned<I::Item>>,
{
    #[inline]
    fn push(&mut self, view: &E::View<'_>, meta: &Meta<'_>, context: &mut Context<'_>) {
        for item in (self.make)(view) {
            self.down.push(&item, meta, context);
        }
    }

    fn signal(&mut self, signal: &mut Signal<'_, '_>) {
        self.down.signal(signal);
    }
}
