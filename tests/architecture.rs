//! Keeps the shape of the package: who may import whom, where `unsafe` lives, how long a file is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Every arrow that exists between the modules of the crate. A module that is missing on the left
/// may import nothing of ours.
const ARROWS: &[(&str, &[&str])] = &[
    // The allocator.
    ("main", &["cli", "sys"]),
    ("cli", &["app", "audit", "config", "policy"]),
    (
        "app",
        &[
            "audit",
            "config",
            "dashboard",
            "egress",
            "engine",
            "integration",
            "output",
            "policy",
            "redact",
            "shim",
            "verify",
        ],
    ),
    ("config", &["policy", "redact"]),
    ("redact", &["policy"]),
    ("output", &["policy", "redact", "sys"]),
    ("engine", &["policy", "sys"]),
    ("egress", &["audit", "policy", "sys"]),
    // The catalogue's profiles are written in the schema of the configuration.
    ("shim", &["config", "sys"]),
    // Paths in the data are written as the catalogue's; files are replaced as the shims' are.
    ("integration", &["shim"]),
    ("audit", &["policy", "redact"]),
    ("dashboard", &["audit"]),
    // Attacks, tried: they know no rules.
    ("verify", &["sys"]),
];

/// Names that say nothing; what they would hold belongs to a module with a subject.
const VAGUE: &[&str] = &["common", "utils", "util", "helpers", "services", "misc"];

/// What a pure module must not touch.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::time",
    "std::process",
    "std::thread",
];

const LONGEST: usize = 500;

#[test]
fn modules_import_only_along_the_arrows() {
    complain(sources().iter().flat_map(wrong_arrows).collect());
}

#[test]
fn unsafe_lives_in_sys_only() {
    complain(sources().iter().flat_map(stray_unsafe).collect());
}

#[test]
fn policy_is_pure() {
    complain(sources().iter().flat_map(impurities).collect());
}

#[test]
fn no_file_is_too_long() {
    complain(sources().iter().filter_map(excess).collect());
    // A file of tests is all tests.
    let long = |path: PathBuf| {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        too_long(&path.display().to_string(), lines)
    };
    complain(files("tests").into_iter().filter_map(long).collect());
}

/// On the page about the architecture: what stands in code marks is a file, or a function in the file
/// that is named next to it.
#[test]
fn the_way_to_execve_is_as_its_page_says() {
    let page = fs::read_to_string(package().join("docs/architecture.md")).unwrap();
    let (_, way) = page.split_once("## From `claude` to execve").unwrap();
    complain(wrong_places(way));
    let (_, walk) = way.split_once("1. ").unwrap();
    let (walk, _) = walk.split_once("\n\n").unwrap();
    let count = walk.matches(".rs`").count();
    assert!(count <= 5, "{count} files from main to execve");
}

#[test]
fn a_wrong_place_is_found() {
    let right = "1. `src/cli/mod.rs`: `main` asks\n\n`Plan::new` in `src/engine/plan.rs`\n";
    assert_eq!(wrong_places(right), Vec::<String>::new());
    for wrong in [
        "1. `src/cli/mod.rs`: `no_such_function`",
        "1. `src/no/such.rs`: `main`",
        "`View::resolve` in `src/engine/plan.rs`",
    ] {
        assert_eq!(wrong_places(wrong).len(), 1, "{wrong}");
    }
}

#[test]
fn no_module_has_a_vague_name() {
    let vague = |source: &Source| {
        source
            .module
            .iter()
            .any(|part| VAGUE.contains(&part.as_str()))
    };
    complain(
        sources()
            .iter()
            .filter(|s| vague(s))
            .map(|s| format!("{}: vague name", s.path))
            .collect(),
    );
}

#[test]
fn a_wrong_arrow_is_found_in_every_spelling() {
    for text in [
        "use crate::cli::report;",
        "use crate::{policy::Policy, cli};",
        "use crate::{\n    policy::{Policy, Rule},\n    cli::Args,\n};",
        "fn f() { crate::cli::main(); }",
        "use super::super::cli;",
        "use aigate::cli::main;",
    ] {
        assert_eq!(
            wrong_arrows(&Source::of("engine/linux.rs", text)).len(),
            1,
            "{text}"
        );
    }
    for text in [
        "// use crate::cli;",
        "const S: &str = \"use crate::cli;\";",
        "use crate::policy::Policy; use crate::engine::plan; use crate::sys::mount;",
        "#[cfg(test)]\nmod tests { use crate::cli; }",
    ] {
        assert_eq!(
            wrong_arrows(&Source::of("engine/linux.rs", text)),
            Vec::<String>::new(),
            "{text}"
        );
    }
}

#[test]
fn a_stray_unsafe_is_found() {
    let text = "fn f() { unsafe { g() } }";
    assert_eq!(stray_unsafe(&Source::of("engine/mod.rs", text)).len(), 1);
    assert_eq!(stray_unsafe(&Source::of("sys/mount.rs", text)).len(), 0);
    let harmless =
        "#![forbid(unsafe_code)]\n// unsafe\nconst S: &str = \"unsafe {\"; const C: char = '\"';";
    assert_eq!(
        stray_unsafe(&Source::of("policy/mod.rs", harmless)).len(),
        0
    );
}

#[test]
fn an_impurity_and_a_long_file_are_found() {
    assert_eq!(
        impurities(&Source::of("policy/a.rs", "use std::fs;")).len(),
        1
    );
    assert_eq!(
        impurities(&Source::of("config/a.rs", "use std::fs;")).len(),
        0
    );
    let long = "fn f() {}\n".repeat(LONGEST + 1);
    assert!(excess(&Source::of("app/a.rs", &long)).is_some());
    let tested = format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
    assert!(excess(&Source::of("app/a.rs", &tested)).is_none());
}

