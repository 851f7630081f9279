//! `explain`: may this happen, and which line says so.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::Error;
use super::edit::{self, Outcome, Subject};
use super::place::{self, Target};
use crate::app::programs;
use crate::config::{self, raw};
use crate::policy::{Because, Judgement, Origin, Policy};
use crate::shim::catalog;

/// A question.
#[derive(Debug, Clone)]
pub enum Question {
    /// May this be read?
    Read(PathBuf),
    /// May this be written?
    Write(PathBuf),
    /// May this be started?
    Exec(OsString, Vec<OsString>),
    /// May this be reached?
    Net(String),
    /// Does this variable pass?
    Env(OsString),
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// `read`, `write`, `exec`, `net` or `env`.
    pub kind: &'static str,
    /// What was asked about, as it was resolved.
    pub subject: String,
    /// Whether it may happen.
    pub allowed: bool,
    /// Why, in words.
    pub reason: String,
    /// The line that decided, if one did.
    pub rule: Option<Origin>,
    /// Every line that has a say, weakest first, and whether it allows.
    pub considered: Vec<(Origin, bool)>,
    /// The command that allows it, if one does.
    pub remedy: Option<String>,
    /// What the user should know besides.
    pub note: Option<String>,
}

/// Answers a question for where the user stands.
///
/// # Errors
/// When the rules cannot be read, or the question names nothing.
pub fn run(question: &Question, profile: Option<&str>) -> Result<Answer, Error> {
    let request = place::request(profile)?;
    let policy = config::load::read(&request)?.merge()?;
    ask(question, &request, &policy)
}

/// Answers a question by a policy that is read already.
///
/// # Errors
/// When the question names nothing.
pub fn ask(
    question: &Question,
    request: &config::Request,
    policy: &Policy,
) -> Result<Answer, Error> {
    match question {
        Question::Read(path) => path_answer("read", path, request, policy),
        Question::Write(path) => path_answer("write", path, request, policy),
        Question::Exec(program, args) => Ok(exec_answer(program, args, request, policy)),
        Question::Net(endpoint) => net_answer(endpoint, policy),
        Question::Env(name) => Ok(env_answer(name, policy)),
    }
}

fn path_answer(
    kind: &'static str,
    typed: &std::path::Path,
    request: &config::Request,
    policy: &Policy,
) -> Result<Answer, Error> {
    let place = place::resolve(&request.cwd, &policy.home, typed)?;
    let judge = |path: &PathBuf| match kind {
        "read" => policy.reads(path, place.is_dir),
        _ => policy.writes(path, place.is_dir),
    };
    // A link is as closed as what it leads to, and as its own name.
    let own = judge(&place.entry);
    let through = place.target.as_ref().map(|target| (target, judge(target)));
    let (path, judged) = match through {
        Some((target, judged)) if own.allowed || !judged.allowed => (target, judged),
        _ => (&place.entry, own),
    };
    let rules = if kind == "read" {
        &policy.read
    } else {
        &policy.write
    };
    let considered = rules.explain(path, place.is_dir);
    let mut answer = Answer::new(kind, path.display().to_string(), judged, considered);
    if *path != place.entry {
        answer.note = Some(format!("{} leads there", place.entry.display()));
    } else if !place.exists {
        answer.note = Some("nothing is there now".to_owned());
    }
    Ok(answer)
}

fn exec_answer(
    program: &OsStr,
    args: &[OsString],
    request: &config::Request,
    policy: &Policy,
) -> Answer {
    let path = place::program(&request.cwd, program);
    let words: Vec<&OsStr> = args.iter().map(OsString::as_os_str).collect();
    let judged = policy.starts(&path, &words);
    let is_open = matches!(
        judged.because,
        Because::NothingAgainst | Because::Unlisted(_)
    );
    let mut subject = path.display().to_string();
    for word in &words {
        subject.push(' ');
        subject.push_str(&word.to_string_lossy());
    }
    let mut answer = Answer::new("exec", subject, judged, Vec::new());
    if is_open {
        by_files(&mut answer, &path, policy);
    }
    answer
}

