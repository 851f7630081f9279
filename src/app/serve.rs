//! Shows the audit log in a browser.

use std::convert::Infallible;
use std::fmt;
use std::io;

use super::audit::path;
use crate::config;
use crate::dashboard::Server;

/// Why it is not shown.
#[derive(Debug)]
pub enum Error {
    /// There is no home to look in.
    Config(config::Error),
    /// The port cannot be had.
    Listen(u16, io::Error),
    /// No thread can be started.
    Stopped(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Listen(port, error) if error.kind() == io::ErrorKind::AddrInUse => write!(
                f,
                "port {port} is taken by another program; without --port a free one is found"
            ),
            Self::Listen(port, error) => write!(f, "cannot listen on 127.0.0.1:{port}: {error}"),
            Self::Stopped(error) => write!(f, "cannot start a thread: {error}"),
        }
    }
}

impl std::error::Error for Error {}

/// Serves until it is stopped; `ready` gets the address to open, which contains the token.
///
/// # Errors
/// When it cannot begin.
pub fn run(port: u16, ready: impl FnOnce(&str)) -> Result<Infallible, Error> {
    let log = path(&config::load::home().map_err(Error::Config)?);
    let server = Server::bind(port, &log).map_err(|error| Error::Listen(port, error))?;
    ready(&server.address());
    server.run().map_err(Error::Stopped)
}
