//! Keeps masks in place while the sandbox runs.
//!
//! A mount hides the file it was put on. When a program on the host replaces that file by rename,
//! as every editor does, the new file has no mount; and a file that appears later never had one. The
//! keeper stays in the sandbox's mount namespace, is told of both by inotify and puts a mask on at
//! once. It is a process of the host's PID namespace: from inside it can be neither seen nor
//! signalled.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use super::makers::Makers;
use super::mounts::{clone_own, cover_with_itself};
use crate::engine::live::Watch;
use crate::engine::scan;
use crate::engine::sockets::Newcomers;
use crate::engine::supervisor::Ending;
use crate::engine::view::{self, Kind};
use crate::policy::Policy;
use crate::sys::memory::Wait;
use crate::sys::mount::{self, attach, is_mount_point};
use crate::sys::process;

/// What makes a new name appear in a directory, or a known directory get another name.
const APPEARS: AddWatchFlags = AddWatchFlags::IN_CREATE
    .union(AddWatchFlags::IN_MOVED_TO)
    .union(AddWatchFlags::IN_ONLYDIR)
    .union(AddWatchFlags::IN_DONT_FOLLOW);

/// How often the host's sockets are listed, in milliseconds.
const SOCKETS_EVERY: u16 = 1000;

/// Runs as the keeper of the sandbox of `init` until that ends or the policy changes; the caller has
/// one thread.
pub(in crate::engine) fn run(
    policy: &Policy,
    policy_files: &Watch,
    init: BorrowedFd<'_>,
    namespaces: &[OwnedFd],
    own_network: bool,
    began: SystemTime,
) -> io::Result<Ending> {
    process::die_with_parent()?;
    // In a shared network namespace the list would name the sandbox's own sockets as well.
    let sockets = own_network.then(Newcomers::since_now).transpose()?;
    // The user namespace first: it gives the capability to enter the other.
    for namespace in namespaces {
        process::enter_namespace(namespace.as_fd())?;
    }
    let mut keeper = Keeper::new(policy, sockets, began)?;
    keeper.look_at_everything();
    keeper.watch(policy_files, init)
}

struct Keeper<'a> {
    policy: &'a Policy,
    inotify: Inotify,
    watched: HashMap<WatchDescriptor, PathBuf>,
    /// Directories on the way to a fixed path of a rule.
    leading: HashSet<PathBuf>,
    /// Directories below which every directory is watched.
    roots: Vec<PathBuf>,
    masks: Masks,
    sockets: Option<Newcomers>,
    makers: Makers,
}

impl<'a> Keeper<'a> {
    fn new(policy: &'a Policy, sockets: Option<Newcomers>, began: SystemTime) -> io::Result<Self> {
        let fixed = policy.read.fixed().chain(policy.write.fixed());
        let leading = fixed.flat_map(|(path, _)| path.ancestors().skip(1).map(Path::to_owned));
        Ok(Self {
            policy,
            inotify: Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?,
            watched: HashMap::new(),
            leading: leading.collect(),
            roots: scan::roots(policy),
            masks: Masks::new()?,
            sockets,
            makers: Makers::of(policy, began),
        })
    }

    /// Watches what there is, then masks what appeared between the scan and the watch.
    fn look_at_everything(&mut self) {
        let leading: Vec<_> = self.leading.iter().cloned().collect();
        for directory in leading {
            self.look_at(&directory);
        }
        for root in self.roots.clone() {
            self.look_at(&root);
        }
    }

