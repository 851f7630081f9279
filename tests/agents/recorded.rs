//! What the agents tell their hooks.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::agent::{Agent, CLAUDE};
use super::session;
use super::support::session::Session;
use super::support::{SECRET, place, quoted, skip};

/// What the agent tells its hooks is what `tests/integrate` asks them, field by field: a session
/// outside in which a hook only warns, with a hook that writes down what it hears.
pub(crate) fn events_are_as_recorded(agent: &Agent, session: &Session) {
    let home = session.world.home();
    let config = home.join(".aigate/config.yaml");
    let rules = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{rules}hook: {{outside: warn}}\n")).unwrap();
    let (hook, real) = (home.join(".aigate/bin/aigate"), home.join("hook"));
    let heard = session.world.root().join("heard");
    fs::rename(&hook, &real).unwrap();
    let script = format!(
        "#!/bin/sh\nevent=$(cat)\nprintf '%s\\n' \"$event\" >>{}\nprintf %s \"$event\" | {} \"$@\"\n",
        quoted(&heard),
        quoted(&real)
    );
    fs::write(&hook, script).unwrap();
    fs::set_permissions(&hook, Permissions::from_mode(0o755)).unwrap();
    let (warned, told) = agent.start(session, false);
    fs::rename(&real, &hook).unwrap();
    fs::write(&config, rules).unwrap();
    assert!(
        warned.said("MOCK-FINAL 2") && told.contains("harmless") && !told.contains(SECRET),
        "{warned}\n{told}"
    );

    let heard = fs::read_to_string(heard).unwrap();
    let heard: Vec<Value> = serde_json::Deserializer::from_str(&heard)
        .into_iter()
        .map(|event| anonymous(event.unwrap(), session))
        .collect();
    let recorded =
        place::package().join(format!("tests/integrate/recorded/{}.json", agent.command));
    if std::env::var_os("UPDATE").is_some() {
        let lines: Vec<_> = heard.iter().map(Value::to_string).collect();
        fs::write(&recorded, format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
    }
    let recorded: Vec<Value> = serde_json::from_slice(&fs::read(recorded).unwrap()).unwrap();
    // An agent that tells more than it did is understood all the same.
    assert_eq!(heard.len(), recorded.len(), "{heard:#?}");
    for (heard, recorded) in heard.iter().zip(&recorded) {
        assert!(
            has(heard, recorded),
            "UPDATE=1 writes what was heard: {heard:#}\nrecorded: {recorded:#}"
        );
    }
}

/// Whether every field of the second is in the first, with the same value.
fn has(heard: &Value, recorded: &Value) -> bool {
    match (heard, recorded) {
        (Value::Object(heard), Value::Object(recorded)) => recorded
            .iter()
            .all(|(key, value)| heard.get(key).is_some_and(|heard| has(heard, value))),
        _ => heard == recorded,
    }
}

/// An event without what differs from run to run and from machine to machine.
fn anonymous(event: Value, session: &Session) -> Value {
    const BY_CHANCE: [&str; 9] = [
        "session_id",
        "sessionId",
        "prompt_id",
        "turn_id",
        "tool_use_id",
        "timestamp",
        "transcript_path",
        "model",
        "level",
    ];
    let paths = [
        (session.world.project(), "CWD"),
        (session.world.home(), "HOME"),
    ];
    match event {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| match (BY_CHANCE.contains(&&*key), &value) {
                (true, Value::String(text)) if !text.is_empty() => (key, Value::from("X")),
                (true, Value::Number(_)) => (key, Value::from(0)),
                _ => (key, anonymous(value, session)),
            })
            .collect(),
        Value::Array(items) => items
            .into_iter()
            .map(|item| anonymous(item, session))
            .collect(),
        Value::String(text) => paths
            .iter()
            .fold(text, |text, (path, word)| {
                text.replace(path.to_str().unwrap(), word)
            })
            .into(),
        other => other,
    }
}

/// Its hooks have tests of their own, in `tests/claude.rs`.
#[test]
fn claude_tells_its_hooks_what_was_recorded() {
    let session = session!(CLAUDE);
    session.aigate(&["integrate", "install", CLAUDE.command]);
    events_are_as_recorded(&CLAUDE, &session);
}
