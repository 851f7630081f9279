//! Starts a tool of the catalogue in its sandbox: as its shim, or named by `aigate exec`.

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{env, fmt};

use super::exec::{self, Exit};
use super::record::Unrecorded;
use super::refusals::{self, Kind, Refused};
use crate::config::{self, Profile};
use crate::engine;
use crate::shim::catalog::{self, Invalid, Tool};
use crate::shim::detach::{self, Side};
use crate::shim::guard::{self, Guard, Loop};
use crate::shim::in_place;
use crate::shim::owned::Owned;
use crate::shim::resolve::{self, Missing, Us};
use crate::shim::session::{self, Session};

pub use crate::shim::invocation::Invocation;

/// Why a tool was not started.
#[derive(Debug)]
pub enum Error {
    /// A catalogue file is wrong.
    Catalogue(Invalid),
    /// There is no real program.
    Missing(Missing),
    /// Shims call each other.
    Loop(Loop),
    /// Its state cannot be made ready.
    Session(OsString, session::Error),
    /// The rules cannot be read.
    Config(config::Error),
    /// The sandbox said no.
    Exec(exec::Error),
    /// A program that cannot work in a sandbox without privileges.
    Unsupported(PathBuf, &'static str),
    /// There is no display that a window may be shown on.
    NoDisplay(String),
    /// Root would leave its own files among those of a user.
    ForeignHome(PathBuf),
    /// The program could not be executed in place.
    InPlace(PathBuf, io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Catalogue(error) => error.fmt(f),
            Self::Missing(error) => error.fmt(f),
            Self::Loop(error) => error.fmt(f),
            Self::Session(tool, error) => write!(f, "{}: {error}", tool.display()),
            Self::Config(error) => error.fmt(f),
            Self::Exec(error) => error.fmt(f),
            Self::Unsupported(path, why) => write!(f, "{}: {why}", path.display()),
            Self::NoDisplay(tool) => write!(
                f,
                "{tool}: there is no Wayland display here, and X11 lets every window read and \
                 drive all others. To accept that, write into ~/.aigate/config.yaml:\n\
                 profiles:\n  {tool}:\n    unix_sockets: [/tmp/.X11-unix/X0]"
            ),
            Self::ForeignHome(home) => write!(
                f,
                "not started as root in the home of another user ({}); start it as that user, \
                 or with HOME=/root",
                home.display()
            ),
            Self::InPlace(path, error) => write!(f, "{}: {error}", path.display()),
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
            Self::InPlace(_, error) if error.kind() == io::ErrorKind::NotFound => 127,
            Self::InPlace(..) => 126,
            Self::Exec(error) => error.exit_code(),
            _ => 125,
        }
    }
}

impl From<config::Error> for Error {
    fn from(error: config::Error) -> Self {
        Self::Config(error)
    }
}

/// How a session ended.
#[derive(Debug)]
pub struct End {
    /// The tool's own end.
    pub exit: Exit,
    /// What could not be brought out afterwards.
    pub left: Option<session::Error>,
    /// What could not be written into the log.
    pub unrecorded: Option<Unrecorded>,
    /// What was refused and a rule would open.
    pub refused: Vec<Refused>,
    /// The preset for a command that is a package manager.
    pub preset: Option<String>,
}

/// Starts the tool that this process was started as.
pub fn start(invocation: &Invocation) -> Result<End, Error> {
    let home = config::load::home();
    let owned = invocation.owned(home.as_deref().unwrap_or(Path::new("/")));
    let us = Us::new(&owned.shims());
    let path = env::var_os("PATH").unwrap_or_default();
    let found = resolve::candidates(&invocation.command, &path, &us).map_err(Error::Missing)?;
    let hop = env::var_os(guard::VARIABLE);
    let guard = Guard::from_env(hop.as_deref(), std::process::id(), &invocation.command);
    let (program, hop) = guard.choose(&found).map_err(Error::Loop)?;
    let path = resolve::path_without_shims(&path, &us);
    let changed = [
        ("PATH", path.as_os_str()),
        (guard::VARIABLE, hop.as_os_str()),
    ];
    if engine::inside() {
        return in_place(&program, invocation, &changed).map(|never| match never {});
    }
    let request = exec::Request {
        program: program.into_os_string(),
        argv0: Some(invocation.argv0.clone()),
        args: invocation.args.clone(),
        env: changed
            .map(|(name, value)| (name.into(), value.into()))
            .into(),
        ..exec::Request::here(rules_of(&owned)?)
    };
    let tool = catalog::tool(&invocation.command).map_err(Error::Catalogue)?;
    let is_messenger =
        |tool: &Tool| tool.is_messenger(Path::new(&request.program), &|name| env::var_os(name));
    if tool.as_ref().is_some_and(is_messenger) {
        let program = Path::new(&request.program);
        return in_place(program, invocation, &changed).map(|never| match never {});
    }
    run(tool, request)
}

fn in_place(
    program: &Path,
    invocation: &Invocation,
    changed: &[(&str, &OsStr)],
) -> Result<Infallible, Error> {
    in_place::exec(program, &invocation.argv0, &invocation.args, changed)
        .map_err(|error| Error::InPlace(program.into(), error))
}

