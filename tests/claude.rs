//! The real Claude Code behind its shim, talking to a scripted stand-in for the model.
//!
//! Every promise has its control arm: the same script without the shim, where the secret shows.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports by panicking"
)]

mod support;

use std::fs;
use std::ops::Deref;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use support::{Outcome, SECRET, World, place, process, skip, tool};

/// Claude Code may start slowly on two busy cores.
const LIMIT: Duration = Duration::from_secs(120);

/// Claude Code, and a model that plays a script to it.
struct Session(support::session::Session);

impl Deref for Session {
    type Target = support::session::Session;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Session {
    /// `None` where the program or the stand-in is missing; the steps are those of the mock.
    fn new(world: World, steps: &serde_json::Value) -> Option<Self> {
        let agent = ("claude", place::claude()?);
        let model = ("mock_anthropic.py", &*steps.to_string());
        support::session::Session::new(world, agent, model, session_environment).map(Self)
    }

    /// Types `claude ARGUMENTS`.
    fn claude(&self, arguments: &[&str], guarded: bool) -> Outcome {
        let mut command = self.program("claude", guarded);
        command
            .args(arguments)
            .args(["--permission-mode", "bypassPermissions"]);
        process::run_within(command, LIMIT)
    }

    /// It ran [`READ_ALL`] to its end, and neither it nor the model saw a secret.
    #[track_caller]
    fn read_no_secret(&self, inside: &Outcome) {
        assert!(inside.ok() && inside.said("MOCK-FINAL 1"), "{inside}");
        assert!(
            inside.said("the readme of the project") && inside.said("end"),
            "{inside}"
        );
        assert!(
            !inside.said(SECRET) && !self.requests().contains(SECRET),
            "ESCAPE: {inside}"
        );
    }

    /// `aigate integrate VERB claude`.
    #[track_caller]
    fn integrate(&self, verb: &str) {
        self.aigate(&["integrate", verb, "claude"]);
    }
}

fn session_environment(world: World, address: &str) -> World {
    let world = world
        .env("ANTHROPIC_BASE_URL", address)
        .env("ANTHROPIC_API_KEY", "dummy")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    // Claude Code refuses this mode to root, unless it is told that a sandbox is around it.
    if nix::unistd::geteuid().is_root() {
        world.env("IS_SANDBOX", "1")
    } else {
        world
    }
}

fn world() -> World {
    furnished(World::new())
}

fn furnished(world: World) -> World {
    world
        .repository()
        .file("README.md", "the readme of the project\n")
        .secret(".env")
        .secret("sub/deep/.env")
        .home_secret(".ssh/id_ed25519")
        .home_secret(".ssh/id_rsa")
}

macro_rules! session {
    ($world:expr, $steps:ident) => {
        session!(@ $world, &$steps)
    };
    ($world:expr, $steps:tt) => {
        session!(@ $world, &serde_json::json!($steps))
    };
    (@ $world:expr, $steps:expr) => {
        match Session::new($world, $steps) {
            Some(session) => session,
            None => skip!("Claude Code or ../shared/mocks is missing; test.sh installs the first"),
        }
    };
}

const READ_ALL: &str = "cat README.md; cat .env sub/deep/.env ~/.ssh/id_ed25519 ~/.ssh/id_rsa; \
                        cp .env copy; cat copy; echo written > out.txt; ls -a; echo end";

#[test]
fn its_shell_reads_the_project_and_no_secret() {
    let session = session!(world(), [{"command": READ_ALL}]);
    let inside = session.claude(&["-p", "go"], true);
    session.read_no_secret(&inside);
    let written = session.world.project().join("out.txt");
    assert_eq!(fs::read_to_string(&written).unwrap(), "written\n");
    fs::remove_file(written).unwrap();
    let outside = session.claude(&["-p", "go"], false);
    assert!(
        outside.said(SECRET) && session.requests().contains(SECRET),
        "control arm: {outside}"
    );
}

#[test]
fn its_own_tools_are_confined_like_its_shell() {
    let world = world();
    let (project, home) = (world.project(), world.home());
    let session = session!(world, [
        {"tool": "Read", "input": {"file_path": project.join("README.md")}},
        {"tool": "Read", "input": {"file_path": project.join("sub/deep/.env")}},
        {"tool": "Read", "input": {"file_path": home.join(".ssh/id_rsa")}},
        {"tool": "Write", "input": {"file_path": project.join("made.txt"), "content": "by a tool"}},
        {"tool": "Write", "input": {"file_path": home.join(".zshrc"), "content": "evil"}},
        {"tool": "Write", "input": {"file_path": project.join(".git/hooks/pre-commit"), "content": "evil"}}
    ]);
    let planted = [home.join(".zshrc"), project.join(".git/hooks/pre-commit")];
    let inside = session.claude(&["-p", "go"], true);
    assert!(
        inside.said("MOCK-FINAL 6") && inside.said("the readme of the project"),
        "{inside}"
    );
    assert!(!inside.said(SECRET), "ESCAPE: {inside}");
    assert!(
        !planted.iter().any(|path| path.exists()),
        "ESCAPE: {inside}"
    );
    let made = project.join("made.txt");
    assert_eq!(fs::read_to_string(&made).unwrap(), "by a tool");
    fs::remove_file(made).unwrap();
    let outside = session.claude(&["-p", "go"], false);
    assert!(outside.said(SECRET), "control arm: {outside}");
    assert!(
        planted.iter().all(|path| path.exists()),
        "control arm: {outside}"
    );
}

/// No line lists the agent. Its search is its own file, as another program.
#[test]
fn where_only_listed_programs_run_it_works_with_its_shell() {
    let world = world()
        .config("exec: allowlist\nallow_exec: [bash, sh, cat, cp, git]\n")
        .env("MARK", "hunter2");
    let project = world.project();
    let session = session!(world, [
        {"command": "cat README.md; git status --short; cp \"$(command -v printenv)\" own; ./own MARK; echo end"},
        {"tool": "Grep", "input": {"pattern": "readme", "path": project, "output_mode": "content"}}
    ]);
    let inside = session.claude(&["-p", "go"], true);
    assert!(inside.ok() && inside.said("MOCK-FINAL 2"), "{inside}");
    assert!(
        inside.said("the readme of the project") && inside.said("end"),
        "{inside}"
    );
    assert!(
        inside.said("Permission denied") && !inside.said(SECRET),
        "ESCAPE: {inside}"
    );
    let outside = session.claude(&["-p", "go"], false);
    assert!(outside.said(SECRET), "control arm: {outside}");
}

#[test]
fn as_another_account_it_works_and_keeps_its_state() {
    let Some(account) = place::account() else {
        skip!("no account for `engine: user`; `aigate setup` makes one");
    };
    let Some(program) = place::claude() else {
        skip!("Claude Code is missing; test.sh installs it");
    };
    let world = furnished(World::below(&place::open_base())).config(
        "engine: user\naccept_losses: [names, later, protected, processes, shared]\nnetwork: open\n",
    );
    // Where the account gets to, as to what a user has installed for everybody.
    let open = world.root().join("claude");
    fs::hard_link(&program, &open)
        .or_else(|_| fs::copy(&program, &open).map(drop))
        .expect("a copy");
    let command = format!("id -u; {READ_ALL}");
    let steps = serde_json::json!([{"command": command}]).to_string();
    let model = ("mock_anthropic.py", &*steps);
    let session =
        support::session::Session::new(world, ("claude", open), model, session_environment);
    let Some(session) = session.map(Session) else {
        skip!("../shared/mocks is missing");
    };
    for _ in 0..2 {
        let inside = session.claude(&["-p", "remember-the-word-marzipan", "--continue"], true);
        session.read_no_secret(&inside);
        assert!(inside.said(&account["uid"].to_string()), "{inside}");
        // What it wrote is the user's to change.
        let written = session.world.project().join("out.txt");
        fs::write(&written, "mine\n").expect("a file of both");
    }
    let state = session.world.home().join(".claude.json");
    assert!(
        fs::read_to_string(state)
            .expect("its state")
            .contains("userID")
    );
    assert!(session.requests().matches("marzipan").count() > 2);
    let outside = session.claude(&["-p", "go"], false);
    assert!(outside.said(SECRET), "control arm: {outside}");
}

#[test]
fn its_state_is_kept_from_run_to_run() {
    let session = session!(world(), [{"command": "echo first"}]);
    let state = session.world.home().join(".claude.json");
    assert!(
        session
            .claude(&["-p", "remember-the-word-marzipan"], true)
            .ok()
    );
    let first = fs::read_to_string(&state).expect("~/.claude.json after the first run");
    assert!(
        first.contains("userID") || first.contains("projects"),
        "{first}"
    );
    let before = session.requests().len();
    let again = session.claude(&["-p", "and-now", "--continue"], true);
    assert!(again.ok(), "{again}");
    let later = session.requests()[before..].to_owned();
    assert!(
        later.contains("marzipan"),
        "the first conversation was forgotten: {again}"
    );
    let identity = |text: &str| {
        serde_json::from_str::<serde_json::Value>(text)
            .unwrap()
            .get("userID")
            .cloned()
    };
    let second = fs::read_to_string(&state).unwrap();
    assert_eq!(
        identity(&first),
        identity(&second),
        "another user after the second run"
    );
}

#[test]
fn the_network_off_keeps_it_from_the_model() {
    let session = session!(world(), [{"command": "echo hello"}]);
    let mut off = session.world.aigate();
    off.args(["deny", "net", "--all"]);
    let off = process::run(off);
    assert!(off.ok(), "{off}");
    let mut run = session.program("claude", true);
    run.args(["-p", "go"])
        .env("CLAUDE_CODE_MAX_RETRIES", "0")
        .env("API_TIMEOUT_MS", "3000");
    let inside = process::run_within(run, LIMIT);
    assert!(!inside.said("MOCK-FINAL"), "ESCAPE: {inside}");
    assert!(session.requests().is_empty(), "ESCAPE: {inside}");
    assert!(
        session.claude(&["-p", "go"], false).said("MOCK-FINAL 1"),
        "control arm"
    );
}

#[test]
fn its_exit_status_and_output_are_its_own() {
    let session = session!(world(), [{"command": "true"}]);
    let run = |arguments: &[&str], guarded: bool| {
        let mut command = session.program("claude", guarded);
        command.args(arguments);
        process::run_within(command, LIMIT)
    };
    for arguments in [&["--version"][..], &["--no-such-flag"], &["mcp", "list"]] {
        let (inside, outside) = (run(arguments, true), run(arguments, false));
        assert_eq!(inside.code(), outside.code(), "{inside}\n{outside}");
        assert_eq!(inside.out, outside.out, "{arguments:?}");
    }
}

/// The model asks for a secret in two ways, and then for something harmless.
fn asking_for_a_secret(world: &World) -> serde_json::Value {
    serde_json::json!([
        {"tool": "Read", "input": {"file_path": world.project().join(".env")}},
        {"command": "cat sub/deep/.env"},
        {"command": "echo harm''less"}
    ])
}

#[test]
fn its_hooks_tell_the_model_what_is_closed_and_how_to_ask() {
    let world = world();
    let steps = asking_for_a_secret(&world);
    let session = session!(world, steps);
    let before = session.claude(&["-p", "go"], true);
    let plain = session.requests();
    assert!(before.said("MOCK-FINAL 3"), "{before}");
    assert!(
        !plain.contains("aigate allow") && !plain.contains("aigate's sandbox"),
        "control arm: without hooks nobody tells the model: {plain}"
    );
    session.integrate("install");
    let after = session.claude(&["-p", "go"], true);
    assert!(
        after.said("MOCK-FINAL 3") && after.said("harmless"),
        "{after}"
    );
    let told = session.requests()[plain.len()..].to_owned();
    for (what, text) in [
        ("at the start", "runs in aigate's sandbox"),
        ("how to ask", "aigate allow read"),
        ("of Read", "app/.env is denied: because of `.env`"),
        ("of Bash", "app/sub/deep/.env is denied: because of `.env`"),
    ] {
        assert!(told.contains(text), "not told {what}: {told}");
    }
    assert!(!told.contains(SECRET), "ESCAPE: {told}");
}

#[test]
fn outside_the_sandbox_its_hooks_refuse_to_start() {
    let world = world();
    let steps = asking_for_a_secret(&world);
    let session = session!(world, steps);
    session.integrate("install");
    let refused = session.claude(&["-p", "go"], false);
    assert!(
        refused.said(".aigate/shims/claude") && !refused.said("MOCK-FINAL"),
        "{refused}"
    );
    assert!(
        !session.requests().contains("POST"),
        "{}",
        session.requests()
    );
    // Who insists is told, and the rules are asked all the same.
    let config = session.world.home().join(".aigate/config.yaml");
    fs::write(config, "hook: {outside: warn}\n").unwrap();
    let warned = session.claude(&["-p", "go"], false);
    let told = session.requests();
    assert!(warned.said("harmless") && !warned.said(SECRET), "{warned}");
    assert!(
        told.contains("was not started in the sandbox") && told.contains("aigate allow read"),
        "{told}"
    );
    session.integrate("uninstall");
    let control = session.claude(&["-p", "go"], false);
    assert!(control.said(SECRET), "control arm: {control}");
}

#[test]
fn its_window_works_in_tmux() {
    if !tool("tmux") {
        skip!("tmux is not installed");
    }
    let session = session!(onboarded(world()), [{"command": READ_ALL}]);
    let tmux = Tmux::start(&session);
    tmux.keys(&[
        "claude --permission-mode bypassPermissions; echo ended:$?",
        "Enter",
    ]);
    tmux.wait_for("bypass permissions on");
    tmux.keys(&["go"]);
    tmux.keys(&["Enter"]);
    let screen = tmux.wait_for("MOCK-FINAL 1");
    assert!(screen.contains("the readme of the project"), "{screen}");
    assert!(!screen.contains(SECRET), "ESCAPE: {screen}");
    tmux.run(&["resize-window", "-x", "90", "-y", "30"]);
    tmux.keys(&["/exit"]);
    tmux.keys(&["Enter"]);
    tmux.wait_for("ended:0");
    assert!(!session.requests().contains(SECRET), "ESCAPE");
    assert!(session.world.project().join("out.txt").exists());
}

/// A home in which Claude Code has asked its first questions already.
fn onboarded(world: World) -> World {
    let project = world.project().display().to_string();
    let state = serde_json::json!({
        "hasCompletedOnboarding": true,
        "theme": "dark",
        "customApiKeyResponses": {"approved": ["dummy"], "rejected": []},
        "projects": {project: {"hasTrustDialogAccepted": true, "hasCompletedProjectOnboarding": true}}
    });
    // That it may do everything was asked and answered, too: what it cannot write down itself, for
    // hooks stand in the same file.
    let settings = serde_json::json!({"skipDangerousModePermissionPrompt": true});
    world
        .home_file(".claude.json", &state.to_string())
        .home_file(".claude/settings.json", &settings.to_string())
}

/// A terminal with a shell in it, whose prompt shows the status of the last command.
struct Tmux<'a> {
    session: &'a Session,
    socket: PathBuf,
}

