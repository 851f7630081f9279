//! What one start of a tool needs, made ready: state directories, files of HOME, variables, rules.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde_saphyr::Spanned;

use super::catalog::{HomeFile, Maintenance, Tool};
use super::home_files::Pair;
use super::instance::{Instance, Opened};
use super::place::Place;
use crate::config::raw::{self, Layer};

/// One start of a tool.
#[derive(Debug)]
pub struct Session {
    /// Directories and files of the tool: absolute, present, without symbolic links.
    pub state: Vec<PathBuf>,
    /// Variables that the tool gets, whatever the caller has.
    pub env: Vec<(OsString, OsString)>,
    /// Files of HOME that are kept inside.
    pub pairs: Vec<Pair>,
    /// Arguments that come before the user's.
    pub first_args: Vec<OsString>,
    /// The instance, of a program that has one.
    pub instance: Option<Opened>,
    /// The rules of the tool and of this verb.
    pub layer: Layer,
}

/// Where the tool is started.
pub struct Start<'a> {
    /// HOME.
    pub home: &'a Path,
    /// The caller's environment.
    pub env: &'a dyn Fn(&OsStr) -> Option<OsString>,
    /// The real program.
    pub program: &'a Path,
    /// The arguments of the tool.
    pub args: &'a [OsString],
}

/// Why a tool cannot be started.
#[derive(Debug)]
pub enum Error {
    /// A state directory that would open more than the tool's own state.
    Wide(PathBuf),
    /// A state directory that cannot be made or found.
    State {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// One guarded instance is open already.
    Running(String),
    /// A file of HOME that cannot be brought in or out.
    HomeFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wide(path) => write!(
                f,
                "{} holds more than the state of this tool, so it is not made writable; \
                 move the tool's directory elsewhere",
                path.display()
            ),
            Self::Running(product) => write!(
                f,
                "a guarded {product} is open already, and no other one can reach it: open the \
                 folder from its window, or close it first"
            ),
            Self::State { path, source } | Self::HomeFile { path, source } => {
                write!(f, "{}: {source}", path.display())
            }
        }
    }
}

impl std::error::Error for Error {}

impl Session {
    /// Makes what the tool would make itself, and works out the rest.
    pub fn prepare(tool: &Tool, start: &Start<'_>) -> Result<Self, Error> {
        let resolve = |place: &Place| place.resolve(start.home, start.env);
        let mut state = Vec::new();
        for place in &tool.state {
            state.push(make_state(&resolve(place), start.home)?);
        }
        for path in tool
            .state_if_present
            .iter()
            .map(resolve)
            .filter(|path| path.exists())
        {
            state.push(canonical(&path, start.home)?);
        }
        let mut layer = tool.profile.clone();
        add(&mut layer.deny_read, tool.hide.iter().map(resolve));
        let sockets = tool
            .sockets
            .iter()
            .map(resolve)
            .filter(|socket| socket.exists());
        add(&mut layer.unix_sockets, sockets);
        let verb = tool.maintenance(start.args);
        let free = verb.is_some_and(|verb| verb.unprotected);
        if !free {
            add(&mut layer.deny_write, tool.protect.iter().map(resolve));
        }
        let first_args = match verb {
            Some(_) => Vec::new(),
            None => tool.first_args.iter().map(Into::into).collect(),
        };
        let mut session = Self {
            state,
            env: Vec::new(),
            pairs: Vec::new(),
            first_args,
            instance: None,
            layer,
        };
        if let (Some(instance), None) = (&tool.instance, verb) {
            session.open(instance, tool, start)?;
        }
        if let Some(verb) = verb {
            session.maintain(verb, start)?;
        }
        for file in &tool.home_files {
            session.keep(file, start, free);
        }
        Ok(session)
    }

    fn open(&mut self, instance: &Instance, tool: &Tool, start: &Start<'_>) -> Result<(), Error> {
        let opened = instance.open(start, &tool.product)?;
        self.state.push(canonical(&opened.directory, start.home)?);
        self.first_args.extend(opened.args.iter().cloned());
        self.instance = Some(opened);
        Ok(())
    }

