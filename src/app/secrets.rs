//! The user's own secrets, to find them in the output: what the sandbox is not shown, it need not repeat.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::policy::Policy;
use crate::redact::{VALUES, Values};

/// A larger file is no list of settings.
const LARGEST: u64 = 1 << 20;

/// The values of hidden `.env` files and of variables that stay outside, if the policy wants them.
pub(super) fn values(policy: &Policy, hidden: &BTreeSet<PathBuf>) -> Values {
    let mut values = Values::default();
    if policy.redact.presets.iter().all(|(name, _)| name != VALUES) {
        return values;
    }
    for file in hidden.iter().filter(|path| is_dotenv(path)) {
        // What this user cannot read, no program of this user prints.
        if let Ok(text) = fs::read(file) {
            values.add_dotenv(&String::from_utf8_lossy(&text));
        }
    }
    for (name, value) in env::vars_os() {
        if policy.env.passes(&name).is_err() {
            values.add(value.as_bytes());
        }
    }
    values
}

fn is_dotenv(path: &Path) -> bool {
    let named = path
        .file_name()
        .is_some_and(|name| name.as_bytes().starts_with(b".env"));
    named && fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= LARGEST)
}
