//! Computes what an installation does to which file, and does it: all files or none.

use std::fmt;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::catalog::{Agent, Invalid, Scope};
use super::edit::{Edit, Format, LARGEST, Refused};
use super::receipt::{Entry, Receipt};
use super::template::{self, Words};
use crate::shim::{atomic, startup_file};

/// Why nothing was changed, or not everything.
#[derive(Debug)]
pub enum Error {
    /// A file is left as it is.
    Refused(PathBuf, Refused),
    /// A file must not be replaced.
    Kept(PathBuf, &'static str),
    /// A file was changed between reading and writing.
    Changed(PathBuf),
    /// A file cannot be read or written.
    Io(&'static str, PathBuf, io::Error),
    /// The data is wrong.
    Data(Invalid),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(path, why) => {
                write!(f, "{}: {why}; nothing was changed", path.display())
            }
            Self::Kept(path, why) => write!(f, "{}: {why}; nothing was changed", path.display()),
            Self::Changed(path) => write!(
                f,
                "{} was changed by another program meanwhile; try again",
                path.display()
            ),
            Self::Io(doing, path, why) => write!(f, "cannot {doing} {}: {why}", path.display()),
            Self::Data(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<Invalid> for Error {
    fn from(why: Invalid) -> Self {
        Self::Data(why)
    }
}

/// What becomes of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The file.
    pub path: PathBuf,
    /// Its text now; none if there is no file.
    pub now: Option<String>,
    /// Its text afterwards; none where no file is left.
    pub then: Option<String>,
    /// Whether it is started as a program.
    pub program: bool,
    /// Settings of the user that stay although ours differ: the key, and his value.
    pub left: Vec<(Vec<String>, String)>,
}

/// A computed installation.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The files in order.
    pub steps: Vec<Step>,
    /// What is to be remembered.
    pub entries: Vec<Entry>,
}

/// Where the files are.
#[derive(Debug, Clone, Copy)]
pub struct Base<'a> {
    /// HOME.
    pub home: &'a Path,
    /// The project.
    pub project: &'a Path,
}

/// Computes the installation of an agent. What an older installation did is taken back first.
///
/// # Errors
/// When a file cannot be edited; nothing is changed then.
pub fn install(
    agent: &Agent,
    scope: Scope,
    base: Base<'_>,
    mut words: Words,
    old: Option<&Receipt>,
) -> Result<Plan, Error> {
    let mut plan = Plan {
        steps: Vec::new(),
        entries: Vec::new(),
    };
    for target in agent.scopes.get(&scope).into_iter().flatten() {
        let mut edits = Vec::new();
        for change in target.changes()? {
            let (edit, number) = change.edit()?;
            edits.push((edit, number.map(str::to_owned)));
        }
        for location in &target.at {
            let path = location.file.resolve(base.home, base.project);
            let when = location.when.as_ref();
            if when.is_some_and(|spot| !spot.resolve(base.home, base.project).exists()) {
                continue;
            }
            let known = old.and_then(|receipt| receipt.entry(&path));
            let directory = path.parent().unwrap_or(Path::new("/"));
            words.set("directory", directory.to_string_lossy());
            if let Some(name) = &target.named {
                words.set(name, path.to_string_lossy());
            }
            plan.add(&path, target.format, &edits, &mut words, known)?;
        }
    }
    // A place that is gone from the data, or whose condition no longer holds.
    for entry in old.into_iter().flat_map(|receipt| &receipt.files) {
        if plan.entries.iter().all(|known| known.path != entry.path) {
            plan.steps.push(undo(entry)?);
        }
    }
    Ok(plan)
}

impl Plan {
    fn add(
        &mut self,
        path: &Path,
        format: Format,
        edits: &[(Edit, Option<String>)],
        words: &mut Words,
        known: Option<&Entry>,
    ) -> Result<(), Error> {
        let refused = |why| Error::Refused(path.to_owned(), why);
        let now = read(path)?;
        let before = match known {
            Some(entry) => entry.undone(now.as_deref()).map_err(refused)?,
            None => without(now.as_deref(), format, edits, words).map_err(refused)?,
        };
        let made = Made::of(before.as_deref(), format, edits, words).map_err(refused)?;
        // Once it is there, its form and its place are the user's business.
        let again = now
            .as_deref()
            .map(|now| Made::of(Some(now), format, edits, words));
        let is_there = |again: &Made| now.as_ref() == Some(&again.text);
        let standing = again.and_then(Result::ok).filter(is_there);
        let then = standing.as_ref().unwrap_or(&made);
        for (word, position) in &then.numbers {
            words.set(word, position.to_string());
        }
        let then = then.text.clone();
        self.entries.push(Entry {
            path: path.to_owned(),
            format,
            after: template::hex(then.as_bytes()),
            before,
            edits: made.done,
            directories: known.map_or_else(|| missing(path), |entry| entry.directories.clone()),
        });
        self.steps.push(Step {
            path: path.to_owned(),
            now,
            then: Some(then),
            program: made.program,
            left: made.left,
        });
        Ok(())
    }
}

/// What the edits make of a text.
#[derive(Debug, Default)]
struct Made {
    text: String,
    done: Vec<(Edit, usize)>,
    left: Vec<(Vec<String>, String)>,
    numbers: Vec<(String, usize)>,
    program: bool,
}

impl Made {
    fn of(
        before: Option<&str>,
        format: Format,
        edits: &[(Edit, Option<String>)],
        words: &Words,
    ) -> Result<Self, Refused> {
        let mut made = Self {
            text: before.unwrap_or_default().to_owned(),
            ..Self::default()
        };
        for (edit, number) in edits {
            let edit = filled(edit, words);
            if let Edit::Write { text, program } = &edit {
                made.program = *program;
                if before.is_some_and(|before| before != text) {
                    return Err(Refused::Foreign);
                }
            }
            let applied = edit.apply(format, &made.text)?;
            made.text = applied.text;
            let word = number.iter().cloned();
            made.numbers
                .extend(word.map(|word| (word, applied.position)));
            // What the user has himself already is his.
            let is_his = before.is_some_and(|before| edit.is_in(format, before));
            match applied.left {
                Some(value) => made.left.push((edit.keys().to_vec(), value)),
                None if is_his => {}
                None => made.done.push((edit, applied.made)),
            }
        }
        Ok(made)
    }
}

/// A text of which nothing is known, without what of ours is in it: the receipt may be lost.
fn without(
    text: Option<&str>,
    format: Format,
    edits: &[(Edit, Option<String>)],
    words: &Words,
) -> Result<Option<String>, Refused> {
    let Some(text) = text else {
        return Ok(None);
    };
    let mut text = text.to_owned();
    let filled = || edits.iter().map(|(edit, _)| filled(edit, words)).rev();
    if !filled().all(|edit| edit.is_in(format, &text)) {
        return Ok(Some(text));
    }
    for edit in filled() {
        match &edit {
            Edit::Write { text: ours, .. } if *ours == text => return Ok(None),
            Edit::Write { .. } => {}
            _ => text = edit.take_back(format, &text, edit.keys().len())?,
        }
    }
    Ok(Some(text))
}

/// Computes the taking back of one file.
///
/// # Errors
/// When it can no longer be edited.
pub fn undo(entry: &Entry) -> Result<Step, Error> {
    let now = read(&entry.path)?;
    let then = entry
        .undone(now.as_deref())
        .map_err(|why| Error::Refused(entry.path.clone(), why))?;
    Ok(Step {
        path: entry.path.clone(),
        now,
        then,
        program: false,
        left: Vec::new(),
    })
}

fn filled(edit: &Edit, words: &Words) -> Edit {
    let keys = |keys: &[String]| keys.iter().map(|key| words.fill(key)).collect();
    match edit {
        Edit::Append { to, item } => Edit::Append {
            to: keys(to),
            item: words.fill_value(item),
        },
        Edit::Set { key, value } => Edit::Set {
            key: keys(key),
            value: words.fill_value(value),
        },
        Edit::Write { text, program } => Edit::Write {
            text: words.fill(text),
            program: *program,
        },
    }
}

impl Step {
    /// Whether there is anything to do.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.now == self.then
    }

