//! Taking everything out again, by the receipts of what was put in.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Change, Error, Integrations, MACHINE, change, has, known, shim};
use crate::integration::catalog::Scope;
use crate::integration::plan::{self, Step};
use crate::integration::receipt::{Entry, Receipt};

impl Integrations {
    /// Takes out what was put in; the files are then what they were, byte for byte, unless somebody
    /// changed them since.
    ///
    /// # Errors
    /// When a file is refused, or cannot be written.
    pub fn uninstall(&self, name: &str, scope: Scope) -> Result<Vec<Change>, Error> {
        let agent = known(name)?;
        let file = self.receipt_file(name, scope);
        let Some(receipt) = self.receipt(name, scope)? else {
            has(&agent, name, scope)?;
            return Ok(Vec::new());
        };
        self.take_back(&file, &receipt)
    }

    /// Takes out everything of this user that there is a receipt for, in this project and all
    /// others, or everything of the whole machine. It stops at the first file that is refused.
    ///
    /// # Errors
    /// When a receipt or a file is refused, or cannot be written.
    pub fn uninstall_all(&self, whole_machine: bool) -> Result<Vec<Change>, Error> {
        let directory = match whole_machine {
            true => Path::new(MACHINE),
            false => &self.user.owned().receipts(),
        };
        let mut changes = Vec::new();
        let files = receipts_in(directory);
        for file in files.map_err(|why| Error::Receipt(directory.to_owned(), why))? {
            let receipt = Receipt::load(&file).map_err(|why| Error::Receipt(file.clone(), why))?;
            if let Some(receipt) = receipt {
                changes.extend(self.take_back(&file, &receipt)?);
            }
        }
        Ok(changes)
    }

    /// Which agents have something for everybody, as far as this user may see.
    #[must_use]
    pub fn for_everybody(&self) -> Vec<String> {
        let files = receipts_in(Path::new(MACHINE)).unwrap_or_default();
        let name = |file: &PathBuf| Some(file.file_stem()?.to_string_lossy().into_owned());
        let mut names: Vec<String> = files.iter().filter_map(name).collect();
        names.sort_unstable();
        names
    }

    fn take_back(&self, file: &Path, receipt: &Receipt) -> Result<Vec<Change>, Error> {
        let failed = |why| Error::Receipt(file.to_owned(), why);
        let lock = self.open(&receipt.agent, receipt.scope)?;
        let steps = receipt.files.iter().rev().map(plan::undo);
        let steps = steps.collect::<Result<Vec<_>, _>>()?;
        steps.iter().try_for_each(Step::check)?;
        steps.iter().try_for_each(Step::run)?;
        remove_directories(&receipt.files);
        fs::remove_file(file).map_err(failed)?;
        if let Some(directory) = file.parent() {
            _ = fs::remove_dir(directory);
        }
        if let Some(lock) = lock {
            lock.leave_if_unused()
                .map_err(|why| Error::User(shim::Error::Change(why)))?;
        }
        Ok(steps.iter().map(change).collect())
    }
}

/// The receipts that lie in a directory, the last one first: two may speak about one file, and the
/// text of the file before the first was written is in that one's receipt.
fn receipts_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "json") {
            found.push((fs::metadata(&path)?.modified()?, path));
        }
    }
    found.sort_unstable();
    Ok(found.into_iter().rev().map(|(_, path)| path).collect())
}

/// Removes the directories that were made for files; what others put there stays.
pub(super) fn remove_directories(entries: &[Entry]) {
    let directories = entries.iter();
    for directory in directories.flat_map(|entry| entry.directories.iter().rev()) {
        _ = fs::remove_dir(directory);
    }
}
