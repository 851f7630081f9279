//! Writes what happens in a run into the log, as far as the policy asks for it.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use super::audit::path;
use super::exec;
use super::refusals::{self, Notes, Refused};
use crate::audit::{self, Error, Event, Finish, Log, Usage};
use crate::egress;
use crate::engine::linux::guard::Seen;
use crate::policy::{Audit, Origin, Policy};

/// The record of one run.
#[derive(Debug, Clone)]
pub(super) struct Recorder {
    log: Option<Arc<Log>>,
    is_required: bool,
    refused: Arc<Notes>,
    started: Instant,
}

/// What could not be written down.
#[derive(Debug)]
pub struct Unrecorded {
    /// Why.
    pub error: Error,
    /// Whether the command has run all the same.
    pub has_run: bool,
}

impl fmt::Display for Unrecorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.has_run {
            "the run is not recorded"
        } else {
            "the run could not be recorded, which `audit: required` asks for; nothing was run"
        };
        write!(f, "{what}: {}", self.error)
    }
}

impl Recorder {
    /// Opens the log and writes that a run starts. An error forbids the run; what is only noted comes
    /// back beside the recorder.
    pub(super) fn start(
        policy: &Policy,
        started: &Event<'_>,
    ) -> Result<(Recorder, Option<Unrecorded>), Unrecorded> {
        let mut recorder = Recorder {
            log: None,
            is_required: policy.audit == Audit::Required,
            refused: Arc::new(Notes::new()),
            started: Instant::now(),
        };
        if policy.audit == Audit::Off {
            return Ok((recorder, None));
        }
        let path = path(&policy.home);
        match Log::open(&path).and_then(|log| written(&path, log.write(started)).map(|()| log)) {
            Ok(log) => recorder.log = Some(Arc::new(log)),
            Err(error) if recorder.is_required => {
                let has_run = false;
                return Err(Unrecorded { error, has_run });
            }
            Err(error) => {
                let has_run = true;
                return Ok((recorder, Some(Unrecorded { error, has_run })));
            }
        }
        Ok((recorder, None))
    }

    /// Writes an event of a run under way. There is nobody to tell when that fails; the end of the
    /// run will fail too and tell.
    pub(super) fn note(&self, event: &Event<'_>) {
        if let Some(log) = &self.log {
            drop(log.write(event));
        }
    }

    /// Writes how the run ended.
    pub(super) fn end(&self, finish: Finish<'_>, home: &Path) -> Option<Unrecorded> {
        let event = Event::RunEnded {
            finish,
            duration: self.started.elapsed(),
            usage: usage(),
        };
        let log = self.log.as_ref()?;
        let error = written(&path(home), log.write(&event)).err()?;
        let has_run = true;
        Some(Unrecorded { error, has_run })
    }

    /// Whether an unwritten end is an error.
    pub(super) fn is_required(&self) -> bool {
        self.is_required
    }

    /// What was refused in this run so far and a rule would open.
    pub(super) fn refused(&self) -> Vec<Refused> {
        self.refused.refused()
    }

    /// Takes what the guard over the starts of programs tells; what it refused is answered with why.
    pub(super) fn of_guard(&self, policy: &Policy, seen: &Seen<'_>) -> Option<String> {
        match *seen {
            Seen::Started { command, process } => {
                self.note(&Event::Executed { command, process });
                None
            }
            Seen::Refused {
                command,
                rule,
                is_news,
            } => {
                let what = audit::shown(command);
                if is_news {
                    self.refused_by(policy, "exec", &what, "denied", rule);
                }
                Some(format!("aigate: {}\n", exec::denied(&what, rule)))
            }
            Seen::Unmade { path, rule } => {
                self.refused.add_path(path, &policy.project);
                let (what, why) = (path.to_string_lossy(), "not there, and protected");
                self.refused_by(policy, refusals::WRITE, &what, why, rule);
                None
            }
        }
    }

    fn refused_by(&self, policy: &Policy, action: &str, what: &str, why: &str, rule: &Origin) {
        self.note(&Event::Blocked {
            refused: true,
            action,
            project: &policy.project,
            what,
            why,
            rule: Some(rule),
            repeats: 0,
        });
    }

    /// Takes what the broker tells.
    pub(super) fn of_broker(&self, project: &Path) -> egress::Sink {
        let (recorder, project) = (self.clone(), project.to_owned());
        Box::new(move |event| {
            let (what, told) = (event.endpoint(), event.to_string());
            recorder.refused.add(&event);
            recorder.note(&Event::Blocked {
                refused: event.reason.is_refusal(),
                action: refusals::NETWORK,
                project: &project,
                why: told.strip_prefix(&format!("{what}: ")).unwrap_or(&told),
                what: &what,
                rule: event.rule.as_ref(),
                repeats: event.repeats,
            });
        })
    }
}

fn written(path: &Path, result: io::Result<()>) -> Result<(), Error> {
    result.map_err(|source| Error {
        path: path.to_owned(),
        source,
    })
}

/// What all processes of the run used; the kernel adds it up as each is waited for.
fn usage() -> Usage {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else {
        return Usage::default();
    };
    let span = |time: TimeVal| {
        let seconds = Duration::from_secs(u64::try_from(time.tv_sec()).unwrap_or_default());
        seconds + Duration::from_micros(u64::try_from(time.tv_usec()).unwrap_or_default())
    };
    Usage {
        user: span(usage.user_time()),
        system: span(usage.system_time()),
        max_rss_kib: u64::try_from(usage.max_rss()).unwrap_or_default(),
    }
}
