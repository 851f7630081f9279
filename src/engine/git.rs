//! The part of a Git repository that lies outside a linked worktree or a submodule.
//!
//! There `git commit` writes into a directory of another repository. Which one is said by a file of
//! the project, which is not to be trusted: it counts only when that directory itself names the
//! project as its worktree.

use std::fs;
use std::path::{Path, PathBuf};

/// Where Git keeps the data of a project whose `.git` is a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// Must be writable for Git to work.
    pub writable: Vec<PathBuf>,
    /// Code and settings in there that Git runs or obeys on the host.
    pub protected: Vec<PathBuf>,
}

/// The data of the worktree or submodule at `project`; `None` for anything else.
#[must_use]
pub fn elsewhere(project: &Path) -> Option<Elsewhere> {
    let pointer = fs::read_to_string(project.join(".git")).ok()?;
    let private = resolve(project, pointer.strip_prefix("gitdir:")?)?;
    if let Ok(common) = fs::read_to_string(private.join("commondir")) {
        let back = fs::read_to_string(private.join("gitdir")).ok()?;
        let names_us = resolve(&private, &back)? == fs::canonicalize(project.join(".git")).ok()?;
        return names_us.then(|| of(project, resolve(&private, &common)?, Some(&private)))?;
    }
    // A submodule: its own configuration says where its files are.
    let config = fs::read_to_string(private.join("config")).ok()?;
    let mut lines = config.lines().filter_map(|line| line.split_once('='));
    let (_, worktree) = lines.find(|(key, _)| key.trim() == "worktree")?;
    let names_us = resolve(&private, worktree)? == fs::canonicalize(project).ok()?;
    names_us.then(|| of(project, private, None))?
}

fn resolve(base: &Path, text: &str) -> Option<PathBuf> {
    fs::canonicalize(base.join(text.trim())).ok()
}

fn of(project: &Path, common: PathBuf, private: Option<&Path>) -> Option<Elsewhere> {
    // Not just any directory that happens to be named.
    if !common.join("HEAD").is_file() || !common.join("objects").is_dir() {
        return None;
    }
    let code = [
        "hooks",
        "config",
        "config.worktree",
        "info/attributes",
        "modules",
    ];
    let mut protected: Vec<_> = code.iter().map(|name| common.join(name)).collect();
    protected.push(project.join(".git"));
    protected.extend(private.map(|private| private.join("config.worktree")));
    Some(Elsewhere {
        writable: vec![common],
        protected,
    })
}
