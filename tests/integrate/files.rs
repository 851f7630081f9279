//! Files of users that are refused, are not plain files, or change under us.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use aigate::integration::plan::{Error, Step};

use super::User;
use super::awkward::{CLAUDE, CODE, CODEX, CURSOR, GEMINI, HOOKS};
use super::support::{self, process};

#[test]
fn a_setting_added_later_survives_both_directions() {
    let user = User::new();
    user.put(".claude/settings.json", b"{\n  \"model\": \"opus\"\n}\n");
    user.integrate(&["install", "claude"]);
    let installed = user.read(".claude/settings.json");
    let changed = installed.replacen("\"opus\"", "\"haiku\",\n  \"theme\": \"dark\"", 1);
    user.put(".claude/settings.json", changed.as_bytes());
    assert_eq!(user.integrate(&["install", "claude"]), "Nothing to do.\n");
    user.integrate(&["uninstall", "claude"]);
    assert_eq!(
        user.read(".claude/settings.json"),
        "{\n  \"model\": \"haiku\",\n  \"theme\": \"dark\"\n}\n"
    );
}

#[test]
fn all_is_taken_out_of_every_file_and_project_at_once() {
    let user = User::new();
    // Two agents of ours that share a file, one in a project, one whose file we make.
    user.put(
        ".claude/settings.json",
        b"{\r\n\t\"model\": \"opus\" }\r\n\r\n",
    );
    user.put("work/app/.claude/settings.local.json", b"{ }");
    user.put(".gemini/settings.json", b"{ // mine\n}\n");
    let before = support::place::picture(&user.world.home());
    user.integrate(&["uninstall", "--all"]);
    user.integrate(&["install", "claude"]);
    user.integrate(&["install", "claude-plugin"]);
    user.integrate(&["install", "claude", "--project"]);
    user.integrate(&["install", "gemini"]);
    user.integrate(&["install", "qwen"]);
    let mut elsewhere = user.command(&["uninstall", "--all"]);
    elsewhere.current_dir(user.world.home());
    let done = process::run(elsewhere);
    assert!(done.ok(), "{done}");
    for file in [
        "/.claude/settings.json",
        "app/.claude/settings.local.json",
        "/.gemini/settings.json",
        "/.qwen/settings.json",
    ] {
        assert!(done.out.contains(file), "{file}: {done}");
    }
    assert_eq!(before, support::place::picture(&user.world.home()));
}

#[test]
fn all_stops_where_a_file_is_refused_and_goes_on_when_it_is_mended() {
    let user = User::new();
    user.put(".gemini/settings.json", b"{}\n");
    let before = support::place::picture(&user.world.home());
    user.integrate(&["install", "gemini"]);
    user.integrate(&["install", "qwen"]);
    let installed = user.read(".gemini/settings.json");
    user.put(".gemini/settings.json", b"{");
    let refused = user.try_integrate(&["uninstall", "--all"]);
    assert!(
        refused.code() == Some(125) && refused.err.contains(".gemini/settings.json"),
        "{refused}"
    );
    user.put(".gemini/settings.json", installed.as_bytes());
    user.integrate(&["uninstall", "--all"]);
    assert_eq!(before, support::place::picture(&user.world.home()));
}

