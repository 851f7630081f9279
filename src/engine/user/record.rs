//! What an account was let into, so that all of it can be taken back: one line each, written before
//! it is done.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Its file, below the home directory.
pub const RECORD: &str = ".aigate/granted";

/// Which list of an inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    /// Who may use it.
    Access,
    /// What is made in it starts with this one.
    Default,
}

impl List {
    fn word(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Default => "default",
        }
    }

    fn of(word: &[u8]) -> Option<Self> {
        let all = [Self::Access, Self::Default];
        all.into_iter().find(|list| list.word().as_bytes() == word)
    }
}

/// An inode: its device and its number.
pub type Inode = (u64, u64);

/// What was shut, and where. The inode is what is shut: another one at the same place was never.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hidden {
    /// Where it was found.
    pub path: PathBuf,
    /// What it was.
    pub inode: Inode,
    /// The project or home whose rules hide it.
    pub by: PathBuf,
}

impl Hidden {
    fn of(line: &[u8]) -> Option<Self> {
        let (device, rest) = split(line)?;
        let (inode, rest) = split(rest)?;
        let (length, path) = split(rest)?;
        let by = path.get(..usize::try_from(number(length, 10)?).ok()?)?;
        Some(Self {
            path: unfolded(path),
            inode: (number(device, 10)?, number(inode, 10)?),
            by: unfolded(by),
        })
    }
}

/// What was let in, and what stood there before.
#[derive(Debug, Default)]
pub struct Record {
    /// Trees with entries of ours.
    pub trees: BTreeSet<PathBuf>,
    /// Single places with entries of ours.
    pub places: BTreeSet<PathBuf>,
    /// What is shut.
    pub hidden: BTreeSet<Hidden>,
    /// The lists of inodes that had one before.
    pub before: BTreeMap<(Inode, List), Vec<u8>>,
}

impl Record {
    /// Reads a record; a missing one is empty. A line that a crash cut off says nothing that was done.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(file: &Path) -> io::Result<Self> {
        let text = match fs::read(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            text => text?,
        };
        let mut record = Self::default();
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            if let Some(line) = line.strip_suffix(b"\n") {
                record.line(line);
            }
        }
        Ok(record)
    }

    fn line(&mut self, line: &[u8]) -> Option<()> {
        let (word, rest) = split(line)?;
        let path = || unfolded(rest);
        match word {
            b"tree" => drop(self.trees.insert(path())),
            b"open" => drop(self.places.insert(path())),
            b"hide" => {
                let hidden = Hidden::of(rest)?;
                self.places.insert(hidden.path.clone());
                self.hidden.insert(hidden);
            }
            b"show" => drop(self.hidden.remove(&Hidden::of(rest)?)),
            b"was" => {
                let (list, rest) = split(rest)?;
                let (device, rest) = split(rest)?;
                let (inode, value) = split(rest)?;
                let inode = (number(device, 10)?, number(inode, 10)?);
                let bytes = value
                    .chunks(2)
                    .map(|pair| u8::try_from(number(pair, 16)?).ok());
                let key = (inode, List::of(list)?);
                // The first line is from before our own.
                self.before
                    .entry(key)
                    .or_insert(bytes.collect::<Option<_>>()?);
            }
            _ => {}
        }
        Some(())
    }
}

/// A name on one line: of the two bytes that would not stay there, the end of a line and a backslash.
fn folded(path: &Path) -> Vec<u8> {
    let mut name = Vec::new();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'\n' => name.extend(b"\\n"),
            b'\\' => name.extend(b"\\\\"),
            other => name.push(*other),
        }
    }
    name
}

fn unfolded(name: &[u8]) -> PathBuf {
    let mut path = Vec::new();
    let mut bytes = name.iter();
    while let Some(byte) = bytes.next() {
        path.push(match byte {
            b'\\' if bytes.next() == Some(&b'n') => b'\n',
            other => *other,
        });
    }
    PathBuf::from(OsStr::from_bytes(&path))
}

fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|byte| *byte == b' ')?;
    Some((&line[..at], &line[at + 1..]))
}

