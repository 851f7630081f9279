//! Redaction of output: what is replaced, what stays, and that it does not depend on where a read ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports by panicking"
)]

use aigate::policy::limits::REDACT_PRESETS;
use aigate::policy::{Layer, Origin, Redact, RedactPattern};
use aigate::redact::{Rules, Stream, Values};
use proptest::prelude::*;

/// What the predecessor of this tool wrote into every new configuration.
const KEYWORDS: &str = r"(?:api_?key|secret|password|passwd|token|credential)\s*[=:]\s*\S+";

fn origin(text: &str) -> Origin {
    Origin::without_file(Layer::User, text)
}

fn pattern(regex: &str, show_prefix: u32) -> RedactPattern {
    RedactPattern {
        regex: regex.to_owned(),
        show_prefix,
        case_insensitive: true,
        origin: origin(regex),
    }
}

fn presets(names: &[&str]) -> Redact {
    Redact {
        presets: names
            .iter()
            .map(|name| ((*name).to_owned(), origin(name)))
            .collect(),
        patterns: Vec::new(),
    }
}

fn everything() -> Rules {
    let redact = Redact {
        patterns: vec![pattern(KEYWORDS, 0), pattern("id-[0-9]{6,}", 3)],
        ..presets(&REDACT_PRESETS)
    };
    let mut values = Values::default();
    values.add(b"correct horse battery staple");
    values.add(b"correct horse");
    Rules::compile(&redact, values).unwrap()
}

fn only(regex: &str) -> Rules {
    let redact = Redact {
        presets: Vec::new(),
        patterns: vec![pattern(regex, 0)],
    };
    Rules::compile(&redact, Values::default()).unwrap()
}

fn redacted(rules: &Rules, text: &str) -> String {
    cut(rules, text.as_bytes(), text.len().max(1))
}

