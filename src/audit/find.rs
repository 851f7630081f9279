//! Finds the log's files and the place in them from which to read.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Take};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::read::Lines;

/// The file in the directory of the user's own.
pub const NAME: &str = "audit.jsonl";
/// So many files that were set aside are kept.
pub(super) const KEPT: u32 = 4;

/// What is read at a time when the end is searched for.
const BLOCK: u64 = 64 << 10;
/// What is read at a time of what was added to one file.
const AT_ONCE: u64 = 4 << 20;

/// The name of a file that was set aside; 1 is the latest.
pub(super) fn rotated(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// All files of a log, oldest first.
#[derive(Debug, Clone)]
pub struct Files {
    path: PathBuf,
}

impl Files {
    /// The log at `path`.
    #[must_use]
    pub fn of(path: &Path) -> Files {
        Files {
            path: path.to_owned(),
        }
    }

    /// The files that exist, oldest first.
    ///
    /// # Errors
    /// When one exists that cannot be opened.
    pub fn open(&self) -> io::Result<Vec<File>> {
        let aside = (1..=KEPT).map(|number| rotated(&self.path, number));
        let mut files: Vec<(u64, File)> = Vec::new();
        // Newest first: one that is set aside meanwhile is met again, rather than missed.
        for path in [self.path.clone()].into_iter().chain(aside) {
            match File::open(path) {
                Ok(file) => {
                    let inode = file.metadata()?.ino();
                    if files.iter().all(|(known, _)| *known != inode) {
                        files.push((inode, file));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(files.into_iter().rev().map(|(_, file)| file).collect())
    }

    /// The files from the last `count` lines on: the first of them is set to where these start.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn last(&self, count: usize) -> io::Result<Vec<File>> {
        let mut files = self.open()?;
        let mut missing = count;
        for at in (0..files.len()).rev() {
            let (start, found) = tail(&mut files[at], missing)?;
            files[at].seek(SeekFrom::Start(start))?;
            missing -= found;
            if missing == 0 {
                files.drain(..at);
                break;
            }
        }
        Ok(files)
    }
}

/// Where the last `count` lines of a file start, and how many there are.
fn tail(file: &mut File, count: usize) -> io::Result<(u64, usize)> {
    let end = file.metadata()?.len();
    let (mut start, mut found) = (end, 0);
    while start > 0 && found <= count {
        let from = start.saturating_sub(BLOCK);
        let mut block = vec![0; (start - from) as usize];
        file.seek(SeekFrom::Start(from))?;
        file.read_exact(&mut block)?;
        for (at, _) in block
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, byte)| **byte == b'\n')
        {
            let place = from + at as u64 + 1;
            // The line end at the very end starts no line.
            if place < end {
                found += 1;
                if found == count {
                    return Ok((place, count));
                }
            }
        }
        start = from;
    }
    Ok((0, found + usize::from(end > 0)))
}

/// Sets `file` to its first line that is not older than `time`, by halving: lines are in the order of
/// time but for runs that write at once, which `slack` lines back make up for.
///
/// # Errors
/// When the file cannot be read.
pub fn since(file: &mut File, time: &str) -> io::Result<()> {
    let (mut low, mut high) = (0, file.metadata()?.len());
    while high - low > BLOCK {
        let middle = low + (high - low) / 2;
        file.seek(SeekFrom::Start(middle))?;
        let mut lines = Lines::of(&mut *file);
        // The first may be the rest of a line.
        let is_older = lines.nth(1).is_some_and(|line| line.time() < time);
        if is_older {
            low = middle;
        } else {
            high = middle;
        }
    }
    file.seek(SeekFrom::Start(low.saturating_sub(BLOCK)))?;
    if low > BLOCK {
        let mut byte = [0];
        while file.read(&mut byte)? == 1 && byte[0] != b'\n' {}
    } else {
        file.seek(SeekFrom::Start(0))?;
    }
    Ok(())
}

/// Reads what is added to a log, also when it is set aside and a new file begins, however often that
/// happened since it was looked at.
#[derive(Debug)]
pub struct Follow {
    path: PathBuf,
    /// The last is the present one; the one before may still get a line of a run that has it open.
    files: Vec<Followed>,
}

#[derive(Debug)]
struct Followed {
    file: File,
    inode: u64,
    /// The bytes of a line whose end is not there yet.
    rest: Vec<u8>,
}

impl Follow {
    /// From the end of the log at `path`.
    ///
    /// # Errors
    /// When it exists and cannot be read.
    pub fn from_end(path: &Path) -> io::Result<Follow> {
        let mut files = Vec::new();
        if let Some(file) = Files::of(path).open()?.pop() {
            let mut followed = Followed::of(file)?;
            followed.file.seek(SeekFrom::End(0))?;
            files.push(followed);
        }
        let path = path.to_owned();
        Ok(Follow { path, files })
    }

    /// What of these files is not handed out by [`Follow::added`], oldest first: each event of a log is
    /// in one of both.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn before(&mut self, files: Vec<File>) -> io::Result<Vec<Take<File>>> {
        let mut before = Vec::new();
        let Some(end) = self.files.last_mut() else {
            return Ok(before);
        };
        for mut file in files {
            if file.metadata()?.ino() == end.inode {
                let from = file.stream_position()?;
                let length = end.file.stream_position()?.saturating_sub(from);
                before.push(file.take(length));
                break;
            }
            before.push(file.take(u64::MAX));
        }
        Ok(before)
    }

    /// The bytes of whole lines that were added since the last call, or the first megabytes of them.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn added(&mut self) -> io::Result<Vec<u8>> {
        let mut added = Vec::new();
        for file in &mut self.files {
            file.read(&mut added)?;
        }
        if !added.is_empty() || !self.was_replaced() {
            return Ok(added);
        }
        let known: Vec<u64> = self.files.iter().map(|followed| followed.inode).collect();
        let mut files = Files::of(&self.path).open()?;
        let last = known.last();
        let mut newer = 0;
        for (at, file) in files.iter().enumerate() {
            if last == Some(&file.metadata()?.ino()) {
                newer = at + 1;
            }
        }
        for file in files.drain(newer..) {
            let mut followed = Followed::of(file)?;
            followed.read(&mut added)?;
            self.files.push(followed);
        }
        let done = self.files.len().saturating_sub(2);
        self.files.drain(..done);
        Ok(added)
    }

    fn was_replaced(&self) -> bool {
        let Ok(there) = std::fs::metadata(&self.path) else {
            return false;
        };
        self.files
            .last()
            .is_none_or(|here| here.inode != there.ino())
    }
}

