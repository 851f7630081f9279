//! Every file of the catalogue keeps what it promises. Adding a tool adds to these tests by itself.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::machine::Machine;
use crate::support::place::package;
use crate::support::process::{self, Outcome};

/// Runs its arguments as a script of the shell, so that a test says what the tool does.
const OBEYS: &str = "#!/bin/sh\neval \"$SCRIPT\"\n";

/// The catalogue as data, without the code that reads it.
fn catalogue() -> Vec<(String, Value)> {
    let files = fs::read_dir(package().join("shims"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut tools: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let value: Value = serde_saphyr::from_str(&text).unwrap();
            (
                path.file_stem().unwrap().to_str().unwrap().to_owned(),
                value,
            )
        })
        .collect();
    tools.sort_by(|a, b| a.0.cmp(&b.0));
    tools
}

fn texts(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .map(|v| v.as_str().unwrap().to_owned())
        .collect()
}

/// A place of the catalogue with nothing set.
fn plain(place: &str) -> String {
    match place.strip_prefix("${") {
        Some(rest) => {
            let (variable, below) = rest.split_once('}').unwrap();
            format!("{}{below}", variable.split_once(":-").unwrap().1)
        }
        None => place.to_owned(),
    }
}

fn machine(tool: &str) -> Machine {
    let machine = Machine::bare();
    machine.tool(tool, OBEYS);
    let done = machine.shim(&["install", "--no-shell", "--pre", tool]);
    assert!(done.ok(), "{tool}: {done}");
    machine
}

fn run(
    machine: &Machine,
    tool: &str,
    script: &str,
    args: &[&str],
    env: &[(&str, String)],
) -> Outcome {
    let mut command = machine
        .world
        .command(machine.home(".aigate/shims").join(tool));
    command
        .env("PATH", machine.guarded_path())
        .env("SCRIPT", script)
        .args(args);
    command.envs(env.iter().map(|(name, value)| (name, value)));
    process::run(command)
}

/// Editors are started in another way; `editors.rs` is about them.
fn agents() -> impl Iterator<Item = (String, Value)> {
    catalogue()
        .into_iter()
        .filter(|(_, tool)| tool["instance"].is_null() && tool["like"].is_null())
}

#[test]
fn every_tool_keeps_its_state_and_nothing_else() {
    for (name, tool) in agents() {
        let machine = machine(&name);
        let state: Vec<_> = texts(&tool["state"])
            .iter()
            .map(|place| plain(place))
            .collect();
        let script: String = state
            .iter()
            .map(|d| format!("echo kept > {d}/session || exit 1\n"))
            .collect();
        let outcome = run(
            &machine,
            &name,
            &format!("{script}! touch ~/other 2>/dev/null"),
            &[],
            &[],
        );
        assert!(outcome.ok(), "{name}: {outcome}");
        for directory in state {
            let path = machine.home(directory.strip_prefix("~/").unwrap());
            assert_eq!(
                fs::read_to_string(path.join("session")).unwrap(),
                "kept\n",
                "{name}"
            );
            fs::write(path.join("from outside"), "x").unwrap();
        }
        assert!(!machine.home("other").exists(), "{name}");
    }
}

#[test]
fn every_tool_finds_what_it_protects_read_only_and_what_it_hides_absent() {
    for (name, tool) in agents() {
        let machine = machine(&name);
        let path = |place: &String| machine.home(plain(place).strip_prefix("~/").unwrap());
        let (protected, hidden): (Vec<PathBuf>, Vec<PathBuf>) = (
            texts(&tool["protect"]).iter().map(path).collect(),
            texts(&tool["hide"]).iter().map(path).collect(),
        );
        let mut script = String::new();
        for file in &protected {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "mine\n").unwrap();
            script += &format!(
                "(echo evil > {0}) 2>/dev/null; rm -f {0} 2>/dev/null; mv {0} {0}.x 2>/dev/null\n",
                file.display()
            );
        }
        for directory in &hidden {
            fs::create_dir_all(directory).unwrap();
            fs::write(directory.join("lock"), "s3cret\n").unwrap();
            script += &format!("cat {}/lock\n", directory.display());
        }
        let outcome = run(&machine, &name, &format!("{script}:"), &[], &[]);
        assert!(!outcome.said("s3cret"), "{name}: {outcome}");
        for file in &protected {
            assert_eq!(
                fs::read_to_string(file).unwrap(),
                "mine\n",
                "{name}: {}",
                file.display()
            );
        }
    }
}

