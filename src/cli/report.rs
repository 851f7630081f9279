//! How errors and ends of runs are told: the only place that turns them into text and exit codes.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use crate::app::exec::{Error, Plan};
use crate::app::refusals::Refused;
use crate::app::tool::{self, End};

/// aigate itself failed, as opposed to the program it was to run.
pub(super) const FAILED: u8 = 125;

/// How many refused hosts are told at the end of a run.
const MOST_REFUSED: usize = 5;

/// Tells an error of our own.
pub(super) fn error(error: &dyn Display) -> ExitCode {
    failed(error, FAILED)
}

pub(super) fn failed(error: &dyn Display, code: u8) -> ExitCode {
    eprintln!("aigate: {error}");
    ExitCode::from(code)
}

/// Prints what a command that runs nothing has to say. A reader that went away is no error.
pub(super) fn done<E: Display>(result: Result<String, E>) -> ExitCode {
    match result {
        Ok(text) => {
            _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(why) => error(&why),
    }
}

/// Tells whoever asked that the shim is there.
pub(super) fn answer(answer: &OsStr) -> ExitCode {
    println!("{}", answer.display());
    ExitCode::SUCCESS
}

/// Ends as the sandboxed command ended.
pub(super) fn ended(result: Result<End, tool::Error>) -> ExitCode {
    match result {
        Ok(end) => {
            if let Some(left) = end.left {
                eprintln!("aigate: kept inside only: {left}");
            }
            if let Some(unrecorded) = end.unrecorded {
                eprintln!("aigate: {unrecorded}");
            }
            if !end.refused.is_empty() {
                refused(&end.refused, end.preset.as_deref());
            }
            end.exit.imitate()
        }
        Err(error) => failed(&error, error.exit_code()),
    }
}

/// Tells what the network refused, and what allows it.
fn refused(all: &[Refused], preset: Option<&str>) {
    let (told, more) = all.split_at(all.len().min(MOST_REFUSED));
    let list = |of: fn(&Refused) -> &str, between: &str| {
        let words: Vec<&str> = told.iter().map(of).collect();
        words.join(between)
    };
    let more = match more.len() {
        0 => String::new(),
        count => format!(" and {count} more (see `aigate status`)"),
    };
    eprintln!(
        "aigate: refused on the network: {}{more}\n  to allow {}: aigate allow net {}",
        list(|refused| &refused.what, ", "),
        if told.len() == 1 { "it" } else { "them" },
        list(|refused| &refused.rule, " "),
    );
    if let Some(preset) = preset {
        eprintln!("  or all that {preset} downloads from: aigate allow net --preset {preset}");
    }
}

/// Prints the steps of a run that was only planned.
pub(super) fn dry_run(result: Result<Plan, Error>) -> ExitCode {
    match result {
        Ok(plan) => {
            print!("{plan}");
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error, error.exit_code()),
    }
}
