//! `status`: which files are in force here, what they say, and what is missing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Error, place, show};
use crate::app::refusals;
use crate::audit::Record;
use crate::config::discover;
use crate::config::key::Key;
use crate::config::load;
use crate::config::source::Source;
use crate::config::trust::{self, Trust};
use crate::engine::limits;
pub use crate::engine::limits::Loss;
use crate::policy::Layer;

/// What is in force where the user stands.
#[derive(Debug, Clone)]
pub struct Status {
    /// Whether the user has a file of his own.
    pub initialized: bool,
    /// That file, present or not.
    pub config: PathBuf,
    /// The project.
    pub project: PathBuf,
    /// Why nothing can be run here, if so.
    pub problem: Option<String>,
    /// The files in force, weakest first.
    pub files: Vec<File>,
    /// What they say together.
    pub entries: Vec<show::Entry>,
    /// What the network refused here lately, oldest first.
    pub refused: Vec<Record>,
    /// Ceilings that this host does not enforce as they were asked for.
    pub losses: Vec<Loss>,
    /// The rules that are built in, wherever they are written now.
    pub built_in: BTreeSet<String>,
}

/// A file in force.
#[derive(Debug, Clone)]
pub struct File {
    /// Its layer.
    pub layer: Layer,
    /// Where it is.
    pub path: PathBuf,
    /// Whether it is approved, for a file of the project.
    pub trust: Option<Trust>,
    /// How many of its lines do not count because it is not approved.
    pub refused: usize,
}

/// Looks at everything.
///
/// # Errors
/// When the rules cannot be read.
pub fn run(profile: Option<&str>) -> Result<Status, Error> {
    let request = place::request(profile)?;
    let loaded = load::read(&request)?;
    let policy = loaded.merge()?;
    let config = place::Target::Global.file(&loaded.home, &loaded.project);
    let mut files: Vec<File> = Vec::new();
    for source in &loaded.sources {
        let Some(path) = source.file.clone() else {
            continue;
        };
        if files.iter().any(|file| file.path == path) {
            continue;
        }
        let project = source.layer == Layer::Project;
        let trust = match project {
            true => Some(trust::check(&loaded.home, &path, &source.text)?),
            false => None,
        };
        let refused = policy
            .refused
            .iter()
            .filter(|by| by.file.as_ref() == Some(&path))
            .count();
        files.push(File {
            layer: source.layer,
            path,
            trust,
            refused,
        });
    }
    let built_in = loaded.sources.iter().filter(|source| source.file.is_none());
    let lists = |source: &Source| -> Vec<String> {
        let env = source
            .raw
            .env
            .iter()
            .flat_map(|env| env.deny.iter().flatten());
        let rules = [Key::DenyRead, Key::DenyWrite, Key::DenyExec].map(|key| key.of(&source.raw));
        let items = rules.into_iter().flatten().flatten().chain(env);
        items.map(|item| item.value.clone()).collect()
    };
    let built_in = built_in.flat_map(lists).collect();
    let wide = discover::refuse_too_wide(&loaded.project, &loaded.home).err();
    Ok(Status {
        initialized: config.symlink_metadata().is_ok(),
        config,
        project: loaded.project.clone(),
        problem: wide.map(|error| error.to_string()),
        files,
        entries: show::entries(&policy),
        refused: refused(&loaded.home, &loaded.project)?,
        losses: limits::prepare(&policy.limits).losses,
        built_in,
    })
}

fn refused(home: &Path, project: &Path) -> Result<Vec<Record>, Error> {
    refusals::latest(home, project).map_err(|source| Error::Read {
        path: crate::app::audit::path(home),
        source,
    })
}
