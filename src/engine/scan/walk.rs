//! Goes through the directories of a tree, listing only those that changed since the last time.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use super::index::{Identity, Index, Known, What, Writer, part};
use super::verify::{self, Clock, Now};
use super::{Found, is_git_data, unless_absent};
use crate::engine::Error;
use crate::engine::view::is_absence;
use crate::policy::Policy;
use crate::sys::dir::{self, Buffer, Kind};

const DIRECTORY: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);

/// A walk below one root.
pub(super) struct Walk<'a> {
    policy: &'a Policy,
    found: &'a mut Found,
    root: OwnedFd,
    clock: Clock,
    /// What the directories of the last index are now.
    now: Vec<Now>,
    /// The path of the directory at hand, and how long its root part is.
    path: PathBuf,
    base: usize,
    buffer: Buffer,
    writer: Writer,
    /// How many directories were listed.
    listed: usize,
    /// Why an entry could not be asked what it is.
    unknown: Option<io::Error>,
    /// How deep below the root rules reach; none if as deep as it goes.
    depth: Option<usize>,
}

/// What a walk leaves behind.
pub(super) struct Walked {
    pub(super) writer: Writer,
    pub(super) listed: usize,
}

/// A subdirectory that a listing found.
struct Child {
    name: Vec<u8>,
    protected: bool,
}

