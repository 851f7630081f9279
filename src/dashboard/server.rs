//! Listens on the loopback and answers, one thread and one request a connection.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::digest::Digest;
use super::guard::{self, Refused, Token};
use super::history::{self, Wanted};
use super::reply;
use super::request::Request;
use super::stream;
use crate::audit::Place;

/// More connections at once are not answered.
const MOST: usize = 64;
/// A reader who takes nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a thread of ours needs, and no more.
const STACK: usize = 512 << 10;

/// The server. It is bound when it exists.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    port: u16,
    token: Token,
    log: PathBuf,
    digest: Arc<Digest>,
}

impl Server {
    /// Listens at `port` of 127.0.0.1, 0 for a free one.
    ///
    /// # Errors
    /// When the port is taken, or there are no random numbers.
    pub fn bind(port: u16, log: &Path) -> io::Result<Server> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        Ok(Server {
            port: listener.local_addr()?.port(),
            listener,
            token: Token::new()?,
            log: log.to_owned(),
            digest: Arc::new(Digest::default()),
        })
    }

    /// What to open. The part behind `#` is never sent to a server.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/#{}", self.port, self.token.reveal())
    }

    /// Answers for ever.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn run(self) -> io::Result<Infallible> {
        let (digest, log) = (Arc::clone(&self.digest), self.log.clone());
        thread::Builder::new()
            .name("digest".to_owned())
            .spawn(move || digest.keep(&log))?;
        let (server, open) = (Arc::new(self), Arc::new(AtomicUsize::new(0)));
        loop {
            let connection = match server.listener.accept() {
                Ok((connection, _)) => connection,
                // One that went away, or no descriptor for it at the moment.
                Err(_) => {
                    thread::sleep(Duration::from_millis(50));
                    continue;
                }
            };
            if open.fetch_add(1, Ordering::Relaxed) >= MOST {
                open.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let (server, done) = (Arc::clone(&server), Arc::clone(&open));
            let started = thread::Builder::new().stack_size(STACK).spawn(move || {
                // Whoever asked is gone; there is nobody to tell.
                drop(server.answer(connection));
                done.fetch_sub(1, Ordering::Relaxed);
            });
            if started.is_err() {
                open.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    fn answer(&self, mut connection: TcpStream) -> io::Result<()> {
        connection.set_write_timeout(Some(PATIENCE))?;
        let request = Request::read(&mut connection)?;
        if let Err(why) = guard::check(&request, self.port, &self.token) {
            return reply::refused(&mut connection, why);
        }
        let out = &mut connection;
        match request.path.as_str() {
            "/" => reply::file(
                out,
                "text/html; charset=utf-8",
                include_str!("page/index.html"),
            ),
            "/page.css" => reply::file(
                out,
                "text/css; charset=utf-8",
                include_str!("page/page.css"),
            ),
            "/page.js" => reply::file(
                out,
                "text/javascript; charset=utf-8",
                include_str!("page/page.js"),
            ),
            "/api/summary" => reply::json(out, &self.digest.summary()),
            "/api/events" => match self.events(&request) {
                Ok(events) => reply::json(out, &events),
                Err(error) => reply::broken(out, &error),
            },
            "/api/stream" => {
                reply::stream(out)?;
                stream::send(&self.log, out)
            }
            _ => reply::refused(out, Refused::Path),
        }
    }

    fn events(&self, request: &Request) -> io::Result<serde_json::Value> {
        let wanted = Wanted {
            kind: request.value("kind").to_owned(),
            session: request.value("session").to_owned(),
            text: request.value("text").to_lowercase(),
        };
        history::page(&self.log, Place::parse(request.value("before")), &wanted)
    }
}