/// One file below `src`: its module path, and its code without tests, comments and strings.
struct Source {
    path: String,
    module: Vec<String>,
    lines: usize,
    code: String,
}

impl Source {
    fn of(path: &str, text: &str) -> Self {
        let tests = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
        let module = path
            .trim_end_matches(".rs")
            .split('/')
            .filter(|part| *part != "mod");
        Self {
            path: path.to_owned(),
            module: module.map(str::to_owned).collect(),
            lines: text[..tests].lines().count(),
            code: bare(&text[..tests]),
        }
    }

    fn owner(&self) -> &str {
        self.module.first().map_or("main", String::as_str)
    }
}

fn package() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

fn sources() -> Vec<Source> {
    let root = package().join("src");
    let read = |path: PathBuf| read(&root, &path);
    files("src").into_iter().map(read).collect()
}

/// The files of code below a directory of the package.
fn files(directory: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![package().join(directory)];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("the sources") {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 5, "the sources were not found");
    found
}

fn read(root: &Path, path: &Path) -> Source {
    let name = path.strip_prefix(root).unwrap().to_str().unwrap();
    Source::of(name, &fs::read_to_string(path).unwrap())
}

fn wrong_arrows(source: &Source) -> Vec<String> {
    let owner = source.owner();
    if owner == "lib" {
        return Vec::new();
    }
    let allowed = ARROWS
        .iter()
        .find(|(from, _)| *from == owner)
        .map_or(&[][..], |(_, to)| to);
    imports(source)
        .into_iter()
        .filter(|name| name != owner && !allowed.contains(&name.as_str()))
        .map(|name| format!("{}: {owner} must not import {name}", source.path))
        .collect()
}

/// The top-level modules that a file names, in any spelling.
fn imports(source: &Source) -> Vec<String> {
    let climb = "super::".repeat(source.module.len());
    let mut names = Vec::new();
    for root in ["crate::", "aigate::", &climb] {
        for (at, _) in source.code.match_indices(root) {
            let whole = !source.code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            if whole && !root.is_empty() {
                names.extend(heads(&source.code[at + root.len()..]));
            }
        }
    }
    // Macros and items of the crate root are not modules.
    names.retain(|name| name.starts_with(|c: char| c.is_lowercase()));
    names
}

/// The first names of a path or of each member of a braced group.
fn heads(rest: &str) -> Vec<String> {
    let Some(group) = rest.strip_prefix('{') else {
        return vec![word(rest)];
    };
    let mut depth = 0;
    let mut names = vec![word(group.trim_start())];
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(word(group[at + 1..].trim_start())),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

fn stray_unsafe(source: &Source) -> Vec<String> {
    let words = source
        .code
        .split(|c: char| !(c.is_alphanumeric() || c == '_'));
    let stray = source.owner() != "sys" && words.into_iter().any(|word| word == "unsafe");
    stray
        .then(|| format!("{}: unsafe outside src/sys", source.path))
        .into_iter()
        .collect()
}

fn impurities(source: &Source) -> Vec<String> {
    let impure = IMPURE
        .iter()
        .filter(|name| source.owner() == "policy" && source.code.contains(**name));
    impure
        .map(|name| format!("{}: policy must not use {name}", source.path))
        .collect()
}

fn excess(source: &Source) -> Option<String> {
    too_long(&source.path, source.lines)
}

fn too_long(path: &str, lines: usize) -> Option<String> {
    (lines > LONGEST).then(|| format!("{path}: {lines} lines, at most {LONGEST}"))
}

/// The functions that are not in their file: in a list the file comes first, in a sentence after them.
fn wrong_places(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for part in text.split("\n\n") {
        let marks = part.split('`').skip(1).step_by(2);
        let mut marks: Vec<&str> = marks.filter(|mark| !mark.contains(' ')).collect();
        if !part.trim_start().starts_with("1. ") {
            marks.reverse();
        }
        let mut file = None;
        for mark in marks {
            if mark.ends_with(".rs") {
                file = fs::read_to_string(package().join(mark)).ok();
            } else {
                let name = mark.rsplit("::").next().unwrap();
                let is_there = |file: &String| file.contains(&format!("fn {name}("));
                if !file.as_ref().is_some_and(is_there) {
                    wrong.push(format!(
                        "docs/architecture.md: `{mark}` is not where it says"
                    ));
                }
            }
        }
    }
    wrong
}

#[track_caller]
fn complain(faults: Vec<String>) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Blanks out comments, strings and characters, which only look like code.
fn bare(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let skipped = match letter {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            'r' if raw_string(rest).is_some() && !code.ends_with(|c: char| c.is_alphanumeric()) => {
                raw_string(rest).unwrap_or(1)
            }
            '"' => quoted(rest),
            '\'' => character(rest),
            _ => 0,
        };
        if skipped == 0 {
            code.push(letter);
            rest = &rest[letter.len_utf8()..];
        } else {
            code.push(' ');
            rest = &rest[skipped..];
        }
    }
    code
}

fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn raw_string(text: &str) -> Option<usize> {
    let hashes = text[1..].chars().take_while(|c| *c == '#').count();
    let open = text[1 + hashes..].starts_with('"');
    let close = format!("\"{}", "#".repeat(hashes));
    let start = hashes + 2;
    open.then(|| {
        text[start..]
            .find(&close)
            .map_or(text.len(), |end| start + end + close.len())
    })
}

/// The length of a character literal, or 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut letters = text.char_indices().skip(1);
    match (letters.next(), letters.next()) {
        (Some((_, '\\')), Some((at, _))) => text[at + 1..].find('\'').map_or(0, |end| at + end + 2),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}
