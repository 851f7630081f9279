//! The agents: how each is started and led to the stand-in for its model.

use std::fs;
use std::process::Command;
use std::time::Duration;

use super::support::session::Session;
use super::support::{Outcome, World, place, process};

/// An agent may start slowly on two busy cores.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// A secret, and then something harmless. The quotes tell what ran from what was asked for.
const STEPS: &str = r#"[{"command": "cat .env"}, {"command": "echo harm''less"}]"#;

/// How an agent is started without a terminal, and led to the stand-in. `{address}` is that one's.
pub(crate) struct Agent {
    pub(crate) command: &'static str,
    /// Below the directory of agents; empty for Claude Code, which has a place of its own.
    pub(crate) program: &'static str,
    pub(crate) arguments: &'static [&'static str],
    pub(crate) mock: &'static str,
    pub(crate) env: &'static [(&'static str, &'static str)],
    pub(crate) settings: Option<(&'static str, &'static str)>,
    /// Whether the model is told at the start.
    pub(crate) told: bool,
    /// Whether what the user says is refused outside; if not, the tools are.
    pub(crate) prompt: bool,
}

pub(crate) const CODEX: Agent = Agent {
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

pub(crate) const COPILOT: Agent = Agent {
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

pub(crate) const CLAUDE: Agent = Agent {
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

pub(crate) const GEMINI: Agent = Agent {
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

pub(crate) const QWEN: Agent = Agent {
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

pub(crate) const OPENCODE: Agent = Agent {
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
    pub(crate) fn session(&self) -> Option<Session> {
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
    pub(crate) fn start(&self, session: &Session, guarded: bool) -> (Outcome, String) {
        self.start_with(session, guarded, &[], &[])
    }

    /// The same with more variables and more arguments.
    pub(crate) fn start_with(
        &self,
        session: &Session,
        guarded: bool,
        variables: &[(&str, &str)],
        arguments: &[&str],
    ) -> (Outcome, String) {
        // OpenCode leaves its lock behind where it ends while it still fetches something, and then
        // waits for a minute until it is old.
        _ = fs::remove_dir_all(session.world.home().join(".local/state/opencode/locks"));
        let before = session.requests().len();
        let start = self.started(session, guarded, variables, arguments);
        let said = process::run_within(start, LIMIT);
        (said, session.requests().split_off(before))
    }

    /// What starts it so.
    pub(crate) fn started(
        &self,
        session: &Session,
        guarded: bool,
        variables: &[(&str, &str)],
        arguments: &[&str],
    ) -> Command {
        let mut start = session.program(self.command, guarded);
        start.args(self.arguments).args(arguments);
        start.envs(variables.iter().copied());
        if !guarded {
            // Some leave megabytes behind at each start.
            let temporary = session.world.root().join("tmp");
            fs::create_dir_all(&temporary).unwrap();
            start.env("TMPDIR", temporary);
            // Where nothing confines them, nothing is fetched either.
            start.env("npm_config_offline", "true");
        }
        start
    }

    pub(crate) fn settings(&self, session: &Session) -> Option<String> {
        let (file, _) = self.settings?;
        Some(fs::read_to_string(session.world.home().join(file)).unwrap())
    }
}
