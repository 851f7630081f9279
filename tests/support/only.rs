//! For whom and where a test can show something at all.

/// Leaves the test as skipped, visibly: counted by `test.sh`, a failure in CI.
macro_rules! skip {
    ($($why:tt)*) => {{
        $crate::support::place::record_skip(module_path!(), &format!($($why)*));
        return;
    }};
}
pub(crate) use skip;

/// Ends the test for an ordinary user: the act needs root outside too, so there is nothing to show.
macro_rules! only_as_root {
    () => {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
    };
}
pub(crate) use only_as_root;

/// Ends the test for root: what it shows exists only for an ordinary user.
macro_rules! only_as_user {
    () => {
        if nix::unistd::geteuid().is_root() {
            return;
        }
    };
}
pub(crate) use only_as_user;
