//! What `aigate integrate status` and `aigate doctor` say of hooks that are not in force.

use std::fs;

use aigate::integration::catalog::{self, Scope, Spot};

use super::User;
use super::support::process;

/// What status says where something is wrong, with these variables.
#[track_caller]
fn wrong(user: &User, agent: &str, variables: &[(&str, &str)]) -> String {
    let mut status = user.command(&["status", agent]);
    status.envs(variables.iter().copied());
    let status = process::run(status);
    assert_eq!(status.code(), Some(1), "{agent}: {status}");
    assert!(status.out.contains("NOT in force"), "{agent}: {status}");
    // The doctor says the same, and what mends it.
    let mut doctor = user.world.aigate();
    doctor.arg("doctor").envs(variables.iter().copied());
    let doctor = process::run(doctor);
    let problem = status.out.lines().find_map(|line| line.strip_prefix("! "));
    let (what, cure) = problem
        .and_then(|problem| problem.split_once("; repair: "))
        .expect("a problem");
    assert!(
        doctor.out.contains(what) && doctor.out.contains(&format!("to mend it: {cure}\n")),
        "{agent}: {status}\n{doctor}"
    );
    status.out
}

#[track_caller]
fn whole(user: &User, agent: &str) {
    let status = user.try_integrate(&["status", agent]);
    assert!(
        status.ok() && status.out.contains("whole"),
        "{agent}: {status}"
    );
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

/// Each setting of the data that switches hooks off, put where the data says.
#[test]
fn every_switch_is_told_with_its_file() {
    let mut tried = 0;
    for name in catalog::names() {
        let agent = catalog::agent(name).unwrap().unwrap();
        let defeats = agent.defeats.iter();
        for defeat in defeats.filter(|defeat| defeat.scopes.contains(&Scope::User)) {
            let user = User::with_program();
            let file = defeat
                .file
                .resolve(&user.world.home(), &user.world.project());
            if !file.starts_with(user.world.root()) {
                continue;
            }
            tried += 1;
            user.integrate(&["install", name]);
            whole(&user, name);
            let value = match &defeat.item {
                Some(item) => serde_json::json!(["x", item]),
                None => defeat.value.clone().unwrap(),
            };
            let text = fs::read_to_string(&file).unwrap_or_default();
            let text = with(
                &text,
                &defeat.key,
                &value,
                file.extension().unwrap() == "toml",
            );
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text).unwrap();
            let told = wrong(&user, name, &[]);
            let (key, at) = (defeat.key.join("."), file.display());
            let cure = match &defeat.item {
                Some(item) => format!("repair: take {item} out of `{key}` in {at}"),
                None => format!("repair: take `{key}` out of {at}"),
            };
            assert!(
                told.contains("switches the hooks off") && told.contains(&cure),
                "{cure}: {told}"
            );
            if matches!(defeat.file, Spot::Project(_)) {
                fs::remove_file(&file).unwrap();
                whole(&user, name);
            }
        }
    }
    assert!(tried >= 10, "{tried}");
}

/// A text with one more setting.
fn with(text: &str, keys: &[String], value: &serde_json::Value, is_toml: bool) -> String {
    if is_toml {
        let (last, tables) = keys.split_last().unwrap();
        return format!("{text}\n[{}]\n{last} = {value}\n", tables.join("."));
    }
    let mut whole = match text {
        "" => serde_json::json!({}),
        text => serde_json::from_str(text).unwrap(),
    };
    let place = keys.iter().fold(&mut whole, |here, key| &mut here[key]);
    place.clone_from(value);
    whole.to_string()
}

#[test]
fn a_variable_that_switches_hooks_off_is_told() {
    let mut tried = 0;
    for name in catalog::names() {
        let agent = catalog::agent(name).unwrap().unwrap();
        for variable in &agent.variables {
            tried += 1;
            let user = User::with_program();
            user.integrate(&["install", name]);
            let told = wrong(&user, name, &[(&variable.name, "1")]);
            assert!(
                told.contains(&format!("variable {0} is set", variable.name))
                    && told.contains(&format!("repair: unset {}", variable.name)),
                "{told}"
            );
            let mut off = user.command(&["status", name]);
            off.env(&variable.name, "0");
            let off = process::run(off);
            assert!(off.ok(), "{off}");
        }
    }
    assert!(tried >= 3, "{tried}");
}

