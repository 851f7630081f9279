//! What the installation owns, written down before it is made.
//!
//! Written first, it is the journal as well: after a crash the next command finds every item that
//! may exist, and each can be made or taken away from any state.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::atomic;
use super::item::Item;

/// The list of what we own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The layout of this file.
    pub version: u32,
    /// Whether every item has been made.
    pub complete: bool,
    /// In the order of making.
    pub items: Vec<Item>,
}

/// The layout that this program writes.
pub const VERSION: u32 = 1;

impl Manifest {
    /// The manifest at this path. A file that cannot be understood is an error, a missing one is
    /// an installation that owns nothing.
    pub fn load(path: &Path) -> io::Result<Self> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let manifest: Self = serde_json::from_slice(&text)?;
        if manifest.version > VERSION {
            return Err(io::Error::other("written by a newer aigate"));
        }
        Ok(manifest)
    }

    /// Writes the manifest, unless it says the same already.
    pub fn store(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        if fs::read(path).is_ok_and(|old| old == text) {
            return Ok(());
        }
        atomic::replace(path, &text, 0o600, None)
    }

    /// Adds items; one that was listed for the same place is replaced.
    pub fn add(&mut self, items: impl IntoIterator<Item = Item>) {
        for item in items {
            self.items.retain(|known| known.path() != item.path());
            self.items.push(item);
        }
        self.items.sort_by_key(Item::rank);
    }
}
