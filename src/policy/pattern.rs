//! One pattern of a path rule, as gitignore reads it.
//!
//! | written | means |
//! |---|---|
//! | `name`, `*.pem` | that name at any depth below the base |
//! | `dir/` | the same, directories only |
//! | `a/b`, `./a` | that path below the base |
//! | `**/a/b`, `a/**/b` | `**` stands for any number of directories |
//! | `~/x`, `/x` | a path in the home directory, an absolute path |
//! | `!pattern` | re-allows what an earlier rule denies |
//!
//! The base is the project, or the directory of the file that holds the rule.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::glob::{Fault, Glob};

/// Longer patterns are refused: no path is that long.
const LONGEST: usize = 4096;

/// A parsed pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// Starts with `!`.
    pub negated: bool,
    /// The part before the first wildcard: absolute, without `.` and `..`.
    pub prefix: PathBuf,
    /// What follows the prefix; empty for a path without wildcards.
    pub rest: Vec<Piece>,
    /// Ends with `/`.
    pub dir_only: bool,
    /// Is a bare name (or starts with `**/`), so it says nothing about where.
    pub floating: bool,
}

/// One component after the first wildcard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Piece {
    /// `**`: any number of directories.
    Deep,
    /// One component.
    One(Glob),
}

/// What the last component of a path looks like that a pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last<'a> {
    /// This name.
    Exact(&'a [u8]),
    /// A name that matches.
    Like(&'a Glob),
}

/// What is wrong with a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// Nothing is left after `!` and `/`.
    Empty,
    /// Contains a NUL byte.
    Nul,
    /// Longer than any path.
    TooLong,
    /// `~name`.
    OtherHome,
    /// `..` after a wildcard.
    Upward,
    /// The wildcard syntax is broken.
    Glob(Fault),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::Empty => "the pattern names nothing",
            Error::Nul => "the pattern contains a NUL character",
            Error::TooLong => "the pattern is longer than any path",
            Error::OtherHome => "only `~/` is understood, not another user's home",
            Error::Upward => "`..` cannot follow a wildcard",
            Error::Glob(Fault::OpenClass) => {
                "`[` is not closed; write `\\[` for the character itself"
            }
            Error::Glob(Fault::BadClass) => "the range in `[...]` ends before it starts",
            Error::Glob(Fault::LooseBackslash) => "the `\\` at the end quotes nothing",
        })
    }
}

/// What a pattern is relative to.
#[derive(Debug, Clone, Copy)]
pub struct Anchor<'a> {
    /// Where relative patterns start.
    pub base: &'a Path,
    /// What `~` stands for.
    pub home: &'a Path,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it names nothing or its wildcards are broken.
    pub fn parse(text: &str, anchor: Anchor<'_>) -> Result<Pattern, Error> {
        if text.as_bytes().contains(&0) {
            return Err(Error::Nul);
        }
        if text.len() > LONGEST {
            return Err(Error::TooLong);
        }
        let (negated, text) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let dir_only = text.len() > 1 && text.ends_with('/');
        let (start, path) = Self::start(text)?;
        let bare = start == Start::Base && !path.trim_end_matches('/').as_bytes().contains(&b'/');
        let mut pattern = Pattern {
            negated,
            prefix: start.path(anchor, path.len()),
            rest: Vec::new(),
            dir_only,
            floating: bare,
        };
        if bare {
            pattern.rest.push(Piece::Deep);
        }
        let named = pattern.take(path)?;
        if !named && start == Start::Base {
            return Err(Error::Empty);
        }
        pattern.floating |= path.starts_with("**/") && start == Start::Base;
        Ok(pattern)
    }

    fn start(text: &str) -> Result<(Start, &str), Error> {
        if text == "~" {
            return Ok((Start::Home, ""));
        }
        if let Some(path) = text.strip_prefix("~/") {
            return Ok((Start::Home, path));
        }
        if text.starts_with('~') {
            return Err(Error::OtherHome);
        }
        if let Some(path) = text.strip_prefix('/') {
            return Ok((Start::Root, path));
        }
        if let Some(path) = text.strip_prefix("./") {
            return Ok((Start::Here, path));
        }
        Ok((Start::Base, text))
    }

    /// Appends the components of `path`; whether there was any.
    fn take(&mut self, path: &str) -> Result<bool, Error> {
        let mut named = false;
        for part in path.split('/') {
            match part {
                "" | "." => continue,
                ".." if self.rest.is_empty() => {
                    self.prefix.pop();
                }
                ".." => return Err(Error::Upward),
                "**" => {
                    if self.rest.last() != Some(&Piece::Deep) {
                        self.rest.push(Piece::Deep);
                    }
                }
                // Most rules have no wildcard, and every start reads them all.
                plain if !plain.bytes().any(is_wild) => self.push_name(plain),
                _ => self.push(Glob::parse(part).map_err(Error::Glob)?),
            }
            named = true;
        }
        // `dir/**` is everything inside: one component at least.
        if self.rest.last() == Some(&Piece::Deep) {
            self.rest.push(Piece::One(Glob::Any));
        }
        Ok(named)
    }

    fn push_name(&mut self, name: &str) {
        if self.rest.is_empty() {
            self.prefix.push(name);
        } else {
            self.rest
                .push(Piece::One(Glob::Literal(name.as_bytes().into())));
        }
    }

    fn push(&mut self, glob: Glob) {
        match glob {
            Glob::Literal(name) if self.rest.is_empty() => {
                self.prefix.push(OsStr::from_bytes(&name));
            }
            glob => self.rest.push(Piece::One(glob)),
        }
    }

    /// Whether the pattern names one path without wildcards.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.rest.is_empty()
    }

    /// What the last component of a matching path looks like.
    #[must_use]
    pub fn last(&self) -> Last<'_> {
        match self.rest.last() {
            None => {
                let path = self.prefix.as_os_str().as_bytes();
                let slash = path.iter().rposition(|byte| *byte == b'/');
                Last::Exact(slash.map_or(path, |slash| &path[slash + 1..]))
            }
            Some(Piece::One(Glob::Literal(name))) => Last::Exact(name),
            Some(Piece::One(glob)) => Last::Like(glob),
            Some(Piece::Deep) => Last::Like(&Glob::Any),
        }
    }

    /// How many levels below its prefix the pattern reaches; none if as deep as it goes.
    #[must_use]
    pub fn depth(&self) -> Option<usize> {
        let bounded = !self.rest.contains(&Piece::Deep);
        bounded.then_some(self.rest.len())
    }

    /// Whether a pattern with wildcards can match something below `dir`.
    #[must_use]
    pub fn reaches_below(&self, dir: &Path) -> bool {
        dir.starts_with(&self.prefix) || self.prefix.starts_with(dir)
    }

    /// The path below some directory that a floating pattern without wildcards names there:
    /// `.git/hooks` for `**/.git/hooks/`.
    #[must_use]
    pub fn below(&self) -> Option<PathBuf> {
        let [Piece::Deep, pieces @ ..] = self.rest.as_slice() else {
            return None;
        };
        let names = pieces.iter().map(|piece| match piece {
            Piece::One(Glob::Literal(name)) => Some(OsStr::from_bytes(name)),
            Piece::One(_) | Piece::Deep => None,
        });
        names.collect()
    }

    /// Whether the pattern names this very path, given as normal bytes (see [`normal`]).
    #[must_use]
    pub fn matches(&self, path: &[u8], is_dir: bool) -> bool {
        let prefix = self.prefix.as_os_str().as_bytes();
        if self.is_fixed() {
            // A fixed path is named whatever it is: `~/.ssh/` hides a file or a link of that name.
            return path == prefix;
        }
        if self.dir_only && !is_dir {
            return false;
        }
        let below = match path.strip_prefix(prefix) {
            Some(rest) if prefix.ends_with(b"/") => rest,
            Some([b'/', rest @ ..]) => rest,
            _ => return false,
        };
        // A wildcard needs a name: `/*` is not the root itself.
        !below.is_empty() && pieces_match(&self.rest, below)
    }
}

