//! `filter`: lets some elements pass.

use crate::element::Element;
use crate::flow::{Chain, Context, Meta, Push, Signal};
use crate::stream::Stream;
use crate::topology::TaskBuilder;

impl<C: Chain> Stream<C> {
    /// Lets those elements pass for which the closure is true.
    ///
    /// ```
    /// use thalweg::{App, Text, testing::TestDriver};
    ///
    /// let app = App::new("errors");
    /// app.source::<Text>("log").filter(|line| line.starts_with("ERROR")).sink::<Text>("alerts");
    ///
    /// let mut driver = TestDriver::new(&app.build()?);
    /// driver.send("log", "INFO all is well")?;
    /// driver.send("log", "ERROR the cellar is flooded")?;
    /// assert_eq!(driver.take_values("alerts"), ["ERROR the cellar is flooded"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn filter<F>(self, passes: F) -> Stream<Filter<C, F>>
    where
        F: for<'x, 'b> Fn(&'x <C::Out as Element>::View<'b>) -> bool + Clone + Send + 'static,
    {
        self.then("filter", |chain| Filter { chain, passes })
    }
}

/// See [`Stream::filter`].
#[derive(Clone)]
pub struct Filter<C, F> {
    chain: C,
    passes: F,
}

impl<C, F> Chain for Filter<C, F>
where
    C: Chain,
    F: for<'x, 'b> Fn(&'x <C::Out as Element>::View<'b>) -> bool + Clone + Send + 'static,
{
    type Root = C::Root;
    type Out = C::Out;
    type Built<D: Push<C::Out> + 'static> = C::Built<FilterPush<F, D>>;

    fn root(&self) -> &C::Root {
        self.chain.root()
    }

    fn build<D: Push<C::Out> + 'static>(
        self,
        down: D,
        builder: &mut TaskBuilder,
    ) -> Self::Built<D> {
        self.chain.build(
            FilterPush {
                passes: self.passes,
                down,
            },
            builder,
        )
    }
}

/// The push side.
pub struct FilterPush<F, D> {
    passes: F,
    down: D,
}

impl<E, F, D> Push<E> for FilterPush<F, D>
where
    E: Element,
    F: for<'x, 'b> Fn(&'x E::View<'b>) -> bool,
    D: Push<E>,
{
    #[inline]
    fn push(&mut self, view: &E::View<'_>, meta: &Meta<'_>, context: &mut Context<'_>) {
        if (self.passes)(view) {
            self.down.push(view, meta, context);
        }
    }

    fn signal(&mut self, signal: &mut Signal<'_, '_>) {
        self.down.signal(signal);
    }
}
