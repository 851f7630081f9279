//! Starts aigate with another HOME or another configuration, to lose the user's rules.
//!
//! - Area: aigate's own files
//! - Known: fence issue 214: nested policy substitution
//! - Held by: a sandbox in the sandbox only adds rules

use crate::support::{World, place, quoted};

#[test]
fn is_refused() {
    let world = World::new().secret(".env").dir("fake");
    let aigate = quoted(place::binary());
    let nested = format!("HOME=$PWD/fake {aigate} exec -- cat .env; cat .env");
    world.hidden(&nested);
}