#[test]
fn an_invalid_file_is_refused_and_nothing_else_is_changed() {
    let invalid: &[((&str, &str), &[u8])] = &[
        (CLAUDE, b"{\"a\": 1,}"),
        (CLAUDE, b"// no comments here\n{}"),
        (CLAUDE, b"{\"a\": 1} x"),
        (CLAUDE, b"{'a': 1}"),
        (CLAUDE, b"{a: 1}"),
        (CLAUDE, b"{\"a\": \"\t\"}"),
        (CLAUDE, b"[]"),
        (CLAUDE, b"null"),
        (CLAUDE, b"{\"hooks\": []}"),
        (CLAUDE, b"{\"hooks\": {\"PreToolUse\": {}}}"),
        (CLAUDE, b"{\"hooks\": {}, \"hooks\": {}}"),
        (CLAUDE, b"{\"a\": \"\xff\"}"),
        (CLAUDE, b"\xff\xfe{\0}\0"),
        (GEMINI, b"{\"a\": 1 \"b\": 2}"),
        (GEMINI, b"{\"a\": 0x10}"),
        (GEMINI, b"{ // open"),
        (CODE, b"{\"terminal.integrated.profiles.linux\": 1}"),
        (CLAUDE, b"{\"a\": {\"b\": 1, \"b\": 1}}"),
        (CLAUDE, b"{\"hooks\": {}, \"h\\u006foks\": {}}"),
        (CLAUDE, b"{\"a\": \"\\ud800\"}"),
        (CLAUDE, b"{\"a\": 1E400}"),
        (CLAUDE, b"{\"a\": 01}"),
        (CLAUDE, b"{\"a\": NaN}"),
        (CLAUDE, b"{\x0c\"a\": 1}"),
        (CLAUDE, b"{} {}"),
        (CLAUDE, b"{\"a\": 1}}"),
        (CLAUDE, b"{\"a\": \"\\x41\"}"),
        (CLAUDE, b"\xef\xbb\xbf\xef\xbb\xbf{}"),
        (GEMINI, b"{,}"),
        (GEMINI, b"{\"a\": 1,,}"),
        (GEMINI, b"{} /* open"),
        (GEMINI, b"{\"a\": +1}"),
        (GEMINI, b"# no comment\n{}"),
        (GEMINI, b"{\"hooks\": {\"BeforeTool\": null}}"),
        (
            CURSOR,
            b"{\"hooks\": {\"preToolUse\": {\"command\": \"a\"}}}",
        ),
        (CODEX, b"a = 1\na = 2\n"),
        (CODEX, b"hooks = {}\n[hooks.state]\n"),
        (CODEX, b"hooks.state = 1\n"),
        (CODEX, b"[a]\n[a]\n"),
        (CODEX, b"\xc3\xa9 = 1\n"),
        (CODEX, b"a = 1 b = 2\n"),
        (CODEX, b"a = 'x\n"),
        (CODEX, b"[a\n"),
        (CODEX, b"hooks = 1\n"),
        (HOOKS, b"{"),
    ];
    let user = User::with_program();
    for ((agent, file), content) in invalid {
        user.put(file, content);
        let shown = String::from_utf8_lossy(content).into_owned();
        let before = user.picture();
        let refused = user.try_integrate(&["install", agent]);
        assert_eq!(refused.code(), Some(125), "{shown}: {refused}");
        assert!(
            refused.err.contains(file) && refused.err.contains("nothing was changed"),
            "{shown}: {refused}"
        );
        assert_eq!(before, user.picture(), "{shown}");
        fs::remove_file(user.path(file)).unwrap();
    }
}

/// Sizes and bytes that no table above can hold, and whether they are still edited.
#[test]
fn extremes_come_back_byte_for_byte_or_are_refused_unchanged() {
    let nested = |depth: usize| format!("{{\"a\": {}{}}}\n", "[".repeat(depth), "]".repeat(depth));
    let many = |end: &str| {
        let keys: Vec<_> = (0..2_000)
            .map(|at| format!("\t\"k{at}\": [{at}, null]"))
            .collect();
        format!("{{{end}{}{end}}}{end}", keys.join(&format!(",{end}")))
    };
    let comments = "// of ten\n".repeat(2_000);
    let extremes: Vec<((&str, &str), Vec<u8>, bool)> = vec![
        (CLAUDE, many("\n").into(), true),
        (CODE, many("\r\n").into(), true),
        (GEMINI, format!("{comments}{{}}\n{comments}").into(), true),
        (
            CODEX,
            format!("{}x = 1\n", "# of ten\n".repeat(2_000)).into(),
            true,
        ),
        (
            CLAUDE,
            format!("{{\"a\": \"{}\"}}", "x".repeat(1 << 18)).into(),
            true,
        ),
        (CLAUDE, nested(100).into(), true),
        (CLAUDE, nested(100_000).into(), false),
        (GEMINI, nested(100_000).into(), false),
        (CODEX, format!("a = {}", "[".repeat(100_000)).into(), false),
        (CLAUDE, b"{\"a\": \"\0\"}".to_vec(), false),
        (GEMINI, b"{} // \xff".to_vec(), false),
        (CODEX, b"a = \"\0\"\n".to_vec(), false),
        (CODEX, b"a = '\xc3'\n".to_vec(), false),
    ];
    let user = User::with_program();
    for ((agent, file), content, edited) in extremes {
        let shown = String::from_utf8_lossy(&content[..content.len().min(60)]).into_owned();
        user.put(file, &content);
        let before = user.picture();
        let installed = user.try_integrate(&["install", agent]);
        assert_eq!(installed.ok(), edited, "{agent}: {shown}: {installed}");
        if edited {
            assert!(before != user.picture(), "{agent}: {shown}");
            user.integrate(&["uninstall", agent]);
        } else {
            assert_eq!(installed.code(), Some(125), "{agent}: {shown}: {installed}");
        }
        assert!(before == user.picture(), "{agent}: {shown}");
        fs::remove_file(user.path(file)).unwrap();
    }
}

