//! Hidden files whose directory has blanks, brackets, a newline or other odd letters.
//!
//! - Area: hidden files
//! - Known: the Go aigate (an unclosed bracket switched every rule off)
//! - Held by: patterns never mix with the path they are applied to

use crate::support::World;

#[test]
fn is_refused() {
    for name in [
        "pro[j",
        "a b",
        "x*y",
        "{a,b}",
        "new\nline",
        "ümlaut",
        "-dash",
        "!not",
        "#hash",
        "$HOME",
    ] {
        let world = World::new().at(format!("home/work/{name}"));
        std::fs::write(
            world.root().join("home/work").join(name).join(".env"),
            "hunter2",
        )
        .unwrap();
        world.hidden("cat ./.env");
    }
}
