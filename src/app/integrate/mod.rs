//! The settings of agents: put our hooks and wrappers in, list them, take them out.

mod error;
mod problems;
mod uninstall;

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

pub use error::Error;
pub use problems::Problem;
use uninstall::remove_directories;

use super::policy::diff;
use super::shim::{self, User};
use crate::config;
use crate::engine;
pub use crate::integration::catalog::Scope;
use crate::integration::catalog::{self, Agent};
use crate::integration::plan::{self, Base, Plan, Step};
use crate::integration::receipt::{Entry, Receipt};
use crate::integration::template::{self, Words};

/// Where the receipts of the whole machine are.
const MACHINE: &str = "/etc/aigate/integrations";

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file.
    pub path: PathBuf,
    /// What was done.
    pub done: Done,
    /// Keys that keep the user's own value, and that value.
    pub left: Vec<(String, String)>,
}

/// What was done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// It was as it should be.
    Nothing,
    /// It was made.
    Made,
    /// It was edited.
    Edited,
    /// It was taken away.
    Removed,
}

/// One agent on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name in `integrations/`.
    pub name: &'static str,
    /// What people call it.
    pub product: String,
    /// Whether it is on this machine.
    pub is_there: bool,
    /// For whom it is installed.
    pub installed: Vec<Scope>,
    /// For whom it could be.
    pub scopes: Vec<Scope>,
    /// Installed only when it is named.
    pub by_name_only: bool,
}

/// One user at one place.
#[derive(Debug)]
pub struct Integrations {
    user: User,
    project: PathBuf,
}

impl Integrations {
    /// Those of the user of this process, where he stands.
    ///
    /// # Errors
    /// When there is no usable home or working directory.
    pub fn here() -> Result<Self, Error> {
        let user = User::of_this_process()?;
        let request = config::Request::here()?;
        let cwd = request.cwd.canonicalize();
        let cwd = cwd.map_err(config::Error::WorkingDirectory)?;
        let home = config::load::canonical_home(&request.home)?;
        let project = config::discover::project(&cwd, &home)?;
        Ok(Self { user, project })
    }

