//! The pages: what stands in a fence of README.md, docs and tests/cli is run, or is here with the
//! reason why it is not.
//!
//! A page is run from top to bottom in one fresh home, with the project as the working directory and
//! a stand-in for every known agent on PATH.
//!
//! - `console`: a line that begins with `$ ` is run by sh; `? N` right below it is the exit code if
//!   it is not 0; the rest is the output. `[HOME]` stands for the home, `[..]` for anything in a
//!   line. `UPDATE=1` writes the output that was seen into the pages.
//! - `sh`, and a fence without a word: every line is run and must end well.
//! - `yaml`: a configuration, or a tool of the catalogue; it must be read.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use aigate::shim::catalog::Tool;

use super::{World, support};

/// Beginnings of lines that are not run, and why.
const NOT_RUN: &[(&str, &str)] = &[
    ("./install.sh", "test.sh installs, upgrades and uninstalls"),
    (
        "sudo ",
        "changes the machine for everybody: tests/hosts/account.rs",
    ),
    ("aigate serve", "goes on until it is ended: tests/serve"),
    ("benches/", "takes minutes: benches/all.sh"),
    ("cargo bench", "takes minutes: benches/all.sh"),
    ("cargo build --release", "takes minutes: benches/all.sh"),
    ("AIGATE_KILL_ROUNDS=", "the long form of a test"),
    ("AIGATE_SERVE_EVENTS=", "the long form of a test"),
];

/// Commands that no page shows, and why.
const NOT_ON_A_PAGE: &[(&str, &str)] = &[("hook", "agents start it: tests/integrate")];

#[test]
fn every_page_is_true() {
    let mut wrong = String::new();
    let mut count = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("text");
        let run = Run::of(&text);
        count += run.commands.len();
        if !alike(&text, &run.seen) {
            // Not otherwise: another test may write the part of a page that is made from the code.
            if std::env::var_os("UPDATE").is_some() {
                fs::write(&page, &run.seen).expect("page");
            } else {
                let difference = first_difference(&text, &run.seen);
                _ = writeln!(wrong, "{}:\n{difference}", page.display());
            }
        }
        for fault in run.faults {
            _ = writeln!(wrong, "{}: {fault}", page.display());
        }
    }
    assert!(
        wrong.is_empty(),
        "{wrong}\nUPDATE=1 writes what was seen into the pages"
    );
    assert!(count > 100, "only {count} commands were found in the pages");
}

#[test]
fn what_is_wrong_on_a_page_is_found() {
    for wrong in [
        "```sh\naigate explain read\n```",
        "```\nno-such-program\n```",
        "```yaml\nnonsense: true\n```",
        "```yaml\nproduct: A\ncommand: a\nnonsense: true\n```",
        "```rust\n```",
    ] {
        assert_eq!(Run::of(wrong).faults.len(), 1, "{wrong}");
    }
    let right = "```sh\ntrue # aigate\nbenches/all.sh\n```\n```yaml\nnetwork: off\n```\n";
    let run = Run::of(right);
    assert_eq!((run.faults.len(), run.seen.as_str()), (0, right));
    assert!(!alike(
        "```console\n$ echo a\nb\n```\n",
        &Run::of("```console\n$ echo a\nb\n```\n").seen
    ));
}

/// README.md and whatever lies in docs and tests/cli.
fn pages() -> Vec<PathBuf> {
    let package = support::place::package();
    let folders = ["tests/cli", "docs"].map(|folder| package.join(folder));
    let entries = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).expect("pages"));
    let mut pages: Vec<_> = entries.map(|entry| entry.expect("page").path()).collect();
    pages.retain(|page| page.extension().is_some_and(|kind| kind == "md"));
    pages.push(package.join("README.md"));
    pages.sort();
    pages
}

/// What running a page showed.
struct Run {
    /// The page with the outputs that were seen; one that the page's own pattern covers stays.
    seen: String,
    /// What was run.
    commands: Vec<String>,
    /// What did not end well or cannot be read.
    faults: Vec<String>,
    world: World,
}