    /// Whether the file may be replaced at all.
    ///
    /// # Errors
    /// When it may not.
    pub fn check(&self) -> Result<(), Error> {
        match fs::metadata(&self.path) {
            Ok(found) => match startup_file::kept_by_user(&found) {
                Some(why) if !self.is_done() => Err(Error::Kept(self.path.clone(), why)),
                _ => Ok(()),
            },
            Err(_) => Ok(()),
        }
    }

    /// Writes the file, if it still is what was read.
    ///
    /// # Errors
    /// When it is not, or cannot be written.
    pub fn run(&self) -> Result<(), Error> {
        if self.is_done() {
            return Ok(());
        }
        let failed = |why| Error::Io("write", self.path.clone(), why);
        if read(&self.path)? != self.now {
            return Err(Error::Changed(self.path.clone()));
        }
        let Some(then) = &self.then else {
            return fs::remove_file(&self.path).map_err(failed);
        };
        for directory in missing(&self.path) {
            DirBuilder::new()
                .mode(0o755)
                .create(directory)
                .map_err(failed)?;
        }
        let mode = if self.program { 0o755 } else { 0o644 };
        atomic::replace(&self.path, then.as_bytes(), mode, None).map_err(failed)?;
        if self.program {
            fs::set_permissions(&self.path, Permissions::from_mode(mode)).map_err(failed)?;
        }
        Ok(())
    }
}

/// The text of a file; none if there is no file.
///
/// # Errors
/// When it is there and cannot be read, or is no text of a reasonable size.
pub fn read(path: &Path) -> Result<Option<String>, Error> {
    let failed = |why| Error::Io("read", path.to_owned(), why);
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            return Err(Error::Kept(path.to_owned(), "it is not a regular file"));
        }
        Ok(found) if found.len() > LARGEST => {
            return Err(Error::Kept(path.to_owned(), "it is too large for settings"));
        }
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(failed(why)),
        Err(_) if path.is_symlink() => {
            return Err(Error::Kept(path.to_owned(), "it is a link to nothing"));
        }
        Err(_) => return Ok(None),
        Ok(_) => {}
    }
    let bytes = fs::read(path).map_err(failed)?;
    let text = String::from_utf8(bytes);
    text.map(Some).map_err(|_| {
        let why = Refused::Invalid("it is not UTF-8".to_owned());
        Error::Refused(path.to_owned(), why)
    })
}

/// The directories above a file that do not exist, outermost first.
fn missing(path: &Path) -> Vec<PathBuf> {
    let mut missing: Vec<_> = path
        .ancestors()
        .skip(1)
        .take_while(|directory| !directory.exists())
        .map(Path::to_owned)
        .collect();
    missing.reverse();
    missing
}