impl Followed {
    fn of(file: File) -> io::Result<Followed> {
        let inode = file.metadata()?.ino();
        let rest = Vec::new();
        Ok(Followed { file, inode, rest })
    }

    /// Appends the whole lines that follow.
    fn read(&mut self, lines: &mut Vec<u8>) -> io::Result<()> {
        let known = self.rest.len();
        (&self.file).take(AT_ONCE).read_to_end(&mut self.rest)?;
        let new = &self.rest[known..];
        if let Some(end) = new.iter().rposition(|byte| *byte == b'\n') {
            let rest = self.rest.split_off(known + end + 1);
            lines.append(&mut std::mem::replace(&mut self.rest, rest));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write;

    use super::*;

    /// A reader that sleeps while the log is set aside, twice, gets every line, and so does one whose
    /// writer has not noticed yet.
    #[test]
    fn a_follower_misses_no_file() {
        let folder = assert_fs::TempDir::new().unwrap();
        let path = folder.path().join("log");
        let add = |path: &Path, text: &str| {
            let mut file = OpenOptions::new().create(true).append(true).open(path);
            file.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
        };
        let mut follow = Follow::from_end(&path).unwrap();
        assert_eq!(follow.added().unwrap(), b"");
        add(&path, "one\ntw");
        assert_eq!(follow.added().unwrap(), b"one\n");
        add(&path, "o\n");
        fs::rename(&path, rotated(&path, 1)).unwrap();
        add(&path, "three\n");
        fs::rename(rotated(&path, 1), rotated(&path, 2)).unwrap();
        fs::rename(&path, rotated(&path, 1)).unwrap();
        add(&path, "four\n");
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.extend(follow.added().unwrap());
        }
        assert_eq!(seen, b"two\nthree\nfour\n");
        add(&rotated(&path, 1), "late\n");
        assert_eq!(follow.added().unwrap(), b"late\n");
    }

    #[test]
    fn what_is_before_a_follower_is_not_added_again() {
        let folder = assert_fs::TempDir::new().unwrap();
        let path = folder.path().join("log");
        fs::write(rotated(&path, 1), "one\n").unwrap();
        fs::write(&path, "two\n").unwrap();
        let mut follow = Follow::from_end(&path).unwrap();
        fs::rename(&path, rotated(&path, 2)).unwrap();
        fs::rename(rotated(&path, 1), rotated(&path, 3)).unwrap();
        fs::write(&path, "three\n").unwrap();
        let files = Files::of(&path).open().unwrap();
        let mut text = String::new();
        for mut file in follow.before(files).unwrap() {
            file.read_to_string(&mut text).unwrap();
        }
        assert_eq!(text, "one\ntwo\n");
        assert_eq!(follow.added().unwrap(), b"three\n");
    }
}
