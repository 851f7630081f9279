//! Reads the token that an editor leaves for its agent, to drive the editor outside.
//!
//! - Area: daemons of agents
//! - Known: `~/.claude/ide/<port>.lock`
//! - Held by: the lock files are hidden

use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new().home_file(".claude/ide/4242.lock", "{\"authToken\":\"hunter2\"}");
    world.hidden("cat ~/.claude/ide/4242.lock");
    world.hidden("cat ~/.claude/ide/*");
}
