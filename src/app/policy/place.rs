//! From what the user typed to what the rules are asked about.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use super::Error;
use crate::config;
use crate::shim::catalog;

/// A path as the kernel walks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The directory entry itself, its parents without symbolic links.
    pub entry: PathBuf,
    /// Where it leads, if it is a link.
    pub target: Option<PathBuf>,
    /// Whether a directory is found there (or was meant, with a final slash).
    pub is_dir: bool,
    /// Whether anything is there.
    pub exists: bool,
}

/// Resolves a path; what does not exist yet keeps its name below what does.
///
/// # Errors
/// When a parent cannot be looked at.
pub fn resolve(cwd: &Path, home: &Path, typed: &Path) -> Result<Place, Error> {
    let meant_dir = typed.as_os_str().as_encoded_bytes().ends_with(b"/");
    let absolute = match typed.strip_prefix("~") {
        Ok(rest) => home.join(rest),
        Err(_) => cwd.join(typed),
    };
    let entry = entry(&absolute).map_err(|source| config::Error::Read {
        file: absolute.clone(),
        source,
    })?;
    let target = entry.canonicalize().ok();
    let is_dir = meant_dir || target.as_ref().is_some_and(|target| target.is_dir());
    let exists = entry.symlink_metadata().is_ok();
    let target = target.filter(|target| *target != entry);
    Ok(Place {
        entry,
        target,
        is_dir,
        exists,
    })
}

fn entry(path: &Path) -> io::Result<PathBuf> {
    let (Some(parent), Some(name)) = (path.parent(), path.components().next_back()) else {
        return Ok(PathBuf::from("/"));
    };
    let Component::Normal(name) = name else {
        // `..` and `.` can only be followed as they are.
        return path.canonicalize();
    };
    let parent = match parent.canonicalize() {
        Ok(parent) => parent,
        Err(e) if e.kind() == io::ErrorKind::NotFound => entry(parent)?,
        Err(e) => return Err(e),
    };
    Ok(parent.join(name))
}

/// The program a name or path stands for; the name itself if there is none.
#[must_use]
pub fn program(cwd: &Path, typed: &OsStr) -> PathBuf {
    if typed.as_encoded_bytes().contains(&b'/') {
        return cwd.join(typed);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let executable = |file: &PathBuf| {
        file.metadata()
            .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    };
    let candidates = env::split_paths(&path).filter(|dir| dir.is_absolute());
    let mut found = candidates.map(|dir| dir.join(typed)).filter(executable);
    found.next().unwrap_or_else(|| PathBuf::from(typed))
}

/// A request for where the user stands, with the profile that a flag names: a tool of the
/// catalogue, or a name under `profiles:`.
///
/// # Errors
/// When there is no usable working directory or home.
pub fn request(profile: Option<&str>) -> Result<config::Request, Error> {
    let mut request = config::Request::here()?;
    request.profile = profile.map(|name| shipped(name, &request.home));
    Ok(request)
}

fn shipped(name: &str, home: &Path) -> config::Profile {
    let tool = catalog::tool(OsStr::new(name)).ok().flatten();
    let file = tool
        .as_ref()
        .map(|tool| PathBuf::from(format!("shims/{}.yaml", tool.command)));
    let layer = tool.map(|tool| {
        let mut layer = tool.profile;
        let state = tool.state.iter().chain(&tool.state_if_present);
        let writable = layer.allow_write.get_or_insert_default();
        for place in state {
            let path = place.resolve(home, &|name| env::var_os(name));
            writable.extend(path.to_str().map(config::raw::typed));
        }
        layer
    });
    config::Profile {
        name: name.to_owned(),
        shipped: layer,
        file,
    }
}

/// Which of the user's files a command changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Target {
    /// `~/.aigate/config.yaml`.
    #[default]
    Global,
    /// The user's own file for this project, outside the repository.
    Project,
    /// `.aigate.yaml` in the project, for everybody who works on it.
    Shared,
}

impl Target {
    /// The file.
    #[must_use]
    pub fn file(self, home: &Path, project: &Path) -> PathBuf {
        match self {
            Target::Global => home.join(".aigate/config.yaml"),
            Target::Project => config::trust::project_file(home, project),
            Target::Shared => project.join(config::discover::FILE),
        }
    }

    /// What a new file starts with.
    #[must_use]
    pub fn template(self, project: &Path) -> String {
        match self {
            // What is not said here keeps its built-in value, also in a later version.
            Target::Global => "# Your rules for all projects. `aigate init --force` writes every \
                               built-in rule here instead.\n"
                .to_owned(),
            Target::Project => format!("# Your rules for {}, on this host.\n", project.display()),
            Target::Shared => "# Rules for agents in this repository (aigate).\n\
                               # What denies counts at once; what allows, after `aigate trust`.\n"
                .to_owned(),
        }
    }
}
