//! The command line: every page of tests/cli and docs is run as it stands, and upstream's tests again.
//!
//! A page holds `console` blocks: a line that begins with `$ ` is run by sh in a fresh home, with
//! the project as the working directory; `? N` right below it is the exit code if it is not 0; the
//! rest is the output. `[HOME]` stands for the home, `[..]` for anything in a line. `UPDATE=1`
//! writes the output that was seen into the pages.
#![expect(clippy::expect_used, reason = "a test reports by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use assert_fs::TempDir;

#[path = "cli/integrations.rs"]
mod integrations;
#[path = "cli/reference.rs"]
mod reference;
mod support;

struct World {
    _temp: TempDir,
    home: PathBuf,
}

struct Output {
    code: i32,
    text: String,
}

impl World {
    fn new() -> World {
        // Not below /tmp, which a sandbox has for itself.
        let temp = TempDir::new_in(support::place::base()).expect("temporary directory");
        let home = temp.path().canonicalize().expect("path").join("home");
        fs::create_dir_all(home.join("project/.git")).expect("project");
        World { _temp: temp, home }
    }

    /// Upstream's tests start from a configuration without rules.
    fn with_upstreams_empty_configuration() -> World {
        let world = World::new();
        let file = world.home.join(".aigate/config.yaml");
        fs::create_dir_all(file.parent().expect("parent")).expect("directory");
        let text =
            "group: ai-agents\nuser: ai-runner\ndeny_read: []\ndeny_exec: []\nallow_net: []\n";
        fs::write(file, text).expect("configuration");
        world
    }

    fn sh(&self, script: &str) -> Output {
        let binary = support::place::binary();
        let path = format!(
            "{}:/usr/bin:/bin",
            binary.parent().expect("directory").display()
        );
        let output = Command::new("sh")
            .args(["-c", &format!("exec 2>&1\n{script}")])
            .current_dir(self.home.join("project"))
            .env_clear()
            .env("HOME", &self.home)
            .env("PATH", path)
            .output()
            .expect("sh");
        let text = String::from_utf8_lossy(&output.stdout);
        let text = text.replace(&self.home.display().to_string(), "[HOME]");
        Output {
            code: output.status.code().unwrap_or(-1),
            text,
        }
    }

    fn ok(&self, script: &str) -> String {
        let output = self.sh(script);
        assert_eq!(output.code, 0, "{script}: {}", output.text);
        output.text
    }

    fn fails(&self, script: &str) -> String {
        let output = self.sh(script);
        assert_ne!(output.code, 0, "{script}: {}", output.text);
        output.text
    }
}

#[test]
fn every_page_is_true() {
    let package = support::place::package();
    let pages =
        ["tests/cli", "docs"].map(|folder| fs::read_dir(package.join(folder)).expect("pages"));
    let mut wrong = String::new();
    let mut count = 0;
    for entry in pages.into_iter().flatten() {
        let page = entry.expect("page").path();
        if page.extension().is_none_or(|kind| kind != "md") {
            continue;
        }
        let text = fs::read_to_string(&page).expect("text");
        let seen = run_page(&text);
        count += seen.matches("\n$ ").count();
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&page, &seen).expect("page");
        } else if !alike(&text, &seen) {
            _ = writeln!(
                wrong,
                "{}:\n{}",
                page.display(),
                first_difference(&text, &seen)
            );
        }
    }
    assert!(
        wrong.is_empty(),
        "{wrong}\nUPDATE=1 writes what was seen into the pages"
    );
    assert!(count > 40, "only {count} commands were found in the pages");
}

/// The page with the outputs that were seen; one that the page's own pattern covers stays as it is.
fn run_page(text: &str) -> String {
    let world = World::new();
    let mut out = String::new();
    let mut lines = text.lines().peekable();
    let mut inside = false;
    while let Some(line) = lines.next() {
        _ = writeln!(out, "{line}");
        if line.starts_with("```") {
            inside = line == "```console";
        }
        let Some(command) = line.strip_prefix("$ ").filter(|_| inside) else {
            continue;
        };
        let mut script = command.to_owned();
        while let Some(more) = lines.next_if(|line| line.starts_with("> ")) {
            _ = writeln!(out, "{more}");
            script = format!("{script}\n{}", &more[2..]);
        }
        let mut expected = String::new();
        while let Some(line) = lines.next_if(|l| !l.starts_with("$ ") && !l.starts_with("```")) {
            _ = writeln!(expected, "{line}");
        }
        let seen = world.sh(&script);
        let code = if seen.code == 0 {
            String::new()
        } else {
            format!("? {}\n", seen.code)
        };
        let mut seen = code + &seen.text;
        if !seen.is_empty() && !seen.ends_with('\n') {
            seen.push('\n');
        }
        out.push_str(if alike(&expected, &seen) {
            &expected
        } else {
            &seen
        });
    }
    out
}

fn alike(pattern: &str, text: &str) -> bool {
    pattern.lines().count() == text.lines().count()
        && pattern
            .lines()
            .zip(text.lines())
            .all(|(pattern, line)| line_alike(pattern, line))
}

fn line_alike(pattern: &str, line: &str) -> bool {
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

/// The tests of the Go program of the same name, on its own configuration.
mod upstream {
    use super::World;

    #[test]
    fn help_names_the_commands() {
        let help = World::new().ok("aigate --help");
        for word in ["aigate", "init", "deny", "run", "status"] {
            assert!(help.contains(word), "{word}: {help}");
        }
    }

    #[test]
    fn version_is_told() {
        assert!(World::new().ok("aigate --version").starts_with("aigate "));
    }

    #[test]
    fn status_tells_that_nothing_is_initialized() {
        assert!(World::new().ok("aigate status").contains("NOT INITIALIZED"));
    }

    #[test]
    fn deny_read_and_allow() {
        let world = World::with_upstreams_empty_configuration();
        assert!(world.ok("aigate deny read .env secrets/").contains(".env"));
        let status = world.ok("aigate status");
        assert!(
            status.contains("\n  - .env\n") && status.contains("\n  - secrets/\n"),
            "{status}"
        );
        world.ok("aigate allow read .env");
        let status = world.ok("aigate status");
        assert!(
            !status.contains("\n  - .env\n") && status.contains("\n  - secrets/\n"),
            "{status}"
        );
    }

    #[test]
    fn deny_exec() {
        let world = World::with_upstreams_empty_configuration();
        assert!(world.ok("aigate deny exec curl wget").contains("curl"));
    }

    #[test]
    fn deny_exec_with_arguments() {
        let world = World::with_upstreams_empty_configuration();
        world.ok("aigate deny exec 'kubectl delete' 'kubectl create'");
        let status = world.ok("aigate status");
        assert!(
            status.contains("kubectl delete") && status.contains("kubectl create"),
            "{status}"
        );
        world.ok("aigate allow exec 'kubectl delete'");
        let status = world.ok("aigate status");
        assert!(
            !status.contains("kubectl delete") && status.contains("kubectl create"),
            "{status}"
        );
    }

    #[test]
    fn deny_read_needs_patterns() {
        assert!(
            World::new()
                .fails("aigate deny read")
                .to_lowercase()
                .contains("usage")
        );
    }

    #[test]
    fn run_needs_a_command() {
        assert!(
            World::new()
                .fails("aigate run")
                .to_lowercase()
                .contains("usage")
        );
    }

    #[test]
    fn reset_needs_force() {
        assert!(World::new().fails("aigate reset").contains("--force"));
    }
}
