//! Files of the project and temporary ones.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::support::{World, python};

#[test]
fn the_project_can_be_changed_in_every_way() {
    let world = World::new().file("a/one", "1").file("b/two", "2");
    world.permits(
        "echo x >> a/one && mv a/one b/one && ln b/one b/hard && ln -s one b/soft && mkdir -p c/d/e && \
         mkfifo c/pipe && chmod 755 b/one && touch -d 2001-02-03 b/two && rm b/soft && rm -r c && \
         cp -a b copy && sed -i s/x/y/ b/one && truncate -s 1M sparse && mv b z && rmdir a",
    );
    assert_eq!(
        fs::read_to_string(world.project().join("z/one")).unwrap(),
        "1y\n"
    );
}

#[test]
fn files_made_inside_belong_to_the_caller() {
    let world = World::new();
    world.permits("echo x > made && mkdir dir && echo '#!/bin/sh' > run && chmod 755 run");
    let ours = fs::metadata(world.project()).unwrap();
    let made = fs::metadata(world.project().join("made")).unwrap();
    assert_eq!((made.uid(), made.gid()), (ours.uid(), ours.gid()));
    assert_eq!(
        fs::metadata(world.project().join("run"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o755
    );
}

#[test]
fn an_atomic_save_of_an_editor_works() {
    let world = World::new().file("doc", "old");
    world.permits(&python(
        "import os, tempfile; d, n = tempfile.mkstemp(dir='.'); os.write(d, b'new'); os.fsync(d); \
         os.replace(n, 'doc'); f = os.open('.', os.O_RDONLY); os.fsync(f); print(open('doc').read())",
    ));
    assert_eq!(
        fs::read_to_string(world.project().join("doc")).unwrap(),
        "new"
    );
}

#[test]
fn locks_and_watches_work() {
    let world = World::new();
    world.permits("touch l && flock l true && flock -n l sh -c '! flock -n l true'");
    world.permits(&python(
        "import ctypes, os; c = ctypes.CDLL(None, use_errno=True); n = c.inotify_init(); \
         assert c.inotify_add_watch(n, b'.', 0x100) > 0; open('new', 'w'); print(len(os.read(n, 4096)))",
    ));
}

#[test]
fn temporary_files_work() {
    let world = World::new();
    world.permits(
        "f=$(mktemp) && echo x > $f && cat $f && d=$(mktemp -d) && touch $d/x && rm -r $d",
    );
    world.permits(&python(
        "import tempfile; f = tempfile.NamedTemporaryFile(); f.write(b'x'); f.flush()",
    ));
    world.permits("cat <<END | grep -q text\ntext\nEND");
    world.permits("echo x > /var/tmp/x && echo x > /dev/shm/x");
}

#[test]
fn a_temporary_directory_of_the_users_own_works() {
    let folder = format!("/tmp/aigate-everyday-{}", std::process::id());
    fs::create_dir_all(&folder).unwrap();
    let world = World::new().env("TMPDIR", folder.as_str());
    world.permits("f=$(mktemp) && echo x > $f");
    world.permits(&python("import tempfile; tempfile.mkdtemp()"));
    fs::remove_dir(folder).unwrap();
}

#[test]
fn the_runtime_directory_is_there_and_private() {
    let world = World::new().env("XDG_RUNTIME_DIR", "/run/user/4242");
    world.permits(
        "test -d \"$XDG_RUNTIME_DIR\" && touch \"$XDG_RUNTIME_DIR/x\" && \
                   test \"$(stat -c %a \"$XDG_RUNTIME_DIR\")\" = 700",
    );
}

#[test]
fn a_walk_over_the_project_does_not_break_off() {
    let world = World::new()
        .secret(".env")
        .secret("sub/.env")
        .file("sub/code", "x")
        .file("z", "x");
    world.permits("ls -laR . > /dev/null && find . > /dev/null && du -s . > /dev/null");
    world.permits(&python("import os; assert len(list(os.walk('.'))) >= 2"));
    assert!(world.sandboxed("grep -rl x . 2>/dev/null").said("sub/code"));
}

#[test]
fn an_example_of_a_secret_can_be_read_and_written() {
    for name in [".env.example", ".env.sample", ".env.template"] {
        let world = World::new().file(name, "KEY=\n");
        assert_eq!(world.permits(&format!("cat {name}")).out, "KEY=\n");
        world.permits(&format!("echo MORE= >> {name}"));
        assert_eq!(
            fs::read_to_string(world.project().join(name)).unwrap(),
            "KEY=\nMORE=\n"
        );
    }
}

#[test]
fn dotfiles_that_are_links_do_not_stop_a_run() {
    let world = World::new()
        .home_file("dot/gitconfig", "[user]\nname = T\n")
        .home_file("dot/npmrc", "x");
    let home = world.home();
    std::os::unix::fs::symlink(home.join("dot/gitconfig"), home.join(".gitconfig")).unwrap();
    std::os::unix::fs::symlink(home.join("dot/npmrc"), home.join(".npmrc")).unwrap();
    std::os::unix::fs::symlink("/nowhere/at/all", home.join(".netrc")).unwrap();
    let world = world.link(".env", "/nowhere/either").link("loop", "loop");
    assert_eq!(world.permits("git config user.name").out, "T\n");
}

#[test]
fn the_rest_of_the_home_can_be_read() {
    let world = World::new()
        .home_file("notes.txt", "hello\n")
        .home_file("work/other/code", "x\n");
    assert_eq!(
        world.permits("cat ~/notes.txt ../other/code").out,
        "hello\nx\n"
    );
}

#[test]
fn a_granted_path_can_be_written() {
    let world = World::new()
        .config("allow_write: [~/.cache/tool]\n")
        .home_file(".cache/tool/x", "");
    world.permits("echo kept > ~/.cache/tool/y");
    assert_eq!(
        fs::read_to_string(world.home().join(".cache/tool/y")).unwrap(),
        "kept\n"
    );
}
