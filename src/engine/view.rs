//! What one sandbox shows of this host: a policy resolved against the file system.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};

use super::Error;
use super::linux::NODES;
use super::linux::netns::NetPlan;

/// Whether a path is a directory or something else that a mask or mount point must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file, socket or device node.
    File,
}

impl Kind {
    /// The entry of the mask file system that covers a path of this kind.
    pub(super) fn mask_name(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::File => "file",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory => "directory",
            Self::File => "file",
        })
    }
}

/// How an attached tree may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Read and execute.
    ReadOnly,
    /// Write as well.
    Writable,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadOnly => "read-only",
            Self::Writable => "writable",
        })
    }
}

/// What stands at the path of a [`Layer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A new, empty directory in memory, with this mode.
    Empty(u32),
    /// A directory made inside an empty one, with this mode.
    Directory(u32),
    /// What the host has at the same path.
    Host(Kind, Access),
    /// What the host has, under a layer in memory that takes every change.
    Copy,
}

/// One place where the sandbox's tree differs from the host's read-only one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Where.
    pub path: PathBuf,
    /// What.
    pub content: Content,
}

/// What one sandbox shows of this host. Every path is absolute, canonical and existing; every list
/// has parents before children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The caller's own user ID, kept inside.
    pub uid: u32,
    /// The caller's own group ID, kept inside.
    pub gid: u32,
    /// Where the tree differs from the host's; the deepest layer above a path decides about it.
    pub layers: Vec<Layer>,
    /// Directories that must not be renamed, because something protected stands in them.
    pub pinned: Vec<PathBuf>,
    /// Read-only although their directory is writable.
    pub protected: Vec<PathBuf>,
    /// Hidden.
    pub masked: Vec<(PathBuf, Kind)>,
    /// The harmless device nodes that this host has.
    pub devices: Vec<PathBuf>,
    /// The caller's terminal.
    pub terminal: Option<PathBuf>,
    /// Where the command starts.
    pub cwd: PathBuf,
    /// Files with other content than the host's.
    pub texts: Vec<(PathBuf, String)>,
    /// The sandbox's own network; without one it shares the host's.
    pub network: Option<NetPlan>,
}

/// What a run asks to see, before the file system was asked. Missing paths are left out.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The project's root directory.
    pub project: PathBuf,
    /// The caller's home directory.
    pub home: PathBuf,
    /// Writable besides the project.
    pub writable: Vec<PathBuf>,
    /// Directories that seem writable: changes go to memory and end with the sandbox.
    pub copy_on_write: Vec<PathBuf>,
    /// Stay readable even inside what is hidden or private.
    pub readable: Vec<PathBuf>,
    /// Read-only wherever they stand.
    pub protected: Vec<PathBuf>,
    /// Hidden, but for what `readable` names inside.
    pub hidden: Vec<PathBuf>,
    /// Where the command starts.
    pub cwd: PathBuf,
    /// Files that get other content; a missing one is left out, a dangling link is followed.
    pub texts: Vec<(PathBuf, String)>,
    /// The sandbox's own network; without one it shares the host's.
    pub network: Option<NetPlan>,
}

/// Directories that are private because sockets and files of other programs stand in them: a
/// read-only mount does not stop connect(2).
const PRIVATE: [(&str, u32); 3] = [("/run", 0o755), ("/tmp", 0o1777), ("/var/tmp", 0o1777)];

/// Parts of `/run` that programs need and that hold no socket: the resolver's file behind
/// `/etc/resolv.conf`, and the system profile of NixOS.
const RUN_READABLE: [&str; 5] = [
    "/etc/resolv.conf",
    "/run/booted-system",
    "/run/current-system",
    "/run/opengl-driver",
    "/run/wrappers",
];

/// Whether the path lies in a directory that is private in every sandbox.
pub(super) fn is_private(path: &Path) -> bool {
    PRIVATE.iter().any(|(private, _)| path.starts_with(private))
}

