//! What each agent's settings look like afterwards, as golden files, and what is found here.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use aigate::integration::catalog;

use super::User;
use super::support::{place, process};

/// Directories that make an agent be there.
const SIGNS: &[&str] = &[
    ".config/Code",
    ".config/Code - Insiders",
    ".config/VSCodium",
    ".config/Cursor",
    ".config/Windsurf",
    ".vscode-server/data",
    ".cursor-server/data",
];

#[test]
fn every_agent_gets_what_its_golden_file_shows() {
    let folder = place::package().join("tests/integrate/golden");
    for agent in catalog::names() {
        let user = User::new();
        user.link_program();
        for sign in SIGNS {
            fs::create_dir_all(user.path(sign)).unwrap();
        }
        user.integrate(&["install", agent]);
        let seen = tree(&user);
        let golden = folder.join(format!("{agent}.txt"));
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&golden, &seen).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(seen, expected, "{agent}: UPDATE=1 writes what was seen");
    }
}

/// Every text below the home but our own, with the home as `[HOME]`.
fn tree(user: &User) -> String {
    let home = user.world.home().canonicalize().unwrap();
    let mut text = String::new();
    for (path, (_, content)) in place::picture(&home) {
        let name = path.strip_prefix(&home).unwrap().to_owned();
        let is_own = name == Path::new(".aigate/bin/aigate")
            || name.starts_with(".aigate/integrations")
            || name == Path::new(".aigate/lock");
        if !path.is_file() || is_own {
            continue;
        }
        let content = String::from_utf8(content).unwrap();
        writeln!(text, "== {}", name.display()).unwrap();
        let content = content.replace(home.to_str().unwrap(), "[HOME]");
        // Digests of texts with the home in them.
        let mut parts = content.split("sha256:");
        text.push_str(parts.next().unwrap());
        for part in parts {
            text.push_str("sha256:[DIGEST]");
            text.push_str(&part[64..]);
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    text
}

#[test]
fn an_agent_is_found_by_its_directory() {
    let user = User::new();
    let line = |agent: &str| {
        let list = user.integrate(&["list"]);
        let line = list
            .lines()
            .find(|line| line.starts_with(&format!("{agent} ")));
        line.unwrap_or_else(|| panic!("{agent}: {list}")).to_owned()
    };
    assert!(!line("windsurf").contains("found"));
    fs::create_dir_all(user.path(".codeium/windsurf")).unwrap();
    assert!(line("windsurf").ends_with("found"));
    user.integrate(&["install", "windsurf"]);
    assert!(line("windsurf").ends_with("installed: user"));
    let json: serde_json::Value =
        serde_json::from_str(&user.integrate(&["list", "--json"])).unwrap();
    let agents = json["agents"].as_array().unwrap();
    let windsurf = agents
        .iter()
        .find(|agent| agent["agent"] == "windsurf")
        .unwrap();
    assert_eq!(windsurf["installed"], serde_json::json!(["user"]));
}

/// Stable, insiders, packed apart, and a remote host that has a server alone.
#[test]
fn every_place_of_an_editor_is_found_by_itself() {
    let mut found = 0;
    for name in catalog::names() {
        let agent = catalog::agent(name).unwrap().unwrap();
        let targets = agent.scopes.values().flatten();
        for location in targets.flat_map(|target| &target.at) {
            let Some(when) = &location.when else { continue };
            found += 1;
            let user = User::new();
            user.link_program();
            let (home, project) = (user.world.home(), user.world.project());
            let listed = |state: &str| {
                let list = user.integrate(&["list"]);
                let mut lines = list.lines();
                let line = lines.find(|line| line.starts_with(&format!("{name} ")));
                assert!(line.unwrap().ends_with(state), "{name} {when:?}: {list}");
            };
            listed(" -");
            fs::create_dir_all(when.resolve(&home, &project)).unwrap();
            listed(" found");
            user.integrate(&["install", name]);
            let settings = fs::read_to_string(location.file.resolve(&home, &project)).unwrap();
            assert!(
                settings.contains(&format!("bin/{name}-claude")),
                "{settings}"
            );
            user.integrate(&["uninstall", name]);
            assert!(!location.file.resolve(&home, &project).exists());
        }
    }
    assert!(found >= 13, "{found}");
}

#[test]
fn a_name_or_a_scope_that_is_not_there_is_told_with_those_that_are() {
    let user = User::new();
    let unknown = user.try_integrate(&["install", "clod"]);
    assert!(
        unknown.code() == Some(125) && unknown.err.contains("known are claude"),
        "{unknown}"
    );
    let scope = user.try_integrate(&["install", "gemini", "--project"]);
    assert!(scope.err.contains("but for --user, --managed"), "{scope}");
    assert_eq!(
        user.integrate(&["uninstall", "gemini"]),
        "Nothing is installed.\n"
    );
}

#[test]
fn a_project_gets_the_file_that_is_personal_to_its_checkout() {
    let user = User::new();
    user.put("work/app/.claude/settings.local.json", b"{\"a\": 1}");
    user.integrate(&["install", "claude", "--project"]);
    assert!(
        user.read("work/app/.claude/settings.local.json")
            .contains("hook claude")
    );
    assert!(!user.path(".claude/settings.json").exists());
    assert!(user.try_integrate(&["status"]).ok());
    user.integrate(&["uninstall", "claude", "--project"]);
    assert_eq!(
        user.read("work/app/.claude/settings.local.json"),
        "{\"a\": 1}"
    );
}

#[test]
fn everything_that_is_found_is_set_up_at_once() {
    let user = User::new();
    let bin = user.path("programs");
    user.put("programs/claude", b"#!/bin/sh\n");
    user.put(".gemini/settings.json", b"{broken");
    fs::create_dir_all(user.path(".codex")).unwrap();
    fs::set_permissions(bin.join("claude"), Permissions::from_mode(0o755)).unwrap();
    let setup = |arguments: &[&str]| {
        let mut command = user.world.aigate();
        let path = format!("{}:/usr/bin:/bin", bin.display());
        command
            .env("PATH", path)
            .arg("setup-agents")
            .args(arguments);
        process::run(command)
    };
    let asked = setup(&[]);
    assert_eq!(asked.code(), Some(125), "{asked}");
    for offer in [
        "guard claude by its name",
        "settings of claude",
        "settings of codex",
    ] {
        assert!(asked.out.contains(offer), "{asked}");
    }
    assert!(asked.err.contains("--yes"), "{asked}");
    assert!(!user.path(".aigate").exists(), "{asked}");
    // One that is refused does not keep the others from theirs.
    let done = setup(&["--yes"]);
    assert_eq!(done.code(), Some(125), "{done}");
    assert!(
        done.err.contains("gemini: ") && done.err.contains("not valid"),
        "{done}"
    );
    assert!(user.path(".aigate/shims/claude").is_symlink());
    assert!(user.read(".claude/settings.json").contains("hook claude"));
    assert!(user.read(".codex/hooks.json").contains("hook codex"));
    assert_eq!(user.read(".gemini/settings.json"), "{broken");
    user.put(".gemini/settings.json", b"{}");
    let rest = setup(&["--yes"]);
    assert!(rest.ok() && !rest.out.contains("claude"), "{rest}");
    assert_eq!(setup(&[]).out, "Nothing to do.\n");
}
