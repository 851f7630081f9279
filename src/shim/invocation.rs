//! Was this process started as a shim, and as which?
//!
//! The kernel says which file it executed (AT_EXECFN); `argv[0]` is what the caller likes it to be
//! and is passed on unchanged, because some tools are several programs by that name.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::catalog;
use super::owned::Owned;
use super::verify;
use crate::sys::auxv;

/// A start of this program under the name of a tool.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The tool's command.
    pub command: OsString,
    /// The file that was executed.
    pub file: PathBuf,
    /// `argv[0]` as it was given.
    pub argv0: OsString,
    /// The other arguments.
    pub args: Vec<OsString>,
}

impl Invocation {
    /// This process, if it was started as a shim.
    #[must_use]
    pub fn of_this_process() -> Option<Self> {
        let mut args = std::env::args_os();
        let argv0 = args.next()?;
        let file = executed_file(auxv::executed_file(), &argv0);
        let command = file.file_name()?.to_owned();
        catalog::knows(&command).then(|| Self {
            command,
            file,
            argv0,
            args: args.collect(),
        })
    }

    /// The answer, if this start is only a question whether the shim is there.
    #[must_use]
    pub fn answer(&self) -> Option<OsString> {
        let asked = self
            .argv0
            .as_encoded_bytes()
            .starts_with(verify::PROBE.as_bytes());
        asked.then(|| verify::answer_to(&self.argv0, &self.file))
    }

    /// The directory that holds the shim: not HOME's, so that a changed HOME changes no policy.
    #[must_use]
    pub fn owned(&self, home: &Path) -> Owned {
        Owned::of_link(&self.file).unwrap_or_else(|| Owned::of_home(home))
    }
}

/// `fexecve` and scripts leave a descriptor's path, which has no name to go by.
fn executed_file(by_kernel: Option<&OsStr>, argv0: &OsStr) -> PathBuf {
    match by_kernel.map(Path::new) {
        Some(path) if !path.starts_with("/dev/fd") && !path.starts_with("/proc") => path.into(),
        _ => argv0.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_believed_before_the_caller() {
        let file = executed_file(Some(OsStr::new("/s/claude")), OsStr::new("rg"));
        assert_eq!(file, Path::new("/s/claude"));
    }

    #[test]
    fn a_descriptor_has_no_name() {
        for path in ["/dev/fd/3", "/proc/self/exe", "/proc/self/fd/3"] {
            assert_eq!(
                executed_file(Some(OsStr::new(path)), OsStr::new("claude")),
                Path::new("claude")
            );
        }
        assert_eq!(
            executed_file(None, OsStr::new("claude")),
            Path::new("claude")
        );
    }
}