/// What the rules say of names, asked of the files that they mean on this host.
fn by_files(answer: &mut Answer, path: &std::path::Path, policy: &Policy) {
    let list = programs::executables(policy, None);
    if let Some(list) = &list
        && path.exists()
    {
        if let Some(unlisted) = programs::unlisted(policy, list, path) {
            (answer.allowed, answer.reason) = (false, unlisted.reason);
            (answer.rule, answer.remedy) = (Some(unlisted.by), unlisted.remedy);
            let name = path.file_name().unwrap_or_default();
            if catalog::tool(name).is_ok_and(|tool| tool.is_some()) {
                answer.note = Some("as the command that you start yourself it runs".to_owned());
            }
            return;
        }
        (answer.allowed, answer.rule) = (true, Some(list.by.clone()));
        answer.reason = format!(
            "it is listed; only what is listed starts, because of {}",
            list.by
        );
    }
    let Ok(file) = path.canonicalize() else {
        return;
    };
    let is_it = |denied: &PathBuf| denied.canonicalize().is_ok_and(|denied| denied == file);
    let denied = programs::denied(policy);
    let whole = denied.iter().filter(|(_, rule)| rule.args.is_empty());
    if let Some((_, rule)) = whole.into_iter().find(|(denied, _)| is_it(denied)) {
        let by = &rule.origin;
        answer.allowed = false;
        answer.reason =
            format!("it is the same file as one that is denied, or a copy of it, by {by}");
        answer.rule = Some(by.clone());
    }
}

fn net_answer(text: &str, policy: &Policy) -> Result<Answer, Error> {
    let Some((host, port)) = edit::endpoint(text) else {
        return Err(Error::Question(format!("`{text}` is no HOST or HOST:PORT")));
    };
    let judged = policy.connects(&host, port);
    let speaking = policy.net.iter().filter(|rule| rule.matches(&host, port));
    let considered = speaking.map(|rule| (&rule.origin, rule.allows)).collect();
    let remedy = if judged.allowed { None } else { remedy(text) };
    let answer = Answer::new("net", format!("{host}:{port}"), judged, considered);
    Ok(Answer { remedy, ..answer })
}

/// The command that opens the network for what was asked about: the first one that would do so.
fn remedy(text: &str) -> Option<String> {
    let opens = |network, target| {
        let request = edit::Request {
            denies: false,
            subject: Subject::Net,
            items: vec![text.to_owned()],
            network,
            target,
            dry_run: true,
        };
        let outcomes = edit::run(&request).map(|done| done.outcomes);
        outcomes.is_ok_and(|all| all.iter().all(|(_, outcome)| *outcome == Outcome::Changed))
    };
    let filtered = Some(raw::Network::Filtered);
    [
        ("allow net", None, Target::Global),
        ("allow net --project", None, Target::Project),
        ("deny net --except", filtered, Target::Global),
    ]
    .into_iter()
    .find(|&(_, network, target)| opens(network, target))
    .map(|(verb, _, _)| format!("aigate {verb} {text}"))
}

fn env_answer(name: &OsStr, policy: &Policy) -> Answer {
    let judged = policy.passes(name);
    let considered = policy.env.explain(name);
    Answer::new("env", name.display().to_string(), judged, considered)
}

impl Answer {
    fn new(
        kind: &'static str,
        subject: String,
        judged: Judgement<'_>,
        considered: Vec<(&Origin, bool)>,
    ) -> Answer {
        let rule = match judged.because {
            Because::Rule(by)
            | Because::Hidden(by)
            | Because::Filtered(by)
            | Because::Unlisted(by)
            | Because::Network(by) => Some(by.clone()),
            _ => None,
        };
        let considered = considered
            .into_iter()
            .map(|(by, allows)| (by.clone(), allows))
            .collect();
        let (allowed, reason) = (judged.allowed, words(judged));
        Answer {
            kind,
            subject,
            allowed,
            reason,
            rule,
            considered,
            remedy: None,
            note: None,
        }
    }
}

/// The reason of a judgement, in words.
pub(super) fn words(judged: Judgement<'_>) -> String {
    match judged.because {
        Because::Rule(by) => format!("because of {by}"),
        Because::Hidden(by) => format!("hidden because of {by}"),
        Because::NothingAgainst => "no rule speaks against it".to_owned(),
        Because::InProject => "it lies in the project, and no rule speaks against it".to_owned(),
        Because::Private if judged.allowed => {
            "a sandbox has an empty directory of its own there; the host's stays as it is"
                .to_owned()
        }
        Because::Private => {
            "a sandbox has an empty directory of its own there, not the host's".to_owned()
        }
        Because::Copied(by) => format!(
            "a sandbox writes into a copy of its own, because of {by}; the host's stays as it is"
        ),
        Because::NotListed => {
            "only the project and what allow_write lists can be written".to_owned()
        }
        Because::Filtered(by) => format!("no rule allows it, and the network is filtered by {by}"),
        Because::Network(by) => format!("because of {by}"),
        Because::Unlisted(by) => format!("no line of allow_exec lists it, and {by}"),
        Because::OwnLoopback => {
            "a sandbox has a loopback of its own; the host's needs a rule as localhost:PORT"
                .to_owned()
        }
    }
}
