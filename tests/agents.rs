//! Real agents with our hooks, talking to scripted stand-ins for their models: what the model is
//! told inside the sandbox, and what a session outside may do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports by panicking"
)]

mod support;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use support::{Host, Outcome, SECRET, World, place, process, quoted, skip};

/// An agent may start slowly on two busy cores.
const LIMIT: Duration = Duration::from_secs(120);

/// How an agent is started without a terminal, and led to the stand-in. `{address}` is that one's.
struct Agent {
    command: &'static str,
    /// Below the directory of agents.
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

struct Session {
    agent: &'static Agent,
    world: World,
    /// Ends with the session.
    _model: Host,
}

impl Session {
    /// The model asks for a secret, and then for something harmless. `None` where the program or
    /// the stand-in is missing.
    fn new(agent: &'static Agent) -> Option<Self> {
        let (program, mocks) = (place::agent(agent.program)?, place::mocks()?);
        let mut world = World::new().repository().secret(".env");
        fs::create_dir_all(world.root().join("bin")).unwrap();
        symlink(program, world.root().join("bin").join(agent.command)).unwrap();
        let script = world.root().join("steps.json");
        fs::write(
            &script,
            r#"[{"command": "cat .env"}, {"command": "echo harm''less"}]"#,
        )
        .unwrap();
        let model = world.host(&format!(
            "exec python3 -u {} --script {} --log {} --max-seconds 600",
            quoted(mocks.canonicalize().unwrap().join(agent.mock)),
            quoted(script),
            quoted(world.root().join("requests"))
        ));
        let address = model.line().rsplit(' ').next().unwrap().to_owned();
        for (name, value) in agent.env {
            world = world.env(name, value.replace("{address}", &address));
        }
        if let Some((file, text)) = agent.settings {
            world = world.home_file(file, &text.replace("{address}", &address));
        }
        let session = Self {
            agent,
            world,
            _model: model,
        };
        session.aigate(&["shim", "install", "--no-shell", agent.command]);
        // What a user does whose model is on this machine.
        let local = address.replace("http://127.0.0.1", "localhost");
        session.aigate(&["allow", "net", &local]);
        Some(session)
    }

    fn aigate(&self, arguments: &[&str]) {
        let mut command = self.world.aigate();
        command.env("PATH", self.path()).args(arguments);
        let done = process::run(command);
        assert!(done.ok(), "{done}");
    }

    fn path(&self) -> OsString {
        let rest = place::environment(&self.world.home());
        let rest = rest.into_iter().find(|(name, _)| name == "PATH").unwrap().1;
        let own = [self.world.root().join("bin")];
        std::env::join_paths(own.into_iter().chain(std::env::split_paths(&rest))).unwrap()
    }

    /// Starts it by its shim or as it is; what it said, and what its model was told in that time.
    fn start(&self, guarded: bool) -> (Outcome, String) {
        let command = self.agent.command;
        let program = match guarded {
            true => self.world.home().join(".aigate/shims").join(command),
            false => self.world.root().join("bin").join(command),
        };
        let before = self.requests().len();
        let mut start = self.world.command(program);
        start.env("PATH", self.path()).args(self.agent.arguments);
        let said = process::run_within(start, LIMIT);
        (said, self.requests().split_off(before))
    }

    fn requests(&self) -> String {
        fs::read_to_string(self.world.root().join("requests")).unwrap_or_default()
    }
}

/// One agent, in the sandbox and out of it, with its hooks and without them.
fn hooks_hold(agent: &'static Agent) {
    let Some(session) = Session::new(agent) else {
        skip!(
            "{} or ../shared/mocks is missing; test.sh installs it",
            agent.command
        );
    };
    let plain = session.start(true);
    assert!(plain.0.said("MOCK-FINAL 2"), "{}\n{}", plain.0, plain.1);
    assert!(
        !plain.1.contains("aigate allow") && !plain.1.contains("aigate's sandbox"),
        "control arm: without hooks nobody tells the model: {}",
        plain.1
    );
    session.aigate(&["integrate", "install", agent.command]);

    let (inside, told) = session.start(true);
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

    let (outside, told) = session.start(false);
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

    session.aigate(&["integrate", "uninstall", agent.command]);
    let (control, told) = session.start(false);
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
