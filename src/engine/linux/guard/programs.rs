//! Which start of a program a rule denies.

use std::collections::HashMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open};
use nix::sys::stat::{FileStat, Mode};
use sha2::{Digest, Sha256};

use super::target::{Found, From, Target};
use crate::policy::exec::Program;
use crate::policy::{ExecRules, Origin, Policy};

const HERE: From<'_> = From::Directory(libc::AT_FDCWD);

/// Words of a command line in which the file of a program is looked for, as `sh script` and
/// `ld.so program` have it.
const MOST_WORDS: usize = 8;
/// Interpreters of interpreters that the kernel itself follows.
const DEEPEST: usize = 4;
/// The longest first line that names an interpreter, in bytes: the kernel reads no more.
const LONGEST_LINE: usize = 256;

/// The programs that rules on arguments are about.
pub(super) struct Programs {
    known: Vec<Known>,
    contents: HashMap<Stamp, Content>,
}

struct Known {
    path: PathBuf,
    found: Found,
}

/// Device, inode, length, and when content and inode changed last: a file that has these had this content.
type Stamp = (u64, u64, i64, [i64; 4]);

type Content = [u8; 32];

/// A program that is about to start.
#[derive(Debug)]
pub(super) struct Command {
    /// Its file by the name that was typed, from the root directory.
    pub(super) path: PathBuf,
    /// What it is told, its own name first.
    pub(super) words: Vec<OsString>,
    pub(super) file: Found,
}

impl Programs {
    /// Every copy on PATH of what the rules are about.
    pub(super) fn of(policy: &Policy) -> Self {
        let path = env::var_os("PATH").unwrap_or_default();
        let copies = |program: &Program| match program {
            Program::Path(path) | Program::Below(path) => vec![path.clone()],
            Program::Name(name) => env::split_paths(&path)
                .filter(|directory| directory.is_absolute())
                .map(|directory| directory.join(name))
                .collect(),
        };
        let about = policy.exec.denied().filter(|rule| !rule.args.is_empty());
        let known = about.flat_map(|rule| copies(&rule.program));
        let known = known.filter_map(|path| {
            let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
            let found = Found::new(open(&path, flags, Mode::empty()).ok()?).ok()?;
            Some(Known { path, found })
        });
        Self {
            known: known.collect(),
            contents: HashMap::new(),
        }
    }

    /// The rule that denies this start: of the program by its name, by its file or by its content; or of
    /// one whose file is handed to an interpreter.
    pub(super) fn judge<'r>(
        &mut self,
        rules: &'r ExecRules,
        command: &Command,
        target: Target,
    ) -> Option<&'r Origin> {
        let words: Vec<&OsStr> = command.words.iter().map(OsString::as_os_str).collect();
        let arguments = words.get(1..).unwrap_or_default();
        self.by_file(rules, &command.path, &command.file, arguments)
            .or_else(|| self.by_interpreter(rules, command, arguments, target))
            .or_else(|| self.as_argument(rules, arguments, target))
    }

    fn by_file<'r>(
        &mut self,
        rules: &'r ExecRules,
        typed: &Path,
        file: &Found,
        arguments: &[&OsStr],
    ) -> Option<&'r Origin> {
        let real = file.path().ok();
        let names = [Some(typed), real.as_deref()];
        let named = names.into_iter().flatten();
        named
            .filter_map(|name| rules.judge(name, arguments))
            .next()
            .or_else(|| rules.judge(&self.known_as(file)?, arguments))
    }

    /// The first line of a script names who reads it, with one argument before the script.
    fn by_interpreter<'r>(
        &mut self,
        rules: &'r ExecRules,
        command: &Command,
        arguments: &[&OsStr],
        target: Target,
    ) -> Option<&'r Origin> {
        let mut words: Vec<OsString> = vec![command.path.clone().into()];
        words.extend(arguments.iter().map(|word| (*word).to_owned()));
        let mut line = interpreter(&command.file);
        for _ in 0..DEEPEST {
            let (path, argument) = line?;
            words.splice(0..0, argument);
            let found = target.find(&HERE, &path).ok()?;
            let arguments: Vec<&OsStr> = words.iter().map(OsString::as_os_str).collect();
            let denied = self.by_file(rules, &path, &found, &arguments);
            if denied.is_some() {
                return denied;
            }
            line = interpreter(&found);
            words.insert(0, path.into());
        }
        None
    }

    /// A program that another one is asked to load or to read.
    fn as_argument<'r>(
        &mut self,
        rules: &'r ExecRules,
        arguments: &[&OsStr],
        target: Target,
    ) -> Option<&'r Origin> {
        if self.known.is_empty() {
            return None;
        }
        let words = arguments.iter().enumerate().take(MOST_WORDS);
        let paths = words.filter(|(_, word)| !word.as_bytes().starts_with(b"-"));
        for (at, word) in paths {
            let found = target.find(&HERE, Path::new(word));
            let known = found.ok().and_then(|found| self.known_as(&found));
            let denied = known.and_then(|known| rules.judge(&known, &arguments[at + 1..]));
            if denied.is_some() {
                return denied;
            }
        }
        None
    }

    /// The path of a known program that is this file, or has its content.
    fn known_as(&mut self, found: &Found) -> Option<PathBuf> {
        let same = |known: &Known| {
            let (one, other) = (&known.found.status, &found.status);
            one.st_dev == other.st_dev && one.st_ino == other.st_ino
        };
        if let Some(known) = self.known.iter().find(|known| same(known)) {
            return Some(known.path.clone());
        }
        let length = found.status.st_size;
        let mut alike = self
            .known
            .iter()
            .filter(|known| known.found.status.st_size == length);
        let contents = &mut self.contents;
        let wanted = alike
            .clone()
            .next()
            .and_then(|_| content(contents, found).ok())?;
        let known = alike.find(|known| content(contents, &known.found).ok() == Some(wanted))?;
        Some(known.path.clone())
    }
}

fn content(known: &mut HashMap<Stamp, Content>, found: &Found) -> io::Result<Content> {
    let stamp = stamp(&found.status);
    if let Some(content) = known.get(&stamp) {
        return Ok(*content);
    }
    let mut digest = Sha256::new();
    let mut file = found.read()?;
    let mut part = vec![0; 1 << 16];
    loop {
        match file.read(&mut part)? {
            0 => break,
            length => digest.update(&part[..length]),
        }
    }
    let content = digest.finalize().into();
    known.insert(stamp, content);
    Ok(content)
}

fn stamp(status: &FileStat) -> Stamp {
    let times = [
        status.st_mtime,
        status.st_mtime_nsec,
        status.st_ctime,
        status.st_ctime_nsec,
    ];
    (status.st_dev, status.st_ino, status.st_size, times)
}

/// Who reads a file that is a script, and the one argument that the line gives him.
fn interpreter(file: &Found) -> Option<(PathBuf, Option<OsString>)> {
    let mut line = Vec::new();
    let read = file.read().ok()?.take(LONGEST_LINE as u64);
    io::copy(&mut { read }, &mut line).ok()?;
    let line = line.strip_prefix(b"#!")?;
    let line = line.split(|byte| *byte == b'\n').next()?.trim_ascii();
    let end = line.iter().position(u8::is_ascii_whitespace);
    let (path, argument) = line.split_at(end.unwrap_or(line.len()));
    let argument = argument.trim_ascii();
    let argument = (!argument.is_empty()).then(|| OsStr::from_bytes(argument).to_owned());
    Some((OsStr::from_bytes(path).into(), argument))
}