impl Run {
    fn of(text: &str) -> Self {
        let mut run = Self {
            seen: String::new(),
            commands: Vec::new(),
            faults: Vec::new(),
            world: World::with_agents(),
        };
        let mut lines = text.lines().enumerate();
        while let Some((at, line)) = lines.next() {
            run.see(line);
            let Some(kind) = line.strip_prefix("```") else {
                continue;
            };
            let block: Vec<&str> = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| !line.starts_with("```"))
                .collect();
            match kind {
                "console" => run.console(&block),
                "sh" | "" => run.each_line(&block),
                "yaml" => run.data(&block),
                // Made from the command line, and compared with it.
                "text" if text.starts_with("<!-- made from the code -->\n# Commands") => {}
                kind => run.fault(at, &format!("nobody runs a fence of {kind}")),
            }
            if kind != "console" {
                block.iter().for_each(|line| run.see(line));
            }
            run.see("```");
        }
        run
    }

    fn see(&mut self, line: &str) {
        _ = writeln!(self.seen, "{line}");
    }

    fn fault(&mut self, at: usize, what: &str) {
        self.faults.push(format!("line {}: {what}", at + 1));
    }

    fn console(&mut self, block: &[&str]) {
        let mut lines = block.iter().peekable();
        while let Some(line) = lines.next() {
            self.see(line);
            let Some(command) = line.strip_prefix("$ ") else {
                continue;
            };
            let mut script = command.to_owned();
            while let Some(more) = lines.next_if(|line| line.starts_with("> ")) {
                self.see(more);
                script = format!("{script}\n{}", &more[2..]);
            }
            let mut expected = String::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
                _ = writeln!(expected, "{line}");
            }
            let seen = self.world.sh(&script);
            let code = match seen.code {
                0 => String::new(),
                code => format!("? {code}\n"),
            };
            let mut seen = code + &seen.text;
            if !seen.is_empty() && !seen.ends_with('\n') {
                seen.push('\n');
            }
            let is_alike = alike(&expected, &seen);
            self.seen.push_str(if is_alike { &expected } else { &seen });
            self.commands.push(script);
        }
    }

    fn each_line(&mut self, block: &[&str]) {
        let is_run = |line: &&&str| {
            let named = |(start, _): &&(&str, &str)| line.starts_with(start);
            !NOT_RUN.iter().any(|known| named(&known))
        };
        for line in block.iter().filter(is_run) {
            let seen = self.world.sh(line);
            if seen.code != 0 {
                let (code, text) = (seen.code, seen.text);
                self.faults
                    .push(format!("`{line}`: exit code {code}: {text}"));
            }
            self.commands.push((*line).to_owned());
        }
    }

    fn data(&mut self, block: &[&str]) {
        let text = block.join("\n");
        if block.iter().any(|line| line.starts_with("product:")) {
            if let Err(why) = serde_saphyr::from_str::<Tool>(&text) {
                self.faults.push(format!("{why}\n{text}"));
            }
            return;
        }
        let world = World::new();
        world.write(".aigate/config.yaml", &text);
        let read = world.sh("aigate config show");
        if read.code != 0 {
            self.faults.push(format!("{}\n{text}", read.text));
        }
    }
}

impl World {
    /// With all known agents, and the directories by which integrations know theirs.
    fn with_agents() -> Self {
        let world = Self::new();
        for tool in aigate::shim::catalog::tools().expect("the catalogue") {
            let place = tool.recognise.as_ref().unwrap_or(&tool.command);
            let place = world.agents().join("programs").join(place);
            fs::create_dir_all(&place).expect("directory");
            let program = place.join(&tool.command);
            fs::write(&program, "#!/bin/sh\n").expect("program");
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("mode");
            symlink(&program, world.agents().join(&tool.command)).expect("link");
        }
        for name in aigate::integration::catalog::names() {
            let agent = aigate::integration::catalog::agent(name).expect("data");
            for sign in agent.into_iter().flat_map(|agent| agent.signs) {
                let sign = sign.resolve(&world.home, &|_| None);
                fs::create_dir_all(sign).expect("directory");
            }
        }
        world
    }
}

