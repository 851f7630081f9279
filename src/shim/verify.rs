//! Asks every shell of the user what it would start, and whether our shim answers.
//!
//! Which one wins is what counts, not where a directory stands in a list. A program that is not
//! ours is never started to find out.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::probe;
use super::resolve::{self, Us};
use super::shell::{Shell, Surroundings};
use super::trace::{self, Place};

/// How long one shell may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// What `argv[0]` begins with when a shim is only to say that it is there. No environment can set
/// it, so nobody is made to believe in a start that did not happen.
pub const PROBE: &str = "aigate-probe:";

/// One question to one shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The shell.
    pub shell: Shell,
    /// How it was started, as `-lic`.
    pub mode: &'static str,
    /// The tool.
    pub tool: String,
    /// What it would start.
    pub verdict: Verdict,
}

/// What a shell would start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Our shim.
    Ours,
    /// Our shim, once our hook has run at the first prompt; until then something else.
    OursAtPrompt(PathBuf),
    /// Another program, and who put it in front.
    Shadowed(PathBuf, Option<Place>),
    /// An alias.
    Alias(String, Option<Place>),
    /// A function.
    Function(Option<Place>),
    /// Nothing.
    Nothing,
    /// The shell gave no answer in time.
    Silent,
}

impl Verdict {
    /// Whether the tool is started in the sandbox, or not at all.
    #[must_use]
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Ours | Self::OursAtPrompt(_))
    }
}

/// The ways to start a shell in which it reads files of the user. In the others it takes the PATH
/// of whoever starts it.
fn modes(shell: Shell) -> &'static [&'static str] {
    match shell {
        Shell::Sh => &["-lc"],
        Shell::Bash => &["-lc", "-ic", "-lic"],
        Shell::Zsh | Shell::Fish => &["-c", "-lc", "-ic", "-lic"],
    }
}

/// Asks every shell that is there and that the user has files for.
#[must_use]
pub fn shells(around: &Surroundings, shims: &Path, tools: &[String]) -> Vec<Check> {
    let path = resolve::path_without_shims(&around.path, &Us::new(shims));
    let mut checks = Vec::new();
    for shell in Shell::ALL {
        let uses = !shell.files(around).is_empty()
            || (shell == Shell::Fish && Shell::fish_file(around).is_some());
        if !uses || which::which_in(shell.command(), Some(&path), "/").is_err() {
            continue;
        }
        for mode in modes(shell) {
            let asked = Asked {
                shell,
                mode,
                around,
                shims,
                path: &path,
            };
            checks.extend(asked.ask(tools));
        }
    }
    checks
}

struct Asked<'a> {
    shell: Shell,
    mode: &'static str,
    around: &'a Surroundings,
    shims: &'a Path,
    path: &'a OsStr,
}

impl Asked<'_> {
    fn ask(&self, tools: &[String]) -> Vec<Check> {
        let answer = probe::ask(
            self.command().arg(self.mode).arg(script(self.shell, tools)),
            PATIENCE,
        );
        let parts = answer
            .map(|(out, _)| answers(&out, tools.len()))
            .unwrap_or_default();
        let verdict = |index: usize, tool: &str| match parts.get(index) {
            Some(answer) => self.verdict(tool, answer),
            None => Verdict::Silent,
        };
        let check = |(index, tool): (usize, &String)| Check {
            shell: self.shell,
            mode: self.mode,
            tool: tool.clone(),
            verdict: verdict(index, tool),
        };
        tools.iter().enumerate().map(check).collect()
    }

    /// The shell with what a login leaves in the environment.
    fn command(&self) -> Command {
        let mut command = Command::new(self.shell.command());
        command
            .env_clear()
            .current_dir("/")
            .env("PATH", self.path)
            .env("HOME", &self.around.home);
        command.env("TERM", "dumb");
        for name in [
            "USER",
            "LOGNAME",
            "SHELL",
            "LANG",
            "ZDOTDIR",
            "XDG_CONFIG_HOME",
        ] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
    }

    fn verdict(&self, tool: &str, answer: &Answer) -> Verdict {
        let shim = self.shims.join(tool);
        let place = |wanted: &trace::Wanted<'_>| {
            trace::find(
                self.shell,
                self.mode,
                self.around,
                &mut self.command(),
                wanted,
            )
        };
        let meaning = answer.meaning.to_string_lossy();
        if let Some(alias) = alias_of(&meaning, tool) {
            if !leads_to(alias, tool) {
                return Verdict::Alias(alias.into(), place(&trace::Wanted::Alias(tool)));
            }
        } else if !meaning.is_empty() && !meaning.starts_with('/') {
            return Verdict::Function(place(&trace::Wanted::Function(tool)));
        }
        let found = Path::new(&answer.path);
        if found == shim {
            return Verdict::Ours;
        }
        if !found.is_absolute() {
            return Verdict::Nothing;
        }
        if Path::new(&answer.at_prompt) == shim {
            return Verdict::OursAtPrompt(found.into());
        }
        let first = found.parent().unwrap_or(found);
        let wanted = trace::Wanted::Directory {
            first,
            shims: self.shims,
        };
        Verdict::Shadowed(found.into(), place(&wanted))
    }
}

