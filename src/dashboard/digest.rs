//! What the log says as a whole: counts, the latest runs, refusals by rule. Read once from the
//! beginning, then kept up with what is added. Its size is bounded, whatever the log holds.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::history::shortened;
use crate::audit::{Files, Follow, Lines, Record};

/// How often the log is looked at.
const EVERY: Duration = Duration::from_millis(200);
/// The latest runs that are kept.
const RUNS: usize = 200;
/// Rules that are kept apart; what is refused by more is counted together.
const RULES: usize = 200;
/// Different things asked for that are kept for each rule.
const ASKED: usize = 20;

/// The counts so far.
#[derive(Debug, Default)]
pub struct Digest(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_complete: bool,
    problem: Option<String>,
    first: String,
    counts: BTreeMap<&'static str, u64>,
    rules: BTreeMap<[String; 3], Rule>,
    runs: VecDeque<Run>,
}

/// What one line of the rules refused.
#[derive(Debug, Default)]
struct Rule {
    action: String,
    count: u64,
    last: String,
    /// Latest last.
    asked: VecDeque<Asked>,
    left_out: u64,
}

/// One thing that was asked for in one project.
#[derive(Debug)]
struct Asked {
    what: String,
    project: String,
    why: String,
    allow: Option<String>,
    count: u64,
    last: String,
}

#[derive(Debug)]
struct Run {
    session: String,
    started: String,
    command: String,
    project: String,
    profile: String,
    refused: u64,
    redacted: u64,
    end: Option<String>,
    /// Whether it ended with exit code 0.
    is_good: bool,
    duration_ms: Option<u64>,
}

impl Digest {
    /// Reads the log and stays with it.
    pub(super) fn keep(&self, log: &Path) {
        loop {
            let Err(error) = self.read(log);
            self.state().problem = Some(format!("{}: {error}", log.display()));
            thread::sleep(Duration::from_secs(2));
            *self.state() = State::default();
        }
    }

    fn read(&self, log: &Path) -> io::Result<std::convert::Infallible> {
        let mut follow = Follow::from_end(log)?;
        let files = Files::of(log).open()?;
        for file in follow.before(files)? {
            Lines::of(file).for_each(|record| self.state().add(&record));
        }
        self.state().is_complete = true;
        loop {
            let added = follow.added()?;
            if added.is_empty() {
                thread::sleep(EVERY);
            }
            Lines::of(added.as_slice()).for_each(|record| self.state().add(&record));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known now.
    pub(super) fn summary(&self) -> Value {
        let state = self.state();
        let mut rules: Vec<_> = state.rules.iter().collect();
        rules.sort_by(|(_, a), (_, b)| b.last.cmp(&a.last));
        let rules = rules.into_iter().map(|([text, layer, place], rule)| {
            let asked = rule.asked.iter().rev().map(Asked::as_json);
            json!({
                "rule": text, "layer": layer, "place": place, "action": rule.action,
                "count": rule.count, "last": rule.last, "left_out": rule.left_out,
                "asked": asked.collect::<Vec<_>>(),
            })
        });
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "complete": state.is_complete,
            "problem": state.problem,
            "first": state.first,
            "counts": state.counts,
            "rules": rules.collect::<Vec<_>>(),
            "runs": state.runs.iter().rev().map(Run::as_json).collect::<Vec<_>>(),
        })
    }
}

impl State {
    fn add(&mut self, record: &Record) {
        if self.first.is_empty() {
            record.time().clone_into(&mut self.first);
        }
        self.count("events", 1);
        match record.kind() {
            "run_started" => {
                self.count("runs", 1);
                self.start(record);
            }
            "run_ended" => {
                if let Some(run) = self.run(record) {
                    run.finish(record);
                }
            }
            "blocked" => {
                let times = 1 + record.event()["repeats"].as_u64().unwrap_or_default();
                self.count("refused", times);
                if let Some(run) = self.run(record) {
                    run.refused += times;
                }
                self.refuse(record, times);
            }
            "redacted" => {
                let times = record.event()["count"].as_u64().unwrap_or_default();
                self.count("redacted", times);
                if let Some(run) = self.run(record) {
                    run.redacted += times;
                }
            }
            "bypassed" => self.count("bypassed", 1),
            "failed" => self.count("failed", 1),
            "unreadable" => self.count("unreadable", 1),
            _ => {}
        }
    }

