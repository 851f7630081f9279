//! `aigate audit`: what happened.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::report;
use crate::app::audit::{self, Error, Query};
use crate::audit::{Record, Time};

/// Show what happened in the sandbox: starts, refusals, redactions, ends
///
/// Reads ~/.aigate/audit.jsonl, which no sandbox can see. Shows the last 100 lines unless told
/// otherwise.
#[derive(Debug, Args)]
pub(super) struct Audit {
    /// Go on with what happens from now on
    #[arg(long, short)]
    follow: bool,
    /// Print the events as they are written: one JSON object a line
    #[arg(long)]
    json: bool,
    /// Only what is not older: a time (2026-01-02, 2026-01-02T03:04, in UTC) or a span (10m, 2h, 3d)
    #[arg(long, value_name = "WHEN", value_parser = when)]
    since: Option<Time>,
    /// Only this run, by the start of its session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Only events of this kind, as `blocked`
    #[arg(long, value_name = "KIND")]
    event: Option<String>,
    /// At most so many lines from the end
    #[arg(
        long,
        short = 'n',
        value_name = "N",
        default_value_t = 100,
        conflicts_with = "since"
    )]
    lines: usize,
}

impl Audit {
    pub(super) fn run(self) -> ExitCode {
        let query = Query {
            since: self.since,
            session: self.session,
            event: self.event,
            last: self.lines,
            follow: self.follow,
        };
        let mut out = io::BufWriter::new(io::stdout().lock());
        let mut show = |record: &Record| {
            if self.json {
                writeln!(out, "{}", record.text())?;
            } else {
                writeln!(out, "{}", record.sentence())?;
            }
            if self.follow { out.flush() } else { Ok(()) }
        };
        let shown = audit::show(&query, &mut show).and_then(|()| {
            out.flush()
                .map_err(|error| Error::Read("standard output".into(), error))
        });
        match shown {
            Ok(()) => ExitCode::SUCCESS,
            // Whoever read us has seen enough.
            Err(Error::Read(_, error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                ExitCode::SUCCESS
            }
            Err(error) => report::error(&error),
        }
    }
}

fn when(text: &str) -> Result<Time, String> {
    let span = text
        .char_indices()
        .next_back()
        .and_then(|(at, unit)| Some((text[..at].parse::<u64>().ok()?, unit)));
    let unit = |unit| match unit {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3600),
        'd' => Some(86_400),
        'w' => Some(7 * 86_400),
        _ => None,
    };
    let span = span.and_then(|(count, letter)| count.checked_mul(unit(letter)?));
    match span {
        Some(seconds) => Ok(Time::now().before(Duration::from_secs(seconds))),
        None => Time::parse(text).ok_or_else(|| {
            "expected a span as 10m, 2h or 3d, or a time as 2026-01-02T03:04".to_owned()
        }),
    }
}
