//! A shim inside a sandbox of ours executes in place; outside, nothing can make it believe that.

use std::fs;

use crate::machine::{Machine, TELLS, assert_same};
use crate::support::place::picture;
use crate::support::process;

#[test]
fn inside_the_program_is_executed_in_place() {
    let machine = Machine::guarded(
        "#!/bin/sh\nif [ \"$1\" ]; then echo $$ $PPID \"$@\"; exit; fi\n\
         echo $$ $PPID a 'b c'\nexec ~/.aigate/shims/claude a 'b c'\n",
    );
    for engine in ["native", "bwrap"] {
        let rules = format!("engine: {engine}\nnetwork: open\n");
        fs::write(machine.world.home().join(".aigate/config.yaml"), rules).unwrap();
        let outcome = machine.claude_with(&[]);
        let lines: Vec<_> = outcome.out.lines().collect();
        assert_eq!(lines.len(), 2, "{engine}: {outcome}");
        assert_eq!(
            lines[0], lines[1],
            "the same process, with the same parent: {engine}: {outcome}"
        );
    }
}

#[test]
fn inside_the_shims_are_not_on_path() {
    let machine = Machine::guarded("#!/bin/sh\necho $PATH\n");
    let path = format!("{}/bin:/usr/bin:/bin\n", machine.world.home().display());
    assert_eq!(machine.claude_with(&[]).out, path);
}

#[test]
fn a_marker_that_anybody_could_make_is_not_believed() {
    let machine = Machine::guarded(TELLS);
    // A mount namespace of one's own, but the file is not on a mount of its own, or is writable.
    for marker in [
        "mount -t tmpfs x /run && mkdir /run/aigate && touch /run/aigate/inside",
        "mount -t tmpfs x /run && mkdir /run/aigate && touch /run/aigate/inside && mount -o remount,bind,ro /run",
        "mount -t tmpfs x /run && mkdir /run/aigate && touch /run/aigate/inside && mount --bind /etc/hostname /run/aigate/inside",
    ] {
        let script = format!("{marker} && exec ~/.aigate/shims/claude");
        let mut command = machine.world.command("unshare");
        command.env(
            "PATH",
            format!("{}:/usr/sbin:/sbin", machine.guarded_path()),
        );
        command.args(["-Urm", "sh", "-c", &script]);
        let outcome = process::run(command);
        assert!(!outcome.said("plain"), "{marker}: {outcome}");
        // 32: mount(8) of an ordinary user does not remount, so there is no marker to believe.
        let no_marker = outcome.code() == Some(32) && !nix::unistd::geteuid().is_root();
        assert!(
            outcome.out == "sandboxed\n" || outcome.code() == Some(125) || no_marker,
            "{marker}: {outcome}"
        );
    }
}

#[test]
fn what_the_user_executes_later_cannot_be_written_inside() {
    let victims = [
        ".aigate/shims/claude",
        ".aigate/bin/aigate",
        ".aigate/manifest",
        ".aigate/env.sh",
        ".aigate/env.fish",
        ".aigate/config.yaml",
        ".bashrc",
        ".profile",
        ".zshenv",
        ".zprofile",
        ".zshrc",
        ".config/fish/conf.d/zz-aigate.fish",
        ".config/environment.d/x.conf",
        ".config/autostart/x.desktop",
        ".config/systemd/user/x.service",
        ".config/Code/User/settings.json",
        ".local/bin/claude",
        ".local/share/applications/code.desktop",
        ".local/share/mise/shims/claude",
        "bin/claude",
    ];
    let attack = victims.iter().fold(String::from("#!/bin/sh\n"), |script, file| {
        format!("{script}mkdir -p \"$HOME/$(dirname {file})\"; echo evil >> \"$HOME/{file}\"; ln -sf /evil \"$HOME/{file}\"; rm -f \"$HOME/{file}\"; mv \"$HOME/$(dirname {file})\" \"$HOME/moved\"\n")
    });
    let machine = Machine::guarded(&attack);
    // The state of the tool is its own; it is made by the first start.
    fs::create_dir(machine.home(".claude")).unwrap();
    let before = picture(&machine.world.home());
    let outcome = machine.claude_with(&[]);
    assert!(outcome.err.contains("Read-only file system"), "{outcome}");
    assert_same(&before, &picture(&machine.world.home()));
    // Control: the same script outside does its work.
    process::run(machine.world.command(machine.home("bin/claude")));
    assert!(before != picture(&machine.world.home()));
}

#[test]
fn what_the_tool_obeys_later_cannot_be_written_inside() {
    let files = [
        "settings.json",
        "hooks/x",
        "plugins/x",
        "skills/x",
        "agents/x",
        "commands/x",
        "local/x",
        "CLAUDE.md",
    ];
    let attack = files
        .iter()
        .fold(String::from("#!/bin/sh\n"), |script, file| {
            format!("{script}mkdir -p $(dirname ~/.claude/{file}); echo evil > ~/.claude/{file}\n")
        });
    let attack = format!("{attack}echo mine > ~/.claude/history.jsonl\n");
    let machine = Machine::guarded(&attack);
    let present = |machine: &Machine| {
        let there = |file: &&&str| {
            fs::read_to_string(machine.home(&format!(".claude/{file}")))
                .is_ok_and(|t| t == "evil\n")
        };
        files.iter().filter(there).copied().collect::<Vec<_>>()
    };
    machine.world.host_ok(
        "cd ~/.claude 2>/dev/null || { mkdir ~/.claude; cd ~/.claude; }
         mkdir hooks plugins skills agents commands local; echo {} > settings.json; echo > CLAUDE.md",
    );
    let outcome = machine.claude_with(&[]);
    assert_eq!(
        fs::read_to_string(machine.home(".claude/history.jsonl")).unwrap(),
        "mine\n",
        "{outcome}"
    );
    assert_eq!(present(&machine), Vec::<&str>::new(), "{outcome}");
    process::run(machine.world.command(machine.home("bin/claude")));
    assert_eq!(present(&machine).len(), files.len(), "control");
}

#[test]
fn nothing_is_installed_from_inside_or_by_root_for_another() {
    let machine = Machine::guarded("#!/bin/sh\nexec ~/.aigate/bin/aigate shim \"$@\"\n");
    for command in ["install", "repair", "uninstall"] {
        let outcome = machine.claude_with(&[command]);
        assert_eq!(outcome.code(), Some(125), "{command}: {outcome}");
    }
    let outcome = machine.claude_with(&["install", "claude"]);
    assert!(outcome.err.contains("inside the sandbox"), "{outcome}");
    assert!(machine.home(".aigate/shims/claude").is_symlink());
    if std::os::unix::fs::chown(machine.world.home(), Some(1), Some(1)).is_ok() {
        let outcome = machine.shim(&["uninstall"]);
        assert_eq!(outcome.code(), Some(125), "{outcome}");
        assert!(outcome.err.contains("as that user"), "{outcome}");
    }
}
