//! Answers an agent's hook: a tripwire and an explanation, never the wall.
//!
//! It denies or is silent. It never allows, because that would take away the questions that the
//! user wants to be asked, and it never answers what it does not recognise.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;
use nix::unistd::{AccessFlags, eaccess};
use serde_json::Value;

use super::policy::explain::{self, Answer, Question};
use super::policy::place;
use crate::config;
use crate::engine;
use crate::integration::ask::Ask;
use crate::integration::catalog::{self, Agent, Invalid};
use crate::integration::dialect::{Dialect, Event, Kind, Said};
use crate::integration::shell::{self, Simple};
use crate::policy::{Outside, Policy, mentions};
use crate::shim::owned::Owned;

/// Words of one event that are looked at; who hands over more gets to know what is wrong sooner by
/// the kernel.
const MOST: usize = 2_000;
/// Shells in shells that are followed.
const DEEPEST: usize = 3;
/// The exit code by which a hook refuses; others mean that it failed, and most agents go on then.
pub const REFUSED: u8 = 2;
const SHELLS: [&str; 5] = ["sh", "bash", "dash", "zsh", "ksh"];

/// What is said to an event; `None` for a name that no agent has.
///
/// # Errors
/// When the data is wrong.
pub fn run(name: &str, said: &[u8]) -> Result<Option<Said>, Invalid> {
    let Some(named) = catalog::agent(name)? else {
        return Ok(None);
    };
    let said = match serde_json::from_slice::<Value>(said) {
        Ok(said) => said,
        // Nothing was said, or the sandbox decides.
        Err(_) if said.trim_ascii().is_empty() || engine::inside() => {
            return Ok(Some(Said::default()));
        }
        Err(why) => return Ok(Some(unreadable(&why))),
    };
    let Some((agent, dialect, event)) = recognise(named, name, &said)? else {
        return Ok(Some(Said::default()));
    };
    if let Some(cwd) = &event.cwd {
        // One that is gone is not ours to tell; the agent started us where it stands itself.
        _ = env::set_current_dir(cwd);
    }
    let said = reason(&agent, &event).map(|reason| dialect.answer(&event, &reason));
    Ok(Some(said.unwrap_or_default()))
}

/// An event in no language, which may be made so on purpose: half of a character or brackets without
/// end in what a model asks for. Every agent that looks at exit codes takes this one as a refusal.
fn unreadable(why: &serde_json::Error) -> Said {
    Said {
        err: format!("aigate: refused, because this event cannot be read: {why}"),
        exit: REFUSED,
        ..Said::default()
    }
}

