//! What hooks are told and what they answer: events as the agents sent them, which `tests/agents`
//! records and compares with the real agents, or as their vendors document them.

use std::fs;

use serde_json::{Value, json};

use super::User;
use super::support::{Outcome, World, place, quoted};

/// An event of an agent about a file, and where the answer says no.
struct Case {
    agent: String,
    /// With FILE, COMMAND and CWD to be replaced.
    event: Value,
    /// The answer's place of what denies; `/exit` for the exit code.
    place: String,
    /// What denies.
    word: Value,
    /// The answer's place of the reason; `/stderr` for that stream.
    reason: String,
}

fn cases() -> Vec<Case> {
    let file = place::package().join("tests/integrate/events.json");
    let all: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let event = |event: &Value| match (event[0].as_str(), event[1].as_u64()) {
        (Some(agent), Some(number)) => recorded(agent, usize::try_from(number).unwrap()),
        _ => event.clone(),
    };
    let case = |case: &Value| Case {
        agent: text(&case["agent"]),
        event: event(&case["event"]),
        place: text(&case["denies"][0]),
        word: case["denies"][1].clone(),
        reason: text(&case["reason"]),
    };
    all.as_array().unwrap().iter().map(case).collect()
}

/// What a real agent told its hooks when its model asked for `cat .env`, in the words of a case.
fn recorded(agent: &str, number: usize) -> Value {
    let event = recordings(agent).swap_remove(number);
    serde_json::from_str(&event.to_string().replace("cat .env", "COMMAND")).unwrap()
}

