//! `aigate completions`: what a shell needs to complete our command line.

use clap::Args;
use clap_complete::Shell;

/// Print the completions for a shell
///
/// install.sh puts them where the shell looks for them. By hand: `aigate completions bash >
/// ~/.local/share/bash-completion/completions/aigate`, `aigate completions fish >
/// ~/.config/fish/completions/aigate.fish`, and for zsh a file `_aigate` in a directory of $fpath.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// Which shell
    #[arg(value_parser = ["bash", "zsh", "fish"])]
    shell: String,
}

impl Completions {
    /// The script.
    pub(super) fn run(&self) -> Result<String, String> {
        let shell: Shell = self.shell.parse()?;
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut super::command(), "aigate", &mut script);
        String::from_utf8(script).map_err(|error| error.to_string())
    }
}
