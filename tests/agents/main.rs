//! Real agents with our hooks, talking to scripted stand-ins for their models.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod agent;
mod hooks;
mod off;
mod recorded;

/// A session with an agent, or a test that is left as skipped.
macro_rules! session {
    ($agent:expr) => {
        match $agent.session() {
            Some(session) => session,
            None => skip!(
                "{} or ../shared/mocks is missing; test.sh installs the first",
                $agent.command
            ),
        }
    };
}
pub(crate) use session;
