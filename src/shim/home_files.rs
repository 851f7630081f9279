//! Files that a tool replaces by rename directly in HOME, which is read-only inside.
//!
//! Inside, the tool keeps such a file in its state directory; here both are brought to the same
//! state, before a session and after it: the newer one wins. A session that was killed leaves the
//! newer file inside, and the next start finds it. The copy has the age of its original, so equal
//! ages mean that nothing is to be done.
//!
//! The file inside was written by what runs inside: it is read without following a link, and keys
//! that say what the tool outside starts keep their value from outside.

use std::cmp::Ordering;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use super::key_path::KeyPath;

/// One file and where it is kept inside.
#[derive(Debug, Clone)]
pub struct Pair {
    /// As the unsandboxed tool knows it.
    pub file: PathBuf,
    /// As the sandboxed tool knows it.
    pub kept_as: PathBuf,
    /// Keys of this JSON file that nothing inside may change for the tool outside.
    pub only_outside: Vec<KeyPath>,
}

/// What [`Pair::reconcile`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Both are of the same age, or there is neither.
    Same,
    /// HOME had the newer file.
    CopiedIn,
    /// The sandbox had the newer file.
    CopiedOut,
}

struct Found {
    content: File,
    modified: SystemTime,
}

impl Pair {
    /// Brings both files to the state of the newer one.
    pub fn reconcile(&self) -> io::Result<Outcome> {
        // A dotfile manager may have made the file in HOME a link; the user's link is followed.
        let file = std::fs::canonicalize(&self.file).unwrap_or_else(|_| self.file.clone());
        let outside = found(&file, 0)?;
        // What cannot be used is as good as absent: the file outside takes its place.
        let inside = found(&self.kept_as, nix::libc::O_NOFOLLOW).unwrap_or_default();
        let age = |found: &Option<Found>| found.as_ref().map(|found| found.modified);
        match age(&outside).cmp(&age(&inside)) {
            Ordering::Equal => Ok(Outcome::Same),
            Ordering::Greater => outside
                .map_or(Ok(()), |from| copy(from, &self.kept_as))
                .map(|()| Outcome::CopiedIn),
            Ordering::Less if !self.only_outside.is_empty() => {
                self.copy_out(inside, outside, &file)
            }
            Ordering::Less => inside
                .map_or(Ok(()), |from| copy(from, &file))
                .map(|()| Outcome::CopiedOut),
        }
    }

    /// The document from inside with the keys from outside.
    fn copy_out(
        &self,
        inside: Option<Found>,
        outside: Option<Found>,
        to: &Path,
    ) -> io::Result<Outcome> {
        let Some(mut inside) = inside else {
            return Ok(Outcome::Same);
        };
        let text = inside.text()?;
        let age = outside.as_ref().map(|found| found.modified);
        let own = outside.map(|mut found| found.text()).transpose()?;
        let Ok(document) = serde_json::from_slice::<Value>(&text) else {
            let Some(own) = own else {
                return Ok(Outcome::Same);
            };
            return write(&own, &self.kept_as, age).map(|()| Outcome::CopiedIn);
        };
        let own: Option<Value> = own.and_then(|own| serde_json::from_slice(&own).ok());
        let mut filtered = document.clone();
        for path in &self.only_outside {
            path.copy(own.as_ref(), &mut filtered);
        }
        if filtered == document {
            write(&text, to, Some(inside.modified))?;
        } else {
            // Newer than the file inside, so that the next start takes the keys away there too.
            let mut text = serde_json::to_vec_pretty(&filtered)?;
            text.push(b'\n');
            write(&text, to, None)?;
        }
        Ok(Outcome::CopiedOut)
    }
}

impl Found {
    fn text(&mut self) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        self.content.read_to_end(&mut text)?;
        Ok(text)
    }
}

/// Copies the user's file to `to` below `directory`, if it is there and newer. What stands in the
/// directory was written by what runs inside, so no link in it is followed out of it.
pub fn take_over(from: &Path, directory: &Path, to: &Path) -> io::Result<()> {
    let Some(theirs) = found(from, 0)? else {
        return Ok(());
    };
    let to = directory.join(to);
    let parent = to.parent().ok_or(io::ErrorKind::NotFound)?;
    std::fs::create_dir_all(parent)?;
    if !std::fs::canonicalize(parent)?.starts_with(std::fs::canonicalize(directory)?) {
        return Err(io::Error::other("leads out of the data directory"));
    }
    let ours = found(&to, nix::libc::O_NOFOLLOW).unwrap_or_default();
    if ours.is_none_or(|ours| ours.modified < theirs.modified) {
        copy(theirs, &to)?;
    }
    Ok(())
}

fn found(path: &Path, flags: i32) -> io::Result<Option<Found>> {
    // O_NONBLOCK: a named pipe in the place of the file must not stop the start for ever.
    let flags = flags | nix::libc::O_NONBLOCK;
    let content = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let meta = content.metadata()?;
    // What was made inside may belong to the account that runs there; it is read by no other right.
    let is_inside = flags & nix::libc::O_NOFOLLOW != 0;
    if !meta.is_file() || !is_inside && meta.uid() != nix::unistd::geteuid().as_raw() {
        return Err(io::Error::other("not a regular file of yours"));
    }
    Ok(Some(Found {
        modified: meta.modified()?,
        content,
    }))
}

fn copy(mut from: Found, to: &Path) -> io::Result<()> {
    write(&from.text()?, to, Some(from.modified))
}