    fn base(&self) -> Base<'_> {
        Base {
            home: &self.user.around.home,
            project: &self.project,
        }
    }

    fn receipt_file(&self, name: &str, scope: Scope) -> PathBuf {
        let own = self.user.owned().receipts();
        match scope {
            Scope::User => own.join(format!("{name}.user.json")),
            Scope::Project => {
                let key = template::hex(self.project.as_os_str().as_encoded_bytes());
                own.join(format!("{name}.project.{}.json", &key[..16]))
            }
            Scope::Managed => Path::new(MACHINE).join(format!("{name}.json")),
        }
    }

    fn receipt(&self, name: &str, scope: Scope) -> Result<Option<Receipt>, Error> {
        let path = self.receipt_file(name, scope);
        Receipt::load(&path).map_err(|why| Error::Receipt(path, why))
    }

    /// Every agent of the data.
    ///
    /// # Errors
    /// When the data is wrong.
    pub fn list(&self) -> Result<Vec<Listed>, Error> {
        let mut listed = Vec::new();
        for name in catalog::names() {
            let agent = known(name)?;
            let scopes: Vec<Scope> = agent.scopes.keys().copied().collect();
            let is_installed = |scope: &Scope| self.receipt_file(name, *scope).exists();
            listed.push(Listed {
                name,
                is_there: self.is_there(&agent),
                installed: scopes.iter().copied().filter(is_installed).collect(),
                scopes,
                by_name_only: agent.by_name_only,
                product: agent.product,
            });
        }
        Ok(listed)
    }

    fn is_there(&self, agent: &Agent) -> bool {
        let home = &self.user.around.home;
        let stands = |sign: &crate::shim::place::Place| {
            sign.resolve(home, &|name| std::env::var_os(name)).exists()
        };
        self.user.program(&agent.command).is_some() || agent.signs.iter().any(stands)
    }

    /// Computes an installation without doing it, as unified diffs.
    ///
    /// # Errors
    /// When a file would be refused.
    pub fn diff(&self, name: &str, scope: Scope) -> Result<String, Error> {
        let (plan, _) = self.plan(name, scope)?;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let steps = plan.steps.iter();
        Ok(steps
            .map(|step| {
                let path = step.path.display().to_string();
                diff::unified(&path, &text(&step.now), &text(&step.then))
            })
            .collect())
    }

    /// Installs for an agent; nothing is changed unless every file can be.
    ///
    /// # Errors
    /// When a file is refused, or cannot be written.
    pub fn install(&self, name: &str, scope: Scope) -> Result<Vec<Change>, Error> {
        let _lock = self.open(name, scope)?;
        let (plan, mut receipt) = self.plan(name, scope)?;
        plan.steps.iter().try_for_each(Step::check)?;
        let file = self.receipt_file(name, scope);
        let failed = |why| Error::Receipt(file.clone(), why);
        if let Some(directory) = file.parent() {
            let mode = if scope == Scope::Managed {
                0o755
            } else {
                0o700
            };
            let made = DirBuilder::new()
                .recursive(true)
                .mode(mode)
                .create(directory);
            made.map_err(failed)?;
        }
        receipt.store(&file).map_err(failed)?;
        plan.steps.iter().try_for_each(Step::run)?;
        // What was taken back need not be remembered any more.
        let (kept, gone): (Vec<_>, Vec<_>) = receipt
            .files
            .drain(..)
            .partition(|entry| plan.entries.contains(entry));
        receipt.files = kept;
        if !gone.is_empty() {
            remove_directories(&gone);
            receipt.store(&file).map_err(failed)?;
        }
        Ok(plan.steps.iter().map(change).collect())
    }

    /// What no installation of this agent covers.
    ///
    /// # Errors
    /// When the data is wrong.
    pub fn not_covered(&self, name: &str) -> Result<Vec<String>, Error> {
        Ok(known(name)?.not_covered)
    }

    fn plan(&self, name: &str, scope: Scope) -> Result<(Plan, Receipt), Error> {
        let agent = known(name)?;
        has(&agent, name, scope)?;
        let old = self.receipt(name, scope)?;
        let words = self.words(scope)?;
        let plan = plan::install(&agent, scope, self.base(), words, old.as_ref())?;
        if plan.steps.is_empty() {
            return Err(Error::NoPlace(name.to_owned()));
        }
        let project = (scope == Scope::Project).then_some(self.project.as_path());
        // What is about to be taken back is remembered until it is.
        let mut entries = plan.entries.clone();
        let gone = |entry: &Entry| plan.entries.iter().all(|known| known.path != entry.path);
        let old = old.into_iter().flat_map(|old| old.files);
        entries.extend(old.filter(gone));
        let receipt = Receipt::new(name, scope, project, entries);
        Ok((plan, receipt))
    }

    fn words(&self, scope: Scope) -> Result<Words, Error> {
        let program = match scope {
            Scope::Managed => program_of_root()?,
            Scope::User | Scope::Project => self.user.owned().program(),
        };
        let mut words = Words::default();
        let home = &self.user.around.home;
        let shell = self
            .user
            .around
            .shell
            .as_deref()
            .filter(|shell| !shell.is_empty());
        for (name, path) in [
            ("program", program.as_path()),
            ("shims", &self.user.shims()),
            ("home", home),
            ("programs", program.parent().unwrap_or(Path::new("/"))),
            ("shell", Path::new(shell.unwrap_or(OsStr::new("/bin/sh")))),
        ] {
            let text = path.to_str().filter(|text| !text.contains(is_odd));
            let text = text.ok_or_else(|| Error::Odd(path.to_owned()))?;
            words.set(name, text);
            if name == "program" {
                words.set("aigate", shell_words::quote(text));
            }
        }
        Ok(words)
    }

    /// Makes our copy of the program, which hooks start, and keeps others out.
    fn open(
        &self,
        name: &str,
        scope: Scope,
    ) -> Result<Option<crate::shim::install::Installation<'_>>, Error> {
        if engine::inside() {
            return Err(Error::Inside);
        }
        if scope == Scope::Managed {
            let is_root = nix::unistd::geteuid().is_root();
            return is_root
                .then_some(None)
                .ok_or_else(|| Error::NotRoot(name.to_owned()));
        }
        let installation = self.user.change()?;
        installation
            .provide_program()
            .map_err(|why| Error::User(shim::Error::Change(why)))?;
        Ok(Some(installation))
    }
}

fn is_odd(letter: char) -> bool {
    matches!(letter, '"' | '\'' | '\\') || letter.is_control()
}

fn known(name: &str) -> Result<Agent, Error> {
    catalog::agent(name)?.ok_or_else(|| Error::Unknown(name.to_owned()))
}

fn has(agent: &Agent, name: &str, scope: Scope) -> Result<(), Error> {
    if agent.scopes.contains_key(&scope) {
        return Ok(());
    }
    let known = agent.scopes.keys().copied().collect();
    Err(Error::NoScope(name.to_owned(), scope, known))
}

fn change(step: &Step) -> Change {
    let done = match (&step.now, &step.then) {
        _ if step.is_done() => Done::Nothing,
        (None, _) => Done::Made,
        (_, None) => Done::Removed,
        _ => Done::Edited,
    };
    let left = step.left.iter();
    Change {
        path: step.path.clone(),
        done,
        left: left
            .map(|(key, value)| (key.join("."), value.clone()))
            .collect(),
    }
}

/// This program, if only root can change what is started under its name.
fn program_of_root() -> Result<PathBuf, Error> {
    let program = std::env::current_exe();
    let program = program.map_err(|why| Error::Receipt("/proc/self/exe".into(), why))?;
    let is_roots = |path: &Path| {
        fs::symlink_metadata(path).is_ok_and(|found| found.uid() == 0 && found.mode() & 0o022 == 0)
    };
    if program.ancestors().all(is_roots) {
        Ok(program)
    } else {
        Err(Error::Replaceable(program))
    }
}
