//! One configuration file with what is known about it: its layer, its text, whether it is trusted.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use serde_saphyr::Spanned;

use super::error::{self, Diagnostic, Error};
use super::raw;
use crate::policy::{Layer, Origin};

/// A larger file is no configuration.
const LARGEST: u64 = 1 << 20;

/// One place rules come from.
#[derive(Debug, Clone)]
pub struct Source {
    /// Which layer.
    pub layer: Layer,
    /// Which file; none for what is built in or typed.
    pub file: Option<PathBuf>,
    /// Where its relative patterns start.
    pub base: PathBuf,
    /// Whether what it grants counts.
    pub trusted: bool,
    /// The text, to show lines of.
    pub text: String,
    /// What it says.
    pub raw: raw::Layer,
}

impl Source {
    /// Parses a text.
    ///
    /// # Errors
    /// When it is not valid YAML of the known keys.
    pub fn parse(
        layer: Layer,
        file: Option<PathBuf>,
        base: &Path,
        text: String,
    ) -> Result<Source, Error> {
        let raw = raw::parse(&text).map_err(|e| error::from_yaml(file.clone(), &text, &e))?;
        Ok(Source {
            layer,
            file,
            base: base.to_path_buf(),
            trusted: true,
            text,
            raw,
        })
    }

    /// The origin of a value of this source.
    #[must_use]
    pub fn origin<T>(&self, at: &Spanned<T>, text: &str) -> Origin {
        Origin {
            layer: self.layer,
            file: self.file.clone(),
            line: u32::try_from(at.referenced.line()).unwrap_or(0),
            text: text.to_owned(),
        }
    }

    /// An error that points at a value of this source.
    #[must_use]
    pub fn wrong<T>(&self, at: &Spanned<T>, message: String) -> Error {
        let diagnostic = Diagnostic::new(self.file.clone(), &self.text, at.referenced, message);
        Error::At(Box::new(diagnostic))
    }
}

/// Reads a configuration file; none if there is none.
///
/// # Errors
/// When it is there and cannot be read, or is not a plain file of reasonable size, or is not text.
pub fn read(file: &Path) -> Result<Option<String>, Error> {
    let unreadable = |source: io::Error| Error::Read {
        file: file.to_path_buf(),
        source,
    };
    let unfit = |why| {
        Err(Error::Unfit {
            file: file.to_path_buf(),
            why,
        })
    };
    // A FIFO in a cloned repository must not make the start wait.
    let opened = File::options()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(file);
    let mut handle = match opened {
        Ok(handle) => handle,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return absent(file),
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => return Ok(None),
        Err(e) => return Err(unreadable(e)),
    };
    let metadata = handle.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return unfit("is not a regular file");
    }
    if metadata.size() > LARGEST {
        return unfit("is larger than 1 MiB, which no configuration is");
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.size()).unwrap_or(0) + 1);
    handle
        .by_ref()
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(_) => unfit("is not UTF-8 text"),
    }
}

/// A dangling link is a broken configuration, not a missing one.
fn absent(file: &Path) -> Result<Option<String>, Error> {
    if file.symlink_metadata().is_ok() {
        let file = file.to_path_buf();
        return Err(Error::Unfit {
            file,
            why: "is a symbolic link to nothing",
        });
    }
    Ok(None)
}

/// Refuses a file that any user of the host may change.
///
/// # Errors
/// When others than owner and group may write it.
pub fn refuse_world_writable(file: &Path) -> Result<(), Error> {
    match file.metadata() {
        Ok(metadata) if metadata.mode() & 0o002 != 0 => Err(Error::Unfit {
            file: file.to_path_buf(),
            why: "may be written by every user of this host; run chmod o-w on it",
        }),
        _ => Ok(()),
    }
}
