//! Reads another hard link of a hidden file, in the project and in the home.
//!
//! - Area: hidden files
//! - Known: the Go aigate
//! - Held by: other links in the project are masked too; a link elsewhere refuses the run

use crate::support::{World, process};

#[test]
fn is_refused() {
    let world = World::new().secret(".env");
    world.host_ok("mkdir -p sub && ln .env sub/settings");
    world.hidden("cat sub/settings");
}

#[test]
fn a_link_that_cannot_be_found_refuses_the_run() {
    let world = World::new().secret(".env");
    world.host_ok("ln .env ../../linked");
    let refused = process::run(world.exec("cat"));
    assert_eq!(refused.code(), Some(125), "{refused}");
    assert!(refused.said("hard link"), "{refused}");
    world.host_ok("rm ../../linked");
    world.hidden("cat .env");
}
