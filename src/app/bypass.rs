//! Runs one command without the sandbox, because the user at the terminal says so.
//!
//! No variable and no file does this: it is typed, it needs a terminal, and it is written down.

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::{env, fmt};

use crate::audit::{Event, Log};
use crate::config;
use crate::engine;
use crate::shim::in_place;
use crate::shim::owned::Owned;
use crate::shim::resolve::{self, Missing, Us};

/// Why nothing was run.
#[derive(Debug)]
pub enum Error {
    /// A sandbox has no way out.
    Inside,
    /// Nobody is there who could mean it.
    NoTerminal,
    /// The administrator's rules hold.
    Managed(PathBuf),
    /// HOME or the working directory cannot be used.
    Config(config::Error),
    /// There is no such program.
    Missing(Missing),
    /// It cannot be written down.
    Log(PathBuf, io::Error),
    /// The program could not be executed.
    Exec(PathBuf, io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inside => write!(f, "this is inside the sandbox, and nothing in it leads out"),
            Self::NoTerminal => write!(
                f,
                "bypass needs a terminal, so that no script can leave the sandbox unseen"
            ),
            Self::Managed(file) => {
                write!(
                    f,
                    "{} holds on this machine; bypass would undo it",
                    file.display()
                )
            }
            Self::Config(error) => error.fmt(f),
            Self::Missing(error) => error.fmt(f),
            Self::Log(file, error) => {
                write!(f, "{}: {error}; nothing was run", file.display())
            }
            Self::Exec(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// The exit code that tells shells and scripts what went wrong.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Missing(missing) => missing.exit_code(),
            Self::Exec(..) => 126,
            _ => 125,
        }
    }
}

/// Becomes the program; returns only with the reason why not.
pub fn run(program: &OsStr, args: &[OsString]) -> Result<Infallible, Error> {
    if engine::inside() {
        return Err(Error::Inside);
    }
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Err(Error::NoTerminal);
    }
    let rules = config::Request::here().map_err(Error::Config)?;
    refuse_managed(&rules.managed)?;
    let path = find(program, &rules)?;
    let command: Vec<_> = [path.clone().into_os_string()]
        .into_iter()
        .chain(args.iter().cloned())
        .collect();
    write_down(&rules, &command)?;
    in_place::exec(&path, program, args, &[]).map_err(|error| Error::Exec(path, error))
}

fn write_down(rules: &config::Request, command: &[OsString]) -> Result<(), Error> {
    let file = super::audit::path(&rules.home);
    let log = Log::open(&file).map_err(|error| Error::Log(error.path, error.source))?;
    let bypassed = Event::Bypassed {
        command,
        cwd: &rules.cwd,
    };
    log.write(&bypassed)
        .map_err(|error| Error::Log(file, error))
}

fn refuse_managed(file: &Path) -> Result<(), Error> {
    match file.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => Err(Error::Managed(file.into())),
    }
}

/// The real program: on PATH without our shims, or by its path.
fn find(program: &OsStr, rules: &config::Request) -> Result<PathBuf, Error> {
    if program.as_encoded_bytes().contains(&b'/') {
        return Ok(program.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let us = Us::new(&Owned::of_home(&rules.home).shims());
    let found = resolve::candidates(program, &path, &us).map_err(Error::Missing)?;
    Ok(found.into_iter().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_administrators_file_holds_whatever_it_says() {
        let directory = assert_fs::TempDir::new().unwrap();
        let file = directory.path().join("config.yaml");
        assert!(refuse_managed(&file).is_ok());
        std::fs::write(&file, "").unwrap();
        let error = refuse_managed(&file).unwrap_err();
        assert!(
            error.to_string().contains("holds on this machine"),
            "{error}"
        );
    }
}