#[test]
fn every_tool_gets_its_own_keys_and_switches_and_no_other_secret() {
    for (name, tool) in agents() {
        let machine = machine(&name);
        let pass = texts(&tool["profile"]["env"]["pass"]);
        let mut env: Vec<_> = pass
            .iter()
            .map(|key| (key.as_str(), format!("value of {key}")))
            .collect();
        env.push(("STRIPE_SECRET_KEY", "s3cret".into()));
        env.push(("GITHUB_TOKEN", "s3cret".into()));
        let outcome = run(&machine, &name, "env", &[], &env);
        assert!(outcome.ok() && !outcome.said("s3cret"), "{name}: {outcome}");
        for key in &pass {
            assert!(
                outcome.out.contains(&format!("{key}=value of {key}\n")),
                "{name}: {key}"
            );
        }
        for (key, value) in tool["profile"]["env"]["set"]
            .as_object()
            .into_iter()
            .flatten()
        {
            assert!(
                outcome
                    .out
                    .contains(&format!("{key}={}\n", value.as_str().unwrap())),
                "{name}: {key}"
            );
        }
    }
}

#[test]
fn the_first_arguments_come_before_the_users_except_in_maintenance() {
    for (name, tool) in agents() {
        let machine = machine(&name);
        let first = texts(&tool["first_args"]);
        let shown = |args: &[&str]| {
            let outcome = run(&machine, &name, "printf '<%s>' \"$@\"", args, &[]);
            assert!(outcome.ok(), "{name}: {outcome}");
            outcome.out
        };
        let expected: String = first.iter().map(|arg| format!("<{arg}>")).collect();
        assert_eq!(
            shown(&["-x", "y z"]),
            format!("{expected}<-x><y z>"),
            "{name}"
        );
        for entry in tool["maintenance"].as_array().into_iter().flatten() {
            for verb in texts(&entry["verbs"]) {
                assert_eq!(shown(&[&verb, "y"]), format!("<{verb}><y>"), "{name}");
            }
        }
    }
}

#[test]
fn a_state_directory_that_the_user_moved_or_linked_is_followed() {
    let machine = machine("claude");
    let (moved, linked) = (machine.home("moved"), machine.home("linked"));
    for (script, env) in [
        (
            "echo kept > $CLAUDE_CONFIG_DIR/x",
            vec![("CLAUDE_CONFIG_DIR", moved.display().to_string())],
        ),
        ("echo kept > ~/.claude/x", Vec::new()),
    ] {
        if env.is_empty() {
            machine
                .world
                .host_ok("mkdir ~/linked && ln -s linked ~/.claude");
        }
        let outcome = run(&machine, "claude", script, &[], &env);
        assert!(outcome.ok(), "{outcome}");
        let place = if env.is_empty() { &linked } else { &moved };
        assert_eq!(fs::read_to_string(place.join("x")).unwrap(), "kept\n");
    }
    assert!(machine.home(".claude").is_symlink());
}

#[test]
fn a_state_directory_that_would_open_everything_is_refused() {
    let machine = machine("claude");
    for wide in ["/", "~", "~/..", "~/.aigate", "~/.aigate/shims"] {
        let wide = wide.replace('~', machine.world.home().to_str().unwrap());
        let outcome = run(
            &machine,
            "claude",
            "echo ran",
            &[],
            &[("CLAUDE_CONFIG_DIR", wide.clone())],
        );
        assert_eq!(outcome.code(), Some(125), "{wide}: {outcome}");
        assert!(
            !outcome.said("ran") && outcome.said("not made writable"),
            "{wide}: {outcome}"
        );
    }
}

#[test]
fn an_update_may_write_the_installation_and_a_session_may_not() {
    let machine = Machine::bare();
    // As the vendor's installer leaves it.
    let version = machine.home(".local/share/claude/versions/1");
    fs::create_dir_all(version.parent().unwrap()).unwrap();
    fs::create_dir_all(machine.home(".local/bin")).unwrap();
    fs::rename(machine.tool("claude", OBEYS), &version).unwrap();
    std::os::unix::fs::symlink(&version, machine.home(".local/bin/claude")).unwrap();
    assert!(
        machine
            .shim(&["install", "--no-shell", "--pre", "claude"])
            .ok()
    );
    let update = "cp ~/.local/share/claude/versions/1 ~/.local/share/claude/versions/2 &&
        ln -sfn ~/.local/share/claude/versions/2 ~/.local/bin/claude";
    let path = format!("{}:/usr/bin:/bin", machine.home(".local/bin").display());
    let run = |args: &[&str]| {
        let mut command = machine.claude();
        command.env("PATH", &path).env("SCRIPT", update).args(args);
        process::run(command)
    };
    let entry = || fs::read_link(machine.home(".local/bin/claude")).unwrap();
    assert!(!run(&["-p", "update"]).ok());
    assert!(entry().ends_with("versions/1"));
    let updated = run(&["update"]);
    assert!(updated.ok(), "{updated}");
    assert!(entry().ends_with("versions/2"));
    assert_eq!(
        fs::read_link(machine.home(".aigate/shims/claude")).unwrap(),
        PathBuf::from("../bin/aigate")
    );
}