/// The bytes of an absolute path without `//`, `/./` and a final `/`, so that equal paths have
/// equal bytes. Most paths are normal already.
#[must_use]
pub fn normal(path: &Path) -> Cow<'_, [u8]> {
    let bytes = path.as_os_str().as_bytes();
    let has = |loose: &[u8]| bytes.windows(loose.len()).any(|part| part == loose);
    let tail = bytes.ends_with(b"/.") || bytes.len() > 1 && bytes.ends_with(b"/");
    if !tail && !has(b"//") && !has(b"/./") {
        return Cow::Borrowed(bytes);
    }
    let normal: PathBuf = path.components().collect();
    Cow::Owned(normal.into_os_string().into_vec())
}

/// Whether a byte of UTF-8 stands for something else than itself in a component.
fn is_wild(byte: u8) -> bool {
    matches!(byte, b'*' | b'?' | b'[' | b'\\')
}

/// The place a pattern starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Root,
    Home,
    /// The base, spelled `./`.
    Here,
    Base,
}

impl Start {
    /// The path, with room for what will be appended.
    fn path(self, anchor: Anchor<'_>, more: usize) -> PathBuf {
        let start = match self {
            Start::Root => Path::new("/"),
            Start::Home => anchor.home,
            Start::Here | Start::Base => anchor.base,
        };
        let mut path = PathBuf::with_capacity(start.as_os_str().len() + more + 1);
        path.push(start);
        path
    }
}

/// The same search as in `glob`, one level up: `**` is the star, components are the characters.
fn pieces_match(pieces: &[Piece], path: &[u8]) -> bool {
    let mut p = 0;
    let mut rest = Some(path);
    let mut back: Option<(usize, &[u8])> = None;
    while let Some(here) = rest {
        let (name, after) = first_part(here);
        match pieces.get(p) {
            Some(Piece::Deep) => {
                p += 1;
                back = Some((p, here));
            }
            Some(Piece::One(glob)) if glob.matches(name) => {
                p += 1;
                rest = after;
            }
            _ => {
                let Some((deep, from)) = back else {
                    return false;
                };
                let (_, after) = first_part(from);
                let Some(after) = after else { return false };
                p = deep;
                rest = Some(after);
                back = Some((deep, after));
            }
        }
    }
    pieces[p..].iter().all(|piece| *piece == Piece::Deep)
}

fn first_part(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    match path.iter().position(|byte| *byte == b'/') {
        Some(at) => (&path[..at], Some(&path[at + 1..])),
        None => (path, None),
    }
}