    /// Watches a directory and everything of interest below it.
    fn look_at(&mut self, directory: &Path) {
        // A directory that is gone, or that nobody may list, shows nothing inside either.
        let Ok(watch) = self.inotify.add_watch(directory, APPEARS) else {
            return;
        };
        self.watched.insert(watch, directory.to_owned());
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            self.appeared(directory, &entry.file_name(), is_dir);
        }
    }

    fn appeared(&mut self, parent: &Path, name: &OsStr, is_dir: bool) {
        if self.policy.read.judge_name(parent, name, is_dir).is_some() {
            return self.masks.mask(&parent.join(name));
        }
        if self.policy.write.judge_name(parent, name, is_dir).is_some() && !self.makers.own(parent)
        {
            protect(&parent.join(name));
        }
        if is_dir && !scan::is_git_data(parent, name) {
            let path = parent.join(name);
            if self.leading.contains(&path) || self.roots.iter().any(|root| path.starts_with(root))
            {
                self.look_at(&path);
            }
        }
    }

    fn watch(&mut self, policy_files: &Watch, init: BorrowedFd<'_>) -> io::Result<Ending> {
        let wait = Wait::default();
        loop {
            let sources = [self.inotify.as_fd(), init, policy_files.as_fd()];
            let mut ready = sources.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
            let patience = match self.sockets {
                Some(_) => PollTimeout::from(SOCKETS_EVERY),
                None => PollTimeout::NONE,
            };
            match wait.poll(&mut ready, patience) {
                Ok(()) | Err(nix::Error::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            let [changed, ended, policy] = ready.map(|fd| fd.any() == Some(true));
            if ended {
                return Ok(Ending::SandboxEnded);
            }
            if !(changed || policy) {
                self.mask_new_sockets()?;
            }
            match self.inotify.read_events() {
                Ok(events) => events.iter().for_each(|event| self.handle(event)),
                Err(nix::Error::EAGAIN | nix::Error::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            if policy && policy_files.changed() {
                return Ok(Ending::PolicyChanged);
            }
        }
    }

    fn mask_new_sockets(&mut self) -> io::Result<()> {
        let new = self
            .sockets
            .as_mut()
            .map_or(Ok(Vec::new()), Newcomers::arrived)?;
        let open = &self.policy.unix_sockets;
        let closed = |path: &&PathBuf| !open.iter().any(|grant| path.starts_with(&grant.path));
        // What stands at such a path in a private directory is the sandbox's own.
        let shared = |path: &&PathBuf| !view::is_private(path);
        new.iter()
            .filter(closed)
            .filter(shared)
            .for_each(|path| self.masks.mask(path));
        Ok(())
    }

    fn handle(&mut self, event: &InotifyEvent) {
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            // Something was missed: only looking again tells what.
            return self.look_at_everything();
        }
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            self.watched.remove(&event.wd);
            return;
        }
        if let (Some(parent), Some(name)) = (self.watched.get(&event.wd), &event.name) {
            let is_dir = event.mask.contains(AddWatchFlags::IN_ISDIR);
            self.appeared(&parent.clone(), name, is_dir);
        }
    }
}

fn protect(path: &Path) {
    // Gone again, or already read-only: there is nothing to protect.
    if is_mount_point(path).is_ok_and(|mounted| !mounted) {
        drop(cover_with_itself(path, mount::READ_ONLY));
    }
}

/// Masks made in advance: what remains to be done at the event is one system call.
struct Masks {
    file: OwnedFd,
    directory: OwnedFd,
}

impl Masks {
    fn new() -> io::Result<Self> {
        Ok(Self {
            file: clone_own(Kind::File.mask_name())?,
            directory: clone_own(Kind::Directory.mask_name())?,
        })
    }

    fn mask(&mut self, path: &Path) {
        // A link hides nothing by itself: what it points to is what must not be read.
        let Ok(path) = fs::canonicalize(path) else {
            return;
        };
        // Attaching fails by kind at once, so the likelier is tried before anything is asked.
        if is_mount_point(&path).is_ok_and(|mounted| mounted) {
            return;
        }
        let kind = if path.is_dir() {
            Kind::Directory
        } else {
            Kind::File
        };
        let ready = match kind {
            Kind::Directory => &mut self.directory,
            Kind::File => &mut self.file,
        };
        if attach(ready.as_fd(), &path).is_ok()
            && let Ok(next) = clone_own(kind.mask_name())
        {
            *ready = next;
        }
    }
}