impl View {
    /// Resolves `wanted` on this host.
    pub fn resolve(wanted: &Wanted) -> Result<Self, Error> {
        let project = canonical(&wanted.project)?;
        let home = canonical(&wanted.home)?;
        let uid = nix::unistd::geteuid().as_raw();
        refuse_planted_links(&wanted.writable, &project)?;
        let readable = existing(&wanted.readable)?;
        let texts: Vec<_> = wanted.texts.iter().filter_map(place_of_text).collect();
        // A hidden directory with something readable inside is emptied instead of masked.
        let reopened = |path: &PathBuf| {
            let inside = |other: &PathBuf| other != path && other.starts_with(path);
            readable.iter().any(inside) && path.is_dir()
        };
        let mut masked = existing(&wanted.hidden)?;
        let emptied: Vec<_> = masked.extract_if(.., reopened).collect();
        let mut layers = private(uid, emptied);
        refuse_wide_project(&project, &home, &layers)?;
        let mut run = existing(RUN_READABLE.map(Path::new))?;
        run.retain(|path| !texts.iter().any(|(text, _)| text == path));
        let shown = readable.iter().cloned().chain([home]).chain(run).collect();
        add_host(&mut layers, shown, Access::ReadOnly);
        add_copies(&mut layers, existing(&wanted.copy_on_write)?);
        let writable = existing(&wanted.writable)?.into_iter().chain([project]);
        add_host(&mut layers, writable.collect(), Access::Writable);

        let masked = outermost(visible(&layers, masked));
        let mut protected = existing(&wanted.protected)?;
        let is_masked = |path: &Path| masked.iter().any(|mask| path.starts_with(mask));
        protected.retain(|path| is_writable(&layers, path) && !is_masked(path));
        let cwd = canonical(&wanted.cwd)?;
        if is_masked(&cwd) || visible(&layers, BTreeSet::from([cwd.clone()])).is_empty() {
            let reason = "is hidden inside; start from the project";
            return Err(Error::WorkingDirectory { path: cwd, reason });
        }
        let terminal = terminal();
        Ok(Self {
            uid,
            gid: nix::unistd::getegid().as_raw(),
            pinned: pinned(&protected, &layers),
            protected: outermost(protected),
            masked: masked.into_iter().map(with_kind).collect(),
            devices: devices(terminal.as_ref()),
            terminal,
            layers,
            cwd,
            texts,
            network: wanted.network.clone(),
        })
    }
}

fn canonical(path: &Path) -> Result<PathBuf, Error> {
    place(path).map_err(|source| Error::Path {
        path: path.to_owned(),
        source,
    })
}

/// The canonical form of what is there. Most paths have it already, which one question tells; to resolve
/// them takes one a level.
fn place(path: &Path) -> io::Result<PathBuf> {
    let without_links = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    match openat2(AT_FDCWD, path, without_links).map_err(io::Error::from) {
        Ok(_) if is_plain(path) => Ok(path.to_owned()),
        Err(error) if is_absence(&error) && error.raw_os_error() != Some(libc::ELOOP) => Err(error),
        // There is a link, or a container or an old kernel that does not know the question.
        _ => fs::canonicalize(path),
    }
}

/// Whether an absolute path has nothing in it but names.
fn is_plain(path: &Path) -> bool {
    let mut parts = path.as_os_str().as_bytes().split(|byte| *byte == b'/');
    let is_name = |part: &[u8]| !matches!(part, b"" | b"." | b"..");
    parts.next().is_some_and(<[u8]>::is_empty) && parts.all(is_name)
}

