//! `deny` and `allow`: changes the user's files so that afterwards the answer is what was asked for.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::place::{self, Target};
use super::{Error, store};
use crate::app::exec;
use crate::config::edit;
use crate::config::key::Key;
use crate::config::merge::DEFAULTS;
use crate::config::{self, raw};
use crate::policy::{Because, Host, Judgement, Network, Policy};

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Files that are hidden.
    Read,
    /// Files that are protected.
    Write,
    /// Programs.
    Exec,
    /// Hosts.
    Net,
}

impl Subject {
    fn keys(self) -> (Key, Key) {
        match self {
            Subject::Read => (Key::DenyRead, Key::AllowRead),
            Subject::Write => (Key::DenyWrite, Key::AllowWrite),
            Subject::Exec => (Key::DenyExec, Key::AllowExec),
            Subject::Net => (Key::DenyNet, Key::AllowNet),
        }
    }
}

/// One change.
#[derive(Debug, Clone)]
pub struct Request {
    /// Whether to deny or to allow.
    pub denies: bool,
    /// What about.
    pub subject: Subject,
    /// Patterns, programs or hosts.
    pub items: Vec<String>,
    /// The mode of the network to set as well.
    pub network: Option<raw::Network>,
    /// Which file to change.
    pub target: Target,
    /// Whether only to say what would change.
    pub dry_run: bool,
}

/// What happened to one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The file says it now.
    Changed,
    /// It was so already.
    AlreadySo,
    /// The file says it now, but another line decides differently.
    Overruled(String),
}

/// What a change did.
#[derive(Debug)]
pub struct Done {
    /// The file.
    pub file: PathBuf,
    /// Its text before; none if it was made.
    pub before: Option<String>,
    /// Its text afterwards.
    pub after: String,
    /// Each item and what happened to it.
    pub outcomes: Vec<(String, Outcome)>,
}

/// Makes the change.
///
/// # Errors
/// When an item is no valid rule, a rule above the user's forbids it, or the file cannot be edited.
pub fn run(request: &Request) -> Result<Done, Error> {
    let config = place::request(None)?;
    let loaded = config::load::read(&config)?;
    let file = request.target.file(&loaded.home, &loaded.project);
    let before = config::source::read(&file)?;
    let text = before
        .clone()
        .unwrap_or_else(|| request.target.template(&loaded.project));
    let mut draft = Draft {
        request,
        config,
        file: file.clone(),
        text,
    };
    let mut outcomes = Vec::new();
    if let Some(mode) = request.network {
        draft.edit(|text| edit::set_network(text, mode))?;
    }
    for item in &request.items {
        let outcome = draft.apply(item)?;
        outcomes.push((item.clone(), outcome));
    }
    let (after, changed) = (draft.text, before.as_ref());
    if changed != Some(&after) && !request.dry_run && !nothing_to_do(&outcomes, request) {
        store(&loaded.home, &file, before.as_deref(), &after)?;
        if request.subject == Subject::Read {
            exec::settle(place::request(None)?);
        }
    }
    Ok(Done {
        file,
        before,
        after,
        outcomes,
    })
}

fn nothing_to_do(outcomes: &[(String, Outcome)], request: &Request) -> bool {
    request.network.is_none() && outcomes.iter().all(|(_, done)| *done == Outcome::AlreadySo)
}

/// The file as it would be written.
struct Draft<'a> {
    request: &'a Request,
    config: config::Request,
    file: PathBuf,
    text: String,
}

