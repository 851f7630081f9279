//! Changes, empties, removes or marks a file of the user outside the project.
//!
//! - Area: writing outside
//! - Known: the Go aigate's tests
//! - Held by: everything but the project and the tool's state is mounted read-only

use crate::support::World;

#[test]
fn is_refused() {
    for act in [
        "echo x >> ~/notes.txt",
        ": > ~/notes.txt",
        "rm -f ~/notes.txt",
        "mv ~/notes.txt ~/gone",
        "chmod 777 ~/notes.txt",
        "ln ~/notes.txt ~/second && echo x >> ~/second",
        "python3 -c 'import os; os.truncate(os.path.expanduser(\"~/notes.txt\"), 1)'",
        "sed -i s/o/0/ ~/notes.txt",
    ] {
        World::new()
            .home_file("notes.txt", "original\n")
            .keeps("home/notes.txt", act);
    }
}