/// The rules of the user whose shim it is: another HOME does not choose other rules.
fn rules_of(owned: &Owned) -> Result<config::Request, Error> {
    let mut rules = config::Request::here()?;
    if let Some(home) = owned.root().parent() {
        rules.home = home.into();
    }
    Ok(rules)
}

/// Runs a request; if its program is a tool of the catalogue, with all that the tool needs.
pub fn run_any(mut request: exec::Request) -> Result<End, Error> {
    let named = Path::new(&request.program).file_name().map(OsStr::to_owned);
    let tool = match (&request.config.profile, &named) {
        _ if engine::inside() => None,
        // A tool under another name, as its own launchers and editors start it. An editor has a
        // window of its own, and is meant only by its own name.
        (Some(profile), _) => catalog::tool(OsStr::new(&profile.name))
            .map_err(Error::Catalogue)?
            .filter(|tool| tool.instance.is_none()),
        (None, Some(name)) => catalog::tool(name).map_err(Error::Catalogue)?,
        (None, None) => None,
    };
    let is_by_name = request.config.profile.is_none();
    if tool.is_some() && is_by_name {
        let us = Us::new(&Owned::of_home(&request.config.home).shims());
        let path = env::var_os("PATH").unwrap_or_default();
        if Path::new(&request.program).components().count() == 1 {
            let found =
                resolve::candidates(&request.program, &path, &us).map_err(Error::Missing)?;
            request.argv0.get_or_insert(request.program);
            request.program = found.into_iter().next().unwrap_or_default().into();
        }
        request
            .env
            .push(("PATH".into(), resolve::path_without_shims(&path, &us)));
    }
    run(tool, request)
}

fn run(tool: Option<Tool>, mut request: exec::Request) -> Result<End, Error> {
    let Some(tool) = tool else {
        let ended = exec::run(&request).map_err(Error::Exec)?;
        return Ok(End {
            exit: ended.exit,
            left: None,
            unrecorded: ended.unrecorded,
            preset: match ended.refused.iter().any(|one| one.kind == Kind::Network) {
                true => refusals::preset_of(&request.program),
                false => None,
            },
            refused: ended.refused,
        });
    };
    let session = ready(&tool, &mut request)?;
    let Some(opened) = &session.instance else {
        return attended(&tool, &session, &request);
    };
    if opened.window && config::load(&request.config)?.unix_sockets.is_empty() {
        return Err(Error::NoDisplay(tool.command));
    }
    if opened.detached {
        // What can be found wrong is told before the prompt is back.
        exec::dry_run(&request).map_err(Error::Exec)?;
        let log = opened.directory.join("aigate.log");
        match detach::detach(&log).map_err(|error| Error::InPlace(log, error))? {
            Side::Caller => {
                return Ok(End {
                    exit: Exit::Code(0),
                    left: None,
                    unrecorded: None,
                    refused: Vec::new(),
                    preset: None,
                });
            }
            Side::Detached => {}
        }
    }
    attended(&tool, &session, &request)
}

/// Makes the tool's state ready and puts into the request what the tool needs.
fn ready(tool: &Tool, request: &mut exec::Request) -> Result<Session, Error> {
    let home = config::load::home()?;
    refuse_foreign_home(&home)?;
    let program = PathBuf::from(&request.program);
    if let Some(why) = resolve::unsupported(&program) {
        return Err(Error::Unsupported(program, why));
    }
    let start = session::Start {
        program: &program,
        home: &home,
        env: &|name| env::var_os(name),
        args: &request.args,
    };
    let failed = |error| Error::Session(OsString::from(&tool.command), error);
    let mut session = Session::prepare(tool, &start).map_err(failed)?;
    request.is_tool = true;
    request.state.append(&mut session.state);
    request.env.append(&mut session.env);
    request
        .args
        .splice(0..0, std::mem::take(&mut session.first_args));
    request.config.profile = Some(Profile {
        shipped: Some(std::mem::take(&mut session.layer)),
        file: Some(format!("shims/{}.yaml", tool.command).into()),
        name: tool.command.clone(),
    });
    if let Some(folder) = session
        .instance
        .as_mut()
        .and_then(|opened| opened.folder.take())
    {
        request.config.cwd = folder;
    }
    Ok(session)
}

/// Runs the tool to its end, with the files of HOME brought in before and out after.
fn attended(tool: &Tool, session: &Session, request: &exec::Request) -> Result<End, Error> {
    let failed = |error| Error::Session(OsString::from(&tool.command), error);
    session.reconcile().map_err(failed)?;
    let ended = exec::run(request).map_err(Error::Exec)?;
    let left = session.reconcile().err();
    if let Some(opened) = &session.instance {
        opened.release();
    }
    Ok(End {
        exit: ended.exit,
        left,
        unrecorded: ended.unrecorded,
        // What a program reads from a tool is the tool's own.
        refused: match io::stderr().is_terminal() {
            true => ended.refused,
            false => Vec::new(),
        },
        preset: None,
    })
}

/// `sudo -E`: what root writes there, its owner could not write any more.
fn refuse_foreign_home(home: &Path) -> Result<(), Error> {
    let owner = std::fs::metadata(home).map_or(0, |home| home.uid());
    if nix::unistd::geteuid().is_root() && owner != 0 {
        return Err(Error::ForeignHome(home.into()));
    }
    Ok(())
}