    fn count(&mut self, name: &'static str, times: u64) {
        *self.counts.entry(name).or_default() += times;
    }

    fn run(&mut self, record: &Record) -> Option<&mut Run> {
        let session = record.word("session");
        self.runs
            .iter_mut()
            .rev()
            .find(|run| run.session == session)
    }

    fn start(&mut self, record: &Record) {
        if self.runs.len() >= RUNS {
            self.runs.pop_front();
        }
        self.runs.push_back(Run {
            session: shortened(record.word("session")),
            started: shortened(record.time()),
            command: shortened(&record.command()),
            project: shortened(record.word("project")),
            profile: shortened(record.word("profile")),
            refused: 0,
            redacted: 0,
            end: None,
            is_good: false,
            duration_ms: None,
        });
    }

    fn refuse(&mut self, record: &Record, times: u64) {
        let mut key = key(record);
        if self.rules.len() >= RULES && !self.rules.contains_key(&key) {
            key = ["(more rules)", "", ""].map(str::to_owned);
        }
        let rule = self.rules.entry(key).or_default();
        record.word("action").clone_into(&mut rule.action);
        rule.count += times;
        record.time().clone_into(&mut rule.last);
        let [what, project] = ["what", "project"].map(|member| shortened(record.word(member)));
        let is_same = |asked: &Asked| asked.what == what && asked.project == project;
        let known = rule
            .asked
            .iter()
            .position(is_same)
            .and_then(|at| rule.asked.remove(at));
        let before = known.map_or(0, |asked| asked.count);
        if rule.asked.len() >= ASKED {
            let oldest = rule.asked.pop_front();
            rule.left_out += oldest.map_or(0, |asked| asked.count);
        }
        rule.asked.push_back(Asked {
            what,
            project,
            why: shortened(record.word("why")),
            allow: allow(record),
            count: before + times,
            last: shortened(record.time()),
        });
    }
}

/// The rule that refused: its text, its layer, and its place if it has one.
fn key(record: &Record) -> [String; 3] {
    let rule = &record.event()["rule"];
    let word = |member: &str| rule[member].as_str().map(shortened).unwrap_or_default();
    match rule["text"].as_str() {
        None => ["no rule allows it", "", ""].map(str::to_owned),
        Some(_) => {
            let file = word("file");
            let place = if file.is_empty() {
                file
            } else {
                format!("{file}:{}", rule["line"])
            };
            [word("text"), word("layer"), place]
        }
    }
}

/// The command that allows what was refused, to be typed in its project; none where no command does.
///
/// What was asked for comes from a sandbox, and a person may paste this into a shell: only the plain
/// characters of a host get that far.
fn allow(record: &Record) -> Option<String> {
    let rule = &record.event()["rule"];
    let is_pinned = rule["layer"]
        .as_str()
        .is_some_and(|layer| ["core", "managed"].contains(&layer));
    if is_pinned {
        return None;
    }
    match record.word("action") {
        "net" => {
            let why = record.word("why");
            // What was asked for may differ from what must be named: an address behind a name.
            let named = why.rsplit_once("aigate allow net ").map(|(_, host)| host);
            let denied = why.starts_with("denied").then(|| record.word("what"));
            let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
            let host = named.or(denied)?;
            let is_host = host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
                && host.chars().all(plain);
            let project = if rule.is_object() { "--project " } else { "" };
            is_host.then(|| format!("aigate allow net {project}{}", shell_words::quote(host)))
        }
        "exec" => {
            let text = rule["text"]
                .as_str()
                .filter(|text| !text.chars().any(char::is_control))?;
            Some(format!("aigate allow exec {}", shell_words::quote(text)))
        }
        _ => None,
    }
}