fn number(digits: &[u8], base: u32) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, base).ok()
}

/// Adds lines to a record.
#[derive(Debug)]
pub struct Writer {
    file: File,
    lines: Vec<u8>,
}

impl Writer {
    /// Opens the file, which nobody else reads.
    ///
    /// # Errors
    /// When it cannot be.
    pub fn open(file: &Path) -> io::Result<Self> {
        fs::create_dir_all(file.parent().unwrap_or(file))?;
        let mut options = OpenOptions::new();
        let options = options.create(true).append(true).mode(0o600);
        let cut = fs::read(file).is_ok_and(|text| text.last().is_some_and(|last| *last != b'\n'));
        Ok(Self {
            file: options.open(file)?,
            // What a crash cut off stays a line of its own, which says nothing.
            lines: if cut { b"\n".to_vec() } else { Vec::new() },
        })
    }

    /// Says that all of this tree may have entries of ours.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn tree(&mut self, at: &Path) -> io::Result<()> {
        self.line("tree ", at);
        self.store()
    }

    /// Says that this place will have one.
    ///
    /// # Errors
    /// As above.
    pub fn open_at(&mut self, at: &Path) -> io::Result<()> {
        self.line("open ", at);
        self.store()
    }

    /// Says that this is being shut, or is so no longer.
    ///
    /// # Errors
    /// As above.
    pub fn hide(&mut self, hidden: &Hidden, shut: bool) -> io::Result<()> {
        let word = if shut { "hide" } else { "show" };
        let ((device, inode), length) = (hidden.inode, folded(&hidden.by).len());
        self.line(&format!("{word} {device} {inode} {length} "), &hidden.path);
        self.store()
    }

    fn line(&mut self, words: &str, at: &Path) {
        let name = folded(at);
        self.lines
            .extend([words.as_bytes(), &*name, b"\n"].concat());
    }

    /// Says what an inode has now.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn was(&mut self, (device, inode): Inode, list: List, value: &[u8]) -> io::Result<()> {
        let digits: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
        let line = format!("was {} {device} {inode} {digits}\n", list.word());
        self.lines.extend(line.bytes());
        self.store()
    }

    /// What is done afterwards is in the record whatever happens.
    fn store(&mut self) -> io::Result<()> {
        self.file.write_all(&self.lines)?;
        self.lines.clear();
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let temp = tempfile::tempdir().expect("a directory");
        let file = temp.path().join("a/granted");
        assert!(Record::read(&file).expect("nothing").places.is_empty());
        let mut writer = Writer::open(&file).expect("a file");
        let path = Path::new(OsStr::from_bytes(b"/a b/\xff"));
        let hidden = |name: &str| Hidden {
            path: Path::new("/p").join(name),
            inode: (3, 4),
            by: "/p".into(),
        };
        writer.open_at(path).expect("a line");
        writer.hide(&hidden("c"), true).expect("a line");
        writer.hide(&hidden("d"), true).expect("a line");
        writer.hide(&hidden("d"), false).expect("a line");
        writer
            .was((1, 2), List::Default, b"\x02\xff")
            .expect("a line");
        writer.was((1, 2), List::Default, b"later").expect("a line");
        writer
            .tree(Path::new("/odd\ntree /etc\\n\\"))
            .expect("a line");
        drop(writer);
        fs::OpenOptions::new()
            .append(true)
            .open(&file)
            .and_then(|mut file| file.write_all(b"hide 5 6"))
            .expect("half a line");
        let mut writer = Writer::open(&file).expect("a file");
        writer.tree(Path::new("/e")).expect("a line");
        let read = Record::read(&file).expect("a record");
        let places = [path, Path::new("/p/c"), Path::new("/p/d")];
        assert_eq!(read.places, places.map(Path::to_owned).into());
        let trees = ["/e", "/odd\ntree /etc\\n\\"].map(PathBuf::from);
        assert_eq!(read.trees, trees.into());
        assert_eq!(read.hidden, [hidden("c")].into());
        let before = BTreeMap::from([(((1, 2), List::Default), b"\x02\xff".to_vec())]);
        assert_eq!(read.before, before);
    }
}