#[test]
fn what_the_user_set_himself_stays() {
    let user = User::new();
    let own = "{\"claudeCode.claudeProcessWrapper\": \"/my/own\"}\n";
    user.put(CODE.1, own.as_bytes());
    let told = user.integrate(&["install", "vscode"]);
    assert!(
        told.contains("left your own `claudeCode.claudeProcessWrapper`")
            && told.contains("/my/own"),
        "{told}"
    );
    assert!(user.read(CODE.1).contains("/my/own"));
    user.integrate(&["uninstall", "vscode"]);
    assert_eq!(user.read(CODE.1), own);
}

#[test]
fn a_link_a_mode_and_another_name_are_respected() {
    let user = User::new();
    user.put("dotfiles/claude.json", b"{}\n");
    fs::create_dir(user.path(".claude")).unwrap();
    symlink(
        "../dotfiles/claude.json",
        user.path(".claude/settings.json"),
    )
    .unwrap();
    fs::set_permissions(
        user.path("dotfiles/claude.json"),
        Permissions::from_mode(0o600),
    )
    .unwrap();
    user.integrate(&["install", "claude"]);
    assert!(user.path(".claude/settings.json").is_symlink());
    assert!(user.read("dotfiles/claude.json").contains("aigate"));
    let mode = fs::metadata(user.path("dotfiles/claude.json")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    user.integrate(&["uninstall", "claude"]);
    assert_eq!(user.read("dotfiles/claude.json"), "{}\n");

    fs::hard_link(user.path("dotfiles/claude.json"), user.path("another")).unwrap();
    let refused = user.try_integrate(&["install", "claude"]);
    assert!(
        !refused.ok() && refused.err.contains("hard link"),
        "{refused}"
    );
    fs::remove_file(user.path("another")).unwrap();
    fs::set_permissions(
        user.path("dotfiles/claude.json"),
        Permissions::from_mode(0o400),
    )
    .unwrap();
    let refused = user.try_integrate(&["install", "claude"]);
    assert!(
        !refused.ok() && refused.err.contains("read-only"),
        "{refused}"
    );
    fs::remove_file(user.path("dotfiles/claude.json")).unwrap();
    let refused = user.try_integrate(&["install", "claude"]);
    assert!(
        !refused.ok() && refused.err.contains("link to nothing"),
        "{refused}"
    );
}

#[test]
fn every_mode_and_a_directory_elsewhere_come_back() {
    let user = User::with_program();
    fs::create_dir_all(user.path("dotfiles/claude")).unwrap();
    symlink("dotfiles/claude", user.path(".claude")).unwrap();
    symlink("one", user.path("dotfiles/claude/settings.json")).unwrap();
    symlink("../two", user.path("dotfiles/claude/one")).unwrap();
    for mode in [0o600, 0o640, 0o644, 0o664, 0o755] {
        let (path, content) = ("dotfiles/two", "{ \"a\": 1 }\n");
        user.put(path, content.as_bytes());
        fs::set_permissions(user.path(path), Permissions::from_mode(mode)).unwrap();
        let before = user.picture();
        user.integrate(&["install", "claude"]);
        assert!(user.read(path).contains("hook claude"));
        let found = fs::metadata(user.path(path)).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, mode);
        user.integrate(&["uninstall", "claude"]);
        assert_eq!(before, user.picture(), "{mode:o}");
    }
}

