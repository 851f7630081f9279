//! Layers in order of strength become one policy. Every text is parsed here, at the door.

mod env;
mod exec;
mod network;
mod paths;
mod rest;

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use serde_saphyr::Spanned;

use super::error::Error;
use super::key::Key;
use super::raw::{List, Text};
use super::source::Source;
use crate::policy::env::{EnvRules, Rule as EnvRule};
use crate::policy::exec::{ExecRule, ExecRules};
use crate::policy::limits::{Limits, Redact};
use crate::policy::net::NetRule;
use crate::policy::paths::{PathRules, Rule};
use crate::policy::{Audit, Engine, Grant, Layer, Loss, Network, Origin, Outside, Policy};

/// The item that stands for the built-in list.
pub const DEFAULTS: &str = "@defaults";

/// Merges sources, which must come weakest first. `project` and `home` are absolute and free of
/// symbolic links.
///
/// # Errors
/// When a value cannot be understood; the error points at it.
pub fn merge(sources: &[Source], project: &Path, home: &Path) -> Result<Policy, Error> {
    let mut merge = Merge::new(sources, home);
    for (group, source) in (0..).zip(sources) {
        merge.add(group, source)?;
    }
    merge.close_network();
    merge.close_proxies();
    Ok(Policy {
        project: project.to_path_buf(),
        home: home.to_path_buf(),
        read: PathRules::new(merge.read),
        write: PathRules::new(merge.write),
        writable: merge.writable,
        copy_on_write: merge.copy_on_write,
        exec: ExecRules::new(merge.exec).only_listed(merge.allowlist.0),
        network: merge.network.0,
        network_origin: merge.network.1,
        net: merge.net,
        env: EnvRules::new(merge.env, merge.set),
        unix_sockets: merge.unix_sockets,
        publish_ports: merge.publish_ports,
        publish_origins: merge.publish_origins,
        limits: merge.limits,
        redact: merge.redact,
        audit: merge.audit.0,
        audit_exec: merge.audit_exec.0,
        outside: merge.outside.0,
        engine: merge.engine.0,
        accepted: merge.accepted.0,
        refused: merge.refused,
    })
}

/// Which built-in lists the user's file replaces.
#[derive(Debug, Default)]
struct Replaced {
    deny_read: bool,
    deny_write: bool,
    copy_on_write: bool,
    deny_exec: bool,
    env_deny: bool,
    mask: bool,
    network: bool,
}

struct Merge<'a> {
    home: &'a Path,
    replaced: Replaced,
    read: Vec<Rule>,
    write: Vec<Rule>,
    writable: Vec<Grant>,
    copy_on_write: Vec<Grant>,
    exec: Vec<ExecRule>,
    allowlist: (Option<Origin>, bool),
    network: (Network, Origin),
    net: Vec<NetRule>,
    env: Vec<EnvRule>,
    set: Vec<(OsString, OsString, Origin)>,
    unix_sockets: Vec<Grant>,
    publish_ports: Vec<u16>,
    publish_origins: Vec<Origin>,
    limits: Limits,
    redact: Redact,
    audit: (Audit, Audit),
    audit_exec: (bool, bool),
    outside: (Outside, Outside),
    engine: (Engine, bool),
    accepted: (Vec<Loss>, bool),
    refused: Vec<Origin>,
}

impl<'a> Merge<'a> {
    fn new(sources: &[Source], home: &'a Path) -> Self {
        Merge {
            home,
            replaced: Replaced::by(sources),
            read: Vec::new(),
            write: Vec::new(),
            writable: Vec::new(),
            copy_on_write: Vec::new(),
            exec: Vec::new(),
            allowlist: (None, false),
            network: (
                Network::Filtered,
                Origin::without_file(Layer::Default, "network: filtered"),
            ),
            net: Vec::new(),
            env: Vec::new(),
            set: Vec::new(),
            unix_sockets: Vec::new(),
            publish_ports: Vec::new(),
            publish_origins: Vec::new(),
            limits: Limits::default(),
            redact: Redact::default(),
            audit: (Audit::default(), Audit::Off),
            audit_exec: (false, false),
            outside: (Outside::default(), Outside::Warn),
            engine: (Engine::Auto, false),
            accepted: (Vec::new(), false),
            refused: Vec::new(),
        }
    }

    fn add(&mut self, group: u16, source: &Source) -> Result<(), Error> {
        let keeps = |replaced: bool| source.layer != Layer::Default || !replaced;
        if keeps(self.replaced.deny_read) {
            let rules = self.paths(group, source, Key::DenyRead)?;
            self.read.extend(rules);
        }
        let reopened = self.paths(group, source, Key::AllowRead)?;
        self.read.extend(reopened);
        if keeps(self.replaced.deny_write) {
            let rules = self.paths(group, source, Key::DenyWrite)?;
            self.write.extend(rules);
        }
        self.allow_write(group, source)?;
        if keeps(self.replaced.copy_on_write) {
            self.copy_on_write(source)?;
        }
        if keeps(self.replaced.deny_exec) {
            self.exec(group, source, Key::DenyExec)?;
        }
        self.exec(group, source, Key::AllowExec)?;
        self.allowlist(source);
        self.network(group, source)?;
        self.env(group, source, keeps(self.replaced.env_deny))?;
        self.unix_sockets(source)?;
        self.publish_ports(source);
        self.limits(source)?;
        if keeps(self.replaced.mask) {
            self.redact(source)?;
        }
        self.audit(source);
        self.audit_exec(source);
        self.outside(source);
        self.engine(source);
        self.accepted(source);
        Ok(())
    }

    /// Keeps what an untrusted file asked for, to show it.
    fn note_refusal<T: fmt::Display>(&mut self, source: &Source, item: &Spanned<T>, key: &str) {
        if !source.trusted {
            let text = format!("{key}: {}", item.value);
            self.refused.push(source.origin(item, &text));
        }
    }
}

impl Replaced {
    fn by(sources: &[Source]) -> Replaced {
        let mut replaced = Replaced::default();
        for source in sources.iter().filter(|source| source.layer == Layer::User) {
            let raw = &source.raw;
            replaced.deny_read |= replaces(&raw.deny_read);
            replaced.deny_write |= replaces(&raw.deny_write);
            replaced.copy_on_write |= replaces(&raw.copy_on_write);
            replaced.deny_exec |= replaces(&raw.deny_exec);
            replaced.env_deny |= raw.env.as_ref().is_some_and(|env| replaces(&env.deny));
            replaced.mask |= raw.mask_stdout.is_some();
            replaced.network |= raw.network.is_some() || raw.allow_net.is_some();
        }
        replaced
    }
}

fn replaces(list: &List) -> bool {
    list.as_ref()
        .is_some_and(|items| !items.iter().any(|item| item.value == DEFAULTS))
}

/// Whether the item is `@defaults`, which only the user's own file may say.
fn stands_for_defaults(source: &Source, item: &Text, denies: bool) -> Result<bool, Error> {
    if item.value != DEFAULTS {
        return Ok(false);
    }
    if denies && source.layer == Layer::User {
        return Ok(true);
    }
    let message = format!("`{DEFAULTS}` has a meaning only in the deny lists of your own file");
    Err(source.wrong(item, message))
}
