//! Texts that nobody would write: no reader may panic, and an edit says what it was to say or
//! nothing. The same functions are the fuzz targets of `fuzz/`.

use std::path::Path;

use aigate::config::edit;
use aigate::config::key::Key;
use aigate::config::raw;
use aigate::config::source::Source;
use aigate::config::{Diagnostic, merge};
use aigate::policy::glob::Glob;
use aigate::policy::pattern::{Anchor, Pattern};
use aigate::policy::{Host, Layer, NetRule, Origin};
use proptest::prelude::*;

const SEEDS: [&str; 6] = [
    aigate::config::builtin::DEFAULT,
    "deny_read: [a, 'b', \"c\"] # why\nallow_net:\n- x.example\n",
    "# only\r\ndeny_read:\r\n    - a\r\n    - b # c\r\nenv: {set: {A: \"1\"}}\r\n",
    "profiles:\n  a: {extends: [b], deny_read: &x [q]}\n  b: {deny_read: *x}\n",
    "deny_read: |\n  text\nnetwork: open\n",
    "{deny_read: [a], resource_limits: {max_memory: 4G}}\n",
];

fn read_everything(text: &str) {
    let base = Path::new("/home/u/p");
    let Ok(source) = Source::parse(Layer::User, Some("f".into()), base, text.to_owned()) else {
        return;
    };
    // An error is an answer, too; it must be able to show its line.
    if let Err(error) = merge::merge(&[source], base, Path::new("/home/u")) {
        assert!(!error.to_string().is_empty());
    }
}

/// Changes a text in a few places, as an editor, a disk or an enemy would.
fn mangled() -> impl Strategy<Value = String> {
    let cut = (
        0..SEEDS.len(),
        proptest::collection::vec((any::<u16>(), any::<u8>()), 1..6),
    );
    cut.prop_map(|(seed, changes)| {
        let mut bytes = SEEDS[seed].as_bytes().to_vec();
        for (at, what) in changes {
            let at = usize::from(at) % bytes.len().max(1);
            match what % 5 {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, b":-[]{}&*!|>'\"#%@`\n\t "[usize::from(what) % 20]),
                2 => bytes.insert(at, what),
                3 => {
                    let piece = bytes[at..(at + usize::from(what)).min(bytes.len())].to_vec();
                    bytes.splice(at..at, piece);
                }
                _ => bytes[at] = what,
            }
            if bytes.is_empty() {
                bytes.push(b'\n');
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        read_everything(&text);
    }

    #[test]
    fn no_mangled_file_makes_the_reader_panic(text in mangled()) {
        read_everything(&text);
    }

    #[test]
    fn an_edit_says_what_was_meant_or_nothing(text in mangled(), item in "[ -~é\t]{1,12}") {
        let Ok(before) = raw::parse(&text) else { return Ok(()) };
        let Ok(after) = edit::add(&text, Key::DenyRead, &item, None) else { return Ok(()) };
        let values = |layer: &raw::Layer| -> Vec<String> {
            layer.deny_read.iter().flatten().map(|item| item.value.clone()).collect()
        };
        let mut expected = values(&before);
        if !expected.contains(&item) {
            expected.push(item.clone());
        }
        let read = raw::parse(&after).expect("what an edit writes is valid");
        prop_assert_eq!(values(&read), expected);
        let back = edit::remove(&after, Key::DenyRead, &item).expect("what was added can go");
        let read = raw::parse(&back).expect("what an edit writes is valid");
        prop_assert!(!values(&read).contains(&item));
        // Everything else is as it was, byte for byte: the edit only inserted.
        let inserted = after.len() - text.len();
        let same = text.bytes().zip(after.bytes()).take_while(|(a, b)| a == b).count();
        prop_assert!(text.contains("[]") || text[same..] == after[same + inserted..]);
    }

    #[test]
    fn no_pattern_makes_the_matcher_panic(text in any::<String>(), path in any::<Vec<u8>>()) {
        let anchor = Anchor { base: Path::new("/home/u/p"), home: Path::new("/home/u") };
        if let Ok(pattern) = Pattern::parse(&text, anchor) {
            _ = pattern.matches(&path, true);
        }
        if let Ok(glob) = Glob::parse(&text) {
            _ = glob.matches(&path);
        }
        let origin = Origin::without_file(Layer::User, text.as_str());
        if let Ok(rule) = NetRule::parse(&text, true, 0, origin) {
            let host = Host::parse("a.example").expect("host");
            _ = rule.matches(&host, 443);
        }
    }

    #[test]
    fn any_place_can_be_shown(text in any::<String>(), line in 0usize..9) {
        // An error at any place of a text shows that place, whatever the text is.
        if let Err(error) = raw::parse(&text) {
            let place = error.location().unwrap_or(serde_saphyr::Location::UNKNOWN);
            let shown = Diagnostic::new(Some("f".into()), &text, place, "x".to_owned()).to_string();
            prop_assert!(shown.lines().count() < 6 + line);
        }
    }
}

#[test]
fn a_bomb_is_refused_quickly() {
    let mut bomb = String::from("profiles:\n  a0: &a0 {deny_read: [x, x, x, x, x, x, x, x]}\n");
    for level in 1..30 {
        bomb += &format!("  a{level}: &a{level} {{profiles: {{");
        for copy in 0..8 {
            bomb += &format!("b{copy}: *a{}, ", level - 1);
        }
        bomb += "}}\n";
    }
    let start = std::time::Instant::now();
    assert!(raw::parse(&bomb).is_err());
    let deep = format!("profiles: {}", "{a: {profiles: ".repeat(10_000));
    assert!(raw::parse(&deep).is_err());
    assert!(start.elapsed().as_secs() < 60);
}

#[test]
fn a_pattern_that_asks_for_backtracking_gets_none() {
    let start = std::time::Instant::now();
    let glob = Glob::parse(&"*a".repeat(60)).expect("pattern");
    assert!(!glob.matches("a".repeat(59).as_bytes()));
    assert!(!glob.matches(&[b"a".repeat(4000), b"b".to_vec()].concat()));
    let anchor = Anchor {
        base: Path::new("/p"),
        home: Path::new("/h"),
    };
    let pattern = Pattern::parse(&format!("{}b", "**/a/".repeat(200)), anchor).expect("pattern");
    assert!(!pattern.matches(format!("/p{}", "/a".repeat(2000)).as_bytes(), false));
    assert!(start.elapsed().as_secs() < 60);
}
