//! `trust`: the user's approval of what the project's files allow.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::diff;
use super::{Error, place, store};
use crate::config;
use crate::config::load::Loaded;
use crate::config::source::Source;
use crate::config::trust::{self, Trust};
use crate::policy::{Layer, Origin, Policy};

/// A file of the project and what the user thinks of it.
#[derive(Debug, Clone)]
pub struct Approval {
    /// The file.
    pub file: PathBuf,
    /// Whether it is approved.
    pub trust: Trust,
    /// What changed since it was approved, if it was.
    pub changes: Option<String>,
    /// What it would loosen, or does.
    pub loosens: Vec<Loosening>,
}

/// One line of a project's file that allows something.
#[derive(Debug, Clone)]
pub struct Loosening {
    /// The line: `key: value`.
    pub origin: Origin,
    /// The rule that denies the same now, if it names a single thing.
    pub denied: Option<Origin>,
    /// Whether that rule would go on denying it.
    pub in_vain: bool,
}

/// What each file of the project would loosen.
///
/// # Errors
/// When there is none, or one cannot be read.
pub fn show() -> Result<Vec<Approval>, Error> {
    let loaded = config::load::read(&place::request(None)?)?;
    approvals(&loaded)
}

/// Approves the files of the project as they are now, and tells what that loosens.
///
/// # Errors
/// As [`show`], or when the approval cannot be kept.
pub fn approve() -> Result<Vec<Approval>, Error> {
    let loaded = config::load::read(&place::request(None)?)?;
    let approvals = approvals(&loaded)?;
    // A file with an error would be approved unseen.
    loaded.merge()?;
    for source in project_files(&loaded) {
        let Some(file) = &source.file else { continue };
        let record = trust::record(&loaded.home, file);
        let before = config::source::read(&record)?;
        if before.as_ref() != Some(&source.text) {
            store(&loaded.home, &record, before.as_deref(), &source.text)?;
        }
    }
    Ok(approvals)
}

/// Takes the approvals back; the files that had one.
///
/// # Errors
/// When an approval cannot be deleted.
pub fn withdraw() -> Result<Vec<PathBuf>, Error> {
    let loaded = config::load::read(&place::request(None)?)?;
    let mut withdrawn = Vec::new();
    for file in project_files(&loaded).filter_map(|source| source.file.as_ref()) {
        let record = trust::record(&loaded.home, file);
        match fs::remove_file(&record) {
            Ok(()) => withdrawn.push(file.clone()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(Error::Write {
                    path: record,
                    source,
                });
            }
        }
    }
    Ok(withdrawn)
}

/// The project's files among the layers, each once (a profile's part is in the same file).
fn project_files(loaded: &Loaded) -> impl Iterator<Item = &Source> {
    let mut seen: Vec<&Path> = Vec::new();
    loaded.sources.iter().filter(move |source| {
        let Some(file) = source
            .file
            .as_deref()
            .filter(|_| source.layer == Layer::Project)
        else {
            return false;
        };
        let new = !seen.contains(&file);
        if new {
            seen.push(file);
        }
        new
    })
}

fn approvals(loaded: &Loaded) -> Result<Vec<Approval>, Error> {
    let files: Vec<&Source> = project_files(loaded).collect();
    if files.is_empty() {
        return Err(Error::NoProjectFile(loaded.project.clone()));
    }
    let (untrusted, trusted) = (with_trust(loaded, false)?, with_trust(loaded, true)?);
    let mut approvals = Vec::new();
    for source in files {
        let Some(file) = &source.file else { continue };
        let trust = trust::check(&loaded.home, file, &source.text)?;
        let changes = match &trust {
            Trust::Changed(approved) => Some(diff::unified(
                &file.display().to_string(),
                approved,
                &source.text,
            )),
            Trust::Unknown | Trust::Trusted => None,
        };
        let own = untrusted
            .refused
            .iter()
            .filter(|origin| origin.file.as_ref() == Some(file));
        let loosens = own
            .map(|origin| loosening(origin, &untrusted, &trusted))
            .collect();
        approvals.push(Approval {
            file: file.clone(),
            trust,
            changes,
            loosens,
        });
    }
    Ok(approvals)
}

/// The rules as if every file, or none, of the project were approved.
fn with_trust(loaded: &Loaded, trusted: bool) -> Result<Policy, Error> {
    let mut sources = loaded.clone();
    for source in &mut sources.sources {
        if source.layer == Layer::Project {
            source.trusted = trusted;
        }
    }
    Ok(sources.merge()?)
}

fn loosening(origin: &Origin, untrusted: &Policy, trusted: &Policy) -> Loosening {
    Loosening {
        origin: origin.clone(),
        denied: denial(origin, untrusted).cloned(),
        in_vain: denial(origin, trusted).is_some(),
    }
}

/// The rule that denies what a line of a project's file allows, if the line names a single thing.
fn denial<'p>(origin: &Origin, policy: &'p Policy) -> Option<&'p Origin> {
    let (key, text) = origin.text.split_once(": ")?;
    let text = text.strip_prefix('!').unwrap_or(text);
    if text.contains(['*', '?', '[', '\\']) {
        return None;
    }
    let base = origin
        .file
        .as_deref()
        .and_then(Path::parent)
        .unwrap_or(&policy.project);
    let path = match text.strip_prefix("~/") {
        Some(rest) => policy.home.join(rest),
        None => base.join(text.trim_start_matches("./")),
    };
    match key {
        "allow_read" | "deny_read" => policy.read.judge(&path, true),
        "allow_write" | "deny_write" => policy.write.judge(&path, true),
        "env.pass" | "env.deny" => policy.env.passes(text.as_ref()).err(),
        "network" => Some(&policy.network_origin).filter(|holding| *holding != origin),
        "exec" => policy.exec.allowlist(),
        _ => None,
    }
}
