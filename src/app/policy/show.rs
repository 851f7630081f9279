//! `config show` and `config check`: the rules as they are in force, and whether a file is valid.

use std::path::{Path, PathBuf};

use super::{Error, place};
use crate::config::source::Source;
use crate::config::{self, load};
use crate::policy::{Layer, Network, Origin, Policy};

/// The JSON Schema of a configuration file, for editors.
pub const SCHEMA: &str = include_str!("../../config/schema.json");

/// How the values of a key are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One word.
    Word,
    /// A list.
    List,
    /// Names with values.
    Map,
    /// A list of sections, each with a regular expression.
    Regexes,
}

/// One key and its values in force, each with the line it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key, with a dot for a section: `env.deny`.
    pub key: &'static str,
    /// How the values are written.
    pub shape: Shape,
    /// The values.
    pub values: Vec<Origin>,
}

/// What is in force where the user stands.
///
/// # Errors
/// When the rules cannot be read.
pub fn run(profile: Option<&str>) -> Result<Vec<Entry>, Error> {
    Ok(entries(&load::read(&place::request(profile)?)?.merge()?))
}

/// Checks files, or without any those that apply where the user stands; the files.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(files: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let request = place::request(None)?;
    if files.is_empty() {
        let loaded = load::read(&request)?;
        loaded.merge()?;
        let mut files: Vec<PathBuf> = loaded
            .sources
            .into_iter()
            .filter_map(|source| source.file)
            .collect();
        files.dedup();
        return Ok(files);
    }
    let home = load::canonical_home(&request.home)?;
    for file in files {
        check_one(file, &request.cwd, &home)?;
    }
    Ok(files.to_vec())
}

fn check_one(file: &Path, cwd: &Path, home: &Path) -> Result<(), Error> {
    let Some(text) = config::source::read(file)? else {
        let source = nix::errno::Errno::ENOENT.into();
        return Err(config::Error::Read {
            file: file.to_path_buf(),
            source,
        }
        .into());
    };
    let base = cwd
        .canonicalize()
        .map_err(config::Error::WorkingDirectory)?;
    let source = Source::parse(Layer::User, Some(file.to_path_buf()), &base, text)?;
    let profiles = source.raw.profiles.clone().unwrap_or_default();
    let mut sources = vec![source.clone()];
    sources.extend(profiles.into_values().map(|raw| Source {
        raw,
        ..source.clone()
    }));
    config::merge::merge(&sources, &base, home)?;
    Ok(())
}

/// Every key that has a value, in the order of the documentation.
#[must_use]
pub fn entries(policy: &Policy) -> Vec<Entry> {
    let (read, write) = (policy.read.rules().iter(), policy.write.rules().iter());
    let (read, write) = (read.map(|rule| (&rule.origin, rule.allows)), write);
    let write = write.map(|rule| (&rule.origin, rule.allows));
    let exec = policy
        .exec
        .rules()
        .iter()
        .map(|rule| (&rule.origin, rule.allows));
    let env = policy
        .env
        .rules()
        .iter()
        .map(|rule| (&rule.origin, rule.allows));
    let mut entries = Vec::new();
    entries.extend(pair("deny_read", "allow_read", read));
    entries.extend(pair("deny_write", "allow_write", write));
    let copied = policy
        .copy_on_write
        .iter()
        .map(|grant| grant.origin.clone());
    entries.push(list("copy_on_write", copied.collect()));
    let mode = policy.exec.allowlist();
    entries.push(word("exec", mode.map(|by| with_text(by, "allowlist"))));
    entries.extend(pair("deny_exec", "allow_exec", exec));
    entries.push(word("network", Some(network(policy))));
    entries.extend(pair("deny_net", "allow_net", hosts(policy)));
    entries.extend(pair("env.deny", "env.pass", env));
    entries.push(map("env.set", policy.env.set_origins().to_vec()));
    let sockets = policy.unix_sockets.iter().map(|grant| grant.origin.clone());
    entries.push(list("unix_sockets", sockets.collect()));
    entries.push(list("publish_ports", policy.publish_origins.clone()));
    let limits = &policy.limits;
    let set = [
        limits.max_memory.as_ref().map(|(_, origin)| origin.clone()),
        limits
            .max_cpu_percent
            .as_ref()
            .map(|(_, origin)| origin.clone()),
        limits.max_pids.as_ref().map(|(_, origin)| origin.clone()),
    ];
    entries.push(map("resource_limits", set.into_iter().flatten().collect()));
    let presets = policy
        .redact
        .presets
        .iter()
        .map(|(_, origin)| origin.clone());
    entries.push(list("mask_stdout.presets", presets.collect()));
    let patterns = policy
        .redact
        .patterns
        .iter()
        .map(|pattern| pattern.origin.clone());
    let (key, values) = ("mask_stdout.patterns", patterns.collect());
    entries.push(Entry {
        key,
        shape: Shape::Regexes,
        values,
    });
    entries.retain(|entry| !entry.values.is_empty());
    entries
}

fn word(key: &'static str, value: Option<Origin>) -> Entry {
    Entry {
        key,
        shape: Shape::Word,
        values: value.into_iter().collect(),
    }
}

fn with_text(origin: &Origin, text: &str) -> Origin {
    Origin {
        text: text.to_owned(),
        ..origin.clone()
    }
}

fn list(key: &'static str, values: Vec<Origin>) -> Entry {
    Entry {
        key,
        shape: Shape::List,
        values,
    }
}

fn map(key: &'static str, values: Vec<Origin>) -> Entry {
    Entry {
        key,
        shape: Shape::Map,
        values,
    }
}

/// The rules of a subject, in the two lists they were written in: a `!pattern` stands among the
/// denials.
fn pair<'p>(
    deny: &'static str,
    allow: &'static str,
    rules: impl Iterator<Item = (&'p Origin, bool)>,
) -> [Entry; 2] {
    let (mut denies, mut allows) = (Vec::new(), Vec::new());
    for (origin, allowing) in rules {
        let other = allowing && !origin.text.starts_with('!');
        // The same line may speak about the project and about the ones around it.
        if denies.contains(origin) || allows.contains(origin) {
            continue;
        }
        if other { &mut allows } else { &mut denies }.push(origin.clone());
    }
    [list(deny, denies), list(allow, allows)]
}

/// The host rules, without the one that keeps an open network open behind the filter: nobody
/// wrote it.
fn hosts(policy: &Policy) -> impl Iterator<Item = (&Origin, bool)> {
    let written = policy
        .net
        .iter()
        .filter(|rule| !rule.origin.text.starts_with("network:"));
    written.map(|rule| (&rule.origin, rule.allows))
}

fn network(policy: &Policy) -> Origin {
    let word = match policy.network {
        Network::Open => "open",
        Network::Filtered => "filtered",
        Network::Off => "off",
    };
    with_text(&policy.network_origin, word)
}