    /// Opens what a verb of maintenance changes, though it is protected in a session.
    fn maintain(&mut self, verb: &Maintenance, start: &Start<'_>) -> Result<(), Error> {
        let mut more = Vec::new();
        for place in &verb.state {
            more.push(make_state(
                &place.resolve(start.home, start.env),
                start.home,
            )?);
        }
        if verb.installation {
            for path in installation(start.program) {
                more.push(canonical(&path, start.home)?);
            }
        }
        add(&mut self.layer.allow_write, more.iter().cloned());
        self.state.append(&mut more);
        extend(&mut self.layer, &verb.profile);
        Ok(())
    }

    /// A user who set one of the variables has moved the file himself.
    fn keep(&mut self, file: &HomeFile, start: &Start<'_>, free: bool) {
        if file
            .by
            .keys()
            .any(|name| (start.env)(OsStr::new(name)).is_some_and(|v| !v.is_empty()))
        {
            return;
        }
        let resolve = |place: &Place| place.resolve(start.home, start.env);
        let set = file
            .by
            .iter()
            .map(|(name, place)| (name.into(), resolve(place).into_os_string()));
        self.env.extend(set);
        self.pairs.push(Pair {
            file: resolve(&file.file),
            kept_as: resolve(&file.kept_as),
            only_outside: if free {
                Vec::new()
            } else {
                file.only_outside.clone()
            },
        });
    }

    /// Brings the files of HOME and the files inside to the same state: before and after.
    pub fn reconcile(&self) -> Result<(), Error> {
        for pair in &self.pairs {
            let failed = |source| Error::HomeFile {
                path: pair.file.clone(),
                source,
            };
            pair.reconcile().map_err(failed)?;
        }
        Ok(())
    }
}

pub(super) fn make_state(path: &Path, home: &Path) -> Result<PathBuf, Error> {
    if !path.exists() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|source| Error::State {
            path: path.into(),
            source,
        })?;
    }
    canonical(path, home)
}

fn canonical(path: &Path, home: &Path) -> Result<PathBuf, Error> {
    let resolved = |path: &Path| {
        fs::canonicalize(path).map_err(|source| Error::State {
            path: path.into(),
            source,
        })
    };
    let (real, home) = (resolved(path)?, resolved(home)?);
    let ours = home.join(".aigate");
    if home.starts_with(&real) || real.starts_with(&ours) {
        return Err(Error::Wide(path.into()));
    }
    Ok(real)
}

/// Where a program is installed: the directory of its entry on PATH, and the packages it is one of.
fn installation(entry: &Path) -> Vec<PathBuf> {
    let real = fs::canonicalize(entry).unwrap_or_else(|_| entry.into());
    let packages = real
        .ancestors()
        .filter(|above| above.ends_with("node_modules"))
        .last();
    let packages = packages.or_else(|| real.parent());
    [entry.parent(), packages]
        .into_iter()
        .flatten()
        .map(Into::into)
        .collect()
}

/// Rules on paths are patterns; a path is made one that matches just itself.
fn add(list: &mut raw::List, paths: impl Iterator<Item = PathBuf>) {
    let patterns = paths
        .filter_map(|path| path.to_str().map(escaped))
        .map(raw::typed);
    list.get_or_insert_default().extend(patterns);
}

fn escaped(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for char in path.chars() {
        if matches!(char, '*' | '?' | '[' | ']' | '{' | '}' | '\\' | '!' | '#') {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern
}

/// Adds the rules of a verb to those of the tool.
fn extend(layer: &mut Layer, more: &Layer) {
    let lists = |layer: &mut Layer| {
        [
            std::mem::take(&mut layer.allow_read),
            std::mem::take(&mut layer.allow_write),
            std::mem::take(&mut layer.allow_exec),
            std::mem::take(&mut layer.allow_net),
        ]
    };
    let mut more = more.clone();
    let [read, write, exec, net] = lists(&mut more);
    join(&mut layer.allow_read, read);
    join(&mut layer.allow_write, write);
    join(&mut layer.allow_exec, exec);
    join(&mut layer.allow_net, net);
    if let Some(env) = more.env {
        let into = layer.env.get_or_insert_default();
        join(&mut into.pass, env.pass);
        into.set
            .get_or_insert_default()
            .extend(env.set.unwrap_or_default());
    }
}

fn join(list: &mut raw::List, more: Option<Vec<Spanned<String>>>) {
    if let Some(more) = more {
        list.get_or_insert_default().extend(more);
    }
}
