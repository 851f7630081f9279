//! `doctor`: what this machine gives a sandbox, and what is lost without it.
//!
//! Everything is found out by doing it. Each finding that is a loss names the promise of
//! `docs/threat-model.md` that depends on it, and the command that mends it.

mod apparmor;
mod engines;
mod machine;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::integrate::{self, Integrations};
use super::policy::place;
use super::shim::{User, Verdict};
use crate::config;
use crate::engine;
use crate::policy::Policy;

/// One thing that was tried.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What, in one or two words.
    pub what: &'static str,
    /// How it ended.
    pub state: State,
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It works; what is worth saying about it.
    Ok(String),
    /// A promise is lost.
    Lost(Loss),
    /// Nothing is lost, or nothing could be said.
    Note(String),
}

/// A promise that does not hold on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// What does not hold.
    pub promise: String,
    /// What was seen.
    pub why: String,
    /// What mends it: a command, or the nearest thing to one.
    pub cure: String,
}

impl Finding {
    fn ok(what: &'static str, detail: impl Into<String>) -> Self {
        let state = State::Ok(detail.into());
        Self { what, state }
    }

    fn note(what: &'static str, text: impl Into<String>) -> Self {
        let state = State::Note(text.into());
        Self { what, state }
    }

    fn lost(
        what: &'static str,
        promise: impl Into<String>,
        why: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        let (promise, why, cure) = (promise.into(), why.into(), cure.into());
        let state = State::Lost(Loss { promise, why, cure });
        Self { what, state }
    }
}

/// Why nothing can be said.
#[derive(Debug)]
pub struct Inside;

impl std::fmt::Display for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "this is the inside of a sandbox, which says nothing about the machine; \
             run `aigate doctor` in a terminal of your own",
        )
    }
}

impl std::error::Error for Inside {}

/// Tries everything.
///
/// # Errors
/// Inside a sandbox.
pub fn run() -> Result<Vec<Finding>, Inside> {
    if engine::inside() {
        return Err(Inside);
    }
    let home = config::load::home().ok();
    let policy = rules();
    // The kernel first: its trials fork, which a process with threads may not.
    let mut found = machine::findings(policy.as_ref().ok().map(|policy| &policy.limits));
    let engines = engines::findings(&found, policy.as_ref().ok());
    found.extend(engines);
    found.extend(sandbox(policy));
    found.push(match &home {
        Some(home) => home_is_writable(home),
        None => Finding::lost(
            "home",
            "nothing runs",
            "HOME is not set to an absolute path",
            "export HOME=$(getent passwd \"$(id -un)\" | cut -d: -f6)",
        ),
    });
    if let Ok(user) = User::of_this_process() {
        found.extend(shims(&user));
    }
    found.push(hooks());
    Ok(found)
}

/// What the settings of agents lack, or what in them switches our hooks off.
fn hooks() -> Finding {
    const UNTOLD: &str = "an agent outside the sandbox is not stopped by its hooks";
    let problems = || {
        let here = Integrations::here()?;
        let agents = here.list()?.into_iter();
        let installed: Vec<_> = agents.filter(|a| !a.installed.is_empty()).collect();
        let mut problems = Vec::new();
        for agent in &installed {
            problems.extend(here.problems(agent.name)?);
        }
        Ok::<_, integrate::Error>((installed.len(), problems))
    };
    match problems() {
        Ok((0, _)) => Finding::note("hooks", "none installed; see `aigate setup-agents`"),
        Ok((count, problems)) if problems.is_empty() => {
            Finding::ok("hooks", format!("those of {count} agents whole"))
        }
        Ok((_, problems)) => {
            let cure = "aigate integrate status (names each)";
            Finding::lost("hooks", UNTOLD, problems.join("; "), cure)
        }
        Err(error) => {
            let cure = "aigate integrate status";
            Finding::lost("hooks", UNTOLD, error.to_string(), cure)
        }
    }
}

fn rules() -> Result<Policy, Unruled> {
    let request = place::request(None).map_err(|error| Unruled::Wrong(error.to_string()))?;
    config::load(&request).map_err(|error| match error {
        config::Error::Project { .. } => Unruled::NoProject(error.to_string()),
        other => Unruled::Wrong(other.to_string()),
    })
}

/// Why there are no rules for this place.
enum Unruled {
    /// It is no project, so nobody runs anything here.
    NoProject(String),
    /// They cannot be read.
    Wrong(String),
}

