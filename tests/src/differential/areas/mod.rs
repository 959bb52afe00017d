//! The sequences of requests, by what they are about.

mod classic;
mod consumer;
mod draw;
mod logs;
mod migration;
mod offsets;
mod share;
mod streams;
mod topics;
mod transactions;

use thalweg_client::Rng;

use super::pair::Pair;

/// One area: its name, and how it draws that many requests, more or less, from a seed.
pub struct Area {
    /// What it is called in reports, and what its topics and groups begin with.
    pub name: &'static str,
    /// Asks both brokers.
    pub run: fn(Pair, Rng, u32) -> Running,
}

/// An area at work; it gives the pair back.
pub type Running = std::pin::Pin<Box<dyn Future<Output = Pair> + Send>>;

macro_rules! areas {
    ($($area:ident),* $(,)?) => {
        /// All areas.
        pub const AREAS: &[Area] = &[$(Area {
            name: stringify!($area),
            run: |pair, rng, requests| Box::pin($area::run(pair, rng, requests)),
        }),*];
    };
}

areas!(
    classic,
    consumer,
    logs,
    migration,
    offsets,
    share,
    streams,
    topics,
    transactions,
);
