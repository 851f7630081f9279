//! Finds the line of a startup file that put something in front of us.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::probe;
use super::shell::{Shell, Surroundings};

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// What the line does.
#[derive(Debug)]
pub enum Wanted<'a> {
    /// Puts this directory on PATH, in front of the shims.
    Directory {
        /// The directory.
        first: &'a Path,
        /// The shims.
        shims: &'a Path,
    },
    /// Makes this alias.
    Alias(&'a str),
    /// Defines this function.
    Function(&'a str),
}

/// The last line that does it: what the shell itself did, line by line, or else what its files say.
pub fn find(
    shell: Shell,
    mode: &str,
    around: &Surroundings,
    command: &mut Command,
    wanted: &Wanted<'_>,
) -> Option<Place> {
    let files = startup_files(shell, mode, around);
    traced(shell, &files, command, wanted).or_else(|| written(&files, around, wanted))
}

/// In the order of reading.
fn startup_files(shell: Shell, mode: &str, around: &Surroundings) -> Vec<PathBuf> {
    let home = |name: &str| around.home.join(name);
    let etc = |name: &str| PathBuf::from("/etc").join(name);
    let (login, interactive) = (mode.contains('l'), mode.contains('i'));
    let all = match shell {
        Shell::Sh => vec![etc("profile"), home(".profile")],
        Shell::Bash if login => {
            let own = [".bash_profile", ".bash_login", ".profile"].map(home);
            let own = own.into_iter().find(|file| file.exists());
            [etc("profile")].into_iter().chain(own).collect()
        }
        Shell::Bash => vec![etc("bash.bashrc"), etc("bashrc"), home(".bashrc")],
        Shell::Zsh => zsh_files(around, login, interactive),
        Shell::Fish => fish_files(around),
    };
    all.into_iter().filter(|file| file.is_file()).collect()
}

fn zsh_files(around: &Surroundings, login: bool, interactive: bool) -> Vec<PathBuf> {
    let own = Shell::Zsh.files(around);
    let own = |index: usize| own.get(index).cloned().unwrap_or_default();
    let system = |name: &str| {
        [
            Path::new("/etc/zsh").join(name),
            Path::new("/etc").join(name),
        ]
    };
    let mut files = system("zshenv").to_vec();
    files.push(own(0));
    if login {
        files.extend(system("zprofile"));
        files.push(own(1));
    }
    if interactive {
        files.extend(system("zshrc"));
        files.push(own(2));
    }
    files
}

fn fish_files(around: &Surroundings) -> Vec<PathBuf> {
    let config = around
        .config
        .clone()
        .unwrap_or_else(|| around.home.join(".config"));
    let snippets = fs::read_dir(config.join("fish/conf.d"))
        .into_iter()
        .flatten()
        .flatten();
    let mut files: Vec<_> = snippets.map(|entry| entry.path()).collect();
    files.sort();
    files.push(config.join("fish/config.fish"));
    files
}

/// Lets the shell read the files one by one and say what it does. It reads them as sourced files,
/// because bash takes no trace prompt from the environment of root.
fn traced(
    shell: Shell,
    files: &[PathBuf],
    command: &mut Command,
    wanted: &Wanted<'_>,
) -> Option<Place> {
    let (options, prompt): (&[&str], _) = match shell {
        Shell::Bash => (
            &["--norc", "--noprofile", "-ic"],
            "PS4='+\x1f${BASH_SOURCE-}\x1f${LINENO-}\x1f'; set -x;",
        ),
        Shell::Zsh => (&["-f", "-ic"], "PS4='+\x1f%x\x1f%I\x1f'; setopt xtrace;"),
        Shell::Sh | Shell::Fish => return None,
    };
    let read = r#"for f in "$@"; do . "$f"; done"#;
    command
        .args(options)
        .arg(format!("{prompt} {read}"))
        .arg("trace")
        .args(files);
    let (_, log) = probe::ask(command, Duration::from_secs(10))?;
    let log = String::from_utf8_lossy(&log);
    let mut last = None;
    for line in log.lines() {
        let mut parts = line.split('\x1f').skip(1);
        let (Some(file), Some(number), Some(text)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        if does(text, wanted) && Path::new(file).is_absolute() {
            last = number.parse().ok().map(|line| Place {
                file: file.into(),
                line,
            });
        }
    }
    last
}

/// What the files say, with the home directory written out. Without running anything, this sees
/// only what is written plainly.
fn written(files: &[PathBuf], around: &Surroundings, wanted: &Wanted<'_>) -> Option<Place> {
    let home = around.home.to_string_lossy();
    let line_of = |file: &PathBuf| {
        let text = String::from_utf8_lossy(&fs::read(file).ok()?).into_owned();
        let plain = |line: &str| {
            line.replace("${HOME}", &home)
                .replace("$HOME", &home)
                .replace("~/", &format!("{home}/"))
        };
        let lines = (1..).zip(text.lines().map(plain));
        let (line, _) = lines.filter(|(_, text)| does(text, wanted)).last()?;
        Some(Place {
            file: file.clone(),
            line,
        })
    };
    files.iter().rev().find_map(line_of)
}

/// Whether the text of a command does what is wanted.
fn does(text: &str, wanted: &Wanted<'_>) -> bool {
    let text = text.trim_start();
    match wanted {
        Wanted::Alias(name) => text.contains("alias ") && text.contains(&format!("{name}=")),
        Wanted::Function(name) => {
            let (keyword, rest) = match text.strip_prefix("function ") {
                Some(rest) => (true, rest.trim_start()),
                None => (false, text),
            };
            let goes_on = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
            rest.strip_prefix(name).is_some_and(|rest| {
                let defined = keyword || rest.trim_start().starts_with('(');
                defined && !rest.starts_with(goes_on)
            })
        }
        Wanted::Directory { first, shims } => {
            let sets = ["PATH", "path=", "path+=", "path ", "fish_add_path"]
                .iter()
                .any(|w| text.contains(w));
            let at = |directory: &Path| position(text, directory);
            sets && !text.starts_with("case ")
                && at(first).is_some_and(|first| at(shims).is_none_or(|shims| first < shims))
        }
    }
}

/// Where a directory stands in a text, as a whole component of PATH.
fn position(text: &str, directory: &Path) -> Option<usize> {
    let directory = directory.to_str()?;
    let is_end = |rest: &str| {
        !rest.starts_with(|c: char| c == '/' || c == '-' || c == '.' || c.is_alphanumeric())
    };
    text.match_indices(directory)
        .map(|(at, _)| at)
        .find(|at| is_end(&text[at + directory.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_recognised_in_every_dialect() {
        for line in [
            "claude() {",
            "claude () (",
            "function claude {",
            "function claude; x; end",
            "function claude",
        ] {
            assert!(does(line, &Wanted::Function("claude")), "{line}");
        }
        for line in [
            "claude",
            "claude-code() {",
            "function claudette",
            "x claude() {",
        ] {
            assert!(!does(line, &Wanted::Function("claude")), "{line}");
        }
    }

    #[test]
    fn only_a_directory_in_front_of_the_shims_counts() {
        let (first, shims) = (Path::new("/h/bin"), Path::new("/h/.aigate/shims"));
        let wanted = Wanted::Directory { first, shims };
        for line in [
            "PATH=/h/bin:/usr/bin",
            "export PATH=/h/bin:/h/.aigate/shims",
            "fish_add_path /h/bin",
            "path=( /h/bin $path )",
        ] {
            assert!(does(line, &wanted), "{line}");
        }
        for line in [
            "PATH=/h/.aigate/shims:/h/bin",
            "PATH=/h/bin2:/usr/bin",
            "PATH=/h/bin/x",
            "cd /h/bin",
        ] {
            assert!(!does(line, &wanted), "{line}");
        }
    }
}
