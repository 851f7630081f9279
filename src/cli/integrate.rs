//! `aigate integrate`: hooks and wrappers in the settings of agents and editors.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::report;
use crate::app::integrate::{Change, Done, Error, Integrations, Listed, Scope};

/// Put aigate into the settings of agents and editors, and take it out again
#[derive(Debug, Args)]
pub(super) struct Integrate {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show every known agent, and for whom it is set up
    List {
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Edit an agent's settings
    Install(Which),
    /// Tell whether what was installed is whole and in force; exit code 1 if not
    Status {
        /// Agents, as in `aigate integrate list`; all without one
        agents: Vec<String>,
    },
    /// Show what `install` would change
    Diff(Which),
    /// Take everything out that `install` put in
    Uninstall {
        /// An agent, as in `aigate integrate list`
        #[arg(required_unless_present = "all")]
        agent: Option<String>,
        /// Every agent, in every project; with `--managed`, what is there for everybody
        #[arg(long, conflicts_with_all = ["agent", "user", "project"])]
        all: bool,
        #[command(flatten)]
        scope: Chosen,
    },
}

#[derive(Debug, Args)]
struct Which {
    /// An agent, as in `aigate integrate list`
    agent: String,
    #[command(flatten)]
    scope: Chosen,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
struct Chosen {
    /// For you, in all projects (which is what happens without a flag)
    #[arg(long)]
    user: bool,
    /// For you, in this project
    #[arg(long)]
    project: bool,
    /// For everybody on this machine, and nobody can take it away; needs root
    #[arg(long)]
    managed: bool,
}

impl Chosen {
    fn scope(&self) -> Scope {
        match (self.project, self.managed) {
            (true, _) => Scope::Project,
            (_, true) => Scope::Managed,
            _ => Scope::User,
        }
    }
}

impl Integrate {
    pub(super) fn run(self) -> ExitCode {
        report::told(self.told())
    }

    fn told(self) -> Result<(String, bool), Error> {
        let here = Integrations::here()?;
        let text = match self.command {
            Command::List { json: false } => table(&here.list()?),
            Command::List { json: true } => json(&here.list()?),
            Command::Status { agents } => return status(&here, agents),
            Command::Diff(which) => {
                let diff = here.diff(&which.agent, which.scope.scope())?;
                or_nothing(diff, "Nothing to change.\n")
            }
            Command::Install(which) => {
                let changes = here.install(&which.agent, which.scope.scope())?;
                or_nothing(changed(&changes), "Nothing to do.\n")
            }
            Command::Uninstall { agent, scope, .. } => or_nothing(
                uninstall(&here, agent, scope.scope())?,
                "Nothing is installed.\n",
            ),
        };
        Ok((text, true))
    }
}

/// Takes out what is there for an agent, or for every one.
fn uninstall(here: &Integrations, agent: Option<String>, scope: Scope) -> Result<String, Error> {
    if let Some(agent) = agent {
        return Ok(changed(&here.uninstall(&agent, scope)?));
    }
    let whole_machine = scope == Scope::Managed;
    let mut text = changed(&here.uninstall_all(whole_machine)?);
    let left = here.for_everybody();
    if !left.is_empty() {
        let left = left.join(", ");
        _ = writeln!(
            text,
            "left what is there for everybody: {left}; to take it out, as root: \
             aigate integrate uninstall --all --managed"
        );
    }
    Ok(text)
}

fn or_nothing(text: String, nothing: &str) -> String {
    if text.is_empty() {
        nothing.to_owned()
    } else {
        text
    }
}

/// What became of the files, a line each.
pub(super) fn changed(changes: &[Change]) -> String {
    let mut text = String::new();
    for change in changes {
        let path = change.path.display();
        let verb = match change.done {
            Done::Nothing => None,
            Done::Made => Some("made"),
            Done::Edited => Some("edited"),
            Done::Removed => Some("removed"),
        };
        if let Some(verb) = verb {
            _ = writeln!(text, "{verb} {path}");
        }
        for (key, value) in &change.left {
            _ = writeln!(text, "left your own `{key}` in {path}: {value}");
        }
    }
    text
}

fn status(here: &Integrations, agents: Vec<String>) -> Result<(String, bool), Error> {
    let listed = here.list()?;
    let mut named: Vec<String> = agents;
    let all = named.is_empty();
    if all {
        let installed = listed.iter().filter(|agent| !agent.installed.is_empty());
        named.extend(installed.map(|agent| agent.name.to_owned()));
    }
    let (mut text, mut well) = (String::new(), true);
    for name in named {
        let problems = here.problems(&name)?;
        let installed = listed.iter().find(|agent| agent.name == name);
        let scopes = installed.map_or_else(String::new, |agent| words(&agent.installed));
        let state = match (scopes.as_str(), problems.is_empty()) {
            ("", _) => "not installed",
            (_, true) => "whole",
            (_, false) => "NOT in force",
        };
        well &= problems.is_empty() && !scopes.is_empty();
        _ = writeln!(text, "{name:<14} {scopes:<14} {state}");
        for problem in problems {
            _ = writeln!(text, "! {problem}");
        }
        for gap in here.not_covered(&name)? {
            _ = writeln!(text, "  not covered: {gap}");
        }
    }
    if text.is_empty() {
        text.push_str("Nothing is installed; see `aigate integrate list`\n");
    }
    Ok((text, well))
}

fn words(scopes: &[Scope]) -> String {
    let words: Vec<_> = scopes.iter().map(|scope| scope.word()).collect();
    words.join(" ")
}

fn table(agents: &[Listed]) -> String {
    let mut text = String::new();
    for agent in agents {
        let state = match (agent.installed.is_empty(), agent.is_there) {
            (false, _) => format!("installed: {}", words(&agent.installed)),
            (true, true) => "found".to_owned(),
            (true, false) => "-".to_owned(),
        };
        let (name, product) = (agent.name, &agent.product);
        let scopes = words(&agent.scopes);
        _ = writeln!(text, "{name:<14} {product:<20} {scopes:<22} {state}");
    }
    text
}

fn json(agents: &[Listed]) -> String {
    let word = |scopes: &[Scope]| scopes.iter().map(|scope| scope.word()).collect::<Vec<_>>();
    let one = |agent: &Listed| {
        serde_json::json!({
            "agent": agent.name,
            "product": agent.product,
            "found": agent.is_there,
            "scopes": word(&agent.scopes),
            "installed": word(&agent.installed),
        })
    };
    let agents: Vec<_> = agents.iter().map(one).collect();
    format!("{:#}\n", serde_json::json!({ "agents": agents }))
}
