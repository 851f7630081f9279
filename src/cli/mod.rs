//! The command line: clap types, one file a command, and the only code that prints.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "only this module talks to people"
)]

mod account;
mod audit;
mod bypass;
mod completions;
mod config;
mod doctor;
mod exec;
mod explain;
mod hook;
mod init;
mod integrate;
mod json;
mod man;
mod report;
mod reset;
mod rule;
mod serve;
mod setup;
mod shim;
mod status;
mod trust;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::app::tool;

/// Puts AI coding agents into an operating-system sandbox.
#[derive(Debug, Parser)]
#[command(name = "aigate", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(visible_alias = "run")]
    Exec(exec::Exec),
    Shim(shim::Shim),
    Bypass(bypass::Bypass),
    #[command(alias = "i")]
    Init(init::Init),
    Deny(rule::Deny),
    Allow(rule::Allow),
    Explain(explain::Explain),
    #[command(alias = "s")]
    Status(status::Show),
    Config(config::Config),
    Trust(trust::Trust),
    Untrust(trust::Untrust),
    Reset(reset::Reset),
    Verify(verify::Verify),
    Doctor(doctor::Doctor),
    Audit(audit::Audit),
    Hook(hook::Hook),
    Integrate(integrate::Integrate),
    SetupAgents(setup::SetupAgents),
    Setup(account::Setup),
    #[command(hide = true)]
    Become(account::Become),
    Serve(serve::Serve),
    Completions(completions::Completions),
    Man(man::Man),
}

/// What is started all day. To describe the other commands too takes longer than to read the rules; they
/// and everything that is wrong are left to [`Cli`].
#[derive(Debug, Parser)]
#[command(name = "aigate")]
enum Frequent {
    #[command(alias = "run")]
    Exec(exec::Exec),
    Hook(hook::Hook),
}

/// The whole command line, from which the manual, the completions and the reference are made.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the shim that this process was started as, or the command line.
#[must_use]
pub fn main() -> ExitCode {
    if let Some(invocation) = tool::Invocation::of_this_process() {
        return match invocation.answer() {
            Some(answer) => report::answer(&answer),
            None => report::ended(tool::start(&invocation)),
        };
    }
    shim::follow_upgrade();
    if let Some(command) = exec::Exec::plain(std::env::args_os().skip(1)) {
        return command.run();
    }
    match Frequent::try_parse() {
        Ok(Frequent::Exec(command)) => return command.run(),
        Ok(Frequent::Hook(command)) => return command.run(),
        Err(_) => {}
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() {
                report::FAILED
            } else {
                0
            };
            // Nothing is left to report to when the terminal is gone.
            _ = error.print();
            return ExitCode::from(code);
        }
    };
    match cli.command {
        Command::Exec(command) => command.run(),
        Command::Shim(command) => command.run(),
        Command::Bypass(command) => command.run(),
        Command::Init(command) => report::done(command.run()),
        Command::Deny(command) => report::done(command.run()),
        Command::Allow(command) => report::done(command.run()),
        Command::Explain(command) => report::done(command.run()),
        Command::Status(command) => report::done(command.run()),
        Command::Config(command) => report::done(command.run()),
        Command::Trust(command) => report::done(command.run()),
        Command::Untrust(command) => report::done(command.run()),
        Command::Reset(command) => report::done(command.run()),
        Command::Verify(command) => command.run(),
        Command::Doctor(command) => command.run(),
        Command::Audit(command) => command.run(),
        Command::Hook(command) => command.run(),
        Command::Integrate(command) => command.run(),
        Command::SetupAgents(command) => command.run(),
        Command::Setup(command) => report::done(command.run()),
        Command::Become(command) => command.run(),
        Command::Serve(command) => command.run(),
        Command::Completions(command) => report::done(command.run()),
        Command::Man(command) => report::done(command.run()),
    }
}
