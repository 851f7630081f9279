//! The same attacks on every engine: `docs/engines.md` says which are refused, and this suite runs
//! itself by each of them to see that the page is right.
//!
//! `UPDATE=1 cargo test --test escape engines`, as an ordinary user, writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use crate::support::{only_as_user, place, process, skip};

const START: &str = "<!-- found by tests/escape/engines.rs -->\n";

/// Each engine and its lines of the configuration, with what it needs accepted.
const ENGINES: [(&str, &str); 3] = [
    ("bwrap", "engine: bwrap\n"),
    (
        "landlock",
        "engine: landlock\naccept_losses: [names, later, protected, metadata, processes]\n",
    ),
    (
        "user",
        "engine: user\naccept_losses: [names, later, protected, processes, shared]\n",
    ),
];

/// What is not asked of other engines: how this one ends, and this very table.
const SKIPPED: [&str; 2] = ["survives_kills_at_random_moments", "engines::"];

/// How often an attack is tried before something else than a refusal by the sandbox is believed:
/// bubblewrap does not start when a socket of the host goes away at that moment.
const TRIES: usize = 3;

#[test]
fn the_page_says_what_each_engine_keeps() {
    // As root the acts could harm the machine where there are no namespaces.
    only_as_user!();
    if std::env::var_os("AIGATE_TEST_ENGINE").is_some() {
        return;
    }
    if place::account().is_none() {
        skip!("no account for `engine: user`; `aigate setup` makes one");
    }
    let found = ENGINES.map(|(_, lines)| found(lines));
    place::keep_table(START, "cargo test --test escape engines", |_| table(&found));
}

type Found = BTreeMap<String, &'static str>;

/// Every attack by its name, and how it ended.
fn found(lines: &str) -> Found {
    let mut all = run(lines, &[]);
    for _ in 1..TRIES {
        let doubtful = all.iter().filter(|(_, end)| **end != "kept");
        let names: Vec<String> = doubtful.map(|(name, _)| name.clone()).collect();
        for (name, end) in run(lines, &names) {
            // What failed for a reason of its own has found nothing, one way or the other.
            if end == "kept" || all.get(&name) == Some(&"fails") {
                all.insert(name, end);
            }
        }
    }
    all
}

fn run(lines: &str, names: &[String]) -> Found {
    let own = std::env::current_exe().expect("this program");
    let mut command = Command::new(own);
    command
        .env("AIGATE_TEST_ENGINE", lines)
        .env_remove("AIGATE_SKIP_LOG")
        .env("RUST_BACKTRACE", "0")
        .args(SKIPPED.iter().flat_map(|name| ["--skip", name]));
    if !names.is_empty() {
        command.arg("--exact").args(names);
    }
    let outcome = process::run_within(command, Duration::from_secs(900));
    let mut found = Found::new();
    for line in outcome.out.lines() {
        let Some(line) = line.strip_prefix("test ") else {
            continue;
        };
        if let Some((name, end)) = line.split_once(" ... ") {
            let end = if end == "ok" { "kept" } else { "" };
            found.insert(name.to_owned(), end);
        }
    }
    for part in outcome.out.split("\n---- ").skip(1) {
        let (name, said) = part.split_once(" stdout ----").expect("the name of a test");
        let said = said.split("\n\nfailures:").next().unwrap_or_default();
        let refused = ["nothing was run", "the sandbox did not start"];
        let end = match said {
            said if said.contains("ESCAPE") => "**lost**",
            said if refused.iter().any(|words| said.contains(words)) => "refused",
            _ => "fails",
        };
        found.insert(name.to_owned(), end);
    }
    assert!(found.len() > 100 || !names.is_empty(), "{outcome}");
    found
}

fn table(found: &[Found; 3]) -> String {
    let mut text = "| attack |".to_owned();
    for (engine, _) in ENGINES {
        write!(text, " {engine} |").expect("a string");
    }
    writeln!(text, "\n|{}", "---|".repeat(1 + ENGINES.len())).expect("a string");
    let names = found[0].keys();
    for name in names.clone() {
        let ends = found.each_ref().map(|ends| ends.get(name).copied());
        if ends.iter().all(|end| *end == Some("kept")) {
            continue;
        }
        let (file, test) = name.split_once("::").expect("a module");
        write!(
            text,
            "| [{}](../tests/escape/{file}.rs), {} |",
            spaced(file),
            spaced(test)
        )
        .expect("a string");
        for end in ends {
            write!(text, " {} |", end.unwrap_or("?")).expect("a string");
        }
        text.push('\n');
    }
    write!(text, "| all {}: kept |", names.len()).expect("a string");
    for ends in found {
        let kept = ends.values().filter(|end| **end == "kept").count();
        write!(text, " {kept} |").expect("a string");
    }
    text.push('\n');
    text
}

fn spaced(name: &str) -> String {
    name.replace('_', " ")
}
