//! Which program the shim finds, whatever PATH and HOME say.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use crate::machine::{Machine, TELLS};
use crate::support::process::{self, Outcome};

fn with_path(machine: &Machine, path: &str) -> Outcome {
    let home = machine.world.home();
    let mut command = machine.claude();
    command.env("PATH", path.replace('~', home.to_str().unwrap()));
    process::run(command)
}

#[test]
fn the_shim_never_finds_itself() {
    let machine = Machine::guarded(TELLS);
    symlink(".aigate/shims", machine.home("linked")).unwrap();
    for path in [
        "~/.aigate/shims:~/.aigate/shims:~/bin:/usr/bin:/bin",
        "~/.aigate/shims/:~/bin:/usr/bin:/bin",
        "~/linked:~/bin:/usr/bin:/bin",
        "~/bin:/usr/bin:/bin:~/.aigate/shims",
        "~/.aigate/bin/../shims:~/bin:/usr/bin:/bin",
        ".:~/bin:/usr/bin:/bin",
        "::~/.aigate/shims::~/bin:/usr/bin:/bin:",
    ] {
        let outcome = with_path(&machine, path);
        assert_eq!(outcome.out, "sandboxed\n", "{path}: {outcome}");
    }
    for path in ["~/.aigate/shims:/usr/bin:/bin", "~/linked", "", ":"] {
        let outcome = with_path(&machine, path);
        assert_eq!(outcome.code(), Some(127), "{path}: {outcome}");
    }
}

#[test]
fn a_second_installation_and_a_renamed_copy_are_no_loop() {
    let machine = Machine::guarded(TELLS);
    machine.world.host_ok(
        "cp -a ~/.aigate ~/second && mkdir ~/copy && cp ~/.aigate/bin/aigate ~/copy/claude",
    );
    for path in [
        "~/second/shims:~/bin:/usr/bin:/bin",
        "~/copy:~/bin:/usr/bin:/bin",
        "~/copy:~/second/shims:~/.aigate/shims:~/copy:~/bin:/usr/bin:/bin",
    ] {
        let outcome = with_path(&machine, path);
        assert_eq!(outcome.out, "sandboxed\n", "{path}: {outcome}");
    }
    let outcome = with_path(&machine, "~/second/shims:~/.aigate/shims");
    assert_eq!(outcome.code(), Some(127), "{outcome}");
}

#[test]
fn a_copy_under_the_tools_name_is_a_shim_too() {
    let machine = Machine::guarded(TELLS);
    machine
        .world
        .host_ok("mkdir ~/copy && cp ~/.aigate/bin/aigate ~/copy/claude");
    let mut command = machine.world.command(machine.home("copy/claude"));
    command.env("PATH", machine.guarded_path());
    assert_eq!(process::run(command).out, "sandboxed\n");
}

#[test]
fn a_program_planted_in_the_working_directory_does_not_win() {
    let machine = Machine::guarded(TELLS);
    machine
        .world
        .host_ok("printf '#!/bin/sh\\necho planted\\n' > claude && chmod +x claude");
    for path in [
        ".:~/bin:/usr/bin:/bin",
        ":~/bin:/usr/bin:/bin",
        "./:~/bin:/usr/bin:/bin",
    ] {
        assert_eq!(with_path(&machine, path).out, "sandboxed\n", "{path}");
    }
    for path in ["", ".", ":", "./:bin"] {
        assert_eq!(with_path(&machine, path).code(), Some(127), "{path}");
    }
}

#[test]
fn another_home_changes_neither_the_shim_nor_the_rules() {
    let machine = Machine::guarded("#!/bin/sh\ncat secret.txt 2>/dev/null || echo hidden\n");
    machine.world.host_ok(
        "echo s3cret > secret.txt; echo 'deny_read: [secret.txt]' > ~/.aigate/config.yaml",
    );
    assert_eq!(machine.claude_with(&[]).out, "hidden\n");
    let other = machine.world.elsewhere();
    for name in [
        "HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
        "XDG_CACHE_HOME",
    ] {
        let mut command = machine.claude();
        command.env(name, &other);
        let outcome = process::run(command);
        assert_eq!(outcome.out, "hidden\n", "{name}: {outcome}");
    }
}

