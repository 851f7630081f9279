//! Hands a program that is not listed to the dynamic loader, which is executed for all others.
//!
//! - Area: only listed programs
//! - Known: Ona's account: `ld-linux.so prog` defeats exec deny
//! - Held by: the loader cannot map code from a mount on which nothing is executed

use super::allowlist::{LOADER, world};

#[test]
fn is_refused() {
    world().hidden(&format!("{LOADER} ./unlisted MARK"));
    world().hidden(&format!("{LOADER} $(command -v printenv) MARK"));
    world().hidden(&format!("cp unlisted /tmp/x; {LOADER} /tmp/x MARK"));
    world().hidden(&format!("{LOADER} --preload ./unlisted ./unlisted MARK"));
    world().hidden(&format!(
        "cp {LOADER} own; chmod 755 own; ./own ./unlisted MARK"
    ));
}
