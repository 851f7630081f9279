//! The profile of one sandbox: from rules and what lies on this host to one text. Pure.
//!
//! What no rule mentions is denied. Of the rules that name the same operation the last that fits
//! decides, and a rule about one operation comes before those about its whole family. So families are
//! opened and shut by the same words, and single operations are only ever denied.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::expression::{self, Says};
use super::rules::{AND_BELOW, Rules};
use super::text::{Filter, Rule, Unsayable};
use crate::engine::view::{Access, Content, Kind, Layer};
use crate::policy::exec::Program;
use crate::policy::{ExecRules, PathRules};

/// What a profile is made from. Every path but those of the rules is canonical.
#[derive(Debug, Clone)]
pub struct Sandbox<'a> {
    /// What must not be read.
    pub read: &'a PathRules,
    /// What must not be written, present or not.
    pub write: &'a PathRules,
    /// What must not be started.
    pub exec: &'a ExecRules,
    /// The home directory.
    pub home: &'a Path,
    /// Where the sandbox differs from a host that can be read: the deepest decides.
    pub layers: Vec<Layer>,
    /// What was found of the hidden, with its other names.
    pub hidden: Vec<(PathBuf, Kind)>,
    /// What was found of the protected.
    pub protected: Vec<PathBuf>,
    /// Directories that must not be moved.
    pub pinned: Vec<PathBuf>,
    /// Sockets of the host that stay reachable.
    pub sockets: Vec<PathBuf>,
    /// The caller's terminal.
    pub terminal: Option<PathBuf>,
    /// What is reached of the network.
    pub reach: Reach,
}

/// What is reached of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Nothing.
    Nothing,
    /// A broker on this port of the loopback, and nothing else.
    Broker(u16),
    /// Everything.
    Everything,
}

/// Everything that discloses what is in a file.
const READING: &str = "file-read* file-map-executable process-exec*";
/// The same, and what would lead around it: a file that is moved has another name.
const HIDING: &str = "file-read* file-write* file-map-executable process-exec*";

/// Directories of a Mac in which every program leaves its files and sockets.
const SHARED: &str = "^/private/(tmp|var/tmp|var/folders)/";

/// The devices that do no harm, and the descriptors of the process itself.
const DEVICES: [&str; 7] = [
    "/dev/dtracehelper",
    "/dev/null",
    "/dev/ptmx",
    "/dev/random",
    "/dev/tty",
    "/dev/urandom",
    "/dev/zero",
];
const DESCRIPTORS: &str = "/dev/fd";

/// Characters that a file system without cases takes for one or more letters of ASCII: the signs for
/// kelvin and the long s, and the ligatures. A protected name could be spelled with them.
const DISGUISES: &str =
    "(\u{212a}|\u{17f}|\u{fb00}|\u{fb01}|\u{fb02}|\u{fb03}|\u{fb04}|\u{fb05}|\u{fb06})";

/// Services of the system that programs on a command line need. None of them starts a program, keeps
/// secrets or reaches a network for who asks.
const SERVICES: [&str; 6] = [
    "com.apple.FSEvents",
    "com.apple.bsd.dirhelper",
    "com.apple.system.logger",
    "com.apple.system.notification_center",
    "com.apple.system.opendirectoryd.libinfo",
    "com.apple.system.opendirectoryd.membership",
];

/// Those that look up names and check certificates: they reach the network themselves, so they are open
/// only where everything is.
const NETWORK_SERVICES: [&str; 6] = [
    "com.apple.SystemConfiguration.DNSConfiguration",
    "com.apple.SystemConfiguration.configd",
    "com.apple.dnssd.service",
    "com.apple.networkd",
    "com.apple.trustd",
    "com.apple.trustd.agent",
];

/// Who answers for names, where the network is open.
const RESOLVER: &str = "/private/var/run/mDNSResponder";

/// What the kernel tells of itself. Not of processes: their arguments would be among it.
const KERNEL: [&str; 15] = [
    "kern.argmax",
    "kern.boottime",
    "kern.hostname",
    "kern.maxfilesperproc",
    "kern.maxproc",
    "kern.ngroups",
    "kern.osproductversion",
    "kern.osrelease",
    "kern.ostype",
    "kern.osvariant_status",
    "kern.osversion",
    "kern.usrstack64",
    "kern.version",
    "sysctl.proc_cputype",
    "vm.loadavg",
];
const KERNEL_FAMILIES: [&str; 2] = ["hw.", "machdep.cpu."];

/// The text for `sandbox-exec`.
///
/// # Errors
/// When a path that is to be opened cannot be named. One that is to be hidden always can.
pub fn profile(sandbox: &Sandbox<'_>) -> Result<String, Unsayable> {
    let mut rules = processes();
    rules.extend(devices(sandbox.terminal.as_deref())?);
    rules.extend(network(sandbox)?);
    rules.extend(files(sandbox)?);
    rules.extend(hidden(sandbox));
    rules.extend(protected(sandbox));
    rules.extend(programs(sandbox));
    let mut text = "(version 1)\n(deny default)\n".to_owned();
    for rule in rules {
        // Writing to a string does not fail.
        _ = write!(text, "{rule}");
    }
    Ok(text)
}

