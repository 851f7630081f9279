//! Keeps the table of attacks in `docs/threat-model.md` as the tests are.
//!
//! `UPDATE=1 cargo test --test threat_model` writes it anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports by panicking"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

const START: &str = "<!-- made from tests/escape -->\n";
const END: &str = "<!-- end -->\n";
/// Files of the suite that are no attack.
const SUPPORT: &[&str] = &[
    "main",
    "allowlist",
    "engines",
    "live",
    "sockets",
    "terminal",
];

struct Attack {
    name: String,
    act: String,
    area: String,
    known: String,
    held_by: String,
}

impl Attack {
    /// Reads the first lines of a test, which must have the usual form.
    fn of(name: &str, text: &str) -> Self {
        let doc: Vec<&str> = text
            .lines()
            .map_while(|line| line.strip_prefix("//!"))
            .map(str::trim)
            .collect();
        let about = doc.join(" ");
        let (act, facts) = about
            .split_once(" - ")
            .unwrap_or_else(|| panic!("{name}: no facts"));
        let fact = |key: &str| {
            let of = |part: &str| {
                part.strip_prefix(key)?
                    .strip_prefix(": ")
                    .map(str::to_owned)
            };
            let found = facts.split(" - ").find_map(|part| of(part.trim()));
            found.unwrap_or_else(|| panic!("{name}: a line `//! - {key}: ...` is missing"))
        };
        Self {
            name: name.to_owned(),
            act: act.trim().to_owned(),
            area: fact("Area"),
            known: fact("Known"),
            held_by: fact("Held by"),
        }
    }
}

fn package() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

fn attacks() -> Vec<Attack> {
    let mut found: Vec<_> = fs::read_dir(package().join("tests/escape"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "rs"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .filter(|(name, _)| !SUPPORT.contains(&name.as_str()))
        .map(|(name, path)| Attack::of(&name, &fs::read_to_string(path).unwrap()))
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn table(attacks: &[Attack]) -> String {
    let mut areas: BTreeMap<&str, Vec<&Attack>> = BTreeMap::new();
    for attack in attacks {
        areas.entry(&attack.area).or_default().push(attack);
    }
    let mut text = format!("{} attacks, each with its control arm.\n", attacks.len());
    for (area, attacks) in areas {
        let title = area[..1].to_uppercase() + &area[1..];
        text += &format!(
            "\n### {title}\n\n| attack | known from | held by | test |\n|---|---|---|---|\n"
        );
        for Attack {
            name,
            act,
            known,
            held_by,
            ..
        } in attacks
        {
            let cells = [act, known, held_by].map(|cell| cell.replace('|', "\\|"));
            text += &format!(
                "| {} | [{name}](../tests/escape/{name}.rs) |\n",
                cells.join(" | ")
            );
        }
    }
    text + "\n"
}

#[test]
fn the_document_lists_the_attacks_as_the_tests_have_them() {
    let path = package().join("docs/threat-model.md");
    let document = fs::read_to_string(&path).unwrap();
    let (before, rest) = document
        .split_once(START)
        .expect("the mark where the table starts");
    let (old, after) = rest.split_once(END).expect("the mark where the table ends");
    let new = table(&attacks());
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, [before, START, &new, END, after].concat()).unwrap();
        return;
    }
    assert!(
        old == new,
        "docs/threat-model.md is out of date: UPDATE=1 cargo test --test threat_model"
    );
}

#[test]
fn every_attack_is_part_of_the_suite() {
    let main = fs::read_to_string(package().join("tests/escape/main.rs")).unwrap();
    let attacks = attacks();
    for Attack { name, .. } in &attacks {
        assert!(
            main.contains(&format!("\nmod {name};\n")),
            "tests/escape/main.rs lacks `mod {name};`"
        );
    }
    assert!(attacks.len() >= 100, "only {} attacks", attacks.len());
}

#[test]
fn a_test_without_its_facts_is_found() {
    let whole = "//! Does it.\n//!\n//! - Area: a\n//! - Known: b - c\n//! - Held by: d\n\nuse x;";
    assert_eq!(Attack::of("x", whole).held_by, "d");
    let lacking = whole.replace("//! - Held by: d\n", "");
    assert!(std::panic::catch_unwind(|| Attack::of("x", &lacking)).is_err());
}
