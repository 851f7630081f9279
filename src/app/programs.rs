//! Which files of this host the rules on programs mean.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::engine::executables::{Executables, Search};
use crate::policy::exec::Program;
use crate::policy::{ExecRule, Origin, Policy};

/// Why a program does not start where only listed ones do.
#[derive(Debug)]
pub struct Unlisted {
    /// What is not listed: the program, or what the kernel starts for it.
    pub file: PathBuf,
    /// Why, in words.
    pub reason: String,
    /// The line that shuts it out.
    pub by: Origin,
    /// The command that lists it, if one does.
    pub remedy: Option<String>,
}

impl fmt::Display for Unlisted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: not on the allowlist: {}",
            self.file.display(),
            self.reason
        )?;
        match &self.remedy {
            Some(remedy) => write!(f, "; allow it with `{remedy}`"),
            None => Ok(()),
        }
    }
}

/// Where the command and what it starts come from.
pub(super) fn places(program: &Path) -> Vec<PathBuf> {
    [program.to_owned()]
        .into_iter()
        .chain(directories())
        .collect()
}

/// What may be executed, where only that may be. `tool` is the file of a tool of the catalogue: it may
/// start because the user started it.
pub(super) fn executables(policy: &Policy, tool: Option<PathBuf>) -> Option<Executables> {
    let own = [
        env::current_exe().ok(),
        Some(policy.home.join(".aigate/bin/aigate")),
    ];
    let search = Search {
        directories: directories(),
        tool,
        own: own.into_iter().flatten().collect(),
    };
    Executables::resolve(policy, &search)
}

/// Why the program at `path` does not start by this list, if so.
pub(super) fn unlisted(policy: &Policy, list: &Executables, path: &Path) -> Option<Unlisted> {
    let file = list.lacks(path, &directories())?;
    let is_itself = fs::canonicalize(path).is_ok_and(|own| own == file);
    let asked = if is_itself { path } else { &file };
    let command = |named: &Path| format!("aigate allow exec {}", quoted(named));
    let (reason, remedy) = match policy.exec.unlisted(asked) {
        None => (
            "it lies where sandboxed programs can write, so only its own path lists it, and only a \
             file that is no link and has no other"
                .to_owned(),
            Some(command(&file)),
        ),
        Some((by, true)) => (format!("no line of allow_exec lists it, and {by}"), {
            let name = asked.file_name().map(Path::new).filter(|_| is_itself && on_path(path));
            Some(command(name.unwrap_or(asked)))
        }),
        Some((by, false)) => (format!("the list of {} lacks it", by.place()), None),
    };
    let reason = match is_itself {
        true => reason,
        false => format!("{} is started by it, and {reason}", path.display()),
    };
    let by = list.by.clone();
    Some(Unlisted {
        file: asked.to_owned(),
        reason,
        by,
        remedy,
    })
}

fn on_path(file: &Path) -> bool {
    directories()
        .iter()
        .any(|place| file.parent() == Some(place))
}

fn quoted(path: &Path) -> String {
    shell_words::quote(&path.to_string_lossy()).into_owned()
}

/// The directories of PATH, but for relative ones: what lies in the working directory is the project's.
fn directories() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path);
    found.filter(|directory| directory.is_absolute()).collect()
}

/// Every copy on PATH of each program that may not be started, whatever the copy is called, and the
/// rule that denies it. Where nobody is there to look at its arguments, a rule on them denies the whole
/// program.
pub(super) fn denied(policy: &Policy) -> Vec<(PathBuf, &ExecRule)> {
    let directories = directories();
    let mut denied = Vec::new();
    let whole = |rule: &&ExecRule| rule.args.is_empty() || !policy.engine.is_native();
    for rule in policy.exec.denied().filter(whole) {
        let named: Vec<_> = match &rule.program {
            Program::Path(path) | Program::Below(path) => vec![path.clone()],
            Program::Name(name) => directories
                .iter()
                .chain([&policy.project])
                .map(|directory| directory.join(name))
                .collect(),
        };
        let files = named.into_iter().filter(|path| path.is_file());
        denied.extend(files.map(|path| (path, rule)));
    }
    let copies = copies(&denied, &directories);
    denied.extend(copies);
    denied
}

/// Files in these directories with the content of a denied one. The size tells most apart, so that
/// few are read; a hard link is known by its inode.
fn copies<'p>(
    denied: &[(PathBuf, &'p ExecRule)],
    directories: &[PathBuf],
) -> Vec<(PathBuf, &'p ExecRule)> {
    let mut originals: BTreeMap<u64, Vec<(&Path, Metadata, &'p ExecRule)>> = BTreeMap::new();
    for (path, rule) in denied {
        if let Ok(facts) = fs::metadata(path)
            && facts.len() > 0
        {
            let alike = originals.entry(facts.len()).or_default();
            alike.push((path, facts, rule));
        }
    }
    if originals.is_empty() {
        return Vec::new();
    }
    let mut seen: Vec<PathBuf> = directories
        .iter()
        .filter_map(|directory| fs::canonicalize(directory).ok())
        .collect();
    seen.sort();
    seen.dedup();
    let entries = seen.iter().filter_map(|place| fs::read_dir(place).ok());
    let mut found = Vec::new();
    for entry in entries.flatten().flatten() {
        let path = entry.path();
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        // What is no link is found without another walk along the path.
        let facts = if is_link {
            fs::metadata(&path)
        } else {
            entry.metadata()
        };
        let Ok(facts) = facts else {
            continue;
        };
        let Some(alike) = originals.get(&facts.len()).filter(|_| facts.is_file()) else {
            continue;
        };
        let original = alike
            .iter()
            .find(|(original, known, _)| same(original, known, &path, &facts));
        if let Some((_, _, rule)) = original {
            found.push((path, *rule));
        }
    }
    found
}

/// Whether two files of one size are one file, or have one content. What cannot be read by this user
/// cannot be copied by him either.
fn same(one: &Path, one_facts: &Metadata, other: &Path, other_facts: &Metadata) -> bool {
    let id = |facts: &Metadata| (facts.dev(), facts.ino());
    id(one_facts) == id(other_facts) || same_content(one, other).unwrap_or(false)
}

fn same_content(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = (
        BufReader::new(File::open(one)?),
        BufReader::new(File::open(other)?),
    );
    let (mut left, mut right) = ([0; 4096], [0; 4096]);
    loop {
        let count = one.read(&mut left)?;
        if count == 0 {
            return Ok(other.read(&mut right)? == 0);
        }
        match other.read_exact(&mut right[..count]) {
            Ok(()) if left[..count] == right[..count] => {}
            Ok(()) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}
