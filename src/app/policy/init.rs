//! Writes the built-in rules where the user can change them.

use std::fs;
use std::path::PathBuf;

use super::{Error, own_directory, store};
use crate::config::{self, builtin, load};

/// What was done.
#[derive(Debug, PartialEq, Eq)]
pub struct Initialized {
    /// The file with the rules.
    pub file: PathBuf,
    /// Where the old one went.
    pub kept: Option<PathBuf>,
}

/// Writes `~/.aigate/config.yaml`; with `force` also where there is one, which is kept beside it.
///
/// # Errors
/// When there is one and `force` is not given, or it cannot be written.
pub fn run(force: bool) -> Result<Initialized, Error> {
    let home = load::canonical_home(&load::home()?)?;
    let file = own_directory(&home)?.join("config.yaml");
    let present = match config::source::read(&file) {
        Ok(present) => present,
        // Unreadable or no text: `force` must be able to replace that, too.
        Err(error) if !force => return Err(error.into()),
        Err(_) => None,
    };
    if file.symlink_metadata().is_ok() {
        if !force {
            return Err(Error::Initialized(file));
        }
        let kept = file.with_extension("yaml.old");
        let failed = |source| Error::Write {
            path: kept.clone(),
            source,
        };
        fs::rename(&file, &kept).map_err(failed)?;
        store(&home, &file, None, builtin::DEFAULT)?;
        return Ok(Initialized {
            file,
            kept: Some(kept),
        });
    }
    store(&home, &file, present.as_deref(), builtin::DEFAULT)?;
    Ok(Initialized { file, kept: None })
}