/// Atomically: a new file (mode 0600) next to the target, renamed over it.
fn write(text: &[u8], to: &Path, age: Option<SystemTime>) -> io::Result<()> {
    let directory = to.parent().ok_or(io::ErrorKind::NotFound)?;
    let mut new = tempfile::Builder::new()
        .prefix(".aigate-")
        .tempfile_in(directory)?;
    new.write_all(text)?;
    if let Some(age) = age {
        new.as_file().set_modified(age)?;
    }
    new.as_file().sync_all()?;
    new.persist(to).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::Duration;

    use super::*;

    fn pair(home: &Path) -> Pair {
        fs::create_dir(home.join(".x")).unwrap();
        Pair {
            file: home.join(".x.json"),
            kept_as: home.join(".x/.x.json"),
            only_outside: Vec::new(),
        }
    }

    fn put(path: &Path, text: &str, age: u64) {
        fs::write(path, text).unwrap();
        let then = SystemTime::now() - Duration::from_secs(age);
        File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(then)
            .unwrap();
    }

    #[test]
    fn the_newer_file_wins_in_both_directions() {
        let home = assert_fs::TempDir::new().unwrap();
        let pair = pair(home.path());
        put(&pair.file, "from home", 20);
        assert_eq!(pair.reconcile().unwrap(), Outcome::CopiedIn);
        assert_eq!(fs::read_to_string(&pair.kept_as).unwrap(), "from home");
        assert_eq!(pair.reconcile().unwrap(), Outcome::Same);

        put(&pair.kept_as, "from inside", 10);
        assert_eq!(pair.reconcile().unwrap(), Outcome::CopiedOut);
        assert_eq!(fs::read_to_string(&pair.file).unwrap(), "from inside");
        assert_eq!(
            fs::metadata(&pair.file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(pair.reconcile().unwrap(), Outcome::Same);
    }

    #[test]
    fn a_first_run_inside_makes_the_file_outside() {
        let home = assert_fs::TempDir::new().unwrap();
        let pair = pair(home.path());
        assert_eq!(pair.reconcile().unwrap(), Outcome::Same);
        put(&pair.kept_as, "new", 0);
        assert_eq!(pair.reconcile().unwrap(), Outcome::CopiedOut);
        assert_eq!(fs::read_to_string(&pair.file).unwrap(), "new");
    }

    #[test]
    fn a_link_made_inside_reveals_nothing() {
        let home = assert_fs::TempDir::new().unwrap();
        let pair = pair(home.path());
        fs::write(home.path().join("secret"), "s3cret").unwrap();
        symlink("../secret", &pair.kept_as).unwrap();
        assert_eq!(pair.reconcile().unwrap(), Outcome::Same);
        assert!(!pair.file.exists());
        put(&pair.file, "mine", 20);
        assert_eq!(pair.reconcile().unwrap(), Outcome::CopiedIn);
        assert_eq!(
            fs::read_to_string(home.path().join("secret")).unwrap(),
            "s3cret"
        );
        assert_eq!(fs::read_to_string(&pair.kept_as).unwrap(), "mine");
    }

    #[test]
    fn a_pipe_made_inside_does_not_stop_the_start() {
        let home = assert_fs::TempDir::new().unwrap();
        let pair = pair(home.path());
        nix::unistd::mkfifo(&pair.kept_as, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(pair.reconcile().unwrap(), Outcome::Same);
    }

    #[test]
    fn a_dotfile_that_is_a_link_stays_one() {
        let home = assert_fs::TempDir::new().unwrap();
        let pair = pair(home.path());
        put(&home.path().join("dotfile"), "old", 20);
        symlink("dotfile", &pair.file).unwrap();
        put(&pair.kept_as, "new", 10);
        assert_eq!(pair.reconcile().unwrap(), Outcome::CopiedOut);
        assert_eq!(
            fs::read_to_string(home.path().join("dotfile")).unwrap(),
            "new"
        );
        assert!(pair.file.symlink_metadata().unwrap().is_symlink());
    }

    #[test]
    fn what_the_tool_outside_starts_is_not_chosen_inside() {
        let home = assert_fs::TempDir::new().unwrap();
        let mut pair = pair(home.path());
        pair.only_outside = vec![KeyPath::from("servers".to_owned())];
        put(&pair.file, r#"{"servers": {"mine": 1}}"#, 20);
        put(
            &pair.kept_as,
            r#"{"servers": {"evil": 1}, "seen": true}"#,
            10,
        );
        assert_eq!(pair.reconcile().unwrap(), Outcome::CopiedOut);
        let expected = serde_json::json!({"servers": {"mine": 1}, "seen": true});
        let read = |path| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap();
        assert_eq!(read(&pair.file), expected);
        assert_eq!(pair.reconcile().unwrap(), Outcome::CopiedIn);
        assert_eq!(read(&pair.kept_as), expected);
        assert_eq!(pair.reconcile().unwrap(), Outcome::Same);
    }

    #[test]
    fn a_broken_document_is_not_brought_out() {
        let home = assert_fs::TempDir::new().unwrap();
        let mut pair = pair(home.path());
        pair.only_outside = vec![KeyPath::from("servers".to_owned())];
        put(&pair.file, "{}", 20);
        put(&pair.kept_as, "{", 10);
        assert_eq!(pair.reconcile().unwrap(), Outcome::CopiedIn);
        assert_eq!(fs::read_to_string(&pair.file).unwrap(), "{}");
        assert_eq!(fs::read_to_string(&pair.kept_as).unwrap(), "{}");
    }
}