/// The canonical forms of what is there. What this user cannot reach is not there; any other error
/// could leave something uncovered.
fn existing(paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Result<BTreeSet<PathBuf>, Error> {
    let mut found = BTreeSet::new();
    for path in paths {
        let path = path.as_ref();
        match place(path) {
            Ok(place) => drop(found.insert(place)),
            Err(error) if is_absence(&error) => {}
            Err(source) => {
                let path = path.to_owned();
                return Err(Error::Path { path, source });
            }
        }
    }
    Ok(found)
}

pub(super) fn is_absence(error: &io::Error) -> bool {
    let absent = [
        libc::ENOENT,
        libc::ENOTDIR,
        libc::EACCES,
        libc::ELOOP,
        libc::ENAMETOOLONG,
    ];
    error
        .raw_os_error()
        .is_some_and(|errno| absent.contains(&errno))
}

/// A link in a directory that a sandbox can write may have been made by one, to have the next one
/// open what it leads to.
fn refuse_planted_links(grants: &[PathBuf], project: &Path) -> Result<(), Error> {
    let is_link = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    for grant in grants {
        let planted = grant.ancestors().find(|part| {
            let inside = |tree: &Path| *part != tree && part.starts_with(tree);
            is_link(part) && (inside(project) || grants.iter().any(|tree| inside(tree)))
        });
        if let Some(link) = planted {
            return Err(Error::PlantedLink {
                grant: grant.clone(),
                link: link.to_owned(),
            });
        }
    }
    Ok(())
}

/// The file itself behind links; a link into a directory that is private inside may dangle.
fn place_of_text((path, content): &(PathBuf, String)) -> Option<(PathBuf, String)> {
    let place = fs::canonicalize(path).or_else(|_| {
        let target = fs::read_link(path)?;
        Ok::<_, io::Error>(path.parent().unwrap_or(path).join(target))
    });
    place.ok().map(|place| (place, content.clone()))
}

fn with_kind(path: PathBuf) -> (PathBuf, Kind) {
    let kind = kind(&path);
    (path, kind)
}

fn kind(path: &Path) -> Kind {
    if path.is_dir() {
        Kind::Directory
    } else {
        Kind::File
    }
}

/// Without the paths that are below another one of the set.
fn outermost(paths: BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let mut kept: Vec<PathBuf> = Vec::new();
    for path in paths {
        // Sorted: a parent comes right before everything below it.
        if kept.last().is_none_or(|last| !path.starts_with(last)) {
            kept.push(path);
        }
    }
    kept
}

/// The layers that hide: system directories with other programs' sockets, and `emptied`.
fn private(uid: u32, emptied: Vec<PathBuf>) -> Vec<Layer> {
    let is_directory = |path: &str| fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    let system = PRIVATE.into_iter().filter(|(path, _)| is_directory(path));
    let mut layers: Vec<_> = system
        .map(|(path, mode)| (PathBuf::from(path), Content::Empty(mode)))
        .chain([
            ("/run/lock".into(), Content::Directory(0o1777)),
            (format!("/run/user/{uid}").into(), Content::Directory(0o700)),
        ])
        .chain(
            emptied
                .into_iter()
                .map(|path| (path, Content::Empty(0o755))),
        )
        .map(|(path, content)| Layer { path, content })
        .collect();
    layers.sort_by(|a, b| a.path.cmp(&b.path));
    layers
}

fn refuse_wide_project(project: &Path, home: &Path, layers: &[Layer]) -> Result<(), Error> {
    let holds = |path: &Path| path.starts_with(project);
    let is_system = |path: &Path| PRIVATE.iter().any(|(system, _)| path == Path::new(system));
    let private = |layer: &Layer| is_system(&layer.path) && holds(&layer.path);
    if holds(home) || layers.iter().any(private) {
        return Err(Error::WideProject(project.to_owned()));
    }
    Ok(())
}

/// Adds host trees where the layers above do not already show them with that access.
fn add_host(layers: &mut Vec<Layer>, paths: BTreeSet<PathBuf>, access: Access) {
    for path in paths {
        let is_shown = match deepest(layers, &path).map(|layer| layer.content) {
            Some(Content::Host(_, shown)) => shown >= access,
            Some(Content::Copy) => access == Access::ReadOnly,
            Some(Content::Empty(_) | Content::Directory(_)) => false,
            None => access == Access::ReadOnly,
        };
        if !is_shown {
            let content = Content::Host(kind(&path), access);
            let at = layers.partition_point(|layer| layer.path <= path);
            layers.insert(at, Layer { path, content });
        }
    }
}

/// Adds copies of host directories that are in view and not already below another copy.
fn add_copies(layers: &mut Vec<Layer>, paths: BTreeSet<PathBuf>) {
    for path in paths.into_iter().filter(|path| path.is_dir()) {
        let above = deepest(layers, &path).map(|layer| layer.content);
        if matches!(above, None | Some(Content::Host(..))) {
            let content = Content::Copy;
            let at = layers.partition_point(|layer| layer.path <= path);
            layers.insert(at, Layer { path, content });
        }
    }
}

/// The layer that decides about a path: sorted, so the last one above it.
fn deepest<'a>(layers: &'a [Layer], path: &Path) -> Option<&'a Layer> {
    layers.iter().rfind(|layer| lies_in(path, &layer.path))
}

