//! Awkward files of users: edited without touching the rest, undone byte for byte, or refused.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use aigate::integration::plan::{Error, Step};

use super::User;

const CLAUDE: (&str, &str) = ("claude", ".claude/settings.json");
const GEMINI: (&str, &str) = ("gemini", ".gemini/settings.json");
const CODE: (&str, &str) = ("vscode", ".config/Code/User/settings.json");
const CURSOR: (&str, &str) = ("cursor", ".cursor/hooks.json");
const HOOKS: (&str, &str) = ("codex", ".codex/hooks.json");
const CODEX: (&str, &str) = ("codex", ".codex/config.toml");

/// Files that their agents read, in forms that people and programs leave behind.
const AWKWARD: &[((&str, &str), &str)] = &[
    (CLAUDE, ""),
    (CLAUDE, "\n"),
    (CLAUDE, "{}"),
    (CLAUDE, "{}\n"),
    (CLAUDE, "{ }"),
    (CLAUDE, "{\n}\n"),
    (CLAUDE, "\r\n{\r\n}\r\n\r\n"),
    (CLAUDE, "\u{feff}{\n  \"model\": \"opus\"\n}\n"),
    (CLAUDE, "{\"model\":\"opus\",\"hooks\":{}}"),
    (CLAUDE, "{\n\t\"model\": \"opus\"\n}"),
    (
        CLAUDE,
        "{\n    \"model\" : \"opus\" ,\n    \"hooks\" : { \"Stop\" : [ ] }\n}\n",
    ),
    (
        CLAUDE,
        "{\"hooks\":{\"PreToolUse\":[{\"matcher\":\"Bash\",\"hooks\":[{\"type\":\"command\",\"command\":\"x\"}]}]}}\n",
    ),
    (
        CLAUDE,
        "{\"hooks\": {\"PreToolUse\": [], \"SessionStart\": [  ]}}\n",
    ),
    (
        CLAUDE,
        "{\"a\": \"\\u00e4\\ud83d\\ude00 \\/ \\\\ \\\" \\n\", \"ä\": 1e3, \"n\": -0.10, \"big\": 12345678901234567890}\n",
    ),
    (
        CLAUDE,
        "{\"permissions\": {\"deny\": [\"Read(./.env)\"], \"allow\": []}, \"$schema\": \"https://x\"}",
    ),
    (
        CLAUDE,
        "   {\"a\": [[[[1]]]], \"b\": [{}, {\"c\": null}]}   ",
    ),
    (CLAUDE, "{\r\n  \"a\": 1,\r\n  \"b\": 2\r\n}"),
    (CLAUDE, "{\n  \"a\": 1,\r\n  \"mixed\": true\n}"),
    (
        GEMINI,
        "// mine\n{\n  // of it\n  \"theme\": \"x\", // why\n}\n",
    ),
    (GEMINI, "/* only a comment */\n"),
    (
        GEMINI,
        "{\n  \"hooks\": {\n    // before\n    \"BeforeTool\": [\n      { \"hooks\": [] }, // last\n    ],\n  },\n}\n",
    ),
    (GEMINI, "{\"hooks\": {/* none */}}"),
    (
        CODE,
        "{\n    \"editor.tabSize\": 2,\n    // \"off\": true,\n}\n",
    ),
    (
        CODE,
        "{\n    \"terminal.integrated.env.linux\": { \"A\": \"b\" }\n}",
    ),
    (
        CODE,
        "{\n    \"terminal.integrated.profiles.linux\": {\n        \"bash\": { \"path\": \"bash\" },\n    },\n    \"x\": 1,\n}",
    ),
    (CODE, "{\"a\":1,/*b*/\"c\":2,}"),
    (
        CODE,
        "{\r\n\t// tabs and carriage returns\r\n\t\"a\": {\r\n\t\t\"b\": []\r\n\t}\r\n}\r\n",
    ),
    (CODE, "{} // nothing yet"),
    (
        CURSOR,
        "{\"version\": 1, \"hooks\": {\"stop\": [{\"command\": \"./x\"}]}}",
    ),
    (CURSOR, "{\n  \"hooks\": {},\n  \"version\": 1\n}\n"),
    (
        HOOKS,
        "{\"hooks\": {\"PreToolUse\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"own\"}]}]}}\n",
    ),
    (CODEX, ""),
    (CODEX, "# only a comment"),
    (CODEX, "model = \"x\" # mine\n\n[features]\nweb = true\n"),
    (CODEX, "model = \"x\"\r\n\r\n[tui]\r\ntheme = 'a'\r\n"),
    (
        CODEX,
        "[projects.\"/home/u/a b\"]\ntrust_level = \"trusted\"\n\n[hooks.state.\"/x:stop:0:0\"]\ntrusted_hash = \"sha256:0\"\n",
    ),
    (
        CODEX,
        "hooks = { state = { a = { trusted_hash = \"b\" } } }\n",
    ),
    (
        CODEX,
        "a.b.c = 1\nd = [ 1, # one\n 2 ]\nt = 1979-05-27T07:32:00Z\ns = '''\n raw\n'''\n",
    ),
    (
        CODEX,
        "[[mcp]]\nx = 1\n[[mcp]]\nx = 2\n  [mcp.y]\n  z = inf",
    ),
    (CODEX, "\u{feff}model = \"x\"\n"),
];