impl<'a> Tmux<'a> {
    fn start(session: &'a Session) -> Self {
        let tmux = Self {
            session,
            socket: session.world.root().join("tmux"),
        };
        let shell = "env PS1='outside:$? ' sh -i";
        tmux.run(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "120",
            "-y",
            "50",
            shell,
        ]);
        tmux.wait_for("outside:0");
        tmux
    }

    fn run(&self, arguments: &[&str]) -> String {
        let mut command = self.session.program("tmux", true);
        command.arg("-S").arg(&self.socket).args(arguments);
        let outcome = process::run(command);
        assert!(outcome.ok(), "{arguments:?}: {outcome}");
        outcome.out
    }

    fn keys(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
        // A paste and a keystroke are different things to a full-screen program.
        thread::sleep(Duration::from_millis(500));
    }

    /// The screen with what scrolled away, once a text is on it.
    #[track_caller]
    fn wait_for(&self, text: &str) -> String {
        let start = Instant::now();
        loop {
            let screen = self.run(&["capture-pane", "-p", "-S", "-200"]);
            if screen.contains(text) {
                return screen;
            }
            assert!(start.elapsed() < LIMIT, "{text} did not appear:\n{screen}");
            thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        let mut command = self.session.program("tmux", true);
        command.arg("-S").arg(&self.socket).arg("kill-server");
        process::run(command);
    }
}
