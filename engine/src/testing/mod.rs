//! Trying out a program without a broker: [`TestDriver`].

mod driver;
mod log;

pub use driver::{TestDriver, TestError};
pub use log::TestRecord;