impl Asked {
    fn as_json(&self) -> Value {
        json!({
            "what": self.what, "project": self.project, "why": self.why, "allow": self.allow,
            "count": self.count, "last": self.last,
        })
    }
}

impl Run {
    fn finish(&mut self, record: &Record) {
        let event = record.event();
        self.is_good = event["code"] == 0;
        self.duration_ms = event["duration_ms"].as_u64();
        self.end = Some(match (event["code"].as_i64(), event["signal"].as_i64()) {
            (Some(code), _) => format!("exit code {code}"),
            (_, Some(signal)) => format!("signal {signal}"),
            _ => format!("not started: {}", shortened(record.word("error"))),
        });
    }

    fn as_json(&self) -> Value {
        json!({
            "session": self.session, "started": self.started, "command": self.command,
            "project": self.project, "profile": self.profile, "refused": self.refused,
            "redacted": self.redacted, "end": self.end, "good": self.is_good,
            "duration_ms": self.duration_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(state: &mut State, event: Value) {
        state.add(&Record::parse(event.to_string().as_bytes()));
    }

    fn refusal(what: &str, why: &str, rule: Value) -> Value {
        json!({"time": "2026-01-02T03:04:05.000Z", "session": "s", "event": "blocked", "action": "net",
            "project": "/p", "what": what, "why": why, "rule": rule, "repeats": 2})
    }

    #[test]
    fn the_size_is_bounded_whatever_comes() {
        let mut state = State::default();
        for number in 0..2000 {
            let text = format!("{number}-{}", "x".repeat(5000));
            let rule = json!({"text": text, "layer": "user", "file": text, "line": number});
            add(&mut state, refusal(&text, &text, rule));
            add(&mut state, refusal(&text, &text, Value::Null));
            add(
                &mut state,
                json!({"time": "t", "session": text, "event": "run_started", "command": [text]}),
            );
        }
        assert_eq!(state.rules.len(), RULES + 1);
        assert!(state.rules.values().all(|rule| rule.asked.len() <= ASKED));
        assert_eq!(state.runs.len(), RUNS);
        assert_eq!(state.counts["refused"], 2 * 2000 * 3);
        let total: u64 = state.rules.values().map(|rule| rule.count).sum();
        assert_eq!(total, 2 * 2000 * 3, "nothing is uncounted");
        let none = &state.rules[&["no rule allows it", "", ""].map(str::to_owned)];
        let listed: u64 = none.asked.iter().map(|asked| asked.count).sum();
        assert_eq!(listed + none.left_out, 2000 * 3);
    }

    #[test]
    fn what_is_to_be_pasted_is_what_allows_it_and_nothing_else() {
        let said = |what: &str, why: &str, rule: Value| {
            allow(&Record::parse(
                refusal(what, why, rule).to_string().as_bytes(),
            ))
        };
        let listed = |host: &str| format!("not in allow_net; to allow it: aigate allow net {host}");
        let why = listed("a.example:443");
        assert_eq!(
            said("a.example:443", &why, Value::Null).unwrap(),
            "aigate allow net a.example:443"
        );
        let of =
            |layer: &str| json!({"text": "a.example", "layer": layer, "file": "/f", "line": 1});
        let project = said("a.example:443", "denied by x", of("user"));
        assert_eq!(project.unwrap(), "aigate allow net --project a.example:443");
        assert_eq!(said("a.example:443", "denied by x", of("managed")), None);
        assert_eq!(said("a.example", "UDP is not carried", Value::Null), None);
        for host in [
            "x;reboot",
            "$(reboot)",
            "--all",
            "a b",
            "a\nb",
            "`x`",
            "é.example",
            "",
        ] {
            assert_eq!(said(host, &listed(host), Value::Null), None, "{host}");
        }
    }
}