/// The dialect of an event: the named agent's own, or that of another who read its hook file.
fn recognise(
    named: Agent,
    name: &str,
    said: &Value,
) -> Result<Option<(Agent, Dialect, Event)>, Invalid> {
    let find = |agent: Agent| {
        let found = agent
            .hook
            .iter()
            .find_map(|dialect| Some((dialect.clone(), dialect.event(said)?)));
        found.map(|(dialect, event)| (agent, dialect, event))
    };
    if let Some(found) = find(named) {
        return Ok(Some(found));
    }
    for other in catalog::names().filter(|other| *other != name) {
        if let Some(found) = catalog::agent(other)?.and_then(find) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Why the event is denied, or what the model is to know.
fn reason(agent: &Agent, event: &Event) -> Option<String> {
    let inside = engine::inside();
    let rules = place::request(Some(&agent.command)).and_then(|request| {
        let policy = config::load::read(&request)?.merge()?;
        Ok((request, policy))
    });
    let (request, policy) = match rules {
        Ok(rules) => rules,
        // The sandbox stands; it was made by rules that were valid then.
        Err(_) if inside => return None,
        Err(error) if event.kind == Kind::Session => {
            return Some(format!("aigate: its rules cannot be read: {error}"));
        }
        Err(error) => {
            return Some(format!(
                "aigate: refused, because its rules cannot be read: {error}"
            ));
        }
    };
    let judge = Judge {
        inside,
        request: &request,
        policy: &policy,
    };
    match event.kind {
        Kind::Session if inside => Some(told(&policy)),
        Kind::Session => Some(outside(agent, &request.home, policy.outside)),
        _ if !inside && policy.outside == Outside::Deny => {
            Some(outside(agent, &request.home, policy.outside))
        }
        Kind::Prompt => None,
        Kind::Tool => judge.first_denied(&event.asks),
    }
}

/// What the model is told at the start.
fn told(policy: &Policy) -> String {
    format!(
        "This session runs in aigate's sandbox, which the operating system enforces. Secrets (.env \
         files, keys, logins, tokens in the environment) cannot be read. Only {}, your own state \
         and a private /tmp can be written; git hooks and the settings of agents, editors and shells \
         cannot. Hosts may be closed. A `Permission denied`, `Read-only file system` or `No such \
         file` can mean that: do not work around it. `aigate explain read PATH` (or write, exec, \
         net) says which rule decides. If the task needs what is closed, ask the user to run \
         `aigate allow read PATH` (or write, exec, net) in a terminal of their own.",
        policy.project.display()
    )
}

/// What is said to a session that nothing confines.
fn outside(agent: &Agent, home: &Path, mode: Outside) -> String {
    let shim = Owned::of_home(home).shims().join(&agent.command);
    let start = if shim.is_symlink() {
        shim.display().to_string()
    } else {
        format!("aigate exec -- {}", agent.command)
    };
    let product = &agent.product;
    match mode {
        Outside::Deny => format!(
            "aigate: this session of {product} was not started in the sandbox, so nothing may be \
             done in it. End it and start it with: {start}"
        ),
        Outside::Warn => format!(
            "aigate: this session of {product} was not started in the sandbox, so nothing but this \
             hook keeps it from secrets. Tell the user to start it with: {start}"
        ),
    }
}

struct Judge<'a> {
    inside: bool,
    request: &'a config::Request,
    policy: &'a Policy,
}

impl Judge<'_> {
    fn first_denied(&self, asks: &[Ask]) -> Option<String> {
        asks.iter().take(MOST).find_map(|ask| match ask {
            Ask::Read(path) => self.read(path),
            Ask::Write(path) => self.write(path),
            Ask::Net(text) => self.net(text),
            Ask::Shell(text) => self.shell(text, &self.request.cwd, 0),
        })
    }

    fn answer(&self, question: &Question) -> Option<Answer> {
        let answer = explain::ask(question, self.request, self.policy);
        answer.ok().filter(|answer| !answer.allowed)
    }

    /// Inside, the kernel is the judge and the rules have only the words: the user's own are out of
    /// sight there, and may allow it.
    fn read(&self, path: &Path) -> Option<String> {
        let answer = self.answer(&Question::Read(path.to_owned()))?;
        // That a private directory is empty is no rule, and without a sandbox it is not even so.
        answer.rule.as_ref()?;
        if self.inside && is_readable(&self.request.cwd.join(path)) {
            return None;
        }
        Some(denied(&answer))
    }

    fn write(&self, path: &Path) -> Option<String> {
        let answer = self.answer(&Question::Write(path.to_owned()))?;
        if self.inside && is_writable(&self.request.cwd.join(path)) {
            return None;
        }
        Some(denied(&answer))
    }

    /// Inside, the broker knows the rules and this process does not.
    fn net(&self, text: &str) -> Option<String> {
        if self.inside {
            return None;
        }
        let endpoint = mentions::endpoints(text).into_iter().next()?;
        self.answer(&Question::Net(endpoint))
            .map(|answer| denied(&answer))
    }

    fn shell(&self, text: &str, cwd: &Path, depth: usize) -> Option<String> {
        let home = self.policy.home.to_string_lossy();
        let mut cwd = cwd.to_owned();
        let mut looked_at = 0;
        for simple in shell::commands(text, &home) {
            looked_at += simple.words.len();
            if looked_at > MOST {
                return None;
            }
            if let Some(reason) = self.simple(&simple, &cwd, depth) {
                return Some(reason);
            }
            if let [cd, into] = &simple.words[..]
                && cd == "cd"
            {
                cwd.push(into);
            }
        }
        None
    }

    fn simple(&self, simple: &Simple, cwd: &Path, depth: usize) -> Option<String> {
        if let Some((program, args)) = simple.words.split_first().filter(|(p, _)| !p.is_empty()) {
            let args: Vec<OsString> = args.iter().map(OsString::from).collect();
            let question = Question::Exec(program.into(), args);
            let denies = |answer: &Answer| answer.rule.is_some() && self.is_denied(&question);
            if let Some(answer) = self.answer(&question).filter(denies) {
                return Some(denied(&answer));
            }
        }
        if let [program, option, text, ..] = &simple.words[..]
            && depth < DEEPEST
            && SHELLS.contains(&program.rsplit('/').next().unwrap_or_default())
            && matches!(option.as_str(), "-c" | "-lc")
        {
            return self.shell(text, cwd, depth + 1);
        }
        let read = simple.from.iter().map(String::as_str).chain(simple.files());
        let read = read.map(|word| (word, cwd.join(word)));
        let mut read = read.filter(|(word, path)| self.may_be_a_file(word, path));
        let mut written = simple.to.iter().map(|word| cwd.join(word));
        read.find_map(|(_, path)| self.read(&path)).or_else(|| {
            written.find_map(|path| (!path.starts_with("/dev")).then(|| self.write(&path))?)
        })
    }

    /// Where only listed programs start the kernel is the judge: a word may be the shell's own, and the
    /// list is out of sight inside.
    fn is_denied(&self, question: &Question) -> bool {
        let rules = &self.policy.exec;
        match question {
            Question::Exec(program, args) if rules.allowlist().is_some() => {
                let path = place::program(&self.request.cwd, program);
                let words: Vec<_> = args.iter().map(OsString::as_os_str).collect();
                rules.judge(&path, &words).is_some()
            }
            _ => true,
        }
    }

    /// A word of a command is often no file at all. Where it could be one that is hidden by being
    /// absent, it has to look like a path.
    fn may_be_a_file(&self, word: &str, path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok() || (self.inside && word.contains('/'))
    }
}

