//! `aigate deny` and `aigate allow`: change the rules.

use std::fmt::Write as _;

use clap::{Args, Subcommand};

use crate::app::policy::edit::{self, Done, Outcome, Request, Subject};
use crate::app::policy::place::Target;
use crate::app::policy::{Error, diff, preset};
use crate::config::raw::Network;

/// Deny something to every agent: a path, a program, a host
#[derive(Debug, Args)]
pub(super) struct Deny {
    #[command(subcommand)]
    what: Denied,
}

/// Allow something that a rule denies: a path, a program, a host
#[derive(Debug, Args)]
pub(super) struct Allow {
    #[command(subcommand)]
    what: Allowed,
}

#[derive(Debug, Subcommand)]
enum Denied {
    /// Hide paths
    Read(Patterns),
    /// Protect paths from writing
    Write(Patterns),
    /// Forbid programs, or a use of one as in "kubectl delete"
    Exec(Programs),
    /// Close the network to hosts, or to all but some
    Net(DeniedHosts),
}

#[derive(Debug, Subcommand)]
enum Allowed {
    /// Show paths that a rule hides
    Read(Patterns),
    /// Open paths for writing: protected ones, or ones outside the project
    Write(Patterns),
    /// Permit programs that a rule forbids
    Exec(Programs),
    /// Open the filtered network to hosts
    Net(AllowedHosts),
}

#[derive(Debug, Args)]
struct Patterns {
    /// As in .gitignore: `name`, `dir/`, `*.pem`, `a/b`, `~/x`, `/x`
    #[arg(required = true, value_name = "PATTERN")]
    items: Vec<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
struct Programs {
    /// A name, a path, or a name and its first arguments in one word
    #[arg(required = true, value_name = "PROGRAM")]
    items: Vec<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
struct AllowedHosts {
    /// `host`, `*.host`, `host:port`, an address range, `localhost:port`
    #[arg(required_unless_present = "preset", value_name = "HOST")]
    items: Vec<String>,
    /// What your own npm, pip, cargo or go downloads from, as it says itself (repeat for more)
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    preset: Vec<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
struct DeniedHosts {
    /// `host`, `*.host`, `host:port`, an address range
    #[arg(required_unless_present_any = ["except", "all"], value_name = "HOST")]
    items: Vec<String>,
    /// Deny every host but this one (repeat for more)
    #[arg(long, short, value_name = "HOST", conflicts_with_all = ["items", "all"])]
    except: Vec<String>,
    /// Deny the network altogether
    #[arg(long, conflicts_with = "items")]
    all: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
struct Place {
    /// Change ~/.aigate/config.yaml, for all projects (this is the default)
    #[arg(long, conflicts_with_all = ["project", "shared"])]
    global: bool,
    /// Change your own rules for this project only, kept outside the repository
    #[arg(long, conflicts_with = "shared")]
    project: bool,
    /// Change .aigate.yaml, for everybody who works on this project
    #[arg(long)]
    shared: bool,
    /// Show the change and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Place {
    fn target(&self) -> Target {
        match (self.project, self.shared) {
            (true, _) => Target::Project,
            (_, true) => Target::Shared,
            _ => Target::Global,
        }
    }

    fn request(&self, denies: bool, subject: Subject, items: Vec<String>) -> Request {
        let (target, dry_run) = (self.target(), self.dry_run);
        Request {
            denies,
            subject,
            items,
            network: None,
            target,
            dry_run,
        }
    }
}

impl Deny {
    /// Runs the command and returns what is to be printed.
    pub(super) fn run(self) -> Result<String, Error> {
        let request = match self.what {
            Denied::Read(args) => args.place.request(true, Subject::Read, args.items),
            Denied::Write(args) => args.place.request(true, Subject::Write, args.items),
            Denied::Exec(args) => args.place.request(true, Subject::Exec, args.items),
            Denied::Net(args) if args.all => Request {
                network: Some(Network::Off),
                ..args.place.request(true, Subject::Net, Vec::new())
            },
            Denied::Net(args) if !args.except.is_empty() => Request {
                network: Some(Network::Filtered),
                ..args.place.request(false, Subject::Net, args.except)
            },
            Denied::Net(args) => args.place.request(true, Subject::Net, args.items),
        };
        told(&request)
    }
}

impl Allow {
    /// Runs the command and returns what is to be printed.
    pub(super) fn run(self) -> Result<String, Error> {
        let request = match self.what {
            Allowed::Read(args) => args.place.request(false, Subject::Read, args.items),
            Allowed::Write(args) => args.place.request(false, Subject::Write, args.items),
            Allowed::Exec(args) => args.place.request(false, Subject::Exec, args.items),
            Allowed::Net(args) => {
                let mut items = args.items;
                items.extend(preset::learn(&args.preset)?);
                args.place.request(false, Subject::Net, items)
            }
        };
        told(&request)
    }
}

fn told(request: &Request) -> Result<String, Error> {
    let done = edit::run(request)?;
    if request.dry_run {
        let before = done.before.as_deref().unwrap_or_default();
        return Ok(diff::unified(
            &done.file.display().to_string(),
            before,
            &done.after,
        ));
    }
    let mut text = String::new();
    if let Some(network) = request.network {
        // Writing to a string does not fail.
        _ = writeln!(
            text,
            "network is {} now ({})",
            word(network),
            done.file.display()
        );
    }
    for (item, outcome) in &done.outcomes {
        _ = writeln!(text, "{}", sentence(request, &done, item, outcome));
    }
    Ok(text)
}

fn sentence(request: &Request, done: &Done, item: &str, outcome: &Outcome) -> String {
    let verb = if request.denies { "denied" } else { "allowed" };
    let subject = match request.subject {
        Subject::Read => "read",
        Subject::Write => "write",
        Subject::Exec => "exec",
        Subject::Net => "net",
    };
    let file = done.file.display();
    match outcome {
        Outcome::Changed => format!("{verb} {subject}: {item} ({file})"),
        Outcome::AlreadySo => format!("{verb} {subject}: {item} (it was so already)"),
        Outcome::Overruled(by) if request.target == Target::Shared && !request.denies => format!(
            "written to {file}: {item}\n  it counts after `aigate trust`; until then it stays denied: {by}"
        ),
        Outcome::Overruled(by) => {
            let now = if request.denies { "allowed" } else { "denied" };
            format!("written to {file}: {item}\n  but it stays {now}: {by}")
        }
    }
}

fn word(network: Network) -> &'static str {
    match network {
        Network::Open => "open",
        Network::Filtered => "filtered",
        Network::Off => "off",
    }
}
