//! A path of the catalogue: `~/.x`, `/etc/x`, `${NAME:-~/.x}/y` or `${NAME:-~}/.x`, resolved at run
//! time.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A path written in the catalogue, valid by construction.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Place {
    /// The variable that moves it, if it may be moved.
    variable: Option<String>,
    base: PathBuf,
    rest: PathBuf,
}

impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bad = || format!("{text:?} is neither ~/path, /path nor ${{NAME:-path}}/path");
        let Some(after) = text.strip_prefix("${") else {
            let base = anchored(&text).ok_or_else(bad)?;
            return Ok(Self {
                variable: None,
                base,
                rest: PathBuf::new(),
            });
        };
        let (inside, rest) = after.split_once('}').ok_or_else(bad)?;
        let (name, base) = inside.split_once(":-").ok_or_else(bad)?;
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        if name.is_empty() || rest.starts_with('/') || rest.contains("..") {
            return Err(bad());
        }
        // Some name a directory that stands for the home.
        let home = (base == "~" && !rest.is_empty()).then(|| base.into());
        Ok(Self {
            variable: Some(name.into()),
            base: home.or_else(|| anchored(base)).ok_or_else(bad)?,
            rest: rest.into(),
        })
    }
}

fn anchored(text: &str) -> Option<PathBuf> {
    let ok = (text.starts_with("~/") || text.starts_with('/')) && !text.contains("..");
    ok.then(|| PathBuf::from(text))
}

impl Place {
    /// The absolute path, for this HOME and this environment. A relative or empty value of the
    /// variable does not count, as the XDG specification has it.
    #[must_use]
    pub fn resolve(&self, home: &Path, env: &dyn Fn(&OsStr) -> Option<OsString>) -> PathBuf {
        let chosen = self
            .variable
            .as_ref()
            .and_then(|name| env(OsStr::new(name)))
            .map(PathBuf::from);
        let base = match chosen.filter(|path| path.is_absolute()) {
            Some(path) => path,
            None => match self.base.strip_prefix("~") {
                Ok(below) => home.join(below),
                Err(_) => self.base.clone(),
            },
        };
        if self.rest.as_os_str().is_empty() {
            base
        } else {
            base.join(&self.rest)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str, value: Option<&str>) -> PathBuf {
        let place = Place::try_from(text.to_owned()).unwrap();
        place.resolve(Path::new("/home/u"), &|_| value.map(OsString::from))
    }

    #[test]
    fn home_absolute_and_moved_paths() {
        assert_eq!(resolve("~/.x", None), Path::new("/home/u/.x"));
        assert_eq!(resolve("/etc/x", Some("/y")), Path::new("/etc/x"));
        assert_eq!(resolve("${X_DIR:-~/.x}", None), Path::new("/home/u/.x"));
        assert_eq!(resolve("${X_DIR:-~/.x}", Some("/y")), Path::new("/y"));
        assert_eq!(resolve("${XDG:-~/.d}/x", Some("/y")), Path::new("/y/x"));
        assert_eq!(resolve("${X:-~}/.x", Some("/y")), Path::new("/y/.x"));
        assert_eq!(resolve("${X:-~}/.x", None), Path::new("/home/u/.x"));
    }

    #[test]
    fn a_relative_value_does_not_move_anything() {
        assert_eq!(
            resolve("${X_DIR:-~/.x}", Some("y")),
            Path::new("/home/u/.x")
        );
        assert_eq!(resolve("${X_DIR:-~/.x}", Some("")), Path::new("/home/u/.x"));
    }

    #[test]
    fn what_could_point_anywhere_is_refused() {
        for text in [
            "x",
            "~",
            "",
            "${X}",
            "${X:-}",
            "${X:-~}",
            "${X:-~}/",
            "${:-~/x}",
            "~/../x",
            "${X:-~/x}/../y",
        ] {
            assert!(Place::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
