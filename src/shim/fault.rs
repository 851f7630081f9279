//! Lets the tests end the program between any two steps of a change, as `kill -9` would.

/// A point where the power may fail. Does nothing in a release build.
pub(super) fn point() {
    #[cfg(debug_assertions)]
    if let Some(wanted) = std::env::var("AIGATE_TEST_FAULT")
        .ok()
        .and_then(|n| n.parse::<usize>().ok())
    {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static PASSED: AtomicUsize = AtomicUsize::new(0);
        if PASSED.fetch_add(1, Ordering::Relaxed) == wanted {
            std::process::abort();
        }
    }
}
