//! Flink's cases.

pub(crate) mod nexmark;
pub(crate) mod steps;
pub(crate) mod watermarks;
pub(crate) mod windows;
pub(crate) mod word_count;