#[test]
fn another_directory_of_settings_is_told_and_repaired() {
    for (agent, variable, file) in [
        ("claude", "CLAUDE_CONFIG_DIR", "settings.json"),
        ("codex", "CODEX_HOME", "hooks.json"),
        ("copilot", "COPILOT_HOME", "hooks/aigate.json"),
        ("gemini", "GEMINI_CLI_HOME", ".gemini/settings.json"),
        ("opencode", "XDG_CONFIG_HOME", "opencode/plugins/aigate.js"),
        ("qwen", "QWEN_HOME", "settings.json"),
    ] {
        let user = User::with_program();
        user.integrate(&["install", agent]);
        whole(&user, agent);
        let elsewhere = user.world.elsewhere();
        let moved = [(variable, elsewhere.to_str().unwrap())];
        let told = wrong(&user, agent, &moved);
        let file = elsewhere.join(file);
        let says = format!("{} is where its settings are now", file.display());
        assert!(told.contains(&says), "{told}");
        let run = |arguments: &[&str]| {
            let mut command = user.command(arguments);
            command.envs(moved);
            let done = process::run(command);
            assert!(done.ok(), "{arguments:?}: {done}");
        };
        run(&["install", agent]);
        run(&["status", agent]);
        assert!(file.exists());
        // Back again: the same the other way round.
        let told = wrong(&user, agent, &[]);
        assert!(told.contains("is where its settings are now"), "{told}");
        user.integrate(&["uninstall", agent]);
        assert!(!file.exists());
    }
}

#[test]
fn what_the_user_has_in_our_place_is_told_as_not_in_force() {
    let user = User::with_program();
    user.put(
        ".claude/settings.json",
        b"{\"processWrapper\": \"/my/own\"}",
    );
    user.integrate(&["install", "claude"]);
    let told = wrong(&user, "claude", &[]);
    assert!(
        told.contains("has your own `processWrapper`") && told.contains("/my/own"),
        "{told}"
    );
    user.put(".claude/settings.json", b"{}");
    user.integrate(&["install", "claude"]);
    whole(&user, "claude");
}

/// Codex trusts a hook by its number, so it trusts ours no more.
#[test]
fn a_hook_of_others_before_ours_is_told_and_repaired() {
    let user = User::with_program();
    user.integrate(&["install", "codex"]);
    let text = user.read(".codex/hooks.json");
    let mut hooks: serde_json::Value = serde_json::from_str(&text).unwrap();
    let list = hooks["hooks"]["PreToolUse"].as_array_mut().unwrap();
    list.insert(0, serde_json::json!({"hooks": []}));
    user.put(".codex/hooks.json", hooks.to_string().as_bytes());
    let told = wrong(&user, "codex", &[]);
    assert!(
        told.contains("repair: aigate integrate install codex"),
        "{told}"
    );
    user.integrate(&["install", "codex"]);
    whole(&user, "codex");
    assert!(
        user.read(".codex/config.toml")
            .contains(":pre_tool_use:1:0")
    );
}

/// One comment, and Claude Code drops the whole file: the hooks are there and do nothing.
#[test]
fn a_file_that_its_agent_no_longer_reads_is_told() {
    let user = User::with_program();
    user.integrate(&["install", "claude"]);
    let text = user.read(".claude/settings.json");
    user.put(
        ".claude/settings.json",
        format!("// mine\n{text}").as_bytes(),
    );
    let told = wrong(&user, "claude", &[]);
    assert!(
        told.contains("not valid, so its agent ignores it"),
        "{told}"
    );
}

#[test]
fn what_no_file_shows_is_said_each_time() {
    let user = User::with_program();
    user.integrate(&["install", "claude"]);
    let status = user.integrate(&["status", "claude"]);
    for gap in [
        "--bare",
        "--safe-mode",
        "--setting-sources",
        "CLAUDE_CONFIG_DIR",
    ] {
        assert!(status.contains(gap), "{gap}: {status}");
    }
}
