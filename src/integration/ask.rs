//! What a tool of an agent is about to touch.

use std::path::PathBuf;

use serde::Deserialize;

/// One thing that is about to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// A file or directory is read.
    Read(PathBuf),
    /// A file is written, made or deleted.
    Write(PathBuf),
    /// A text is given to a shell.
    Shell(String),
    /// A URL or host is asked.
    Net(String),
}

/// How a field of a tool's input is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Meaning {
    /// A path to read.
    Read,
    /// A path to write.
    Write,
    /// A shell command, or its words in a list.
    Shell,
    /// A URL or host.
    Net,
    /// A patch that names the files it changes.
    Patch,
}

/// Lines of a patch that name a file.
const NAMING: [&str; 4] = [
    "*** Add File: ",
    "*** Update File: ",
    "*** Delete File: ",
    "*** Move to: ",
];

impl Meaning {
    /// What a field with this text asks for.
    #[must_use]
    pub fn asks(self, text: &str) -> Vec<Ask> {
        match self {
            _ if text.is_empty() => Vec::new(),
            Self::Read => vec![Ask::Read(path(text))],
            Self::Write => vec![Ask::Write(path(text))],
            Self::Shell => vec![Ask::Shell(text.to_owned())],
            Self::Net => vec![Ask::Net(text.to_owned())],
            Self::Patch => {
                let named = text
                    .lines()
                    .filter_map(|line| NAMING.iter().find_map(|start| line.strip_prefix(start)));
                named.map(|name| Ask::Write(path(name.trim()))).collect()
            }
        }
    }
}

/// Some agents give paths as `file:` URLs.
fn path(text: &str) -> PathBuf {
    text.strip_prefix("file://").unwrap_or(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_asks_for_every_file_that_it_names() {
        let patch = "*** Begin Patch\n*** Update File: a.rs\n*** Move to: b/c.rs\n@@\n-x\n+*** \
                     Add File: no\n*** Delete File: .env\n*** End Patch";
        let named = ["a.rs", "b/c.rs", ".env"].map(|name| Ask::Write(name.into()));
        assert_eq!(Meaning::Patch.asks(patch), named);
        assert_eq!(Meaning::Read.asks(""), []);
        assert_eq!(
            Meaning::Read.asks("file:///x/y"),
            [Ask::Read("/x/y".into())]
        );
    }
}
