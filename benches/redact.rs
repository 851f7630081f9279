//! How fast output is redacted: `cargo bench --bench redact`.
//!
//! Prints the median of several passes over 64 MiB for texts with and without line ends, with the
//! shipped presets alone and with the keyword pattern that the predecessor's configuration had.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reports by printing, and fails by panicking"
)]

use std::time::Instant;

use aigate::policy::limits::REDACT_PRESETS;
use aigate::policy::{Layer, Origin, Redact, RedactPattern};
use aigate::redact::{Rules, Stream, Values};

const SIZE: usize = 64 << 20;
const CHUNK: usize = 64 << 10;
const PASSES: usize = 3;

fn main() {
    let origin = Origin::without_file(Layer::User, "bench");
    let presets = |names: &[&str]| Redact {
        presets: names
            .iter()
            .map(|name| ((*name).to_owned(), origin.clone()))
            .collect(),
        patterns: Vec::new(),
    };
    let keywords = RedactPattern {
        regex: r"(?:api_?key|secret|password|passwd|token|credential)\s*[=:]\s*\S+".to_owned(),
        show_prefix: 0,
        case_insensitive: true,
        origin: origin.clone(),
    };
    let no_literal = RedactPattern {
        regex: "[0-9a-f]{40}".to_owned(),
        ..keywords.clone()
    };
    let with = |pattern: &RedactPattern| Redact {
        patterns: vec![pattern.clone()],
        ..presets(&REDACT_PRESETS)
    };
    let mut values = Values::default();
    for number in 0..100 {
        values.add(format!("s3cr3t-value-{number:04}-of-the-user").as_bytes());
    }
    let rules = [
        ("all presets", presets(&REDACT_PRESETS)),
        ("and the keyword pattern", with(&keywords)),
        ("and a pattern without a literal", with(&no_literal)),
    ];
    println!("{:<34} {:<12} {:>9}", "rules", "text", "MB/s");
    for (name, redact) in rules {
        let start = Instant::now();
        let rules = Rules::compile(&redact, values.clone()).unwrap();
        let compiled = start.elapsed();
        for (kind, text) in texts() {
            println!("{name:<34} {kind:<12} {:>9.0}", speed(&rules, &text));
        }
        println!(
            "{name:<34} {:<12} {:>6} us",
            "compile",
            compiled.as_micros()
        );
    }
}

fn texts() -> Vec<(&'static str, Vec<u8>)> {
    let numbers: String = (0..).map(|n| format!("{n}\n")).take(100_000).collect();
    let log = "2026-01-02T03:04:05Z INFO  request served path=/api/v1/items status=200 bytes=5123 token budget 17\n";
    let source = include_str!("../src/policy/paths.rs");
    let key = "key sk-ant-api03-aB3dE5gH7jK9mN1pQ3sT5vX7zA9c and text after it ";
    let fill = |unit: &str| unit.bytes().cycle().take(SIZE).collect::<Vec<u8>>();
    vec![
        ("seq", fill(&numbers)),
        ("log", fill(log)),
        ("source", fill(source)),
        ("no line end", fill(&log.replace('\n', " "))),
        ("one letter", fill("a")),
        ("secrets", fill(key)),
    ]
}

/// Nanoseconds that this process has been running: other load on the machine does not count.
fn on_cpu() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

fn speed(rules: &Rules, text: &[u8]) -> f64 {
    let mut times: Vec<f64> = (0..PASSES)
        .map(|_| {
            let mut stream = Stream::new(rules);
            let mut out = Vec::with_capacity(2 * CHUNK);
            let start = on_cpu();
            for chunk in text.chunks(CHUNK) {
                out.clear();
                stream.push(chunk, &mut out);
            }
            stream.finish(&mut out);
            (on_cpu() - start) as f64 / 1e9
        })
        .collect();
    times.sort_by(f64::total_cmp);
    text.len() as f64 / 1e6 / times[PASSES / 2]
}
