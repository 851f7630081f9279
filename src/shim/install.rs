//! Makes and takes away everything the shims need, in an order that a crash cannot spoil.
//!
//! The list comes first (see [`super::manifest`]); then the program, then the links to it, so that
//! a link never points at nothing; the user's startup files last. Taking away goes backwards. One
//! lock keeps two of us apart.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::desktop;
use super::fault;
use super::item::{Item, Outcome, State};
use super::manifest::{Manifest, VERSION};
use super::owned::Owned;
use super::parts;
use super::shell::Surroundings;

/// What could not be done, and to what.
#[derive(Debug)]
pub struct Error {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl Error {
    pub(super) fn new(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self {
            doing,
            path,
            source,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot {} {}: {}",
            self.doing,
            self.path.display(),
            self.source
        )
    }
}

impl std::error::Error for Error {}

/// An item and what became of it.
pub type Change = (Item, Outcome);

/// What is made besides the shims.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The lines in the startup files of the shells.
    pub shells: bool,
    /// Desktop entries that start the shims.
    pub desktop: bool,
}

/// Holds the lock until it is dropped.
#[derive(Debug)]
pub struct Installation<'a> {
    owned: Owned,
    around: &'a Surroundings,
    manifest: Manifest,
    _lock: File,
}

impl<'a> Installation<'a> {
    /// Waits for the lock and reads what is installed.
    pub fn open(owned: Owned, around: &'a Surroundings) -> Result<Self, Error> {
        let root = Item::Directory {
            path: owned.root().into(),
        };
        let path = owned.lock();
        let lock = loop {
            root.make().map_err(Error::new("make", owned.root()))?;
            let lock = lock(&path).map_err(Error::new("lock", &path))?;
            // Who uninstalls removes the file that others wait for; then they wait for nothing.
            if same_file(&lock, &path) {
                break lock;
            }
        };
        // What can be seen counts too: the list may be lost, spoiled or from before a crash.
        let listed = Manifest::load(&owned.manifest()).unwrap_or_default();
        let mut manifest = Manifest {
            items: parts::visible(&owned, around),
            ..Manifest::default()
        };
        manifest.add(listed.items);
        Ok(Self {
            owned,
            around,
            manifest,
            _lock: lock,
        })
    }

    /// Our own copy of the program.
    #[must_use]
    pub fn program(&self) -> Item {
        Item::Program {
            path: self.owned.program(),
        }
    }

    /// Makes our copy of the program where there is none: hooks of agents start it, too.
    pub fn provide_program(&self) -> Result<(), Error> {
        let program = self.program();
        if program.path().exists() {
            return Ok(());
        }
        let directory = Item::Directory {
            path: self.owned.root().join("bin"),
        };
        for item in [directory, program] {
            item.make().map_err(Error::new("make", item.path()))?;
        }
        Ok(())
    }

    /// Takes everything away if neither a shim nor a hook is left.
    pub fn leave_if_unused(self) -> Result<(), Error> {
        let is_link = |item: &Item| matches!(item, Item::Link { .. });
        if self.manifest.items.iter().any(is_link) || is_in_use(&self.owned) {
            return Ok(());
        }
        self.uninstall(&[]).map(|_| ())
    }

    /// Makes the shims of these tools and everything they need, and what else is wanted.
    pub fn install(&mut self, tools: &[String], wanted: Wanted) -> Result<Vec<Change>, Error> {
        self.manifest.add(tools.iter().map(|tool| Item::Link {
            path: self.owned.shims().join(tool),
        }));
        if wanted.desktop {
            let shims = self.owned.shims();
            let entries = |tool: &String| desktop::entries(self.around, tool, &shims.join(tool));
            let entries: Vec<Item> = tools.iter().flat_map(entries).collect();
            let parents = entries
                .iter()
                .flat_map(|item| parts::missing_parents(item.path()));
            self.manifest.add(parents.collect::<Vec<_>>());
            self.manifest.add(entries);
        }
        if wanted.shells {
            let listed = self.manifest.items.clone();
            let is_whole = |item: &Item| {
                let known = listed.iter().find(|known| known.path() == item.path());
                known.is_some_and(|known| known.state() == State::Whole)
            };
            let wanted = parts::of_shells(&self.owned, self.around);
            self.manifest
                .add(wanted.into_iter().filter(|item| !is_whole(item)));
        }
        self.make_all()
    }

