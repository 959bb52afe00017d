//! The engine without a broker: programs driven by `TestDriver`.

mod emission;
mod exactness;
mod lateness;
mod policies;
mod programs;
mod repartition;
mod restore;
mod time_changelog;
mod topology;
