//! Panics on this thread while a world runs, wherever in it they happen: tokio keeps those of tasks to
//! itself.

use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    static SEEN: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// From now on panics of this thread are collected.
pub(super) fn begin() {
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let collected = SEEN.with_borrow_mut(|seen| match seen {
                Some(seen) => {
                    seen.push(panic.to_string());
                    true
                }
                None => false,
            });
            if !collected {
                before(panic);
            }
        }));
    });
    SEEN.set(Some(Vec::new()));
}

/// What was collected.
pub(super) fn end() -> Vec<String> {
    SEEN.take().unwrap_or_default()
}
