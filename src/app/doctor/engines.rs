//! The engines: which can run here, and what each would lose.

use super::{Finding, State};
use crate::engine::probe::{self, Ability};
use crate::engine::{bwrap, unfit};
use crate::policy::{Loss, Policy};

/// What the native engine is made of, as the findings about the machine call it.
const NATIVE: [&str; 8] = [
    "user namespace",
    "mounts",
    "processes",
    "ipc, uts, cgroup",
    "network",
    "landlock",
    "seccomp",
    "inotify",
];

/// One line an engine. `machine` are the findings about the machine; `policy` are the rules here, if
/// there are rules.
pub(super) fn findings(machine: &[Finding], policy: Option<&Policy>) -> [Finding; 4] {
    [
        native(machine),
        bubblewrap(machine, policy),
        landlock(machine, policy),
        Finding::note(
            "engine: seatbelt",
            "not here: the sandbox of macOS; `aigate exec --dry-run` prints its profile",
        ),
    ]
}

/// The first of these abilities that is lost, in words.
fn lacking<'f>(machine: &'f [Finding], needed: &[&str]) -> Option<(&'static str, &'f str)> {
    machine.iter().find_map(|finding| match &finding.state {
        State::Lost(loss) if needed.contains(&finding.what) => Some((finding.what, &*loss.why)),
        _ => None,
    })
}

fn native(machine: &[Finding]) -> Finding {
    const WHAT: &str = "engine: native";
    match lacking(machine, &NATIVE) {
        None => Finding::ok(WHAT, "can run; loses nothing"),
        Some((what, why)) => {
            Finding::note(WHAT, format!("cannot run here as it should: {what}: {why}"))
        }
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
    if let Some((what, why)) = lacking(machine, &["landlock", "seccomp"]) {
        return Finding::note(WHAT, format!("cannot run: {what}: {why}"));
    }
    let Some(program) = bwrap::program(is_writable) else {
        let text = "cannot run: bubblewrap is not installed: sudo apt-get install bubblewrap";
        return Finding::note(WHAT, text);
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
        Err(why) => Finding::note(WHAT, format!("cannot run: {why}")),
    }
}

fn landlock(machine: &[Finding], policy: Option<&Policy>) -> Finding {
    const WHAT: &str = "engine: landlock";
    if let Some((what, why)) = lacking(machine, &["landlock", "seccomp"]) {
        return Finding::note(WHAT, format!("cannot run: {what}: {why}"));
    }
    if let Err(refused) = probe::attempt(Ability::Fence) {
        return Finding::note(WHAT, format!("cannot run: {refused}"));
    }
    let accepts = |loss: &Loss| policy.is_some_and(|policy| policy.accepted.contains(loss));
    let lost = Loss::ALL.map(|(_, word, promise)| format!("\n        {word}: {promise}"));
    let lost = lost.concat();
    if Loss::ALL.iter().all(|(loss, ..)| accepts(loss)) {
        return Finding::ok(WHAT, format!("can run; loses what is accepted:{lost}"));
    }
    let line = unfit::acceptance();
    let text = format!("can run after `{line}` in ~/.aigate/config.yaml; loses:{lost}");
    Finding::note(WHAT, text)
}
