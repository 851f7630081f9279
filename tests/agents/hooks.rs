//! What the model is told inside the sandbox, and what a session outside may do.

use super::agent::{Agent, CODEX, COPILOT, GEMINI, OPENCODE, QWEN};
use super::recorded::events_are_as_recorded;
use super::session;
use super::support::{SECRET, skip};

/// One agent, in the sandbox and out of it, with its hooks and without them.
fn hooks_hold(agent: &Agent) {
    let session = session!(agent);
    let plain = agent.start(&session, true);
    assert!(plain.0.said("MOCK-FINAL 2"), "{}\n{}", plain.0, plain.1);
    assert!(
        !plain.1.contains("aigate allow") && !plain.1.contains("aigate's sandbox"),
        "control arm: without hooks nobody tells the model: {}",
        plain.1
    );
    let settings = agent.settings(&session);
    session.aigate(&["integrate", "install", agent.command]);

    let (inside, told) = agent.start(&session, true);
    assert!(
        inside.said("MOCK-FINAL 2") && told.contains("harmless"),
        "{inside}\n{told}"
    );
    assert_eq!(
        told.contains("runs in aigate's sandbox"),
        agent.told,
        "{told}"
    );
    for text in ["app/.env is denied: because of `.env`", "aigate allow read"] {
        assert!(told.contains(text), "not told {text:?}: {inside}\n{told}");
    }
    for text in [&plain.1, &told] {
        assert!(!text.contains(SECRET), "ESCAPE: {text}");
    }

    let (outside, told) = agent.start(&session, false);
    if agent.prompt {
        assert!(!outside.said("MOCK-FINAL"), "{outside}");
    } else {
        assert!(
            told.contains("was not started in the sandbox"),
            "{outside}\n{told}"
        );
    }
    assert!(
        !told.contains(SECRET) && !told.contains("harmless\\n"),
        "{outside}\n{told}"
    );

    events_are_as_recorded(agent, &session);

    session.aigate(&["integrate", "uninstall", agent.command]);
    assert_eq!(agent.settings(&session), settings, "not given back");
    let (control, told) = agent.start(&session, false);
    assert!(told.contains(SECRET), "control arm: {control}\n{told}");
}

#[test]
fn codex_asks_its_hooks() {
    hooks_hold(&CODEX);
}

#[test]
fn copilot_asks_its_hooks() {
    hooks_hold(&COPILOT);
}

#[test]
fn gemini_asks_its_hooks() {
    hooks_hold(&GEMINI);
}

#[test]
fn qwen_asks_its_hooks() {
    hooks_hold(&QWEN);
}

#[test]
fn opencode_asks_its_hooks() {
    hooks_hold(&OPENCODE);
}
