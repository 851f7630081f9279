//! Finds the project of a working directory, and the project files that apply there.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::error::Error;

/// The name of a project's file.
pub const FILE: &str = ".aigate.yaml";

/// What makes a directory a project; the first kind counts more, wherever it is.
const MARKERS: [&str; 2] = [FILE, ".git"];

/// The nearest directory with a project file, else the nearest repository, else the directory.
///
/// The home directory and what contains it never become a project because of a file there
/// (dotfiles are often a repository), nor does a directory whose marker someone else put there
/// (anybody may make `/tmp/.git`).
///
/// # Errors
/// When a directory on the way cannot be looked at.
pub fn project(cwd: &Path, home: &Path) -> Result<PathBuf, Error> {
    for name in MARKERS {
        for dir in above(cwd, home) {
            if is_ours(&dir.join(name), cwd)? {
                return Ok(dir.to_path_buf());
            }
        }
    }
    Ok(cwd.to_path_buf())
}

/// The projects that this one lies in, outermost first. A sandbox can make a project of any
/// directory it writes, by `git init`; what the outer project hides must stay hidden for a run that
/// starts there.
///
/// # Errors
/// When a directory on the way cannot be looked at.
pub fn enclosing(project: &Path, home: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for dir in above(project, home).skip(1) {
        for name in MARKERS {
            if is_ours(&dir.join(name), project)? {
                found.push(dir.to_path_buf());
                break;
            }
        }
    }
    found.reverse();
    Ok(found)
}

fn above<'a>(dir: &'a Path, home: &'a Path) -> impl Iterator<Item = &'a Path> {
    dir.ancestors()
        .take_while(move |dir| !home.starts_with(dir))
}

/// Whether the marker is there and belongs to the user or to whom the working directory belongs.
fn is_ours(marker: &Path, cwd: &Path) -> Result<bool, Error> {
    let failed = |file: &Path, source| Error::Read {
        file: file.to_path_buf(),
        source,
    };
    let found = match marker.symlink_metadata() {
        Ok(found) => found,
        Err(e) if is_absence(&e) => return Ok(false),
        Err(e) => return Err(failed(marker, e)),
    };
    if found.uid() == geteuid().as_raw() {
        return Ok(true);
    }
    let cwd = cwd.metadata().map_err(|e| failed(cwd, e))?;
    Ok(cwd.uid() == found.uid())
}

fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    matches!(error.kind(), NotFound | NotADirectory | PermissionDenied)
}

/// Refuses directories that hold more than one project's files.
///
/// # Errors
/// When the directory is `/`, the home directory, or a directory that the home lies in.
pub fn refuse_too_wide(project: &Path, home: &Path) -> Result<(), Error> {
    let why = if project.parent().is_none() {
        "the root directory"
    } else if project == home {
        "your home directory"
    } else if home.starts_with(project) {
        "a directory that contains your home"
    } else {
        return Ok(());
    };
    Err(Error::Project {
        path: project.to_path_buf(),
        why,
    })
}

/// The project files that apply in `cwd`, outermost first: those of every directory from the
/// outermost project around down to the working directory.
///
/// # Errors
/// When a directory on the way cannot be looked at.
pub fn files(cwd: &Path, project: &Path, home: &Path) -> Result<Vec<PathBuf>, Error> {
    let enclosing = enclosing(project, home)?;
    let top = enclosing.first().map_or(project, PathBuf::as_path);
    Ok(places(cwd, project, top))
}

/// Where such files may lie below `top`, outermost first.
pub(super) fn places(cwd: &Path, project: &Path, top: &Path) -> Vec<PathBuf> {
    let start = if cwd.starts_with(project) {
        cwd
    } else {
        project
    };
    let within = start.ancestors().take_while(|dir| dir.starts_with(top));
    let mut files: Vec<PathBuf> = within.map(|dir| dir.join(FILE)).collect();
    files.reverse();
    files
}
