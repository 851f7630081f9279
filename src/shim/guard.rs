//! The hop guard: two managers that each skip only themselves must not call each other for ever.
//!
//! `AIGATE_HOP` is a hint, never evidence: who forges it can make a start fail, or make it take
//! another candidate, which runs in the same sandbox.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// The variable that carries the guard from one shim to the next.
pub const VARIABLE: &str = "AIGATE_HOP";

/// More starts than this by one process without anything but shims between them is a loop.
const IN_ONE_PROCESS: usize = 4;
/// More shims than this above one another is a loop that forks.
const IN_ONE_CHAIN: usize = 8;

/// What the shims above this one did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    total: usize,
    pid: u32,
    name: OsString,
    seen: Vec<PathBuf>,
}

/// Shims that call each other.
#[derive(Debug)]
pub struct Loop {
    name: OsString,
    total: usize,
    seen: Vec<PathBuf>,
}

impl fmt::Display for Loop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.display();
        write!(f, "{name}: started itself {} times, stopped", self.total)?;
        for path in &self.seen {
            write!(f, "\n  {} started {name} again", path.display())?;
        }
        Ok(())
    }
}

impl std::error::Error for Loop {}

impl Guard {
    /// The guard as the environment has it, for this process and this name.
    #[must_use]
    pub fn from_env(value: Option<&OsStr>, pid: u32, name: &OsStr) -> Self {
        let fresh = Self {
            total: 0,
            pid,
            name: name.into(),
            seen: Vec::new(),
        };
        let Some(mut fields) = value.map(|v| v.as_bytes().split(|b| *b == b':')) else {
            return fresh;
        };
        let mut number = || {
            std::str::from_utf8(fields.next()?)
                .ok()?
                .parse::<usize>()
                .ok()
        };
        let (Some(total), Some(by)) = (number(), number()) else {
            return fresh;
        };
        let same = fields.next() == Some(name.as_bytes()) && by == pid as usize;
        let seen = if same {
            fields
                .map(|p| OsString::from_vec(p.into()).into())
                .collect()
        } else {
            Vec::new()
        };
        Self {
            total,
            seen,
            ..fresh
        }
    }

    /// The first candidate that this process has not been already, and the guard to pass on.
    pub fn choose(mut self, candidates: &[PathBuf]) -> Result<(PathBuf, OsString), Loop> {
        let next = candidates.iter().find(|c| !self.seen.contains(c));
        match next {
            Some(next) if self.seen.len() < IN_ONE_PROCESS && self.total < IN_ONE_CHAIN => {
                self.total += 1;
                self.seen.push(next.clone());
                Ok((next.clone(), self.to_value()))
            }
            _ => {
                // Other processes took the steps before: they chose the first candidate as well.
                let first = candidates.first().filter(|_| self.seen.is_empty());
                self.seen.extend(first.cloned());
                Err(Loop {
                    name: self.name,
                    total: self.total,
                    seen: self.seen,
                })
            }
        }
    }

    fn to_value(&self) -> OsString {
        let mut value = format!("{}:{}:", self.total, self.pid).into_bytes();
        value.extend(self.name.as_bytes());
        for path in &self.seen {
            value.push(b':');
            value.extend(path.as_os_str().as_bytes());
        }
        OsString::from_vec(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(list: &[&str]) -> Vec<PathBuf> {
        list.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn one_process_takes_each_candidate_once_and_then_stops() {
        let (name, both) = (OsStr::new("x"), paths(&["/a/x", "/b/x"]));
        let (first, value) = Guard::from_env(None, 7, name).choose(&both).unwrap();
        let (second, value) = Guard::from_env(Some(&value), 7, name)
            .choose(&both)
            .unwrap();
        assert_eq!((first, second), ("/a/x".into(), "/b/x".into()));
        let error = Guard::from_env(Some(&value), 7, name)
            .choose(&both)
            .unwrap_err()
            .to_string();
        assert!(error.contains("/a/x") && error.contains("/b/x"), "{error}");
    }

    #[test]
    fn another_process_starts_afresh_but_a_long_chain_is_stopped() {
        let one = paths(&["/a/x"]);
        let mut value = None;
        for pid in 0..8 {
            let guard = Guard::from_env(value.as_deref(), pid, OsStr::new("x"));
            value = Some(guard.choose(&one).unwrap().1);
        }
        assert!(
            Guard::from_env(value.as_deref(), 99, OsStr::new("x"))
                .choose(&one)
                .is_err()
        );
    }

    #[test]
    fn nonsense_in_the_variable_is_a_fresh_start() {
        for nonsense in ["", "x", "1", "-1:2", "::::"] {
            let guard = Guard::from_env(Some(OsStr::new(nonsense)), 7, OsStr::new("x"));
            assert!(guard.choose(&paths(&["/a/x"])).is_ok(), "{nonsense}");
        }
    }
}
