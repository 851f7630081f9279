//! Files for everybody on the machine, in an /etc of the test's own.

use std::process::Command;

use super::User;
use super::support::{only_as_root, only_as_user, place, process, quoted};

/// A shell that has an empty /etc to itself.
fn with_own_etc(user: &User, script: &str) -> Command {
    let mut shell = user.world.command("unshare");
    let own = format!("mount -t tmpfs -o mode=755 tmpfs /etc && {script}");
    shell.args(["--mount", "/bin/sh", "-euc", &own]);
    shell
}

#[test]
fn root_writes_for_everybody_and_takes_it_back() {
    only_as_root!();
    let user = User::new();
    // Where nobody but root could replace it.
    let program = "/etc/bin/aigate";
    let script = format!(
        "mkdir -m 755 /etc/bin; cp {} {program}; mkdir -p /etc/codex /etc/gemini-cli
         printf 'approval_policy = \"never\"\\n' >/etc/codex/requirements.toml
         printf '{{ // x\\n}}' >/etc/gemini-cli/settings.json
         for agent in claude codex gemini qwen copilot cursor windsurf; do
             {program} integrate install $agent --managed; done
         {program} integrate status
         cat /etc/claude-code/managed-settings.d/50-aigate.json /etc/codex/requirements.toml \
             /etc/cursor/hooks.json
         {program} integrate uninstall claude --managed
         {program} integrate uninstall --all
         {program} integrate uninstall --all --managed
         echo; echo left:; find /etc -type f | sort; cat /etc/codex/requirements.toml
         cat /etc/gemini-cli/settings.json",
        quoted(place::binary())
    );
    let done = process::run(with_own_etc(&user, &script));
    assert!(done.ok(), "{done}");
    assert!(
        done.out.contains("\"/etc/bin/aigate hook claude\""),
        "{done}"
    );
    assert!(done.out.contains("managed_dir = \"/etc/bin\""), "{done}");
    assert!(done.out.contains("[[hooks.PreToolUse]]"), "{done}");
    assert!(done.out.contains("failClosed"), "{done}");
    assert!(
        done.out
            .contains("left what is there for everybody: codex, copilot, cursor, gemini, qwen"),
        "{done}"
    );
    let left = done.out.split("\nleft:\n").nth(1).unwrap();
    assert_eq!(
        left,
        "/etc/bin/aigate\n/etc/codex/requirements.toml\n/etc/gemini-cli/settings.json\n\
         approval_policy = \"never\"\n{ // x\n}"
    );
}

#[test]
fn a_program_that_others_can_replace_is_no_hook_for_everybody() {
    only_as_root!();
    let user = User::new();
    let script = format!(
        "mkdir -m 777 /etc/bin; cp {} /etc/bin/aigate
         /etc/bin/aigate integrate install claude --managed",
        quoted(place::binary())
    );
    let refused = process::run(with_own_etc(&user, &script));
    assert!(
        refused.code() == Some(125) && refused.err.contains("somebody else than root"),
        "{refused}"
    );
}

#[test]
fn only_root_writes_for_everybody() {
    only_as_user!();
    let refused = User::new().try_integrate(&["install", "claude", "--managed"]);
    assert!(
        refused.code() == Some(125) && refused.err.contains("sudo aigate integrate install claude"),
        "{refused}"
    );
}
