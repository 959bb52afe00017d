//! When results come out.

/// When an aggregate emits its results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Emit {
    /// Once, when the watermark says that the window is complete; and again for each late element
    /// that is still allowed. The default of windows.
    OnClose,
    /// With every change: a running result, the last one is right. The default without a window.
    OnUpdate,
    /// Once per commit for each key (and window) that changed since the last: a running result with
    /// fewer records.
    OnCommit,
}