    /// Makes everything whole that was installed.
    pub fn repair(&mut self) -> Result<Vec<Change>, Error> {
        self.make_all()
    }

    fn make_all(&mut self) -> Result<Vec<Change>, Error> {
        self.note(false)?;
        let mut changes = Vec::new();
        for item in self.manifest.items.clone() {
            fault::point();
            let outcome = item.make().map_err(Error::new("make", item.path()))?;
            changes.push((item, outcome));
        }
        fault::point();
        self.note(true)?;
        Ok(changes)
    }

    /// Takes away the shims of these tools, or, without a name, everything.
    pub fn uninstall(mut self, tools: &[String]) -> Result<Vec<Change>, Error> {
        let chosen = |item: &Item| tools.is_empty() || is_link_of(item, tools);
        let (going, staying): (Vec<_>, Vec<_>) =
            self.manifest.items.clone().into_iter().partition(chosen);
        if going.is_empty() {
            return Ok(Vec::new());
        }
        let nothing_stays = !staying.iter().any(|item| matches!(item, Item::Link { .. }));
        let going = if nothing_stays {
            self.manifest.items.clone()
        } else {
            going
        };
        self.note(false)?;
        let mut changes = Vec::new();
        // Hooks start our copy of the program, too.
        let in_use = is_in_use(&self.owned);
        let kept = |item: &Item| in_use && matches!(item, Item::Program { .. });
        for item in going.into_iter().rev().filter(|item| !kept(item)) {
            fault::point();
            if item.path() == self.owned.root() {
                self.forget()?;
            }
            let outcome = item
                .take_away()
                .map_err(Error::new("remove", item.path()))?;
            self.manifest.items.retain(|known| *known != item);
            changes.push((item, outcome));
        }
        fault::point();
        if !nothing_stays {
            self.note(true)?;
        }
        Ok(changes)
    }

    /// The list and the lock go last, so that the directory can be empty.
    fn forget(&self) -> Result<(), Error> {
        for path in [self.owned.manifest(), self.owned.lock()] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::new("remove", &path)(error));
                }
                _ => fault::point(),
            }
        }
        Ok(())
    }

    fn note(&mut self, complete: bool) -> Result<(), Error> {
        (self.manifest.version, self.manifest.complete) = (VERSION, complete);
        let path = self.owned.manifest();
        self.manifest
            .store(&path)
            .map_err(Error::new("write", &path))
    }
}

/// Whether settings of agents name our copy of the program.
fn is_in_use(owned: &Owned) -> bool {
    fs::read_dir(owned.receipts()).is_ok_and(|mut receipts| receipts.next().is_some())
}

fn lock(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    file.lock()?;
    Ok(file)
}

fn same_file(file: &File, path: &Path) -> bool {
    let id = |meta: fs::Metadata| (meta.dev(), meta.ino());
    file.metadata().ok().map(id) == fs::metadata(path).ok().map(id)
}

/// What is installed and how it is, without changing anything.
#[must_use]
pub fn examine(owned: &Owned, around: &Surroundings) -> Examined {
    let listed = Manifest::load(&owned.manifest());
    let unreadable = listed.is_err();
    let listed = listed.unwrap_or_default();
    let interrupted = !listed.items.is_empty() && !listed.complete;
    let mut all = Manifest {
        items: parts::visible(owned, around),
        ..Manifest::default()
    };
    all.add(listed.items);
    let states = all.items.into_iter().map(|item| (item.state(), item));
    Examined {
        unreadable,
        interrupted,
        items: states.map(|(state, item)| (item, state)).collect(),
    }
}

/// What [`examine`] saw.
#[derive(Debug)]
pub struct Examined {
    /// The list of what we own cannot be read.
    pub unreadable: bool,
    /// The last change was not finished.
    pub interrupted: bool,
    /// Every item and its state.
    pub items: Vec<(Item, State)>,
}

/// Whether the shim of this tool is there and whole; needs no list.
#[must_use]
pub fn shim_state(owned: &Owned, tool: &str) -> State {
    let link = Item::Link {
        path: owned.shims().join(tool),
    }
    .state();
    match link {
        State::Whole if fs::metadata(owned.program()).is_err() => {
            State::Changed(format!("{} is missing", owned.program().display()))
        }
        other => other,
    }
}

fn is_link_of(item: &Item, tools: &[String]) -> bool {
    let Item::Link { path } = item else {
        return false;
    };
    path.file_name()
        .is_some_and(|name| tools.iter().any(|tool| name == tool.as_str()))
}