/// Every command that there is, is run on some page.
#[test]
fn every_command_is_on_a_page() {
    let fences = pages().into_iter().flat_map(|page| commands(&page));
    let fences: Vec<String> = fences.collect();
    let mut root = aigate::cli::command();
    root.build();
    let mut missing = Vec::new();
    for name in leaves(&root, "") {
        let command = format!("aigate {name}");
        let is_named = |line: &String| {
            let ends = |rest: &str| rest.is_empty() || rest.starts_with([' ', '\n', ')', '"']);
            line.match_indices(&command)
                .any(|(at, found)| ends(&line[at + found.len()..]))
        };
        let excused = NOT_ON_A_PAGE.iter().any(|(known, _)| *known == name);
        if excused == fences.iter().any(is_named) {
            missing.push(name);
        }
    }
    assert!(missing.is_empty(), "no page runs {missing:?}");
}

fn leaves(command: &clap::Command, name: &str) -> Vec<String> {
    let below: Vec<_> = super::reference::shown(command).collect();
    if below.is_empty() {
        return vec![name.to_owned()];
    }
    let path = |below: &clap::Command| format!("{name} {}", below.get_name());
    below
        .iter()
        .flat_map(|below| leaves(below, path(below).trim()))
        .collect()
}

/// The lines of a page that are run, without running them.
fn commands(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).expect("text");
    let mut kind = None;
    let mut found = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("```"), kind) {
            (Some(word), None) => kind = Some(word),
            (Some(_), Some(_)) => kind = None,
            (None, Some("console")) => found.extend(line.strip_prefix("$ ").map(str::to_owned)),
            (None, Some("sh" | "")) => found.push(line.to_owned()),
            _ => {}
        }
    }
    found
}

/// What stands within a line as a command of ours is one.
#[test]
fn every_command_in_a_sentence_is_understood() {
    let mut wrong = String::new();
    let mut count = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("text");
        let quoted = text.split('`').filter(|text| text.starts_with("aigate "));
        for command in quoted {
            count += 1;
            if let Err(why) = understood(command) {
                _ = writeln!(wrong, "{}: `{command}`: {why}", page.display());
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count > 50, "only {count} were found");
}

/// Words in capitals stand for others; what a command lacks is in the sentence around it.
fn understood(command: &str) -> Result<(), clap::Error> {
    use clap::error::ErrorKind::{
        DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion,
        MissingRequiredArgument, MissingSubcommand,
    };
    let ours = command.split([';', '|', '>']).next().unwrap_or_default();
    let ours = ours.replace("aigate COMMAND", "aigate exec");
    let words = shell_words::split(&ours).expect("words");
    match aigate::cli::command().try_get_matches_from(words) {
        Ok(_) => Ok(()),
        Err(why) => match why.kind() {
            DisplayHelp
            | DisplayHelpOnMissingArgumentOrSubcommand
            | DisplayVersion
            | MissingRequiredArgument
            | MissingSubcommand => Ok(()),
            _ => Err(why),
        },
    }
}

pub(super) fn alike(pattern: &str, text: &str) -> bool {
    pattern.lines().count() == text.lines().count()
        && pattern
            .lines()
            .zip(text.lines())
            .all(|(pattern, line)| line_alike(pattern, line))
}

pub(super) fn line_alike(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split("[..]");
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

fn first_difference(text: &str, seen: &str) -> String {
    let differ = text
        .lines()
        .zip(seen.lines())
        .position(|(a, b)| !line_alike(a, b));
    let at = differ.unwrap_or(text.lines().count().min(seen.lines().count()));
    let line = |text: &str| text.lines().nth(at).unwrap_or("(end)").to_owned();
    format!(
        "line {}\n  page: {}\n  seen: {}",
        at + 1,
        line(text),
        line(seen)
    )
}
