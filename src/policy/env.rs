//! Which environment variables pass into the sandbox.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::glob::Glob;
use super::origin::Origin;

/// The variables by which programs find a proxy, which may have a password in them.
pub const PROXIES: [&str; 8] = [
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
];

/// One rule on variable names.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What the name must look like.
    pub glob: Glob,
    /// Whether it lets the variable pass.
    pub allows: bool,
    /// Which file it stands in.
    pub group: u16,
    /// Whether it may cancel rules of earlier groups.
    pub overrules: bool,
    /// Where it was written.
    pub origin: Origin,
}

/// The rules on the environment of one run.
#[derive(Debug, Clone, Default)]
pub struct EnvRules {
    rules: Vec<Rule>,
    /// Variables that are set inside whatever they are outside.
    pub set: Vec<(OsString, OsString)>,
    set_origins: Vec<Origin>,
}

impl EnvRules {
    /// Rules in order of their groups, and the variables to set (a later one wins).
    #[must_use]
    pub fn new(rules: Vec<Rule>, set: Vec<(OsString, OsString, Origin)>) -> EnvRules {
        let mut this = EnvRules {
            rules,
            ..EnvRules::default()
        };
        for (name, value, origin) in set {
            if let Some(at) = this.set.iter().position(|(known, _)| *known == name) {
                this.set[at].1 = value;
                this.set_origins[at] = origin;
            } else {
                this.set.push((name, value));
                this.set_origins.push(origin);
            }
        }
        this
    }

    /// Whether the caller's variable of this name passes.
    ///
    /// # Errors
    /// The rule that keeps it outside.
    pub fn passes(&self, name: &OsStr) -> Result<(), &Origin> {
        let speakers: Vec<(usize, &Rule)> = self.speakers(name).collect();
        let standing = speakers
            .iter()
            .filter(|(_, rule)| !rule.allows)
            .rfind(|(at, deny)| {
                !speakers
                    .iter()
                    .any(|(by, allow)| allow.allows && cancels(allow, *by, deny, *at))
            });
        standing.map_or(Ok(()), |(_, rule)| Err(&rule.origin))
    }

    /// Which rule lets a variable pass that another would keep outside.
    #[must_use]
    pub fn reallowed(&self, name: &OsStr) -> Option<&Origin> {
        let denied = self.speakers(name).any(|(_, rule)| !rule.allows);
        let mut allows = self
            .speakers(name)
            .filter(|(_, rule)| denied && rule.allows);
        allows.next_back().map(|(_, rule)| &rule.origin)
    }

    /// Which line sets the variable, if one does.
    #[must_use]
    pub fn set_by(&self, name: &OsStr) -> Option<(&OsStr, &Origin)> {
        let at = self.set.iter().position(|(known, _)| known == name)?;
        Some((&self.set[at].1, &self.set_origins[at]))
    }

    /// Every rule in order of strength.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The lines of [`EnvRules::set`], in its order.
    #[must_use]
    pub fn set_origins(&self) -> &[Origin] {
        &self.set_origins
    }

    /// Every rule that has a say about this name, with whether it lets it pass.
    #[must_use]
    pub fn explain(&self, name: &OsStr) -> Vec<(&Origin, bool)> {
        self.speakers(name)
            .map(|(_, rule)| (&rule.origin, rule.allows))
            .collect()
    }

    fn speakers(&self, name: &OsStr) -> impl DoubleEndedIterator<Item = (usize, &Rule)> {
        let name = name.as_bytes();
        self.rules
            .iter()
            .enumerate()
            .filter(move |(_, rule)| rule.glob.matches(name))
    }
}

fn cancels(allow: &Rule, by: usize, deny: &Rule, at: usize) -> bool {
    if allow.group == deny.group {
        by > at
    } else {
        allow.overrules && allow.group > deny.group && !deny.origin.layer.is_pinned()
    }
}
