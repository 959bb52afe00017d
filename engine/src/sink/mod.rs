//! Where elements go: a topic, and the form they have there.

mod push;
mod setter;
mod stream;

pub use stream::{OnSinkError, Sink};
