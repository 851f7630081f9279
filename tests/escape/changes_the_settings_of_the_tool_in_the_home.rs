//! Writes the user's settings of an agent, whose hooks the next session runs.
//!
//! - Area: what the host runs later
//! - Known: found while building
//! - Held by: without the agent's profile its directory is read-only like the home

use crate::support::World;

#[test]
fn is_refused() {
    World::new().keeps_in_home(&[
        ".claude/settings.json",
        ".codex/config.toml",
        ".cursor/hooks.json",
        ".gemini/settings.json",
    ]);
}
