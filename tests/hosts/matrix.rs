//! Keeps the tables of `docs/engines.md` as the tests have it, on every machine the same.
//!
//! `UPDATE=1 cargo test --test hosts matrix` writes it anew.

use std::fmt::Write as _;
use std::fs;

use super::measured;
use super::support::place;

const SEEN: &str = "<!-- made from tests/hosts -->\n";
const MEASURED: &str = "<!-- measured by tests/hosts/measured.rs -->\n";
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

#[test]
fn the_document_has_the_tables_of_the_tests() {
    let how = "cargo test --test hosts matrix";
    place::keep_table(SEEN, how, |_| seen());
    place::keep_table(MEASURED, how, measured::table);
}
