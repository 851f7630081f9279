//! The shims of this user: make them, list them, take them away.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::engine;
use crate::shim::catalog::{self, Invalid};
use crate::shim::install::{self, Installation, shim_state};
pub use crate::shim::install::{Change, Wanted};
use crate::shim::item;
pub use crate::shim::item::{Item, Outcome, State};
use crate::shim::owned::Owned;
use crate::shim::resolve::{self, Missing, Us};
pub use crate::shim::shell::Shell;
use crate::shim::shell::Surroundings;
use crate::shim::verify;
pub use crate::shim::verify::{Check, Verdict};

/// Why nothing, or not everything, was done.
#[derive(Debug)]
pub enum Error {
    /// A name that the catalogue does not have.
    UnknownTool(String),
    /// A tool that is named but not installed.
    NotInstalled(String),
    /// There is no real program of this name.
    Missing(Missing),
    /// There is no shim to repair.
    NothingInstalled,
    /// No tool of the catalogue is installed.
    NothingToGuard,
    /// A sandbox has nothing to install into.
    Inside,
    /// Root would leave its own files in the home of a user.
    ForeignHome(PathBuf),
    /// HOME is not set, or not absolute.
    NoHome,
    /// A catalogue file is wrong.
    Catalogue(Invalid),
    /// A file could not be changed.
    Change(install::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTool(name) => {
                let known: Vec<_> = catalog::commands().collect();
                write!(f, "{name}: no such tool; known are {}", known.join(", "))
            }
            Self::NotInstalled(name) => write!(
                f,
                "{name}: not found on PATH; install it first, or make its shim now with \
                 `aigate shim install --pre {name}`"
            ),
            Self::NothingToGuard => write!(
                f,
                "no known tool is on PATH; name one: `aigate shim install --pre {}`",
                catalog::commands().next().unwrap_or("TOOL")
            ),
            Self::Missing(error) => error.fmt(f),
            Self::NothingInstalled => {
                write!(f, "nothing is installed; see `aigate shim install`")
            }
            Self::Inside => write!(
                f,
                "this is inside the sandbox; do this in a terminal outside"
            ),
            Self::ForeignHome(home) => write!(
                f,
                "not as root in the home of another user ({}); do this as that user",
                home.display()
            ),
            Self::NoHome => write!(f, "HOME is not set to an absolute path"),
            Self::Catalogue(error) => error.fmt(f),
            Self::Change(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<Invalid> for Error {
    fn from(error: Invalid) -> Self {
        Self::Catalogue(error)
    }
}

impl From<install::Error> for Error {
    fn from(error: install::Error) -> Self {
        Self::Change(error)
    }
}

/// Whose shims, and what the surroundings of the start say.
#[derive(Debug, Clone)]
pub struct User {
    /// Home, PATH and shell.
    pub around: Surroundings,
}

/// One tool of the catalogue, as it is on this machine.
#[derive(Debug)]
pub struct Listed {
    /// What people type.
    pub command: String,
    /// What people call it.
    pub product: String,
    /// The shim.
    pub shim: State,
    /// The real program that the shim would start.
    pub program: Option<PathBuf>,
    /// Guarded only when it is named.
    pub by_name_only: bool,
}

/// What [`User::verify`] found.
#[derive(Debug)]
pub struct Verified {
    /// What is wrong with the files.
    pub problems: Vec<String>,
    /// Each shim, and whether it answered.
    pub answering: Vec<(String, bool)>,
    /// What every shell would start.
    pub checks: Vec<Check>,
}

impl Verified {
    /// Whether everything that was looked at starts tools in the sandbox.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.problems.is_empty()
            && self.answering.iter().all(|(_, answers)| *answers)
            && self.checks.iter().all(|check| check.verdict.is_good())
    }
}

impl User {
    /// The user of this process, by HOME.
    pub fn of_this_process() -> Result<Self, Error> {
        let absolute = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|p| p.is_absolute())
        };
        let around = Surroundings {
            home: absolute("HOME").ok_or(Error::NoHome)?,
            path: std::env::var_os("PATH").unwrap_or_default(),
            shell: std::env::var_os("SHELL"),
            zdotdir: absolute("ZDOTDIR"),
            config: absolute("XDG_CONFIG_HOME"),
            data: absolute("XDG_DATA_HOME"),
            data_directories: std::env::var_os("XDG_DATA_DIRS"),
        };
        Ok(Self { around })
    }

    pub(super) fn owned(&self) -> Owned {
        Owned::of_home(&self.around.home)
    }

    /// The first program of this name that is not ours, if it is the tool that is meant.
    pub(super) fn program(&self, command: &str) -> Option<PathBuf> {
        let us = Us::new(&self.owned().shims());
        let found = resolve::candidates(OsStr::new(command), &self.around.path, &us).ok()?;
        let tool = catalog::tool(OsStr::new(command)).ok()??;
        found
            .into_iter()
            .next()
            .filter(|program| tool.is_program(program))
    }

    /// Where the shims are, for PATH.
    #[must_use]
    pub fn shims(&self) -> PathBuf {
        self.owned().shims()
    }

