//! The engines: which can run here, and what each would lose.

use super::{Finding, Loss as Missing, State};
use crate::engine::probe::{self, Ability};
use crate::engine::user::account::{Absent, Account};
use crate::engine::{bwrap, unfit, user};
use crate::policy::{Engine, Loss, Policy};

/// What the native engine is made of, as the findings about the machine call it.
const NATIVE: [&str; 9] = [
    "user namespace",
    "mounts",
    "processes",
    "ipc, uts, cgroup",
    "network",
    "landlock",
    "seccomp",
    "seccomp notify",
    "inotify",
];

/// Where nothing of ours is missing.
const FOREIGN: &str = "`engine: auto` in ~/.aigate/config.yaml";

/// One line an engine. `machine` are the findings about the machine; `policy` are the rules here, if
/// there are rules.
pub(super) fn findings(machine: &[Finding], policy: Option<&Policy>) -> [Finding; 5] {
    [
        native(machine, policy),
        bubblewrap(machine, policy),
        landlock(machine, policy),
        user(machine, policy),
        unable(
            policy,
            "engine: seatbelt",
            "not here: the sandbox of macOS; `aigate exec --dry-run` prints its profile",
            "`engine: auto` in ~/.aigate/config.yaml",
        ),
    ]
}

/// An engine that cannot run: a loss where it is the one that the rules name.
fn unable(
    policy: Option<&Policy>,
    what: &'static str,
    why: impl Into<String>,
    cure: impl Into<String>,
) -> Finding {
    let named = policy.map(|policy| match policy.engine {
        Engine::Auto => Engine::Native,
        engine => engine,
    });
    let is_named = named.is_some_and(|engine| what.strip_prefix("engine: ") == Some(engine.word()));
    if is_named {
        Finding::lost(what, "nothing runs: the rules name this engine", why, cure)
    } else {
        Finding::note(what, why)
    }
}

/// The first of these abilities that is lost: why an engine cannot run, and what mends it.
fn lacking<'f>(machine: &'f [Finding], needed: &[&str]) -> Option<(String, &'f str)> {
    machine.iter().find_map(|finding| match &finding.state {
        State::Lost(Missing { why, cure, .. }) if needed.contains(&finding.what) => {
            Some((format!("cannot run: {}: {why}", finding.what), &**cure))
        }
        _ => None,
    })
}

fn native(machine: &[Finding], policy: Option<&Policy>) -> Finding {
    const WHAT: &str = "engine: native";
    match lacking(machine, &NATIVE) {
        None => Finding::ok(WHAT, "can run; loses nothing"),
        Some((why, cure)) => unable(policy, WHAT, why, cure),
    }
}

fn bubblewrap(machine: &[Finding], policy: Option<&Policy>) -> Finding {
    const WHAT: &str = "engine: bwrap";
    let is_writable = |path: &std::path::Path| {
        policy.is_some_and(|policy| {
            let mut grants = policy.writable.iter();
            path.starts_with(&policy.project) || grants.any(|grant| path.starts_with(&grant.path))
        })
    };
    if let Some((why, cure)) = lacking(machine, &["landlock", "seccomp"]) {
        return unable(policy, WHAT, why, cure);
    }
    let Some(program) = bwrap::program(is_writable) else {
        let why = "cannot run: bubblewrap is not installed: sudo apt-get install bubblewrap";
        return unable(policy, WHAT, why, "sudo apt-get install bubblewrap");
    };
    match bwrap::attempt(&program) {
        Ok(()) => Finding::ok(
            WHAT,
            format!(
                "can run: {}; loses: a hidden file is seen that the host replaces, or that appears \
                 after the start; listed hosts and published ports are refused",
                program.display()
            ),
        ),
        Err(why) => {
            // It needs what native needs, and what mends that mends this.
            let cure = lacking(machine, &NATIVE).map_or(FOREIGN, |(_, cure)| cure);
            unable(policy, WHAT, format!("cannot run: {why}"), cure)
        }
    }
}

fn landlock(machine: &[Finding], policy: Option<&Policy>) -> Finding {
    const WHAT: &str = "engine: landlock";
    if let Some((why, cure)) = lacking(machine, &["landlock", "seccomp"]) {
        return unable(policy, WHAT, why, cure);
    }
    if let Err(refused) = probe::attempt(Ability::Fence) {
        return unable(policy, WHAT, format!("cannot run: {refused}"), FOREIGN);
    }
    losing(WHAT, Engine::Landlock, Engine::Landlock.losses(), policy)
}

fn user(machine: &[Finding], policy: Option<&Policy>) -> Finding {
    const WHAT: &str = "engine: user";
    const CURE: &str = "sudo aigate setup";
    if let Some((why, cure)) = lacking(machine, &["seccomp"]) {
        return unable(policy, WHAT, why, cure);
    }
    let why = match Account::of(nix::unistd::geteuid().as_raw()) {
        Err(Absent::Never) => format!("cannot run: there is no account for your agents: {CURE}"),
        Err(Absent::Wrong(why)) => format!("cannot run: {why}: {CURE}"),
        Ok(_) => {
            let fenced = probe::attempt(Ability::Fence).is_ok();
            return losing(WHAT, Engine::User, &user::losses(fenced), policy);
        }
    };
    unable(policy, WHAT, why, CURE)
}

/// It can run, by those who do without what it loses.
fn losing(what: &'static str, engine: Engine, losses: &[Loss], policy: Option<&Policy>) -> Finding {
    let accepts = |loss: &Loss| policy.is_some_and(|policy| policy.accepted.contains(loss));
    let lost = losses.iter();
    let lost = lost.map(|loss| format!("\n        {}: {}", loss.word(), loss.promise()));
    let lost: String = lost.collect();
    if losses.iter().all(accepts) {
        return Finding::ok(what, format!("can run; loses what is accepted:{lost}"));
    }
    let line = unfit::acceptance(engine);
    let line = format!("`{line}` in ~/.aigate/config.yaml");
    unable(
        policy,
        what,
        format!("can run after {line}; loses:{lost}"),
        line,
    )
}
