//! Finds the real program on PATH: the first candidate that is not us.
//!
//! Identity, not names of directories, decides what is us: a second installation, a link by
//! another path and our own directory listed twice are all skipped.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

/// How a search ends without a program.
#[derive(Debug)]
pub enum Missing {
    /// No file of this name in any directory.
    NotFound {
        /// The name searched for.
        name: OsString,
        /// The directories that were searched.
        searched: Vec<PathBuf>,
    },
    /// Only files that cannot be executed.
    NotExecutable(PathBuf),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { name, searched } => {
                let name = Path::new(name).display();
                write!(f, "{name}: not found on PATH (aigate's own shims left out)")?;
                match searched.as_slice() {
                    [] => write!(f, "; PATH names no absolute directory"),
                    some => {
                        let list = std::env::join_paths(some).unwrap_or_default();
                        write!(f, "; searched {}", Path::new(&list).display())
                    }
                }
            }
            Self::NotExecutable(path) => write!(f, "{}: not executable", path.display()),
        }
    }
}

impl std::error::Error for Missing {}

impl Missing {
    /// What a shell would end with.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotFound { .. } => 127,
            Self::NotExecutable(_) => 126,
        }
    }
}

/// What must never be taken for the real program.
#[derive(Debug, Clone)]
pub struct Us {
    program: Option<(u64, u64)>,
    shims: Option<(u64, u64)>,
}

impl Us {
    /// This process's program, and the directory of the shims.
    #[must_use]
    pub fn new(shims: &Path) -> Self {
        let id = |path: &Path| {
            std::fs::metadata(path)
                .ok()
                .map(|meta| (meta.dev(), meta.ino()))
        };
        Self {
            program: id(Path::new("/proc/self/exe")),
            shims: id(shims),
        }
    }

    fn is_program(&self, path: &Path, meta: &Metadata) -> bool {
        if self.program == Some((meta.dev(), meta.ino())) {
            return true;
        }
        std::fs::canonicalize(path).is_ok_and(|real| real.file_name() == Some(OsStr::new("aigate")))
    }

    fn is_shims(&self, directory: &Path) -> bool {
        self.shims.is_some()
            && std::fs::metadata(directory)
                .ok()
                .map(|m| (m.dev(), m.ino()))
                == self.shims
    }
}

/// The real programs of this name, in the order of PATH. Relative entries do not count: a
/// repository must not choose the program by being the working directory.
pub fn candidates(name: &OsStr, path: &OsStr, us: &Us) -> Result<Vec<PathBuf>, Missing> {
    let (mut found, mut dead, mut searched) = (Vec::new(), None, Vec::new());
    for directory in std::env::split_paths(path).filter(|directory| directory.is_absolute()) {
        let file = directory.join(name);
        if let Some(meta) = std::fs::metadata(&file).ok().filter(Metadata::is_file) {
            if us.is_program(&file, &meta) || us.is_shims(&directory) {
                continue;
            }
            match access(&file, AccessFlags::X_OK) {
                Ok(()) => found.push(file),
                Err(_) => dead = dead.or(Some(file)),
            }
        }
        searched.push(directory);
    }
    match (found.is_empty(), dead) {
        (false, _) => Ok(found),
        (true, Some(file)) => Err(Missing::NotExecutable(file)),
        (true, None) => Err(Missing::NotFound {
            name: name.into(),
            searched,
        }),
    }
}

/// Why this program cannot work where nothing gains privileges, if it is of such a kind.
#[must_use]
pub fn unsupported(program: &Path) -> Option<&'static str> {
    let real = std::fs::canonicalize(program).unwrap_or_default();
    if real.file_name() == Some(OsStr::new("snap")) || real.starts_with("/snap") {
        return Some(
            "a snap starts through snap-confine, which needs privileges that nothing has in the \
             sandbox; install the package of the vendor or of the distribution",
        );
    }
    let mut head = [0; 11];
    let read = File::open(&real).and_then(|mut file| file.read_exact(&mut head));
    if read.is_ok() && head.starts_with(b"\x7fELF") && &head[8..10] == b"AI" {
        return Some(
            "an AppImage mounts itself through fusermount, which needs privileges that nothing \
             has in the sandbox; unpack it with --appimage-extract and use what is in it",
        );
    }
    None
}

/// PATH without the directory of the shims: inside, the kernel already holds what is started.
#[must_use]
pub fn path_without_shims(path: &OsStr, us: &Us) -> OsString {
    let kept = std::env::split_paths(path).filter(|d| !(d.is_absolute() && us.is_shims(d)));
    std::env::join_paths(kept).unwrap_or_else(|_| path.into())
}
