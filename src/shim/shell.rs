//! Shells: which files each reads, and the lines that put the shims first on PATH.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::catalog;
use super::item::HEADER;
use super::owned::Owned;
use super::probe;

/// A shell that reads startup files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    /// The plain one, and every other that reads `.profile`.
    Sh,
    /// GNU bash.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
}

/// What the user's shells are told by their environment.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// HOME.
    pub home: PathBuf,
    /// PATH.
    pub path: OsString,
    /// SHELL, the login shell.
    pub shell: Option<OsString>,
    /// ZDOTDIR, where zsh looks instead of HOME.
    pub zdotdir: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub config: Option<PathBuf>,
    /// `XDG_DATA_HOME`.
    pub data: Option<PathBuf>,
    /// `XDG_DATA_DIRS`.
    pub data_directories: Option<OsString>,
}

impl Shell {
    /// Every shell, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Sh, Self::Bash, Self::Zsh, Self::Fish];

    /// What people type.
    #[must_use]
    pub fn command(self) -> &'static str {
        match self {
            Self::Sh => "sh",
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
        }
    }

    /// Whether the user logs in with it.
    #[must_use]
    pub fn is_login(self, around: &Surroundings) -> bool {
        let name = around
            .shell
            .as_ref()
            .and_then(|shell| Path::new(shell).file_name());
        match name.and_then(|name| name.to_str()) {
            Some("sh" | "dash" | "ash" | "ksh" | "mksh") => self == Self::Sh,
            Some(name) => self.command() == name,
            None => self == Self::Sh,
        }
    }

    /// The files that get our lines: those of the login shell, made if absent, and those that exist
    /// of the others.
    #[must_use]
    pub fn files(self, around: &Surroundings) -> Vec<PathBuf> {
        let home = |name: &str| around.home.join(name);
        let all = match self {
            Self::Sh => vec![home(".profile")],
            Self::Bash => vec![home(".bashrc"), bash_login_file(&around.home)],
            Self::Zsh => zsh_files(around),
            Self::Fish => return Vec::new(),
        };
        // `.profile` says nothing about bash: every login shell of the old kind reads it.
        let marks = |file: &&PathBuf| self != Self::Bash || !file.ends_with(".profile");
        let uses = self.is_login(around) || all.iter().filter(marks).any(|file| file.exists());
        if uses { all } else { Vec::new() }
    }

    /// The file of ours that fish reads by itself, if this user has fish.
    #[must_use]
    pub fn fish_file(around: &Surroundings) -> Option<PathBuf> {
        let config = around
            .config
            .clone()
            .unwrap_or_else(|| around.home.join(".config"));
        let fish = config.join("fish");
        let uses = Self::Fish.is_login(around) || fish.is_dir();
        uses.then(|| fish.join("conf.d/zz-aigate.fish"))
    }
}

/// bash reads the first of these that exists, and only that one.
fn bash_login_file(home: &Path) -> PathBuf {
    let names = [".bash_profile", ".bash_login", ".profile"];
    let existing = names
        .iter()
        .map(|name| home.join(name))
        .find(|path| path.exists());
    existing.unwrap_or_else(|| home.join(".profile"))
}

/// zsh reads `.zshenv` before it can learn from it where the others are.
fn zsh_files(around: &Surroundings) -> Vec<PathBuf> {
    let first = around
        .zdotdir
        .clone()
        .unwrap_or_else(|| around.home.clone());
    let chosen = if first.join(".zshenv").exists() {
        ask_zsh(around)
    } else {
        None
    };
    let rest = chosen.unwrap_or_else(|| first.clone());
    vec![
        first.join(".zshenv"),
        rest.join(".zprofile"),
        rest.join(".zshrc"),
    ]
}

fn ask_zsh(around: &Surroundings) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    let mut zsh = Command::new("zsh");
    zsh.args(["-c", "printf '\\0%s\\0' \"${ZDOTDIR-}\""])
        .env_clear()
        .env("HOME", &around.home);
    zsh.env("PATH", &around.path);
    if let Some(directory) = &around.zdotdir {
        zsh.env("ZDOTDIR", directory);
    }
    let (output, _) = probe::ask(&mut zsh, Duration::from_secs(5))?;
    let directory = PathBuf::from(OsString::from_vec(
        output.split(|b| *b == 0).nth(1)?.to_vec(),
    ));
    directory.is_absolute().then_some(directory)
}

/// The one line in a startup file. It must not fail when we are gone.
#[must_use]
pub fn source_line(owned: &Owned) -> String {
    let file = quoted(&owned.env_sh());
    format!("if [ -r {file} ]; then . {file}; fi")
}

/// The content of our own file in fish's directory.
#[must_use]
pub fn fish_file_text(owned: &Owned) -> String {
    let file = quoted(&owned.env_fish());
    format!("{HEADER}.\nif test -r {file}\n    source {file}\nend\n")
}

/// A file of `shims/shell` for this directory.
#[must_use]
pub fn env_text(name: &str, owned: &Owned) -> String {
    catalog::shell_text(name)
        .replace("@SHIMS@", &quoted(&owned.shims()))
        .replace("@PROGRAM@", &quoted(&owned.program()))
}

/// In single quotes, which all four shells read alike but for the quote and the backslash.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    format!("'{}'", text.replace('\'', "'\\''"))
}
