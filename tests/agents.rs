//! Real agents with our hooks, talking to scripted stand-ins for their models: what the model is
//! told inside the sandbox, what a session outside may do, and what the agents tell their hooks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports by panicking"
)]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::Value;

use support::session::Session;
use support::{Outcome, SECRET, World, place, process, quoted, skip};

/// An agent may start slowly on two busy cores.
const LIMIT: Duration = Duration::from_secs(120);

/// A secret, and then something harmless. The quotes tell what ran from what was asked for.
const STEPS: &str = r#"[{"command": "cat .env"}, {"command": "echo harm''less"}]"#;

/// How an agent is started without a terminal, and led to the stand-in. `{address}` is that one's.
struct Agent {
    command: &'static str,
    /// Below the directory of agents; empty for Claude Code, which has a place of its own.
    program: &'static str,
    arguments: &'static [&'static str],
    mock: &'static str,
    env: &'static [(&'static str, &'static str)],
    settings: Option<(&'static str, &'static str)>,
    /// Whether the model is told at the start.
    told: bool,
    /// Whether what the user says is refused outside; if not, the tools are.
    prompt: bool,
}

const CODEX: Agent = Agent {
    command: "codex",
    program: "codex/node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex",
    // Its own sandbox is not what is tried here.
    arguments: &["exec", "--dangerously-bypass-approvals-and-sandbox", "go"],
    mock: "mock_openai.py",
    env: &[],
    settings: Some((
        ".codex/config.toml",
        "# mine\nmodel = \"gpt-5\"\nmodel_provider = \"mock\"\n\n[model_providers.mock]\nname = \
         \"mock\"\nbase_url = \"{address}/v1\"\nwire_api = \"responses\"\nsupports_websockets = \
         false\n",
    )),
    told: true,
    prompt: true,
};

const COPILOT: Agent = Agent {
    command: "copilot",
    program: "copilot/node_modules/@github/copilot-linux-x64/copilot",
    arguments: &["--allow-all-tools", "--allow-all-paths", "-p", "go"],
    mock: "mock_anthropic.py",
    env: &[
        ("COPILOT_OFFLINE", "true"),
        ("COPILOT_PROVIDER_TYPE", "anthropic"),
        ("COPILOT_PROVIDER_BASE_URL", "{address}"),
        ("COPILOT_MODEL", "claude-sonnet-4-5"),
    ],
    settings: None,
    told: false,
    prompt: false,
};

const CLAUDE: Agent = Agent {
    command: "claude",
    program: "",
    arguments: &["-p", "go", "--permission-mode", "bypassPermissions"],
    mock: "mock_anthropic.py",
    env: &[
        ("ANTHROPIC_BASE_URL", "{address}"),
        ("ANTHROPIC_API_KEY", "dummy"),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        // Else it refuses this mode to root.
        ("IS_SANDBOX", "1"),
    ],
    settings: None,
    told: true,
    prompt: true,
};

const GEMINI: Agent = Agent {
    command: "gemini",
    program: "gemini/node_modules/@google/gemini-cli/bundle/gemini.js",
    // Without a name it first asks another model which one to take, which the stand-in does not
    // know: that is a minute and a half of further tries.
    arguments: &["-m", "gemini-2.5-pro", "--yolo", "-p", "go"],
    mock: "mock_gemini.py",
    env: &[
        ("GOOGLE_GEMINI_BASE_URL", "{address}"),
        ("GEMINI_API_KEY", "dummy"),
        ("GEMINI_CLI_TRUST_WORKSPACE", "true"),
    ],
    settings: Some((
        ".gemini/settings.json",
        "{\n  // mine\n  \"security\": {\"auth\": {\"selectedType\": \"gemini-api-key\"}},\n  \
         \"privacy\": {\"usageStatisticsEnabled\": false}\n}\n",
    )),
    told: true,
    prompt: true,
};

const QWEN: Agent = Agent {
    command: "qwen",
    program: "qwen/node_modules/@qwen-code/qwen-code/cli.js",
    arguments: &["--yolo", "-p", "go"],
    mock: "mock_openai.py",
    env: &[
        ("OPENAI_BASE_URL", "{address}/v1"),
        ("OPENAI_API_KEY", "dummy"),
        ("OPENAI_MODEL", "mock"),
    ],
    settings: Some((
        ".qwen/settings.json",
        "{\n  // mine\n  \"$version\": 4,\n  \"privacy\": {\"usageStatisticsEnabled\": false}\n}\n",
    )),
    told: false,
    prompt: true,
};

const OPENCODE: Agent = Agent {
    command: "opencode",
    program: "opencode/node_modules/opencode-linux-x64/bin/opencode",
    arguments: &["run", "go"],
    mock: "mock_openai.py",
    env: &[
        // Its list of models is not needed for one that is described here.
        ("OPENCODE_DISABLE_MODELS_FETCH", "true"),
    ],
    settings: Some((
        ".config/opencode/opencode.json",
        "{\n  \"$schema\": \"https://opencode.ai/config.json\",\n  \"model\": \"mock/mock\", \"small_model\": \"mock/mock\", \"permission\": \"allow\",\n  \
         \"provider\": {\"mock\": {\"npm\": \"@ai-sdk/openai-compatible\", \"models\": {\"mock\": {}},\n    \
         \"options\": {\"baseURL\": \"{address}/v1\", \"apiKey\": \"dummy\"}}}\n}\n",
    )),
    told: false,
    prompt: false,
};

impl Agent {
    /// One who works with it. `None` where the program or the stand-in is missing.
    fn session(&self) -> Option<Session> {
        let settled = |mut world: World, address: &str| {
            let filled = |text: &str| text.replace("{address}", address);
            for (name, value) in self.env {
                world = world.env(name, filled(value));
            }
            match self.settings {
                Some((file, text)) => world.home_file(file, &filled(text)),
                None => world,
            }
        };
        let program = match self.program {
            "" => place::claude()?,
            program => place::agent(program)?,
        };
        let world = World::new().repository().secret(".env");
        Session::new(world, (self.command, program), (self.mock, STEPS), settled)
    }

    /// Starts it by its shim or as it is; what it said, and what its model was told in that time.
    fn start(&self, session: &Session, guarded: bool) -> (Outcome, String) {
        // OpenCode leaves its lock behind where it ends while it still fetches something, and then
        // waits for a minute until it is old.
        _ = fs::remove_dir_all(session.world.home().join(".local/state/opencode/locks"));
        let before = session.requests().len();
        let mut start = session.program(self.command, guarded);
        start.args(self.arguments);
        if !guarded {
            // Some leave megabytes behind at each start.
            let temporary = session.world.root().join("tmp");
            fs::create_dir_all(&temporary).unwrap();
            start.env("TMPDIR", temporary);
            // Where nothing confines them, nothing is fetched either.
            start.env("npm_config_offline", "true");
        }
        let said = process::run_within(start, LIMIT);
        (said, session.requests().split_off(before))
    }

    fn settings(&self, session: &Session) -> Option<String> {
        let (file, _) = self.settings?;
        Some(fs::read_to_string(session.world.home().join(file)).unwrap())
    }
}

/// A session with an agent, or a test that is left as skipped.
macro_rules! session {
    ($agent:expr) => {
        match $agent.session() {
            Some(session) => session,
            None => skip!(
                "{} or ../shared/mocks is missing; test.sh installs the first",
                $agent.command
            ),
        }
    };
}

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

/// What the agent tells its hooks is what `tests/integrate` asks them, field by field: a session
/// outside in which a hook only warns, with a hook that writes down what it hears.
fn events_are_as_recorded(agent: &Agent, session: &Session) {
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