impl Draft<'_> {
    fn apply(&mut self, item: &str) -> Result<Outcome, Error> {
        let before = self.text.clone();
        if self.request.denies {
            self.deny(item)?
        } else {
            self.allow(item)?
        }
        let changed = self.text != before;
        // Reading the draft back also finds out whether the item is a valid rule.
        let policy = self.policy()?;
        let wanted = !self.request.denies;
        match self.judge(&policy, item)? {
            Some(judged) if judged.allowed != wanted => Ok(Outcome::Overruled(reason(judged))),
            _ if changed => Ok(Outcome::Changed),
            _ => Ok(Outcome::AlreadySo),
        }
    }

    fn deny(&mut self, item: &str) -> Result<(), Error> {
        let (deny, allow) = self.request.subject.keys();
        self.remove(allow, item)?;
        if self.request.subject == Subject::Net {
            return self.deny_host(item);
        }
        self.remove(deny, &format!("!{item}"))?;
        self.add(deny, item)
    }

    /// A host that no line allows any more needs no denial of its own, and the network stays shut
    /// when the last host is gone.
    fn deny_host(&mut self, item: &str) -> Result<(), Error> {
        let policy = self.policy()?;
        let reachable = match self.judge(&policy, item)? {
            Some(judged) => judged.allowed,
            None => policy.network != Network::Off,
        };
        if reachable {
            self.add(Key::DenyNet, item)
        } else {
            Ok(())
        }
    }

    fn allow(&mut self, item: &str) -> Result<(), Error> {
        let (deny, allow) = self.request.subject.keys();
        self.remove(deny, item)?;
        let policy = self.policy()?;
        match self.judge(&policy, item)? {
            // Writing into a copy that is thrown away is not what is asked for.
            Some(judged) if judged.allowed && !matches!(judged.because, Because::Copied(_)) => {
                Ok(())
            }
            Some(judged) => {
                refuse_pinned(item, judged)?;
                self.add(allow, item)
            }
            // A pattern has no single answer; the line is what was asked for.
            None if policy.network == Network::Open && self.request.subject == Subject::Net => {
                Ok(())
            }
            None => self.add(allow, item),
        }
    }

    fn add(&mut self, key: Key, item: &str) -> Result<(), Error> {
        let replaces_defaults = self.request.target == Target::Global && has_defaults(key);
        let first = replaces_defaults.then_some(DEFAULTS);
        self.edit(|text| edit::add(text, key, item, first))
    }

    fn remove(&mut self, key: Key, item: &str) -> Result<(), Error> {
        self.edit(|text| edit::remove(text, key, item))
    }

    fn edit(
        &mut self,
        change: impl Fn(&str) -> Result<String, edit::Refused>,
    ) -> Result<(), Error> {
        let refused = |refused| Error::Edit {
            file: self.file.clone(),
            refused,
        };
        self.text = change(&self.text).map_err(refused)?;
        Ok(())
    }

    /// The rules as they would be with the draft.
    fn policy(&self) -> Result<Policy, Error> {
        let mut config = self.config.clone();
        config.as_if.push((self.file.clone(), self.text.clone()));
        Ok(config::load::read(&config)?.merge()?)
    }

    /// What the rules say about the item, if it names one thing.
    fn judge<'p>(&self, policy: &'p Policy, item: &str) -> Result<Option<Judgement<'p>>, Error> {
        let words: Vec<&OsStr> = item.split_whitespace().map(OsStr::new).collect();
        Ok(match self.request.subject {
            Subject::Read | Subject::Write if item.contains(['*', '?', '[', '!', '\\']) => None,
            Subject::Read | Subject::Write => {
                let cwd = &policy.project;
                let place = place::resolve(cwd, &policy.home, Path::new(item))?;
                let is_dir = place.is_dir;
                let path = place.entry.as_path();
                Some(match self.request.subject {
                    Subject::Read => policy.reads(path, is_dir),
                    _ => policy.writes(path, is_dir),
                })
            }
            Subject::Exec => match words.as_slice() {
                [program, args @ ..] => {
                    let path = place::program(&self.config.cwd, program);
                    Some(policy.starts(&path, args))
                }
                [] => None,
            },
            Subject::Net => endpoint(item).map(|(host, port)| policy.connects(&host, port)),
        })
    }
}

/// Whether a list of the user's file would replace a built-in one.
fn has_defaults(key: Key) -> bool {
    matches!(key, Key::DenyRead | Key::DenyWrite | Key::DenyExec)
}

/// A host and a port, if the rule names one host; without a port the usual one.
pub(super) fn endpoint(text: &str) -> Option<(Host, u16)> {
    if let Some(host) = Host::parse(text) {
        return Some((host, 443));
    }
    let (host, port) = text.rsplit_once(':')?;
    Some((Host::parse(host)?, port.parse().ok()?))
}

fn refuse_pinned(item: &str, judged: Judgement<'_>) -> Result<(), Error> {
    match judged.because {
        Because::Rule(by) | Because::Hidden(by) if by.layer.is_pinned() => Err(Error::Pinned {
            item: item.to_owned(),
            by: by.clone(),
        }),
        Because::Network(by) => Err(Error::NetworkOff(by.clone())),
        _ => Ok(()),
    }
}

fn reason(judged: Judgement<'_>) -> String {
    super::explain::words(judged)
}
