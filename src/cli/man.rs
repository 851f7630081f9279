//! `aigate man`: the manual pages, made from the same text as the help.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::Man as Page;

/// Print a manual page, as in `aigate man exec | man -l -`
#[derive(Debug, Args)]
pub(super) struct Man {
    /// The command, as in `shim install`; none for aigate itself
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// Write every page into this directory instead
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    all: Option<PathBuf>,
}

impl Man {
    /// The page, or nothing when all were written.
    pub(super) fn run(&self) -> Result<String, String> {
        let mut root = super::command();
        root.build();
        if let Some(folder) = &self.all {
            write(&root, folder).map_err(|error| format!("{}: {error}", folder.display()))?;
            return Ok(String::new());
        }
        let mut command = &root;
        for name in &self.command {
            command = command.find_subcommand(name).ok_or_else(|| {
                let known = command.get_name();
                format!("`{known}` has no command `{name}`; see `aigate --help`")
            })?;
        }
        let page = page(command).map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&page).into_owned())
    }
}

/// Writes the page of a command and those of all below it.
fn write(command: &Command, folder: &Path) -> io::Result<()> {
    let file = folder.join(format!("{}.1", name(command)));
    fs::write(file, page(command)?)?;
    let below = command.get_subcommands();
    for command in below.filter(|command| !command.is_hide_set() && command.get_name() != "help") {
        write(command, folder)?;
    }
    Ok(())
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Page::new(command.clone()).render(&mut page)?;
    Ok(page)
}

/// One word, as in `aigate-shim-install`.
fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}
