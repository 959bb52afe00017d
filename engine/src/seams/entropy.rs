//! The one place where randomness enters the engine when no seed was given.

use std::hash::{BuildHasher, Hasher};

/// A seed nobody can guess, from the operating system (by way of the standard library's hash keys,
/// which are drawn from it once per thread and then stepped).
pub(crate) fn entropy() -> u64 {
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_seeds_differ() {
        assert_ne!(entropy(), entropy());
    }
}
