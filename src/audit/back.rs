//! Reads a log from its end: the latest events first, block by block, whatever its length.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::find::Files;
use super::read::LONGEST;

/// What is read at a time.
const BLOCK: u64 = 64 << 10;

/// Where a line begins. It stays true when its file is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    inode: u64,
    offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.inode, self.offset)
    }
}

impl Place {
    /// Reads what `Display` wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Place> {
        let (inode, offset) = text.split_once('-')?;
        let (inode, offset) = (inode.parse().ok()?, offset.parse().ok()?);
        Some(Place { inode, offset })
    }
}

/// The lines of a log without their ends, latest first, each with its place.
#[derive(Debug)]
pub struct Back {
    /// Those that are still to be read, oldest first.
    files: Vec<File>,
    file: Option<File>,
    inode: u64,
    /// Where `block` begins in the file.
    start: u64,
    /// What was read and not handed out.
    block: Vec<u8>,
    /// So many bytes of a line that is too long were dropped.
    dropped: usize,
    read: u64,
}

impl Back {
    /// From before `place`, or from the end. A place in a file that is gone by now has nothing
    /// before it.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn from(path: &Path, place: Option<Place>) -> io::Result<Back> {
        let mut back = Back {
            files: Files::of(path).open()?,
            file: None,
            inode: 0,
            start: 0,
            block: Vec::new(),
            dropped: 0,
            read: 0,
        };
        match place {
            None => {
                back.turn()?;
            }
            Some(place) => {
                while back.turn()? && back.inode != place.inode {}
                back.start = back.start.min(place.offset);
            }
        }
        Ok(back)
    }

    /// How many bytes were read so far.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read
    }

    /// The line before the last one that was handed out.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn line(&mut self) -> io::Result<Option<(Place, Vec<u8>)>> {
        loop {
            let has_end = usize::from(self.block.last() == Some(&b'\n'));
            let text = &self.block[..self.block.len() - has_end];
            if let Some(at) = text.iter().rposition(|byte| *byte == b'\n') {
                let line = self.take(at + 1);
                return Ok(Some(line));
            }
            if self.start > 0 {
                self.grow()?;
                continue;
            }
            if !self.block.is_empty() || self.dropped > 0 {
                let line = self.take(0);
                return Ok(Some(line));
            }
            if !self.turn()? {
                return Ok(None);
            }
        }
    }

    /// Takes the last line, which begins at `from` in the block. One that is too long comes as so
    /// many zero bytes as the reader needs to know it by.
    fn take(&mut self, from: usize) -> (Place, Vec<u8>) {
        let mut line = self.block.split_off(from);
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if std::mem::take(&mut self.dropped) + line.len() > LONGEST {
            line = vec![0; LONGEST + 1];
        }
        let offset = self.start + from as u64;
        let inode = self.inode;
        (Place { inode, offset }, line)
    }

    /// Reads the block before.
    fn grow(&mut self) -> io::Result<()> {
        if self.block.len() > LONGEST {
            self.dropped += self.block.len();
            self.block.clear();
        }
        let from = self.start.saturating_sub(BLOCK);
        let mut block = vec![0; (self.start - from) as usize];
        if let Some(file) = &mut self.file {
            file.seek(SeekFrom::Start(from))?;
            file.read_exact(&mut block)?;
        }
        self.read += block.len() as u64;
        block.append(&mut self.block);
        (self.block, self.start) = (block, from);
        Ok(())
    }

    /// Goes on to the file before; false if there is none.
    fn turn(&mut self) -> io::Result<bool> {
        self.file = self.files.pop();
        let Some(file) = &self.file else {
            self.start = 0;
            return Ok(false);
        };
        let status = file.metadata()?;
        (self.inode, self.start) = (status.ino(), status.len());
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::super::find::rotated;
    use super::*;

    fn lines(back: &mut Back) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| back.line().unwrap())
            .map(|(_, line)| line)
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Every line comes once, and each place leads to what is before it.
        #[test]
        fn lines_come_backwards(texts in prop::collection::vec("[a-z]{0,40}|x{70000}", 0..20), cut in 0..20_usize) {
            let folder = assert_fs::TempDir::new().unwrap();
            let path = folder.path().join("log");
            let cut = cut.min(texts.len());
            let whole = |texts: &[String]| texts.iter().map(|text| format!("{text}\n")).collect::<String>();
            fs::write(rotated(&path, 1), whole(&texts[..cut])).unwrap();
            fs::write(&path, whole(&texts[cut..])).unwrap();
            let mut expected: Vec<Vec<u8>> = texts.iter().map(|text| text.clone().into_bytes()).collect();
            expected.reverse();
            let mut back = Back::from(&path, None).unwrap();
            prop_assert_eq!(&lines(&mut back), &expected);
            let mut back = Back::from(&path, None).unwrap();
            let mut at = 0;
            while let Some((place, _)) = back.line().unwrap() {
                at += 1;
                let place = Place::parse(&place.to_string());
                let rest = lines(&mut Back::from(&path, place).unwrap());
                prop_assert_eq!(&rest[..], &expected[at..]);
            }
        }
    }

    #[test]
    fn a_line_that_is_too_long_takes_no_memory() {
        let folder = assert_fs::TempDir::new().unwrap();
        let path = folder.path().join("log");
        let long = "x".repeat(5 * LONGEST);
        fs::write(&path, format!("first\n{long}\nlast")).unwrap();
        let mut back = Back::from(&path, None).unwrap();
        let found = lines(&mut back);
        let lengths: Vec<_> = found.iter().map(Vec::len).collect();
        assert_eq!(lengths, [4, LONGEST + 1, 5]);
        assert!(back.block.capacity() < 2 * LONGEST + BLOCK as usize);
    }
}
