//! The host makes a file that a rule hides while the sandbox runs; it is read inside.
//!
//! - Area: live rules
//! - Known: the Go aigate
//! - Held by: a helper watches the directories and masks what appears

use crate::live;
use crate::support::World;

#[test]
fn is_refused() {
    let world = World::new();
    live::hidden_after(&world, "cat .env", "echo hunter2 > .env");
    let world = World::new().dir("old");
    live::hidden_after(
        &world,
        "cat old/.env.local",
        "echo hunter2 > old/.env.local",
    );
    let world = World::new();
    live::hidden_after(
        &world,
        "cat new/er/.env",
        "mkdir -p new/er && echo hunter2 > new/er/.env",
    );
}
