//! Changes a listed program, or puts another file at its path, where the directory can be written.
//!
//! - Area: only listed programs
//! - Known: found while building
//! - Held by: the file that was listed is read-only, a mount of its own, and known by its inode

use super::allowlist;
use crate::support::World;

/// `tools/listed` of the project is listed, by its path.
fn world() -> World {
    let listed = "exec: allowlist\nallow_exec: [sh, cat, chmod, cp, ln, mkdir, mount, mv, readlink, \
                  rm, unshare, ./tools/listed]\n";
    allowlist::world()
        .config(listed)
        .script("tools/listed", "#!/bin/sh\nexit 0\n")
}

#[test]
fn is_refused() {
    world().permits("tools/listed");
    for act in [
        "cp unlisted tools/listed",
        "cat unlisted > tools/listed",
        "mv unlisted tools/listed",
        "ln -f unlisted tools/listed",
        "rm tools/listed; cp unlisted tools/listed; chmod 755 tools/listed",
        "mv tools/listed other; cp unlisted tools/listed; chmod 755 tools/listed",
        "mv tools old; mkdir tools; cp unlisted tools/listed; chmod 755 tools/listed",
        "rm tools/listed; ln -s ../unlisted tools/listed",
        "mount --bind unlisted tools/listed",
        "unshare -Urm mount --bind unlisted tools/listed",
        "echo 'echo $MARK' >> tools/listed",
    ] {
        let control = "cp unlisted tools/listed; tools/listed MARK";
        world().hidden_unlike(&format!("{act}; tools/listed MARK"), control);
    }
}

/// By a second name, the content could be changed behind the mount.
#[test]
fn a_file_with_two_names_is_not_listed() {
    let world = world();
    world.host_ok("ln tools/listed second");
    world.hidden_unlike(
        "echo 'echo $MARK' >> second; tools/listed",
        "echo 'echo $MARK' > second; tools/listed",
    );
}

/// A link may have been made by an earlier run, to have its target listed.
#[test]
fn a_link_that_was_planted_lists_nothing() {
    let world = world();
    world.host_ok("ln -sf \"$(command -v printenv)\" tools/listed");
    world.hidden("tools/listed MARK");
}

/// What lies in the project by the name of a listed program is the project's.
#[test]
fn a_name_means_nothing_where_programs_can_write() {
    let path = "$PWD/bin:$PATH";
    let world = allowlist::world();
    world.host_ok("mkdir bin; cp unlisted bin/cat");
    let project = world.project();
    let world = world.env(
        "PATH",
        format!("{}/bin:/usr/local/bin:/usr/bin:/bin", project.display()),
    );
    world.hidden(&format!("PATH={path}; cat MARK"));
    world.hidden("bin/cat MARK");
}
