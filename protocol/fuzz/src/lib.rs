//! What is done with hostile bytes: by libFuzzer, and by a test on stable Rust that includes this
//! file. None of it may panic, hang or allocate out of proportion, whatever the bytes.
//!
//! Each function is one fuzz target. What it allocates is counted, and compared with what the
//! library promises.

mod compressed;
#[allow(dead_code, reason = "shared with what makes the seeds")]
mod inputs;
mod messages;
mod record_set;

pub use compressed::compressed;
pub use messages::{decode_within_bound, frame, message};
pub use record_set::record_set;