#[test]
fn forty_awkward_files_come_back_byte_for_byte() {
    assert!(AWKWARD.len() >= 40, "{}", AWKWARD.len());
    let user = User::with_program();
    for ((agent, file), content) in AWKWARD {
        user.put(file, content.as_bytes());
        let before = user.picture();
        assert!(!user.integrate(&["diff", agent]).is_empty());
        assert_eq!(before, user.picture(), "diff changed {content:?}");
        user.integrate(&["install", agent]);
        let installed = user.read(file);
        assert!(
            installed.contains(".aigate/bin/") || installed.contains("trusted_hash"),
            "{content:?}: {installed}"
        );
        assert!(kept(content, &installed), "{content:?}: {installed}");
        assert_eq!(
            user.integrate(&["install", agent]),
            "Nothing to do.\n",
            "{content:?}"
        );
        assert_eq!(installed, user.read(file));
        let status = user.try_integrate(&["status", agent]);
        assert!(status.ok(), "{content:?}: {status}");
        user.integrate(&["uninstall", agent]);
        assert_eq!(user.read(file), *content);
        assert_eq!(before, user.picture(), "{content:?}");
        fs::remove_file(user.path(file)).unwrap();
    }
}

/// Whether every line that says something is still there, in order, and the line ends are the same.
fn kept(before: &str, after: &str) -> bool {
    let mut rest = after;
    let words = before
        .split(|letter: char| letter.is_whitespace() || "{}[],".contains(letter))
        .filter(|word| !word.is_empty());
    let in_order = words.into_iter().all(|word| {
        let found = rest.find(word);
        found.map(|at| rest = &rest[at + word.len()..]).is_some()
    });
    let only = |text: &str| text.contains("\r\n") && !text.replace("\r\n", "").contains('\n');
    in_order && (!only(before) || only(after))
}

#[test]
fn what_others_change_later_stays_when_ours_goes() {
    let user = User::with_program();
    for ((agent, file), content) in AWKWARD {
        user.put(file, content.as_bytes());
        user.integrate(&["install", agent]);
        // Somebody adds a line at the end that its reader passes over.
        let end = if content.contains("\r\n") {
            "\r\n"
        } else {
            "\n"
        };
        let later = match file.ends_with("toml") {
            true => format!("# later{end}"),
            false => format!("{end}{end}"),
        };
        let installed = user.read(file);
        user.put(file, format!("{installed}{later}").as_bytes());
        user.integrate(&["uninstall", agent]);
        let rest = user.read(file);
        assert!(!rest.contains(".aigate/bin"), "{content:?}: {rest}");
        assert!(kept(content, &rest), "{content:?}: {rest}");
        assert!(rest.ends_with(&later), "{content:?}: {rest:?}");
        fs::remove_file(user.path(file)).unwrap();
    }
}

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
        (CODEX, b"a = 1\na = 2\n"),
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
fn what_is_broken_or_switched_off_is_told() {
    let user = User::new();
    user.integrate(&["install", "claude"]);
    assert!(user.try_integrate(&["status"]).ok());
    user.put(
        "work/app/.claude/settings.json",
        b"{\"disableAllHooks\": true}",
    );
    let off = user.try_integrate(&["status"]);
    assert_eq!(off.code(), Some(1), "{off}");
    assert!(
        off.out
            .contains("app/.claude/settings.json switches the hooks off")
            && off.out.contains("NOT in force"),
        "{off}"
    );
    fs::remove_file(user.path("work/app/.claude/settings.json")).unwrap();
    user.put(".claude/settings.json", b"{}");
    let gone = user.try_integrate(&["status", "claude"]);
    assert!(
        gone.code() == Some(1) && gone.out.contains("lacks what was put in"),
        "{gone}"
    );
    user.integrate(&["install", "claude"]);
    fs::remove_file(user.path(".aigate/bin/aigate")).unwrap();
    let without = user.try_integrate(&["status", "claude"]);
    assert!(
        without.code() == Some(1) && without.out.contains("is missing"),
        "{without}"
    );
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
