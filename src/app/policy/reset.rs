//! `reset`: back to the built-in rules. Shims and the audit log are left alone.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::Error;

/// What of `~/.aigate` are rules of the user.
const OURS: [&str; 5] = [
    "config.yaml",
    "config.yaml.old",
    "projects",
    "trust",
    "cache",
];

/// Deletes the user's rules, approvals and caches; what was deleted.
///
/// # Errors
/// Without `force`, naming what would be lost; or when something cannot be deleted.
pub fn run(force: bool) -> Result<Vec<PathBuf>, Error> {
    let own = super::home()?.join(".aigate");
    let present: Vec<PathBuf> = OURS
        .iter()
        .map(|name| own.join(name))
        .filter(|path| path.symlink_metadata().is_ok())
        .collect();
    if !force {
        return Err(Error::NeedsForce(present));
    }
    for path in &present {
        let gone = match path.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
            _ => fs::remove_file(path),
        };
        match gone {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(Error::Write {
                    path: path.clone(),
                    source,
                });
            }
            _ => {}
        }
    }
    Ok(present)
}
