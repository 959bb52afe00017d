//! Windows of event time.

mod emit;
mod late;
mod operator;
mod stream;
mod tumbling;

pub use emit::Emit;
pub use stream::{WindowStream, WindowedStream};
pub use tumbling::{Tumbling, Window};

/// A result of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windowed<K, V> {
    /// The key.
    pub key: K,
    /// The window.
    pub window: Window,
    /// What the key's elements in it come to.
    pub value: V,
}