fn rule(
    verdict: &'static str,
    operations: &'static str,
    filter: impl Into<Option<Filter>>,
) -> Rule {
    Rule {
        verdict,
        operations,
        filter: filter.into(),
    }
}

/// A rule about a list that may be empty: without a filter it would be about everything.
fn about(verdict: &'static str, operations: &'static str, filters: Vec<Filter>) -> Option<Rule> {
    Filter::any(filters).map(|filter| rule(verdict, operations, filter))
}

fn named<'n>(
    word: &'static str,
    names: impl IntoIterator<Item = &'n &'static str>,
) -> impl Iterator<Item = Filter> {
    let names = names.into_iter().map(|name| (*name).to_owned());
    let filters: Vec<_> = names.map(|name| Filter::Named(word, name)).collect();
    filters.into_iter()
}

/// What processes may do to each other and ask of the kernel.
fn processes() -> Vec<Rule> {
    let own = Filter::Word("target same-sandbox");
    let kernel = named("sysctl-name", &KERNEL);
    let kernel = kernel.chain(named("sysctl-name-prefix", &KERNEL_FAMILIES));
    let mut rules = vec![
        rule("allow", "process-fork", None),
        rule("allow", "process-exec*", None),
        rule("allow", "process-info*", own.clone()),
        rule("allow", "signal", own),
        rule("allow", "pseudo-tty", None),
        rule("allow", "ipc-posix-sem", None),
    ];
    rules.extend(about("allow", "sysctl-read", kernel.collect()));
    rules.extend(about(
        "allow",
        "mach-lookup",
        named("global-name", &SERVICES).collect(),
    ));
    // Rules on files follow: what they shut is shut for these too.
    rules.push(rule("allow", "file-read* file-map-executable", None));
    rules
}

/// Devices and terminals: the harmless, the caller's own, and those that are made inside.
fn devices(terminal: Option<&Path>) -> Result<Vec<Rule>, Unsayable> {
    let own = Filter::All(vec![
        Filter::Regex("^/dev/ttys[0-9]+$".to_owned()),
        Filter::Named("extension", "com.apple.sandbox.pty".to_owned()),
    ]);
    let devices = DEVICES.iter().map(Path::new).chain(terminal);
    let mut open = devices
        .map(Filter::literal)
        .collect::<Result<Vec<_>, _>>()?;
    open.push(Filter::subpath(Path::new(DESCRIPTORS))?);
    open.push(own);
    let listed = Filter::literal(Path::new("/dev"))?;
    let all = Filter::subpath(Path::new("/dev"))?;
    Ok(vec![
        rule("deny", HIDING, all),
        rule("allow", "file-read*", listed),
        rule(
            "allow",
            "file-read* file-write* file-ioctl",
            Filter::Any(open),
        ),
        // It would type into the shell that goes on after the command.
        rule("deny", "file-ioctl", Filter::Word("ioctl-command TIOCSTI")),
    ])
}

fn network(sandbox: &Sandbox<'_>) -> Result<Vec<Rule>, Unsayable> {
    let sockets = sandbox.sockets.iter().map(|path| Filter::subpath(path));
    let sockets = sockets.collect::<Result<Vec<_>, _>>()?;
    let to = |whom: String| Filter::Named("remote ip", whom);
    let mut rules = Vec::new();
    match sandbox.reach {
        Reach::Nothing => {}
        Reach::Broker(port) => {
            rules.push(rule(
                "allow",
                "network-outbound",
                to(format!("localhost:{port}")),
            ));
        }
        Reach::Everything => {
            let own = || Filter::Named("local ip", "*:*".to_owned());
            let system = Filter::All(vec![
                Filter::Word("socket-domain AF_SYSTEM"),
                Filter::Word("socket-protocol 2"),
            ]);
            rules.push(rule("allow", "network-outbound", to("*:*".to_owned())));
            rules.push(rule(
                "allow",
                "network-outbound",
                Filter::literal(Path::new(RESOLVER))?,
            ));
            rules.push(rule("allow", "network-bind network-inbound", own()));
            rules.push(rule("allow", "system-socket", system));
            let services = named("global-name", &NETWORK_SERVICES).collect();
            rules.extend(about("allow", "mach-lookup", services));
        }
    }
    rules.extend(about("allow", "network-outbound", sockets));
    Ok(rules)
}

/// Where files are open, shut or written, as far as directories decide.
fn files(sandbox: &Sandbox<'_>) -> Result<Vec<Rule>, Unsayable> {
    let mut rules = vec![rule("deny", HIDING, Filter::Regex(SHARED.to_owned()))];
    let mut layers: Vec<_> = sandbox.layers.iter().collect();
    layers.sort_by(|a, b| a.path.cmp(&b.path));
    for layer in layers {
        let path = &layer.path;
        rules.push(match layer.content {
            Content::Directory(_) => continue,
            Content::Empty(_) => rule("deny", HIDING, denied(path, Kind::Directory)),
            // There is no memory to keep the changes in.
            Content::Copy => rule("deny", "file-write*", denied(path, Kind::Directory)),
            Content::Host(kind, Access::ReadOnly) => rule("allow", READING, opened(path, kind)?),
            Content::Host(kind, Access::Writable) => rule("allow", HIDING, opened(path, kind)?),
        });
    }
    rules.push(rule("deny", "file-write-setugid", None));
    Ok(rules)
}

