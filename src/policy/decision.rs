//! The answer to one question, with the reason: what `explain` says and the audit log records.
//!
//! Paths must be absolute and free of symbolic links; finding out where a path leads is the
//! caller's part.

use std::ffi::OsStr;
use std::path::Path;

use super::net::{Decision, Host, decide};
use super::origin::Origin;
use super::paths::Verdict;
use super::{Network, Policy};

/// Directories in which a sandbox has nothing of the host: it gets empty ones of its own.
pub const PRIVATE: [&str; 3] = ["/tmp", "/var/tmp", "/run"];

/// An answer that cannot be had without its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Judgement<'a> {
    /// Whether it may happen.
    pub allowed: bool,
    /// Why.
    pub because: Because<'a>,
}

/// Why something is allowed or denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because<'a> {
    /// This line says so.
    Rule(&'a Origin),
    /// This line hides it, so nothing else can be done with it either.
    Hidden(&'a Origin),
    /// No rule speaks about it, and that allows it.
    NothingAgainst,
    /// It lies in the project.
    InProject,
    /// The sandbox has its own empty directory there.
    Private,
    /// This line has the sandbox write into a copy of its own.
    Copied(&'a Origin),
    /// Only the project and what is listed may be written.
    NotListed,
    /// This line filters the network, and no rule allows the host.
    Filtered(&'a Origin),
    /// This line sets the network.
    Network(&'a Origin),
    /// The sandbox's own loopback is not the host's.
    OwnLoopback,
    /// By this line only listed programs start, and none lists it.
    Unlisted(&'a Origin),
}

impl Policy {
    /// May the file or directory be read?
    pub fn reads(&self, path: &Path, is_dir: bool) -> Judgement<'_> {
        match self.read.verdict(path, is_dir) {
            Verdict::Denied(rule) => return deny(Because::Rule(rule)),
            Verdict::Reallowed(rule) => return allow(Because::Rule(rule)),
            Verdict::Silent => {}
        }
        if let Some(grant) = self.grant(path) {
            return allow(Because::Rule(grant));
        }
        if path.starts_with(&self.project) {
            return allow(Because::InProject);
        }
        if is_inside_private(path) {
            return deny(Because::Private);
        }
        allow(Because::NothingAgainst)
    }

    /// May it be written, made, renamed or deleted?
    pub fn writes(&self, path: &Path, is_dir: bool) -> Judgement<'_> {
        if let Some(rule) = self.read.judge(path, is_dir) {
            return deny(Because::Hidden(rule));
        }
        let verdict = self.write.verdict(path, is_dir);
        if let Verdict::Denied(rule) = verdict {
            return deny(Because::Rule(rule));
        }
        if let Some(grant) = self.grant(path) {
            return allow(Because::Rule(grant));
        }
        if path.starts_with(&self.project) {
            return allow(match verdict {
                Verdict::Reallowed(rule) => Because::Rule(rule),
                Verdict::Denied(_) | Verdict::Silent => Because::InProject,
            });
        }
        if is_inside_private(path) {
            return allow(Because::Private);
        }
        let mut copies = self.copy_on_write.iter();
        match copies.rfind(|copy| path.starts_with(&copy.path)) {
            Some(copy) => allow(Because::Copied(&copy.origin)),
            None => deny(Because::NotListed),
        }
    }

    /// May the program at `path` be started with these arguments?
    pub fn starts(&self, path: &Path, args: &[&OsStr]) -> Judgement<'_> {
        if let Some(rule) = self.exec.judge(path, args) {
            return deny(Because::Rule(rule));
        }
        if let Some(rule) = self.read.judge(path, false) {
            return deny(Because::Hidden(rule));
        }
        match self.exec.unlisted(path) {
            None => allow(Because::NothingAgainst),
            Some((by, true)) => deny(Because::Unlisted(by)),
            Some((ceiling, false)) => deny(Because::Rule(ceiling)),
        }
    }

    /// May the host be reached at this port?
    pub fn connects(&self, host: &Host, port: u16) -> Judgement<'_> {
        match self.network {
            Network::Off if host.is_loopback() => deny(Because::OwnLoopback),
            Network::Open => allow(Because::Network(&self.network_origin)),
            Network::Off => deny(Because::Network(&self.network_origin)),
            Network::Filtered => match decide(&self.net, host, port) {
                Decision::Allow(rule) => allow(Because::Rule(&rule.origin)),
                Decision::Deny(Some(rule)) => deny(Because::Rule(&rule.origin)),
                Decision::Deny(None) if host.is_loopback() => deny(Because::OwnLoopback),
                Decision::Deny(None) => deny(Because::Filtered(&self.network_origin)),
            },
        }
    }

    /// Does the caller's variable pass, or is one set inside?
    pub fn passes(&self, name: &OsStr) -> Judgement<'_> {
        if let Some((_, origin)) = self.env.set_by(name) {
            return allow(Because::Rule(origin));
        }
        match self.env.passes(name) {
            Ok(()) => match self.env.reallowed(name) {
                Some(rule) => allow(Because::Rule(rule)),
                None => allow(Because::NothingAgainst),
            },
            Err(rule) => deny(Because::Rule(rule)),
        }
    }

    fn grant(&self, path: &Path) -> Option<&Origin> {
        let grants = self.writable.iter().chain(&self.unix_sockets);
        grants
            .rev()
            .find(|grant| path.starts_with(&grant.path))
            .map(|grant| &grant.origin)
    }
}

fn allow(because: Because<'_>) -> Judgement<'_> {
    Judgement {
        allowed: true,
        because,
    }
}

fn deny(because: Because<'_>) -> Judgement<'_> {
    Judgement {
        allowed: false,
        because,
    }
}

fn is_inside_private(path: &Path) -> bool {
    PRIVATE.iter().any(|dir| path.starts_with(dir))
}