    /// Opens the installation for a change.
    pub(super) fn change(&self) -> Result<Installation<'_>, Error> {
        if engine::inside() {
            return Err(Error::Inside);
        }
        let home = &self.around.home;
        let owner = std::fs::metadata(home).map_or(0, |home| home.uid());
        if nix::unistd::geteuid().is_root() && owner != 0 {
            return Err(Error::ForeignHome(home.clone()));
        }
        Ok(Installation::open(self.owned(), &self.around)?)
    }

    /// Makes the shims of the named tools, or of every tool that is there. `pre` also makes the
    /// shim of a tool that is not there yet.
    pub fn install(
        &self,
        names: &[String],
        pre: bool,
        wanted: Wanted,
    ) -> Result<Vec<Change>, Error> {
        let tools = if names.is_empty() {
            let guarded =
                |tool: &catalog::Tool| !tool.by_name_only && self.program(&tool.command).is_some();
            catalog::tools()?
                .into_iter()
                .filter(guarded)
                .map(|tool| tool.command)
                .collect()
        } else {
            names
                .iter()
                .map(|name| self.installable(name, pre))
                .collect::<Result<Vec<_>, _>>()?
        };
        if tools.is_empty() {
            return Err(Error::NothingToGuard);
        }
        Ok(self.change()?.install(&tools, wanted)?)
    }

    fn installable(&self, name: &str, pre: bool) -> Result<String, Error> {
        if !catalog::knows(OsStr::new(name)) {
            return Err(Error::UnknownTool(name.into()));
        }
        if !pre && self.program(name).is_none() {
            return Err(Error::NotInstalled(name.into()));
        }
        Ok(name.into())
    }

    /// Takes away the named shims, or everything. Needs no valid configuration, no engine and no
    /// list of what was made.
    pub fn uninstall(&self, names: &[String]) -> Result<Vec<Change>, Error> {
        if !self.owned().root().is_dir() {
            return Ok(Vec::new());
        }
        Ok(self.change()?.uninstall(names)?)
    }

    /// Every tool of the catalogue.
    pub fn list(&self) -> Result<Vec<Listed>, Error> {
        let owned = self.owned();
        let listed = |tool: catalog::Tool| Listed {
            shim: shim_state(&owned, &tool.command),
            program: self.program(&tool.command),
            by_name_only: tool.by_name_only,
            command: tool.command,
            product: tool.product,
        };
        Ok(catalog::tools()?.into_iter().map(listed).collect())
    }

    /// Gives the shims this program if it is newer than theirs: after an upgrade nobody thinks of
    /// them. What fails here is seen by `status`.
    pub fn follow_upgrade(&self) {
        if item::is_newer_than(&self.owned().program())
            && let Ok(installation) = self.change()
        {
            _ = installation.program().make();
        }
    }

    /// Makes everything whole that was installed.
    pub fn repair(&self) -> Result<Vec<Change>, Error> {
        let installed = install::examine(&self.owned(), &self.around);
        if !installed
            .items
            .iter()
            .any(|(item, _)| matches!(item, Item::Link { .. }))
        {
            return Err(Error::NothingInstalled);
        }
        Ok(self.change()?.repair()?)
    }

    /// What is wrong with what was installed, in words; nothing, if nothing is.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let installed = install::examine(&self.owned(), &self.around);
        if !installed
            .items
            .iter()
            .any(|(item, _)| matches!(item, Item::Link { .. }))
        {
            return vec!["nothing is installed; see `aigate shim install`".into()];
        }
        let mut problems = Vec::new();
        if installed.unreadable {
            problems.push(format!(
                "{}: cannot be read",
                self.owned().manifest().display()
            ));
        }
        if installed.interrupted {
            problems.push("the last change was not finished".into());
        }
        for (item, state) in &installed.items {
            let path = item.path().display();
            match (state, item) {
                (State::Whole, _) => {}
                (State::Missing, Item::Lines { .. }) => {
                    problems.push(format!("{path}: our line is not there"));
                }
                (State::Missing, _) => problems.push(format!("{path}: missing")),
                (State::Changed(how), _) => problems.push(format!("{path}: {how}")),
            }
        }
        problems
    }

    /// Whether each shim that is installed works, and what every shell of the user would start.
    #[must_use]
    pub fn verify(&self) -> Verified {
        let shims = self.shims();
        let entries = std::fs::read_dir(&shims).into_iter().flatten().flatten();
        let mut tools: Vec<String> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        tools.sort_unstable();
        Verified {
            problems: self.problems(),
            answering: tools
                .iter()
                .map(|tool| (tool.clone(), verify::answers_to_probe(&shims.join(tool))))
                .collect(),
            checks: verify::shells(&self.around, &shims, &tools),
        }
    }

    /// Every real program of this name, in the order of PATH, with what it leads to.
    pub fn which(&self, name: &str) -> Result<Vec<(PathBuf, PathBuf)>, Error> {
        let us = Us::new(&self.shims());
        let found = resolve::candidates(OsStr::new(name), &self.around.path, &us);
        let real = |path: PathBuf| {
            let real = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
            (path, real)
        };
        Ok(found
            .map_err(Error::Missing)?
            .into_iter()
            .map(real)
            .collect())
    }

    /// The command that puts the shims first in a shell that is open already.
    #[must_use]
    pub fn first_in_this_shell(&self) -> String {
        if Shell::Fish.is_login(&self.around) {
            self.first_in(Shell::Fish)
        } else {
            format!("{}; hash -r", self.first_in(Shell::Bash))
        }
    }

    /// The line that puts the shims first in such a shell.
    #[must_use]
    pub fn first_in(&self, shell: Shell) -> String {
        let shims = self.shims();
        let shims = shell_words::quote(&shims.to_string_lossy()).into_owned();
        match shell {
            Shell::Fish => format!("set -gx PATH {shims} $PATH"),
            _ => format!("export PATH={shims}:\"$PATH\""),
        }
    }

    /// Whether a shell with this PATH meets the shims first.
    #[must_use]
    pub fn shims_come_first(&self) -> bool {
        std::env::split_paths(&self.around.path).next() == Some(self.shims())
    }
}