/// What a shell says about one tool.
#[derive(Debug, Default)]
struct Answer {
    /// What the name means to it: a path, an alias, a function.
    meaning: OsString,
    /// The file of that name.
    path: OsString,
    /// The same after our hook of the prompt.
    at_prompt: OsString,
}

/// The text of an alias, as `command -v` prints it in each shell.
fn alias_of<'t>(meaning: &'t str, tool: &str) -> Option<&'t str> {
    let text = meaning.strip_prefix("alias ").unwrap_or(meaning);
    text.strip_prefix(tool)?.strip_prefix('=')
}

/// Whether an alias only adds to the name: `claude --model x`, `X=1 claude`.
fn leads_to(alias: &str, tool: &str) -> bool {
    let words = shell_words::split(alias).unwrap_or_default();
    // The shell prints the alias quoted, so that it is one word.
    let words = match words.as_slice() {
        [one] => shell_words::split(one).unwrap_or_default(),
        _ => words,
    };
    words
        .iter()
        .find(|word| !word.contains('='))
        .is_some_and(|word| word == tool)
}

/// Says for each tool what it means and which file it is, and then which file it is after our hook.
/// Between NUL bytes, because startup files print things.
fn script(shell: Shell, tools: &[String]) -> String {
    let meaning = |tool: &String| match shell {
        Shell::Fish => format!("functions -q {tool}; and echo {tool}; or command -s {tool}"),
        _ => format!("command -v {tool}"),
    };
    let file = |tool: &String| match shell {
        Shell::Fish => format!("command -s {tool}"),
        Shell::Bash => format!("type -P {tool}"),
        Shell::Zsh => format!("whence -p {tool}"),
        Shell::Sh => format!("command -v {tool}"),
    };
    let hook = match shell {
        Shell::Fish => "functions -q _aigate_path; and _aigate_path;",
        Shell::Sh => "",
        Shell::Bash => "case \"${PROMPT_COMMAND[*]}\" in *_aigate_path*) _aigate_path;; esac;",
        Shell::Zsh => "[[ -n ${precmd_functions[(r)_aigate_path]} ]] && _aigate_path;",
    };
    let say = |asked: String| match shell {
        Shell::Fish => format!("printf '%s\\0' ({asked} | string collect);"),
        _ => format!("printf '%s\\0' \"$({asked})\";"),
    };
    let [meanings, files]: [String; 2] = [
        tools.iter().map(meaning).map(say).collect(),
        tools.iter().map(file).map(say).collect(),
    ];
    format!("printf '\\0aigate\\0';{meanings}{files}{hook}{files}")
}

fn answers(out: &[u8], tools: usize) -> Vec<Answer> {
    let parts: Vec<_> = out.split(|byte| *byte == 0).collect();
    let Some(start) = parts.iter().position(|part| *part == b"aigate") else {
        return Vec::new();
    };
    let text = |index: usize| {
        parts
            .get(start + 1 + index)
            .map(|p| OsString::from_vec(p.to_vec()))
    };
    let answer = |tool| {
        Some(Answer {
            meaning: text(tool)?,
            path: text(tools + tool)?,
            at_prompt: text(2 * tools + tool)?,
        })
    };
    (0..tools).map_while(answer).collect()
}

/// Whether the shim at this path is one that works.
#[must_use]
pub fn answers_to_probe(shim: &Path) -> bool {
    let nonce = format!("{PROBE}{}", std::process::id());
    let mut command = Command::new(shim);
    let answer = probe::ask(command.arg0(&nonce), PATIENCE);
    answer
        .is_some_and(|(out, _)| out.trim_ascii() == answer_to(OsStr::new(&nonce), shim).as_bytes())
}

/// What a shim says to a probe.
#[must_use]
pub fn answer_to(argv0: &OsStr, shim: &Path) -> OsString {
    let mut answer = argv0.to_owned();
    answer.push(" ");
    answer.push(shim);
    answer
}
