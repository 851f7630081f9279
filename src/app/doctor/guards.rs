//! What starts agents in the sandbox without being asked: shims, the shells that find them, and hooks.

use std::fs;

use super::Finding;
use crate::app::integrate::{self, Integrations};
use crate::app::shim::{Check, Shell, User, Verdict};

/// What the settings of agents lack, or what in them switches our hooks off: each with its cure.
pub(super) fn hooks() -> Vec<Finding> {
    const WHAT: &str = "hooks";
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
        Ok((0, _)) => {
            let text = "none installed; see `aigate setup-agents`";
            vec![Finding::note(WHAT, text)]
        }
        Ok((count, problems)) if problems.is_empty() => {
            vec![Finding::ok(WHAT, format!("those of {count} agents whole"))]
        }
        Ok((_, problems)) => problems
            .into_iter()
            .map(|problem| Finding::lost(WHAT, UNTOLD, problem.what, problem.cure))
            .collect(),
        Err(error) => {
            let cure = "correct what it names, then: aigate integrate status";
            vec![Finding::lost(WHAT, UNTOLD, error.to_string(), cure)]
        }
    }
}

const UNGUARDED: &str = "tools that are typed by name start outside the sandbox";
const REPAIR: &str = "aigate shim repair";

/// The shims, the shells that are to start them, and the PATH of this one.
pub(super) fn shims(user: &User) -> Vec<Finding> {
    let installed = fs::read_dir(user.shims()).is_ok_and(|mut shims| shims.next().is_some());
    if !installed {
        let text = "none installed; `aigate shim install` guards tools by name";
        return vec![Finding::note("shims", text)];
    }
    let verified = user.verify();
    let files = match verified.problems.as_slice() {
        [] => Finding::ok("shims", format!("{} whole", verified.answering.len())),
        problems => Finding::lost("shims", UNGUARDED, problems.join("; "), REPAIR),
    };
    let silent = verified.answering.iter().filter(|(_, answers)| !answers);
    let silent = silent.map(|(tool, _)| (format!("{tool} does not answer"), REPAIR.to_owned()));
    let checks = verified.checks.iter();
    let wrong = checks.filter(|check| !check.verdict.is_good());
    let (why, mut cures): (Vec<_>, Vec<_>) = silent
        .chain(wrong.map(|check| (seen(check), cure(check, user))))
        .unzip();
    // The same line spoils several ways to start a shell.
    cures.sort_unstable();
    cures.dedup();
    let shells = if why.is_empty() {
        Finding::ok("shells", "each of them starts the shims")
    } else {
        Finding::lost("shells", UNGUARDED, why.join("; "), cures.join("\n"))
    };
    let path = if user.shims_come_first() {
        Finding::ok("PATH", "the shims come first in this shell")
    } else {
        let why = format!("{} is not its first entry", user.shims().display());
        Finding::lost("PATH", UNGUARDED, why, user.first_in_this_shell())
    };
    vec![files, shells, path]
}

/// What a shell would start instead.
fn seen(check: &Check) -> String {
    let (shell, mode, tool) = (check.shell.command(), check.mode, &check.tool);
    match &check.verdict {
        Verdict::Shadowed(path, _) => {
            format!("{shell} {mode} starts {} for {tool}", path.display())
        }
        Verdict::Alias(alias, _) => format!("{shell} {mode} has an alias {tool}: {alias}"),
        Verdict::Function(_) => format!("{shell} {mode} has a function {tool}"),
        Verdict::Silent => format!("{shell} {mode} does not answer within 10 s"),
        _ => format!("{shell} {mode} does not find {tool}"),
    }
}

/// The edit that puts it right: a repair changes our own lines alone.
fn cure(check: &Check, user: &User) -> String {
    let (mode, tool) = (check.mode, &check.tool);
    let trace = match check.shell {
        Shell::Fish => format!("fish --profile-startup /dev/stderr {mode} exit"),
        shell => format!("{} -x {mode} exit", shell.command()),
    };
    match &check.verdict {
        Verdict::Shadowed(_, Some(place)) => {
            format!("below {place}, write: {}", user.first_in(check.shell))
        }
        Verdict::Alias(_, Some(place)) => format!("take the alias {tool} out of {place}"),
        Verdict::Function(Some(place)) => format!("take the function {tool} out of {place}"),
        Verdict::Alias(_, None) | Verdict::Function(None) => {
            format!("take {tool} out of the file that this shows: {trace}")
        }
        Verdict::Silent => format!("take out of its files what this waits for: {trace}"),
        _ => REPAIR.to_owned(),
    }
}