fn recordings(agent: &str) -> Vec<Value> {
    let file = place::package().join(format!("tests/integrate/recorded/{agent}.json"));
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

/// Asks the hook; the answer, with its exit code and its words on the standard error stream.
fn ask(user: &User, agent: &str, event: &str) -> (Value, Outcome) {
    let said = user.world.root().join("event");
    fs::write(&said, event).unwrap();
    let (aigate, said) = (quoted(place::binary()), quoted(said));
    let outcome = user
        .world
        .control(&format!("{aigate} hook {agent} <{said}"));
    let mut answer = match outcome.out.as_str() {
        "" => json!({}),
        text => serde_json::from_str(text).unwrap_or_else(|why| panic!("{why}: {outcome}")),
    };
    answer["exit"] = json!(outcome.code());
    answer["stderr"] = json!(outcome.err);
    (answer, outcome)
}

fn filled(user: &User, case: &Case, file: &str, command: &str) -> String {
    let text = case.event.to_string();
    let path = user.world.project().join(file);
    let text = text.replace("FILE", path.to_str().unwrap());
    let text = text.replace("COMMAND", command);
    text.replace("CWD", user.world.project().to_str().unwrap())
}

fn user(config: &str) -> User {
    let world = World::new().config(config);
    User {
        world: world.secret(".env").file("README.md", "read me\n"),
    }
}

#[test]
fn every_agent_is_denied_a_secret_in_its_own_words_and_nothing_else() {
    let user = user("hook: {outside: warn}\ndeny_exec: [\"kubectl delete\"]\n");
    for case in cases() {
        let secret = filled(&user, &case, ".env", "cat .env");
        let (answer, outcome) = ask(&user, &case.agent, &secret);
        assert_eq!(
            answer.pointer(&case.place),
            Some(&case.word),
            "{secret}: {outcome}"
        );
        let reason = answer.pointer(&case.reason).unwrap().as_str().unwrap();
        assert!(
            reason.contains(".env is denied: because of `.env`")
                && reason.contains("`aigate allow read "),
            "{secret}: {reason}"
        );
        let harmless = filled(&user, &case, "README.md", "cat README.md | wc -l");
        let (_, silent) = ask(&user, &case.agent, &harmless);
        assert!(silent.ok(), "{harmless}: {silent}");
        assert_eq!(format!("{}{}", silent.out, silent.err), "", "{harmless}");
        if case.event.to_string().contains("COMMAND") {
            for (command, word) in [
                ("kubectl -n x delete pod", "aigate allow exec"),
                ("echo x > .git/hooks/pre-commit", "is denied"),
                ("cd . && sh -c 'wc -l < .env'", "aigate allow read"),
            ] {
                let event = filled(&user, &case, "", command);
                let (answer, outcome) = ask(&user, &case.agent, &event);
                assert_eq!(
                    answer.pointer(&case.place),
                    Some(&case.word),
                    "{event}: {outcome}"
                );
                assert!(outcome.said(word), "{event}: {outcome}");
            }
        }
    }
}

/// Whatever a tool is to do, and in every dialect.
#[track_caller]
fn refuses_everything(user: &User, why: &str) {
    for case in cases() {
        let event = filled(user, &case, "README.md", "true");
        let (answer, outcome) = ask(user, &case.agent, &event);
        assert_eq!(
            answer.pointer(&case.place),
            Some(&case.word),
            "{event}: {outcome}"
        );
        assert!(outcome.said(why), "{outcome}");
    }
}

#[test]
fn outside_the_sandbox_every_tool_is_refused_with_the_command_that_starts_it() {
    let user = user("");
    refuses_everything(&user, "start it with: aigate exec -- ");
}

#[test]
fn inside_the_sandbox_the_rules_have_the_words_and_the_kernel_decides() {
    // The user's own file allows one, and the hook cannot see that file in there.
    let user = user("allow_read: [.env]\n");
    let world = &user.world;
    fs::write(world.project().join(".env.local"), "KEY=x\n").unwrap();
    let aigate = quoted(place::binary());
    for (file, denied) in [(".env", false), (".env.local", true), ("README.md", false)] {
        let path = world.project().join(file);
        let event = json!({"hook_event_name": "PreToolUse", "session_id": "s", "transcript_path": "/t",
            "cwd": world.project(), "tool_name": "Read", "tool_input": {"file_path": path}});
        fs::write(world.project().join("event"), event.to_string()).unwrap();
        let inside = world.sandboxed(&format!("{aigate} hook claude <event"));
        assert!(inside.reached && inside.ok(), "{inside}");
        assert_eq!(inside.said("is denied"), denied, "{file}: {inside}");
        assert_eq!(inside.out.is_empty(), !denied, "{file}: {inside}");
    }
}

#[test]
fn what_is_not_known_gets_no_answer() {
    let user = user("");
    for event in [
        "",
        "{}",
        "[]",
        "null",
        "7",
        "\"PreToolUse\"",
        r#"{"hook_event_name": "PreToolUse"}"#,
        r#"{"hook_event_name": "Stop", "session_id": "s", "transcript_path": "/t", "cwd": "/"}"#,
        r#"{"hook_event_name": "PostToolUse", "session_id": "s", "transcript_path": "/t", "tool_name": "Bash"}"#,
        r#"{"hook_event_name": ["PreToolUse"], "session_id": "s", "transcript_path": "/t"}"#,
        r#"{"hook_event_name": "pretooluse", "session_id": "s", "transcript_path": "/t"}"#,
    ] {
        for agent in aigate::integration::catalog::names() {
            let (_, outcome) = ask(&user, agent, event);
            assert!(outcome.ok(), "{agent} {event}: {outcome}");
            assert_eq!(
                format!("{}{}", outcome.out, outcome.err),
                "",
                "{agent} {event}"
            );
        }
    }
}

/// A model chooses what stands in an event: what makes it unreadable must not make it pass.
#[test]
fn what_cannot_be_read_is_refused_and_not_passed_over() {
    let user = user("hook: {outside: warn}\n");
    let event = |more: &str| {
        let event = recorded("claude", 2).to_string();
        let event = event.replace("COMMAND", &format!("true{more}"));
        event.replace("CWD", user.world.project().to_str().unwrap())
    };
    let deep = event("").replace(
        "\"command\"",
        &format!("\"x\":{}1{},\"command\"", "[".repeat(200), "]".repeat(200)),
    );
    let (_, readable) = ask(&user, "claude", &event(" # \\ud83d\\ude00"));
    assert!(
        readable.ok() && readable.out.is_empty(),
        "control arm: {readable}"
    );
    for event in [
        event(" # \\ud800"),
        deep,
        "{".to_owned(),
        "\u{fffd}".to_owned(),
    ] {
        for agent in aigate::integration::catalog::names() {
            let (_, outcome) = ask(&user, agent, &event);
            assert_eq!(outcome.code(), Some(2), "{agent}: {outcome}");
            assert!(outcome.err.contains("cannot be read"), "{agent}: {outcome}");
        }
    }
    // One that only a newer aigate knows, too.
    let (_, outcome) = ask(&user, "no-such-agent", "{}");
    assert_eq!(outcome.code(), Some(2), "{outcome}");
}

#[test]
fn rules_that_cannot_be_read_deny() {
    let user = user("hook: {outside: warn}\nno_such_key: 1\n");
    refuses_everything(&user, "config.yaml:2:1");
}

#[test]
fn what_was_recorded_is_known_as_its_own_agents() {
    let user = user("");
    let folder = place::package().join("tests/integrate/recorded");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let agents: Vec<_> = files.collect();
    assert!(agents.len() >= 6, "{agents:?}");
    for file in agents {
        let agent = file.file_stem().unwrap().to_str().unwrap();
        let product = aigate::integration::catalog::agent(agent);
        let product = product.unwrap().unwrap().product;
        for event in recordings(agent) {
            let event = event.to_string();
            let event = event.replace("CWD", user.world.project().to_str().unwrap());
            let (_, outcome) = ask(&user, agent, &event);
            assert!(
                outcome.said(&format!("this session of {product} was not started"))
                    && outcome.said(&format!("aigate exec -- {agent}")),
                "{event}: {outcome}"
            );
        }
    }
}

#[test]
fn a_prompt_and_a_session_are_answered_in_the_words_of_their_agent() {
    let user = user("");
    let cwd = user.world.project();
    let claude = "/hookSpecificOutput/hookEventName";
    let events = [
        ("claude", recorded("claude", 1), "/exit", json!(2)),
        (
            "claude",
            recorded("claude", 0),
            claude,
            json!("SessionStart"),
        ),
        ("codex", recorded("codex", 1), "/exit", json!(2)),
        ("codex", recorded("codex", 0), claude, json!("SessionStart")),
        ("gemini", recorded("gemini", 1), "/decision", json!("deny")),
        (
            "gemini",
            recorded("gemini", 0),
            claude,
            json!("SessionStart"),
        ),
        ("qwen", recorded("qwen", 0), "/exit", json!(2)),
        (
            "cursor",
            json!({"conversation_id": "c", "generation_id": "g", "cursor_version": "2", "workspace_roots": [cwd],
            "hook_event_name": "beforeSubmitPrompt", "prompt": "go", "attachments": []}),
            "/continue",
            json!(false),
        ),
        (
            "windsurf",
            json!({"agent_action_name": "pre_user_prompt", "trajectory_id": "t", "execution_id": "e",
            "timestamp": "2026-11-23T10:00:00Z", "tool_info": {"user_prompt": "go"}}),
            "/exit",
            json!(2),
        ),
    ];
    for (agent, event, place, word) in events {
        let event = event.to_string().replace("CWD", cwd.to_str().unwrap());
        let (answer, outcome) = ask(&user, agent, &event);
        assert_eq!(answer.pointer(place), Some(&word), "{event}: {outcome}");
        assert!(outcome.said("was not started in the sandbox"), "{outcome}");
    }
}
