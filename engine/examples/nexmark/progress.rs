//! Progress on standard error, where somebody watches.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar up to `total`, with the rate and the time left.
pub(crate) fn bar(total: u64, what: &'static str) -> ProgressBar {
    let template = "{bar:30} {human_pos} of {human_len} {msg}, {per_sec}, {eta} left";
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(total)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(what)
}

/// Leaves the bar as it is, and goes on below it.
pub(crate) fn finish(bar: &ProgressBar) {
    bar.finish();
    eprintln!();
}
