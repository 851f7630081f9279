//! The presets of `shims/presets/*.yaml`: how to ask a package manager for its hosts.
//!
//! A preset holds no host. It holds the commands whose answer names the hosts that this user's own
//! package manager downloads from.

use std::path::Path;

use serde::Deserialize;

use super::catalog::{self, Invalid};

const FOLDER: &str = "presets/";

/// One preset, as its file describes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// The programs that download from these hosts.
    pub programs: Vec<String>,
    /// The program that the commands need.
    pub needs: String,
    /// Commands for a shell; what they print holds the hosts.
    pub ask: Vec<String>,
    /// What to do when they name none.
    pub hint: String,
}

/// The name of every preset, in order.
#[must_use]
pub fn names() -> Vec<&'static str> {
    let stem = |path: &'static Path| path.file_name()?.to_str()?.strip_suffix(".yaml");
    let mut names: Vec<_> = catalog::files_below(FOLDER).filter_map(stem).collect();
    names.sort_unstable();
    names
}

/// The preset of this name, if there is one.
///
/// # Errors
/// When its file does not say what it must.
pub fn preset(name: &str) -> Result<Option<Preset>, Invalid> {
    let file = format!("{FOLDER}{name}.yaml");
    let Some(text) = catalog::file(&file) else {
        return Ok(None);
    };
    let invalid = |error: serde_saphyr::Error| Invalid::new(&file, error.to_string());
    serde_saphyr::from_str(text).map(Some).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_valid_and_asks_something() {
        assert!(names().len() >= 4, "{:?}", names());
        for name in names() {
            let preset = preset(name).expect("valid").expect("there");
            assert!(!preset.ask.is_empty() && !preset.needs.is_empty(), "{name}");
        }
    }

    #[test]
    fn a_preset_names_no_host() {
        for name in names() {
            let preset = preset(name).expect("valid").expect("there");
            let all = format!("{}\n{}", preset.ask.join("\n"), preset.hint);
            assert!(!all.contains("://"), "{name}");
        }
    }

    #[test]
    fn a_name_that_is_no_preset_finds_nothing() {
        for name in ["", "claude", "../claude", "nothing"] {
            assert_eq!(preset(name).expect("no file"), None, "{name}");
        }
    }
}
