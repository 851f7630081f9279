//! How errors and ends of runs are told: the only place that turns them into text and exit codes.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use crate::app::exec::{Error, Plan};
use crate::app::refusals::{Kind, Refused};
use crate::app::tool::{self, End};

/// aigate itself failed, as opposed to the program it was to run.
pub(super) const FAILED: u8 = 125;

/// How many refused things are told at the end of a run.
const MOST_REFUSED: usize = 5;

/// Tells an error of our own.
pub(super) fn error(error: &dyn Display) -> ExitCode {
    failed(error, FAILED)
}

pub(super) fn failed(error: &dyn Display, code: u8) -> ExitCode {
    eprintln!("aigate: {error}");
    ExitCode::from(code)
}

/// Prints what a command that runs nothing has to say.
pub(super) fn done<E: Display>(result: Result<String, E>) -> ExitCode {
    told(result.map(|text| (text, true)))
}

/// The same for what looks at something: exit code 1 if it is not well.
pub(super) fn told<E: Display>(result: Result<(String, bool), E>) -> ExitCode {
    match result {
        Ok((text, well)) => {
            // A reader that went away is no error.
            _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::from(u8::from(!well))
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
            let (network, unmade): (Vec<_>, Vec<_>) = end
                .refused
                .into_iter()
                .partition(|one| one.kind == Kind::Network);
            refused("refused on the network", &network);
            if let Some(preset) = end.preset {
                eprintln!(
                    "  or all that {preset} downloads from: aigate allow net --preset {preset}"
                );
            }
            refused("not made, because it is protected", &unmade);
            end.exit.imitate()
        }
        Err(error) => failed(&error, error.exit_code()),
    }
}

/// Tells what was refused, and what allows it.
fn refused(how: &str, all: &[Refused]) {
    let Some(first) = all.first() else {
        return;
    };
    let (told, more) = all.split_at(all.len().min(MOST_REFUSED));
    let whats: Vec<&str> = told.iter().map(|refused| refused.what.as_str()).collect();
    let rules = told.iter().map(|refused| refused.rule.as_str());
    let more = match more.len() {
        0 => String::new(),
        count => format!(" and {count} more (see `aigate status`)"),
    };
    eprintln!(
        "aigate: {how}: {}{more}\n  to allow {}: aigate allow {} {}",
        whats.join(", "),
        if told.len() == 1 { "it" } else { "them" },
        first.kind.word(),
        shell_words::join(rules),
    );
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