#[test]
fn what_is_no_settings_file_is_refused() {
    let user = User::with_program();
    let path = user.path(".claude/settings.json");
    let refused = |word: &str| {
        let refused = user.try_integrate(&["install", "claude"]);
        assert!(
            refused.code() == Some(125) && refused.err.contains(word),
            "{word}: {refused}"
        );
        assert!(!user.path(".aigate/integrations/claude.user.json").exists());
    };
    fs::create_dir_all(&path).unwrap();
    refused("not a regular file");
    fs::remove_dir(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    refused("not a regular file");
    fs::remove_file(&path).unwrap();
    let large = format!("{{\"a\": \"{}\"}}", "x".repeat(5 << 20));
    fs::write(&path, &large).unwrap();
    refused("too large");
    assert!(fs::read(&path).unwrap() == large.as_bytes());
    fs::remove_file(&path).unwrap();
    symlink("settings.json", &path).unwrap();
    refused("settings.json");
    fs::remove_file(&path).unwrap();
    fs::remove_dir(user.path(".claude")).unwrap();
    user.put(".claude", b"a file");
    refused(".claude");
    assert_eq!(user.read(".claude"), "a file");
}

#[test]
fn a_file_that_changed_meanwhile_is_not_overwritten() {
    let user = User::new();
    user.put("settings", b"now");
    let step = Step {
        path: user.path("settings"),
        now: Some("before".to_owned()),
        then: Some("ours".to_owned()),
        program: false,
        left: Vec::new(),
    };
    assert!(matches!(step.run(), Err(Error::Changed(_))));
    assert_eq!(user.read("settings"), "now");
    let appeared = Step { now: None, ..step };
    assert!(matches!(appeared.run(), Err(Error::Changed(_))));
    assert_eq!(user.read("settings"), "now");
}

#[test]
fn a_lost_receipt_is_made_again() {
    for content in [
        "{\n  \"model\": \"opus\"\n}\n",
        "{\"hooks\": {\"Stop\": []}}",
    ] {
        let user = User::new();
        user.put(".claude/settings.json", content.as_bytes());
        user.integrate(&["install", "claude"]);
        let installed = user.read(".claude/settings.json");
        fs::remove_dir_all(user.path(".aigate/integrations")).unwrap();
        user.integrate(&["install", "claude"]);
        assert_eq!(user.read(".claude/settings.json"), installed);
        user.integrate(&["uninstall", "claude"]);
        let rest = user.read(".claude/settings.json");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&rest), value(content));
    }
}

#[test]
fn a_file_that_we_made_goes_with_its_directories() {
    let user = User::with_program();
    let before = user.picture();
    for agent in [
        "claude",
        "claude-plugin",
        "codex",
        "gemini",
        "qwen",
        "opencode",
        "windsurf",
    ] {
        user.integrate(&["install", agent]);
        user.integrate(&["uninstall", agent]);
        assert_eq!(before, user.picture(), "{agent}");
    }
}

#[test]
fn shims_that_go_leave_the_program_to_the_hooks() {
    let user = User::new();
    user.integrate(&["install", "claude"]);
    let shim = |arguments: &[&str]| {
        let mut command = user.world.aigate();
        command.arg("shim").args(arguments);
        let done = super::process::run(command);
        assert!(done.ok(), "{done}");
    };
    shim(&["install", "--pre", "--no-shell", "claude"]);
    shim(&["uninstall"]);
    assert!(user.path(".aigate/bin/aigate").exists());
    assert!(!user.path(".aigate/shims/claude").is_symlink());
    user.integrate(&["uninstall", "claude"]);
    assert!(!user.path(".aigate").exists());
}

#[test]
fn a_sandbox_changes_no_settings() {
    let user = User::new();
    user.put(".claude/settings.json", b"{}");
    let aigate = super::support::place::binary();
    let script = format!("{} integrate install claude", aigate.display());
    let inside = user.world.sandboxed(&script);
    assert!(inside.reached && !inside.ok(), "{inside}");
    assert!(inside.said("inside the sandbox"), "{inside}");
    assert_eq!(user.read(".claude/settings.json"), "{}");
    assert!(user.world.control(&script).ok(), "control arm");
}
