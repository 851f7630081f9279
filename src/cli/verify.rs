//! `aigate verify`: attack the sandbox from inside and tell what was refused.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use nix::errno::Errno;
use serde_json::{Value, json};

use super::{json, report};
use crate::app::tool::{self, End};
use crate::app::verify::{self, Attempt, Report, Request, Verdict};

/// Attack the sandbox of this project from inside, and say what was refused
///
/// Starts this program in the sandbox and lets it try to read what is hidden, to write what is
/// protected, and to reach the processes, sockets, network and kernel of this machine. Each attack
/// is tried outside too, where it must work. Nothing is changed. Exit code 0: nothing was reached;
/// 1: something was; 125: nothing could be said.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Try to read these as well, which no rule need hide
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print JSON, with every single attack
    #[arg(long)]
    json: bool,
    /// Verify the sandbox of this tool, or of this name under `profiles:`
    #[arg(long, short, value_name = "NAME")]
    profile: Option<String>,
    /// What is run twice: reads attacks and tries them
    #[arg(long, hide = true, conflicts_with_all = ["confined", "victim", "json"])]
    attack: bool,
    /// Runs the attacks in the sandbox
    #[arg(long, hide = true)]
    confined: bool,
    /// What is aimed at
    #[arg(long, hide = true)]
    victim: bool,
}

/// Something was reached.
const REACHED: u8 = 1;

impl Verify {
    pub(super) fn run(self) -> ExitCode {
        if self.attack {
            return part(verify::attack(io::stdin(), io::stdout()));
        }
        if self.victim {
            return part(verify::victim(io::stdin(), io::stdout()));
        }
        if self.confined {
            let run = verify::confined(self.profile.as_deref());
            let end = run.map(|ended| End {
                exit: ended.exit,
                left: None,
                unrecorded: ended.unrecorded,
                // That was the point.
                refused: Vec::new(),
                preset: None,
            });
            return report::ended(end.map_err(tool::Error::Exec));
        }
        let request = Request {
            profile: self.profile,
            files: self.files,
        };
        let report = match verify::run(&request) {
            Ok(report) => report,
            Err(error) => return report::error(&error),
        };
        let text = if self.json {
            json::line(&as_json(&report))
        } else {
            as_text(&report)
        };
        // A reader that went away is no error.
        _ = io::stdout().write_all(text.as_bytes());
        if report.holds() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(REACHED)
        }
    }
}

fn part(result: io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::error(&error),
    }
}

/// The word of a verdict, in one column.
fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Reached(_) => "REACHED",
        Verdict::Refused(_) => "refused",
        Verdict::Open(_) => "open",
        Verdict::NotShown { .. } => "not shown",
    }
}

fn as_text(report: &Report) -> String {
    let mut text = format!("The sandbox of {}\n", report.project.display());
    let mut rest = report.attempts.as_slice();
    while let Some(first) = rest.first() {
        // The attempts of one attack follow one another.
        let same = |attempt: &&Attempt| attempt.attack == first.attack;
        let (group, others) = rest.split_at(rest.iter().take_while(same).count());
        lines(group, &mut text);
        rest = others;
    }
    // Writing to a string does not fail.
    for omission in &report.omitted {
        _ = writeln!(text, "not tried  {}: {}", omission.what, omission.why);
    }
    _ = writeln!(text, "{}", summary(report));
    text
}

/// One attack: a line for what was reached or is open, each; one for all refusals; one for what
/// showed nothing.
fn lines(group: &[Attempt], text: &mut String) {
    let mut refused: Vec<(&str, Errno)> = Vec::new();
    let mut unshown: Vec<(&str, Errno)> = Vec::new();
    for attempt in group {
        match &attempt.verdict {
            Verdict::Reached(why) | Verdict::Open(why) => {
                let (verdict, attack) = (word(&attempt.verdict), &attempt.attack);
                _ = writeln!(text, "{verdict:9}  {attack}: {}: {why}", attempt.target);
            }
            Verdict::Refused(errno) => refused.push((&attempt.target, *errno)),
            Verdict::NotShown { outside, .. } => unshown.push((&attempt.target, *outside)),
        }
    }
    let Some(attack) = group.first().map(|attempt| &attempt.attack) else {
        return;
    };
    if !refused.is_empty() {
        let targets = targets(&refused);
        _ = writeln!(text, "refused    {attack}: {targets}: {}", names(&refused));
    }
    if !unshown.is_empty() {
        let targets = targets(&unshown);
        let names = names(&unshown);
        _ = writeln!(
            text,
            "not shown  {attack}: {targets}: refused to this user outside too ({names})"
        );
    }
}

fn targets(group: &[(&str, Errno)]) -> String {
    match group {
        [(only, _)] => (*only).to_owned(),
        [(first, _), others @ ..] => format!("{first} and {} more", others.len()),
        [] => String::new(),
    }
}

/// `EACCES`, or with how often: `EACCES 3, ENOENT 1`.
fn names(group: &[(&str, Errno)]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, errno) in group {
        *counts.entry(name(*errno)).or_default() += 1;
    }
    if counts.len() == 1 {
        return counts.into_keys().collect();
    }
    let counts = counts
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect::<Vec<_>>();
    counts.join(", ")
}

fn name(errno: Errno) -> String {
    format!("{errno:?}")
}

fn summary(report: &Report) -> String {
    let reached = report.count(|verdict| matches!(verdict, Verdict::Reached(_)));
    let refused = report.count(|verdict| matches!(verdict, Verdict::Refused(_)));
    let open = report.count(|verdict| matches!(verdict, Verdict::Open(_)));
    let unshown = report.count(|verdict| matches!(verdict, Verdict::NotShown { .. }));
    let word = if reached == 0 {
        "holds"
    } else {
        "DOES NOT HOLD"
    };
    format!(
        "The sandbox {word}: {refused} attacks refused, {reached} reached, {open} open by policy, \
         {unshown} not shown, in {:.2} s",
        report.took.as_secs_f64()
    )
}

fn as_json(report: &Report) -> Value {
    let attempts = report.attempts.iter().map(|attempt| {
        let mut value = json!({
            "attack": attempt.attack,
            "target": attempt.target,
            "verdict": word(&attempt.verdict).to_lowercase(),
        });
        match &attempt.verdict {
            Verdict::Reached(why) | Verdict::Open(why) => value["why"] = json!(why),
            Verdict::Refused(errno) => value["errno"] = json!(name(*errno)),
            Verdict::NotShown { inside, outside } => {
                value["errno"] = json!(name(*inside));
                value["outside"] = json!(name(*outside));
            }
        }
        value
    });
    let omitted = report.omitted.iter();
    let omitted = omitted.map(|omission| json!({"what": omission.what, "why": omission.why}));
    json!({
        "project": report.project.display().to_string(),
        "holds": report.holds(),
        "seconds": report.took.as_secs_f64(),
        "attacks": attempts.collect::<Vec<_>>(),
        "not_tried": omitted.collect::<Vec<_>>(),
    })
}
