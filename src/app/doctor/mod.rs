//! `doctor`: what this machine gives a sandbox, and what is lost without it.
//!
//! Everything is found out by doing it. Each finding that is a loss names the promise of
//! `docs/threat-model.md` that depends on it, and the command that mends it.

mod apparmor;
mod engines;
mod guards;
mod inside;
mod machine;
mod windows;

use std::io;
use std::path::Path;

pub use inside::within;

use super::policy::place;
use super::shim::User;
use crate::config;
use crate::engine;
use crate::engine::surroundings::Facts;
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
    let facts = Facts::gathered();
    // The kernel first: its trials fork, which a process with threads may not.
    let limits = policy.as_ref().ok().map(|policy| &policy.limits);
    let mut found = machine::findings(&facts, limits);
    let engines = engines::findings(&found, policy.as_ref().ok());
    found.extend(windows::finding());
    found.extend(engines);
    let sandbox = sandbox(&facts, policy, &found);
    found.extend(sandbox);
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
        found.extend(guards::shims(&user));
    }
    found.extend(guards::hooks());
    Ok(found)
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

/// The rules of this place, and what a program finds in the sandbox that they make.
fn sandbox(facts: &Facts, policy: Result<Policy, Unruled>, found: &[Finding]) -> Vec<Finding> {
    const RULES: &str = "rules";
    let untried = Finding::note("sandbox", "not started: there are no rules for it here");
    match policy {
        Ok(policy) => {
            let project = policy.project.display();
            let read = Finding::ok(RULES, format!("read for {project}"));
            let started = inside::start(facts, &policy, cure_of_engine(found));
            [read].into_iter().chain(started).collect()
        }
        Err(Unruled::NoProject(why)) => vec![Finding::note(RULES, why), untried],
        Err(Unruled::Wrong(why)) => {
            let cure = "correct what it names, then: aigate status";
            let wrong = Finding::lost(RULES, "nothing runs here", why, cure);
            vec![wrong, untried]
        }
    }
}

/// What mends the engine that the rules name.
fn cure_of_engine(found: &[Finding]) -> &str {
    let cure = found.iter().find_map(|finding| match &finding.state {
        State::Lost(loss) if finding.what.starts_with("engine: ") => Some(&*loss.cure),
        _ => None,
    });
    cure.unwrap_or(
        "`aigate exec --dry-run -- true` prints the steps; please report which one failed",
    )
}

/// The audit log, the index of hidden files and trust are kept there.
fn home_is_writable(home: &Path) -> Finding {
    let own = home.join(".aigate");
    let place = if own.is_dir() { own.as_path() } else { home };
    let trial = tempfile::Builder::new()
        .prefix(".aigate-doctor")
        .tempfile_in(place);
    let Err(error) = trial else {
        return Finding::ok("home", format!("{} can be written", place.display()));
    };
    let named = shell_words::quote(&place.to_string_lossy()).into_owned();
    let cure = if error.kind() == io::ErrorKind::PermissionDenied {
        format!("sudo chown \"$(id -u)\" {named} && chmod u+rwx {named}")
    } else {
        "export HOME=DIRECTORY, one that can be written".to_owned()
    };
    Finding::lost(
        "home",
        "runs are not recorded, and every start looks for hidden files anew",
        format!("{}: {error}", place.display()),
        cure,
    )
}