/// The rules of this place, and a program in the sandbox that they make.
fn sandbox(policy: Result<Policy, Unruled>) -> [Finding; 2] {
    const RULES: &str = "rules";
    let untried = Finding::note("sandbox", "not started: there are no rules for it here");
    match policy {
        Ok(policy) => {
            let project = policy.project.display();
            [Finding::ok(RULES, format!("read for {project}")), start()]
        }
        Err(Unruled::NoProject(why)) => [Finding::note(RULES, why), untried],
        Err(Unruled::Wrong(why)) => {
            let cure = "correct what it names, then: aigate status";
            [
                Finding::lost(RULES, "nothing runs here", why, cure),
                untried,
            ]
        }
    }
}

/// The whole of it: this program, in the sandbox of this place.
fn start() -> Finding {
    let run = Command::new("/proc/self/exe")
        .args(["exec", "--", "/proc/self/exe", "--version"])
        .stdin(Stdio::null())
        .output();
    let why = match run {
        Ok(output) if output.status.success() => {
            return Finding::ok("sandbox", "started a program in it");
        }
        Ok(output) => String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .to_owned(),
        Err(error) => error.to_string(),
    };
    let why = why.strip_prefix("aigate: ").unwrap_or(&why);
    let cure = "what is lost above names its cure; without one please report this";
    Finding::lost("sandbox", "nothing runs here", why, cure)
}

/// The audit log, the index of hidden files and trust are kept there.
fn home_is_writable(home: &Path) -> Finding {
    let own = home.join(".aigate");
    let place = if own.is_dir() { own.as_path() } else { home };
    match tempfile::Builder::new()
        .prefix(".aigate-doctor")
        .tempfile_in(place)
    {
        Ok(_) => Finding::ok("home", format!("{} can be written", place.display())),
        Err(error) => Finding::lost(
            "home",
            "runs are not recorded, and every start looks for hidden files anew",
            format!("{}: {error}", place.display()),
            format!(
                "make {} writable, or set HOME to a directory that is",
                place.display()
            ),
        ),
    }
}

fn shims(user: &User) -> Vec<Finding> {
    let installed = fs::read_dir(user.shims()).is_ok_and(|mut shims| shims.next().is_some());
    if !installed {
        let text = "none installed; `aigate shim install` guards tools by name";
        return vec![Finding::note("shims", text)];
    }
    const UNGUARDED: &str = "tools that are typed by name start outside the sandbox";
    let verified = user.verify();
    let files = match verified.problems.as_slice() {
        [] => Finding::ok("shims", format!("{} whole", verified.answering.len())),
        problems => {
            let cure = "aigate shim repair";
            Finding::lost("shims", UNGUARDED, problems.join("; "), cure)
        }
    };
    let silent = verified.answering.iter().filter(|(_, answers)| !answers);
    let silent = silent.map(|(tool, _)| format!("{tool} does not answer"));
    let shadowed = verified
        .checks
        .iter()
        .filter(|check| !check.verdict.is_good());
    let shadowed = shadowed.map(|check| {
        let (shell, mode, tool) = (check.shell.command(), check.mode, &check.tool);
        match &check.verdict {
            Verdict::Shadowed(path, _) => {
                format!("{shell} {mode} starts {} for {tool}", path.display())
            }
            _ => format!("{shell} {mode} does not start {tool} by its shim"),
        }
    });
    let wrong: Vec<_> = silent.chain(shadowed).collect();
    let shells = if wrong.is_empty() {
        Finding::ok("shells", "each of them starts the shims")
    } else {
        let cure = "aigate shim verify (names file and line), then: aigate shim repair";
        Finding::lost("shells", UNGUARDED, wrong.join("; "), cure)
    };
    let path = if user.shims_come_first() {
        Finding::ok("PATH", "the shims come first in this shell")
    } else {
        let why = format!("{} is not its first entry", user.shims().display());
        Finding::lost("PATH", UNGUARDED, why, user.first_in_this_shell())
    };
    vec![files, shells, path]
}

/// The files of this program that make sandboxes: itself, and the copy that the shims start.
fn programs() -> Vec<PathBuf> {
    let own = env::current_exe().into_iter();
    let home = config::load::home().ok().into_iter();
    let copy = home.map(|home| home.join(".aigate/bin/aigate"));
    let mut all: Vec<_> = own.chain(copy).collect();
    all.dedup();
    all
}
