//! The simulated world: client, engine and broker, unmodified, on one thread with a paused clock.

pub mod points;
