//! Why settings were left as they are.

use std::path::PathBuf;
use std::{fmt, io};

use super::Scope;
use crate::app::shim;
use crate::config;
use crate::integration::catalog::{self, Invalid};
use crate::integration::plan;

/// Why nothing, or not everything, was done.
#[derive(Debug)]
pub enum Error {
    /// A name that no agent has.
    Unknown(String),
    /// The agent has nothing for this scope.
    NoScope(String, Scope, Vec<Scope>),
    /// None of its places exists on this machine.
    NoPlace(String),
    /// Only root writes for the whole machine.
    NotRoot(String),
    /// The program lies where somebody else than root can change it.
    Replaceable(PathBuf),
    /// A path that cannot be written into settings.
    Odd(PathBuf),
    /// A receipt that cannot be used.
    Receipt(PathBuf, io::Error),
    /// The user's own place cannot be changed.
    User(shim::Error),
    /// A file was refused.
    Plan(plan::Error),
    /// There is no working directory or home.
    Config(config::Error),
    /// A sandbox has nothing to install into.
    Inside,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                let known: Vec<_> = catalog::names().collect();
                write!(f, "{name}: no such agent; known are {}", known.join(", "))
            }
            Self::NoScope(name, scope, known) => {
                let known: Vec<_> = known.iter().map(|s| format!("--{}", s.word())).collect();
                let known = known.join(", ");
                write!(
                    f,
                    "{name} has nothing for --{}, but for {known}",
                    scope.word()
                )
            }
            Self::NoPlace(name) => write!(
                f,
                "{name}: none of its directories is there; start it once, then try again"
            ),
            Self::NotRoot(name) => write!(
                f,
                "only root writes for everybody: sudo aigate integrate install {name} --managed"
            ),
            Self::Replaceable(path) => write!(
                f,
                "{}: somebody else than root can change it, so it cannot be a hook for everybody; \
                 install aigate into a directory of root's, and start that one",
                path.display()
            ),
            Self::Odd(path) => write!(
                f,
                "{}: a path with a quote, a backslash or a control character cannot be written \
                 into settings",
                path.display()
            ),
            Self::Receipt(path, why) => write!(f, "{}: {why}", path.display()),
            Self::User(why) => why.fmt(f),
            Self::Plan(why) => why.fmt(f),
            Self::Config(why) => why.fmt(f),
            Self::Inside => shim::Error::Inside.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<shim::Error> for Error {
    fn from(why: shim::Error) -> Self {
        Self::User(why)
    }
}

impl From<plan::Error> for Error {
    fn from(why: plan::Error) -> Self {
        Self::Plan(why)
    }
}

impl From<Invalid> for Error {
    fn from(why: Invalid) -> Self {
        Self::Plan(plan::Error::Data(why))
    }
}

impl From<config::Error> for Error {
    fn from(why: config::Error) -> Self {
        Self::Config(why)
    }
}
