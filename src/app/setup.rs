//! Everything for every agent that is on this machine: its shim, and its settings.

use super::integrate::{self, Change, Integrations, Scope};
use super::shim::{self, State, User, Wanted};

/// What there is to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Tools that are there and have no shim.
    pub tools: Vec<String>,
    /// Agents that are there and whose settings lack ours.
    pub agents: Vec<&'static str>,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Done {
    /// The shims.
    pub shims: Vec<shim::Change>,
    /// The settings.
    pub settings: Vec<Change>,
    /// What was not possible, agent by agent.
    pub failed: Vec<(&'static str, integrate::Error)>,
}

impl Found {
    /// Looks for agents.
    ///
    /// # Errors
    /// When there is no usable home, or the data is wrong.
    pub fn here() -> Result<Self, integrate::Error> {
        let user = User::of_this_process()?;
        let unguarded = |tool: &shim::Listed| {
            tool.program.is_some() && !tool.by_name_only && tool.shim != State::Whole
        };
        let tools = user.list()?.into_iter().filter(unguarded);
        let agents = Integrations::here()?.list()?.into_iter();
        let agents = agents.filter(|agent| {
            agent.is_there && !agent.by_name_only && !agent.installed.contains(&Scope::User)
        });
        Ok(Self {
            tools: tools.map(|tool| tool.command).collect(),
            agents: agents.map(|agent| agent.name).collect(),
        })
    }

    /// Whether everything is done already.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty() && self.agents.is_empty()
    }

    /// Does it. An agent whose settings are refused does not keep the others from theirs.
    ///
    /// # Errors
    /// When the shims cannot be made.
    pub fn set_up(&self) -> Result<Done, integrate::Error> {
        let mut done = Done::default();
        if !self.tools.is_empty() {
            let wanted = Wanted {
                shells: true,
                desktop: false,
            };
            let user = User::of_this_process()?;
            done.shims = user.install(&self.tools, false, wanted)?;
        }
        let here = Integrations::here()?;
        for agent in &self.agents {
            match here.install(agent, Scope::User) {
                Ok(changes) => done.settings.extend(changes),
                Err(error) => done.failed.push((agent, error)),
            }
        }
        Ok(done)
    }
}
