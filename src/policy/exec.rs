//! Which programs must not be started, and with which arguments.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::origin::{Layer, Origin};

/// A denied program, or a denied use of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecRule {
    /// Which program.
    pub program: Program,
    /// Words that must all appear among the arguments, in this order; empty denies every use.
    pub args: Vec<String>,
    /// Whether it re-allows instead of denying.
    pub allows: bool,
    /// Which file it stands in.
    pub group: u16,
    /// Whether it may cancel rules of earlier groups.
    pub overrules: bool,
    /// Where it was written.
    pub origin: Origin,
}

/// How a rule names a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// By its file name, wherever it lies.
    Name(OsString),
    /// By its absolute path.
    Path(PathBuf),
    /// Whatever lies below this directory.
    Below(PathBuf),
}

impl Program {
    /// Whether it names the file at this absolute path.
    #[must_use]
    pub fn is(&self, path: &Path) -> bool {
        match self {
            Program::Name(name) => path.file_name() == Some(name),
            Program::Path(named) => named == path,
            Program::Below(directory) => path.starts_with(directory),
        }
    }
}

/// The rules on programs of one run.
#[derive(Debug, Clone, Default)]
pub struct ExecRules {
    rules: Vec<ExecRule>,
    allowlist: Option<Origin>,
}

impl ExecRules {
    /// Rules in order of their groups.
    #[must_use]
    pub fn new(rules: Vec<ExecRule>) -> ExecRules {
        let allowlist = None;
        ExecRules { rules, allowlist }
    }

    /// The same where nothing starts but what a rule lists, because this line says so.
    #[must_use]
    pub fn only_listed(self, by: Option<Origin>) -> ExecRules {
        ExecRules {
            allowlist: by,
            ..self
        }
    }

    /// The line by which nothing starts but what is listed; none where all starts but what is denied.
    #[must_use]
    pub fn allowlist(&self) -> Option<&Origin> {
        self.allowlist.as_ref()
    }

    /// What may start where only that starts. The managed file's list, where it has one and says that
    /// only listed programs start, is the whole list. A use of a program lists nothing: the kernel
    /// would let the whole program start.
    pub fn listed(&self) -> impl Iterator<Item = &ExecRule> {
        let closed = self.is_closed();
        let counts =
            move |rule: &&ExecRule| lists(rule) && (!closed || rule.origin.layer == Layer::Managed);
        self.rules.iter().filter(counts)
    }

    /// Whether the managed file's list is the whole list.
    fn is_closed(&self) -> bool {
        let by_managed = |by: &Origin| by.layer == Layer::Managed;
        let managed = |rule: &ExecRule| lists(rule) && by_managed(&rule.origin);
        self.allowlist.as_ref().is_some_and(by_managed) && self.rules.iter().any(managed)
    }

    /// The line by which `path` (a bare name is fine) does not start since none lists it, if so, and
    /// whether a line of the user's could list it.
    #[must_use]
    pub fn unlisted(&self, path: &Path) -> Option<(&Origin, bool)> {
        let by = self.allowlist.as_ref()?;
        if self.listed().any(|rule| rule.program.is(path)) {
            return None;
        }
        match self.listed().next().filter(|_| self.is_closed()) {
            Some(managed) => Some((&managed.origin, false)),
            None => Some((by, true)),
        }
    }

    /// Every rule in order of strength.
    #[must_use]
    pub fn rules(&self) -> &[ExecRule] {
        &self.rules
    }

    /// The denials that no re-allow cancels.
    pub fn denied(&self) -> impl Iterator<Item = &ExecRule> {
        let denials = self
            .rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| !rule.allows);
        denials
            .filter(|(at, deny)| !self.is_cancelled(*at, deny))
            .map(|(_, rule)| rule)
    }

    /// Which rule denies starting `path` (a bare name is fine) with these arguments, if any.
    #[must_use]
    pub fn judge(&self, path: &Path, args: &[&OsStr]) -> Option<&Origin> {
        let found = self
            .denied()
            .find(|rule| rule.program.is(path) && in_order(&rule.args, args));
        found.map(|rule| &rule.origin)
    }

    fn is_cancelled(&self, at: usize, deny: &ExecRule) -> bool {
        self.rules.iter().enumerate().any(|(by, allow)| {
            let covers =
                allow.program == deny.program && (allow.args.is_empty() || allow.args == deny.args);
            let may = if allow.group == deny.group {
                by > at
            } else {
                allow.overrules && allow.group > deny.group && !deny.origin.layer.is_pinned()
            };
            allow.allows && covers && may
        })
    }
}

fn lists(rule: &ExecRule) -> bool {
    rule.allows && rule.overrules && rule.args.is_empty()
}

/// Whether the words appear among the arguments in this order.
///
/// A plain word must be the next plain argument; options and what may be their value are passed
/// over, so `kubectl delete` stops `kubectl -n prod delete pod` but `git push` lets
/// `git commit -m push` be. A word that is itself an option may stand anywhere.
fn in_order(words: &[String], args: &[&OsStr]) -> bool {
    let mut at = 0;
    for word in words {
        loop {
            let Some(arg) = args.get(at).map(|arg| arg.as_bytes()) else {
                return false;
            };
            at += 1;
            if arg == word.as_bytes() {
                break;
            }
            let may_be_value = at >= 2 && args[at - 2].as_bytes().starts_with(b"-");
            if !word.starts_with('-') && !arg.starts_with(b"-") && !may_be_value {
                return false;
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(words: &str, args: &str) -> bool {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let args: Vec<&OsStr> = args.split_whitespace().map(OsStr::new).collect();
        in_order(&words, &args)
    }

    #[test]
    fn argument_words_are_found_behind_options_only() {
        assert!(says("", "anything at all"));
        assert!(says("delete", "delete pod"));
        assert!(says("delete", "-n prod delete pod"));
        assert!(says("delete", "--verbose delete"));
        assert!(says("push --force", "push origin --force"));
        assert!(says("push --force", "-C dir push --force"));
        assert!(!says("push", "commit -m push"));
        assert!(!says("delete", "get pod delete"));
        assert!(!says("push --force", "push origin"));
        assert!(!says("delete", ""));
    }
}