#[test]
fn root_does_not_write_the_state_of_another_user() {
    let machine = Machine::guarded(TELLS);
    assert_eq!(
        machine.claude_with(&[]).out,
        "sandboxed\n",
        "control: one's own home"
    );
    if fs::metadata(machine.world.home()).unwrap().uid() != 0 {
        // Only root can have a home that belongs to another user; the suite also runs as root.
        return;
    }
    std::os::unix::fs::chown(machine.world.home(), Some(1), Some(1)).unwrap();
    let outcome = machine.claude_with(&[]);
    assert_eq!(outcome.code(), Some(125), "{outcome}");
    assert!(
        outcome.err.contains("as root in the home of another user"),
        "{outcome}"
    );
    assert_eq!(outcome.out, "");
}

#[test]
fn what_an_updater_does_to_the_entry_is_followed() {
    let machine = Machine::guarded(TELLS);
    let real = machine.home("versions/2/claude");
    fs::create_dir_all(real.parent().unwrap()).unwrap();
    fs::rename(machine.home("bin/claude"), &real).unwrap();
    let entry = machine.home("bin/claude");
    for (target, expected) in [
        (real.to_str().unwrap(), Some(0)),
        ("../versions/2/claude", Some(0)),
        ("claude", Some(127)),
        ("../versions/3/claude", Some(127)),
    ] {
        _ = fs::remove_file(&entry);
        symlink(target, &entry).unwrap();
        assert_eq!(machine.claude_with(&[]).code(), expected, "{target}");
    }
    // A package manager replaces the file; the shim is not where it writes.
    fs::remove_file(&entry).unwrap();
    machine.tool("claude", "#!/bin/sh\necho new version\n");
    assert_eq!(machine.claude_with(&[]).out, "new version\n");
}

#[test]
fn a_newer_aigate_replaces_the_program_under_a_running_session() {
    let machine = Machine::guarded("#!/bin/sh\necho up; read x; echo \"$x\"\n");
    let mut command = machine.claude();
    command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut up = [0; 3];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut up).unwrap();
    // Another version: the same program with a byte more.
    let program = machine.home(".aigate/bin/aigate");
    let mut content = fs::read(&program).unwrap();
    content.push(0);
    fs::remove_file(&program).unwrap();
    fs::write(&program, content).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let done = machine.shim(&["install", "--no-shell", "claude"]);
    assert!(done.ok() && done.said("bin/aigate"), "{done}");
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"still here\n").unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"still here\n");
    assert!(machine.claude().spawn().unwrap().wait().unwrap().success());
}

#[test]
fn any_command_of_a_newer_aigate_renews_the_copy_and_an_older_one_does_not() {
    let machine = Machine::guarded(TELLS);
    let program = machine.home(".aigate/bin/aigate");
    let other = machine.home("other/aigate");
    fs::create_dir(machine.home("other")).unwrap();
    let mut content = fs::read(&program).unwrap();
    content.push(0);
    fs::write(&other, &content).unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o755)).unwrap();
    let age = fs::metadata(&program).unwrap().modified().unwrap();
    let minute = std::time::Duration::from_secs(60);
    for (time, renewed) in [(age - minute, false), (age, false), (age + minute, true)] {
        fs::File::options()
            .append(true)
            .open(&other)
            .unwrap()
            .set_modified(time)
            .unwrap();
        let mut status = machine.world.command(&other);
        status.args(["shim", "list"]);
        assert!(process::run(status).ok());
        assert_eq!(fs::read(&program).unwrap() == content, renewed, "{time:?}");
    }
    assert_eq!(machine.claude_with(&[]).out, "sandboxed\n");
}

#[test]
fn the_package_that_brought_us_may_go() {
    let machine = Machine::bare();
    machine.tool("claude", TELLS);
    let package = machine.home("Cellar/aigate/1.0/bin/aigate");
    fs::create_dir_all(package.parent().unwrap()).unwrap();
    fs::copy(crate::support::place::binary(), &package).unwrap();
    let mut install = machine.world.command(&package);
    install.args(["shim", "install", "--no-shell", "claude"]);
    assert!(process::run(install).ok());
    fs::remove_dir_all(machine.home("Cellar")).unwrap();
    assert_eq!(machine.claude_with(&[]).out, "sandboxed\n");
    let mut uninstall = machine.world.command(machine.home(".aigate/bin/aigate"));
    uninstall.args(["shim", "uninstall", "--all"]);
    let done = process::run(uninstall);
    assert!(done.ok(), "{done}");
    // What was recorded is the user's; `aigate reset` removes it.
    let left = fs::read_dir(machine.home(".aigate")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["audit.jsonl"]);
}
