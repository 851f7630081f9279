//! Keeps the tables of `docs/engines.md` as the tests have it, on every machine the same.
//!
//! `UPDATE=1 cargo test --test hosts matrix` writes it anew.

use std::fmt::Write as _;
use std::fs;

use super::measured;
use super::support::place;

const SEEN: &str = "<!-- made from tests/hosts -->\n";
const MEASURED: &str = "<!-- measured by tests/hosts/measured.rs -->\n";
const END: &str = "<!-- end -->\n";
const FILES: [&str; 6] = [
    "refusals", "bwrap", "landlock", "user", "account", "seatbelt",
];

/// The rows of one file: `/// Seen: ENGINE | HOST | OUTCOME` above `#[test]` and the function's name.
fn rows(file: &str, text: &str) -> String {
    let mut made = String::new();
    let lines: Vec<&str> = text.lines().collect();
    for three in lines.windows(3) {
        let Some(seen) = three[0].strip_prefix("/// Seen: ") else {
            continue;
        };
        let name = three[2]
            .strip_prefix("fn ")
            .and_then(|rest| rest.split_once('('));
        let (name, _) = name.unwrap_or_else(|| panic!("{file}: no test below `{seen}`"));
        assert_eq!(three[1], "#[test]", "{file}: {name}");
        assert_eq!(seen.matches('|').count(), 2, "{file}: {name}: three cells");
        writeln!(made, "| {seen} | [{name}](../tests/hosts/{file}.rs) |").expect("a string");
    }
    assert!(!made.is_empty(), "{file}: no rows");
    made
}

/// What the tests of these files say they saw.
fn seen() -> String {
    let mut table = "| engine | host | outcome | test |\n|---|---|---|---|\n".to_owned();
    for file in FILES {
        let source = place::package().join(format!("tests/hosts/{file}.rs"));
        table += &rows(file, &fs::read_to_string(source).expect("the tests"));
    }
    table
}

/// Compares the part of the document below `start` with what it has to be, or writes it.
fn keep(start: &str, make: impl Fn(&str) -> String) {
    let path = place::package().join("docs/engines.md");
    let document = fs::read_to_string(&path).expect("the document");
    let (before, rest) = document.split_once(start).expect("where the table starts");
    let (old, after) = rest.split_once(END).expect("where the table ends");
    let new = &*make(old);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, [before, start, new, END, after].concat()).expect("the document");
        return;
    }
    let differs = |(a, b): &(&str, &str)| a != b;
    let first = old.lines().zip(new.lines()).find(differs);
    assert!(
        old == new,
        "docs/engines.md is out of date: UPDATE=1 cargo test --test hosts matrix\n{first:#?}"
    );
}

#[test]
fn the_document_has_the_tables_of_the_tests() {
    keep(SEEN, |_| seen());
    keep(MEASURED, measured::table);
}
