//! What is wrong with what is installed for an agent, and what mends it.

use std::fmt;

use super::{Error, Integrations, known};
use crate::integration::catalog::{Agent, Defeat, Scope, Variable};
use crate::integration::plan::{self, Plan};
use crate::integration::receipt::{Entry, Receipt};

/// Something that keeps an agent's hooks from being in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// One sentence.
    pub what: String,
    /// A command, or an edit of a file that is named.
    pub cure: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; repair: {}", self.what, self.cure)
    }
}

impl Problem {
    fn new(what: impl Into<String>, cure: impl Into<String>) -> Self {
        let (what, cure) = (what.into(), cure.into());
        Self { what, cure }
    }
}

impl Integrations {
    /// What is wrong with what is installed, and what switches it off: for `status` and a doctor.
    ///
    /// # Errors
    /// When the data or a receipt is wrong.
    pub fn problems(&self, name: &str) -> Result<Vec<Problem>, Error> {
        let agent = known(name)?;
        let mut problems = Vec::new();
        for scope in agent.scopes.keys().copied() {
            // Its receipt is root's alone.
            if scope == Scope::Managed && !nix::unistd::geteuid().is_root() {
                continue;
            }
            let Some(receipt) = self.receipt(name, scope)? else {
                continue;
            };
            let word = scope.word();
            let repair = format!("aigate integrate install {name} --{word}");
            let files = receipt.files.iter();
            problems.extend(files.filter_map(|entry| missing(entry, &repair)));
            if scope != Scope::Managed && !self.user.owned().program().exists() {
                let path = self.user.owned().program().display().to_string();
                problems.push(Problem::new(format!("{path} is missing"), &repair));
            }
            // A file that can no longer be planned for has been told already.
            if let Ok((plan, _)) = self.plan(name, scope) {
                problems.extend(shadowed(&plan, &repair));
                if problems.is_empty() {
                    problems.extend(outdated(&plan, &receipt, &repair));
                }
            }
            problems.extend(self.defeated(&agent, scope));
        }
        problems.dedup();
        Ok(problems)
    }

    /// What in settings and in the environment switches off what is installed for a scope.
    fn defeated(&self, agent: &Agent, scope: Scope) -> Vec<Problem> {
        let in_file = |defeat: &Defeat| {
            let path = defeat.file.resolve(self.base().home, self.base().project);
            let text = plan::read(&path).ok()??;
            let value = defeat.value.as_ref().or(defeat.item.as_ref())?;
            defeat.is_in(&text).then(|| {
                let (path, key) = (path.display(), defeat.key.join("."));
                let what = format!("{path} switches the hooks off: `{key}: {value}`");
                let cure = match &defeat.item {
                    Some(item) => format!("take {item} out of `{key}` in {path}"),
                    None => format!("take `{key}` out of {path}"),
                };
                Problem::new(what, cure)
            })
        };
        let files = agent.defeats.iter();
        let files = files.filter(|defeat| defeat.scopes.contains(&scope));
        let is_set = |name: &str| Variable::is_set(std::env::var_os(name).as_deref());
        let variables = agent.variables.iter();
        let variables = variables.filter(|variable| variable.scopes.contains(&scope));
        let variables = variables.filter(|variable| is_set(&variable.name));
        let told = variables.map(|Variable { name, .. }| {
            let what = format!("the variable {name} is set here, which switches the hooks off");
            Problem::new(what, format!("unset {name}"))
        });
        files.filter_map(in_file).chain(told).collect()
    }
}

/// The user's own settings that stand where ours would be.
fn shadowed(plan: &Plan, repair: &str) -> Vec<Problem> {
    let steps = plan.steps.iter();
    let left = steps.flat_map(|step| step.left.iter().map(|left| (&step.path, left)));
    left.map(|(path, (key, value))| {
        let (path, key) = (path.display(), key.join("."));
        let what = format!("{path} has your own `{key}`, so ours is not in force: {value}");
        Problem::new(what, format!("take `{key}` out of {path}, then: {repair}"))
    })
    .collect()
}

/// What an installation now would do elsewhere, or in another way.
fn outdated(plan: &Plan, receipt: &Receipt, repair: &str) -> Vec<Problem> {
    let differs = plan.steps.iter().filter(|step| !step.is_done());
    let differs: Vec<_> = differs.collect();
    // A variable may have moved the directory, or another program is there now.
    let elsewhere = differs.iter();
    let elsewhere = elsewhere.filter(|step| receipt.entry(&step.path).is_none());
    let elsewhere: Vec<_> = elsewhere
        .map(|step| {
            let path = step.path.display();
            let what = format!("{path} is where its settings are now, and has nothing of ours");
            Problem::new(what, repair)
        })
        .collect();
    match (elsewhere.is_empty(), differs.is_empty()) {
        (false, _) => elsewhere,
        (true, false) => vec![Problem::new("another aigate did this", repair)],
        (true, true) => Vec::new(),
    }
}

fn missing(entry: &Entry, repair: &str) -> Option<Problem> {
    let path = entry.path.display();
    let problem = match plan::read(&entry.path) {
        Ok(text) if entry.is_whole(text.as_deref()) => return None,
        Ok(None) => Problem::new(format!("{path} is gone"), repair),
        Ok(Some(text)) => match entry.fault(&text) {
            // An installation is refused until the file is valid.
            Some(why) => {
                let cure = format!("correct {path}, then: {repair}");
                Problem::new(format!("{path}: {why}"), cure)
            }
            None => Problem::new(format!("{path} lacks what was put in"), repair),
        },
        Err(why) => Problem::new(why.to_string(), format!("correct {path}, then: {repair}")),
    };
    Some(problem)
}