/// A reason that a model can act on.
fn denied(answer: &Answer) -> String {
    let (verb, doing) = match answer.kind {
        "write" => ("write", "changing"),
        "exec" => ("exec", "starting"),
        "net" => ("net", "reaching"),
        _ => ("read", "reading"),
    };
    let subject = &answer.subject;
    let mut text = format!("aigate: {doing} {subject} is denied: {}. ", answer.reason);
    let pinned = answer
        .rule
        .as_ref()
        .is_some_and(|rule| rule.layer.is_pinned());
    if pinned {
        text.push_str("Nothing can allow it. Go on without it.");
    } else {
        let word = shell_words::quote(subject);
        let remedy = answer
            .remedy
            .clone()
            .unwrap_or_else(|| format!("aigate allow {verb} {word}"));
        text.push_str(&format!(
            "Do not work around it. If the task needs it, ask the user to run `{remedy}` in a \
             terminal of their own; else go on without it."
        ));
    }
    text
}

/// Only files and directories are opened: of other things the opening itself is an act.
fn is_readable(path: &Path) -> bool {
    match fs::metadata(path) {
        Ok(found) if found.is_file() || found.is_dir() => File::options()
            .read(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(path)
            .is_ok(),
        Ok(_) => true,
        Err(_) => false,
    }
}

/// What does not exist yet can be written where its nearest directory can.
fn is_writable(path: &Path) -> bool {
    let mut ancestors = path.ancestors();
    let there = ancestors.find(|path| fs::symlink_metadata(path).is_ok());
    there.is_some_and(|path| eaccess(path, AccessFlags::W_OK).is_ok())
}
