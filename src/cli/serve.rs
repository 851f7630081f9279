//! `aigate serve`: the audit log in a browser.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use super::report;
use crate::app::serve;

/// Show what happens in the sandboxes in a browser: runs, refusals by rule, how to allow, live
///
/// Prints an address of this machine to open. It contains a token that is made anew each time; who
/// does not have it, as any program in a sandbox, sees nothing. Nothing can be changed there. Ends
/// with Ctrl-C.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Listen on this port of 127.0.0.1 instead of a free one
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 0,
        hide_default_value = true
    )]
    port: u16,
}

impl Serve {
    pub(super) fn run(&self) -> ExitCode {
        let served = serve::run(self.port, |address| {
            println!("{address}");
            // To whoever waits for the address at the other end of a pipe.
            _ = io::stdout().flush();
            eprintln!("aigate: open this address in a browser; Ctrl-C ends it");
        });
        match served {
            Ok(never) => match never {},
            Err(error) => report::error(&error),
        }
    }
}
