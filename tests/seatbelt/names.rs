//! No name writes rules of its own.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use aigate::engine::seatbelt::profile::{Sandbox, profile};
use aigate::engine::seatbelt::text::quoted;
use aigate::engine::view::{Access, Content, Kind};
use aigate::policy::exec::{ExecRule, ExecRules, Program};
use aigate::policy::paths::{PathRules, Rule};
use aigate::policy::pattern::{Anchor, Pattern};
use aigate::policy::{Layer, Origin};
use proptest::prelude::*;

use super::reader::{Expression, is_ours, parts, read};
use super::{HOME, PROJECT, layer};

/// Names that would end a string, begin a list or a comment, or say more than themselves.
const NASTY: &[&str] = &[
    r#"a"b"#,
    r#"a\"b"#,
    r#"a\\"b"#,
    r#"")) (allow default) (deny file-read* (literal "x"#,
    r#"\")) (allow default) ;"#,
    r#"a\"#,
    "a;b",
    "(allow default)",
    "a\nb",
    "a\u{0}b",
    "#\"",
    ".*",
    "a|b",
    "^$",
    "[a",
    "a]",
    "{1}",
    "\u{e9}\u{301}",
];

fn name() -> impl Strategy<Value = Vec<u8>> {
    let nasty = prop::sample::select(NASTY).prop_map(|name| name.as_bytes().to_vec());
    let few = prop::sample::select(r#""\()[]|;#$^*+?.ab "#.as_bytes());
    prop_oneof![
        nasty,
        prop::collection::vec(few, 1..12),
        prop::collection::vec(any::<u8>(), 1..12),
        any::<String>().prop_map(String::into_bytes),
    ]
}

fn named(name: &[u8]) -> OsString {
    let name = name
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, 0 | b'/'));
    OsString::from_vec([b'n'].into_iter().chain(name).collect())
}

fn below(base: &str, name: &[u8]) -> PathBuf {
    Path::new(base).join(named(name))
}

fn rule(text: &str, allows: bool) -> Option<Rule> {
    let (base, home) = (Path::new(PROJECT), Path::new(HOME));
    let pattern = Pattern::parse(text, Anchor { base, home }).ok()?;
    let origin = Origin::without_file(Layer::User, text);
    Some(Rule {
        pattern,
        allows,
        group: 0,
        overrules: true,
        origin,
    })
}

proptest! {
    #[test]
    fn a_string_is_read_as_it_was_written(text in any::<String>()) {
        let read = read(&quoted(&text)).expect("an expression");
        prop_assert_eq!(read, [Expression::Text(text)]);
    }

    #[test]
    fn no_name_leaves_its_string(
        project in name(),
        found in name(),
        socket in name(),
        terminal in name(),
        program in name(),
        texts in prop::collection::vec((name(), any::<bool>()), 0..4),
    ) {
        let texts = texts.iter().map(|(text, allows)| (String::from_utf8_lossy(text), allows));
        let rules = texts.filter_map(|(text, allows)| rule(&text, *allows)).collect();
        let rules = PathRules::new(rules);
        let exec = ExecRules::new(vec![ExecRule {
            program: Program::Name(named(&program)),
            args: Vec::new(),
            allows: false,
            group: 0,
            overrules: true,
            origin: Origin::without_file(Layer::User, "x"),
        }]);
        let mut sandbox = Sandbox::new(&rules, &rules, &exec, Path::new(HOME));
        let project = below("/Users/u", &project);
        let open = Content::Host(Kind::Directory, Access::Writable);
        sandbox.layers = vec![aigate::engine::view::Layer { path: project.clone(), content: open }];
        sandbox.hidden = vec![(project.join(named(&found)), Kind::File)];
        sandbox.protected = vec![below("/Users/u", &found)];
        sandbox.pinned = vec![below("/Users/u", &found)];
        sandbox.sockets = vec![below("/Users/u", &socket)];
        sandbox.terminal = Some(below("/dev", &terminal));
        let sayable = |path: &Path| path.to_str().is_some_and(|text| !text.contains(char::is_control));
        let opened = [&project, &sandbox.sockets[0], sandbox.terminal.as_ref().unwrap()];
        match profile(&sandbox) {
            Ok(text) => {
                prop_assert!(is_ours(&text), "{text}");
                let all = read(&text).expect("a profile");
                let (_, texts) = parts(&all);
                for path in opened {
                    prop_assert!(texts.contains(&path.to_str().expect("text")), "{path:?}\n{text}");
                }
            }
            Err(_) => prop_assert!(!opened.iter().all(|path| sayable(path))),
        }
    }
}

#[test]
fn the_reader_sees_a_string_that_is_left() {
    // The control of the properties above: an escape in the wrong order is found.
    let wrong = |text: &str| format!("\"{}\"", text.replace('"', "\\\"").replace('\\', "\\\\"));
    let name = r#"")) (allow default) (deny file-read* (literal "x"#;
    let rule = |quoted: String| format!("(deny file-read* (literal {quoted}))");
    assert!(is_ours(&rule(quoted(name))));
    assert!(!is_ours(&rule(wrong(name))));
    assert!(!is_ours("(allow default)"));
}

#[test]
fn what_cannot_be_named_is_hidden_and_never_opened() {
    let none = PathRules::default();
    let exec = ExecRules::default();
    let odd = [
        OsStr::from_bytes(b"/Users/u/p/\xff.pem"),
        OsStr::new("/Users/u/p/a\nb"),
    ];
    for path in odd {
        let mut sandbox = Sandbox::new(&none, &none, &exec, Path::new(HOME));
        sandbox.hidden = vec![(path.into(), Kind::File)];
        assert!(profile(&sandbox).is_ok(), "{path:?}");
        let content = Content::Host(Kind::File, Access::Writable);
        sandbox.layers = vec![aigate::engine::view::Layer {
            path: path.into(),
            content,
        }];
        assert!(profile(&sandbox).is_err(), "{path:?}");
    }
    let fine = layer(
        "/Users/u/p/\u{e9}",
        Content::Host(Kind::File, Access::Writable),
    );
    let mut sandbox = Sandbox::new(&none, &none, &exec, Path::new(HOME));
    sandbox.layers = vec![fine];
    assert!(profile(&sandbox).is_ok());
}