impl<'a> Walk<'a> {
    /// None if the root is no directory, or may not be listed.
    pub(super) fn new(
        policy: &'a Policy,
        found: &'a mut Found,
        root: &Path,
        depth: Option<usize>,
    ) -> Result<Option<Walk<'a>>, Error> {
        let Some(opened) = unless_absent(root, File::open(root))? else {
            return Ok(None);
        };
        let fd = OwnedFd::from(opened);
        let Some(clock) = unless_absent(root, Clock::new(fd.as_fd()))? else {
            return Ok(None);
        };
        Ok(Some(Walk {
            policy,
            found,
            root: fd,
            clock,
            now: Vec::new(),
            path: root.to_path_buf(),
            base: root.as_os_str().len(),
            buffer: Buffer::default(),
            writer: Writer::default(),
            listed: 0,
            unknown: None,
            depth,
        }))
    }

    pub(super) fn run(mut self, index: &Index<'_>) -> Result<Walked, Error> {
        self.now = verify::identities(index, self.root.as_fd(), self.clock);
        if !self.recall(index) {
            self.directory(b"", index.root(), false, 0)?;
        }
        Ok(Walked {
            writer: self.writer,
            listed: self.listed,
        })
    }

    /// Takes over what stands in the index where every directory of it is the same still; whether that is so.
    /// There is nothing to write then, and nothing to go into.
    fn recall(&mut self, index: &Index<'_>) -> bool {
        let is_same = |(known, now): (Known<'_>, &Now)| {
            let identity = known.identity();
            identity.inode != 0 && *now == Now::Is(identity)
        };
        let all_same = index.all().zip(&self.now).all(is_same);
        if index.root().is_none() || !all_same {
            return false;
        }
        let root = self.path.clone();
        for known in index.all().filter(|known| !known.named().is_empty()) {
            self.path = root.join(part(&index.path(known.number())));
            for named in known.named() {
                self.record(named.name, named.what);
            }
        }
        self.path = root;
        true
    }

    /// The directory at hand, relative to the root.
    fn relative(&self) -> &[u8] {
        let bytes = &self.path.as_os_str().as_bytes()[self.base..];
        bytes.strip_prefix(b"/").unwrap_or(bytes)
    }

    fn directory(
        &mut self,
        name: &[u8],
        known: Option<Known<'_>>,
        protected: bool,
        depth: usize,
    ) -> Result<(), Error> {
        let now = known.map_or(Now::Unasked, |known| self.now[known.number()]);
        let identity = match now {
            Now::Is(identity) => Some(identity),
            Now::Gone => None,
            Now::Unasked => {
                let asked = self.clock.identity(self.root.as_fd(), self.relative());
                unless_absent(&self.path, asked)?.flatten()
            }
        };
        let Some(identity) = identity else {
            return Ok(());
        };
        match known.filter(|known| known.identity() == identity && identity.inode != 0) {
            Some(known) => self.unchanged(name, identity, known, protected, depth),
            None => self.list(name, identity, known, protected, depth),
        }
    }

    fn unchanged(
        &mut self,
        name: &[u8],
        identity: Identity,
        known: Known<'_>,
        protected: bool,
        depth: usize,
    ) -> Result<(), Error> {
        let named: Vec<(&[u8], What)> = known.named().iter().map(|n| (n.name, n.what)).collect();
        for (entry, what) in &named {
            self.record(entry, *what);
        }
        let open = self.writer.open(name, identity, &named);
        for child in known.children() {
            let own = known.named().iter().any(|n| n.name == child.name());
            self.enter(child.name(), Some(child), protected || own, depth + 1)?;
        }
        self.writer.close(&open);
        Ok(())
    }

    fn list(
        &mut self,
        name: &[u8],
        identity: Identity,
        known: Option<Known<'_>>,
        protected: bool,
        depth: usize,
    ) -> Result<(), Error> {
        let path = self.relative();
        let path = Path::new(part(if path.is_empty() { b"." } else { path }));
        let opened = openat(self.root.as_fd(), path, DIRECTORY, Mode::empty());
        let Some(opened) = unless_absent(&self.path, opened.map_err(io::Error::from))? else {
            return Ok(());
        };
        self.listed += 1;
        let (mut named, mut children) = (Vec::new(), Vec::new());
        let mut buffer = std::mem::take(&mut self.buffer);
        let done = dir::list(opened.as_fd(), &mut buffer, |entry| {
            self.entry(entry, &mut named, &mut children, protected, depth);
        });
        self.buffer = buffer;
        drop(opened);
        done.map_err(|source| self.failed(source))?;
        if let Some(unknown) = self.unknown.take() {
            return Err(self.failed(unknown));
        }
        let open = self.writer.open(name, identity, &named);
        for child in children {
            let same = |known: Known<'_>| known.name() == child.name;
            let before = known.and_then(|known| known.children().find(|child| same(*child)));
            self.enter(&child.name, before, child.protected, depth + 1)?;
        }
        self.writer.close(&open);
        Ok(())
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Path {
            path: self.path.clone(),
            source,
        }
    }

    fn entry(
        &mut self,
        entry: dir::Entry<'_>,
        named: &mut Vec<(Vec<u8>, What)>,
        children: &mut Vec<Child>,
        mut protected: bool,
        depth: usize,
    ) {
        let name = entry.name.to_bytes();
        let (read, write) = (&self.policy.read, &self.policy.write);
        let (hidden, seen) = read.mentions(name);
        let (closed, opened) = write.mentions(name);
        let is_dir = match entry.kind {
            Kind::Directory => true,
            Kind::Unknown => match self.path.join(part(name)).symlink_metadata() {
                Ok(status) => status.is_dir(),
                Err(error) if is_absence(&error) => return,
                Err(error) => return self.unknown = Some(error),
            },
            Kind::File | Kind::Link | Kind::Other => false,
        };
        if hidden && read.judge_name(&self.path, part(name), is_dir).is_some() {
            self.record(name, What::Hidden);
            named.push((name.to_vec(), What::Hidden));
            return;
        }
        if closed && !protected && write.judge_name(&self.path, part(name), is_dir).is_some() {
            self.record(name, What::Protected);
            named.push((name.to_vec(), What::Protected));
            protected = true;
        }
        if !is_dir || is_git_data(&self.path, part(name)) {
            return;
        }
        if self.depth.is_some_and(|most| depth + 1 >= most) {
            return;
        }
        // Only a rule that re-allows by this name can spare the whole directory.
        if (seen || opened) && self.spares(name) {
            return;
        }
        children.push(Child {
            name: name.to_vec(),
            protected,
        });
    }

    fn spares(&self, name: &[u8]) -> bool {
        let path = self.path.join(part(name));
        self.policy.read.spares(&path) && self.policy.write.spares(&path)
    }

    fn enter(
        &mut self,
        name: &[u8],
        known: Option<Known<'_>>,
        protected: bool,
        depth: usize,
    ) -> Result<(), Error> {
        self.path.push(part(name));
        self.directory(name, known, protected, depth)?;
        self.path.pop();
        Ok(())
    }

    fn record(&mut self, name: &[u8], what: What) {
        let path = self.path.join(part(name));
        match what {
            What::Hidden => self.found.hidden.insert(path),
            What::Protected => self.found.protected.insert(path),
        };
    }
}