#[test]
fn an_update_by_npm_writes_its_prefix() {
    let machine = Machine::bare();
    let package = machine.home("prefix/lib/node_modules/@anthropic-ai/claude-code/cli");
    fs::create_dir_all(package.parent().unwrap()).unwrap();
    fs::create_dir_all(machine.home("prefix/bin")).unwrap();
    fs::rename(machine.tool("claude", OBEYS), &package).unwrap();
    std::os::unix::fs::symlink(&package, machine.home("prefix/bin/claude")).unwrap();
    assert!(
        machine
            .shim(&["install", "--no-shell", "--pre", "claude"])
            .ok()
    );
    let run = |args: &[&str]| {
        let mut command = machine.claude();
        command.env(
            "PATH",
            format!("{}:/usr/bin:/bin", machine.home("prefix/bin").display()),
        );
        command.env(
            "SCRIPT",
            "mkdir ~/prefix/lib/node_modules/new && touch ~/prefix/bin/new && ! touch ~/prefix/x",
        );
        command.args(args);
        process::run(command)
    };
    assert!(!run(&[]).ok());
    let updated = run(&["update"]);
    assert!(updated.ok(), "{updated}");
}

#[test]
fn the_users_word_on_what_is_executed_later_needs_a_verb_of_its_own() {
    let machine = machine("claude");
    fs::create_dir(machine.home(".claude")).unwrap();
    fs::write(machine.home(".claude/settings.json"), "{}").unwrap();
    let script = "echo new > ~/.claude/settings.json";
    assert!(!run(&machine, "claude", script, &["-p", "config"], &[]).ok());
    assert!(run(&machine, "claude", script, &["config", "set", "x"], &[]).ok());
    assert_eq!(
        fs::read_to_string(machine.home(".claude/settings.json")).unwrap(),
        "new\n"
    );
}

#[test]
fn a_common_word_is_guarded_only_where_it_is_the_tool() {
    let machine = Machine::bare();
    machine.tool("agent", "#!/bin/sh\n");
    assert_eq!(machine.shim(&["install", "agent"]).code(), Some(125));
    let real = machine.home("share/cursor-agent/versions/1/agent");
    fs::create_dir_all(real.parent().unwrap()).unwrap();
    fs::rename(machine.home("bin/agent"), &real).unwrap();
    std::os::unix::fs::symlink(&real, machine.home("bin/agent")).unwrap();
    let done = machine.shim(&["install", "--no-shell", "agent"]);
    assert!(done.ok(), "{done}");
    assert!(machine.home(".aigate/shims/agent").exists());
}

#[test]
fn the_file_that_claude_replaces_in_home_is_kept_across_sessions_and_kills() {
    let machine = machine("claude");
    let file = machine.home(".claude.json");
    fs::write(&file, r#"{"seen": 1, "mcpServers": {"mine": {}}}"#).unwrap();
    let session = r#"grep -q '"seen": 1' $CLAUDE_CONFIG_DIR/.claude.json &&
        echo '{"seen": 2, "mcpServers": {"evil": {}}}' > $CLAUDE_CONFIG_DIR/.new &&
        mv $CLAUDE_CONFIG_DIR/.new $CLAUDE_CONFIG_DIR/.claude.json"#;
    let outcome = run(&machine, "claude", session, &[], &[]);
    assert!(outcome.ok(), "{outcome}");
    let text = || fs::read_to_string(&file).unwrap();
    assert!(
        text().contains(r#""seen": 2"#) && text().contains("mine") && !text().contains("evil"),
        "{}",
        text()
    );
    // The next session is killed with all of ours; the one after it finds what it left.
    let killed = "sleep 0.01; echo '{\"seen\": 3}' > $CLAUDE_CONFIG_DIR/.claude.json; echo up; exec sleep 100";
    let mut command = machine.claude();
    command
        .env("SCRIPT", killed)
        .stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut up = [0; 3];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut up).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(text().contains(r#""seen": 2"#));
    assert!(
        run(
            &machine,
            "claude",
            "grep -q '\"seen\": 3' ~/.claude/.claude.json",
            &[],
            &[]
        )
        .ok()
    );
    assert!(text().contains(r#""seen": 3"#), "{}", text());
    assert!(text().contains("mine"), "{}", text());
}