fn opened(path: &Path, kind: Kind) -> Result<Filter, Unsayable> {
    match kind {
        Kind::Directory => Filter::subpath(path),
        Kind::File => Filter::literal(path),
    }
}

/// What was found, by its name; where the language has no words for that, by what it looks like.
fn denied(path: &Path, kind: Kind) -> Filter {
    opened(path, kind).unwrap_or_else(|_| {
        // Everything can be said with some width.
        let body = expression::of_path(path, &[], Says::AtLeast).unwrap_or_default();
        Filter::Regex(body + AND_BELOW)
    })
}

impl Sandbox<'_> {
    /// The trees in which something may be written.
    fn writable(&self) -> Vec<&Path> {
        let writable = self
            .layers
            .iter()
            .filter(|layer| matches!(layer.content, Content::Host(_, Access::Writable)));
        writable.map(|layer| &*layer.path).collect()
    }

    fn rules<'s>(&'s self, rules: &'s PathRules, any_kind: bool) -> Rules<'s> {
        let known = self.writable().into_iter().chain([self.home]);
        Rules {
            rules,
            known: known.collect(),
            any_kind,
        }
    }
}

/// What is hidden: by rule, so that it counts for what appears later, and what was found.
fn hidden(sandbox: &Sandbox<'_>) -> Vec<Rule> {
    let writable = sandbox.writable();
    let rules = sandbox.rules(sandbox.read, false);
    let by_rule = rules
        .denied()
        .into_iter()
        .map(|filter| rule("deny", HIDING, filter));
    let found = sandbox
        .hidden
        .iter()
        .map(|(path, kind)| denied(path, *kind));
    // A directory that leaves its writable tree takes what is hidden in it where no rule looks.
    let between = |path: &Path| -> Vec<PathBuf> {
        let above = path.ancestors().skip(1);
        let inside = |path: &&Path| writable.iter().any(|tree| path.starts_with(tree));
        above.take_while(inside).map(Path::to_owned).collect()
    };
    let ways = sandbox.hidden.iter().flat_map(|(path, _)| between(path));
    let mut rules: Vec<_> = by_rule
        .chain(about("deny", HIDING, found.collect()))
        .chain(stay(rules.pinned(&writable)))
        .collect();
    rules.extend(about("deny", "file-write-unlink", in_place(ways)));
    rules
}

/// What is protected, whether it is there or not.
fn protected(sandbox: &Sandbox<'_>) -> Vec<Rule> {
    let writable = sandbox.writable();
    // Whatever is made under a protected name is not made.
    let rules = sandbox.rules(sandbox.write, true);
    let by_rule = rules
        .denied()
        .into_iter()
        .map(|filter| rule("deny", "file-write*", filter));
    let found = sandbox
        .protected
        .iter()
        .map(|path| denied(path, Kind::Directory));
    let roots = writable.iter().map(|path| (*path).to_owned());
    let pinned = in_place(roots.chain(sandbox.pinned.iter().cloned()));
    by_rule
        .chain(about("deny", "file-write*", found.collect()))
        .chain(stay(rules.pinned(&writable)))
        .chain(about("deny", "file-write-unlink", pinned))
        .chain([rule(
            "deny",
            "file-write-create",
            Filter::Regex(DISGUISES.to_owned()),
        )])
        .collect()
}

/// What may be neither removed nor moved.
fn stay(filters: Vec<Filter>) -> impl Iterator<Item = Rule> {
    filters
        .into_iter()
        .map(|filter| rule("deny", "file-write-unlink", filter))
}

fn in_place(paths: impl Iterator<Item = PathBuf>) -> Vec<Filter> {
    let paths: BTreeSet<_> = paths.collect();
    paths.iter().map(|path| denied(path, Kind::File)).collect()
}

/// Denied programs, by name wherever they are. A rule on arguments denies the whole program: the kernel
/// is not asked about arguments.
fn programs(sandbox: &Sandbox<'_>) -> Option<Rule> {
    let filters = sandbox
        .exec
        .denied()
        .filter_map(|rule| match &rule.program {
            Program::Name(name) => {
                let name = expression::of_name(name.as_bytes(), Says::AtLeast)?;
                Some(Filter::Regex(format!("/{name}$")))
            }
            Program::Path(path) => {
                let body = expression::of_path(path, &[], Says::AtLeast)?;
                Some(Filter::Regex(body + "$"))
            }
            Program::Below(path) => {
                let body = expression::of_path(path, &[], Says::AtLeast)?;
                Some(Filter::Regex(body + "/"))
            }
        });
    about("deny", "process-exec*", filters.collect())
}
