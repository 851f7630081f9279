//! One event as JSON. Names of members are part of the product: see `docs/audit.md`.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::argv;
use crate::policy::Origin;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    /// A command starts.
    RunStarted {
        /// The program and its arguments.
        command: &'a [OsString],
        /// Where it starts.
        cwd: &'a Path,
        /// What it may change.
        project: &'a Path,
        /// The tool or profile by name.
        profile: Option<&'a str>,
    },
    /// A command was started without the sandbox, by a person at a terminal.
    Bypassed {
        /// The program and its arguments.
        command: &'a [OsString],
        /// Where it starts.
        cwd: &'a Path,
    },
    /// Something was refused, or could not be done.
    Blocked {
        /// Whether a rule refused it; otherwise it failed by itself.
        refused: bool,
        /// `exec` or `net`.
        action: &'a str,
        /// Where the rules come from.
        project: &'a Path,
        /// What was asked for.
        what: &'a str,
        /// What a person can do or should know.
        why: &'a str,
        /// The line that refused it.
        rule: Option<&'a Origin>,
        /// How often it happened again since it was last told.
        repeats: u32,
    },
    /// A ceiling of the policy is not enforced as it was asked for.
    Unenforced {
        /// Which one.
        limit: &'a str,
        /// What holds instead, and why.
        why: &'a str,
        /// The line that asks for it.
        rule: &'a Origin,
    },
    /// A command was started inside.
    Executed {
        /// The program and its arguments.
        command: &'a [OsString],
        /// Its process, as the host sees it.
        process: i32,
    },
    /// Secrets were replaced in the output.
    Redacted {
        /// The line that asked for it.
        rule: &'a Origin,
        /// `stdout`, `stderr` or `terminal`.
        stream: &'a str,
        /// How many.
        count: u64,
    },
    /// A file of the policy changed while a command runs.
    PolicyChanged {
        /// Whether the new policy could be read; otherwise the old one goes on.
        readable: bool,
    },
    /// The command ended, or could not be started.
    RunEnded {
        /// How.
        finish: Finish<'a>,
        /// After how long.
        duration: Duration,
        /// What it used.
        usage: Usage,
    },
}

/// How a run ended.
#[derive(Debug, Clone, Copy)]
pub enum Finish<'a> {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It was never started, for this reason.
    Failed(&'a str),
}

/// What the processes of a run used together.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Time on processors in their own code.
    pub user: Duration,
    /// Time on processors in the kernel.
    pub system: Duration,
    /// The largest of them, in KiB.
    pub max_rss_kib: u64,
}

impl Event<'_> {
    /// The name in the `event` member.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Event::RunStarted { .. } => "run_started",
            Event::Bypassed { .. } => "bypassed",
            Event::Blocked { refused: true, .. } => "blocked",
            Event::Blocked { refused: false, .. } => "failed",
            Event::Unenforced { .. } => "unenforced",
            Event::Executed { .. } => "executed",
            Event::Redacted { .. } => "redacted",
            Event::PolicyChanged { .. } => "policy_changed",
            Event::RunEnded { .. } => "run_ended",
        }
    }

    /// Adds the members of this event.
    pub(super) fn describe(&self, line: &mut Map<String, Value>) {
        let members = match self {
            Event::RunStarted {
                command,
                cwd,
                project,
                profile,
            } => json!({
                "command": argv::clean(command),
                "cwd": cwd.to_string_lossy(),
                "project": project.to_string_lossy(),
                "profile": profile,
                "version": env!("CARGO_PKG_VERSION"),
            }),
            Event::Bypassed { command, cwd } => json!({
                "command": argv::clean(command),
                "cwd": cwd.to_string_lossy(),
            }),
            Event::Blocked {
                refused: _,
                action,
                project,
                what,
                why,
                rule,
                repeats,
            } => json!({
                "action": action,
                "project": project.to_string_lossy(),
                "what": what,
                "why": why,
                "rule": rule.map(origin),
                "repeats": repeats,
            }),
            Event::Unenforced { limit, why, rule } => {
                json!({ "limit": limit, "why": why, "rule": origin(rule) })
            }
            Event::Executed { command, process } => json!({
                "command": argv::clean(command),
                "process": process,
            }),
            Event::Redacted {
                rule,
                stream,
                count,
            } => json!({ "stream": stream, "count": count, "rule": origin(rule) }),
            Event::PolicyChanged { readable } => json!({ "readable": readable }),
            Event::RunEnded {
                finish,
                duration,
                usage,
            } => ended(*finish, *duration, *usage),
        };
        if let Value::Object(members) = members {
            line.extend(members.into_iter().filter(|(_, value)| !value.is_null()));
        }
    }
}

fn ended(finish: Finish<'_>, duration: Duration, usage: Usage) -> Value {
    let (code, signal, error) = match finish {
        Finish::Code(code) => (Some(code), None, None),
        Finish::Signal(signal) => (None, Some(signal), None),
        Finish::Failed(why) => (None, None, Some(why)),
    };
    json!({
        "code": code,
        "signal": signal,
        "error": error,
        "duration_ms": milliseconds(duration),
        "user_ms": milliseconds(usage.user),
        "system_ms": milliseconds(usage.system),
        "max_rss_kib": usage.max_rss_kib,
    })
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn origin(origin: &Origin) -> Value {
    let mut rule = json!({ "text": origin.text, "layer": origin.layer.word() });
    if let Some(file) = &origin.file {
        rule["file"] = file.to_string_lossy().into();
        rule["line"] = origin.line.into();
    }
    rule
}