fn cut(rules: &Rules, text: &[u8], length: usize) -> String {
    let mut stream = Stream::new(rules);
    let mut out = Vec::new();
    for chunk in text.chunks(length) {
        stream.push(chunk, &mut out);
    }
    stream.finish(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Made up, each in the form of its service; put together here so that no scanner takes them for real.
fn secrets() -> Vec<(String, String)> {
    let body = "aB3dE5gH7jK9mN1pQ3sT5vX7zA9cE1gI3kM5oQ7s";
    [
        ("sk-", format!("proj-{body}")),
        ("sk-ant-", format!("api03-{body}")),
        ("AKIA", "IOSFODNN7EXAMPLE".to_owned()),
        ("ASIA", "IOSFODNN7EXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY=", format!("{body}/+")),
        ("aws_secret_access_key = ", format!("{body}/+")),
        ("ghp_", body.to_owned()),
        ("github_pat_", format!("11ABCDEFG0_{body}{body}")),
        ("Bearer ", format!("{body}.{body}~")),
        ("authorization: bearer ", body.to_owned()),
        ("xoxb-", format!("123456789012-{body}")),
        ("AIza", body.to_owned()),
        ("npm_", body.to_owned()),
        ("glpat-", body.to_owned()),
        ("sk_live_", body.to_owned()),
        ("eyJ", format!("hbGciOiJIUzI1NiJ9.eyJ{body}.{body}")),
    ]
    .map(|(lead, secret)| (lead.to_owned(), secret))
    .to_vec()
}

#[test]
fn every_kind_of_secret_is_replaced_and_recognisable() {
    let rules = Rules::compile(&presets(&REDACT_PRESETS), Values::default()).unwrap();
    for (lead, secret) in secrets() {
        for (before, after) in [
            ("", ""),
            ("key \"", "\" more"),
            ("\\n", "\\n"),
            ("\x1b[32m", "\x1b[0m\n"),
        ] {
            let text = format!("{before}{lead}{secret}{after}");
            assert_eq!(
                redacted(&rules, &text),
                format!("{before}{lead}***{after}"),
                "{text:?}"
            );
        }
    }
}

#[test]
fn ordinary_text_stays() {
    let rules = everything();
    for text in [
        "disk-usage-monitoring-service-of-the-team",
        "task-1234567890-abcdefghijklmnop",
        "sk-short",
        "AKIAxxxxxxxxxxxxxxxx",
        "eyJust a word.eyJ",
        "-----BEGIN PRIVATE KEY----- is how it starts",
        "-----BEGIN CERTIFICATE-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n",
        "token budget: 5",
    ] {
        assert_eq!(redacted(&rules, text), text);
    }
}

#[test]
fn a_key_block_is_replaced_in_any_writing() {
    let rules = everything();
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7";
    for line_end in ["\n", "\r\n", "\\n", "\\r\\n"] {
        let block = format!("{line_end}{body}{line_end}{body}{line_end}");
        for kind in ["", "RSA ", "OPENSSH ", "ENCRYPTED "] {
            let (begin, end) = (
                format!("-----BEGIN {kind}PRIVATE KEY-----"),
                format!("-----END {kind}PRIVATE KEY-----"),
            );
            let text = format!("x {begin}{block}{end} y");
            assert_eq!(redacted(&rules, &text), format!("x {begin}***{end} y"));
        }
    }
    let cut_off = format!("{{\"key\":\"-----BEGIN PRIVATE KEY-----\\n{body}\\\"\"}}");
    assert_eq!(
        redacted(&rules, &cut_off),
        "{\"key\":\"-----BEGIN PRIVATE KEY-----***\\\"\"}"
    );
}

#[test]
fn json_stays_json() {
    let rules = everything();
    let key = "sk-ant-api03-aB3dE5gH7jK9mN1pQ3sT5vX7zA9c";
    for text in [
        r#"{"msg":"next token: abc","id":5}"#.to_owned(),
        r#"{"msg":"password = \"hunter2\"","id":5}"#.to_owned(),
        r#"{"msg":"secret=abc\nsecret: def","list":["token=x"]}"#.to_owned(),
        format!(r#"{{"key":"{key}","n":[1,2]}}"#),
        format!(r#"{{"authorization":"Bearer {key}"}}"#),
        r#"{"said":"correct horse battery staple"}"#.to_owned(),
    ] {
        let before: serde_json::Value = serde_json::from_str(&text).unwrap();
        let shown = redacted(&rules, &text);
        let after: serde_json::Value =
            serde_json::from_str(&shown).unwrap_or_else(|why| panic!("{why}: {shown}"));
        assert!(shown.contains("***"), "{shown}");
        for (name, value) in before.as_object().unwrap() {
            assert_eq!(value.is_number(), after[name].is_number(), "{shown}");
        }
        assert_eq!(before.get("id"), after.get("id"));
    }
    let rules = only(r#""pin":\s*\d+"#);
    let shown = redacted(&rules, r#"{"pin": 1234, "id": 5}"#);
    let json: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(json["id"], 5, "{shown}");
    assert!(!shown.contains("1234"));
}

#[test]
fn a_pattern_of_the_user_ends_where_the_value_ends() {
    let rules = only(KEYWORDS);
    for (text, expected) in [
        ("password=hunter2 next", "*** next"),
        ("password: \"hunter2\", x", "***: \"***\", x"),
        ("f(token: string, password: string) {", "f(***, ***) {"),
        ("API_KEY=abc\nnext", "***\nnext"),
        ("password:\nnext", "password:\nnext"),
        ("let token = next();", "let ***();"),
    ] {
        assert_eq!(redacted(&rules, text), expected, "{text}");
    }
    let shown = Redact {
        presets: Vec::new(),
        patterns: vec![pattern("token=[a-f0-9]{8}", 6)],
    };
    let rules = Rules::compile(&shown, Values::default()).unwrap();
    assert_eq!(redacted(&rules, "x token=deadbeef y"), "x token=*** y");
}

#[test]
fn a_prompt_appears_at_once() {
    let rules = Rules::compile(&presets(&REDACT_PRESETS), Values::default()).unwrap();
    for prompt in [
        "Your name: ",
        "Password: ",
        "$ ls",
        "git pus",
        "sk-",
        "Continue? [y/N] ",
        "AKIA",
    ] {
        let mut stream = Stream::new(&rules);
        let mut out = Vec::new();
        stream.push(prompt.as_bytes(), &mut out);
        assert_eq!(out, prompt.as_bytes());
    }
    // The letters of a possible key are held, and only these.
    let mut stream = Stream::new(&rules);
    let mut out = Vec::new();
    stream.push(b"key: sk-ab", &mut out);
    assert_eq!(out, b"key: sk-");
    stream.push(b"c ", &mut out);
    assert_eq!(out, b"key: sk-abc ");
}

#[test]
fn what_a_pattern_holds_back_is_shown_when_the_program_waits() {
    let rules = only(KEYWORDS);
    let mut stream = Stream::new(&rules);
    let mut out = Vec::new();
    stream.push(b"Password: ", &mut out);
    assert_eq!(out, b"");
    assert!(stream.is_holding());
    stream.pause(&mut out);
    assert_eq!(out, b"Password: ");
    stream.push(b"hunter2", &mut out);
    stream.pause(&mut out);
    assert_eq!(
        out, b"Password: ",
        "the value itself is not shown by waiting"
    );
    stream.push(b"\n", &mut out);
    assert_eq!(out, b"Password: ***\n");
}

#[test]
fn hits_are_counted_by_the_line_that_asked() {
    let rules = everything();
    let mut stream = Stream::new(&rules);
    let mut out = Vec::new();
    stream.push(
        b"id-123456 id-1234567 AKIAIOSFODNN7EXAMPLE correct horse\n",
        &mut out,
    );
    assert_eq!(out, b"id-*** id-*** AKIA*** ***\n");
    let hits: Vec<_> = rules
        .origins()
        .iter()
        .zip(stream.hits())
        .filter(|(_, count)| **count > 0)
        .map(|(origin, count)| (origin.text.as_str(), *count))
        .collect();
    assert_eq!(hits, [("aws_key", 1), ("values", 1), ("id-[0-9]{6,}", 2)]);
}

#[test]
fn a_pattern_that_cannot_be_used_is_an_error() {
    for (regex, why) in [
        ("(unclosed", "unclosed"),
        ("a*", "empty"),
        ("[z-a]", "range"),
        (r"\p{Greek}+x", "nicode"),
        (r"(?:[ab]{400}c){400}", "large"),
    ] {
        let redact = Redact {
            presets: Vec::new(),
            patterns: vec![pattern("fine", 0), pattern(regex, 0)],
        };
        let error = Rules::compile(&redact, Values::default())
            .err()
            .expect(regex);
        assert_eq!(error.origin.text, regex);
        assert!(error.why.contains(why), "{regex}: {}", error.why);
    }
}

#[test]
fn nothing_is_lost_or_added_without_a_secret() {
    let rules = everything();
    let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    for length in [1, 7, 64, 10_000] {
        let mut stream = Stream::new(&rules);
        let mut out = Vec::new();
        bytes
            .chunks(length)
            .for_each(|chunk| stream.push(chunk, &mut out));
        stream.finish(&mut out);
        assert_eq!(out, bytes);
    }
}

#[test]
fn a_match_longer_than_any_buffer_is_replaced_whole() {
    let rules = everything();
    for (lead, least) in [("sk-ant-", 40_000), ("password=", 40_000)] {
        let text = format!("a {lead}{} b", "x1".repeat(least));
        for length in [1000, text.len()] {
            let shown = cut(&rules, text.as_bytes(), length);
            assert!(
                shown.starts_with("a ") && shown.ends_with("*** b"),
                "{}",
                &shown[..20]
            );
            assert!(shown.len() < 30);
        }
    }
}

/// Seconds that this thread has been running: other load on the machine does not count.
fn on_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// Twice the length must not take much more than twice the time, whatever the text is made of.
#[test]
fn time_is_linear() {
    let rules = everything();
    let whitespace = only(r"\s*x\d+-\d+y");
    for (rules, unit) in [
        (&rules, "sk-"),
        (&rules, "password "),
        (&rules, "eyJaaaaaaaaaaaaa."),
        (&rules, "-----BEGIN "),
        (&rules, "correct hors"),
        (&rules, "a"),
        (&whitespace, "  "),
        (&whitespace, "x1-"),
        (&whitespace, "11"),
    ] {
        let time = |times: usize| {
            let text = unit.repeat(times);
            let start = on_cpu();
            cut(rules, text.as_bytes(), 65_536);
            on_cpu() - start
        };
        let length = 100_000 / unit.len();
        let (short, long) = (time(length), time(4 * length));
        assert!(
            long < 10.0 * short + 0.05,
            "{unit}: {short} s, then {long} s"
        );
    }
}

/// What one rule shows at once may be the start of what another rule replaces.
#[test]
fn what_is_shown_early_is_never_the_start_of_another_secret() {
    let rules = everything();
    for text in [
        "tokenpassword:sk-",
        "sk-npmpassword=x y",
        "correct hocorrect horse",
    ] {
        assert_eq!(cut(&rules, text.as_bytes(), 1), redacted(&rules, text));
    }
}

/// Pieces that are likely to make and to break matches.
fn piece() -> impl Strategy<Value = String> {
    let known = secrets()
        .into_iter()
        .flat_map(|(lead, secret)| [lead, secret]);
    let more = [
        "password",
        ": ",
        "=",
        "\"",
        "\\\"",
        "\\n",
        " ",
        "\n",
        "id-",
        "123456",
        "correct horse",
        " battery",
        " staple",
        "-----BEGIN PRIVATE KEY-----",
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwgg",
        "-----END",
        "-",
        "\\",
        "token",
        "sk-ant",
        "{",
        "}",
        "eyJ",
        "a",
        "é",
    ];
    let all: Vec<String> = known.chain(more.map(str::to_owned)).collect();
    prop_oneof![
        4 => proptest::sample::select(all),
        1 => "[ -~]{0,4}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_result_does_not_depend_on_where_reads_end(
        pieces in proptest::collection::vec(piece(), 0..12),
        ends in proptest::collection::vec(1_usize..40, 1..20),
    ) {
        let text = pieces.concat();
        let rules = RULES.with(std::rc::Rc::clone);
        let whole = redacted(&rules, &text);
        prop_assert_eq!(&cut(&rules, text.as_bytes(), 1), &whole, "byte by byte: {}", text);
        let mut stream = Stream::new(&rules);
        let mut out = Vec::new();
        let mut rest = text.as_bytes();
        for end in ends.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, more) = rest.split_at((*end).min(rest.len()));
            stream.push(chunk, &mut out);
            rest = more;
        }
        stream.finish(&mut out);
        prop_assert_eq!(String::from_utf8_lossy(&out).into_owned(), whole, "cut by {:?}: {}", ends, text);
    }

    #[test]
    fn a_secret_never_survives(
        before in "[ -~]{0,12}[ \"=:]",
        after in "[ \"\n,}]",
        which in 0..16_usize,
        length in 1_usize..50,
    ) {
        let (lead, secret) = secrets().swap_remove(which);
        let text = format!("{before}{lead}{secret}{after}");
        let rules = RULES.with(std::rc::Rc::clone);
        let shown = cut(&rules, text.as_bytes(), length);
        prop_assert!(!shown.contains(&secret), "{}", shown);
    }

    #[test]
    fn json_survives_any_secret(
        texts in proptest::collection::vec(proptest::collection::vec(piece(), 0..6), 1..4),
        number in 0_u32..1000,
    ) {
        let texts: Vec<String> = texts.iter().map(|pieces| pieces.concat()).collect();
        let json = serde_json::json!({ "texts": texts, "number": number });
        let rules = RULES.with(std::rc::Rc::clone);
        let shown = redacted(&rules, &json.to_string());
        let after: Result<serde_json::Value, _> = serde_json::from_str(&shown);
        prop_assert!(after.is_ok(), "{}\n{}", json, shown);
        let after = after.unwrap();
        prop_assert_eq!(&after["number"], &json["number"]);
        prop_assert_eq!(after["texts"].as_array().unwrap().len(), texts.len());
    }
}

thread_local! {
    static RULES: std::rc::Rc<Rules> = std::rc::Rc::new(everything());
}
