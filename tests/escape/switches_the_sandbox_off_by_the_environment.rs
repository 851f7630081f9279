//! Starts aigate again with variables that say "already inside" or "off".
//!
//! - Area: aigate's own files
//! - Known: `VETTO_WRAPPED=1` switched a rival off; agentsh's guard
//! - Held by: "am I inside" is a fact of the kernel, never a variable

use crate::support::World;

#[test]
fn is_refused() {
    for name in [
        "AIGATE",
        "AIGATE_INSIDE",
        "AIGATE_ACTIVE",
        "AIGATE_DISABLE",
        "AIGATE_SANDBOX",
        "IN_SANDBOX",
        "AIGATE_WRAPPED",
    ] {
        let world = World::new().secret(".env").env(name, "1");
        world.hidden("cat .env");
    }
}