/// `Path::starts_with` for canonical paths, which need not be taken apart.
fn lies_in(path: &Path, directory: &Path) -> bool {
    let directory = directory.as_os_str().as_bytes();
    let rest = path.as_os_str().as_bytes().strip_prefix(directory);
    rest.is_some_and(|rest| matches!(rest, [] | [b'/', ..]) || directory == b"/")
}

/// Those paths of the host that still stand at their place inside.
fn visible(layers: &[Layer], mut paths: BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let is_host = |path: &PathBuf| {
        deepest(layers, path)
            .is_none_or(|layer| matches!(layer.content, Content::Host(..) | Content::Copy))
    };
    paths.retain(is_host);
    paths
}

fn is_writable(layers: &[Layer], path: &Path) -> bool {
    let above = deepest(layers, path).map(|layer| layer.content);
    matches!(above, Some(Content::Host(_, Access::Writable)))
}

/// Every directory between a protected path and the root of the writable tree that it stands in.
fn pinned(protected: &BTreeSet<PathBuf>, layers: &[Layer]) -> Vec<PathBuf> {
    let between = protected.iter().flat_map(|path| {
        let above = path.ancestors().skip(1);
        above.take_while(|above| layers.iter().all(|layer| layer.path != **above))
    });
    let pinned: BTreeSet<PathBuf> = between.map(Path::to_owned).collect();
    pinned
        .into_iter()
        .filter(|path| !protected.contains(path))
        .collect()
}

fn terminal() -> Option<PathBuf> {
    let streams: [&dyn std::os::fd::AsFd; 3] = [&io::stdin(), &io::stdout(), &io::stderr()];
    streams
        .iter()
        .find_map(|stream| nix::unistd::ttyname(stream).ok())
        .filter(|tty| tty.exists())
}

fn devices(terminal: Option<&PathBuf>) -> Vec<PathBuf> {
    NODES
        .iter()
        .map(PathBuf::from)
        .filter(|node| node.exists())
        .chain(terminal.cloned())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_place_is_what_resolving_says() {
        let folder = assert_fs::TempDir::new().expect("directory");
        let root = fs::canonicalize(folder.path()).expect("root");
        let at = |name: &str| root.join(name);
        fs::create_dir_all(at("real/below")).expect("directories");
        fs::write(at("real/file"), "").expect("file");
        for (to, link) in [
            ("real", "link"),
            ("file", "real/alias"),
            ("nothing", "dangling"),
            ("loop", "loop"),
        ] {
            symlink(to, at(link)).expect("link");
        }
        let names = [
            "",
            "real",
            "real/",
            "real//below",
            "real/./below",
            "real/below/..",
            "real/below/.",
            "real/file",
            "real/file/",
            "real/file/below",
            "real/alias",
            "link",
            "link/below",
            "link/nothing",
            "nothing",
            "dangling",
            "dangling/below",
            "loop",
            "loop/below",
        ];
        let paths = names
            .into_iter()
            .map(|name| PathBuf::from(format!("{}/{name}", root.display())));
        let others = [
            "/",
            "//",
            "/..",
            "/proc/self",
            "/proc/self/cwd",
            ".",
            "src",
            "",
            "/dev/stdin",
        ];
        for path in paths.chain(others.map(PathBuf::from)) {
            let errno = |error: io::Error| error.raw_os_error();
            let resolved = fs::canonicalize(&path).map_err(errno);
            assert_eq!(place(&path).map_err(errno), resolved, "{}", path.display());
        }
    }
}
