//! `aigate shim`: guard tools by name.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::report;
use crate::app::shim::{
    Change, Check, Error, Item, Listed, Outcome, State, User, Verdict, Verified, Wanted,
};

/// Guard tools by name: typing `claude` starts it in the sandbox
#[derive(Debug, Args)]
pub(super) struct Shim {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the shims of the named tools, or of every known tool that is installed
    Install {
        /// Tools, as in `aigate shim list`
        tools: Vec<String>,
        /// Also for a tool that is not installed yet
        #[arg(long)]
        pre: bool,
        /// Leave the startup files of the shells alone
        #[arg(long)]
        no_shell: bool,
        /// Also let the entries of the desktop's menu start the shims
        #[arg(long)]
        desktop: bool,
    },
    /// Show every known tool, its shim and the program behind it
    List {
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Tell whether everything that was installed is whole; exit code 1 if not
    Status {
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Ask every shell what it would start; exit code 1 if that is not the shim
    Verify,
    /// Make everything whole that was installed
    Repair,
    /// Take away the named shims, or everything that `install` made
    Uninstall {
        /// Tools, as in `aigate shim list`
        tools: Vec<String>,
        /// Everything, which is what happens without names too
        #[arg(long, conflicts_with = "tools")]
        all: bool,
    },
    /// Show the program behind a shim
    Which {
        /// A tool
        tool: String,
    },
}

/// Keeps the copy that the shims start as new as this program.
pub(super) fn follow_upgrade() {
    if let Ok(user) = User::of_this_process() {
        user.follow_upgrade();
    }
}

/// What is printed, and whether all is well.
type Told = Result<(String, bool), Error>;

impl Shim {
    pub(super) fn run(self) -> ExitCode {
        report::told(self.told())
    }

    fn told(self) -> Told {
        let user = User::of_this_process()?;
        let text = match self.command {
            Command::Install {
                tools,
                pre,
                no_shell,
                desktop,
            } => {
                let shells = !no_shell;
                install(&user, &tools, pre, Wanted { shells, desktop })?
            }
            Command::List { json: false } => table(&user.list()?),
            Command::List { json: true } => json(&user.list()?, &[]),
            Command::Uninstall { tools, .. } => uninstall(&user, &tools)?,
            Command::Which { tool } => which(&user, &tool)?,
            Command::Repair => repair(&user)?,
            Command::Status { json } => return status(&user, json),
            Command::Verify => {
                let verified = user.verify();
                return Ok((verification(&verified), verified.is_good()));
            }
        };
        Ok((text, true))
    }
}

fn status(user: &User, as_json: bool) -> Told {
    let (tools, problems) = (user.list()?, user.problems());
    let well = problems.is_empty();
    if as_json {
        return Ok((json(&tools, &problems), well));
    }
    let mut text = table(&tools);
    list_problems(&mut text, &problems);
    if !user.shims_come_first() {
        text.push_str("This shell does not meet the shims first; see `aigate shim verify`\n");
    }
    Ok((text, well))
}

fn list_problems(text: &mut String, problems: &[String]) {
    for problem in problems {
        _ = writeln!(text, "! {problem}");
    }
    if !problems.is_empty() {
        text.push_str("Repair with: aigate shim repair\n");
    }
}

fn json(tools: &[Listed], problems: &[String]) -> String {
    let one = |tool: &Listed| {
        let shim = match &tool.shim {
            State::Whole => "guarded",
            State::Missing => "none",
            State::Changed(_) => "broken",
        };
        serde_json::json!({
            "command": tool.command,
            "product": tool.product,
            "shim": shim,
            "program": tool.program,
        })
    };
    let tools: Vec<_> = tools.iter().map(one).collect();
    format!(
        "{:#}\n",
        serde_json::json!({ "tools": tools, "problems": problems })
    )
}

fn which(user: &User, tool: &str) -> Result<String, Error> {
    let mut text = String::new();
    for (entry, real) in user.which(tool)? {
        _ = match entry == real {
            true => writeln!(text, "{}", entry.display()),
            false => writeln!(text, "{} -> {}", entry.display(), real.display()),
        };
    }
    Ok(text)
}

fn repair(user: &User) -> Result<String, Error> {
    let text = changed(&user.repair()?, "repaired");
    Ok(if text.is_empty() {
        "Nothing to repair.\n".into()
    } else {
        text
    })
}

fn verification(verified: &Verified) -> String {
    let mut text = String::new();
    list_problems(&mut text, &verified.problems);
    for (tool, answers) in &verified.answering {
        let says = if *answers {
            "the shim answers"
        } else {
            "the shim does NOT answer"
        };
        _ = writeln!(text, "{tool:<14} {says}");
    }
    for check in &verified.checks {
        let Check {
            shell,
            mode,
            tool,
            verdict,
        } = check;
        let how = format!("{} {mode}", shell.command());
        _ = writeln!(text, "{how:<10} {tool:<14} {}", in_words(verdict));
    }
    if !verified.checks.is_empty() {
        text.push_str(
            "Not covered: absolute paths, editors that bring their own copy, cron, sudo, npx, and\n\
             shells that are already open (hash -r).\n",
        );
    }
    text
}

fn in_words(verdict: &Verdict) -> String {
    let at = |place: &Option<_>| match place {
        Some(place) => format!(", by {place}"),
        None => String::new(),
    };
    match verdict {
        Verdict::Ours => "guarded".into(),
        Verdict::OursAtPrompt(path) => {
            format!(
                "guarded from the first prompt on; before it {}",
                path.display()
            )
        }
        Verdict::Shadowed(path, place) => {
            format!("NOT guarded: {} comes first{}", path.display(), at(place))
        }
        Verdict::Alias(alias, place) => format!("NOT guarded: an alias{}: {alias}", at(place)),
        Verdict::Function(place) => format!("NOT guarded: a function{}", at(place)),
        Verdict::Nothing => "NOT found".into(),
        Verdict::Silent => "the shell did not answer within 10 s".into(),
    }
}

fn install(user: &User, tools: &[String], pre: bool, wanted: Wanted) -> Result<String, Error> {
    let changes = user.install(tools, pre, wanted)?;
    let mut text = changed(&changes, "made");
    if text.is_empty() {
        text.push_str("Nothing to do.\n");
    }
    if !user.shims_come_first() {
        let how = if wanted.shells {
            "Open a new shell, or in this one"
        } else {
            "Put the shims first on PATH"
        };
        _ = writeln!(text, "{how}:\n  {}", user.first_in_this_shell());
    }
    Ok(text)
}

/// What people want to know: their own files, and what was left alone.
pub(super) fn changed(changes: &[Change], verb: &str) -> String {
    let mut text = String::new();
    for (item, outcome) in changes {
        let path = item.path().display();
        match (item, outcome) {
            (Item::Directory { .. }, _) | (_, Outcome::Unchanged) => {}
            (Item::Lines { .. }, Outcome::Done) => _ = writeln!(text, "{verb} our line in {path}"),
            (_, Outcome::Done) => _ = writeln!(text, "{verb} {path}"),
            (_, Outcome::Left(why)) => _ = writeln!(text, "left {path} alone: {why}"),
        }
    }
    text
}

fn uninstall(user: &User, tools: &[String]) -> Result<String, Error> {
    let mut text = changed(&user.uninstall(tools)?, "removed");
    text.push_str(if text.is_empty() {
        "Nothing is installed.\n"
    } else {
        "Open shells may remember the old path: hash -r\n"
    });
    Ok(text)
}

fn table(tools: &[Listed]) -> String {
    let mut text = String::new();
    for tool in tools {
        let shim = match &tool.shim {
            State::Whole => "guarded".to_owned(),
            State::Missing => "-".to_owned(),
            State::Changed(how) => format!("broken: {how}"),
        };
        let program = match &tool.program {
            Some(path) => path.display().to_string(),
            None => "not installed".to_owned(),
        };
        _ = writeln!(
            text,
            "{:<14} {:<18} {shim:<8} {program}",
            tool.command, tool.product
        );
    }
    text
}
